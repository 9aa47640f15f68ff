// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"hash/maphash"

	"xdhcp/engine/lease"
)

// LimitBy says what the leases of a limit have in common.
type LimitBy uint8

const (
	LimitMAC     LimitBy = iota // chaddr
	LimitCircuit                // sub-option 1 of option 82
	LimitRemote                 // sub-option 2 of option 82
	LimitClass                  // the class itself
)

// A LimitSpec bounds how many addresses may be leased at once to clients that
// have the same MAC, line, or class. A lease that is there when a limit is
// lowered stays.
type LimitSpec struct {
	By  LimitBy
	Max uint32
	// Class restricts the limit to its members; with LimitClass it is what is
	// limited. Such a class may look only at what a lease remembers, so that
	// leases can be counted after a restart: MAC, client identifier, option 82,
	// reservation.
	Class string
}

// MaxLimits is the number of limits that a policy may have, and MaxLimitKeys how
// many a lease can count for: one more, as its subnet may have a limit too.
const (
	MaxLimits    = 8
	MaxLimitKeys = MaxLimits + 1
)

// A limit is a LimitSpec, compiled.
type limit struct {
	by    LimitBy
	max   uint32
	class int // -1: everybody
	salt  uint64
}

// A LimitKey is what a lease counts for.
type LimitKey struct {
	Hash uint64 // of the limit and what the leases have in common
	Max  uint32
}

// limitSeed is the same for all policies of the process: a lease that was counted
// under one is found under the next. Nobody outside can make hashes collide.
var limitSeed = maphash.MakeSeed()

// HasLimits says whether LimitKeys can return any.
func (p *Policy) HasLimits() bool { return p.limitsID != 0 }

// LimitsID changes when the limits do.
func (p *Policy) LimitsID() uint64 { return p.limitsID }

// LimitKeys are what a lease of the client in subnet at (nil: in none of ours)
// counts for.
func (p *Policy) LimitKeys(c *lease.Client, at *Subnet, in *ClassSet, room *[MaxLimitKeys]LimitKey) []LimitKey {
	n := 0
	if at != nil && at.limit.Max != 0 {
		room[n] = at.limit
		n++
	}
	for i := range p.limits {
		l := &p.limits[i]
		if l.class >= 0 && !in.Has(l.class) {
			continue
		}
		var value []byte
		switch l.by {
		case LimitMAC:
			value = c.HW
		case LimitCircuit:
			value = identifier(c, nil, ByCircuit)
		case LimitRemote:
			value = identifier(c, nil, ByRemote)
		}
		if len(value) == 0 && l.by != LimitClass {
			continue
		}
		room[n] = LimitKey{Hash: maphash.Bytes(limitSeed, value) ^ l.salt, Max: l.max}
		n++
	}
	return room[:n]
}

// Recall is a lease on its way to its LimitKeys: room to keep.
type Recall struct {
	client lease.Client
	facts  Facts
	in     Membership
	keys   [MaxLimitKeys]LimitKey
}

// KeysOf are the LimitKeys of a lease in the table, valid until the next call.
func (p *Policy) KeysOf(e *lease.Entry, r *Recall) []LimitKey {
	r.client = lease.Client{Kind: e.Kind, HType: e.HType, HW: e.HW, ID: e.ID, ClientID: e.ClientID, Relay: e.Relay}
	r.facts = Facts{Client: &r.client}
	s := p.SubnetOf(e.Addr)
	if s != nil {
		r.facts.Reservation = s.Reservation(&r.client)
	}
	p.Classify(&r.facts, &r.in)
	return p.LimitKeys(&r.client, s, &r.in.In, &r.keys)
}

func (b *builder) addLimits() {
	if len(b.spec.Limits) > MaxLimits {
		b.fail("%d limits; %d are possible", len(b.spec.Limits), MaxLimits)
		return
	}
	var h maphash.Hash
	h.SetSeed(limitSeed)
	for i := range b.spec.Limits {
		s := &b.spec.Limits[i]
		l := limit{by: s.By, max: s.Max, class: -1}
		if s.By > LimitClass || s.By == LimitClass && s.Class == "" {
			b.fail("limit %d: it limits nothing that is known", i+1)
			continue
		}
		if s.Class != "" {
			n, ok := b.classNumber("limit", s.Class)
			if !ok {
				continue
			}
			if !b.remembered(b.spec.Classes[n].match(), nil) {
				b.fail("limit: class %s looks at what a lease does not remember: "+
					"only MAC, client identifier, option 82 and reservation can be counted after a restart", s.Class)
				continue
			}
			l.class = n
		}
		l.salt = maphash.String(limitSeed, string(rune('0'+s.By))+s.Class)
		b.p.limits = append(b.p.limits, l)
		maphash.WriteComparable(&h, *s)
	}
	subnets := false
	for i := range b.p.Subnets {
		s := &b.p.Subnets[i]
		max := b.subs[i].spec.Limit
		if max == 0 {
			continue
		}
		subnets = true
		s.limit = LimitKey{Hash: maphash.Comparable(limitSeed, b.subs[i].spec.Prefix), Max: max}
		maphash.WriteComparable(&h, s.limit)
	}
	if subnets || len(b.p.limits) > 0 {
		b.p.limitsID = h.Sum64() | 1
	}
}

// remembered says whether a condition looks only at what is in a lease.
func (b *builder) remembered(m *Match, path []string) bool {
	if m == nil {
		return true
	}
	switch m.By {
	case MatchMAC, MatchClientID, MatchCircuit, MatchRemote, MatchSubscriber, MatchRelayID, MatchKnown:
		return true
	case MatchAll, MatchAny, MatchNot:
		for i := range m.Of {
			if !b.remembered(&m.Of[i], path) {
				return false
			}
		}
		return true
	case MatchClass:
		n, ok := b.p.classes.names[m.Name]
		// A circle has been reported by the compiler.
		return !ok || len(path) > len(b.spec.Classes) || b.remembered(b.spec.Classes[n].match(), append(path, m.Name))
	}
	return false
}
