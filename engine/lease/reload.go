// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Reconfigure puts a layout in force: at start, before Apply, and on reload. No
// lease is lost: what lies outside of the new pools stays with its holder until
// it ends, but is not extended or given again. Traffic goes on meanwhile: the
// shards change over one by one.
//
// On reload call it before the new policy is used; Requests of the policy before
// it are understood until the next Reconfigure, if Generation is set.
func (t *Table) Reconfigure(l Layout) error {
	t.conf.Lock()
	defer t.conf.Unlock()

	sizes := map[ScopeID]uint64{}
	for _, p := range l.Pools {
		sizes[p.Scope] += 0
		for _, rg := range p.Ranges {
			if rg.First <= rg.Last {
				sizes[p.Scope] += uint64(rg.Last-rg.First) + 1
			}
		}
	}
	for _, r := range l.Reserved {
		sizes[r.Scope]++
	}
	of := maps.Clone(t.scopes.Load().of)
	if of == nil {
		of = map[ScopeID]spread{}
	}
	for id, n := range sizes {
		t.place(of, id, t.width(n))
	}
	b, err := t.compile(&l, func(id ScopeID) spread { return of[id] })
	if err != nil {
		return err
	}
	old := t.layout
	if samePools(b, old.body) {
		b = old.body
	}
	lay := &layout{gen: l.Generation, prev: old.gen, body: b}
	lay.fromPrev = renumber(old.body, b)
	t.scopes.Store(newScopeMap(of))
	t.layout = lay
	for i := range t.shards {
		t.shards[i].change(lay)
	}
	for i := range t.shards {
		t.shards[i].repatriate(math.MaxInt)
	}
	return nil
}

// samePools reports whether two bodies serve the same addresses.
func samePools(x, y *body) bool {
	if len(x.pools) != len(y.pools) {
		return false
	}
	for i := range x.pools {
		p, q := &x.pools[i], &y.pools[i]
		if p.name != q.name || p.scope != q.scope || !slices.Equal(p.ranges, q.ranges) {
			return false
		}
	}
	return true
}

// renumber maps the pools of one body to those of another: by name, else to the
// one that serves addresses of the old one now, else to the only one of the
// scope. A packet that was on its way during the reload finds addresses then.
func renumber(from, to *body) []PoolID {
	type key struct {
		scope ScopeID
		name  string
	}
	named, only := map[key]PoolID{}, map[ScopeID]PoolID{}
	for i := range to.pools {
		p := &to.pools[i]
		named[key{p.scope, p.name}] = PoolID(i)
		if _, more := only[p.scope]; more {
			only[p.scope] = noPool
		} else {
			only[p.scope] = PoolID(i)
		}
	}
	m := make([]PoolID, len(from.pools))
	for i := range from.pools {
		p := &from.pools[i]
		var ok bool
		if m[i], ok = named[key{p.scope, p.name}]; ok {
			continue
		}
		if m[i] = to.successor(p); m[i] != noPool {
			continue
		}
		if m[i], ok = only[p.scope]; !ok {
			m[i] = noPool
		}
	}
	return m
}

// successor is the first pool of the body that shares addresses and the scope
// with p.
func (b *body) successor(p *pool) PoolID {
	for _, rg := range p.ranges {
		at, _ := slices.BinarySearchFunc(b.spans, rg.First, func(s span, a IP4) int { return cmp.Compare(s.Last, a) })
		for ; at < len(b.spans) && b.spans[at].First <= rg.Last; at++ {
			if q := b.spans[at].pool; b.pools[q].scope == p.scope {
				return q
			}
		}
	}
	return noPool
}

// change brings a shard to a new layout. With 10 M leases in 256 shards the
// shard is locked for some milliseconds.
func (s *shard) change(lay *layout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.lay
	if old.body == lay.body {
		s.lay = lay
		return
	}
	// What may have to change its list goes through the exile's list: clean
	// addresses before idle ones, each in the order in which they became free.
	s.splice(headExile, headLoose)
	for _, n := range old.byShard[s.id-1] {
		s.splice(headExile, headClean(n))
	}
	for _, n := range old.byShard[s.id-1] {
		s.splice(headExile, headIdle(n))
	}
	s.lay = lay
	s.stray = [numStates]uint32{}
	last := s.exile.prev
	for r := s.exile.next; r != headExile; {
		rec := s.t.rec(r)
		next, done := rec.next, r == last
		s.unlink(r)
		if rec.state == stBound || rec.state == stOffered || rec.state == stHeld {
			s.readmit(r, rec)
			s.pushBack(headLoose, r)
		} else {
			rec.pool = s.poolFor(s.t.addrOf(r))
			rec.state = stHand // the old counters are gone
			s.free(r, rec, false)
		}
		if done {
			break // what follows are exiles of the new layout
		}
		r = next
	}
	// The rest stays in its list, and only counts elsewhere.
	for slot := range s.wheel {
		s.recount(headBit | ref(slot))
	}
	s.recount(headWork)
	s.recount(headProbation)
}

// recount brings the pools of a list's records up to date.
func (s *shard) recount(head ref) {
	for r := s.linkOf(head).next; r != head; {
		rec := s.t.rec(r)
		s.readmit(r, rec)
		r = rec.next
	}
}

// readmit counts a record under its new pool.
func (s *shard) readmit(r ref, rec *record) {
	state := rec.state
	rec.pool = s.poolFor(s.t.addrOf(r))
	rec.state = stHand
	s.become(rec, state)
}
