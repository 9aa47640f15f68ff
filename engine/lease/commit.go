// SPDX-License-Identifier: Apache-2.0

package lease

// A REQUEST that comes again within so many seconds (or an eighth of the lease
// time, if that is less) with nothing changed is answered from the change that
// was journaled before.
const retransmission = 5

// Commit binds addr to the client for valid seconds (Infinite: for ever), or
// extends its lease. The address may be the client's by lease, offer or memory,
// its reservation, or a free one of r.Pools; but only while it is the
// reservation, or in one of r.Pools if there is none. Other addresses of the
// client in this scope are given back: what was leased is released in the same
// batch.
//
// A lease never ends earlier than it was last promised, but for one that was
// infinite; a shorter valid only makes the ACK say less.
//
// The change goes into b: a full grant, or the new times if nothing else
// changed. A retransmission of a REQUEST that was just granted changes nothing
// and gets the ticket of the first.
//
// NotYours: the address is another's, or outside. Taken: likewise, and it is
// the client's reservation. Busy: ask again.
func (t *Table) Commit(r *Request, addr IP4, valid uint32, now Time, b *Batch) (Outcome, Grant) {
	k, out := t.key(r.Scope, &r.Client)
	switch out {
	case Unknown:
		return NotYours, Grant{}
	case BadClient:
		return out, Grant{}
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lay.knows(r) {
		return Busy, Grant{}
	}
	if addr == 0 || r.Reserved != 0 && addr != r.Reserved {
		return NotYours, Grant{}
	}
	own, n := s.held(addr, &k, &r.Client), 1
	if own == 0 || t.rec(own).twin() {
		_, _, n = s.find(&k, &r.Client)
	}
	switch {
	case own == 0:
		if addr != r.Reserved && !s.lay.allows(r, s.lay.poolOf(addr)) {
			return NotYours, Grant{}
		}
		var moved bool
		lay := s.lay
		own, moved, out = t.grab(s, addr)
		if own == 0 {
			if out == NotYours && r.Reserved != 0 {
				out = Taken
			}
			return out, Grant{}
		}
		if moved {
			// Others had the shard meanwhile.
			t.rec(own).pool = s.poolFor(addr)
			if s.lay != lay {
				s.free(own, t.rec(own), true)
				return Busy, Grant{}
			}
			_, _, n = s.find(&k, &r.Client)
		}
		s.name(own, t.rec(own), &k, &r.Client)
		n++
	case !s.mayHave(r, own):
		return NotYours, Grant{}
	}
	now = s.clock(now)
	if n > 1 {
		s.leaveOthers(&k, &r.Client, own, now, b)
	}
	t.rec(own).hw &^= fTwin
	return OK, s.bind(own, t.rec(own), &r.Client, valid, now, b)
}

// held is the record of an address if it is the client's, by lease, offer or
// memory. It spares the index, and so a wait for memory.
func (s *shard) held(addr IP4, k *key, c *Client) ref {
	r := s.t.at(addr)
	if r == 0 {
		return 0
	}
	rec := s.t.rec(r)
	if rec.owner.Load() != s.id || rec.state == stHand || !s.is(r, rec, k.scope, c) {
		return 0
	}
	return r
}

// leaveOthers takes from the client all addresses but own.
func (s *shard) leaveOthers(k *key, c *Client, own ref, now Time, b *Batch) {
	for i := s.idx.First(k.tag); uint32(s.idx.E[i]>>32) == k.tag; {
		r := ref(s.idx.E[i])
		rec := s.t.rec(r)
		if r == own || !s.is(r, rec, k.scope, c) {
			i++
			continue
		}
		switch rec.state {
		case stOffered:
			rec.flags &^= fRemembered
			s.unoffer(r, rec, true)
		case stBound:
			s.lapse(OpRelease, r, rec, now, b)
			s.unname(r, rec)
		default:
			s.unname(r, rec)
		}
		i = s.idx.First(k.tag) // the index has moved
	}
}

// bind leases a record, which has the client's name, to it.
func (s *shard) bind(r ref, rec *record, c *Client, valid uint32, now Time, b *Batch) Grant {
	alive := rec.state == stBound && rec.expires > now
	changed := false
	if rec.state != stHand && !s.knows(r, rec, c) {
		changed = true
		s.refresh(r, rec, c)
	}
	asked := now.add(valid)
	until := asked
	if alive && rec.expires != Never {
		// A shorter lease does not end before the one that was promised last: if
		// this ACK is lost, the client goes on with that one.
		until = max(asked, rec.expires)
	}
	if slack := Time(min(retransmission, valid/8)); alive && !changed && until-rec.expires <= slack && now-rec.cltt <= slack {
		return Grant{Ticket: rec.pending, Expires: rec.expires, Valid: left(min(asked, rec.expires), now)}
	}
	op := OpRenew
	if !alive || changed || s.overtakes(b, rec) {
		op = OpGrant
	}
	was, old := rec.state, rec.expires
	rec.expires, rec.cltt = until, now
	rec.flags &^= fRemembered | fReleased
	if !alive {
		rec.start = now
	}
	if was != stBound {
		s.become(rec, stBound)
	}
	switch {
	case was == stHand:
		s.schedule(r, rec)
	case was == stIdle, until < old, (until == Never) != (old == Never):
		s.unlink(r)
		s.schedule(r, rec)
	}
	s.record(b, op, r, rec, now, op == OpGrant)
	return Grant{Ticket: rec.pending, Expires: until, Valid: left(asked, now)}
}

// left is the time until t.
func left(t, now Time) uint32 {
	if t == Never {
		return Infinite
	}
	return uint32(t - now)
}

// Release ends the client's lease on addr at once. The address is remembered for
// the client, and goes to others last. An offer is taken back without a change.
//
// Unknown: the client has nothing. NotYours: it has another address.
func (t *Table) Release(scope ScopeID, c *Client, addr IP4, now Time, b *Batch) Outcome {
	k, out := t.key(scope, c)
	if out != OK {
		return out
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	r := s.held(addr, &k, c)
	if r == 0 {
		return s.notHolder(&k, c)
	}
	switch rec := t.rec(r); rec.state {
	case stBound:
		s.lapse(OpRelease, r, rec, now, b)
	case stOffered:
		s.unoffer(r, rec, true)
	default:
		return Unknown
	}
	return OK
}

func (s *shard) notHolder(k *key, c *Client) Outcome {
	if _, _, n := s.find(k, c); n == 0 {
		return Unknown
	}
	return NotYours
}

// Decline puts addr, which the client found in use, on probation for that many
// seconds (RFC 2131 §4.3.3). Only the holder of a lease or an offer can do this.
//
// Unknown: the client has nothing. NotYours: it has another address.
func (t *Table) Decline(scope ScopeID, c *Client, addr IP4, probation uint32, now Time, b *Batch) Outcome {
	k, out := t.key(scope, c)
	if out != OK {
		return out
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	r := s.held(addr, &k, c)
	if r == 0 {
		return s.notHolder(&k, c)
	}
	rec := t.rec(r)
	if rec.state == stIdle {
		return Unknown
	}
	full := rec.state == stOffered || s.overtakes(b, rec) // who was offered it, the log does not know
	s.unlink(r)
	rec.expires, rec.cltt = now.add(probation), now
	rec.flags &^= fReleased
	s.become(rec, stDeclined)
	s.record(b, OpDecline, r, rec, now, full)
	s.unname(r, rec)
	s.probate(r, rec)
	return OK
}
