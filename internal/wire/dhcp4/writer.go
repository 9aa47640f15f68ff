// SPDX-License-Identifier: Apache-2.0

package dhcp4

import "encoding/binary"

// Writer appends options to a buffer and never past its end: what does not fit
// is left out whole, and End then says so. It is a value, for use on the stack.
type Writer struct {
	b    []byte
	n    int
	full bool
}

// NewWriter writes to b, from its start. One byte is kept back for END.
func NewWriter(b []byte) Writer { return Writer{b: b} }

// room reserves n bytes and returns them, or nil if they do not fit before END.
func (w *Writer) room(n int) []byte {
	if w.n+n >= len(w.b) {
		w.full = true
		return nil
	}
	s := w.b[w.n : w.n+n : w.n+n]
	w.n += n
	return s
}

// Put appends an option. Data longer than 255 bytes becomes several options of
// the same code (RFC 3396 §5).
func (w *Writer) Put(code uint8, data []byte) {
	s := w.room(Size(len(data)))
	for len(s) > 0 {
		n := min(len(data), 255)
		s[0], s[1] = code, uint8(n)
		copy(s[2:], data[:n])
		s, data = s[2+n:], data[n:]
	}
}

// PutString appends an option with text of at most 255 bytes; the rest is cut off.
func (w *Writer) PutString(code uint8, text string) {
	n := min(len(text), 255)
	if s := w.room(2 + n); s != nil {
		s[0], s[1] = code, uint8(n)
		copy(s[2:], text[:n])
	}
}

// Size is how many bytes an option with n bytes of data takes in a message,
// with the headers of all its parts if it must be split.
func Size(n int) int { return n + 2*max(1, (n+254)/255) }

// PutU8 appends an option of one byte.
func (w *Writer) PutU8(code, v uint8) {
	if s := w.room(3); s != nil {
		s[0], s[1], s[2] = code, 1, v
	}
}

// PutU16 appends an option of two bytes.
func (w *Writer) PutU16(code uint8, v uint16) {
	if s := w.room(4); s != nil {
		s[0], s[1] = code, 2
		binary.BigEndian.PutUint16(s[2:], v)
	}
}

// PutU32 appends an option of four bytes, such as an address in host order.
func (w *Writer) PutU32(code uint8, v uint32) {
	if s := w.room(6); s != nil {
		s[0], s[1] = code, 4
		binary.BigEndian.PutUint32(s[2:], v)
	}
}

// PutBlock appends options that are encoded already.
func (w *Writer) PutBlock(raw []byte) {
	if s := w.room(len(raw)); s != nil {
		copy(s, raw)
	}
}

// Len is the number of bytes written so far.
func (w *Writer) Len() int { return w.n }

// Full says that something did not fit.
func (w *Writer) Full() bool { return w.full }

// End writes END and pads with zeros to padTo bytes, as far as the buffer goes.
// It returns the length, and false if anything, END included, did not fit.
func (w *Writer) End(padTo int) (n int, ok bool) {
	if w.full || w.n >= len(w.b) {
		return w.n, false
	}
	w.b[w.n] = OptEnd
	w.n++
	if pad := min(padTo, len(w.b)); pad > w.n {
		clear(w.b[w.n:pad])
		w.n = pad
	}
	return w.n, true
}
