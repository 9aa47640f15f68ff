// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"xdhcp/internal/config"
	"xdhcp/internal/option"
)

func refused6(code int) string { return config.RefusedOption6(uint16(code)) }

// named6 gives an option its name in our file, and one for messages.
func (c *converter) named6(l *optionLine) (*option.Def, string) {
	l.key = strconv.Itoa(l.code)
	def, ok := c.reg.ByCode(option.DHCP6, uint16(l.code))
	if !ok {
		return nil, "option " + l.key
	}
	l.key = def.Name
	return def, fmt.Sprintf("option %d, %s", l.code, def.Name)
}

// networks6 writes shared networks and lone subnets.
func (c *converter) networks6(out *doc, d *value) {
	ids, names := map[uint32]place{}, map[string]place{}
	count := 0
	if l := c.list(d, "shared-networks"); len(l) > 0 {
		out.add(at(d, "shared-networks"), "")
		out.add(at(d, "shared-networks"), "shared-networks:")
		for _, v := range l {
			if len(c.list(v, "subnet6")) == 0 {
				c.ignore(out, v.at, "shared network "+text(v, "name"), "it has no subnets")
				continue
			}
			n := &doc{}
			c.network6(n, v, ids, names)
			out.item(n, "  ")
			count++
		}
	}
	if l := c.list(d, "subnet6"); len(l) > 0 {
		out.add(at(d, "subnet6"), "")
		out.add(at(d, "subnet6"), "subnets:")
		for _, v := range l {
			n := &doc{}
			c.subnet6(n, v, c.global6, ids, nil)
			out.item(n, "  ")
			count++
		}
	}
	if count == 0 {
		c.fail(d.at, "there are no subnets: nothing would be served")
	}
}

// inNetwork6 is what a shared network hands down.
type inNetwork6 struct {
	relays, interfaceIDs, classes []string
}

func (c *converter) network6(out *doc, v *value, ids map[uint32]place, names map[string]place) {
	if !c.isMap(out, v, "network6") {
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
	iface, ifaceAt := text(v, "interface"), at(v, "interface")
	for _, s := range c.list(v, "subnet6") {
		if i := text(s, "interface"); i != "" {
			if iface != "" && i != iface {
				c.fail(at(s, "interface"), "interface %s, but the shared network or an earlier subnet has %s", i, iface)
			}
			iface, ifaceAt = i, at(s, "interface")
		}
	}
	c.link(out, ifaceAt, iface)
	p := c.params6(out, v, c.global6)
	six := &doc{}
	if p.rapid != c.global6.rapid {
		six.add(at(v, "rapid-commit"), "rapid-commit: %v", p.rapid)
	}
	c.options1(six, c.place(c.options6(out, v, c.defs, "the shared network")), "")
	if six.said() {
		out.add(v.at, "dhcpv6:")
		out.put(six, "  ")
	}
	in := inNetwork6{relays: c.relays6(v), interfaceIDs: c.interfaceID(v), classes: c.restrict(out, v)}
	out.add(at(v, "subnet6"), "subnets:")
	for i, s := range c.list(v, "subnet6") {
		n := &doc{}
		c.subnet6(n, s, p, ids, &in)
		out.item(n, "  ")
		if i == 0 { // one stands for all
			in.relays, in.interfaceIDs = nil, nil
		}
	}
}

func (c *converter) relays6(v *value) (out []string) {
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
		a, err := netip.ParseAddr(el.text)
		switch {
		case err != nil || !a.Is6():
			c.fail(el.at, "%q is not an IPv6 address", el.text)
		case !a.IsUnspecified() && !slices.Contains(out, a.String()):
			out = append(out, a.String())
		}
	}
	return out
}

// interfaceID is the option 18 that chooses a subnet.
func (c *converter) interfaceID(v *value) []string {
	if s := text(v, "interface-id"); s != "" {
		return []string{s}
	}
	return nil
}

func (c *converter) subnet6(out *doc, v *value, above params6, ids map[uint32]place, in *inNetwork6) {
	if !c.isMap(out, v, "subnet6") {
		return
	}
	sv := v.get("subnet")
	if sv == nil {
		c.fail(v.at, "subnet is missing: the prefix")
		return
	}
	written, err := netip.ParsePrefix(strings.ReplaceAll(sv.text, " ", ""))
	if err != nil || !written.Addr().Is6() {
		c.fail(sv.at, "%q is not an IPv6 prefix", sv.text)
		return
	}
	prefix := written.Masked()
	out.add(sv.at, `subnet: "%s"`, prefix)
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
	p := c.params6(out, v, above)
	if p.lease() != c.global6.lease() {
		out.add(v.at, "lease: %s", p.lease())
	}
	if p.rapid != above.rapid {
		out.add(at(v, "rapid-commit"), "rapid-commit: %v", p.rapid)
	}
	c.options1(out, c.place(c.options6(out, v, c.defs, "the subnet")), "")
	relays, interfaceIDs := c.relays6(v), c.interfaceID(v)
	if text(v, "interface") != "" && interfaceIDs != nil {
		c.fail(at(v, "interface-id"), "interface and interface-id are given; a subnet has one of them")
	}
	if in != nil {
		for _, r := range in.relays {
			if !slices.Contains(relays, r) {
				relays = append(relays, r)
			}
		}
		interfaceIDs = append(interfaceIDs, in.interfaceIDs...)
	} else {
		c.link(out, at(v, "interface"), text(v, "interface"))
	}
	if relays != nil {
		out.add(at(v, "relay"), "relays: %s", scalars(relays))
	}
	if interfaceIDs != nil {
		var list []string
		for _, id := range interfaceIDs {
			list = append(list, octets([]byte(id)))
		}
		out.add(at(v, "interface-id"), "interface-ids: [%s]", strings.Join(list, ", "))
	}
	classes := c.restrict(out, v)
	if in != nil && in.classes != nil {
		if classes == nil {
			classes = in.classes
		} else {
			c.drop(out, v.at, "client-class of the shared network", "the subnet has one of its own, and both would have to match")
		}
	}
	c.onlyFor(out, v.at, classes)
	if p.allocator != "random" && len(c.list(v, "pools")) > 0 {
		out.add(at(v, "allocator"), "method: %s", p.allocator)
	}
	c.pools6(out, v, prefix)
	c.pdPools(out, v)
	c.reservations6(out, v, prefix, p)
}

// onlyFor writes the classes whose clients alone are meant.
func (c *converter) onlyFor(out *doc, at place, classes []string) {
	if classes == nil {
		return
	}
	if len(classes) == 0 { // of a class that nobody is in
		c.use(nobody, at)
		classes = []string{nobody}
	}
	out.add(at, "classes: %s", scalars(classes))
}

func parseRange6(s string) (first, last netip.Addr, ok bool) {
	s = strings.Join(strings.Fields(s), "")
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is6() || p != p.Masked() {
			return first, last, false
		}
		b := p.Addr().As16()
		for i := p.Bits(); i < 128; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		return p.Addr(), netip.AddrFrom16(b), true
	}
	lo, hi, ok := strings.Cut(s, "-")
	a, err := netip.ParseAddr(lo)
	b, err2 := netip.ParseAddr(hi)
	if !ok || err != nil || err2 != nil || !a.Is6() || !b.Is6() || b.Less(a) {
		return first, last, false
	}
	return a, b, true
}

func (c *converter) pools6(out *doc, v *value, prefix netip.Prefix) {
	type span struct {
		first, last netip.Addr
		at          place
	}
	var spans []span
	pools := &doc{}
	for _, el := range c.list(v, "pools") {
		one := &doc{}
		if !c.isMap(one, el, "pool6") {
			continue
		}
		c.sameNames6(one, el)
		pv := el.get("pool")
		if pv == nil {
			c.fail(el.at, "pool is missing: the range")
			continue
		}
		first, last, ok := parseRange6(pv.text)
		switch {
		case !ok:
			c.fail(pv.at, "%q is not a range such as 2001:db8::10 - 2001:db8::99 or a prefix", pv.text)
			continue
		case !prefix.Contains(first) || !prefix.Contains(last):
			c.fail(pv.at, "the pool %s-%s is not in the subnet %s", first, last, prefix)
			continue
		}
		for _, s := range spans {
			if !s.last.Less(first) && !last.Less(s.first) {
				c.fail(pv.at, "the pool %s-%s overlaps the pool in %s", first, last, where(s.at))
			}
		}
		spans = append(spans, span{first, last, pv.at})
		lines := c.place(c.options6(one, el, c.defs, "the pool"))
		classes := c.restrict(one, el)
		one.add(pv.at, `range: "%s-%s"`, first, last)
		c.options1(one, lines, "")
		c.onlyFor(one, el.at, classes)
		pools.item(one, "  ")
	}
	if pools.said() {
		out.add(at(v, "pools"), "pools:")
	}
	out.put(pools, "")
}

func (c *converter) pdPools(out *doc, v *value) {
	pools := &doc{}
	for _, el := range c.list(v, "pd-pools") {
		one := &doc{}
		if !c.isMap(one, el, "pd-pool") {
			continue
		}
		if el.get("prefix") == nil || el.get("prefix-len") == nil || el.get("delegated-len") == nil {
			c.fail(el.at, "a pd-pool needs prefix, prefix-len and delegated-len")
			continue
		}
		bits, length := c.u32(el, "prefix-len", 0), c.u32(el, "delegated-len", 0)
		a, err := netip.ParseAddr(text(el, "prefix"))
		switch {
		case err != nil || !a.Is6() || bits < 1 || bits > 128:
			c.fail(at(el, "prefix"), "%s/%d is not an IPv6 prefix", text(el, "prefix"), bits)
			continue
		case length < bits || length > 128:
			c.fail(at(el, "delegated-len"), "prefixes of length %d do not fit into a block of length %d", length, bits)
			continue
		}
		block := netip.PrefixFrom(a, int(bits))
		if block != block.Masked() {
			c.fail(at(el, "prefix"), "%s has bits set after its length", block)
			continue
		}
		lines := c.place(c.options6(one, el, c.defs, "the pool"))
		classes := c.restrict(one, el)
		one.add(at(el, "prefix"), `prefix: "%s"`, block)
		one.add(at(el, "delegated-len"), "length: %d", length)
		c.excluded(one, el, block, length)
		c.options1(one, lines, "")
		c.onlyFor(one, el.at, classes)
		pools.item(one, "  ")
	}
	if pools.said() {
		out.add(at(v, "pd-pools"), "delegate:")
	}
	out.put(pools, "")
}

// excluded writes the part of delegated prefixes that RFC 6603 leaves out: which
// of those of its length it is.
func (c *converter) excluded(out *doc, el *value, block netip.Prefix, length uint32) {
	ev := el.get("excluded-prefix")
	if ev == nil || ev.text == "" || ev.text == "::" && c.u32(el, "excluded-prefix-len", 0) == 0 {
		return
	}
	bits := c.u32(el, "excluded-prefix-len", 0)
	a, err := netip.ParseAddr(ev.text)
	switch {
	case err != nil || !a.Is6() || bits > 128:
		c.fail(ev.at, "%s/%d is not an IPv6 prefix", ev.text, bits)
		return
	case bits <= length:
		c.fail(at(el, "excluded-prefix-len"), "excluded-prefix-len %d is not more than delegated-len %d", bits, length)
		return
	case !block.Contains(a):
		c.fail(ev.at, "the excluded prefix %s is not in %s", a, block)
		return
	case bits-length > 64:
		c.drop(out, ev.at, "excluded-prefix", "its length is more than 64 above that of the delegated prefixes")
		return
	}
	var number uint64
	raw := a.As16()
	for i := length; i < bits; i++ {
		number = number<<1 | uint64(raw[i/8]>>(7-i%8)&1)
	}
	out.add(ev.at, "exclude: {length: %d, number: %d}", bits, number)
}

func (c *converter) reservations6(out *doc, v *value, prefix netip.Prefix, p params6) {
	seen := map[string]place{}
	c.reservationList(out, v, "reservation6", p.inSubnet, p.globalR,
		func(one *doc, r *value) { c.reservation6(one, r, prefix, seen) },
		func(write func(*value)) {
			for _, r := range c.topReservations {
				c.globalReservation6(out, r, prefix, seen, write)
			}
		})
}

// globalReservation6 writes one of the top level where it counts in a subnet: for a
// client that it has none for, and whose addresses, if there are any, are in it.
func (c *converter) globalReservation6(out *doc, r *value, prefix netip.Prefix, seen map[string]place, write func(*value)) {
	for _, k := range c.f.identifiers {
		if id := r.get(k); id != nil {
			if b, err := rawHex(id.text); err == nil {
				if _, own := seen[k+string(b)]; own {
					return
				}
			}
			break
		}
	}
	for _, el := range c.list(r, "ip-addresses") {
		a, err := netip.ParseAddr(el.text)
		if _, taken := seen[a.String()]; taken {
			c.drop(out, r.at, "reservation of "+el.text, "the subnet reserves the address for another client")
			return
		}
		if err == nil && !prefix.Contains(a) {
			c.drop(out, r.at, "reservation of "+el.text, "here it is another network's address; Kea gives it all the same")
			return
		}
	}
	for _, el := range c.list(r, "prefixes") {
		if first, ok := c.globalPrefixes[el.text]; ok && first != prefix {
			c.drop(out, r.at, "reservation of "+el.text, "the subnet "+first.String()+" has it already, and a prefix is reserved once")
			return
		}
		if c.globalPrefixes == nil {
			c.globalPrefixes = map[string]netip.Prefix{}
		}
		c.globalPrefixes[el.text] = prefix
	}
	write(r)
}

func (c *converter) reservation6(out *doc, r *value, prefix netip.Prefix, seen map[string]place) {
	var kind string
	var id *value
	for _, k := range c.f.identifiers {
		if v := r.get(k); v != nil {
			if id != nil {
				c.fail(v.at, "%s and %s are given; a reservation has one identifier", kind, k)
				return
			}
			kind, id = k, v
		}
	}
	if id == nil {
		c.fail(r.at, "an identifier is missing: one of %s", strings.Join(c.f.identifiers, ", "))
		return
	}
	bytes, err := rawHex(id.text)
	if err != nil || len(bytes) == 0 {
		c.fail(id.at, "%s: %q is not octets", kind, id.text)
		return
	}
	once := func(what string, v *value) bool {
		if first, twice := seen[what]; twice {
			c.fail(v.at, "%s is reserved already, in %s", v.text, where(first))
			return false
		}
		seen[what] = v.at
		return true
	}
	if !once(kind+string(bytes), id) {
		return
	}
	var parts, addrs, prefixes []string
	notes := &doc{}
	something := len(c.list(r, "option-data")) > 0
	for _, el := range c.list(r, "ip-addresses") {
		a, err := netip.ParseAddr(el.text)
		switch {
		case err != nil || !a.Is6():
			c.fail(el.at, "%q is not an IPv6 address", el.text)
		case !prefix.Contains(a):
			c.fail(el.at, "the reserved address %s is not in the subnet %s", a, prefix)
		case once(a.String(), el):
			addrs = append(addrs, a.String())
		}
	}
	for _, el := range c.list(r, "prefixes") {
		p, err := netip.ParsePrefix(el.text)
		switch {
		case err != nil || !p.Addr().Is6():
			c.fail(el.at, "%q is not an IPv6 prefix", el.text)
		case p != p.Masked():
			c.drop(notes, el.at, el.text, "it has bits set after its length")
			something = true
		case once(p.String(), el):
			prefixes = append(prefixes, p.String())
		}
	}
	if l := c.list(r, "excluded-prefixes"); len(l) > 0 {
		c.drop(notes, at(r, "excluded-prefixes"), "excluded-prefixes", "reserved prefixes have none")
	}
	if addrs != nil {
		parts = append(parts, "addresses: "+scalars(addrs))
	}
	if prefixes != nil {
		parts = append(parts, "prefixes: "+scalars(prefixes))
	}
	if h := text(r, "hostname"); h != "" {
		something = true
		if _, err := wireName(h); err != nil || !readable(h) || strings.Contains(h, " ") {
			c.drop(notes, at(r, "hostname"), "hostname "+h, "it is not a host name")
		} else {
			parts = append(parts, "hostname: "+scalar(h))
		}
	}
	if lines := c.options6(notes, r, c.defs, "the reservation"); len(lines) > 0 {
		parts = append(parts, flow(lines))
	}
	var classes []string
	for _, el := range c.list(r, "client-classes") {
		something = true
		if c.classes[el.text] {
			classes = append(classes, el.text)
		} else {
			c.drop(notes, el.at, "client-class "+el.text, "there is no class of that name in client-classes")
		}
	}
	if classes != nil {
		parts = append(parts, "classes: "+scalars(classes))
	}
	if !something && parts == nil && len(c.errs) == 0 {
		c.fail(r.at, "the reservation reserves nothing: addresses, prefixes, a host name, options or classes are wanted")
		return
	}
	out.put(notes, "")
	c.identified6(out, r, id, kind, bytes, parts)
}

// identified6 writes a reservation whose identifier we have a word for.
func (c *converter) identified6(out *doc, r, id *value, kind string, bytes []byte, parts []string) {
	what := fmt.Sprintf("reservation for %s %s", kind, id.text)
	ours := c.identifier6(kind)
	digits := quoted(strings.TrimPrefix(hexText(bytes), "hex:"))
	switch {
	case ours == "":
		c.drop(out, r.at, what, "the hook flex_id is not there, or its identifier-expression is not carried")
		return
	case parts == nil:
		return // all of it was noted
	case ours == "mac" && (len(bytes) != 6 || bytes[0]&1 != 0 || string(bytes) == "\x00\x00\x00\x00\x00\x00"):
		c.drop(out, r.at, what, "it is not the MAC address of one device")
		return
	case ours == "duid" && (len(bytes) < 3 || len(bytes) > 130):
		c.drop(out, r.at, what, "a DUID has 3 to 130 octets")
		return
	case ours != "mac" && ours != "duid":
		digits = octets(bytes)
	}
	out.add(r.at, "{%s: %s, %s}", ours, digits, strings.Join(parts, ", "))
}
