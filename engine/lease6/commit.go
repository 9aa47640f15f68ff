// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

const (
	// A message that comes again within so many seconds (or an eighth of the lease
	// time, if that is less) with nothing changed is answered from the change that
	// was journaled before.
	retransmission = 5

	// MaxLeases is how many leases one IA may have.
	MaxLeases = 16
)

// Commit binds p to the IA for valid seconds (lease.Infinite: for ever), or extends
// its lease. The prefix may be the IA's by lease, offer or memory, its reservation,
// or a free one of r.Pools; but only while it is the reservation, or in one of
// r.Pools if there is none. Other leases of the IA are not touched.
//
// A lease never ends earlier than it was last promised, but for one that was
// infinite; a shorter valid only makes the Reply say less.
//
// The change goes into b. A retransmission of a message that was just answered
// changes nothing and gets the ticket of the first.
//
// NotYours: the prefix is another's, or outside. Taken: likewise, and it is the
// client's reservation. Full: the IA has too many leases. Unknown: r.Extend, and the IA
// has no lease of it. Busy: ask again.
func (t *Table) Commit(r *Request, p Prefix, preferred, valid uint32, now lease.Time, b *lease.Batch) (Grant, lease.Outcome) {
	if r.Who == nil {
		return t.commitAlone(r, p, preferred, valid, now, b)
	}
	return t.commit(r, p, preferred, valid, now, b)
}

func (t *Table) commit(r *Request, p Prefix, preferred, valid uint32, now lease.Time, b *lease.Batch) (Grant, lease.Outcome) {
	if r.bad() {
		return Grant{}, lease.BadClient
	}
	if p.IsNone() || !r.Reserved.IsNone() && p != r.Reserved {
		return Grant{}, lease.NotYours
	}
	var k key // once it is needed
	s := t.shardOf(r.Who.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := t.who(r)
	var vacant Prefix
	for range tries {
		if !s.lay.knows(r) {
			return Grant{}, lease.Busy
		}
		now = s.clock(now)
		own, rec := s.spotted(r, w, p)
		leases, known := 0, own != 0
		if known {
			if rec.state == stBound {
				leases = 1
			}
		} else {
			// Without its shard: in one struct with it the compiler thinks that the
			// client's bytes live as long.
			k.tag, k.scope, k.ia, k.duid = w.tag(r.Scope, r.IA), r.Scope, r.IA, r.Client.DUID
			own, leases, _ = s.held(&k, p)
			rec = t.rec(own)
		}
		r.Had, r.Others = own != 0 && rec.state == stBound, leases
		if r.Had {
			r.Others--
		}
		switch {
		case r.Extend && (own == 0 || rec.state != stBound || rec.expires <= s.clock(now)):
			return Grant{}, lease.Unknown
		case own == 0:
			if leases >= MaxLeases {
				return Grant{}, lease.Full
			}
			if p != r.Reserved && !s.lay.allows(r, s.lay.poolFor(p)) {
				return Grant{}, lease.NotYours
			}
			h, vacated, out := t.grab(s, p, vacant, p == r.Reserved)
			if vacant = vacated; !vacated.IsNone() {
				continue // others had the shard meanwhile
			}
			if h == 0 {
				if out == lease.NotYours && !r.Reserved.IsNone() {
					out = lease.Taken
				}
				return Grant{}, out
			}
			own, rec = h, t.rec(h)
			s.name(h, rec, &k, &w.lens, w.image())
		case !s.mayHave(r, rec):
			return Grant{}, lease.NotYours
		case rec.state == stIdle && !s.revivable(rec):
			return Grant{}, lease.NotYours
		case rec.state != stBound && leases >= MaxLeases:
			return Grant{}, lease.Full
		}
		changed := !known && rec.state != stNone && !s.knows(rec, w)
		if changed {
			s.refresh(rec, w)
		}
		return s.bind(own, rec, w, changed, r.Reconfigure, preferred, valid, now, b), lease.OK
	}
	return Grant{}, lease.Busy
}

// bind leases a record, which has the IA's name and knows what w does, to it. changed says
// that something else about it has changed than its times.
func (s *shard) bind(r ref, rec *record, w *Who, changed bool, accept Accept, preferred, valid uint32, now lease.Time, b *lease.Batch) Grant {
	alive := rec.state == stBound && rec.expires > now
	if accept != AcceptNoNews && (accept == AcceptYes) != (rec.flags&fAccepts != 0) {
		changed = true
		rec.flags ^= fAccepts
	}
	preferred = min(preferred, valid)
	asked, liked := after(now, valid), after(now, preferred)
	until := asked
	if alive && rec.expires != lease.Never {
		// A shorter lease does not end before the one that was promised last: if
		// this Reply is lost, the client goes on with that one.
		until = max(asked, rec.expires)
	}
	slack := lease.Time(min(retransmission, valid/8))
	if alive && !changed && until-rec.expires <= slack && liked-rec.preferred <= slack && now-rec.cltt <= slack {
		g := Grant{Ticket: rec.pending, Expires: rec.expires,
			Preferred: left(rec.preferred, now), Valid: left(min(asked, rec.expires), now)}
		g.Preferred = min(g.Preferred, g.Valid)
		return g
	}
	op := OpRenew
	if !alive || changed {
		op = OpGrant
	}
	move := rec.state == stNone || rec.state == stIdle || until < rec.expires ||
		(until == lease.Never) != (rec.expires == lease.Never)
	if move && rec.state != stNone {
		s.unlink(r, rec)
	}
	rec.expires, rec.preferred, rec.cltt = until, liked, now
	rec.flags &^= fRemembered | fReleased
	if !alive {
		rec.start = now
	}
	if rec.state != stBound {
		s.become(rec, stBound)
	}
	if move {
		s.schedule(r, rec)
	}
	room := w.image()
	if rec.lens != w.lens { // else the record has just that
		room = s.room(rec)
	}
	s.record(b, op, rec, now, room)
	return Grant{Ticket: rec.pending, Expires: until, Preferred: preferred, Valid: left(asked, now)}
}

// Release ends the IA's lease of p at once. The prefix is remembered for the client
// (a temporary address is not), and goes to others last. An offer is taken back
// without a change.
//
// Unknown: the IA has nothing. NotYours: it has another prefix.
func (t *Table) Release(scope lease.ScopeID, duid []byte, ia IA, p Prefix, now lease.Time, b *lease.Batch) lease.Outcome {
	k, ok := t.keyOf(scope, duid, ia)
	if !ok {
		return lease.BadClient
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	own, out := s.holder(&k, p)
	if out != lease.OK {
		return out
	}
	rec := t.rec(own)
	if rec.state == stOffered {
		s.unoffer(own, rec, true)
	} else {
		s.lapse(OpRelease, own, rec, now, b)
	}
	return lease.OK
}

// holder is the IA's lease or offer of a prefix.
func (s *shard) holder(k *key, p Prefix) (ref, lease.Outcome) {
	own, _, n := s.held(k, p)
	switch {
	case own != 0 && s.t.rec(own).state != stIdle:
		return own, lease.OK
	case own != 0 || n == 0:
		return 0, lease.Unknown
	}
	return 0, lease.NotYours
}

// Decline puts p, which the client found in use, on probation for that many seconds
// (RFC 8415 §18.3.8). Only the holder of a lease or an offer can do this.
//
// Unknown: the IA has nothing. NotYours: it has another prefix.
func (t *Table) Decline(scope lease.ScopeID, duid []byte, ia IA, p Prefix, probation uint32, now lease.Time, b *lease.Batch) lease.Outcome {
	k, ok := t.keyOf(scope, duid, ia)
	if !ok {
		return lease.BadClient
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	own, out := s.holder(&k, p)
	if out != lease.OK {
		return out
	}
	rec := t.rec(own)
	var room []byte
	if rec.state == stOffered { // who was offered it, the log does not know
		room = s.room(rec)
	}
	s.unlink(own, rec)
	rec.expires, rec.cltt = after(now, probation), now
	rec.flags &^= fReleased | fRemembered
	s.become(rec, stDeclined)
	s.record(b, OpDecline, rec, now, room)
	s.untag(own, rec)
	s.probate(own, rec)
	return lease.OK
}
