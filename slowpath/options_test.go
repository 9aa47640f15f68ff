// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
)

func decodeOptions(t testing.TB, m []byte) (*options, frame.Reason) {
	t.Helper()
	var d decoder
	d.init()
	o := new(options)
	return o, d.message(m, o)
}

// fields is a message with these bytes in its three option fields.
func fields(optionsField, file, sname []byte) []byte {
	m := message(optionsField...)
	copy(m[atFile:236], file)
	copy(m[atSName:atFile], sname)
	return m
}

func TestCollect(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    []byte
		why  frame.Reason
		code uint8
		want []byte // nil: absent
	}{
		{"one part", message(12, 3, 'a', 'b', 'c'), frame.OK, 12, []byte("abc")},
		{"no data", message(80, 0), frame.OK, 80, []byte{}},
		{"pads between", message(0, 0, 12, 1, 'a', 0), frame.OK, 12, []byte("a")},
		{"behind END", message(255, 12, 1, 'a'), frame.OK, 12, nil},
		{"no END", message(12, 1, 'a')[:243], frame.OK, 12, []byte("a")},
		{"no options", message()[:240], frame.OK, 12, nil},
		{"two parts", message(12, 1, 'a', 12, 2, 'b', 'c'), frame.OK, 12, []byte("abc")},
		{"two parts with others between", message(12, 1, 'a', 60, 1, 'x', 12, 1, 'b', 60, 1, 'y'), frame.OK, 60, []byte("xy")},
		{"three parts, one empty", message(12, 1, 'a', 12, 0, 12, 1, 'b'), frame.OK, 12, []byte("ab")},
		{"an empty part first", message(12, 0, 12, 1, 'b'), frame.OK, 12, []byte("b")},
		{"an address in two parts", message(50, 2, 192, 0, 50, 2, 2, 9), frame.OK, 50, []byte{192, 0, 2, 9}},
		{"more than 255", message(cat(opt(43, pattern(600)))...), frame.OK, 43, pattern(600)},

		{"file unused without 52", fields(nil, []byte{12, 1, 'a', 255}, nil), frame.OK, 12, nil},
		{"file", fields([]byte{52, 1, 1}, []byte{12, 1, 'a', 255}, nil), frame.OK, 12, []byte("a")},
		{"sname", fields([]byte{52, 1, 2}, nil, []byte{12, 1, 'a', 255}), frame.OK, 12, []byte("a")},
		{"52 says file, not sname", fields([]byte{52, 1, 1}, nil, []byte{12, 1, 'a', 255}), frame.OK, 12, nil},
		{
			"options, then file, then sname", // RFC 3396 §5
			fields([]byte{12, 1, 'a', 52, 1, 3}, []byte{12, 1, 'b', 255}, []byte{12, 1, 'c', 255}),
			frame.OK, 12, []byte("abc"),
		},
		{"52 behind what it announces", fields([]byte{53, 1, 1, 52, 1, 3}, []byte{50, 4, 1, 2, 3, 4}, nil), frame.OK, 50, []byte{1, 2, 3, 4}},
		{"52 in file is nothing", fields([]byte{52, 1, 1}, []byte{52, 1, 3, 255}, []byte{12, 1, 'a'}), frame.OK, 12, nil},
		{"a full field without END", fields([]byte{52, 1, 2}, nil, opt(12, pattern(62))), frame.OK, 12, pattern(62)},
		{"past the end of sname", fields([]byte{52, 1, 2}, nil, opt(12, pattern(63))), frame.BadOption, 0, nil},
		{"past the end of file", fields([]byte{52, 1, 1}, opt(12, pattern(127)), nil), frame.BadOption, 0, nil},
		{"a code alone at the end of file", fields([]byte{52, 1, 1}, cat(opt(12, pattern(125)), []byte{43}), nil), frame.BadOption, 0, nil},

		{"past the end", message(12, 9, 'a'), frame.BadOption, 0, nil},
		{"a code alone at the end", append(message()[:240], 12), frame.BadOption, 0, nil},
		{"52 is 0", message(52, 1, 0), frame.BadOption, 0, nil},
		{"52 is 4", message(52, 1, 4), frame.BadOption, 0, nil},
		{"52 has two bytes", message(52, 2, 1, 1), frame.BadOption, 0, nil},
		{"52 twice", message(52, 1, 1, 52, 1, 1), frame.BadOption, 0, nil},
		{"53 twice", message(53, 1, 1, 53, 1, 1), frame.BadOption, 0, nil},
		{"sub-options beyond option 82", message(82, 3, 1, 5, 'x'), frame.BadOption, 0, nil},
		{"82 cut inside a sub-option", message(82, 3, 1, 3, 'x', 82, 2, 'y', 'z'), frame.OK, 82, []byte{1, 3, 'x', 'y', 'z'}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, why := decodeOptions(t, tt.m)
			if why != tt.why {
				t.Fatalf("%v, want %v", why, tt.why)
			}
			if why != frame.OK {
				return
			}
			got, ok := o.get(tt.code)
			if ok != (tt.want != nil) || !bytes.Equal(got, tt.want) {
				t.Errorf("option %d = %x, %v; want %x", tt.code, got, ok, tt.want)
			}
			var d decoder
			d.init()
			if n := testing.AllocsPerRun(100, func() { d.message(tt.m, o) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// A message in one part must be judged alike on both paths, whatever the length
// of whichever option.
func TestLengthsAreThoseOfTheFastPath(t *testing.T) {
	var d decoder
	d.init()
	var slow options
	var fast dhcp4.Options
	for code := 1; code < 255; code++ {
		if code == dhcp4.OptOverload {
			continue
		}
		for n := range 256 {
			// A valid sub-option for 82, of what length it may be.
			data := make([]byte, n)
			if n >= 2 {
				data[0], data[1] = 1, byte(n-2)
			}
			m := message(opt(byte(code), data)...)
			got, want := d.message(m, &slow), fast.Scan(m)
			if got != want {
				t.Fatalf("option %d of %d bytes: %v, the fast path says %v", code, n, got, want)
			}
		}
	}
}
