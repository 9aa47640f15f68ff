// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	hwA  = []byte{2, 0, 0, 0, 0, 1}
	idA  = []byte{1, 2, 0, 0, 0, 0, 1}
	cidA = []byte{0xff, 1, 2, 3, 4, 5, 6}
)

// The byte picture in Change's doc, by hand.
func TestChangeBytes(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Change
		want string
	}{
		{"renew", Change{Op: OpRenew, Addr: 0x0a000001, Version: 2, At: 0x100, Expires: 0x200, Start: 0x80},
			"\x18\x00\x02\x00\x01\x00\x00\x0a\x02\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x80\x00\x00\x00"},
		{"release", Change{Op: OpRelease, Addr: 0x0a000001, Version: 3, At: 0x100},
			"\x10\x00\x03\x00\x01\x00\x00\x0a\x03\x00\x00\x00\x00\x01\x00\x00"},
		{"decline", Change{Op: OpDecline, Addr: 0x0a000001, Version: 4, At: 0x100, Expires: 0x300},
			"\x14\x00\x04\x00\x01\x00\x00\x0a\x04\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00"},
		{"expire", Change{Op: OpExpire, Addr: 0x0a000001, Version: 5, At: 0x100},
			"\x10\x00\x05\x00\x01\x00\x00\x0a\x05\x00\x00\x00\x00\x01\x00\x00"},
		{"grant, identified by hardware address", Change{Op: OpGrant, Addr: 0x0a000001, Version: 1, At: 0x100, Expires: 0x200, Start: 0x80,
			Full: true, Scope: 7, Kind: KindHW, HType: 1, HW: hwA, ID: idA, Relay: []byte{9, 8}, Host: []byte("h")},
			"\x2d\x00\x01\x03\x01\x00\x00\x0a\x01\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x80\x00\x00\x00" +
				"\x07\x00\x00\x00\x01\x06\x00\x00\x02\x01\x00\x01\x02\x00\x00\x00\x00\x01\x09\x08h"},
		{"grant, identified by client-id", Change{Op: OpGrant, Addr: 0x0a000001, Version: 1, At: 0x100, Expires: 0x200, Start: 0x80,
			Full: true, Scope: 7, Kind: KindClientID, HType: 1, HW: hwA, ID: cidA, ClientID: cidA},
			"\x31\x00\x01\x05\x01\x00\x00\x0a\x01\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x80\x00\x00\x00" +
				"\x07\x00\x00\x00\x02\x06\x00\x07\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01\xff\x01\x02\x03\x04\x05\x06"},
		{"full release, identified by circuit", Change{Op: OpRelease, Addr: 0x0a000001, Version: 1, At: 0x100,
			Full: true, Scope: 7, Kind: KindCircuit, HType: 1, HW: hwA, ID: []byte("c1")},
			"\x2c\x00\x03\x01\x01\x00\x00\x0a\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
				"\x07\x00\x00\x00\x03\x06\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01c1"},
	} {
		got := tt.c.AppendTo([]byte("x"))
		if string(got) != "x"+tt.want {
			t.Errorf("%s: encoded\n%x, want\n%x", tt.name, got[1:], tt.want)
		}
		back, err := ParseChange([]byte(tt.want))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.c, back, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%s: decoded (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestBatch(t *testing.T) {
	b := NewBatch(3)
	if b.Ticket() != 3<<56|1 || b.Lane() != 3 || b.Ticket().Lane() != 3 || b.Ticket().Number() != 1 {
		t.Fatalf("new batch of lane 3 has ticket %x", uint64(b.Ticket()))
	}
	b.Add(&Change{Op: OpRelease, Addr: 1, Version: 1})
	b.Add(&Change{Op: OpRenew, Addr: 2, Version: 1})
	var addrs []IP4
	b.Each(func(rec []byte) {
		c, err := ParseChange(rec)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, c.Addr)
	})
	if diff := cmp.Diff([]IP4{1, 2}, addrs); diff != "" || b.Len() != 2 || len(b.Bytes()) != 16+24 {
		t.Fatalf("two changes: Len %d, %d bytes, %s", b.Len(), len(b.Bytes()), diff)
	}
	b.Reset()
	if b.Ticket() != 3<<56|2 || b.Len() != 0 || len(b.Bytes()) != 0 {
		t.Fatalf("after Reset: ticket %x, Len %d", uint64(b.Ticket()), b.Len())
	}
}

// What ParseChange refuses: one mutation of a good record per row.
func TestParseChangeRefuses(t *testing.T) {
	renew := Change{Op: OpRenew, Addr: 1, Version: 1, At: 1, Expires: 2, Start: 1}
	grant := Change{Op: OpGrant, Addr: 1, Version: 1, At: 1, Expires: 2, Start: 1,
		Scope: 7, Kind: KindHW, HType: 1, HW: hwA, ID: idA, ClientID: cidA, Relay: []byte{9, 8}, Host: []byte("h")}
	long := grant
	long.HW = make([]byte, 17)
	for _, tt := range []struct {
		name   string
		of     Change
		mutate func(rec []byte) []byte
		want   error
	}{
		{"nothing", renew, func(r []byte) []byte { return nil }, ErrShort},
		{"cut in the head", renew, func(r []byte) []byte { return r[:15] }, ErrShort},
		{"cut behind the head", renew, func(r []byte) []byte { return r[:20] }, ErrShort},
		{"longer than it says", renew, func(r []byte) []byte { return append(r, 0) }, ErrCorrupt},
		{"shorter than its operation needs", renew, func(r []byte) []byte { r[0] = 16; return r[:16] }, ErrCorrupt},
		{"operation 0", renew, func(r []byte) []byte { r[2] = 0; return r }, ErrOp},
		{"operation of IPv6", renew, func(r []byte) []byte { r[2] = 64; return r }, ErrOp},
		{"version 0", renew, func(r []byte) []byte { r[8] = 0; return r }, ErrCorrupt},
		{"version out of range", renew, func(r []byte) []byte { r[11] = 0x81; return r }, ErrCorrupt},
		{"full flag on a short record", renew, func(r []byte) []byte { r[3] = 1; return r }, ErrCorrupt},
		{"id flags without the full flag", renew, func(r []byte) []byte { r[3] = 2; return r }, ErrCorrupt},
		{"a flag without a meaning", grant, func(r []byte) []byte { r[3] |= 0x80; return r }, ErrCorrupt},
		{"a grant that is not full", grant, func(r []byte) []byte { r[3] = 0; return r }, ErrCorrupt},
		{"a renewal that is full", grant, func(r []byte) []byte { r[2] = byte(OpRenew); return r }, ErrCorrupt},
		{"an id in two places", grant, func(r []byte) []byte { r[30] = 1; r[31]--; return r }, ErrCorrupt},
		{"id in a place that is none", grant, func(r []byte) []byte { r[3] |= 3 << 1; return r }, ErrCorrupt},
		{"lengths that do not add up", grant, func(r []byte) []byte { r[32]++; return r }, ErrCorrupt},
		{"hardware address of 17 bytes", long, func(r []byte) []byte { return r }, ErrCorrupt},
		{"the byte that is 0", grant, func(r []byte) []byte { r[34] = 1; return r }, ErrCorrupt},
		{"a client of no kind", grant, func(r []byte) []byte { r[28] = 0; return r }, ErrCorrupt},
		{"a client of an unknown kind", grant, func(r []byte) []byte { r[28] = 6; return r }, ErrCorrupt},
	} {
		c, err := ParseChange(tt.mutate(tt.of.AppendTo(nil)))
		if err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if diff := cmp.Diff(Change{}, c); err != nil && diff != "" {
			t.Errorf("%s: %v, but it says something:\n%s", tt.name, err, diff)
		}
	}
}

func TestNext(t *testing.T) {
	two := (&Change{Op: OpRelease, Addr: 2, Version: 1}).AppendTo((&Change{Op: OpRenew, Addr: 1, Version: 1}).AppendTo(nil))
	rec, rest, err := Next(two)
	if err != nil || len(rec) != 24 || len(rest) != 16 {
		t.Fatalf("%d bytes and %d more, %v", len(rec), len(rest), err)
	}
	for n := range 16 {
		if _, _, err := Next(rest[:n]); err != ErrShort {
			t.Errorf("%d of 16 bytes: %v", n, err)
		}
	}
	if _, _, err := Next(append([]byte{15, 0}, rest[2:]...)); err != ErrCorrupt {
		t.Errorf("a length below the head: %v", err)
	}
	if _, _, err := Next(append([]byte{0xff, 0xff}, rest[2:]...)); err != ErrCorrupt {
		t.Errorf("a length above any record: %v", err)
	}
}
