// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// fakeJournal makes durable what it is told to.
type fakeJournal struct {
	mu       sync.Mutex
	more     sync.Cond // of appended
	appended []lease.Ticket
	durable  map[lease.Ticket]bool
	all      bool // everything is durable
	notify   func()
	err      error
}

func (j *fakeJournal) Append(b *lease.Batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.appended = append(j.appended, b.Ticket())
	j.more.Broadcast()
}

func newJournal() *fakeJournal {
	j := &fakeJournal{durable: map[lease.Ticket]bool{}}
	j.more.L = &j.mu
	return j
}

// await waits until n batches were appended.
func (j *fakeJournal) await(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.appended) < n {
		j.more.Wait()
	}
}

func (j *fakeJournal) Durable(t lease.Ticket) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return t == 0 || j.all || j.durable[t]
}

func (j *fakeJournal) Notify(_ uint8, fn func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notify = fn
}

func (j *fakeJournal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// recover makes everything durable from now on.
func (j *fakeJournal) recover() {
	j.mu.Lock()
	j.all = true
	j.mu.Unlock()
	j.sync(0, nil)
}

// sync makes t durable, or the journal fail, and tells of it.
func (j *fakeJournal) sync(t lease.Ticket, err error) {
	j.mu.Lock()
	j.durable[t], j.err = err == nil, err
	notify := j.notify
	j.mu.Unlock()
	if notify != nil {
		notify()
	}
}

// ackBrain acknowledges messages with a change in the batch: those of type 3;
// others are offered something.
type ackBrain struct{}

func (ackBrain) Decide4(p *policy.Policy, q *exchange.Query, _ lease.Time, b *lease.Batch, a *exchange.Answer) {
	offer(p, q, a)
	if q.Type == 3 {
		a.Type = 5
		b.Add(&lease.Change{Op: lease.OpRenew, Addr: a.Yiaddr})
		a.Wait = b.Ticket()
	}
}

// bench is a server without sockets.
type bench struct {
	t       *testing.T
	s       *Server
	journal *fakeJournal
	mu      sync.Mutex
	clock   time.Time
	sent    []uint32 // transaction numbers
	fail    error    // of the wire
	wire    chan struct{}
}

func newBench(t *testing.T, park int) *bench {
	b := &bench{t: t, journal: newJournal(), clock: time.Unix(int64(now), 0), wire: make(chan struct{}, 2*DefaultQueue)}
	p := testPolicy(t)
	b.s = New(Options{
		Exchange: ackBrain{}, Policy: func() *policy.Policy { return p }, Journal: b.journal, Lane: 5,
		Log: slog.New(slog.DiscardHandler), Park: park,
		Clock: func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.clock },
	})
	b.s.transmit = func(o outgoing) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.fail != nil {
			return b.fail
		}
		b.sent = append(b.sent, uint32(o.r.Message[6])<<8|uint32(o.r.Message[7]))
		b.wire <- struct{}{}
		return nil
	}
	return b
}

// punt sends a message of this type and transaction through the punt queue.
func (b *bench) punt(typ byte, xid uint16) {
	b.t.Helper()
	m := with(message(53, 1, typ), 6, byte(xid>>8), byte(xid))
	if !b.s.Queue().Punt(&frame.Frame{Data: fromClient().wrap(b.t, m)}, frame.PuntSplit) {
		b.t.Fatal("the queue is full")
	}
}

// turn has the server take all that waits, and go on without waiting.
func (b *bench) turn() {
	for len(b.s.punted.full) > 0 {
		b.s.gather(<-b.s.punted.full)
		b.s.turn()
	}
	b.s.turn()
}

func (b *bench) wantSent(xids ...uint32) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sent) != len(xids) {
		b.t.Fatalf("sent %v, want %v", b.sent, xids)
	}
	for i, x := range xids {
		if b.sent[i] != x {
			b.t.Fatalf("sent %v, want %v", b.sent, xids)
		}
	}
}

const lane5 = lease.Ticket(5) << 56

// RFC 2131 §3.1 step 4: "The server … commits the binding for the client to
// persistent storage and responds with a DHCPACK".
func TestAckWaitsForTheJournal(t *testing.T) {
	b := newBench(t, 0)
	b.punt(3, 1)
	b.punt(1, 2)
	b.punt(3, 3)
	b.turn()
	b.wantSent(2)
	if len(b.journal.appended) != 1 || b.journal.appended[0] != lane5|1 {
		t.Fatalf("appended %x", b.journal.appended)
	}
	b.punt(3, 4) // the next batch
	b.turn()
	b.wantSent(2)
	b.journal.sync(lane5|1, nil)
	b.turn()
	b.wantSent(2, 1, 3)
	b.journal.sync(lane5|2, nil)
	b.turn()
	b.wantSent(2, 1, 3, 4)
	c := b.s.Counters()
	if c.Verdict(frame.Await) != 3 || c.Verdict(frame.Reply) != 1 || c.Verdict(frame.Drop) != 0 || c.Reason(frame.OK) != 4 || c.Punted(frame.PuntSplit) != 4 {
		t.Errorf("await %d, reply %d, drop %d, ok %d, punted %d", c.Verdict(frame.Await), c.Verdict(frame.Reply),
			c.Verdict(frame.Drop), c.Reason(frame.OK), c.Punted(frame.PuntSplit))
	}
}

// What other lanes make durable wakes nobody who waits for nothing.
func TestTheJournalWakesOnlyThoseWhoWait(t *testing.T) {
	b := newBench(t, 0)
	woken := func() bool {
		b.s.durableMoved()
		select {
		case <-b.s.moved:
			return true
		default:
			return false
		}
	}
	if woken() {
		t.Error("woken before anything was asked")
	}
	b.punt(1, 1)
	b.turn()
	if woken() {
		t.Error("woken after an answer that promises nothing")
	}
	b.punt(3, 2)
	b.turn()
	if !woken() {
		t.Error("not woken while a reply waits")
	}
	b.journal.sync(lane5|1, nil)
	b.turn()
	b.wantSent(1, 2)
	if woken() {
		t.Error("woken after all was sent")
	}
}

// The journal's lanes become durable in any order; one that waits does not hold
// up another.
func TestAnotherLaneDoesNotHoldUpOurs(t *testing.T) {
	b := newBench(t, 0)
	b.punt(3, 1)
	b.turn()
	b.punt(3, 2)
	b.turn()
	b.journal.sync(lane5|2, nil)
	b.turn()
	b.wantSent(2)
}

func TestStaleReplyIsDropped(t *testing.T) {
	b := newBench(t, 0)
	b.punt(3, 1)
	b.turn()
	b.clock = b.clock.Add(staleAfter - 1)
	b.punt(3, 2)
	b.turn()
	if got := b.s.Counters().Reason(frame.ParkStale); got != 0 {
		t.Fatalf("%d dropped too early", got)
	}
	if got := b.s.patience(); got != 1 {
		t.Errorf("sleeps for %v, the oldest has 1ns", got)
	}
	b.clock = b.clock.Add(1)
	b.turn()
	if got := b.s.Counters().Reason(frame.ParkStale); got != 1 {
		t.Fatalf("%d stale replies dropped", got)
	}
	b.journal.sync(lane5|1, nil)
	b.journal.sync(lane5|2, nil)
	b.turn()
	b.wantSent(2)
}

func TestNothingIsAcknowledgedOnceTheJournalHasFailed(t *testing.T) {
	b := newBench(t, 0)
	b.punt(3, 1)
	b.turn()
	b.journal.sync(lane5|1, errors.New("disk"))
	b.turn()
	b.wantSent()
	if got := b.s.Counters().Reason(frame.NotDurable); got != 1 {
		t.Errorf("%d counted", got)
	}
}

func TestTransmitFailuresAreCounted(t *testing.T) {
	b := newBench(t, 0)
	for _, tt := range []struct {
		err error
		why frame.Reason
	}{{unix.ENOBUFS, frame.TxFull}, {unix.EAGAIN, frame.TxFull}, {unix.ENETDOWN, frame.TxFailed}, {unix.EHOSTUNREACH, frame.TxFailed}} {
		b.fail = tt.err
		before := b.s.Counters().Reason(tt.why)
		b.punt(1, 1)
		b.turn()
		if got := b.s.Counters().Reason(tt.why) - before; got != 1 {
			t.Errorf("%v: %v counted %d times", tt.err, tt.why, got)
		}
	}
	b.fail = nil
	b.punt(1, 2)
	b.turn()
	b.wantSent(2)
}

func TestOverflowIsCounted(t *testing.T) {
	b := newBench(t, 0)
	p := testPolicy(t, policy.Option{Code: 119, Data: pattern(600)})
	b.s.o.Policy = func() *policy.Policy { return p }
	m := discover(opt(82, cat(opt(1, pattern(250)), opt(2, pattern(250))))...)
	b.s.Queue().Punt(&frame.Frame{Data: fromClient().wrap(t, m)}, frame.PuntNoFit)
	b.turn()
	if c := b.s.Counters(); c.LeftOut() != 2 || c.RelayLeftOut() != 1 || c.Reason(frame.OK) != 1 {
		t.Errorf("left out %d, relay %d", c.LeftOut(), c.RelayLeftOut())
	}
}

// running starts serve, and returns what ends it and waits.
func (b *bench) running() (end func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.s.serve(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (b *bench) awaitSent(n int) {
	b.t.Helper()
	timeout := time.After(10 * time.Second)
	for range n {
		select {
		case <-b.wire:
		case <-timeout:
			b.t.Fatal("nothing is sent")
		}
	}
}

// When the disk stalls, the parked replies are bounded, the queue fills, and
// Punt says so; when it goes on, so does all that was taken.
func TestStalledJournal(t *testing.T) {
	b := newBench(t, 2*batchSize)
	end := b.running()
	m := fromClient().wrap(t, message(53, 1, 3))
	// Until the queue has been full for good: serve takes no more than 2 batches.
	taken := 0
	for taken < DefaultQueue+batchSize {
		if b.s.Queue().Punt(&frame.Frame{Data: m}, frame.PuntOption) {
			taken++
		}
	}
	for b.s.Queue().Punt(&frame.Frame{Data: m}, frame.PuntOption) {
		taken++
	}
	b.wantSent()
	if taken > DefaultQueue+2*batchSize {
		t.Errorf("%d packets taken, the bounds are %d and %d", taken, DefaultQueue, 2*batchSize)
	}
	b.journal.recover()
	b.awaitSent(taken)
	end()
	if got := b.s.Counters().Verdict(frame.Drop); got != 0 {
		t.Errorf("%d dropped", got)
	}
}

// A notice of the journal wakes serve, which has nothing else to do.
func TestJournalWakesServe(t *testing.T) {
	b := newBench(t, 0)
	end := b.running()
	defer end()
	for i := range 100 {
		b.punt(3, uint16(i))
		b.journal.await(i + 1)
		b.journal.sync(lane5|lease.Ticket(i+1), nil)
		b.awaitSent(1)
	}
}

func TestServeDrains(t *testing.T) {
	b := newBench(t, 0)
	for i := range 200 {
		b.punt(byte(1+2*(i%2)), uint16(i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // before it has begun
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.s.serve(ctx)
	}()
	b.awaitSent(100) // the offers
	for i := range 8 {
		b.journal.sync(lane5|lease.Ticket(i+1), nil)
	}
	b.awaitSent(100)
	<-done
	b.journal.mu.Lock()
	defer b.journal.mu.Unlock()
	if b.journal.notify != nil {
		t.Error("the journal still tells a server that has ended")
	}
}

func TestServeEndsWithAFailedJournal(t *testing.T) {
	b := newBench(t, 0)
	b.punt(3, 1)
	b.journal.sync(0, errors.New("disk"))
	end := b.running()
	end()
	b.wantSent()
	if got := b.s.Counters().Reason(frame.NotDurable); got != 1 {
		t.Errorf("%d counted", got)
	}
}

// A port that no interface has, and one that is not there at the moment.
func TestNoWayOut(t *testing.T) {
	s := New(Options{
		Exchange: deciderFunc(offer), Policy: func() *policy.Policy { return nil }, Journal: newJournal(),
		Log: slog.New(slog.DiscardHandler), Interfaces: []Interface{{Name: "eth9", Port: 2}},
	})
	for _, port := range []uint16{0, 2, 3} {
		if err := s.toWire(outgoing{r: new(Reply), port: port}); !errors.Is(err, unix.ENODEV) {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

func TestTurnDoesNotAllocate(t *testing.T) {
	p := testPolicy(t)
	s := New(Options{
		Exchange: deciderFunc(offer), Policy: func() *policy.Policy { return p }, Journal: newJournal(),
		Log: slog.New(slog.DiscardHandler),
	})
	s.transmit = func(outgoing) error { return nil }
	f := &frame.Frame{Data: fromClient().wrap(t, discover(opt(55, bytes.Repeat([]byte{1}, 9))...))}
	turn := func() {
		for range 10 {
			s.Queue().Punt(f, frame.PuntOption)
		}
		s.gather(<-s.punted.full)
		s.turn()
	}
	for range DefaultQueue { // every packet of the queue once
		turn()
	}
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Counters().Verdict(frame.Reply) == 0 {
		t.Error("nothing was answered")
	}
}
