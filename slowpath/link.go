// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
)

// Interface is one that the slow path serves.
type Interface struct {
	Name string
	Port uint16 // frame.Frame.Port
}

// link is an interface and the socket of one family on it, which comes and goes
// with it.
//
// keep owns a link: it opens, watches and closes. The reader that keep starts
// and the sender take what sock holds at the moment; a socket that is closed
// under their hands gives them net.ErrClosed.
type link struct {
	Interface
	family
	sock    atomic.Pointer[udpSocket] // nil: the interface is not there
	changed chan struct{}             // capacity 1: something about links has changed
}

// family is which protocol a link is for.
type family uint8

const (
	v4 family = iota
	v6
)

func (f family) String() string {
	if f == v6 {
		return "DHCPv6"
	}
	return "DHCPv4"
}

// udpSocket is a UDP socket on the server's port (67, 547) of one interface.
type udpSocket struct {
	family
	conn  *net.UDPConn
	raw   syscall.RawConn
	index int // of the interface; another one of the same name has another

	// For send, whose caller is one goroutine.
	out struct {
		data  []byte
		to4   unix.SockaddrInet4
		to6   unix.SockaddrInet6
		oob   []byte
		write func(fd uintptr) bool
		err   error
	}
}

// receiveBuffer holds about 2,000 packets: what comes in while a disk stalls
// or the processor is elsewhere.
const receiveBuffer = 4 << 20

// openUDP opens the socket. The caller's thread is in the right namespace.
func openUDP(name string, f family) (*udpSocket, error) {
	s := &udpSocket{family: f}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { s.index, err = prepareUDP(int(fd), name, f) }); cerr != nil {
			return cerr
		}
		return err
	}}
	network, port := "udp4", dhcp4.ServerPort
	if f == v6 {
		network, port = "udp6", dhcp6.ServerPort
	}
	pc, err := config.ListenPacket(context.Background(), network, fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	s.conn = pc.(*net.UDPConn)
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		s.conn.Close()
		return nil, err
	}
	if f == v6 {
		s.prepareSend6()
	} else {
		s.prepareSend4()
	}
	return s, nil
}

// prepareUDP sets the options that must be there before the bind.
func prepareUDP(fd int, name string, f family) (index int, err error) {
	type option struct {
		what       string
		level, opt int
	}
	// Others may serve DHCP on other interfaces of this machine, and our
	// successor may start before we are gone.
	options := []option{{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR}}
	if f == v6 {
		options = append(options, option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO})
	} else {
		options = append(options, option{"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST}, option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, 1); err != nil {
			return 0, fmt.Errorf("%s: %w", o.what, err)
		}
	}
	if err := unix.BindToDevice(fd, name); err != nil {
		return 0, fmt.Errorf("bind to device %s: %w", name, err)
	}
	// The index that the name had at that moment.
	index, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
	if err != nil {
		return 0, fmt.Errorf("SO_BINDTOIFINDEX: %w", err)
	}
	if f == v6 {
		if err := joinGroups(fd, index); err != nil {
			return 0, err
		}
	}
	// FORCE goes beyond net.core.rmem_max, but needs CAP_NET_ADMIN.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	return index, nil
}

// receive reads one datagram into p. It blocks until there is one or the socket
// is closed.
func (s *udpSocket) receive(p *packet, oob []byte) (truncated bool, err error) {
	n, oobn, flags, src, err := s.conn.ReadMsgUDPAddrPort(p.data[:maxPacket], oob)
	if err != nil {
		return false, err
	}
	p.data = p.data[:n]
	p.srcPort = src.Port()
	if s.family == v6 {
		p.src6, p.dst6 = src.Addr().As16(), [16]byte{}
	} else {
		addr := src.Addr().As4()
		p.src, p.dst = lease.IP4From(addr[:]), 0
	}
	for rest := oob[:oobn]; len(rest) > 0; {
		h, data, tail, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			break
		}
		switch {
		// struct in_pktinfo: ifindex, spec_dst, addr (the header's destination)
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= 12:
			p.dst = lease.IP4From(data[8:])
		// struct in6_pktinfo: addr, ifindex
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			p.dst6 = [16]byte(data)
		}
		rest = tail
	}
	return flags&unix.MSG_TRUNC != 0, nil
}

func (s *udpSocket) prepareSend4() {
	o := &s.out
	o.oob = unix.PktInfo4(&unix.Inet4Pktinfo{})
	o.write = func(fd uintptr) bool {
		_, o.err = unix.SendmsgN(int(fd), o.data, o.oob, &o.to4, unix.MSG_DONTWAIT)
		return true // never wait for room: one stuck link must not hold up the others
	}
}

// send has the kernel route and send one datagram. It does not block.
func (s *udpSocket) send(data []byte, src, dst lease.IP4, port uint16) error {
	o := &s.out
	o.data = data
	o.to4.Port, o.to4.Addr = int(port), dst.As4()
	// ipi_spec_dst is the source address to use; 0 leaves it to the kernel.
	binary.BigEndian.PutUint32(o.oob[unix.CmsgLen(0)+4:], uint32(src))
	if err := s.raw.Write(o.write); err != nil {
		return err
	}
	return o.err
}

// retryAfter is how long after a failure without a notice from the kernel an
// interface is tried again.
const retryAfter = time.Second

// keep has a socket open on the link for as long as the interface is there. It
// calls settled once: when the socket is open, or the interface found missing.
// It returns an error only for what it meets before that and time cannot heal.
func (s *Server) keep(ctx context.Context, l *link, settled func()) error {
	first, said := true, ""
	for {
		var sock *udpSocket
		err := errNotServed
		if s.serves(l.family) {
			sock, err = s.openUDP(l.Name, l.family)
		}
		switch {
		case errors.Is(err, errNotServed):
		case err == nil:
			said = ""
			l.sock.Store(sock)
			s.o.Log.Info("slow path open", "interface", l.Name, "family", l.family)
		case first && !missing(err):
			return fmt.Errorf("slow path of %v on %s: %w", l.family, l.Name, explain(err))
		case err.Error() != said: // once, not once a second
			said = err.Error()
			s.o.Log.Warn("slow path waits for the interface", "interface", l.Name, "family", l.family, "err", err)
		}
		if first {
			first = false
			settled()
		}
		if err == nil {
			err = s.serveLink(ctx, l, sock)
			l.sock.Store(nil)
			sock.conn.Close()
			if ctx.Err() == nil {
				s.o.Log.Warn("slow path closed", "interface", l.Name, "family", l.family, "err", err)
			}
			if errors.Is(err, errReplaced) {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.changed:
		case <-time.After(retryAfter):
		}
	}
}

// errNotServed: the configuration in force has nothing for the family. The port
// is left to others.
var errNotServed = errors.New("not served")

var errReplaced = errors.New("the interface is gone or another one has its name")

// serveLink reads from the socket until ctx ends, the socket fails, or the
// interface is no longer the one that it is bound to: the kernel does not tell
// a UDP socket that its device has gone.
func (s *Server) serveLink(ctx context.Context, l *link, sock *udpSocket) error {
	reader := make(chan error, 1)
	go func() { reader <- s.read(ctx, l, sock) }()
	for {
		var err error
		select {
		case err = <-reader:
			return err
		case <-ctx.Done():
			// serve may have answers for it yet.
			_ = sock.conn.SetReadDeadline(time.Unix(1, 0))
			<-reader
			<-s.drained
			return ctx.Err()
		case <-l.changed:
			if index, ierr := s.packet.index(l.Name); ierr == nil && index == sock.index {
				continue
			}
			err = errReplaced
		}
		sock.conn.Close()
		<-reader
		return err
	}
}

// read puts datagrams into the kernel queue. When the queue is full it waits,
// and the socket's buffer fills: nothing is lost that need not be.
func (s *Server) read(ctx context.Context, l *link, sock *udpSocket) error {
	oob := make([]byte, 128)
	for {
		p := s.kernel.take(ctx)
		if p == nil {
			return ctx.Err()
		}
		p.road, p.port = roadKernel, l.Port
		if l.family == v6 {
			p.road = roadKernel6
		}
		truncated, err := sock.receive(p, oob)
		if err != nil || truncated {
			s.kernel.done(p)
		}
		switch {
		case truncated:
			s.counters.kernel.Add(1)
			s.counters.add(l.family == v6, frame.Drop, frame.Truncated)
		case err == nil:
			s.counters.kernel.Add(1)
			s.kernel.full <- p
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM):
			// Passing trouble of the kernel's; the socket is good.
		default:
			return err
		}
	}
}

// explain adds what an operator can do about err.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w: another DHCP server or relay has it", err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: CAP_NET_BIND_SERVICE is needed", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: CAP_NET_RAW is needed", err)
	}
	return err
}

// missing says whether err is that of an interface that is not there or down.
func missing(err error) bool {
	return errors.Is(err, errNoIPv6) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENETDOWN)
}
