// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"slices"
	"testing"

	"xdhcp/engine/frame"
)

// opt is one option as RFC 8415 §21.1 draws it.
func opt(code int, data ...byte) []byte {
	return append([]byte{byte(code >> 8), byte(code), byte(len(data) >> 8), byte(len(data))}, data...)
}

// msg is a message between client and server as §8 draws it.
func msg(typ byte, opts ...[]byte) Msg {
	return Msg(append([]byte{typ, 0xab, 0xcd, 0xef}, slices.Concat(opts...)...))
}

// relayed is a Relay-forward message as §9 draws it.
func relayed(hops byte, link, peer [16]byte, opts ...[]byte) Msg {
	return Msg(slices.Concat([]byte{12, hops}, link[:], peer[:], slices.Concat(opts...)))
}

// num is a number in n bytes of network order.
func num(n int, v uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v >> (8 * (n - 1 - i)))
	}
	return b
}

var (
	clientDUID = []byte{0, 1, 0, 1, 0x2b, 1, 2, 3, 2, 0, 0, 0, 0, 1} // DUID-LLT
	serverDUID = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 9}                // DUID-LL
	otherDUID  = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 8}

	clientID = opt(1, clientDUID...)
	serverID = opt(2, serverDUID...)

	// 2001:db8:0:1::10, 2001:db8:100::, fe80::2
	addr   = [16]byte{0x20, 0x01, 0x0d, 0xb8, 7: 1, 15: 0x10}
	prefix = [16]byte{0x20, 0x01, 0x0d, 0xb8, 0x01}
	ll     = [16]byte{0xfe, 0x80, 15: 2}
	zero   [16]byte
)

// iana, iata, iapd are IA options of the given IAID with options in them.
func iana(id byte, opts ...[]byte) []byte {
	return opt(3, slices.Concat([]byte{0, 0, 0, id}, num(4, 1000), num(4, 2000), slices.Concat(opts...))...)
}

func iata(id byte, opts ...[]byte) []byte {
	return opt(4, slices.Concat([]byte{0, 0, 0, id}, slices.Concat(opts...))...)
}

func iapd(id byte, opts ...[]byte) []byte {
	return opt(25, slices.Concat([]byte{0, 0, 0, id}, num(4, 1000), num(4, 2000), slices.Concat(opts...))...)
}

// iaaddr and iaprefix are leases with preferred 300 and valid 500.
func iaaddr(a [16]byte, opts ...[]byte) []byte {
	return opt(5, slices.Concat(a[:], num(4, 300), num(4, 500), slices.Concat(opts...))...)
}

func iaprefix(p [16]byte, n byte, opts ...[]byte) []byte {
	return opt(26, slices.Concat(num(4, 300), num(4, 500), []byte{n}, p[:], slices.Concat(opts...))...)
}

// judge runs a client's message through all steps, as a server with serverDUID does.
func judge(m Msg, o *Options) frame.Reason {
	if why := CheckType(m); why != frame.OK {
		return why
	}
	if why := o.Scan(m); why != frame.OK {
		return why
	}
	return o.Check(m, serverDUID)
}

// quiet fails if f allocates.
func quiet(t *testing.T, f func()) {
	t.Helper()
	if a := testing.AllocsPerRun(10, f); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got % x\nwant % x", what, got, want)
	}
}
