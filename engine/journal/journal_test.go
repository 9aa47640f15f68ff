// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// grant is a change of an address, of about the usual size.
func grant(a lease.IP4, version uint32) *lease.Change {
	as := a.As4()
	mac := []byte{2, 0, as[0], as[1], as[2], as[3]}
	return &lease.Change{Op: lease.OpGrant, Full: true, Addr: a, Version: version, At: epoch0, Start: epoch0, Expires: epoch0 + 3600,
		Scope: 1, Kind: lease.KindHW, HType: 1, HW: mac, ID: append([]byte{1}, mac...), Relay: []byte("\x01\x08eth0/1/7\x02\x04dsl1")}
}

// onDisk opens a journal in a directory of the machine and runs it; stop ends it.
func onDisk(t testing.TB, dir string, table Table, o Options) (j *Journal, r *Recovery, stop func()) {
	t.Helper()
	if o.SegmentSize == 0 {
		o.SegmentSize = 256 << 10
	}
	if m, ok := table.(*model); ok {
		table = Tables{m, m.six}
	}
	j, r, err := Open(dir, table, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	return j, r, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// await blocks until the journal has called a batch durable.
func await(t testing.TB, j *Journal, lane uint8, ticket lease.Ticket, woken <-chan struct{}) {
	t.Helper()
	for !j.Durable(ticket) {
		if err := j.Err(); err != nil {
			t.Fatal(err)
		}
		<-woken
	}
}

// notified is a channel that gets a token when the lane is notified.
func notified(j *Journal, lane uint8) <-chan struct{} {
	c := make(chan struct{}, 1)
	j.Notify(lane, func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
	return c
}

// Several lanes at once on a real disk, over many segments, with snapshots in the
// background: everything is there after a stop and a start.
func TestLanesOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	const lanes, batches, size = 4, 150, 20
	table := newModel()
	j, r, stop := onDisk(t, dir, table, Options{SnapshotEvery: 1 << 20})
	if !r.Fresh || r.Starts != 1 {
		t.Errorf("recovery of nothing: %+v", r)
	}
	var wg sync.WaitGroup
	for lane := range uint8(lanes) {
		woken := notified(j, lane)
		wg.Go(func() {
			b := lease.NewBatch(lane)
			for i := range batches {
				for k := range size {
					c := grant(lease.IP4(uint32(lane)<<24|uint32(i*size+k)), 1)
					table.mu.Lock()
					table.change(own(*c))
					table.mu.Unlock()
					b.Add(c)
				}
				ticket := b.Ticket()
				j.Append(b)
				b.Reset()
				if i%10 == 0 {
					await(t, j, lane, ticket, woken)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if st := j.Stats(); st.Err != nil || st.Changes != lanes*batches*size {
		t.Errorf("stats: %+v", st)
	}
	got := newModel()
	_, r, stop = onDisk(t, dir, got, Options{})
	defer stop()
	if len(got.m) != lanes*batches*size || r.Starts != 2 || r.Cut != nil {
		t.Errorf("%d leases, recovery %+v", len(got.m), r)
	}
}

// durability: sync. Nothing is durable before it is written and synced.
func TestNothingIsDurableBeforeItsSync(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	defer j.Close()
	b := lease.NewBatch(3)
	b.Add(grant(1, 1))
	ticket := b.Ticket()
	fs.Inject = func(op errfs.Op) errfs.Fault {
		if j.Durable(ticket) {
			t.Errorf("durable at the begin of %v", op)
		}
		return errfs.None
	}
	j.Append(b)
	if err := j.step(); err != nil {
		t.Fatal(err)
	}
	if !j.Durable(ticket) || j.Durable(ticket+1) || !j.Durable(0) {
		t.Error("after the sync")
	}
}

// durability: async. Durable says yes at once; the change reaches the disk all the
// same, and after a failure Err says that it did not.
func TestAsync(t *testing.T) {
	fs := errfs.New()
	o := small(fs)
	o.Async = true
	j, _, err := openModel("state", newModel(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := lease.NewBatch(0)
	b.Add(grant(1, 1))
	if !j.Durable(b.Ticket()) {
		t.Error("async waits")
	}
	first := b.Ticket()
	j.Append(b)
	b.Reset()
	if j.OnDisk(first) {
		t.Error("on disk before it was written")
	}
	if err := j.step(); err != nil {
		t.Fatal(err)
	}
	if !j.OnDisk(first) {
		t.Error("not on disk after the sync")
	}
	fs.Inject = func(errfs.Op) errfs.Fault { return errfs.Fail }
	b.Add(grant(2, 1))
	j.Append(b)
	if err := j.step(); err == nil || j.Err() == nil {
		t.Error("the failure is not told")
	}
	j.Close()
	_, got, _ := open(t, fs.Crash(false, nil))
	if len(got.m) != 1 {
		t.Errorf("recovered %v", got.m)
	}
}

// An error of the disk is final: nothing is durable any more, the file is not
// synced again, waiters are told, and what is appended later is not kept.
func TestFailStop(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	defer j.Close()
	calls := 0
	j.Notify(9, func() { calls++ })
	fs.Inject = func(op errfs.Op) errfs.Fault {
		if op.Kind == errfs.Sync {
			return errfs.Fail
		}
		return errfs.None
	}
	b := lease.NewBatch(0)
	b.Add(grant(1, 1))
	ticket := b.Ticket()
	j.Append(b)
	b.Reset()
	err := j.step()
	if !errors.Is(err, syscall.EIO) || !errors.Is(j.Err(), syscall.EIO) || calls != 1 {
		t.Fatalf("step %v, Err %v, %d calls", err, j.Err(), calls)
	}
	ops := fs.Ops()
	fs.Inject = nil
	b.Add(grant(2, 1))
	j.Append(b)
	j.committer.run() // returns: there is nothing that it may do
	if fs.Ops() != ops {
		t.Error("the disk was touched after the failure")
	}
	if j.Durable(ticket) || j.Durable(b.Ticket()) {
		t.Error("durable after the failure")
	}
	if err := j.Snapshot(context.Background()); err == nil {
		t.Error("a snapshot was taken after the failure")
	}
}

// A failed journal keeps its process: Run returns when it is told to.
func TestRunOutlivesAFailure(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	fs.Inject = func(op errfs.Op) errfs.Fault { return errfs.Fail }
	woken := notified(j, 0)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	b := lease.NewBatch(0)
	b.Add(grant(1, 1))
	j.Append(b)
	for j.Err() == nil {
		<-woken
	}
	select {
	case err := <-done:
		t.Fatalf("Run returned %v", err)
	default:
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, _, stop := onDisk(t, dir, newModel(), Options{})
	defer stop()
	_, _, err := openModel(dir, newModel(), Options{})
	var locked *vfs.Locked
	if !errors.As(err, &locked) || locked.Pid != os.Getpid() {
		t.Fatalf("a second Open: %v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the message names neither process nor directory: %v", err)
	}
	if _, err := Repair(dir, RepairOptions{}); !errors.As(err, &locked) {
		t.Errorf("a repair beside the server: %v", err)
	}
	// Reading is allowed.
	if _, err := Read(dir, func() (Table, error) { return newModel(), nil }); err != nil {
		t.Error(err)
	}
	if rep, err := Verify(dir); err != nil || len(rep.Damage) != 0 {
		t.Errorf("verify: %+v, %v", rep, err)
	}
}

// A full disk: the segments at hand are used up, then the journal stops with the
// error of the disk. A restart on the disk that is still full goes on in the
// reserve, so that what was recovered can be served and looked at.
func TestFullDisk(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	full := func(op errfs.Op) errfs.Fault {
		if op.Kind == errfs.Create || op.Kind == errfs.Write && op.Name == tempName {
			return errfs.NoSpace
		}
		return errfs.None
	}
	fs.Inject = full
	b := lease.NewBatch(0)
	promised := 0
	for i := lease.IP4(0); j.Err() == nil; i++ {
		b.Add(grant(i, 1))
		ticket := b.Ticket()
		j.Append(b)
		b.Reset()
		j.step()
		if j.Durable(ticket) {
			promised++
		}
	}
	if err := j.Err(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("stopped with %v", err)
	}
	if promised == 0 {
		t.Fatalf("nothing was written: %v", j.Err())
	}
	j.Close()
	after := fs.Crash(false, nil)
	after.Inject = full
	j, got, _ := open(t, after)
	if len(got.m) != promised {
		t.Errorf("recovered %d of %d", len(got.m), promised)
	}
	b.Add(grant(1000, 1))
	ticket := b.Ticket()
	// The lane begins anew with each start; its numbers go on.
	j.Append(b)
	if err := j.step(); err != nil || !j.Durable(ticket) {
		t.Errorf("in the reserve: %v", err)
	}
	j.Close()
	// With room again, it goes on as ever, and there is a reserve again.
	j, got, _ = open(t, after.Crash(false, nil))
	defer j.Close()
	if len(got.m) != promised+1 {
		t.Errorf("recovered %d of %d", len(got.m), promised+1)
	}
}

// What a crash leaves of an unfinished group is cut off, and said.
func TestTornTailIsCutAndReported(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	b := lease.NewBatch(0)
	b.Add(grant(1, 1))
	j.Append(b)
	b.Reset()
	if err := j.step(); err != nil {
		t.Fatal(err)
	}
	fs.Inject = func(op errfs.Op) errfs.Fault {
		if op.Kind == errfs.Sync {
			return errfs.PowerCut
		}
		return errfs.None
	}
	for i := range lease.IP4(60) { // two pages
		b.Add(grant(100+i, 1))
	}
	at := j.tail.Load()
	j.Append(b)
	if err := j.step(); !errors.Is(err, errfs.ErrPower) {
		t.Fatal(err)
	}
	j, got, r := open(t, fs.Crash(false, func(sector int) bool { return sector == 0 }))
	defer j.Close()
	if len(got.m) != 1 {
		t.Errorf("recovered %d leases, want 1", len(got.m))
	}
	if want := (Cut{segName(at.seg), at.off}); r.Cut == nil || *r.Cut != want {
		t.Errorf("cut %+v, want %+v", r.Cut, want)
	}
}

// Under load a group ends where a page does; a batch that goes over two groups is
// durable with the second. Without load all that is there goes out at once.
func TestGroupsFillTheirPages(t *testing.T) {
	for _, loaded := range []bool{true, false} {
		fs := errfs.New()
		o := small(fs)
		o.Linger = time.Millisecond
		j, _, err := openModel("state", newModel(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		c := &j.committer
		if loaded {
			c.rate = rate{bytes: 1 << 40, time: 1}
		}
		const each = 36 + 6 + 16 // fixed part, hw, relay
		const fit = (page - groupHead) / each
		b := lease.NewBatch(4)
		var tickets []lease.Ticket
		for i := range lease.IP4(3) {
			for k := range lease.IP4(30) {
				b.Add(grant(100*i+k, 1))
			}
			if len(b.Bytes()) != 30*each {
				t.Fatalf("a grant has %d bytes, the test counts on %d", len(b.Bytes())/30, each)
			}
			tickets = append(tickets, b.Ticket())
			j.Append(b)
			b.Reset()
		}
		c.gather()
		off := c.off
		if err := c.commit(); err != nil {
			t.Fatal(err)
		}
		durable := []bool{j.Durable(tickets[0]), j.Durable(tickets[1]), j.Durable(tickets[2])}
		if want := []bool{true, true, !loaded}; !slices.Equal(durable, want) {
			t.Errorf("loaded %v: durable %v after the first group, want %v", loaded, durable, want)
		}
		pages, left := int64(2), 0
		if loaded {
			pages, left = 1, (90-fit)*each
		}
		if c.off != off+pages*page || c.queued != left {
			t.Errorf("loaded %v: %d bytes written, %d left, want %d pages and %d", loaded, c.off-off, c.queued, pages, left)
		}
		for c.queued > 0 {
			if err := c.commit(); err != nil {
				t.Fatal(err)
			}
		}
		if !j.Durable(tickets[2]) {
			t.Errorf("loaded %v: the last batch is not durable", loaded)
		}
	}
}

// Append and Durable are on the way of every packet.
func TestAppendDoesNotAllocate(t *testing.T) {
	fs := errfs.New()
	o := small(fs)
	o.SegmentSize = 4 << 20
	j, _, err := openModel("state", newModel(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	b := lease.NewBatch(0)
	c := grant(1, 1)
	round := func() {
		for range 64 {
			b.Add(c)
		}
		ticket := b.Ticket()
		j.Append(b)
		b.Reset()
		j.Durable(ticket)
	}
	// The committer's half is not counted: errfs keeps what is written.
	take := func() {
		for _, ch := range j.take(nil) {
			j.giveBack(ch)
		}
	}
	rounds := func() {
		for range 30 { // several chunks
			round()
		}
		take()
	}
	rounds()
	if n := testing.AllocsPerRun(10, rounds); n > 2 { // take's own list
		t.Errorf("%v allocations for 30 batches", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	j, _, stop := onDisk(b, b.TempDir(), newModel(), Options{SegmentSize: 64 << 20})
	defer stop()
	woken := notified(j, 0)
	batch := lease.NewBatch(0)
	c := grant(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		for range 64 {
			batch.Add(c)
		}
		ticket := batch.Ticket()
		j.Append(batch)
		batch.Reset()
		if ticket.Number()%64 == 0 { // the disk bounds the queue
			await(b, j, 0, ticket, woken)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for _, x := range []struct {
		q    float64
		want time.Duration
	}{{.5, 500 * time.Microsecond}, {.99, 990 * time.Microsecond}, {0, time.Microsecond}, {1, time.Millisecond}} {
		if got := h.quantile(x.q); got < x.want || got > x.want*9/8+time.Microsecond {
			t.Errorf("quantile %v is %v, want %v or up to an eighth more", x.q, got, x.want)
		}
	}
}
