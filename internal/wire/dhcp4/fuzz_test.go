// SPDX-License-Identifier: Apache-2.0

package dhcp4

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
)

// FuzzScan reads arbitrary messages beside two independent decoders. gopacket's
// slices chaddr with an hlen that may wrap, so it only sees what Check allows.
func FuzzScan(f *testing.F) {
	f.Add([]byte(request(53, 1, 1, 55, 3, 1, 3, 6, 255)))
	f.Add([]byte(request(everyOption()...)))
	f.Add([]byte(request(43, 1, 1, 0, 43, 1, 2)))
	f.Add([]byte(request(82, 9, 1, 3, 'c', 'i', 'd', 2, 2, 'r', 'i', 255, 1, 2)))
	f.Add([]byte(request(12, 9, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Msg(b)
		if Check(m) != frame.OK {
			return
		}
		before := bytes.Clone(b)
		var o Options
		why := o.Scan(m)
		if !bytes.Equal(before, b) {
			t.Fatal("Scan wrote to the message")
		}

		var g layers.DHCPv4
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		i, ierr := dhcpv4.FromBytes(b)
		switch why {
		case frame.OK:
			if gerr != nil {
				t.Fatalf("gopacket: %v", gerr)
			}
		case frame.BadOption:
			return // lengths by code and sub-options, which the others do not judge
		}
		if gerr != nil {
			t.Fatalf("Scan says %v, gopacket %v", why, gerr)
		}
		count := map[uint8]int{}
		for _, opt := range g.Options {
			code := uint8(opt.Type)
			if code == OptPad {
				continue
			}
			count[code]++
			got, ok := o.Get(m, code)
			if !ok || (why == frame.OK && !bytes.Equal(got, opt.Data)) {
				t.Fatalf("option %d = %x, %v; gopacket reads %x", code, got, ok, opt.Data)
			}
		}
		split := false
		for c := range 255 {
			split = split || count[uint8(c)] > 1
			if o.Has(uint8(c)) != (count[uint8(c)] > 0) {
				t.Fatalf("option %d: present %v, gopacket found %d", c, o.Has(uint8(c)), count[uint8(c)])
			}
		}
		if (why == frame.PuntOverload) != (count[OptOverload] > 0) || (count[OptOverload] == 0 && (why == frame.PuntSplit) != split) {
			t.Fatalf("Scan says %v, overload %d, split %v", why, count[OptOverload], split)
		}
		if ierr != nil { // insomniacslk wants an END
			return
		}
		for code, data := range i.Options {
			if why != frame.OK {
				break
			}
			if got, ok := o.Get(m, code); !ok || !bytes.Equal(got, data) {
				t.Fatalf("option %d = %x, %v; insomniacslk reads %x", code, got, ok, data)
			}
		}
		if i.Flags != m.Flags() || i.HopCount != m.Hops() || !bytes.Equal(i.TransactionID[:], b[4:8]) {
			t.Fatal("header differs from insomniacslk's")
		}
	})
}

// FuzzWriter writes options of arbitrary data and reads them back with another library.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("\x01\x04abcd\x0f\x07example"), 400)
	f.Add([]byte("\xf9\xff"), 20)
	f.Fuzz(func(t *testing.T, script []byte, room int) {
		room = max(0, min(room, 2000))
		m := append(request(), make([]byte, room+16)...)
		guard := bytes.Repeat([]byte{0xa5}, 16)
		copy(m[OffOptions+room:], guard)
		w := NewWriter(m[OffOptions : OffOptions+room])
		want := map[uint8][]byte{}
		for len(script) >= 2 {
			code, n := script[0], min(int(script[1])*3, len(script)-2)
			data := script[2 : 2+n]
			script = script[2+n:]
			if code == OptPad || code == OptEnd {
				continue
			}
			was := w.Len()
			w.Put(code, data)
			if w.Len() != was {
				want[code] = append(want[code], data...)
			}
		}
		n, ok := w.End(0)
		if !bytes.Equal(m[OffOptions+room:], guard) {
			t.Fatal("written past the buffer")
		}
		if !ok {
			return
		}
		got, err := dhcpv4.FromBytes(m[:OffOptions+n])
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Options) != len(want) {
			t.Fatalf("%d options read, %d written", len(got.Options), len(want))
		}
		for code, data := range want {
			if !bytes.Equal(got.Options[code], data) {
				t.Fatalf("option %d: %x read, %x written", code, got.Options[code], data)
			}
		}
	})
}
