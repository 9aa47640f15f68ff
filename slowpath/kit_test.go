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
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// The network of these tests.
var (
	portMAC   = net.HardwareAddr{2, 0xaa, 0, 0, 0, 1}
	clientMAC = net.HardwareAddr{2, 0xcc, 0, 0, 0, 9}
	relayMAC  = net.HardwareAddr{2, 0xbb, 0, 0, 0, 3}
	everyMAC  = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	serverIP  = net.IP{192, 0, 2, 1}
	yourIP    = net.IP{192, 0, 2, 77}
	relayIP   = net.IP{10, 1, 0, 1}
	anyone    = net.IP{0, 0, 0, 0}
	everyone  = net.IP{255, 255, 255, 255}
)

const now lease.Time = 1_700_000_000

// testPolicy has one port and one subnet with these options.
func testPolicy(t testing.TB, options ...policy.Option) *policy.Policy {
	t.Helper()
	return buildPolicy(t, policy.SubnetSpec{Options: options})
}

func buildPolicy(t testing.TB, s policy.SubnetSpec) *policy.Policy {
	t.Helper()
	s.Prefix = netip.MustParsePrefix("192.0.2.0/24")
	s.Pools = []policy.PoolSpec{{Ranges: []policy.Range{{
		First: netip.MustParseAddr("192.0.2.10"), Last: netip.MustParseAddr("192.0.2.250"),
	}}}}
	s.Times = policy.Times{Valid: 3600, Renew: 1800, Rebind: 3150}
	p, err := policy.Build(policy.Spec{
		Ports: []policy.PortSpec{{
			Name: "eth1", MAC: [6]byte(portMAC),
			Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")},
		}},
		Subnets: []policy.SubnetSpec{s},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// boot is what an answer's Boot may point to.
var boot policy.Boot

// brain stands in for exchange.Server: it notes the query and gives an answer.
type brain struct {
	asked  int
	query  exchange.Query // of the last call; its views are copies
	answer func(p *policy.Policy, q *exchange.Query, a *exchange.Answer)
}

func (b *brain) Decide4(p *policy.Policy, q *exchange.Query, _ lease.Time, batch *lease.Batch, a *exchange.Answer) {
	b.asked++
	b.query = *q
	b.query.PRL = bytes.Clone(q.PRL)
	b.query.VendorClass = bytes.Clone(q.VendorClass)
	b.query.Client.HW = bytes.Clone(q.Client.HW)
	b.query.Client.ClientID = bytes.Clone(q.Client.ClientID)
	b.query.Client.Relay = bytes.Clone(q.Client.Relay)
	b.query.Client.Host = bytes.Clone(q.Client.Host)
	*a = exchange.Answer{}
	b.answer(p, q, a)
}

// offer answers everything as exchange would answer a DISCOVER.
func offer(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
	*a = exchange.Answer{
		Type: dhcpOffer, Flags: q.Flags, Yiaddr: lease.IP4From(yourIP),
		ServerID: lease.IP4From(serverIP), Source: lease.IP4From(serverIP),
		To: exchange.ToClient, DestIP: lease.IP4From(yourIP),
		HasTimes: true, Valid: 3600, Renew: 1800, Rebind: 3150,
		Subnet: &p.Subnets[0], Options: p.Subnets[0].Options,
		Boot:         p.Boot(&p.Subnets[0], nil, &policy.ClassSet{}, &boot),
		EchoClientID: len(q.Client.ClientID) > 0, EchoRelay: len(q.Client.Relay) > 0,
	}
	switch {
	case q.Giaddr != 0:
		a.To, a.DestIP = exchange.ToRelay, q.Giaddr
	case q.Ciaddr != 0:
		a.To, a.DestIP = exchange.ToCiaddr, q.Ciaddr
	case q.Flags&exchange.FlagBroadcast != 0:
		a.To, a.DestIP = exchange.ToBroadcast, 1<<32-1
	}
}

// nak answers everything with a NAK.
func nak(_ *policy.Policy, q *exchange.Query, a *exchange.Answer) {
	*a = exchange.Answer{
		Type: dhcpNak, Flags: q.Flags, ServerID: lease.IP4From(serverIP), Source: lease.IP4From(serverIP),
		To: exchange.ToBroadcast, DestIP: 1<<32 - 1, Message: "the address is not yours",
		EchoClientID: len(q.Client.ClientID) > 0, EchoRelay: len(q.Client.Relay) > 0,
	}
}

// RFC 2132 §9.6.
const (
	dhcpDiscover = 1
	dhcpOffer    = 2
	dhcpNak      = 6
)

// A message is a client's DHCP message as bytes: 240 of header and cookie, then
// the options, which get an END.
func message(options ...byte) []byte {
	m := make([]byte, 240, 600)
	m[0], m[1], m[2] = 1, 1, 6
	binary.BigEndian.PutUint32(m[4:], 0xdeadbeef)
	binary.BigEndian.PutUint16(m[8:], 7)
	copy(m[28:], clientMAC)
	copy(m[236:], []byte{99, 130, 83, 99})
	return append(append(m, options...), 255)
}

// discover is a DISCOVER with these options behind option 53.
func discover(options ...byte) []byte {
	return message(append([]byte{53, 1, dhcpDiscover}, options...)...)
}

// with is a copy of m with changed bytes.
func with(m []byte, at int, b ...byte) []byte {
	m = bytes.Clone(m)
	copy(m[at:], b)
	return m
}

// Offsets of RFC 2131 §2.
const (
	atFlags  = 10
	atCiaddr = 12
	atGiaddr = 24
	atSName  = 44
	atFile   = 108
)

// opt is one option, in pieces of at most 255 bytes.
func opt(code byte, data []byte) (b []byte) {
	for {
		n := min(len(data), 255)
		b = append(append(b, code, byte(n)), data[:n]...)
		if data = data[n:]; len(data) == 0 {
			return b
		}
	}
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// pattern is n bytes that tell where they are.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// envelope is what is around a DHCP message.
type envelope struct {
	src, dst     net.HardwareAddr
	from, to     net.IP
	sport, dport uint16
	tags         []uint16
	ipOptions    []layers.IPv4Option
}

// fromClient is the envelope of a client's broadcast.
func fromClient() envelope {
	return envelope{src: clientMAC, dst: everyMAC, from: anyone, to: everyone, sport: 68, dport: 67}
}

// wrap builds the frame with gopacket.
func (e envelope) wrap(t testing.TB, payload []byte) []byte {
	t.Helper()
	typ := layers.EthernetTypeIPv4
	var tags []gopacket.SerializableLayer
	for i := len(e.tags) - 1; i >= 0; i-- {
		tag := &layers.Dot1Q{VLANIdentifier: e.tags[i] & 0xfff, Priority: uint8(e.tags[i] >> 13), Type: typ}
		tags = append([]gopacket.SerializableLayer{tag}, tags...)
		typ = layers.EthernetTypeDot1Q
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Id: 77, Protocol: layers.IPProtocolUDP, SrcIP: e.from, DstIP: e.to, Options: e.ipOptions}
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

// rig is a codec between a brain and a policy.
type rig struct {
	t      testing.TB
	c      *Codec
	brain  *brain
	policy *policy.Policy
	batch  *lease.Batch
	r      Reply
}

func newRig(t testing.TB, p *policy.Policy) *rig {
	b := &brain{answer: offer}
	return &rig{t: t, c: NewCodec(b), brain: b, policy: p, batch: lease.NewBatch(3)}
}

// frame has the codec answer a frame.
func (r *rig) frame(data []byte) *Reply {
	r.t.Helper()
	before := bytes.Clone(data)
	r.c.Answer(r.policy, data, 0, now, r.batch, &r.r)
	if !bytes.Equal(before, data) {
		r.t.Fatal("the request was written to")
	}
	return &r.r
}

// payload has it answer a datagram from a client's broadcast.
func (r *rig) payload(data []byte) *Reply {
	r.t.Helper()
	r.c.AnswerUDP(r.policy, data, &Meta{Dst: 1<<32 - 1, SrcPort: 68, DstPort: 67}, now, r.batch, &r.r)
	return &r.r
}

// answered is a reply read by others.
type answered struct {
	*dhcpv4.DHCPv4 // with the options of all fields
	raw            []byte
	inOptions      dhcpv4.Options // of the options field alone
	packet         gopacket.Packet
	eth            *layers.Ethernet
	tags           []*layers.Dot1Q
	ip             *layers.IPv4
	udp            *layers.UDP
}

// read decodes the message with insomniacslk/dhcp, whose option reader is also
// given the overloaded fields (RFC 2131 §4.1: options, then file, then sname),
// and checks what holds for every reply.
func read(t testing.TB, m []byte) *answered {
	t.Helper()
	d, err := dhcpv4.FromBytes(m)
	if err != nil {
		t.Fatalf("reply: %v\n%x", err, m)
	}
	if len(m) < 300 {
		t.Errorf("the reply has %d bytes, BOOTP asks for 300", len(m))
	}
	a := &answered{DHCPv4: d, raw: m, inOptions: dhcpv4.Options{}}
	for c, v := range d.Options {
		a.inOptions[c] = bytes.Clone(v)
	}
	if over := d.Options.Get(dhcpv4.GenericOptionCode(52)); over != nil {
		if over[0]&1 != 0 {
			if err := d.Options.FromBytes(m[atFile:236]); err != nil {
				t.Fatalf("file field: %v", err)
			}
		}
		if over[0]&2 != 0 {
			if err := d.Options.FromBytes(m[atSName:atFile]); err != nil {
				t.Fatalf("sname field: %v", err)
			}
		}
	}
	return a
}

// open decodes a reply's frame with gopacket, which also checks the checksums
// by making them again.
func open(t testing.TB, f []byte) *answered {
	t.Helper()
	p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("reply's frame: %v\n%x", e.Error(), f)
	}
	udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok {
		t.Fatalf("no UDP in %v", p)
	}
	a := read(t, udp.Payload)
	a.packet, a.udp = p, udp
	a.eth = p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	a.ip = p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
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
	at := len(f) - len(buf.Bytes())
	if at < 14 || !bytes.Equal(buf.Bytes(), f[at:]) {
		t.Errorf("lengths or checksums are wrong:\n got %x\nwant %x", f[max(at, 14):], buf.Bytes())
	}
	return a
}

// want checks one option's value; nil: it must be absent.
func (a *answered) want(t testing.TB, code uint8, value []byte) {
	t.Helper()
	got, ok := a.Options[code]
	if value == nil {
		if ok {
			t.Errorf("option %d = %x, should be absent", code, got)
		}
		return
	}
	if !ok || !bytes.Equal(got, value) {
		t.Errorf("option %d = %x, want %x", code, got, value)
	}
}

// codes are the options of one field in the order in which they stand.
func codes(field []byte) (c []uint8) {
	for i := 0; i < len(field) && field[i] != 255; {
		if field[i] == 0 {
			i++
			continue
		}
		c = append(c, field[i])
		i += 2 + int(field[i+1])
	}
	return c
}

// sum4 makes the IPv4 header checksum of a frame with one VLAN tag again.
func sum4(b []byte) []byte {
	b = bytes.Clone(b)
	h := b[18 : 18+int(b[18]&15)*4]
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^onesSum(h))
	return b
}

// partial replaces the UDP checksum of a frame with one VLAN tag by what a veth
// sender leaves: the sum of the pseudo-header.
func partial(b []byte) []byte {
	b = bytes.Clone(b)
	h := b[18:]
	udp := h[int(h[0]&15)*4:]
	binary.BigEndian.PutUint16(udp[6:], onesSum(cat(h[12:20], []byte{0, 17}, udp[4:6])))
	return b
}

// onesSum is RFC 1071's sum, by the letter.
func onesSum(b []byte) uint16 {
	var s uint32
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func netipOf(s string) netip.Addr { return netip.MustParseAddr(s) }

// mustAnswer checks that r is an answer.
func mustAnswer(t testing.TB, r *Reply) {
	t.Helper()
	if r.Verdict != frame.Reply && r.Verdict != frame.Await || r.Reason != frame.OK {
		t.Fatalf("%v: %v", r.Verdict, r.Reason)
	}
}

func prefixes(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
