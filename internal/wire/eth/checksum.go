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
// time as the machine likes to load them (words), and swaps once.
func Sum(b []byte, initial uint32) uint32 {
	s := words(b)
	if tail := b[len(b)&^7:]; len(tail) > 0 {
		var w uint64
		if len(tail) >= 4 {
			w = uint64(binary.LittleEndian.Uint32(tail))
			tail = tail[4:]
		}
		if len(tail) >= 2 {
			w += uint64(binary.LittleEndian.Uint16(tail))
			tail = tail[2:]
		}
		if len(tail) == 1 {
			w += uint64(tail[0])
		}
		var c uint64
		s, c = bits.Add64(s, w, 0)
		s += c
	}
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff // 33 bits to 18
	return initial + uint32(bits.ReverseBytes16(Fold(uint32(s>>16+s&0xffff))))
}

// wordsGo is words where there is no better.
//
// The last carry comes round; it cannot carry again, since s is then not all
// ones.
func wordsGo(b []byte) uint64 {
	var s, c uint64
	for ; len(b) >= 32; b = b[32:] {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), c)
	}
	for ; len(b) >= 8; b = b[8:] {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
	}
	return s + c
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
	return finish(Sum(udp[LenUDP:], pseudo+uint32(udp.SrcPort())+uint32(udp.DstPort())+uint32(udp.Len())))
}

// finish turns the sum of all that a UDP checksum covers into the checksum.
func finish(sum uint32) uint16 {
	check := ^Fold(sum)
	if check == 0 { // RFC 768: 0 would say that there is none
		check = 0xffff
	}
	return check
}

// A Tally is the sum of a packet that is put together from pieces whose sums are
// known, at even and at odd places.
type Tally struct{ even, odd uint32 }

// Add adds a piece that begins at an offset. Its sum has at most 24 bits, so 256
// pieces are possible; Sum and Fold give less.
func (t *Tally) Add(offset int, sum uint32) {
	if offset&1 == 0 {
		t.even += sum
	} else {
		t.odd += sum
	}
}

// Sum is the sum of all pieces. RFC 1071 §2(B): at an odd place a sum is the same
// but for a swap of its bytes.
func (t *Tally) Sum() uint32 {
	return uint32(Fold(t.even)) + uint32(bits.ReverseBytes16(Fold(t.odd)))
}
