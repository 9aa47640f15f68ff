// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// The methods of this file change one record of a locked shard. Each leaves the
// record in exactly one list, counted once; or, where it says so, in none.

// become changes a record's state and keeps the counters, and the odd list.
func (s *shard) become(rec *record, state uint8) {
	p := s.poolOf(rec)
	s.count(rec, p, ^uint32(0))
	rec.state = state
	s.count(rec, p, 1)
	if rec.flags&fOdd != 0 && !rec.active() {
		rec.flags &^= fOdd
		if state == stIdle {
			s.t.odd.free(rec.pfx(), rec.pending)
		} else {
			s.t.odd.drop(rec.pfx())
		}
	}
}

func (s *shard) count(rec *record, p *pool, by uint32) {
	if rec.state == stNone {
		return
	}
	s.n[rec.state] += by
	p.n[rec.state].Add(uint64(int64(int32(by))))
	if rec.state == stBound && rec.len < 128 {
		s.prefixes += by
	}
}

// name makes a record the IA's: found by it, and holding what is known of it.
func (s *shard) name(r ref, rec *record, k *key, lens *[numParts]uint8, image []byte) {
	s.untag(r, rec)
	s.store(rec, lens, image)
	rec.flags &^= fAccepts
	rec.scope, rec.iaid, rec.ia = k.scope, k.ia.ID, k.ia.Type
	rec.tag = k.tag
	s.idx.Insert(k.tag, uint32(r))
	s.gen++
}

// untag makes a record unfindable by its client, but keeps what is known of it.
func (s *shard) untag(r ref, rec *record) {
	if rec.tag != 0 {
		s.idx.Remove(rec.tag, uint32(r))
		s.gen++
		rec.tag = 0
	}
}

// unname makes a record nobody's.
func (s *shard) unname(r ref, rec *record) {
	s.untag(r, rec)
	s.drop(rec)
	rec.flags &^= fAccepts
	rec.scope, rec.iaid, rec.ia = 0, 0, 0
}

// rest makes an unlinked record idle.
func (s *shard) rest(r ref, rec *record, front bool) {
	if rec.ia == TA {
		s.unname(r, rec) // a client wants a new one each time (RFC 8981)
	}
	s.become(rec, stIdle)
	s.shelve(r, rec, front)
	if rec.tag != 0 {
		s.tidy(r, rec)
	}
}

// tidy leaves an IA the memory of one idle record: the one that it had last. r is one.
func (s *shard) tidy(r ref, rec *record) {
	tag := rec.tag
	k := key{scope: rec.scope, ia: IA{rec.ia, rec.iaid}, duid: s.parts(rec)[partDUID]}
	for i := s.idx.First(tag); uint32(s.idx.E[i]>>32) == tag; i++ {
		o := ref(s.idx.E[i])
		x := s.t.rec(o)
		if o == r || x.state != stIdle || !s.is(x, &k) {
			continue
		}
		if x.expires > rec.expires {
			s.unname(r, rec)
			return
		}
		s.unname(o, x)
		i = s.idx.First(tag) - 1 // the index has moved
	}
}

// hold makes an unlinked record an offer.
func (s *shard) hold(r ref, rec *record, until lease.Time) {
	s.become(rec, stOffered)
	rec.expires = until
	s.schedule(r, rec)
}

// unoffer takes an offer back.
func (s *shard) unoffer(r ref, rec *record, front bool) {
	s.unlink(r, rec)
	if rec.flags&fRemembered == 0 {
		s.discard(r, rec)
		return
	}
	rec.flags &^= fRemembered
	rec.expires = rec.preferred // kept there, see keep
	s.rest(r, rec, front)
}

// discard ends an unlinked record; if the log knows of it, only its version stays.
func (s *shard) discard(r ref, rec *record) { s.remove(r, rec) }

// evict ends an idle record.
func (s *shard) evict(r ref, rec *record) {
	s.unlink(r, rec)
	s.discard(r, rec)
}

// lapse makes a lease idle, and journals that.
func (s *shard) lapse(op lease.Op, r ref, rec *record, now lease.Time, b *lease.Batch) {
	s.unlink(r, rec)
	rec.flags &^= fReleased
	if op == OpRelease {
		rec.flags |= fReleased
		rec.expires, rec.cltt = now, now
	}
	s.record(b, op, rec, now, nil)
	s.rest(r, rec, false)
}

// takeable reports whether a record may make room for another client's.
func (s *shard) takeable(rec *record) bool {
	return rec.state == stIdle && s.t.durable(rec.pending)
}

// record notes a change in the record and in the batch. The record's fields are
// already those after the change, and room is the record's; nil makes the change a short one.
func (s *shard) record(b *lease.Batch, op lease.Op, rec *record, at lease.Time, room []byte) {
	rec.version++
	rec.pending = b.Ticket()
	rec.flags |= fLogged
	var f fixed // field by field: see Place in policy6
	f.op, f.p.IP6, f.p.Len, f.ia.Type, f.ia.ID = op, rec.prefix, rec.len, rec.ia, rec.iaid
	f.version, f.at, f.expires, f.start, f.preferred, f.scope = rec.version, at, rec.expires, rec.start, rec.preferred, rec.scope
	if room == nil {
		n := shortLen(op)
		f.put(b.Extend(n), n, 0)
		return
	}
	p := b.Extend(changeFull + len(room))
	flags := uint8(flagFull)
	if rec.flags&fAccepts != 0 {
		flags |= flagAccepts
	}
	f.put(p, len(p), flags)
	copy(p[offLens:], rec.lens[:])
	copy(p[changeFull:], room)
}

// held looks for the IA's record of a prefix, and counts its leases.
func (s *shard) held(k *key, p Prefix) (own ref, leases, n int) {
	for i := s.idx.First(k.tag); uint32(s.idx.E[i]>>32) == k.tag; i++ {
		r := ref(s.idx.E[i])
		rec := s.t.rec(r)
		if !s.is(rec, k) {
			continue
		}
		n++
		if rec.state == stBound {
			leases++
		}
		if rec.prefix == p.IP6 && rec.len == p.Len {
			own = r
		}
	}
	return own, leases, n
}

// mayHave reports whether a record of the IA's is one that it may have: its
// reservation if there is one, else of one of its pools.
func (s *shard) mayHave(r *Request, rec *record) bool {
	if rec.flags&fOdd != 0 {
		return false
	}
	if !r.Reserved.IsNone() {
		return rec.pfx() == r.Reserved
	}
	return s.lay.allows(r, rec.pool)
}

// revivable reports whether an idle record that its client may have can be given back
// to it: nothing that was given by another layout is in the way, nor can be, as long as
// another shard is still with the layout before this one.
func (s *shard) revivable(rec *record) bool {
	if s.lay.also != nil {
		if _, ok := s.lay.also.regular(rec.pfx()); !ok {
			return false
		}
	}
	return !s.t.odd.blocks(s.t, rec.pfx())
}
