// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// client is a DHCP client that the test writes frame by frame. What it
// receives is decoded by libraries that share no code with the server.
type client struct {
	t    testing.TB
	wire *nettest.Packet
	mac  net.HardwareAddr
	tags []layers.Dot1Q // outer first
}

func newClient(t testing.TB, end *nettest.End, mac string) *client {
	t.Helper()
	hw, err := net.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, wire: end.Packet(t), mac: hw}
}

// frame wraps a message from client to server as the first message of a
// client is sent: from 0.0.0.0 to everybody.
func (c *client) frame(m *dhcpv4.DHCPv4) []byte {
	return c.frameTo(m, net.IPv4zero, net.IPv4bcast, layers.EthernetBroadcast)
}

func (c *client) frameTo(m *dhcpv4.DHCPv4, src, dst net.IP, dstMAC net.HardwareAddr) []byte {
	c.t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src, DstIP: dst}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		c.t.Fatal(err)
	}
	eth := &layers.Ethernet{SrcMAC: c.mac, DstMAC: dstMAC, EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth}
	for i := range c.tags {
		tag := c.tags[i]
		tag.Type = layers.EthernetTypeIPv4
		if i < len(c.tags)-1 {
			tag.Type = layers.EthernetTypeDot1Q
		}
		stack = append(stack, &tag)
	}
	switch len(c.tags) {
	case 1:
		eth.EthernetType = layers.EthernetTypeDot1Q
	case 2:
		eth.EthernetType = layers.EthernetTypeQinQ
	}
	stack = append(stack, ip, udp, gopacket.Payload(m.ToBytes()))
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		c.t.Fatal(err)
	}
	return buf.Bytes()
}

// answer is a decoded reply and the headers around it.
type answer struct {
	*dhcpv4.DHCPv4
	eth  *layers.Ethernet
	ip   *layers.IPv4
	udp  *layers.UDP
	tags []*layers.Dot1Q
}

// decode takes a frame apart; nil if it is no DHCPv4 reply.
func decode(frame []byte) *answer {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	a := &answer{}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			a.eth = l
		case *layers.Dot1Q:
			a.tags = append(a.tags, l)
		case *layers.IPv4:
			a.ip = l
		case *layers.UDP:
			a.udp = l
		}
	}
	if a.ip == nil || a.udp == nil || a.udp.SrcPort != 67 {
		return nil
	}
	m, err := dhcpv4.FromBytes(a.udp.Payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply {
		return nil
	}
	a.DHCPv4 = m
	return a
}

// await returns the reply to xid, or nil if none comes in time.
func (c *client) await(xid dhcpv4.TransactionID, timeout time.Duration) *answer {
	c.t.Helper()
	frame := c.wire.RecvMatch(timeout, func(b []byte) bool {
		a := decode(b)
		return a != nil && a.TransactionID == xid
	})
	if frame == nil {
		return nil
	}
	return decode(frame)
}

// exchange sends a broadcast message and returns the reply, which must come.
func (c *client) exchange(m *dhcpv4.DHCPv4) *answer {
	c.t.Helper()
	c.wire.Send(c.frame(m))
	a := c.await(m.TransactionID, patience)
	if a == nil {
		c.t.Fatalf("no answer to %s", m.Summary())
	}
	return a
}

func (c *client) discover(mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	c.t.Helper()
	m, err := dhcpv4.NewDiscovery(c.mac, mods...)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *client) request(offer *answer, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	c.t.Helper()
	m, err := dhcpv4.NewRequestFromOffer(offer.DHCPv4, mods...)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// lease goes through the four messages and returns the ACK.
func (c *client) lease(mods ...dhcpv4.Modifier) *answer {
	c.t.Helper()
	offer := c.exchange(c.discover(mods...))
	if offer.MessageType() != dhcpv4.MessageTypeOffer {
		c.t.Fatalf("answer to DISCOVER: %s", offer.Summary())
	}
	ack := c.exchange(c.request(offer, mods...))
	if ack.MessageType() != dhcpv4.MessageTypeAck {
		c.t.Fatalf("answer to REQUEST: %s", ack.Summary())
	}
	if !ack.YourIPAddr.Equal(offer.YourIPAddr) {
		c.t.Fatalf("offered %v, then acknowledged %v", offer.YourIPAddr, ack.YourIPAddr)
	}
	return ack
}
