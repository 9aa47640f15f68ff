// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/internal/invariants"
)

func envInt(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

// populated is a table with n leases of one IA each, every second one a prefix.
func populated(t testing.TB, n int, fill func(*Request, uint32)) *Table {
	t.Helper()
	tab := newTable(t, Options{Seed: 1})
	if err := tab.Reconfigure(Layout{Pools: []Pool{
		{Scope: 1, Name: "a", Len: 128, Ranges: []Range{RangeOf(pfx("2001:db8:0:1::/64"))}},
		{Scope: 1, Name: "p", Len: 56, Ranges: []Range{RangeOf(pfx("2001:db8:1000::/28"))}, Method: Iterative},
	}}); err != nil {
		t.Fatal(err)
	}
	b := lease.NewBatch(0)
	r := &Request{Scope: 1, Pools: []lease.PoolID{0, 1}}
	for i := range uint32(n) {
		fill(r, i)
		p, out := tab.Offer(r, 10, 1000)
		if out != lease.OK {
			t.Fatal(out)
		}
		if _, out := tab.Commit(r, p, 3600, 7200, 1000, b); out != lease.OK {
			t.Fatal(out)
		}
		b.Reset()
	}
	return tab
}

func addressOrPrefix(r *Request, n uint32) {
	subscriber(r, n)
	r.IA = IA{NA + IAType(n%2)*(PD-NA), 1}
}

// All memory of a lease: its record, what is known of its client, its part of both
// indexes, and what is reserved beside it.
func TestBytesPerLease(t *testing.T) {
	const limit = 192
	leases := envInt("LEASES", 1_000_000)
	if invariants.Enabled {
		leases = 20_000 // for the checks; the figure is that of the plain build
	}
	for _, tt := range []struct {
		name string
		fill func(*Request, uint32)
	}{
		{"DUID of 14 bytes and link-layer address", addressOrPrefix},
		{"DUID of 14 bytes, relay's peer address and interface-id of 12", func(r *Request, n uint32) {
			addressOrPrefix(r, n)
			r.Client.LinkLayer = nil
			r.Client.Peer = append(r.Client.Peer[:0], 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4)
			r.Client.InterfaceID = append(r.Client.InterfaceID[:0], "ge-0/0/1.123"...)
		}},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tab := populated(t, leases, tt.fill)
		runtime.GC()
		runtime.ReadMemStats(&after)
		per := float64(after.HeapAlloc-before.HeapAlloc) / float64(leases)
		t.Logf("%d leases (%s): %.1f bytes each, in %d objects", leases, tt.name, per, after.HeapObjects-before.HeapObjects)
		if per > limit && leases >= 1_000_000 {
			t.Errorf("%s: %.1f bytes a lease, the limit is %d", tt.name, per, limit)
		}
		if st := tab.Stats(); st.Bound != uint64(leases) || st.Prefixes != uint64(leases/2) {
			t.Errorf("%+v", st)
		}
	}
}

// Nothing on the way of a packet allocates, once batch and table have their size.
func TestNoAllocations(t *testing.T) {
	clients := uint32(512)
	if invariants.Enabled {
		clients = 16 // each call checks the whole table, and that allocates
	}
	tab := populated(t, int(clients), addressOrPrefix)
	b := lease.NewBatch(0)
	r := &Request{Scope: 1, Pools: []lease.PoolID{0, 1}}
	r.Client.RemoteID = []byte("0123456789")
	views := make([]View, 0, 8)
	now := lease.Time(1000)
	var n uint32
	round := func() {
		now += 100
		n = (n + 1) % clients
		addressOrPrefix(r, n)
		p, out := tab.Offer(r, 10, now)
		if out != lease.OK {
			t.Fatal(out)
		}
		if _, out = tab.Commit(r, p, 3600, 7200, now, b); out != lease.OK {
			t.Fatal(out)
		}
		if views = tab.Leases(1, r.Client.DUID, r.IA, now, views[:0]); len(views) != 1 {
			t.Fatal(views)
		}
		switch n % 4 {
		case 0, 1:
			tab.Release(1, r.Client.DUID, r.IA, p, now, b)
		case 2:
			tab.Decline(1, r.Client.DUID, r.IA, p, 10, now, b)
		}
		tab.Withdraw(1, r.Client.DUID, r.IA, now)
		tab.Expire(now, 100, b)
		b.Reset()
	}
	for range 8 * clients { // records, annex, scratch and batch reach their size
		round()
	}
	if a := testing.AllocsPerRun(2*int(clients), round); a != 0 && !invariants.Enabled {
		t.Errorf("%v allocations", a)
	}
	sound(t, tab)
}

func TestRoomLen(t *testing.T) {
	var rec record
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		want := 0
		for i := range rec.lens {
			rec.lens[i] = uint8(255 - rnd.IntN(256)*rnd.IntN(2))
			want += int(rec.lens[i])
		}
		if n := rec.roomLen(); n != want {
			t.Fatalf("%v: %d", rec.lens, n)
		}
	}
}
