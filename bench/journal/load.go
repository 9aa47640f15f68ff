// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/lease"
)

// store is what a peer must do.
type store interface {
	Append(b *lease.Batch)
	Durable(t lease.Ticket) bool
	Notify(lane uint8, fn func())
	// finish stops it when all is durable; totals are groups and bytes handed to
	// the file system, 0 if the peer does not know them.
	finish() (groups uint64, written float64, err error)
}

type result struct {
	leases, groups uint64
	bytes          uint64 // encoded changes
	written, disk  float64
	cpu, wall      time.Duration
	latency        hist // weighted by leases
	append         hist
}

// sentBatch is a batch on its way.
type sentBatch struct {
	at     time.Time
	ticket lease.Ticket
	leases int
}

// worker is one lane: a thread that appends at its pace. What has become durable
// is noted by whoever is told of it first, as a worker would that sleeps in poll.
type worker struct {
	mu      sync.Mutex
	flight  []sentBatch
	head    int
	latency hist
	append  hist
	leases  uint64
	bytes   uint64
	sent    atomic.Uint64
	landed  atomic.Uint64
}

func (w *worker) land(s store) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for w.head < len(w.flight) && s.Durable(w.flight[w.head].ticket) {
		f := w.flight[w.head]
		w.latency.addN(now.Sub(f.at), uint64(f.leases))
		w.landed.Add(uint64(f.leases))
		w.head++
	}
	if w.head == len(w.flight) {
		w.flight, w.head = w.flight[:0], 0
	}
}

// measure runs the load into s.
func measure(c config, s store) (*result, error) {
	workers := make([]*worker, c.lanes)
	for i := range workers {
		workers[i] = &worker{flight: make([]sentBatch, 0, 1<<16)}
		s.Notify(uint8(i), func() { workers[i].land(s) })
	}
	runtime.GC()
	disk, cpu, begin := diskWritten(c.dir), cpuTime(), time.Now()
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() { w.run(c, uint8(i), s, begin) })
	}
	wg.Wait()
	deadline := time.Now().Add(time.Minute)
	for _, w := range workers {
		for w.landed.Load() < w.sent.Load() {
			w.land(s)
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("%d of %d leases never became durable", w.sent.Load()-w.landed.Load(), w.sent.Load())
			}
			time.Sleep(time.Millisecond)
		}
	}
	r := &result{wall: time.Since(begin), cpu: cpuTime() - cpu}
	var err error
	if r.groups, r.written, err = s.finish(); err != nil {
		return nil, err
	}
	r.disk = diskWritten(c.dir) - disk
	for _, w := range workers {
		r.leases += w.leases
		r.bytes += w.bytes
		r.latency.merge(&w.latency)
		r.append.merge(&w.append)
	}
	return r, nil
}

// run appends batches at the lane's share of the rate. What the pace demands and
// could not be done in time comes in larger batches, as from a receive ring.
func (w *worker) run(c config, lane uint8, s store, begin time.Time) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its timer slack
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0)
	b := lease.NewBatch(lane)
	perSecond := c.rate / float64(c.lanes)
	interval := time.Duration(float64(c.batch) / perSecond * float64(time.Second))
	offset := interval * time.Duration(lane) / time.Duration(c.lanes)
	g := newGrants(lane)
	for {
		since := time.Since(begin)
		if since >= c.time {
			return
		}
		due := int(perSecond*(since-offset).Seconds()) - int(w.leases)
		if due < c.batch {
			ts := unix.NsecToTimespec(int64(interval) - int64(since-offset)%int64(interval))
			unix.Nanosleep(&ts, nil)
			continue
		}
		due = min(due, c.batch)
		for range due {
			g.add(b)
		}
		w.leases += uint64(due)
		w.bytes += uint64(len(b.Bytes()))
		w.mu.Lock()
		at := time.Now()
		w.flight = append(w.flight, sentBatch{at, b.Ticket(), due})
		w.mu.Unlock()
		w.sent.Add(uint64(due))
		at = time.Now()
		s.Append(b)
		w.append.addN(time.Since(at), 1)
		b.Reset()
	}
}

// grants makes the changes of DORAs by clients that come back in turn.
type grants struct {
	c       lease.Change
	version uint32
	next    uint32
	lane    uint8
}

const perLane = 1 << 20

func newGrants(lane uint8) *grants {
	g := &grants{lane: lane, version: 1}
	g.c = lease.Change{Op: lease.OpGrant, Full: true, Scope: 1, Kind: lease.KindClientID, HType: 1,
		HW: make([]byte, 6), ClientID: make([]byte, 7), Relay: []byte("\x01\x0ageth-1/1/17\x02\x08dslam-42!")[:24]}
	g.c.ID = g.c.ClientID
	return g
}

func (g *grants) add(b *lease.Batch) {
	if g.next == perLane {
		g.next = 0
		g.version++
	}
	b.Add(g.at(uint32(g.lane)*perLane+g.next, g.version))
	g.next++
}

// at is the grant of the i-th address to the i-th client; valid until the next call.
func (g *grants) at(i, version uint32) *lease.Change {
	c := &g.c
	c.Addr = lease.IP4(0x0a000000 + i)
	c.Version = version
	c.At = lease.Time(1_800_000_000 + version)
	c.Start, c.Expires = c.At, c.At+3600
	c.HW[0], c.HW[1], c.HW[2], c.HW[3], c.HW[4], c.HW[5] = 2, 0, byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
	c.ClientID[0] = 1
	copy(c.ClientID[1:], c.HW)
	return c
}

func grantBytes() int {
	b := lease.NewBatch(0)
	newGrants(0).add(b)
	return len(b.Bytes())
}

func cpuTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// diskWritten is what the disk under dir has been given to write since the
// machine's start, by everybody; 0 if the kernel does not say.
func diskWritten(dir string) float64 {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return 0
	}
	link := fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev))
	b, err := os.ReadFile(filepath.Clean(link))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	var sectors float64
	if len(f) > 6 {
		fmt.Sscan(f[6], &sectors)
	}
	return sectors * 512
}

type nothing struct{ land []func() }

func newNothing(c config) store { return &nothing{make([]func(), c.lanes)} }

func (n *nothing) Append(b *lease.Batch)            { n.land[b.Lane()]() }
func (n *nothing) Durable(lease.Ticket) bool        { return true }
func (n *nothing) Notify(lane uint8, fn func())     { n.land[lane] = fn }
func (n *nothing) finish() (uint64, float64, error) { return 0, 0, nil }
