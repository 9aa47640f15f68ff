// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/internal/nettest"
)

// counting is a replay counter.
func counting() func() (uint64, bool) {
	n := uint64(1) << 40
	return func() (uint64, bool) { n++; return n, true }
}

// verify checks a FORCERENEW as a client does that has got nonce: RFC 6704 §3.1.4,
// over the bytes of the message, with the digest set to zero.
func verify(t testing.TB, m, nonce []byte) (replay uint64) {
	t.Helper()
	d, err := dhcpv4.FromBytes(m)
	if err != nil {
		t.Fatal(err)
	}
	auth := d.Options.Get(dhcpv4.GenericOptionCode(90))
	if len(auth) != 28 || auth[0] != 3 || auth[1] != 1 || auth[2] != 0 || auth[11] != 2 {
		t.Fatalf("option 90 = %x", auth)
	}
	digest := bytes.Clone(auth[12:])
	at := bytes.Index(m, auth)
	zeroed := bytes.Clone(m)
	clear(zeroed[at+12 : at+28])
	h := hmac.New(md5.New, nonce)
	h.Write(zeroed)
	if !hmac.Equal(h.Sum(nil), digest) {
		t.Errorf("digest %x does not verify", digest)
	}
	return binary.BigEndian.Uint64(auth[3:])
}

// The nonce of the ACK authenticates the FORCERENEW, as read by another library.
func TestRFC6704_3_1_3_Digest(t *testing.T) {
	s := newQueries(t)
	s.policy.ForceRenew = true
	s.server.Nonces = &exchange.Nonces{Key: [32]byte{7}, Next: counting()}
	request := message(53, 1, 3, 50, 4, 192, 0, 2, 11, 54, 4, 192, 0, 2, 1, 145, 1, 1, 61, 3, 0, 'i', 'd')
	s.codec.Answer(s.policy, fromClient().wrap(t, request), 0, now, s.batch, &s.r)
	mustAnswer(t, &s.r)
	ack := open(t, s.r.Frame)
	given := ack.Options.Get(dhcpv4.GenericOptionCode(90))
	if ack.MessageType() != dhcpv4.MessageTypeAck || len(given) != 28 || given[11] != 1 {
		t.Fatalf("%s, option 90 = %x", ack.Summary(), given)
	}
	nonce := bytes.Clone(given[12:])
	last := binary.BigEndian.Uint64(given[3:])

	xids := map[dhcpv4.TransactionID]bool{}
	for range 3 {
		if out := s.codec.ForceRenew(s.server, s.policy, 0, 0xc000020b, now, &s.r); out != exchange.RenewalMade {
			t.Fatalf("outcome %d", out)
		}
		if s.r.Frame != nil || s.r.Dest != 0xc000020b || s.r.DestPort != 68 || s.r.Source != 0xc0000201 {
			t.Errorf("to %v port %d from %v", s.r.Dest, s.r.DestPort, s.r.Source)
		}
		m := read(t, s.r.Message)
		if m.OpCode != dhcpv4.OpcodeBootReply || m.MessageType() != 9 || !m.ClientIPAddr.Equal(net.IP{192, 0, 2, 11}) ||
			m.ClientHWAddr.String() != clientMAC.String() || !m.GatewayIPAddr.Equal(net.IPv4zero) || !m.YourIPAddr.Equal(net.IPv4zero) {
			t.Errorf("%s", m.Summary())
		}
		m.want(t, 54, serverIP)
		m.want(t, 61, []byte("\x00id"))
		replay := verify(t, s.r.Message, nonce)
		if replay <= last {
			t.Errorf("replay %d after %d", replay, last)
		}
		last = replay
		xids[m.TransactionID] = true
	}
	if len(xids) != 3 {
		t.Error("transactions are the same")
	}
	if out := s.codec.ForceRenew(s.server, s.policy, 0, 0xc000020c, now, &s.r); out != exchange.RenewalNoLease || s.r.Verdict != frame.Drop {
		t.Errorf("of a free address: %d, %v", out, s.r.Verdict)
	}
}

// From the operator's wish to the client's port 68, through the slow path's socket.
func TestVethForceRenew(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"))
	l, c := prepare(t, p.Server, "192.0.2.1/24", dns), newClient(t, p.Client)
	l.policy.Load().ForceRenew = true
	l.s.o.Exchange.(*exchange.Server).Nonces = &exchange.Nonces{Key: [32]byte{7}, Next: counting()}
	l.run()

	capable := dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(145), []byte{1}))
	d := c.discover(capable)
	c.send(d)
	offer := c.mustReply(d.TransactionID)
	offer.want(t, 145, []byte{1})
	r, err := dhcpv4.NewRequestFromOffer(offer.DHCPv4, capable)
	if err != nil {
		t.Fatal(err)
	}
	c.send(r)
	ack := c.mustReply(r.TransactionID)
	nonce := bytes.Clone(ack.Options.Get(dhcpv4.GenericOptionCode(90))[12:])

	addr, _ := netip.AddrFromSlice(ack.YourIPAddr.To4())
	p.Client.AddAddr(addr.String() + "/24")
	if err := l.s.ForceRenew(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	f := c.p.RecvMatch(patience, func(f []byte) bool { return bytes.Contains(f, []byte{53, 1, 9}) })
	if f == nil {
		t.Fatal("no FORCERENEW arrives")
	}
	// Its UDP checksum is the kernel's, and on a veth only begun.
	pkt := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
	eth, ip, udp := pkt.Layer(layers.LayerTypeEthernet).(*layers.Ethernet), pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4), pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ip.DstIP.Equal(ack.YourIPAddr) || !ip.SrcIP.Equal(serverIP) || udp.SrcPort != 67 || udp.DstPort != 68 || !bytes.Equal(eth.DstMAC, p.Client.MAC) {
		t.Errorf("%v:%d to %v:%d", ip.SrcIP, udp.SrcPort, ip.DstIP, udp.DstPort)
	}
	verify(t, udp.Payload, nonce)
	if n := l.s.Counters().Forced(); n != 1 {
		t.Errorf("%d counted", n)
	}

	if err := l.s.ForceRenew(t.Context(), netip.MustParseAddr("192.0.2.150")); !errors.Is(err, ErrNoLease) {
		t.Errorf("a free address: %v", err)
	}
	if err := l.s.ForceRenew(t.Context(), netip.MustParseAddr("198.51.100.1")); !errors.Is(err, ErrNoWay) {
		t.Errorf("a network without a route: %v", err)
	}
	l.policy.Load().ForceRenew = false // serve looks at it behind the order
	if err := l.s.ForceRenew(t.Context(), addr); !errors.Is(err, ErrForceOff) {
		t.Errorf("switched off: %v", err)
	}
	l.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.s.ForceRenew(ctx, addr); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
