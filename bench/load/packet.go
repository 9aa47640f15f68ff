// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

const (
	packetFrames = 4096
	packetSize   = 2048
	packetBuffer = 64 << 20 // of the kernel's, for received frames
)

// Packet is an AF_PACKET socket on an interface, for where AF_XDP does not
// work: a system call for each frame. The kernel takes the outer VLAN tag out
// of received frames, and answers the same frames itself, where it can.
type Packet struct {
	fd      int
	info    TransportInfo
	free    []frame.Frame
	queued  []frame.Frame
	dropped uint64
	pfd     [1]unix.PollFd
}

// OpenPacket opens the socket in the calling thread's network namespace.
func OpenPacket(ifname string) (_ *Packet, err error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", ifname, err)
	}
	p := &Packet{info: TransportInfo{TagsLost: 1, How: "AF_PACKET"}}
	copy(p.info.MAC[:], ifi.HardwareAddr)
	if p.fd, err = promiscuous(ifi.Index); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unix.Close(p.fd)
		}
	}()
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := errors.Join(
		unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, packetBuffer),
		unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, packetBuffer),
		unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.SetNonblock(p.fd, true),
		unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index}),
	); err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	memory := make([]byte, packetFrames*packetSize)
	for i := range packetFrames {
		p.free = append(p.free, frame.Frame{Data: memory[i*packetSize : i*packetSize : (i+1)*packetSize]})
	}
	p.pfd[0] = unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
	return p, nil
}

// Alloc implements Transport.
func (p *Packet) Alloc(fs []frame.Frame) int {
	n := min(len(fs), len(p.free))
	p.free = p.free[:len(p.free)-copy(fs[:n], p.free[len(p.free)-n:])]
	return n
}

// Recv implements Transport.
func (p *Packet) Recv(fs []frame.Frame) int {
	for n := range fs {
		last := len(p.free) - 1
		if last < 0 {
			return n
		}
		f := p.free[last]
		size, err := unix.Read(p.fd, f.Data[:cap(f.Data)])
		if err != nil {
			return n // nothing there, or an error that the next Flush or Wait meets, too
		}
		f.Data = f.Data[:size]
		p.free = p.free[:last]
		fs[n] = f
	}
	return len(fs)
}

// Send implements Transport.
func (p *Packet) Send(fs []frame.Frame) int {
	p.queued = append(p.queued, fs...)
	return len(fs)
}

// Free implements Transport.
func (p *Packet) Free(fs []frame.Frame) {
	for _, f := range fs {
		f.Data = f.Data[:0]
		p.free = append(p.free, f)
	}
}

// Flush implements Transport. A frame that the device has no room for is lost,
// as it would be on the wire.
func (p *Packet) Flush() error {
	for _, f := range p.queued {
		_, err := unix.Write(p.fd, f.Data)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
	}
	p.Free(p.queued)
	p.queued = p.queued[:0]
	return nil
}

// Wait implements Transport.
func (p *Packet) Wait(timeout time.Duration) error {
	ts := unix.NsecToTimespec(int64(timeout))
	if _, err := unix.Ppoll(p.pfd[:], &ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait: %w", err)
	}
	return nil
}

// Info implements Transport.
func (p *Packet) Info() TransportInfo { return p.info }

// Drops implements Drops.
func (p *Packet) Drops() uint64 {
	// The kernel counts from one call to the next.
	if st, err := unix.GetsockoptTpacketStats(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		p.dropped += uint64(st.Drops)
	}
	return p.dropped
}

// Close implements Transport.
func (p *Packet) Close() error { return unix.Close(p.fd) }
