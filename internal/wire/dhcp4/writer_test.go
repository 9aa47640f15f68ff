// SPDX-License-Identifier: Apache-2.0

package dhcp4

import (
	"bytes"
	"testing"
)

func TestWriter(t *testing.T) {
	buf := make([]byte, 64)
	for i := range buf {
		buf[i] = 0xee
	}
	w := NewWriter(buf[:40])
	w.PutU8(53, 2)
	w.PutU32(54, 0x0a000001)
	w.PutU16(26, 1500)
	w.Put(15, []byte("example"))
	w.PutBlock([]byte{3, 4, 10, 0, 0, 1})
	if w.Len() != 28 || w.Full() {
		t.Fatalf("Len %d, Full %v", w.Len(), w.Full())
	}
	n, ok := w.End(36)
	want := []byte{53, 1, 2, 54, 4, 10, 0, 0, 1, 26, 2, 5, 220, 15, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 4, 10, 0, 0, 1, 255,
		0, 0, 0, 0, 0, 0, 0}
	if !ok || n != 36 || !bytes.Equal(buf[:36], want) || buf[36] != 0xee {
		t.Errorf("End = %d, %v; % x", n, ok, buf)
	}
}

// Each append is tried in buffers from too small to just large enough: it is
// there whole or not at all, END has its byte, and nothing follows the buffer.
func TestWriterBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		put  func(w *Writer)
		size int
	}{
		{"PutU8", func(w *Writer) { w.PutU8(53, 2) }, 3},
		{"PutU16", func(w *Writer) { w.PutU16(26, 2) }, 4},
		{"PutU32", func(w *Writer) { w.PutU32(54, 2) }, 6},
		{"Put nothing", func(w *Writer) { w.Put(80, nil) }, 2},
		{"Put 255", func(w *Writer) { w.Put(43, make([]byte, 255)) }, 257},
		{"Put 256", func(w *Writer) { w.Put(43, make([]byte, 256)) }, 260},
		{"Put 510", func(w *Writer) { w.Put(43, make([]byte, 510)) }, 514},
		{"Put 511", func(w *Writer) { w.Put(43, make([]byte, 511)) }, 517},
		{"PutString", func(w *Writer) { w.PutString(56, "wrong network") }, 15},
		{"PutString too long", func(w *Writer) { w.PutString(56, string(make([]byte, 300))) }, 257},
		{"PutBlock", func(w *Writer) { w.PutBlock(make([]byte, 20)) }, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for n := range tt.size + 3 {
				buf := bytes.Repeat([]byte{0xee}, n+8)
				w := NewWriter(buf[:n])
				tt.put(&w)
				fits := n >= tt.size+1
				if w.Full() == fits || (fits && w.Len() != tt.size) || (!fits && w.Len() != 0) {
					t.Fatalf("in %d bytes: Full %v, Len %d", n, w.Full(), w.Len())
				}
				end, ok := w.End(1000)
				if ok != fits || (ok && (end != n || buf[tt.size] != OptEnd)) {
					t.Fatalf("in %d bytes: End = %d, %v", n, end, ok)
				}
				if !bytes.Equal(buf[n:], bytes.Repeat([]byte{0xee}, 8)) {
					t.Fatalf("in %d bytes: written past the buffer", n)
				}
			}
		})
	}
}

// RFC 3396 §5: a long option is split into parts that follow one another.
func TestWriterSplitsLongOptions(t *testing.T) {
	data := make([]byte, 600)
	for i := range data {
		data[i] = byte(i * 7)
	}
	buf := make([]byte, 700)
	w := NewWriter(buf)
	w.Put(121, data)
	var joined []byte
	for b := buf[:w.Len()]; len(b) > 0; b = b[2+int(b[1]):] {
		if b[0] != 121 {
			t.Fatalf("a part has code %d", b[0])
		}
		joined = append(joined, b[2:2+int(b[1])]...)
	}
	if !bytes.Equal(joined, data) || w.Len() != 606 {
		t.Errorf("%d bytes joined from %d", len(joined), w.Len())
	}
}
