// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/journal/vfs"
)

// Options of Open; the zero value is the default.
type Options struct {
	// Async lets replies leave before their lease is on disk. What was promised
	// in the last moments (some 10 ms, or as long as the disk has stalled) is
	// forgotten if the machine or the process dies, and an address may then be
	// given twice.
	Async bool
	// SegmentSize is the size of a log file, a multiple of 4096. 0: 64 MiB.
	SegmentSize int64
	// Fill and Linger: at a rate at which Fill bytes come within Linger, a group
	// waits that long to become that large. 0: 8 KiB and 1 ms; Linger below 0:
	// never wait.
	Fill   int
	Linger time.Duration
	// SnapshotEvery is how many bytes of log start a snapshot. It grows to half
	// the size of the snapshot where that is more. 0: 512 MiB.
	SnapshotEvery int64
	// SnapshotRate bounds writing of snapshots, in bytes per second. 0: 32 MiB.
	SnapshotRate int64
	// LongestLease bounds how long after a jump of the wall clock leases can still
	// end late. 0: 30 days.
	LongestLease time.Duration

	History HistoryOptions

	Clock ClockSource
	Log   *slog.Logger // nil: none
	FS    vfs.FS       // nil: the directory given to Open
}

func (o Options) orDefault() Options {
	if o.SegmentSize == 0 {
		o.SegmentSize = 64 << 20
	}
	if o.Fill == 0 {
		o.Fill = 8 << 10
	}
	if o.Linger == 0 {
		o.Linger = time.Millisecond
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 512 << 20
	}
	if o.SnapshotRate == 0 {
		o.SnapshotRate = 32 << 20
	}
	if o.LongestLease == 0 {
		o.LongestLease = 30 * 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

const (
	asyncFill   = 256 << 10
	asyncLinger = 10 * time.Millisecond

	lockName = "lock"

	// minSegment is one group of the largest change behind the header.
	minSegment = 2 * page
)

// Journal is the durable log of one state directory. Open makes it and replays;
// Run works until it is told to stop.
type Journal struct {
	opt    Options
	async  bool
	fill   int
	linger time.Duration
	log    *slog.Logger
	fs     vfs.FS
	lock   io.Closer
	direct bool
	id     uint64
	table  Table
	clock  *Clock
	holds  []Hold

	lanes    [256]lane
	used     [4]atomic.Uint64 // lanes that were ever appended to
	notified [4]atomic.Uint64 // lanes that ever had a Notify
	wake     wake
	stop     atomic.Bool
	running  atomic.Bool
	failed   atomic.Pointer[error]
	done     chan struct{} // closed when the committer has ended
	closing  sync.Once

	committer committer
	keeper    keeper
	historian historian
	tail      atomic.Pointer[position] // where the next group goes; all before is durable
	stats     counters

	snapping    sync.Mutex
	snap        atomic.Pointer[SnapshotStats]
	snapRunning atomic.Bool
	snapWanted  chan struct{}
	warning     atomic.Pointer[error]
}

// Open takes the lock of the state directory, replays what is there into t, and
// makes the log ready to go on. It starts no goroutine that outlives it.
//
// A directory that another process uses gives an error that wraps *vfs.Locked;
// one that is damaged gives *DamageError.
func Open(dir string, t Table, o Options) (_ *Journal, _ *Recovery, err error) {
	o = o.orDefault()
	if o.SegmentSize < minSegment || o.SegmentSize%page != 0 {
		return nil, nil, fmt.Errorf("journal: segment size %d is not a multiple of %d, or below %d", o.SegmentSize, page, minSegment)
	}
	j := &Journal{opt: o, async: o.Async, fill: o.Fill, linger: max(0, o.Linger), log: o.Log, fs: o.FS, table: t,
		done: make(chan struct{}), snapWanted: make(chan struct{}, 1)}
	for i := range j.lanes {
		j.lanes[i].spare = make(chan *chunk, keepChunks)
	}
	j.historian.init(j)
	if o.Async {
		j.fill, j.linger = asyncFill, asyncLinger
	}
	if j.fs == nil {
		d, err := vfs.NewOS(dir)
		if err != nil {
			return nil, nil, fmt.Errorf("journal: %w", err)
		}
		j.fs, j.direct = d, d.Direct()
	}
	if j.lock, err = j.fs.Lock(lockName); err != nil {
		return nil, nil, fmt.Errorf("journal: state directory %s: %w", dir, err)
	}
	if err := j.wake.open(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("journal: eventfd: %w", err), j.lock.Close())
	}
	defer func() {
		if err != nil {
			j.closeAll()
		}
	}()
	for _, d := range []string{logDir, snapDir} {
		if err := j.fs.Mkdir(d); err != nil {
			return nil, nil, fmt.Errorf("journal: %w", err)
		}
	}
	if err := j.fs.SyncDir("."); err != nil { // a directory is only a name as well
		return nil, nil, fmt.Errorf("journal: sync state directory: %w", err)
	}
	r, err := j.recover()
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	return j, r, nil
}

// recover replays, and begins the epoch of this start.
func (j *Journal) recover() (*Recovery, error) {
	begin := time.Now()
	st, err := load(j.fs, j.table)
	if err != nil {
		return nil, err
	}
	j.id = st.id
	if j.id == 0 {
		var b [8]byte
		rand.Read(b[:])
		j.id = le.Uint64(b[:]) | 1
	}
	if st.snap != nil {
		j.snap.Store(&SnapshotStats{Seq: st.snap.covered, Records: st.snap.records, Bytes: st.snap.size})
	}
	j.clock = newClock(j.opt.Clock, st.last(), j.opt.LongestLease)
	rec := st.Recovery
	rec.Starts = st.seq.epoch + 1
	rec.ClockHeld, _ = j.clock.Held()
	j.holds = rec.Holds
	if err := j.begin(st); err != nil {
		return nil, err
	}
	j.keeper.starting = false
	if err := j.keeper.reserve(context.Background()); err != nil {
		j.log.Warn("journal: no reserve for a full disk", "err", err)
		j.warn(err)
	}
	rec.Took = time.Since(begin)
	return &rec, nil
}

// begin tidies the directory and writes the epoch record behind the newest group.
func (j *Journal) begin(st *state) error {
	c, k := &j.committer, &j.keeper
	*k = keeper{j: j, starting: true, used: make(chan struct{}, 1), made: make(chan *openSegment), failed: make(chan error), spares: st.spares, following: 1}
	*c = committer{j: j, buf: vfs.Buffer(int(min(maxGroup, j.opt.SegmentSize))), seq: st.seq.seq + 1, epoch: st.seq.epoch + 1}
	if st.snap != nil {
		if err := removeSnapshots(j.fs, st.snap.covered); err != nil {
			return fmt.Errorf("remove older snapshot: %w", err)
		}
	}
	for _, name := range st.old {
		if err := j.fs.Remove(name); err != nil {
			return fmt.Errorf("remove segment that was let go: %w", err)
		}
	}
	for _, l := range st.segs {
		if l.index > st.seq.seg { // prepared and not used, or nothing whole in it
			spare, err := k.takeBack(l.index, l.size, 0)
			if err != nil {
				return err
			}
			if spare != "" {
				k.spares = append(k.spares, spare)
			}
			continue
		}
		// Of segments that the snapshot covers, the oldest was not read and has number
		// 0 here; it is the number of the one after it that lets a segment go.
		k.live = append(k.live, liveSegment{l.index, st.seq.first[l.index], l.size})
		k.following = l.index + 1
	}
	// The names that recovery saw must still be there after the next crash.
	if err := j.fs.SyncDir(logDir); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	if st.seq.seg == 0 {
		s, err := k.prepare(context.Background())
		if err != nil {
			return fmt.Errorf("begin the log: %w", err)
		}
		c.enter(s, page)
		k.entered(s, c.seq)
	} else if err := c.resume(st); err != nil {
		return err
	}
	return c.beginEpoch()
}

// resume continues in the segment that holds the newest group. That group may
// have been written and not synced, by a server that died or whose sync failed:
// it is written once more, and synced with the epoch record that follows.
func (c *committer) resume(st *state) error {
	seg := st.seq.tail
	f, err := c.j.fs.OpenRW(segName(seg.index))
	if err != nil {
		return fmt.Errorf("go on with the log: %w", err)
	}
	c.enter(&openSegment{seg, f}, st.seq.off)
	b := vfs.Buffer(int(st.seq.off - st.seq.lastOff))
	if n, err := f.ReadAt(b, st.seq.lastOff); n < len(b) {
		return fmt.Errorf("read the newest group: %w", err)
	}
	if _, err := f.WriteAt(b, st.seq.lastOff); err != nil {
		return fmt.Errorf("write the newest group again: %w", err)
	}
	if c.seg.size-c.off >= page {
		return nil
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the newest group again: %w", err)
	}
	return c.rotate()
}

func (c *committer) beginEpoch() error {
	now, boot := c.j.clock.stamp()
	e := epoch{bootID: c.j.clock.src.BootID(), wall: uint64(max(0, c.j.clock.src.Wall().Unix())), pid: uint32(os.Getpid())}
	g := group{seq: c.seq, epoch: c.epoch, kind: kindEpoch, time: now, boot: boot}
	g.len = e.encode(c.buf[groupHead:])
	return c.write(&g)
}

// Run commits what is appended until ctx ends and everything appended before that
// is on disk. An error of the disk does not end it: Err tells, and the process
// stays up to say so.
func (j *Journal) Run(ctx context.Context) error {
	j.running.Store(true)
	background, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { j.keeper.run(background) })
	wg.Go(func() { j.snapshots(background) })
	wg.Go(func() { j.historian.run(background) })
	go func() {
		// A thread of its own: the committer spends its life in system calls.
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0)
		defer close(j.done)
		j.committer.run()
	}()
	<-ctx.Done()
	j.stop.Store(true)
	j.wake.ring()
	<-j.done
	cancel()
	wg.Wait()
	return j.Close()
}

// Close releases the files and the lock. Run does it at its end; only a Journal that
// was never run needs it.
func (j *Journal) Close() error {
	j.stop.Store(true)
	return j.closeAll()
}

func (j *Journal) closeAll() (err error) {
	j.closing.Do(func() {
		if j.committer.file != nil {
			err = j.committer.file.Close()
		}
		j.wake.close()
		err = errors.Join(err, j.lock.Close())
	})
	return err
}

// Err is why the journal has stopped making anything durable; nil while it works.
func (j *Journal) Err() error {
	if err := j.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// fail ends the committer's work for good.
func (j *Journal) fail(err error) {
	err = fmt.Errorf("journal: %w; no lease is granted until the server is restarted", err)
	j.failed.CompareAndSwap(nil, &err)
	j.log.Error("journal has failed: no lease is granted any more", "err", err)
	j.notifyAll()
}

// Clock is the time by which leases are granted and end.
func (j *Journal) Clock() *Clock { return j.clock }
