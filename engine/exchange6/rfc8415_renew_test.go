// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// RFC 8415 §18.3.4: "If the server finds the client entry for the IA, the server sends the IA
// back to the client with new lifetimes and, if applicable, T1/T2 times."
func TestRenewExtends(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		b := newBench(t)
		p := b.lease(1, pd(5))
		b.lease(1, na(5))
		b.wait(hour)
		changes := b.batch.Len()
		a := b.send(from(1, typ, na(5, "2001:db8:0:1::10"), pd(5, p.String())))
		b.wantType(a, Reply)
		b.wantLeases(a, lease6.NA, 5, "2001:db8:0:1::10")
		b.wantLeases(a, lease6.PD, 5, p.String())
		if l := a.Leases[0]; l.Preferred != hour || l.Valid != 2*hour || a.T1 != hour/2 || a.T2 != hour*4/5 {
			t.Errorf("%+v, T1 %d, T2 %d", l, a.T1, a.T2)
		}
		if a.Wait != b.batch.Ticket() || b.batch.Len() != changes+2 {
			t.Errorf("waits for %v with %d changes", a.Wait, b.batch.Len()-changes)
		}
		b.wait(2*hour - 1)
		b.server.Table.Expire(b.now, 1000, b.batch)
		b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	}
}

// RFC 8415 §18.3.4: "If the server finds that any of the addresses in the IA are not
// appropriate for the link to which the client is attached, the server returns the address to
// the client with lifetimes of 0." Likewise delegated prefixes. §18.3.5 says it of a Rebind.
func TestWhatIsOfAnotherLinkComesBackWithoutLifetime(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		b := newBench(t)
		b.lease(1, na(1))
		b.lease(1, pd(1))
		a := b.send(from(1, typ, na(1, "2001:db8:0:1::10", "2001:db8:1::10"),
			pd(1, "2001:db8:8000::/48", "2001:db8:a000::/56", "2001:db8:8000::/56")))
		b.wantType(a, Reply)
		b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10", "-2001:db8:1::10")
		b.wantLeases(a, lease6.PD, 1, "2001:db8:8000::/48", "-2001:db8:a000::/56", "-2001:db8:8000::/56")
	}
}

// A client that has moved to another link: it is told that its address is void there, and
// gets one of the new link.
func TestAClientThatHasMovedRenews(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	a := b.send(from(1, Renew, na(1, "2001:db8:0:1::10"), via(relay1)))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:1::10", "-2001:db8:0:1::10")
	// Without a binding on this link and without leave to make one, the IA is not ours.
	b.reload(func(s *policy6.Spec) { s.NoRecreate = true })
	a = b.send(from(1, Renew, na(9, "2001:db8:0:1::10"), via(relay1)))
	b.wantStatus(a, lease6.NA, 9, NoBinding)
	// In a Rebind it is known to be void.
	a = b.send(from(1, Rebind, na(9, "2001:db8:0:1::10"), via(relay1)))
	b.wantLeases(a, lease6.NA, 9, "-2001:db8:0:1::10")
}

// RFC 8415 §18.3.4: "If the server does not support creation of new bindings for the client
// sending a Renew message …, the server returns the IA option containing a Status Code option
// with the NoBinding status code".
func TestRenewOfNothingIsNoBinding(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.NoRecreate = true })
	b.lease(1, na(1))
	a := b.send(from(1, Renew, na(2, "2001:db8:0:1::12"), na(1, "2001:db8:0:1::10"), pd(1, "2001:db8:8000::/48")))
	b.wantType(a, Reply)
	b.wantStatus(a, lease6.NA, 2, NoBinding)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	b.wantStatus(a, lease6.PD, 1, NoBinding)
	if a.Status.Set {
		t.Errorf("there is a status on top: %+v", a.Status)
	}
	b.wantHolder("2001:db8:0:1::12", lease.None, 0)
	b.wantStatus(b.send(from(2, Renew, na(1))), lease6.NA, 1, NoBinding)
}

// RFC 8415 §18.3.4: "If the server is configured to create new bindings as a result of
// processing Renew messages, the server SHOULD create a binding and return the IA with
// assigned addresses": the ones that the client has, if nobody else has them.
func TestRenewRecreates(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1)) // ::10
	a := b.send(from(2, Renew, na(1, "2001:db8:0:1::13"), pd(1, "2001:db8:8005::/48")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::13")
	b.wantLeases(a, lease6.PD, 1, "2001:db8:8005::/48")
	b.wantHolder("2001:db8:0:1::13", lease.Bound, 2)
	// One lease for an IA, whatever it names.
	a = b.send(from(6, Renew, na(1, "2001:db8:0:1::16", "2001:db8:0:1::17")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::16", "-2001:db8:0:1::17")
	// Another's comes back void, with one in its place.
	a = b.send(from(3, Renew, na(1, "2001:db8:0:1::10")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::11", "-2001:db8:0:1::10")
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	// "using the 'prefix-length' value as a hint".
	a = b.send(from(4, Renew, pd(1, "::/56")))
	b.wantLeases(a, lease6.PD, 1, "2001:db8:9000::/56")
	// "the server will not assign any leases to an IA": NoAddrsAvail.
	b.reload(func(s *policy6.Spec) { first(s).Pools, first(s).Delegate = nil, nil })
	a = b.send(from(5, Renew, na(1), pd(1)))
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wantStatus(a, lease6.PD, 1, NoPrefixAvail)
}

// A client that renews an IA without saying what it has is told.
func TestRenewOfAnEmptyIA(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.wantLeases(b.send(from(1, Renew, na(1))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::14"))), lease6.NA, 1, "2001:db8:0:1::10", "-2001:db8:0:1::14")
	b.wantHolder("2001:db8:0:1::14", lease.None, 0)
}

// Renumbering: the pools of a link change. What is not to be had any more comes back with
// lifetimes of 0 beside its successor ("The server may choose to change the list of
// addresses or delegated prefixes", §18.3.4).
func TestRenumbering(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		b := newBench(t)
		b.lease(1, na(1))
		b.reload(func(s *policy6.Spec) {
			first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::80", "2001:db8:0:1::8f")}
		})
		a := b.send(from(1, typ, na(1, "2001:db8:0:1::10")))
		b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::80", "-2001:db8:0:1::10")
		b.wantHolder("2001:db8:0:1::80", lease.Bound, 1)
		if s, _ := b.holder("2001:db8:0:1::10"); s == lease.Bound {
			t.Error("the old address is still leased")
		}
	}
}

// RFC 8415 §18.3.5: "If the server chooses to not include any IAs containing IA Address or IA
// Prefix options with lifetimes of 0 and the server does not include any other IAs with leases
// and/or status codes, the server does not send a Reply message." Where another server may
// know more, that is so.
func TestRebindOfAnotherServersLeaseIsSilent(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(from(1, Rebind, na(1, "2001:db8:0:1::10"), pd(1, "2001:db8:8000::/48"))), frame.UnknownClient)
	b.wantSilence(b.send(from(1, Rebind, na(1))), frame.UnknownClient)
	b.wantSilence(b.send(from(1, Rebind)), frame.UnknownClient)
	b.wantHolder("2001:db8:0:1::10", lease.None, 0)
	// "For any address that is not appropriate for the link …, the server MAY include the IA
	// Address option with lifetimes of 0." The other IA is left out.
	a := b.send(from(1, Rebind, na(1, "2001:db8:dead::1", "2001:db8:0:1::10"), na(2, "2001:db8:0:1::11"), pd(1, "2001:db8:dead::/48")))
	b.wantType(a, Reply)
	b.wantLeases(a, lease6.NA, 1, "-2001:db8:dead::1")
	b.wantLeases(a, lease6.PD, 1, "-2001:db8:dead::/48")
	if a.NIAs != 2 {
		t.Errorf("%d IAs", a.NIAs)
	}
	// Beside an IA that we know, too.
	b.lease(1, na(3))
	a = b.send(from(1, Rebind, na(3, "2001:db8:0:1::10"), na(2, "2001:db8:0:1::11")))
	b.wantLeases(a, lease6.NA, 3, "2001:db8:0:1::10")
	if a.NIAs != 1 {
		t.Errorf("%d IAs", a.NIAs)
	}
}

// RFC 8415 §18.3.5: "the server SHOULD only create new bindings during processing of a Rebind
// message if the server is configured to respond with a Reply message to a Solicit message
// containing the Rapid Commit option." Else, with nobody beside us, NoBinding.
func TestRebindRecreatesWithRapidCommit(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { first(s).RapidCommit = true })
	a := b.send(from(1, Rebind, na(1, "2001:db8:0:1::13"), pd(1)))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::13")
	b.wantLeases(a, lease6.PD, 1, "2001:db8:8000::/48")
	b = newBench(t, func(s *policy6.Spec) { s.Authoritative = true })
	b.wantLeases(b.send(from(1, Rebind, na(1, "2001:db8:0:1::13"))), lease6.NA, 1, "2001:db8:0:1::13")
	b = newBench(t, func(s *policy6.Spec) { s.Authoritative, s.NoRecreate = true, true })
	a = b.send(from(1, Rebind, na(1, "2001:db8:0:1::13"), na(2, "2001:db8:dead::1")))
	b.wantStatus(a, lease6.NA, 1, NoBinding)
	b.wantLeases(a, lease6.NA, 2, "-2001:db8:dead::1")
}

// RFC 8415 §18.3.4: an expired lease that nobody else got is its client's again.
func TestRenewOfAnExpiredLease(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.wait(3 * hour)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::10"))), lease6.NA, 1, "2001:db8:0:1::10")
}
