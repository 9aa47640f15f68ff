// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
)

// recovery measures a start on a snapshot of n leases and a tail of n/10 changes of
// them, into the real table; and, for what is the journal's own part, into nothing.
func recovery(c config, n int) error {
	dir, err := tempDir(c)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir, n); err != nil {
		return err
	}
	for _, what := range []string{"nothing", "lease.Table", "lease.Table"} {
		runtime.GC()
		if err := forget(dir); err != nil { // read from the disk, as after a boot
			return err
		}
		begin := time.Now()
		cpu := cpuTime()
		var t journal.Table = fakeTable(0)
		if what != "nothing" {
			table, err := emptyTable()
			if err != nil {
				return err
			}
			t = table
		}
		j, r, err := journal.Open(dir, t, journal.Options{})
		if err != nil {
			return err
		}
		if table, ok := t.(*lease.Table); ok {
			table.Settle()
			if got := table.Stats().Bound; got != uint64(n) {
				return fmt.Errorf("%d leases recovered, %d were written", got, n)
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("into %-11s  %d leases, %d changes behind them: ready in %v, %v of processor time, heap %d MB\n",
			what, r.Records, r.Changes, time.Since(begin).Round(time.Millisecond), (cpuTime() - cpu).Round(time.Millisecond), m.HeapAlloc>>20)
		if err := j.Close(); err != nil {
			return err
		}
	}
	return nil
}

// emptyTable has a pool of 10.0.0.0/8.
func emptyTable() (*lease.Table, error) {
	t, err := lease.New(lease.Options{})
	if err != nil {
		return nil, err
	}
	return t, t.Reconfigure(lease.Layout{Pools: []lease.Pool{{Scope: 1, Name: "p", Ranges: []lease.Range{{First: 0x0a000000, Last: 0x0affffff}}}}})
}

// fullTable is a table with n leases, to take snapshots of: what is in the log is not
// applied to it.
type fullTable struct{ *lease.Table }

func newFullTable(n int) (journal.Table, error) {
	t, err := emptyTable()
	if err != nil {
		return nil, err
	}
	g := newGrants(0)
	var rec []byte
	for i := range uint64(n) {
		rec = g.at(uint32(i*2654435761%uint64(n)), 1).AppendTo(rec[:0]) // see leases
		if err := t.Apply(rec); err != nil {
			return nil, err
		}
	}
	return fullTable{t}, nil
}

func (fullTable) Apply([]byte) error  { return nil }
func (fullTable) ExpectChange([]byte) {}

// leases is a table that has n leases from 10.0.0.0 on. It is walked as a table is that
// has been in use: in an order that has nothing to do with the addresses.
type leases int

func (t leases) Apply([]byte) error { return nil }
func (t leases) Shards() int        { return 1 }

func (t leases) EachShard(_ int, fn func(*lease.Entry) bool) bool {
	g := newGrants(0)
	for i := range uint64(t) {
		c := g.at(uint32(i*2654435761%uint64(t)), 1) // a prime: every address once
		e := lease.Entry{Status: lease.Bound, Addr: c.Addr, Scope: c.Scope, Kind: c.Kind, HType: c.HType, HW: c.HW, ID: c.ID,
			ClientID: c.ClientID, Relay: c.Relay, Version: 1, Start: c.Start, Expires: c.Expires, CLTT: c.At}
		if !fn(&e) {
			return false
		}
	}
	return true
}

func prepare(dir string, n int) error {
	o := journal.Options{SnapshotEvery: 64 << 20, SnapshotRate: 1 << 40}
	o.History.Off = true
	s, err := start(dir, leases(n), o)
	if err != nil {
		return err
	}
	a := newAppender(s.Journal, 0)
	g := newGrants(0)
	// Two segments of the past start the snapshot; the tail comes behind it.
	for i := 0; s.Stats().Snapshot.Seq == 0; i++ {
		if i < 2_000_000 {
			a.b.Add(g.at(uint32(i%n), 1))
			if a.b.Len() < 1024 {
				continue
			}
			if err := a.flush(); err != nil {
				return err
			}
			continue
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.cancel()
	if err := <-s.done; err != nil {
		return err
	}
	o.SnapshotEvery = 1 << 40
	if s, err = start(dir, leases(n), o); err != nil {
		return err
	}
	a = newAppender(s.Journal, 0)
	for i := range n / 10 {
		a.b.Add(g.at(uint32(i*7%n), uint32(2+i/n)))
		if a.b.Len() == 1024 {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
	if err := a.flush(); err != nil {
		return err
	}
	s.cancel()
	return <-s.done
}
