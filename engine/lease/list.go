// SPDX-License-Identifier: Apache-2.0

package lease

import "xdhcp/internal/invariants"

// link is a place in a list that runs in a circle through its head. Heads are
// refs with headBit; they lie in the shard or in the spool.
type link struct{ next, prev ref }

const headBit ref = 1 << 31

// Heads of a shard.
const (
	wheelSlots    = 512
	headWork      = headBit + wheelSlots // the wheel's slots come before; this one is being worked off
	headProbation = headWork + 1         // declined, earliest end first
	headLoose     = headWork + 2         // infinite leases, free addresses outside of all pools
	headExile     = headWork + 3         // free addresses of pools that other shards serve (reload.go)
	headSpools    = headWork + 4         // then two for each spool: clean, idle
)

func headClean(sp uint32) ref { return headSpools + ref(sp)*2 }
func headIdle(sp uint32) ref  { return headSpools + ref(sp)*2 + 1 }

// linkOf is the link behind a ref of either kind.
func (s *shard) linkOf(r ref) *link {
	if r&headBit == 0 {
		return &s.t.rec(r).link
	}
	switch {
	case r < headWork:
		return &s.wheel[r&^headBit]
	case r == headWork:
		return &s.work
	case r == headProbation:
		return &s.probation
	case r == headLoose:
		return &s.loose
	case r == headExile:
		return &s.exile
	}
	sp := &s.lay.spools[(r-headSpools)>>1]
	if (r-headSpools)&1 == 0 {
		return &sp.clean
	}
	return &sp.idle
}

// between puts r, which is in no list, between two neighbours.
func (s *shard) between(r, prev, next ref) {
	l := s.linkOf(r)
	if invariants.Enabled && (l.next != 0 || l.prev != 0) {
		panic("lease: record is linked twice")
	}
	l.prev, l.next = prev, next
	s.linkOf(prev).next = r
	s.linkOf(next).prev = r
}

// pushBack appends r to the list of a head.
func (s *shard) pushBack(head, r ref) { s.between(r, s.linkOf(head).prev, head) }

// pushFront puts r first.
func (s *shard) pushFront(head, r ref) { s.between(r, head, s.linkOf(head).next) }

// unlink takes r out of its list.
func (s *shard) unlink(r ref) {
	l := s.linkOf(r)
	if invariants.Enabled && (s.linkOf(l.prev).next != r || s.linkOf(l.next).prev != r) {
		panic("lease: list is torn")
	}
	s.linkOf(l.prev).next = l.next
	s.linkOf(l.next).prev = l.prev
	*l = link{}
}

// schedule puts r where the reaper finds it at its expiry. A record whose expiry
// moves to later stays where it is: the reaper looks at it in vain and moves it,
// which costs less than moving it with each renewal.
//
// The wheel has one slot a second; what is due after more than one turn is
// looked at in every turn.
func (s *shard) schedule(r ref, rec *record) {
	if rec.expires == Never {
		s.pushBack(headLoose, r)
		return
	}
	due := max(rec.expires, s.turn) // the slot of what is overdue has gone by
	s.pushBack(headBit|ref(due%wheelSlots), r)
}

// probate puts r into the list of probations, which is in order of expiry.
func (s *shard) probate(r ref, rec *record) {
	at := s.probation.prev
	for at != headProbation && s.t.rec(at).expires > rec.expires {
		at = s.t.rec(at).prev
	}
	s.between(r, at, s.linkOf(at).next)
}

// splice appends a whole list to another, and empties it.
func (s *shard) splice(to, from ref) {
	l := s.linkOf(from)
	if l.next == from {
		return
	}
	last := s.linkOf(to).prev
	s.linkOf(last).next = l.next
	s.linkOf(l.next).prev = last
	s.linkOf(l.prev).next = to
	s.linkOf(to).prev = l.prev
	*l = link{from, from}
}
