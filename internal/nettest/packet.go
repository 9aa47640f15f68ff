// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Packet sends and receives whole Ethernet frames at an End, beside the
// kernel's own network stack.
type Packet struct {
	t   testing.TB
	end *End
	fd  int
	buf []byte
	oob []byte
}

// Packet opens a raw socket on the interface. It sees what arrives from the
// time of the call on; it is closed when the test ends.
func (e *End) Packet(t testing.TB) *Packet {
	t.Helper()
	p := &Packet{t: t, end: e, fd: -1, buf: make([]byte, 65536), oob: make([]byte, 256)}
	e.Do(func() {
		// Protocol 0 receives nothing until bind names the interface.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatalf("packet socket: %v", err)
		}
		p.fd = fd
	})
	t.Cleanup(func() { unix.Close(p.fd) })
	// The kernel takes a VLAN tag out of the frame; auxiliary data carries it.
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		t.Fatalf("PACKET_AUXDATA: %v", err)
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		t.Fatalf("SO_RCVBUFFORCE: %v", err)
	}
	addr := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: e.Index}
	if err := unix.Bind(p.fd, addr); err != nil {
		t.Fatalf("bind packet socket to %s: %v", e.Name, err)
	}
	return p
}

// Send transmits one frame as it is, VLAN tags and checksums included.
func (p *Packet) Send(frame []byte) {
	p.t.Helper()
	for {
		err := unix.Sendto(p.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.end.Index})
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.EINTR):
		default:
			p.t.Fatalf("send on %s: %v", p.end.Name, err)
		}
	}
}

// Recv returns a copy of the next frame that arrives, VLAN tags in place, or
// nil when none has arrived within the time. Frames that this end sends are
// not among them.
func (p *Packet) Recv(timeout time.Duration) []byte {
	p.t.Helper()
	return p.RecvMatch(timeout, func([]byte) bool { return true })
}

// RecvMatch is Recv for the next frame that match accepts; others are
// discarded. match must not keep the frame.
func (p *Packet) RecvMatch(timeout time.Duration, match func(frame []byte) bool) []byte {
	p.t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		b, err := p.recv()
		switch {
		case err == nil:
			if b != nil && match(b) {
				return append([]byte(nil), b...)
			}
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENETDOWN):
			continue // reported once; the socket works on when the link is back
		case !errors.Is(err, unix.EAGAIN):
			p.t.Fatalf("receive on %s: %v", p.end.Name, err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil
		}
		fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(left/time.Millisecond)+1); err != nil && !errors.Is(err, unix.EINTR) {
			p.t.Fatalf("poll on %s: %v", p.end.Name, err)
		}
	}
}

// recv takes what is there without waiting. A nil frame is one of our own.
func (p *Packet) recv() ([]byte, error) {
	// The frame is read behind four free bytes, the room for its tag.
	const room = 4
	n, oobn, _, from, err := unix.Recvmsg(p.fd, p.buf[room:], p.oob, unix.MSG_DONTWAIT)
	if err != nil {
		return nil, err
	}
	if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
		return nil, nil
	}
	b := p.buf[room : room+n]
	tci, tpid, tagged := vlanTag(p.oob[:oobn])
	if !tagged || n < 12 {
		return b, nil
	}
	b = p.buf[:room+n]
	copy(b, b[room:room+12])
	binary.BigEndian.PutUint16(b[12:], tpid)
	binary.BigEndian.PutUint16(b[14:], tci)
	return b, nil
}

// vlanTag finds the tag in struct tpacket_auxdata: status, len, snaplen as
// uint32, mac, net, vlan_tci, vlan_tpid as uint16.
func vlanTag(oob []byte) (tci, tpid uint16, ok bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, 0, false
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
			continue
		}
		status := binary.NativeEndian.Uint32(m.Data)
		if status&unix.TP_STATUS_VLAN_VALID == 0 {
			return 0, 0, false
		}
		tpid = unix.ETH_P_8021Q
		if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = binary.NativeEndian.Uint16(m.Data[18:])
		}
		return binary.NativeEndian.Uint16(m.Data[16:]), tpid, true
	}
	return 0, 0, false
}

func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
