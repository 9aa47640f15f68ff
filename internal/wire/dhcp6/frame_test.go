// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/eth"
)

// A relayed Solicit comes in a frame and its Advertise leaves in the same
// memory: all the steps of the package's doc, without an allocation.
func TestAnswerInTheFrame(t *testing.T) {
	request := behind(2, msg(1, clientID, iana(7, iaaddr(addr)), opt(6, 0, 82)), opt(18, 'i', 'f'), opt(135, 0, 0))
	mem := make([]byte, 2048)
	var l eth.Layers
	eth.Place6(mem, &l, 100)
	copy(mem[l.Payload:], request)
	h := eth.Headers6{DstMAC: [6]byte{2, 9}, SrcMAC: [6]byte{2, 1}, Src: linkA, Dst: linkB, SrcPort: 1547, DstPort: 547, HopLimit: 64}
	n := eth.BuildUDP6(mem, &l, &h, len(request))
	in := bytes.Clone(mem[:n])

	var c Chain
	var o Options
	scratch := make([]byte, 2048)
	serve := func() int {
		b := mem[:copy(mem, in)]
		if why := eth.Parse(b, &l); why != frame.OK {
			t.Fatal(why)
		}
		if why := read(Msg(b[l.Payload:l.End]), &c, &o); why != frame.OK {
			t.Fatal(why)
		}
		m := c.Msg()
		at := c.Overhead()
		w := NewMessage(scratch[at:], Advertise, m.XID())
		id, _ := o.Get(m, OptClientID)
		w.Put(OptClientID, id)
		w.Put(OptServerID, serverDUID)
		for i := range o.NumIAs() {
			ia := o.IA(m, i)
			mark := w.OpenIA(ia.Code, ia.ID, 150, 240)
			var lease Lease
			for leases := ia.Leases(); leases.Next(&lease); {
				w.PutAddr(lease.Addr, 300, 500)
			}
			w.Close(mark)
		}
		if o.Requested(OptSolMaxRT) {
			w.PutU32(OptSolMaxRT, 3600)
		}
		n, ok := w.End()
		off, n, ok2 := c.Wrap(scratch, at, n)
		if !ok || !ok2 {
			t.Fatal("no room")
		}
		reply := eth.Headers6{
			DstMAC: [6]byte(eth.SrcMAC(b)), SrcMAC: [6]byte(eth.DstMAC(b)),
			Src: [16]byte(eth.IPv6(b[l.L3:]).Dst()), Dst: [16]byte(eth.IPv6(b[l.L3:]).Src()),
			SrcPort: ServerPort, DstPort: c.ReplyPort(l.SrcPort), HopLimit: 64,
		}
		copy(mem[l.Payload:], scratch[off:off+n])
		return eth.BuildUDP6(mem, &l, &reply, n)
	}
	out := mem[:serve()]
	p := gopacket.NewPacket(out, layers.LayerTypeEthernet, gopacket.Default)
	ip, udp := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6), p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ip.SrcIP.Equal(net.IP(linkB[:])) || !ip.DstIP.Equal(net.IP(linkA[:])) || udp.SrcPort != 547 || udp.DstPort != 1547 {
		t.Errorf("addressed %v:%d to %v:%d", ip.SrcIP, udp.SrcPort, ip.DstIP, udp.DstPort)
	}
	d, err := dhcpv6.FromBytes(udp.Payload)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.GetInnerMessage()
	if err != nil {
		t.Fatal(err)
	}
	ia := m.Options.OneIANA()
	if m.MessageType != dhcpv6.MessageTypeAdvertise || m.TransactionID != [3]byte{0xab, 0xcd, 0xef} || !bytes.Equal(m.Options.ClientID().ToBytes(), clientDUID) ||
		!bytes.Equal(m.Options.ServerID().ToBytes(), serverDUID) || ia.IaId != [4]byte{3: 7} || !ia.Options.OneAddress().IPv6Addr.Equal(net.IP(addr[:])) ||
		!bytes.Equal(m.GetOneOption(dhcpv6.OptionCode(82)).ToBytes(), []byte{0, 0, 0x0e, 0x10}) {
		t.Errorf("read %v", m.Summary())
	}
	outer := d.(*dhcpv6.RelayMessage)
	inner := outer.Options.RelayMessage().(*dhcpv6.RelayMessage)
	for i, r := range []*dhcpv6.RelayMessage{outer, inner} {
		if int(r.HopCount) != 1-i || string(r.Options.InterfaceID()) != "if" || r.Options.RelayPort() == nil {
			t.Errorf("level %d: %v", i, r)
		}
	}
	quiet(t, func() { serve() })
}
