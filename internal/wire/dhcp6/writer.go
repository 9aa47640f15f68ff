// SPDX-License-Identifier: Apache-2.0

package dhcp6

import "encoding/binary"

// Writer appends options to a buffer and never past its end. What does not fit
// is left out whole, and so is all that comes after it, so that nothing lands
// in a container that it was not meant for; End then says so. It is a value,
// for use on the stack.
type Writer struct {
	b    []byte
	n    int
	full bool
}

// Mark is a container that is open: an option that holds options.
type Mark int

// NewWriter writes to b, from its start.
func NewWriter(b []byte) Writer { return Writer{b: b} }

// NewMessage writes a message's header to b and then its options.
func NewMessage(b []byte, typ uint8, xid uint32) Writer {
	w := NewWriter(b)
	if s := w.room(LenHeader); s != nil {
		binary.BigEndian.PutUint32(s, uint32(typ)<<24|xid&0xffffff)
	}
	return w
}

// room reserves n bytes and returns them, or nil if they do not fit.
func (w *Writer) room(n int) []byte {
	if w.full || n > len(w.b)-w.n {
		w.full = true
		return nil
	}
	s := w.b[w.n : w.n+n : w.n+n]
	w.n += n
	return s
}

// option reserves an option with n bytes of data, writes its header and returns
// the place of the data, or nil.
func (w *Writer) option(code uint16, n int) []byte {
	if n > 0xffff {
		w.full = true
		return nil
	}
	s := w.room(lenOpt + n)
	if s == nil {
		return nil
	}
	binary.BigEndian.PutUint16(s, code)
	binary.BigEndian.PutUint16(s[2:], uint16(n))
	return s[lenOpt:]
}

// Put appends an option.
func (w *Writer) Put(code uint16, data []byte) { copy(w.option(code, len(data)), data) }

// PutString appends an option of text.
func (w *Writer) PutString(code uint16, text string) { copy(w.option(code, len(text)), text) }

// PutU8 appends an option of one byte.
func (w *Writer) PutU8(code uint16, v uint8) {
	if s := w.option(code, 1); s != nil {
		s[0] = v
	}
}

// PutU16 appends an option of two bytes.
func (w *Writer) PutU16(code, v uint16) {
	if s := w.option(code, 2); s != nil {
		binary.BigEndian.PutUint16(s, v)
	}
}

// PutU32 appends an option of four bytes.
func (w *Writer) PutU32(code uint16, v uint32) {
	if s := w.option(code, 4); s != nil {
		binary.BigEndian.PutUint32(s, v)
	}
}

// PutStatus appends a status code with its text (RFC 8415 §21.13).
func (w *Writer) PutStatus(status uint16, text string) {
	if s := w.option(OptStatusCode, 2+len(text)); s != nil {
		binary.BigEndian.PutUint16(s, status)
		copy(s[2:], text)
	}
}

// PutBlock appends options that are encoded already.
func (w *Writer) PutBlock(raw []byte) { copy(w.room(len(raw)), raw) }

// Open begins an option that fixed begins and options follow, such as vendor
// options (17) with its enterprise number. Close must be called with its Mark,
// innermost first.
func (w *Writer) Open(code uint16, fixed []byte) Mark {
	s := w.option(code, len(fixed))
	copy(s, fixed)
	return w.mark(s, len(fixed))
}

// mark is the Mark of the option whose data s of n bytes was just reserved.
func (w *Writer) mark(s []byte, n int) Mark {
	if s == nil {
		return -1
	}
	return Mark(w.n - n)
}

// Close ends the container: its length becomes what has been written since.
func (w *Writer) Close(m Mark) {
	if m < 0 {
		return
	}
	n := w.n - int(m)
	if n > 0xffff {
		w.full = true
		return
	}
	binary.BigEndian.PutUint16(w.b[m-2:], uint16(n))
}

// OpenIA begins an IA: code is OptIANA, OptIATA (which has no times) or OptIAPD.
func (w *Writer) OpenIA(code uint16, iaid, t1, t2 uint32) Mark {
	n := lenIA
	if code == OptIATA {
		n = lenIATA
	}
	s := w.option(code, n)
	if s != nil {
		binary.BigEndian.PutUint32(s, iaid)
		if n == lenIA {
			binary.BigEndian.PutUint32(s[4:], t1)
			binary.BigEndian.PutUint32(s[8:], t2)
		}
	}
	return w.mark(s, n)
}

// SetTimes sets T1 and T2 of an IA_NA or IA_PD that OpenIA began, when they are
// known only after its leases; m stays good after Close.
func (w *Writer) SetTimes(m Mark, t1, t2 uint32) {
	if m < 0 {
		return
	}
	binary.BigEndian.PutUint32(w.b[m+4:], t1)
	binary.BigEndian.PutUint32(w.b[m+8:], t2)
}

// OpenAddr begins an IA Address (RFC 8415 §21.6), for options in it.
func (w *Writer) OpenAddr(addr [16]byte, preferred, valid uint32) Mark {
	s := w.option(OptIAAddr, lenIAAddr)
	if s != nil {
		copy(s, addr[:])
		binary.BigEndian.PutUint32(s[16:], preferred)
		binary.BigEndian.PutUint32(s[20:], valid)
	}
	return w.mark(s, lenIAAddr)
}

// PutAddr appends an IA Address without options.
func (w *Writer) PutAddr(addr [16]byte, preferred, valid uint32) { w.OpenAddr(addr, preferred, valid) }

// PutAddr64 is PutAddr for an address in two numbers: an array is passed through memory.
func (w *Writer) PutAddr64(hi, lo uint64, preferred, valid uint32) {
	if s := w.option(OptIAAddr, lenIAAddr); s != nil {
		binary.BigEndian.PutUint64(s, hi)
		binary.BigEndian.PutUint64(s[8:], lo)
		binary.BigEndian.PutUint64(s[16:], uint64(preferred)<<32|uint64(valid))
	}
}

// OpenPrefix begins an IA Prefix (RFC 8415 §21.22), for options in it.
func (w *Writer) OpenPrefix(prefix [16]byte, length uint8, preferred, valid uint32) Mark {
	s := w.option(OptIAPrefix, lenIAPrefix)
	if s != nil {
		binary.BigEndian.PutUint32(s, preferred)
		binary.BigEndian.PutUint32(s[4:], valid)
		s[8] = length
		copy(s[9:], prefix[:])
	}
	return w.mark(s, lenIAPrefix)
}

// OpenPrefix64 is OpenPrefix for a prefix in two numbers.
func (w *Writer) OpenPrefix64(hi, lo uint64, length uint8, preferred, valid uint32) Mark {
	s := w.option(OptIAPrefix, lenIAPrefix)
	if s != nil {
		binary.BigEndian.PutUint64(s, uint64(preferred)<<32|uint64(valid))
		s[8] = length
		binary.BigEndian.PutUint64(s[9:], hi)
		binary.BigEndian.PutUint64(s[17:], lo)
	}
	return w.mark(s, lenIAPrefix)
}

// PutPrefix appends an IA Prefix without options.
func (w *Writer) PutPrefix(prefix [16]byte, length uint8, preferred, valid uint32) {
	w.OpenPrefix(prefix, length, preferred, valid)
}

// Len is the number of bytes written so far.
func (w *Writer) Len() int { return w.n }

// Full says that something did not fit.
func (w *Writer) Full() bool { return w.full }

// End returns the length, and false if anything did not fit.
func (w *Writer) End() (n int, ok bool) { return w.n, !w.full }
