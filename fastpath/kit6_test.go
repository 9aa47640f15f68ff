// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/engine/worker"
)

// The network of the tests of DHCPv6: one port, a link behind it and two behind
// relays.
var (
	serverLL  = net.ParseIP("fe80::aa:1")
	server6   = net.ParseIP("2001:db8::1")
	clientLL  = net.ParseIP("fe80::cc:ff:fe00:9") // EUI-64 of clientMAC
	relayLL   = net.ParseIP("fe80::bb:3")
	relayA    = net.ParseIP("2001:db8:a::1") // link-address
	groupLink = net.ParseIP("ff02::1:2")
	groupSite = net.ParseIP("ff05::1:3")
	nowhere   = net.ParseIP("::")

	groupMAC = net.HardwareAddr{0x33, 0x33, 0, 1, 0, 2}
	serverID = []byte{0, 3, 0, 1, 2, 0xaa, 0, 0, 0, 1}
	clientID = []byte{0, 1, 0, 1, 0x2a, 0x2b, 0x2c, 0x2d, 2, 0xcc, 0, 0, 0, 9}
)

func spec6() policy6.Spec {
	n := netip.MustParsePrefix
	pool := func(p string) []policy6.PoolSpec {
		return []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n(p))}}}
	}
	return policy6.Spec{
		ServerID: serverID,
		Ports: []policy6.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{
			n("2001:db8::1/64"), n("fe80::aa:1/64"),
		}}},
		Options: []policy6.Option{
			{Code: 23, Data: net.ParseIP("2001:db8::53")},
			{Code: 24, Data: []byte("\x07example\x03net\x00")},
			{Code: 82, Data: []byte{0, 0, 14, 16}},
		},
		Subnets: []policy6.SubnetSpec{
			{
				Prefix: n("2001:db8::/64"), Pools: pool("2001:db8:0:0:1::/80"),
				Delegate: []policy6.DelegateSpec{{Prefix: n("2001:db8:1000::/36"), Length: 56, Exclude: n("2001:db8:1000::/64")}},
				Times:    policy6.Times{Preferred: 3600, Valid: 7200}, RapidCommit: true,
			},
			{
				Prefix: n("2001:db8:a::/64"), Pools: pool("2001:db8:a:0:1::/80"),
				Delegate: []policy6.DelegateSpec{{Prefix: n("2001:db8:2000::/36"), Length: 56}},
				Times:    policy6.Times{Preferred: 600, Valid: 1200},
			},
		},
	}
}

func build6(t testing.TB, s policy6.Spec) *policy6.Policy {
	t.Helper()
	p, err := policy6.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// brain6 stands in for exchange6.Server: it notes the query and gives an answer.
type brain6 struct {
	asked  int
	forget bool             // for the count of allocations
	query  *exchange6.Query // of the last call; its views are copies
	answer exchange6.Answer
}

func (b *brain6) Decide6(_ *policy6.Policy, q *exchange6.Query, _ lease.Time, _ *lease.Batch, a *exchange6.Answer) {
	b.asked++
	if !b.forget {
		b.query = keepQuery(q)
	}
	*a = b.answer
}

// keepQuery is a copy of what a codec fills, for when the packet is overwritten.
func keepQuery(q *exchange6.Query) *exchange6.Query {
	k := *q
	for _, v := range []*[]byte{
		&k.Client.DUID, &k.Client.LinkLayer, &k.Client.Peer, &k.Client.InterfaceID, &k.Client.RemoteID, &k.Client.SubscriberID, &k.Client.RelayID,
		&k.ServerID, &k.UserClass, &k.Arch, &k.FQDN, &k.Asked.ORO,
	} {
		*v = bytes.Clone(*v)
	}
	for _, vs := range [][][]byte{k.VendorClass[:], k.VendorOpts[:], k.RSOO[:]} {
		for i := range vs {
			vs[i] = bytes.Clone(vs[i])
		}
	}
	return &k
}

// ip6 is an address as the engine has it.
func ip6(a net.IP) lease6.IP6 { return lease6.IP6From(a.To16()) }

// answer6 is a Reply with an address and a prefix for IAs 1 and 2.
func answer6(p *policy6.Policy) exchange6.Answer {
	a := exchange6.Answer{
		Type: exchange6.Reply, Source: ip6(serverLL), T1: 1800, T2: 2880, NIAs: 2, NLeases: 2,
		Subnet: &p.Subnets[0], Options: p.Subnets[0].Options, Wait: 7,
	}
	a.IAs[0] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.NA, ID: 1}, First: 0, N: 1}
	a.IAs[1] = exchange6.AnswerIA{IA: lease6.IA{Type: lease6.PD, ID: 2}, First: 1, N: 1}
	a.Leases[0] = exchange6.AnswerLease{Prefix: lease6.AddrPrefix(ip6(net.ParseIP("2001:db8:0:0:1::7"))), Preferred: 3600, Valid: 7200}
	a.Leases[1] = exchange6.AnswerLease{
		Prefix: lease6.Prefix{IP6: ip6(net.ParseIP("2001:db8:1000:700::")), Len: 56}, Preferred: 3600, Valid: 7200,
	}
	return a
}

// rig6 is a handler around a stand-in for the exchange.
type rig6 struct {
	*rig
	brain   *brain6
	policy6 *policy6.Policy
}

func newRig6(t testing.TB, s policy6.Spec) *rig6 {
	t.Helper()
	p := build6(t, s)
	r := &rig6{rig: newRig(t, spec()), brain: &brain6{answer: answer6(p)}, policy6: p}
	var source atomic.Pointer[policy6.Policy]
	source.Store(p)
	r.h.Serve6(r.brain, &source)
	r.h.Begin(start, worker.Calm)
	return r
}

// ask6 expects an answer to in.
func (r *rig6) ask6(in []byte) *reply6 {
	r.t.Helper()
	out, v, why := r.handle(in, 2048)
	if v != frame.Reply && v != frame.Await {
		r.t.Fatalf("%v: %v", v, why)
	}
	a := decode6(r.t, out)
	a.verdict = v
	return a
}

func opt6(code int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// msg6 is a client's message with these options.
func msg6(typ byte, options ...[]byte) []byte {
	return append([]byte{typ, 0xab, 0xcd, 0xef}, cat(options...)...)
}

func u32s(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

func iana(id uint32, leases ...[]byte) []byte { return opt6(3, cat(u32s(id, 0, 0), cat(leases...))...) }
func iata(id uint32, leases ...[]byte) []byte { return opt6(4, cat(u32s(id), cat(leases...))...) }
func iapd(id uint32, leases ...[]byte) []byte {
	return opt6(25, cat(u32s(id, 0, 0), cat(leases...))...)
}
func iaaddr(a string) []byte { return opt6(5, cat(net.ParseIP(a), u32s(0, 0))...) }
func iaprefix(p string) []byte {
	n := netip.MustParsePrefix(p)
	return opt6(26, cat(u32s(0, 0), []byte{byte(n.Bits())}, n.Addr().AsSlice())...)
}

// envelope6 is a Relay-forward around a message, with these options.
func envelope6(hops byte, link, peer net.IP, msg []byte, options ...[]byte) []byte {
	return cat([]byte{12, hops}, link.To16(), peer.To16(), cat(options...), opt6(9, msg...))
}

// request6 is a message with a client identifier, two IAs and an ORO.
func request6(typ byte, more ...[]byte) []byte {
	return msg6(typ, cat(opt6(1, clientID...), opt6(8, 0, 100), opt6(6, 0, 23, 0, 24), iana(1), iapd(2, iaprefix("::/56")), cat(more...)))
}

// direct6 is a message from a client to the group.
func direct6() packet {
	return packet{src: clientMAC, dst: groupMAC, from: clientLL, to: groupLink, sport: 546, dport: 547}
}

// relayed6 is a message from a relay on the link.
func relayed6() packet {
	return packet{src: relayMAC, dst: portMAC, from: relayA, to: server6, sport: 547, dport: 547}
}

// frame6 is packet.frame for IPv6.
func (p packet) frame6(t testing.TB, msg []byte) []byte {
	t.Helper()
	e := &layers.Ethernet{SrcMAC: p.src, DstMAC: p.dst}
	ls := []gopacket.SerializableLayer{e}
	next := &e.EthernetType
	for i, tci := range p.tags {
		*next = layers.EthernetTypeDot1Q
		if i == 0 && len(p.tags) == 2 {
			*next = layers.EthernetTypeQinQ
		}
		d := &layers.Dot1Q{VLANIdentifier: tci & 0xfff, Priority: uint8(tci >> 13)}
		next = &d.Type
		ls = append(ls, d)
	}
	*next = layers.EthernetTypeIPv6
	ip := &layers.IPv6{Version: 6, TrafficClass: 0xc0, FlowLabel: 0x12345, HopLimit: 1, NextHeader: layers.IPProtocolUDP, SrcIP: p.from, DstIP: p.to}
	u := &layers.UDP{SrcPort: layers.UDPPort(p.sport), DstPort: layers.UDPPort(p.dport)}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	ls = append(ls, ip, u, gopacket.Payload(msg))
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// reply6 is an answer as two independent decoders read it.
type reply6 struct {
	verdict frame.Verdict
	raw     []byte // the whole frame
	eth     *layers.Ethernet
	tags    []*layers.Dot1Q
	ip      *layers.IPv6
	udp     *layers.UDP
	relays  []*dhcpv6.RelayMessage // outermost first
	msg     *dhcpv6.Message
}

// option is the data of the first option with this code of the message to the
// client; nil if it is missing.
func (r *reply6) option(code uint16) []byte {
	o := r.msg.GetOneOption(dhcpv6.OptionCode(code))
	if o == nil {
		return nil
	}
	return append([]byte{}, o.ToBytes()...)
}

// codes are the options of the message to the client in their order.
func (r *reply6) codes() (c []int) {
	for _, o := range r.msg.Options.Options {
		c = append(c, int(o.Code()))
	}
	return c
}

// decode6 reads a frame of ours with gopacket and insomniacslk, and checks what
// holds for every reply.
func decode6(t testing.TB, b []byte) *reply6 {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
	if p.ErrorLayer() != nil || p.Metadata().Truncated {
		t.Fatalf("gopacket: %v in % x", p.ErrorLayer(), b)
	}
	r := &reply6{raw: b}
	var ls []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			r.eth = l
		case *layers.Dot1Q:
			r.tags = append(r.tags, l)
		case *layers.IPv6:
			r.ip = l
		case *layers.UDP:
			r.udp = l
		default:
			continue
		}
		ls = append(ls, l.(gopacket.SerializableLayer))
	}
	if r.udp == nil || r.ip == nil {
		t.Fatalf("not UDP over IPv6: %v", p)
	}
	// The datagram ends with the frame, and the checksum is full: gopacket computes
	// the same bytes.
	if err := r.udp.SetNetworkLayerForChecksum(r.ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	ls = append(ls, gopacket.Payload(r.udp.Payload))
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true, FixLengths: true}, ls...); err != nil {
		t.Fatal(err)
	}
	again := buf.Bytes()
	if at := len(b) - len(r.udp.Payload) - 2; again[at]|again[at+1] == 0 {
		again[at], again[at+1] = 0xff, 0xff // RFC 768, which gopacket does not know
	}
	if !bytes.Equal(again, b) {
		t.Fatalf("gopacket would write\n% x, not\n% x", again, b)
	}
	if r.udp.SrcPort != 547 || r.ip.HopLimit != 64 || r.ip.TrafficClass != 0 || r.ip.FlowLabel != 0 {
		t.Errorf("IP or UDP header: %+v, %+v", r.ip, r.udp)
	}
	if len(b)-14-4*len(r.tags) > 1500 {
		t.Errorf("a datagram of %d bytes", len(b)-14)
	}

	m, err := dhcpv6.FromBytes(r.udp.Payload)
	for err == nil && m.IsRelay() {
		relay := m.(*dhcpv6.RelayMessage)
		if relay.MessageType != dhcpv6.MessageTypeRelayReply {
			t.Fatalf("a relay is sent %v", relay.MessageType)
		}
		r.relays = append(r.relays, relay)
		if m = relay.Options.RelayMessage(); m == nil {
			t.Fatalf("no message for the relay in % x", r.udp.Payload)
		}
	}
	if err != nil {
		t.Fatalf("insomniacslk: %v in % x", err, r.udp.Payload)
	}
	r.msg = m.(*dhcpv6.Message)
	if r.msg.MessageType != dhcpv6.MessageTypeAdvertise && r.msg.MessageType != dhcpv6.MessageTypeReply {
		t.Errorf("a server sends %v", r.msg.MessageType)
	}
	if !bytes.Equal(r.option(2), serverID) {
		t.Errorf("server identifier %x", r.option(2))
	}
	return r
}
