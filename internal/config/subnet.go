// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
)

var subnetKeys = keySet{
	known: []string{
		"subnet", "pools", "exclude", "lease", "options", "always-send", "class-options", "never-send", "reservations", "id", "next-server", "server-name", "boot-file",
		"links", "relays", "server-id", "authoritative", "identity", "rapid-commit", "classes", "deny", "vss", "limit", "fqdn",
	},
	others: map[string]string{
		"prefix": "subnet", "network": "subnet", "cidr": "subnet", "range": "pools", "pool": "pools",
		"hosts": "reservations", "static": "reservations", "reservation": "reservations", "lease-time": "lease",
		"valid-lifetime": "lease", "option-data": "options", "server-hostname": "server-name",
		"boot-file-name": "boot-file", "filename": "boot-file", "exclusions": "exclude",
		"interface": "links", "limits": "limit", "address-limit": "limit", "vlan": "links", "relay": "relays", "client-class": "classes", "server-identifier": "server-id",
		"gateway": "options: {routers: …}", "router": "options: {routers: …}", "routers": "options: {routers: …}",
		"dns": "options: {domain-name-servers: …}",
	},
}

// subnetPlace is a subnet and where in the file it is.
type subnetPlace struct {
	prefix netip.Prefix
	node   *node // of the prefix
	path   *path
	idNode *node
	id     *uint32
}

// subnets takes a list; options are those that each IPv4 subnet inherits, the
// strongest last. IPv6 subnets go into v6.
func (c *checker) subnets(p *path, n *node, above Lease, fqdn *FQDN, v6 *subnets6, options ...[]Option) []Subnet {
	items := c.items(p, n)
	if n.kind == listNode && len(items) == 0 {
		c.fail(p, n, "is empty: at least one subnet is wanted")
	}
	// There is room for all, so that they do not move.
	out := make([]Subnet, 0, len(items))
	for i, el := range items {
		p := item(p, n, i)
		if isV6(el) {
			if v6.out == nil {
				v6.out = make([]Subnet6, 0, len(items)-i)
			}
			if s, ok := c.subnet6(p, el, v6.above); ok {
				v6.out = append(v6.out, s)
				c.places = append(c.places, subnetPlace{s.Prefix, el.get("subnet"), p.at("subnet"), el.get("id"), &v6.out[len(v6.out)-1].ID})
			}
			continue
		}
		if !c.isMap(p, el, &subnetKeys) {
			continue
		}
		v := el.get("subnet")
		if v == nil {
			c.fail(p.at("subnet"), el, "is missing: which prefix, as in 192.0.2.0/24?")
			continue
		}
		prefix, ok := c.prefix(p.at("subnet"), v)
		if !ok {
			continue
		}
		s := Subnet{Prefix: prefix, At: el.place}
		if f := c.fqdnBelow(p.at("fqdn"), el.get("fqdn"), fqdn); f != c.fqdnTop {
			s.FQDN = f
		}
		if v := el.get("id"); v != nil {
			s.ID = c.subnetID(p.at("id"), v)
		}
		c.subnet(p, el, &s, above, options)
		out = append(out, s)
		c.places = append(c.places, subnetPlace{prefix, v, p.at("subnet"), el.get("id"), &out[len(out)-1].ID})
	}
	return out
}

// subnet fills in what does not concern other subnets.
func (c *checker) subnet(p *path, n *node, s *Subnet, above Lease, options [][]Option) {
	s.Lease = above
	if v := n.get("lease"); v != nil {
		s.Lease = c.lease(p.at("lease"), v, above)
	}
	if v := n.get("options"); v != nil {
		s.Options = c.options(p.at("options"), v)
		c.plausible(p.at("options"), v, s)
	}
	s.Options = c.moreOptions(p, n, s.Options)
	s.NextServer, s.ServerName, s.BootFile = c.boot(p, n)
	if v := n.get("links"); v != nil {
		s.Links = c.links(p.at("links"), v)
	}
	if v := n.get("relays"); v != nil {
		s.Relays = c.relays(p.at("relays"), v)
	}
	if v := n.get("server-id"); v != nil {
		if a, ok := c.addr4(p.at("server-id"), v); ok {
			if msg := notHost(a); msg != "" {
				c.fail(p.at("server-id"), v, "%s %s", a, msg)
			}
			s.ServerID = a
		}
	}
	s.Authoritative = c.perhaps(p, n, "authoritative")
	if v := n.get("identity"); v != nil {
		id := Identity(c.word(p.at("identity"), v, identityWords))
		s.Identity = &id
	}
	if v := n.get("rapid-commit"); v != nil {
		s.RapidCommit = c.boolean(p.at("rapid-commit"), v)
	}
	if v := n.get("vss"); v != nil {
		s.VSS = c.octets(p.at("vss"), v)
	}
	if v := n.get("limit"); v != nil {
		s.Limit = uint32(c.number(p.at("limit"), v, 1, 1<<32-1))
	}
	if v := n.get("classes"); v != nil {
		s.Classes = c.classList(p.at("classes"), v)
	}
	if v := n.get("deny"); v != nil {
		s.Deny = c.classList(p.at("deny"), v)
	}
	if v := n.get("exclude"); v != nil {
		s.Excluded = c.exclude(p.at("exclude"), v, s.Prefix)
	}
	if v := n.get("reservations"); v != nil {
		s.Reservations = c.reservations(p.at("reservations"), v, s.Prefix, n.get("subnet").place)
	}
	if v := n.get("pools"); v != nil {
		s.Pools = c.pools(p.at("pools"), v, s, routersOf(append(options, s.Options)...))
	}
	if n.get("pools") == nil && len(s.Reservations) == 0 {
		c.warn(p, n, "has neither pools nor reservations: its clients get no address")
	}
}

// prefix takes an IPv4 prefix that can be a subnet.
func (c *checker) prefix(p *path, n *node) (netip.Prefix, bool) {
	s, ok := c.scalar(p, n, "a prefix such as 192.0.2.0/24")
	if !ok {
		return netip.Prefix{}, false
	}
	pre, err := netip.ParsePrefix(s)
	if err != nil {
		if a, aerr := netip.ParseAddr(s); aerr == nil && a.Is4() {
			c.fail(p, n, "%s has no length: write %s/24, or what it is", s, s)
		} else {
			c.fail(p, n, "%q is not a prefix such as 192.0.2.0/24", s)
		}
		return pre, false
	}
	if pre != pre.Masked() {
		c.failHint(p, n, pre.Masked().String(), "%s has bits set after its length", s)
		return pre, false
	}
	if pre.Bits() == 0 {
		c.fail(p, n, "%s is every address there is", s)
		return pre, false
	}
	for _, r := range reservedRanges {
		if r.prefix.Overlaps(pre) {
			c.fail(p, n, "%s cannot be a subnet: %s is for %s", s, r.prefix, r.what)
			return pre, false
		}
	}
	return pre, true
}

// reservedRanges are addresses that no host on a link has (RFC 1122 §3.2.1.3).
var reservedRanges = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "hosts without an address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "the loopback"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcasts"},
}

// notHost says why a host cannot have an address, or nothing.
func notHost(a netip.Addr) string {
	for _, r := range reservedRanges {
		if r.prefix.Contains(a) {
			return "is for " + r.what
		}
	}
	return ""
}

// overlaps names both places of subnets that share addresses. Two prefixes are
// apart or one holds the other: in the order of their first addresses, the
// longer after the shorter, it is enough to look at the one that reaches
// furthest so far.
func (c *checker) overlaps() {
	order := slices.Clone(c.places)
	slices.SortStableFunc(order, func(a, b subnetPlace) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	for i := 1; i < len(order); i++ {
		wide, s := &order[i-1], &order[i]
		if !wide.prefix.Overlaps(s.prefix) {
			continue
		}
		first, second := wide, s
		if before(second.node.place, first.node.place) {
			first, second = second, first
		}
		word := "overlaps"
		if wide.prefix == s.prefix {
			word = "is the same as"
		}
		c.fail(second.path, second.node, "%s %s %s (%s) in %s", second.prefix, word, first.prefix, first.path, line(first.node.place))
		if wide.prefix.Bits() < s.prefix.Bits() {
			order[i] = *wide // it may hold the next one too
		}
	}
}

func before(a, b Place) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

func (c *checker) subnetID(p *path, n *node) uint32 {
	s, ok := c.scalar(p, n, "a number")
	if !ok {
		return 0
	}
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil || id == 0 || id == 1<<32-1 {
		c.fail(p, n, "%q is not a number from 1 to 4294967294", s)
		return 0
	}
	return uint32(id)
}

// ids refuses an id that is given twice, and gives one to subnets without: a
// hash of the prefix, so that it stays when others come and go.
func (c *checker) ids() {
	// Each protocol has its own numbers, as in other servers.
	type key struct {
		v6 bool
		id uint32
	}
	used := map[key]*subnetPlace{}
	for i := range c.places {
		at := &c.places[i]
		k := key{at.prefix.Addr().Is6(), *at.id}
		if k.id == 0 {
			continue
		}
		if first := used[k]; first != nil {
			c.fail(at.path.up.at("id"), at.idNode, "%d is the id of %s already (%s), in %s", k.id, first.prefix, first.path.up, line(first.idNode.place))
			continue
		}
		used[k] = at
	}
	for i := range c.places {
		at := &c.places[i]
		if at.idNode != nil {
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(at.prefix.String()))
		k := key{at.prefix.Addr().Is6(), h.Sum32()}
		for k.id == 0 || k.id == 1<<32-1 || used[k] != nil {
			k.id++
		}
		used[k] = at
		*at.id = k.id
	}
}

// plausible warns of options that are allowed and hardly meant.
func (c *checker) plausible(p *path, n *node, s *Subnet) {
	var mask bool
	for _, o := range s.Options {
		if o.Code == 1 {
			mask = true
			if len(o.Data) == 4 && bitsOf(o.Data) != s.Prefix.Bits() {
				c.warn(p.at(o.Name), n.keyAt(o.At), "is not the mask of %s", s.Prefix)
			}
		}
	}
	for _, o := range s.Options {
		if o.Code != 3 || mask || s.Prefix.Bits() >= 31 {
			continue
		}
		for _, r := range addresses(o.Data) {
			if !s.Prefix.Contains(r) {
				c.warn(p.at(o.Name), n.keyAt(o.At), "%s is not in %s: its clients may not reach it", r, s.Prefix)
			}
		}
	}
}

func bitsOf(mask []byte) int {
	bits := 0
	for m := binary.BigEndian.Uint32(mask); m != 0; m <<= 1 {
		bits++
	}
	return bits
}

// keyAt finds the key of a map that is at a place.
func (n *node) keyAt(at Place) *node {
	for i := range n.pairs {
		if n.pairs[i].key.place == at {
			return n.pairs[i].key
		}
	}
	return n
}

// routersOf are the addresses of option 3 that a subnet's clients are told.
func routersOf(sets ...[]Option) (routers []netip.Addr) {
	for _, set := range sets { // the later set wins
		for _, o := range set {
			if o.Code == 3 && o.Class == "" && !o.Never {
				routers = addresses(o.Data)
			}
		}
	}
	return routers
}

// addresses reads content that is a list of IPv4 addresses; of raw content that
// is not, what can be.
func addresses(data []byte) (out []netip.Addr) {
	for ; len(data) >= 4; data = data[4:] {
		out = append(out, netip.AddrFrom4([4]byte(data)))
	}
	return out
}
