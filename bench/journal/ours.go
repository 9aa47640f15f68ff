// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
)

type ours struct {
	*journal.Journal
	ctx    context.Context
	cancel context.CancelFunc
	done   chan error
}

func open(peer string, c config) (store, error) {
	dir := filepath.Join(c.dir, peer)
	switch peer {
	case "ours":
		return openOurs(dir, c)
	case "etcdwal":
		return openEtcd(dir)
	case "bbolt":
		return openBolt(dir)
	}
	return nil, fmt.Errorf("unknown peer")
}

func openOurs(dir string, c config) (store, error) {
	o := journal.Options{Fill: c.fill, Linger: c.linger, Async: c.async, SnapshotEvery: 256 << 20}
	o.History.Off = !c.history
	if !c.cold {
		if err := roundOnce(dir, max(1000, c.snapshot), o); err != nil {
			return nil, err
		}
	}
	t, err := newFullTable(c.snapshot)
	if err != nil {
		return nil, err
	}
	s, err := start(dir, t, o)
	if err == nil && c.snapshot > 0 {
		go func() {
			for s.ctx.Err() == nil {
				if err := s.Snapshot(s.ctx); err != nil && s.ctx.Err() == nil {
					fmt.Println("  ours:", err)
				}
			}
		}()
	}
	return s, err
}

func start(dir string, t journal.Table, o journal.Options) (*ours, error) {
	j, _, err := journal.Open(dir, t, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &ours{j, ctx, cancel, make(chan error, 1)}
	go func() { s.done <- j.Run(ctx) }()
	return s, nil
}

// roundOnce writes until segments are used again, as they are in a server that has
// been up for some minutes: new ones must first be filled with zeros.
// The same goes for the files of two snapshots.
func roundOnce(dir string, leases int, o journal.Options) error {
	o.SnapshotRate = 256 << 20
	s, err := start(dir, fakeTable(leases), o)
	if err != nil {
		return err
	}
	a := newAppender(s.Journal, 0)
	g := newGrants(0)
	for range 5_500_000 {
		g.add(a.b)
		if a.b.Len() == 1024 {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
	for s.Stats().Snapshot.Running {
		time.Sleep(10 * time.Millisecond)
	}
	s.cancel()
	err = <-s.done
	unix.Sync() // what all this has left to the file system shall not be measured
	time.Sleep(5 * time.Second)
	return err
}

// appender hands batches over as fast as the disk takes them.
type appender struct {
	j      *journal.Journal
	b      *lease.Batch
	woken  chan struct{}
	flight []lease.Ticket
}

func newAppender(j *journal.Journal, lane uint8) *appender {
	a := &appender{j: j, b: lease.NewBatch(lane), woken: make(chan struct{}, 1)}
	j.Notify(lane, func() {
		select {
		case a.woken <- struct{}{}:
		default:
		}
	})
	return a
}

// flush keeps some batches under way.
func (a *appender) flush() error {
	a.flight = append(a.flight, a.b.Ticket())
	a.j.Append(a.b)
	a.b.Reset()
	if len(a.flight) < 16 {
		return nil
	}
	for !a.j.Durable(a.flight[0]) {
		if err := a.j.Err(); err != nil {
			return err
		}
		<-a.woken
	}
	a.flight = a.flight[1:]
	return nil
}

func (s *ours) finish() (uint64, float64, error) {
	st := s.Stats()
	s.cancel()
	if err := <-s.done; err != nil {
		return 0, 0, err
	}
	fmt.Printf("  ours: direct %v, sync p50 %v p99 %v max %v, waited for a segment at most %v, %d segments, last snapshot %d leases, %d MB in %v, history %d MB, %d groups lost\n",
		st.Direct, st.SyncP50, st.SyncP99, st.SyncMax, st.SegmentWait, st.Segments, st.Snapshot.Records, st.Snapshot.Bytes>>20, st.Snapshot.Took.Round(time.Millisecond), st.HistoryBytes>>20, st.HistoryLost)
	return st.Groups, float64(st.Written), st.Err
}

// fakeTable has that many leases, made up while they are read.
type fakeTable int

const fakeShards = 256

func (t fakeTable) Apply([]byte) error { return nil }
func (t fakeTable) Shards() int        { return fakeShards }

func (t fakeTable) EachShard(shard int, fn func(*lease.Entry) bool) bool {
	e := lease.Entry{Status: lease.Bound, Scope: 1, Kind: lease.KindClientID, HType: 1, HW: []byte{2, 0, 0, 0, 0, 0},
		ClientID: []byte{1, 2, 0, 0, 0, 0, 0}, Relay: []byte("\x01\x0ageth-1/1/17\x02\x08dslam-42!")[:24], Version: 1,
		Start: 1_800_000_000, Expires: 1_800_003_600, CLTT: 1_800_000_000}
	e.ID = e.ClientID
	for i := range int(t) / fakeShards {
		e.Addr = lease.IP4(i*fakeShards + shard)
		if !fn(&e) {
			return false
		}
	}
	return true
}
