// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// Journal is what the slow path needs of the journal.
type Journal interface {
	// Append takes a copy of the batch's changes; it does not wait for the disk.
	Append(b *lease.Batch)
	// Durable reports whether the batch of ticket t is on disk.
	Durable(t lease.Ticket) bool
	// Notify has fn called whenever more has become durable; nil ends that.
	Notify(lane uint8, fn func())
	// Err is not nil once the journal has failed for good.
	Err() error
}

// Options configure a Server. The first four are required.
//
// Exchange6 and Policy6 are required where Families may say that DHCPv6 is served;
// Policy6 may return nil for as long as it is not.
type Options struct {
	Exchange Decider
	// Policy returns the policy in force.
	Policy  func() *policy.Policy
	Journal Journal
	Log     *slog.Logger

	Exchange6 Decider6
	Policy6   func() *policy6.Policy

	// Lane is the journal lane, the slow path's alone.
	Lane uint8
	// Interfaces are all that are served, by XDP or not.
	Interfaces []Interface
	// Families says which of DHCPv4 and DHCPv6 are served at the moment; where
	// one is not, its port is left to others. It is asked again about once a
	// second, so that a configuration that is loaded later counts; a socket
	// that is open stays. nil: DHCPv4 alone.
	Families func() (v4, v6 bool)
	// Queue bounds the packets that wait, on each of the two roads; 0 means
	// DefaultQueue.
	Queue int
	// Park bounds the replies that wait for the journal; 0 means 4096 (6 MB).
	Park int
	// NoticeTimeout is after what time a Reconfigure message is repeated first; 0 means
	// the 2 s of RFC 8415 §7.6 (REC_TIMEOUT).
	NoticeTimeout time.Duration
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
	// In runs fn where sockets are to be opened; nil means right here. Tests
	// give a network namespace.
	In func(fn func() error) error
}

const (
	defaultPark = 4096
	// batchSize is how many packets are decided on before one Append.
	batchSize = 64
	// staleAfter is when a client has given up on its request and sent another,
	// as in engine/worker.
	staleAfter = 2 * time.Second
)

// Server is the slow path. Create it with New, then call Run.
type Server struct {
	o        Options
	counters Counters
	ready    chan struct{}
	drained  chan struct{} // closed when serve has returned

	punted *Queue // frames from workers
	kernel *Queue // datagrams from the UDP sockets
	links  []*link
	byPort [2][]*link // by family and frame.Frame.Port; nil: no such interface
	packet *packetSocket

	repeats pendingNotices

	// Of serve alone.
	codec  *Codec
	codec6 *Codec6
	batch  *lease.Batch
	lot    []parked // oldest first
	free   []*Reply
	out    []outgoing
	moved  chan struct{} // capacity 1: something has become durable
	// waiting is len(lot) for the journal to see.
	waiting atomic.Int32
	orders  chan order
	inHand  []*packet
	part    []byte // for a fragment that is being sent
	fragID  uint32 // of the last packet that was sent in fragments
	// transmit is toWire; tests look at the replies.
	transmit func(outgoing) error
}

// outgoing is a reply and where it goes.
type outgoing struct {
	r    *Reply
	port uint16
}

// parked is a reply that waits for the journal.
type parked struct {
	outgoing
	since time.Time
}

// New makes a server; it opens and starts nothing.
func New(o Options) *Server {
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	if o.Park == 0 {
		o.Park = defaultPark
	}
	if o.NoticeTimeout == 0 {
		o.NoticeTimeout = recTimeout
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Families == nil {
		o.Families = func() (v4, v6 bool) { return true, false }
	}
	if o.In == nil {
		o.In = func(fn func() error) error { return fn() }
	}
	s := &Server{
		o:       o,
		ready:   make(chan struct{}),
		drained: make(chan struct{}),
		punted:  NewQueue(o.Queue),
		kernel:  NewQueue(min(o.Queue, 256)),
		codec:   NewCodec(o.Exchange),
		batch:   lease.NewBatch(o.Lane),
		moved:   make(chan struct{}, 1),
		orders:  make(chan order),
		repeats: pendingNotices{of: map[string]repeat{}, stir: make(chan struct{}, 1), limit: maxRepeats},
	}
	s.transmit = s.toWire
	if o.Exchange6 != nil {
		s.codec6 = NewCodec6(o.Exchange6)
		// RFC 7739: not one that can be told from outside.
		s.fragID = rand.Uint32()
	}
	for _, i := range o.Interfaces {
		for f := range s.byPort {
			l := &link{Interface: i, family: family(f), changed: make(chan struct{}, 1)}
			s.links = append(s.links, l)
			for len(s.byPort[f]) <= int(i.Port) {
				s.byPort[f] = append(s.byPort[f], nil)
			}
			s.byPort[f][i.Port] = l
		}
	}
	return s
}

// Queue is where workers punt frames to.
func (s *Server) Queue() *Queue { return s.punted }

// Counters are the server's.
func (s *Server) Counters() *Counters { return &s.counters }

// Ready is closed when Run has opened its sockets on every interface that is
// there.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends, then answers what has been received and waits for
// the journal for as long as clients wait for us. It returns nil, or why it
// could not start. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	var w *watcher
	err := s.o.In(func() (err error) {
		if s.packet, err = openPacket(); err != nil {
			return err
		}
		w, err = openWatcher()
		return err
	})
	if s.packet != nil {
		defer s.packet.close()
	}
	if err != nil {
		return err
	}

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer w.close()
		<-gctx.Done()
		return nil
	})
	g.Go(func() error { return w.run(s.linksChanged) })
	settled := make(chan struct{}, len(s.links))
	for _, l := range s.links {
		g.Go(func() error { return s.keep(gctx, l, func() { settled <- struct{}{} }) })
	}
	g.Go(func() error {
		for range s.links {
			select {
			case <-settled:
			case <-gctx.Done():
				return nil
			}
		}
		close(s.ready)
		return nil
	})
	g.Go(func() error {
		defer close(s.drained)
		s.serve(gctx)
		return nil
	})
	g.Go(func() error { return s.repeat(gctx) })
	err = g.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) linksChanged() {
	for _, l := range s.links {
		select {
		case l.changed <- struct{}{}:
		default: // it has not yet looked at the last change
		}
	}
}

// serves says whether the family is served now.
func (s *Server) serves(f family) bool {
	four, six := s.o.Families()
	if f == v6 {
		return six && s.codec6 != nil
	}
	return four
}

func (s *Server) openUDP(name string, f family) (sock *udpSocket, err error) {
	err = s.o.In(func() (err error) {
		sock, err = openUDP(name, f)
		return err
	})
	return sock, err
}
