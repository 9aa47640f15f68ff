// SPDX-License-Identifier: Apache-2.0

// Package bulk serves bulk leasequery (RFC 6926; for DHCPv6 RFC 5460, which asks the same
// of a server): collectors and relay agents connect to TCP port 67 or 547 and ask for
// many leases at once.
//
//	accept ─ access list, number of connections ─► one goroutine a connection:
//	         read a query │ slowpath.BulkCodec ─ exchange.Server.Bulk ─ lease table │ write, buffered
//	                      │ slowpath.BulkCodec6 ─ exchange6.Server.Bulk             │
//
// A connection has one query in work at a time; what is sent meanwhile waits in the
// socket ("A server MUST NOT read more query messages from a connection than it is
// prepared to process simultaneously", §8.4). Nothing is locked while an answer is
// written, so a slow reader costs its goroutine and a buffer. A connection that
// neither asks nor reads for Timeout is closed (§8.1, §8.2, §8.5).
//
// The listener is the kernel's: the XDP program passes TCP.
package bulk

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/slowpath"
)

// Options configure a Server, for DHCPv4 or for DHCPv6: either Exchange and Policy are
// required or Exchange6 and Policy6, and Clock and Log.
type Options struct {
	Exchange slowpath.BulkDecider
	// Policy returns the policy in force. It says who may ask.
	Policy    func() *policy.Policy
	Exchange6 slowpath.BulkDecider6
	// Policy6 is the same for DHCPv6; nil: it is not served now, and nobody may ask.
	Policy6 func() *policy6.Policy
	// Clock is the time of leases.
	Clock func() time.Time
	Log   *slog.Logger

	Connections int           // at once; 0: BULK_LQ_MAX_CONNS, 10
	Timeout     time.Duration // 0: BULK_LQ_DATA_TIMEOUT, 300 s
	Port        int           // 0: 67, or 547; -1: any, for tests
	// In runs fn where the socket is to be opened; nil means right here. Tests
	// give a network namespace.
	In func(fn func() error) error
}

// Defaults of RFC 6926 §6.3.
const (
	DefaultConnections = 10
	DefaultTimeout     = 300 * time.Second
)

// buffer is how much is written at once.
const buffer = 64 << 10

// Stats count what a Server did.
type Stats struct {
	Open     uint64 // connections at the moment
	Accepted uint64
	Refused  uint64 // not on the access list
	Full     uint64 // one too many
	Queries  uint64
	Messages uint64 // answers, DHCPLEASEQUERYDONE included
	Broken   uint64 // connections that ended in the middle of something
}

// Server serves bulk leasequeries. Create it with New, then call Listen and Run.
type Server struct {
	o  Options
	ln net.Listener

	open, accepted, refused, full, queries, messages, broken atomic.Uint64
}

// New makes a server; it opens and starts nothing.
func New(o Options) *Server {
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	switch o.Port {
	case 0:
		o.Port = dhcp4.ServerPort
		if o.Exchange6 != nil {
			o.Port = dhcp6.ServerPort
		}
	case -1:
		o.Port = 0
	}
	if o.In == nil {
		o.In = func(fn func() error) error { return fn() }
	}
	return &Server{o: o}
}

// Listen opens the socket.
func (s *Server) Listen() error {
	return s.o.In(func() (err error) {
		network := "tcp4"
		if s.o.Exchange6 != nil {
			network = "tcp6"
		}
		s.ln, err = net.Listen(network, fmt.Sprintf(":%d", s.o.Port))
		switch {
		case errors.Is(err, unix.EADDRINUSE):
			err = fmt.Errorf("%w: another server has it; leasequery.bulk: false leaves it alone", err)
		case errors.Is(err, unix.EACCES):
			err = fmt.Errorf("%w: CAP_NET_BIND_SERVICE is needed", err)
		}
		if err != nil {
			return fmt.Errorf("bulk leasequery: %w", err)
		}
		return nil
	})
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close ends a server that does not run.
func (s *Server) Close() { s.ln.Close() }

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	return Stats{
		Open: s.open.Load(), Accepted: s.accepted.Load(), Refused: s.refused.Load(), Full: s.full.Load(),
		Queries: s.queries.Load(), Messages: s.messages.Load(), Broken: s.broken.Load(),
	}
}

// Run serves until ctx ends, then tells those whose queries are in work.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := s.ln.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
			// Passing trouble: the socket is good.
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		default:
			return fmt.Errorf("bulk leasequery: accept: %w", err)
		}
		// §8.1: "Connections SHOULD be accepted and, if the number of connections is
		// over BULK_LQ_MAX_CONNS, they SHOULD be closed immediately." "Connections
		// not from permitted requestors SHOULD be closed immediately".
		switch {
		case !s.mayQuery(c.RemoteAddr()):
			s.refused.Add(1)
			c.Close()
		case s.open.Load() >= uint64(s.o.Connections):
			s.full.Add(1)
			c.Close()
		default:
			s.accepted.Add(1)
			s.open.Add(1)
			conns.Go(func() {
				defer s.open.Add(^uint64(0))
				defer c.Close()
				s.serve(ctx, c)
			})
		}
	}
}

// mayQuery says whether the other end of a connection may ask.
func (s *Server) mayQuery(a net.Addr) bool {
	if s.o.Exchange6 == nil {
		return s.o.Policy().MayQuery(addr4(a))
	}
	p := s.o.Policy6()
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || p == nil {
		return false
	}
	b := ap.Addr().WithZone("").As16()
	return p.MayQuery(lease6.IP6From(b[:]))
}

// addr4 is the address of an end of a TCP connection.
func addr4(a net.Addr) lease.IP4 {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().Unmap().Is4() {
		return 0
	}
	b := ap.Addr().Unmap().As4()
	return lease.IP4From(b[:])
}

// patient is a connection whose every read and write has to come on within
// timeout. When ctx ends nothing more is read, and a writer gets a moment.
type patient struct {
	net.Conn
	ctx     context.Context
	timeout time.Duration
}

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(p.timeout))
	if p.ctx.Err() != nil { // hurry may have been before
		p.hurry()
	}
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(p.timeout))
	if p.ctx.Err() != nil {
		p.hurry()
	}
	return p.Conn.Write(b)
}

// farewell is how long a reader has for what is on its way when the server ends.
const farewell = time.Second

func (p patient) hurry() {
	now := time.Now()
	_ = p.SetReadDeadline(now)
	_ = p.SetWriteDeadline(now.Add(farewell))
}

// A codec answers the queries of one connection: slowpath.BulkCodec, slowpath.BulkCodec6.
type codec interface {
	// answer answers msg; false: the connection is of no use.
	answer(msg []byte, send func([]byte) bool) bool
	// terminated ends the answer to msg.
	terminated(msg []byte, text string) []byte
}

type codec4 struct {
	*slowpath.BulkCodec
	s     *Server
	local lease.IP4
}

func (c codec4) answer(msg []byte, send func([]byte) bool) bool {
	return c.Answer(c.s.o.Policy(), msg, c.local, c.s.clock, send)
}

func (c codec4) terminated(msg []byte, text string) []byte { return c.Terminated(msg, text) }

type codec6 struct {
	*slowpath.BulkCodec6
	s *Server
	p *policy6.Policy
}

func (c *codec6) answer(msg []byte, send func([]byte) bool) bool {
	// A query is answered by one policy, whatever is loaded meanwhile.
	c.p = c.s.o.Policy6()
	return c.p != nil && c.Answer(c.p, msg, c.s.clock, send)
}

func (c *codec6) terminated(_ []byte, text string) []byte { return c.Terminated(c.p, text) }

func (s *Server) codec(conn net.Conn) codec {
	if s.o.Exchange6 != nil {
		return &codec6{BulkCodec6: slowpath.NewBulkCodec6(s.o.Exchange6), s: s}
	}
	return codec4{slowpath.NewBulkCodec(s.o.Exchange), s, addr4(conn.LocalAddr())}
}

func (s *Server) clock() lease.Time { return lease.Time(s.o.Clock().Unix()) }

// serve answers the queries of one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	c := patient{conn, ctx, s.o.Timeout}
	stop := context.AfterFunc(ctx, c.hurry)
	defer stop()
	codec := s.codec(conn)
	in, out := bufio.NewReaderSize(c, 4096), bufio.NewWriterSize(c, buffer)
	msg := make([]byte, 0, 1024)
	for ctx.Err() == nil {
		var err error
		if msg, err = read(in, msg); err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.broken.Add(1)
			}
			return
		}
		s.queries.Add(1)
		ended := false
		usable := codec.answer(msg, func(answer []byte) bool {
			if ctx.Err() != nil {
				ended = true
				return false
			}
			s.messages.Add(1)
			_, err = out.Write(answer)
			return err == nil
		})
		if ended {
			s.messages.Add(1)
			_, err = out.Write(codec.terminated(msg, "the server is being shut down"))
		}
		if err == nil {
			err = out.Flush()
		}
		// §8.5: "The server MUST close its end of the TCP connection if it
		// encounters an error sending data on the connection."
		if err != nil || !usable {
			s.broken.Add(1)
			return
		}
	}
}

// read reads one message into msg's memory.
func read(in io.Reader, msg []byte) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return msg, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if cap(msg) < n {
		msg = make([]byte, n)
	}
	msg = msg[:n]
	if _, err := io.ReadFull(in, msg); err != nil {
		return msg, io.ErrUnexpectedEOF // also for what ends right behind its size
	}
	return msg, nil
}
