// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// renumber retires the pool and the first block of port 0's link, and gives it others.
func renumber(s *policy6.Spec) {
	sub := first(s)
	sub.Pools[0].Retired, sub.Delegate[0].Retired = true, true
	sub.Pools = append(sub.Pools, policy6.PoolSpec{Ranges: []policy6.Range{addrs("2001:db8:0:1::20", "2001:db8:0:1::29")}, Method: policy6.Iterative})
	sub.Delegate[1] = policy6.DelegateSpec{Prefix: prefix("2001:db8:c000::/44"), Length: 48, Method: policy6.Iterative}
}

// wantWaning checks that a lease of an IA is valid for so long, and not preferred.
func (b *bench) wantWaning(a *Answer, typ lease6.IAType, iaid uint32, s string, valid uint32) {
	b.Helper()
	_, leases := b.answered(a, typ, iaid)
	for _, l := range leases {
		if l.Prefix == at(s) && l.Preferred == 0 && l.Valid == valid {
			return
		}
	}
	b.Errorf("%v %d has %+v, not %s for %d seconds", typ, iaid, leases, s, valid)
}

// §18.3.4: "The server may choose to change the list of addresses or delegated prefixes and the lifetimes in IAs
// that are returned to the client": what is of a retired pool goes on, not preferred, for as long as it was promised,
// beside its successor.
func TestARetiredLeaseGoesOnBesideItsSuccessor(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		b := newBench(t)
		b.lease(1, na(1), pd(1))
		b.wait(hour / 2)
		b.reload(renumber)
		a := b.send(from(1, typ, na(1, "2001:db8:0:1::10"), pd(1, "2001:db8:8000::/48")))
		b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::20", "2001:db8:0:1::10")
		b.wantLeases(a, lease6.PD, 1, "2001:db8:c000::/48", "2001:db8:8000::/48")
		b.wantWaning(a, lease6.NA, 1, "2001:db8:0:1::10", 3*hour/2)
		b.wantWaning(a, lease6.PD, 1, "2001:db8:8000::/48", 3*hour/2)
		if a.T1 != hour/2 || a.T2 != hour*4/5 { // those of the new lease
			t.Errorf("T1 %d, T2 %d", a.T1, a.T2)
		}
		b.wait(hour / 2)
		// It is not extended, named or not; the new one is.
		for _, named := range [][]string{{"2001:db8:0:1::20", "2001:db8:0:1::10"}, {"2001:db8:0:1::20"}} {
			a = b.send(from(1, typ, na(1, named...)))
			b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::20", "2001:db8:0:1::10")
			b.wantWaning(a, lease6.NA, 1, "2001:db8:0:1::10", hour)
		}
		b.wait(hour)
		b.server.Table.Expire(b.now, 1000, b.batch)
		b.wantHolder("2001:db8:0:1::10", lease.Expired, 1)
		b.wantLeases(b.send(from(1, typ, na(1, "2001:db8:0:1::20", "2001:db8:0:1::10"))), lease6.NA, 1, "2001:db8:0:1::20", "-2001:db8:0:1::10")
	}
}

// A retired pool gives nothing to anybody: not to who had it before, nor to who asks for it. Who begins anew gives its
// lease up.
func TestARetiredPoolGivesNothing(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.lease(2, na(1))
	b.send(from(2, Release, na(1, "2001:db8:0:1::11")))
	b.reload(renumber)
	b.wantLeases(b.send(from(2, Request, na(1, "2001:db8:0:1::11"))), lease6.NA, 1, "2001:db8:0:1::20")
	b.wantLeases(b.send(from(3, Request, na(1, "2001:db8:0:1::15"))), lease6.NA, 1, "2001:db8:0:1::21")
	b.wantLeases(b.send(from(4, Renew, na(1, "2001:db8:0:1::15"))), lease6.NA, 1, "2001:db8:0:1::22", "-2001:db8:0:1::15")
	b.wantLeases(b.send(from(1, Solicit, na(1, "2001:db8:0:1::10"))), lease6.NA, 1, "2001:db8:0:1::23")
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	b.wantLeases(b.send(from(1, Request, na(1, "2001:db8:0:1::23"))), lease6.NA, 1, "2001:db8:0:1::23")
	b.wantHolder("2001:db8:0:1::10", lease.Released, 1)
	// In force again it is as before.
	b.reload()
	b.wantLeases(b.send(from(5, Request, na(1, "2001:db8:0:1::15"))), lease6.NA, 1, "2001:db8:0:1::15")
}

// §18.3.4: "the server SHOULD set T1 and T2 values to the valid lifetime for the IA option unless the server also
// includes other addresses or delegated prefixes that the server is able to extend for the IA". Here no pool has anything.
func TestARetiredLeaseAlone(t *testing.T) {
	b := newBench(t)
	b.bound(1, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::10")
	b.wait(hour)
	b.bound(1, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::11")
	b.reload(func(s *policy6.Spec) { first(s).Pools[0].Retired = true })
	a := b.send(from(1, Renew, na(1, "2001:db8:0:1::11", "2001:db8:0:1::10")))
	b.wantWaning(a, lease6.NA, 1, "2001:db8:0:1::10", hour)
	b.wantWaning(a, lease6.NA, 1, "2001:db8:0:1::11", 2*hour)
	if a.T1 != hour || a.T2 != hour {
		t.Errorf("T1 %d, T2 %d", a.T1, a.T2)
	}
	b.wantStatus(b.send(from(2, Solicit, na(1))), lease6.NA, 1, NoAddrsAvail)
}

// A reservation in a retired pool is its client's; and for a limit the successor takes the place of the old lease.
func TestRetiredPoolsReservationsAndLimits(t *testing.T) {
	b := newBench(t, renumber, reserves(policy6.ReservationSpec{DUID: duid(1), Addresses: one("2001:db8:0:1::12")}))
	b.lease(1, na(1))
	b.wait(hour)
	a := b.send(from(1, Renew, na(1, "2001:db8:0:1::12")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::12")
	if a.Leases[0].Preferred != hour {
		t.Errorf("%+v", a.Leases[0])
	}
	one := limited(policy.LimitSpec{By: policy.LimitMAC, Max: 1})
	b = newBench(t, one)
	b.lease(1, na(1), linkLayer(mac(1)...))
	b.reload(one, renumber)
	a = b.send(from(1, Renew, na(1, "2001:db8:0:1::10"), linkLayer(mac(1)...)))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::20", "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::20", "2001:db8:0:1::10"), linkLayer(mac(1)...))), lease6.NA, 1, "2001:db8:0:1::20", "2001:db8:0:1::10")
}
