// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"encoding/binary"
	"hash/maphash"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// A limit is a policy.LimitSpec, compiled. Addresses and prefixes are counted
// apart: a limit of one lets a router have an address and a prefix.
type limit struct {
	by    policy.LimitBy
	max   uint32
	class int // -1: everybody
	salt  uint64
}

// limitSeed is the same for all policies of the process: a lease that was counted
// under one is found under the next. Nobody outside can make hashes collide.
var limitSeed = maphash.MakeSeed()

// HasLimits says whether LimitKeys can return any.
func (p *Policy) HasLimits() bool { return p.limitsID != 0 }

// LimitsID changes when the limits do.
func (p *Policy) LimitsID() uint64 { return p.limitsID }

// LimitKeys are what a lease of the client counts for: q, an address or a prefix on
// the link of s (nil: on none of ours).
func (p *Policy) LimitKeys(c *lease6.Client, s *Subnet, q lease6.Prefix, in *policy.ClassSet, room *[policy.MaxLimitKeys]policy.LimitKey) []policy.LimitKey {
	n := 0
	var apart uint64
	if q.Len < 128 {
		apart = 0x9e3779b97f4a7c15
	}
	var scope lease.ScopeID
	if s != nil {
		scope = s.Scope
		if at := p.place(s, q); at.limit.Max != 0 {
			room[n] = policy.LimitKey{Hash: at.limit.Hash ^ apart, Max: at.limit.Max}
			n++
		}
	}
	for i := range p.limits {
		l := &p.limits[i]
		if l.class >= 0 && !in.Has(l.class) {
			continue
		}
		salt := l.salt ^ apart
		var value []byte
		switch l.by {
		case policy.LimitMAC:
			value = identifier(c, ByMAC)
		case policy.LimitCircuit:
			// An Interface-Id means something on its relay agent's links only.
			value = c.InterfaceID
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], uint32(scope))
			salt ^= maphash.Bytes(limitSeed, b[:])
		case policy.LimitRemote:
			value = c.RemoteID
		}
		if len(value) == 0 && l.by != policy.LimitClass {
			continue
		}
		room[n] = policy.LimitKey{Hash: maphash.Bytes(limitSeed, value) ^ salt, Max: l.max}
		n++
	}
	return room[:n]
}

// Recall is a lease on its way to its LimitKeys: room to keep.
type Recall struct {
	client lease6.Client
	facts  Facts
	in     policy.Membership
	keys   [policy.MaxLimitKeys]policy.LimitKey
}

// KeysOf are the LimitKeys of a lease in the table, valid until the next call.
func (p *Policy) KeysOf(e *lease6.Entry, r *Recall) []policy.LimitKey {
	r.client = lease6.Client{DUID: e.DUID, LinkLayer: e.LinkLayer, Peer: e.Peer, InterfaceID: e.InterfaceID,
		RemoteID: e.RemoteID, SubscriberID: e.SubscriberID, RelayID: e.RelayID}
	r.facts = Facts{Client: &r.client}
	s := p.ScopeSubnet(e.Scope)
	if s != nil {
		r.facts.Reservation = s.Reservation(&r.client)
	}
	p.Classify(&r.facts, &r.in)
	return p.LimitKeys(&r.client, s, e.Prefix, &r.in.In, &r.keys)
}

func (b *builder) addLimits() {
	if len(b.spec.Limits) > policy.MaxLimits {
		b.fail("%d limits; %d are possible", len(b.spec.Limits), policy.MaxLimits)
		return
	}
	var h maphash.Hash
	h.SetSeed(limitSeed)
	for i := range b.spec.Limits {
		s := &b.spec.Limits[i]
		l := limit{by: s.By, max: s.Max, class: -1}
		if s.By > policy.LimitClass || s.By == policy.LimitClass && s.Class == "" {
			b.fail("limit %d: it limits nothing that is known", i+1)
			continue
		}
		if s.Class != "" {
			n, ok := b.classNumber("limit", s.Class)
			if !ok {
				continue
			}
			if !b.remembered(b.spec.Classes[n].Match, nil) {
				b.fail("limit: class %s looks at what a lease does not remember: "+
					"only MAC, DUID, interface-id, remote-id, subscriber-id, relay-id and reservation can be counted after a restart", s.Class)
				continue
			}
			l.class = n
		}
		l.salt = maphash.String(limitSeed, "v6"+string(rune('0'+s.By))+s.Class)
		b.p.limits = append(b.p.limits, l)
		maphash.WriteComparable(&h, *s)
	}
	subnets := false
	for i := range b.p.Subnets {
		s := &b.p.Subnets[i]
		if most := b.subs[i].spec.Limit; most != 0 {
			subnets = true
			s.limit = policy.LimitKey{Hash: maphash.Comparable(limitSeed, b.subs[i].spec.Prefix), Max: most}
			maphash.WriteComparable(&h, s.limit)
		}
	}
	if subnets || len(b.p.limits) > 0 {
		b.p.limitsID = h.Sum64() | 1
	}
}

// remembered says whether a condition looks only at what is in a lease.
func (b *builder) remembered(m *policy.Match, path []string) bool {
	if m == nil {
		return true
	}
	switch m.By {
	case policy.MatchMAC, policy.MatchClientID, policy.MatchCircuit, policy.MatchRemote, policy.MatchSubscriber,
		policy.MatchRelayID, policy.MatchKnown:
		return true
	case policy.MatchAll, policy.MatchAny, policy.MatchNot:
		for i := range m.Of {
			if !b.remembered(&m.Of[i], path) {
				return false
			}
		}
		return true
	case policy.MatchClass:
		n, ok := b.p.classes.number(m.Name)
		// A circle has been reported by the compiler.
		return !ok || len(path) > len(b.spec.Classes) || b.remembered(b.spec.Classes[n].Match, append(path, m.Name))
	}
	return false
}
