// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"sync/atomic"

	"xdhcp/internal/hugepage"
	"xdhcp/internal/prefetch"
)

// ref is the place of a record: slab, block in the slab, last byte of the
// address. 0 is none. With headBit it is the head of a list instead (list.go).
type ref uint32

const (
	blockBits  = 8  // a block holds the records of a /24
	slabBits   = 13 // 32 blocks
	slabSize   = 1 << slabBits
	slabBlocks = 1 << (slabBits - blockBits)
	blockSize  = 1 << blockBits
	maxBlocks  = 1 << (31 - blockBits) // bit 31 of a ref is headBit

	leafBits = 12 // of the directory: a leaf covers a /12
	coldSize = 40 // bytes that have a place parallel to the record
)

// State of a record.
const (
	stHand     uint8 = iota // owned, in no list: some goroutine is about to use it
	stClean                 // free, nobody's
	stOffered               // held for a client, in memory only
	stBound                 // leased
	stIdle                  // free, remembered for its last client
	stDeclined              // on probation, since its client found it in use
	stHeld                  // on probation, nobody knows why: a repair of the log says so
	numStates
)

// Flags of a record.
const (
	fKind       uint8 = 7      // Kind of the identity, 0 none
	fWhere      uint8 = 3 << 3 // where the ID is: idOwn, idHW, idClientID
	fNamed      uint8 = 1 << 5 // the index finds it by the identity
	fRemembered uint8 = 1 << 6 // offered: to the client that it was remembered for
	fReleased   uint8 = 1 << 7 // idle: given back, not run out

	whereShift = 3

	// In record.hw, beside the length:
	fTwin uint8 = 1 << 7 // the client may have another record
	hwLen uint8 = 1<<5 - 1
)

// record is everything about one address except the bytes of variable length.
// Only the owner shard's lock holder reads or writes it, except for owner, and
// except in state hand, where it belongs to the goroutine that took it.
type record struct {
	owner   atomic.Uint32 // shard number + 1; 0: never handed out
	link                  // the list that it is in
	tag     uint32        // key in the shard's index, 0: not in it
	pending Ticket        // batch of the last change
	scope   ScopeID
	version uint32
	expires Time // end of lease, hold or probation; when idle: when the lease ended
	start   Time
	cltt    Time
	pool    PoolID // in the layout of the owner shard
	state   uint8
	flags   uint8
	hw      uint8   // length of the hardware address, and fTwin
	hwid    [7]byte // htype, then hw if it is no longer than 6
	idLen   uint8   // of what lies in the room, see room.go
	cidLen  uint8
	relLen  uint8
	hostLen uint8
	annex   uint32 // place of the room in the shard's annex, 0: in the cold slab
}

func (rec *record) kind() Kind   { return Kind(rec.flags & fKind) }
func (rec *record) where() uint8 { return rec.flags & fWhere >> whereShift }
func (rec *record) hwlen() int   { return int(rec.hw & hwLen) }
func (rec *record) twin() bool   { return rec.hw&fTwin != 0 }

// slab is the memory of 32 blocks.
type slab struct {
	cold  atomic.Pointer[coldSlab] // made when the first record needs it
	_     [56]byte                 // so that records begin where cache lines do
	base  [slabBlocks]IP4          // first address of each block; written before the block is published
	owned [slabBlocks]atomic.Uint32
	hot   [slabSize]record
}

type coldSlab [slabSize][coldSize]byte

func newSlab() *slab {
	sl := new(slab)
	hugepage.Advise(sl)
	return sl
}

func newColdSlab() *coldSlab {
	c := new(coldSlab)
	hugepage.Advise(c)
	return c
}

// leaf is a /12 of the directory: block numbers, 0 none.
type leaf [1 << leafBits]atomic.Uint32

// at is the place of an address, 0 if it was never touched.
func (t *Table) at(a IP4) ref {
	l := t.dir[a>>(leafBits+blockBits)].Load()
	if l == nil {
		return 0
	}
	b := l[a>>blockBits&(1<<leafBits-1)].Load()
	if b == 0 {
		return 0
	}
	return ref(b<<blockBits | uint32(a)&(blockSize-1))
}

func (t *Table) slab(r ref) *slab     { return (*t.slabs.Load())[r>>slabBits] }
func (t *Table) rec(r ref) *record    { return &t.slab(r).hot[r&(slabSize-1)] }
func (sl *slab) block(r ref) int      { return int(r >> blockBits & (slabBlocks - 1)) }
func (sl *slab) rec(r ref) *record    { return &sl.hot[r&(slabSize-1)] }
func (sl *slab) addrOf(r ref) IP4     { return sl.base[sl.block(r)] | IP4(r&(blockSize-1)) }
func (t *Table) addrOf(r ref) IP4     { return t.slab(r).addrOf(r) }
func (sl *slab) room(r ref) []byte    { return sl.cold.Load()[r&(slabSize-1)][:] }
func (sl *slab) fullBlock(r ref) bool { return sl.owned[sl.block(r)].Load() == blockSize }

// fetch makes the processor get what we know of an address. A record is hardly
// ever in the cache when a client renews, and waiting for it and for its room,
// one after the other, would be most of the time that a renewal takes.
func (t *Table) fetch(a IP4) {
	if r := t.at(a); r != 0 {
		t.slab(r).fetch(r)
	}
}

func (sl *slab) fetch(r ref) {
	prefetch.Line(sl.rec(r))
	if c := sl.cold.Load(); c != nil {
		prefetch.Bytes(c[r&(slabSize-1)][:])
	}
}

// touch is at, and makes the block if there is none. 0: memory for 2³¹
// addresses is in use.
func (t *Table) touch(a IP4) ref {
	if r := t.at(a); r != 0 {
		return r
	}
	t.grow.Lock()
	defer t.grow.Unlock()
	if r := t.at(a); r != 0 {
		return r
	}
	if t.blocks == maxBlocks {
		return 0
	}
	slabs := *t.slabs.Load()
	b := t.blocks
	if int(b/slabBlocks) == len(slabs) {
		slabs = append(slabs[:len(slabs):len(slabs)], newSlab())
		t.slabs.Store(&slabs)
	}
	slabs[b/slabBlocks].base[b%slabBlocks] = a &^ (blockSize - 1)
	t.blocks++

	top := &t.dir[a>>(leafBits+blockBits)]
	l := top.Load()
	if l == nil {
		l = new(leaf)
		top.Store(l)
	}
	l[a>>blockBits&(1<<leafBits-1)].Store(b)
	return ref(b<<blockBits | uint32(a)&(blockSize-1))
}

// claim makes an address that nobody ever had the shard's: it is then in our
// hand. It needs no lock.
func (t *Table) claim(r ref, shard uint32) bool {
	sl := t.slab(r)
	if sl.rec(r).owner.Load() != 0 || !sl.rec(r).owner.CompareAndSwap(0, shard) {
		return false
	}
	sl.owned[sl.block(r)].Add(1)
	return true
}
