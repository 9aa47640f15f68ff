// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"slices"
	"testing"
)

// answer writes a Reply with everything that a Writer can do.
func answer(b []byte) (int, bool) {
	w := NewMessage(b, Reply, 0xabcdef)
	w.Put(OptClientID, clientDUID)
	w.Put(OptServerID, serverDUID)
	na := w.OpenIA(OptIANA, 1, 0, 0)
	w.PutAddr(addr, 300, 500)
	gone := w.OpenAddr(ll, 0, 0)
	w.PutStatus(StatusNotOnLink, "elsewhere")
	w.Close(gone)
	w.Close(na)
	pd := w.OpenIA(OptIAPD, 2, 0, 0)
	w.PutPrefix(prefix, 56, 300, 500)
	w.Close(pd)
	none := w.OpenIA(OptIAPD, 3, 0, 0)
	w.PutStatus(StatusNoPrefixAvail, "")
	w.Close(none)
	w.SetTimes(na, 150, 240)
	w.SetTimes(pd, 150, 240)
	w.PutU8(OptPreference, 255)
	w.PutU16(OptElapsedTime, 0x0102)
	w.PutU32(OptSolMaxRT, 3600)
	v := w.Open(OptVendorOpts, []byte{0, 0, 0, 9})
	w.PutString(1, "text")
	w.Close(v)
	w.PutBlock([]byte{0, 23, 0, 1, 9})
	return w.End()
}

func TestWriter(t *testing.T) {
	times := []byte{0, 0, 0, 150, 0, 0, 0, 240}
	want := msg(7, clientID, serverID,
		opt(3, slices.Concat([]byte{0, 0, 0, 1}, times, iaaddr(addr),
			opt(5, slices.Concat(ll[:], make([]byte, 8), opt(13, append([]byte{0, 4}, "elsewhere"...)...))...))...),
		opt(25, slices.Concat([]byte{0, 0, 0, 2}, times, iaprefix(prefix, 56))...),
		opt(25, slices.Concat([]byte{0, 0, 0, 3}, make([]byte, 8), opt(13, 0, 6))...),
		opt(7, 255), opt(8, 1, 2), opt(82, 0, 0, 0x0e, 0x10), opt(17, slices.Concat([]byte{0, 0, 0, 9}, opt(1, []byte("text")...))...),
		opt(23, 9))
	b := make([]byte, len(want))
	n, ok := answer(b)
	if !ok {
		t.Fatal("full")
	}
	same(t, "reply", b[:n], want)
	quiet(t, func() { answer(b) })

	// In every smaller buffer it says so, writes nothing behind the end, and
	// what is there are whole options.
	for room := range len(want) {
		b := bytes.Repeat([]byte{0xa5}, room+8)
		n, ok := answer(b[:room])
		if ok || n > room {
			t.Fatalf("%d bytes of room: %d, %v", room, n, ok)
		}
		same(t, "guard", b[room:], bytes.Repeat([]byte{0xa5}, 8))
		if n >= LenHeader && !Opts(b[LenHeader:n]).Valid() {
			t.Fatalf("%d bytes of room: % x", room, b[:n])
		}
	}
}

// A length field holds 16 bits.
func TestWriterLongOptions(t *testing.T) {
	b := make([]byte, 200000)
	w := NewWriter(b)
	w.Put(1, make([]byte, 0xffff))
	if n, ok := w.End(); !ok || n != 4+0xffff {
		t.Errorf("65535 bytes: %d, %v", n, ok)
	}
	w.Put(1, make([]byte, 0x10000))
	if _, ok := w.End(); ok {
		t.Error("65536 bytes fit")
	}
	w = NewWriter(b)
	m := w.Open(1, nil)
	w.Put(2, make([]byte, 0xffff))
	w.Close(m)
	if _, ok := w.End(); ok {
		t.Error("a container of more than 65535 bytes fits")
	}
}

// A container that did not fit does not leave its contents to the one around it.
func TestWriterFullStaysFull(t *testing.T) {
	b := make([]byte, 20)
	w := NewWriter(b)
	na := w.OpenIA(OptIANA, 1, 0, 0)
	a := w.OpenAddr(addr, 1, 2)
	w.PutU8(7, 1) // would fit
	w.Close(a)
	w.Close(na)
	w.SetTimes(a, 1, 2)
	if n, ok := w.End(); ok || n != 16 || b[3] != 12 || !w.Full() || w.Len() != 16 {
		t.Errorf("%d, %v, % x", n, ok, b)
	}
}
