// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"testing"

	"xdhcp/engine/lease"
)

// benchLeases is a table that fits into the processor's caches, and one that does not.
var benchLeases = map[string]int{"1k": 1_000, "300k": 300_000}

func bench(b *testing.B, run func(tab *Table, r *Request, n uint32, now lease.Time, batch *lease.Batch)) {
	for _, size := range []string{"1k", "300k"} {
		b.Run(size, func(b *testing.B) {
			leases := benchLeases[size]
			tab := populated(b, leases, addressOrPrefix)
			batch := lease.NewBatch(0)
			r := &Request{Scope: 1, Pools: []lease.PoolID{0, 1}}
			i, now := uint32(0), lease.Time(1000)
			b.ReportAllocs()
			for b.Loop() {
				n := i * 2654435761 % uint32(leases) // in no order
				if i++; i%uint32(leases) == 0 {
					now += 100
				}
				addressOrPrefix(r, n)
				run(tab, r, n, now+100, batch)
				if batch.Len() >= 64 {
					batch.Reset()
				}
			}
		})
	}
}

// A renewal: Leases finds the prefix, Commit extends it.
func BenchmarkRenew(b *testing.B) {
	views := make([]View, 0, 4)
	bench(b, func(tab *Table, r *Request, n uint32, now lease.Time, batch *lease.Batch) {
		views = tab.Leases(1, r.Client.DUID, r.IA, now, views[:0])
		if _, out := tab.Commit(r, views[0].Prefix, 3600, 7200, now, batch); out != lease.OK {
			b.Fatal(out)
		}
	})
}

// Commit alone: an extension of the client's lease.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []string{"1k", "300k"} {
		b.Run(size, func(b *testing.B) {
			leases := benchLeases[size]
			tab := populated(b, leases, addressOrPrefix)
			prefixes := make([]Prefix, leases)
			r := &Request{Scope: 1, Pools: []lease.PoolID{0, 1}}
			for n := range prefixes {
				addressOrPrefix(r, uint32(n))
				prefixes[n] = tab.Leases(1, r.Client.DUID, r.IA, 1000, nil)[0].Prefix
			}
			batch := lease.NewBatch(0)
			i, now := uint32(0), lease.Time(2000)
			b.ReportAllocs()
			for b.Loop() {
				n := i * 2654435761 % uint32(leases)
				if i++; i%uint32(leases) == 0 {
					now += 100
				}
				addressOrPrefix(r, n)
				if _, out := tab.Commit(r, prefixes[n], 3600, 7200, now, batch); out != lease.OK {
					b.Fatal(out)
				}
				if batch.Len() >= 64 {
					batch.Reset()
				}
			}
		})
	}
}

// A Solicit of a client that has a lease.
func BenchmarkOfferKnown(b *testing.B) {
	bench(b, func(tab *Table, r *Request, n uint32, now lease.Time, batch *lease.Batch) {
		if _, out := tab.Offer(r, 10, now); out != lease.OK {
			b.Fatal(out)
		}
	})
}

// A new client: Offer, Commit, and Release, so that the table stays as large as it is.
func BenchmarkNewClient(b *testing.B) {
	bench(b, func(tab *Table, r *Request, n uint32, now lease.Time, batch *lease.Batch) {
		r.IA.ID = 2
		p, out := tab.Offer(r, 10, now)
		if out != lease.OK {
			b.Fatal(out)
		}
		if _, out := tab.Commit(r, p, 3600, 7200, now, batch); out != lease.OK {
			b.Fatal(out)
		}
		tab.Release(1, r.Client.DUID, r.IA, p, now, batch)
	})
}
