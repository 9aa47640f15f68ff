// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/lease"
)

const scope lease.ScopeID = 77

func realTable(t *testing.T, durable func(lease.Ticket) bool) *lease.Table {
	t.Helper()
	table, err := lease.New(lease.Options{Shards: 8, Seed: 9, Durable: durable})
	if err != nil {
		t.Fatal(err)
	}
	err = table.Reconfigure(lease.Layout{Generation: 1, Pools: []lease.Pool{
		{Scope: scope, Name: "p", Ranges: []lease.Range{{First: 0x0a000001, Last: 0x0a000100}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The table of leases as it is, driven as workers and a reaper drive it, over restarts:
// what a start recovers is what there was.
func TestTheRealTable(t *testing.T) {
	fs := errfs.New()
	rng := rand.New(rand.NewPCG(2, 2))
	now := lease.Time(epoch0)
	var before *lease.Table
	for start := range 4 {
		var j *Journal
		table := realTable(t, func(ticket lease.Ticket) bool { return j.Durable(ticket) })
		j, r, err := Open("state", table, small(fs))
		if err != nil {
			t.Fatal(err)
		}
		table.Settle()
		if before != nil {
			compareTables(t, start, before, table)
			if r.Records+r.Changes == 0 {
				t.Error("nothing was replayed")
			}
		}
		lanes := []*lease.Batch{lease.NewBatch(0), lease.NewBatch(1), lease.NewBatch(9)}
		for i := range 120 {
			for _, b := range lanes {
				for range rng.IntN(5) {
					now += lease.Time(rng.IntN(4))
					mac := []byte{2, 0, 0, 0, 0, byte(rng.IntN(180))}
					req := lease.Request{Scope: scope, Pools: []lease.PoolID{0}, Client: lease.Client{Kind: lease.KindHW, HType: 1,
						HW: mac, ID: append([]byte{1}, mac...), Relay: []byte{1, 1, byte(rng.IntN(3))}, Host: []byte("h")}}
					v, known := table.Find(scope, &req.Client, now)
					switch {
					case b == lanes[2]:
						table.Expire(now, 50, b)
					case known && v.Status == lease.Bound && rng.IntN(4) == 0:
						table.Release(scope, &req.Client, v.Addr, now, b)
					case known && v.Status == lease.Bound && rng.IntN(8) == 0:
						table.Decline(scope, &req.Client, v.Addr, 300, now, b)
					default:
						if a, out := table.Offer(&req, 10, now); out == lease.OK {
							table.Commit(&req, a, 600, now, b)
						}
					}
				}
				j.Append(b)
				b.Reset()
			}
			if err := j.step(); err != nil {
				t.Fatal(err)
			}
			if i == 60 {
				if err := j.Snapshot(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if st := table.Stats(); st.Bound < 50 || st.Idle == 0 {
			t.Errorf("too little has happened: %+v", st)
		}
		j.Close()
		before = table
	}
}

func compareTables(t *testing.T, start int, before, after *lease.Table) {
	t.Helper()
	n := 0
	var got lease.Entry
	before.Each(func(e *lease.Entry) bool {
		if e.Version == 0 || e.Status == lease.Offered {
			return true // an offer is not journaled, and neither is what it is made of
		}
		n++
		if !after.Lookup(e.Addr, &got) || got.Version != e.Version || got.Status != e.Status {
			t.Errorf("start %d: %v is %v version %d, was %v version %d", start, e.Addr, got.Status, got.Version, e.Status, e.Version)
			return true
		}
		if e.Status == lease.Bound && (got.Expires != e.Expires || got.Start != e.Start || got.CLTT != e.CLTT ||
			!bytes.Equal(got.ID, e.ID) || !bytes.Equal(got.Relay, e.Relay) || !bytes.Equal(got.Host, e.Host)) {
			t.Errorf("start %d: %v:\n got %+v\nwant %+v", start, e.Addr, got, *e)
		}
		return true
	})
	if n == 0 {
		t.Error("nothing to compare")
	}
}
