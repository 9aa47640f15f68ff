// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// With many clients nothing about one is in the processor's caches, and a decision
// waits for memory at the index and then at the record, for each of its IAs. Whoever
// has several packets in hand can let these waits overlap:
//
//  1. for each IA of each packet: h[i] = t.Expect(scope, duid, ia)
//  2. for each of these: t.Fetch(h[i])
//  3. for each packet: Offer, Commit, …
//
// Both are hints: a decision is the same with them or without.

// Hint says where an IA's records will be looked for.
type Hint struct {
	s   *shard
	tag uint32
}

// Expect begins to fetch what a decision about this IA will need.
func (t *Table) Expect(scope lease.ScopeID, duid []byte, ia IA) Hint {
	k, ok := t.keyOf(scope, duid, ia)
	if !ok {
		return Hint{}
	}
	k.s.mu.Lock()
	prefetchEntry(&k.s.idx.e[k.s.idx.home(k.tag)])
	k.s.mu.Unlock()
	return Hint{k.s, k.tag}
}

// Fetch goes on where Expect had to wait for the index.
func (t *Table) Fetch(h Hint) {
	if h.s == nil {
		return
	}
	h.s.mu.Lock()
	e := h.s.idx.e
	for i := h.s.idx.first(h.tag); uint32(e[i]>>32) == h.tag; i++ {
		prefetchRecord(t.rec(ref(e[i])))
	}
	h.s.mu.Unlock()
}
