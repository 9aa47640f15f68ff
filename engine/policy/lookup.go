// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"

	"xdhcp/engine/lease"
)

// Holds says whether a lies in the subnet's prefix.
func (s *Subnet) Holds(a lease.IP4) bool { return a&s.Mask == s.Base }

// A link is a VLAN of a port whose clients are on a subnet.
type link struct {
	key    uint64 // port<<32 | outer<<16 | inner
	subnet int32
}

func linkKey(port, outer, inner uint16) uint64 {
	return uint64(port)<<32 | uint64(outer)<<16 | uint64(inner)
}

// A relay is a relay agent whose clients are on a subnet that does not hold its
// address.
type relay struct {
	addr   lease.IP4
	subnet int32
}

// SubnetOf is the subnet with the longest prefix that holds a, or nil.
func (p *Policy) SubnetOf(a lease.IP4) *Subnet { return p.subnet(p.prefixes.find(a)) }

func (p *Policy) subnet(i int32) *Subnet {
	if i < 0 {
		return nil
	}
	return &p.Subnets[i]
}

// Select is the subnet that stands for the link that a client is on; nil if
// none is configured. The first of these that the packet has decides alone: a
// link-selection for a subnet that is not ours is not answered from the giaddr's
// (RFC 3527 §3, RFC 3011 §2 "MUST NOT offer an address that is not on the
// requested subnet or network segment").
//
//  1. link-selection, sub-option 5 of option 82 (RFC 3527 §3, over 118)
//  2. subnet selection, option 118, where enabled (RFC 3011 §2)
//  3. giaddr (RFC 2131 §4.3.1)
//  4. ciaddr of a message that was unicast to us
//  5. the port, and on it the VLANs
func (p *Policy) Select(sel *Selector) *Subnet {
	switch {
	case sel.LinkSelection != 0:
		return p.SubnetOf(sel.LinkSelection)
	case sel.SubnetSelection != 0 && p.SubnetSelection:
		return p.SubnetOf(sel.SubnetSelection)
	case sel.Giaddr != 0:
		if len(p.relays) > 0 {
			i, ok := slices.BinarySearchFunc(p.relays, sel.Giaddr, func(r relay, a lease.IP4) int {
				return cmp.Compare(r.addr, a)
			})
			if ok {
				return p.subnet(p.relays[i].subnet)
			}
		}
		return p.SubnetOf(sel.Giaddr)
	case sel.Ciaddr != 0:
		if s := p.SubnetOf(sel.Ciaddr); s != nil {
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

// Ours says whether a identifies this server: an address of one of its ports, or
// a configured server identifier (RFC 2131 §4.1: "MUST be prepared to accept any
// of its network addresses as identifying that server").
//
// Every message asks this for addresses that mostly are others', so one bit of a
// hash answers first.
func (p *Policy) Ours(a lease.IP4) bool {
	return p.mayBeOurs>>oursBit(a)&1 != 0 && p.isOurs(a)
}

func oursBit(a lease.IP4) uint32 { return uint32(a) * 0x9e3779b1 >> 26 }

func (p *Policy) isOurs(a lease.IP4) bool {
	_, ok := slices.BinarySearch(p.ours, a)
	return ok
}

// Server is the server identifier for clients of s whose message came in on
// port for the address dst, and the source address for the reply. It is 0, 0
// where the server has no address at all.
//
// RFC 2131 §4.1: an address that is reachable from the client; on the client's
// own subnet the one used there, through a relay agent one of the receiving
// interface. The address that the message was sent to has proved reachable.
func (p *Policy) Server(port uint16, s *Subnet, dst lease.IP4) (id, source lease.IP4) {
	switch {
	case dst != 0 && p.Ours(dst):
		source = dst
	case int(port) < len(p.Ports):
		pt := &p.Ports[port]
		source = pt.Primary
		for _, a := range pt.Addrs {
			if s.Holds(a.IP) {
				source = a.IP
				break
			}
		}
	}
	id = source
	if s.ServerID != 0 {
		id = s.ServerID
		if source == 0 {
			source = id
		}
	}
	return id, source
}

// A poolRange is part of a pool, between the addresses that are cut out of it.
type poolRange struct {
	first, last lease.IP4
	pool        lease.PoolID
	subnet      *Subnet
	options     *OptionSet
	times       *Times // nil: the subnet's
}

// Place says which subnet of the scope of s holds a, which options go with it,
// and whether a is in a pool, where clients without a reservation may have it.
// The subnet is nil if the scope does not hold a.
func (s *Subnet) Place(a lease.IP4) (at *Subnet, options *OptionSet, inPool bool) {
	if r := rangeOf(s.ranges, a); r != nil {
		return r.subnet, r.options, true
	}
	if s.Holds(a) && s.lone {
		return s, s.Options, false
	}
	for _, other := range s.scope.subnets {
		if other.Holds(a) && (at == nil || other.Bits > at.Bits) {
			at = other
		}
	}
	if at == nil {
		return nil, nil, false
	}
	return at, at.Options, false
}

// rangeOf is the one of ranges that holds a, or nil.
func rangeOf(ranges []poolRange, a lease.IP4) *poolRange {
	lo, n := 0, len(ranges)
	if n == 0 {
		return nil
	}
	for n > 1 {
		half := n / 2
		if ranges[lo+half].first <= a {
			lo += half
		}
		n -= half
	}
	if r := &ranges[lo]; r.first <= a && a <= r.last {
		return r
	}
	return nil
}

// For is how long a lease lasts: the client's wish bounded by the policy, without
// one the default (RFC 2131 §4.3.1).
func (t *Times) For(want uint32, wants bool) uint32 {
	if !wants {
		return t.Valid
	}
	return min(max(want, t.Min), t.Max)
}

// Timers are T1 and T2 of a lease of valid seconds. They are 0, and not sent, for
// an infinite lease, which needs neither renewal nor rebinding, and see Given.
//
// RFC 2131 §4.4.5: "T1 defaults to (0.5 * duration_of_lease). T2 defaults to
// (0.875 * duration_of_lease)", and T1 before T2 before the end. A time that was
// configured for a longer lease than this one does not fit it.
func (t *Times) Timers(valid uint32) (renew, rebind uint32) {
	if valid == lease.Infinite {
		return 0, 0
	}
	renew, rebind = t.Renew, t.Rebind
	if t.Given {
		if rebind >= valid {
			rebind = 0
		}
		if renew >= valid || rebind != 0 && renew >= rebind {
			renew = 0
		}
		return renew, rebind
	}
	if rebind == 0 || rebind >= valid {
		rebind = uint32(uint64(valid) * 7 / 8)
	}
	if renew == 0 || renew >= rebind {
		renew = valid / 2
	}
	return min(renew, rebind), rebind
}
