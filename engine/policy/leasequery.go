// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"

	"xdhcp/engine/lease"
)

// A LeaseQuerySpec says who may ask about leases (RFC 4388, RFC 6926), and what
// is told. The zero value answers nobody.
type LeaseQuerySpec struct {
	Allow []netip.Prefix
	// Options is RFC 4388 §6.4.2's "list of 'non-sensitive options' that can be
	// returned": nil for all that the client has.
	Options []uint8
}

// leaseQuery is a LeaseQuerySpec, compiled.
type leaseQuery struct {
	allow []addrNet
	some  bool // not all options are told
	tells bitmap
}

// An addrNet is a prefix.
type addrNet struct{ base, mask lease.IP4 }

func (b *builder) addLeaseQuery() {
	s, l := &b.spec.LeaseQuery, &b.p.leaseQuery
	for _, n := range s.Allow {
		if !n.IsValid() || !n.Addr().Is4() {
			continue // of those who ask about leases of DHCPv6
		}
		l.allow = append(l.allow, addrNet{ip4(n.Masked().Addr()), lease.IP4(uint64(lease.Infinite) << (32 - n.Bits()))})
	}
	l.some = s.Options != nil
	for _, c := range s.Options {
		l.tells.add(c)
	}
}

// MayQuery says whether leasequeries from an address are answered.
func (p *Policy) MayQuery(a lease.IP4) bool {
	for _, n := range p.leaseQuery.allow {
		if a&n.mask == n.base {
			return true
		}
	}
	return false
}

// Tells says whether an option of a client may be told to those who ask about
// its lease.
func (p *Policy) Tells(code uint8) bool {
	return !p.leaseQuery.some || p.leaseQuery.tells.has(code)
}
