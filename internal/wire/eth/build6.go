// SPDX-License-Identifier: Apache-2.0

package eth

import "encoding/binary"

// Headers6 is what BuildUDP6 writes around a payload.
type Headers6 struct {
	DstMAC, SrcMAC   [LenMAC]byte
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
	HopLimit         uint8
}

// BuildUDP6 is BuildUDP4 for IPv6: it writes the headers of h into the frame b
// around payloadLen bytes of payload that are in place already, at l.Payload.
// Everything between the Ethernet addresses and the IPv6 header is kept, so l
// must come from Parse of this frame, or from Place6. Traffic class and flow
// label are 0; the checksum is full, as it must be (RFC 8200 §8.1). It returns
// the length of the frame.
func BuildUDP6(b []byte, l *Layers, h *Headers6, payloadLen int) int {
	end := int(l.Payload) + payloadLen
	copy(b[offDstMAC:], h.DstMAC[:])
	copy(b[offSrcMAC:], h.SrcMAC[:])

	ip := b[l.L3:end:end]
	_ = ip[LenIPv6+LenUDP-1]
	n := len(ip) - LenIPv6
	binary.BigEndian.PutUint32(ip, 6<<28)
	binary.BigEndian.PutUint16(ip[off6Payload:], uint16(n))
	ip[off6Next] = ProtoUDP
	ip[off6Hop] = h.HopLimit
	copy(ip[off6Src:], h.Src[:])
	copy(ip[off6Dst:], h.Dst[:])

	udp := UDP(ip[LenIPv6:])
	binary.BigEndian.PutUint16(udp[offUDPSrc:], h.SrcPort)
	binary.BigEndian.PutUint16(udp[offUDPDst:], h.DstPort)
	binary.BigEndian.PutUint16(udp[offUDPLen:], uint16(n))
	// The length counts twice, in the pseudo-header and in the header.
	head := ProtoUDP + 2*uint32(n) + uint32(h.SrcPort) + uint32(h.DstPort) + sumAddr6(&h.Src) + sumAddr6(&h.Dst)
	binary.BigEndian.PutUint16(udp[offUDPSum:], finish(Sum(udp[LenUDP:], head)))
	return end
}

// sumAddr6 is the sum of an address's eight words, folded to 17 bits.
func sumAddr6(a *[16]byte) uint32 {
	s := uint64(binary.BigEndian.Uint32(a[:])) + uint64(binary.BigEndian.Uint32(a[4:])) +
		uint64(binary.BigEndian.Uint32(a[8:])) + uint64(binary.BigEndian.Uint32(a[12:]))
	s = s>>32 + s&0xffffffff // 33 bits
	return uint32(s>>16 + s&0xffff)
}

// Place6 is Place for an IPv6 frame.
func Place6(b []byte, l *Layers, tci ...uint16) {
	Place(b, l, tci...)
	binary.BigEndian.PutUint16(b[l.L3-2:], TypeIPv6)
	l.V6 = true
	l.L4 = l.L3 + LenIPv6
	l.Payload = l.L4 + LenUDP
	l.End = l.Payload
}
