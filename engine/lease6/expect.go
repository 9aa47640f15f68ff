// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"xdhcp/engine/lease"
	"xdhcp/internal/prefetch"
)

// With many clients nothing about one is in the processor's caches, and a decision
// waits for memory at the index, then at the record, for each of its IAs. Whoever has several packets in hand can let these waits overlap:
//
//  1. for each packet: t.Expect(&w[i], scope, duid, ias)
//  2. for each of them: t.Fetch(&w[i])
//  3. for each of them: Offer, Commit, …
//
// All are hints: a decision is the same with them or without.

// MaxExpect is as many IAs of a client as are looked for ahead.
const MaxExpect = 2

// Expect meets a client and begins to fetch what a decision about the first of these IAs
// will need.
func (t *Table) Expect(w *Who, scope lease.ScopeID, duid []byte, ias []IA) {
	t.Meet(w, duid)
	if !w.ok {
		return
	}
	s := t.shardOf(w.hash)
	for _, ia := range ias[:min(len(ias), MaxExpect)] {
		if ia.Type < NA || ia.Type > PD {
			continue
		}
		tag := tagOf(w.hash, scope, ia)
		if n := w.spots; n == 0 || w.spot[n-1].tag>>(tagNear+2) != tag>>(tagNear+2) { // else it is there already
			s.idx.Expect(tag)
		}
		w.spot[w.spots] = spot{ia: ia, scope: scope, tag: tag}
		w.spots++
	}
}

// Fetch goes on where Expect had to wait for the index.
func (t *Table) Fetch(w *Who) {
	if w.spots == 0 {
		return
	}
	s := t.shardOf(w.hash)
	s.mu.Lock()
	e := s.idx.E
	for j := range w.spot[:w.spots] {
		sp := &w.spot[j]
		sp.gen = s.gen
		for i := s.idx.First(sp.tag); uint32(e[i]>>32) == sp.tag; i++ {
			rec := t.rec(ref(e[i]))
			prefetch.Lines(rec, 2)
			if sp.only = sp.rec == nil; sp.only {
				sp.at, sp.rec = ref(e[i]), rec
			}
		}
	}
	s.mu.Unlock()
}
