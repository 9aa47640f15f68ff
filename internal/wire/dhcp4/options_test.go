// SPDX-License-Identifier: Apache-2.0

package dhcp4

import (
	"bytes"
	"testing"

	"xdhcp/engine/frame"
)

func TestScan(t *testing.T) {
	long := append([]byte{43, 255}, make([]byte, 255)...)
	for _, tt := range []struct {
		name string
		opts []byte
		want frame.Reason
		has  []byte // codes that must be present, and no others, when OK
	}{
		{"typical", []byte{53, 1, 1, 55, 3, 1, 3, 6, 255}, frame.OK, []byte{53, 55}},
		{"nothing", nil, frame.OK, nil},
		{"end only", []byte{255}, frame.OK, nil},
		{"pads between", []byte{0, 53, 1, 1, 0, 0, 57, 2, 2, 64, 0, 255}, frame.OK, []byte{53, 57}},
		{"end missing", []byte{53, 1, 1}, frame.OK, []byte{53}},
		{"anything after end", []byte{53, 1, 1, 255, 9, 200, 53, 1}, frame.OK, []byte{53}},
		{"code without length", []byte{53, 1, 1, 12}, frame.BadOption, nil},
		{"length past the end by one", []byte{53, 1, 1, 12, 3, 'a', 'b'}, frame.BadOption, nil},
		{"length 255 past the end", []byte{53, 1, 1, 12, 255, 255}, frame.BadOption, nil},
		{"longest option", append(long, 255), frame.OK, []byte{43}},
		{"zero length of a free-form option", []byte{12, 0, 53, 1, 1, 255}, frame.OK, []byte{12, 53}},
		{"option 50 short", []byte{50, 3, 1, 2, 3, 255}, frame.BadOption, nil},
		{"option 50 long", []byte{50, 5, 1, 2, 3, 4, 5, 255}, frame.BadOption, nil},
		{"option 51 short", []byte{51, 0, 255}, frame.BadOption, nil},
		{"option 53 empty", []byte{53, 0, 255}, frame.BadOption, nil},
		{"option 53 long", []byte{53, 2, 1, 1, 255}, frame.BadOption, nil},
		{"option 54 short", []byte{54, 1, 1, 255}, frame.BadOption, nil},
		{"option 55 empty", []byte{55, 0, 255}, frame.BadOption, nil},
		{"option 57 long", []byte{57, 3, 2, 64, 0, 255}, frame.BadOption, nil},
		{"option 61 without a type and a byte", []byte{61, 1, 0, 255}, frame.BadOption, nil},
		{"option 80 with data", []byte{80, 1, 0, 255}, frame.BadOption, nil},
		{"option 82 empty", []byte{82, 0, 255}, frame.BadOption, nil},
		{"option 82, sub-option past its end", []byte{82, 3, 1, 2, 9, 255}, frame.BadOption, nil},
		{"option 82, a byte left over", []byte{82, 4, 1, 1, 9, 2, 255}, frame.BadOption, nil},
		{"option 82, empty sub-option", []byte{82, 2, 19, 0, 255}, frame.OK, []byte{82}},
		{"link selection short", []byte{82, 5, 5, 3, 10, 0, 0, 255}, frame.BadOption, nil},
		{"server-id override long", []byte{82, 7, 11, 5, 10, 0, 0, 1, 0, 255}, frame.BadOption, nil},
		{"relay port with data", []byte{82, 4, 19, 2, 0, 67, 255}, frame.BadOption, nil},
		{"option 118 short", []byte{118, 3, 1, 2, 3, 255}, frame.BadOption, nil},
		{"overload", []byte{53, 1, 1, 52, 1, 3, 255}, frame.PuntOverload, nil},
		{"split", []byte{43, 1, 1, 53, 1, 1, 43, 1, 2, 255}, frame.PuntSplit, nil},
		{"type twice", []byte{53, 1, 1, 53, 1, 3, 255}, frame.PuntSplit, nil},
		{"parts of odd length are not judged", []byte{61, 1, 1, 61, 1, 2, 255}, frame.PuntSplit, nil},
		{"a lost length is worse than a split", []byte{43, 1, 1, 43, 1, 1, 12}, frame.BadOption, nil},
		{"all in use, 1 to 254", everyOption(), frame.OK, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := request(tt.opts...)
			var o Options
			if got := o.Scan(m); got != tt.want {
				t.Fatalf("Scan = %v, want %v", got, tt.want)
			}
			if tt.want != frame.OK || tt.has == nil {
				return
			}
			for c := range 256 {
				if got, want := o.Has(uint8(c)), bytes.IndexByte(tt.has, byte(c)) >= 0; got != want {
					t.Errorf("Has(%d) = %v, want %v", c, got, want)
				}
			}
		})
	}
}

// everyOption holds each code once, with a length that its definition allows.
func everyOption() []byte {
	fixed := map[int][]byte{
		53: {1}, 50: {1, 2, 3, 4}, 51: {0, 0, 0, 1}, 54: {1, 2, 3, 4}, 57: {2, 64}, 58: {0, 0, 0, 1}, 59: {0, 0, 0, 1},
		61: {1, 2}, 80: {}, 81: {0, 0, 0}, 82: {1, 0}, 91: {0, 0, 0, 1}, 116: {1}, 118: {1, 2, 3, 4},
	}
	var b []byte
	for c := 1; c < 255; c++ {
		if c == 52 {
			continue
		}
		data, ok := fixed[c]
		if !ok {
			data = []byte{byte(c)}
		}
		b = append(append(b, byte(c), byte(len(data))), data...)
	}
	return append(b, 255)
}

// The index is reused: nothing of the last message may show through.
func TestScanForgetsTheLastMessage(t *testing.T) {
	var o Options
	if why := o.Scan(request(everyOption()...)); why != frame.OK {
		t.Fatal(why)
	}
	m := request(53, 1, 3, 255)
	if why := o.Scan(m); why != frame.OK {
		t.Fatal(why)
	}
	for c := range 256 {
		if _, ok := o.Get(m, uint8(c)); ok != (c == 53) {
			t.Errorf("Get(%d) = %v after the reset", c, ok)
		}
	}
}

func TestTypedGetters(t *testing.T) {
	m := request(53, 1, 3, 50, 4, 10, 0, 0, 9, 57, 2, 5, 220, 12, 2, 'h', 'i', 255)
	var o Options
	if why := o.Scan(m); why != frame.OK {
		t.Fatal(why)
	}
	if o.Type(m) != Request {
		t.Errorf("Type = %d", o.Type(m))
	}
	if v, ok := o.U32(m, OptRequestedIP); !ok || v != 0x0a000009 {
		t.Errorf("option 50 = %x, %v", v, ok)
	}
	if v, ok := o.U16(m, OptMaxSize); !ok || v != 1500 {
		t.Errorf("option 57 = %d, %v", v, ok)
	}
	if _, ok := o.U32(m, OptHostName); ok {
		t.Error("a two-byte option was read as four bytes")
	}
	if _, ok := o.U16(m, OptServerID); ok {
		t.Error("an absent option has a value")
	}
	b, ok := o.Get(m, OptHostName)
	if !ok || string(b) != "hi" || cap(b) != 2 {
		t.Errorf("option 12 = %q (cap %d), %v", b, cap(b), ok)
	}
	if raw := o.Raw(m, OptHostName); string(raw) != "\x0c\x02hi" || cap(raw) != 4 {
		t.Errorf("option 12 whole = %q", raw)
	}
	if raw := o.Raw(m, OptServerID); raw != nil {
		t.Errorf("an absent option is %q", raw)
	}
	m = request(255)
	if why := o.Scan(m); why != frame.OK || o.Type(m) != 0 {
		t.Errorf("a message without options: %v, type %d", why, o.Type(m))
	}
}

// RFC 3046 §2.0: sub-options without pad and end; a length may be zero.
func TestRelay(t *testing.T) {
	r := Relay{1, 3, 'c', 'i', 'd', 19, 0, 2, 2, 'r', 'i', 5, 4, 10, 0, 0, 1}
	var codes []byte
	for rest := r; ; {
		code, data, next, ok := rest.Next()
		if !ok {
			break
		}
		codes = append(codes, code)
		if cap(data) != len(data) {
			t.Errorf("sub-option %d reaches into the next", code)
		}
		rest = next
	}
	if !bytes.Equal(codes, []byte{1, 19, 2, 5}) || !r.Valid() {
		t.Errorf("codes %v, valid %v", codes, r.Valid())
	}
	if b, ok := r.Get(SubRemoteID); !ok || string(b) != "ri" {
		t.Errorf("remote-id = %q, %v", b, ok)
	}
	if b, ok := r.Get(SubRelayPort); !ok || len(b) != 0 {
		t.Errorf("relay-port = %v, %v", b, ok)
	}
	if v, ok := r.U32(SubLinkSelection); !ok || v != 0x0a000001 {
		t.Errorf("link selection = %x, %v", v, ok)
	}
	if _, ok := r.U32(SubCircuitID); ok {
		t.Error("three bytes were read as an address")
	}
	if _, ok := r.Get(SubVSS); ok {
		t.Error("an absent sub-option was found")
	}
	for n := range len(r) {
		whole := n == 0 || n == 5 || n == 7 || n == 11
		if r[:n].Valid() != whole {
			t.Errorf("cut to %d bytes: Valid = %v", n, !whole)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	m := request(everyOption()...)
	copy(m[OffOptions:], request(53, 1, 1, 82, 9, 1, 3, 'c', 'i', 'd', 2, 2, 'r', 'i', 255)[OffOptions:])
	var o Options
	buf := make([]byte, 300)
	sink := 0
	if n := testing.AllocsPerRun(100, func() {
		if Check(m) != frame.OK || o.Scan(m) != frame.OK {
			panic("bad base message")
		}
		relay, _ := o.Get(m, OptRelay)
		id, _ := Relay(relay).Get(SubRemoteID)
		w := NewWriter(buf)
		w.PutU8(OptMessageType, Offer)
		w.PutU32(OptServerID, 1)
		w.Put(OptRelay, relay)
		n, _ := w.End(len(buf))
		sink += len(id) + n
	}); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}

func BenchmarkScan(b *testing.B) {
	m := request(53, 1, 1, 61, 7, 1, 2, 3, 4, 5, 6, 7, 57, 2, 5, 220, 55, 8, 1, 3, 6, 15, 26, 28, 42, 121, 12, 4, 'h', 'o', 's', 't',
		82, 14, 1, 4, 0, 1, 0, 2, 2, 6, 2, 3, 4, 5, 6, 7, 255)
	m = append(m, make([]byte, 300-len(m)%300)...)
	var o Options
	b.ReportAllocs()
	for b.Loop() {
		if Check(m) != frame.OK || o.Scan(m) != frame.OK {
			b.Fatal("bad base message")
		}
	}
}
