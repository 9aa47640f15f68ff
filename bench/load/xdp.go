// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/engine/xsk"
)

// Frames of a socket's memory: a stall of 20 ms at a million frames a second
// fits into the receiving part.
const (
	xdpFrames  = 32768
	xdpReserve = 8192
)

// maxQueues bounds the map of sockets.
const maxQueues = 256

// XDP is AF_XDP sockets on the receive queues of an interface. It sends on the
// first one.
type XDP struct {
	sockets []*xsk.Socket // index = queue = frame.Frame.Port
	next    int           // where Recv looks first
	info    TransportInfo
	link    link.Link
	promisc int
}

// OpenXDP opens queues 0 to queues-1 of an interface of the calling thread's
// network namespace and steers DHCP to them; other frames go to the kernel as
// before. The interface must not have another XDP program.
func OpenXDP(ifname string, queues int) (_ *XDP, err error) {
	if queues < 1 || queues > maxQueues {
		return nil, fmt.Errorf("%d queues: want 1 to %d", queues, maxQueues)
	}
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", ifname, err)
	}
	x := &XDP{promisc: -1}
	copy(x.info.MAC[:], ifi.HardwareAddr)
	defer func() {
		if err != nil {
			_ = x.Close() // the first error is the one that tells
		}
	}()
	// Kernels before 5.11 account maps against RLIMIT_MEMLOCK.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("limit on locked memory: %w", err)
	}
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: maxQueues})
	if err != nil {
		return nil, fmt.Errorf("map of sockets: %w", err)
	}
	defer sockets.Close()
	mode := "copy"
	for q := range queues {
		s, err := xsk.Open(xsk.Config{Ifindex: ifi.Index, Queue: q, Port: uint16(q), Frames: xdpFrames, Reserve: xdpReserve})
		if err != nil {
			return nil, err
		}
		x.sockets = append(x.sockets, s)
		if err := sockets.Put(uint32(q), uint32(s.FD())); err != nil {
			return nil, fmt.Errorf("register socket: %w", err)
		}
		if zc, _ := s.ZeroCopy(); zc {
			mode = "zero-copy"
		}
	}
	prog, err := steerer(sockets)
	if err != nil {
		return nil, fmt.Errorf("XDP program: %w", err)
	}
	defer prog.Close()
	attached := "native"
	x.link, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifi.Index, Flags: link.XDPDriverMode})
	if errors.Is(err, unix.EOPNOTSUPP) {
		attached = "generic"
		x.link, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifi.Index, Flags: link.XDPGenericMode})
	}
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", ifname, err)
	}
	if x.promisc, err = promiscuous(ifi.Index); err != nil {
		return nil, err
	}
	x.info.How = fmt.Sprintf("AF_XDP %s, %s XDP, %d queue(s)", mode, attached, queues)
	return x, nil
}

// promiscuous has an interface receive frames for any hardware address, the
// clients' among them, until the descriptor is closed.
func promiscuous(ifindex int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	m := unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("promiscuous mode: %w", err)
	}
	return fd, nil
}

// steerer sends UDP to the ports of DHCP and DHCPv6, behind up to two VLAN tags, to
// the socket of its queue, and the rest to the kernel.
func steerer(sockets *ebpf.Map) (*ebpf.Program, error) {
	const (
		pass     = 2
		udp      = 17
		rxQueue  = 16 // in struct xdp_md
		ipProto  = 9
		ipUDPDst = 22 // behind a header without options

		ip6Next   = 6
		ip6UDPDst = 42
	)
	// be is a value in network order as a load sees it.
	be := func(v uint16) int32 {
		return int32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v)))
	}
	ins := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R3, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R8, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R4, asm.R3),
		asm.Add.Imm(asm.R4, 14),
		asm.JGT.Reg(asm.R4, asm.R8, "pass"),
		asm.LoadMem(asm.R2, asm.R3, 12, asm.Half), // EtherType
		asm.Mov.Reg(asm.R3, asm.R4),
	}
	for _, next := range []string{"inner", "ip"} {
		tag := "tag before " + next
		ins = append(ins,
			asm.JEq.Imm(asm.R2, be(0x8100), tag),
			asm.JEq.Imm(asm.R2, be(0x88a8), tag),
			asm.JNE.Imm(asm.R2, be(0x9100), "ip"),
			asm.Mov.Reg(asm.R4, asm.R3).WithSymbol(tag),
			asm.Add.Imm(asm.R4, 4),
			asm.JGT.Reg(asm.R4, asm.R8, "pass"),
			asm.LoadMem(asm.R2, asm.R3, 2, asm.Half),
			asm.Mov.Reg(asm.R3, asm.R4),
		)
	}
	ins = append(ins,
		asm.JEq.Imm(asm.R2, be(0x86dd), "ip6").WithSymbol("ip"),
		asm.JNE.Imm(asm.R2, be(0x0800), "pass"),
		asm.Mov.Reg(asm.R4, asm.R3),
		asm.Add.Imm(asm.R4, 28),
		asm.JGT.Reg(asm.R4, asm.R8, "pass"),
		asm.LoadMem(asm.R2, asm.R3, 0, asm.Byte),
		asm.JNE.Imm(asm.R2, 0x45, "pass"),
		asm.LoadMem(asm.R2, asm.R3, ipProto, asm.Byte),
		asm.JNE.Imm(asm.R2, udp, "pass"),
		asm.LoadMem(asm.R2, asm.R3, ipUDPDst, asm.Half),
		asm.JEq.Imm(asm.R2, be(67), "ours"),
		asm.JEq.Imm(asm.R2, be(68), "ours"),
		asm.Ja.Label("pass"),

		asm.Mov.Reg(asm.R4, asm.R3).WithSymbol("ip6"),
		asm.Add.Imm(asm.R4, 48),
		asm.JGT.Reg(asm.R4, asm.R8, "pass"),
		asm.LoadMem(asm.R2, asm.R3, ip6Next, asm.Byte),
		asm.JNE.Imm(asm.R2, udp, "pass"),
		asm.LoadMem(asm.R2, asm.R3, ip6UDPDst, asm.Half),
		asm.JEq.Imm(asm.R2, be(serverPort6), "ours"),
		asm.JNE.Imm(asm.R2, be(clientPort6), "pass"),

		asm.LoadMem(asm.R2, asm.R6, rxQueue, asm.Word).WithSymbol("ours"),
		asm.LoadMapPtr(asm.R1, sockets.FD()),
		asm.Mov.Imm(asm.R3, pass),
		asm.FnRedirectMap.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"),
		asm.Return(),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: ins, License: "Dual BSD/GPL"})
}

// Alloc implements Transport.
func (x *XDP) Alloc(fs []frame.Frame) int { return x.sockets[0].Alloc(fs) }

// Recv implements Transport. The queues take turns to be first.
func (x *XDP) Recv(fs []frame.Frame) int {
	n := 0
	for range x.sockets {
		n += x.sockets[x.next].Recv(fs[n:])
		x.next = (x.next + 1) % len(x.sockets)
	}
	if len(x.sockets) > 1 {
		x.next = (x.next + 1) % len(x.sockets)
	}
	return n
}

// eachQueue calls f with each run of frames of one queue.
func (x *XDP) eachQueue(fs []frame.Frame, f func(*xsk.Socket, []frame.Frame)) {
	for len(fs) > 0 {
		n := 1
		for n < len(fs) && fs[n].Port == fs[0].Port {
			n++
		}
		f(x.sockets[fs[0].Port], fs[:n])
		fs = fs[n:]
	}
}

// Send implements Transport.
func (x *XDP) Send(fs []frame.Frame) int {
	x.eachQueue(fs, func(s *xsk.Socket, fs []frame.Frame) { s.Send(fs) })
	return len(fs)
}

// Free implements Transport.
func (x *XDP) Free(fs []frame.Frame) {
	x.eachQueue(fs, func(s *xsk.Socket, fs []frame.Frame) { s.Free(fs) })
}

// Flush implements Transport.
func (x *XDP) Flush() error {
	for _, s := range x.sockets {
		if err := s.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// severalQueues is the longest sleep when a sleep watches only one of them.
const severalQueues = 50 * time.Microsecond

// Wait implements Transport.
func (x *XDP) Wait(timeout time.Duration) error {
	if len(x.sockets) > 1 {
		timeout = min(timeout, severalQueues)
	}
	return x.sockets[0].Wait(timeout)
}

// Info implements Transport.
func (x *XDP) Info() TransportInfo { return x.info }

// Drops implements Drops.
func (x *XDP) Drops() (n uint64) {
	for _, s := range x.sockets {
		st := s.Stats()
		n += st.KernelRxDropped + st.KernelRxRingFull
	}
	return n
}

// Close implements Transport.
func (x *XDP) Close() error {
	var err error
	if x.link != nil {
		err = x.link.Close()
	}
	for _, s := range x.sockets {
		err = errors.Join(err, s.Close())
	}
	x.sockets = nil
	if x.promisc >= 0 {
		err = errors.Join(err, unix.Close(x.promisc))
		x.promisc = -1
	}
	return err
}
