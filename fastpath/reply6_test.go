// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/engine/worker"
)

// noAllocations checks that handling in allocates nothing.
func (r *rig6) noAllocations(in []byte) {
	r.t.Helper()
	buf := make([]byte, 2048)
	run := func() {
		f := frame.Frame{Data: buf[:copy(buf, in)]}
		r.h.Handle(&f, r.batch)
		r.batch.Reset()
	}
	r.brain.forget = true
	defer func() { r.brain.forget = false }()
	run() // room for options grows once
	if n := testing.AllocsPerRun(20, run); n != 0 {
		r.t.Errorf("%v allocations", n)
	}
}

// The bytes of one reply, all of them, written down by hand from RFC 8415 §8, §21.
func TestReply6Bytes(t *testing.T) {
	r := newRig6(t, spec6())
	r.brain.answer.Leases[1].Exclude = lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000:7ab::")), Len: 64}
	r.brain.answer.Status = exchange6.Status{Set: true, Code: 0, Text: "ok"}
	in := direct6().frame6(t, request6(3, opt6(2, serverID...)))
	a := r.ask6(in)
	want := cat(
		[]byte{7, 0xab, 0xcd, 0xef},
		opt6(1, clientID...), opt6(2, serverID...), opt6(13, 0, 0, 'o', 'k'),
		opt6(3, cat(u32s(1, 1800, 2880), opt6(5, cat(net.ParseIP("2001:db8:0:0:1::7"), u32s(3600, 7200))...))...),
		opt6(25, cat(u32s(2, 1800, 2880), opt6(26, cat(u32s(3600, 7200), []byte{56}, net.ParseIP("2001:db8:1000:700::"), opt6(67, 64, 0xab))...))...),
		opt6(23, net.ParseIP("2001:db8::53")...), opt6(24, []byte("\x07example\x03net\x00")...),
	)
	if !bytes.Equal(a.udp.Payload, want) {
		t.Errorf("got\n% x, want\n% x", a.udp.Payload, want)
	}
	if a.verdict != frame.Await {
		t.Error(a.verdict)
	}
	if !bytes.Equal(a.eth.DstMAC, clientMAC) || !bytes.Equal(a.eth.SrcMAC, portMAC) || !a.ip.DstIP.Equal(clientLL) || !a.ip.SrcIP.Equal(serverLL) || a.udp.DstPort != 546 {
		t.Errorf("%v -> %v, %v -> %v, to port %d", a.eth.SrcMAC, a.eth.DstMAC, a.ip.SrcIP, a.ip.DstIP, a.udp.DstPort)
	}
	r.noAllocations(in)
}

// The handler says of each frame whether it is DHCPv6's, also of what it cannot read.
func TestFamilyOfAFrame(t *testing.T) {
	r := newRig6(t, spec6())
	six := direct6().frame6(t, request6(3, opt6(2, serverID...)))
	four := direct().frame(t, message(t, dhcpv4.MessageTypeDiscover).ToBytes())
	for _, c := range []struct {
		in   []byte
		want bool
	}{{six, true}, {four, false}, {six[:40], true}, {four[:20], false}, {six[:60], true}, {nil, false}, {six[:13], false}} {
		f := frame.Frame{Data: append(make([]byte, 0, 2048), c.in...), V6: !c.want}
		if r.h.Handle(&f, r.batch); f.V6 != c.want {
			t.Errorf("%d bytes of a frame are DHCPv6's: %v", len(c.in), f.V6)
		}
	}
}

// An answer without a ticket leaves at once; without a type the frame is as it was,
// and the Reason is the exchange's.
func TestVerdicts6(t *testing.T) {
	r := newRig6(t, spec6())
	in := direct6().frame6(t, request6(1))
	r.brain.answer.Wait, r.brain.answer.Type = 0, exchange6.Advertise
	if a := r.ask6(in); a.verdict != frame.Reply || a.msg.MessageType != 2 {
		t.Errorf("%v, %v", a.verdict, a.msg.MessageType)
	}
	for _, tt := range []struct {
		why  frame.Reason
		want frame.Verdict
	}{{frame.NoSubnet, frame.Drop}, {frame.PuntClass, frame.Punt}, {frame.NotDurable, frame.Drop}} {
		r.brain.answer = exchange6.Answer{Reason: tt.why}
		if _, v, why := r.handle(in, 2048); v != tt.want || why != tt.why {
			t.Errorf("%v: %v, %v", tt.why, v, why)
		}
	}
}

// RFC 8415 §21.5: an IA_TA has no T1 and T2. §21.13: a status in an IA comes with its
// text. An IA may have several leases, and an IA none.
func TestIAs6(t *testing.T) {
	r := newRig6(t, spec6())
	a := &r.brain.answer
	a.NIAs, a.NLeases = 3, 3
	a.IAs[0] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.TA, ID: 9}, First: 0, N: 2}
	a.IAs[1] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.NA, ID: 1}, First: 2, N: 0, Status: exchange6.Status{Set: true, Code: 2, Text: "none left"}}
	a.IAs[2] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.PD, ID: 0xffffffff}, First: 2, N: 1}
	a.Leases[1] = exchange6.AnswerLease{Prefix: lease6.AddrPrefix(ip6(net.ParseIP("2001:db8::8")))}
	a.Leases[2] = exchange6.AnswerLease{Prefix: lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000::")), Len: 36}, Preferred: 1<<32 - 1, Valid: 1<<32 - 1}
	a.Options = nil
	in := direct6().frame6(t, request6(3))
	got := r.ask6(in)
	want := cat(
		[]byte{7, 0xab, 0xcd, 0xef}, opt6(1, clientID...), opt6(2, serverID...),
		opt6(4, cat(u32s(9), opt6(5, cat(net.ParseIP("2001:db8:0:0:1::7"), u32s(3600, 7200))...), opt6(5, cat(net.ParseIP("2001:db8::8"), u32s(0, 0))...))...),
		opt6(3, cat(u32s(1, 1800, 2880), opt6(13, 0, 2, 'n', 'o', 'n', 'e', ' ', 'l', 'e', 'f', 't'))...),
		opt6(25, cat(u32s(1<<32-1, 1800, 2880), opt6(26, cat(u32s(1<<32-1, 1<<32-1), []byte{36}, net.ParseIP("2001:db8:1000::"))...))...),
	)
	if !bytes.Equal(got.udp.Payload, want) {
		t.Errorf("got\n% x, want\n% x", got.udp.Payload, want)
	}
	r.noAllocations(in)
}

// RFC 8415 §21.7, §18.3.10: what the client asks for, from the set, in the set's order;
// an Information-request without a client identifier has none in its answer.
func TestORO(t *testing.T) {
	r := newRig6(t, spec6())
	for _, tt := range []struct {
		name string
		msg  []byte
		want []int
	}{
		{"none", msg6(1, opt6(1, clientID...)), []int{1, 2, 3, 25}},
		{"all", msg6(1, opt6(1, clientID...), opt6(6, 0, 82, 0, 24, 0, 23)), []int{1, 2, 3, 25, 23, 24, 82}},
		{"one", msg6(1, opt6(1, clientID...), opt6(6, 0, 24)), []int{1, 2, 3, 25, 24}},
		{"in two OROs", msg6(1, opt6(6, 0, 24), opt6(1, clientID...), opt6(6, 0, 23)), []int{1, 2, 3, 25, 23, 24}},
		{"unknown ones", msg6(1, opt6(1, clientID...), opt6(6, 0xff, 0xff, 0, 23, 0, 0)), []int{1, 2, 3, 25, 23}},
		{"no client identifier", msg6(11, opt6(6, 0, 23)), []int{2, 3, 25, 23}},
	} {
		in := direct6().frame6(t, tt.msg)
		if got := r.ask6(in).codes(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: options %v, want %v", tt.name, got, tt.want)
		}
		r.noAllocations(in)
	}
}

// VLAN tags are the request's.
func TestTagsAreKept6(t *testing.T) {
	r := newRig6(t, spec6())
	for _, tags := range [][]uint16{{}, {0x6064}, {200, 7}} {
		around := direct6()
		around.tags = tags
		in := around.frame6(t, request6(1))
		a := r.ask6(in)
		n := 14 + 4*len(tags)
		if len(a.tags) != len(tags) || !bytes.Equal(a.raw[12:n], in[12:n]) {
			t.Errorf("tags %v became % x", tags, a.raw[12:n])
		}
		if q := r.brain.query; int(q.NTags) != len(tags) || len(tags) > 0 && q.VLAN[0] != tags[0]&0xfff || len(tags) > 1 && q.VLAN[1] != 7 {
			t.Errorf("query has %d tags, %v", q.NTags, q.VLAN)
		}
		r.noAllocations(in)
	}
}

// RFC 8415 §19.3: the reply goes back through the relays inside out. Each level's hop
// count, addresses, Interface-Id (§21.18) and Relay Source Port (RFC 8357) come back.
func TestRelays6(t *testing.T) {
	for levels := 1; levels <= 8; levels++ {
		t.Run(fmt.Sprintf("%d levels", levels), func(t *testing.T) {
			r := newRig6(t, spec6())
			m := request6(1)
			for i := range levels { // from the inside out
				link, peer := net.ParseIP("::"), net.ParseIP(fmt.Sprintf("2001:db8:f::%d", i))
				if i == 0 {
					link, peer = relayA, clientLL
				}
				m = envelope6(byte(i), link, peer, m, opt6(37, 0, 0, 0, 9, byte(i)), opt6(18, []byte(fmt.Sprintf("if%d", i))...), opt6(135, 0, byte(i)))
			}
			around := relayed6()
			around.sport = 40000
			in := around.frame6(t, m)
			a := r.ask6(in)
			if len(a.relays) != levels {
				t.Fatalf("%d relays", len(a.relays))
			}
			for i, relay := range a.relays {
				at := levels - 1 - i
				link, peer := net.ParseIP("::"), net.ParseIP(fmt.Sprintf("2001:db8:f::%d", at))
				if at == 0 {
					link, peer = relayA, clientLL
				}
				if int(relay.HopCount) != at || !relay.LinkAddr.Equal(link) || !relay.PeerAddr.Equal(peer) {
					t.Errorf("level %d: %v", i, relay)
				}
				if id := relay.Options.InterfaceID(); string(id) != fmt.Sprintf("if%d", at) {
					t.Errorf("level %d: Interface-Id %q", i, id)
				}
				if port := relay.GetOneOption(135); port == nil || !bytes.Equal(port.ToBytes(), []byte{0, byte(at)}) {
					t.Errorf("level %d: Relay Source Port %v", i, port)
				}
				if relay.GetOneOption(37) != nil {
					t.Errorf("level %d: Remote-ID in the reply", i)
				}
			}
			// RFC 8357 §5.2: the port that it came from.
			if a.udp.DstPort != 40000 || !a.ip.DstIP.Equal(relayA) || !bytes.Equal(a.eth.DstMAC, relayMAC) {
				t.Errorf("to %v, %v, port %d", a.eth.DstMAC, a.ip.DstIP, a.udp.DstPort)
			}
			q := r.brain.query
			if int(q.Relays) != levels || q.Link != ip6(relayA) || string(q.Client.InterfaceID) != "if0" ||
				!bytes.Equal(q.Client.RemoteID, []byte{0, 0, 0, 9, 0}) || !bytes.Equal(q.Client.Peer, clientLL) || q.Client.LinkLayer != nil {
				t.Errorf("query %+v", q.Client)
			}
			r.noAllocations(in)
		})
	}
}

// A relay without RFC 8357's option listens on 547, whatever it sends from.
func TestRelayPort6(t *testing.T) {
	r := newRig6(t, spec6())
	around := relayed6()
	around.sport = 546
	a := r.ask6(around.frame6(t, envelope6(0, relayA, clientLL, request6(1))))
	if a.udp.DstPort != 547 {
		t.Errorf("to port %d", a.udp.DstPort)
	}
}

// What the query says about the message.
func TestQuery6(t *testing.T) {
	r := newRig6(t, spec6())
	vendor := func(e byte) []byte { return cat([]byte{0, 0, 0, e}, []byte{0, 1, 'v'}) }
	m := msg6(1, opt6(1, clientID...), opt6(2, serverID...), opt6(14), opt6(20), opt6(15, 0, 1, 'u'), opt6(61, 0, 7), opt6(39, 1, 4, 'h', 'o', 's', 't'),
		opt6(16, vendor(1)...), opt6(16, vendor(2)...), opt6(17, cat([]byte{0, 0, 0, 3}, opt6(1, 'x'))...),
		iana(1, iaaddr("2001:db8::1"), iaaddr("2001:db8::2")), iata(1), iapd(1, iaprefix("2001:db8:1000::/56")), iana(2), opt6(6, 0, 23, 1, 0))
	r.ask6(direct6().frame6(t, m))
	q := r.brain.query
	if q.Type != 1 || q.Src != ip6(clientLL) || q.Dst != ip6(groupLink) || q.Relays != 0 || !q.Link.IsZero() {
		t.Errorf("type %d, %v to %v, %d relays", q.Type, q.Src, q.Dst, q.Relays)
	}
	c := q.Client
	if !bytes.Equal(c.DUID, clientID) || !bytes.Equal(c.LinkLayer, cat([]byte{0, 1}, clientMAC)) || c.Peer != nil || c.InterfaceID != nil || c.RelayID != nil {
		t.Errorf("client %+v", c)
	}
	if !q.HasServerID || !bytes.Equal(q.ServerID, serverID) || !q.RapidCommit || !q.ReconfigureAccept {
		t.Error("server identifier or flags")
	}
	if !bytes.Equal(q.UserClass, []byte{0, 1, 'u'}) || !bytes.Equal(q.Arch, []byte{0, 7}) || string(q.FQDN) != "\x01\x04host" {
		t.Errorf("% x, % x, % x", q.UserClass, q.Arch, q.FQDN)
	}
	if !bytes.Equal(q.VendorClass[0], vendor(1)) || !bytes.Equal(q.VendorClass[1], vendor(2)) || q.VendorClass[2] != nil || !bytes.Equal(q.VendorOpts[0], cat([]byte{0, 0, 0, 3}, opt6(1, 'x'))) {
		t.Errorf("%x, %x", q.VendorClass, q.VendorOpts)
	}
	if !q.Asked.Has(23) || !q.Asked.Has(256) || q.Asked.Has(24) {
		t.Error("ORO")
	}
	if q.NIAs != 4 || q.NLeases != 3 {
		t.Fatalf("%d IAs, %d leases", q.NIAs, q.NLeases)
	}
	for i, want := range []struct {
		typ      lease6.IAType
		id       uint32
		first, n uint8
	}{{lease6.NA, 1, 0, 2}, {lease6.TA, 1, 2, 0}, {lease6.PD, 1, 2, 1}, {lease6.NA, 2, 3, 0}} {
		if ia := q.IAs[i]; ia.Type != want.typ || ia.ID != want.id || ia.First != want.first || ia.N != want.n {
			t.Errorf("IA %d: %+v", i, ia)
		}
	}
	if q.Leases[1] != lease6.AddrPrefix(ip6(net.ParseIP("2001:db8::2"))) || q.Leases[2] != (lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000::")), Len: 56}) {
		t.Errorf("%v", q.Leases[:3])
	}

	// And what relays say, each option that of the relay next to the client.
	inner := envelope6(0, nowhere, clientLL, request6(3), opt6(18, 'i'), opt6(79, 0, 1, 2, 0xcc, 0, 0, 0, 9), opt6(66, opt6(65, 'r')...))
	outer := envelope6(1, relayA, relayLL, inner, opt6(18, 'o'), opt6(37, 0, 0, 0, 9, 'o'), opt6(38, 's'), opt6(53, 0, 3, 9), opt6(79, 0, 1, 9, 9, 9, 9, 9, 9), opt6(66, opt6(65, 'q')...))
	r.ask6(relayed6().frame6(t, outer))
	q = r.brain.query
	c = q.Client
	if q.Relays != 2 || q.Link != ip6(relayA) || string(c.InterfaceID) != "i" || string(c.RemoteID) != "\x00\x00\x00\x09o" || string(c.SubscriberID) != "s" ||
		!bytes.Equal(c.RelayID, []byte{0, 3, 9}) || !bytes.Equal(c.LinkLayer, cat([]byte{0, 1}, clientMAC)) || !bytes.Equal(c.Peer, clientLL) {
		t.Errorf("%+v", c)
	}
	if !bytes.Equal(q.RSOO[0], opt6(65, 'r')) || !bytes.Equal(q.RSOO[1], opt6(65, 'q')) || q.RSOO[2] != nil {
		t.Errorf("RSOO %x", q.RSOO)
	}
	if q.HasServerID || q.RapidCommit || q.UserClass != nil || q.VendorClass[0] != nil || q.FQDN != nil {
		t.Error("the last message's options are still in the query")
	}
}

// A reply that does not fit into the frame's memory or an Ethernet is the slow
// path's, and the frame is as it was.
func TestNoFit6(t *testing.T) {
	s := spec6()
	s.Options = append(s.Options, policy6.Option{Code: 1000, Data: bytes.Repeat([]byte{7}, 1200), Always: true})
	r := newRig6(t, s)
	in := direct6().frame6(t, request6(1))
	if _, v, why := r.handle(in, len(in)+40); v != frame.Punt || why != frame.PuntNoFit {
		t.Errorf("no room in the frame: %v, %v", v, why)
	}
	a := r.ask6(in)
	if len(a.option(1000)) != 1200 {
		t.Error("the long option is missing")
	}
	// Behind a relay with a long Interface-Id it would have to be fragmented.
	long := relayed6().frame6(t, envelope6(0, relayA, clientLL, request6(1), opt6(18, bytes.Repeat([]byte{1}, 200)...)))
	if _, v, why := r.handle(long, 2048); v != frame.Punt || why != frame.PuntNoFit {
		t.Errorf("longer than an Ethernet's: %v, %v", v, why)
	}
	// Overhead alone that is too long.
	long = relayed6().frame6(t, envelope6(0, relayA, clientLL, request6(1), opt6(18, bytes.Repeat([]byte{1}, 1500)...)))
	if _, v, why := r.handle(long, 2048); v != frame.Punt || why != frame.PuntNoFit {
		t.Errorf("longer than an Ethernet's: %v, %v", v, why)
	}
}

func TestPressure6(t *testing.T) {
	r := newRig6(t, spec6())
	for typ, want := range map[byte][3]bool{ // answered when calm, shedding new ones, shedding all
		1: {true, false, false}, 3: {true, true, false}, 4: {true, true, true}, 5: {true, true, false},
		6: {true, true, false}, 8: {true, true, false}, 9: {true, true, false}, 11: {true, true, true},
	} {
		for p, answered := range want {
			r.h.Begin(start, worker.Pressure(p))
			_, v, why := r.handle(direct6().frame6(t, request6(typ)), 2048)
			if answered != (v == frame.Await) || !answered && why != frame.Overloaded {
				t.Errorf("type %d, pressure %d: %v, %v", typ, p, v, why)
			}
		}
	}
}

// Both families in one batch, announced.
func TestPrepareBothFamilies(t *testing.T) {
	r := newRig6(t, spec6())
	var fs []frame.Frame
	for i := range 40 {
		in := direct().frame(t, message(t, 1).ToBytes())
		if i%3 == 0 {
			in = direct6().frame6(t, request6(1))
		}
		buf := make([]byte, 2048)
		fs = append(fs, frame.Frame{Data: buf[:copy(buf, in)]})
	}
	r.h.Prepare(fs)
	for i := range fs {
		v, why, _ := r.h.Handle(&fs[i], r.batch)
		want := frame.Reply
		if i%3 == 0 {
			want = frame.Await
		}
		if v != want {
			t.Fatalf("frame %d: %v, %v", i, v, why)
		}
		if i%3 == 0 {
			decode6(t, fs[i].Data)
		} else {
			decode(t, fs[i].Data)
		}
	}
	if r.brain.asked != 14 {
		t.Errorf("%d asked", r.brain.asked)
	}
}

// Without a policy for it, DHCPv6 is nobody's here; a port that the policy no longer
// has is none of ours.
func TestNotServed6(t *testing.T) {
	in := direct6().frame6(t, request6(1))
	if _, v, why := newRig(t, spec()).handle(in, 2048); v != frame.Drop || why != frame.NotDHCP {
		t.Errorf("%v, %v", v, why)
	}
	r := newRig6(t, spec6())
	f := frame.Frame{Data: bytes.Clone(in), Port: 1}
	if v, why, _ := r.h.Handle(&f, r.batch); v != frame.Drop || why != frame.NoSubnet {
		t.Errorf("%v, %v", v, why)
	}
	r.h.six.source.Store(nil)
	r.h.Begin(start, worker.Calm)
	if _, v, why := r.handle(in, 2048); v != frame.Drop || why != frame.NotDHCP {
		t.Errorf("%v, %v", v, why)
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
	id := opt6(1, clientID...)
	with := func(change func(*packet)) packet { p := direct6(); change(&p); return p }
	for _, tt := range []struct {
		name   string
		around packet
		msg    []byte
		v      frame.Verdict
		why    frame.Reason
	}{
		{"from no address", with(func(p *packet) { p.from = nowhere }), request6(1), frame.Drop, frame.BadSource},
		{"from a group", with(func(p *packet) { p.from = groupSite }), request6(1), frame.Drop, frame.BadSource},
		{"to port 546", with(func(p *packet) { p.dport = 546 }), request6(1), frame.Drop, frame.NotDHCP},
		{"empty", direct6(), nil, frame.Drop, frame.Truncated},
		{"three bytes", direct6(), []byte{1, 0, 0}, frame.Drop, frame.Truncated},
		{"type 0", direct6(), msg6(0, id), frame.Drop, frame.NoType},
		{"type 255", direct6(), msg6(255, id), frame.Drop, frame.NoType},
		{"a server's Advertise", direct6(), msg6(2, id), frame.Drop, frame.FromServer},
		{"a server's Reply", direct6(), msg6(7, id), frame.Drop, frame.FromServer},
		{"a Relay-reply", direct6(), msg6(13, id), frame.Drop, frame.FromServer},
		{"a leasequery", direct6(), msg6(14, id), frame.Punt, frame.PuntType},
		{"an option's header cut", direct6(), msg6(1, id, []byte{0, 3, 0}), frame.Drop, frame.BadOption},
		{"an option past the end", direct6(), msg6(1, id, []byte{0, 3, 0, 200, 1}), frame.Drop, frame.BadOption},
		{"an option of 65535 bytes", direct6(), msg6(1, id, []byte{0, 99, 0xff, 0xff}), frame.Drop, frame.BadOption},
		{"no DUID's bytes", direct6(), msg6(1, opt6(1)), frame.Drop, frame.BadDUID},
		{"a DUID of 131 bytes", direct6(), msg6(1, opt6(1, make([]byte, 131)...)), frame.Drop, frame.BadDUID},
		{"two DUIDs", direct6(), msg6(1, id, id), frame.Drop, frame.BadDUID},
		{"an empty IA", direct6(), msg6(1, id, opt6(3)), frame.Drop, frame.BadOption},
		{"an empty ORO and an odd one", direct6(), msg6(1, id, opt6(6), opt6(6, 1)), frame.Drop, frame.BadOption},
		{"an IA of 11 bytes", direct6(), msg6(1, id, opt6(3, make([]byte, 11)...)), frame.Drop, frame.BadOption},
		{"an option in an IA past its end", direct6(), msg6(1, id, iana(1, []byte{0, 5, 0, 25})), frame.Drop, frame.BadOption},
		{"an address of 23 bytes", direct6(), msg6(1, id, iana(1, opt6(5, make([]byte, 23)...))), frame.Drop, frame.BadOption},
		{"a prefix of 129 bits", direct6(), msg6(1, id, iapd(1, opt6(26, cat(u32s(0, 0), []byte{129}, make([]byte, 16))...))), frame.Drop, frame.BadOption},
		{"an option in an address past its end", direct6(), msg6(1, id, iana(1, opt6(5, cat(make([]byte, 24), []byte{0, 13, 0, 9})...))), frame.Drop, frame.BadOption},
		{"the same IA twice", direct6(), msg6(1, id, iana(1), iana(1)), frame.Drop, frame.BadRequest},
		{"17 IAs", direct6(), msg6(1, id, ias(17)), frame.Drop, frame.TooManyIAs},
		{"200 IAs", direct6(), msg6(1, id, ias(200)), frame.Drop, frame.TooManyIAs},
		{"33 relays", relayed6(), nested(33), frame.Drop, frame.RelayDepth},
		{"a relay's header cut", relayed6(), envelope6(0, relayA, clientLL, nil)[:33], frame.Drop, frame.Truncated},
		{"a relay without a message", relayed6(), envelope6(0, relayA, clientLL, nil)[:34], frame.Drop, frame.BadOption},
		{"a relay with an empty message", relayed6(), envelope6(0, relayA, clientLL, nil), frame.Drop, frame.Truncated},
		{"a relay with two messages", relayed6(), envelope6(0, relayA, clientLL, request6(1), opt6(9, request6(1)...)), frame.Drop, frame.BadOption},
		{"a relay's port of one byte", relayed6(), envelope6(0, relayA, clientLL, request6(1), opt6(135, 1)), frame.Drop, frame.BadOption},
		{"a Relay-reply in a Relay-forward", relayed6(), envelope6(0, relayA, clientLL, msg6(13)), frame.Drop, frame.FromServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig6(t, spec6())
			in := tt.around.frame6(t, tt.msg)
			if _, v, why := r.handle(in, max(2048, len(in))); v != tt.v || why != tt.why {
				t.Errorf("%v, %v; want %v, %v", v, why, tt.v, tt.why)
			}
			if r.brain.asked != 0 {
				t.Error("the exchange was asked")
			}
			r.noAllocations(in[:min(len(in), 2048)])
		})
	}
	// RFC 8200 §8.1: no checksum, and a wrong one.
	in := direct6().frame6(t, request6(1))
	for _, sum := range []uint16{0, binary.BigEndian.Uint16(in[60:]) + 1} {
		bad := bytes.Clone(in)
		binary.BigEndian.PutUint16(bad[60:], sum)
		if _, v, why := newRig6(t, spec6()).handle(bad, 2048); v != frame.Drop || why != frame.BadChecksum {
			t.Errorf("checksum %04x: %v, %v", sum, v, why)
		}
	}
}

// What gives leases back must not be decided twice: it is the slow path's before the
// exchange is asked if its reply might not fit.
func TestRelease6NoFit(t *testing.T) {
	r := newRig6(t, spec6())
	for _, typ := range []byte{8, 9} {
		m := envelope6(0, relayA, clientLL, request6(typ, opt6(2, serverID...)), opt6(18, bytes.Repeat([]byte{1}, 900)...))
		in := relayed6().frame6(t, m)
		if _, v, why := r.handle(in, 2048); v != frame.Punt || why != frame.PuntNoFit || r.brain.asked != 0 {
			t.Errorf("type %d: %v, %v, asked %d times", typ, v, why, r.brain.asked)
		}
	}
	in := relayed6().frame6(t, envelope6(0, relayA, clientLL, request6(8, opt6(2, serverID...)), opt6(18, bytes.Repeat([]byte{1}, 300)...)))
	r.ask6(in)
}
