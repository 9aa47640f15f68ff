// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"xdhcp/engine/lease"
	"xdhcp/internal/invariants"
)

const (
	// stint is how many records the reaper looks at before it lets go of a shard.
	stint = 64

	// What is free is remembered for so many seconds at least, and so many in a pool.
	youngest   = 60
	fewestIdle = 4096
)

// Expire ends leases, offers and probations whose time has come, and forgets what
// is remembered for too long. It looks at no more than budget records (some only to
// find that they were extended) and returns how many: less than budget means that it
// has caught up with now. The next call goes on where this one stopped. One goroutine
// calls it, about every second, with a lane of its own.
func (t *Table) Expire(now lease.Time, budget int, b *lease.Batch) int {
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
		if invariants.Enabled {
			s.mustBeSound()
		}
		t.turn = (t.turn + 1) & (len(t.shards) - 1)
	}
	return n + t.forget(now, budget-n)
}

// expire looks at no more than max records of a shard; more says that it has not
// caught up.
func (s *shard) expire(now lease.Time, max int, b *lease.Batch) (n int, more bool) {
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
func (s *shard) advance(now lease.Time) bool {
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
func (s *shard) overdue(r ref, now lease.Time, b *lease.Batch) {
	rec := s.t.rec(r)
	switch {
	case rec.expires > now:
		s.unlink(r, rec)
		s.schedule(r, rec)
	case rec.state == stOffered:
		s.unoffer(r, rec, false)
	default:
		s.lapse(OpExpire, r, rec, now, b)
	}
}

// acquit ends a probation: the prefix is free, and nobody's.
func (s *shard) acquit(r ref, rec *record, now lease.Time, b *lease.Batch) {
	s.unlink(r, rec)
	s.record(b, OpExpire, rec, now, nil)
	s.unname(r, rec)
	s.rest(r, rec, false)
}

// forget removes what has been free for long in pools that have room, and in none.
func (t *Table) forget(now lease.Time, budget int) (n int) {
	t.conf.Lock()
	lay := t.layout
	t.conf.Unlock()
	n = t.forgetIn(&t.strays, now, budget)
	for i, p := range lay.pools {
		if p.records() < lay.capacity[i]/2 {
			n += t.forgetIn(p, now, budget-n)
		}
	}
	return n
}

func (t *Table) forgetIn(p *pool, now lease.Time, budget int) (n int) {
	for ; n < budget && p.n[stIdle].Load() > 0; n++ {
		r, pfx := p.oldest(t, 0)
		if r == 0 {
			break
		}
		s := t.home(r)
		s.mu.Lock()
		rec := t.rec(r)
		old := rec.state == stIdle && rec.pfx() == pfx && s.poolOf(rec) == p && s.t.durable(rec.pending)
		if old {
			age := s.clock(now) - min(rec.expires, s.now)
			many := p.n[stIdle].Load() > max(fewestIdle, p.n[stBound].Load())
			if old = age > t.remember || age > youngest && (many || rec.ia == 0); old {
				s.evict(r, rec)
			}
		}
		s.mu.Unlock()
		if !old {
			break
		}
	}
	return n
}
