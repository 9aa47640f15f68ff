// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// set is the option set of a subnet with these options. The mask is added.
func set(t testing.TB, opts ...Option) *OptionSet {
	t.Helper()
	s := subnet("192.0.2.0/24")
	s.Options = opts
	return mustBuild(t, Spec{Subnets: []SubnetSpec{s}}).Subnets[0].Options
}

func TestWhatIsSentAndInWhichOrder(t *testing.T) {
	all := []Option{opt(42, 1), opt(15, 'd'), opt(6, 1), opt(3, 1), opt(28, 1), opt(119, 0)}
	routes := append(slices.Clone(all), opt(121, 9, 9))
	ours := append(slices.Clone(routes), opt(249, 8))
	always := []Option{opt(3, 1), {Code: 43, Data: []byte{1}, Always: true}, opt(44, 1)}
	for _, c := range []struct {
		what string
		opts []Option
		prl  []byte
		want []uint8
	}{
		{"no list: all", all, nil, []uint8{1, 3, 6, 15, 28, 42, 119}},
		{"an empty list is none", all, []byte{}, []uint8{1, 3, 6, 15, 28, 42, 119}},
		{"the client's order", all, []byte{42, 6, 15, 3, 1}, []uint8{42, 6, 15, 1, 3}},
		{"the mask was not asked for, the routers were", all, []byte{3, 42}, []uint8{1, 3, 42, 6, 15}},
		{"what is not configured is not sent", all, []byte{2, 28, 200, 12, 44}, []uint8{28, 1, 3, 6, 15}},
		{"each once", all, []byte{28, 28, 1, 28, 1}, []uint8{28, 1, 3, 6, 15}},
		{"what the server fills in is not in the set", all, []byte{51, 54, 53, 58, 59, 61, 82, 0, 255}, []uint8{1, 3, 6, 15}},
		{"marked as always sent", always, []byte{44}, []uint8{44, 1, 3, 43}},
		{"an empty set but for the mask", nil, []byte{3, 6}, []uint8{1}},

		{"121 asked for", routes, []byte{1, 3, 121}, []uint8{1, 3, 121, 6, 15}},
		{"only 249 asked for", routes, []byte{1, 3, 249}, []uint8{1, 3, 249, 6, 15}},
		{"both asked for", routes, []byte{1, 3, 249, 121}, []uint8{1, 3, 121, 6, 15}},
		{"both asked for, the other order", routes, []byte{1, 3, 121, 249}, []uint8{1, 3, 121, 6, 15}},
		{"neither asked for", routes, []byte{1, 3}, []uint8{1, 3, 6, 15}},
		{"no list: 121 only", routes, nil, []uint8{1, 3, 6, 15, 28, 42, 119, 121}},
		{"249 of its own, both asked for", ours, []byte{249, 121}, []uint8{121, 1, 3, 6, 15}},
		{"249 of its own", ours, []byte{249}, []uint8{249, 1, 3, 6, 15}},
		{"only 249 configured, both asked for", []Option{opt(249, 8)}, []byte{121, 249}, []uint8{249, 1}},

		{"108 not asked for", []Option{opt(108, 0, 0, 7, 8)}, nil, []uint8{1}},
		{"108 asked for", []Option{opt(108, 0, 0, 7, 8)}, []byte{108}, []uint8{108, 1}},
	} {
		o := set(t, c.opts...)
		var room Codes
		if got := o.Select(c.prl, &room); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { o.Select(c.prl, &room) }); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
}

// Whatever a client asks for: no code twice, nothing that is not there, room for
// all of it.
func TestSelectWithEveryCodeTwice(t *testing.T) {
	var opts []Option
	var prl []byte
	for c := range 256 {
		prl = append(prl, byte(c), byte(255-c))
		if !slices.Contains(ownCodes, uint8(c)) {
			opts = append(opts, opt(uint8(c), 1))
		}
	}
	o := set(t, opts...)
	var room Codes
	got := slices.Clone(o.Select(prl, &room))
	if len(got) != len(opts)-1 { // 121 and 249 are both there, one is sent
		t.Errorf("%d options of %d", len(got), len(opts))
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(got) {
		t.Error("an option is sent twice")
	}
	if n := len(o.Select(nil, &room)); n != len(opts)-2 { // without 108 and 116
		t.Errorf("%d options without a list", n)
	}
}

func TestEncoding(t *testing.T) {
	long := make([]byte, 600)
	for i := range long {
		long[i] = byte(i * 7)
	}
	o := set(t, Option{Code: 119, Data: long}, opt(80), opt(3, 192, 0, 2, 1), Option{Code: 43, Data: long[:255]}, Option{Code: 224, Data: long[:256]})
	for _, c := range []struct {
		code    uint8
		value   []byte
		encoded []byte
	}{
		{1, []byte{255, 255, 255, 0}, []byte{1, 4, 255, 255, 255, 0}},
		{3, []byte{192, 0, 2, 1}, []byte{3, 4, 192, 0, 2, 1}},
		{43, long[:255], slices.Concat([]byte{43, 255}, long[:255])},
		{80, []byte{}, []byte{80, 0}},
		// RFC 3396 §5: parts of at most 255 bytes, in order.
		{119, long, slices.Concat([]byte{119, 255}, long[:255], []byte{119, 255}, long[255:510], []byte{119, 90}, long[510:])},
		{224, long[:256], slices.Concat([]byte{224, 255}, long[:255], []byte{224, 1}, long[255:256])},
	} {
		value, ok := o.Get(c.code)
		if !ok || !bytes.Equal(value, c.value) {
			t.Errorf("option %d is %x", c.code, value)
		}
		if got := o.Encoded(c.code); !bytes.Equal(got, c.encoded) {
			t.Errorf("option %d is sent as %x", c.code, got)
		}
	}
	var room Codes
	if got := o.Codes(&room); !slices.Equal(got, []uint8{1, 3, 43, 80, 119, 224}) || o.Len() != 6 {
		t.Errorf("codes are %v, %d of them", got, o.Len())
	}
	for _, code := range []uint8{0, 2, 6, 225, 255} {
		if _, ok := o.Get(code); ok || o.Encoded(code) != nil {
			t.Errorf("option %d is there", code)
		}
	}
	var none *OptionSet
	if _, ok := none.Get(1); ok || none.Len() != 0 || none.Encoded(1) != nil || len(none.Select(nil, &room)) != 0 || len(none.Codes(&room)) != 0 {
		t.Error("a nil set is not empty")
	}
}

func BenchmarkOptionSelect(b *testing.B) {
	o := set(b, opt(3, 1, 2, 3, 4), opt(6, 1, 2, 3, 4), opt(15, 'x'), opt(28, 1), opt(42, 1), opt(121, 1), opt(119, 1))
	for _, prl := range [][]byte{nil, {1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42}} {
		b.Run(fmt.Sprintf("prl=%d", len(prl)), func(b *testing.B) {
			b.ReportAllocs()
			var room Codes
			for b.Loop() {
				o.Select(prl, &room)
			}
		})
	}
}
