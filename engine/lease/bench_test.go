// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
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
	if c.HW == nil {
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

// million is one shared network of 10.0.0.0/8 with n leases, made once for all
// benchmarks that do not add clients.
func populated(tb testing.TB, n int, journal bool) *Table {
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
		subscriber(r, i)
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

const benchLeases = 1_000_000

func BenchmarkRenew(b *testing.B) {
	tab := populated(b, benchLeases, false)
	addrs := addresses(tab)
	batch := NewBatch(1)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	rng := rand.New(rand.NewPCG(1, 2))
	now := Time(2000)
	defer perOp(b)()
	for i := 0; b.Loop(); i++ {
		n := rng.Uint32N(benchLeases)
		subscriber(r, n)
		if out, _ := tab.Commit(r, addrs[n], 1<<30, now, batch); out != OK {
			b.Fatal(out)
		}
		if i&63 == 63 {
			batch.Reset()
			now++
		}
	}
}

// addresses are the leases by client number.
func addresses(tab *Table) []IP4 {
	a := make([]IP4, benchLeases)
	tab.Each(func(e *Entry) bool {
		a[binary.BigEndian.Uint32(e.HW[2:])] = e.Addr
		return true
	})
	return a
}

func BenchmarkOfferKnown(b *testing.B) {
	tab := populated(b, benchLeases, false)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	rng := rand.New(rand.NewPCG(1, 2))
	defer perOp(b)()
	for b.Loop() {
		subscriber(r, rng.Uint32N(benchLeases))
		if _, out := tab.Offer(r, 10, 2000); out != OK {
			b.Fatal(out)
		}
	}
}

// New clients, a thousand at a time: their OFFERs, then their ACKs.
func BenchmarkOfferCommit(b *testing.B) {
	tab := populated(b, benchLeases, false)
	batch := NewBatch(1)
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	var offers, commits time.Duration
	var addr [1024]IP4
	next := uint32(benchLeases)
	order := rand.Perm(1 << 24) // arrival in no order
	defer perOp(b)()
	n := 0
	for b.Loop() {
		t0 := cpuTime()
		for i := range addr {
			subscriber(r, next+uint32(order[(n+i)&(1<<24-1)]))
			a, out := tab.Offer(r, 10, 2000)
			if out != OK {
				b.Fatal(out)
			}
			addr[i] = a
		}
		t1 := cpuTime()
		for i := range addr {
			subscriber(r, next+uint32(order[(n+i)&(1<<24-1)]))
			if out, _ := tab.Commit(r, addr[i], 3600, 2000, batch); out != OK {
				b.Fatal(out)
			}
		}
		t2 := cpuTime()
		batch.Reset()
		offers += t1 - t0
		commits += t2 - t1
		n += len(addr)
	}
	b.ReportMetric(float64(offers)/float64(n), "ns/offer")
	b.ReportMetric(float64(commits)/float64(n), "ns/commit")
}

func BenchmarkRenewParallel(b *testing.B) {
	tab := populated(b, benchLeases, false)
	addrs := addresses(tab)
	defer perOp(b)()
	b.RunParallel(func(pb *testing.PB) {
		batch := NewBatch(uint8(rand.Uint32()))
		r := &Request{Scope: 1, Pools: []PoolID{0}}
		now := Time(2000)
		for i := 0; pb.Next(); i++ {
			n := rand.Uint32N(benchLeases)
			subscriber(r, n)
			if out, _ := tab.Commit(r, addrs[n], 1<<30, now, batch); out != OK {
				b.Fatal(out)
			}
			if i&63 == 63 {
				batch.Reset()
				now++
			}
		}
	})
}

// Memory of a lease, all in.
func TestBytesPerLease(t *testing.T) {
	leases := 1_000_000
	if v := os.Getenv("LEASES"); v != "" { // LEASES=10000000 needs 1.5 GB
		var err error
		if leases, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := populated(t, leases, false)
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / float64(leases)
	t.Logf("%d leases with client-id and relay information: %.1f bytes each, %d objects", leases, per, after.HeapObjects-before.HeapObjects)
	runtime.KeepAlive(tab)
}
