// SPDX-License-Identifier: Apache-2.0

package eth

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
)

var payload = []byte("an odd number of bytes as payload")

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// build makes a frame with gopacket: tags outer first, IPv4 or IPv6, checksums full.
func build(t testing.TB, v6 bool, tags ...uint16) []byte {
	t.Helper()
	e := &layers.Ethernet{SrcMAC: macA, DstMAC: macB}
	ls := []gopacket.SerializableLayer{e}
	next := &e.EthernetType
	for i, vid := range tags {
		*next = layers.EthernetTypeDot1Q
		if i == 0 && len(tags) == 2 {
			*next = layers.EthernetTypeQinQ
		}
		d := &layers.Dot1Q{VLANIdentifier: vid, Priority: 5}
		next = &d.Type
		ls = append(ls, d)
	}
	u := &layers.UDP{SrcPort: 68, DstPort: 67}
	if v6 {
		*next = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolUDP, HopLimit: 1, SrcIP: net.ParseIP("fe80::1"), DstIP: net.ParseIP("ff02::1:2")}
		if err := u.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		ls = append(ls, ip, u)
	} else {
		*next = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, TTL: 9, Id: 0xabcd, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 1, 2, 3}, DstIP: net.IP{10, 4, 5, 6}}
		if err := u.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		ls = append(ls, ip, u)
	}
	ls = append(ls, gopacket.Payload(payload))
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// fixIP makes the header checksum right again after a mutation.
func fixIP(b []byte) []byte {
	ip := b[14:]
	n := int(ip[0]&15) * 4
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ^naive(ip[:min(n, len(ip))]))
	return b
}

// naive is RFC 1071's definition, two bytes at a time.
func naive(b []byte) uint16 {
	var s uint64
	for i, v := range b {
		if i%2 == 0 {
			s += uint64(v) << 8
		} else {
			s += uint64(v)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func set16(at int, v uint16, then func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		binary.BigEndian.PutUint16(b[at:], v)
		if then != nil {
			return then(b)
		}
		return b
	}
}

func set8(at int, v uint8, then func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] = v
		if then != nil {
			return then(b)
		}
		return b
	}
}

func TestParse4(t *testing.T) {
	n := len(payload)
	udp := 14 + 20
	tests := []struct {
		name   string
		mutate func(b []byte) []byte
		want   frame.Reason
	}{
		{"base", func(b []byte) []byte { return b }, frame.OK},
		{"padding behind the datagram", func(b []byte) []byte { return append(b, make([]byte, 40)...) }, frame.OK},
		{"no UDP checksum", set16(udp+6, 0, nil), frame.OK},
		{"a local sender's partial checksum", func(b []byte) []byte {
			ps := append(bytes.Clone(b[26:34]), 0, 17, b[udp+4], b[udp+5])
			binary.BigEndian.PutUint16(b[udp+6:], naive(ps))
			return b
		}, frame.OK},
		{"a partial checksum off by one", func(b []byte) []byte {
			ps := append(bytes.Clone(b[26:34]), 0, 17, b[udp+4], b[udp+5])
			binary.BigEndian.PutUint16(b[udp+6:], naive(ps)+1)
			return b
		}, frame.BadChecksum},
		{"UDP checksum wrong", func(b []byte) []byte { b[udp+7] ^= 1; return b }, frame.BadChecksum},
		{"payload bit flipped", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, frame.BadChecksum},
		{"IP checksum wrong", func(b []byte) []byte { b[14+11] ^= 1; return b }, frame.BadChecksum},
		{"version 5", set8(14, 0x55, fixIP), frame.BadIP},
		{"header length 4 words", set8(14, 0x44, fixIP), frame.BadIP},
		{"header length past the frame", set8(14, 0x4f, func(b []byte) []byte { return b[:14+40] }), frame.Truncated},
		{"options", func(b []byte) []byte {
			b = append(b[:34:34], append([]byte{1, 1, 1, 0}, b[34:]...)...)
			b[14] = 0x46
			binary.BigEndian.PutUint16(b[16:], uint16(20+4+8+n))
			return fixIP(b)
		}, frame.PuntAddressing},
		{"total length 0", set16(16, 0, fixIP), frame.BadIP},
		{"total length below the header", set16(16, 19, fixIP), frame.BadIP},
		{"total length cuts the UDP header", set16(16, 27, fixIP), frame.Truncated},
		{"total length cuts the payload", set16(16, uint16(20+8+n-1), fixIP), frame.Truncated},
		{"total length past the frame", set16(16, uint16(20+8+n+1), fixIP), frame.Truncated},
		{"total length 65535", set16(16, 65535, fixIP), frame.Truncated},
		{"UDP length 0", set16(udp+4, 0, nil), frame.Truncated},
		{"UDP length 7", set16(udp+4, 7, nil), frame.Truncated},
		{"UDP length past the datagram", set16(udp+4, uint16(8+n+1), nil), frame.Truncated},
		{"UDP length past the datagram, into padding", set16(udp+4, uint16(8+n+1), func(b []byte) []byte { return append(b, 0, 0) }), frame.Truncated},
		{"more fragments", set16(20, 0x2000, fixIP), frame.Fragment},
		{"fragment offset", set16(20, 1, fixIP), frame.Fragment},
		{"do not fragment", set16(20, 0x4000, fixIP), frame.OK},
		{"TCP", set8(23, 6, fixIP), frame.NotDHCP},
		{"ARP", set16(12, 0x0806, nil), frame.BadEther},
		{"an 802.3 length", set16(12, 46, nil), frame.BadEther},
	}
	for cut := range 14 + 20 + 8 + n {
		tests = append(tests, struct {
			name   string
			mutate func(b []byte) []byte
			want   frame.Reason
		}{"cut", func(b []byte) []byte { return b[:cut:cut] }, frame.Truncated})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.mutate(build(t, false))
			before := bytes.Clone(b)
			var l Layers
			if got := Parse(b, &l); got != tt.want {
				t.Fatalf("Parse = %v, want %v", got, tt.want)
			}
			if !bytes.Equal(b, before) {
				t.Error("Parse wrote to the frame")
			}
			if a := testing.AllocsPerRun(10, func() { Parse(b, &l) }); a != 0 {
				t.Errorf("%v allocations", a)
			}
			if tt.want == frame.OK && (l.L3 != 14 || l.L4 != 34 || l.Payload != 42 || int(l.End) != 42+n || l.SrcPort != 68 || l.DstPort != 67 || l.NTags != 0 || l.V6) {
				t.Errorf("layers %+v", l)
			}
		})
	}
}

func TestParse6(t *testing.T) {
	n := len(payload)
	udp := 14 + 40
	for _, tt := range []struct {
		name   string
		mutate func(b []byte) []byte
		want   frame.Reason
	}{
		{"base", func(b []byte) []byte { return b }, frame.OK},
		{"padding behind the datagram", func(b []byte) []byte { return append(b, make([]byte, 9)...) }, frame.OK},
		{"no UDP checksum", set16(udp+6, 0, nil), frame.BadChecksum},
		{"a local sender's partial checksum", func(b []byte) []byte {
			ps := append(bytes.Clone(b[22:54]), 0, 0, b[udp+4], b[udp+5], 0, 0, 0, 17)
			binary.BigEndian.PutUint16(b[udp+6:], naive(ps))
			return b
		}, frame.OK},
		{"payload bit flipped", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, frame.BadChecksum},
		{"version 4", set8(14, 0x40, nil), frame.BadIP},
		{"payload length 0", set16(18, 0, nil), frame.Truncated},
		{"payload length past the frame", set16(18, uint16(8+n+1), nil), frame.Truncated},
		{"payload length cuts the payload", set16(18, uint16(8+n-1), nil), frame.Truncated},
		{"UDP length past the packet", set16(udp+4, uint16(8+n+1), nil), frame.Truncated},
		{"hop-by-hop header", set8(20, 0, nil), frame.PuntAddressing},
		{"destination options", set8(20, 60, nil), frame.PuntAddressing},
		{"fragment header", set8(20, 44, nil), frame.Fragment},
		{"ICMPv6", set8(20, 58, nil), frame.NotDHCP},
		{"IP header cut", func(b []byte) []byte { return b[:14+39] }, frame.Truncated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.mutate(build(t, true))
			var l Layers
			if got := Parse(b, &l); got != tt.want {
				t.Fatalf("Parse = %v, want %v", got, tt.want)
			}
			if tt.want == frame.OK && (l.L3 != 14 || l.L4 != 54 || l.Payload != 62 || int(l.End) != 62+n || !l.V6 || l.SrcPort != 68 || l.DstPort != 67) {
				t.Errorf("layers %+v", l)
			}
		})
	}
}

func TestParseTags(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := build(t, v6, 100)
		var l Layers
		if why := Parse(b, &l); why != frame.OK || l.NTags != 1 || l.TCI[0] != 5<<13|100 || l.L3 != 18 {
			t.Errorf("one tag: %v, %+v", why, l)
		}
		b = build(t, v6, 200, 7)
		if why := Parse(b, &l); why != frame.OK || l.NTags != 2 || l.TCI != [2]uint16{5<<13 | 200, 5<<13 | 7} || l.L3 != 22 {
			t.Errorf("two tags: %v, %+v", why, l)
		}
		b[12], b[13] = 0x91, 0x00
		if why := Parse(b, &l); why != frame.OK || l.NTags != 2 {
			t.Errorf("old QinQ: %v, %+v", why, l)
		}
		for cut := range 22 {
			if why := Parse(b[:cut:cut], &l); why != frame.Truncated {
				t.Errorf("two tags, cut to %d: %v", cut, why)
			}
		}
		three := append(bytes.Clone(b[:12]), append([]byte{0x81, 0, 0, 1}, b[12:]...)...)
		if why := Parse(three, &l); why != frame.BadEther {
			t.Errorf("three tags: %v", why)
		}
		b = build(t, v6)
		if why := Parse(b, &l); why != frame.OK || l.NTags != 0 {
			t.Errorf("no tags after two: %v, %+v", why, l)
		}
	}
}

func TestViews(t *testing.T) {
	b := build(t, false)
	ip := IPv4(b[14:])
	if ip.Version() != 4 || ip.HeaderLen() != 20 || ip.TTL() != 9 || ip.ID() != 0xabcd || ip.Protocol() != 17 ||
		ip.Src() != 0x0a010203 || ip.Dst() != 0x0a040506 || ip.Fragment() || ip.TotalLen() != 28+len(payload) {
		t.Errorf("IPv4 view of % x", b[14:34])
	}
	if !bytes.Equal(SrcMAC(b), macA) || !bytes.Equal(DstMAC(b), macB) {
		t.Error("MAC addresses")
	}
	want := ip.Checksum()
	ip.SetChecksum()
	if ip.Checksum() != want {
		t.Errorf("SetChecksum made %x of gopacket's %x", ip.Checksum(), want)
	}
	b = build(t, true)
	ip6 := IPv6(b[14:])
	if ip6.Version() != 6 || ip6.HopLimit() != 1 || ip6.NextHeader() != 17 || ip6.PayloadLen() != 8+len(payload) ||
		!net.IP(ip6.Src()).Equal(net.ParseIP("fe80::1")) || !net.IP(ip6.Dst()).Equal(net.ParseIP("ff02::1:2")) {
		t.Errorf("IPv6 view of % x", b[14:54])
	}
	udp := UDP(b[54:])
	if got := UDP6Checksum(ip6.Src(), ip6.Dst(), udp); got != udp.Checksum() {
		t.Errorf("UDP6Checksum = %x, gopacket has %x", got, udp.Checksum())
	}
}

func TestBuildUDP4(t *testing.T) {
	for _, tags := range [][]uint16{{}, {100}, {200, 7}} {
		in := build(t, false, tags...)
		var l Layers
		if why := Parse(in, &l); why != frame.OK {
			t.Fatal(why)
		}
		reply := []byte("a shorter reply")
		b := append(bytes.Clone(in), bytes.Repeat([]byte{0xee}, 50)...)
		copy(b[l.Payload:], reply)
		h := Headers4{DstMAC: [6]byte(macA), SrcMAC: [6]byte(macB), Src: 0x0a040506, Dst: 0x0a010203, SrcPort: 1067, DstPort: 1068, ID: 77, TTL: 64}
		n := BuildUDP4(b, &l, &h, len(reply))

		p := gopacket.NewPacket(b[:n], layers.LayerTypeEthernet, gopacket.Default)
		if p.ErrorLayer() != nil {
			t.Fatal(p.ErrorLayer().Error())
		}
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		e := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		if !bytes.Equal(e.SrcMAC, macB) || !bytes.Equal(e.DstMAC, macA) || !ip.SrcIP.Equal(net.IP{10, 4, 5, 6}) || !ip.DstIP.Equal(net.IP{10, 1, 2, 3}) ||
			udp.SrcPort != 1067 || udp.DstPort != 1068 || !bytes.Equal(udp.Payload, reply) || ip.TTL != 64 || ip.Id != 77 || ip.Flags != 0 {
			t.Errorf("built %v", p)
		}
		// The tags, with priority, are the request's.
		if !bytes.Equal(b[12:l.L3], in[12:l.L3]) {
			t.Errorf("tags became % x", b[12:l.L3])
		}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		// gopacket, asked to compute the checksums, comes to the same bytes.
		var ls []gopacket.SerializableLayer
		for _, x := range p.Layers() {
			if s, ok := x.(gopacket.SerializableLayer); ok {
				ls = append(ls, s)
			}
		}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, ls...); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf.Bytes()[:n], b[:n]) {
			t.Errorf("gopacket would write\n% x, not\n% x", buf.Bytes(), b[:n])
		}
		if !bytes.Equal(b[len(in):], bytes.Repeat([]byte{0xee}, 50)) {
			t.Error("written past the reply")
		}
		if a := testing.AllocsPerRun(10, func() { BuildUDP4(b, &l, &h, len(reply)) }); a != 0 {
			t.Errorf("%v allocations", a)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, tags := range [][]uint16{{}, {100}, {200, 7}} {
		b := make([]byte, 200)
		var l, again Layers
		Place(b, &l, tags...)
		copy(b[l.Payload:], payload)
		n := BuildUDP4(b, &l, &Headers4{TTL: 1, SrcPort: 68, DstPort: 67}, len(payload))
		if why := Parse(b[:n], &again); why != frame.OK {
			t.Fatalf("%v: %v", tags, why)
		}
		l.End, l.SrcPort, l.DstPort = uint16(n), 68, 67
		if l != again {
			t.Errorf("placed %+v, parsed %+v", l, again)
		}
	}
}
