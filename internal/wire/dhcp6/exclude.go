// SPDX-License-Identifier: Apache-2.0

package dhcp6

// PutExclude appends to an open IA Prefix, whose prefix has length bits, the
// prefix of exLen bits in it that the client must leave out (RFC 6603 §4.2): the
// bits between the two lengths, from an octet boundary. The caller makes sure
// that length < exLen <= 128 and that the one contains the other; otherwise
// nothing is written.
func (w *Writer) PutExclude(length uint8, ex [16]byte, exLen uint8) {
	if exLen <= length || exLen > 128 {
		return
	}
	n := int(exLen-length-1)/8 + 1
	s := w.option(OptPDExclude, 1+n)
	if s == nil {
		return
	}
	s[0] = exLen
	from, shift := int(length/8), length%8
	for i := range n {
		v := uint16(ex[from+i]) << 8
		if from+i+1 < len(ex) {
			v |= uint16(ex[from+i+1])
		}
		s[1+i] = byte(v << shift >> 8)
	}
	// Bits beyond exLen are zero, whatever ex has there.
	if used := (exLen - length) % 8; used != 0 {
		s[n] &= 0xff << (8 - used)
	}
}
