// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"xdhcp/engine/lease"
)

// grouped gives a peer the group commit that its users write around it: all that
// was appended while one commit ran is in the next one.
type grouped struct {
	commit func(queue []part) error
	close  func() error

	mu      sync.Mutex
	queue   []part
	free    [][]byte
	some    *sync.Cond
	stop    bool
	err     error
	groups  uint64
	done    chan struct{}
	durable [256]atomic.Uint64
	notify  [256]func()
}

type part struct {
	lane   uint8
	number uint64
	b      []byte
}

func newGrouped(commit func([]part) error, close func() error) *grouped {
	g := &grouped{commit: commit, close: close, done: make(chan struct{})}
	g.some = sync.NewCond(&g.mu)
	go g.run()
	return g
}

func (g *grouped) Append(b *lease.Batch) {
	g.mu.Lock()
	var buf []byte
	if n := len(g.free); n > 0 {
		buf, g.free = g.free[n-1][:0], g.free[:n-1]
	}
	g.queue = append(g.queue, part{b.Lane(), b.Ticket().Number(), append(buf, b.Bytes()...)})
	g.mu.Unlock()
	g.some.Signal()
}

func (g *grouped) Durable(t lease.Ticket) bool  { return t.Number() <= g.durable[t.Lane()].Load() }
func (g *grouped) Notify(lane uint8, fn func()) { g.notify[lane] = fn }

func (g *grouped) run() {
	defer close(g.done)
	var work []part
	for {
		g.mu.Lock()
		for _, p := range work {
			g.free = append(g.free, p.b)
		}
		for len(g.queue) == 0 && !g.stop {
			g.some.Wait()
		}
		if len(g.queue) == 0 {
			g.mu.Unlock()
			return
		}
		g.queue, work = work[:0], g.queue
		g.mu.Unlock()
		if g.err = g.commit(work); g.err != nil {
			return
		}
		g.groups++
		for _, p := range work {
			g.durable[p.lane].Store(p.number)
		}
		for _, fn := range g.notify {
			if fn != nil {
				fn()
			}
		}
	}
}

func (g *grouped) finish() (uint64, float64, error) {
	g.mu.Lock()
	g.stop = true
	g.mu.Unlock()
	g.some.Signal()
	<-g.done
	if g.err != nil {
		return 0, 0, g.err
	}
	return g.groups, 0, g.close()
}

// openEtcd: each batch is one entry, all entries of a group one Save, which syncs.
func openEtcd(dir string) (store, error) {
	w, err := wal.Create(nil, dir, nil)
	if err != nil {
		return nil, err
	}
	if err := w.SaveSnapshot(walSnapshot()); err != nil {
		return nil, err
	}
	var index uint64
	var entries []raftpb.Entry
	return newGrouped(func(queue []part) error {
		entries = entries[:0]
		for _, p := range queue {
			index++
			entries = append(entries, raftpb.Entry{Term: 1, Index: index, Data: p.b})
		}
		return w.Save(raftpb.HardState{Term: 1, Commit: index}, entries)
	}, w.Close), nil
}

// openBolt: a group is one transaction, keyed by address.
func openBolt(dir string) (store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(filepath.Join(dir, "leases.db"), 0o644, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	name := []byte("leases")
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(name); return err }); err != nil {
		return nil, err
	}
	return newGrouped(func(queue []part) error {
		return db.Update(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket(name)
			for _, p := range queue {
				for b := p.b; len(b) > 0; {
					rec, rest, err := lease.Next(b)
					if err != nil {
						return err
					}
					b = rest
					var key [4]byte
					binary.BigEndian.PutUint32(key[:], binary.LittleEndian.Uint32(rec[4:]))
					if err := bucket.Put(key[:], rec); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}, db.Close), nil
}

func walSnapshot() (s walpb.Snapshot) {
	s.ConfState = &raftpb.ConfState{Voters: []uint64{1}}
	return s
}
