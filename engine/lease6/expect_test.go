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
	all := func(h *Who, d []byte, ias ...IA) {
		table.Expect(h, 1, d, ias)
		table.Fetch(h)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		var h Who
		for i := range 4000 {
			all(&h, duid(i%500), IA{NA, 1}, IA{PD, 1}, IA{NA, 2})
		}
	})
	batch := lease.NewBatch(1)
	for i := range 500 {
		// Every second one has its room in the annex.
		r := Request{Client: Client{DUID: duid(i), RemoteID: make([]byte, i%2*80)}, IA: IA{NA, 1}, Scope: 1, Pools: []lease.PoolID{0}}
		p, out := table.Offer(&r, 60, 1000)
		if out != lease.OK {
			t.Fatal(out)
		}
		if _, out := table.Commit(&r, p, 10, 20, 1000, batch); out != lease.OK {
			t.Fatal(out)
		}
	}
	wg.Wait()
	var h Who
	for _, d := range [][]byte{nil, make([]byte, MaxDUID+1)} {
		if all(&h, d, IA{NA, 1}); h.spots != 0 {
			t.Errorf("something is expected of a DUID of %d bytes", len(d))
		}
	}
	if all(&h, duid(1), IA{0, 1}); h.spots != 0 {
		t.Error("something is expected of no IA")
	}
	if all(&h, duid(501), IA{NA, 1}); h.spot[0].at != 0 {
		t.Error("a record is expected of a client that has none")
	}
	if all(&h, duid(1), IA{PD, 1}, IA{NA, 1}); h.spots != 2 || h.spot[0].at != 0 || h.spot[1].at == 0 || table.rec(h.spot[1].at).annex == 0 {
		t.Errorf("client 1 with an address and a long remote-id: %+v", h.spot)
	}
	d, ias := duid(7), []IA{{NA, 1}}
	if n := testing.AllocsPerRun(10, func() { all(&h, d, ias...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
