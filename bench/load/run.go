// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

// Generator is simulated clients on a transport. Leases live on from one Run to
// the next.
type Generator struct {
	cfg Config
	t   Transport
	sim *sim

	in    [batch]frame.Frame
	spare [2 * batch]frame.Frame // empty frames to send
	free  int                    // of spare, from the start
	out   [2 * batch]frame.Frame
	outN  int
	clock func() time.Time
	nap   func(time.Duration) // sleeps whatever is received

	// Options of the loop.

	// Core is the processor to stay on; -1, as New has it, for any.
	Core int
	// Spin makes the loop look for work all the time instead of sleeping until
	// some is due. More precise, and takes a whole core.
	Spin bool
	// Progress is called every ProgressEvery on the generator's thread; it must
	// not wait for anything.
	Progress      func(Progress)
	ProgressEvery time.Duration
}

const (
	batch = 64
	// patience is the longest sleep: contexts are looked at this often.
	patience = 50 * time.Millisecond
	// gather is from one turn to the next when at least gathered exchanges become due
	// meanwhile. To wake up for each of them and for each answer costs more than all
	// else that the generator does, at the cost of the server where they share cores.
	gather   = 100 * time.Microsecond
	gathered = 4
)

// New makes the clients. It takes the transport over: Close closes it.
func New(cfg Config, t Transport) (*Generator, error) {
	info := t.Info()
	if err := cfg.complete(info.MAC); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	g := &Generator{cfg: cfg, t: t, clock: time.Now, nap: nanosleep, Core: -1}
	g.sim = newSim(&g.cfg, info.TagsLost)
	return g, nil
}

// Close closes the transport.
func (g *Generator) Close() error { return g.t.Close() }

// Bound is how many clients hold a lease, those in an exchange not counted.
func (g *Generator) Bound() int { return int(g.sim.leased.n) }

// Run offers a load and returns what came of it, after the last exchange has
// been answered or lost. If ctx ends first, so does the run: the result is what
// there is by then, and interrupted.
func (g *Generator) Run(ctx context.Context, l Load) (*Result, error) {
	if err := l.complete(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	l.Window = min(l.Window, g.cfg.Clients) // a client has one exchange at a time
	var (
		r    *Result
		err  error
		done = make(chan struct{})
	)
	go func() {
		defer close(done)
		// The thread ends with its goroutine: nobody inherits the core.
		runtime.LockOSThread()
		if err = stay(g.Core); err != nil {
			err = fmt.Errorf("load: %w", err)
			return
		}
		// A sleep ends when it should, not up to 50 µs later. Who inherits the
		// thread sleeps as precisely; that is no restriction.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		r, err = g.run(ctx, l)
	}()
	<-done
	return r, err
}

func (g *Generator) run(ctx context.Context, l Load) (*Result, error) {
	s := g.sim
	s.tally.init()
	sched := newSchedule(l)
	dropsBefore := g.drops()
	cpu := threadTime()
	begin := g.clock()
	// Times are from the sim's epoch, so that leases outlive a run.
	if s.tally.epoch.IsZero() {
		s.tally.epoch = begin
	}
	zero := int64(begin.Sub(s.tally.epoch))
	if l.Rate > 0 {
		s.tally.trend.start(zero, zero+sched.dueAt(sched.total))
	}
	nextReport := zero + int64(g.ProgressEvery)
	interrupted := false

	for {
		now := g.now()
		work, more, err := g.turn(&sched, zero, now)
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		if g.Progress != nil && now >= nextReport {
			nextReport = now + int64(g.ProgressEvery)
			g.Progress(g.progress(now - zero))
		}
		over := sched.over(now - zero)
		if over && s.inFlight == 0 {
			break
		}
		if ctx.Err() != nil {
			interrupted = true
			break
		}
		switch {
		case g.Spin || more:
			continue
		case sched.dense() && !over && g.free > 0:
			if left := now + int64(gather) - g.now(); left > 0 {
				g.nap(time.Duration(left))
			}
			continue
		case work:
			continue
		}
		if err := g.sleep(&sched, zero, now); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
	}
	if g.Progress != nil {
		g.Progress(g.progress(g.now() - zero))
	}
	r := g.result(l, &sched, zero, g.now())
	r.Interrupted = interrupted
	r.CPU = threadTime() - cpu
	r.TransportDrops = g.drops() - dropsBefore
	if interrupted {
		g.abandon(g.now())
	}
	return r, nil
}

// turn does what there is to do now: received answers first, then waits that
// are over, then what is due. While answers queue up, no wait ends, since its
// answer may be among them, and nothing begins: an exchange that begins late is
// measured as late, an answer that finds no room in the socket would be lost.
// work is false if there was nothing to do, more is true if there is more of it.
func (g *Generator) turn(sched *schedule, zero, now int64) (work, more bool, err error) {
	s := g.sim
	// Every received frame may need one to answer with.
	if g.free < batch {
		g.free += g.t.Alloc(g.spare[g.free:])
	}
	limit := min(batch, g.free)
	n := g.t.Recv(g.in[:limit])
	drained := n < limit
	if n > 0 {
		now = g.now()
		for i := range g.in[:n] {
			g.put(s.receive(g.in[i].Data, now, g.room()))
		}
		g.t.Free(g.in[:n])
		if s.acks {
			s.acks = false
			if g.cfg.AfterBatch != nil {
				if err := g.cfg.AfterBatch(); err != nil {
					return true, false, err
				}
			}
		}
	}
	for drained && g.free > 0 {
		size, another := s.expire(now, g.room())
		if !another {
			break
		}
		g.put(size)
	}
	began := 0
	for ; drained && g.free > 0 && began < batch; began++ {
		due, ok := sched.take(now-zero, s.inFlight)
		if !ok {
			break
		}
		s.tally.answered(phaseLag, now-zero-due)
		g.put(s.begin(sched.kind(), zero+due, now, g.room()))
	}
	work = n > 0 || began > 0 || g.outN > 0
	more = n > 0 && !drained || began == batch
	if g.outN > 0 {
		g.t.Send(g.out[:g.outN])
		g.outN = 0
	}
	if work {
		err = g.t.Flush()
	}
	return work, more, err
}

// room is the memory of the next frame to send.
func (g *Generator) room() []byte {
	f := &g.spare[g.free-1]
	return f.Data[:cap(f.Data)]
}

// put queues the frame that room gave, if something was written.
func (g *Generator) put(size int) {
	if size == 0 {
		return
	}
	g.free--
	f := g.spare[g.free]
	f.Data = f.Data[:size]
	g.out[g.outN] = f
	g.outN++
}

// sleep waits for the next thing to do.
func (g *Generator) sleep(sched *schedule, zero, now int64) error {
	until := now + int64(patience)
	if at, ok := sched.next(); ok {
		until = min(until, zero+at)
	}
	if at, ok := g.sim.timers.next(); ok {
		until = min(until, at)
	}
	if until <= now {
		return nil
	}
	return g.t.Wait(time.Duration(until - now))
}

// nanosleep is not the runtime's: that is not as precise, and leaves the thread.
func nanosleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil) // a signal may end it early
}

// abandon ends all exchanges of an interrupted run, so that the clients are in
// their places for another one.
func (g *Generator) abandon(now int64) {
	s := g.sim
	for i := range s.clients {
		if s.clients[i].state > bound {
			s.giveUp(uint32(i), now)
		}
	}
}

func (g *Generator) now() int64 { return int64(g.clock().Sub(g.sim.tally.epoch)) }

func (g *Generator) drops() uint64 {
	if d, ok := g.t.(Drops); ok {
		return d.Drops()
	}
	return 0
}

// stay keeps the calling thread on a processor; -1 is any.
func stay(core int) error {
	if core < 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("run on core %d: %w", core, err)
	}
	return nil
}

// threadTime is the processor time that this thread has used.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
