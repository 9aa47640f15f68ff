// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats is what the journal says about itself.
type Stats struct {
	Direct bool // writes go past the page cache
	Async  bool

	Changes uint64 // durable since the start
	Bytes   uint64 // of changes, encoded
	Groups  uint64
	Written uint64 // bytes in the log: Written/Bytes is the write amplification
	Pending int64  // bytes that wait to be taken by the committer

	SyncP50, SyncP99, SyncMax time.Duration // write and sync of a group
	SegmentWait               time.Duration // longest wait for a prepared segment

	Segments      int   // that hold groups
	LogBytes      int64 // of those and the spare ones
	Snapshot      SnapshotStats
	ClockHeld     time.Duration // see Clock
	ClockJumps    uint64
	HistoryBytes  int64
	HistoryBehind int64  // bytes of log that are not yet in it
	HistoryLost   uint64 // groups of the log that went by without becoming history

	Warning string // something that does not stop the journal yet: the disk is full, a snapshot failed
	Err     error  // why nothing becomes durable any more
}

// SnapshotStats describes the newest complete snapshot.
type SnapshotStats struct {
	Seq     uint64 // the log up to here is in it
	Records uint64
	Bytes   int64
	Took    time.Duration
	Running bool
}

// counters are what the goroutines of the journal count.
type counters struct {
	groups, changes, bytes, written atomic.Uint64
	sync, wait                      histogram
}

// histogram counts durations in buckets that are an eighth of an octave wide.
type histogram struct {
	buckets [40 * 8]atomic.Uint64
	max     atomic.Int64
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 8))
	e := bits.Len64(v) - 4 // v>>e is 8..15
	return min(e*8+int(v>>e)-8, 40*8-1)
}

// add is called by one goroutine at a time.
func (h *histogram) add(d time.Duration) {
	h.buckets[bucket(d)].Add(1)
	if int64(d) > h.max.Load() {
		h.max.Store(int64(d))
	}
}

// quantile is the upper end of the bucket in which the q-th part of all lies.
func (h *histogram) quantile(q float64) time.Duration {
	var all uint64
	for i := range h.buckets {
		all += h.buckets[i].Load()
	}
	if all == 0 {
		return 0
	}
	rank := uint64(q*float64(all-1)) + 1
	for i := range h.buckets {
		if n := h.buckets[i].Load(); n < rank {
			rank -= n
			continue
		}
		return time.Duration(uint64(i%8+9) << (i / 8))
	}
	return time.Duration(h.max.Load())
}

// Stats may be called at any time.
func (j *Journal) Stats() Stats {
	c := &j.stats
	s := Stats{
		Direct: j.direct, Async: j.async,
		Changes: c.changes.Load(), Bytes: c.bytes.Load(), Groups: c.groups.Load(), Written: c.written.Load(),
		Pending: j.wake.pending.Load(),
		SyncP50: c.sync.quantile(.5), SyncP99: c.sync.quantile(.99), SyncMax: time.Duration(c.sync.max.Load()),
		SegmentWait: time.Duration(c.wait.max.Load()),
		Err:         j.Err(),
	}
	s.Segments, s.LogBytes = j.keeper.usage()
	if snap := j.snap.Load(); snap != nil {
		s.Snapshot = *snap
	}
	s.Snapshot.Running = j.snapRunning.Load()
	s.HistoryBytes, s.HistoryLost = j.historian.bytes.Load(), j.historian.lost.Load()
	s.HistoryBehind = j.historian.behind(j.historian.place.Load())
	s.ClockHeld, s.ClockJumps = j.clock.Held()
	if err := j.keeper.trouble(); err != nil {
		s.Warning = err.Error()
	} else if w := j.warning.Load(); w != nil && *w != nil {
		s.Warning = (*w).Error()
	}
	return s
}

// warn keeps the result of background work for the status.
func (j *Journal) warn(err error) { j.warning.Store(&err) }
