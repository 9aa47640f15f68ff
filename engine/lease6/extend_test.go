// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"testing"

	"xdhcp/engine/lease"
)

// Extend: only a lease that the IA has is extended; an offer, what is remembered, what is free and
// what is another's are left as they are, and nothing is written.
func TestExtendBindsNothingNew(t *testing.T) {
	table, err := New(Options{Shards: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	first := IP6{Hi: 0x20010db8 << 32, Lo: 16}
	addr := func(n uint64) Prefix { return AddrPrefix(IP6{first.Hi, first.Lo + n}) }
	pool := Pool{Scope: 1, Name: "p", Len: 128, Method: Iterative, Ranges: []Range{{first, addr(15).IP6}}}
	if err := table.Reconfigure(Layout{Generation: 1, Pools: []Pool{pool}}); err != nil {
		t.Fatal(err)
	}
	b := lease.NewBatch(1)
	now := lease.Time(1_800_000_000)
	request := func(n byte) *Request {
		return &Request{Client: Client{DUID: []byte{0, 2, n}}, IA: IA{NA, 1}, Scope: 1, Layout: 1, Pools: []lease.PoolID{0}}
	}
	commit := func(r *Request, p Prefix) lease.Outcome {
		_, out := table.Commit(r, p, 100, 200, now, b)
		return out
	}
	r := request(1)
	if out := commit(r, addr(0)); out != lease.OK {
		t.Fatal(out)
	}
	offered, _ := table.Offer(request(2), 60, now)
	changes := b.Len()
	for name, c := range map[string]struct {
		client byte
		p      Prefix
	}{"free": {1, addr(5)}, "another's": {2, addr(0)}, "offered": {2, offered}} {
		r := request(c.client)
		r.Extend = true
		if out := commit(r, c.p); out != lease.Unknown || b.Len() != changes {
			t.Errorf("%s: %v, %d changes", name, out, b.Len()-changes)
		}
	}
	r.Extend = true
	now += 100
	if out := commit(r, addr(0)); out != lease.OK || b.Len() != changes+1 {
		t.Errorf("its own: %v", out)
	}
	now += 200 // the reaper has not come by
	if out := commit(r, addr(0)); out != lease.Unknown {
		t.Errorf("ended: %v", out)
	}
	r.Extend = false
	if out := commit(r, addr(0)); out != lease.OK {
		t.Errorf("anew: %v", out)
	}
	if out := table.Release(1, r.Client.DUID, r.IA, addr(0), now, b); out != lease.OK {
		t.Fatal(out)
	}
	r.Extend = true
	if out := commit(r, addr(0)); out != lease.Unknown {
		t.Errorf("released: %v", out)
	}
}

// Offer and Commit say whether the IA had a lease of the prefix, and how many it has beside.
func TestOthersOfAnIA(t *testing.T) {
	table, err := New(Options{Shards: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	first := IP6{Hi: 0x20010db8 << 32, Lo: 16}
	addr := func(n uint64) Prefix { return AddrPrefix(IP6{first.Hi, first.Lo + n}) }
	pools := []Pool{
		{Scope: 1, Name: "p", Len: 128, Method: Iterative, Ranges: []Range{{first, addr(7).IP6}}},
		{Scope: 1, Name: "q", Len: 128, Method: Iterative, Ranges: []Range{{addr(8).IP6, addr(15).IP6}}},
	}
	if err := table.Reconfigure(Layout{Generation: 1, Pools: pools}); err != nil {
		t.Fatal(err)
	}
	b := lease.NewBatch(1)
	const now = lease.Time(1_800_000_000)
	r := &Request{Client: Client{DUID: []byte{0, 2, 1}}, IA: IA{NA, 1}, Scope: 1, Layout: 1, Pools: []lease.PoolID{0}}
	commit := func(p Prefix, had bool, want int) {
		t.Helper()
		if _, out := table.Commit(r, p, 100, 200, now, b); out != lease.OK || r.Others != want || r.Had != had {
			t.Errorf("%v: %v, %d others, had %v", p, out, r.Others, r.Had)
		}
	}
	offer := func(had bool, want int) {
		t.Helper()
		if _, out := table.Offer(r, 60, now); out != lease.OK || r.Others != want || r.Had != had {
			t.Errorf("%v, %d others, had %v", out, r.Others, r.Had)
		}
	}
	offer(false, 0)
	commit(addr(0), false, 0)
	commit(addr(1), false, 1)
	commit(addr(0), true, 1)
	commit(addr(2), false, 2)
	offer(true, 2)
	r.Pools = []lease.PoolID{1} // it may keep none of them
	offer(false, 3)
	r.IA.ID = 2
	offer(false, 0)
}
