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
