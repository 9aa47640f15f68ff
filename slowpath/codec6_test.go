// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// The bytes of one reply, all of them, written down by hand from RFC 8415 §8, §21
// and RFC 6603 §4.2; as a frame, and as a payload for the kernel.
func TestReply6Bytes(t *testing.T) {
	r := newRig6(t)
	a := &r.brain.answer
	a.Leases[1].Exclude = lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000:7ab::")), Len: 64}
	a.Status = exchange6.Status{Set: true, Code: 0, Text: "ok"}
	a.NIAs = 3
	a.IAs[2] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.TA, ID: 9}, Status: exchange6.Status{Set: true, Code: 2}}
	m := request6(3, opt6(2, serverID6...))
	want := cat(
		[]byte{7, 0xab, 0xcd, 0xef},
		opt6(1, clientID6...), opt6(2, serverID6...), opt6(13, 0, 0, 'o', 'k'),
		opt6(3, cat(u32s(1, 1800, 2880), opt6(5, cat(net.ParseIP("2001:db8:0:0:1::7"), u32s(3600, 7200))...))...),
		opt6(25, cat(u32s(2, 1800, 2880), opt6(26, cat(u32s(3600, 7200), []byte{56}, net.ParseIP("2001:db8:1000:700::"), opt6(67, 64, 0xab))...))...),
		opt6(4, cat(u32s(9), opt6(13, 0, 2))...),
		opt6(23, net.ParseIP("2001:db8::53")...), opt6(24, []byte("\x07example\x03net\x00")...),
	)
	for _, tags := range [][]uint16{nil, {0x6064}, {200, 7}} {
		e := fromClient6()
		e.tags = tags
		in := e.wrap6(t, m)
		got := r.frame(in)
		if got.Verdict != frame.Await || got.Wait != 7 || got.Type != 7 || !got.V6 {
			t.Fatalf("%v, %v, ticket %d", got.Verdict, got.Reason, got.Wait)
		}
		f := open6(t, got.Frame)
		if !bytes.Equal(f.payload, want) || !bytes.Equal(got.Message, want) {
			t.Errorf("got\n% x, want\n% x", f.payload, want)
		}
		if len(f.tags) != len(tags) || !bytes.Equal(got.Frame[12:14+4*len(tags)], in[12:14+4*len(tags)]) {
			t.Errorf("tags %v", f.tags)
		}
		if !bytes.Equal(f.eth.DstMAC, clientMAC) || !bytes.Equal(f.eth.SrcMAC, portMAC) || !f.ip.DstIP.Equal(clientLL) || !f.ip.SrcIP.Equal(serverLL) ||
			f.udp.SrcPort != 547 || f.udp.DstPort != 546 || f.ip.HopLimit != 64 {
			t.Errorf("%v -> %v, %v -> %v, to port %d", f.eth.SrcMAC, f.eth.DstMAC, f.ip.SrcIP, f.ip.DstIP, f.udp.DstPort)
		}
		if c := r.brain.query.Client; !bytes.Equal(c.LinkLayer, cat([]byte{0, 1}, clientMAC)) {
			t.Errorf("link layer % x", c.LinkLayer)
		}
	}
	got := r.payload(m)
	if got.Frame != nil || !bytes.Equal(got.Message, want) || got.Dest6 != [16]byte(clientLL) || got.Source6 != [16]byte(serverLL) || got.DestPort != 546 {
		t.Errorf("for the kernel: %+v", got)
	}
	if r.brain.query.Client.LinkLayer != nil {
		t.Error("a link layer that nobody has seen")
	}
	if n := testing.AllocsPerRun(20, func() { r.c.AnswerUDP(r.policy, m, &Meta6{Src: [16]byte(clientLL), DstPort: 547}, now, r.batch, &r.r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// RFC 6603 §4.2: "prefix6 subnet ID": bits behind the delegated prefix's length, from
// an octet boundary, zero behind the excluded prefix's.
func TestExclude6(t *testing.T) {
	for _, tt := range []struct {
		delegated, excluded uint8
		x                   string
		want                []byte
	}{
		{56, 64, "2001:db8:1000:7ab::", []byte{64, 0xab}},
		{48, 64, "2001:db8:1000:7ab::", []byte{64, 0x07, 0xab}},
		{59, 64, "2001:db8:1000:755::", []byte{64, 0xa8}}, // 0x55 = 010 10101
		{60, 69, "2001:db8:1000:755:8800::", []byte{69, 0x58, 0x80}},
		{56, 56, "2001:db8::", nil},
	} {
		e := &encoder6{}
		e.exclude(tt.delegated, lease6.Prefix{IP6: ip6(net.ParseIP(tt.x)), Len: tt.excluded})
		var want []byte
		if tt.want != nil {
			want = opt6(67, tt.want...)
		}
		if !bytes.Equal(e.b, want) {
			t.Errorf("/%d without /%d: % x, want % x", tt.delegated, tt.excluded, e.b, want)
		}
	}
}

// RFC 8415 §19.3: the reply goes back through the relays inside out, with hop counts,
// addresses, Interface-Id (§21.18), Relay Source Port (RFC 8357 §5.2) and what the
// relay asked to have back (RFC 4994 §5).
func TestRelays6(t *testing.T) {
	r := newRig6(t)
	r.brain.answer.NIAs, r.brain.answer.Options = 0, nil
	inner := envelope6(0, relayA, clientLL, request6(1), opt6(18, 'i'), opt6(37, 0, 0, 0, 9, 'x'))
	outer := envelope6(1, nowhere, net.ParseIP("2001:db8:f::2"), inner, opt6(135, 3, 0xe8), opt6(43, 0, 37, 0, 9, 0, 200), opt6(200, 'u'), opt6(37, 0, 0, 0, 9, 'y'), opt6(201, 'v'))
	reply := cat([]byte{7, 0xab, 0xcd, 0xef}, opt6(1, clientID6...), opt6(2, serverID6...))
	want := cat([]byte{13, 1}, nowhere.To16(), net.ParseIP("2001:db8:f::2"), opt6(135, 3, 0xe8), opt6(200, 'u'), opt6(37, 0, 0, 0, 9, 'y'),
		opt6(9, cat([]byte{13, 0}, relayA.To16(), clientLL, opt6(18, 'i'), opt6(9, reply...))...))
	e := fromRelay6()
	e.sport = 40000
	got := r.frame(e.wrap6(t, outer))
	f := open6(t, got.Frame)
	if !bytes.Equal(f.payload, want) {
		t.Errorf("got\n% x, want\n% x", f.payload, want)
	}
	if f.udp.DstPort != 40000 || !f.ip.DstIP.Equal(relayA) || !bytes.Equal(f.eth.DstMAC, relayMAC) || len(f.relays) != 2 {
		t.Errorf("to %v, %v, port %d", f.eth.DstMAC, f.ip.DstIP, f.udp.DstPort)
	}
	q := r.brain.query
	if q.Relays != 2 || q.Link != ip6(relayA) || string(q.Client.InterfaceID) != "i" || string(q.Client.RemoteID) != "\x00\x00\x00\x09x" || !bytes.Equal(q.Client.Peer, clientLL) {
		t.Errorf("%+v", q.Client)
	}
	// The expressions' view: 0 is next to the client.
	if v, ok := q.Packet.RelayOption(0, 18); !ok || string(v) != "i" {
		t.Errorf("relay option 18: %q, %v", v, ok)
	}
	if v, ok := q.Packet.RelayOption(1, 201); !ok || string(v) != "v" {
		t.Errorf("relay option 201: %q, %v", v, ok)
	}
	for _, level := range []int{-1, 2} {
		if _, ok := q.Packet.RelayOption(level, 18); ok {
			t.Errorf("there is no relay %d", level)
		}
	}
	if v, ok := q.Packet.Option(8); !ok || !bytes.Equal(v, []byte{0, 100}) {
		t.Errorf("option 8: % x, %v", v, ok)
	}
	// Without the option: 547.
	e.sport = 546
	if got := r.frame(e.wrap6(t, inner)); got.DestPort != 547 {
		t.Errorf("to port %d", got.DestPort)
	}
}

// What the query says about the message; as in the in-place path's test.
func TestQuery6(t *testing.T) {
	r := newRig6(t)
	vendor := func(e byte) []byte { return cat([]byte{0, 0, 0, e}, []byte{0, 1, 'v'}) }
	r.payload(msg6(1, opt6(1, clientID6...), opt6(2, serverID6...), opt6(14), opt6(20), opt6(15, 0, 1, 'u'), opt6(61, 0, 7), opt6(39, 1, 4, 'h', 'o', 's', 't'),
		opt6(16, vendor(1)...), opt6(16, vendor(2)...), opt6(17, cat([]byte{0, 0, 0, 3}, opt6(1, 'x'))...),
		iana(1, iaaddr("2001:db8::1"), iaaddr("2001:db8::2")), iata(1), iapd(1, iaprefix("2001:db8:1000::/56")), opt6(6, 0, 23, 1, 0)))
	q := r.brain.query
	if q.Type != 1 || q.Src != ip6(clientLL) || q.Dst != ip6(groupLink) || !q.HasServerID || !q.RapidCommit || !q.ReconfigureAccept || !bytes.Equal(q.Client.DUID, clientID6) {
		t.Errorf("%+v", q.Client)
	}
	if !bytes.Equal(q.UserClass, []byte{0, 1, 'u'}) || !bytes.Equal(q.Arch, []byte{0, 7}) || string(q.FQDN) != "\x01\x04host" ||
		!bytes.Equal(q.VendorClass[1], vendor(2)) || q.VendorClass[2] != nil || !bytes.Equal(q.VendorOpts[0], cat([]byte{0, 0, 0, 3}, opt6(1, 'x'))) {
		t.Error("options")
	}
	if !q.Asked.Has(23) || !q.Asked.Has(256) || q.Asked.Has(24) {
		t.Error("ORO")
	}
	if q.NIAs != 3 || q.NLeases != 3 || q.IAs[1].Type != lease6.TA || q.IAs[2].First != 2 || q.Leases[2] != (lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000::")), Len: 56}) {
		t.Errorf("%d IAs, %v, leases %v", q.NIAs, q.IAs[:3], q.Leases[:3])
	}
}

// More options than a message may have are left out, and counted; a reply of several
// kilobytes is made whole.
func TestOverflow6(t *testing.T) {
	long := func(code uint16, n int) policy6.Option {
		return policy6.Option{Code: code, Data: pattern(n), Always: true}
	}
	r := newRig6(t, long(1000, 5000), long(1001, 5000), long(1002, 7000), long(1003, 100))
	got := r.payload(request6(1))
	a := read6(t, got.Message)
	if got.Overflow.Options != 1 || len(got.Message) < 10000 {
		t.Errorf("%d left out, %d bytes", got.Overflow.Options, len(got.Message))
	}
	for _, code := range []uint16{1000, 1001, 1003} {
		o := a.msg.GetOneOption(dhcpv6.OptionCode(code))
		if o == nil || !bytes.Equal(o.ToBytes(), pattern(len(o.ToBytes()))) {
			t.Errorf("option %d: %v", code, o)
		}
	}
	if a.msg.GetOneOption(dhcpv6.OptionCode(1002)) != nil {
		t.Error("option 1002 fits?")
	}
}

// What is not answered, each for its Reason.
func TestNotAnswered6(t *testing.T) {
	nested := func(levels int) []byte {
		m := request6(1)
		for i := range levels {
			m = envelope6(byte(i), relayA, clientLL, m)
		}
		return m
	}
	ias := func(n int) (b []byte) {
		for i := range n {
			b = append(b, iana(uint32(i))...)
		}
		return b
	}
	id := opt6(1, clientID6...)
	for _, tt := range []struct {
		name string
		msg  []byte
		why  frame.Reason
	}{
		{"empty", nil, frame.Truncated},
		{"three bytes", []byte{1, 0, 0}, frame.Truncated},
		{"type 0", msg6(0, id), frame.NoType},
		{"type 255", msg6(255, id), frame.NoType},
		{"a server's Advertise", msg6(2, id), frame.FromServer},
		{"a Relay-reply", msg6(13, id), frame.FromServer},
		{"a bulk leasequery's data", msg6(17, id), frame.FromServer},
		{"an option's header cut", msg6(1, id, []byte{0, 3, 0}), frame.BadOption},
		{"an option past the end", msg6(1, id, []byte{0, 3, 0, 200, 1}), frame.BadOption},
		{"no DUID's bytes", msg6(1, opt6(1)), frame.BadDUID},
		{"a DUID of 131 bytes", msg6(1, opt6(1, make([]byte, 131)...)), frame.BadDUID},
		{"two DUIDs", msg6(1, id, id), frame.BadDUID},
		{"an IA of 11 bytes", msg6(1, id, opt6(3, make([]byte, 11)...)), frame.BadOption},
		{"a prefix of 129 bits", msg6(1, id, iapd(1, opt6(26, cat(u32s(0, 0), []byte{129}, make([]byte, 16))...))), frame.BadOption},
		{"the same IA twice", msg6(1, id, iana(1), iana(1)), frame.BadRequest},
		{"200 IAs", msg6(1, id, ias(200)), frame.TooManyIAs},
		{"33 relays", nested(33), frame.RelayDepth},
		{"a relay without a message", envelope6(0, relayA, clientLL, nil)[:34], frame.BadOption},
		{"a relay with two messages", envelope6(0, relayA, clientLL, request6(1), opt6(9, request6(1)...)), frame.BadOption},
		{"a relay's port of one byte", envelope6(0, relayA, clientLL, request6(1), opt6(135, 1)), frame.BadOption},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig6(t)
			for road, got := range map[string]*Reply{"frame": r.frame(fromClient6().wrap6(t, tt.msg)), "payload": r.payload(tt.msg)} {
				if got.Verdict != frame.Drop || got.Reason != tt.why {
					t.Errorf("%s: %v, %v; want %v", road, got.Verdict, got.Reason, tt.why)
				}
			}
			if r.brain.asked != 0 {
				t.Error("the exchange was asked")
			}
		})
	}

	r := newRig6(t)
	m := request6(1)
	for _, src := range []net.IP{nowhere, groupSite} {
		e := fromClient6()
		e.from = src
		if got := r.frame(e.wrap6(t, m)); got.Reason != frame.BadSource {
			t.Errorf("from %v: %v, %v", src, got.Verdict, got.Reason)
		}
	}
	e := fromClient6()
	e.dport = 546
	if got := r.frame(e.wrap6(t, m)); got.Reason != frame.NotDHCP {
		t.Errorf("to 546: %v", got.Reason)
	}
	in := fromClient6().wrap6(t, m)
	for _, sum := range []uint16{0, binary.BigEndian.Uint16(in[60:]) + 1} {
		bad := bytes.Clone(in)
		binary.BigEndian.PutUint16(bad[60:], sum)
		if got := r.frame(bad); got.Reason != frame.BadChecksum {
			t.Errorf("checksum %04x: %v", sum, got.Reason)
		}
	}
	if r.c.Answer(r.policy, in, 1, now, r.batch, &r.r); r.r.Reason != frame.NoSubnet {
		t.Errorf("another port: %v", r.r.Reason)
	}
	if r.c.Answer(nil, in, 0, now, r.batch, &r.r); r.r.Reason != frame.NotDHCP {
		t.Errorf("no policy: %v", r.r.Reason)
	}
	r.brain.answer = exchange6.Answer{Reason: frame.NotDurable}
	if got := r.frame(in); got.Verdict != frame.Drop || got.Reason != frame.NotDurable {
		t.Errorf("%v, %v", got.Verdict, got.Reason)
	}
}

// Fragments put together again in the order of their offsets are the packet (RFC 8200
// §4.5): parts of eight bytes, but for the last; one identification.
func TestFragments6(t *testing.T) {
	for _, n := range []int{1, 1452, 1453, 1460, 3000, 16000} {
		for _, l3 := range []int{14, 22} {
			f := pattern(l3 + 40 + n)
			f[l3+6] = 17
			var got []byte
			var room []byte
			parts := 0
			err := fragments6(f, l3, 1500, 77, &room, func(p []byte) error {
				parts++
				if len(p)-l3 > 1500 || !bytes.Equal(p[:l3+4], f[:l3+4]) || !bytes.Equal(p[l3+7:l3+40], f[l3+7:l3+40]) {
					t.Fatalf("part of %d bytes: % x", len(p), p[:60])
				}
				if len(f)-l3 <= 1500 {
					if !bytes.Equal(p, f) {
						t.Error("changed")
					}
					got = append(got, p[l3+40:]...)
					return nil
				}
				if int(binary.BigEndian.Uint16(p[l3+4:])) != len(p)-l3-40 || p[l3+6] != 44 || p[l3+40] != 17 || binary.BigEndian.Uint32(p[l3+44:]) != 77 {
					t.Fatalf("headers % x", p[l3:l3+48])
				}
				off := binary.BigEndian.Uint16(p[l3+42:])
				if int(off&^7) != len(got) || off&6 != 0 {
					t.Fatalf("offset %d after %d bytes", off, len(got))
				}
				got = append(got, p[l3+48:]...)
				if more := off&1 != 0; more != (len(got) < n) || more && (len(p)-l3-48)%8 != 0 {
					t.Fatalf("more: %v after %d of %d bytes", more, len(got), n)
				}
				return nil
			})
			if err != nil || !bytes.Equal(got, f[l3+40:]) {
				t.Errorf("%d bytes in %d parts: %v", n, parts, err)
			}
		}
	}
	want := fmt.Errorf("no")
	var room []byte
	if err := fragments6(make([]byte, 5000), 14, 1500, 0, &room, func([]byte) error { return want }); err != want {
		t.Error(err)
	}
}
