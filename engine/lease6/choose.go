// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// choose claims a prefix for an IA that has none. s is locked. When something free is
// in the way in another shard, it is removed there; s was unlocked meanwhile, and
// vacated says what can be claimed now. vacant is what was vacated before.
func (t *Table) choose(s *shard, r *Request, vacant Prefix) (h ref, vacated Prefix, out lease.Outcome) {
	if !r.Reserved.IsNone() {
		h, vacated, out = t.grab(s, r.Reserved, vacant, true)
		if out == lease.NotYours {
			out = lease.Taken
		}
		return h, vacated, out
	}
	if !vacant.IsNone() && s.lay.allows(r, s.lay.poolFor(vacant)) {
		if h, _ = s.claim(vacant, false); h != 0 {
			return h, Prefix{}, lease.OK
		}
	}
	if !r.Hint.IsZero() && s.lay.allows(r, s.lay.poolFor(r.Hint)) {
		if h, vacated, _ = t.grab(s, r.Hint, vacant, false); h != 0 || !vacated.IsNone() {
			return h, vacated, lease.OK
		}
	}
	for p, rank := s.next(r, -1); p != noPool; p, rank = s.next(r, rank) {
		if h = s.fresh(p, r); h != 0 {
			return h, Prefix{}, lease.OK
		}
		for skip := range lookAhead { // what overlaps something odd cannot be had
			_, old := s.lay.pools[p].oldest(t, skip)
			if old.IsNone() {
				break
			}
			if h, vacated, _ = t.grab(s, old, vacant, false); h != 0 || !vacated.IsNone() {
				return h, vacated, lease.OK
			}
		}
	}
	for p, rank := s.next(r, -1); p != noPool; p, rank = s.next(r, rank) {
		if s.lay.pools[p].n[stDeclined].Load() > 0 {
			if vacated = t.parole(s, p); !vacated.IsNone() {
				return 0, vacated, lease.OK
			}
			return 0, Prefix{}, lease.Full // s was unlocked; the client asks again
		}
	}
	return 0, Prefix{}, lease.Full
}

// next is the pool that is to be tried after the one of a rank: by how well its
// length fits, then as the request has them.
func (s *shard) next(r *Request, last int) (pool lease.PoolID, rank int) {
	pool = noPool
	for i, q := range r.Pools {
		p := s.lay.translate(r, q)
		if p == noPool {
			continue
		}
		if n := r.fit(s.lay.pools[p].len)<<16 | i; n > last && (pool == noPool || n < rank) {
			pool, rank = p, n
		}
	}
	return pool, rank
}

// grab claims one prefix, if it is free: see choose for what it returns. NotYours: it
// is not free.
func (t *Table) grab(s *shard, p, vacant Prefix, reserved bool) (h ref, vacated Prefix, out lease.Outcome) {
	if !reserved && p != vacant && s.closed(s.lay.poolFor(p)) && t.at(p) == 0 {
		return 0, Prefix{}, lease.NotYours
	}
	h, other := s.claim(p, reserved)
	if h == 0 && other != 0 && t.home(other) == s && s.takeable(t.rec(other)) {
		s.evict(other, t.rec(other))
		h, other = s.claim(p, reserved) // another shard may have been faster
	}
	switch {
	case h != 0:
		return h, Prefix{}, lease.OK
	case other == 0 || t.home(other) == s || !t.vacate(s, other, p):
		return 0, Prefix{}, lease.NotYours
	}
	return 0, p, lease.Busy
}

// vacate removes a free record of another shard; false: it is not free. s is locked,
// and unlocked meanwhile.
func (t *Table) vacate(s *shard, other ref, p Prefix) bool {
	s.mu.Unlock()
	defer s.mu.Lock()
	v := t.home(other)
	v.mu.Lock()
	defer v.mu.Unlock()
	rec := t.rec(other)
	switch {
	case rec.state == stNone || rec.pfx() != p: // gone meanwhile
	case v.takeable(rec):
		v.evict(other, rec)
		v.steals++
	default:
		return false
	}
	return true
}

// parole removes the record of a pool whose probation would end first, and says what
// prefix that was. s is locked, and unlocked meanwhile.
func (t *Table) parole(s *shard, p lease.PoolID) (freed Prefix) {
	body := s.lay.body
	s.mu.Unlock()
	defer s.mu.Lock()
	var best *shard
	until := lease.Never
	for i := range t.shards {
		v := &t.shards[i]
		v.mu.Lock()
		if r := v.declined(body, p); r != 0 && (best == nil || t.rec(r).expires < until) {
			best, until = v, t.rec(r).expires
		}
		v.mu.Unlock()
	}
	if best == nil {
		return Prefix{}
	}
	best.mu.Lock()
	defer best.mu.Unlock()
	if r := best.declined(body, p); r != 0 {
		rec := t.rec(r)
		freed = rec.pfx()
		best.unlink(r, rec)
		best.discard(r, rec)
	}
	return freed
}

// paroleAhead bounds the search in a shard for a probation that can end early.
const paroleAhead = 1024

// declined is the first of a pool's records on probation, if the shard is of that
// layout. One that nobody has declined is a repair's, and is kept to its end.
func (s *shard) declined(b *body, p lease.PoolID) ref {
	if s.lay.body != b {
		return 0
	}
	r := s.probation.next
	for range paroleAhead {
		if r == headProbation {
			break
		}
		rec := s.t.rec(r)
		if rec.pool == p && rec.ia != 0 && s.t.durable(rec.pending) {
			return r
		}
		r = rec.next
	}
	return 0
}
