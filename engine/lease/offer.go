// SPDX-License-Identifier: Apache-2.0

package lease

// Offer chooses an address for a DISCOVER (RFC 2131 §4.3.1) and holds it for
// hold seconds: the client's present lease or offer, the address that it had
// before, what it wants, then the pools in their order; with a reservation, that
// one only. Nothing is journaled.
//
// In a pool, addresses that nobody had go out first, then those that were free
// the longest; when there is nothing else, the address on probation that would
// be back first.
//
// Full: no address. Taken: the reservation is not free. Busy: ask again.
func (t *Table) Offer(r *Request, hold uint32, now Time) (IP4, Outcome) {
	k, out := t.key(r.Scope, &r.Client)
	switch out {
	case Unknown:
		return 0, Full
	case BadClient:
		return 0, out
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	for range tries {
		if !s.lay.knows(r) {
			return 0, Busy
		}
		if r.Want != 0 {
			// Most clients that come back ask for what they have.
			if own := s.held(r.Want, &k, &r.Client); own != 0 && !t.rec(own).twin() && s.mayHave(r, own) {
				return s.keep(own, 0, hold, now), OK
			}
		}
		cur, off, _ := s.find(&k, &r.Client)
		if own := s.own(r, cur, off); own != 0 {
			return s.keep(own, off, hold, now), OK
		}
		lay := s.lay
		h, moved, out := t.choose(s, r)
		if moved {
			// Others had the shard meanwhile: they may have served this client.
			now = s.clock(now)
			cur, off, _ = s.find(&k, &r.Client)
			own := s.own(r, cur, off)
			if h != 0 {
				t.rec(h).pool = s.poolFor(t.addrOf(h))
				if own != 0 || s.lay != lay {
					s.free(h, t.rec(h), true)
				}
			}
			if own != 0 || s.lay != lay {
				continue
			}
		}
		if h == 0 {
			return 0, out
		}
		rec := t.rec(h)
		if off != 0 {
			s.unoffer(off, t.rec(off), true)
		}
		s.name(h, rec, &k, &r.Client)
		s.hold(h, rec, now.add(hold))
		if cur != 0 || off != 0 {
			rec.hw |= fTwin
			s.tidy(h, rec)
		}
		return t.addrOf(h), OK
	}
	return 0, Busy
}

// tries bounds how often a decision begins anew because others were faster.
const tries = 8

// own chooses among the client's records the one that it may be offered:
// its lease, then what is offered already, then what it had.
func (s *shard) own(r *Request, cur, off ref) ref {
	if cur != 0 && s.t.rec(cur).state == stBound && s.mayHave(r, cur) {
		return cur
	}
	if off != 0 && s.mayHave(r, off) {
		return off
	}
	if cur != 0 && s.t.rec(cur).state == stIdle && s.mayHave(r, cur) {
		return cur
	}
	return 0
}

// mayHave reports whether a record of the client's is an address that the
// client may have: its reservation if there is one, else one of its pools.
func (s *shard) mayHave(r *Request, x ref) bool {
	if r.Reserved != 0 {
		return s.t.addrOf(x) == r.Reserved
	}
	return s.lay.allows(r, s.t.rec(x).pool)
}

// keep offers what is the client's already.
func (s *shard) keep(own, off ref, hold uint32, now Time) IP4 {
	if off != 0 && off != own {
		s.unoffer(off, s.t.rec(off), true)
	}
	rec := s.t.rec(own)
	switch rec.state {
	case stOffered:
		if until := now.add(hold); until > rec.expires {
			rec.expires = until // the wheel finds out by itself
		}
	case stIdle:
		s.unlink(own)
		rec.flags |= fRemembered
		if rec.flags&fReleased == 0 {
			rec.start = rec.expires // kept there for unoffer
		}
		s.hold(own, rec, now.add(hold))
	}
	return s.t.addrOf(own)
}

// hold makes an unlinked record an offer.
func (s *shard) hold(r ref, rec *record, until Time) {
	s.become(rec, stOffered)
	rec.expires = until
	s.schedule(r, rec)
}

// Withdraw takes back what is held for a client that chose another server
// (RFC 2131 §4.3.2); the address is the next to be offered. A lease is never
// touched.
func (t *Table) Withdraw(scope ScopeID, c *Client, now Time) {
	k, out := t.key(scope, c)
	if out != OK {
		return
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock(now)
	if _, off, _ := s.find(&k, c); off != 0 {
		s.unoffer(off, t.rec(off), true)
	}
}
