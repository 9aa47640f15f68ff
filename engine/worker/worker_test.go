// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

// fakeSocket hands out the frames of its inbox and records where each goes.
type fakeSocket struct {
	inbox  []frame.Frame
	sent   []uint64
	freed  []uint64
	room   int // how many frames Send takes between flushes; 0: any number
	used   int
	flush  int
	err    error
	waits  int
	wakeup chan struct{}
	onWait func()
}

func newFakeSocket() *fakeSocket { return &fakeSocket{wakeup: make(chan struct{}, 1)} }

func (s *fakeSocket) Recv(fs []frame.Frame) int {
	n := copy(fs, s.inbox)
	s.inbox = s.inbox[n:]
	return n
}

func (s *fakeSocket) Waiting() int { return len(s.inbox) }

func (s *fakeSocket) Send(fs []frame.Frame) int {
	n := len(fs)
	if s.room > 0 {
		n = min(n, s.room-s.used)
	}
	s.used += n
	for _, f := range fs[:n] {
		s.sent = append(s.sent, f.Addr)
	}
	return n
}

func (s *fakeSocket) Free(fs []frame.Frame) {
	for _, f := range fs {
		s.freed = append(s.freed, f.Addr)
	}
}

func (s *fakeSocket) Flush() error { s.flush++; s.used = 0; return s.err }

func (s *fakeSocket) Wait(time.Duration) error {
	s.waits++
	if s.onWait != nil {
		s.onWait()
	}
	<-s.wakeup
	return nil
}

func (s *fakeSocket) Wake() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

// fakeJournal makes appended batches durable when the test says so.
type fakeJournal struct {
	mu      sync.Mutex
	durable lease.Ticket
	appends int
	err     error
	fn      func()
}

func (j *fakeJournal) Append(*lease.Batch) { j.mu.Lock(); j.appends++; j.mu.Unlock() }
func (j *fakeJournal) Durable(t lease.Ticket) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return t <= j.durable
}
func (j *fakeJournal) Err() error                { return j.err }
func (j *fakeJournal) Notify(_ uint8, fn func()) { j.mu.Lock(); j.fn = fn; j.mu.Unlock() }
func (j *fakeJournal) reach(t lease.Ticket) {
	j.mu.Lock()
	j.durable = t
	fn := j.fn
	j.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// fakeHandler gives each frame the verdict that its first byte names.
type fakeHandler struct {
	next      lease.Ticket
	pressure  []Pressure
	announced []frame.Frame
}

func (h *fakeHandler) Begin(_ time.Time, p Pressure) { h.pressure = append(h.pressure, p) }
func (h *fakeHandler) Prepare(fs []frame.Frame)      { h.announced = fs }
func (h *fakeHandler) Handle(f *frame.Frame, _ *lease.Batch) (frame.Verdict, frame.Reason, lease.Ticket) {
	switch v := frame.Verdict(f.Data[0]); v {
	case frame.Await:
		h.next++
		return v, frame.OK, h.next
	case frame.Punt:
		return v, frame.PuntSplit, 0
	case frame.Reply:
		return v, frame.OK, 0
	default:
		return frame.Drop, frame.Truncated, 0
	}
}

type fakePunter struct {
	room int
	got  []uint64
}

func (p *fakePunter) Punt(f *frame.Frame, _ frame.Reason) bool {
	if len(p.got) == p.room {
		return false
	}
	p.got = append(p.got, f.Addr)
	return true
}

func frames(vs ...frame.Verdict) []frame.Frame {
	fs := make([]frame.Frame, len(vs))
	for i, v := range vs {
		fs[i] = frame.Frame{Data: []byte{byte(v)}, Addr: uint64(i)}
	}
	return fs
}

type bench struct {
	*Worker
	sock    *fakeSocket
	journal *fakeJournal
	handler *fakeHandler
	punter  *fakePunter
	now     time.Time
}

func setUp(o Options) *bench {
	b := &bench{sock: newFakeSocket(), journal: &fakeJournal{}, handler: &fakeHandler{}, punter: &fakePunter{room: 1}, now: time.Unix(1e9, 0)}
	o.Socket, o.Handler, o.Journal, o.Punter = b.sock, b.handler, b.journal, b.punter
	o.Batch = lease.NewBatch(7)
	o.Clock = func() time.Time { return b.now }
	b.Worker = New(o)
	return b
}

func (b *bench) mustTurn(t *testing.T) {
	t.Helper()
	if _, err := b.turn(true); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want []uint64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestEachVerdictTakesItsRoad(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Drop, frame.Reply, frame.Await, frame.Punt, frame.Punt)
	b.mustTurn(t)
	if got := len(b.handler.announced); got != 5 {
		t.Errorf("%d frames were announced to the handler, want 5", got)
	}
	equal(t, "sent at once", b.sock.sent, []uint64{1})
	equal(t, "freed", b.sock.freed, []uint64{0, 3, 4})
	equal(t, "punted", b.punter.got, []uint64{3})
	if b.lot.len() != 1 {
		t.Fatalf("%d frames parked, want 1", b.lot.len())
	}
	b.journal.reach(1)
	b.mustTurn(t)
	equal(t, "sent when durable", b.sock.sent, []uint64{1, 2})
	for why, want := range map[frame.Reason]uint64{frame.OK: 2, frame.Truncated: 1, frame.PuntSplit: 1, frame.QueueFull: 1} {
		if got := b.Counters.Reason(why); got != want {
			t.Errorf("counter %v = %d, want %d", why, got, want)
		}
	}
	for v, want := range map[frame.Verdict]uint64{frame.Drop: 2, frame.Reply: 1, frame.Await: 1, frame.Punt: 1} {
		if got := b.Counters.Verdict(v); got != want {
			t.Errorf("counter %v = %d, want %d", v, got, want)
		}
	}
}

// What is DHCPv6 is counted by itself as well, by what the handler says of the frame; also when it is given up
// later, and in a sum.
func TestFamiliesAreCountedApart(t *testing.T) {
	b := setUp(Options{})
	all := frames(frame.Drop, frame.Reply, frame.Await, frame.Await, frame.Punt)
	for i := range all {
		all[i].V6 = i%2 == 0 // the handler of this test leaves it
	}
	b.sock.inbox = all
	b.mustTurn(t)
	b.now = b.now.Add(staleAfter + 1)
	b.mustTurn(t)
	b.sock.room = 1
	b.sock.inbox = frames(frame.Reply, frame.Reply, frame.Reply, frame.Reply)
	b.sock.inbox[3].V6 = true
	b.mustTurn(t)
	var sum Counters
	sum.Merge(&b.Counters)
	sum.Merge(&b.Counters)
	for v, want := range map[frame.Verdict][2]uint64{frame.Drop: {5, 3}, frame.Reply: {5, 1}, frame.Await: {2, 1}, frame.Punt: {1, 1}} {
		if n, six := b.Counters.Verdict(v), b.Counters.Verdict6(v); n != want[0] || six != want[1] {
			t.Errorf("%v: %d, of DHCPv6 %d, want %v", v, n, six, want)
		}
		if n, six := sum.Verdict(v), sum.Verdict6(v); n != 2*want[0] || six != 2*want[1] {
			t.Errorf("%v in a sum: %d, of DHCPv6 %d", v, n, six)
		}
	}
	for why, want := range map[frame.Reason][2]uint64{frame.ParkStale: {2, 1}, frame.TxFull: {2, 1}, frame.OK: {7, 2}} {
		if n, six := b.Counters.Reason(why), b.Counters.Reason6(why); n != want[0] || six != want[1] {
			t.Errorf("%v: %d, of DHCPv6 %d, want %v", why, n, six, want)
		}
	}
}

// RFC 2131 §3.1 step 4: "the server ... commits the binding for the client to
// persistent storage and responds with a DHCPACK".
func TestNothingParkedLeavesBeforeItIsDurable(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Await, frame.Await, frame.Await)
	b.mustTurn(t)
	equal(t, "sent with nothing durable", b.sock.sent, nil)
	b.journal.reach(2)
	b.mustTurn(t)
	equal(t, "sent with two durable", b.sock.sent, []uint64{0, 1})
	b.journal.reach(3)
	b.mustTurn(t)
	equal(t, "sent with all durable", b.sock.sent, []uint64{0, 1, 2})
}

func TestAFrameThatNobodyWaitsForAnyMoreIsFreed(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Await)
	b.mustTurn(t)
	b.now = b.now.Add(staleAfter)
	b.mustTurn(t)
	equal(t, "freed at the limit", b.sock.freed, nil)
	b.now = b.now.Add(time.Nanosecond)
	b.mustTurn(t)
	equal(t, "freed past the limit", b.sock.freed, []uint64{0})
	equal(t, "sent", b.sock.sent, nil)
	if got := b.Counters.Reason(frame.ParkStale); got != 1 {
		t.Errorf("park_stale = %d, want 1", got)
	}
}

// A journal that has failed makes nothing durable any more: what waits for it
// is given up at once, and what is durable still leaves.
func TestAFailedJournalEmptiesTheLot(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Await, frame.Await)
	b.mustTurn(t)
	b.journal.durable, b.journal.err = 1, errors.New("disk on fire")
	b.mustTurn(t)
	equal(t, "sent", b.sock.sent, []uint64{0})
	equal(t, "freed", b.sock.freed, []uint64{1})
	if got := b.Counters.Reason(frame.NotDurable); got != 1 {
		t.Errorf("not_durable = %d, want 1", got)
	}
}

// More behind a batch than Backlog: new exchanges are shed until there is less.
func TestPressureGrowsWithTheBacklog(t *testing.T) {
	b := setUp(Options{Backlog: 2 * BatchSize})
	b.sock.inbox = frames(slices.Repeat([]frame.Verdict{frame.Reply}, 5*BatchSize)...)
	for range 5 {
		b.mustTurn(t)
	}
	want := []Pressure{ShedNew, ShedNew, Calm, Calm, Calm}
	if !slices.Equal(b.handler.pressure, want) {
		t.Errorf("pressure by batch %v, want %v", b.handler.pressure, want)
	}
}

func TestPressureGrowsWithTheLot(t *testing.T) {
	b := setUp(Options{ParkFrames: 4 * BatchSize})
	many := make([]frame.Verdict, 4*BatchSize+1)
	for i := range many {
		many[i] = frame.Await
	}
	b.sock.inbox = frames(many...)
	for range 5 {
		b.mustTurn(t)
	}
	want := []Pressure{Calm, Calm, Calm, ShedNew, ShedAll}
	for i, p := range b.handler.pressure {
		if p != want[i] {
			t.Fatalf("pressure by batch %v, want %v", b.handler.pressure, want)
		}
	}
	if got := b.Counters.Reason(frame.ParkFull); got != 1 {
		t.Errorf("park_full = %d, want 1", got)
	}
	equal(t, "freed", b.sock.freed, []uint64{4 * BatchSize})
}

func TestAnOldHeadShedsNewExchanges(t *testing.T) {
	b := setUp(Options{ParkAge: time.Second})
	b.sock.inbox = frames(frame.Await)
	b.mustTurn(t)
	b.now = b.now.Add(time.Second + 1)
	b.sock.inbox = frames(frame.Reply)
	b.mustTurn(t)
	if got := b.handler.pressure[1]; got != ShedNew {
		t.Errorf("pressure with a parked frame over the age = %v, want ShedNew", got)
	}
}

func TestAFullTransmitRingIsFlushedOnceAndThenCounted(t *testing.T) {
	b := setUp(Options{})
	b.sock.room = 2
	b.sock.inbox = frames(frame.Reply, frame.Reply, frame.Reply, frame.Reply, frame.Reply)
	b.mustTurn(t)
	equal(t, "sent", b.sock.sent, []uint64{0, 1, 2, 3})
	equal(t, "freed", b.sock.freed, []uint64{4})
	if got := b.Counters.Reason(frame.TxFull); got != 1 {
		t.Errorf("tx_full = %d, want 1", got)
	}
}

func TestTheWorkerSleepsAndTheJournalWakesIt(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Await)
	ctx, cancel := context.WithCancel(context.Background())
	b.sock.onWait = func() {
		switch b.sock.waits {
		case 1: // asleep with one frame parked: the disk catches up
			go b.journal.reach(1)
		case 2: // nothing left to do
			go cancel()
		}
	}
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	equal(t, "sent", b.sock.sent, []uint64{0})
	if b.journal.fn != nil {
		t.Error("the journal still has the worker's callback after Run")
	}
}

func TestShutdownTransmitsWhatBecomesDurable(t *testing.T) {
	b := setUp(Options{})
	b.sock.inbox = frames(frame.Await)
	ctx, cancel := context.WithCancel(context.Background())
	b.sock.onWait = func() {
		if b.sock.waits == 1 {
			cancel() // its wake-up ends this Wait
		} else {
			go b.journal.reach(1)
		}
	}
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	equal(t, "sent", b.sock.sent, []uint64{0})
}

func TestASocketErrorEndsRunAndFreesTheLot(t *testing.T) {
	b := setUp(Options{})
	down := errors.New("network is down")
	b.sock.err = down
	b.sock.inbox = frames(frame.Await)
	if err := b.Run(context.Background()); !errors.Is(err, down) {
		t.Fatalf("Run = %v, want %v", err, down)
	}
	equal(t, "freed", b.sock.freed, []uint64{0})
}

func TestATurnAllocatesNothing(t *testing.T) {
	b := setUp(Options{})
	fs := frames(frame.Drop, frame.Reply, frame.Await, frame.Punt)
	b.journal.durable = 1 << 60
	b.punter.room = 0
	b.sock.sent, b.sock.freed = make([]uint64, 0, 16), make([]uint64, 0, 16)
	b.handler.pressure = make([]Pressure, 0, 1)
	allocs := testing.AllocsPerRun(100, func() {
		b.sock.inbox = fs
		b.sock.sent, b.sock.freed, b.handler.pressure = b.sock.sent[:0], b.sock.freed[:0], b.handler.pressure[:0]
		if _, err := b.turn(true); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations in a turn", allocs)
	}
}
