// SPDX-License-Identifier: Apache-2.0

package lease

import "xdhcp/internal/prefetch"

// With a million leases nothing about a client is in the processor's caches, and
// a decision waits two or three times for memory, one after the other: for the
// index, for the record, for its room. Whoever has several packets in hand can
// let these waits overlap:
//
//  1. for each packet: h[i] = t.Aim(scope, &client)
//  2. for each packet: h[i].Expect()
//  3. for each packet: t.Fetch(h[i])
//  4. for each packet: Offer, Commit, …
//
// Expect of the table does the first two in one. For a packet with an address ExpectAddr
// takes the place of all three. All are hints: a decision is the same with them or without.

// Hint says where a client's records will be looked for.
type Hint struct {
	s    *shard
	tag  uint32
	addr IP4
}

// ExpectAddr begins to fetch what a decision about a client will need that says which
// address it has or wants.
func (t *Table) ExpectAddr(addr IP4) { t.fetch(addr) }

// Aim finds the shard of a client and begins to fetch what of it is needed first.
func (t *Table) Aim(scope ScopeID, c *Client) Hint {
	k, out := t.key(scope, c)
	if out != OK {
		return Hint{}
	}
	prefetch.Lines(k.s, 2) // up to the index
	return Hint{s: k.s, tag: k.tag}
}

// Expect begins to fetch the client's place in the index.
func (h Hint) Expect() {
	if h.s != nil {
		h.s.idx.Expect(h.tag)
	}
}

// Expect begins to fetch what a decision about this client will need. addr is the
// address that the client has or wants, 0 if it does not say.
func (t *Table) Expect(scope ScopeID, c *Client, addr IP4) Hint {
	if addr != 0 {
		t.fetch(addr)
	}
	k, out := t.key(scope, c)
	if out != OK {
		return Hint{}
	}
	k.s.idx.Expect(k.tag)
	return Hint{k.s, k.tag, addr}
}

// Fetch goes on where Expect had to wait for the index.
func (t *Table) Fetch(h Hint) {
	if h.s == nil || h.addr != 0 {
		return
	}
	h.s.mu.Lock()
	e := h.s.idx.E
	for i := h.s.idx.First(h.tag); uint32(e[i]>>32) == h.tag; i++ {
		// Its room too: a client identifier lies there.
		t.slab(ref(e[i])).fetch(ref(e[i]))
	}
	h.s.mu.Unlock()
}

// ExpectChange begins to fetch what Apply of this encoded change will need: a replay
// that looks some changes ahead does not wait for memory at each of them.
func (t *Table) ExpectChange(rec []byte) {
	c, err := ParseChange(rec)
	if err != nil {
		return // Apply says so
	}
	if c.Full {
		cl := c.client()
		t.Expect(c.Scope, &cl, c.Addr)
		return
	}
	t.fetch(c.Addr)
}
