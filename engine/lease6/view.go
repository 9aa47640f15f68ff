// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"math/bits"

	"xdhcp/engine/lease"
)

// Leases appends what the IA has, holds and is remembered for: leases first, then
// offers, then memory.
func (t *Table) Leases(scope lease.ScopeID, duid []byte, ia IA, now lease.Time, dst []View) []View {
	k, ok := t.keyOf(scope, duid, ia)
	if !ok {
		return dst
	}
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock(now)
	for _, state := range [...]uint8{stBound, stOffered, stIdle} {
		for i := s.idx.First(k.tag); uint32(s.idx.E[i]>>32) == k.tag; i++ {
			rec := t.rec(ref(s.idx.E[i]))
			if rec.state != state || !s.is(rec, &k) {
				continue
			}
			v := View{Prefix: rec.pfx(), Status: rec.status(), Pool: rec.pool, Version: rec.logged(), Expires: rec.expires,
				Start: rec.start, CLTT: rec.cltt, Pending: rec.pending}
			if state == stBound {
				v.Preferred = rec.preferred
				if rec.expires <= now {
					v.Status = lease.Expired // the reaper has not come by yet
				}
			}
			dst = append(dst, v)
		}
	}
	return dst
}

// status is the state as others see it.
func (rec *record) status() lease.Status {
	switch rec.state {
	case stOffered:
		return lease.Offered
	case stBound:
		return lease.Bound
	case stDeclined:
		return lease.Declined
	case stIdle:
		if rec.flags&fReleased != 0 {
			return lease.Released
		}
		return lease.Expired
	}
	return lease.None
}

// logged is the version, 0 if nothing was ever journaled.
func (rec *record) logged() uint32 {
	if rec.flags&fLogged == 0 {
		return 0
	}
	return rec.version
}

// Lookup fills e with the record of exactly this prefix, whoever has it. False: there
// is none.
func (t *Table) Lookup(p Prefix, e *Entry) bool {
	for {
		r := t.at(p)
		if r == 0 {
			return false
		}
		s := t.home(r)
		s.mu.Lock()
		rec := t.rec(r)
		same := rec.state != stNone && rec.pfx() == p
		if same {
			e.read(s, rec)
		}
		s.mu.Unlock()
		if same {
			return true
		}
	}
}

// Find fills e with the record of the address or, if there is none, of the prefix
// that contains it.
func (t *Table) Find(a IP6, e *Entry) bool {
	for i := len(t.lens) - 1; i >= 0; i-- {
		for w := t.lens[i].Load(); w != 0; {
			n := 63 - bits.LeadingZeros64(w)
			w &^= 1 << n
			if t.Lookup(PrefixFrom(a, uint8(i*64+n)), e) {
				return true
			}
		}
	}
	return false
}

// read copies a record of a locked shard.
func (e *Entry) read(s *shard, rec *record) {
	buf := append(e.buf[:0], s.room(rec)...)
	*e = Entry{Prefix: rec.pfx(), Scope: rec.scope, Status: rec.status(), IA: IA{rec.ia, rec.iaid}, Accepts: rec.flags&fAccepts != 0, Version: rec.logged(),
		Start: rec.start, Expires: rec.expires, CLTT: rec.cltt, Pending: rec.pending, buf: buf}
	switch {
	case rec.state == stBound:
		e.Preferred = rec.preferred
	case rec.flags&fRemembered != 0:
		e.remembered, e.was = true, rec.preferred
	}
	cut := func(part int) []byte {
		n := rec.lens[part]
		p := buf[:n:n]
		buf = buf[n:]
		return p
	}
	e.DUID = cut(partDUID)
	e.LinkLayer = cut(partLinkLayer)
	e.Peer = cut(partPeer)
	e.InterfaceID = cut(partInterfaceID)
	e.RemoteID = cut(partRemoteID)
	e.SubscriberID = cut(partSubscriberID)
	e.RelayID = cut(partRelayID)
	e.Host = cut(partHost)
}

// AppendTo appends the entry as an encoded Change, for a snapshot. What Apply makes
// of it is the same record; only an offer becomes what the prefix was before. An entry
// with nothing to remember (Version 0) appends nothing.
func (e *Entry) AppendTo(b []byte) []byte {
	if e.Version == 0 {
		return b
	}
	c := Change{Prefix: e.Prefix, Version: e.Version, At: e.CLTT, Expires: e.Expires, Start: e.Start,
		Preferred: e.Preferred}
	switch e.Status {
	case lease.Bound:
		c.Op = OpGrant
	case lease.Declined:
		c.Op = OpDecline
	case lease.Expired:
		c.Op = OpExpire
	default:
		c.Op = OpRelease
	}
	known := e.IA.Type != 0
	if e.Status == lease.Offered { // that is not journaled
		c.Expires = e.was
		known = e.remembered
	}
	c.Full = true
	if known {
		c.Scope, c.IA, c.Accepts = e.Scope, e.IA, e.Accepts
		c.Client = Client{e.DUID, e.LinkLayer, e.Peer, e.InterfaceID, e.RemoteID, e.SubscriberID, e.RelayID, e.Host}
	}
	return c.AppendTo(b)
}

// Each calls fn with a copy of every record, shard by shard in no particular order,
// until fn says no.
func (t *Table) Each(fn func(*Entry) bool) bool {
	for i := range t.shards {
		if !t.EachShard(i, fn) {
			return false
		}
	}
	return true
}

// window is how many records EachShard copies under one lock, and how many places it
// looks at.
const (
	window  = 32
	windows = 256
)

// EachShard is Each for one shard. It reports whether fn never said no.
//
// The shard is locked for a few records at a time, and not while fn runs; the Entry
// is valid during the call. Each record is as it was at some moment of the walk. One
// that exists all the time is seen exactly once.
func (t *Table) EachShard(shard int, fn func(*Entry) bool) bool {
	return t.shards[shard].each(nil, fn)
}

// EachOf calls fn with a copy of every record of a client, in all scopes and of all
// its IAs, until fn says no. It walks over a shard: not for the hot path.
func (t *Table) EachOf(duid []byte, fn func(*Entry) bool) bool {
	if len(duid) == 0 {
		return true
	}
	return t.shardOf(t.hash(duid)).each(duid, fn)
}

// each walks over the shard's memory, over the records of one client if duid is set.
func (s *shard) each(duid []byte, fn func(*Entry) bool) bool {
	entries := make([]Entry, 0, window)
	for slab, at, more := 0, 0, true; more; {
		entries = entries[:0]
		s.mu.Lock()
		more = slab < len(s.slabs)
		for looked := 0; slab < len(s.slabs) && looked < windows && len(entries) < window; looked++ {
			recs := (*s.t.slabs.Load())[s.slabs[slab]].recs
			rec := &recs[at]
			if at++; at == len(recs) {
				slab, at = slab+1, 0
			}
			if rec.state == stNone || len(duid) > 0 && string(s.parts(rec)[partDUID]) != string(duid) {
				continue
			}
			entries = entries[:len(entries)+1] // with the buffer that it had
			entries[len(entries)-1].read(s, rec)
		}
		s.mu.Unlock()
		for i := range entries {
			if !fn(&entries[i]) {
				return false
			}
		}
	}
	return true
}

// Stats counts by state.
func (t *Table) Stats() (st Stats) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		st.Bound += uint64(s.n[stBound])
		st.Prefixes += uint64(s.prefixes)
		st.Offered += uint64(s.n[stOffered])
		st.Declined += uint64(s.n[stDeclined])
		st.Idle += uint64(s.n[stIdle])
		st.Steals += s.steals
		s.mu.Unlock()
	}
	st.Records = st.Bound + st.Offered + st.Declined + st.Idle
	return st
}

// PoolStats is the use of each pool of the layout in force. Leases that a reload took
// out of all pools are not among them, nor are those of reservations.
func (t *Table) PoolStats() []PoolStat {
	t.conf.Lock()
	lay := t.layout
	t.conf.Unlock()
	out := make([]PoolStat, len(lay.pools))
	for i, p := range lay.pools {
		st := PoolStat{Name: p.name, Scope: p.scope, Len: p.len, Size: lay.capacity[i],
			Bound: p.n[stBound].Load(), Offered: p.n[stOffered].Load(), Declined: p.n[stDeclined].Load()}
		st.Free = st.Size - min(st.Size, st.Bound+st.Offered+st.Declined)
		out[i] = st
	}
	return out
}
