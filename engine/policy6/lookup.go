// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// segments maps every address to the longest of a set of prefixes; see the type of
// the same name in engine/policy.
type segments struct {
	starts []lease6.IP6
	subnet []int32
}

// find is the index of the subnet that holds a, or -1: one binary search.
func (s *segments) find(a lease6.IP6) int32 {
	// The segment is the last one that starts at or before a; starts[0] is 0.
	lo, n := 0, len(s.starts)
	for n > 1 {
		half := n / 2
		if !a.Less(s.starts[lo+half]) {
			lo += half
		}
		n -= half
	}
	if n == 0 {
		return -1
	}
	return s.subnet[lo]
}

// flatten builds segments. No prefix occurs twice.
func flatten(subnets []Subnet) segments {
	order := make([]int32, len(subnets))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := subnets[a].Prefix, subnets[b].Prefix
		return cmp.Or(x.IP6.Compare(y.IP6), cmp.Compare(x.Len, y.Len))
	})
	s := segments{starts: []lease6.IP6{{}}, subnet: []int32{-1}}
	put := func(at lease6.IP6, subnet int32) {
		if last := len(s.starts) - 1; s.starts[last] == at {
			s.subnet[last] = subnet
			return
		}
		s.starts = append(s.starts, at)
		s.subnet = append(s.subnet, subnet)
	}
	var open []int32 // the prefixes that hold the place we are at, outermost first
	leave := func() {
		end := next(subnets[open[len(open)-1]].Prefix.Last())
		open = open[:len(open)-1]
		if end.IsZero() { // past the last address
			return
		}
		outer := int32(-1)
		if len(open) > 0 {
			outer = open[len(open)-1]
		}
		put(end, outer)
	}
	for _, i := range order {
		for len(open) > 0 && subnets[open[len(open)-1]].Prefix.Last().Less(subnets[i].Prefix.IP6) {
			leave()
		}
		put(subnets[i].Prefix.IP6, i)
		open = append(open, i)
	}
	for len(open) > 0 {
		leave()
	}
	return s
}

// next is a+1; 0 behind the last address.
func next(a lease6.IP6) lease6.IP6 {
	if a.Lo++; a.Lo == 0 {
		a.Hi++
	}
	return a
}

// previous is a-1.
func previous(a lease6.IP6) lease6.IP6 {
	if a.Lo == 0 {
		a.Hi--
	}
	a.Lo--
	return a
}

// A link is a VLAN of a port whose clients are on a subnet.
type link struct {
	key    uint64 // port<<32 | outer<<16 | inner
	subnet int32
}

func linkKey(port, outer, inner uint16) uint64 {
	return uint64(port)<<32 | uint64(outer)<<16 | uint64(inner)
}

// A relay is a relay agent whose clients are on a subnet that does not hold its
// link-address.
type relay struct {
	addr   lease6.IP6
	subnet int32
}

// SubnetOf is the subnet with the longest prefix that holds a, or nil.
func (p *Policy) SubnetOf(a lease6.IP6) *Subnet { return p.subnet(p.prefixes.find(a)) }

// ScopeSubnet is a subnet of a scope, to ask about its link; nil: there is no such
// scope.
func (p *Policy) ScopeSubnet(id lease.ScopeID) *Subnet {
	i, ok := p.scopeOf[id]
	if !ok {
		return nil
	}
	return p.Scopes[i].subnets[0]
}

func (p *Policy) subnet(i int32) *Subnet {
	if i < 0 {
		return nil
	}
	return &p.Subnets[i]
}

// Select is the subnet that stands for the link that a client is on; nil if none
// is configured (RFC 8415 §13.1, RFC 7969 §3). The first of these that the packet
// has decides alone:
//
//  1. an Interface-Id that a subnet is configured for
//  2. the link-address, if a subnet names it as a relay agent's, or else holds it
//  3. the client's own global address, in a message that it sent to us directly
//  4. the port, and on it the VLANs; also behind a relay agent that leaves the
//     link-address zero, as a lightweight one does (RFC 6221 §5.3.2)
func (p *Policy) Select(sel *Selector) *Subnet {
	if len(p.interfaces) > 0 && len(sel.InterfaceID) > 0 {
		if i, ok := p.interfaces[string(sel.InterfaceID)]; ok {
			return p.subnet(i)
		}
	}
	if sel.Relayed && !sel.Link.IsZero() {
		if len(p.relays) > 0 {
			i, ok := slices.BinarySearchFunc(p.relays, sel.Link, func(r relay, a lease6.IP6) int {
				return r.addr.Compare(a)
			})
			if ok {
				return p.subnet(p.relays[i].subnet)
			}
		}
		return p.SubnetOf(sel.Link)
	}
	if !sel.Source.IsZero() {
		if s := p.SubnetOf(sel.Source); s != nil {
			return s
		}
	}
	return p.ingress(sel)
}

// ingress is the subnet of a client on the wire itself: that of its inner VLAN,
// of its outer VLAN, of the port. A frame with a VLAN identifier of 0 is a
// priority-tagged one and belongs to the port (IEEE 802.1Q §6.9).
func (p *Policy) ingress(sel *Selector) *Subnet {
	if sel.NTags > 1 && len(p.links) > 0 {
		if i := p.link(linkKey(sel.Port, sel.VLAN[0], sel.VLAN[1])); i >= 0 {
			return p.subnet(i)
		}
	}
	if sel.NTags > 0 && len(p.links) > 0 {
		if i := p.link(linkKey(sel.Port, sel.VLAN[0], 0)); i >= 0 {
			return p.subnet(i)
		}
	}
	if int(sel.Port) >= len(p.direct) {
		return nil
	}
	return p.subnet(p.direct[sel.Port])
}

func (p *Policy) link(key uint64) int32 {
	i, ok := slices.BinarySearchFunc(p.links, key, func(l link, k uint64) int { return cmp.Compare(l.key, k) })
	if !ok {
		return -1
	}
	return p.links[i].subnet
}

// few is how many addresses are faster compared than searched.
const few = 8

// Ours says whether a is an address of one of our ports.
func (p *Policy) Ours(a lease6.IP6) bool {
	if len(p.ours) <= few {
		for i := range p.ours {
			if p.ours[i] == a {
				return true
			}
		}
		return false
	}
	_, ok := slices.BinarySearchFunc(p.ours, a, lease6.IP6.Compare)
	return ok
}

// Source is the source address for an answer to dst, to a message that came in on
// port for the address to: that one if it is ours, else the port's of the scope of
// dst. It is 0 where the port has no address.
func (p *Policy) Source(port uint16, to, dst lease6.IP6) lease6.IP6 {
	switch {
	case p.Ours(to):
		return to
	case int(port) >= len(p.Ports):
		return lease6.IP6{}
	case LinkLocal(dst):
		return p.Ports[port].LinkLocal
	}
	return p.Ports[port].Global
}

// LinkLocal says whether a is in fe80::/10.
func LinkLocal(a lease6.IP6) bool { return a.Hi>>54 == 0xfe80>>6 }

// Multicast says whether a is in ff00::/8.
func Multicast(a lease6.IP6) bool { return a.Hi>>56 == 0xff }

// A poolRange is part of a pool, between the addresses that are cut out of it.
type poolRange struct {
	first, last lease6.IP6
	pool        lease.PoolID
}

// PoolOf is the pool of the scope of s that q is a lease of.
func (p *Policy) PoolOf(s *Subnet, q lease6.Prefix) (lease.PoolID, bool) {
	rs := s.scope.ranges
	lo, n := 0, len(rs)
	if n == 0 {
		return 0, false
	}
	for n > 1 {
		half := n / 2
		if !q.IP6.Less(rs[lo+half].first) {
			lo += half
		}
		n -= half
	}
	r := &rs[lo]
	if q.IP6.Less(r.first) || r.last.Less(q.IP6) || p.Layout.Pools[r.pool].Len != q.Len {
		return 0, false
	}
	return r.pool, true
}

// OnLink says whether an address or a prefix is appropriate for the link of s (RFC
// 8415 §18.3.2 to §18.3.5): an address of one of the link's prefixes, a prefix that
// the link's pools delegate or that is reserved there.
func (p *Policy) OnLink(s *Subnet, q lease6.Prefix) bool {
	if q.Len < 128 {
		if _, ok := p.PoolOf(s, q); ok {
			return true
		}
		_, ok := s.scope.reservations.taken[q]
		return ok
	}
	if s.Prefix.Contains(q.IP6) {
		return true
	}
	for _, other := range s.scope.subnets {
		if other.Prefix.Contains(q.IP6) {
			return true
		}
	}
	return false
}
