// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/nettest"
)

// notifier6 stands in for exchange6.Server: it gives a notice and remembers what it was
// asked.
type notifier6 struct {
	brain6
	notice exchange6.Notice
	out    exchange6.Noticed
	what   lease6.Prefix
	msg    uint8
}

func (n *notifier6) Notify(_ *policy6.Policy, what lease6.Prefix, msg uint8, _ lease.Time) (exchange6.Notice, exchange6.Noticed) {
	n.what, n.msg = what, msg
	return n.notice, n.out
}

// A notice goes to the client's port 546 by the interface of its link, of its address's
// network, or of the kernel's route; from the address of ours that fits.
func TestVeth6Reconfigure(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24", "2001:db8::1/64"), nettest.ClientAddr("2001:db8::c/64"))
	l := prepare6(t, p.Server)
	brain := &notifier6{}
	o := l.s.o
	policy := o.Policy6()
	linkLocal, global := ip6(p.Server.LinkLocal().AsSlice()), ip6(net.ParseIP("2001:db8::1"))
	policy.Ports[0].Addrs = []lease6.Prefix{{IP6: linkLocal, Len: 64}, {IP6: global, Len: 64}}
	policy.Ports[0].LinkLocal, policy.Ports[0].Global = linkLocal, global
	o.Exchange6 = brain
	l.s = New(o)
	l.run()
	if out, err := p.Server.Command("ip", "-6", "route", "add", "2001:db8:9::/64", "via", p.Client.LinkLocal().String(), "dev", p.Server.Name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wire := p.Client.Packet(t)
	client := netip.MustParseAddr("2001:db8::c")
	lease := netip.PrefixFrom(client, 128)
	scope := policy.Select(&policy6.Selector{}).Scope
	for i, c := range []struct{ to, from string }{
		{p.Client.LinkLocal().String(), p.Server.LinkLocal().String()},
		{"2001:db8::c", "2001:db8::1"},
		{"2001:db8:9::7", "2001:db8::1"},
	} {
		message := []byte{10, 0, 0, 0, 'm', byte(i)}
		brain.notice = exchange6.Notice{Message: message, To: ip6(net.ParseIP(c.to)), Scope: scope}
		if err := l.s.Reconfigure(t.Context(), lease, exchange6.Rebind); err != nil {
			t.Errorf("%s: %v", c.to, err)
			continue
		}
		f := wire.RecvMatch(patience, func(f []byte) bool {
			return len(f) > 62 && binary.BigEndian.Uint16(f[12:]) == 0x86dd && f[20] == 17 && bytes.Equal(f[62:], message)
		})
		if f == nil {
			t.Errorf("%s: nothing arrives", c.to)
			continue
		}
		pkt := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
		ip, udp := pkt.Layer(layers.LayerTypeIPv6).(*layers.IPv6), pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ip.DstIP.Equal(net.ParseIP(c.to)) || !ip.SrcIP.Equal(net.ParseIP(c.from)) || udp.SrcPort != 547 || udp.DstPort != 546 {
			t.Errorf("%v:%d to %v:%d, want %s to %s", ip.SrcIP, udp.SrcPort, ip.DstIP, udp.DstPort, c.from, c.to)
		}
	}
	if n := l.s.Counters().Reconfigures(); n != 3 {
		t.Errorf("%d counted", n)
	}
	if brain.msg != exchange6.Rebind || brain.what != lease6.AddrPrefix(ip6(client.AsSlice())) {
		t.Errorf("asked for %d to %v", brain.msg, brain.what)
	}

	brain.notice.To = ip6(net.ParseIP("2001:db8:ffff::1"))
	if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); !errors.Is(err, ErrNoWay) {
		t.Errorf("a network without a route: %v", err)
	}
	brain.notice.To, brain.notice.Scope = ip6(p.Client.LinkLocal().AsSlice()), scope+1
	if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); !errors.Is(err, ErrNoWay) {
		t.Errorf("another link: %v", err)
	}
	brain.notice.Scope = scope
	policy.Ports[0].LinkLocal = lease6.IP6{} // serve looks at it behind the order
	if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); err == nil || !strings.Contains(err.Error(), "no address on eth1") {
		t.Errorf("without an address of ours: %v", err)
	}
	for out, want := range map[exchange6.Noticed]error{
		exchange6.NoticeOff: ErrReconfigureOff, exchange6.NoticeNoLease: ErrNoLease,
		exchange6.NoticeRefused: ErrRefused, exchange6.NoticeNoWay: ErrNoClientAddr,
	} {
		brain.out = out
		if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); !errors.Is(err, want) {
			t.Errorf("outcome %d: %v", out, err)
		}
	}
	if err := l.s.Reconfigure(t.Context(), netip.MustParsePrefix("192.0.2.1/32"), exchange6.Renew); err == nil {
		t.Error("of an IPv4 address")
	}
	brain.out, policy.Ports[0].LinkLocal = exchange6.NoticeMade, linkLocal
	l.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.s.Reconfigure(ctx, lease, exchange6.Renew); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// A brain that has no notices, and a server without DHCPv6.
func TestReconfigureOff(t *testing.T) {
	for _, s := range []*Server{New(Options{}), New(Options{Exchange6: &brain6{}, Policy6: func() *policy6.Policy { return nil }})} {
		if err := s.Reconfigure(t.Context(), netip.MustParsePrefix("2001:db8::1/128"), exchange6.Renew); !errors.Is(err, ErrReconfigureOff) {
			t.Error(err)
		}
	}
}
