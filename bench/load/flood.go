// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// FloodKind is what a flood's frames are.
type FloodKind uint8

const (
	// Garbage is frames to the server's port without a DHCP message in them.
	Garbage FloodKind = iota
	// Discovers is broadcast DISCOVERs, each with a transaction and a hardware
	// address of its own: clients that never go on.
	Discovers
)

// ParseFloodKind reads "garbage" or "discover".
func ParseFloodKind(s string) (FloodKind, error) {
	switch s {
	case "garbage":
		return Garbage, nil
	case "discover":
		return Discovers, nil
	}
	return 0, fmt.Errorf("%q is no kind of flood: want garbage or discover", s)
}

// Flood sends frames that nobody waits for an answer to, as many as one core can:
// the kernel runs an XDP program on frames of its own (BPF_PROG_TEST_RUN with live
// frames, Linux 5.18), which numbers each and sends it out of an interface. It is
// the kernel's pktgen for machines whose kernel has none.
//
// On a veth the receiving side needs an XDP program, too, as a served interface
// has, or Admit gives; without one, frames sent this way are lost.
type Flood struct {
	Kind FloodKind
	// Interface is in the calling thread's network namespace.
	Interface string
	// Server is the destination; invalid: by broadcast.
	Server    netip.Addr
	ServerMAC MAC // zero: broadcast
	// Rate is in frames a second; 0: as many as go.
	Rate float64
	// Core is the processor to stay on; -1 for any.
	Core int
}

// floodMAC begins the hardware addresses of a flood's clients: locally
// administered, and another range than a load's.
var floodMAC = MAC{0x02, 0xf1}

const (
	floodLen = 342 // Ethernet, IPv4, UDP and a BOOTP message of 300 bytes
	// Places in the frame, which has no VLAN tag.
	floodXID    = eth.LenEther + 20 + 8 + offXID
	floodChaddr = eth.LenEther + 20 + 8 + offChaddr
)

// frame is the flood's frame number 0.
func (f *Flood) frame(src MAC) []byte {
	b := make([]byte, floodLen)
	var l eth.Layers
	eth.Place(b, &l)
	m := dhcp4.Msg(b[l.Payload:])
	m[0], m[1], m[2] = dhcp4.BootRequest, dhcp4.HTypeEthernet, eth.LenMAC
	copy(m[offChaddr:], floodMAC[:])
	if f.Kind == Discovers {
		binary.BigEndian.PutUint32(m[offCookie:], dhcp4.Cookie)
		w := dhcp4.NewWriter(m[dhcp4.OffOptions:])
		w.PutU8(dhcp4.OptMessageType, dhcp4.Discover)
		w.Put(dhcp4.OptParameterList, parameterList)
		w.End(dhcp4.LenBootp - dhcp4.OffOptions)
	}
	h := eth.Headers4{TTL: ttl, SrcPort: dhcp4.ClientPort, DstPort: dhcp4.ServerPort, Dst: 0xffffffff, SrcMAC: src, DstMAC: f.ServerMAC}
	if f.Server.IsValid() {
		h.Dst = u32(f.Server)
	}
	if h.DstMAC == (MAC{}) {
		h.DstMAC = broadcastMAC
	}
	n := eth.BuildUDP4(b, &l, &h, len(m))
	// Each frame has another number in it, so no checksum: RFC 768 lets that be.
	binary.BigEndian.PutUint16(b[eth.LenEther+20+6:], 0)
	return b[:n]
}

// Run sends until ctx ends and returns how many frames the kernel took.
func (f *Flood) Run(ctx context.Context) (sent uint64, err error) {
	ifi, err := net.InterfaceByName(f.Interface)
	if err != nil {
		return 0, fmt.Errorf("flood: interface %s: %w", f.Interface, err)
	}
	if f.Server.IsValid() && !f.Server.Is4() {
		return 0, fmt.Errorf("flood: server %v: want an IPv4 address", f.Server)
	}
	var src MAC
	copy(src[:], ifi.HardwareAddr)
	frame := f.frame(src)
	count, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	defer count.Close()
	fresh := len(frame)
	if f.Kind == Garbage {
		fresh = floodChaddr + eth.LenMAC // what is behind is garbage, whatever it is
	}
	prog, err := flooder(frame, fresh, count, ifi.Index)
	if err != nil {
		return 0, fmt.Errorf("flood: XDP program: %w", err)
	}
	defer prog.Close()

	// A live frame goes out on the processor that makes it, in the namespace of
	// the interface: the redirect is by number.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if f.Core >= 0 {
		var was, set unix.CPUSet
		set.Set(f.Core)
		if err := errors.Join(unix.SchedGetaffinity(0, &was), unix.SchedSetaffinity(0, &set)); err != nil {
			return 0, fmt.Errorf("flood: run on core %d: %w", f.Core, err)
		}
		defer func() { _ = unix.SchedSetaffinity(0, &was) }() // it was the thread's own
	}
	opts := ebpf.RunOptions{Data: frame, Flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES}
	pace := newPace(f.Rate)
	began := time.Now()
	for ctx.Err() == nil {
		n, wait := pace.next(time.Since(began))
		if n == 0 {
			pause(ctx, wait)
			continue
		}
		opts.Repeat = n
		from := time.Now()
		if _, err := prog.Run(&opts); err != nil {
			return 0, fmt.Errorf("flood: %w", err)
		}
		pace.made(n, time.Since(from))
	}
	var counted uint64
	if err := count.Lookup(uint32(0), &counted); err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	return counted, nil
}

// pace says how many frames the next call makes. Before a call and after it the
// kernel changes its table of XDP programs and waits until no core uses the old one
// (synchronize_rcu), some 20 ms in all whatever the number of frames: so few calls,
// of many frames.
type pace struct {
	rate  float64 // frames a second; 0: as many as go
	asked float64
	most  float64 // frames of a call of callTime
}

const (
	// callTime is how long a call shall take: the wait is little beside it, and a
	// flood stops soon enough.
	callTime = 100 * time.Millisecond
	// firstCall is the frames of a call before it is known how long they take, and
	// the least that a call may be held to.
	firstCall = 1 << 14
	mostCall  = 1 << 24
	// dueTime is how long frames of a rate gather before a call makes them.
	dueTime = 5 * time.Millisecond
)

func newPace(rate float64) pace { return pace{rate: rate, most: firstCall} }

// next is how many frames to make at a time since the start; if it is 0, how long to
// wait before asking again. What a call had no room for is made by the next.
func (p *pace) next(at time.Duration) (frames uint32, wait time.Duration) {
	if p.rate == 0 {
		return uint32(p.most), 0
	}
	due := p.rate*at.Seconds() - p.asked
	if due < max(1, p.rate*dueTime.Seconds()) {
		return 0, max(dueTime, time.Duration((1-due)/p.rate*1e9))
	}
	return uint32(min(due, p.most)), 0
}

// made notes how long a call took.
func (p *pace) made(frames uint32, took time.Duration) {
	p.asked += float64(frames)
	if float64(frames) > p.most/2 { // a short call tells nothing of a long one
		p.most = min(max(float64(frames)*float64(callTime)/float64(max(took, 1)), firstCall), mostCall)
	}
}

// pause waits, but not past the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// flooder writes the first bytes of each live frame anew, since a page comes back
// as whoever had it has left it, numbers it, and sends it out of the interface.
func flooder(frame []byte, fresh int, count *ebpf.Map, ifindex int) (*ebpf.Program, error) {
	const drop = 1
	ins := asm.Instructions{
		asm.LoadMem(asm.R7, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R8, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, int32(len(frame))),
		asm.JGT.Reg(asm.R2, asm.R8, "drop"),
		asm.LoadMapValue(asm.R9, count.FD(), 0),
		asm.LoadMem(asm.R3, asm.R9, 0, asm.DWord),
		asm.Add.Imm(asm.R3, 1),
		asm.StoreMem(asm.R9, 0, asm.R3, asm.DWord),
	}
	for off := 0; off < fresh; off += 2 {
		size, v := asm.Half, int64(binary.NativeEndian.Uint16(frame[off:]))
		if off+4 <= fresh {
			size, v = asm.Word, int64(int32(binary.NativeEndian.Uint32(frame[off:])))
		}
		ins = append(ins, asm.StoreImm(asm.R7, int16(off), v, size))
		if size == asm.Word {
			off += 2
		}
	}
	ins = append(ins,
		asm.StoreMem(asm.R7, floodXID, asm.R3, asm.Word),
		asm.StoreMem(asm.R7, floodChaddr+2, asm.R3, asm.Word),
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, drop).WithSymbol("drop"),
		asm.Return(),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: ins, License: "Dual BSD/GPL"})
}

// Admit gives an interface of the calling thread's namespace an XDP program that
// leaves every frame to the kernel, if it has none: a veth throws a flood's frames away
// otherwise, before anybody behind it has had any work with them. undo takes it away.
func Admit(ifname string) (undo func() error, err error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", ifname, err)
	}
	const pass = 2
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()}})
	if err != nil {
		return nil, fmt.Errorf("XDP program: %w", err)
	}
	defer prog.Close()
	l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifi.Index, Flags: link.XDPDriverMode})
	if errors.Is(err, unix.EBUSY) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", ifname, err)
	}
	return l.Close, nil
}
