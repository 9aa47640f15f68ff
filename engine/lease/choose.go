// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"math/bits"
	"sync/atomic"
)

// choose takes a free address for a client that has none, into the hand. s is
// locked; moved says that it was unlocked meanwhile.
func (t *Table) choose(s *shard, r *Request) (h ref, moved bool, out Outcome) {
	if r.Reserved != 0 {
		h, moved, out = t.grab(s, r.Reserved)
		if out == NotYours {
			out = Taken
		}
		return h, moved, out
	}
	if r.Want != 0 && s.lay.allows(r, s.lay.poolOf(r.Want)) {
		if h, moved, _ = t.grab(s, r.Want); h != 0 {
			return h, moved, OK
		}
	}
	body := s.lay.body
	for _, q := range r.Pools {
		p := s.lay.translate(r, q)
		if p == noPool {
			continue
		}
		if s.lay.body != body {
			return 0, moved, Busy // only after grab or steal has unlocked
		}
		h = s.fresh(p)
		for kind := haveNew; h == 0 && kind <= haveIdle; kind++ {
			if kind == haveIdle {
				h = s.oldest(p)
			}
			if h == 0 {
				var left bool
				h, left = t.steal(s, p, kind)
				moved = moved || left
			}
			if h == 0 && s.lay.body != body {
				return 0, moved, Busy
			}
		}
		if h != 0 {
			return h, moved, OK
		}
	}
	for _, q := range r.Pools {
		if p := s.lay.translate(r, q); p != noPool && s.lay.body == body {
			if h = t.parole(s, p); h != 0 {
				return h, true, OK
			}
			moved = true
		}
	}
	return 0, moved, Full
}

// grab takes one address, if it is free, into the hand: untouched, this
// shard's, or another's. NotYours: it is not free. s is locked; moved says that
// it was unlocked meanwhile.
func (t *Table) grab(s *shard, a IP4) (h ref, moved bool, out Outcome) {
	h = t.touch(a)
	if h == 0 {
		return 0, false, Full
	}
	rec := t.rec(h)
	for range tries {
		switch o := rec.owner.Load(); o {
		case 0:
			if t.claim(h, s.id) {
				rec.pool = s.poolFor(a)
				return h, moved, OK
			}
		case s.id:
			if rec.state == stHand {
				return 0, moved, Busy
			}
			if !s.takeable(rec) {
				return 0, moved, NotYours
			}
			s.detach(h, rec)
			return h, moved, OK
		default:
			moved = true
			s.mu.Unlock()
			out, still := t.shards[o-1].cede(h, rec, s.id)
			s.mu.Lock()
			switch {
			case !still: // it went elsewhere meanwhile
			case out == OK:
				s.steals++
				return h, moved, OK
			default:
				return 0, moved, out
			}
		}
	}
	return 0, moved, Busy
}

// cede gives one address to another shard, if it is still ours, and free.
func (s *shard) cede(h ref, rec *record, to uint32) (out Outcome, still bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case rec.owner.Load() != s.id:
		return Busy, false
	case rec.state == stHand:
		return Busy, true
	case !s.takeable(rec):
		return NotYours, true
	}
	s.detach(h, rec)
	rec.owner.Store(to)
	return OK, true
}

// fresh takes an address of this shard that nobody had yet.
func (s *shard) fresh(p PoolID) ref {
	n := s.spoolAt(p)
	if h := s.first(headClean(n)); h != 0 {
		return h
	}
	sp, pl := &s.lay.spools[n], &s.lay.pools[p]
	for {
		if h := s.untouched(sp, s.id); h != 0 {
			return h
		}
		sp.fresh, sp.left = pl.take(s.t)
		if sp.left == 0 {
			return 0
		}
	}
}

// untouched claims the next address of the spool's chunk for a shard, which may
// be another. Some may have been claimed one by one before.
func (s *shard) untouched(sp *spool, to uint32) (h ref) {
	for h == 0 && sp.left > 0 {
		r := s.t.touch(sp.fresh)
		sp.fresh++
		sp.left--
		if r != 0 && s.t.claim(r, to) {
			s.t.rec(r).pool = sp.pool
			h = r
		}
	}
	if sp.left > 0 {
		s.t.fetch(sp.fresh) // for the next time
	}
	s.lay.publish(sp)
	return h
}

// oldest takes the address of this shard that has been free for the longest.
func (s *shard) oldest(p PoolID) ref { return s.first(headIdle(s.spoolAt(p))) }

// first takes the first address of a free list whose freeing is durable.
func (s *shard) first(head ref) ref {
	h := s.linkOf(head).next
	for range lookAhead {
		if h == head {
			return 0
		}
		rec := s.t.rec(h)
		if s.takeable(rec) {
			if next := rec.next; next != head {
				s.t.slab(next).fetch(next) // for the next time
			}
			s.detach(h, rec)
			return h
		}
		h = rec.next
	}
	return 0
}

// lookAhead bounds the search for an address whose freeing is durable. The list
// is oldest first: if the first few are not on disk yet, hardly any is.
const lookAhead = 16

// steal takes a free address of pool p out of another shard. s is locked; left
// says that it was unlocked meanwhile.
func (t *Table) steal(s *shard, p PoolID, kind int) (h ref, left bool) {
	body := s.lay.body
	pl := &body.pools[p]
	me := int(s.seat(pl))
	width := int(pl.spread.mask) + 1
	for i := 1; h == 0 && i < width; i++ {
		seat := nextSeat(pl.have[kind], (me+i)&(width-1))
		if seat < 0 {
			i += width - 1 - (me+i)&(width-1) // none up to the last one
			continue
		}
		i += seat - (me+i)&(width-1)
		if i >= width {
			break
		}
		if !left {
			left = true
			s.mu.Unlock()
		}
		h = t.shardAt(pl, seat).give(body, p, kind, s.id)
	}
	if left {
		s.mu.Lock()
	}
	if h != 0 {
		s.steals++
	}
	return h, left
}

// nextSeat is the first spool from seat on whose bit is set, -1 if none is.
func nextSeat(have []atomic.Uint64, seat int) int {
	word := have[seat/64].Load() >> (seat % 64) << (seat % 64)
	for w := seat / 64; ; word = have[w].Load() {
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
		if w++; w == len(have) {
			return -1
		}
	}
}

// shardAt is the shard that has a seat in a pool.
func (t *Table) shardAt(p *pool, seat int) *shard {
	return &t.shards[(int(p.spread.base)+seat)&(len(t.shards)-1)]
}

// give hands a free address of a pool to another shard.
func (s *shard) give(body *body, p PoolID, kind int, to uint32) (h ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lay.body != body {
		return 0 // a reload has reached one of us only
	}
	n := s.spoolAt(p)
	if kind == haveIdle {
		h = s.first(headIdle(n))
	} else if h = s.first(headClean(n)); h == 0 {
		return s.untouched(&s.lay.spools[n], to)
	}
	if h != 0 {
		s.t.rec(h).owner.Store(to)
	}
	return h
}

// parole takes the address of a pool whose probation would end first. s is
// locked, and unlocked meanwhile.
func (t *Table) parole(s *shard, p PoolID) (h ref) {
	body := s.lay.body
	pl := &body.pools[p]
	s.mu.Unlock()
	var best *shard
	until := Never
	for seat := nextSeat(pl.have[haveDeclined], 0); seat >= 0; seat = nextSeat(pl.have[haveDeclined], seat+1) {
		v := t.shardAt(pl, seat)
		v.mu.Lock()
		if r := v.declined(body, p); r != 0 && (best == nil || t.rec(r).expires < until) {
			best, until = v, t.rec(r).expires
		}
		v.mu.Unlock()
		if seat == int(pl.spread.mask) {
			break
		}
	}
	if best != nil {
		best.mu.Lock()
		if h = best.declined(body, p); h != 0 {
			best.detach(h, t.rec(h))
			t.rec(h).owner.Store(s.id)
		}
		best.mu.Unlock()
	}
	s.mu.Lock()
	return h
}

// declined is the first of a pool's addresses on probation, if the shard
// is of that layout.
func (s *shard) declined(body *body, p PoolID) ref {
	if s.lay.body != body {
		return 0
	}
	for r := s.probation.next; r != headProbation; r = s.t.rec(r).next {
		if rec := s.t.rec(r); rec.pool == p && s.t.durable(rec.pending) {
			return r
		}
	}
	return 0
}
