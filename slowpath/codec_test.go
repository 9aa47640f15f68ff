// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"net"
	"testing"

	"github.com/google/gopacket/layers"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

var (
	routers = policy.Option{Code: 3, Data: []byte{192, 0, 2, 254}}
	dns     = policy.Option{Code: 6, Data: []byte{192, 0, 2, 53}}
	domain  = policy.Option{Code: 15, Data: []byte("example.net")}
	ntp     = policy.Option{Code: 42, Data: []byte{192, 0, 2, 123}}
)

// everything is a message with all that becomes part of a Query.
func everything() []byte {
	m := message(cat(
		[]byte{53, 1, 3, 50, 4, 192, 0, 2, 50, 54, 4, 192, 0, 2, 1, 51, 4, 0, 1, 0, 0},
		opt(55, []byte{1, 3, 6}), opt(57, []byte{5, 220}), opt(60, []byte("MSFT 5.0")),
		opt(61, append([]byte{1}, clientMAC...)), opt(12, pattern(70)),
		opt(118, []byte{10, 9, 0, 0}),
		opt(82, cat(opt(1, []byte("port 7")), opt(5, []byte{10, 8, 0, 0}), opt(11, []byte{10, 7, 0, 1}))),
	)...)
	m[3] = 2                           // hops
	copy(m[atFlags:], []byte{0x80, 0}) // broadcast
	copy(m[atCiaddr:], []byte{192, 0, 2, 60})
	copy(m[atGiaddr:], relayIP)
	return m
}

func checkQuery(t *testing.T, q *exchange.Query) {
	t.Helper()
	ip := func(s string) lease.IP4 { return lease.IP4From(net.ParseIP(s).To4()) }
	if q.Type != 3 || q.HType != 1 || q.Hops != 2 || q.Flags != 0x8000 {
		t.Errorf("type %d, htype %d, hops %d, flags %#x", q.Type, q.HType, q.Hops, q.Flags)
	}
	if q.Ciaddr != ip("192.0.2.60") || q.Giaddr != ip("10.1.0.1") {
		t.Errorf("ciaddr %v, giaddr %v", q.Ciaddr, q.Giaddr)
	}
	if !q.HasRequested || q.Requested != ip("192.0.2.50") || !q.HasServerID || q.ServerID != ip("192.0.2.1") || !q.HasTime || q.WantTime != 65536 {
		t.Errorf("requested %v, server %v, time %v", q.Requested, q.ServerID, q.WantTime)
	}
	if q.LinkSelection != ip("10.8.0.0") || q.ServerOverride != ip("10.7.0.1") || q.SubnetSelection != ip("10.9.0.0") {
		t.Errorf("link selection %v, server override %v, subnet selection %v", q.LinkSelection, q.ServerOverride, q.SubnetSelection)
	}
	if q.MaxSize != 1500 || !bytes.Equal(q.PRL, []byte{1, 3, 6}) || string(q.VendorClass) != "MSFT 5.0" {
		t.Errorf("max size %d, list %v, class %q", q.MaxSize, q.PRL, q.VendorClass)
	}
	c := q.Client
	if c.HType != 1 || !bytes.Equal(c.HW, clientMAC) || !bytes.Equal(c.ClientID, append([]byte{1}, clientMAC...)) {
		t.Errorf("client %+v", c)
	}
	if !bytes.Equal(c.Host, pattern(63)) || len(c.Relay) != 8+6+6 {
		t.Errorf("host %x, relay %x", c.Host, c.Relay)
	}
}

func TestQueryOfAFrame(t *testing.T) {
	r := newRig(t, testPolicy(t))
	e := envelope{src: relayMAC, dst: portMAC, from: relayIP, to: serverIP, sport: 67, dport: 67, tags: []uint16{0x6000 | 100, 7}}
	mustAnswer(t, r.frame(e.wrap(t, everything())))
	q := &r.brain.query
	checkQuery(t, q)
	if q.Port != 0 || q.NTags != 2 || q.VLAN != [2]uint16{100, 7} || q.Src != lease.IP4From(relayIP) || q.Dst != lease.IP4From(serverIP) {
		t.Errorf("port %d, %d tags %v, %v > %v", q.Port, q.NTags, q.VLAN, q.Src, q.Dst)
	}
	// Nothing of it is left for the next packet.
	mustAnswer(t, r.frame(fromClient().wrap(t, discover())))
	if q.Type != 1 || q.Hops != 0 || q.Flags != 0 || q.Ciaddr != 0 || q.Giaddr != 0 || q.HasRequested || q.HasServerID || q.HasTime ||
		q.LinkSelection != 0 || q.ServerOverride != 0 || q.SubnetSelection != 0 || q.MaxSize != 0 || q.NTags != 0 || q.VLAN != [2]uint16{} ||
		len(q.PRL)+len(q.VendorClass)+len(q.Client.ClientID)+len(q.Client.Host)+len(q.Client.Relay) != 0 {
		t.Errorf("left over: %+v", q)
	}
}

func TestQueryOfADatagram(t *testing.T) {
	r := newRig(t, testPolicy(t))
	r.c.AnswerUDP(r.policy, everything(), &Meta{Src: 5, Dst: 6, SrcPort: 67, DstPort: 67}, now, r.batch, &r.r)
	mustAnswer(t, &r.r)
	q := &r.brain.query
	checkQuery(t, q)
	if q.NTags != 0 || q.Src != 5 || q.Dst != 6 {
		t.Errorf("%d tags, %v > %v", q.NTags, q.Src, q.Dst)
	}
}

// RFC 2131 table 3.
func TestReplyHeader(t *testing.T) {
	p := buildPolicy(t, policy.SubnetSpec{
		NextServer: netipOf("192.0.2.69"), ServerName: "boot.example.net", BootFile: "pxelinux.0",
	})
	r := newRig(t, p)
	req := everything()
	copy(req[34:44], "ten bytes!") // behind the six of chaddr
	copy(req[atSName:], "a client's")
	copy(req[atFile:], "a client's")
	for name, out := range map[string][]byte{
		"frame": bytes.Clone(r.frame(fromClient().wrap(t, req)).Message),
		"udp":   bytes.Clone(r.payload(req).Message),
	} {
		t.Run(name, func(t *testing.T) {
			a := read(t, out)
			if a.OpCode != 2 || a.HWType != 1 || a.HopCount != 0 || a.NumSeconds != 0 || a.Flags != 0x8000 {
				t.Errorf("%v", a.Summary())
			}
			if !bytes.Equal(out[4:8], req[4:8]) || !bytes.Equal(out[24:44], req[24:44]) {
				t.Error("xid, giaddr and chaddr are not the request's")
			}
			if !a.YourIPAddr.Equal(yourIP) || !a.ServerIPAddr.Equal(net.IP{192, 0, 2, 69}) || a.ClientIPAddr.String() != "0.0.0.0" {
				t.Errorf("yiaddr %v, siaddr %v, ciaddr %v", a.YourIPAddr, a.ServerIPAddr, a.ClientIPAddr)
			}
			if a.ServerHostName != "boot.example.net" || a.BootFileName != "pxelinux.0" {
				t.Errorf("sname %q, file %q", a.ServerHostName, a.BootFileName)
			}
		})
	}

	r.brain.answer = nak
	a := read(t, r.frame(fromClient().wrap(t, req)).Message)
	if a.ServerHostName != "" || a.BootFileName != "" || !a.ServerIPAddr.Equal(anyone) || !a.YourIPAddr.Equal(anyone) {
		t.Errorf("NAK: %v", a.Summary())
	}
	if got := codes(a.raw[240:]); !bytes.Equal(got, []byte{53, 54, 56, 61, 82}) {
		t.Errorf("options of a NAK: %v", got)
	}
	a.want(t, 56, []byte("the address is not yours"))
}

// The order is that of fastpath's doc: 53 54 51 58 59, the client's list, 118,
// 61, and 82 last.
func TestOrderOfOptions(t *testing.T) {
	r := newRig(t, testPolicy(t, routers, dns, domain, ntp))
	r.brain.answer = func(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
		offer(p, q, a)
		a.EchoSubnetSelection = true
	}
	m := discover(cat(
		opt(82, opt(1, []byte("port 7"))), opt(61, []byte{9, 9}), opt(118, []byte{10, 9, 0, 0}), opt(55, []byte{42, 3, 1, 99, 15}),
	)...)
	a := read(t, r.payload(m).Message)
	if got := codes(a.raw[240:]); !bytes.Equal(got, []byte{53, 54, 51, 58, 59, 42, 1, 3, 15, 6, 118, 61, 82}) {
		t.Errorf("options %v", got)
	}
	a.want(t, 53, []byte{2})
	a.want(t, 54, serverIP)
	a.want(t, 51, []byte{0, 0, 14, 16})
	a.want(t, 58, []byte{0, 0, 7, 8})
	a.want(t, 59, []byte{0, 0, 12, 78})
	a.want(t, 1, []byte{255, 255, 255, 0})
	a.want(t, 42, ntp.Data)
	a.want(t, 118, []byte{10, 9, 0, 0})
}

// RFC 2131 §4.1, and where the frame goes.
func TestAddressing(t *testing.T) {
	relayed := with(discover(), atGiaddr, relayIP...)
	renewing := with(discover(), atCiaddr, 192, 0, 2, 60)
	wantsBroadcast := with(discover(), atFlags, 0x80, 0)
	router := envelope{src: relayMAC, dst: portMAC, from: net.IP{192, 0, 2, 60}, to: serverIP, sport: 68, dport: 67}
	relay := envelope{src: relayMAC, dst: portMAC, from: relayIP, to: serverIP, sport: 67, dport: 67}
	oddRelay := relay
	oddRelay.sport = 40000
	portOption := opt(82, opt(19, nil)) // RFC 8357
	for _, tt := range []struct {
		name  string
		e     envelope
		m     []byte
		mac   net.HardwareAddr
		ip    net.IP
		port  layers.UDPPort
		frame bool // a frame also for a datagram
	}{
		{"unicast to yiaddr at chaddr", fromClient(), discover(), clientMAC, yourIP, 68, true},
		{"broadcast", fromClient(), wantsBroadcast, everyMAC, everyone, 68, true},
		{"ciaddr, back through the router", router, renewing, relayMAC, net.IP{192, 0, 2, 60}, 68, false},
		{"relay", relay, relayed, relayMAC, relayIP, 67, false},
		{"relay with another port, not said", oddRelay, relayed, relayMAC, relayIP, 67, false},
		{"relay with another port", oddRelay, with(discover(portOption...), atGiaddr, relayIP...), relayMAC, relayIP, 40000, false},
		{"port option without relay", fromClient(), discover(portOption...), clientMAC, yourIP, 68, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			reply := r.frame(tt.e.wrap(t, tt.m))
			mustAnswer(t, reply)
			a := open(t, reply.Frame)
			if !bytes.Equal(a.eth.DstMAC, tt.mac) || !bytes.Equal(a.eth.SrcMAC, portMAC) || !a.ip.DstIP.Equal(tt.ip) || !a.ip.SrcIP.Equal(serverIP) || a.udp.DstPort != tt.port || a.udp.SrcPort != 67 || a.ip.TTL != 64 {
				t.Errorf("%v > %v, %v:%v > %v:%v", a.eth.SrcMAC, a.eth.DstMAC, a.ip.SrcIP, a.udp.SrcPort, a.ip.DstIP, a.udp.DstPort)
			}
			fromFrame := bytes.Clone(reply.Message)

			meta := Meta{Src: lease.IP4From(tt.e.from), Dst: lease.IP4From(tt.e.to), SrcPort: tt.e.sport, DstPort: tt.e.dport}
			r.c.AnswerUDP(r.policy, tt.m, &meta, now, r.batch, &r.r)
			mustAnswer(t, &r.r)
			if !bytes.Equal(r.r.Message, fromFrame) {
				t.Errorf("the answer to the datagram is another:\n%x\n%x", r.r.Message, fromFrame)
			}
			if r.r.Dest != lease.IP4From(tt.ip.To4()) || r.r.DestPort != uint16(tt.port) || r.r.Source != lease.IP4From(serverIP) {
				t.Errorf("%v > %v:%d", r.r.Source, r.r.Dest, r.r.DestPort)
			}
			if (r.r.Frame != nil) != tt.frame {
				t.Fatalf("a frame: %v, want %v", r.r.Frame != nil, tt.frame)
			}
			if tt.frame {
				b := open(t, r.r.Frame)
				if !bytes.Equal(b.eth.DstMAC, tt.mac) || !bytes.Equal(b.eth.SrcMAC, portMAC) || b.ip.Id == a.ip.Id {
					t.Errorf("%v > %v, id %d after %d", b.eth.SrcMAC, b.eth.DstMAC, b.ip.Id, a.ip.Id)
				}
			}
		})
	}
}

func TestTagsAreKept(t *testing.T) {
	for name, tags := range map[string][]uint16{"802.1Q": {0xa000 | 12}, "QinQ": {0x2000 | 100, 200}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			e := fromClient()
			e.tags = tags
			req := e.wrap(t, discover())
			if name == "QinQ" {
				copy(req[12:], []byte{0x88, 0xa8})
			}
			reply := r.frame(req)
			mustAnswer(t, reply)
			a := open(t, reply.Frame)
			if n := 4*len(tags) + 2; !bytes.Equal(reply.Frame[12:12+n], req[12:12+n]) {
				t.Errorf("tags %x, want %x", reply.Frame[12:12+n], req[12:12+n])
			}
			if len(a.tags) != len(tags) {
				t.Errorf("%d tags", len(a.tags))
			}
		})
	}
}

// RFC 791 §3.1: options, which the fast path leaves to us.
func TestIPOptions(t *testing.T) {
	e := fromClient()
	e.tags = []uint16{7}
	plain := newRig(t, testPolicy(t))
	want := bytes.Clone(plain.frame(e.wrap(t, discover())).Frame)

	e.ipOptions = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}} // router alert
	req := e.wrap(t, discover())
	for name, tt := range map[string]struct {
		b   []byte
		why frame.Reason
	}{
		"as it is":             {req, frame.OK},
		"Ethernet padding":     {cat(req, make([]byte, 30)), frame.OK},
		"a partial checksum":   {partial(req), frame.OK},
		"no UDP checksum":      {with(req, 18+24+6, 0, 0), frame.OK},
		"wrong UDP checksum":   {with(req, 18+24+6, 1, 2), frame.BadChecksum},
		"wrong header sum":     {with(req, 18+10, 1, 2), frame.BadChecksum},
		"UDP length too great": {with(req, 18+24+4, 2, 255), frame.Truncated},
		"UDP length 0":         {with(req, 18+24+4, 0, 0), frame.Truncated},
		"option cut":           {sum4(with(req, 18+20, 148, 9)), frame.BadIP},
		"option of length 0":   {sum4(with(req, 18+20, 148, 0)), frame.BadIP},
		"cut in the header":    {req[:18+22], frame.Truncated},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			reply := r.frame(tt.b)
			if reply.Reason != tt.why {
				t.Fatalf("%v, want %v", reply.Reason, tt.why)
			}
			if tt.why == frame.OK && !bytes.Equal(reply.Frame, want) {
				t.Errorf("another answer than without options:\n%x\n%x", reply.Frame, want)
			}
		})
	}
}

func TestOtherPacketsAreNotDHCP(t *testing.T) {
	r := newRig(t, testPolicy(t))
	e := fromClient()
	e.dport = 68
	if reply := r.frame(e.wrap(t, discover())); reply.Reason != frame.NotDHCP {
		t.Errorf("port 68: %v", reply.Reason)
	}
	r.c.AnswerUDP(r.policy, discover(), &Meta{DstPort: 66}, now, r.batch, &r.r)
	if r.r.Reason != frame.NotDHCP {
		t.Errorf("port 66: %v", r.r.Reason)
	}
	r.c.AnswerUDP(r.policy, discover(), &Meta{Port: 1, DstPort: 67}, now, r.batch, &r.r)
	if r.r.Reason != frame.NoSubnet {
		t.Errorf("a port that the policy lacks: %v", r.r.Reason)
	}
	v6 := cat(everyMAC, clientMAC, []byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 0, 64}, make([]byte, 32), make([]byte, 8))
	if reply := r.frame(v6); reply.Reason != frame.NotDHCP {
		t.Errorf("IPv6 with hop-by-hop options: %v", reply.Reason)
	}
	if r.brain.asked != 0 {
		t.Error("the exchange was asked")
	}
}

func TestSilence(t *testing.T) {
	r := newRig(t, testPolicy(t))
	r.frame(fromClient().wrap(t, discover()))
	r.brain.answer = func(_ *policy.Policy, _ *exchange.Query, a *exchange.Answer) { a.Reason = frame.PoolFull }
	reply := r.frame(fromClient().wrap(t, discover()))
	if reply.Verdict != frame.Drop || reply.Reason != frame.PoolFull || reply.Frame != nil || reply.Message != nil || reply.Wait != 0 {
		t.Errorf("%+v", reply)
	}
}

func TestTicketMakesItWait(t *testing.T) {
	r := newRig(t, testPolicy(t))
	r.brain.answer = func(p *policy.Policy, q *exchange.Query, a *exchange.Answer) { offer(p, q, a); a.Wait = 99 }
	if reply := r.frame(fromClient().wrap(t, discover())); reply.Verdict != frame.Await || reply.Wait != 99 {
		t.Errorf("%v for %v", reply.Verdict, reply.Wait)
	}
	r.brain.answer = offer
	if reply := r.frame(fromClient().wrap(t, discover())); reply.Verdict != frame.Reply || reply.Wait != 0 {
		t.Errorf("%v for %v", reply.Verdict, reply.Wait)
	}
}

func TestNoAllocation(t *testing.T) {
	small := testPolicy(t, routers, dns, domain, ntp)
	long := testPolicy(t, routers, policy.Option{Code: 119, Data: pattern(400)})
	withOptions := fromClient()
	withOptions.ipOptions = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	split := discover(cat(opt(55, []byte{1, 3}), opt(55, []byte{6, 15}), opt(61, pattern(30)))...)
	for _, tt := range []struct {
		name   string
		policy *policy.Policy
		frame  []byte
	}{
		{"plain", small, fromClient().wrap(t, discover())},
		{"split", small, fromClient().wrap(t, split)},
		{"overloaded", small, fromClient().wrap(t, fields([]byte{52, 1, 3}, []byte{53, 1, 1}, []byte{12, 1, 'a'}))},
		{"IP options", small, withOptions.wrap(t, discover())},
		{"overflowing", long, fromClient().wrap(t, discover(opt(55, []byte{119})...))},
		{"relayed", small, fromClient().wrap(t, everything())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.policy)
			// A brain that copies nothing.
			r.c.server = deciderFunc(offer)
			mustAnswer(t, r.frame(tt.frame))
			if n := testing.AllocsPerRun(100, func() { r.c.Answer(r.policy, tt.frame, 0, now, r.batch, &r.r) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			l := 14 + 20 + 8
			payload := tt.frame[l:]
			if tt.name == "IP options" {
				payload = payload[4:]
			}
			meta := Meta{SrcPort: 68, DstPort: 67}
			if n := testing.AllocsPerRun(100, func() { r.c.AnswerUDP(r.policy, payload, &meta, now, r.batch, &r.r) }); n != 0 {
				t.Errorf("%v allocations for a datagram", n)
			}
			mustAnswer(t, &r.r)
		})
	}
}

type deciderFunc func(p *policy.Policy, q *exchange.Query, a *exchange.Answer)

func (f deciderFunc) Decide4(p *policy.Policy, q *exchange.Query, _ lease.Time, _ *lease.Batch, a *exchange.Answer) {
	f(p, q, a)
}
