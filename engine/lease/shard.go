// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/binary"
	"slices"

	"xdhcp/internal/invariants"
)

// The methods of this file change one record of a locked shard. Each leaves the
// record in exactly one list, counted once, and in the index if there is
// anything to remember; or, after detach, in the caller's hand.

// become changes a record's state and keeps the counters.
func (s *shard) become(rec *record, state uint8) {
	n := &s.stray
	var sp *spool
	if rec.pool != noPool {
		sp = s.spoolOf(rec.pool)
		n = &sp.n
	}
	if rec.state != stHand {
		n[rec.state]--
	}
	if state != stHand {
		n[state]++
	}
	rec.state = state
	if sp != nil {
		s.lay.publish(sp)
	}
}

// retag moves a record's entry in the index; tag 0: to nowhere.
func (s *shard) retag(r ref, rec *record, tag uint32) {
	if rec.tag == tag {
		return
	}
	if rec.tag != 0 {
		s.idx.Remove(rec.tag, uint32(r))
	}
	rec.tag = tag
	if tag != 0 {
		s.idx.Insert(tag, uint32(r))
	}
}

// unname makes a record unfindable by its client, but keeps what is known of it.
func (s *shard) unname(r ref, rec *record) {
	rec.flags &^= fNamed | fRemembered
	rec.hw &^= fTwin
	tag := uint32(0)
	if rec.version > 0 {
		tag = s.t.addrTag(s.t.addrOf(r))
	}
	s.retag(r, rec, tag)
}

// forget makes a record nobody's.
func (s *shard) forget(r ref, rec *record) {
	s.drop(rec)
	rec.flags = 0
	rec.scope = 0
	s.unname(r, rec)
}

// name makes a record the client's: found by it, and holding what is known of it.
func (s *shard) name(r ref, rec *record, k *key, c *Client) {
	v := bounded(c)
	rec.start, rec.cltt = 0, 0
	s.store(r, rec, k.scope, c.Kind, c.HType, &v)
	rec.flags |= fNamed
	s.retag(r, rec, k.tag)
}

// detach takes a free record out of all lists and the index, into the hand.
func (s *shard) detach(r ref, rec *record) {
	s.unlink(r)
	s.become(rec, stHand)
	s.drop(rec)
	rec.flags, rec.hw = 0, 0
	s.retag(r, rec, 0)
}

// free puts a record, unlinked or from the hand, into the free list where it
// belongs: idle if it is remembered for a client, else clean.
func (s *shard) free(r ref, rec *record, front bool) {
	state := stIdle // unnamed, but with a kind: remembered for listings only
	if rec.kind() == 0 {
		state = stClean
		s.unname(r, rec)
	}
	s.become(rec, state)
	head := headLoose
	switch {
	case rec.pool != noPool && state == stIdle:
		head = headIdle(s.spoolAt(rec.pool))
	case rec.pool != noPool:
		head = headClean(s.spoolAt(rec.pool))
	case s.lay.poolOf(s.t.addrOf(r)) != noPool:
		head = headExile
	}
	if front {
		s.pushFront(head, r)
	} else {
		s.pushBack(head, r)
	}
}

// unoffer takes an offer back.
func (s *shard) unoffer(r ref, rec *record, front bool) {
	s.unlink(r)
	if rec.flags&fRemembered != 0 {
		rec.flags &^= fRemembered
		rec.expires = rec.start // when the lease ended, see keep
		if rec.flags&fReleased != 0 {
			rec.expires = rec.cltt
		}
	} else {
		s.forget(r, rec)
	}
	s.free(r, rec, front)
	s.tidy(r, rec)
}

// lapse makes a leased record idle, and journals that.
func (s *shard) lapse(op Op, r ref, rec *record, now Time, b *Batch) {
	full := s.overtakes(b, rec)
	s.unlink(r)
	rec.flags &^= fReleased
	if op == OpRelease {
		rec.flags |= fReleased
		rec.expires, rec.cltt = now, now
	}
	s.record(b, op, r, rec, now, full)
	s.free(r, rec, false)
	s.tidy(r, rec)
}

// tidy leaves a client at most one address that is remembered for it, and none
// if it has a lease. It may have several records when it was offered another
// address than it has, or when a crash lost the end of an older lease; all of
// them then say so (fTwin), so that whoever finds one by its address knows.
func (s *shard) tidy(h ref, rec *record) {
	if rec.flags&fNamed == 0 || !rec.twin() {
		return
	}
	tag, scope, c := rec.tag, rec.scope, Client{Kind: rec.kind(), ID: s.ident(h, rec).id}
	var best ref
	n := 0
	for i := s.idx.First(tag); uint32(s.idx.E[i]>>32) == tag; i++ {
		r := ref(s.idx.E[i])
		x := s.t.rec(r)
		if !s.is(r, x, scope, &c) {
			continue
		}
		n++
		x.hw |= fTwin
		if x.state == stOffered || r == best {
			continue
		}
		worse := r
		if best == 0 || better(x, s.t.rec(best)) {
			worse, best = best, r
		}
		if worse != 0 && s.t.rec(worse).state == stIdle {
			s.unname(worse, s.t.rec(worse))
			i, n, best = s.idx.First(tag)-1, 0, 0 // the index has moved
		}
	}
	if n == 1 && rec.flags&fNamed != 0 {
		rec.hw &^= fTwin
	}
}

// takeable reports whether a record may be given to another client.
func (s *shard) takeable(rec *record) bool {
	return (rec.state == stClean || rec.state == stIdle) && s.t.durable(rec.pending)
}

// record notes a change in the record and in the batch. The record's fields are
// already those after the change.
func (s *shard) record(b *Batch, op Op, r ref, rec *record, at Time, full bool) {
	rec.version++
	rec.pending = b.ticket
	b.n++
	sl := s.t.slab(r)
	if !full || rec.kind() == 0 {
		var p [changeRenew]byte
		n := shortLen(op)
		putFixed(p[:], n, op, 0, sl.addrOf(r), rec.version, at)
		putTimes(p[:], rec.expires, rec.start)
		b.buf = append(b.buf, p[:n]...)
		return
	}
	// As Change.AppendTo does it, but the room has the right order already.
	room := s.room(r, rec)
	hw := rec.hwid[1 : 1+min(rec.hwlen(), inlineHW)]
	if rec.longHW() > 0 {
		hw, room = nil, room[1:] // behind htype
	}
	at0 := len(b.buf)
	n := changeFull + len(hw) + len(room)
	b.buf = slices.Grow(b.buf, n)[:at0+n]
	p := b.buf[at0:]
	putFixed(p, n, op, flagFull|rec.where()<<idShift, sl.addrOf(r), rec.version, at)
	putTimes(p, rec.expires, rec.start)
	binary.LittleEndian.PutUint32(p[24:], uint32(rec.scope))
	p[28], p[29], p[30], p[31] = uint8(rec.kind()), uint8(rec.hwlen()), rec.idLen, rec.cidLen
	p[32], p[33], p[34], p[35] = rec.relLen, rec.hostLen, 0, rec.hwid[0]
	copy(p[changeFull+copy(p[changeFull:], hw):], room)
	if invariants.Enabled {
		s.mustEncode(p, op, r, rec, at)
	}
}

// mustEncode panics if what record wrote is not the change.
func (s *shard) mustEncode(p []byte, op Op, r ref, rec *record, at Time) {
	c := Change{Op: op, Addr: s.t.addrOf(r), Version: rec.version, At: at, Expires: rec.expires, Start: rec.start,
		Full: true, Scope: rec.scope, Kind: rec.kind(), HType: rec.hwid[0]}
	v := s.ident(r, rec)
	c.HW, c.ID, c.ClientID, c.Relay, c.Host = v.hw, v.id, v.clientID, v.relay, v.host
	if string(c.AppendTo(nil)) != string(p) {
		panic("lease: a change is encoded in two ways")
	}
}

// overtakes reports whether a change that goes into b might come before the
// record's last one in the log. It must then say everything itself.
func (s *shard) overtakes(b *Batch, rec *record) bool {
	return rec.pending.Lane() != b.Lane() && !s.t.durable(rec.pending)
}

// find looks for the client's n records: the one that is offered to it, and the
// one that it has or had. After a replay there may be several of the latter;
// then it is a lease rather than a memory, and the latest (or the first found).
func (s *shard) find(k *key, c *Client) (cur, off ref, n int) {
	e := s.idx.E
	for i := s.idx.First(k.tag); uint32(e[i]>>32) == k.tag; i++ {
		r := ref(e[i])
		rec := s.t.rec(r)
		if !s.is(r, rec, k.scope, c) {
			continue
		}
		n++
		switch {
		case rec.state == stOffered:
			off = r
		case cur == 0 || better(rec, s.t.rec(cur)):
			cur = r
		}
	}
	return cur, off, n
}

// better orders two records of one client.
func better(x, y *record) bool {
	if (x.state == stBound) != (y.state == stBound) {
		return x.state == stBound
	}
	return x.cltt > y.cltt
}
