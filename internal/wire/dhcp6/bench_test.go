// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"testing"

	"xdhcp/engine/frame"
)

// typical is a Request for an address and a prefix as a home router sends it.
func typical() Msg {
	return msg(3, clientID, serverID, opt(8, 0, 0), opt(6, 0, 23, 0, 24, 0, 56, 0, 64, 0, 67, 0, 82, 0, 83),
		iana(1, iaaddr(addr)), iapd(2, iaprefix(prefix, 56)), opt(20), opt(16, 0, 0, 0, 9, 0, 3, 'c', 'p', 'e'))
}

func BenchmarkRead(b *testing.B) {
	for _, tt := range []struct {
		name   string
		levels int
	}{{"direct", 0}, {"one_relay", 1}, {"two_relays", 2}, {"eight_relays", 8}} {
		b.Run(tt.name, func(b *testing.B) {
			m := behind(tt.levels, typical(), opt(18, []byte("ge-0/0/1.100")...), opt(37, 0, 0, 0, 9, 'r', 'i', 'd'))
			var c Chain
			var o Options
			b.ReportAllocs()
			for b.Loop() {
				if read(m, &c, &o) != frame.OK {
					b.Fatal("bad base packet")
				}
			}
		})
	}
}

func BenchmarkLeases(b *testing.B) {
	m := typical()
	var o Options
	if judge(m, &o) != frame.OK {
		b.Fatal("bad base packet")
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		var l Lease
		for i := range o.NumIAs() {
			ia := o.IA(m, i)
			for w := ia.Leases(); w.Next(&l); n++ {
			}
		}
		if n != 2 {
			b.Fatal(n)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	buf := make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := answer(buf); !ok {
			b.Fatal("full")
		}
	}
}

func BenchmarkWrap(b *testing.B) {
	var c Chain
	if c.Unwrap(behind(2, typical(), opt(18, []byte("ge-0/0/1.100")...))) != frame.OK {
		b.Fatal("bad base packet")
	}
	buf := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := c.Wrap(buf, 400, 300); !ok {
			b.Fatal("no room")
		}
	}
}
