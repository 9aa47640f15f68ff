// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/port"
	"xdhcp/engine/worker"
	"xdhcp/fastpath"
	"xdhcp/internal/config"
	"xdhcp/slowpath"
)

// An answerer is a configuration file with everything behind it but sockets and
// the disk: what a frame is answered, and by which path. Answers are decoded by a
// library that shares no code with ours.
type answerer struct {
	testing.TB
	policy *policy.Policy
	fast   *fastpath.Handler
	slow   *slowpath.Codec
	batch  *lease.Batch
	now    time.Time
}

func answers(t testing.TB, yaml string) *answerer {
	t.Helper()
	cfg, problems := config.Parse("f", []byte(yaml))
	if cfg == nil {
		t.Fatalf("%v in\n%s", problems, yaml)
	}
	p, err := compile(cfg, map[int]port.Facts{0: {MAC: [6]byte{2, 0, 0, 0, 0xff, 1}, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease.New(lease.Options{Durable: func(lease.Ticket) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	table.Settle()
	brain := &exchange.Server{Table: table}
	a := &answerer{TB: t, policy: p, slow: slowpath.NewCodec(brain), batch: lease.NewBatch(1), now: time.Unix(1_800_000_000, 0)}
	var inForce atomic.Pointer[policy.Policy]
	inForce.Store(p)
	a.fast = fastpath.New(brain, &inForce)
	a.fast.Begin(a.now, worker.Calm)
	return a
}

// send is the answer, nil for silence, and what the fast path made of the message
// before the slow one got what it had punted.
func (a *answerer) send(m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, frame.Reason) {
	a.Helper()
	return a.handle(a.frame(m, nil))
}

// frame wraps a message, with these options of IPv4.
func (a *answerer) frame(m *dhcpv4.DHCPv4, ipOptions []layers.IPv4Option) []byte {
	a.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4zero, DstIP: net.IPv4bcast, Options: ipOptions}
	if c := m.ClientIPAddr; c != nil && !c.IsUnspecified() {
		ip.SrcIP = c
	}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		a.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: m.ClientHWAddr, DstMAC: layers.EthernetBroadcast, EthernetType: layers.EthernetTypeIPv4},
		ip, udp, gopacket.Payload(m.ToBytes())); err != nil {
		a.Fatal(err)
	}
	return buf.Bytes()
}

// handle is send for a frame.
func (a *answerer) handle(request []byte) (*dhcpv4.DHCPv4, frame.Reason) {
	a.Helper()
	memory := make([]byte, 2048)
	f := frame.Frame{Data: memory[:copy(memory, request)]}
	verdict, why, _ := a.fast.Handle(&f, a.batch)
	out := f.Data
	switch verdict {
	case frame.Drop:
		return nil, why
	case frame.Punt:
		var r slowpath.Reply
		a.slow.Answer(a.policy, request, 0, lease.Time(a.now.Unix()), a.batch, &r)
		if r.Verdict == frame.Drop {
			return nil, why
		}
		out = r.Frame
	}
	a.batch.Reset()
	u, ok := gopacket.NewPacket(out, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok {
		a.Fatalf("the answer is no UDP: %x", out)
	}
	d, err := dhcpv4.FromBytes(u.Payload)
	if err != nil {
		a.Fatal(err)
	}
	return d, why
}

// ask sends a message of client n, which must be answered in place.
func (a *answerer) ask(n byte, typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	a.Helper()
	m, why := a.send(clientMessage(a, n, typ, mods...))
	if m == nil {
		a.Fatalf("no answer: %v", why)
	}
	if why != frame.OK {
		a.Errorf("the fast path left it to the slow one: %v", why)
	}
	return m
}

func clientMessage(t testing.TB, n byte, typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, n}), dhcpv4.WithMessageType(typ)}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func optionIs(code uint8, value string) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), []byte(value))
}

func listOf(codes ...uint8) dhcpv4.Modifier { return optionIs(55, string(codes)) }

// value is an option of an answer.
func value(m *dhcpv4.DHCPv4, code uint8) (string, bool) {
	v, ok := m.Options[code]
	return string(v), ok
}
