// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"slices"
)

var subnet6Keys = keySet{
	known: []string{
		"subnet", "pools", "method", "exclude", "delegate", "lease", "options", "always-send", "reservations", "id",
		"links", "relays", "interface-ids", "rapid-commit", "classes", "deny", "limit",
	},
	later: []string{"vss"},
	others: map[string]string{
		"prefix": "subnet", "network": "subnet", "range": "pools", "pool": "pools", "pd-pools": "delegate", "prefixes": "delegate",
		"delegation": "delegate", "hosts": "reservations", "reservation": "reservations", "lease-time": "lease",
		"preferred-lifetime": "lease", "valid-lifetime": "lease", "option-data": "options", "interface": "links", "vlan": "links",
		"relay": "relays", "interface-id": "interface-ids", "client-class": "classes", "allocator": "method",
		"dns": "options: {dns-servers: …}", "limits": "limit", "address-limit": "limit",
	},
}

// isV6 tells a subnet of DHCPv6 by its prefix: its keys are others.
func isV6(n *node) bool {
	if n.kind != mapNode {
		return false
	}
	v := n.get("subnet")
	if v == nil || v.kind != scalarNode {
		return false
	}
	pre, err := netip.ParsePrefix(v.text)
	if err == nil {
		return pre.Addr().Is6()
	}
	a, err := netip.ParseAddr(v.text)
	return err == nil && a.Is6()
}

// subnets6 is the IPv6 subnets of a list, and what they inherit.
type subnets6 struct {
	above above6
	out   []Subnet6
}

// above6 is what an IPv6 subnet has from the top level and its shared network.
type above6 struct {
	lease Lease6
	rapid bool
}

// subnet6 takes one subnet.
func (c *checker) subnet6(p *path, n *node, above above6) (Subnet6, bool) {
	s := Subnet6{At: n.place, Lease: above.lease, RapidCommit: above.rapid}
	if !c.isMap(p, n, &subnet6Keys) {
		return s, false
	}
	var ok bool
	if s.Prefix, ok = c.subnetPrefix6(p.at("subnet"), n.get("subnet")); !ok {
		return s, false
	}
	if v := n.get("id"); v != nil {
		s.ID = c.subnetID(p.at("id"), v)
	}
	if v := n.get("lease"); v != nil {
		s.Lease = c.lease6(p.at("lease"), v, above.lease)
	}
	if v := n.get("options"); v != nil {
		s.Options = c.options6(p.at("options"), v)
	}
	c.alwaysSend6(p, n, s.Options)
	if v := n.get("links"); v != nil {
		s.Links = c.links(p.at("links"), v)
	}
	if v := n.get("relays"); v != nil {
		s.Relays = c.relays6(p.at("relays"), v)
	}
	if v := n.get("interface-ids"); v != nil {
		for i, el := range c.items(p.at("interface-ids"), v) {
			if id := c.octets(item(p.at("interface-ids"), v, i), el); id != nil {
				s.InterfaceIDs = append(s.InterfaceIDs, id)
			}
		}
	}
	if v := n.get("rapid-commit"); v != nil {
		s.RapidCommit = c.boolean(p.at("rapid-commit"), v)
	}
	if v := n.get("classes"); v != nil {
		s.Classes = c.classList(p.at("classes"), v)
	}
	if v := n.get("deny"); v != nil {
		s.Deny = c.classList(p.at("deny"), v)
	}
	if v := n.get("limit"); v != nil {
		s.Limit = uint32(c.number(p.at("limit"), v, 1, 1<<32-1))
	}
	method := MethodRandom
	if v := n.get("method"); v != nil {
		method = Method6(c.word(p.at("method"), v, methodWords))
	}
	if v := n.get("delegate"); v != nil {
		s.Delegate = c.delegate(p.at("delegate"), v, &s)
	}
	if v := n.get("exclude"); v != nil {
		c.exclude6(p.at("exclude"), v, &s)
	}
	if v := n.get("reservations"); v != nil {
		s.Reservations = c.reservations6(p.at("reservations"), v, s.Prefix)
	}
	if v := n.get("pools"); v != nil {
		s.Pools = c.pools6(p.at("pools"), v, &s, method)
	}
	return s, true
}

// exclude6 takes addresses, ranges and prefixes that are cut out of the pools,
// and prefixes that are cut out of the delegated blocks.
func (c *checker) exclude6(p *path, n *node, s *Subnet6) {
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		inBlock := false
		if pre, err := netip.ParsePrefix(el.text); el.kind == scalarNode && err == nil && pre == pre.Masked() {
			for j := range s.Delegate {
				if d := &s.Delegate[j]; d.Prefix.Bits() <= pre.Bits() && d.Prefix.Contains(pre.Addr()) {
					d.Excluded = append(d.Excluded, pre)
					inBlock = true
				}
			}
			if inBlock && !s.Prefix.Contains(pre.Addr()) {
				continue
			}
		}
		if r, ok := c.span6(p, el, s.Prefix); ok {
			s.Excluded = append(s.Excluded, Range{r.first, r.last})
		}
	}
}

// subnetPrefix6 takes an IPv6 prefix that can be a subnet.
func (c *checker) subnetPrefix6(p *path, n *node) (netip.Prefix, bool) {
	s := n.text
	if a, err := netip.ParseAddr(s); err == nil {
		c.fail(p, n, "%s has no length: write %s/64, or what it is", a, a)
		return netip.Prefix{}, false
	}
	pre, ok := c.prefix6(p, n, s)
	if !ok {
		return pre, false
	}
	if what := reserved6(pre); what != "" {
		c.fail(p, n, "%s cannot be a subnet: it %s", s, what)
		return pre, false
	}
	return pre, true
}

// reserved6 says why no host has addresses of a prefix, or nothing.
func reserved6(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "is every address there is"
	}
	for _, r := range reservedRanges6 {
		if r.prefix.Overlaps(p) {
			return "has addresses of " + r.prefix.String() + " in it, which are for " + r.what
		}
	}
	return ""
}

// reservedRanges6 are addresses that DHCPv6 gives to nobody (RFC 4291 §2.4).
var reservedRanges6 = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("::/96"), "hosts without an address, and the loopback"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4 addresses"},
	{netip.MustParsePrefix("fe80::/10"), "single links: hosts make them themselves"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// relays6 takes link addresses of relay agents.
func (c *checker) relays6(p *path, n *node) []netip.Addr {
	var out []netip.Addr
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		a, ok := c.addr6(p, el)
		if !ok {
			continue
		}
		if what := reserved6(netip.PrefixFrom(a, 128)); what != "" {
			c.fail(p, el, "%s cannot name a link: it %s", a, what)
		}
		if slices.Contains(out, a) {
			c.fail(p, el, "%s is there twice", a)
		}
		out = append(out, a)
	}
	return out
}
