// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// The lease keeps the name that the client was told, also over renewals without it,
// and another when it says another.
func TestALeaseKeepsItsName(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.FQDN = policy.FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}
	})
	named := func(fqdn string) func(*Query) {
		return func(q *Query) { q.FQDN, q.Client.Host = []byte("\x01\x00\x00"+fqdn), []byte("other") }
	}
	mine := b.lease(1, named("pc"))
	host := func() string {
		var e lease.Entry
		b.server.Table.Lookup(mine, &e)
		return string(e.Host)
	}
	want := func(want string) {
		t.Helper()
		if got := host(); got != want {
			t.Errorf("the lease keeps %q, want %q", got, want)
		}
	}
	want("pc.example.net.")
	b.wantAck(b.send(renewing(1, mine.String())), mine.String())
	want("pc.example.net.")
	for _, c := range []struct {
		edit func(*Query)
		want string
	}{
		{named("laptop"), "laptop.example.net."},
		{func(q *Query) { q.FQDN = []byte("\x08\x00\x00laptop") }, "laptop"}, // N
		{func(q *Query) { q.FQDN = []byte("\x00\x00\x00laptop") }, "laptop.example.net"},
		{func(q *Query) { q.Client.Host = []byte("box") }, "box.example.net."},
	} {
		q := with(renewing(1, mine.String()), c.edit)
		b.wantAck(b.send(q), mine.String())
		want(c.want)
	}
	// [MS-DHCPE] §3.2.5: option 81 of a dial-in server is ignored.
	ras := b.lease(2, func(q *Query) {
		q.Client.ClientID, q.FQDN = []byte("RAS 1"), []byte("\x01\x00\x00dialin")
	})
	var e lease.Entry
	if b.server.Table.Lookup(ras, &e); len(e.Host) > 0 {
		t.Errorf("RAS: %q", e.Host)
	}
	// Without updates it is option 12, as it came.
	b = newBench(t)
	mine = b.lease(1, func(q *Query) { q.Client.Host = []byte("pc.example.org") })
	if b.server.Table.Lookup(mine, &e); string(e.Host) != "pc.example.org" {
		t.Errorf("%q", e.Host)
	}
}

// A reservation's name goes before what the client says, each subnet has its own rules,
// and a client may be called by its address: in option 81 as in its lease.
func TestNamesBySubnetAndReservation(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.FQDN = policy.FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}
		s.Subnets[1].FQDN = &policy.FQDNSpec{Record: true, Suffix: "example.org"}
		s.Subnets[2].FQDN = &policy.FQDNSpec{Updates: true, Record: true, HostNames: true, Generate: policy.GenerateAlways, Prefix: "h", Suffix: "example.com"}
		s.Subnets[0].Reservations = []policy.ReservationSpec{{MAC: hw(9), Options: []policy.Option{{Code: 12, Data: []byte("printer")}}}}
	})
	for _, tt := range []struct {
		n                  byte
		relay, told, keeps string
	}{
		{9, "", "\x01\xff\xffprinter.example.net", "printer.example.net."},
		{1, "", "\x01\xff\xffpc.example.net", "pc.example.net."},
		{2, relay1, "\x0a\xff\xffpc.example.org", "pc"},
		{3, relay2, "\x01\xff\xffh-10-2-0-10.example.com", "h-10-2-0-10.example.com."},
	} {
		ask := func(q Query) Answer {
			q.FQDN = []byte("\x01\x00\x00pc")
			if tt.relay != "" {
				q = via(tt.relay, q)
			}
			return b.send(q)
		}
		offer := ask(discover(tt.n))
		ack := ask(selecting(tt.n, offer.Yiaddr.String(), ours0))
		var e lease.Entry
		for _, a := range []Answer{offer, ack} {
			if got, _ := ownOption(a.Own, 81); got != tt.told {
				t.Errorf("%d: %s (%v): %q, want %q", tt.n, typeName(a.Type), a.Reason, got, tt.told)
			}
		}
		if b.server.Table.Lookup(ack.Yiaddr, &e); string(e.Host) != tt.keeps {
			t.Errorf("%d: the lease keeps %q, want %q", tt.n, e.Host, tt.keeps)
		}
	}
}
