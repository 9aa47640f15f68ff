// SPDX-License-Identifier: Apache-2.0

package eth

import "encoding/binary"

// Headers4 is what BuildUDP4 writes around a payload.
type Headers4 struct {
	DstMAC, SrcMAC   [LenMAC]byte
	Src, Dst         uint32 // host order
	SrcPort, DstPort uint16
	ID               uint16 // IPv4 identification
	TTL              uint8
}

// BuildUDP4 writes the headers of h into the frame b around payloadLen bytes of
// payload that are in place already, at l.Payload. Everything between the
// Ethernet addresses and the IPv4 header (VLAN tags, EtherType) is kept, so l
// must come from Parse of this frame, or from Place. Don't-fragment is clear;
// both checksums are full. It returns the length of the frame.
func BuildUDP4(b []byte, l *Layers, h *Headers4, payloadLen int) int {
	return BuildUDP4Sum(b, l, h, payloadLen, Sum(b[l.Payload:int(l.Payload)+payloadLen], 0))
}

// BuildUDP4Sum is BuildUDP4 for a payload of which the caller knows the sum.
func BuildUDP4Sum(b []byte, l *Layers, h *Headers4, payloadLen int, sum uint32) int {
	end := int(l.Payload) + payloadLen
	copy(b[offDstMAC:], h.DstMAC[:])
	copy(b[offSrcMAC:], h.SrcMAC[:])

	ip := b[l.L3:end:end]
	_ = ip[LenIPv4+LenUDP-1]
	ip[off4VerIHL] = 0x45
	ip[off4TOS] = 0
	binary.BigEndian.PutUint16(ip[off4Total:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[off4ID:], h.ID)
	binary.BigEndian.PutUint16(ip[off4Frag:], 0)
	ip[off4TTL] = h.TTL
	ip[off4Proto] = ProtoUDP
	binary.BigEndian.PutUint32(ip[off4Src:], h.Src)
	binary.BigEndian.PutUint32(ip[off4Dst:], h.Dst)
	// The sums of the headers come from the values: reading back in words what
	// was just stored in bytes would wait for the stores.
	addrs := h.Src>>16 + h.Src&0xffff + h.Dst>>16 + h.Dst&0xffff
	binary.BigEndian.PutUint16(ip[off4Sum:],
		^Fold(0x4500+uint32(len(ip))+uint32(h.ID)+uint32(h.TTL)<<8+ProtoUDP+addrs))

	udp := UDP(ip[LenIPv4:])
	binary.BigEndian.PutUint16(udp[offUDPSrc:], h.SrcPort)
	binary.BigEndian.PutUint16(udp[offUDPDst:], h.DstPort)
	binary.BigEndian.PutUint16(udp[offUDPLen:], uint16(len(udp)))
	head := uint32(h.SrcPort) + uint32(h.DstPort) + uint32(len(udp))
	binary.BigEndian.PutUint16(udp[offUDPSum:], finish(sum+pseudo4(h.Src, h.Dst, len(udp))+head))
	return end
}

// Place lays out an IPv4 frame that is to be built from nothing with the given
// VLAN tags (outer first, at most MaxTags): it writes the tags and EtherTypes
// into b and the offsets into l. The outer of two tags is an 802.1ad one.
func Place(b []byte, l *Layers, tci ...uint16) {
	off := offType
	for i, t := range tci {
		typ := uint16(TypeVLAN)
		if i == 0 && len(tci) > 1 {
			typ = TypeQinQ
		}
		binary.BigEndian.PutUint16(b[off:], typ)
		binary.BigEndian.PutUint16(b[off+2:], t)
		l.TCI[i] = t
		off += LenTag
	}
	binary.BigEndian.PutUint16(b[off:], TypeIPv4)
	l.NTags = uint8(len(tci))
	l.V6 = false
	l.L3 = uint16(off + 2)
	l.L4 = l.L3 + LenIPv4
	l.Payload = l.L4 + LenUDP
	l.End = l.Payload
}
