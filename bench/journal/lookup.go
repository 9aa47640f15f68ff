// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/journal"
	"xdhcp/engine/journal/history"
	"xdhcp/engine/lease"
)

// lookups sends n events through a journal as fast as it takes them, and asks the
// history that comes of it. There are n/10 addresses; each has two leases to different
// clients: a grant, three renewals and a release. Four clients share a circuit.
func lookups(c config, n int) error {
	dir, err := tempDir(c)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o := journal.Options{SnapshotEvery: 64 << 20}
	o.History = journal.HistoryOptions{Rate: 1 << 40, MaxLag: 8 << 30, MaxBytes: 64 << 30}
	s, err := start(dir, fakeTable(1000), o)
	if err != nil {
		return err
	}
	begin, cpu := time.Now(), cpuTime()
	e := events{addrs: uint32(n / 10)}
	a := newAppender(s.Journal, 0)
	for i := range n {
		a.b.Add(e.next())
		if a.b.Len() < 1024 && i < n-1 {
			continue
		}
		if err := a.flush(); err != nil {
			return err
		}
		for i&(1<<20-1) < 1024 && s.Stats().HistoryBehind > 1<<30 {
			time.Sleep(time.Millisecond) // the history sets the pace
		}
	}
	wrote := time.Since(begin)
	for s.Stats().HistoryBehind > 8<<20 {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("%d events logged in %v, in the history after %v, %v of processor time, history of %d MB\n", n, wrote.Round(time.Millisecond),
		time.Since(begin).Round(time.Millisecond), (cpuTime() - cpu).Round(time.Millisecond), s.Stats().HistoryBytes>>20)
	if _, _, err := s.finish(); err != nil {
		return err
	}
	for _, cold := range []bool{true, false} {
		for _, kind := range []string{"address", "mac", "circuit"} {
			if err := ask(dir, &e, kind, cold); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask measures opening the history, one look-up and closing it, as the command does.
func ask(dir string, e *events, kind string, cold bool) error {
	rng := rand.New(rand.NewPCG(1, 1))
	var h hist
	var records, runs int
	const queries = 200
	for range queries {
		if cold {
			if err := forget(dir); err != nil {
				return err
			}
		}
		i := rng.Uint32N(e.addrs)
		cycle := rng.Uint32N(2)
		begin := time.Now()
		v, err := journal.OpenHistory(dir)
		if err != nil {
			return err
		}
		var rs []history.Record
		switch at := e.at(5*cycle + 2); kind {
		case "address":
			var r history.Record
			var ok bool
			if r, ok, err = v.At(0x0a000000+lease.IP4(i), at); ok {
				rs = append(rs, r)
			}
			if want := e.hw(e.client(i, cycle)); err == nil && (!ok || string(r.Client.HW) != string(want[:])) {
				return fmt.Errorf("address %d at %d: %+v, want %x", i, at, r, want)
			}
		case "mac":
			hw := e.hw(e.client(i, cycle))
			rs, err = v.ByClient(history.Query{HW: hw[:]}, 0, lease.Never)
		case "circuit":
			rs, err = v.ByClient(history.Query{Circuit: []byte(e.circuit(e.client(i, cycle)))}, 0, lease.Never)
		}
		h.addN(time.Since(begin), 1)
		if err != nil {
			return err
		}
		records += len(rs)
		v.Close()
	}
	files, err := filepath.Glob(dir + "/history/*.run")
	if err != nil {
		return err
	}
	runs = len(files)
	fmt.Printf("by %-8s cold %-5v  p50 %v  p99 %v  max %v  (%.1f records each, %d runs)\n", kind, cold,
		us(h.quantile(.5)), us(h.quantile(.99)), us(h.max), float64(records)/queries, runs)
	return nil
}

// forget drops the state directory from the page cache.
func forget(dir string) error {
	files, err := filepath.Glob(dir + "/*/*")
	if err != nil {
		return err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// events goes through the addresses ten times, in an order that looks random.
type events struct {
	addrs uint32
	i     uint32
	round uint32
	c     lease.Change
}

func (e *events) at(round uint32) lease.Time { return lease.Time(1_800_000_000 + 3600*round) }

func (e *events) client(addr, cycle uint32) uint32 {
	return uint32((uint64(addr) + uint64(cycle)*7919) % uint64(e.addrs))
}

func (e *events) hw(client uint32) [6]byte {
	return [6]byte{2, 0, byte(client >> 24), byte(client >> 16), byte(client >> 8), byte(client)}
}

func (e *events) circuit(client uint32) string { return fmt.Sprintf("eth-%07d", client/4) }

func (e *events) next() *lease.Change {
	addr := uint32(uint64(e.i) * 2654435761 % uint64(e.addrs))
	cycle, step := e.round/5, e.round%5
	c := &e.c
	hw := e.hw(e.client(addr, cycle))
	*c = lease.Change{Addr: 0x0a000000 + lease.IP4(addr), Version: e.round + 1, At: e.at(e.round), Start: e.at(5 * cycle), Expires: e.at(e.round) + 7200}
	switch step {
	case 0:
		circuit := e.circuit(e.client(addr, cycle))
		c.Op, c.Full, c.Scope, c.Kind, c.HType, c.HW = lease.OpGrant, true, 1, lease.KindHW, 1, hw[:]
		c.ID = append([]byte{1}, hw[:]...)
		c.ClientID = c.ID
		c.Relay = append([]byte{1, byte(len(circuit))}, circuit...)
		c.Relay = append(c.Relay, 2, 8, 'd', 's', 'l', 'a', 'm', '-', '4', '2')
	case 4:
		c.Op = lease.OpRelease
	default:
		c.Op = lease.OpRenew
	}
	if e.i++; e.i == e.addrs {
		e.i = 0
		e.round++
	}
	return c
}
