// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// client6er is a DHCPv6 client that the test writes message by message, encoded and
// decoded by libraries that share no code with the server.
type client6er struct {
	t    testing.TB
	wire *nettest.Packet
	end  *nettest.End
	mac  net.HardwareAddr
	duid dhcpv6.DUID
	last *dhcpv6.Message // the newest Reply
}

func newClient6(t testing.TB, end *nettest.End) *client6er {
	return newClient6As(t, end, end.MAC)
}

// newClient6As is a client on the wire of end with another hardware address.
func newClient6As(t testing.TB, end *nettest.End, mac net.HardwareAddr) *client6er {
	t.Helper()
	return &client6er{t: t, wire: end.Packet(t), end: end, mac: mac, duid: &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac}}
}

// linkLocal is the client's address (RFC 4291 appendix A).
func (c *client6er) linkLocal() net.IP {
	m := c.mac
	return net.IP{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]}
}

// frame wraps a message to all servers and relay agents.
func (c *client6er) frame(m *dhcpv6.Message) []byte {
	c.t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 1, NextHeader: layers.IPProtocolUDP, SrcIP: c.linkLocal(), DstIP: net.ParseIP("ff02::1:2")}
	udp := &layers.UDP{SrcPort: 546, DstPort: 547}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		c.t.Fatal(err)
	}
	eth := &layers.Ethernet{SrcMAC: c.mac, DstMAC: net.HardwareAddr{0x33, 0x33, 0, 1, 0, 2}, EthernetType: layers.EthernetTypeIPv6}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, udp, gopacket.Payload(m.ToBytes())); err != nil {
		c.t.Fatal(err)
	}
	return buf.Bytes()
}

// ask sends a message to all servers and returns the answer to it.
func (c *client6er) ask(m *dhcpv6.Message) *dhcpv6.Message {
	c.t.Helper()
	// As RFC 8415 §15 has it: what is not answered is sent again.
	for begin := time.Now(); time.Since(begin) < patience; {
		c.wire.Send(c.frame(m))
		if a := c.answer(m.TransactionID, time.Second); a != nil {
			return a
		}
	}
	c.t.Fatalf("no answer to %s", m.Summary())
	return nil
}

func (c *client6er) answer(xid dhcpv6.TransactionID, wait time.Duration) (found *dhcpv6.Message) {
	c.wire.RecvMatch(wait, func(b []byte) bool {
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok || udp.DstPort != 546 {
			return false
		}
		m, err := dhcpv6.MessageFromBytes(udp.Payload)
		if err != nil || m.TransactionID != xid {
			return false
		}
		found = m
		return true
	})
	return found
}

func (c *client6er) message(typ dhcpv6.MessageType, opts ...dhcpv6.Option) *dhcpv6.Message {
	c.t.Helper()
	m, err := dhcpv6.NewMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	m.MessageType = typ
	m.AddOption(dhcpv6.OptClientID(c.duid))
	m.AddOption(dhcpv6.OptElapsedTime(0))
	for _, o := range opts {
		m.AddOption(o)
	}
	return m
}

// bind goes from Solicit to Reply with what IAs the client asks for.
func (c *client6er) bind(ias ...dhcpv6.Option) *dhcpv6.Message {
	c.t.Helper()
	adv := c.ask(c.message(dhcpv6.MessageTypeSolicit, ias...))
	if adv.MessageType != dhcpv6.MessageTypeAdvertise {
		c.t.Fatalf("a Solicit is answered with %s", adv.Summary())
	}
	c.last = c.ask(c.request(adv))
	if c.last.MessageType != dhcpv6.MessageTypeReply {
		c.t.Fatalf("a Request is answered with %s", c.last.Summary())
	}
	return c.last
}

// request asks the server of an Advertise for what it has.
func (c *client6er) request(adv *dhcpv6.Message) *dhcpv6.Message {
	c.t.Helper()
	return c.about(dhcpv6.MessageTypeRequest, adv)
}

// about is a message to the server about all IAs of an answer.
func (c *client6er) about(typ dhcpv6.MessageType, a *dhcpv6.Message) *dhcpv6.Message {
	c.t.Helper()
	m := c.message(typ, dhcpv6.OptServerID(a.Options.ServerID()))
	for _, o := range a.Options.Options {
		switch o.Code() {
		case dhcpv6.OptionIANA, dhcpv6.OptionIAPD:
			m.AddOption(o)
		}
	}
	return m
}

// bindPrefix has a prefix delegated and returns it.
func (c *client6er) bindPrefix(iaid byte) string {
	c.t.Helper()
	r := c.bind(&dhcpv6.OptIAPD{IaId: [4]byte{3: iaid}})
	ia := r.Options.OneIAPD()
	if ia == nil || len(ia.Options.Prefixes()) != 1 {
		c.t.Fatalf("no prefix: %s", r.Summary())
	}
	return ia.Options.Prefixes()[0].Prefix.String()
}

// bindAddress takes an address.
func (c *client6er) bindAddress(iaid byte) string {
	c.t.Helper()
	r := c.bind(&dhcpv6.OptIANA{IaId: [4]byte{3: iaid}})
	ia := r.Options.OneIANA()
	if ia == nil || ia.Options.OneAddress() == nil {
		c.t.Fatalf("no address: %s", r.Summary())
	}
	return ia.Options.OneAddress().IPv6Addr.String()
}

// send sends a message about all that the newest Reply has.
func (c *client6er) send(typ dhcpv6.MessageType) *dhcpv6.Message {
	c.t.Helper()
	return c.ask(c.about(typ, c.last))
}
