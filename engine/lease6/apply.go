// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// Apply replays an encoded change, from the log or from a snapshot. Of several changes
// of a prefix the one with the highest version wins; so snapshot and log may overlap,
// and batches of different lanes may have reached the log in any order. But the changes
// of one prefix are applied in the order of the log. Several goroutines may apply at
// once, each some of the prefixes.
//
// A change that frees a prefix of which nothing is known leaves a record too, since an
// older change of it may come later. A Decline of a prefix that is nobody's keeps it
// from everybody until its end, even when nothing else is free.
//
// Call Reconfigure before, and Settle after. Nothing is checked against the layout:
// what the log says has happened. There must be no Offer or Commit before all is
// applied.
func (t *Table) Apply(rec []byte) error {
	c, err := ParseChange(rec)
	if err != nil {
		return err
	}
	for !t.replay(&c) {
	}
	return nil
}

// replay applies a change; false: the prefix has gone from one shard to another
// meanwhile. (A snapshot can have a prefix twice if that happened while it was taken,
// and several goroutines read it.)
func (t *Table) replay(c *Change) bool {
	old := t.at(c.Prefix)
	var s *shard
	switch {
	case c.IA.Type != 0 && c.Full:
		s = t.shardOf(t.hash(c.Client.DUID))
	case old != 0:
		s = t.home(old)
	default:
		_, tag := t.stripeOf(c.Prefix)
		s = t.shardOf(uint64(tag))
	}
	if old != 0 && t.home(old) != s && !t.home(old).yield(old, c) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := t.at(c.Prefix)
	if h == 0 {
		pool, _ := s.lay.regular(c.Prefix)
		var other ref
		if h, other = s.insert(c.Prefix, pool); h == 0 {
			return other == 0 // 2³¹ records are in memory
		}
	} else if t.home(h) != s {
		return false
	} else if r := t.rec(h); c.Version <= r.version {
		return true
	} else {
		s.unlink(h, r)
	}
	s.put(h, t.rec(h), c)
	return true
}

// yield removes a record for a newer change that belongs to another shard; false: it is
// not newer.
func (s *shard) yield(r ref, c *Change) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.t.rec(r)
	switch {
	case rec.state == stNone || rec.pfx() != c.Prefix: // gone meanwhile
		return true
	case c.Version <= rec.version:
		return false
	}
	s.unlink(r, rec)
	s.discard(r, rec)
	return true
}

// put makes an unlinked record what a change says.
func (s *shard) put(h ref, rec *record, c *Change) {
	rec.version = c.Version
	rec.pending = 0
	rec.flags = rec.flags&^(fRemembered|fReleased) | fLogged
	if c.Full {
		if c.IA.Type == 0 {
			s.unname(h, rec)
		} else {
			k := key{scope: c.Scope, ia: c.IA, tag: tagOf(s.t.hash(c.Client.DUID), c.Scope, c.IA)}
			var lens [numParts]uint8
			n := pack(&s.scratch, &lens, &c.Client)
			s.name(h, rec, &k, &lens, s.scratch[:n])
			if c.Accepts {
				rec.flags |= fAccepts
			}
		}
		rec.start, rec.preferred = c.Start, c.Preferred
	}
	switch c.Op {
	case OpGrant, OpRenew:
		rec.expires, rec.cltt = c.Expires, c.At
		s.become(rec, stBound)
		s.schedule(h, rec)
	case OpDecline:
		rec.expires, rec.cltt = c.Expires, c.At
		s.untag(h, rec)
		s.become(rec, stDeclined)
		s.probate(h, rec)
	case OpRelease, OpExpire:
		switch {
		case c.Full:
			rec.expires, rec.cltt = c.Expires, c.At
		case c.Op == OpRelease:
			rec.expires, rec.cltt = c.At, c.At
		case rec.state == stDeclined: // the end of a probation, not of a lease
			s.unname(h, rec)
		case rec.state == stNone:
			rec.expires = c.At
		}
		if c.Op == OpRelease {
			rec.flags |= fReleased
		}
		if rec.expires = min(rec.expires, lease.Never-1); rec.tag == 0 {
			s.unname(h, rec) // it was a probation
		}
		s.rest(h, rec, false)
	}
	if _, regular := s.lay.regular(rec.pfx()); !regular {
		s.mark(rec)
	}
}
