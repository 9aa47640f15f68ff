// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"xdhcp/engine/frame"
)

// read runs a packet through all steps.
func read(b Msg, c *Chain, o *Options) frame.Reason {
	if why := c.Unwrap(b); why != frame.OK {
		return why
	}
	return judge(c.Msg(), o)
}

// many is n options made by f.
func many(n int, f func(i int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, f(i)...)
	}
	return b
}

// behind wraps m into n relays, each with the options given before the message.
func behind(n int, m Msg, opts ...[]byte) Msg {
	for i := range n {
		m = relayed(byte(i), linkA, peerA, slices.Concat(opts...), opt(9, m...))
	}
	return m
}

// corpus is good and bad packets, one name each.
func corpus() []row {
	sol := msg(1, clientID, opt(6, 0, 23), opt(8, 0, 0), iana(1, iaaddr(addr)), iapd(2, iaprefix(zero, 56)))
	one := behind(1, sol, opt(18, 'i'))
	set := func(m Msg, at int, v ...byte) Msg {
		m = bytes.Clone(m)
		copy(m[at:], v)
		return m
	}
	nest := opt(5, addr[:]...)
	for range 300 {
		nest = iana(1, nest)
	}
	deep := []byte{}
	for range 80 {
		deep = opt(5, slices.Concat(addr[:], make([]byte, 8), deep)...)
	}
	return []row{
		{"solicit", sol, frame.OK},
		{"solicit behind one relay", one, frame.OK},
		{"behind 8 relays", behind(8, sol), frame.OK},
		{"behind 32 relays", behind(32, sol), frame.OK},
		{"behind 33 relays", behind(33, sol), frame.RelayDepth},
		{"a relay loop", behind(100, sol), frame.RelayDepth},
		{"relays all the way down", behind(40, nil), frame.RelayDepth},
		{"relay with an empty message", relayed(0, linkA, peerA, opt(9)), frame.Truncated},
		{"relay without a message", relayed(0, linkA, peerA, opt(18, 1)), frame.BadOption},
		{"relay without options", relayed(0, linkA, peerA), frame.BadOption},
		{"relay with two messages", relayed(0, linkA, peerA, opt(9, sol...), opt(9, sol...)), frame.BadOption},
		{"relay with two Interface-Ids", relayed(0, linkA, peerA, opt(18, 1), opt(18, 1), opt(9, sol...)), frame.BadOption},
		{"relay header cut", relayed(0, linkA, peerA)[:33], frame.Truncated},
		{"inner relay header cut", relayed(0, linkA, peerA, opt(9, one[:33]...)), frame.Truncated},
		{"relay message past the end", set(one, 34+5+2, 0xff, 0xff), frame.BadOption},
		{"relay message past its envelope", behind(1, set(one, 34+5+2, byte(len(sol)>>8), byte(len(sol)+1))), frame.BadOption},
		{"half an option behind the relay message", append(bytes.Clone(one), 0, 18, 0), frame.BadOption},
		{"relay port of one byte", behind(1, sol, opt(135, 0)), frame.BadOption},
		{"relay port of three bytes", behind(1, sol, opt(135, 0, 0, 0)), frame.BadOption},
		{"remote-id without an id", behind(1, sol, opt(37, 0, 0, 0, 9)), frame.BadOption},
		{"empty subscriber-id", behind(1, sol, opt(38)), frame.BadOption},
		{"link-layer address without one", behind(1, sol, opt(79, 0, 1)), frame.BadOption},
		{"empty relay-id", behind(1, sol, opt(53)), frame.BadOption},
		{"relay-id of 131 bytes", behind(1, sol, opt(53, make([]byte, 131)...)), frame.BadOption},
		{"RSOO with half an option", behind(1, sol, opt(66, 0, 65, 0)), frame.BadOption},
		{"odd ERO", behind(1, sol, opt(43, 0)), frame.BadOption},
		{"unknown relay option", behind(1, sol, opt(4711, 1), opt(0)), frame.OK},
		{"empty packet", nil, frame.Truncated},
		{"client's message cut to 3 bytes", sol[:3], frame.Truncated},
		{"client's message without options", sol[:4], frame.NoClientID},
		{"option header cut", sol[:7], frame.BadOption},
		{"client identifier cut", sol[:12], frame.BadOption},
		{"client identifier of 65535 bytes", set(sol, 6, 0xff, 0xff), frame.BadOption},
		{"last option cut", sol[:len(sol)-1], frame.BadOption},
		{"a byte left over", append(bytes.Clone(sol), 0), frame.BadOption},
		{"empty options only", msg(1, clientID, many(900, func(int) []byte { return opt(200) })), frame.OK},
		{"options of code 0, empty", msg(1, clientID, make([]byte, 3600)), frame.OK},
		{"zero-length client identifier", msg(1, opt(1)), frame.BadDUID},
		{"zero-length IA_NA", msg(1, clientID, opt(3)), frame.BadOption},
		{"zero-length IA_TA", msg(1, clientID, opt(4)), frame.BadOption},
		{"zero-length IA_PD", msg(1, clientID, opt(25)), frame.BadOption},
		{"zero-length vendor class", msg(1, clientID, opt(16)), frame.BadOption},
		{"IA_NA of 11 bytes", msg(1, clientID, opt(3, make([]byte, 11)...)), frame.BadOption},
		{"IA_TA of 3 bytes", msg(1, clientID, opt(4, make([]byte, 3)...)), frame.BadOption},
		{"IA_PD of 11 bytes", msg(1, clientID, opt(25, make([]byte, 11)...)), frame.BadOption},
		{"zero-length address in IA_NA", msg(1, clientID, iana(1, opt(5))), frame.BadOption},
		{"address of 23 bytes", msg(1, clientID, iana(1, opt(5, make([]byte, 23)...))), frame.BadOption},
		{"address of 23 bytes in IA_TA", msg(1, clientID, iata(1, opt(5, make([]byte, 23)...))), frame.BadOption},
		{"prefix of 24 bytes", msg(1, clientID, iapd(1, opt(26, make([]byte, 24)...))), frame.BadOption},
		{"address past its IA", msg(1, clientID, iana(1, set(iaaddr(addr), 2, 0, 25))), frame.BadOption},
		{"half an option in an IA", msg(1, clientID, iana(1, []byte{0, 5, 0})), frame.BadOption},
		{"half an option in an address", msg(1, clientID, iana(1, iaaddr(addr, []byte{0, 13, 0}))), frame.BadOption},
		{"option past its prefix", msg(1, clientID, iapd(1, iaprefix(prefix, 56, []byte{0, 67, 0, 2, 64}))), frame.BadOption},
		{"status of one byte in an IA", msg(1, clientID, iana(1, opt(13, 0))), frame.BadOption},
		{"16 IAs", msg(1, clientID, many(16, func(i int) []byte { return iana(byte(i)) })), frame.OK},
		{"17 IAs", msg(1, clientID, many(17, func(i int) []byte { return iana(byte(i)) })), frame.TooManyIAs},
		{"17 IAs of all kinds", msg(1, clientID, many(6, func(i int) []byte { return slices.Concat(iana(byte(i)), iata(byte(i)), iapd(byte(i))) })), frame.TooManyIAs},
		{"200 IAs", msg(1, clientID, many(200, func(i int) []byte { return iana(byte(i)) })), frame.TooManyIAs},
		{"200 IAs of one IAID", msg(1, clientID, many(200, func(int) []byte { return iapd(1) })), frame.TooManyIAs},
		{"16 leases in an IA", msg(1, clientID, iana(1, many(16, func(int) []byte { return iaaddr(addr) }))), frame.OK},
		{"17 leases in an IA", msg(1, clientID, iana(1, many(17, func(int) []byte { return iaaddr(addr) }))), frame.TooManyIAs},
		{"17 prefixes in an IA", msg(1, clientID, iapd(1, many(17, func(int) []byte { return iaprefix(zero, 56) }))), frame.TooManyIAs},
		{"IAs in IAs", msg(1, clientID, iana(1, nest)), frame.OK},
		{"addresses in addresses", msg(1, clientID, iana(1, deep)), frame.OK},
		{"vendor options in vendor options", msg(1, clientID, opt(17, slices.Concat([]byte{0, 0, 1, 0x37}, opt(17, opt(17, opt(17)...)...))...)), frame.OK},
		{"a relay message in a client's message", msg(1, clientID, opt(9, one...)), frame.OK},
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range corpus() {
		t.Run(tt.name, func(t *testing.T) {
			var c Chain
			var o Options
			b := slices.Clip(bytes.Clone(tt.m))
			if got := read(b, &c, &o); got != tt.want {
				t.Fatalf("%v, want %v", got, tt.want)
			}
			if !bytes.Equal(b, tt.m) {
				t.Error("the packet was written to")
			}
			quiet(t, func() { read(b, &c, &o) })
		})
	}
}

// Every cut of a good packet is refused or is a shorter good packet, and every
// changed byte is survived.
func TestMutations(t *testing.T) {
	var c Chain
	var o Options
	for _, tt := range corpus() {
		if tt.want != frame.OK || len(tt.m) > 400 {
			continue
		}
		for cut := range tt.m {
			if why := read(slices.Clip(bytes.Clone(tt.m[:cut])), &c, &o); why == frame.OK && c.N() > 0 {
				t.Errorf("%s, cut to %d: OK", tt.name, cut)
			}
		}
		b := bytes.Clone(tt.m)
		for i := range b {
			for _, v := range []byte{0, 1, 12, 13, 0x7f, 0xff} {
				was := b[i]
				b[i] = v
				if read(b, &c, &o) == frame.OK {
					for k := range o.NumIAs() {
						ia := o.IA(c.Msg(), k)
						n := 0
						var l Lease
						for w := ia.Leases(); w.Next(&l); n++ {
						}
						if n > MaxLeases {
							t.Fatalf("%s: %d leases", tt.name, n)
						}
					}
				}
				b[i] = was
			}
		}
	}
}

// What has 65,536 bytes or more cannot be indexed.
func TestTooLong(t *testing.T) {
	var c Chain
	for n, want := range map[int]frame.Reason{0xffff: frame.OK, 0x10000: frame.Truncated} {
		m := make(Msg, n)
		m[0] = 1
		if got := c.Unwrap(m); got != want {
			t.Errorf("Unwrap of %d bytes: %v", n, got)
		}
		if got := CheckType(m); got != want {
			t.Errorf("CheckType of %d bytes: %v", n, got)
		}
	}
}

// Wrap's bounds: a datagram is no longer than 65,527 bytes.
func TestWrapBounds(t *testing.T) {
	var c Chain
	if why := c.Unwrap(behind(2, msg(1, clientID), opt(18, 'i'))); why != frame.OK {
		t.Fatal(why)
	}
	over := c.Overhead()
	buf := make([]byte, 80000)
	for _, tt := range []struct {
		off, n int
		ok     bool
	}{
		{over, 0, true}, {over - 1, 0, false}, {over, -1, false}, {80000, 0, true}, {79999, 2, false},
		{over, 65527 - over, true}, {over, 65528 - over, false},
	} {
		if _, _, ok := c.Wrap(buf, tt.off, tt.n); ok != tt.ok {
			t.Errorf("Wrap(%d, %d) = %v", tt.off, tt.n, ok)
		}
	}
}

// BenchmarkBadInput measures that hostile packets cost no more per byte than others.
func BenchmarkBadInput(b *testing.B) {
	var c Chain
	var o Options
	for _, tt := range corpus() {
		if len(tt.m) < 900 {
			continue
		}
		b.Run(fmt.Sprintf("%s/%d", tt.name, len(tt.m)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.m)))
			for b.Loop() {
				read(tt.m, &c, &o)
			}
		})
	}
}
