// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// The network of the tests of DHCPv6.
var (
	serverLL  = net.ParseIP("fe80::aa:1")
	server6   = net.ParseIP("2001:db8::1")
	clientLL  = net.ParseIP("fe80::cc:ff:fe00:9")
	relayA    = net.ParseIP("2001:db8:a::1") // link-address
	groupLink = net.ParseIP("ff02::1:2")
	groupSite = net.ParseIP("ff05::1:3")
	nowhere   = net.ParseIP("::")

	groupMAC  = net.HardwareAddr{0x33, 0x33, 0, 1, 0, 2}
	serverID6 = []byte{0, 3, 0, 1, 2, 0xaa, 0, 0, 0, 1}
	clientID6 = []byte{0, 1, 0, 1, 0x2a, 0x2b, 0x2c, 0x2d, 2, 0xcc, 0, 0, 0, 9}
)

func testPolicy6(t testing.TB, options ...policy6.Option) *policy6.Policy {
	t.Helper()
	n := netip.MustParsePrefix
	p, err := policy6.Build(policy6.Spec{
		ServerID: serverID6,
		Ports:    []policy6.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{n("2001:db8::1/64"), n("fe80::aa:1/64")}}},
		Options: append([]policy6.Option{
			{Code: 23, Data: net.ParseIP("2001:db8::53")},
			{Code: 24, Data: []byte("\x07example\x03net\x00")},
		}, options...),
		Subnets: []policy6.SubnetSpec{{
			Prefix: n("2001:db8::/64"), Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n("2001:db8:0:0:1::/80"))}}},
			Delegate: []policy6.DelegateSpec{{Prefix: n("2001:db8:1000::/36"), Length: 56}},
			Times:    policy6.Times{Preferred: 3600, Valid: 7200},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// brain6 stands in for exchange6.Server: it gives an answer, and remembers the query,
// whose views are those of the packet.
type brain6 struct {
	asked  int
	query  *exchange6.Query
	answer exchange6.Answer
}

func (b *brain6) Decide6(_ *policy6.Policy, q *exchange6.Query, _ lease.Time, _ *lease.Batch, a *exchange6.Answer) {
	b.asked++
	b.query = q
	*a = b.answer
}

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

// rig6 is a codec around a stand-in for the exchange.
type rig6 struct {
	t      testing.TB
	c      *Codec6
	brain  *brain6
	policy *policy6.Policy
	batch  *lease.Batch
	r      Reply
}

func newRig6(t testing.TB, options ...policy6.Option) *rig6 {
	p := testPolicy6(t, options...)
	b := &brain6{answer: answer6(p)}
	return &rig6{t: t, c: NewCodec6(b), brain: b, policy: p, batch: lease.NewBatch(3)}
}

// frame has the codec answer a frame.
func (r *rig6) frame(data []byte) *Reply {
	r.t.Helper()
	before := bytes.Clone(data)
	r.c.Answer(r.policy, data, 0, now, r.batch, &r.r)
	if !bytes.Equal(before, data) {
		r.t.Fatal("the request was written to")
	}
	return &r.r
}

// payload has it answer a client's datagram to the group.
func (r *rig6) payload(data []byte) *Reply {
	r.t.Helper()
	r.c.AnswerUDP(r.policy, data, &Meta6{Src: [16]byte(clientLL), Dst: [16]byte(groupLink), SrcPort: 546, DstPort: 547}, now, r.batch, &r.r)
	return &r.r
}

func opt6(code int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

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

// envelope6 is a Relay-forward around a message, with these options in front of it.
func envelope6(hops byte, link, peer net.IP, msg []byte, options ...[]byte) []byte {
	return cat([]byte{12, hops}, link.To16(), peer.To16(), cat(options...), opt6(9, msg...))
}

// request6 is a message with a client identifier, two IAs and an ORO.
func request6(typ byte, more ...[]byte) []byte {
	return msg6(typ, cat(opt6(1, clientID6...), opt6(8, 0, 100), opt6(6, 0, 23, 0, 24), iana(1), iapd(2, iaprefix("::/56")), cat(more...)))
}

// fromClient6 is a client's message to the group, fromRelay6 a relay's.
func fromClient6() envelope {
	return envelope{src: clientMAC, dst: groupMAC, from: clientLL, to: groupLink, sport: 546, dport: 547}
}

func fromRelay6() envelope {
	return envelope{src: relayMAC, dst: portMAC, from: relayA, to: server6, sport: 547, dport: 547}
}

// wrap6 builds the frame with gopacket.
func (e envelope) wrap6(t testing.TB, payload []byte) []byte {
	t.Helper()
	typ := layers.EthernetTypeIPv6
	var tags []gopacket.SerializableLayer
	for i := len(e.tags) - 1; i >= 0; i-- {
		tag := &layers.Dot1Q{VLANIdentifier: e.tags[i] & 0xfff, Priority: uint8(e.tags[i] >> 13), Type: typ}
		tags = append([]gopacket.SerializableLayer{tag}, tags...)
		typ = layers.EthernetTypeDot1Q
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 1, NextHeader: layers.IPProtocolUDP, SrcIP: e.from, DstIP: e.to}
	udp := &layers.UDP{SrcPort: layers.UDPPort(e.sport), DstPort: layers.UDPPort(e.dport)}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	stack := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: e.src, DstMAC: e.dst, EthernetType: typ}}, tags...)
	stack = append(stack, ip, udp, gopacket.Payload(payload))
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

// answered6 is a reply read by others.
type answered6 struct {
	relays  []*dhcpv6.RelayMessage // outermost first
	msg     *dhcpv6.Message
	payload []byte
	eth     *layers.Ethernet
	tags    []*layers.Dot1Q
	ip      *layers.IPv6
	udp     *layers.UDP
}

// read6 decodes the message with insomniacslk/dhcp and checks what holds for every
// reply.
func read6(t testing.TB, b []byte) *answered6 {
	t.Helper()
	a := &answered6{payload: b}
	m, err := dhcpv6.FromBytes(b)
	for err == nil && m.IsRelay() {
		relay := m.(*dhcpv6.RelayMessage)
		if relay.MessageType != dhcpv6.MessageTypeRelayReply {
			t.Fatalf("a relay is sent %v", relay.MessageType)
		}
		a.relays = append(a.relays, relay)
		if m = relay.Options.RelayMessage(); m == nil {
			t.Fatalf("no message for the relay in % x", b)
		}
	}
	if err != nil {
		t.Fatalf("reply: %v in % x", err, b)
	}
	a.msg = m.(*dhcpv6.Message)
	switch a.msg.MessageType {
	case dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply, dhcpv6.MessageTypeLeaseQueryReply:
	default:
		t.Errorf("a server sends %v", a.msg.MessageType)
	}
	return a
}

// open6 decodes a reply's frame with gopacket, which also makes the checksum again.
func open6(t testing.TB, f []byte) *answered6 {
	t.Helper()
	p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
	udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok || p.ErrorLayer() != nil {
		t.Fatalf("no UDP in %v", p)
	}
	a := read6(t, udp.Payload)
	a.udp = udp
	a.eth = p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	a.ip = p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	for _, l := range p.Layers() {
		if tag, ok := l.(*layers.Dot1Q); ok {
			a.tags = append(a.tags, tag)
		}
	}
	ip, u := *a.ip, *a.udp
	if err := u.SetNetworkLayerForChecksum(&ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, &ip, &u, gopacket.Payload(udp.Payload)); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(f, buf.Bytes()) {
		t.Errorf("lengths or checksums are wrong:\n got %x\nwant %x", f, buf.Bytes())
	}
	return a
}
