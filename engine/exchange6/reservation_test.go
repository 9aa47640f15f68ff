// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"net/netip"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

func reserves(rs ...policy6.ReservationSpec) func(*policy6.Spec) {
	return func(s *policy6.Spec) { first(s).Reservations = rs }
}

func mac(n byte) []byte { return []byte{2, 0, 0, 0, 0, n} }

func linkLayer(addr ...byte) func(*Query) {
	return func(q *Query) { q.Client.LinkLayer = append([]byte{0, 1}, addr...) }
}

func interfaceID(s string) func(*Query) { return func(q *Query) { q.Client.InterfaceID = []byte(s) } }
func remoteID(s string) func(*Query) {
	return func(q *Query) { q.Client.RemoteID = append([]byte{0, 0, 0, 9}, s...) }
}
func subscriber(s string) func(*Query) { return func(q *Query) { q.Client.SubscriberID = []byte(s) } }

// A reservation is found by each identifier, and by several of which all must be the
// client's; addresses and prefixes.
func TestReservationsByIdentifier(t *testing.T) {
	prefixes := []netip.Prefix{prefix("2001:db8:f000::/48")}
	for name, c := range map[string]struct {
		spec policy6.ReservationSpec
		is   func(*Query)
	}{
		"duid":          {policy6.ReservationSpec{DUID: duid(1)}, func(*Query) {}},
		"mac":           {policy6.ReservationSpec{MAC: mac(7)}, linkLayer(mac(7)...)},
		"interface-id":  {policy6.ReservationSpec{InterfaceID: []byte("if1")}, interfaceID("if1")},
		"remote-id":     {policy6.ReservationSpec{RemoteID: []byte("line")}, remoteID("line")},
		"subscriber-id": {policy6.ReservationSpec{SubscriberID: []byte("smith")}, subscriber("smith")},
		"two": {policy6.ReservationSpec{InterfaceID: []byte("if1"), RemoteID: []byte("line")},
			func(q *Query) { interfaceID("if1")(q); remoteID("line")(q) }},
	} {
		c.spec.Addresses, c.spec.Prefixes = one("2001:db8:0:1::77"), prefixes
		b := newBench(t, reserves(c.spec))
		for _, typ := range []uint8{Solicit, Request, Renew} {
			a := b.send(from(1, typ, na(1), pd(1), c.is))
			b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::77")
			b.wantLeases(a, lease6.PD, 1, "2001:db8:f000::/48")
		}
		a := b.send(from(2, Solicit, na(1, "2001:db8:0:1::77"), pd(1, "2001:db8:f000::/48"), interfaceID("if1")))
		if name != "interface-id" {
			b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
			b.wantLeases(a, lease6.PD, 1, "2001:db8:8000::/48")
		}
	}
}

// RFC 6939 §4: the link-layer address of a relayed client comes from the relay agent; where that
// says nothing it is in the client's own address (RFC 4291 appendix A).
func TestTheMACOfTheClientsAddress(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		s.Subnets[1].Reservations = []policy6.ReservationSpec{{MAC: []byte{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}, Addresses: one("2001:db8:1::77")}}
	})
	eui := func(q *Query) { q.Src = ip("fe80::aa:bbff:fecc:ddee") }
	b.wantLeases(b.send(from(1, Solicit, na(1), eui, via(relay1))), lease6.NA, 1, "2001:db8:1::77")
	// What the relay agent says goes before it.
	b.wantLeases(b.send(from(1, Solicit, na(1), eui, via(relay1), linkLayer(mac(1)...))), lease6.NA, 1, "2001:db8:1::10")
	b.wantLeases(b.send(from(2, Solicit, na(1), via(relay1), func(q *Query) { q.Client.Peer = nil })), lease6.NA, 1, "2001:db8:1::11")
	b.reload(reserves(policy6.ReservationSpec{MAC: []byte{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}, Addresses: one("2001:db8:0:1::77")}))
	b.wantLeases(b.send(from(3, Solicit, na(1), eui)), lease6.NA, 1, "2001:db8:0:1::77")
}

// Those with more identifiers go first, then DUID, MAC and so on; the order can be set.
func TestReservationPrecedence(t *testing.T) {
	rs := reserves(
		policy6.ReservationSpec{DUID: duid(1), Addresses: one("2001:db8:0:1::71")},
		policy6.ReservationSpec{MAC: mac(1), Addresses: one("2001:db8:0:1::72")},
		policy6.ReservationSpec{MAC: mac(1), InterfaceID: []byte("if1"), Addresses: one("2001:db8:0:1::73")})
	b := newBench(t, rs)
	b.wantLeases(b.send(from(1, Solicit, na(1), linkLayer(mac(1)...), interfaceID("if1"))), lease6.NA, 1, "2001:db8:0:1::73")
	b.wantLeases(b.send(from(1, Solicit, na(1), linkLayer(mac(1)...))), lease6.NA, 1, "2001:db8:0:1::71")
	b.wantLeases(b.send(from(2, Solicit, na(1), linkLayer(mac(1)...))), lease6.NA, 1, "2001:db8:0:1::72")
	b = newBench(t, rs, func(s *policy6.Spec) { s.Precedence = []policy6.Identifier{policy6.ByMAC, policy6.ByDUID} })
	b.wantLeases(b.send(from(1, Solicit, na(1), linkLayer(mac(1)...), interfaceID("if1"))), lease6.NA, 1, "2001:db8:0:1::72")
}

// Several reserved addresses and prefixes go to the client's IAs, each its own, and stay with
// them; one IA more is served from the pools.
func TestSeveralReservedLeases(t *testing.T) {
	b := newBench(t, reserves(policy6.ReservationSpec{
		DUID:      duid(1),
		Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:0:1::71"), netip.MustParseAddr("2001:db8:0:1::72")},
		Prefixes:  []netip.Prefix{prefix("2001:db8:f000::/48"), prefix("2001:db8:f001::/56")},
	}))
	a := b.send(from(1, Request, na(1), na(2), na(3), pd(1), pd(2), pd(3)))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::71")
	b.wantLeases(a, lease6.NA, 2, "2001:db8:0:1::72")
	b.wantLeases(a, lease6.NA, 3, "2001:db8:0:1::10")
	b.wantLeases(a, lease6.PD, 1, "2001:db8:f000::/48")
	b.wantLeases(a, lease6.PD, 2, "2001:db8:f001::/56")
	b.wantLeases(a, lease6.PD, 3, "2001:db8:8000::/48")
	b.wait(hour)
	for _, typ := range []uint8{Renew, Solicit, Request, Rebind} {
		a = b.send(from(1, typ, na(2), na(3), pd(2)))
		b.wantLeases(a, lease6.NA, 2, "2001:db8:0:1::72")
		b.wantLeases(a, lease6.NA, 3, "2001:db8:0:1::10")
		b.wantLeases(a, lease6.PD, 2, "2001:db8:f001::/56")
	}
	// What another IA gives back does not draw it away.
	b.send(from(1, Release, na(1, "2001:db8:0:1::71")))
	b.wantLeases(b.send(from(1, Solicit, na(2))), lease6.NA, 2, "2001:db8:0:1::72")
	b.wantLeases(b.send(from(1, Request, na(1))), lease6.NA, 1, "2001:db8:0:1::71")
	a = b.send(from(1, Renew, na(2, "2001:db8:0:1::72"), na(3, "2001:db8:0:1::10"), na(1, "2001:db8:0:1::71")))
	b.wantLeases(a, lease6.NA, 2, "2001:db8:0:1::72")
	b.wantLeases(a, lease6.NA, 3, "2001:db8:0:1::10")
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::71")
}

// A reservation that comes while its address is another's is served from the pools until that
// one has renewed and was given another.
func TestAReservationOfWhatAnotherHas(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1)) // ::10
	b.reload(reserves(policy6.ReservationSpec{DUID: duid(2), Addresses: one("2001:db8:0:1::10")}))
	if got := b.lease(2, na(1)); got != at("2001:db8:0:1::11") {
		t.Errorf("client 2 gets %v", got)
	}
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	a := b.send(from(1, Renew, na(1, "2001:db8:0:1::10")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::12", "-2001:db8:0:1::10")
	a = b.send(from(2, Renew, na(1, "2001:db8:0:1::11")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10", "-2001:db8:0:1::11")
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 2)
}

// A reserved address outside of all pools belongs to its own subnet of a shared network.
func TestAReservedAddressHasItsSubnet(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		two := &s.Networks[0].Subnets[1]
		two.Times = policy6.Times{Preferred: 100, Valid: 200}
		two.Options = []policy6.Option{{Code: 24, Data: []byte("two"), Always: true}}
		two.Reservations = []policy6.ReservationSpec{{DUID: duid(1), Addresses: one("2001:db8:33::77"), Prefixes: []netip.Prefix{prefix("2001:db8:f000::/48")}}}
		two.Limit = 1
	})
	q := from(1, Request, na(1), pd(1), via(relay3))
	a := b.send(q)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:33::77")
	b.wantLeases(a, lease6.PD, 1, "2001:db8:f000::/48")
	if v, _ := option(a, q, 24); string(v) != "two" || a.Leases[0].Valid != 200 || a.Leases[1].Valid != 200 {
		t.Errorf("option %q, %+v", v, a.Leases[:2])
	}
	// It counts for that subnet: the other one has an address still.
	b.wantLeases(b.send(from(2, Request, na(1), via(relay3))), lease6.NA, 1, "2001:db8:3::10")
	b.wantStatus(b.send(from(3, Request, na(1), via(relay3))), lease6.NA, 1, NoAddrsAvail)
}

// A reserved prefix outside of all blocks is appropriate for the link.
func TestAReservedPrefixIsOnLink(t *testing.T) {
	b := newBench(t, reserves(policy6.ReservationSpec{DUID: duid(1), Prefixes: []netip.Prefix{prefix("2001:db8:f000::/48")}}))
	b.lease(1, pd(1))
	b.wantLeases(b.send(from(1, Renew, pd(1, "2001:db8:f000::/48"))), lease6.PD, 1, "2001:db8:f000::/48")
	b.wantLeases(b.send(from(1, Renew, pd(1, "2001:db8:f000::/48"), via(relay1))), lease6.PD, 1, "2001:db8:a000::/56", "-2001:db8:f000::/48")
}
