// SPDX-License-Identifier: Apache-2.0

package eth

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
)

func TestSum(t *testing.T) {
	// RFC 1071 §3: the sum of this data is ddf2.
	if got := Fold(Sum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0)); got != 0xddf2 {
		t.Errorf("RFC 1071's example sums to %x", got)
	}
	ones := bytes.Repeat([]byte{0xff}, 400)
	seq := make([]byte, 400)
	for i := range seq {
		seq[i] = byte(i*31 + 7)
	}
	for _, data := range [][]byte{ones, seq, make([]byte, 400)} {
		for n := range len(data) {
			for from := range min(n, 9) {
				if got, want := Fold(Sum(data[from:n], 0)), naive(data[from:n]); got != want {
					t.Fatalf("bytes %d to %d sum to %x, want %x", from, n, got, want)
				}
			}
		}
	}
	if got, want := Fold(Sum(seq[100:], Sum(seq[:100], 0))), naive(seq); got != want {
		t.Errorf("two parts sum to %x, want %x", got, want)
	}
}

// RFC 1624 §4: old checksum 0xdd2f, a word goes from 0x5555 to 0x3285, the new
// checksum is 0x0000 and not 0xffff.
func TestUpdate(t *testing.T) {
	if got := Update(0xdd2f, 0x5555, 0x3285); got != 0 {
		t.Errorf("RFC 1624's example gives %04x", got)
	}
	b := []byte{0x45, 0, 1, 0x44, 0xab, 0xcd, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	check := ^naive(b)
	for i := range 0x10000 {
		was := binary.BigEndian.Uint16(b[4:])
		binary.BigEndian.PutUint16(b[4:], uint16(i))
		check = Update(check, was, uint16(i))
		if want := ^naive(b); check != want {
			t.Fatalf("after %04x became %04x: %04x, want %04x", was, i, check, want)
		}
	}
}

// RFC 768: a sum that comes out as zero is sent as all ones.
func TestUDPChecksumIsNeverZero(t *testing.T) {
	u := UDP{0, 1, 0, 2, 0, 10, 0, 0, 0, 0}
	rest := ^naive([]byte{0, 1, 0, 2, 0, 10, 0, 17, 0, 10})
	binary.BigEndian.PutUint16(u[8:], rest)
	if got := UDP4Checksum(0, 0, u); got != 0xffff {
		t.Errorf("checksum %04x", got)
	}
}

// FuzzParse reads arbitrary frames beside gopacket.
func FuzzParse(f *testing.F) {
	for _, v6 := range []bool{false, true} {
		f.Add(build(f, v6))
		f.Add(build(f, v6, 100))
		f.Add(append(build(f, v6, 200, 7), 0, 0, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var l Layers
		why := Parse(b, &l)
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
		udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if why != frame.OK {
			return
		}
		if int(l.L3) >= int(l.L4) || int(l.L4)+LenUDP != int(l.Payload) || l.Payload > l.End || int(l.End) > len(b) {
			t.Fatalf("layers %+v of %d bytes", l, len(b))
		}
		for off := 12; off < int(l.L3)-2; off += 4 {
			if binary.BigEndian.Uint16(b[off:]) == TypeQinQOld {
				return // gopacket does not know this EtherType
			}
		}
		if udp == nil {
			t.Fatalf("no UDP for gopacket in % x: %v", b, p)
		}
		if uint16(udp.SrcPort) != l.SrcPort || uint16(udp.DstPort) != l.DstPort || !bytes.Equal(udp.Payload, b[l.Payload:l.End]) {
			t.Fatalf("gopacket reads %v", p)
		}
		// What was accepted has no checksum, a right one or the partial one.
		var ps []byte
		u := b[l.L4:l.End]
		if l.V6 {
			ps = append(bytes.Clone(b[l.L3+8:l.L3+40]), 0, 0, u[4], u[5], 0, 0, 0, 17)
		} else {
			ps = append(bytes.Clone(b[l.L3+12:l.L3+20]), 0, 17, u[4], u[5])
			if naive(b[l.L3:l.L3+20]) != 0xffff {
				t.Fatal("IPv4 header checksum")
			}
		}
		check := binary.BigEndian.Uint16(u[6:])
		if (check == 0 && !l.V6) || check == naive(ps) {
			return
		}
		if naive(append(ps, u...)) != 0xffff {
			t.Fatalf("UDP checksum %04x", check)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := make([]byte, 342)
	var l Layers
	Place(in, &l)
	BuildUDP4(in, &l, &Headers4{TTL: 64, SrcPort: 68, DstPort: 67}, 300)
	b.ReportAllocs()
	for b.Loop() {
		if Parse(in, &l) != frame.OK {
			b.Fatal("bad base frame")
		}
	}
}

func BenchmarkBuildUDP4(b *testing.B) {
	in := make([]byte, 342)
	var l Layers
	Place(in, &l)
	h := Headers4{TTL: 64, SrcPort: 67, DstPort: 68, Src: 1, Dst: 2}
	b.ReportAllocs()
	for b.Loop() {
		BuildUDP4(in, &l, &h, 300)
	}
}

// The assembler and what stands in for it elsewhere are the same function.
func TestWordsIsWordsGo(t *testing.T) {
	b := bytes.Repeat([]byte{0xff}, 300)
	for n := range len(b) {
		if got, want := words(b[:n]), wordsGo(b[:n]); got != want {
			t.Fatalf("%d bytes of ones: %x, want %x", n, got, want)
		}
	}
	for i := range b {
		b[i] = byte(i*151 + i>>3)
	}
	for n := range len(b) {
		for from := range min(n, 17) {
			if got, want := words(b[from:n]), wordsGo(b[from:n]); got != want {
				t.Fatalf("bytes %d to %d: %x, want %x", from, n, got, want)
			}
		}
	}
}
