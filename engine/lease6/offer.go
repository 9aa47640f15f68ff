// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// tries bounds how often a decision begins anew because others were faster.
const tries = 8

// Offer holds a prefix for the IA for hold seconds, in memory only, and says which.
// In this order: the lease that it has (which stays as it is), what is offered to
// it already, what is remembered for it, its reservation, its hint, one that nobody
// has, one that is remembered for somebody else, one on probation. Only what lies in
// r.Pools is offered, or the reservation if there is one. What is remembered or
// offered gives way to the length of a hint that one of r.Pools has exactly.
//
// Full: nothing is free. Taken: the reservation is (partly) somebody else's still.
// Busy: ask again.
func (t *Table) Offer(r *Request, hold uint32, now lease.Time) (Prefix, lease.Outcome) {
	if r.Who == nil {
		return t.offerAlone(r, hold, now)
	}
	return t.offer(r, hold, now)
}

func (t *Table) offer(r *Request, hold uint32, now lease.Time) (Prefix, lease.Outcome) {
	if r.bad() {
		return Prefix{}, lease.BadClient
	}
	var k key // without its shard, as in commit
	k.tag, k.scope, k.ia, k.duid = r.Who.tag(r.Scope, r.IA), r.Scope, r.IA, r.Client.DUID
	s := t.shardOf(r.Who.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	var vacant Prefix
	for range tries {
		if !s.lay.knows(r) {
			return Prefix{}, lease.Busy
		}
		now = s.clock(now)
		if own := s.own(r, &k); own != 0 {
			return s.keep(own, hold, now), lease.OK
		}
		h, vacated, out := t.choose(s, r, vacant)
		if h == 0 && vacated.IsNone() {
			return Prefix{}, out
		}
		if vacant = vacated; h == 0 {
			continue // others had the shard meanwhile
		}
		rec := t.rec(h)
		p := rec.pfx()
		if s.n[stOffered] >= t.maxOffers {
			s.discard(h, rec)
			return p, lease.OK
		}
		if r.Reserved.IsNone() {
			s.withdraw(&k)
		}
		w := t.who(r)
		s.name(h, rec, &k, &w.lens, w.image())
		s.hold(h, rec, after(now, hold))
		return p, lease.OK
	}
	return Prefix{}, lease.Busy
}

// own chooses among the IA's records the one that it may be offered: a lease, then
// what is offered already, then what it had; of several the one that it asks for,
// else the one that it used last.
func (s *shard) own(r *Request, k *key) (best ref) {
	rank := 0
	r.Others = 0
	var used lease.Time
	for i := s.idx.First(k.tag); uint32(s.idx.E[i]>>32) == k.tag; i++ {
		o := ref(s.idx.E[i])
		rec := s.t.rec(o)
		if !s.is(rec, k) {
			continue
		}
		if rec.state == stBound {
			r.Others++
		}
		if !s.mayHave(r, rec) {
			continue
		}
		n := 0
		switch rec.state {
		case stBound:
			n = 6
		case stOffered:
			if !s.unfit(r, rec.len) {
				n = 4
			}
		case stIdle:
			if !s.unfit(r, rec.len) && s.revivable(rec) {
				n = 2
			}
		}
		if n > 0 && rec.pfx() == r.Hint {
			n++
		}
		if n > rank || n == rank && n > 0 && rec.cltt > used {
			best, rank, used = o, n, rec.cltt
		}
	}
	if r.Had = rank >= 6; r.Had {
		r.Others-- // best is a lease
	}
	return best
}

// unfit reports whether another length is wished for, and can be had.
func (s *shard) unfit(r *Request, length uint8) bool {
	if r.fit(length) == 0 || !r.Reserved.IsNone() {
		return false
	}
	for _, q := range r.Pools {
		if p := s.lay.translate(r, q); p != noPool && s.lay.pools[p].len == r.Hint.Len {
			return true
		}
	}
	return false
}

// fit says how far a length is from the one that a client of IA_PD wishes for: 0 is
// best. RFC 8168 §3.2: if there is none of that length, one "whose length is shorter
// and closest to the prefix-length hint value". Longer ones are last.
func (r *Request) fit(length uint8) int {
	switch wish := r.Hint.Len; {
	case r.IA.Type != PD || wish == 0:
		return 0
	case length <= wish:
		return int(wish - length)
	default:
		return 128 + int(length-wish)
	}
}

// keep offers what is the IA's already.
func (s *shard) keep(own ref, hold uint32, now lease.Time) Prefix {
	rec := s.t.rec(own)
	switch rec.state {
	case stOffered:
		if until := after(now, hold); until > rec.expires {
			rec.expires = until // the wheel finds out by itself
		}
	case stIdle:
		if s.n[stOffered] >= s.t.maxOffers {
			break
		}
		s.unlink(own, rec)
		rec.flags |= fRemembered
		rec.preferred = rec.expires // kept there for unoffer
		s.hold(own, rec, after(now, hold))
	}
	return rec.pfx()
}

// withdraw takes back all that is offered to an IA.
func (s *shard) withdraw(k *key) {
	for i := s.idx.First(k.tag); uint32(s.idx.E[i]>>32) == k.tag; i++ {
		r := ref(s.idx.E[i])
		if rec := s.t.rec(r); rec.state == stOffered && s.is(rec, k) {
			s.unoffer(r, rec, true)
			i = s.idx.First(k.tag) - 1 // the index has moved
		}
	}
}

// Withdraw takes back what is held for an IA whose client chose another server. A
// lease is never touched.
func (t *Table) Withdraw(scope lease.ScopeID, duid []byte, ia IA, now lease.Time) {
	k, ok := t.keyOf(scope, duid, ia)
	if !ok {
		return
	}
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	k.s.clock(now)
	k.s.withdraw(&k)
}
