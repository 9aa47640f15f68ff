// SPDX-License-Identifier: Apache-2.0

package lease

import "xdhcp/internal/invariants"

// stint is how many records the reaper looks at before it lets go of a shard.
const stint = 64

// Expire ends leases, offers and probations whose time has come. It looks at no
// more than budget records (some only to find that they were extended) and
// returns how many: less than budget means that it has caught up with now. The
// next call goes on where this one stopped. One goroutine calls it, about every
// second, with a lane of its own.
func (t *Table) Expire(now Time, budget int, b *Batch) int {
	t.reap.Lock()
	defer t.reap.Unlock()
	n := 0
	for range t.shards {
		s := &t.shards[t.turn]
		for more := true; more; {
			if n >= budget {
				return n
			}
			var did int
			did, more = s.expire(now, min(stint, budget-n), b)
			n += did
		}
		n += s.repatriate(budget - n)
		if invariants.Enabled {
			s.mustBeSound()
		}
		t.turn = (t.turn + 1) & (len(t.shards) - 1)
	}
	return n
}

// expire looks at no more than max records of a shard; more says that it has
// not caught up.
func (s *shard) expire(now Time, max int, b *Batch) (n int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	for ; n < max; n++ {
		if r := s.probation.next; r != headProbation && s.t.rec(r).expires <= now {
			s.acquit(r, s.t.rec(r), now, b)
			continue
		}
		if !s.advance(now) {
			return n, false
		}
		s.overdue(s.work.next, now, b)
	}
	return n, true
}

// advance turns the wheel until there is work. False: it has reached now.
func (s *shard) advance(now Time) bool {
	for s.work.next == headWork {
		if s.turn > now {
			return false
		}
		if now-s.turn >= wheelSlots {
			s.turn = now - (wheelSlots - 1) // one turn shows all slots
		}
		s.splice(headWork, headBit|ref(s.turn%wheelSlots))
		s.turn++
	}
	return true
}

// overdue handles one record that the wheel brought up.
func (s *shard) overdue(r ref, now Time, b *Batch) {
	rec := s.t.rec(r)
	switch {
	case rec.expires > now:
		s.unlink(r)
		s.schedule(r, rec)
	case rec.state == stOffered:
		s.unoffer(r, rec, false)
	case rec.state == stHeld:
		s.acquit(r, rec, now, b)
	default:
		s.lapse(OpExpire, r, rec, now, b)
	}
}

// acquit ends a probation: the address is free, and nobody's.
func (s *shard) acquit(r ref, rec *record, now Time, b *Batch) {
	full := s.overtakes(b, rec)
	s.unlink(r)
	s.record(b, OpExpire, r, rec, now, full)
	s.forget(r, rec)
	s.free(r, rec, false)
}

// repatriate gives free addresses of pools that this shard does not serve to one
// that does. There are some when a reload has moved addresses to another scope.
func (s *shard) repatriate(max int) (n int) {
	for ; n < max; n++ {
		s.mu.Lock()
		r := s.exile.next
		if r == headExile {
			s.mu.Unlock()
			return n
		}
		rec := s.t.rec(r)
		to := s.t.shardAt(&s.lay.pools[s.lay.poolOf(s.t.addrOf(r))], 0)
		s.detach(r, rec)
		rec.owner.Store(to.id)
		s.mu.Unlock()

		to.mu.Lock()
		rec.pool = to.poolFor(s.t.addrOf(r))
		to.free(r, rec, false)
		to.mu.Unlock()
	}
	return n
}
