// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	asavie "github.com/asavie/xdp"
	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/engine/xsk"
)

// contestant is one way to reflect frames.
type contestant struct {
	name string
	xsk  bool                          // takes frames from an AF_XDP socket
	open func(*lab) (reflector, error) // in the server's namespace
}

// reflector is a contestant at work. run returns after interrupt; close
// follows.
type reflector interface {
	run() error
	interrupt()
	close()
	note() string
}

// The AF_XDP contestants have as many frames, except that asavie/xdp, which
// looks through all of its frames for free ones, is tried with few as well.
const frames = 8192

var contestants = []contestant{
	{"own rings, poll", true, func(l *lab) (reflector, error) { return openOwn(l, false) }},
	{"own rings, busy", true, func(l *lab) (reflector, error) { return openOwn(l, true) }},
	{"asavie/xdp, 8192 frames", true, func(l *lab) (reflector, error) { return openAsavie(l, frames) }},
	{"asavie/xdp, 1024 frames", true, func(l *lab) (reflector, error) { return openAsavie(l, 1024) }},
	{"AF_PACKET", false, openPacket},
	{"net.UDPConn", false, openUDP},
}

// own is engine/xsk in the loop that its package comment draws.
type own struct {
	s    *xsk.Socket
	quit atomic.Bool
}

func openOwn(l *lab, busy bool) (reflector, error) {
	s, err := xsk.Open(xsk.Config{Ifname: ifname, Frames: frames, Busy: busy})
	if err != nil {
		return nil, err
	}
	if err := l.sockets.Put(uint32(0), uint32(s.FD())); err != nil {
		s.Close()
		return nil, fmt.Errorf("register socket: %w", err)
	}
	return &own{s: s}, nil
}

func (o *own) run() error {
	batch := make([]frame.Frame, 64)
	for !o.quit.Load() {
		n := o.s.Recv(batch)
		for i := range batch[:n] {
			reflect(batch[i].Data)
		}
		o.s.Send(batch[:n])
		if err := o.s.Flush(); err != nil {
			return err
		}
		if n == 0 {
			if err := o.s.Wait(-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *own) interrupt() { o.quit.Store(true); o.s.Wake() }
func (o *own) close()     { o.s.Close() }

func (o *own) note() string {
	st := o.s.Stats()
	mode := "copy"
	if zc, _ := o.s.ZeroCopy(); zc {
		mode = "zero-copy"
	}
	return fmt.Sprintf("%s; %.0f frames a kick, %d stalls", mode, float64(st.Sent)/float64(max(st.Kicks, 1)), st.Stalls)
}

// theirs is asavie/xdp, in place, as its package comment shows.
type theirs struct {
	s    *asavie.Socket
	quit atomic.Bool
}

func openAsavie(l *lab, n int) (reflector, error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, err
	}
	s, err := asavie.NewSocket(ifi.Index, 0, &asavie.SocketOptions{NumFrames: n, FrameSize: 2048,
		FillRingNumDescs: n, CompletionRingNumDescs: n, RxRingNumDescs: n, TxRingNumDescs: n})
	if err != nil {
		return nil, err
	}
	if err := l.sockets.Put(uint32(0), uint32(s.FD())); err != nil {
		s.Close()
		return nil, fmt.Errorf("register socket: %w", err)
	}
	return &theirs{s: s}, nil
}

func (a *theirs) run() error {
	for !a.quit.Load() {
		a.s.Fill(a.s.GetDescs(a.s.NumFreeFillSlots()))
		n, _, err := a.s.Poll(100)
		if err != nil {
			return err
		}
		descs := a.s.Receive(n)
		for _, d := range descs {
			reflect(a.s.GetFrame(d))
		}
		a.s.Transmit(descs)
	}
	return nil
}

func (a *theirs) interrupt() { a.quit.Store(true) }
func (a *theirs) close()     { a.s.Close() }
func (a *theirs) note() string {
	st, err := a.s.Stats()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("v0.3.3, in place; %d invalid descriptors", st.KernelStats.Tx_invalid_descs)
}

// packetSocket is a raw socket with a system call for each frame each way.
type packetSocket struct {
	fd   int
	quit atomic.Bool
}

func openPacket(l *lab) (reflector, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	p := &packetSocket{fd: fd}
	const ipv4 = 0x0008 // ETH_P_IP in network order
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: l.server.Index}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
	)
	if err != nil {
		p.close()
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return p, nil
}

func (p *packetSocket) run() error {
	buf := make([]byte, 2048)
	for !p.quit.Load() {
		n, err := unix.Read(p.fd, buf)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		reflect(buf[:n])
		if _, err := unix.Write(p.fd, buf[:n]); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

func (p *packetSocket) interrupt()   { p.quit.Store(true) }
func (p *packetSocket) close()       { unix.Close(p.fd) }
func (p *packetSocket) note() string { return "read and write, a frame each; no qdisc" }

// udp is what everybody writes first.
type udp struct {
	conn *net.UDPConn
	quit atomic.Bool
}

func openUDP(*lab) (reflector, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: serverIP, Port: serverPort})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(16 << 20); err != nil {
		conn.Close()
		return nil, err
	}
	return &udp{conn: conn}, nil
}

func (u *udp) run() error {
	buf := make([]byte, 2048)
	for !u.quit.Load() {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if u.quit.Load() {
				return nil
			}
			return err
		}
		if _, err := u.conn.WriteToUDPAddrPort(buf[:n], from); err != nil {
			return err
		}
	}
	return nil
}

func (u *udp) interrupt() {
	u.quit.Store(true)
	_ = u.conn.SetReadDeadline(time.Now()) // ends the read; run looks at quit
}
func (u *udp) close()       { u.conn.Close() }
func (u *udp) note() string { return "ReadFromUDPAddrPort, WriteToUDPAddrPort" }
