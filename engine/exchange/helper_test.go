// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// The network of these tests. Port 0 has clients on the wire, port 1 only relay
// agents. 10.3.0.0/24 and 10.3.1.0/24 are one link.
const (
	ours0  = "192.0.2.1"   // our address on port 0
	ours1  = "203.0.113.1" // our address on port 1
	relay1 = "10.1.0.1"
	relay2 = "10.2.0.1"
	relay3 = "10.3.0.1"
	other  = "192.0.2.254" // another server
	all    = "255.255.255.255"

	hour = 3600
)

func ip(s string) lease.IP4 {
	b := netip.MustParseAddr(s).As4()
	return lease.IP4From(b[:])
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func subnet(prefix, first, last string) policy.SubnetSpec {
	return policy.SubnetSpec{
		Prefix: netip.MustParsePrefix(prefix),
		Times:  policy.Times{Valid: hour},
		Pools:  []policy.PoolSpec{{Ranges: []policy.Range{{First: addr(first), Last: addr(last)}}}},
	}
}

func hw(n byte) []byte { return []byte{2, 0, 0, 0, 0, n} }

// baseSpec is the network above; tests edit it.
func baseSpec() policy.Spec {
	return policy.Spec{
		Ports: []policy.PortSpec{
			{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix(ours0 + "/24")}},
			{Name: "eth1", Addrs: []netip.Prefix{netip.MustParsePrefix(ours1 + "/24")}},
		},
		Subnets: []policy.SubnetSpec{
			subnet("192.0.2.0/24", "192.0.2.10", "192.0.2.19"),
			subnet("10.1.0.0/16", "10.1.0.10", "10.1.0.19"),
			subnet("10.2.0.0/16", "10.2.0.10", "10.2.0.19"),
		},
		Networks: []policy.NetworkSpec{{Name: "street", Subnets: []policy.SubnetSpec{
			subnet("10.3.0.0/24", "10.3.0.10", "10.3.0.10"),
			subnet("10.3.1.0/24", "10.3.1.10", "10.3.1.19"),
		}}},
	}
}

// A bench is a server on a table, with a clock that the test moves.
type bench struct {
	testing.TB
	server Server
	policy *policy.Policy
	batch  *lease.Batch
	now    lease.Time
	failed bool
	onDisk bool // whether the table is told that batches are durable
	looks  int  // messages sent
}

func newBench(t testing.TB, edit ...func(*policy.Spec)) *bench {
	t.Helper()
	b := &bench{TB: t, batch: lease.NewBatch(1), now: 1_800_000_000, onDisk: true}
	table, err := lease.New(lease.Options{
		Shards: 4, Seed: 1, Durable: func(lease.Ticket) bool { return b.onDisk },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.server = Server{Table: table, Failed: func() bool { return b.failed }}
	b.reload(edit...)
	return b
}

// reload puts the edited base configuration in force.
func (b *bench) reload(edit ...func(*policy.Spec)) {
	b.Helper()
	spec := baseSpec()
	for _, e := range edit {
		e(&spec)
	}
	p, err := policy.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.server.Table.Reconfigure(p.Layout); err != nil {
		b.Fatal(err)
	}
	b.policy = p
}

func (b *bench) send(q Query) Answer {
	var a Answer
	if b.looks++; b.looks%2 == 0 { // what is looked up before makes no difference
		b.look(&q)
	}
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	return a
}

// wait lets time pass.
func (b *bench) wait(seconds uint32) { b.now += lease.Time(seconds) }

// client n broadcasts on port 0.
func from(n byte, typ uint8) Query {
	return Query{
		Type: typ, HType: 1, Dst: ip(all),
		Client: lease.Client{HType: 1, HW: hw(n)},
	}
}

func discover(n byte) Query { return from(n, Discover) }

// selecting is the REQUEST for addr from the server with identifier id.
func selecting(n byte, addr, id string) Query {
	q := from(n, Request)
	q.Requested, q.HasRequested = ip(addr), true
	q.ServerID, q.HasServerID = ip(id), true
	return q
}

func rebooting(n byte, addr string) Query {
	q := from(n, Request)
	q.Requested, q.HasRequested = ip(addr), true
	return q
}

// renewing is unicast to us.
func renewing(n byte, addr string) Query {
	q := from(n, Request)
	q.Ciaddr, q.Src, q.Dst = ip(addr), ip(addr), ip(ours0)
	return q
}

// rebinding is broadcast.
func rebinding(n byte, addr string) Query {
	q := renewing(n, addr)
	q.Dst = ip(all)
	return q
}

func release(n byte, addr string) Query {
	q := renewing(n, addr)
	q.Type = Release
	q.ServerID, q.HasServerID = ip(ours0), true
	return q
}

func decline(n byte, addr, id string) Query {
	q := selecting(n, addr, id)
	q.Type = Decline
	return q
}

func inform(n byte, addr string) Query {
	q := rebinding(n, addr)
	q.Type = Inform
	return q
}

// via is q through a relay agent, in by port 1.
func via(giaddr string, q Query) Query {
	q.Port, q.Giaddr, q.Src, q.Dst = 1, ip(giaddr), ip(giaddr), ip(ours1)
	q.Hops = 1
	return q
}

// sub is a sub-option of option 82.
func sub(code byte, value ...byte) []byte { return append([]byte{code, byte(len(value))}, value...) }

func four(s string) []byte {
	b := ip(s).As4()
	return b[:]
}

// lease gives client n an address: DISCOVER, REQUEST. edit changes both messages.
func (b *bench) lease(n byte, edit ...func(*Query)) lease.IP4 {
	b.Helper()
	q := discover(n)
	for _, e := range edit {
		e(&q)
	}
	o := b.send(q)
	if o.Type != Offer {
		b.Fatalf("client %d: no OFFER: %v", n, o.Reason)
	}
	q.Type = Request
	q.Requested, q.HasRequested, q.ServerID, q.HasServerID = o.Yiaddr, true, o.ServerID, true
	if a := b.send(q); a.Type != Ack || a.Yiaddr != o.Yiaddr {
		b.Fatalf("client %d: offered %v, then type %d with %v: %v", n, o.Yiaddr, a.Type, a.Yiaddr, a.Reason)
	}
	return o.Yiaddr
}

// holder is the status of an address, and the last byte of its client's chaddr.
func (b *bench) holder(addr string) (lease.Status, byte) {
	var e lease.Entry
	if !b.server.Table.Lookup(ip(addr), &e) || len(e.HW) == 0 {
		return e.Status, 0
	}
	return e.Status, e.HW[len(e.HW)-1]
}

func (b *bench) wantHolder(addr string, status lease.Status, n byte) {
	b.Helper()
	if s, who := b.holder(addr); s != status || who != n {
		b.Errorf("%s is %v for client %d, want %v for %d", addr, s, who, status, n)
	}
}

func (b *bench) wantStatus(addr string, want lease.Status) {
	b.Helper()
	if s, _ := b.holder(addr); s != want {
		b.Errorf("%s is %v, want %v", addr, s, want)
	}
}

func typeName(typ uint8) string {
	return [...]string{"silence", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"}[typ]
}

func (b *bench) wantAck(a Answer, addr string) {
	b.Helper()
	if a.Type != Ack || a.Yiaddr != ip(addr) {
		b.Errorf("%s %v (%v), want ACK %s", typeName(a.Type), a.Yiaddr, a.Reason, addr)
	}
}

func (b *bench) wantOffer(a Answer, addr string) {
	b.Helper()
	if a.Type != Offer || a.Yiaddr != ip(addr) {
		b.Errorf("%s %v (%v), want OFFER %s", typeName(a.Type), a.Yiaddr, a.Reason, addr)
	}
}

func (b *bench) wantNak(a Answer) {
	b.Helper()
	if a.Type != Nak {
		b.Errorf("%s %v (%v), want NAK", typeName(a.Type), a.Yiaddr, a.Reason)
	}
}

func (b *bench) wantSilence(a Answer, why frame.Reason) {
	b.Helper()
	if a != (Answer{Reason: why}) {
		b.Errorf("%s %v (%v), want silence (%v)", typeName(a.Type), a.Yiaddr, a.Reason, why)
	}
}

// wantDest checks where an answer goes.
func (b *bench) wantDest(a Answer, to Dest, addr string) {
	b.Helper()
	if a.Type == 0 || a.To != to || a.DestIP != ip(addr) {
		b.Errorf("%s to %d %v, want %d %s", typeName(a.Type), a.To, a.DestIP, to, addr)
	}
}
