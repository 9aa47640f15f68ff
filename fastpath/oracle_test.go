// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// checkAnswer compares an answer with the request that it is made from, as two
// other libraries read both: whatever the request was, these hold.
func checkAnswer(t testing.TB, request []byte, a *reply) {
	t.Helper()
	p := gopacket.NewPacket(request, layers.LayerTypeEthernet, gopacket.DecodeOptions{DecodeStreamsAsDatagrams: true, Lazy: true})
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	ether, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if udp == nil || ip == nil || udp.DstPort != 67 || ip.IHL != 5 || int(udp.Length) != 8+len(udp.Payload) {
		t.Fatalf("an answer to what is no DHCP for gopacket: %v", p)
	}
	// A missing END is tolerated; insomniacslk wants one.
	q, err := dhcpv4.FromBytes(append(bytes.Clone(udp.Payload), 255))
	if err != nil {
		t.Fatalf("an answer to what insomniacslk cannot read: %v", err)
	}
	raw, got := udp.Payload, a.udp.Payload
	if q.OpCode != dhcpv4.OpcodeBootRequest || raw[2] > 16 {
		t.Fatalf("an answer to op %d, hlen %d", q.OpCode, raw[2])
	}
	want := map[dhcpv4.MessageType][]dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover: {dhcpv4.MessageTypeOffer},
		dhcpv4.MessageTypeRequest:  {dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak},
		dhcpv4.MessageTypeInform:   {dhcpv4.MessageTypeAck},
	}
	fits := false
	for _, w := range want[q.MessageType()] {
		fits = fits || w == a.typ()
	}
	if !fits {
		t.Fatalf("%v answered by %v", q.MessageType(), a.typ())
	}
	nak := a.typ() == dhcpv4.MessageTypeNak

	// RFC 2131 table 3: xid, htype, hlen, chaddr, giaddr as in the request.
	if !bytes.Equal(got[1:3], raw[1:3]) || !bytes.Equal(got[4:8], raw[4:8]) || !bytes.Equal(got[24:44], raw[24:44]) {
		t.Errorf("header\n% x answered by\n% x", raw[:44], got[:44])
	}
	if want := q.Flags; a.msg.Flags != want && a.msg.Flags != want|0x8000 {
		t.Errorf("flags %04x answered by %04x", q.Flags, a.msg.Flags)
	}
	// RFC 6842 §3, RFC 3046 §2.2.
	for _, code := range []uint8{61, 82} {
		if !bytes.Equal(a.option(code), q.Options[code]) {
			t.Errorf("option %d: %x came back as %x", code, q.Options[code], a.option(code))
		}
	}
	if _, ok := q.Options[82]; ok && a.order[len(a.order)-1] != 82 {
		t.Errorf("82 is not the last option: %v", a.order)
	}
	// RFC 2131 §4.1.
	relayed := !q.GatewayIPAddr.Equal(anyone)
	inform := q.MessageType() == dhcpv4.MessageTypeInform
	switch {
	case relayed && !inform:
		a.same(t, "a relay's answer", a.ip.DstIP, q.GatewayIPAddr)
		port := uint16(67)
		for r := q.Options[82]; len(r) >= 2; r = r[2+int(r[1]):] {
			if r[0] == 19 {
				port = uint16(udp.SrcPort) // RFC 8357 §5.1
			}
		}
		if uint16(a.udp.DstPort) != port {
			t.Errorf("to the relay's port %d, want %d", a.udp.DstPort, port)
		}
		if nak && a.msg.Flags&0x8000 == 0 {
			t.Error("a NAK to a relay without the broadcast bit")
		}
	case nak:
		a.same(t, "a NAK", a.ip.DstIP, everyone)
	case inform:
	case !q.ClientIPAddr.Equal(anyone):
		a.same(t, "a renewing client's answer", a.ip.DstIP, q.ClientIPAddr)
	case q.Flags&0x8000 != 0 || q.HWType != 1 || raw[2] != 6:
		a.same(t, "a broadcast answer", a.ip.DstIP, everyone)
	default:
		a.same(t, "a client's answer", a.ip.DstIP, a.msg.YourIPAddr)
		if !bytes.Equal(a.eth.DstMAC, q.ClientHWAddr) {
			t.Errorf("a client's answer goes to %v", a.eth.DstMAC)
		}
	}
	if a.ip.DstIP.Equal(everyone) && q.ClientIPAddr.Equal(anyone) && !relayed && !bytes.Equal(a.eth.DstMAC, broadcastMAC[:]) {
		t.Errorf("a broadcast goes to %v", a.eth.DstMAC)
	}
	if (relayed || (!q.ClientIPAddr.Equal(anyone) && !nak)) && !bytes.Equal(a.eth.DstMAC, ether.SrcMAC) {
		t.Errorf("an answer to %v goes to %v", ether.SrcMAC, a.eth.DstMAC)
	}
	if !relayed && !inform && a.udp.DstPort != 68 {
		t.Errorf("to port %d", a.udp.DstPort)
	}
	// Addresses: of a pool or a reservation, none in a NAK or for an INFORM.
	y := a.msg.YourIPAddr
	if nak || inform {
		a.same(t, "yiaddr", y, anyone)
	} else if !inPools(y) {
		t.Errorf("yiaddr %v", y)
	}
	for _, code := range []uint8{51, 58, 59} {
		if (nak || inform) && a.option(code) != nil {
			t.Errorf("%v with option %d", a.typ(), code)
		}
	}
	if !a.ip.SrcIP.Equal(server) || !bytes.Equal(a.eth.SrcMAC, portMAC) {
		t.Errorf("from %v at %v", a.ip.SrcIP, a.eth.SrcMAC)
	}
	limit := 576
	if v := q.Options[57]; len(v) == 2 {
		limit = max(limit, int(binary.BigEndian.Uint16(v)))
	}
	if int(a.ip.Length) > min(limit, 1500) {
		t.Errorf("a datagram of %d bytes for a client that takes %d", a.ip.Length, limit)
	}
	// VLAN tags are kept.
	if n := 12 + 4*len(a.tags) + 2; !bytes.Equal(a.raw[12:n], request[12:n]) {
		t.Errorf("tags % x answered by % x", request[12:n], a.raw[12:n])
	}
}

func inPools(ip net.IP) bool {
	v := binary.BigEndian.Uint32(ip.To4())
	in := func(first, last uint32) bool { return v >= first && v <= last }
	return in(0xc0000264, 0xc00002c7) || v == 0xc0000214 || in(0x0a010100, 0x0a0101ff) || in(0x0a020100, 0x0a0201ff)
}

// repair makes the checksums of a mutated frame right, as far as its length
// fields allow, so that what is behind them is reached.
func repair(b []byte) []byte {
	off := 12
	for i := 0; i < 2 && len(b) >= off+2 && (b[off] == 0x81 || b[off] == 0x88 || b[off] == 0x91); i++ {
		off += 4
	}
	off += 2
	if len(b) < off+20 {
		return b
	}
	ip := b[off:]
	n := int(ip[0]&15) * 4
	if n < 20 || n > len(ip) {
		return b
	}
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:n]))
	total := int(binary.BigEndian.Uint16(ip[2:]))
	if total < n+8 || total > len(ip) {
		return b
	}
	udp := ip[n:total]
	l := int(binary.BigEndian.Uint16(udp[4:]))
	if l < 8 || l > len(udp) {
		return b
	}
	udp[6], udp[7] = 0, 0
	pseudo := append(bytes.Clone(ip[12:20]), 0, 17, udp[4], udp[5])
	binary.BigEndian.PutUint16(udp[6:], ^sum(append(pseudo, udp[:l]...)))
	return b
}

// sum is RFC 1071's definition.
func sum(b []byte) uint16 {
	var s uint32
	for i, v := range b {
		if i%2 == 0 {
			s += uint32(v) << 8
		} else {
			s += uint32(v)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
