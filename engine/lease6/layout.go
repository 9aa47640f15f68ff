// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"math"
	"slices"

	"xdhcp/engine/lease"
)

// layout is a Layout that is in force. It is immutable but for what is atomic or
// locked in the pools.
type layout struct {
	gen      uint32
	prev     uint32         // Generation before this one
	fromPrev []lease.PoolID // its indices in ours; noPool: gone
	*body
	// also is the body before this one while a shard may still be with it: see
	// Reconfigure.
	also *body
}

// body is the part that two layouts with the same pools share.
type body struct {
	pools    []*pool
	capacity []uint64 // of each pool, without what is reserved; MaxUint64: that many or more
	spans    []span   // all ranges, by address
	reserved []Prefix // in order, disjoint
}

// span is a range and the pool that it belongs to.
type span struct {
	Range
	pool lease.PoolID
}

// gives says whether the layout gives a prefix to anybody, and from which pool;
// noPool if it is reserved.
func (l *layout) gives(p Prefix) (lease.PoolID, bool) {
	pool, ok := l.regular(p)
	if ok && l.also != nil {
		_, ok = l.also.regular(p)
	}
	return pool, ok
}

// regular reports whether a prefix is one that can be given: exactly a reserved one,
// or of a pool, and then overlapping none that is reserved. Any two that are
// regular are equal or disjoint.
func (b *body) regular(p Prefix) (lease.PoolID, bool) {
	if q, hit := b.reservedAt(p); hit {
		return noPool, q == p
	}
	pool := b.poolFor(p)
	return pool, pool != noPool
}

// reservedAt is a reserved prefix that overlaps p.
func (b *body) reservedAt(p Prefix) (Prefix, bool) {
	if len(b.reserved) == 0 {
		return Prefix{}, false
	}
	at, same := slices.BinarySearchFunc(b.reserved, p, Prefix.Compare)
	if same {
		return p, true
	}
	// They are disjoint, so one that contains p is the last one before it, and the
	// first that p contains comes right behind.
	if at > 0 && b.reserved[at-1].Overlaps(p) {
		return b.reserved[at-1], true
	}
	if at < len(b.reserved) && b.reserved[at].Overlaps(p) {
		return b.reserved[at], true
	}
	return Prefix{}, false
}

// poolFor is the pool that gives prefixes like p, p among them.
func (b *body) poolFor(p Prefix) lease.PoolID {
	if p.Len > 128 || p.IP6 != p.mask(p.Len) {
		return noPool
	}
	lo, hi := 0, len(b.spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b.spans[mid].Last.Less(p.IP6) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(b.spans) && !p.IP6.Less(b.spans[lo].First) && b.pools[b.spans[lo].pool].len == p.Len {
		return b.spans[lo].pool
	}
	return noPool
}

// allows reports whether pool p (an index of this layout) is among those that the
// request may use.
func (l *layout) allows(r *Request, p lease.PoolID) bool {
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

// translate turns a request's pool into an index of this layout; noPool if it is gone,
// or does not give what the IA is for.
func (l *layout) translate(r *Request, q lease.PoolID) lease.PoolID {
	if r.Layout != 0 && r.Layout != l.gen {
		if int(q) >= len(l.fromPrev) {
			return noPool
		}
		q = l.fromPrev[q]
	}
	if int(q) >= len(l.pools) || l.pools[q].scope != r.Scope || (l.pools[q].len != 128) != (r.IA.Type == PD) {
		return noPool
	}
	return q
}

// knows reports whether the request's pools can be understood. It fails only for a
// policy that is two reloads old, or not yet known here.
func (l *layout) knows(r *Request) bool {
	return r.Layout == 0 || r.Layout == l.gen || r.Layout == l.prev
}

// compile makes a body. Pools that the old one has are taken over.
func compile(l *Layout, old *body) (*body, error) {
	if len(l.Pools) >= int(noPool) {
		return nil, ErrTooManyPools
	}
	b := &body{pools: make([]*pool, len(l.Pools)), capacity: make([]uint64, len(l.Pools))}
	for _, r := range l.Reserved {
		if r.Prefix.Len == 0 || r.Prefix.Len > 128 || r.Prefix != PrefixFrom(r.Prefix.IP6, r.Prefix.Len) {
			return nil, ErrLen
		}
		b.reserved = append(b.reserved, r.Prefix)
	}
	slices.SortFunc(b.reserved, Prefix.Compare)
	b.reserved = slices.Compact(b.reserved)
	for i := 1; i < len(b.reserved); i++ {
		if b.reserved[i-1].Overlaps(b.reserved[i]) {
			return nil, ErrReserved
		}
	}
	was := map[poolKey]*pool{}
	for _, p := range old.pools {
		was[poolKey{p.scope, p.name}] = p
	}
	seen := map[poolKey]bool{}
	for i := range l.Pools {
		in := &l.Pools[i]
		k := poolKey{in.Scope, in.Name}
		if seen[k] {
			return nil, ErrSamePool
		}
		seen[k] = true
		p, err := newPool(in)
		if err != nil {
			return nil, err
		}
		if q := was[k]; q != nil && q.len == p.len && q.method == p.method && slices.Equal(q.ranges, p.ranges) {
			p = q
		}
		b.pools[i] = p
		for _, rg := range p.ranges {
			b.spans = append(b.spans, span{rg, lease.PoolID(i)})
		}
	}
	slices.SortFunc(b.spans, func(x, y span) int { return x.First.Compare(y.First) })
	for i := 1; i < len(b.spans); i++ {
		if !b.spans[i-1].Last.Less(b.spans[i].First) {
			return nil, ErrOverlap
		}
	}
	for i, p := range b.pools {
		b.capacity[i] = b.room(p)
	}
	return b, nil
}

type poolKey struct {
	scope lease.ScopeID
	name  string
}

// room is how many prefixes a pool has, without those that overlap a reserved one.
func (b *body) room(p *pool) uint64 {
	size := p.size
	for _, rg := range p.ranges {
		var done IP6 // last address that has been taken off
		at, _ := slices.BinarySearchFunc(b.reserved, Prefix{rg.First, 0}, Prefix.Compare)
		for _, q := range b.reserved[max(at-1, 0):] {
			if rg.Last.Less(q.IP6) {
				break
			}
			first, last := larger(q.mask(min(q.Len, p.len)), rg.First), smaller(q.Last(), rg.Last)
			if last.Less(first) || !done.IsZero() && !done.Less(first) { // in the same prefix as the one before
				continue
			}
			n := last.minus(first).shr(128 - uint(p.len)).plus(IP6{0, 1})
			size = size.minus(n)
			done = first.plus(n.shl(128 - uint(p.len))).minus(IP6{0, 1})
		}
	}
	if size.Hi != 0 {
		return math.MaxUint64
	}
	return size.Lo
}

func larger(a, b IP6) IP6 {
	if a.Less(b) {
		return b
	}
	return a
}

func smaller(a, b IP6) IP6 {
	if a.Less(b) {
		return a
	}
	return b
}

// samePools reports whether two bodies give the same prefixes.
func samePools(x, y *body) bool {
	return slices.Equal(x.pools, y.pools) && slices.Equal(x.reserved, y.reserved)
}

// renumber maps the pools of one body to those of another: by name, else to the one
// that gives prefixes of the old one now, else to the only one of the scope that
// gives the same length. A packet that was on its way during the reload finds
// something then.
func renumber(from, to *body) []lease.PoolID {
	m := make([]lease.PoolID, len(from.pools))
	for i, p := range from.pools {
		m[i] = to.heir(p)
	}
	return m
}

func (b *body) heir(p *pool) lease.PoolID {
	shares, only := noPool, noPool
	for i, q := range b.pools {
		if q.scope == p.scope && q.name == p.name {
			return lease.PoolID(i)
		}
	}
	for i, q := range b.pools {
		if q.scope != p.scope || q.len != p.len {
			continue
		}
		if only == noPool && shares == noPool {
			only = lease.PoolID(i)
		} else {
			only = noPool
		}
		if shares == noPool && q.touches(p) {
			shares = lease.PoolID(i)
		}
	}
	if shares != noPool {
		return shares
	}
	return only
}

// touches reports whether two pools have an address in common.
func (p *pool) touches(q *pool) bool {
	for _, x := range p.ranges {
		for _, y := range q.ranges {
			if !x.Last.Less(y.First) && !y.Last.Less(x.First) {
				return true
			}
		}
	}
	return false
}
