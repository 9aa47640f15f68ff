// SPDX-License-Identifier: Apache-2.0

// Package eth reads and writes what lies around a DHCP message: Ethernet with
// up to two VLAN tags, IPv4 or IPv6, and UDP.
//
// Nothing here copies or allocates. Parse proves all lengths and checksums of a
// received frame once and says where each layer begins; after it has returned
// frame.OK the views (IPv4, IPv6, UDP) may be taken at those offsets and their
// accessors called without further checks.
//
//	0     6     12     12+4·NTags+2=L3     L4         Payload     End    len
//	| dst | src | tags | ethertype |  IP   |   UDP    |   DHCP    | padding |
//
// Trailing Ethernet padding is not payload: End comes from the UDP length,
// which lies inside the IP length, which lies inside the frame.
//
// A sender on the same host behind a veth leaves only the folded pseudo-header
// sum in the UDP checksum field and expects hardware that does not exist to
// finish it; Parse takes exactly that value for valid (see udpSumOK).
//
// Formats: IEEE 802.3, 802.1Q, 802.1ad, RFC 791, RFC 8200, RFC 768.
// Checksums: RFC 1071, RFC 1624.
package eth

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// EtherTypes.
const (
	TypeIPv4    = 0x0800
	TypeIPv6    = 0x86dd
	TypeVLAN    = 0x8100 // 802.1Q
	TypeQinQ    = 0x88a8 // 802.1ad
	TypeQinQOld = 0x9100 // before 802.1ad
)

// Lengths of headers.
const (
	LenMAC   = 6
	LenEther = 14
	LenTag   = 4
	LenIPv4  = 20 // without options; frames with options are not ours
	LenIPv6  = 40
	LenUDP   = 8
	MaxTags  = 2
)

// Offsets in the Ethernet header.
const (
	offDstMAC = 0
	offSrcMAC = 6
	offType   = 12
)

// ProtoUDP is UDP's number in IPv4's protocol and IPv6's next header fields.
const ProtoUDP = 17

// Layers is where each layer of a frame begins.
type Layers struct {
	L3, L4, Payload  uint16          // offsets into the frame
	End              uint16          // the end of the UDP payload, by the UDP length
	NTags            uint8           // VLAN tags: 0 to MaxTags
	V6               bool            // IPv6, else IPv4
	TCI              [MaxTags]uint16 // of each tag, outer first; the VLAN id is TCI&0xfff
	SrcPort, DstPort uint16
}

// DstMAC is the frame's destination address.
func DstMAC(b []byte) []byte { return b[offDstMAC : offDstMAC+LenMAC : offDstMAC+LenMAC] }

// SrcMAC is the frame's source address.
func SrcMAC(b []byte) []byte { return b[offSrcMAC : offSrcMAC+LenMAC : offSrcMAC+LenMAC] }

// Parse finds and checks the layers of the frame b. It returns OK and fills l,
// or the Reason to drop the frame (Truncated, BadEther, BadIP, BadChecksum,
// Fragment, NotDHCP) or to punt it (PuntAddressing); l is then undefined.
// It does not judge ports or addresses.
func Parse(b []byte, l *Layers) frame.Reason {
	l.V6 = false
	// Offsets are 16 bits wide; what lies beyond no DHCP message can reach.
	if len(b) > 0xffff {
		b = b[:0xffff]
	}
	if len(b) < LenEther {
		return frame.Truncated
	}
	l.NTags = 0
	off := LenEther
	typ := binary.BigEndian.Uint16(b[offType:])
	for isTag(typ) {
		if l.NTags == MaxTags {
			return frame.BadEther
		}
		if len(b) < off+LenTag {
			return frame.Truncated
		}
		l.TCI[l.NTags] = binary.BigEndian.Uint16(b[off:])
		l.NTags++
		typ = binary.BigEndian.Uint16(b[off+2:])
		off += LenTag
	}
	l.L3 = uint16(off)
	switch typ {
	case TypeIPv4:
		return parse4(b, l)
	case TypeIPv6:
		l.V6 = true // also of what is found to be wrong
		return parse6(b, l)
	}
	return frame.BadEther
}

func isTag(typ uint16) bool {
	return typ == TypeVLAN || typ == TypeQinQ || typ == TypeQinQOld
}

func parse4(b []byte, l *Layers) frame.Reason {
	ip := IPv4(b[l.L3:])
	if len(ip) < LenIPv4 {
		return frame.Truncated
	}
	// In words: views.go has the fields one by one.
	w0, w1, w2 := binary.BigEndian.Uint64(ip), binary.BigEndian.Uint64(ip[8:]), binary.BigEndian.Uint32(ip[16:])
	hlen, total := int(w0>>56&0xf)*4, int(w0>>32&0xffff)
	if w0>>60 != 4 || hlen < LenIPv4 || total < hlen {
		return frame.BadIP
	}
	if len(ip) < total {
		return frame.Truncated
	}
	sum := uint32(0)
	if hlen == LenIPv4 {
		const low = 1<<32 - 1
		s := w0>>32 + w0&low + w1>>32 + w1&low + uint64(w2)
		s = s>>32 + s&low
		sum = uint32(s>>16 + s&0xffff)
	} else {
		sum = Sum(ip[:hlen], 0)
	}
	if Fold(sum) != 0xffff {
		return frame.BadChecksum
	}
	if w1>>48&0xff != ProtoUDP {
		return frame.NotDHCP
	}
	if w0&fragMask != 0 {
		return frame.Fragment
	}
	if hlen != LenIPv4 {
		return frame.PuntAddressing
	}
	l.L4 = l.L3 + LenIPv4
	udp := UDP(ip[LenIPv4:total])
	if why := parseUDP(udp, l); why != frame.OK {
		return why
	}
	check := udp.Checksum()
	if check == 0 { // RFC 768: the sender made none
		return frame.OK
	}
	udp = udp[:udp.Len()]
	return udpSumOK(udp, check, pseudo4(uint32(w1), w2, len(udp)))
}

func parse6(b []byte, l *Layers) frame.Reason {
	ip := IPv6(b[l.L3:])
	if len(ip) < LenIPv6 {
		return frame.Truncated
	}
	if ip.Version() != 6 {
		return frame.BadIP
	}
	total := LenIPv6 + ip.PayloadLen()
	if len(ip) < total {
		return frame.Truncated
	}
	switch ip.NextHeader() {
	case ProtoUDP:
	case 44:
		return frame.Fragment
	case 0, 43, 50, 51, 60, 135, 139, 140: // extension headers, RFC 7045 §2
		return frame.PuntAddressing
	default:
		return frame.NotDHCP
	}
	l.L4 = l.L3 + LenIPv6
	udp := UDP(ip[LenIPv6:total])
	if why := parseUDP(udp, l); why != frame.OK {
		return why
	}
	check := udp.Checksum()
	if check == 0 { // RFC 8200 §8.1: not allowed in IPv6
		return frame.BadChecksum
	}
	udp = udp[:udp.Len()]
	return udpSumOK(udp, check, pseudo6(ip.Src(), ip.Dst(), len(udp)))
}

// parseUDP checks the UDP length against the IP payload that udp is.
func parseUDP(udp UDP, l *Layers) frame.Reason {
	if len(udp) < LenUDP {
		return frame.Truncated
	}
	n := udp.Len()
	if n < LenUDP || n > len(udp) {
		return frame.Truncated
	}
	l.SrcPort, l.DstPort = udp.SrcPort(), udp.DstPort()
	l.Payload = l.L4 + LenUDP
	l.End = l.L4 + uint16(n)
	return frame.OK
}

// udpSumOK checks the UDP checksum, which is not 0. It accepts a complete one,
// and the partial one of a veth peer: Linux hands a locally sent datagram over
// with only the folded, not complemented sum of the pseudo-header in the field
// (CHECKSUM_PARTIAL), since on a real card the hardware would finish it.
func udpSumOK(udp UDP, check uint16, pseudo uint32) frame.Reason {
	if check == Fold(pseudo) || Fold(Sum(udp, pseudo)) == 0xffff {
		return frame.OK
	}
	return frame.BadChecksum
}
