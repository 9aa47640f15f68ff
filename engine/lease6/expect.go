// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// With many clients nothing about one is in the processor's caches, and a decision
// waits for memory at the index, then at the record, then at what is in the annex, for
// each of its IAs. Whoever has several packets in hand can let these waits overlap:
//
//  1. for each packet: t.Expect(&h[i], scope, duid, ias)
//  2. for each of them: t.Fetch(&h[i])
//  3. for each of them: t.FetchRoom(&h[i])
//  4. for each of them: Offer, Commit, …
//
// All are hints: a decision is the same with them or without.

// MaxExpect is as many IAs of a client as are looked for ahead.
const MaxExpect = 2

// Hint says where the records of a client's IAs will be looked for.
type Hint struct {
	s    *shard
	n    int
	tags [MaxExpect]uint32
	at   [MaxExpect]ref // of each the first record, once Fetch has seen it
}

// Expect begins to fetch what a decision about the first of these IAs will need.
func (t *Table) Expect(h *Hint, scope lease.ScopeID, duid []byte, ias []IA) {
	h.n = 0
	if len(duid) == 0 || len(duid) > MaxDUID {
		return
	}
	hash := t.hash(duid)
	h.s = t.shardOf(hash)
	for _, ia := range ias[:min(len(ias), MaxExpect)] {
		if ia.Type < NA || ia.Type > PD {
			continue
		}
		tag := tagOf(hash, scope, ia)
		h.s.idx.Expect(tag)
		h.tags[h.n] = tag
		h.n++
	}
}

// Fetch goes on where Expect had to wait for the index.
func (t *Table) Fetch(h *Hint) {
	if h.n == 0 {
		return
	}
	s := h.s
	s.mu.Lock()
	e := s.idx.E
	for j, tag := range h.tags[:h.n] {
		h.at[j] = 0
		for i := s.idx.First(tag); uint32(e[i]>>32) == tag; i++ {
			r := ref(e[i])
			prefetchRecord(t.rec(r))
			if h.at[j] == 0 {
				h.at[j] = r
			}
		}
	}
	s.mu.Unlock()
}

// FetchRoom goes on where Fetch had to wait for the records.
func (t *Table) FetchRoom(h *Hint) {
	if h.n == 0 || h.at[0]|h.at[1] == 0 {
		return
	}
	s := h.s
	s.mu.Lock()
	for _, r := range h.at[:h.n] {
		// The record may be somebody else's by now; its room is its own in any case.
		if rec := t.rec(r); rec.annex != 0 {
			room := s.room(rec)
			for i := 0; i < len(room); i += cacheLine {
				prefetchByte(&room[i])
			}
			prefetchByte(&room[len(room)-1])
		}
	}
	s.mu.Unlock()
}

const cacheLine = 64
