// SPDX-License-Identifier: Apache-2.0

package load

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/eth"
)

var (
	relayIP6  = netip.MustParseAddr("2001:db8::2")
	serverIP6 = netip.MustParseAddr("2001:db8::1")
)

func relayed6(n int) Config {
	return Config{Clients: n, V6: true, NA: true, PD: true, Relays: []netip.Addr{relayIP6}, Server: serverIP6, ServerMAC: MAC{2, 2, 2, 2, 2, 2},
		Pools: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}, Delegated: []netip.Prefix{netip.MustParsePrefix("2001:db8:8000::/33")}}
}

func TestSARR(t *testing.T) {
	for name, cfg := range map[string]Config{
		"NA":              {Clients: 1000, V6: true},
		"PD":              {Clients: 1000, V6: true, PD: true},
		"NA and PD":       {Clients: 1000, V6: true, NA: true, PD: true},
		"relayed":         relayed6(1000),
		"to the group":    {Clients: 1000, V6: true, Relays: []netip.Addr{relayIP6}},
		"VLAN":            {Clients: 1000, V6: true, Tags: []Tag{{First: 100, Count: 7}}},
		"QinQ and a link": {Clients: 1000, V6: true, Tags: []Tag{{First: 100, Count: 7}, {First: 1, Count: 100}}, Relays: []netip.Addr{relayIP6}},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := start(t, cfg, newStub().Answer)
			r := mustRun(t, g, Load{Window: 10, Count: 1000})
			if r.Done["sarr"] != 1000 || r.WrongTotal() != 0 || g.Bound() != 1000 || r.DropRatio != 0 || r.Latency["sarr"].Count != 1000 {
				t.Errorf("%+v", r)
			}
			r = mustRun(t, g, Load{Rate: 1e5, Duration: 20 * time.Millisecond, Mix: Mix{Renew: 70, Rebind: 20, Release: 10}})
			if r.Done["renew"] != 1400 || r.Done["rebind"] != 400 || r.Done["release"] != 200 || r.WrongTotal() != 0 || g.Bound() != 800 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What the clients send, read by other libraries.
func TestMessages6(t *testing.T) {
	stub := newStub()
	seen := map[dhcpv6.MessageType]int{}
	read := func(f *frame.Frame) bool {
		pkt := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
		ip, _ := pkt.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		udp, _ := pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if ip == nil || udp == nil || udp.SrcPort != 547 || udp.DstPort != 547 || ip.SrcIP.String() != "2001:db8::2" || ip.DstIP.String() != "2001:db8::1" {
			t.Fatalf("%v", pkt)
		}
		m, err := dhcpv6.FromBytes(udp.Payload)
		if err != nil {
			t.Fatal(err)
		}
		relay, ok := m.(*dhcpv6.RelayMessage)
		if !ok || relay.MessageType != dhcpv6.MessageTypeRelayForward || relay.HopCount != 0 || relay.LinkAddr.String() != "2001:db8::2" ||
			relay.PeerAddr.String() != "fe80::d:ff:fe00:7" || string(relay.Options.InterfaceID()) != "load/00000000" {
			t.Fatalf("%v", m)
		}
		inner, err := m.GetInnerMessage()
		if err != nil {
			t.Fatal(err)
		}
		seen[inner.MessageType]++
		duid, ok := inner.Options.ClientID().(*dhcpv6.DUIDLL)
		if !ok || duid.HWType != iana.HWTypeEthernet || duid.LinkLayerAddr.String() != "02:0d:00:00:00:07" {
			t.Errorf("client identifier %v", inner.Options.ClientID())
		}
		if len(inner.Options.IANA()) != 1 || len(inner.Options.IAPD()) != 1 {
			t.Errorf("%v", inner)
		}
		addresses, prefixes := inner.Options.OneIANA().Options.Addresses(), inner.Options.OneIAPD().Options.Prefixes()
		switch inner.MessageType {
		case dhcpv6.MessageTypeSolicit:
			if inner.Options.ServerID() != nil || len(addresses) != 0 || len(prefixes) != 0 || inner.IsOptionRequested(dhcpv6.OptionNTPServer) ||
				!inner.IsOptionRequested(dhcpv6.OptionDNSRecursiveNameServer) {
				t.Errorf("%v", inner)
			}
		default:
			named := inner.Options.ServerID() != nil
			if named == (inner.MessageType == dhcpv6.MessageTypeRebind) || len(addresses) != 1 || addresses[0].IPv6Addr.String() != "2001:db8::8" ||
				len(prefixes) != 1 || prefixes[0].Prefix.String() != "2001:db8:8000:700::/56" {
				t.Errorf("%v", inner)
			}
		}
		return stub.Answer(f)
	}
	cfg := relayed6(1)
	cfg.FirstMAC = MAC{2, 0xd, 0, 0, 0, 7}
	g, _ := start(t, cfg, read)
	for _, k := range []Kind{DORA, Renew, Rebind, Release} {
		var mix Mix
		mix[k] = 1
		mustRun(t, g, Load{Window: 1, Count: 1, Mix: mix})
	}
	for _, typ := range []dhcpv6.MessageType{dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew,
		dhcpv6.MessageTypeRebind, dhcpv6.MessageTypeRelease} {
		if seen[typ] != 1 {
			t.Errorf("%d of %v", seen[typ], typ)
		}
	}
}

// fault6 is an answer of the stub, read by another library, that a fault is put into.
type fault6 struct {
	m       *dhcpv6.Message
	relay   *dhcpv6.RelayMessage
	headers eth.Headers6
	garble  func(payload []byte)
}

// faulty6 answers relayed clients as the stub does, but for a fault in each message
// of a type; 0 means all of them.
func faulty6(t *testing.T, typ dhcpv6.MessageType, fault func(*fault6)) func(*frame.Frame) bool {
	s := newStub()
	return func(f *frame.Frame) bool {
		if !s.Answer(f) {
			return false
		}
		var l eth.Layers
		if why := eth.Parse(f.Data, &l); why != frame.OK {
			t.Fatal(why)
		}
		ip, udp := eth.IPv6(f.Data[l.L3:]), eth.UDP(f.Data[l.L4:])
		x := fault6{headers: eth.Headers6{DstMAC: MAC(eth.DstMAC(f.Data)), SrcMAC: MAC(eth.SrcMAC(f.Data)), HopLimit: 64,
			Src: [16]byte(ip.Src()), Dst: [16]byte(ip.Dst()), SrcPort: udp.SrcPort(), DstPort: udp.DstPort()}}
		outer, err := dhcpv6.FromBytes(f.Data[l.Payload:l.End])
		if err != nil {
			t.Fatal(err)
		}
		x.relay = outer.(*dhcpv6.RelayMessage)
		if x.m, err = outer.GetInnerMessage(); err != nil {
			t.Fatal(err)
		}
		if typ == 0 || x.m.MessageType == typ {
			fault(&x)
		}
		x.relay.Options.Update(dhcpv6.OptRelayMessage(x.m))
		payload := x.relay.ToBytes()
		if x.garble != nil {
			x.garble(payload)
		}
		b := f.Data[:cap(f.Data)]
		copy(b[l.Payload:], payload)
		f.Data = b[:eth.BuildUDP6(b, &l, &x.headers, len(payload))]
		return true
	}
}

func TestEachKindOfWrongAnswer6(t *testing.T) {
	const advertise, reply = dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply
	other := net.ParseIP("2001:db8::ffff")
	for _, tc := range []struct {
		name  string
		typ   dhcpv6.MessageType
		fault func(*fault6)
		want  Wrong
	}{
		{"an option that runs past the end", 0, func(x *fault6) { x.garble = func(b []byte) { b[36] = 0xff } }, Unreadable},
		{"another client's DUID", 0, func(x *fault6) {
			x.m.UpdateOption(dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0xd, 1, 0, 0, 0}}))
		}, Foreign},
		{"a DUID of nobody", 0, func(x *fault6) { x.m.UpdateOption(dhcpv6.OptClientID(&dhcpv6.DUIDEN{EnterpriseNumber: 1})) }, Foreign},
		{"a transaction of another client", 0, func(x *fault6) { x.m.TransactionID[1] ^= 1 }, WrongXID},
		{"a Reply to a Solicit", advertise, func(x *fault6) { x.m.MessageType = reply }, WrongType},
		{"a request for an answer", advertise, func(x *fault6) { x.m.MessageType = dhcpv6.MessageTypeRenew }, WrongType},
		{"to the relay's client port", 0, func(x *fault6) { x.headers.DstPort = 546 }, WrongPlace},
		{"to another address", 0, func(x *fault6) { x.headers.Dst[15] = 99 }, WrongPlace},
		{"to another MAC address", 0, func(x *fault6) { x.headers.DstMAC[5]++ }, WrongPlace},
		{"another hop count", 0, func(x *fault6) { x.relay.HopCount = 1 }, WrongRelay},
		{"another link-address", 0, func(x *fault6) { x.relay.LinkAddr = other }, WrongRelay},
		{"another peer-address", 0, func(x *fault6) { x.relay.PeerAddr = other }, WrongRelay},
		{"another Interface-ID", 0, func(x *fault6) { x.relay.Options.Update(dhcpv6.OptInterfaceID([]byte("x"))) }, WrongRelay},
		{"no Interface-ID", 0, func(x *fault6) { x.relay.Options.Del(dhcpv6.OptionInterfaceID) }, WrongRelay},
		{"no server identifier", 0, func(x *fault6) { x.m.Options.Del(dhcpv6.OptionServerID) }, MissingOption},
		{"no DNS servers, which are required", 0, func(*fault6) {}, MissingOption},
		{"another server in the Reply", reply, func(x *fault6) { x.m.UpdateOption(dhcpv6.OptServerID(&dhcpv6.DUIDEN{EnterpriseNumber: 1})) }, WrongServer},
		{"an address outside of the pools", advertise, func(x *fault6) {
			x.m.Options.OneIANA().Options.OneAddress().IPv6Addr = net.ParseIP("2001:db8:1::1")
		}, WrongAddress},
		{"a prefix outside of the pools", advertise, func(x *fault6) {
			x.m.Options.OneIAPD().Options.Prefixes()[0].Prefix.IP = net.ParseIP("2001:db9::")
		}, WrongAddress},
		{"another address than was asked for", reply, func(x *fault6) {
			x.m.Options.OneIANA().Options.OneAddress().IPv6Addr = other
		}, WrongAddress},
		{"another prefix length than was asked for", reply, func(x *fault6) {
			x.m.Options.OneIAPD().Options.Prefixes()[0].Prefix.Mask = net.CIDRMask(60, 128)
		}, WrongAddress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := relayed6(10)
			if tc.name == "no DNS servers, which are required" {
				cfg.Require = []uint8{23}
			}
			g, _ := start(t, cfg, faulty6(t, tc.typ, tc.fault))
			r := mustRun(t, g, Load{Window: 1, Count: 1})
			if r.Done["sarr"] != 0 || r.Wrong[tc.want.String()] != 1 || len(r.Wrong) != 1 {
				t.Errorf("done %v, wrong %v, want %v", r.Done, r.Wrong, tc.want)
			}
		})
	}
	t.Run("one lease for two clients", func(t *testing.T) {
		g, _ := start(t, relayed6(10), faulty6(t, 0, func(x *fault6) {
			x.m.Options.OneIAPD().Options.Prefixes()[0].Prefix.IP = net.ParseIP("2001:db8:8000::")
		}))
		r := mustRun(t, g, Load{Window: 1, Count: 10})
		if r.Done["sarr"] != 1 || r.Wrong["taken-address"] != 9 || len(r.Wrong) != 1 {
			t.Errorf("done %v, wrong %v", r.Done, r.Wrong)
		}
	})
}

// A status code in an IA is a refusal, and so is an IA without a lease.
func TestRefusals6(t *testing.T) {
	for name, fault := range map[string]func(*fault6){
		"NoPrefixAvail": func(x *fault6) {
			ia := x.m.Options.OneIAPD()
			ia.Options.Options = dhcpv6.Options{&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoPrefixAvail}}
		},
		"an empty IA": func(x *fault6) { x.m.Options.OneIANA().Options.Options = nil },
		"on top":      func(x *fault6) { x.m.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusUnspecFail}) },
		"lifetimes 0": func(x *fault6) { x.m.Options.OneIANA().Options.OneAddress().ValidLifetime = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			for _, typ := range []dhcpv6.MessageType{dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply} {
				g, _ := start(t, relayed6(10), faulty6(t, typ, fault))
				r := mustRun(t, g, Load{Window: 1, Count: 10})
				if r.Refused["sarr"] != 10 || r.Done["sarr"] != 0 || g.Bound() != 0 || r.WrongTotal() != 0 {
					t.Errorf("%v: %+v", typ, r)
				}
			}
		})
	}
}

func TestConfig6(t *testing.T) {
	for name, c := range map[string]Config{
		"IA_PD of DHCPv4":        {Clients: 1, PD: true},
		"a relay with IPv4":      {Clients: 1, V6: true, Relays: []netip.Addr{relayIP}},
		"a server with IPv4":     {Clients: 1, V6: true, Server: serverIP},
		"a pool of IPv4":         {Clients: 1, V6: true, Pools: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		"a broadcast flag":       {Clients: 1, V6: true, Broadcast: true},
		"server ids of DHCPv6":   {Clients: 1, V6: true, ServerIDs: []netip.Addr{serverIP6}},
		"delegation with DHCPv4": {Clients: 1, Delegated: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
	} {
		if _, err := New(c, newMemory(nil)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// In steady state nothing is allocated for a message.
func TestNoAllocation6(t *testing.T) {
	cfg := relayed6(64)
	g, _ := start(t, cfg, newStub().Answer)
	mustRun(t, g, Load{Window: 8, Count: 64})
	s, stub := g.sim, newStub()
	b := frame.Frame{Data: make([]byte, 0, 1792)}
	out := make([]byte, 1792)
	now := int64(time.Hour / 60)
	if n := testing.AllocsPerRun(100, func() {
		b.Data = b.Data[:s.begin(Renew, now, now, b.Data[:cap(b.Data)])]
		if !stub.Answer(&b) {
			t.Fatal("no answer")
		}
		if s.receive(b.Data, now, out) != 0 || s.inFlight != 0 {
			t.Fatal("no renewal")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
