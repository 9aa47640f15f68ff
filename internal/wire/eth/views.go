// SPDX-License-Identifier: Apache-2.0

package eth

import "encoding/binary"

// IPv4 is a view of an IPv4 header and what follows it (RFC 791 §3.1). At least
// LenIPv4 bytes long.
type IPv4 []byte

const (
	off4VerIHL = 0
	off4TOS    = 1
	off4Total  = 2
	off4ID     = 4
	off4Frag   = 6
	off4TTL    = 8
	off4Proto  = 9
	off4Sum    = 10
	off4Src    = 12
	off4Dst    = 16

	fragMask = 0x3fff // more-fragments bit and fragment offset
)

// Version is 4 in a valid header.
func (p IPv4) Version() uint8 { return p[off4VerIHL] >> 4 }

// HeaderLen is the header's length in bytes, with options.
func (p IPv4) HeaderLen() int { return int(p[off4VerIHL]&0xf) * 4 }

// TotalLen is the length of the datagram in bytes.
func (p IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(p[off4Total:])) }

// ID is the identification field.
func (p IPv4) ID() uint16 { return binary.BigEndian.Uint16(p[off4ID:]) }

// Fragment says whether this is a part of a larger datagram.
func (p IPv4) Fragment() bool { return binary.BigEndian.Uint16(p[off4Frag:])&fragMask != 0 }

// TTL is the time to live.
func (p IPv4) TTL() uint8 { return p[off4TTL] }

// Protocol is the payload's protocol number.
func (p IPv4) Protocol() uint8 { return p[off4Proto] }

// Checksum is the header checksum as it stands in the packet.
func (p IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(p[off4Sum:]) }

// Src is the source address in host order.
func (p IPv4) Src() uint32 { return binary.BigEndian.Uint32(p[off4Src:]) }

// Dst is the destination address in host order.
func (p IPv4) Dst() uint32 { return binary.BigEndian.Uint32(p[off4Dst:]) }

// SetChecksum computes the header checksum anew (RFC 1071).
func (p IPv4) SetChecksum() {
	binary.BigEndian.PutUint16(p[off4Sum:], 0)
	binary.BigEndian.PutUint16(p[off4Sum:], ^Fold(Sum(p[:p.HeaderLen()], 0)))
}

// IPv6 is a view of an IPv6 header and what follows it (RFC 8200 §3). At least
// LenIPv6 bytes long.
type IPv6 []byte

const (
	off6Payload = 4
	off6Next    = 6
	off6Hop     = 7
	off6Src     = 8
	off6Dst     = 24
)

// Version is 6 in a valid header.
func (p IPv6) Version() uint8 { return p[0] >> 4 }

// PayloadLen is the length of what follows the header.
func (p IPv6) PayloadLen() int { return int(binary.BigEndian.Uint16(p[off6Payload:])) }

// NextHeader is the number of the header that follows.
func (p IPv6) NextHeader() uint8 { return p[off6Next] }

// HopLimit is the hop limit.
func (p IPv6) HopLimit() uint8 { return p[off6Hop] }

// Src is a view of the source address.
func (p IPv6) Src() []byte { return p[off6Src : off6Src+16 : off6Src+16] }

// Dst is a view of the destination address.
func (p IPv6) Dst() []byte { return p[off6Dst : off6Dst+16 : off6Dst+16] }

// UDP is a view of a UDP header and its payload (RFC 768). At least LenUDP
// bytes long.
type UDP []byte

const (
	offUDPSrc = 0
	offUDPDst = 2
	offUDPLen = 4
	offUDPSum = 6
)

// SrcPort is the source port.
func (u UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(u[offUDPSrc:]) }

// DstPort is the destination port.
func (u UDP) DstPort() uint16 { return binary.BigEndian.Uint16(u[offUDPDst:]) }

// Len is the length of header and payload, as the header says.
func (u UDP) Len() int { return int(binary.BigEndian.Uint16(u[offUDPLen:])) }

// Checksum is the checksum as it stands in the packet.
func (u UDP) Checksum() uint16 { return binary.BigEndian.Uint16(u[offUDPSum:]) }
