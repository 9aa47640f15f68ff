// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// The frame, as the generator makes it:
//
//	0          14     34    42   44      48                346     350
//	| Ethernet | IPv4 | UDP | 0  | magic | number | 0 …    | number |
const (
	frameLen = 350

	offDstMAC, offSrcMAC = 0, 6
	offSrcIP, offDstIP   = 26, 30
	offPorts             = 34
	offMagic             = 44
	offNumber            = 48
	offEnd               = frameLen - 4

	magic = 0x7866_6c72
)

// What checker counts, for each core apart, so that nothing needs to be
// atomic: uint64 correct, uint64 wrong.
const (
	coreSize = 16
	maxCores = 64

	// seenSize numbers are remembered; a frame that comes twice comes soon.
	seenSize = 1 << 20
)

const (
	xdpDrop = 1
	xdpPass = 2
)

// template is the generated frame with the number 0.
func template() []byte {
	b := make([]byte, frameLen)
	copy(b[offDstMAC:], serverMAC)
	copy(b[offSrcMAC:], clientMAC)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:34]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], frameLen-14)
	copy(b[offSrcIP:], clientIP)
	copy(b[offDstIP:], serverIP)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	binary.BigEndian.PutUint16(b[offPorts:], clientPort)
	binary.BigEndian.PutUint16(b[offPorts+2:], serverPort)
	binary.BigEndian.PutUint16(b[offPorts+4:], frameLen-34) // UDP checksum 0: none
	binary.NativeEndian.PutUint32(b[offMagic:], magic)
	return b
}

// reflect exchanges addresses and ports in place; no checksum changes by it.
func reflect(b []byte) {
	if len(b) < offMagic {
		return
	}
	var t [6]byte
	copy(t[:], b[offDstMAC:])
	copy(b[offDstMAC:offDstMAC+6], b[offSrcMAC:])
	copy(b[offSrcMAC:], t[:])
	ips := binary.NativeEndian.Uint64(b[offSrcIP:])
	binary.NativeEndian.PutUint64(b[offSrcIP:], ips<<32|ips>>32)
	ports := binary.NativeEndian.Uint32(b[offPorts:])
	binary.NativeEndian.PutUint32(b[offPorts:], ports<<16|ports>>16)
}

// word is a constant for a 32-bit store or comparison at an offset of b.
func word(b []byte, off int) int32 { return int32(binary.NativeEndian.Uint32(b[off:])) }

// generator makes each live frame anew and sends it through the veth. The
// whole header is written every time, since a page comes back as whoever had
// it has left it.
func generator(state *ebpf.Map, ifindex int) (*ebpf.Program, error) {
	b := template()
	ins := asm.Instructions{
		asm.LoadMem(asm.R7, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R8, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, frameLen),
		asm.JGT.Reg(asm.R2, asm.R8, "drop"),
		asm.LoadMapValue(asm.R9, state.FD(), 0),
		asm.LoadMem(asm.R3, asm.R9, 0, asm.DWord),
		asm.Add.Imm(asm.R3, 1),
		asm.StoreMem(asm.R9, 0, asm.R3, asm.DWord),
		asm.StoreMem(asm.R7, offNumber, asm.R3, asm.Word),
		asm.StoreMem(asm.R7, offEnd, asm.R3, asm.Word),
	}
	for off := 0; off < offNumber; off += 4 {
		ins = append(ins, asm.StoreImm(asm.R7, int16(off), int64(word(b, off)), asm.Word))
	}
	ins = append(ins,
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: ins, License: "Dual BSD/GPL"})
}

// checker judges what comes back and drops it. Frames without the magic are
// somebody else's.
func checker(counts, seen *ebpf.Map) (*ebpf.Program, error) {
	want := template()
	reflect(want)
	ins := asm.Instructions{
		asm.LoadMem(asm.R7, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R8, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, offNumber),
		asm.JGT.Reg(asm.R2, asm.R8, "pass"),
		asm.LoadMem(asm.R2, asm.R7, offMagic, asm.Word),
		asm.JNE.Imm32(asm.R2, magic, "pass"),

		asm.FnGetSmpProcessorId.Call(),
		asm.And.Imm(asm.R0, maxCores-1),
		asm.Mul.Imm(asm.R0, coreSize),
		asm.LoadMapValue(asm.R9, counts.FD(), 0),
		asm.Add.Reg(asm.R9, asm.R0),

		// Exactly frameLen bytes.
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, frameLen),
		asm.JGT.Reg(asm.R2, asm.R8, "wrong"),
		asm.JNE.Reg(asm.R2, asm.R8, "wrong"),
	}
	for _, off := range []int{offDstMAC, offDstMAC + 4, offSrcMAC + 2, offSrcIP, offDstIP, offPorts} {
		ins = append(ins,
			asm.LoadMem(asm.R2, asm.R7, int16(off), asm.Word),
			asm.JNE.Imm32(asm.R2, word(want, off), "wrong"),
		)
	}
	ins = append(ins,
		asm.LoadMem(asm.R2, asm.R7, offNumber, asm.Word),
		asm.LoadMem(asm.R3, asm.R7, offEnd, asm.Word),
		asm.JNE.Reg(asm.R2, asm.R3, "wrong"),
		asm.And.Imm(asm.R3, seenSize-1),
		asm.LSh.Imm(asm.R3, 2),
		asm.LoadMapValue(asm.R1, seen.FD(), 0),
		asm.Add.Reg(asm.R1, asm.R3),
		asm.LoadMem(asm.R4, asm.R1, 0, asm.Word),
		asm.StoreMem(asm.R1, 0, asm.R2, asm.Word),
		asm.JEq.Reg(asm.R4, asm.R2, "wrong"),

		asm.LoadMem(asm.R2, asm.R9, 0, asm.DWord),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R9, 0, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, xdpDrop),
		asm.Return(),

		asm.LoadMem(asm.R2, asm.R9, 8, asm.DWord).WithSymbol("wrong"),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R9, 8, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, xdpDrop),
		asm.Return(),

		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: ins, License: "Dual BSD/GPL"})
}

// steerer hands frames to the AF_XDP socket of their queue, or all of them to
// the kernel's stack.
func steerer(sockets *ebpf.Map, xsk bool) (*ebpf.Program, error) {
	ins := asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()}
	if xsk {
		ins = asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, 16, asm.Word), // rx_queue_index
			asm.LoadMapPtr(asm.R1, sockets.FD()),
			asm.Mov.Imm(asm.R3, xdpPass),
			asm.FnRedirectMap.Call(),
			asm.Return(),
		}
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: ins, License: "Dual BSD/GPL"})
}

// reading is what the programs have counted so far.
type reading struct {
	offered, correct, wrong uint64
	byCore                  [maxCores]uint64
}

func (l *lab) read() (r reading) {
	var raw [maxCores * coreSize]byte
	// Array maps exist as long as their descriptors; a lookup cannot fail.
	if l.state.Lookup(uint32(0), &r.offered) != nil || l.counts.Lookup(uint32(0), raw[:]) != nil {
		return reading{}
	}
	for core := range r.byCore {
		correct := binary.NativeEndian.Uint64(raw[core*coreSize:])
		wrong := binary.NativeEndian.Uint64(raw[core*coreSize+8:])
		r.correct += correct
		r.wrong += wrong
		r.byCore[core] = correct + wrong
	}
	return r
}
