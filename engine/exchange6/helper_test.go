// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// The network of these tests. Port 0 has clients on the wire, port 1 only relay
// agents. 2001:db8:3::/64 and 2001:db8:33::/64 are one link.
const (
	local0  = "fe80::1"          // our link-local address on port 0
	global0 = "2001:db8:0:1::1"  // our address there
	global1 = "2001:db8:ffff::1" // our address on port 1
	relay1  = "2001:db8:1::1"    // link-addresses of relay agents
	relay3  = "2001:db8:3::1"
	peer    = "2001:db8:ffff::99" // source address of a relay agent
	servers = "ff02::1:2"

	hour = 3600
)

var serverID = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 0xaa}

func ip(s string) lease6.IP6 {
	b := netip.MustParseAddr(s).As16()
	return lease6.IP6From(b[:])
}

// at is an address, or a prefix with its length.
func at(s string) lease6.Prefix {
	if p, err := netip.ParsePrefix(s); err == nil {
		return lease6.Prefix{IP6: ip(p.Addr().String()), Len: uint8(p.Bits())}
	}
	return lease6.AddrPrefix(ip(s))
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addrs(first, last string) policy6.Range {
	return policy6.Range{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}
}

// one is a list of one address.
func one(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }

var usual = policy6.Times{Preferred: hour, Valid: 2 * hour}

// baseSpec is the network above; tests edit it.
func baseSpec() policy6.Spec {
	subnet := func(s, first, last string, blocks ...policy6.DelegateSpec) policy6.SubnetSpec {
		return policy6.SubnetSpec{
			Prefix: prefix(s), Times: usual, Delegate: blocks,
			Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{addrs(first, last)}, Method: policy6.Iterative}},
		}
	}
	return policy6.Spec{
		ServerID: serverID,
		Ports: []policy6.PortSpec{
			{Name: "eth0", Addrs: []netip.Prefix{prefix(local0 + "/64"), prefix(global0 + "/64")}},
			{Name: "eth1", Addrs: []netip.Prefix{prefix(global1 + "/64")}},
		},
		Subnets: []policy6.SubnetSpec{
			subnet("2001:db8:0:1::/64", "2001:db8:0:1::10", "2001:db8:0:1::19",
				policy6.DelegateSpec{Prefix: prefix("2001:db8:8000::/44"), Length: 48, Method: policy6.Iterative},
				policy6.DelegateSpec{Prefix: prefix("2001:db8:9000::/52"), Length: 56, Method: policy6.Iterative}),
			subnet("2001:db8:1::/64", "2001:db8:1::10", "2001:db8:1::19",
				policy6.DelegateSpec{Prefix: prefix("2001:db8:a000::/52"), Length: 56, Method: policy6.Iterative}),
		},
		Networks: []policy6.NetworkSpec{{Name: "street", Subnets: []policy6.SubnetSpec{
			subnet("2001:db8:3::/64", "2001:db8:3::10", "2001:db8:3::10"),
			subnet("2001:db8:33::/64", "2001:db8:33::10", "2001:db8:33::19"),
		}}},
		Options: []policy6.Option{
			{Code: 23, Data: make([]byte, 16)},
			{Code: 24, Data: []byte("\x07example\x00")},
		},
	}
}

// first is the subnet of the clients on port 0.
func first(s *policy6.Spec) *policy6.SubnetSpec { return &s.Subnets[0] }

// linkOf pins port 0 to its subnet, whatever addresses the port has.
func linkOf(s *policy6.Spec) { first(s).Links = []policy.LinkSpec{{Port: "eth0"}} }

// A bench is a server on a table, with a clock that the test moves.
type bench struct {
	testing.TB
	server Server
	policy *policy6.Policy
	batch  *lease.Batch
	now    lease.Time
	failed bool
	onDisk bool         // whether the table is told that batches are durable
	late   lease.Ticket // one that is not, though
	replay uint64
	worn   bool // the replay counter cannot be moved on
}

func newBench(t testing.TB, edit ...func(*policy6.Spec)) *bench {
	t.Helper()
	b := &bench{TB: t, batch: lease.NewBatch(1), now: 1_800_000_000, onDisk: true}
	durable := func(t lease.Ticket) bool { return b.onDisk && (b.late == 0 || t != b.late) }
	table, err := lease6.New(lease6.Options{Shards: 4, Seed: 1, Durable: durable})
	if err != nil {
		t.Fatal(err)
	}
	b.server = Server{Table: table, Durable: durable, Failed: func() bool { return b.failed },
		Replay: func() (uint64, bool) { b.replay++; return b.replay, !b.worn }}
	b.reload(edit...)
	return b
}

// reload puts the edited base configuration in force.
func (b *bench) reload(edit ...func(*policy6.Spec)) {
	b.Helper()
	spec := baseSpec()
	for _, e := range edit {
		e(&spec)
	}
	p, err := policy6.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.server.Table.Reconfigure(p.Layout); err != nil {
		b.Fatal(err)
	}
	b.policy = p
}

func (b *bench) send(q *Query) *Answer {
	a := &Answer{}
	b.server.Decide6(b.policy, q, b.now, b.batch, a)
	return a
}

// wait lets time pass.
func (b *bench) wait(seconds uint32) { b.now += lease.Time(seconds) }

func duid(n byte) []byte { return []byte{0, 2, 0, 0, 0x30, 0x39, n} }

// from is a message of client n on port 0. What follows says what is in it.
func from(n byte, typ uint8, parts ...func(*Query)) *Query {
	q := &Query{Type: typ, Src: ip("fe80::100"), Dst: ip(servers)}
	q.Src.Lo += uint64(n)
	q.Client.DUID = duid(n)
	switch typ {
	case Request, Renew, Release, Decline:
		q.ServerID, q.HasServerID = serverID, true
	}
	for _, p := range parts {
		p(q)
	}
	return q
}

// na, ta and pd are IAs with leases.
func na(iaid uint32, leases ...string) func(*Query) { return ia(lease6.NA, iaid, leases...) }
func ta(iaid uint32, leases ...string) func(*Query) { return ia(lease6.TA, iaid, leases...) }
func pd(iaid uint32, leases ...string) func(*Query) { return ia(lease6.PD, iaid, leases...) }

func ia(typ lease6.IAType, iaid uint32, leases ...string) func(*Query) {
	return func(q *Query) {
		if !q.AddIA(typ, iaid) {
			panic("too many IAs")
		}
		for _, s := range leases {
			p := at(s)
			if !q.AddLease(p.IP6, p.Len) {
				panic("too many leases")
			}
		}
	}
}

// via lets a message come through a relay agent, in by port 1.
func via(link string) func(*Query) {
	return func(q *Query) {
		client := q.Src.As16()
		q.Client.Peer = client[:]
		q.Port, q.Relays, q.Link, q.Src, q.Dst = 1, 1, ip(link), ip(peer), ip(global1)
	}
}

func asks(codes ...uint16) func(*Query) {
	return func(q *Query) {
		for _, c := range codes {
			if c < 256 {
				q.Asked.Low[c>>6] |= 1 << (c & 63)
			}
			q.Asked.ORO = append(q.Asked.ORO, byte(c>>8), byte(c))
		}
	}
}

func commitsAtOnce(q *Query) { q.RapidCommit = true }

// answered is what an answer says of one of its IAs.
func (b *bench) answered(a *Answer, typ lease6.IAType, iaid uint32) (ia AnswerIA, leases []AnswerLease) {
	b.Helper()
	found := false
	for i := range a.NIAs {
		if x := a.IAs[i]; x.Type == typ && x.ID == iaid {
			if found {
				b.Errorf("%v %d is there twice", typ, iaid)
			}
			found = true
			ia, leases = x, a.Leases[x.First:x.First+x.N]
		}
	}
	if !found {
		b.Errorf("type %d (%v) has no %v %d", a.Type, a.Reason, typ, iaid)
	}
	return ia, leases
}

// wantLeases checks the leases of an IA: those that are promised, and with a "-" those
// that are taken away.
func (b *bench) wantLeases(a *Answer, typ lease6.IAType, iaid uint32, want ...string) {
	b.Helper()
	ia, leases := b.answered(a, typ, iaid)
	var got []string
	for _, l := range leases {
		s := l.Prefix.String()
		if l.Valid == 0 {
			s = "-" + s
		}
		if l.Preferred > l.Valid {
			b.Errorf("%s is preferred for %d seconds and valid for %d", s, l.Preferred, l.Valid)
		}
		got = append(got, s)
	}
	same := len(got) == len(want) && !ia.Status.Set
	for i := range want {
		same = same && got[i] == want[i]
	}
	if !same {
		b.Errorf("%v %d has %v and status %+v, want %v", typ, iaid, got, ia.Status, want)
	}
}

// wantStatus checks an IA that has a status and no leases.
func (b *bench) wantStatus(a *Answer, typ lease6.IAType, iaid uint32, code uint16) {
	b.Helper()
	ia, leases := b.answered(a, typ, iaid)
	if !ia.Status.Set || ia.Status.Code != code || len(leases) != 0 {
		b.Errorf("%v %d has status %+v and leases %v, want status %d alone", typ, iaid, ia.Status, leases, code)
	}
}

func (b *bench) wantType(a *Answer, typ uint8) {
	b.Helper()
	if a.Type != typ || a.Reason != frame.OK {
		b.Fatalf("type %d (%v), want type %d", a.Type, a.Reason, typ)
	}
}

func (b *bench) wantSilence(a *Answer, why frame.Reason) {
	b.Helper()
	if *a != (Answer{Reason: why, IAs: a.IAs, Leases: a.Leases}) {
		b.Errorf("type %d (%v), status %v, want silence (%v)", a.Type, a.Reason, a.Status, why)
	}
}

// wantTop checks an answer that is a status and nothing else.
func (b *bench) wantTop(a *Answer, code uint16) {
	b.Helper()
	if a.Type != Reply || !a.Status.Set || a.Status.Code != code || a.NIAs != 0 || a.Options != nil || a.Own != nil {
		b.Errorf("type %d (%v), status %+v, %d IAs, want a Reply with status %d alone", a.Type, a.Reason, a.Status, a.NIAs, code)
	}
}

// lease lets client n have what it asks for: Solicit, then a Request for what was
// advertised. It is what the first IA got.
func (b *bench) lease(n byte, parts ...func(*Query)) lease6.Prefix {
	b.Helper()
	a := b.send(from(n, Solicit, parts...))
	b.wantType(a, Advertise)
	q := from(n, Request, parts...)
	q.NIAs, q.NLeases = 0, 0
	for i := range a.NIAs {
		x := &a.IAs[i]
		q.AddIA(x.Type, x.ID)
		for _, l := range a.Leases[x.First : x.First+x.N] {
			q.AddLease(l.Prefix.IP6, l.Prefix.Len)
		}
	}
	r := b.send(q)
	b.wantType(r, Reply)
	if r.NIAs == 0 || r.IAs[0].N == 0 {
		b.Fatalf("client %d: nothing for its first IA: %+v", n, r.IAs[0].Status)
	}
	return r.Leases[r.IAs[0].First].Prefix
}

// holder is the status of a lease and the number of its client.
func (b *bench) holder(s string) (lease.Status, byte) {
	var e lease6.Entry
	if !b.server.Table.Lookup(at(s), &e) || len(e.DUID) == 0 {
		return e.Status, 0
	}
	return e.Status, e.DUID[len(e.DUID)-1]
}

func (b *bench) wantHolder(s string, status lease.Status, n byte) {
	b.Helper()
	if st, who := b.holder(s); st != status || who != n {
		b.Errorf("%s is %v for client %d, want %v for %d", s, st, who, status, n)
	}
}

// option is the value of an option that the answer has of its own, or selects.
func option(a *Answer, q *Query, code uint16) ([]byte, bool) {
	var room []byte
	block := append([]byte(nil), a.Own.Encoded()...)
	block = append(block, a.Options.Select(&q.Asked, a.Own.Codes(), q.Type == InformationRequest, &room)...)
	for len(block) >= 4 {
		c, n := uint16(block[0])<<8|uint16(block[1]), int(block[2])<<8|int(block[3])
		if c == code {
			return block[4 : 4+n], true
		}
		block = block[4+n:]
	}
	return nil, false
}
