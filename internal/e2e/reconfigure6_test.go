// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// reconfigured awaits a Reconfigure message and its addresses.
func (c *client6er) reconfigured() (raw []byte, ip *layers.IPv6) {
	c.t.Helper()
	found := c.wire.RecvMatch(patience, func(b []byte) bool {
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok || udp.DstPort != 546 || len(udp.Payload) == 0 || udp.Payload[0] != byte(dhcpv6.MessageTypeReconfigure) {
			return false
		}
		raw, ip = bytes.Clone(udp.Payload), p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		return true
	})
	if found == nil {
		c.t.Fatal("no Reconfigure arrives")
	}
	return raw, ip
}

// `xdhcpd reconfigure` reaches a client that has said that it takes Reconfigure
// messages, also after a crash of the server, and the client can verify them by the key
// that it got with its lease; the replay counter grows with each. Others are not sent
// any.
func TestReconfigure6(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
dhcpv6: {reconfigure: true}
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [2001:db8:0:1::100-2001:db8:0:1::1ff]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`, p.Server.Name))
	command := func(args ...string) (string, error) {
		out, err := p.Server.Command(xdhcpd, append([]string{"reconfigure", "--state", s.state}, args...)...).CombinedOutput()
		return string(out), err
	}

	c := newClient6(t, p.Client)
	accept := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionReconfAccept}
	adv := c.ask(c.message(dhcpv6.MessageTypeSolicit, &dhcpv6.OptIANA{IaId: [4]byte{1}}, &dhcpv6.OptIAPD{IaId: [4]byte{2}}, accept))
	if adv.GetOneOption(dhcpv6.OptionReconfAccept) == nil || adv.GetOneOption(dhcpv6.OptionAuth) != nil {
		t.Errorf("Advertise: %s", adv.Summary())
	}
	request := c.request(adv)
	request.AddOption(accept)
	c.last = c.ask(request)
	given := c.last.GetOneOption(dhcpv6.OptionAuth)
	if given == nil || len(given.ToBytes()) != 28 || given.ToBytes()[11] != 1 || c.last.GetOneOption(dhcpv6.OptionReconfAccept) == nil {
		t.Fatalf("Reply: %s", c.last.Summary())
	}
	key, last := given.ToBytes()[12:], binary.BigEndian.Uint64(given.ToBytes()[3:])
	addr := c.last.Options.OneIANA().Options.OneAddress().IPv6Addr.String()
	prefix := c.last.Options.OneIAPD().Options.Prefixes()[0].Prefix.String()

	for i, w := range []struct {
		args []string
		msg  dhcpv6.MessageType
	}{
		{[]string{addr}, dhcpv6.MessageTypeRenew},
		{[]string{prefix, "--rebind"}, dhcpv6.MessageTypeRebind},
		{[]string{prefix, "--information-request"}, dhcpv6.MessageTypeInformationRequest},
	} {
		if i > 0 {
			s.kill()
			s.start()
		}
		if out, err := command(w.args...); err != nil || out != w.args[0]+": sent\n" {
			t.Fatalf("%v: %s", err, out)
		}
		raw, ip := c.reconfigured()
		if !ip.DstIP.Equal(net.IP(p.Client.LinkLocal().AsSlice())) || !ip.SrcIP.Equal(net.IP(p.Server.LinkLocal().AsSlice())) {
			t.Errorf("from %v to %v", ip.SrcIP, ip.DstIP)
		}
		m, err := dhcpv6.MessageFromBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Options.ClientID().Equal(c.duid) || !m.Options.ServerID().Equal(c.last.Options.ServerID()) ||
			!bytes.Equal(m.GetOneOption(dhcpv6.OptionReconfMessage).ToBytes(), []byte{byte(w.msg)}) {
			t.Errorf("%s", m.Summary())
		}
		auth := m.GetOneOption(dhcpv6.OptionAuth).ToBytes()
		at := bytes.Index(raw, auth)
		clear(raw[at+12 : at+28])
		h := hmac.New(md5.New, key)
		h.Write(raw)
		replay := binary.BigEndian.Uint64(auth[3:])
		if !bytes.Equal(h.Sum(nil), auth[12:]) || replay <= last {
			t.Errorf("replay %d after %d, digest %x", replay, last, auth[12:])
		}
		last = replay
		if n := s.status().DHCPv6.Reconfigures; n != 1 {
			t.Errorf("%d counted", n)
		}
	}
	// The client has not obeyed: it is told again.
	raw, _ := c.reconfigured()
	m, err := dhcpv6.MessageFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	if replay := binary.BigEndian.Uint64(m.GetOneOption(dhcpv6.OptionAuth).ToBytes()[3:]); replay <= last {
		t.Errorf("repeated with replay %d after %d", replay, last)
	}

	other := newClient6As(t, p.Client, net.HardwareAddr{2, 0, 0, 0, 0, 9})
	for what, why := range map[string]string{
		other.bindAddress(1): "never said", "2001:db8:0:1::1fe": "nobody has a lease", "192.0.2.1": "no IPv6 address",
	} {
		if out, err := command(what); err == nil || !strings.Contains(out, why) {
			t.Errorf("%s: %v: %s", what, err, out)
		}
	}
	// Without Reconfigure Accept in its renewal the client takes none any more.
	c.send(dhcpv6.MessageTypeRenew)
	if out, err := command(addr); err == nil || !strings.Contains(out, "no longer") {
		t.Errorf("after a renewal without the option: %v: %s", err, out)
	}
	s.stop()
}
