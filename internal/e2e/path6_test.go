// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// config6 is a small configuration of DHCPv6 for one interface, and for the clients of
// relay agents with the link-address 2001:db8:a::1.
func config6(end *nettest.End, xdp string) string {
	return fmt.Sprintf(`interfaces: [{name: %s, xdp: %s, vlans: true}]
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [2001:db8:0:1::1000-2001:db8:0:1::1fff]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
    lease: {preferred: 1h, valid: 2h}
    options: {dns-servers: ["2001:db8::53"], domain-search: [example.net]}
  - subnet: 2001:db8:a::/64
    pools: [2001:db8:a::1000-2001:db8:a::1fff]
    delegate: [{prefix: 2001:db8:a000::/36, length: 56}]
    lease: {preferred: 1h, valid: 2h}
classes:
  - {name: odd, match: {all: [{user-class: "odd"}, {expression6: 'option(8) != ""'}]}, dhcpv6: {options: {dns-servers: ["2001:db8::54"]}}}
`, end.Name, xdp)
}

// wire6 is a client or relay agent that the test writes frame by frame.
type wire6 struct {
	t      testing.TB
	p      *nettest.Packet
	server *nettest.End
	mac    net.HardwareAddr
	from   net.IP
	sport  layers.UDPPort
	tags   []uint16
	header []byte // put between IPv6 and UDP: a destination options header
	xid    byte
}

func newWire6(t testing.TB, p *nettest.Pair) *wire6 {
	return &wire6{t: t, p: p.Client.Packet(t), server: p.Server, mac: p.Client.MAC, from: p.Client.LinkLocal().AsSlice(), sport: 546}
}

// message is one of the client's, with a transaction-id of its own and what each has.
func (w *wire6) message(typ dhcpv6.MessageType, options ...dhcpv6.Option) *dhcpv6.Message {
	w.t.Helper()
	w.xid++
	m := &dhcpv6.Message{MessageType: typ, TransactionID: dhcpv6.TransactionID{0x60, 0x60, w.xid}}
	m.AddOption(dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: w.mac}))
	m.AddOption(dhcpv6.OptElapsedTime(0))
	m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList))
	for _, o := range options {
		m.AddOption(o)
	}
	return m
}

// frame is a datagram to this address.
func (w *wire6) frame(to net.IP, payload []byte) []byte {
	w.t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: w.from, DstIP: to}
	udp := &layers.UDP{SrcPort: w.sport, DstPort: 547}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		w.t.Fatal(err)
	}
	e := &layers.Ethernet{SrcMAC: w.mac, DstMAC: w.server.MAC, EthernetType: layers.EthernetTypeIPv6}
	if to.IsMulticast() {
		e.DstMAC = net.HardwareAddr{0x33, 0x33, to[12], to[13], to[14], to[15]}
	}
	var stack []gopacket.SerializableLayer
	for i := len(w.tags) - 1; i >= 0; i-- {
		stack = slices.Insert(stack, 0, gopacket.SerializableLayer(&layers.Dot1Q{VLANIdentifier: w.tags[i], Type: e.EthernetType}))
		e.EthernetType = layers.EthernetTypeDot1Q
	}
	stack = append(slices.Insert(stack, 0, gopacket.SerializableLayer(e)), ip, udp, gopacket.Payload(payload))
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		w.t.Fatal(err)
	}
	f := bytes.Clone(buf.Bytes())
	if w.header != nil {
		at := 14 + 4*len(w.tags)
		f = slices.Insert(f, at+40, w.header...)
		f[at+6] = byte(layers.IPProtocolIPv6Destination)
		binary.BigEndian.PutUint16(f[at+4:], uint16(len(f)-at-40))
	}
	return f
}

// answer6 is a reply, and what is around it.
type answer6 struct {
	*dhcpv6.Message
	relays []*dhcpv6.RelayMessage // outermost first
	eth    *layers.Ethernet
	tags   []uint16
	ip     *layers.IPv6
	udp    *layers.UDP
}

// ask sends a datagram and returns the reply to the message with the newest
// transaction-id. Neighbours are looked for first, so it may take a moment.
func (w *wire6) ask(to string, m dhcpv6.DHCPv6) *answer6 {
	w.t.Helper()
	w.p.Send(w.frame(net.ParseIP(to), m.ToBytes()))
	var a *answer6
	w.p.RecvMatch(patience, func(f []byte) bool { a = w.read(f); return a != nil })
	if a == nil {
		w.t.Fatalf("no answer to %s", m.Summary())
	}
	return a
}

// read takes a frame apart; nil if it is not the reply.
func (w *wire6) read(f []byte) *answer6 {
	p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
	a := &answer6{}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			a.eth = l
		case *layers.Dot1Q:
			a.tags = append(a.tags, l.VLANIdentifier)
		case *layers.IPv6:
			a.ip = l
		case *layers.UDP:
			a.udp = l
		}
	}
	if a.ip == nil || a.udp == nil || a.udp.SrcPort != 547 {
		return nil
	}
	m, err := dhcpv6.FromBytes(a.udp.Payload)
	for err == nil && m.IsRelay() {
		relay := m.(*dhcpv6.RelayMessage)
		a.relays = append(a.relays, relay)
		m = relay.Options.RelayMessage()
	}
	if err != nil {
		return nil
	}
	a.Message = m.(*dhcpv6.Message)
	if a.TransactionID != [3]byte{0x60, 0x60, w.xid} {
		return nil
	}
	return a
}

var (
	ia1 = &dhcpv6.OptIANA{IaId: [4]byte{3: 1}}
	ia2 = &dhcpv6.OptIAPD{IaId: [4]byte{3: 2}}
)

const allServers = "ff02::1:2"

// bind goes from Solicit to Reply for an address and a prefix. through puts the relays'
// envelopes around a message.
func (w *wire6) bind(to string, through func(*dhcpv6.Message) dhcpv6.DHCPv6) (adv, reply *answer6) {
	w.t.Helper()
	adv = w.ask(to, through(w.message(dhcpv6.MessageTypeSolicit, ia1, ia2)))
	if adv.MessageType != dhcpv6.MessageTypeAdvertise {
		w.t.Fatalf("a Solicit is answered with %s", adv.Summary())
	}
	reply = w.ask(to, through(w.message(dhcpv6.MessageTypeRequest, dhcpv6.OptServerID(adv.Options.ServerID()), adv.Options.OneIANA(), adv.Options.OneIAPD())))
	if reply.MessageType != dhcpv6.MessageTypeReply {
		w.t.Fatalf("a Request is answered with %s", reply.Summary())
	}
	return adv, reply
}

func alone(m *dhcpv6.Message) dhcpv6.DHCPv6 { return m }

func (a *answer6) leases(t testing.TB) (addr net.IP, prefix net.IPNet) {
	t.Helper()
	na, pd := a.Options.OneIANA(), a.Options.OneIAPD()
	if na == nil || pd == nil || na.Options.OneAddress() == nil || len(pd.Options.Prefixes()) != 1 {
		t.Fatalf("leases are missing: %s", a.Summary())
	}
	return na.Options.OneAddress().IPv6Addr, *pd.Options.Prefixes()[0].Prefix
}

func veth6(t testing.TB) *nettest.Pair {
	return nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("2001:db8:0:1::1/64"), nettest.ClientAddr("2001:db8:0:1::2/64"))
}

// Each way for a packet to reach the server gives a lease of an address and a prefix.
func TestALeaseByEveryRoad6(t *testing.T) {
	for _, xdp := range []string{"native", "generic", "off"} {
		t.Run(xdp, func(t *testing.T) {
			t.Parallel()
			p := veth6(t)
			s := serve(t, p.Server, config6(p.Server, xdp))
			w := newWire6(t, p)
			_, reply := w.bind(allServers, alone)
			addr, prefix := reply.leases(t)
			if !bytes.HasPrefix(addr, net.ParseIP("2001:db8:0:1::1000")[:14]) {
				t.Errorf("address %v", addr)
			}
			if ones, _ := prefix.Mask.Size(); ones != 56 || !bytes.HasPrefix(prefix.IP, net.ParseIP("2001:db8:1000::")[:4]) {
				t.Errorf("prefix %v", prefix)
			}
			if !reply.ip.SrcIP.Equal(net.IP(p.Server.LinkLocal().AsSlice())) || !bytes.Equal(reply.eth.SrcMAC, p.Server.MAC) || reply.udp.DstPort != 546 || reply.udp.Checksum == 0 {
				t.Errorf("from %v, %v, to port %d", reply.eth.SrcMAC, reply.ip.SrcIP, reply.udp.DstPort)
			}
			if dns := reply.Options.DNS(); len(dns) != 1 || !dns[0].Equal(net.ParseIP("2001:db8::53")) || reply.Options.DomainSearchList() == nil {
				t.Errorf("options: %s", reply.Summary())
			}
			st := s.status()
			fast, slow := st.Fast.Verdicts["await"], st.Slow.Verdicts["await"]
			if xdp == "off" && (fast != 0 || slow != 1) || xdp != "off" && (fast != 1 || slow != 0) {
				t.Errorf("acknowledged by the fast path %d, by the slow path %d", fast, slow)
			}
			s.stop()
		})
	}
}

// VLAN tags come back as they were sent, from either path.
func TestVLANTagsAreKept6(t *testing.T) {
	p := veth6(t)
	s := serve(t, p.Server, config6(p.Server, "native"))
	w := newWire6(t, p)
	for _, tags := range [][]uint16{{100}, {7, 42}} {
		w.tags = tags
		for _, class := range []string{"even", "odd"} {
			// RFC 8415 §21.15; a rule for the odd ones has an expression.
			a := w.ask(allServers, w.message(dhcpv6.MessageTypeSolicit, ia1, &dhcpv6.OptUserClass{UserClasses: [][]byte{[]byte(class)}}))
			if !slices.Equal(a.tags, tags) {
				t.Errorf("%s: sent the tags %v, got %v back", class, tags, a.tags)
			}
		}
	}
	st := s.status()
	if got := reason(st.Fast, "punt_class"); got != 2 || st.Slow.Verdicts["reply"] != 2 || st.Fast.Verdicts["reply"] != 2 {
		t.Errorf("punted %d, answered by the slow path %d, by the fast path %d", got, st.Slow.Verdicts["reply"], st.Fast.Verdicts["reply"])
	}
}

// A message through two relay agents is answered in place: inside out, with each level's
// Interface-Id, to the relay's own port (RFC 8415 §19.3, RFC 8357).
func TestTwoRelayLevels6(t *testing.T) {
	p := veth6(t)
	s := serve(t, p.Server, config6(p.Server, "native"))
	w := newWire6(t, p)
	w.from, w.sport = net.ParseIP("2001:db8:0:1::2"), 40547
	client := net.ParseIP("fe80::77")
	through := func(m *dhcpv6.Message) dhcpv6.DHCPv6 {
		inner := &dhcpv6.RelayMessage{MessageType: dhcpv6.MessageTypeRelayForward, LinkAddr: net.ParseIP("2001:db8:a::1"), PeerAddr: client}
		inner.AddOption(dhcpv6.OptInterfaceID([]byte("eth0/7")))
		inner.AddOption(dhcpv6.OptRelayMessage(m))
		outer := &dhcpv6.RelayMessage{MessageType: dhcpv6.MessageTypeRelayForward, HopCount: 1, LinkAddr: net.IPv6zero, PeerAddr: net.ParseIP("2001:db8:a::1")}
		outer.AddOption(dhcpv6.OptRelayPort(0))
		outer.AddOption(dhcpv6.OptInterfaceID([]byte("ge-1")))
		outer.AddOption(dhcpv6.OptRelayMessage(inner))
		return outer
	}
	for _, to := range []string{"2001:db8:0:1::1", "ff05::1:3"} {
		_, a := w.bind(to, through)
		addr, _ := a.leases(t)
		if !bytes.HasPrefix(addr, net.ParseIP("2001:db8:a::1000")[:14]) {
			t.Errorf("address %v", addr)
		}
		if len(a.relays) != 2 || string(a.relays[0].Options.InterfaceID()) != "ge-1" || string(a.relays[1].Options.InterfaceID()) != "eth0/7" ||
			a.relays[0].HopCount != 1 || !a.relays[1].PeerAddr.Equal(client) || a.relays[0].GetOneOption(dhcpv6.OptionRelayPort) == nil {
			t.Errorf("relays %v", a.relays)
		}
		if a.udp.DstPort != 40547 || !a.ip.DstIP.Equal(w.from) || !a.ip.SrcIP.Equal(net.ParseIP("2001:db8:0:1::1")) {
			t.Errorf("%v to %v, port %d", a.ip.SrcIP, a.ip.DstIP, a.udp.DstPort)
		}
	}
	if st := s.status(); st.Fast.Verdicts["await"] != 2 || st.Slow.Verdicts["await"] != 0 {
		t.Errorf("acknowledged by the fast path %d, by the slow path %d", st.Fast.Verdicts["await"], st.Slow.Verdicts["await"])
	}
}

// What XDP leaves to the kernel reaches the slow path: extension headers, fragments.
func TestWhatTheKernelDeliversIsAnswered6(t *testing.T) {
	p := veth6(t)
	s := serve(t, p.Server, config6(p.Server, "native"))
	w := newWire6(t, p)
	w.header = []byte{17, 0, 1, 4, 0, 0, 0, 0} // PadN
	w.ask(allServers, w.message(dhcpv6.MessageTypeSolicit, ia1))
	w.header = nil

	m := w.message(dhcpv6.MessageTypeSolicit, ia1)
	f := w.frame(net.ParseIP(allServers), m.ToBytes())
	for off := 0; off < len(f)-54; off += 64 {
		part := f[54+off : min(len(f), 54+off+64)]
		g := slices.Concat(f[:54], []byte{17, 0, byte(off >> 8), byte(off), 1, 2, 3, 4}, part)
		if off+64 < len(f)-54 {
			g[57] |= 1
		}
		g[20] = byte(layers.IPProtocolIPv6Fragment)
		binary.BigEndian.PutUint16(g[18:], uint16(len(g)-54))
		w.p.Send(g)
	}
	var a *answer6
	w.p.RecvMatch(patience, func(f []byte) bool { a = w.read(f); return a != nil })
	if a == nil {
		t.Error("a message in fragments is not answered")
	}
	if st := s.status(); st.Slow.Verdicts["reply"] != 2 || st.Fast.Verdicts["reply"] != 0 {
		t.Errorf("answered by the slow path %d, by the fast path %d", st.Slow.Verdicts["reply"], st.Fast.Verdicts["reply"])
	}
}

// A corpus of malformed messages is met with silence, counted by reason, and the server
// goes on.
func TestMalformed6(t *testing.T) {
	p := veth6(t)
	s := serve(t, p.Server, config6(p.Server, "native"))
	w := newWire6(t, p)
	id := []byte{0, 1, 0, 4, 0, 3, 0, 1}
	loop := bytes.Repeat(append(make([]byte, 34), 0, 9, 0xff, 0xff), 20)
	for i := 0; i < len(loop); i += 38 {
		loop[i] = 12
		binary.BigEndian.PutUint16(loop[i+36:], uint16(len(loop)-i-38))
	}
	for _, m := range map[string][]byte{
		"truncated":    {1, 2},
		"bad_option":   slices.Concat([]byte{1, 0, 0, 1}, id, []byte{0, 3, 0xff, 0xff}),
		"bad_duid":     {1, 0, 0, 1, 0, 1, 0, 0},
		"from_server":  slices.Concat([]byte{7, 0, 0, 1}, id),
		"no_type":      slices.Concat([]byte{99, 0, 0, 1}, id),
		"no_client_id": {1, 0, 0, 1},
		"too_many_ias": slices.Concat([]byte{1, 0, 0, 1}, id, bytes.Repeat([]byte{0, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 60)),
		"relays":       loop, // 20 of them, and nothing inside
	} {
		w.p.Send(w.frame(net.ParseIP(allServers), m))
	}
	a := w.ask(allServers, w.message(dhcpv6.MessageTypeSolicit, ia1))
	if a.MessageType != dhcpv6.MessageTypeAdvertise {
		t.Fatalf("%s", a.Summary())
	}
	st := s.status()
	for _, name := range []string{"bad_option", "bad_duid", "from_server", "no_type", "no_client_id", "too_many_ias"} {
		if got := reason(st.Fast, name); got != 1 {
			t.Errorf("%s = %d, want 1", name, got)
		}
	}
	// The short one, which XDP drops already, and what is inside the relays.
	if got := reason(st.Fast, "truncated") + st.Interfaces[0].Steering["garbage"]; got != 2 {
		t.Errorf("truncated = %d, want 2", got)
	}
}
