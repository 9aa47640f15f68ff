// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

func realTable6(t *testing.T, durable func(lease.Ticket) bool) *lease6.Table {
	t.Helper()
	table, err := lease6.New(lease6.Options{Shards: 8, Durable: durable})
	if err != nil {
		t.Fatal(err)
	}
	block := lease6.PrefixFrom(lease6.IP6{Hi: 0x20010db8_01000000}, 48)
	err = table.Reconfigure(lease6.Layout{Generation: 1, Pools: []lease6.Pool{
		{Scope: scope, Name: "a", Len: 128, Ranges: []lease6.Range{{First: lease6.IP6{Hi: 0x20010db8 << 32, Lo: 1}, Last: lease6.IP6{Hi: 0x20010db8 << 32, Lo: 100}}}},
		{Scope: scope, Name: "p", Len: 56, Ranges: []lease6.Range{lease6.RangeOf(block)}, Method: lease6.Iterative}}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Both tables as they are, driven as workers and a reaper drive them, through one log and
// over restarts: what a start recovers is what there was.
func TestBothRealTables(t *testing.T) {
	fs := errfs.New()
	rng := rand.New(rand.NewPCG(2, 6))
	now := lease.Time(epoch0)
	var before *lease6.Table
	var before4 *lease.Table
	for start := range 4 {
		var j *Journal
		durable := func(ticket lease.Ticket) bool { return j.Durable(ticket) }
		table4, table := realTable(t, durable), realTable6(t, durable)
		j, r, err := Open("state", Tables{table4, table}, small(fs))
		if err != nil {
			t.Fatal(err)
		}
		table4.Settle()
		table.Settle()
		if before != nil {
			compareTables(t, start, before4, table4)
			compareTables6(t, start, before, table)
			if r.Records+r.Changes == 0 {
				t.Error("nothing was replayed")
			}
		}
		lanes := []*lease.Batch{lease.NewBatch(0), lease.NewBatch(1), lease.NewBatch(9)}
		var views []lease6.View
		for i := range 120 {
			for _, b := range lanes {
				for range rng.IntN(5) {
					now += lease.Time(rng.IntN(4))
					n := rng.IntN(180)
					if rng.IntN(3) == 0 {
						mac := []byte{2, 0, 0, 0, 0, byte(n)}
						req := lease.Request{Scope: scope, Pools: []lease.PoolID{0}, Client: lease.Client{Kind: lease.KindHW, HType: 1, HW: mac, ID: append([]byte{1}, mac...)}}
						if a, out := table4.Offer(&req, 10, now); out == lease.OK {
							table4.Commit(&req, a, 600, now, b)
						}
						continue
					}
					req := lease6.Request{Scope: scope, Pools: []lease.PoolID{0, 1}, IA: lease6.IA{Type: lease6.NA, ID: 1},
						Client: lease6.Client{DUID: binary.BigEndian.AppendUint32([]byte{0, 2, 0, 0}, uint32(n)), InterfaceID: []byte{1, byte(rng.IntN(3))}}}
					if n%2 == 0 {
						req.IA.Type = lease6.PD
					}
					views = table.Leases(scope, req.Client.DUID, req.IA, now, views[:0])
					bound := len(views) > 0 && views[0].Status == lease.Bound
					switch {
					case b == lanes[2]:
						table.Expire(now, 50, b)
						table4.Expire(now, 50, b)
					case bound && rng.IntN(4) == 0:
						table.Release(scope, req.Client.DUID, req.IA, views[0].Prefix, now, b)
					case bound && rng.IntN(8) == 0:
						table.Decline(scope, req.Client.DUID, req.IA, views[0].Prefix, 300, now, b)
					default:
						if p, out := table.Offer(&req, 10, now); out == lease.OK {
							table.Commit(&req, p, 300, 600, now, b)
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
		if st := table.Stats(); st.Bound < 50 || st.Idle == 0 || st.Prefixes == 0 {
			t.Errorf("too little has happened: %+v", st)
		}
		j.Close()
		before, before4 = table, table4
	}
}

func compareTables6(t *testing.T, start int, before, after *lease6.Table) {
	t.Helper()
	n := 0
	var got lease6.Entry
	before.Each(func(e *lease6.Entry) bool {
		if e.Version == 0 || e.Status == lease.Offered {
			return true // an offer is not journaled, and neither is what it is made of
		}
		n++
		if !after.Lookup(e.Prefix, &got) || got.Version != e.Version || got.Status != e.Status {
			t.Errorf("start %d: %v is %v version %d, was %v version %d", start, e.Prefix, got.Status, got.Version, e.Status, e.Version)
			return true
		}
		if e.Status == lease.Bound && (got.Expires != e.Expires || got.Preferred != e.Preferred || got.Start != e.Start || got.CLTT != e.CLTT ||
			got.IA != e.IA || string(got.DUID) != string(e.DUID) || string(got.InterfaceID) != string(e.InterfaceID)) {
			t.Errorf("start %d: %v:\n got %+v\nwant %+v", start, e.Prefix, got, *e)
		}
		return true
	})
	if n == 0 {
		t.Error("nothing to compare")
	}
}

// Who gives no table for DHCPv6 does not lose what there is of it.
func TestNoTableForDHCPv6(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	b := lease.NewBatch(0)
	c := lease6.Change{Op: lease6.OpGrant, Prefix: lease6.AddrPrefix(lease6.IP6{Hi: 1, Lo: 1}), IA: lease6.IA{Type: lease6.NA}, Version: 1,
		At: epoch0, Expires: epoch0 + 60, Client: lease6.Client{DUID: []byte{1, 2, 3}}}
	rec := c.AppendTo(nil)
	copy(b.Extend(len(rec)), rec)
	j.Append(b)
	if err := j.step(); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if _, _, err := Open("state", newModel(), small(fs)); err == nil {
		t.Error("a start without a table for DHCPv6 goes on")
	}
	got := newModel()
	r, err := readFS(fs, func() (Table, error) { return got, nil })
	if err != nil || r.Changes != 1 || len(got.m) != 0 {
		t.Errorf("reading IPv4 only: %+v, %v", r, err)
	}
	j, m, _ := open(t, fs)
	defer j.Close()
	if g := m.six.m[c.Prefix]; g.Version != 1 || g.Expires != epoch0+60 {
		t.Errorf("recovered %+v", g)
	}
}
