// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease/tagindex"
	"xdhcp/internal/hugepage"
)

// Options of a Table; the zero value is the default.
type Options struct {
	// Shards is the number of independently locked parts, a power of two up to
	// 2048. 0: 256.
	Shards int
	// Remember is for how many seconds a free prefix of a large pool is remembered
	// for its last client. 0: 30 days.
	Remember uint32
	// MaxOffers bounds the memory that Solicits can use up: beyond so many offers at a
	// time, what is offered is not held. 0: a million.
	MaxOffers int
	// Durable reports whether a batch is on disk; as lease.Options.Durable. Nil:
	// always.
	Durable func(lease.Ticket) bool
	// Seed, when not 0, makes all hashes and choices reproducible. For tests:
	// whoever knows the seed can guess addresses.
	Seed uint64
}

const (
	defaultShards   = 256
	maxShards       = 1 << 11
	defaultRemember = 30 * 24 * 60 * 60
	defaultOffers   = 1 << 20
)

// What New and Reconfigure refuse.
var (
	ErrShards       = errors.New("lease6: number of shards is not a power of two up to 2048")
	ErrTooManyPools = errors.New("lease6: layout has too many pools")
	ErrRange        = errors.New("lease6: a pool's range is empty or backwards, begins at ::, or does not consist of whole prefixes")
	ErrLen          = errors.New("lease6: a prefix has no length or too long a one, or bits behind it")
	ErrOverlap      = errors.New("lease6: pools overlap")
	ErrReserved     = errors.New("lease6: two reservations overlap")
	ErrSamePool     = errors.New("lease6: two pools of a scope have the same name")
)

// Table is the lease table. Make one with New.
type Table struct {
	shards    []shard
	stripes   []stripe
	isOnDisk  func(lease.Ticket) bool
	random    maphash.Seed
	seed      uint64 // Options.Seed
	key       [2]uint64
	remember  lease.Time
	maxOffers uint32 // of a shard

	grow  sync.Mutex // a leaf: guards stores to slabs, and the next two
	spare []record   // in no slab yet
	slots int        // records in slabs
	slabs atomic.Pointer[[]slab]
	lens  [3]atomic.Uint64 // lengths that there are or were records of
	odd   oddList
	held  atomic.Uint32 // lease.Time until which pools are closed, see HoldFresh

	conf   sync.Mutex // one Reconfigure at a time
	layout *layout    // the newest; under conf
	strays pool       // holds what is free and in no pool

	reap sync.Mutex // one Expire at a time
	turn int        // shard where the reaper goes on; under reap
}

// shard is one independently locked part of the table.
type shard struct {
	mu  sync.Mutex
	t   *Table
	now lease.Time // latest time seen
	lay *layout
	idx tagindex.Index
	gen uint32 // counts the changes of idx

	n        [numStates]uint32 // records by state
	prefixes uint32            // leases that are delegated prefixes
	steals   uint64
	free     ref      // first record that is not in use; they are linked by next
	slabs    []uint32 // that belong to this shard
	slots    int      // records in them

	turn      lease.Time // next slot of the wheel to work off
	work      link
	probation link
	loose     link
	annex     annex
	scratch   [maxParts]byte
	random    *rand.ChaCha8
	wheel     [wheelSlots]link
	_         [64]byte
}

// New makes an empty table. Reconfigure gives it pools.
func New(o Options) (*Table, error) {
	if o.Shards == 0 {
		o.Shards = defaultShards
	}
	if o.Shards < 1 || o.Shards > maxShards || o.Shards&(o.Shards-1) != 0 {
		return nil, ErrShards
	}
	if o.Remember == 0 {
		o.Remember = defaultRemember
	}
	if o.MaxOffers == 0 {
		o.MaxOffers = defaultOffers
	}
	t := &Table{
		shards:    make([]shard, o.Shards),
		stripes:   make([]stripe, o.Shards),
		isOnDisk:  o.Durable,
		random:    maphash.MakeSeed(),
		seed:      o.Seed,
		remember:  lease.Time(o.Remember),
		maxOffers: uint32(max(1, o.MaxOffers/o.Shards)),
		layout:    &layout{body: &body{}},
		strays:    pool{idle: link{headIdle, headIdle}},
	}
	hugepage.AdviseSlice(t.shards)
	var secret [32]byte
	if t.seed == 0 {
		crand.Read(secret[:])
	}
	binary.LittleEndian.PutUint64(secret[:], binary.LittleEndian.Uint64(secret[:])^t.seed)
	source := rand.NewChaCha8(secret)
	t.key = [2]uint64{source.Uint64(), source.Uint64()}
	t.slabs.Store(&[]slab{{recs: make([]record, 1)}}) // ref 0 is none
	for i := range t.stripes {
		t.stripes[i].idx.Init(16, tagindex.Slack)
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.t = t
		s.lay = t.layout
		s.idx.Init(16, tagindex.Slack)
		s.work = link{headWork, headWork}
		s.probation = link{headProbation, headProbation}
		s.loose = link{headLoose, headLoose}
		for j := range s.wheel {
			s.wheel[j] = link{headBit | ref(j), headBit | ref(j)}
		}
		for j := 0; j < len(secret); j += 8 {
			binary.LittleEndian.PutUint64(secret[j:], source.Uint64())
		}
		s.random = rand.NewChaCha8(secret)
	}
	return t, nil
}

// Shards is the number of shards, for EachShard.
func (t *Table) Shards() int { return len(t.shards) }

// key is whose records are meant, and where they are.
type key struct {
	s     *shard
	tag   uint32
	scope lease.ScopeID
	ia    IA
	duid  []byte
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

// seeded is a reproducible hash.
func seeded(seed uint64, b []byte) uint64 {
	h := mix(seed^uint64(len(b)), mix0)
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), mix1)
	}
	var tail [8]byte
	copy(tail[:], b)
	return mix(h^binary.LittleEndian.Uint64(tail[:]), mix2)
}

// keyOf finds the shard and tag of an IA; false if it is none. All IAs of a client
// are in one shard.
func (t *Table) keyOf(scope lease.ScopeID, duid []byte, ia IA) (k key, ok bool) {
	if len(duid) == 0 || len(duid) > MaxDUID || ia.Type < NA || ia.Type > PD {
		return key{}, false
	}
	h := t.hash(duid)
	return key{s: t.shardOf(h), tag: tagOf(h, scope, ia), scope: scope, ia: ia, duid: duid}, true
}

// tagOf is what an IA is found by in its shard; h is the hash of the DUID. The tags of the
// IAs of a client whose IAIDs are near each other differ in the last bits, so that they are
// in one place of the index: one is on its way when another is looked for. All of a client
// would be, but for that it might have any number of them.
func tagOf(h uint64, scope lease.ScopeID, ia IA) uint32 {
	h = mix(h^mix1, uint64(scope)<<32^uint64(ia.ID>>tagNear))
	near := (ia.ID&(1<<tagNear-1))<<2 | uint32(ia.Type)
	return uint32(h>>32)&^(1<<(tagNear+2)-1) | near // not 0, as no type is
}

// tagNear is how many bits of an IAID do not change the place in the index.
const tagNear = 3

func (t *Table) hash(duid []byte) uint64 {
	if t.seed != 0 {
		return seeded(t.seed, duid)
	}
	return maphash.Bytes(t.random, duid)
}

func (t *Table) shardOf(hash uint64) *shard {
	return &t.shards[uint32(hash)&uint32(len(t.shards)-1)]
}

// durable reports whether a change is on disk.
func (t *Table) durable(k lease.Ticket) bool {
	return k == 0 || t.isOnDisk == nil || t.isOnDisk(k)
}

// clock is the shard's time: never earlier than any time that it has seen.
func (s *shard) clock(now lease.Time) lease.Time {
	s.now = max(s.now, now)
	return s.now
}

// after is t+d seconds. What would pass the end of time stops one second before
// Never, so that a finite lease never becomes an infinite one.
func after(t lease.Time, d uint32) lease.Time {
	if d == lease.Infinite {
		return lease.Never
	}
	return lease.Time(min(uint64(t)+uint64(d), uint64(lease.Never)-1))
}

// left is the time until t.
func left(t, now lease.Time) uint32 {
	if t == lease.Never {
		return lease.Infinite
	}
	return uint32(t - min(t, now))
}
