// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

var (
	pool6Keys = keySet{
		known: []string{"range", "method", "options", "always-send", "classes", "deny", "lease", "retired"},
		later: []string{"exclude", "id"},
		others: map[string]string{
			"pool": "range", "addresses": "range", "option-data": "options", "client-class": "classes", "allocator": "method",
			"preferred-lifetime": "lease", "valid-lifetime": "lease", "prefix": "range", "deprecated": "retired",
		},
	}
	delegateKeys = keySet{
		known: []string{"prefix", "length", "exclude", "options", "always-send", "classes", "deny", "lease", "retired"},
		others: map[string]string{
			"block": "prefix", "delegated-len": "length", "len": "length", "excluded-prefix": "exclude",
			"option-data": "options", "client-class": "classes", "pool": "prefix", "deprecated": "retired",
		},
	}
	excludeKeys = keySet{
		known:  []string{"length", "number"},
		others: map[string]string{"offset": "number", "subnet-id": "number", "excluded-prefix-len": "length"},
	}
)

// span6 is addresses of which each client gets some, and where in the file it is.
type span6 struct {
	first, last netip.Addr
	node        *node
	path        *path
}

func (s span6) String() string {
	if s.first == s.last {
		return s.first.String()
	}
	return s.first.String() + "-" + s.last.String()
}

// last6 is the last address of a prefix.
func last6(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	for i := p.Bits(); i < 128; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom16(b)
}

func spanOf(p netip.Prefix) span6 { return span6{first: p.Addr(), last: last6(p)} }

// span6 takes "first-last", a prefix, or one address, inside the subnet.
func (c *checker) span6(p *path, n *node, subnet netip.Prefix) (r span6, ok bool) {
	s, ok := c.scalar(p, n, "a range such as 2001:db8::100-2001:db8::1ff, or a prefix")
	if !ok {
		return r, false
	}
	lo, hi, isRange := strings.Cut(s, "-")
	if strings.Contains(s, "/") && !isRange {
		pre, ok := c.prefix6(p, n, s)
		if !ok {
			return r, false
		}
		r = spanOf(pre)
	} else {
		if !isRange {
			hi = lo
		}
		a, msg := parseAddr6(strings.TrimSpace(lo))
		b, msg2 := parseAddr6(strings.TrimSpace(hi))
		if msg = cmp.Or(msg, msg2); msg != "" {
			c.fail(p, n, "%s", msg)
			return r, false
		}
		if r.first, r.last = a, b; b.Less(a) {
			c.failHint(p, n, b.String()+"-"+a.String(), "%s comes after %s", a, b)
			return r, false
		}
	}
	r.node, r.path = n, p
	if !subnet.Contains(r.first) || !subnet.Contains(r.last) {
		c.fail(p, n, "%s is not inside %s", r, subnet)
		return r, false
	}
	return r, true
}

// prefix6 takes a prefix without bits after its length.
func (c *checker) prefix6(p *path, n *node, s string) (netip.Prefix, bool) {
	pre, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !pre.Addr().Is6() || pre.Addr().Is4In6():
		c.fail(p, n, "%q is not an IPv6 prefix such as 2001:db8::/48", s)
		return pre, false
	case pre != pre.Masked():
		c.failHint(p, n, pre.Masked().String(), "%s has bits set after its length", s)
		return pre, false
	}
	return pre, true
}

// parseAddr6 returns an address, or what is wrong with the text.
func parseAddr6(s string) (netip.Addr, string) {
	a, err := netip.ParseAddr(s)
	switch {
	case err == nil && a.Is6() && a.Zone() == "" && !a.Is4In6():
		return a, ""
	case err == nil && a.Is4():
		return a, s + " is an IPv4 address; an IPv6 address is wanted"
	case err == nil && a.Zone() != "":
		return a, s + " has a zone, which means nothing to other hosts"
	case err == nil:
		return a, s + " is an IPv4 address in the form of IPv6"
	}
	return a, `"` + s + `" is not an IPv6 address`
}

func (c *checker) addr6(p *path, n *node) (netip.Addr, bool) {
	s, ok := c.scalar(p, n, "an IPv6 address")
	if !ok {
		return netip.Addr{}, false
	}
	a, msg := parseAddr6(s)
	if msg != "" {
		c.fail(p, n, "%s", msg)
		return netip.Addr{}, false
	}
	return a, true
}

// pools6 takes ranges, and what is left of each without the excluded addresses.
func (c *checker) pools6(p *path, n *node, s *Subnet6, method Method6) []Pool6 {
	var out []Pool6
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		v := el
		if el.kind == mapNode {
			if !c.isMap(p, el, &pool6Keys) {
				continue
			}
			if v = el.get("range"); v == nil {
				c.fail(p.at("range"), el, "is missing: which addresses?")
				continue
			}
		}
		pool := Pool6{Name: v.text, Method: method, At: v.place}
		if el.kind == mapNode {
			if v := el.get("method"); v != nil {
				pool.Method = Method6(c.word(p.at("method"), v, methodWords))
			}
			pool.Options, pool.Lease, pool.Classes, pool.Deny = c.forSome6(p, el, s)
			if v := el.get("retired"); v != nil {
				pool.Retired = c.boolean(p.at("retired"), v)
			}
			p = p.at("range")
		}
		r, ok := c.span6(p, v, s.Prefix)
		if !ok {
			continue
		}
		c.claims = append(c.claims, r)
		pool.Range = Range{r.first, r.last}
		pool.Ranges = subtract6(pool.Range, s.Excluded)
		if len(pool.Ranges) == 0 {
			c.fail(p, v, "has no address left when exclude is taken away")
			continue
		}
		out = append(out, pool)
	}
	return out
}

// forSome6 takes what pools and delegated blocks say of their clients.
func (c *checker) forSome6(p *path, n *node, s *Subnet6) (options []Option6, lease *Lease6, classes, deny []string) {
	if v := n.get("options"); v != nil {
		options = c.options6(p.at("options"), v)
	}
	c.alwaysSend6(p, n, options)
	if v := n.get("lease"); v != nil {
		l := c.lease6(p.at("lease"), v, s.Lease)
		lease = &l
	}
	if v := n.get("classes"); v != nil {
		classes = c.classList(p.at("classes"), v)
	}
	if v := n.get("deny"); v != nil {
		deny = c.classList(p.at("deny"), v)
	}
	return options, lease, classes, deny
}

// delegate takes the blocks that prefixes are delegated of.
func (c *checker) delegate(p *path, n *node, s *Subnet6) []Delegate {
	var out []Delegate
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &delegateKeys) {
			continue
		}
		d := Delegate{At: el.place}
		ok := true
		if v := el.get("prefix"); v == nil {
			c.fail(p.at("prefix"), el, "is missing: a block such as 2001:db8:1000::/36")
			ok = false
		} else if text, isText := c.scalar(p.at("prefix"), v, "a block such as 2001:db8:1000::/36"); !isText {
			ok = false
		} else if d.Prefix, ok = c.prefix6(p.at("prefix"), v, text); ok {
			if what := reserved6(d.Prefix); what != "" {
				c.fail(p.at("prefix"), v, "%s cannot be delegated: it %s", d.Prefix, what)
				ok = false
			}
		}
		if v := el.get("length"); v == nil {
			c.fail(p.at("length"), el, "is missing: how long are the prefixes that clients get?")
			ok = false
		} else {
			before := len(c.problems)
			d.Length = uint8(c.number(p.at("length"), v, 1, 128))
			if ok && len(c.problems) == before && int(d.Length) < d.Prefix.Bits() {
				c.fail(p.at("length"), v, "a prefix of length %d does not fit into %s", d.Length, d.Prefix)
			}
			ok = ok && len(c.problems) == before
		}
		if v := el.get("exclude"); v != nil && ok {
			c.pdExclude(p.at("exclude"), v, &d)
		}
		d.Options, d.Lease, d.Classes, d.Deny = c.forSome6(p, el, s)
		if v := el.get("retired"); v != nil {
			d.Retired = c.boolean(p.at("retired"), v)
		}
		if !ok {
			continue
		}
		at := spanOf(d.Prefix)
		at.node, at.path = el.get("prefix"), p.at("prefix")
		c.claims = append(c.claims, at)
		out = append(out, d)
	}
	return out
}

// pdExclude takes the part of each delegated prefix that stays with the link
// (RFC 6603): its length, and which one of that length it is.
func (c *checker) pdExclude(p *path, n *node, d *Delegate) {
	v := n
	if n.kind == mapNode {
		if !c.isMap(p, n, &excludeKeys) {
			return
		}
		if v = n.get("length"); v == nil {
			c.fail(p.at("length"), n, "is missing")
			return
		}
	}
	before := len(c.problems)
	d.ExcludeLength = uint8(c.number(p, v, 1, 128))
	bits := int(d.ExcludeLength) - int(d.Length)
	switch {
	case len(c.problems) > before:
	case bits <= 0: // RFC 6603 §4.2
		c.fail(p, v, "%d is not longer than the prefixes that are delegated, %d", d.ExcludeLength, d.Length)
	case bits > 64:
		c.fail(p, v, "%d is more than 64 longer than %d", d.ExcludeLength, d.Length)
	case n.kind == mapNode && n.get("number") != nil:
		d.ExcludeNumber = c.number(p.at("number"), n.get("number"), 0, ^uint64(0)>>(64-bits))
	}
}

// subtract6 is r without what is excluded.
func subtract6(r Range, excluded []Range) (left []Range) {
	cut := slices.Clone(excluded)
	slices.SortFunc(cut, func(a, b Range) int { return a.First.Compare(b.First) })
	next := r.First
	for _, x := range cut {
		if r.Last.Less(x.First) {
			break
		}
		if x.Last.Less(next) {
			continue
		}
		if next.Less(x.First) {
			left = append(left, Range{next, x.First.Prev()})
		}
		next = x.Last.Next()
		if !next.IsValid() || r.Last.Less(next) {
			return left
		}
	}
	return append(left, Range{next, r.Last})
}

// claimed names both places of pools and delegated blocks that share addresses:
// what two clients could both be given. They are in the order of their first
// addresses: it is enough to compare each with the one that reaches furthest
// before it.
func (c *checker) claimed() {
	order := slices.Clone(c.claims)
	slices.SortStableFunc(order, func(a, b span6) int { return a.first.Compare(b.first) })
	var far span6
	for i, r := range order {
		if i > 0 && !far.last.Less(r.first) {
			first, second := far, r
			if before(second.node.place, first.node.place) {
				first, second = second, first
			}
			c.fail(second.path, second.node, "%s overlaps %s (%s) in %s", second.node.text, first.node.text, first.path, line(first.node.place))
		}
		if i == 0 || far.last.Less(r.last) {
			far = r
		}
	}
}
