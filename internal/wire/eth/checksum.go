// SPDX-License-Identifier: Apache-2.0

package eth

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b to the Internet checksum sum initial (RFC 1071): 16-bit big-endian
// words in ones' complement, an odd last byte padded with zero. The result may
// be the initial sum of another call if b's length was even. Fold ends it.
//
// RFC 1071 §2(B): the sum is the same in either byte order but for a swap of
// the result, and §2(C): carries may be put off. So this adds eight bytes at a
// time as the machine likes to load them, and swaps once.
func Sum(b []byte, initial uint32) uint32 {
	var s, c uint64
	for len(b) >= 32 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), c)
		b = b[32:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	var w uint64
	if len(b) >= 4 {
		w = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		w += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		w += uint64(b[0])
	}
	s, c = bits.Add64(s, w, c)
	// The last carry comes round; it cannot carry again, since s is then not
	// all ones.
	s += c
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff // 33 bits to 18
	s = s>>16 + s&0xffff
	return initial + uint32(bits.ReverseBytes16(Fold(uint32(s))))
}

// sumHeader4 is the sum of an IPv4 header without options.
func sumHeader4(ip IPv4) uint32 {
	_ = ip[LenIPv4-1]
	s := uint64(binary.BigEndian.Uint32(ip)) + uint64(binary.BigEndian.Uint32(ip[4:])) +
		uint64(binary.BigEndian.Uint32(ip[8:])) + uint64(binary.BigEndian.Uint32(ip[12:])) +
		uint64(binary.BigEndian.Uint32(ip[16:]))
	s = s>>32 + s&0xffffffff
	return uint32(s>>16 + s&0xffff)
}

// Fold brings a sum down to 16 bits by adding the carries in. The checksum of a
// packet is its complement; a packet with a right checksum folds to 0xffff.
func Fold(sum uint32) uint16 {
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	return uint16(sum)
}

// Update is the checksum after one 16-bit word of the data has changed from old
// to new (RFC 1624 §3, equation 3).
func Update(check, old, new uint16) uint16 {
	return ^Fold(uint32(^check) + uint32(^old) + uint32(new))
}

// pseudo4 is the sum of the IPv4 pseudo-header (RFC 768).
func pseudo4(src, dst uint32, udpLen int) uint32 {
	return src>>16 + src&0xffff + dst>>16 + dst&0xffff + ProtoUDP + uint32(udpLen)
}

// pseudo6 is the sum of the IPv6 pseudo-header (RFC 8200 §8.1).
func pseudo6(src, dst []byte, udpLen int) uint32 {
	return Sum(dst, Sum(src, ProtoUDP+uint32(udpLen)))
}

// UDP4Checksum is the checksum to put into a UDP datagram over IPv4, whatever
// stands in its checksum field now. Never 0, which would mean that there is none.
func UDP4Checksum(src, dst uint32, udp UDP) uint16 {
	return udpChecksum(udp, pseudo4(src, dst, len(udp)))
}

// UDP6Checksum is the checksum to put into a UDP datagram over IPv6.
func UDP6Checksum(src, dst []byte, udp UDP) uint16 {
	return udpChecksum(udp, pseudo6(src, dst, len(udp)))
}

func udpChecksum(udp UDP, pseudo uint32) uint16 {
	// The field itself counts as zero.
	return payloadChecksum(udp[LenUDP:], pseudo+uint32(udp.SrcPort())+uint32(udp.DstPort())+uint32(udp.Len()))
}

// payloadChecksum is a UDP checksum from the payload and the sum of the headers.
func payloadChecksum(payload []byte, headers uint32) uint16 {
	check := ^Fold(Sum(payload, headers))
	if check == 0 { // RFC 768: 0 would say that there is none
		check = 0xffff
	}
	return check
}
