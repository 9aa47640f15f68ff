// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// RFC 4388 §6.1.
const (
	leaseUnassigned = dhcpv4.MessageType(11)
	leaseUnknown    = dhcpv4.MessageType(12)
	leaseActive     = dhcpv4.MessageType(13)
)

var askerIP = net.IP{203, 0, 113, 7}

// queries is a codec around the real exchange, which answers leasequeries.
type queries struct {
	t      testing.TB
	server *exchange.Server
	policy *policy.Policy
	codec  *Codec
	batch  *lease.Batch
	r      Reply
}

func newQueries(t testing.TB) *queries {
	t.Helper()
	p, err := policy.Build(policy.Spec{
		Ports:      []policy.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: prefixes("192.0.2.1/24")}},
		Subnets:    []policy.SubnetSpec{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Times: policy.Times{Valid: 3600}, Options: []policy.Option{domain}, Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: netipOf("192.0.2.10"), Last: netipOf("192.0.2.13")}}}}}},
		LeaseQuery: policy.LeaseQuerySpec{Allow: prefixes("203.0.113.0/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease.New(lease.Options{Shards: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	s := &exchange.Server{Table: table, Clients: exchange.NewClients(table)}
	return &queries{t: t, server: s, policy: p, codec: NewCodec(s), batch: lease.NewBatch(1)}
}

// lease gives the client with that last byte of its MAC an address.
func (s *queries) lease(n byte, options ...byte) net.IP {
	s.t.Helper()
	q := exchange.Query{
		Type: exchange.Request, HType: 1, Ciaddr: lease.IP4From(net.IP{192, 0, 2, n}), Src: lease.IP4From(net.IP{192, 0, 2, n}),
		Dst: lease.IP4From(serverIP), Client: lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, n}, ClientID: []byte{0, n}, Relay: options},
	}
	var a exchange.Answer
	s.server.Decide4(s.policy, &q, now, s.batch, &a)
	if a.Type != exchange.Ack {
		s.t.Fatalf("client %d: %v", n, a.Reason)
	}
	s.server.Clients.NoteAll()
	return net.IP{192, 0, 2, n}
}

// ask sends the query as a concentrator would and decodes the answer.
func (s *queries) ask(m []byte) *answered {
	s.t.Helper()
	e := envelope{src: relayMAC, dst: portMAC, from: askerIP, to: serverIP, sport: 67, dport: 67}
	s.codec.Answer(s.policy, e.wrap(s.t, m), 0, now+100, s.batch, &s.r)
	mustAnswer(s.t, &s.r)
	a := open(s.t, s.r.Frame)
	if !bytes.Equal(a.eth.DstMAC, relayMAC) || !a.ip.DstIP.Equal(askerIP) || a.udp.DstPort != 67 || a.OpCode != dhcpv4.OpcodeBootReply {
		s.t.Errorf("%v to %v %v port %d", a.OpCode, a.eth.DstMAC, a.ip.DstIP, a.udp.DstPort)
	}
	return a
}

// leaseQuery is a DHCPLEASEQUERY without a key.
func leaseQuery(options ...byte) []byte {
	m := with(message(append([]byte{53, 1, 10}, options...)...), atGiaddr, askerIP...)
	return with(m, 28, make([]byte, 16)...)
}

// §6.4.2 and §6.4.3, decoded by others: header, message type, options.
func TestRFC4388_6_4_AnswerOnTheWire(t *testing.T) {
	s := newQueries(t)
	relay := opt(1, []byte("ge-1"))
	mine := s.lease(11, relay...)
	q := with(leaseQuery(55, 5, 51, 61, 82, 91, 15), atCiaddr, mine...)
	q[1], q[2] = 0, 0
	a := s.ask(q)
	if a.MessageType() != leaseActive || !a.ClientIPAddr.Equal(mine) || a.HWType != 1 ||
		!bytes.Equal(a.ClientHWAddr, []byte{2, 0, 0, 0, 0, 11}) || !a.YourIPAddr.Equal(net.IPv4zero) || !a.GatewayIPAddr.Equal(askerIP) {
		t.Errorf("%s", a.Summary())
	}
	for code, want := range map[uint8][]byte{
		51: {0, 0, 0xd, 0xac}, 54: serverIP, 61: {0, 11}, 82: relay, 91: {0, 0, 0, 100}, 15: domain.Data, 1: nil, 58: nil, 92: nil,
	} {
		a.want(t, code, want)
	}
	if s.r.Verdict != frame.Await {
		t.Errorf("%v: the lease is not on disk yet", s.r.Verdict)
	}

	byMAC := leaseQuery(55, 1, 51)
	byMAC[1], byMAC[2] = 1, 6
	byMAC = with(byMAC, 28, 2, 0, 0, 0, 0, 11)
	if a := s.ask(byMAC); a.MessageType() != leaseActive || !a.ClientIPAddr.Equal(mine) {
		t.Errorf("by MAC: %s", a.Summary())
	}
	if a := s.ask(leaseQuery(61, 2, 0, 11)); a.MessageType() != leaseActive || !a.ClientIPAddr.Equal(mine) {
		t.Errorf("by client identifier: %s", a.Summary())
	}
	free := with(leaseQuery(55, 2, 51, 1), atCiaddr, 192, 0, 2, 12)
	a = s.ask(free)
	if a.MessageType() != leaseUnassigned || !a.ClientIPAddr.Equal(net.IP{192, 0, 2, 12}) || len(a.Options) != 2 {
		t.Errorf("a free address: %s", a.Summary())
	}
	a = s.ask(with(leaseQuery(55, 2, 51, 1), atCiaddr, 10, 9, 9, 9))
	if a.MessageType() != leaseUnknown || len(a.Options) != 2 {
		t.Errorf("an address that is not ours: %s", a.Summary())
	}
}

// Who may not ask hears nothing, on either road, and is counted as such.
func TestRFC4388_7_NotAllowed(t *testing.T) {
	s := newQueries(t)
	mine := s.lease(11)
	q := with(with(leaseQuery(), atCiaddr, mine...), atGiaddr, 198, 51, 100, 1)
	e := envelope{src: relayMAC, dst: portMAC, from: net.IP{198, 51, 100, 1}, to: serverIP, sport: 67, dport: 67}
	s.codec.Answer(s.policy, e.wrap(t, q), 0, now, s.batch, &s.r)
	if s.r.Verdict != frame.Drop || s.r.Reason != frame.NotAllowed {
		t.Errorf("%v: %v", s.r.Verdict, s.r.Reason)
	}
	m := Meta{Src: lease.IP4From(net.IP{198, 51, 100, 1}), Dst: lease.IP4From(serverIP), SrcPort: 67, DstPort: 67}
	s.codec.AnswerUDP(s.policy, q, &m, now, s.batch, &s.r)
	if s.r.Verdict != frame.Drop || s.r.Reason != frame.NotAllowed {
		t.Errorf("%v: %v", s.r.Verdict, s.r.Reason)
	}
}
