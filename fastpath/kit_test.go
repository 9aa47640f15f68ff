// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
)

func init() {
	// gopacket does not know the EtherType of QinQ before 802.1ad.
	layers.EthernetTypeMetadata[0x9100] = layers.EthernetTypeMetadata[layers.EthernetTypeQinQ]
}

// The network of these tests: one port, a subnet behind it and two behind relays.
var (
	portMAC   = net.HardwareAddr{2, 0xaa, 0, 0, 0, 1}
	clientMAC = net.HardwareAddr{2, 0xcc, 0, 0, 0, 9}
	relayMAC  = net.HardwareAddr{2, 0xbb, 0, 0, 0, 3}
	server    = net.IP{192, 0, 2, 1}
	relayIP   = net.IP{10, 1, 0, 1}
	anyone    = net.IP{0, 0, 0, 0}
	everyone  = net.IP{255, 255, 255, 255}
	start     = time.Unix(1_700_000_000, 0)
)

func spec() policy.Spec {
	a := netip.MustParseAddr
	pool := func(first, last string) []policy.PoolSpec {
		return []policy.PoolSpec{{Ranges: []policy.Range{{First: a(first), Last: a(last)}}}}
	}
	return policy.Spec{
		Ports: []policy.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}},
		Options: []policy.Option{
			{Code: 6, Data: []byte{192, 0, 2, 53, 192, 0, 2, 54}},
			{Code: 15, Data: []byte("example.net")},
			{Code: 42, Data: []byte{192, 0, 2, 123}},
		},
		Subnets: []policy.SubnetSpec{
			{
				Prefix: netip.MustParsePrefix("192.0.2.0/24"), Pools: pool("192.0.2.100", "192.0.2.199"),
				Times:   policy.Times{Valid: 3600, Renew: 1800, Rebind: 3150},
				Options: []policy.Option{{Code: 3, Data: []byte{192, 0, 2, 254}}},
				Reservations: []policy.ReservationSpec{
					{MAC: []byte{2, 0xcc, 0, 0, 0, 0x77}, Address: a("192.0.2.20")},
				},
				NextServer: a("192.0.2.69"), ServerName: "boot.example.net", BootFile: "pxelinux.0",
			},
			{
				Prefix: netip.MustParsePrefix("10.1.0.0/16"), Pools: pool("10.1.1.0", "10.1.1.255"),
				Times:   policy.Times{Valid: 600},
				Options: []policy.Option{{Code: 3, Data: []byte{10, 1, 0, 1}}},
			},
			{
				Prefix: netip.MustParsePrefix("10.2.0.0/16"), Pools: pool("10.2.1.0", "10.2.1.255"),
				Times: policy.Times{Valid: 600},
				Options: []policy.Option{
					{Code: 3, Data: []byte{10, 2, 0, 1}},
					{Code: 121, Data: bytes.Repeat([]byte{16, 10, 9, 10, 2, 0, 1}, 60)},
				},
			},
		},
	}
}

// rig is a handler with everything that it needs.
type rig struct {
	t      testing.TB
	h      *Handler
	batch  *lease.Batch
	policy *policy.Policy
}

func newRig(t testing.TB, s policy.Spec) *rig {
	t.Helper()
	p, err := policy.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease.New(lease.Options{Shards: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	var source atomic.Pointer[policy.Policy]
	source.Store(p)
	r := &rig{t: t, h: New(&exchange.Server{Table: table}, &source), batch: lease.NewBatch(1), policy: p}
	r.h.Begin(start, worker.Calm)
	return r
}

// handle gives a copy of in to the handler, in a buffer of n bytes with guard
// bytes around it, and checks what holds for every frame: nothing is written
// outside of the buffer, and an unanswered frame is as it was.
func (r *rig) handle(in []byte, n int) (out []byte, v frame.Verdict, why frame.Reason) {
	r.t.Helper()
	const guard = 64
	buf := bytes.Repeat([]byte{0xa5}, n+2*guard)
	copy(buf[guard:], in)
	f := frame.Frame{Data: buf[guard : guard+len(in) : guard+n], Addr: 42}
	v, why, wait := r.h.Handle(&f, r.batch)
	if !bytes.Equal(buf[:guard], bytes.Repeat([]byte{0xa5}, guard)) || !bytes.Equal(buf[guard+n:], bytes.Repeat([]byte{0xa5}, guard)) {
		r.t.Fatal("written outside of the frame's memory")
	}
	switch v {
	case frame.Reply, frame.Await:
		if why != frame.OK {
			r.t.Fatalf("%v with reason %v", v, why)
		}
		if (v == frame.Await) != (wait != 0) {
			r.t.Fatalf("%v with ticket %x", v, wait)
		}
		if cap(f.Data) != n || &f.Data[0] != &buf[guard] || f.Addr != 42 {
			r.t.Fatal("the reply is not in the frame's memory")
		}
	case frame.Drop, frame.Punt:
		if why == frame.OK || wait != 0 {
			r.t.Fatalf("%v with reason %v, ticket %x", v, why, wait)
		}
		if !bytes.Equal(f.Data, in) || !bytes.Equal(buf[guard+len(in):guard+n], bytes.Repeat([]byte{0xa5}, n-len(in))) {
			r.t.Fatalf("%v (%v), but the frame was changed", v, why)
		}
	default:
		r.t.Fatalf("verdict %v", v)
	}
	return f.Data, v, why
}

// ask expects an answer to in.
func (r *rig) ask(in []byte) *reply {
	r.t.Helper()
	out, v, why := r.handle(in, 2048)
	if v != frame.Reply && v != frame.Await {
		r.t.Fatalf("%v: %v", v, why)
	}
	a := decode(r.t, out)
	a.verdict = v
	return a
}

// packet is what lies around a client's message.
type packet struct {
	src, dst     net.HardwareAddr
	from, to     net.IP
	sport, dport uint16
	tags         []uint16
}

// direct is a broadcast from a client without an address.
func direct() packet {
	return packet{src: clientMAC, dst: net.HardwareAddr(broadcastMAC[:]), from: anyone, to: everyone, sport: 68, dport: 67}
}

// relayed is a unicast from a relay.
func relayed() packet {
	return packet{src: relayMAC, dst: portMAC, from: relayIP, to: server, sport: 67, dport: 67}
}

// frame serializes the packet around msg with gopacket.
func (p packet) frame(t testing.TB, msg []byte) []byte {
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
	*next = layers.EthernetTypeIPv4
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: p.from, DstIP: p.to, TOS: 0x10, Id: 0x7777}
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

// message is a client's message, with insomniacslk's encoder. The base has the
// fields of a DISCOVER.
func message(t testing.TB, typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithTransactionID(dhcpv4.TransactionID{0xde, 0xad, 0xbe, 0xef}),
		dhcpv4.WithHwAddr(clientMAC),
		dhcpv4.WithMessageType(typ),
		func(m *dhcpv4.DHCPv4) { m.NumSeconds = 9 },
	}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func option(code uint8, data ...byte) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), data)
}

func giaddr(ip net.IP) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.GatewayIPAddr, m.HopCount = ip, 1 }
}

func ciaddr(ip net.IP) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = ip }
}

func flags(v uint16) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.Flags = v }
}

// reply is an answer as two independent decoders read it.
type reply struct {
	verdict frame.Verdict
	raw     []byte // the whole frame
	eth     *layers.Ethernet
	tags    []*layers.Dot1Q
	ip      *layers.IPv4
	udp     *layers.UDP
	msg     *dhcpv4.DHCPv4
	order   []uint8 // option codes as they follow one another, without pads
}

func (r *reply) option(code uint8) []byte { return r.msg.Options[code] }

// typ is option 53, 0 if it is missing.
func (r *reply) typ() dhcpv4.MessageType { return r.msg.MessageType() }

// decode reads a frame of ours with gopacket and insomniacslk, and checks what
// holds for every reply.
func decode(t testing.TB, b []byte) *reply {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
	if p.ErrorLayer() != nil {
		t.Fatalf("gopacket: %v in % x", p.ErrorLayer().Error(), b)
	}
	if p.Metadata().Truncated {
		t.Fatalf("gopacket: truncated: % x", b)
	}
	r := &reply{raw: b}
	var ls []gopacket.SerializableLayer
	var g *layers.DHCPv4
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			r.eth = l
		case *layers.Dot1Q:
			r.tags = append(r.tags, l)
		case *layers.IPv4:
			r.ip = l
		case *layers.UDP:
			r.udp = l
		case *layers.DHCPv4:
			g = l
			continue
		default:
			t.Fatalf("a layer of %v in the reply", l.LayerType())
		}
		ls = append(ls, l.(gopacket.SerializableLayer))
	}
	if g == nil || r.udp == nil || r.ip == nil {
		t.Fatalf("not DHCP: %v", p)
	}
	// The datagram ends with the frame, and the checksums are full: gopacket
	// computes the same bytes.
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

	m, err := dhcpv4.FromBytes(r.udp.Payload)
	if err != nil {
		t.Fatalf("insomniacslk: %v in % x", err, r.udp.Payload)
	}
	r.msg = m
	joined := dhcpv4.Options{}
	for _, o := range g.Options {
		if o.Type == layers.DHCPOptPad {
			t.Fatal("a pad before END")
		}
		code := uint8(o.Type)
		if len(r.order) == 0 || r.order[len(r.order)-1] != code { // RFC 3396: the parts follow one another
			r.order = append(r.order, code)
		}
		joined[code] = append(joined[code], o.Data...)
	}
	seen := map[uint8]bool{}
	for _, c := range r.order {
		if seen[c] {
			t.Fatalf("option %d twice: %v", c, r.order)
		}
		seen[c] = true
		if !bytes.Equal(joined[c], m.Options[c]) {
			t.Fatalf("option %d: gopacket reads %x, insomniacslk %x", c, joined[c], m.Options[c])
		}
	}
	if len(m.Options) != len(r.order) {
		t.Fatalf("insomniacslk reads %v, gopacket %v", m.Options, r.order)
	}
	if n := len(r.udp.Payload); n < 300 {
		t.Errorf("the BOOTP message has %d bytes", n)
	}
	if m.OpCode != dhcpv4.OpcodeBootReply || m.HopCount != 0 || m.NumSeconds != 0 {
		t.Errorf("op %d, hops %d, secs %d", m.OpCode, m.HopCount, m.NumSeconds)
	}
	if r.udp.SrcPort != 67 || r.ip.TTL != 64 || r.ip.Flags != 0 || r.ip.TOS != 0 {
		t.Errorf("IP or UDP header: %+v, %+v", r.ip, r.udp)
	}
	return r
}

// same reports whether an address is what it should be.
func (r *reply) same(t testing.TB, what string, got, want net.IP) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
