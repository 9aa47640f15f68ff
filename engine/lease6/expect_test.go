// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"sync"
	"testing"

	"xdhcp/engine/lease"
)

// Hints are for anybody, also for nobody, while others change the table.
func TestExpectIsOnlyAHint(t *testing.T) {
	table, err := New(Options{Shards: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	first := IP6From([]byte{0x20, 0x01, 0x0d, 0xb8, 15: 0})
	layout := Layout{Pools: []Pool{{Name: "p", Scope: 1, Len: 128, Ranges: []Range{{First: first, Last: IP6{first.Hi, 0xffff}}}}}}
	if err := table.Reconfigure(layout); err != nil {
		t.Fatal(err)
	}
	duid := func(i int) []byte { return []byte{0, 2, 0, 0, byte(i >> 8), byte(i)} }
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 4000 {
			table.Fetch(table.Expect(1, duid(i%500), IA{NA, 1}))
		}
	})
	batch := lease.NewBatch(1)
	for i := range 500 {
		r := Request{Client: Client{DUID: duid(i)}, IA: IA{NA, 1}, Scope: 1, Pools: []lease.PoolID{0}}
		p, out := table.Offer(&r, 60, 1000)
		if out != lease.OK {
			t.Fatal(out)
		}
		if _, out := table.Commit(&r, p, 10, 20, 1000, batch); out != lease.OK {
			t.Fatal(out)
		}
	}
	wg.Wait()
	for _, d := range [][]byte{nil, make([]byte, MaxDUID+1)} {
		if h := table.Expect(1, d, IA{NA, 1}); h.s != nil {
			t.Errorf("something is expected of a DUID of %d bytes", len(d))
		} else {
			table.Fetch(h)
		}
	}
	if h := table.Expect(1, duid(1), IA{0, 1}); h.s != nil {
		t.Error("something is expected of no IA")
	}
	d := duid(7)
	if n := testing.AllocsPerRun(10, func() { table.Fetch(table.Expect(1, d, IA{NA, 1})) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
