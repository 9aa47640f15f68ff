// SPDX-License-Identifier: Apache-2.0

// Package port serves one network interface: it attaches the XDP program, opens
// an AF_XDP socket and runs a worker for every receive queue, and does so again
// when the link or the interface itself went away and has come back.
//
//	absent ──► down ──► serving ──► (link lost, interface deleted, socket error)
//	  ▲          ▲                          │
//	  └──────────┴──────────────────────────┘
//
// One interface never stops another: a Port's Run returns an error only for its
// first attempt, where the operator is still looking, and retries from then on.
// The XDP program is attached by a link that belongs to this process, so
// whatever ends the process detaches it and leaves the interface to the kernel.
//
// What the interface looks like (MAC, addresses) is told to the owner before
// the first packet and whenever it changes: replies carry both.
package port

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"xdhcp/bpf"
	"xdhcp/engine/lease"
	"xdhcp/engine/worker"
	"xdhcp/engine/xsk"
)

// Facts is what an interface looks like.
type Facts struct {
	Ifindex int
	MAC     [6]byte
	Addrs   []netip.Prefix // the addresses with their prefix lengths
	Up      bool
}

func (f Facts) equal(g Facts) bool {
	return f.Ifindex == g.Ifindex && f.MAC == g.MAC && f.Up == g.Up && slices.Equal(f.Addrs, g.Addrs)
}

// Options describe a port and what its workers are made of.
type Options struct {
	Name  string
	Index uint16 // frame.Frame.Port of its frames
	// Off serves without XDP: the port only watches the interface, and the
	// slow path's sockets receive.
	Off   bool
	Mode  bpf.Mode
	VLANs bool // steer VLAN-tagged frames too
	Busy  bool // spin instead of sleeping
	// Frames is the number of frames of each queue's socket; 0 means 8192.
	Frames int

	// Batch makes a batch with a journal lane of its own, for one queue. It
	// fails when there are no more lanes.
	Batch   func() (*lease.Batch, error)
	Handler func() worker.Handler // one for each worker
	Journal worker.Journal
	Punter  worker.Punter
	Clock   func() time.Time // nil means time.Now
	// Steer says which addresses are this server's: frames to them are ours.
	Steer func(Facts) []netip.Prefix
	// Families says which of DHCPv4 and DHCPv6 are served at the moment; the
	// other is left to the kernel. It is asked again once a second, so that a
	// configuration that is loaded later counts. nil: DHCPv4 alone.
	Families func() (v4, v6 bool)
	// Changed is called with the interface's facts before it is served and
	// whenever they change.
	Changed func(Facts)
	Log     *slog.Logger
}

const (
	defaultFrames = 8192
	// retryAfter is the pause before another attempt when nothing has announced
	// a change.
	retryAfter = time.Second
)

// Port is one interface. Create it with New, then call Run.
type Port struct {
	o       Options
	started chan struct{} // closed after the first attempt
	batches []*lease.Batch

	mu   sync.Mutex
	info Info
	live *serving        // nil unless serving
	past worker.Counters // of workers that have ended
}

// New makes a port; it touches nothing.
func New(o Options) *Port {
	if o.Frames == 0 {
		o.Frames = defaultFrames
	}
	if o.Families == nil {
		o.Families = func() (v4, v6 bool) { return true, false }
	}
	return &Port{o: o, started: make(chan struct{}), info: Info{Name: o.Name, State: Absent, Mode: "off"}}
}

// String names the task in logs.
func (p *Port) String() string { return "interface " + p.o.Name }

// Started is closed when the first attempt to serve is over: the port serves,
// or waits for the interface to appear.
func (p *Port) Started() <-chan struct{} { return p.started }

// Run serves the interface until ctx ends. If the interface is there at the
// start but cannot be served, Run returns why.
func (p *Port) Run(ctx context.Context) error {
	watch, err := newWatcher(p.o.Name)
	if err != nil {
		return err
	}
	defer watch.close()

	first := true
	announce := func() {
		if first {
			first = false
			close(p.started)
		}
	}
	last := ""
	for ctx.Err() == nil {
		facts, err := lookUp(p.o.Name)
		if err == nil && facts.Up {
			p.o.Changed(facts)
			err = p.serve(ctx, facts, watch, announce)
			if ctx.Err() != nil {
				return nil
			}
			if first && err != nil && !errors.Is(err, xsk.ErrDown) {
				return err
			}
			p.setState(Down, err)
		} else if err == nil {
			p.o.Changed(facts)
			p.setState(Down, nil)
			err = errors.New("the link is down")
		} else {
			p.setState(Absent, nil)
		}
		if err != nil && err.Error() != last {
			last = err.Error()
			p.o.Log.Warn("interface is not served, waiting for a change", "interface", p.o.Name, "why", last)
		}
		announce()
		watch.wait(ctx, retryAfter)
	}
	return nil
}

// serve runs the interface until ctx ends or something breaks.
func (p *Port) serve(ctx context.Context, facts Facts, watch *watcher, announce func()) error {
	s := &serving{}
	if !p.o.Off {
		if err := p.open(s, facts); err != nil {
			return errors.Join(err, s.close())
		}
	}
	p.mu.Lock()
	p.live, p.info.State, p.info.Mode, p.info.Why = s, Serving, s.mode(), s.attach.Why
	p.mu.Unlock()
	p.o.Log.Info("interface is served", "interface", p.o.Name, "mode", s.mode(), "queues", len(s.queues), "zero_copy", s.zeroCopy(), "why", s.attach.Why)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for _, q := range s.queues {
		workers.Go(func() {
			if err := q.worker.Run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	announce()
	for ctx.Err() == nil {
		watch.wait(ctx, retryAfter)
		now, err := lookUp(p.o.Name)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			cancel(err)
		case now.Ifindex != facts.Ifindex:
			cancel(errors.New("the interface was replaced"))
		case !now.Up:
			cancel(fmt.Errorf("the link went down: %w", xsk.ErrDown))
		case !now.equal(facts):
			facts = now
			if err := s.steer(p.o.Steer(facts)); err != nil {
				cancel(err)
			}
			p.o.Changed(facts)
		}
		if ctx.Err() == nil {
			if err := p.serveFamilies(s, facts.Ifindex); err != nil {
				cancel(err)
			}
		}
	}
	workers.Wait()
	// Whoever asks from here on is told of the counters, not of what is closed.
	p.mu.Lock()
	p.live = nil
	for _, q := range s.queues {
		p.past.Merge(&q.worker.Counters)
	}
	p.mu.Unlock()
	return errors.Join(context.Cause(ctx), s.close())
}

// batch returns the batch of a queue, the same at every attempt: the numbers
// of its lane must go on.
func (p *Port) batch(queue int) (*lease.Batch, error) {
	for len(p.batches) <= queue {
		b, err := p.o.Batch()
		if err != nil {
			return nil, err
		}
		p.batches = append(p.batches, b)
	}
	return p.batches[queue], nil
}

func (p *Port) setState(state State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.info = Info{Name: p.o.Name, State: state, Mode: "off"}
	if err != nil {
		p.info.Why = err.Error()
	}
}
