// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"xdhcp/engine/lease"
	"xdhcp/internal/prefetch"
)

// With thousands of subnets and reservations, what concerns one client is in no cache.
// Who has several clients in hand lets the waits for it overlap: Prefetch for each, then
// Expect for each, then Candidate for each, and only then the rest (exchange/look.go).

// Large says whether that may be so: it is not where the whole policy is in the caches.
func (p *Policy) Large() bool { return len(p.Subnets)+len(p.reserved.all) >= large }

const large = 256

// Prefetch begins to fetch what every message needs of s, which may be nil.
func (s *Subnet) Prefetch() {
	if s != nil {
		prefetch.Lines(s, 2)
	}
}

// Expect begins to fetch what a client with this address (0: it says none) needs of what
// s points to.
func (s *Subnet) Expect(c *lease.Client, a lease.IP4) {
	prefetch.Line(s.Options)
	if len(s.ranges) > 0 {
		prefetch.Line(&s.ranges[0])
	}
	x := s.reserved
	for i, of := range x.combos {
		if len(of) == 1 && s.combos>>comboBit(i)&1 != 0 {
			if v := identifier(c, nil, of[0]); len(v) > 0 {
				prefetch.Line(&x.slots[x.slot(x.hash(s.Scope, uint8(i), v))])
			}
		}
	}
	if a != 0 && s.keeps {
		prefetch.Line(&x.slots[x.slot(x.hashAddr(a))])
	}
}

// Candidate begins to fetch a reservation that may well be the client's; false: it has
// none. It does not look for those by several identifiers, so the caller may be told that
// there might be one.
func (s *Subnet) Candidate(c *lease.Client) bool {
	if s.combos == 0 {
		return false
	}
	x := s.reserved
	for i, of := range x.combos {
		if s.combos>>comboBit(i)&1 == 0 {
			continue
		}
		if len(of) > 1 {
			return true
		}
		if v := identifier(c, nil, of[0]); len(v) > 0 {
			hash := x.hash(s.Scope, uint8(i), v)
			if r, _ := x.next(hash, x.slot(hash)); r != nil {
				prefetch.Lines(r, 2)
				return true
			}
		}
	}
	return false
}
