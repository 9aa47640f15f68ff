// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

var poolKeys = keySet{
	known: []string{"range", "options", "always-send", "class-options", "never-send", "classes", "deny", "lease", "bootp"},
	later: []string{"exclude", "id"},
	others: map[string]string{
		"pool": "range", "addresses": "range", "option-data": "options", "client-class": "classes",
	},
}

// span is a range of addresses as numbers, and where in the file it is.
type span struct {
	first, last uint32
	node        *node
	path        *path
	pool        int
}

func num(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func addr(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func (r span) String() string {
	if r.first == r.last {
		return addr(r.first).String()
	}
	return addr(r.first).String() + "-" + addr(r.last).String()
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) uint32 { return num(p.Addr()) | uint32(1<<(32-p.Bits())-1) }

// edge names an address that no host of a subnet can have: RFC 1122 §3.2.1.3,
// but RFC 3021 for two addresses, and a subnet of one.
func edge(a netip.Addr, subnet netip.Prefix) string {
	switch {
	case subnet.Bits() >= 31:
	case a == subnet.Addr():
		return "network"
	case num(a) == lastOf(subnet):
		return "broadcast"
	}
	return ""
}

// span takes "first-last", a prefix, or one address, inside the subnet.
func (c *checker) span(p *path, n *node, subnet netip.Prefix) (r span, ok bool) {
	s, ok := c.scalar(p, n, "a range such as 192.0.2.10-192.0.2.99")
	if !ok {
		return r, false
	}
	r = span{node: n, path: p}
	lo, hi, isRange := strings.Cut(s, "-")
	if strings.Contains(s, "/") {
		pre, err := netip.ParsePrefix(s)
		switch {
		case err != nil || !pre.Addr().Is4():
			c.fail(p, n, "%q is not an IPv4 prefix", s)
			return r, false
		case pre != pre.Masked():
			c.failHint(p, n, pre.Masked().String(), "%s has bits set after its length", s)
			return r, false
		}
		r.first, r.last = num(pre.Addr()), lastOf(pre)
	} else {
		if !isRange {
			hi = lo
		}
		a, msg := parseAddr4(strings.TrimSpace(lo))
		b, msg2 := parseAddr4(strings.TrimSpace(hi))
		if msg = cmp.Or(msg, msg2); msg != "" {
			c.fail(p, n, "%s", msg)
			return r, false
		}
		if r.first, r.last = num(a), num(b); r.first > r.last {
			c.failHint(p, n, b.String()+"-"+a.String(), "%s comes after %s", a, b)
			return r, false
		}
	}
	if r.first < num(subnet.Addr()) || r.last > lastOf(subnet) {
		c.fail(p, n, "%s is not inside %s", r, subnet)
		return r, false
	}
	return r, true
}

// exclude takes addresses, ranges and prefixes that are cut out of the pools.
func (c *checker) exclude(p *path, n *node, subnet netip.Prefix) []Range {
	var out []Range
	for i, el := range c.items(p, n) {
		if r, ok := c.span(item(p, n, i), el, subnet); ok {
			out = append(out, Range{addr(r.first), addr(r.last)})
		}
	}
	return out
}

// pools takes ranges, and returns what is left of each when the excluded
// addresses and the subnet's routers are cut out.
func (c *checker) pools(p *path, n *node, s *Subnet, routers []netip.Addr) []Pool {
	var spans []span
	var out []Pool
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		v := el
		if el.kind == mapNode {
			if !c.isMap(p, el, &poolKeys) {
				continue
			}
			if v = el.get("range"); v == nil {
				c.fail(p.at("range"), el, "is missing: which addresses?")
				continue
			}
		}
		pool := Pool{Name: v.text, At: v.place}
		if el.kind == mapNode {
			c.pool(p, el, &pool, s)
			p = p.at("range")
		}
		r, ok := c.span(p, v, s.Prefix)
		if !ok {
			continue
		}
		r.pool = len(out)
		spans = append(spans, r)
		pool.Range = Range{addr(r.first), addr(r.last)}
		out = append(out, pool)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	c.poolOverlaps(spans)

	cut := make([]span, 0, len(s.Excluded)+len(routers))
	for _, r := range s.Excluded {
		cut = append(cut, span{first: num(r.First), last: num(r.Last)})
	}
	cut = c.cutRouters(spans, cut, routers, s)
	cut = union(cut)
	for _, r := range spans {
		left := subtract(r, cut)
		for _, l := range left {
			out[r.pool].Ranges = append(out[r.pool].Ranges, Range{addr(l.first), addr(l.last)})
		}
		if len(left) == 0 {
			c.fail(r.path, r.node, "has no address left when exclude and the routers are taken away")
			continue
		}
		c.poolEdges(r, left, s.Prefix)
	}
	return out
}

// pool fills in what a pool says beside its range.
func (c *checker) pool(p *path, n *node, pool *Pool, s *Subnet) {
	if v := n.get("options"); v != nil {
		pool.Options = c.options(p.at("options"), v)
	}
	pool.Options = c.moreOptions(p, n, pool.Options)
	if v := n.get("lease"); v != nil {
		l := c.lease(p.at("lease"), v, s.Lease)
		pool.Lease = &l
	}
	if v := n.get("classes"); v != nil {
		pool.Classes = c.classList(p.at("classes"), v)
	}
	if v := n.get("deny"); v != nil {
		pool.Deny = c.classList(p.at("deny"), v)
	}
	if v := n.get("bootp"); v != nil {
		pool.BOOTP = c.boolean(p.at("bootp"), v)
	}
}

// poolOverlaps names both places of pools that share addresses. The spans are
// in the order of their first addresses: it is enough to compare each with the
// one that reaches furthest before it.
func (c *checker) poolOverlaps(spans []span) {
	var far span
	for i, r := range spans {
		if i > 0 && r.first <= far.last {
			first, second := far, r
			if before(second.node.place, first.node.place) {
				first, second = second, first
			}
			c.fail(second.path, second.node, "%s overlaps %s (%s) in %s", second, first, first.path, line(first.node.place))
		}
		if i == 0 || r.last > far.last {
			far = r
		}
	}
}

// poolEdges refuses pools with addresses that no host can have. They are not
// left out in silence: someone counted them.
func (c *checker) poolEdges(r span, left []span, subnet netip.Prefix) {
	first, last := left[0].first, left[len(left)-1].last
	var what []string
	want := r
	if name := edge(addr(first), subnet); name != "" {
		what = append(what, fmt.Sprintf("the %s address %s", name, addr(first)))
		want.first = first + 1
	}
	if name := edge(addr(last), subnet); name != "" && last != first {
		what = append(what, fmt.Sprintf("the %s address %s", name, addr(last)))
		want.last = last - 1
	}
	if what == nil {
		return
	}
	hint := ""
	if want.first <= want.last {
		hint = want.String()
	}
	c.failHint(r.path, r.node, hint, "has %s of %s in it", strings.Join(what, " and "), subnet)
}

// cutRouters adds the addresses of routers to what is cut out of pools: a
// client must not get the address that all others send their packets to.
func (c *checker) cutRouters(spans, cut []span, routers []netip.Addr, s *Subnet) []span {
	known := union(slices.Clone(cut))
	for _, a := range routers {
		n := num(a)
		if holds(known, n) || slices.ContainsFunc(s.Reservations, func(r Reservation) bool { return r.Address == a }) {
			continue
		}
		for _, r := range spans {
			if n >= r.first && n <= r.last {
				c.warn(r.path, r.node, "has the router %s in it, which is left out: add it to exclude", a)
				cut = append(cut, span{first: n, last: n})
				break
			}
		}
	}
	return cut
}

// union sorts spans and joins those that touch.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := spans[:0]
	for _, r := range spans {
		if n := len(out); n > 0 && uint64(r.first) <= uint64(out[n-1].last)+1 {
			out[n-1].last = max(out[n-1].last, r.last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// from is the index of the first of cut, a union, that does not end before n.
func from(cut []span, n uint32) int {
	i, _ := slices.BinarySearchFunc(cut, n, func(s span, n uint32) int { return cmp.Compare(s.last, n) })
	return i
}

func holds(cut []span, n uint32) bool {
	i := from(cut, n)
	return i < len(cut) && cut[i].first <= n
}

// subtract is r without what is in cut, a union.
func subtract(r span, cut []span) (left []span) {
	next := uint64(r.first)
	for _, x := range cut[from(cut, r.first):] {
		if x.first > r.last {
			break
		}
		if uint64(x.first) > next {
			left = append(left, span{first: uint32(next), last: x.first - 1})
		}
		next = max(next, uint64(x.last)+1)
	}
	if next <= uint64(r.last) {
		left = append(left, span{first: uint32(next), last: r.last})
	}
	return left
}
