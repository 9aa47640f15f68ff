// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// RFC 8415 §18.3.2: "If any of the prefixes of the included addresses are not appropriate
// for the link to which the client is connected, the server MUST return the IA to the client
// with a Status Code option with the value NotOnLink." That IA only.
func TestRequestForAnAddressOfAnotherLink(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Request, na(1, "2001:db8:1::10"), na(2), na(3, "2001:db8:0:1::12", "2001:db8:dead::1"), pd(1)))
	b.wantType(a, Reply)
	b.wantStatus(a, lease6.NA, 1, NotOnLink)
	b.wantLeases(a, lease6.NA, 2, "2001:db8:0:1::10")
	b.wantStatus(a, lease6.NA, 3, NotOnLink)
	b.wantLeases(a, lease6.PD, 1, "2001:db8:8000::/48")
	if a.Status.Set {
		t.Errorf("there is a status on top: %+v", a.Status)
	}
	b.wantHolder("2001:db8:0:1::12", lease.None, 0)
}

// NotOnLink is about addresses: for a prefix of elsewhere another is delegated.
func TestNotOnLinkIsNotForPrefixes(t *testing.T) {
	b := newBench(t)
	b.wantLeases(b.send(from(1, Request, pd(1, "2001:db8:dead::/48"))), lease6.PD, 1, "2001:db8:8000::/48")
}

// RFC 8415 §18.3.2: "If the server … cannot assign any IP addresses to an IA, the server
// MUST return the IA option in the Reply message with no addresses in the IA and a Status
// Code option containing status code NoAddrsAvail in the IA." Likewise NoPrefixAvail.
func TestRequestWhereNothingIsToBeHad(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { first(s).Pools, first(s).Delegate = nil, nil })
	a := b.send(from(1, Request, na(1, "2001:db8:0:1::10"), pd(1, "2001:db8:8000::/48"), na(2)))
	b.wantType(a, Reply)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wantStatus(a, lease6.PD, 1, NoPrefixAvail)
	b.wantStatus(a, lease6.NA, 2, NoAddrsAvail)
	if a.Wait != 0 || b.batch.Len() != 0 {
		t.Errorf("waits for %v with %d changes", a.Wait, b.batch.Len())
	}
}

// RFC 8415 §18.3.2: "The server MAY assign different addresses and/or delegated prefixes to
// an IA than those included within the IA". It does so when they are another's.
func TestRequestForWhatAnotherHas(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.wantLeases(b.send(from(2, Request, na(1, "2001:db8:0:1::10"))), lease6.NA, 1, "2001:db8:0:1::11")
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	// Nor can another IA of the same client take it.
	b.wantLeases(b.send(from(1, Request, na(2, "2001:db8:0:1::10"))), lease6.NA, 2, "2001:db8:0:1::12")
}

// RFC 8415 §18.3.2: "The server MUST NOT include any addresses or delegated prefixes in the IA
// that the server does not assign to the client": one lease is assigned to an IA, however
// many it names.
func TestAnIACannotCollectLeases(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Request, na(1, "2001:db8:0:1::10", "2001:db8:0:1::11", "2001:db8:0:1::12", "::")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	a = b.send(from(1, Request, na(1, "2001:db8:0:1::11", "2001:db8:0:1::10")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	// One that changes its mind gives up what it had.
	a = b.send(from(1, Request, na(1, "2001:db8:0:1::15")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::15")
	b.wantHolder("2001:db8:0:1::15", lease.Bound, 1)
	b.wantHolder("2001:db8:0:1::10", lease.Released, 1)
	for i := range byte(9) {
		if got := b.lease(2+i, na(1)); got.Len != 128 {
			t.Errorf("client %d gets %v", 2+i, got)
		}
	}
}

// RFC 8415 §18.3.2: "If the server finds that the client has included an IA in the Request
// message for which the server already has a binding that associates the IA with the client,
// the server sends a Reply message with existing bindings, possibly with updated lifetimes."
func TestARetransmittedRequestFindsItsBinding(t *testing.T) {
	b := newBench(t)
	q := from(1, Request, na(1, "2001:db8:0:1::10"))
	r := b.send(q)
	changes, ticket := b.batch.Len(), r.Wait
	b.wait(2)
	r = b.send(q)
	b.wantLeases(r, lease6.NA, 1, "2001:db8:0:1::10")
	if r.Wait != ticket || b.batch.Len() != changes {
		t.Errorf("waits for %v instead of %v, %d changes", r.Wait, ticket, b.batch.Len())
	}
	if l := r.Leases[0]; l.Valid < 2*hour-2 || l.Valid > 2*hour {
		t.Errorf("valid for %d", l.Valid)
	}
	b.wait(hour)
	r = b.send(from(1, Request, na(1)))
	b.wantLeases(r, lease6.NA, 1, "2001:db8:0:1::10")
	if r.Leases[0].Valid != 2*hour || b.batch.Len() == changes {
		t.Errorf("valid for %d, %d changes", r.Leases[0].Valid, b.batch.Len())
	}
}

// RFC 8415 §18.3.1 (and §18.3.2): "The server MUST commit the assignment of any addresses and
// delegated prefixes … before sending a Reply". The Reply waits for the later of two batches,
// and says nothing where two lanes are on their way.
func TestAReplyWaitsForAllItsLeases(t *testing.T) {
	b := newBench(t)
	b.onDisk = false
	r := b.send(from(1, Request, na(1)))
	early := r.Wait
	b.batch.Reset()
	r = b.send(from(1, Request, na(1), pd(1)))
	if r.Wait != b.batch.Ticket() || r.Wait == early {
		t.Errorf("waits for %v, the batches were %v and %v", r.Wait, early, b.batch.Ticket())
	}
	b = newBench(t)
	b.onDisk = false
	b.send(from(1, Request, na(1)))
	mine := b.batch
	b.batch = lease.NewBatch(2)
	b.wantSilence(b.send(from(1, Request, na(1), pd(1))), frame.Contended)
	b.onDisk, b.late = true, b.batch.Ticket()
	r = b.send(from(1, Request, na(1), pd(1)))
	b.wantType(r, Reply)
	if r.Wait != b.batch.Ticket() {
		t.Errorf("waits for %v", r.Wait)
	}
	b.late = mine.Ticket()
	if r = b.send(from(1, Request, na(1), pd(1))); r.Type != Reply || r.Wait != mine.Ticket() {
		t.Errorf("type %d (%v) waits for %v", r.Type, r.Reason, r.Wait)
	}
}

// RFC 8415 §18.3.2: "The T1/T2 times set in each applicable IA option for a Reply MUST be the
// same values across all IAs. The server MUST determine the T1/T2 times across all of the
// applicable client's bindings in the Reply." §21.4: "Recommended values for T1 and T2 are
// 0.5 and 0.8 times the shortest preferred lifetime of the addresses in the IA".
func TestT1AndT2(t *testing.T) {
	for _, c := range []struct {
		name   string
		na, pd policy6.Times
		t1, t2 uint32
	}{
		{"defaults", policy6.Times{Preferred: 1000, Valid: 2000}, policy6.Times{Preferred: 1000, Valid: 2000}, 500, 800},
		{"the shortest counts", policy6.Times{Preferred: 1000, Valid: 2000}, policy6.Times{Preferred: 400, Valid: 4000}, 200, 320},
		{"configured", policy6.Times{Preferred: 1000, Valid: 2000, Renew: 100, Rebind: 200}, policy6.Times{Preferred: 1000, Valid: 2000}, 100, 200},
		{"T1 alone", policy6.Times{Preferred: 1000, Valid: 2000, Renew: 900}, policy6.Times{Preferred: 1000, Valid: 2000}, 500, 800},
		{"left to the client", policy6.Times{Preferred: 1000, Valid: 2000, ClientTimers: true}, policy6.Times{Preferred: 1000, Valid: 2000, ClientTimers: true}, 0, 0},
		{"infinity", policy6.Times{Preferred: lease.Infinite, Valid: lease.Infinite}, policy6.Times{Preferred: lease.Infinite, Valid: lease.Infinite}, lease.Infinite, lease.Infinite},
		{"infinity and a shorter one", policy6.Times{Preferred: lease.Infinite, Valid: lease.Infinite}, policy6.Times{Preferred: 1000, Valid: 2000}, 500, 800},
		{"preferred by default", policy6.Times{Valid: 1600}, policy6.Times{Valid: 1600}, 500, 800},
	} {
		b := newBench(t, func(s *policy6.Spec) {
			first(s).Times = c.na
			first(s).Delegate = first(s).Delegate[:1]
			first(s).Delegate[0].Times = &c.pd
		})
		for _, typ := range []uint8{Solicit, Request, Renew} {
			a := b.send(from(1, typ, na(1), pd(1)))
			if a.T1 != c.t1 || a.T2 != c.t2 || a.NLeases != 2 {
				t.Errorf("%s, message %d: T1 %d, T2 %d with %d leases, want %d, %d", c.name, typ, a.T1, a.T2, a.NLeases, c.t1, c.t2)
			}
		}
	}
}

// RFC 8415 §21.6: "The client MUST discard any addresses for which the preferred lifetime is
// greater than the valid lifetime." Infinity is 0xffffffff (§7.7).
func TestLifetimes(t *testing.T) {
	for _, c := range []struct {
		times            policy6.Times
		preferred, valid uint32
	}{
		{policy6.Times{Preferred: 1000, Valid: 2000}, 1000, 2000},
		{policy6.Times{Valid: 2000}, 1250, 2000},
		{policy6.Times{Valid: lease.Infinite}, lease.Infinite, lease.Infinite},
		{policy6.Times{Preferred: 1000, Valid: lease.Infinite}, 1000, lease.Infinite},
		{policy6.Times{Preferred: 1, Valid: 1}, 1, 1},
	} {
		b := newBench(t, func(s *policy6.Spec) { first(s).Times = c.times })
		for _, typ := range []uint8{Solicit, Request, Renew, Rebind} {
			a := b.send(from(1, typ, na(1)))
			if a.NLeases != 1 || a.Leases[0].Preferred != c.preferred || a.Leases[0].Valid != c.valid {
				t.Errorf("message %d: %+v, want %d, %d", typ, a.Leases[:a.NLeases], c.preferred, c.valid)
			}
			if a.T1 > a.T2 {
				t.Errorf("T1 %d after T2 %d", a.T1, a.T2)
			}
		}
	}
}

// RFC 9915 §21.5: "When the server receives IA_TA option, the option SHOULD be ignored and the
// message processing should continue as usual."
func TestTemporaryAddressesAreIgnored(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Solicit, ta(1), na(1)))
	b.wantType(a, Advertise)
	if a.NIAs != 1 {
		t.Errorf("%d IAs", a.NIAs)
	}
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	for _, typ := range []uint8{Request, Renew, Release, Decline} {
		if a := b.send(from(1, typ, ta(1, "2001:db8:0:1::11"))); a.Type != Reply || a.NIAs != 0 {
			t.Errorf("message %d: type %d with %d IAs", typ, a.Type, a.NIAs)
		}
	}
}

// RFC 8415 §18.3.2, for the IA_TA of RFC 3315: addresses of the pools, or none. They have no
// T1 and T2, and are no reservation's.
func TestTemporaryAddressesByMode(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Temporary = policy6.TemporaryRefuse })
	a := b.send(from(1, Solicit, ta(1), na(1)))
	b.wantStatus(a, lease6.TA, 1, NoAddrsAvail)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	b.wantStatus(b.send(from(1, Request, ta(1))), lease6.TA, 1, NoAddrsAvail)
	b.wantStatus(b.send(from(1, Renew, ta(1, "2001:db8:0:1::11"))), lease6.TA, 1, NoAddrsAvail)

	b = newBench(t, func(s *policy6.Spec) {
		s.Temporary = policy6.TemporaryAssign
		first(s).Reservations = []policy6.ReservationSpec{{DUID: duid(1), Addresses: one("2001:db8:0:1::77")}}
	})
	a = b.send(from(1, Request, ta(1)))
	b.wantLeases(a, lease6.TA, 1, "2001:db8:0:1::10")
	if a.T1 != 0 || a.T2 != 0 {
		t.Errorf("T1 %d, T2 %d", a.T1, a.T2)
	}
	b.wantLeases(b.send(from(1, Renew, ta(1, "2001:db8:0:1::10"))), lease6.TA, 1, "2001:db8:0:1::10")
	b.wantStatus(b.send(from(1, Request, ta(2, "2001:db8:1::10"))), lease6.TA, 2, NotOnLink)
}
