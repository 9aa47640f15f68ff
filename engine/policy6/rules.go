// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"errors"
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// A pool is what a policy says of a lease6.Pool: who may have its leases, for how
// long, and what goes with them.
type pool struct {
	subnet  *Subnet
	need    []policy.ClassSet // of each, the client is in some class
	deny    policy.ClassSet   // it is in none of these
	times   *Times            // nil: the subnet's
	options *OptionSet
	exclude lease6.Prefix // RFC 6603; none: nothing is left out
	retired bool
}

func (r *pool) guarded() bool { return len(r.need) > 0 || !r.deny.Empty() }

func (r *pool) names(to *policy.ClassSet) {
	for i := range r.need {
		to.Union(&r.need[i])
	}
	to.Union(&r.deny)
}

func (r *pool) allows(in *policy.ClassSet) bool {
	for i := range r.need {
		if !r.need[i].Meets(in) {
			return false
		}
	}
	return !r.deny.Meets(in)
}

// Pools are those for an IA of this type that a client in these classes may have
// leases from, best first. What does not fit is put into room, which may grow.
func (p *Policy) Pools(s *Subnet, typ lease6.IAType, in *policy.ClassSet, room *[]lease.PoolID) []lease.PoolID {
	choice := s.Addresses
	if typ == lease6.PD {
		choice = s.Prefixes
	}
	if !s.ruled {
		return choice
	}
	left := (*room)[:0]
	for _, id := range choice {
		if p.pools[id].allows(in) {
			left = append(left, id)
		}
	}
	*room = left
	return left
}

// HasRetired says whether Retired can say yes.
func (p *Policy) HasRetired() bool { return p.hasRetired }

// Retired says whether a lease on the link of s is of a pool that gives nothing more.
func (p *Policy) Retired(s *Subnet, q lease6.Prefix) bool {
	id, ok := p.PoolOf(s, q)
	return ok && p.pools[id].retired
}

// Place is what goes with a lease on the link of a subnet.
type Place struct {
	Subnet  *Subnet
	Options *OptionSet
	Times   *Times
	Exclude lease6.Prefix
	Pooled  bool // it is of one of the link's pools
}

// Place says what goes with a lease of a client in these classes: lifetimes are
// those of the first of its classes that has any, of the pool, of the subnet. The
// part to leave out of a prefix is the reservation's if it is reserved.
//
// It is filled in place, as it is asked for with every lease: what is returned by
// value the compiler stores in small pieces and reads again in large ones, for which
// the processor has to wait.
func (p *Policy) Place(at *Place, s *Subnet, q lease6.Prefix, r *Reservation, in *policy.ClassSet) {
	at.Exclude = lease6.Prefix{}
	id, ok := p.PoolOf(s, q)
	if at.Pooled = ok; ok {
		rule := &p.pools[id]
		at.Subnet, at.Options, at.Times = rule.subnet, rule.options, &rule.subnet.Times
		if rule.exclude.Len > q.Len {
			at.Exclude = excluded(q, rule.exclude)
		}
		if rule.times != nil {
			at.Times = rule.times
		}
	} else {
		sub := p.place(s, q)
		at.Subnet, at.Options, at.Times = sub, sub.Options, &sub.Times
	}
	if r != nil && r.has(q) {
		at.Exclude = excluded(q, r.exclude)
	}
	if c := p.classes; c != nil && c.times.Meets(in) {
		both := c.times.And(in)
		at.Times = c.rules[both.First(0)].times
	}
}

// place is the subnet of the link of s that a lease belongs to.
func (p *Policy) place(s *Subnet, q lease6.Prefix) *Subnet {
	if len(s.scope.subnets) == 1 {
		return s
	}
	if id, ok := p.PoolOf(s, q); ok {
		return p.pools[id].subnet
	}
	if r := s.scope.reservations.taken[q]; r != nil {
		return r.Subnet
	}
	at := s
	for _, other := range s.scope.subnets {
		if other.Prefix.Contains(q.IP6) && (!at.Prefix.Contains(q.IP6) || other.Prefix.Len > at.Prefix.Len) {
			at = other
		}
	}
	return at
}

// excluded is the part of q for RFC 6603: its bits behind the length of q are those
// of the pattern. None: the pattern does not say.
func excluded(q, pattern lease6.Prefix) lease6.Prefix {
	if pattern.Len <= q.Len {
		return lease6.Prefix{}
	}
	tail := lease6.PrefixFrom(pattern.IP6, pattern.Len)
	head := lease6.PrefixFrom(pattern.IP6, q.Len)
	return lease6.Prefix{
		IP6: lease6.IP6{Hi: q.Hi | tail.Hi&^head.Hi, Lo: q.Lo | tail.Lo&^head.Lo},
		Len: pattern.Len,
	}
}

// Timers are T1 and T2 for leases of which the shortest preferred lifetime is
// preferred, and the shortest valid one valid.
//
// RFC 8415 §21.4: "Recommended values for T1 and T2 are 0.5 and 0.8 times the
// shortest preferred lifetime …. If the 'shortest' preferred lifetime is 0xffffffff
// ('infinity'), the recommended T1 and T2 values are also 0xffffffff." A time that
// was configured for a longer lease than this one does not fit it.
func (t *Times) Timers(preferred, valid uint32) (renew, rebind uint32) {
	if t.ClientTimers {
		return 0, 0
	}
	if preferred == lease.Infinite {
		renew, rebind = t.Renew, t.Rebind
		if rebind == 0 {
			rebind = lease.Infinite
		}
		if renew == 0 {
			renew = rebind
		}
		return min(renew, rebind), rebind
	}
	if preferred == 0 {
		preferred = valid // deprecated: to be renewed before it is gone
	}
	renew, rebind = t.Renew, t.Rebind
	if rebind == 0 || rebind > valid {
		rebind = uint32(uint64(preferred) * 4 / 5)
	}
	if renew == 0 || renew > rebind {
		renew = min(preferred/2, rebind)
	}
	return renew, rebind
}

// defaults fills in what is left open and checks the rest.
func (t Times) defaults() (Times, error) {
	switch {
	case t.Valid == 0:
		return t, errors.New("the valid lifetime is 0")
	case t.Preferred == 0 && t.Valid == lease.Infinite:
		t.Preferred = lease.Infinite
	case t.Preferred == 0:
		t.Preferred = max(uint32(uint64(t.Valid)*5/8), 1)
	}
	switch {
	case t.Preferred > t.Valid:
		return t, errors.New("the preferred lifetime is longer than the valid one")
	case t.Renew != 0 && t.Rebind != 0 && t.Renew > t.Rebind:
		return t, errors.New("renew comes after rebind")
	case t.Renew > t.Valid || t.Rebind > t.Valid:
		return t, errors.New("renew or rebind comes after the lease's end")
	}
	return t, nil
}

// addRules takes over what the Spec says about messages as a whole.
func (b *builder) addRules() {
	p, s := b.p, b.spec
	b.addRogueReply()
	b.addLeaseQuery()
	b.addClassList()
	b.addFQDN()
	b.addReconfigure()
	p.relayOptions = s.RelayOptions
	if p.relayOptions == nil {
		p.relayOptions = DefaultRelayOptions
	}
	p.relayOptions = slices.Clone(p.relayOptions)
	slices.Sort(p.relayOptions)
	for _, c := range p.relayOptions {
		if ownCode(c) {
			b.fail("option %d is the server's and cannot be supplied by a relay agent", c)
		}
	}
	p.precedence = s.Precedence
	if p.precedence == nil {
		p.precedence = DefaultPrecedence
	}
	for i, id := range p.precedence {
		if id >= numIdentifiers || slices.Contains(p.precedence[:i], id) {
			b.fail("the order of reservations: identifier %d is not known, or there twice", id)
		}
	}
}

// RelaySupplied says whether a relay agent may supply this option for a client
// (RFC 6422 §6: "MUST silently discard any option … that is not RSOO-enabled").
func (p *Policy) RelaySupplied(code uint16) bool {
	_, ok := slices.BinarySearch(p.relayOptions, code)
	return ok
}
