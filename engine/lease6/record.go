// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"sync"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease/tagindex"
	"xdhcp/internal/hugepage"
)

// ref is the place of a record: slab and place in the slab. 0 is none. With
// headBit it is the head of a list instead (list.go).
type ref uint32

const (
	slabBits = 11
	maxSlab  = 1 << slabBits // records
	minSlab  = 32
	maxSlabs = 1 << (31 - slabBits) // bit 31 of a ref is headBit
	maxChunk = 1 << 14              // records: memory of which slabs are cut; a large page
)

// State of a record.
const (
	stNone     uint8 = iota // not in use; or taken just now, and in no list
	stOffered               // held for a client, in memory only
	stBound                 // leased
	stIdle                  // free, remembered for its last client, if anybody
	stDeclined              // on probation, since its client found it in use
	numStates
)

// Flags of a record.
const (
	fLogged     uint8 = 1 << 0 // a change of it was journaled
	fRemembered uint8 = 1 << 1 // offered: to the client that it was remembered for
	fReleased   uint8 = 1 << 2 // idle: given back, not run out
	fOdd        uint8 = 1 << 3 // in the odd list
	fAccepts    uint8 = 1 << 4 // its client takes Reconfigure messages
)

// noPool marks a record whose prefix no pool of the layout in force gives.
const noPool lease.PoolID = lease.MaxPools

// record is everything about one prefix. Only the shard's lock holder reads or
// writes it, but for the links of an idle one, which its pool's lock guards, and for
// prefix and len, which do not change while the record is in its stripe, and are
// read under that lock. Of an idle record in its list prefix, expires and pending do
// not change, so that whoever holds the pool's lock may read them.
type record struct {
	link                 // the list that it is in; not in use: the next one
	pending lease.Ticket // batch of the last change
	prefix  IP6
	tag     uint32 // key in the shard's index, 0: not in it
	scope   lease.ScopeID
	version uint32
	expires lease.Time // end of lease, hold or probation; idle: when it became free
	// preferred is the end of the preferred lifetime. In a remembered offer: the
	// expires that it had.
	preferred lease.Time
	start     lease.Time
	cltt      lease.Time
	iaid      uint32
	annex     uint32       // place of the room in the shard's annex, 0: in room
	pool      lease.PoolID // in the layout of the shard
	len       uint8
	state     uint8
	flags     uint8
	ia        IAType // 0: no client is remembered
	lens      [numParts]uint8
	room      [roomLen]byte
}

const roomLen = 46

func (rec *record) pfx() Prefix { return Prefix{rec.prefix, rec.len} }

// active reports whether others may not have anything of the record's prefix.
func (rec *record) active() bool {
	return rec.state == stBound || rec.state == stOffered || rec.state == stDeclined
}

// slab is memory for records of one shard.
type slab struct {
	shard *shard
	recs  []record
}

func (t *Table) slab(r ref) *slab   { return &(*t.slabs.Load())[r>>slabBits] }
func (t *Table) rec(r ref) *record  { return &t.slab(r).recs[r&(maxSlab-1)] }
func (t *Table) home(r ref) *shard  { return t.slab(r).shard }
func (t *Table) pfx(r ref) Prefix   { return t.rec(r).pfx() }
func refAt(slab uint32, at int) ref { return ref(slab)<<slabBits | ref(at) }

// provide makes sure that the shard has a record that is not in use; false: memory
// for 2³¹ records is.
func (s *shard) provide() bool {
	if s.free != 0 {
		return true
	}
	n := min(max(minSlab, s.slots/8), maxSlab)
	t := s.t
	t.grow.Lock()
	slabs := *t.slabs.Load()
	at := uint32(len(slabs))
	if at == maxSlabs {
		t.grow.Unlock()
		return false
	}
	if len(t.spare) == 0 {
		// As the slabs of many shards lie in one piece, large pages are worth while.
		t.spare = make([]record, min(max(n, t.slots/8), maxChunk))
		hugepage.AdviseSlice(t.spare)
	}
	n = min(n, len(t.spare))
	t.slots += n
	slabs = append(slabs, slab{s, t.spare[:n:n]})
	t.spare = t.spare[n:]
	t.slabs.Store(&slabs)
	t.grow.Unlock()
	s.slabs = append(s.slabs, at)
	s.slots += n
	for i := n - 1; i >= 0; i-- {
		t.rec(refAt(at, i)).next = s.free
		s.free = refAt(at, i)
	}
	return true
}

// stripe is a part of the index by prefix: which of them are taken.
type stripe struct {
	mu    sync.Mutex // a leaf
	idx   tagindex.Index
	floor uint32 // highest version of a record that is no more
	_     [64]byte
}

// stripeOf is where a prefix is, and its tag there.
func (t *Table) stripeOf(p Prefix) (*stripe, uint32) {
	h := mix(p.Hi^t.key[0], p.Lo^mix0)
	h = mix(h^uint64(p.Len), t.key[1])
	return &t.stripes[uint32(h)&uint32(len(t.stripes)-1)], max(uint32(h>>32), 1)
}

// find is the record of a prefix. The stripe is locked.
func (st *stripe) find(t *Table, tag uint32, p Prefix) ref {
	for i := st.idx.First(tag); uint32(st.idx.E[i]>>32) == tag; i++ {
		r := ref(st.idx.E[i])
		if rec := t.rec(r); rec.prefix == p.IP6 && rec.len == p.Len {
			return r
		}
	}
	return 0
}

// at is the record of a prefix, 0 if it has none. Unless its shard is locked it may
// be gone at once.
func (t *Table) at(p Prefix) ref {
	st, tag := t.stripeOf(p)
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.find(t, tag, p)
}

// claim makes a record for a prefix, in no list yet. If there is one already, that is
// other. Neither: the layout does not give it (now, or to those for whom it is not
// reserved), or a lease of another layout is in the way.
func (s *shard) claim(p Prefix, reserved bool) (h, other ref) {
	pool, ok := s.lay.gives(p)
	if !ok || pool == noPool && !reserved || s.t.odd.blocks(s.t, p) {
		return 0, 0
	}
	return s.insert(p, pool)
}

// insert is claim without a question about the layout.
func (s *shard) insert(p Prefix, pool lease.PoolID) (h, other ref) {
	t := s.t
	if !s.provide() {
		return 0, 0
	}
	st, tag := t.stripeOf(p)
	st.mu.Lock()
	defer st.mu.Unlock()
	if other = st.find(t, tag, p); other != 0 {
		return 0, other
	}
	h = s.free
	rec := t.rec(h)
	s.free = rec.next
	*rec = record{prefix: p.IP6, len: p.Len, version: max(st.floor, uint32(s.now)), pool: pool}
	t.noteLen(p.Len)
	st.idx.Insert(tag, uint32(h))
	return h, 0
}

// remove ends a record that is in no list.
func (s *shard) remove(h ref, rec *record) {
	s.unname(h, rec)
	s.become(rec, stNone)
	p := rec.pfx()
	st, tag := s.t.stripeOf(p)
	st.mu.Lock()
	st.idx.Remove(tag, uint32(h))
	if rec.flags&fLogged != 0 {
		st.floor = max(st.floor, rec.version)
	}
	st.mu.Unlock()
	*rec = record{link: link{next: s.free}}
	s.free = h
}

// noteLen remembers which lengths are in use; Find looks for no others.
func (t *Table) noteLen(n uint8) {
	if word, bit := &t.lens[n/64], uint64(1)<<(n%64); word.Load()&bit == 0 {
		word.Or(bit)
	}
}
