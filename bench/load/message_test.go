// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// seen is a frame of ours as other people's decoders read it.
type seen struct {
	eth   *layers.Ethernet
	vlans []uint16
	ip    *layers.IPv4
	udp   *layers.UDP
	dhcp  *dhcpv4.DHCPv4
}

func decode(t *testing.T, b []byte) seen {
	t.Helper()
	var s seen
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			s.eth = l
		case *layers.Dot1Q:
			s.vlans = append(s.vlans, l.VLANIdentifier)
		case *layers.IPv4:
			s.ip = l
		case *layers.UDP:
			s.udp = l
		}
	}
	if s.udp == nil {
		t.Fatalf("no UDP in %v", p)
	}
	udp := append(bytes.Clone(s.udp.Contents), s.udp.Payload...)
	pseudo := append(bytes.Clone(s.ip.Contents[12:20]), 0, 17, byte(len(udp)>>8), byte(len(udp)))
	if sumOf(s.ip.Contents) != 0xffff || s.udp.Checksum == 0 || sumOf(append(pseudo, udp...)) != 0xffff {
		t.Fatalf("checksums of % x", b)
	}
	var err error
	if s.dhcp, err = dhcpv4.FromBytes(s.udp.Payload); err != nil {
		t.Fatal(err)
	}
	return s
}

// sumOf is RFC 1071's sum of an even number of bytes.
func sumOf(b []byte) (s uint32) {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return s
}

// RFC 2131 §4.4, table 5, and §4.3.6, table 4: what each message holds.
func TestMessagesAsOthersReadThem(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
	}{
		{"relayed", relayed(300)},
		{"direct", Config{Clients: 300, ServerMAC: MAC{2, 2, 2, 2, 2, 2}, ClientID: true}},
		{"broadcast flag", Config{Clients: 300, ServerMAC: MAC{2, 2, 2, 2, 2, 2}, Broadcast: true}},
		{"QinQ", Config{Clients: 300, ServerMAC: MAC{2, 2, 2, 2, 2, 2}, Tags: []Tag{{First: 10, Count: 3}, {First: 200, Count: 50}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var frames []seen
			g, m := start(t, tc.cfg, newStub().Answer)
			m.seen = func(b []byte) { frames = append(frames, decode(t, b)) }
			for _, mix := range []Mix{{DORA: 1}, {Renew: 1}, {Rebind: 1}, {Release: 1}} {
				if r := mustRun(t, g, Load{Window: 1, Count: 300, Mix: mix}); r.WrongTotal() > 0 || sum(r.Done) != 300 {
					t.Fatalf("%+v", r)
				}
			}
			if len(frames) != 5*300 {
				t.Fatalf("%d frames", len(frames))
			}
			xids := map[dhcpv4.TransactionID]int{}
			for i, f := range frames {
				// DISCOVER and REQUEST take turns; then 300 of each other kind.
				client, what := i/2, names4.messages[i%2]
				if i >= 600 {
					client, what = i%300, names4.messages[i/300]
				}
				mac := net.HardwareAddr{2, 0x0d, 0, 0, byte(client >> 8), byte(client)}
				addr := net.IPv4(10, 0, byte(client>>8), byte(client))
				xids[f.dhcp.TransactionID]++
				checkMessage(t, &tc.cfg, fmt.Sprintf("%s of client %d", what, client), what, client, mac, addr, f)
			}
			if len(xids) != 4*300 {
				t.Errorf("%d transactions, want one an exchange", len(xids))
			}
		})
	}
}

func checkMessage(t *testing.T, cfg *Config, at, what string, client int, mac net.HardwareAddr, addr net.IP, f seen) {
	t.Helper()
	d := f.dhcp
	relay := len(cfg.Relays) > 0
	unicast := what == "renew" || what == "release"
	holds := unicast || what == "rebind"
	isRelayed := relay && !unicast
	server := serverIP.AsSlice()

	expect := func(name string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %s is %v, want %v", at, name, got, want)
		}
	}
	typ := map[string]dhcpv4.MessageType{"discover": dhcpv4.MessageTypeDiscover, "request": dhcpv4.MessageTypeRequest,
		"renew": dhcpv4.MessageTypeRequest, "rebind": dhcpv4.MessageTypeRequest, "release": dhcpv4.MessageTypeRelease}[what]
	expect("type", d.MessageType(), typ)
	expect("chaddr", d.ClientHWAddr, mac)
	ciaddr, src := net.IPv4zero, net.IPv4zero
	if holds {
		ciaddr, src = addr, addr
	}
	giaddr, srcMAC, dstMAC, dst, sport := net.IPv4zero, mac, net.HardwareAddr(broadcastMAC[:]), net.IPv4bcast, 68
	if unicast {
		dst, dstMAC = server, cfg.ServerMAC[:]
	}
	if relay {
		srcMAC = net.HardwareAddr{2, 1, 1, 1, 1, 1}
	}
	if isRelayed {
		giaddr, src, dst, dstMAC, sport = relayIP.AsSlice(), relayIP.AsSlice(), server, cfg.ServerMAC[:], 67
		want := append([]byte{1, 13}, fmt.Sprintf("load/%08x", client)...)
		want = append(append(want, 2, 6), mac...)
		if got := d.Options.Get(dhcpv4.OptionRelayAgentInformation); !bytes.Equal(got, want) {
			t.Errorf("%s: option 82 is % x, want % x", at, got, want)
		}
		expect("hops", d.HopCount, 1)
	} else {
		expect("option 82", d.Options.Has(dhcpv4.OptionRelayAgentInformation), false)
		expect("hops", d.HopCount, 0)
	}
	expect("ciaddr", d.ClientIPAddr, ciaddr)
	expect("yiaddr", d.YourIPAddr, net.IPv4zero)
	expect("giaddr", d.GatewayIPAddr, giaddr)
	expect("IP source", f.ip.SrcIP, src)
	expect("IP destination", f.ip.DstIP, net.IP(dst))
	expect("source", f.eth.SrcMAC, srcMAC)
	expect("destination", f.eth.DstMAC, dstMAC)
	expect("ports", fmt.Sprint(int(f.udp.SrcPort), int(f.udp.DstPort)), fmt.Sprint(sport, 67))
	expect("broadcast flag", d.IsBroadcast(), cfg.Broadcast && !holds)
	expect("client identifier", d.Options.Has(dhcpv4.OptionClientIdentifier), cfg.ClientID)
	if cfg.ClientID {
		expect("client identifier", d.Options.Get(dhcpv4.OptionClientIdentifier), append([]byte{1}, mac...))
	}
	expect("parameter request list", d.Options.Has(dhcpv4.OptionParameterRequestList), what != "release")
	if what == "request" {
		expect("requested address", d.RequestedIPAddress(), addr)
	} else {
		expect("requested address", d.Options.Has(dhcpv4.OptionRequestedIPAddress), false)
	}
	if what == "request" || what == "release" {
		expect("server identifier", d.ServerIdentifier(), net.IP(server))
	} else {
		expect("server identifier", d.Options.Has(dhcpv4.OptionServerIdentifier), false)
	}
	var tags []uint16
	if len(cfg.Tags) == 2 {
		tags = []uint16{10 + uint16(client/50%3), 200 + uint16(client%50)}
	}
	expect("VLANs", f.vlans, tags)
	if len(f.udp.Payload) < 300 {
		t.Errorf("%s: %d bytes, less than BOOTP's 300", at, len(f.udp.Payload))
	}
}

func TestSeveralRelays(t *testing.T) {
	cfg := relayed(10)
	cfg.Relays = append(cfg.Relays, netip.MustParseAddr("192.0.2.3"))
	got := map[string]int{}
	g, m := start(t, cfg, newStub().Answer)
	m.seen = func(b []byte) { got[decode(t, b).dhcp.GatewayIPAddr.String()]++ }
	mustRun(t, g, Load{Count: 10})
	if len(got) != 2 || got["192.0.2.2"] != 10 || got["192.0.2.3"] != 10 {
		t.Errorf("%v", got)
	}
}
