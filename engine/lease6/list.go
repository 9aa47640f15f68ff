// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"cmp"
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/internal/invariants"
)

// link is a place in a list that runs in a circle through its head. Heads are refs
// with headBit; they lie in the shard or in the pool.
type link struct{ next, prev ref }

const headBit ref = 1 << 31

// Heads of a shard, and the one of a pool.
const (
	wheelSlots    = 512
	headWork      = headBit + wheelSlots // the wheel's slots come before; this one is being worked off
	headProbation = headWork + 1         // declined, earliest end first
	headLoose     = headWork + 2         // infinite leases
	headIdle      = headWork + 3         // in the pool
)

// ring are the lists of a shard, or of a pool, around the records.
type ring interface{ linkOf(t *Table, r ref) *link }

func (s *shard) linkOf(t *Table, r ref) *link {
	switch {
	case r&headBit == 0:
		return &t.rec(r).link
	case r < headWork:
		return &s.wheel[r&^headBit]
	case r == headWork:
		return &s.work
	case r == headProbation:
		return &s.probation
	}
	return &s.loose
}

func (p *pool) linkOf(t *Table, r ref) *link {
	if r == headIdle {
		return &p.idle
	}
	return &t.rec(r).link
}

// between puts r, which is in no list, between two neighbours.
func between[R ring](t *Table, x R, r, prev, next ref) {
	l := x.linkOf(t, r)
	if invariants.Enabled && (l.next != 0 || l.prev != 0) {
		panic("lease6: record is linked twice")
	}
	l.prev, l.next = prev, next
	x.linkOf(t, prev).next = r
	x.linkOf(t, next).prev = r
}

func cut[R ring](t *Table, x R, r ref) {
	l := x.linkOf(t, r)
	if invariants.Enabled && (x.linkOf(t, l.prev).next != r || x.linkOf(t, l.next).prev != r) {
		panic("lease6: list is torn")
	}
	x.linkOf(t, l.prev).next = l.next
	x.linkOf(t, l.next).prev = l.prev
	*l = link{}
}

// unlink takes a record out of its list.
func (s *shard) unlink(r ref, rec *record) {
	if rec.state != stIdle {
		cut(s.t, s, r)
		return
	}
	p := s.poolOf(rec)
	p.mu.Lock()
	cut(s.t, p, r)
	p.mu.Unlock()
}

// pushBack appends r to a list of the shard.
func (s *shard) pushBack(head, r ref) { between(s.t, s, r, s.linkOf(s.t, head).prev, head) }

// shelve puts an idle record into its pool's list.
func (s *shard) shelve(r ref, rec *record, front bool) {
	p := s.poolOf(rec)
	p.mu.Lock()
	if front {
		between(s.t, p, r, headIdle, p.idle.next)
	} else {
		between(s.t, p, r, p.idle.prev, headIdle)
	}
	p.mu.Unlock()
}

// schedule puts r where the reaper finds it at its expiry. A record whose expiry
// moves to later stays where it is: the reaper looks at it in vain and moves it,
// which costs less than moving it with each renewal.
//
// The wheel has one slot a second; what is due after more than one turn is looked
// at in every turn.
func (s *shard) schedule(r ref, rec *record) {
	if rec.expires == lease.Never {
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
	between(s.t, s, r, at, s.linkOf(s.t, at).next)
}

// splice appends a whole list of the shard to another, and empties it.
func (s *shard) splice(to, from ref) {
	l := s.linkOf(s.t, from)
	if l.next == from {
		return
	}
	last := s.linkOf(s.t, to).prev
	s.linkOf(s.t, last).next = l.next
	s.linkOf(s.t, l.next).prev = last
	s.linkOf(s.t, l.prev).next = to
	s.linkOf(s.t, to).prev = l.prev
	*l = link{from, from}
}

// sort brings the idle list into the order in which its records became free.
func (p *pool) sort(t *Table) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var order []ref
	for r := p.idle.next; r != headIdle; r = t.rec(r).next {
		order = append(order, r)
	}
	slices.SortStableFunc(order, func(x, y ref) int { return cmp.Compare(t.rec(x).expires, t.rec(y).expires) })
	last := headIdle
	for _, r := range order {
		p.linkOf(t, last).next, t.rec(r).prev = r, last
		last = r
	}
	p.linkOf(t, last).next, p.idle.prev = headIdle, last
}

// oldest is, of the records that may be given to others, the one that became free
// first but skip, and its prefix. 0: there is none.
func (p *pool) oldest(t *Table, skip int) (ref, Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.idle.next
	for range lookAhead + skip {
		if r == headIdle {
			break
		}
		rec := t.rec(r)
		if t.durable(rec.pending) {
			if skip == 0 {
				return r, rec.pfx()
			}
			skip--
		}
		r = rec.next
	}
	return 0, Prefix{}
}

// lookAhead bounds the search for a record whose freeing is durable. The list is
// oldest first: if the first few are not on disk yet, hardly any is.
const lookAhead = 16
