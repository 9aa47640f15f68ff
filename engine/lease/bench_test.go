// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// subscriber fills a request with client number n: a hardware address, a client
// identifier of 7 bytes and 24 bytes of relay information, like a subscriber
// line has them. The request's buffers are used again.
func subscriber(r *Request, n uint32) {
	c := &r.Client
	if c.ClientID == nil {
		c.Kind, c.HType = KindHW, 1
		c.ID = []byte{1, 2, 0, 0, 0, 0, 0}
		c.HW = c.ID[1:]
		c.ClientID = make([]byte, 7)
		c.Relay = []byte("\x01\x0aeth 0/1/00\x02\x08olt-0000")
		if len(c.Relay) != 22 {
			panic(len(c.Relay))
		}
		c.Relay = append(c.Relay, 0, 0)
	}
	binary.BigEndian.PutUint32(c.HW[2:], n)
	copy(c.ClientID, c.ID)
	binary.BigEndian.PutUint32(c.Relay[20:], n)
}

// populated is a table with one pool of most of 10.0.0.0/8 and n leases.
func populated(tb testing.TB, n int) *Table { return populatedBy(tb, n, subscriber) }

func populatedBy(tb testing.TB, n int, fill func(*Request, uint32)) *Table {
	tab, err := New(Options{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.1.0"), ip("10.255.255.250")}}}}}); err != nil {
		tb.Fatal(err)
	}
	b := NewBatch(1)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	for i := range uint32(n) {
		fill(r, i)
		a, out := tab.Offer(r, 10, 1000)
		if out != OK {
			tb.Fatal(i, out)
		}
		if out, _ := tab.Commit(r, a, 1<<30, 1000, b); out != OK {
			tb.Fatal(out)
		}
		if b.Len() == 64 {
			b.Reset()
		}
	}
	return tab
}

// envInt lets benchmarks and the memory test run with other sizes.
func envInt(name string, def int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return def
	}
	return n
}

// cpuTime is the processor time of the process: on a machine that is shared it
// says more than the clock on the wall.
func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		panic(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// perOp reports processor time per operation, from the call until the end.
func perOp(b *testing.B) func() {
	b.ReportAllocs()
	start := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") }
}

var benchLeases = envInt("BENCH_LEASES", 1_000_000)

// arrival is one of the populated table's clients.
type arrival struct {
	n    uint32
	addr IP4
}

// arrivals are all clients in random order, with their addresses.
func arrivals(tab *Table) []arrival {
	as := make([]arrival, 0, benchLeases)
	tab.Each(func(e *Entry) bool {
		as = append(as, arrival{binary.BigEndian.Uint32(e.HW[2:]), e.Addr})
		return true
	})
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(as), func(i, j int) { as[i], as[j] = as[j], as[i] })
	return as
}

// What the loop of the benchmarks costs without the table.
func BenchmarkNothing(b *testing.B) {
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	as := make([]arrival, benchLeases)
	defer perOp(b)()
	for i := 0; b.Loop(); i++ {
		subscriber(r, as[i%benchLeases].n)
	}
}

func BenchmarkRenew(b *testing.B) {
	tab := populated(b, benchLeases)
	as := arrivals(tab)
	batch := NewBatch(1)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	now := Time(2000)
	defer perOp(b)()
	for i := 0; b.Loop(); i++ {
		a := &as[i%benchLeases]
		subscriber(r, a.n)
		if out, _ := tab.Commit(r, a.addr, 1<<30, now, batch); out != OK {
			b.Fatal(out)
		}
		if i&63 == 63 {
			batch.Reset()
			now++
		}
	}
}

func BenchmarkOfferKnown(b *testing.B) {
	tab := populated(b, benchLeases)
	as := arrivals(tab)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	defer perOp(b)()
	for i := 0; b.Loop(); i++ {
		subscriber(r, as[i%benchLeases].n)
		if _, out := tab.Offer(r, 10, 2000); out != OK {
			b.Fatal(out)
		}
	}
}

// New clients, 64 at a time: their OFFERs, then their ACKs.
func BenchmarkOfferCommit(b *testing.B)      { benchmarkNew(b, false) }
func BenchmarkOfferCommitBatch(b *testing.B) { benchmarkNew(b, true) }

func benchmarkNew(b *testing.B, expect bool) {
	tab := populated(b, benchLeases)
	batch := NewBatch(1)
	var rs [64]Request
	var hints [64]Hint
	var addr [64]IP4
	var offers, commits time.Duration
	next := uint32(benchLeases)
	defer perOp(b)()
	n := 0
	for ; b.Loop(); n++ {
		if n&63 != 0 {
			continue
		}
		t0 := time.Now()
		for i := range rs {
			rs[i].Scope, rs[i].Pools = 1, pool0
			subscriber(&rs[i], next)
			next++ // hashes to anywhere
			if expect {
				hints[i] = tab.Expect(1, &rs[i].Client, 0)
			}
		}
		for i := range rs {
			if expect {
				tab.Fetch(hints[i])
			}
		}
		for i := range rs {
			var out Outcome
			if addr[i], out = tab.Offer(&rs[i], 10, 2000); out != OK {
				b.Fatal(out)
			}
		}
		t1 := time.Now()
		for i := range rs {
			if out, _ := tab.Commit(&rs[i], addr[i], 3600, 2000, batch); out != OK {
				b.Fatal(out)
			}
		}
		batch.Reset()
		offers += t1.Sub(t0)
		commits += time.Since(t1)
	}
	b.ReportMetric(float64(offers)/float64(n), "ns/offer")
	b.ReportMetric(float64(commits)/float64(n), "ns/commit")
}

var pool0 = []PoolID{0}

func BenchmarkRenewParallel(b *testing.B) {
	tab := populated(b, benchLeases)
	as := arrivals(tab)
	defer perOp(b)()
	b.RunParallel(func(pb *testing.PB) {
		batch := NewBatch(uint8(rand.Uint32()))
		r := &Request{Scope: 1, Pools: []PoolID{0}}
		now := Time(2000)
		for i := rand.IntN(benchLeases); pb.Next(); i++ {
			a := &as[i%benchLeases]
			subscriber(r, a.n)
			if out, _ := tab.Commit(r, a.addr, 1<<30, now, batch); out != OK {
				b.Fatal(out)
			}
			if i&63 == 63 {
				batch.Reset()
				now++
			}
		}
	})
}

// The same with 64 packets in hand at a time, see Expect.
func BenchmarkRenewBatch(b *testing.B)      { benchmarkBatch(b, true) }
func BenchmarkOfferKnownBatch(b *testing.B) { benchmarkBatch(b, false) }

func benchmarkBatch(b *testing.B, renew bool) {
	tab := populated(b, benchLeases)
	as := arrivals(tab)
	batch := NewBatch(1)
	var rs [64]Request
	var hints [64]Hint
	for i := range rs {
		rs[i] = Request{Scope: 1, Pools: []PoolID{0}}
	}
	now := Time(2000)
	defer perOp(b)()
	for i := 0; b.Loop(); i++ {
		if i&63 != 0 {
			continue
		}
		for k := range rs {
			a := &as[(i+k)%benchLeases]
			subscriber(&rs[k], a.n)
			if renew {
				hints[k] = tab.Expect(1, &rs[k].Client, a.addr)
			} else {
				hints[k] = tab.Expect(1, &rs[k].Client, 0)
			}
		}
		for k := range rs {
			tab.Fetch(hints[k])
		}
		for k := range rs {
			var out Outcome
			if renew {
				out, _ = tab.Commit(&rs[k], as[(i+k)%benchLeases].addr, 1<<30, now, batch)
			} else {
				_, out = tab.Offer(&rs[k], 10, now)
			}
			if out != OK {
				b.Fatal(out)
			}
		}
		batch.Reset()
		now++
	}
}

// What the journal does at start: 10 M leases are 10 times this.
func BenchmarkApply(b *testing.B) {
	tab := populated(b, benchLeases)
	var snap []byte
	tab.Each(func(e *Entry) bool { snap = e.AppendTo(snap); return true })
	lay := Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.1.0"), ip("10.255.255.250")}}}}}
	defer perOp(b)()
	var into *Table
	rest := snap
	for b.Loop() {
		if into == nil || len(rest) == 0 {
			var err error
			if into, err = New(Options{}); err != nil {
				b.Fatal(err)
			}
			if err := into.Reconfigure(lay); err != nil {
				b.Fatal(err)
			}
			rest = snap
		}
		rec, tail, err := Next(rest)
		if err != nil {
			b.Fatal(err)
		}
		if err := into.Apply(rec); err != nil {
			b.Fatal(err)
		}
		rest = tail
	}
}

// A walk over all records, as a snapshot or a listing makes it.
func BenchmarkEach(b *testing.B) {
	tab := populated(b, benchLeases)
	defer perOp(b)()
	buf := make([]byte, 0, 256)
	shard := 0
	n := 0
	for b.Loop() {
		if n > 0 {
			n--
			continue
		}
		tab.EachShard(shard, func(e *Entry) bool {
			buf = e.AppendTo(buf[:0])
			n++
			return true
		})
		shard = (shard + 1) % tab.Shards()
	}
}

// The reaper's look at one record: a lease that was renewed, or has ended.
func BenchmarkExpire(b *testing.B) {
	tab := populated(b, benchLeases)
	batch := NewBatch(9)
	now := Time(1000)
	defer perOp(b)()
	for n := 0; b.Loop(); n-- {
		for n <= 0 { // in runs of 64
			batch.Reset()
			if n = tab.Expire(now, 64, batch); n == 0 {
				now++
			}
		}
	}
}

// A reload that changes the pools: the time is for all shards, one after the
// other; traffic waits for one of them at most.
func BenchmarkReload(b *testing.B) {
	tab := populated(b, benchLeases)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l := Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.1.0"), ip("10.255.255.250") - IP4(i&1)}}}}}
		if err := tab.Reconfigure(l); err != nil {
			b.Fatal(err)
		}
	}
}
