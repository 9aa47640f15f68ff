// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"xdhcp/engine/lease/tagindex"
)

// Options of a Table; the zero value is the default.
type Options struct {
	// Shards is the number of independently locked parts, a power of two.
	// 0: 256.
	Shards int
	// PerShard is how many addresses a scope must have for each shard that it
	// is spread over: a small subnet lives in one shard, where no address ever
	// has to be fetched from another. A scope's spread is decided when the scope
	// is first seen and stays until restart. 0: 256.
	PerShard int
	// Durable reports whether a batch is on disk. It tells the truth even where
	// replies do not wait for it (async durability): a short renewal is only
	// written behind a grant that is certain to be earlier in the log. It is
	// called with a shard locked, so it must be cheap and must not call the
	// table. Nil: always.
	Durable func(Ticket) bool
	// Seed, when not 0, makes the hash and so every decision reproducible.
	// For tests: whoever knows the seed can aim at one shard.
	Seed uint64
}

const (
	defaultShards   = 256
	maxShards       = 1 << 12
	defaultPerShard = 256
)

// What New refuses.
var (
	ErrShards   = errors.New("lease: number of shards is not a power of two up to 4096")
	ErrPerShard = errors.New("lease: negative number of addresses per shard")
)

// Table is the lease table. Make one with New.
type Table struct {
	shards   []shard
	perShard int
	isOnDisk func(Ticket) bool
	random   maphash.Seed
	seed     uint64 // Options.Seed

	dir    [1 << (32 - leafBits - blockBits)]atomic.Pointer[leaf]
	slabs  atomic.Pointer[[]*slab]
	grow   sync.Mutex // a leaf: guards blocks, and stores to dir and slabs
	blocks uint32     // next block number

	scopes atomic.Pointer[scopeMap]
	conf   sync.Mutex // one Reconfigure at a time; also guards stores to scopes
	layout *layout    // the newest; under conf

	reap sync.Mutex // one Expire at a time
	turn int        // shard where the reaper goes on; under reap
}

// shard is one independently locked part of the table.
type shard struct {
	mu  sync.Mutex
	t   *Table
	id  uint32 // index in Table.shards + 1, as in record.owner
	now Time   // latest time seen
	lay *layout
	idx tagindex.Index

	turn      Time // next slot of the wheel to work off
	work      link
	probation link
	loose     link
	exile     link
	stray     [numStates]uint32 // records in no pool, by state
	steals    uint64
	annex     annex
	scratch   []byte
	wheel     [wheelSlots]link
	_         [16]byte // to whole cache lines
}

// New makes an empty table. Reconfigure gives it addresses.
func New(o Options) (*Table, error) {
	if o.Shards == 0 {
		o.Shards = defaultShards
	}
	if o.PerShard == 0 {
		o.PerShard = defaultPerShard
	}
	if o.Shards < 1 || o.Shards > maxShards || o.Shards&(o.Shards-1) != 0 {
		return nil, ErrShards
	}
	if o.PerShard < 0 {
		return nil, ErrPerShard
	}
	t := &Table{
		shards:   make([]shard, o.Shards),
		perShard: o.PerShard,
		isOnDisk: o.Durable,
		random:   maphash.MakeSeed(),
		seed:     o.Seed,
		blocks:   1, // ref 0 is none
		layout:   &layout{body: &body{byShard: make([][]uint32, o.Shards)}},
	}
	t.slabs.Store(&[]*slab{newSlab()})
	t.scopes.Store(newScopeMap(nil))
	for i := range t.shards {
		s := &t.shards[i]
		s.t = t
		s.id = uint32(i) + 1
		s.lay = t.layout
		s.idx.Init(16, tagindex.Slack)
		s.work = link{headWork, headWork}
		s.probation = link{headProbation, headProbation}
		s.loose = link{headLoose, headLoose}
		s.exile = link{headExile, headExile}
		for j := range s.wheel {
			s.wheel[j] = link{headBit | ref(j), headBit | ref(j)}
		}
	}
	return t, nil
}

// Shards is the number of shards, for EachShard.
func (t *Table) Shards() int { return len(t.shards) }

// key is where a client's records are.
type key struct {
	s     *shard
	scope ScopeID
	tag   uint32
}

// Odd constants of wyhash: random-looking, and half of their bits set.
const (
	mix0 = 0xa0761d6478bd642f
	mix1 = 0xe7037ed1a0b428db
	mix2 = 0x8ebc6af09c88c6e3
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// seeded is a reproducible hash, for tests.
func seeded(seed uint64, b []byte) uint64 {
	h := mix(seed^uint64(len(b)), mix0)
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), mix1)
	}
	var tail [8]byte
	copy(tail[:], b)
	return mix(h^binary.LittleEndian.Uint64(tail[:]), mix2)
}

// find the shard and tag of a client. No shard: the scope is not known.
func (t *Table) key(scope ScopeID, c *Client) (k key, out Outcome) {
	if len(c.ID) == 0 || len(c.ID) > MaxID || len(c.HW) > MaxHW || c.Kind < KindHW || c.Kind > KindCircuitRemote {
		return key{}, BadClient
	}
	sp, ok := t.scopes.Load().get(scope)
	if !ok {
		return key{}, Unknown
	}
	var h uint64
	if t.seed != 0 {
		h = seeded(t.seed, c.ID)
	} else {
		h = maphash.Bytes(t.random, c.ID)
	}
	h = mix(h^mix1, uint64(scope)<<8^uint64(c.Kind)^mix0)
	shard := (uint32(sp.base) + uint32(h)&uint32(sp.mask)) & uint32(len(t.shards)-1)
	return key{s: &t.shards[shard], scope: scope, tag: max(uint32(h>>32), 1)}, OK
}

// addrTag is the tag of a record that is in the index for its address only.
func (t *Table) addrTag(a IP4) uint32 {
	return max(uint32(mix(uint64(a)^mix2, t.seed|mix1)>>32), 1)
}

// durable reports whether a change is on disk.
func (t *Table) durable(k Ticket) bool {
	return k == 0 || t.isOnDisk == nil || t.isOnDisk(k)
}

// clock is the shard's time: never earlier than any time that it has seen.
func (s *shard) clock(now Time) Time {
	s.now = max(s.now, now)
	return s.now
}

// scopeMap maps scopes to the shards that they use: an open hash that is never
// more than half full.
type scopeMap struct {
	of   map[ScopeID]spread
	slot []scopeSlot
	mask uint32
}

type scopeSlot struct {
	id   ScopeID
	used bool
	sp   spread
}

func newScopeMap(of map[ScopeID]spread) *scopeMap {
	n := 1 << bits.Len(uint(2*len(of)))
	m := &scopeMap{of: of, slot: make([]scopeSlot, n), mask: uint32(n - 1)}
	for id, sp := range of {
		i := m.home(id)
		for m.slot[i].used {
			i = (i + 1) & m.mask
		}
		m.slot[i] = scopeSlot{id, true, sp}
	}
	return m
}

func scopeHash(id ScopeID) uint32 { return uint32(mix(uint64(id)^mix0, mix1)) }

// home is where a scope is looked for first.
func (m *scopeMap) home(id ScopeID) uint32 { return uint32(uint64(id)*mix1>>32) & m.mask }

func (m *scopeMap) get(id ScopeID) (spread, bool) {
	for i := m.home(id); ; i = (i + 1) & m.mask {
		switch sl := &m.slot[i]; {
		case !sl.used:
			return spread{}, false
		case sl.id == id:
			return sl.sp, true
		}
	}
}

// place decides which shards a scope uses, if that is not decided yet.
// t.conf is held.
func (t *Table) place(of map[ScopeID]spread, id ScopeID, width uint32) {
	if _, ok := of[id]; !ok {
		base := uint16(scopeHash(id)>>16) & uint16(len(t.shards)-1)
		of[id] = spread{base: base, mask: uint16(width - 1)}
	}
}

// adopt makes a scope known that no layout has named: one that the log
// remembers. Nobody knows how large it was, so it uses all shards.
func (t *Table) adopt(id ScopeID) {
	t.conf.Lock()
	defer t.conf.Unlock()
	of := make(map[ScopeID]spread)
	for k, v := range t.scopes.Load().of {
		of[k] = v
	}
	t.place(of, id, uint32(len(t.shards)))
	t.scopes.Store(newScopeMap(of))
}
