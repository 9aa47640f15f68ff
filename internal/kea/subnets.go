// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// networks writes shared networks and lone subnets.
func (c *converter) networks(out *doc, d *value) {
	ids, names := map[uint32]place{}, map[string]place{}
	count := 0
	if l := c.list(d, "shared-networks"); len(l) > 0 {
		out.add(at(d, "shared-networks"), "")
		out.add(at(d, "shared-networks"), "shared-networks:")
		for _, v := range l {
			n := &doc{}
			if len(c.list(v, "subnet4")) == 0 {
				c.ignore(out, v.at, "shared network "+text(v, "name"), "it has no subnets")
				continue
			}
			c.network(n, v, ids, names)
			out.item(n, "  ")
			count++
		}
	}
	if l := c.list(d, "subnet4"); len(l) > 0 {
		out.add(at(d, "subnet4"), "")
		out.add(at(d, "subnet4"), "subnets:")
		for _, v := range l {
			n := &doc{}
			c.subnet(n, v, c.global, ids, nil)
			out.item(n, "  ")
			count++
		}
	}
	if count == 0 {
		c.fail(d.at, "there are no subnets: nothing would be served")
	}
}

func (c *converter) network(out *doc, v *value, ids map[uint32]place, names map[string]place) {
	if !c.isMap(out, v, "network") {
		return
	}
	name := text(v, "name")
	if first, twice := names[name]; name == "" || twice {
		if twice {
			c.fail(at(v, "name"), "there is a shared network %s already, in %s", name, where(first))
		} else {
			c.fail(v.at, "name of the shared network is missing")
		}
	}
	names[name] = at(v, "name")
	out.add(at(v, "name"), "name: %s", scalar(name))
	p := c.params(out, v, c.global)
	c.fqdnBelow(out, v, p.names, c.topNames())
	if p.authoritative != c.global.authoritative {
		out.add(at(v, "authoritative"), "authoritative: %v", p.authoritative)
	}
	lines, given := c.requiredBy(out, v, c.options4(out, v, c.defs, "the shared network"), givenOptions{})
	c.options1(out, lines, "")
	// Kea lets one subnet name the interface for all.
	iface, ifaceAt := text(v, "interface"), at(v, "interface")
	for _, s := range c.list(v, "subnet4") {
		if i := text(s, "interface"); i != "" {
			if iface != "" && i != iface {
				c.fail(at(s, "interface"), "interface %s, but the shared network or an earlier subnet has %s", i, iface)
			}
			iface, ifaceAt = i, at(s, "interface")
		}
	}
	c.link(out, ifaceAt, iface)
	relays := c.relays(v)
	classes := c.restrict(out, v)
	out.add(at(v, "subnet4"), "subnets:")
	for i, s := range c.list(v, "subnet4") {
		n := &doc{}
		in := &inNetwork{classes: classes, given: given}
		if i == 0 { // one stands for all
			in.relays = relays
		}
		c.subnet(n, s, p, ids, in)
		out.item(n, "  ")
	}
}

// inNetwork is what a shared network hands down.
type inNetwork struct {
	relays  []string
	classes []string
	given   givenOptions
}

// link writes the interface whose clients are meant.
func (c *converter) link(out *doc, at place, iface string) {
	switch {
	case iface == "":
	case !slices.Contains(c.served, iface):
		c.drop(out, at, "interface "+iface, "it is not one of interfaces-config")
	default:
		out.add(at, "links: [%s]", scalar(iface))
	}
}

func (c *converter) relays(v *value) (out []string) {
	r := v.get("relay")
	if r == nil || !c.isMap(&doc{}, r, "relay") {
		return nil
	}
	list := c.list(r, "ip-addresses")
	if one := r.get("ip-address"); one != nil {
		list = append(list, one)
	}
	if len(list) == 0 {
		c.fail(r.at, "relay needs ip-addresses")
	}
	for _, el := range list {
		if a := c.address(el); a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// restrict reads the classes whose clients alone are meant.
func (c *converter) restrict(out *doc, v *value) (names []string) {
	if s := text(v, "client-class"); s != "" {
		names = []string{s}
	}
	for _, el := range c.list(v, "client-classes") {
		names = append(names, el.text)
	}
	var kept []string
	for _, n := range names {
		switch {
		case n == "ALL":
			return nil
		case c.knownClass(n):
			c.use(n, v.at)
			kept = append(kept, n)
		default:
			c.drop(out, v.at, "client-class "+n, "there is no class of that name: nobody is in it")
		}
	}
	for _, key := range []string{"require-client-classes", "evaluate-additional-classes"} {
		if l := v.get(key); c.f.v6 && l != nil && len(l.list) > 0 {
			c.drop(out, l.at, key, "classes do not depend on the subnet or pool that was chosen")
		}
	}
	if names != nil && kept == nil {
		kept = []string{}
	}
	return kept
}

func (c *converter) subnet(out *doc, v *value, above params, ids map[uint32]place, in *inNetwork) {
	if !c.isMap(out, v, "subnet") {
		return
	}
	sv := v.get("subnet")
	if sv == nil {
		c.fail(v.at, "subnet is missing: the prefix")
		return
	}
	written, err := netip.ParsePrefix(strings.ReplaceAll(sv.text, " ", ""))
	if err != nil || !written.Addr().Is4() {
		c.fail(sv.at, "%q is not an IPv4 prefix", sv.text)
		return
	}
	prefix := written.Masked()
	out.add(sv.at, "subnet: %s", prefix)
	if id := v.get("id"); id != nil {
		n := c.u32(v, "id", 0)
		switch first, twice := ids[n]; {
		case n == 0: // Kea counts on its own
		case n == 1<<32-1:
			c.fail(id.at, "the id 4294967295 is reserved")
		case twice:
			c.fail(id.at, "the id %d is in use already, in %s", n, where(first))
		default:
			ids[n] = id.at
			out.add(id.at, "id: %d", n)
		}
	}
	p := c.params(out, v, above)
	if p.lease() != c.global.lease() {
		out.add(v.at, "lease: %s", p.lease())
	}
	if p.authoritative != above.authoritative {
		out.add(at(v, "authoritative"), "authoritative: %v", p.authoritative)
	}
	if p.matchClientID != c.global.matchClientID {
		out.add(at(v, "match-client-id"), "identity: %s", c.identity(p.matchClientID))
	}
	var given givenOptions
	if in != nil {
		given = in.given
	}
	lines, given := c.requiredBy(out, v, c.options4(out, v, c.defs, "the subnet"), given)
	c.options1(out, lines, "")
	if in != nil {
		c.fqdnBelow(out, v, p.names, above.names)
	} else {
		c.fqdnBelow(out, v, p.names, c.topNames())
	}
	boot := func(key, ours, s string) {
		if s != "" {
			out.add(at(v, key), "%s: %s", ours, scalar(s))
		}
	}
	boot("next-server", "next-server", p.nextServer)
	boot("server-hostname", "server-name", p.serverName)
	boot("boot-file-name", "boot-file", p.bootFile)
	if max := c.limitOf(out, v, "subnet "+prefix.String()); max > 0 {
		out.add(v.at, "limit: %d", max)
	}
	relays := c.relays(v)
	if in != nil {
		for _, r := range in.relays {
			if !slices.Contains(relays, r) {
				relays = append(relays, r)
			}
		}
	} else {
		c.link(out, at(v, "interface"), text(v, "interface"))
	}
	if relays != nil {
		out.add(at(v, "relay"), "relays: %s", scalars(relays))
	}
	classes := c.restrict(out, v)
	if in != nil && in.classes != nil {
		if classes == nil {
			classes = in.classes
		} else {
			c.drop(out, v.at, "client-class of the shared network", "the subnet has one of its own, and both would have to match")
		}
	}
	if classes != nil {
		if len(classes) == 0 { // of a class that nobody is in
			c.use(nobody, v.at)
			classes = []string{nobody}
		}
		out.add(v.at, "classes: %s", scalars(classes))
	}
	c.pools(out, v, prefix, given)
	c.reservations(out, v, prefix, p)
}

// span is a pool's addresses.
type span struct {
	first, last uint32
	at          place
}

func num(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }

func ip(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func lastOf(p netip.Prefix) uint32 { return num(p.Addr()) | uint32(uint64(1)<<(32-p.Bits())-1) }

func parseRange(s string) (first, last uint32, ok bool) {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, s)
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is4() || p != p.Masked() {
			return 0, 0, false
		}
		return num(p.Addr()), lastOf(p), true
	}
	lo, hi, ok := strings.Cut(s, "-")
	a, err := netip.ParseAddr(lo)
	b, err2 := netip.ParseAddr(hi)
	if !ok || err != nil || err2 != nil || !a.Is4() || !b.Is4() || b.Less(a) {
		return 0, 0, false
	}
	return num(a), num(b), true
}

func (c *converter) pools(out *doc, v *value, prefix netip.Prefix, given givenOptions) {
	var spans []span
	pools := &doc{}
	for _, el := range c.list(v, "pools") {
		one := &doc{}
		if !c.isMap(one, el, "pool") {
			continue
		}
		pv := el.get("pool")
		if pv == nil {
			c.fail(el.at, "pool is missing: the range")
			continue
		}
		first, last, ok := parseRange(pv.text)
		if !ok {
			c.fail(pv.at, "%q is not a range such as 192.0.2.10 - 192.0.2.99 or a prefix", pv.text)
			continue
		}
		if first < num(prefix.Addr()) || last > lastOf(prefix) {
			c.fail(pv.at, "the pool %s-%s is not in the subnet %s", ip(first), ip(last), prefix)
			continue
		}
		overlap := false
		for _, s := range spans {
			if first <= s.last && last >= s.first {
				c.fail(pv.at, "the pool %s-%s overlaps the pool in %s", ip(first), ip(last), where(s.at))
				overlap = true
			}
		}
		spans = append(spans, span{first, last, pv.at})
		if overlap {
			continue
		}
		c.pool(one, el, pv, first, last, prefix, given)
		if one.said() {
			pools.item(one, "  ")
		} else {
			pools.put(one, "  ")
		}
	}
	if pools.said() {
		out.add(at(v, "pools"), "pools:")
	}
	out.put(pools, "")
}

func (c *converter) pool(out *doc, el, pv *value, first, last uint32, prefix netip.Prefix, given givenOptions) {
	// No host can have these two addresses (RFC 1122 §3.2.1.3). Kea leases them.
	if prefix.Bits() < 31 {
		if first == num(prefix.Addr()) {
			c.drop(out, pv.at, ip(first).String(), "it is the network's address, which no host can have")
			first++
		}
		if last == lastOf(prefix) && first <= last {
			c.drop(out, pv.at, ip(last).String(), "it is the broadcast address, which no host can have")
			last--
		}
		if first > last {
			return
		}
	}
	for _, m := range el.members {
		if strings.HasPrefix(m.key, "ddns-") {
			c.drop(out, m.at, m.key+" of a pool", "clients are named by their subnet")
		}
	}
	text := fmt.Sprintf("%s-%s", ip(first), ip(last))
	if first == last {
		text = ip(first).String()
	}
	lines, _ := c.requiredBy(out, el, c.options4(out, el, c.defs, "the pool"), given)
	classes := c.restrict(out, el)
	if classes != nil && len(classes) == 0 {
		c.use(nobody, el.at)
		classes = []string{nobody}
	}
	out.add(pv.at, "range: %s", text)
	c.options1(out, lines, "")
	if classes != nil {
		out.add(el.at, "classes: %s", scalars(classes))
	}
	if c.bootp {
		out.add(el.at, "bootp: true")
	}
}
