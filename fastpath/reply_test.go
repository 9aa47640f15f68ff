// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// encoded has the handler encode a over the request in, in a frame with room
// for n bytes.
func (r *rig) encoded(in []byte, n int, a exchange.Answer) ([]byte, frame.Reason) {
	r.t.Helper()
	buf := bytes.Repeat([]byte{0xa5}, n+64)
	copy(buf, in)
	f := frame.Frame{Data: buf[:len(in):n]}
	r.h.parse(&f)
	if why := r.h.why; why != frame.OK {
		r.t.Fatalf("the request: %v", why)
	}
	r.h.ask(&f)
	r.h.answer = a
	why := r.h.encode(&f)
	if !bytes.Equal(buf[n:], bytes.Repeat([]byte{0xa5}, 64)) {
		r.t.Fatal("written past the frame's memory")
	}
	if why != frame.OK && (!bytes.Equal(f.Data, in) || !bytes.Equal(buf[len(in):n], bytes.Repeat([]byte{0xa5}, n-len(in)))) {
		r.t.Fatalf("%v, but the frame was changed", why)
	}
	return f.Data, why
}

func (r *rig) encode(in []byte, a exchange.Answer) *reply {
	r.t.Helper()
	out, why := r.encoded(in, 2048, a)
	if why != frame.OK {
		r.t.Fatal(why)
	}
	return decode(r.t, out)
}

// offer is an answer as exchange would give it to a direct client.
func (r *rig) offer() exchange.Answer {
	s := &r.policy.Subnets[0]
	return exchange.Answer{
		Type: exchange.Offer, Yiaddr: 0xc0000264, ServerID: 0xc0000201, Source: 0xc0000201,
		To: exchange.ToBroadcast, DestIP: 0xffffffff,
		HasTimes: true, Valid: 3600, Renew: 1800, Rebind: 3150,
		Subnet: s, Options: s.Options, EchoClientID: true, EchoRelay: true,
		Boot: &policy.Boot{NextServer: 0xc0000245, ServerName: []byte("boot.example.net"), BootFile: []byte("pxelinux.0")},
	}
}

// RFC 2131 table 3: op, htype, hlen, hops 0, xid, secs 0, ciaddr, yiaddr,
// siaddr, flags, giaddr, chaddr, sname, file.
func TestTable3Header(t *testing.T) {
	r := newRig(t, spec())
	// The request has something in every field that must be overwritten.
	full := func(m *dhcpv4.DHCPv4) {
		m.YourIPAddr, m.ServerIPAddr = net.IP{9, 9, 9, 9}, net.IP{8, 8, 8, 8}
		m.ServerHostName, m.BootFileName = "a name that is longer than ours is, by a good measure", "a file likewise"
	}
	in := message(t, dhcpv4.MessageTypeDiscover, full, giaddr(relayIP), flags(0x8001), ciaddr(net.IP{7, 7, 7, 7}))
	a := r.offer()
	a.Flags = 0x8000
	a.Ciaddr = 0x07070707
	got := r.encode(relayed().frame(t, in.ToBytes()), a).msg
	if got.TransactionID != in.TransactionID || got.HWType != in.HWType || !bytes.Equal(got.ClientHWAddr, clientMAC) || got.Flags != 0x8000 {
		t.Errorf("header: %v", got.Summary())
	}
	for what, ips := range map[string][2]net.IP{
		"ciaddr": {got.ClientIPAddr, {7, 7, 7, 7}},
		"yiaddr": {got.YourIPAddr, {192, 0, 2, 100}},
		"siaddr": {got.ServerIPAddr, {192, 0, 2, 69}},
		"giaddr": {got.GatewayIPAddr, relayIP},
	} {
		if !ips[0].Equal(ips[1]) {
			t.Errorf("%s is %v, want %v", what, ips[0], ips[1])
		}
	}
	if got.ServerHostName != "boot.example.net" || got.BootFileName != "pxelinux.0" {
		t.Errorf("sname %q, file %q", got.ServerHostName, got.BootFileName)
	}

	// NAK: the fields that an answer without a subnet does not have are zero.
	nak := exchange.Answer{Type: exchange.Nak, ServerID: 0xc0000201, Source: 0xc0000201, To: exchange.ToBroadcast, DestIP: 0xffffffff, Message: "wrong network"}
	got = r.encode(relayed().frame(t, in.ToBytes()), nak).msg
	if !got.YourIPAddr.Equal(anyone) || !got.ServerIPAddr.Equal(anyone) || !got.ClientIPAddr.Equal(anyone) || got.ServerHostName != "" || got.BootFileName != "" {
		t.Errorf("NAK: %v", got.Summary())
	}
	raw := got.ToBytes()
	if bytes.Contains(raw[44:236], []byte("measure")) {
		t.Error("the request's sname shows through")
	}
}

// RFC 2131 §4.1, and the link-layer and UDP addresses that belong to each case.
func TestAddressing(t *testing.T) {
	bcast := net.HardwareAddr(broadcastMAC[:])
	relayPort := []byte{1, 2, 'c', '1', 19, 0}
	for _, tt := range []struct {
		name    string
		around  packet
		mods    []dhcpv4.Modifier
		to      exchange.Dest
		dst     lease.IP4
		wantMAC net.HardwareAddr
		port    uint16
	}{
		{"to the relay: giaddr, port 67", relayed(), []dhcpv4.Modifier{giaddr(relayIP)}, exchange.ToRelay, 0x0a010001, relayMAC, 67},
		{"to the relay's own port (RFC 8357 §5.1)", packet{src: relayMAC, dst: portMAC, from: relayIP, to: server, sport: 3067, dport: 67},
			[]dhcpv4.Modifier{giaddr(relayIP), option(82, relayPort...)}, exchange.ToRelay, 0x0a010001, relayMAC, 3067},
		{"a relay on another port that does not say so", packet{src: relayMAC, dst: portMAC, from: relayIP, to: server, sport: 3067, dport: 67},
			[]dhcpv4.Modifier{giaddr(relayIP)}, exchange.ToRelay, 0x0a010001, relayMAC, 67},
		{"to ciaddr", packet{src: relayMAC, dst: portMAC, from: net.IP{10, 1, 1, 7}, to: server, sport: 68, dport: 67},
			[]dhcpv4.Modifier{ciaddr(net.IP{10, 1, 1, 7})}, exchange.ToCiaddr, 0x0a010107, relayMAC, 68},
		{"broadcast", direct(), []dhcpv4.Modifier{flags(0x8000)}, exchange.ToBroadcast, 0xffffffff, bcast, 68},
		{"to yiaddr at chaddr", direct(), nil, exchange.ToClient, 0xc0000264, clientMAC, 68},
		{"chaddr counts, not the frame's source", packet{src: relayMAC, dst: bcast, from: anyone, to: everyone, sport: 68, dport: 67},
			nil, exchange.ToClient, 0xc0000264, clientMAC, 68},
		{"no hardware address to send to", direct(), []dhcpv4.Modifier{func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = nil }}, exchange.ToClient, 0xc0000264, bcast, 68},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, spec())
			a := r.offer()
			a.To, a.DestIP = tt.to, tt.dst
			got := r.encode(tt.around.frame(t, message(t, dhcpv4.MessageTypeDiscover, tt.mods...).ToBytes()), a)
			want := tt.dst.As4()
			got.same(t, "destination", got.ip.DstIP, want[:])
			got.same(t, "source", got.ip.SrcIP, server)
			if !bytes.Equal(got.eth.DstMAC, tt.wantMAC) || !bytes.Equal(got.eth.SrcMAC, portMAC) {
				t.Errorf("Ethernet %v to %v, want to %v", got.eth.SrcMAC, got.eth.DstMAC, tt.wantMAC)
			}
			if uint16(got.udp.DstPort) != tt.port {
				t.Errorf("to port %d, want %d", got.udp.DstPort, tt.port)
			}
		})
	}
}

// PROTOCOL.md, Frames: VLAN tags are kept in the reply, priority and all.
func TestTagsAreKept(t *testing.T) {
	for _, tags := range [][]uint16{{100}, {5<<13 | 4000, 3<<13 | 7}} {
		r := newRig(t, spec())
		around := direct()
		around.tags = tags
		in := around.frame(t, message(t, dhcpv4.MessageTypeDiscover).ToBytes())
		got := r.encode(in, r.offer())
		if len(got.tags) != len(tags) {
			t.Fatalf("%d tags of %d", len(got.tags), len(tags))
		}
		if !bytes.Equal(got.raw[12:14+4*len(tags)], in[12:14+4*len(tags)]) {
			t.Errorf("tags % x became % x", in[12:14+4*len(tags)], got.raw[12:14+4*len(tags)])
		}
	}
}

// Option order: type, server, times, what the list asks for in its order (RFC
// 2132 §9.8) with the mask before the routers (§3.3), the rest, 61 as it came
// (RFC 6842 §3), 82 byte for byte and last (RFC 3046 §2.2).
func TestOptionOrder(t *testing.T) {
	cid := []byte{255, 1, 2, 3, 4, 0, 2, 0, 0, 0xab, 0x11}
	r82 := []byte{2, 3, 'r', 'i', 'd', 1, 4, 0, 1, 0, 7, 151, 0}
	for _, tt := range []struct {
		name string
		mods []dhcpv4.Modifier
		a    func(a *exchange.Answer)
		want []uint8
	}{
		{"no list: everything", nil, nil, []uint8{53, 54, 51, 58, 59, 1, 3, 6, 15, 42}},
		{"list order", []dhcpv4.Modifier{option(55, 42, 15, 1, 3, 6)}, nil, []uint8{53, 54, 51, 58, 59, 42, 15, 1, 3, 6}},
		{"routers asked before the mask", []dhcpv4.Modifier{option(55, 15, 3, 1, 6)}, nil, []uint8{53, 54, 51, 58, 59, 15, 1, 3, 6}},
		{"what we lack and what only a server may send is passed over", []dhcpv4.Modifier{option(55, 1, 3, 6, 15, 51, 53, 54, 58, 61, 82, 119, 255, 0, 200)}, nil,
			[]uint8{53, 54, 51, 58, 59, 1, 3, 6, 15}},
		{"61 and 82", []dhcpv4.Modifier{option(55, 1), option(82, r82...), option(61, cid...)}, nil, []uint8{53, 54, 51, 58, 59, 1, 3, 6, 15, 61, 82}},
		{"infinite lease: no T1, T2", []dhcpv4.Modifier{option(55, 1)}, func(a *exchange.Answer) { a.Valid, a.Renew, a.Rebind = 0xffffffff, 0, 0 }, []uint8{53, 54, 51, 1, 3, 6, 15}},
		{"INFORM: no times", []dhcpv4.Modifier{option(55, 1)}, func(a *exchange.Answer) { a.HasTimes = false }, []uint8{53, 54, 1, 3, 6, 15}},
		{"subnet selection (RFC 3011 §2)", []dhcpv4.Modifier{option(55, 1), option(118, 192, 0, 2, 0), option(82, r82...)}, func(a *exchange.Answer) { a.EchoSubnetSelection = true },
			[]uint8{53, 54, 51, 58, 59, 1, 3, 6, 15, 118, 82}},
		{"NAK", []dhcpv4.Modifier{option(55, 1), option(82, r82...), option(61, cid...)}, func(a *exchange.Answer) {
			*a = exchange.Answer{Type: exchange.Nak, ServerID: 0xc0000201, Source: 0xc0000201, DestIP: 0xffffffff, Message: "wrong network", EchoClientID: true, EchoRelay: true}
		}, []uint8{53, 54, 56, 61, 82}},
		{"no echo", []dhcpv4.Modifier{option(55, 1), option(82, r82...), option(61, cid...)}, func(a *exchange.Answer) { a.EchoClientID, a.EchoRelay = false, false },
			[]uint8{53, 54, 51, 58, 59, 1, 3, 6, 15}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, spec())
			a := r.offer()
			if tt.a != nil {
				tt.a(&a)
			}
			in := direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, tt.mods...).ToBytes())
			for range 2 { // from the policy, then from the cache
				got := r.encode(in, a)
				if !bytes.Equal(got.order, tt.want) {
					t.Fatalf("options %v, want %v", got.order, tt.want)
				}
				for code, want := range map[uint8][]byte{
					53: {a.Type}, 54: server, 1: {255, 255, 255, 0}, 3: {192, 0, 2, 254}, 6: {192, 0, 2, 53, 192, 0, 2, 54},
					15: []byte("example.net"), 42: {192, 0, 2, 123}, 51: u32(a.Valid), 58: u32(1800), 59: u32(3150),
					61: cid, 82: r82, 118: {192, 0, 2, 0}, 56: []byte("wrong network"),
				} {
					if data := got.option(code); data != nil && !bytes.Equal(data, want) {
						t.Errorf("option %d = %x, want %x", code, data, want)
					}
				}
			}
			buf := make([]byte, 2048)
			copy(buf, in)
			if n := testing.AllocsPerRun(50, func() {
				copy(buf, in)
				f := frame.Frame{Data: buf[:len(in)]}
				r.h.parse(&f)
				r.h.ask(&f)
				r.h.answer = a
				r.h.encode(&f)
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// RFC 2132 §9.10, RFC 2131 §2: a client takes 576 bytes, with option 57 as many
// as it says. A reply that would be longer is left to the slow path, and the
// frame with it.
func TestReplySize(t *testing.T) {
	// The reply with the large subnet's options is 240 + 53, 54, 51, 58, 59 (27)
	// + 1 (6), 3 (6), 6 (10), 15 (13) + 121 (420 + 4) + END = 727 bytes of DHCP.
	const large = 727
	for _, tt := range []struct {
		name string
		mods []dhcpv4.Modifier
		room int // of the frame, from its DHCP message on
		want frame.Reason
	}{
		{"no option 57 means 576", []dhcpv4.Modifier{option(55, 121)}, 1500, frame.PuntNoFit},
		{"576", []dhcpv4.Modifier{option(55, 121), option(57, 2, 64)}, 1500, frame.PuntNoFit},
		{"one byte too little", []dhcpv4.Modifier{option(55, 121), option(57, (large+27)>>8, (large+27)&255)}, 1500, frame.PuntNoFit},
		{"just enough", []dhcpv4.Modifier{option(55, 121), option(57, (large+28)>>8, (large+28)&255)}, 1500, frame.OK},
		{"just enough, from the cache", []dhcpv4.Modifier{option(55, 121), option(57, (large+28)>>8, (large+28)&255)}, 1500, frame.OK},
		{"65535", []dhcpv4.Modifier{option(55, 121), option(57, 255, 255)}, 1500, frame.OK},
		{"not asked for", []dhcpv4.Modifier{option(55, 1)}, 1500, frame.OK},
		{"below the floor counts as 576", []dhcpv4.Modifier{option(55, 1), option(57, 0, 1)}, 1500, frame.OK},
		{"the frame has just room", []dhcpv4.Modifier{option(55, 121), option(57, 255, 255)}, large, frame.OK},
		{"the frame lacks a byte", []dhcpv4.Modifier{option(55, 121), option(57, 255, 255)}, large - 1, frame.PuntNoFit},
		{"the frame has no room for the padding", []dhcpv4.Modifier{option(55, 1)}, 299, frame.PuntNoFit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, spec())
			a := r.offer()
			a.Subnet = &r.policy.Subnets[2]
			a.Options = a.Subnet.Options
			msg := message(t, dhcpv4.MessageTypeDiscover, tt.mods...).ToBytes()
			if tt.room < 300 {
				msg = bytes.TrimRight(msg, "\x00") // END is the last byte again
			}
			in := direct().frame(t, msg)
			for range 2 {
				out, why := r.encoded(in, 42+tt.room, a)
				if why != tt.want {
					t.Fatalf("%v, want %v", why, tt.want)
				}
				if why != frame.OK {
					continue
				}
				got := decode(t, out)
				limit := 576
				if v, err := message(t, dhcpv4.MessageTypeDiscover, tt.mods...).MaxMessageSize(); err == nil {
					limit = max(limit, int(v))
				}
				if int(got.ip.Length) > limit {
					t.Errorf("an IP datagram of %d bytes, the client takes %d", got.ip.Length, limit)
				}
			}
		})
	}
}

// A datagram that Ethernet cannot carry whole is not sent, whatever the client
// says that it takes.
func TestReplyFitsAnEthernet(t *testing.T) {
	s := spec()
	s.Options = append(s.Options, policy.Option{Code: 43, Data: make([]byte, 1300)})
	r := newRig(t, s)
	in := direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, option(57, 255, 255)).ToBytes())
	if _, why := r.encoded(in, 4096, r.offer()); why != frame.PuntNoFit {
		t.Errorf("%v", why)
	}
}
