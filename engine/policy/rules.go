// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"xdhcp/engine/lease"
)

// A poolRule says who may have a pool's addresses, and for how long.
type poolRule struct {
	need  []ClassSet // of each, the client is in some class
	deny  ClassSet   // it is in none of these
	times *Times
	bootp bool
}

func (b *builder) poolRule(where string, ps *PoolSpec, ss *SubnetSpec) poolRule {
	r := poolRule{bootp: ps.BOOTP}
	for _, names := range [][]string{ps.Classes, ss.Classes} {
		if len(names) > 0 {
			r.need = append(r.need, b.classSet(where, names))
		}
	}
	r.deny = b.classSet(where, slices.Concat(ps.Deny, ss.Deny))
	if ps.Times != nil {
		t, err := ps.Times.defaults()
		if err != nil {
			b.fail("%s: %w", where, err)
		}
		r.times = &t
	}
	return r
}

func (r *poolRule) guarded() bool { return len(r.need) > 0 || !r.deny.Empty() }

func (r *poolRule) names(to *ClassSet) {
	for i := range r.need {
		to.Union(&r.need[i])
	}
	to.Union(&r.deny)
}

func (r *poolRule) allows(in *ClassSet) bool {
	for i := range r.need {
		if !r.need[i].Meets(in) {
			return false
		}
	}
	return !r.deny.Meets(in)
}

// Pools are those of Choice that a client in these classes may have addresses
// from, in the same order. What does not fit is put into room, which may grow.
func (p *Policy) Pools(s *Subnet, in *ClassSet, bootp bool, room *[]lease.PoolID) []lease.PoolID {
	if !s.ruled && !bootp {
		return s.Choice
	}
	left := (*room)[:0]
	for _, id := range s.Choice {
		if r := &p.pools[id]; r.allows(in) && (r.bootp || !bootp) {
			left = append(left, id)
		}
	}
	*room = left
	return left
}

// Times are the lease times of a client in these classes at an address in at:
// those of the first of its classes that has any, of the pool, of the subnet.
func (p *Policy) Times(at *Subnet, addr lease.IP4, in *ClassSet) *Times {
	if c := p.classes; c != nil && c.times.Meets(in) {
		both := c.times.And(in)
		return c.rules[both.First(0)].times
	}
	if r := rangeOf(at.ranges, addr); r != nil && r.times != nil {
		return r.times
	}
	return &at.Times
}

// Boot are the boot parameters for a client: each from its reservation, else
// the first of its classes that has it, else the subnet. room is for what has to
// be put together.
func (p *Policy) Boot(at *Subnet, r *Reservation, in *ClassSet, room *Boot) *Boot {
	c := p.classes
	classes := c != nil && c.boot.Meets(in)
	if !classes && (r == nil || r.Boot == nil) {
		return at.Boot
	}
	*room = *at.Boot
	if classes {
		both := c.boot.And(in)
		for i := classWords*64 - 1; i >= 0; i-- {
			if both.Has(i) {
				*room = c.rules[i].boot.Over(*room)
			}
		}
	}
	if r != nil && r.Boot != nil {
		*room = r.Boot.Over(*room)
	}
	return room
}

// Denied says whether a client is not to be answered: a filter is against it
// ([MS-DHCPE] §1.4: the deny list first), or one of its classes.
func (p *Policy) Denied(in *ClassSet) bool {
	c := p.classes
	if c == nil {
		return false
	}
	return c.Matcher.Denied(in) || c.drop.Meets(in)
}

// HasClasses says whether Classify can find anything.
func (p *Policy) HasClasses() bool { return p.classes != nil }

// Undecided says whether the answer to a client on the link of s depends on a
// class that is open.
func (p *Policy) Undecided(s *Subnet, m *Membership) bool {
	if m.Open.Empty() {
		return false
	}
	return p.classes.effects.Meets(&m.Open) || s.named.Meets(&m.Open)
}

// addRules takes over what the Spec says about messages as a whole.
func (b *builder) addRules() {
	p, s := b.p, b.spec
	p.SilentReboot, p.StrictUserClass = s.SilentReboot, s.StrictUserClass
	p.Authorization = s.Authorization
	p.NoEchoClientID, p.basicsOnly, p.inPlace = s.NoEchoClientID, s.BasicsOnly, s.ClassOptionsInPlace
	p.EchoHostName = s.EchoHostName
	b.addOrder()
	b.addFlexID()
	b.addRogueReply()
	b.addClassList()
	b.addFQDN()
	b.addLeaseQuery()
	p.ForceRenew = s.ForceRenew
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

// nameClasses notes for each subnet the classes that a place of its link names.
func (b *builder) nameClasses() {
	if b.p.classes == nil {
		return
	}
	for i := range b.p.Scopes {
		sc := &b.p.Scopes[i]
		var named ClassSet
		for _, s := range sc.subnets {
			named.Union(&s.named)
			named.Union(s.Options.classes)
		}
		for j := range sc.ranges {
			named.Union(sc.ranges[j].options.classes)
		}
		for _, s := range sc.subnets {
			s.named = named
		}
	}
	for i := range b.p.reserved.all {
		r := &b.p.reserved.all[i]
		if r.combo == unsought {
			continue
		}
		for _, s := range r.Subnet.scope.subnets {
			r.classesOf(&s.named)
		}
	}
}

// classesOf adds the classes that a reservation's options name.
func (r *Reservation) classesOf(named *ClassSet) {
	if r.fixed != nil {
		named.Union(r.fixed.classes)
	}
	for _, o := range r.over {
		named.Union(o.classes)
	}
}
