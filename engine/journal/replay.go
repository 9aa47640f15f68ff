// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// Table is what the journal replays into and takes its snapshots from;
// *lease.Table is one.
type Table interface {
	// Apply replays one encoded change. It is called by several goroutines at
	// once, but all changes of one address come from one of them, in the order of
	// the log.
	Apply(rec []byte) error
	Shards() int
	// EachShard calls fn with every record of a shard that was ever journaled,
	// the free ones too: their version tells old changes from new ones. fn takes
	// its time (it writes to the disk): the table is not locked while it runs.
	EachShard(shard int, fn func(*lease.Entry) bool) bool
}

// expecter is a Table that can use the time until a change is applied to fetch the
// memory that it concerns.
type expecter interface {
	ExpectChange(rec []byte)
}

// Recovery is what was found in the state directory and what was made of it.
type Recovery struct {
	Fresh       bool // there was nothing
	SnapshotSeq uint64
	Records     uint64 // from the snapshot
	Changes     uint64 // from the log
	Segments    int
	LastGroup   uint64
	Starts      uint32     // of servers on this state, this one included
	LastTime    lease.Time // newest time on record
	Took        time.Duration

	// Cut says where an unfinished group was cut off, if one was seen. It was not
	// durable, so nobody was told about the changes in it.
	Cut *Cut
	// Ignored counts groups that are missing or damaged, but older than the snapshot.
	Ignored uint64
	// Holds are addresses that a repair could not account for. Those that have no
	// record must not be given to anybody before the time.
	Holds []Hold
	// ClockHeld is by how much leases end later because the clock has jumped.
	ClockHeld time.Duration
}

// Cut is a torn tail.
type Cut struct {
	File   string
	Offset int64
}

// Hold is a range of addresses, both ends included; with V6, all of DHCPv6 that has no
// record: see lease6.Table.HoldFresh.
type Hold struct {
	First, Last lease.IP4
	Until       lease.Time
	V6          bool
}

// Hold6 is until when DHCPv6 is held back, 0 if it is not.
func (r *Recovery) Hold6() (until lease.Time) {
	for _, h := range r.Holds {
		if h.V6 {
			until = max(until, h.Until)
		}
	}
	return until
}

// ApplyHolds puts the addresses of the pools that Holds covers on probation. It
// goes after the pools are configured; addresses that have a record keep it.
func (r *Recovery) ApplyHolds(t Table, pools []lease.Range) error {
	var rec []byte
	for _, h := range r.Holds {
		if h.V6 {
			continue
		}
		for _, p := range pools {
			for a, end := uint64(max(h.First, p.First)), uint64(min(h.Last, p.Last)); a <= end; a++ {
				// The lowest version there is: any record of the address beats it.
				c := lease.Change{Op: lease.OpDecline, Addr: lease.IP4(a), Version: 1, At: r.LastTime, Expires: h.Until}
				rec = c.AppendTo(rec[:0])
				if err := t.Apply(rec); err != nil {
					return fmt.Errorf("hold back %v: %w", c.Addr, err)
				}
			}
		}
	}
	return nil
}

// replayer feeds records to the tables from several goroutines, each of which has
// the addresses of one residue class. A nil sink only checks.
type replayer struct {
	sink   Table
	sink6  Table6
	expect func(rec []byte) // never nil

	ways    []chan replayed
	done    sync.WaitGroup
	failed  atomic.Pointer[error]
	applied atomic.Uint64

	mu      sync.Mutex
	expires lease.Time
	newest  lease.Time
}

// replayed is a run of payloads; release is called when all ways have seen it.
type replayed struct {
	payloads [][]byte
	file     string
	left     *atomic.Int32
	release  func()
}

func newReplayer(t Table) *replayer {
	sink, sink6 := split(t)
	r := &replayer{sink: sink, sink6: sink6, expect: func([]byte) {}, ways: make([]chan replayed, runtime.GOMAXPROCS(0))}
	if e, ok := sink.(expecter); ok {
		r.expect = e.ExpectChange
	}
	for i := range r.ways {
		r.ways[i] = make(chan replayed, 2)
		r.done.Add(1)
		go r.way(uint32(i), r.ways[i])
	}
	return r
}

// feed gives payloads to all ways, which keep their order.
func (r *replayer) feed(file string, payloads [][]byte, release func()) {
	left := new(atomic.Int32)
	left.Store(int32(len(r.ways)))
	for _, w := range r.ways {
		w <- replayed{payloads, file, left, release}
	}
}

// finish waits until everything is applied.
func (r *replayer) finish() error {
	for _, w := range r.ways {
		close(w)
	}
	r.done.Wait()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (r *replayer) way(me uint32, work chan replayed) {
	defer r.done.Done()
	var t tally
	for w := range work {
		t.file = w.file
		for _, p := range w.payloads {
			if r.failed.Load() != nil {
				break
			}
			if err := r.apply(me, uint32(len(r.ways)), p, &t); err != nil {
				r.failed.CompareAndSwap(nil, &err)
			}
		}
		if w.left.Add(-1) == 0 && w.release != nil {
			w.release()
		}
	}
	r.add(&t)
}

// direct applies a payload in the caller's goroutine: for snapshots, whose records
// stand alone and may come in any order.
func (r *replayer) direct(file string, payload []byte) error {
	t := tally{file: file}
	defer r.add(&t)
	return r.apply(0, 1, payload, &t)
}

// tally is what a goroutine has seen of the records.
type tally struct {
	file            string // that it reads
	n               uint64
	expires, newest lease.Time
}

func (t *tally) note(rec []byte) {
	t.n++
	t.newest = max(t.newest, recAt(rec))
	if e := recExpires(rec); e != lease.Never {
		t.expires = max(t.expires, e)
	}
}

func (r *replayer) add(t *tally) {
	r.applied.Add(t.n)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expires, r.newest = max(r.expires, t.expires), max(r.newest, t.newest)
}

// lookAhead is how many records of its own a goroutine looks ahead, to have fetched what
// each of them will need: enough for the slowest memory, few enough for the fastest cache.
const lookAhead = 16

func (r *replayer) apply(me, ways uint32, payload []byte, t *tally) error {
	var ring [lookAhead][]byte // seen and not yet applied
	n := 0
	for len(payload) > 0 {
		rec, rest, err := nextRecord(payload)
		if err != nil {
			return &DamageError{t.file, 0, fmt.Sprintf("what checks as a whole holds a broken record: %v", err)}
		}
		payload = rest
		if ways > 1 && recPlace(rec)%ways != me {
			continue
		}
		t.note(rec)
		if r.sink == nil {
			continue
		}
		if !isV6(rec) {
			r.expect(rec)
		}
		at := &ring[n%lookAhead]
		if n++; n > lookAhead {
			if err := r.applyOne(*at, t); err != nil {
				return err
			}
		}
		*at = rec
	}
	for i := max(0, n-lookAhead); i < n; i++ {
		if err := r.applyOne(ring[i%lookAhead], t); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) applyOne(rec []byte, t *tally) error {
	var err error
	switch {
	case !isV6(rec):
		err = r.sink.Apply(rec)
	case r.sink6 == nil:
		return errNoTable6
	default:
		err = r.sink6.Apply(rec)
	}
	if err != nil {
		return &DamageError{t.file, 0, fmt.Sprintf("the record of %s: %v", recName(rec), err)}
	}
	return nil
}

// replayLog feeds the changes of the log beyond covered to r, in order. It changes
// nothing on disk.
func replayLog(fs vfs.FS, segs []listed, id, covered uint64, r *replayer) (*sequencer, error) {
	q := newSequencer(covered)
	segs = skipCovered(fs, segs, covered, q.first)
	for _, l := range segs {
		if err := l.check(id); err != nil {
			return nil, err
		}
		id = l.log
	}
	err := readLog(fs, segs, func(s *scanned, release func()) error {
		groups, err := q.accept(s)
		if err != nil {
			return err
		}
		q.noteTail(s)
		var payloads [][]byte
		for i := range groups {
			if groups[i].seq > covered && groups[i].kind == kindChanges {
				payloads = append(payloads, s.payload(&groups[i]))
			}
		}
		r.feed(segName(s.index), payloads, release)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return q, q.end()
}

// check says what is wrong with a segment's header.
func (l *listed) check(id uint64) error {
	if l.header != nil {
		return &DamageError{segName(l.index), 0, l.header.Error()}
	}
	if id != 0 && l.log != id {
		return &DamageError{segName(l.index), 0, "the segment belongs to another log"}
	}
	return nil
}

// readLog scans segments, several at a time, and gives them to fn in their order.
// The memory of each is used again after fn has called release.
func readLog(fs vfs.FS, segs []listed, fn func(s *scanned, release func()) error) error {
	type result struct {
		s   *scanned
		err error
	}
	results := make([]chan result, len(segs))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	ahead := min(runtime.GOMAXPROCS(0), len(segs))
	buffers := make(chan []byte, ahead+2) // bounds how many segments are in memory
	for range cap(buffers) {
		buffers <- nil
	}
	stop := make(chan struct{})
	defer close(stop)
	var next atomic.Int64
	for range ahead {
		go func() {
			for {
				// The buffer first: who reads the earliest segment must never wait for
				// memory that a later one occupies.
				var b []byte
				select {
				case b = <-buffers:
				case <-stop:
					return
				}
				i := int(next.Add(1)) - 1
				if i >= len(segs) {
					buffers <- b
					return
				}
				b, err := readAll(fs, segName(segs[i].index), b)
				if err != nil {
					results[i] <- result{nil, fmt.Errorf("read log: %w", err)}
					return
				}
				results[i] <- result{scan(segs[i].segment, b), nil}
			}
		}()
	}
	for i := range segs {
		res := <-results[i]
		if res.err != nil {
			return res.err
		}
		if err := fn(res.s, func() { buffers <- res.s.b }); err != nil {
			return err
		}
	}
	return nil
}

// skipCovered leaves out segments that end before what a snapshot covers, judged
// by a checked group at the beginning of the segment after them. It notes the numbers
// of the groups that it sees.
func skipCovered(fs vfs.FS, segs []listed, covered uint64, first map[uint64]uint64) []listed {
	for len(segs) > 1 {
		g, ok := firstGroup(fs, segs[1])
		if !ok || g.seq > covered+1 {
			break
		}
		first[segs[1].index] = g.seq
		segs = segs[1:]
	}
	return segs
}

func firstGroup(fs vfs.FS, l listed) (group, bool) {
	if l.header != nil {
		return group{}, false
	}
	f, err := fs.Open(segName(l.index))
	if err != nil {
		return group{}, false
	}
	defer f.Close()
	b := make([]byte, page)
	if n, _ := f.ReadAt(b, page); n < groupHead {
		return group{}, false
	}
	if want := int64(groupHead) + int64(le.Uint32(b[offLen:])); want > page {
		if want > maxGroup {
			return group{}, false
		}
		b = make([]byte, want)
		n, _ := f.ReadAt(b, page)
		b = b[:n]
	}
	return parseGroup(b, l.seed())
}
