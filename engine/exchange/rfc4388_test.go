// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

const concentrator = "203.0.113.7" // who asks about leases, on port 1

// mayAsk lets the concentrator ask.
func mayAsk(s *policy.Spec) {
	s.LeaseQuery.Allow = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28")}
}

// newQueryBench is a bench that answers leasequeries.
func newQueryBench(t testing.TB, edit ...func(*policy.Spec)) *bench {
	b := newBench(t, append([]func(*policy.Spec){mayAsk}, edit...)...)
	b.server.Clients = NewClients(b.server.Table)
	return b
}

// query is a DHCPLEASEQUERY without a key, asking for these options.
func query(prl ...byte) Query {
	return Query{Type: LeaseQuery, Port: 1, Giaddr: ip(concentrator), Src: ip(concentrator), Dst: ip(ours1), PRL: prl}
}

func aboutIP(addr string, prl ...byte) Query {
	q := query(prl...)
	q.Ciaddr = ip(addr)
	return q
}

func aboutMAC(n byte, prl ...byte) Query {
	q := query(prl...)
	q.HType, q.Client.HType, q.Client.HW = 1, 1, hw(n)
	return q
}

func aboutID(id string, prl ...byte) Query {
	q := query(prl...)
	q.Client.ClientID = []byte(id)
	return q
}

// ask sends a query behind all grants so far.
func (b *bench) ask(q Query) Answer {
	if b.server.Clients != nil {
		b.server.Clients.NoteAll()
	}
	return b.send(q)
}

// told are an answer's own options with their parts joined, and what it has
// selected from the configuration.
func told(a Answer, q Query) map[uint8][]byte {
	all := map[uint8][]byte{}
	var room policy.Codes
	for _, c := range a.Options.Select(q.PRL, &room) {
		if v, ok := a.Options.Get(c); ok && a.Only.Has(c) && !a.Own.Has(c) {
			all[c] = v
		}
	}
	for own := a.Own.Encoded(); len(own) > 0; own = own[2+own[1]:] {
		all[own[0]] = append(all[own[0]], own[2:2+own[1]]...)
	}
	return all
}

// wantLease checks that an answer is about the lease of an address.
func (b *bench) wantLease(a Answer, typ uint8, addr string) {
	b.Helper()
	if a.Type != typ || a.Reason != frame.OK || a.Ciaddr != ip(addr) {
		b.Errorf("type %d about %v (%v), want %d about %s", a.Type, a.Ciaddr, a.Reason, typ, addr)
	}
	b.wantTo(a)
}

// wantTo checks that an answer goes to the concentrator.
func (b *bench) wantTo(a Answer) {
	b.Helper()
	if a.To != ToRelay || a.DestIP != ip(concentrator) || a.Source != ip(ours1) || a.ServerID != ip(ours1) || a.Yiaddr != 0 {
		b.Errorf("to %d %v from %v as %v, yiaddr %v", a.To, a.DestIP, a.Source, a.ServerID, a.Yiaddr)
	}
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// §6.3: "A DHCPLEASEQUERY message MUST have a non-zero giaddr." §6.4.3: "If the
// 'giaddr' field is zero, then the DHCP server MUST NOT reply".
func TestRFC4388_6_3_Giaddr(t *testing.T) {
	b := newQueryBench(t)
	q := aboutIP("10.1.0.10")
	q.Giaddr = 0
	b.wantSilence(b.ask(q), frame.BadRequest)
}

// §6.3: "The DHCPLEASEQUERY message MUST have exactly one of the following: a
// non-zero ciaddr, a non-zero htype/hlen/chaddr, or a Client-identifier option."
func TestRFC4388_6_3_ExactlyOneKey(t *testing.T) {
	b := newQueryBench(t)
	both := aboutIP("10.1.0.10")
	both.HType, both.Client.HW = 1, hw(1)
	ipAndID := aboutIP("10.1.0.10")
	ipAndID.Client.ClientID = []byte("id")
	macAndID := aboutMAC(1)
	macAndID.Client.ClientID = []byte("id")
	three := macAndID
	three.Ciaddr = ip("10.1.0.10")
	zeros := query()
	zeros.HType, zeros.Client.HW = 1, make([]byte, 6)
	for name, q := range map[string]Query{"none": query(), "IP and MAC": both, "IP and id": ipAndID, "MAC and id": macAndID, "all": three, "zeros": zeros} {
		if a := b.ask(q); a.Reason != frame.BadRequest || a.Type != 0 {
			t.Errorf("%s: type %d (%v)", name, a.Type, a.Reason)
		}
	}
	// A chaddr of zeros beside a ciaddr is no second key.
	zeros.Ciaddr = ip("10.1.0.10")
	b.wantLease(b.ask(zeros), LeaseUnassigned, "10.1.0.10")
}

// §7: "configure a DHCP server with the IP addresses of the relay agents for which
// it may respond to DHCPLEASEQUERY messages".
func TestRFC4388_7_AccessList(t *testing.T) {
	b := newQueryBench(t)
	from, to := aboutIP("10.1.0.10"), aboutIP("10.1.0.10")
	from.Src = ip("198.51.100.1")
	to.Giaddr = ip("198.51.100.1")
	b.wantSilence(b.ask(from), frame.NotAllowed)
	b.wantSilence(b.ask(to), frame.NotAllowed)
	b.wantLease(b.ask(aboutIP("10.1.0.10")), LeaseUnassigned, "10.1.0.10")
	// Without a list nobody may.
	b = newBench(t)
	b.wantSilence(b.ask(aboutIP("10.1.0.10")), frame.NotAllowed)
}

// §6.3: giaddr "MUST NOT be used to restrict the processing of the query in any
// way, and MUST NOT be used locate a subnet to which the ciaddr (if any) must
// belong".
func TestRFC4388_6_3_GiaddrIsNoKey(t *testing.T) {
	b := newQueryBench(t, func(s *policy.Spec) {
		s.LeaseQuery.Allow = append(s.LeaseQuery.Allow, netip.MustParsePrefix("10.0.0.0/8"))
	})
	mine := b.lease(1, func(q *Query) { *q = via(relay1, *q) })
	q := aboutIP(mine.String())
	q.Giaddr = ip(relay2)
	a := b.ask(q)
	if a.Type != LeaseActive || a.Ciaddr != mine || a.DestIP != ip(relay2) {
		t.Errorf("type %d about %v to %v (%v)", a.Type, a.Ciaddr, a.DestIP, a.Reason)
	}
}

// §6.4: "The server MUST respond with a DHCPLEASEACTIVE message when the IP
// address returned in the 'ciaddr' field is currently leased." §6.4.2: "The MAC
// address of the DHCPLEASEACTIVE message MUST be set to the values that identify
// the client".
func TestRFC4388_6_4_Active(t *testing.T) {
	b := newQueryBench(t)
	mine := b.lease(7)
	q := aboutIP(mine.String())
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	b.wantLease(a, LeaseActive, mine.String())
	if a.Lease == nil || a.Lease.HType != 1 || !bytes.Equal(a.Lease.HW, hw(7)) {
		t.Errorf("about %+v", a.Lease)
	}
	if a.Wait == 0 {
		t.Error("the answer does not wait for the lease to be on disk")
	}
}

// §6.4: "The server MUST respond with a DHCPLEASEUNASSIGNED message if this server
// has information about the IP address, but there is no active lease for the IP
// address." §6.4.2: "No other options are returned".
func TestRFC4388_6_4_Unassigned(t *testing.T) {
	b := newQueryBench(t, func(s *policy.Spec) {
		s.Subnets[0].Reservations = []policy.ReservationSpec{{MAC: hw(9), Address: addr("192.0.2.99")}}
	})
	never := "192.0.2.15"
	released := b.lease(1).String()
	b.send(release(1, released))
	expired := b.lease(2).String()
	declined := b.lease(3).String()
	b.send(decline(3, declined, ours0))
	b.wait(hour) // the reaper has not come by
	offered := b.send(discover(4)).Yiaddr.String()
	for _, addr := range []string{never, released, expired, declined, offered, "192.0.2.99"} {
		q := aboutIP(addr, 1, 51, 61, 82, 91)
		a := b.ask(q)
		b.wantLease(a, LeaseUnassigned, addr)
		if o := told(a, q); len(o) > 0 || a.Lease != nil || a.EchoClientID || a.EchoRelay {
			t.Errorf("%s: with %v", addr, o)
		}
	}
}

// §6.4: "The DHCPLEASEUNKNOWN message indicates that the server does not manage the
// IP address or the client specified in the DHCPLEASEQUERY message does not
// currently have a lease on an IP address." "the DHCP server MUST NOT include other
// DHCP options in the response."
func TestRFC4388_6_4_Unknown(t *testing.T) {
	b := newQueryBench(t)
	gone := b.lease(1, func(q *Query) { q.Client.ClientID = []byte("gone") })
	q := release(1, gone.String())
	q.Client.ClientID = []byte("gone")
	b.send(q)
	for name, q := range map[string]Query{
		"another network": aboutIP("198.51.100.9", 1, 51), "in no pool": aboutIP("192.0.2.200", 1, 51), "our own": aboutIP(ours0, 1),
		"no such MAC": aboutMAC(200, 51), "no such id": aboutID("nobody", 51), "MAC of a released lease": aboutMAC(1, 51), "its id": aboutID("gone"),
	} {
		a := b.ask(q)
		b.wantTo(a)
		if o := told(a, q); a.Type != LeaseUnknown || len(o) > 0 || a.Lease != nil {
			t.Errorf("%s: type %d (%v) with %v", name, a.Type, a.Reason, o)
		}
	}
}

// §6.4.1: "the client's identity is any client that has proffered an identical
// Client-identifier option … or an identical MAC address".
func TestRFC4388_6_4_1_ByClient(t *testing.T) {
	b := newQueryBench(t)
	byMAC := b.lease(1).String()
	byID := b.lease(2, func(q *Query) { q.Client.ClientID = []byte("\x00line") }).String()
	b.wantLease(b.ask(aboutMAC(1)), LeaseActive, byMAC)
	b.wantLease(b.ask(aboutMAC(2)), LeaseActive, byID)
	b.wantLease(b.ask(aboutID("\x00line")), LeaseActive, byID)
	q := aboutMAC(1)
	q.HType = 6
	if a := b.ask(q); a.Type != LeaseUnknown {
		t.Errorf("the same address of another hardware type: type %d", a.Type)
	}
	b.server.Clients = nil
	if a := b.send(aboutMAC(1)); a.Type != LeaseUnknown {
		t.Errorf("without an index: type %d (%v)", a.Type, a.Reason)
	}
}

// §6.4.1: "the DHCP server MUST return the IP address returned to the client in the
// most recent transaction with the client". §6.4.2: "the list of all of the IP
// addresses MUST be returned in the associated-ip option, whether or not that
// option was requested".
func TestRFC4388_6_4_1_MostRecentAndAssociated(t *testing.T) {
	b := newQueryBench(t)
	one := b.lease(1)
	b.wait(10)
	two := b.lease(1, func(q *Query) { *q = via(relay1, *q) })
	b.wait(10)
	three := b.lease(1, func(q *Query) { *q = via(relay2, *q) })
	b.wait(10)
	b.wantAck(b.send(via(relay1, renewing(1, two.String()))), two.String())

	q := aboutMAC(1, 51)
	a := b.ask(q)
	b.wantLease(a, LeaseActive, two.String())
	var got []lease.IP4
	for list := told(a, q)[92]; len(list) >= 4; list = list[4:] {
		got = append(got, lease.IP4From(list))
	}
	want := []lease.IP4{one, two, three}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("associated: %v, want %v", got, want)
	}
	// Of one address there is nothing to list.
	b.lease(2)
	q = aboutMAC(2, 92)
	if o := told(b.ask(q), q); o[92] != nil {
		t.Errorf("one address is listed: %x", o[92])
	}
}

// §6.4.2 on option 51: "its value equal to the time remaining until lease
// expiration"; on 58 and 59: "the remaining time until renewal or rebinding", and
// "If these times are already in the past … MUST NOT return these options". §6.1:
// 91 is "the number of seconds in the past".
func TestRFC4388_6_4_2_Times(t *testing.T) {
	b := newQueryBench(t)
	mine := b.lease(1).String()
	for _, c := range []struct {
		wait uint32
		want map[uint8][]byte
	}{
		{0, map[uint8][]byte{51: u32(3600), 58: u32(1800), 59: u32(3150), 91: u32(0)}},
		{1799, map[uint8][]byte{51: u32(1801), 58: u32(1), 59: u32(1351), 91: u32(1799)}},
		{1, map[uint8][]byte{51: u32(1800), 59: u32(1350), 91: u32(1800)}},
		{1350, map[uint8][]byte{51: u32(450), 91: u32(3150)}},
	} {
		b.wait(c.wait)
		q := aboutIP(mine, 51, 58, 59, 91)
		got := told(b.ask(q), q)
		if len(got) != len(c.want) {
			t.Errorf("%d options: %v, want %v", len(got), got, c.want)
		}
		for code, v := range c.want {
			if !bytes.Equal(got[code], v) {
				t.Errorf("option %d = %x, want %x", code, got[code], v)
			}
		}
	}
	b = newQueryBench(t, func(s *policy.Spec) { s.Subnets[0].Times = policy.Times{Valid: lease.Infinite} })
	q := aboutIP(b.lease(1).String(), 51, 58, 59)
	if o := told(b.ask(q), q); !bytes.Equal(o[51], u32(lease.Infinite)) || len(o) != 1 {
		t.Errorf("an infinite lease: %v", o)
	}
}

// §6.4.2: "If the Client-identifier option (option 61) is specified in the
// Parameter Request List … SHOULD be returned"; "the most recent Relay Agent
// Information option … MUST be included".
func TestRFC4388_6_4_2_WhatTheClientSent(t *testing.T) {
	b := newQueryBench(t)
	relay := append(sub(1, []byte("ge-1/0/7")...), sub(2, 0xbe, 0xef)...)
	mine := b.lease(1, func(q *Query) {
		*q = via(relay1, *q)
		q.Client.ClientID, q.Client.Host, q.Client.Relay = []byte("\x01id"), []byte("pc"), relay
	}).String()
	q := aboutIP(mine, 82, 61, 12, 60)
	o := told(b.ask(q), q)
	if !bytes.Equal(o[82], relay) || string(o[61]) != "\x01id" || string(o[12]) != "pc" || len(o) != 3 {
		t.Errorf("%v", o)
	}
	q = aboutIP(mine, 51)
	if o := told(b.ask(q), q); len(o) != 1 {
		t.Errorf("what was not asked for is told: %v", o)
	}
}

// §6.4.2: "SHOULD include the values of all other options … requested", "the same
// option values … as those that were returned to the DHCPDISCOVER or DHCPREQUEST
// from the DHCP client": with the relay information that was stored.
func TestRFC4388_6_4_2_OptionsOfTheClient(t *testing.T) {
	configure := func(s *policy.Spec) {
		s.Subnets[1].Options = []policy.Option{{Code: 3, Data: four(relay1)}, {Code: 15, Data: []byte("subnet")}, {Code: 42, Data: four("10.0.0.42")}}
		s.Classes = []policy.ClassSpec{{
			Name: "gold", Match: &policy.Match{By: policy.MatchRemote, Value: []byte("gold")},
			Options: []policy.Option{{Code: 15, Data: []byte("class")}},
		}}
	}
	b := newQueryBench(t, configure)
	mine := b.lease(1, func(q *Query) {
		*q = via(relay1, *q)
		q.Client.Relay = sub(2, []byte("gold")...)
	}).String()
	q := aboutIP(mine, 15, 42)
	if o := told(b.ask(q), q); string(o[15]) != "class" || !bytes.Equal(o[42], four("10.0.0.42")) || len(o) != 2 {
		t.Errorf("%v", o)
	}
	// §6.2: "In the absence of a Parameter Request List option, the server SHOULD
	// return the same options it would return for a DHCPREQUEST message".
	q = aboutIP(mine)
	o := told(b.ask(q), q)
	for _, code := range []uint8{1, 3, 15, 42, 51, 58, 59, 82} {
		if o[code] == nil {
			t.Errorf("without a list: no option %d", code)
		}
	}
	// "Any option not on this list SHOULD NOT be returned to a client, even if
	// requested by that client."
	b = newQueryBench(t, configure, func(s *policy.Spec) { s.LeaseQuery.Options = []uint8{42} })
	mine = b.lease(1, func(q *Query) { *q = via(relay1, *q); q.Client.Host = []byte("pc") }).String()
	q = aboutIP(mine, 15, 42, 12, 51, 82)
	if o := told(b.ask(q), q); o[15] != nil || o[12] != nil || o[42] == nil || o[51] == nil {
		t.Errorf("with a list of what may be told: %v", o)
	}
}

// RFC 6607 §6: a leasequery is about the virtual network that it names, and
// without one about the global network.
func TestRFC6607_LeaseQuery(t *testing.T) {
	vpn := []byte("\x00red")
	b := newQueryBench(t, func(s *policy.Spec) { s.Subnets[1].VSS = vpn })
	mine := b.lease(1, func(q *Query) { *q = via(relay1, *q); q.Client.Relay = sub(151, vpn...) }).String()
	if a := b.ask(aboutIP(mine)); a.Type != LeaseUnknown {
		t.Errorf("in the global network: type %d", a.Type)
	}
	for _, id := range []string{string(vpn), "\xfe"} {
		q := aboutIP(mine, 51)
		q.VSS = []byte(id)
		a := b.ask(q)
		b.wantLease(a, LeaseActive, mine)
		if got := told(a, q)[221]; !bytes.Equal(got, vpn) {
			t.Errorf("option 221 = %q", got)
		}
	}
	q := aboutMAC(1)
	q.VSS = []byte("\x00blue")
	if a := b.ask(q); a.Type != LeaseUnknown {
		t.Errorf("in another network: type %d", a.Type)
	}
}

// A leasequery changes nothing and allocates nothing.
func TestLeaseQueryLeavesNoTrace(t *testing.T) {
	b := newQueryBench(t)
	mine := b.lease(1)
	b.server.Clients.NoteAll()
	before := b.batch.Len()
	byIP, byMAC := aboutIP(mine.String()), aboutMAC(1)
	var a Answer
	for _, q := range []*Query{&byIP, &byMAC} {
		ask := func() { b.server.Decide4(b.policy, q, b.now, b.batch, &a) }
		ask()
		if n := testing.AllocsPerRun(100, ask); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	if a.Type != LeaseActive || b.batch.Len() != before {
		t.Errorf("type %d, %d changes", a.Type, b.batch.Len()-before)
	}
}

// The index finds what is there, through growth and turnover, and does not grow
// with what is gone.
func TestClientsForgetWhatIsGone(t *testing.T) {
	b := newQueryBench(t, func(s *policy.Spec) {
		s.Subnets[0].Pools[0].Ranges[0].Last = addr("192.0.2.250")
	})
	x := b.server.Clients
	id := func(n int) []byte { return []byte{0, byte(n >> 8), byte(n)} }
	for n := range 20_000 {
		q := renewing(byte(n), "192.0.2.100")
		q.Client.HW = []byte{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		q.Client.ClientID = id(n)
		if a := b.send(q); a.Type != Ack {
			t.Fatalf("client %d: %v", n, a.Reason)
		}
		x.Note(q.Ciaddr, 1, q.Client.HW, q.Client.ClientID)
		if n%1000 == 0 {
			b.wantLease(b.send(aboutID(string(id(n)))), LeaseActive, "192.0.2.100")
		}
		q.Type = Release
		b.send(q)
	}
	total := 0
	for i := range x.parts {
		total += len(x.parts[i].e)
	}
	if total > clientParts*2*leastClientRun {
		t.Errorf("%d places after all have gone", total)
	}
}
