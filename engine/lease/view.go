// SPDX-License-Identifier: Apache-2.0

package lease

// Find is the client's record in a scope: its lease, else the offer that is
// held for it, else the address that is remembered for it.
func (t *Table) Find(scope ScopeID, c *Client, now Time) (View, bool) {
	k, out := t.key(scope, c)
	if out != OK {
		return View{}, false
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	r, off, n := s.find(&k, c)
	if n == 0 {
		return View{}, false
	}
	if off != 0 && (r == 0 || t.rec(r).state != stBound) {
		r = off
	}
	rec := t.rec(r)
	v := View{Addr: t.addrOf(r), Status: rec.status(), Pool: rec.pool, Version: rec.version,
		Expires: rec.expires, Start: rec.start, CLTT: rec.cltt, Pending: rec.pending}
	if v.Status == Bound && rec.expires <= now {
		v.Status = Expired // the reaper has not come by yet
	}
	return v, true
}

// status is the state as others see it.
func (rec *record) status() Status {
	switch rec.state {
	case stOffered:
		return Offered
	case stBound:
		return Bound
	case stDeclined, stHeld:
		return Declined
	case stIdle:
		if rec.flags&fReleased != 0 {
			return Released
		}
		return Expired
	}
	return None
}

// Lookup fills e with the record of an address, whoever has it. False: the
// address was never handed out.
func (t *Table) Lookup(addr IP4, e *Entry) bool {
	r := t.at(addr)
	if r == 0 {
		return false
	}
	rec := t.rec(r)
	for {
		o := rec.owner.Load()
		if o == 0 {
			return false
		}
		s := &t.shards[o-1]
		s.mu.Lock()
		same := rec.owner.Load() == o
		if same {
			e.read(s, r, rec)
		}
		s.mu.Unlock()
		if same {
			return true
		}
	}
}

// read copies a record of a locked shard.
func (e *Entry) read(s *shard, r ref, rec *record) {
	buf := e.buf[:0]
	*e = Entry{Addr: s.t.addrOf(r), Scope: rec.scope, Status: rec.status(), Version: rec.version}
	if rec.state == stHand {
		e.buf = buf
		return
	}
	e.Start, e.Expires, e.CLTT, e.Pending = rec.start, rec.expires, rec.cltt, rec.pending
	if rec.kind() == 0 {
		e.buf = buf
		return
	}
	e.Kind, e.HType = rec.kind(), rec.hwid[0]
	e.remembered = rec.flags&fRemembered != 0
	v := s.ident(r, rec)
	for _, p := range [...][]byte{v.hw, v.id, v.clientID, v.relay, v.host} {
		buf = append(buf, p...)
	}
	e.buf = buf
	cut := func(n int) []byte {
		p := buf[:n:n]
		buf = buf[n:]
		return p
	}
	e.HW = cut(len(v.hw))
	e.ID = cut(len(v.id))
	e.ClientID = cut(len(v.clientID))
	e.Relay = cut(len(v.relay))
	e.Host = cut(len(v.host))
}

// AppendTo appends the entry as an encoded Change, for a snapshot. What Apply
// makes of it is the same record; only an offer becomes what the address was
// before. An entry with nothing to remember (Version 0) appends nothing.
func (e *Entry) AppendTo(b []byte) []byte {
	if e.Version == 0 {
		return b
	}
	c := Change{Addr: e.Addr, Version: e.Version, At: e.CLTT, Expires: e.Expires, Start: e.Start}
	switch e.Status {
	case Bound:
		c.Op = OpGrant
	case Declined:
		c.Op = OpDecline
	case Expired:
		c.Op = OpExpire
	default:
		c.Op = OpRelease
	}
	known := e.Kind != 0
	if e.Status == Offered { // that is not journaled
		c.Expires = e.CLTT
		known = e.remembered
	}
	if known {
		c.Full, c.Scope, c.Kind, c.HType = true, e.Scope, e.Kind, e.HType
		c.HW, c.ID, c.ClientID, c.Relay, c.Host = e.HW, e.ID, e.ClientID, e.Relay, e.Host
	}
	return c.AppendTo(b)
}

// Each calls fn with a copy of every record that has anything to say, shard by
// shard in no particular order, until fn says no.
func (t *Table) Each(fn func(*Entry) bool) {
	for i := range t.shards {
		if !t.EachShard(i, fn) {
			return
		}
	}
}

// window is how many records EachShard copies under one lock.
const window = 32

// copyAhead is how many places of the index ahead the records are fetched.
const copyAhead = 12

// EachShard is Each for one shard. It reports whether fn never said no.
//
// The shard is locked for a few records at a time, and not while fn runs; the
// Entry is valid during the call. Each record is as it was at some moment of the
// walk. A record that is in the shard all the time is seen exactly once; one
// that comes or goes meanwhile is seen once or not at all. Only free addresses go
// from shard to shard, so a walk over all shards sees every lease that exists
// throughout, but may miss a free address that moves (or see it twice: on replay
// the version decides).
func (t *Table) EachShard(shard int, fn func(*Entry) bool) bool {
	s := &t.shards[shard]
	entries := make([]Entry, 0, window)
	for tag, more := uint32(1), true; more; {
		entries = entries[:0]
		s.mu.Lock()
		tag, more, entries = s.copy(tag, entries)
		s.mu.Unlock()
		for i := range entries {
			if !fn(&entries[i]) {
				return false
			}
		}
	}
	return true
}

// copy reads the records of some tags, from one on; next is where to go on.
func (s *shard) copy(from uint32, es []Entry) (next uint32, more bool, _ []Entry) {
	tag := from
	for i := s.idx.First(from); i < len(s.idx.E); i++ {
		e := s.idx.E[i]
		if next := ref(s.idx.E[min(i+copyAhead, len(s.idx.E)-1)]); next != 0 {
			s.t.slab(next).fetch(next)
		}
		if e == 0 {
			continue
		}
		// Records of one tag are not torn apart.
		if at := uint32(e >> 32); at != tag {
			if len(es) >= window {
				return at, true, es
			}
			tag = at
		}
		if len(es) < cap(es) {
			es = es[:len(es)+1] // with the buffer that it had
		} else {
			es = append(es, Entry{})
		}
		r := ref(e)
		es[len(es)-1].read(s, r, s.t.rec(r))
	}
	return 0, false, es
}

// Stats counts by state.
func (t *Table) Stats() (st Stats) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		st.add(&s.stray)
		for _, n := range s.lay.byShard[i] {
			st.add(&s.lay.spools[n].n)
		}
		st.Steals += s.steals
		s.mu.Unlock()
	}
	st.Records = st.Bound + st.Offered + st.Declined + st.Idle + st.Clean
	return st
}

func (st *Stats) add(n *[numStates]uint32) {
	st.Bound += uint64(n[stBound])
	st.Offered += uint64(n[stOffered])
	st.Declined += uint64(n[stDeclined]) + uint64(n[stHeld])
	st.Idle += uint64(n[stIdle])
	st.Clean += uint64(n[stClean])
}

// PoolStats is the use of each pool of the layout in force. Leases on addresses
// that a reload took out of all pools are not among them.
func (t *Table) PoolStats() []PoolStat {
	t.conf.Lock()
	lay := t.layout
	t.conf.Unlock()
	out := make([]PoolStat, len(lay.pools))
	for i := range lay.pools {
		p := &lay.pools[i]
		st := PoolStat{Name: p.name, Scope: p.scope, Size: p.size}
		for seat := range int(p.spread.mask) + 1 {
			s := t.shardAt(p, seat)
			s.mu.Lock()
			n := &lay.spools[int(p.spool)+seat].n
			st.Bound += uint64(n[stBound])
			st.Offered += uint64(n[stOffered])
			st.Declined += uint64(n[stDeclined]) + uint64(n[stHeld])
			s.mu.Unlock()
		}
		st.Free = p.size - min(p.size, st.Bound+st.Offered+st.Declined)
		out[i] = st
	}
	return out
}
