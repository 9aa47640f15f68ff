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
	"sync"
	"testing"
	"time"

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

	mu     sync.Mutex
	awaits map[string]uint8
	made   int
	gaveUp int
	told   func() // at the end of Await; nil: nothing
}

func (n *notifier6) Notify(_ *policy6.Policy, what lease6.Prefix, msg uint8, _ lease.Time) (exchange6.Notice, exchange6.Noticed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made++
	n.what, n.msg = what, msg
	return n.notice, n.out
}

func (n *notifier6) Await(client string, msg uint8) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awaits == nil {
		n.awaits = map[string]uint8{}
	}
	n.awaits[client] = msg
	if n.told != nil {
		n.told()
	}
}

func (n *notifier6) Awaits(client string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.awaits[client]
	return ok
}

func (n *notifier6) GiveUp(client string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gaveUp++
	delete(n.awaits, client)
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
	if n := l.s.Counters().Reconfigures().Sent; n != 3 {
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

// RFC 8415 §18.3.11: "the server retransmits the Reconfigure message, doubles the RT value, and waits
// again. The server continues this process until REC_MAX_RC unsuccessful attempts have been made, at which
// point the server SHOULD abort the reconfigure process for that client." Each message is made anew.
func TestVeth6ReconfigureIsRepeated(t *testing.T) {
	l, brain, wire, lease := repeating(t)
	brain.notice.Message = []byte{10, 0, 0, 0, 'a'}
	if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); err != nil {
		t.Fatal(err)
	}
	for range recMaxRC {
		if wire.RecvMatch(patience, isNotice(brain.notice.Message)) == nil {
			t.Fatal("a message is missing")
		}
	}
	l.wantReconfigures(Reconfigures{Sent: 1, Repeated: recMaxRC - 1, Ignored: 1})
	brain.mu.Lock()
	defer brain.mu.Unlock()
	if brain.made != recMaxRC || brain.gaveUp != 1 || len(brain.awaits) != 0 {
		t.Errorf("made %d times, given up %d, %d awaited", brain.made, brain.gaveUp, len(brain.awaits))
	}
}

// RFC 8415 §18.3.11: "The server interprets the receipt of a Renew, Rebind, or Information-request message
// … from the client as satisfying the Reconfigure message request." What is refused, or the lease of
// another meanwhile, is not sent again.
func TestVeth6ReconfigureEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*notifier6)
		want   Reconfigures
	}{
		"obeyed":    {func(n *notifier6) { delete(n.awaits, "client") }, Reconfigures{Sent: 1, Obeyed: 1}},
		"ended":     {func(n *notifier6) { n.out = exchange6.NoticeNoLease }, Reconfigures{Sent: 1, Ignored: 1}},
		"refused":   {func(n *notifier6) { n.out = exchange6.NoticeRefused }, Reconfigures{Sent: 1, Ignored: 1}},
		"another's": {func(n *notifier6) { n.notice.Client = "other" }, Reconfigures{Sent: 1, Ignored: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l, brain, _, lease := repeating(t)
			first := true
			brain.told = func() { // as soon as the first is sent
				if first {
					c.change(brain)
					first = false
				}
			}
			if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); err != nil {
				t.Fatal(err)
			}
			l.wantReconfigures(c.want)
		})
	}
}

// A notice for a relay agent goes to its port of servers (RFC 8415 §19.3).
func TestVeth6ReconfigureThroughARelay(t *testing.T) {
	l, brain, wire, lease := repeating(t)
	brain.notice.Message, brain.notice.Relayed = []byte{13, 0, 1, 2, 3}, true
	if err := l.s.Reconfigure(t.Context(), lease, exchange6.Renew); err != nil {
		t.Fatal(err)
	}
	f := wire.RecvMatch(patience, isNotice(brain.notice.Message))
	if f == nil {
		t.Fatal("nothing arrives")
	}
	udp := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{}).Layer(layers.LayerTypeUDP).(*layers.UDP)
	if udp.SrcPort != 547 || udp.DstPort != 547 {
		t.Errorf("from %d to %d", udp.SrcPort, udp.DstPort)
	}
}

// More clients than can be waited for: the message to one more is sent once, and a new order to one that is
// waited for takes the place of the old.
func TestRepeatsAreBounded(t *testing.T) {
	r := pendingNotices{of: map[string]repeat{}, stir: make(chan struct{}, 1), limit: 2}
	for _, client := range []string{"a", "b", "c", "a"} {
		r.add(repeat{client: client, wait: time.Hour, msg: uint8(len(r.of))})
	}
	if len(r.of) != 2 || r.of["a"].msg != 2 {
		t.Errorf("%+v", r.of)
	}
	if due, pause := r.due(time.Now()); len(due) != 0 || pause > time.Hour || pause < time.Hour-time.Minute {
		t.Errorf("%d are due, then nothing for %v", len(due), pause)
	}
	if due, _ := r.due(time.Now().Add(2 * time.Hour)); len(due) != 2 || len(r.of) != 0 {
		t.Errorf("%d are due of two, %d are left", len(due), len(r.of))
	}
}

// repeating is a server with a stand-in that knows the way to a client, and repeats soon.
func repeating(t *testing.T) (*live6, *notifier6, *nettest.Packet, netip.Prefix) {
	t.Helper()
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24", "2001:db8::1/64"), nettest.ClientAddr("2001:db8::c/64"))
	l := prepare6(t, p.Server)
	o := l.s.o
	policy := o.Policy6()
	linkLocal := ip6(p.Server.LinkLocal().AsSlice())
	policy.Ports[0].Addrs = []lease6.Prefix{{IP6: linkLocal, Len: 64}}
	policy.Ports[0].LinkLocal = linkLocal
	brain := &notifier6{notice: exchange6.Notice{
		Message: []byte{10, 0, 0, 0, 'm'}, To: ip6(p.Client.LinkLocal().AsSlice()),
		Scope: policy.Select(&policy6.Selector{}).Scope, Client: "client",
	}}
	o.Exchange6, o.NoticeTimeout = brain, time.Millisecond
	l.s = New(o)
	wire := p.Client.Packet(t)
	l.run()
	return l, brain, wire, netip.MustParsePrefix("2001:db8::c/128")
}

// isNotice says whether a frame has this message.
func isNotice(message []byte) func([]byte) bool {
	return func(f []byte) bool {
		return len(f) > 62 && binary.BigEndian.Uint16(f[12:]) == 0x86dd && f[20] == 17 && bytes.Equal(f[62:], message)
	}
}

// wantReconfigures waits for the counters to be these.
func (l *live6) wantReconfigures(want Reconfigures) {
	l.t.Helper()
	for start := time.Now(); l.s.Counters().Reconfigures() != want; time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			l.t.Fatalf("%+v, want %+v", l.s.Counters().Reconfigures(), want)
		}
	}
}
