// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"testing"

	"xdhcp/internal/invariants"
)

// What the fast path calls does not allocate once the table has its size.
func TestNoAllocation(t *testing.T) {
	if invariants.Enabled {
		t.Log("the checks of this build allocate; the figures count in the plain build")
	}
	tab, err := New(Options{Shards: 4, PerShard: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Reconfigure(Layout{Generation: 1, Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.0.1"), ip("10.0.0.250")}}}}}); err != nil {
		t.Fatal(err)
	}
	b := NewBatch(1)
	b.buf = make([]byte, 0, 1<<16)
	var clients [40]Request
	for i := range clients {
		clients[i] = Request{Scope: 1, Layout: 1, Pools: []PoolID{0}}
		subscriber(&clients[i], uint32(i))
		clients[i].Client.Host = make([]byte, i) // in the cold slab, in the annex
	}
	now := Time(1000)
	for _, tt := range []struct {
		name string
		do   func(r *Request)
	}{
		{"offer", func(r *Request) { tab.Offer(r, 10, now) }},
		{"offer and commit", func(r *Request) {
			a, _ := tab.Offer(r, 10, now)
			tab.Commit(r, a, 3600, now, b)
		}},
		{"renew", func(r *Request) {
			v, _ := tab.Find(1, &r.Client, now)
			now += 10
			if out, _ := tab.Commit(r, v.Addr, 3600, now, b); out != OK {
				t.Error(out)
			}
		}},
		{"release", func(r *Request) {
			a, _ := tab.Offer(r, 10, now)
			tab.Commit(r, a, 3600, now, b)
			tab.Release(1, &r.Client, a, now, b)
		}},
		{"decline", func(r *Request) {
			a, _ := tab.Offer(r, 10, now)
			tab.Decline(1, &r.Client, a, 1, now, b)
		}},
		{"withdraw", func(r *Request) {
			tab.Offer(r, 10, now)
			tab.Withdraw(1, &r.Client, now)
		}},
		{"expire", func(r *Request) {
			now += 4000
			tab.Expire(now, 1000, b)
		}},
		{"find", func(r *Request) { tab.Find(1, &r.Client, now) }},
	} {
		round := func() {
			for i := range clients {
				tt.do(&clients[i])
			}
			b.Reset()
		}
		for range 12 { // until every address has been touched
			round()
		}
		if n := testing.AllocsPerRun(20, round); n != 0 && !invariants.Enabled {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
	sound(t, tab)
}
