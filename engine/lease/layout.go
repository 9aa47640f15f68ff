// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// What Reconfigure refuses.
var (
	ErrTooManyPools = errors.New("lease: layout has too many pools")
	ErrRange        = errors.New("lease: a pool's range is empty or backwards, or begins at 0.0.0.0")
	ErrOverlap      = errors.New("lease: pools overlap")
	ErrSamePool     = errors.New("lease: two pools of a scope have the same name")
)

// layout is a Layout that is in force. It is immutable but for the spools, each
// of which belongs to a shard, and for what is atomic or locked in the pools.
type layout struct {
	gen      uint32
	prev     uint32   // Generation before this one
	fromPrev []PoolID // its indices in ours; noPool: gone
	*body
}

// body is the part that two layouts with the same pools share.
type body struct {
	pools   []pool
	scopes  []ScopeID // of the pools: all that most decisions need of them, in few cache lines
	spans   []span    // all ranges, by address
	spools  []spool
	byShard [][]uint32 // spools of each shard
}

// span is a range and the pool that it belongs to.
type span struct {
	Range
	pool PoolID
}

// pool is a Pool at work.
type pool struct {
	name   string
	scope  ScopeID
	ranges []Range // without what is reserved
	size   uint64
	spread spread
	spool  uint32 // first of its spools, one for each shard of the scope
	chunk  uint32 // how many untouched addresses a shard takes at a time

	// have says by bitmap which spools have something to give.
	have [numHave][]atomic.Uint64

	mu  sync.Mutex // a leaf: nothing is locked under it
	rng int        // cursor of untouched addresses: range,
	at  IP4        // and address in it; 0: its first
	dry atomic.Bool
}

// What a spool may have to give, best first.
const (
	haveNew  = iota // clean or untouched
	haveIdle        // remembered for somebody else
	haveDeclined
	numHave
)

// spool is a pool's part in a shard, and belongs to its lock.
type spool struct {
	clean, idle link   // heads
	fresh       IP4    // the chunk of untouched addresses: next one,
	left        uint32 // and how many
	n           [numStates]uint32
	pool        PoolID
	seat        uint16 // place among the pool's spools
	has         uint8  // the bits of pool.have, as last published
	_           [7]byte
}

// spread is the part of the shards that a scope uses: from base on, mask+1 of them.
type spread struct{ base, mask uint16 }

// allows reports whether pool p (an index of this layout) is among those that
// the request may use.
func (l *layout) allows(r *Request, p PoolID) bool {
	if p == noPool {
		return false
	}
	for _, q := range r.Pools {
		if l.translate(r, q) == p {
			return true
		}
	}
	return false
}

// translate turns a request's pool into an index of this layout.
func (l *layout) translate(r *Request, q PoolID) PoolID {
	if r.Layout != 0 && r.Layout != l.gen {
		if int(q) >= len(l.fromPrev) {
			return noPool
		}
		q = l.fromPrev[q]
	}
	if int(q) >= len(l.scopes) || l.scopes[q] != r.Scope {
		return noPool
	}
	return q
}

// knows reports whether the request's pools can be understood. It fails only
// for a policy that is two reloads old, or not yet known here.
func (l *layout) knows(r *Request) bool {
	return r.Layout == 0 || r.Layout == l.gen || r.Layout == l.prev
}

// poolOf is the pool that contains an address.
func (b *body) poolOf(a IP4) PoolID {
	lo, hi := 0, len(b.spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b.spans[mid].Last < a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(b.spans) && b.spans[lo].First <= a {
		return b.spans[lo].pool
	}
	return noPool
}

// poolFor is the pool of an address as a record of this shard has it: noPool
// also when the shard is not among those that serve the pool's scope.
func (s *shard) poolFor(a IP4) PoolID {
	p := s.lay.poolOf(a)
	if p != noPool && s.seat(&s.lay.pools[p]) > s.lay.pools[p].spread.mask {
		return noPool
	}
	return p
}

// seat is the place of a shard among those that serve a pool. More than the
// spread's mask: it is none of them.
func (s *shard) seat(p *pool) uint16 {
	return (uint16(s.id-1) - p.spread.base) & uint16(len(s.t.shards)-1)
}

// spoolAt is the index of a pool's spool in a shard that serves it.
func (s *shard) spoolAt(p PoolID) uint32 {
	pl := &s.lay.pools[p]
	return pl.spool + uint32(s.seat(pl))
}

func (s *shard) spoolOf(p PoolID) *spool { return &s.lay.spools[s.spoolAt(p)] }

// publish keeps the pool's bitmaps true to the spool.
func (l *layout) publish(sp *spool) {
	var has uint8
	if sp.n[stClean] > 0 || sp.left > 0 {
		has |= 1 << haveNew
	}
	if sp.n[stIdle] > 0 {
		has |= 1 << haveIdle
	}
	if sp.n[stDeclined] > 0 {
		has |= 1 << haveDeclined
	}
	if has == sp.has {
		return
	}
	for k := range numHave {
		word, bit := &l.pools[sp.pool].have[k][sp.seat/64], uint64(1)<<(sp.seat%64)
		switch now, was := has>>k&1, sp.has>>k&1; {
		case now > was:
			word.Or(bit)
		case now < was:
			word.And(^bit)
		}
	}
	sp.has = has
}

// take moves the pool's cursor over a chunk of addresses of which most were
// never touched.
func (p *pool) take(t *Table) (first IP4, n uint32) {
	if p.dry.Load() {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.rng < len(p.ranges) {
		rg := p.ranges[p.rng]
		first = max(p.at, rg.First)
		last := rg.Last
		used := false
		// After a reload the cursor begins anew: pass by what is all in use.
		if r := t.at(first); r != 0 && t.slab(r).fullBlock(r) {
			last = min(last, first|(blockSize-1))
			used = true
		} else if uint64(last-first) >= uint64(p.chunk) {
			last = first + IP4(p.chunk-1)
		}
		if last == rg.Last {
			p.rng++
			p.at = 0
		} else {
			p.at = last + 1
		}
		if !used {
			return first, uint32(last-first) + 1
		}
	}
	p.dry.Store(true)
	return 0, 0
}

// compile makes a body. spreads says which shards each scope uses.
func (t *Table) compile(l *Layout, spreads func(ScopeID) spread) (*body, error) {
	if len(l.Pools) > MaxPools {
		return nil, ErrTooManyPools
	}
	b := &body{pools: make([]pool, len(l.Pools)), scopes: make([]ScopeID, len(l.Pools)), byShard: make([][]uint32, len(t.shards))}
	type key struct {
		scope ScopeID
		name  string
	}
	seen := map[key]bool{}
	cuts := make([]IP4, len(l.Reserved))
	for i, r := range l.Reserved {
		cuts[i] = r.Addr
	}
	slices.Sort(cuts)
	spools := uint32(0)
	for i := range l.Pools {
		in, p := &l.Pools[i], &b.pools[i]
		if k := (key{in.Scope, in.Name}); seen[k] {
			return nil, ErrSamePool
		} else {
			seen[k] = true
		}
		p.name, p.scope = in.Name, in.Scope
		b.scopes[i] = in.Scope
		for _, rg := range without(in.Ranges, cuts) {
			if rg.First > rg.Last || rg.First == 0 {
				return nil, ErrRange
			}
			p.ranges = append(p.ranges, rg)
			p.size += uint64(rg.Last-rg.First) + 1
			b.spans = append(b.spans, span{rg, PoolID(i)})
		}
		p.spread = spreads(in.Scope)
		width := uint32(p.spread.mask) + 1
		p.chunk = uint32(max(1, min(blockSize, p.size/uint64(4*width))))
		p.spool = spools
		spools += width
		for k := range p.have {
			p.have[k] = make([]atomic.Uint64, (width+63)/64)
		}
	}
	slices.SortFunc(b.spans, func(x, y span) int { return cmp.Compare(x.First, y.First) })
	for i := 1; i < len(b.spans); i++ {
		if b.spans[i-1].Last >= b.spans[i].First {
			return nil, ErrOverlap
		}
	}
	b.spools = make([]spool, spools)
	for i := range b.pools {
		p := &b.pools[i]
		for seat := range uint32(p.spread.mask) + 1 {
			n := p.spool + seat
			sp := &b.spools[n]
			sp.pool, sp.seat = PoolID(i), uint16(seat)
			sp.clean = link{headClean(n), headClean(n)}
			sp.idle = link{headIdle(n), headIdle(n)}
			shard := (uint32(p.spread.base) + seat) & uint32(len(t.shards)-1)
			b.byShard[shard] = append(b.byShard[shard], n)
		}
	}
	return b, nil
}

// without cuts addresses, which are in order, out of ranges.
func without(ranges []Range, cuts []IP4) []Range {
	var out []Range
	for _, rg := range ranges {
		i, _ := slices.BinarySearch(cuts, rg.First)
		whole := true
		for ; i < len(cuts) && cuts[i] <= rg.Last; i++ {
			c := cuts[i]
			if c > rg.First {
				out = append(out, Range{rg.First, c - 1})
			}
			if c == rg.Last {
				whole = false
				break
			}
			rg.First = max(rg.First, c+1)
		}
		if whole {
			out = append(out, rg)
		}
	}
	return out
}

// width is how many shards a scope of that many addresses is spread over.
func (t *Table) width(addresses uint64) uint32 {
	n := min(addresses/uint64(t.perShard), uint64(len(t.shards)))
	if n == 0 {
		return 1
	}
	return 1 << (bits.Len64(n) - 1)
}
