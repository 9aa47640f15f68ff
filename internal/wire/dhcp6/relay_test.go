// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"slices"
	"testing"

	"xdhcp/engine/frame"
)

var (
	linkA = [16]byte{0x20, 0x01, 0x0d, 0xb8, 7: 0xa, 15: 1}
	linkB = [16]byte{0x20, 0x01, 0x0d, 0xb8, 7: 0xb, 15: 1}
	peerC = [16]byte{0xfe, 0x80, 8: 0x00, 0xaa, 0xbb, 0xff, 0xfe, 0xcc, 0xdd, 0xee} // EUI-64 of 02:aa:bb:cc:dd:ee
	peerA = [16]byte{0x20, 0x01, 0x0d, 0xb8, 7: 0xa, 15: 1}
)

// wrap answers packet with reply as its relays want it, in a buffer with guards.
func wrap(t *testing.T, packet Msg, reply []byte) []byte {
	t.Helper()
	var c Chain
	if why := c.Unwrap(packet); why != frame.OK {
		t.Fatal(why)
	}
	before := bytes.Clone(packet)
	const at = 2000
	buf := bytes.Repeat([]byte{0xee}, at+len(reply)+100)
	copy(buf[at:], reply)
	off, n, ok := c.Wrap(buf, at, len(reply))
	if !ok || off != at-c.Overhead() || off+n != at+len(reply) {
		t.Fatalf("Wrap = %d, %d, %v; overhead %d", off, n, ok, c.Overhead())
	}
	if !bytes.Equal(before, packet) {
		t.Error("the request was written to")
	}
	for i, v := range buf {
		if (i < off || i >= off+n) && v != 0xee {
			t.Fatalf("written outside, at %d", i)
		}
	}
	quiet(t, func() { c.Unwrap(packet); c.Wrap(buf, at, len(reply)) })
	// One byte less in front, and it does not fit and writes nothing.
	tight := bytes.Repeat([]byte{0xee}, at)
	if _, _, ok := c.Wrap(tight, c.Overhead()-1, 10); ok && c.Overhead() > 0 {
		t.Error("Wrap without room says ok")
	}
	if !bytes.Equal(tight, bytes.Repeat([]byte{0xee}, at)) {
		t.Error("Wrap without room has written")
	}
	return buf[off : off+n]
}

// RFC 8415 §19.3, figure 10: "if client C sent a message that was relayed by
// relay agent A to relay agent B and then to the server, the server would send
// the following Relay-reply message to relay agent B".
func TestS19_3Figure10(t *testing.T) {
	solicit := msg(1, clientID)
	packet := relayed(1, zero, peerA, opt(9, relayed(0, linkA, peerC, opt(9, solicit...))...))
	var c Chain
	if why := c.Unwrap(packet); why != frame.OK || c.N() != 2 || !bytes.Equal(c.Msg(), solicit) {
		t.Fatalf("%v, %d levels, % x", why, c.N(), c.Msg())
	}
	if c.Hops(0) != 1 || c.Hops(1) != 0 || *c.LinkAddr(0) != zero || *c.LinkAddr(1) != linkA || *c.PeerAddr(0) != peerA || *c.PeerAddr(1) != peerC {
		t.Error("headers")
	}
	reply := []byte{2, 0xab, 0xcd, 0xef, 0, 14, 0, 0}
	want := slices.Concat(
		[]byte{13, 1}, zero[:], peerA[:], []byte{0, 9, 0, 34 + 4 + 8},
		[]byte{13, 0}, linkA[:], peerC[:], []byte{0, 9, 0, 8},
		reply)
	same(t, "Relay-reply", wrap(t, packet, reply), want)
}

// A message that came without relays is answered as it is.
func TestNoRelay(t *testing.T) {
	m := msg(1, clientID)
	var c Chain
	if why := c.Unwrap(m); why != frame.OK || c.N() != 0 || !bytes.Equal(c.Msg(), m) || c.Overhead() != 0 {
		t.Fatalf("%v, %d levels", why, c.N())
	}
	if _, _, ok := c.Link(); ok {
		t.Error("a link-address without a relay")
	}
	if _, _, ok := c.LinkLayer(); ok {
		t.Error("a link-layer address without a relay")
	}
	if c.ReplyPort(12345) != 546 {
		t.Error("a client listens on 546")
	}
	same(t, "reply", wrap(t, m, []byte{7, 1, 2, 3}), []byte{7, 1, 2, 3})
}

// §21.18: "The server MUST copy the Interface-Id option from the Relay-forward
// message into the Relay-reply message": each level its own, wherever among the
// options it is.
func TestS21_18InterfaceID(t *testing.T) {
	inner := relayed(0, linkA, peerC, opt(9, msg(1, clientID)...), opt(18, 'e', 't', 'h', '7'), opt(37, 0, 0, 0, 9, 'r'))
	middle := relayed(1, zero, peerA, opt(9, inner...))
	packet := relayed(2, linkB, peerA, opt(18), opt(9, middle...))
	var c Chain
	if why := c.Unwrap(packet); why != frame.OK {
		t.Fatal(why)
	}
	if id, ok := c.InterfaceID(0); !ok || len(id) != 0 {
		t.Errorf("level 0: %q, %v", id, ok)
	}
	if _, ok := c.InterfaceID(1); ok {
		t.Error("level 1 has an Interface-Id")
	}
	if id, ok := c.InterfaceID(2); !ok || string(id) != "eth7" {
		t.Errorf("level 2: %q, %v", id, ok)
	}
	reply := []byte{7, 0, 0, 1}
	want := slices.Concat(
		[]byte{13, 2}, linkB[:], peerA[:], []byte{0, 18, 0, 0, 0, 9, 0, 38 + 38 + 8 + 4},
		[]byte{13, 1}, zero[:], peerA[:], []byte{0, 9, 0, 38 + 8 + 4},
		[]byte{13, 0}, linkA[:], peerC[:], []byte{0, 18, 0, 4, 'e', 't', 'h', '7', 0, 9, 0, 4},
		reply)
	same(t, "Relay-reply", wrap(t, packet, reply), want)
}

// RFC 8357 §5.2: "it MUST copy the option when constructing the Relay-reply
// chain" and "MUST check and use the UDP source port".
func TestRFC8357RelayPort(t *testing.T) {
	inner := relayed(0, linkA, peerC, opt(135, 0, 0), opt(9, msg(1, clientID)...))
	packet := relayed(1, linkB, peerA, opt(18, 'x'), opt(135, 0x03, 0xe8), opt(9, inner...))
	reply := []byte{7, 0, 0, 1}
	want := slices.Concat(
		[]byte{13, 1}, linkB[:], peerA[:], []byte{0, 18, 0, 1, 'x', 0, 135, 0, 2, 3, 0xe8, 0, 9, 0, 34 + 6 + 4 + 4},
		[]byte{13, 0}, linkA[:], peerC[:], []byte{0, 135, 0, 2, 0, 0, 0, 9, 0, 4},
		reply)
	same(t, "Relay-reply", wrap(t, packet, reply), want)
	// In the order of the relay's own options.
	packet2 := relayed(0, linkA, peerC, opt(135, 0x03, 0xe8), opt(9, msg(1, clientID)...), opt(18, 'x'))
	want = slices.Concat(
		[]byte{13, 0}, linkA[:], peerC[:], []byte{0, 135, 0, 2, 3, 0xe8, 0, 18, 0, 1, 'x', 0, 9, 0, 4},
		reply)
	same(t, "Relay-reply", wrap(t, packet2, reply), want)
	var c Chain
	c.Unwrap(packet)
	if got := c.ReplyPort(1000); got != 1000 {
		t.Errorf("reply to port %d", got)
	}
	// Only the relay that sent the packet counts: another's port is in the option.
	c.Unwrap(relayed(1, linkB, peerA, opt(9, inner...)))
	if got := c.ReplyPort(1000); got != 547 {
		t.Errorf("reply to port %d", got)
	}
}

// RFC 4994 §5: options listed in the Echo Request are copied verbatim, those
// that are not there or are in the reply already are ignored.
func TestRFC4994EchoRequest(t *testing.T) {
	packet := relayed(0, linkA, peerC,
		opt(43, 0, 37, 0, 38, 0, 9, 0, 18, 0, 200), opt(37, 0, 0, 0, 9, 'r'), opt(53, 0, 9, 7),
		opt(9, msg(1, clientID)...), opt(18, 'i'), opt(135, 0, 0), opt(200, 5))
	reply := []byte{7, 0, 0, 1}
	want := slices.Concat([]byte{13, 0}, linkA[:], peerC[:],
		[]byte{0, 37, 0, 5, 0, 0, 0, 9, 'r', 0, 18, 0, 1, 'i', 0, 135, 0, 2, 0, 0, 0, 200, 0, 1, 5, 0, 9, 0, 4}, reply)
	same(t, "Relay-reply", wrap(t, packet, reply), want)
}

// RFC 4649, 4580, 5460, 6422: what a relay says about the client's line.
func TestRelayIdentities(t *testing.T) {
	inner := relayed(0, linkA, peerC, opt(37, 0, 0, 0, 9, 'r', 'i', 'd'), opt(38, 's', 'u', 'b'),
		opt(53, 0, 9, 7), opt(66, opt(65, 1, 2)...), opt(9, msg(1, clientID)...))
	packet := relayed(1, zero, peerA, opt(38, 'o', 'u', 't', 'e', 'r'), opt(9, inner...))
	var c Chain
	if why := c.Unwrap(packet); why != frame.OK {
		t.Fatal(why)
	}
	get := func(b []byte, ok bool) string {
		if !ok {
			return "none"
		}
		return string(b)
	}
	for _, x := range []struct{ what, got, want string }{
		{"remote-id 1", get(c.RemoteID(1)), "\x00\x00\x00\x09rid"},
		{"remote-id 0", get(c.RemoteID(0)), "none"},
		{"subscriber-id 1", get(c.SubscriberID(1)), "sub"},
		{"subscriber-id 0", get(c.SubscriberID(0)), "outer"},
		{"relay-id 1", get(c.RelayID(1)), "\x00\x09\x07"},
		{"relay-id 0", get(c.RelayID(0)), "none"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", x.what, x.got, x.want)
		}
	}
	rsoo, ok := c.RSOO(1)
	if data, has := rsoo.Get(65); !ok || !has || !bytes.Equal(data, []byte{1, 2}) {
		t.Errorf("RSOO % x", rsoo)
	}
	if data, ok := c.Opts(0).Get(38); !ok || string(data) != "outer" {
		t.Errorf("options of level 0: % x", c.Opts(0))
	}
}

// RFC 6939 §6: "it SHOULD look for the Client Link-Layer Address option in the
// Relay-Forward DHCP message of the DHCPv6 relay agent closest to the client."
func TestRFC6939LinkLayer(t *testing.T) {
	mac := opt(79, 0, 1, 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee)
	var c Chain
	if why := c.Unwrap(relayed(1, zero, peerA, opt(9, relayed(0, linkA, peerC, mac, opt(9, msg(1)...))...))); why != frame.OK {
		t.Fatal(why)
	}
	htype, hw, ok := c.LinkLayer()
	if !ok || htype != 1 || !bytes.Equal(hw, []byte{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}) {
		t.Errorf("%d % x %v", htype, hw, ok)
	}
	// The outer relay's is the inner relay's address.
	c.Unwrap(relayed(1, zero, peerA, mac, opt(9, relayed(0, linkA, peerC, opt(9, msg(1)...))...)))
	if _, hw, ok := c.LinkLayer(); ok {
		t.Errorf("took % x of the outer relay", hw)
	}
	if got, ok := MACFromEUI64(*c.PeerAddr(1)); !ok || got != [6]byte{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee} {
		t.Errorf("EUI-64: % x, %v", got, ok)
	}
	if _, ok := MACFromEUI64(*c.PeerAddr(0)); ok {
		t.Error("EUI-64 in an address without one")
	}
}

// RFC 8415 §19.1.2: "sets the link-address field to 0" when the relay below has a
// global address; so the innermost link-address that is not zero says where the
// client is.
func TestS19_1LinkChoice(t *testing.T) {
	for _, tt := range []struct {
		name  string
		links [][16]byte // outermost first
		want  [16]byte
		level int
		ok    bool
	}{
		{"one", [][16]byte{linkA}, linkA, 0, true},
		{"outer zero", [][16]byte{zero, linkA}, linkA, 1, true},
		{"inner wins", [][16]byte{linkB, linkA}, linkA, 1, true},
		{"a lightweight relay leaves it zero", [][16]byte{linkB, zero}, linkB, 0, true},
		{"middle", [][16]byte{linkB, linkA, zero, zero}, linkA, 1, true},
		{"all zero", [][16]byte{zero, zero}, zero, 0, false},
	} {
		m := msg(1, clientID)
		for i := len(tt.links) - 1; i >= 0; i-- {
			m = relayed(byte(len(tt.links)-1-i), tt.links[i], peerA, opt(9, m...))
		}
		var c Chain
		if why := c.Unwrap(m); why != frame.OK {
			t.Fatal(why)
		}
		got, level, ok := c.Link()
		if ok && *got != tt.want || level != tt.level || ok != tt.ok {
			t.Errorf("%s: %x, %d, %v", tt.name, got, level, ok)
		}
	}
}

// RFC 6603 §4.2: the example, and the ends of the format.
func TestRFC6603PDExclude(t *testing.T) {
	beef := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0xde, 0xad, 0xbe, 0xef, 0xff}
	for _, tt := range []struct {
		len, exLen uint8
		ex         [16]byte
		want       []byte
	}{
		{59, 64, beef, []byte{0, 67, 0, 2, 64, 0b01111000}},
		{56, 64, beef, []byte{0, 67, 0, 2, 64, 0xef}},
		{48, 64, beef, []byte{0, 67, 0, 3, 64, 0xbe, 0xef}},
		{63, 64, beef, []byte{0, 67, 0, 2, 64, 0x80}},
		{44, 60, beef, []byte{0, 67, 0, 3, 60, 0xdb, 0xee}},
		{0, 128, beef, append([]byte{0, 67, 0, 17, 128}, beef[:]...)},
		{127, 128, [16]byte{15: 1}, []byte{0, 67, 0, 2, 128, 0x80}},
		{64, 64, beef, nil},
		{64, 60, beef, nil},
		{64, 129, beef, nil},
	} {
		b := make([]byte, 40)
		w := NewWriter(b)
		w.PutExclude(tt.len, tt.ex, tt.exLen)
		n, _ := w.End()
		if !bytes.Equal(b[:n], tt.want) {
			t.Errorf("/%d in /%d: % x, want % x", tt.exLen, tt.len, b[:n], tt.want)
		}
	}
}
