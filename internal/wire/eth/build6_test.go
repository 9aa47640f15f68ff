// SPDX-License-Identifier: Apache-2.0

package eth

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
)

func TestBuildUDP6(t *testing.T) {
	server, client := net.ParseIP("fe80::a:b"), net.ParseIP("fe80::1")
	for _, tags := range [][]uint16{{}, {100}, {200, 7}} {
		for _, reply := range [][]byte{[]byte("even"), []byte("an odd number of bytes"), bytes.Repeat([]byte{0xff}, 60), {}} {
			in := build(t, true, tags...)
			var l Layers
			if why := Parse(in, &l); why != frame.OK {
				t.Fatal(why)
			}
			b := append(bytes.Clone(in), bytes.Repeat([]byte{0xee}, 80)...)
			// Traffic class and flow label of the request are not the reply's.
			b[l.L3], b[l.L3+1], b[l.L3+2] = 0x6f, 0xff, 0xff
			copy(b[l.Payload:], reply)
			h := Headers6{DstMAC: [6]byte(macA), SrcMAC: [6]byte(macB), Src: [16]byte(server), Dst: [16]byte(client), SrcPort: 547, DstPort: 546, HopLimit: 64}
			n := BuildUDP6(b, &l, &h, len(reply))

			p := gopacket.NewPacket(b[:n], layers.LayerTypeEthernet, gopacket.Default)
			e := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
			ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
			udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
			if !bytes.Equal(e.SrcMAC, macB) || !bytes.Equal(e.DstMAC, macA) || !ip.SrcIP.Equal(server) || !ip.DstIP.Equal(client) ||
				udp.SrcPort != 547 || udp.DstPort != 546 || ip.HopLimit != 64 || ip.TrafficClass != 0 || ip.FlowLabel != 0 ||
				int(ip.Length) != 8+len(reply) || int(udp.Length) != 8+len(reply) || !bytes.Equal(udp.Payload, reply) {
				t.Errorf("built %v", p)
			}
			if !bytes.Equal(b[12:l.L3], in[12:l.L3]) {
				t.Errorf("tags became % x", b[12:l.L3])
			}
			// RFC 8200 §8.1, two bytes at a time.
			ps := append(bytes.Clone(b[l.L3+8:l.L3+40]), 0, 0, b[l.L4+4], b[l.L4+5], 0, 0, 0, 17)
			if got := naive(append(ps, b[l.L4:n]...)); got != 0xffff {
				t.Errorf("datagram sums to %04x", got)
			}
			if udp.Checksum == 0 {
				t.Error("no checksum")
			}
			if !bytes.Equal(b[len(in):], bytes.Repeat([]byte{0xee}, 80)) && n <= len(in) {
				t.Error("written past the reply")
			}
			var again Layers
			if why := Parse(b[:n], &again); why != frame.OK {
				t.Errorf("Parse of it: %v", why)
			}
			if a := testing.AllocsPerRun(10, func() { BuildUDP6(b, &l, &h, len(reply)) }); a != 0 {
				t.Errorf("%v allocations", a)
			}
		}
	}
}

// A sum that comes out as zero is sent as all ones: 0 is not allowed in IPv6.
func TestBuildUDP6ChecksumIsNeverZero(t *testing.T) {
	b := make([]byte, 100)
	var l Layers
	Place6(b, &l)
	h := Headers6{SrcPort: 547, DstPort: 546, HopLimit: 1}
	// Pseudo-header 17+10, ports, length 10, payload x: x makes the sum 0xffff.
	rest := 0xffff - (17 + 10 + 547 + 546 + 10)
	b[l.Payload], b[l.Payload+1] = byte(rest>>8), byte(rest)
	n := BuildUDP6(b, &l, &h, 2)
	if b[l.L4+6] != 0xff || b[l.L4+7] != 0xff {
		t.Errorf("checksum %x", b[l.L4+6:l.L4+8])
	}
	if why := Parse(b[:n], &l); why != frame.OK {
		t.Error(why)
	}
}

// Addresses and ports whose sums carry in every place.
func TestBuildUDP6Carries(t *testing.T) {
	b := make([]byte, 200)
	var l Layers
	Place6(b, &l)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		h := Headers6{SrcPort: uint16(r.Uint32()), DstPort: uint16(r.Uint32()), HopLimit: 64}
		for k := range h.Src {
			h.Src[k], h.Dst[k] = byte(r.Uint32()), byte(r.Uint32())
			if i%3 == 0 {
				h.Src[k] |= 0xf0
				h.Dst[k] = 0xff
			}
		}
		n := BuildUDP6(b, &l, &h, i%100)
		ps := append(bytes.Clone(b[l.L3+8:l.L3+40]), 0, 0, b[l.L4+4], b[l.L4+5], 0, 0, 0, 17)
		if got := naive(append(ps, b[l.L4:n]...)); got != 0xffff {
			t.Fatalf("%+v: datagram sums to %04x", h, got)
		}
	}
}

func TestPlace6(t *testing.T) {
	for _, tags := range [][]uint16{{}, {100}, {200, 7}} {
		b := make([]byte, 200)
		var l, again Layers
		Place6(b, &l, tags...)
		copy(b[l.Payload:], payload)
		n := BuildUDP6(b, &l, &Headers6{HopLimit: 1, SrcPort: 546, DstPort: 547}, len(payload))
		if why := Parse(b[:n], &again); why != frame.OK {
			t.Fatalf("%v: %v", tags, why)
		}
		l.End, l.SrcPort, l.DstPort = uint16(n), 546, 547
		if l != again {
			t.Errorf("placed %+v, parsed %+v", l, again)
		}
	}
}

func BenchmarkBuildUDP6(b *testing.B) {
	in := make([]byte, 400)
	var l Layers
	Place6(in, &l)
	h := Headers6{HopLimit: 64, SrcPort: 547, DstPort: 546, Src: [16]byte{0xfe, 0x80}, Dst: [16]byte{0xfe, 0x80, 15: 1}}
	b.ReportAllocs()
	for b.Loop() {
		BuildUDP6(in, &l, &h, 200)
	}
}

func BenchmarkParse6(b *testing.B) {
	in := make([]byte, 400)
	var l Layers
	Place6(in, &l)
	n := BuildUDP6(in, &l, &Headers6{HopLimit: 64, SrcPort: 546, DstPort: 547}, 200)
	b.ReportAllocs()
	for b.Loop() {
		if Parse(in[:n], &l) != frame.OK {
			b.Fatal("bad base frame")
		}
	}
}
