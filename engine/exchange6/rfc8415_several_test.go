// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"fmt"
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

const (
	resA1, resA2, resA3 = "2001:db8:0:1::71", "2001:db8:0:1::72", "2001:db8:0:1::73"
	resP1, resP2        = "2001:db8:f000::/48", "2001:db8:f001::/56"
)

// threeReserved are three addresses and two prefixes of client 1.
func threeReserved(s *policy6.Spec) {
	first(s).Reservations = []policy6.ReservationSpec{{
		DUID:      duid(1),
		Addresses: []netip.Addr{netip.MustParseAddr(resA1), netip.MustParseAddr(resA2), netip.MustParseAddr(resA3)},
		Prefixes:  []netip.Prefix{prefix(resP1), prefix(resP2)},
	}}
}

// bound binds leases to an IA of client n, past the exchange: as an import does, or a
// configuration before this one.
func (b *bench) bound(n byte, ia lease6.IA, leases ...string) {
	b.Helper()
	link := b.policy.Select(&policy6.Selector{})
	for _, s := range leases {
		pool, ok := b.policy.PoolOf(link, at(s))
		if !ok {
			b.Fatalf("%s is of no pool", s)
		}
		r := lease6.Request{Client: lease6.Client{DUID: duid(n)}, IA: ia, Scope: link.Scope,
			Layout: b.policy.Layout.Generation, Pools: []lease.PoolID{pool}}
		if _, out := b.server.Table.Commit(&r, at(s), hour, 2*hour, b.now, b.batch); out != lease.OK {
			b.Fatalf("%s: %v", s, out)
		}
	}
}

// RFC 8415 §12.1, an IA_NA "can have zero or more" addresses: what is reserved for a client is
// all given to its one IA, by each message that binds.
func TestAllThatIsReservedInOneIA(t *testing.T) {
	for name, send := range map[string]func(b *bench) *Answer{
		"solicit": func(b *bench) *Answer { return b.send(from(1, Solicit, na(1), pd(1))) },
		"rapid":   func(b *bench) *Answer { return b.send(from(1, Solicit, na(1), pd(1), commitsAtOnce)) },
		"request": func(b *bench) *Answer { return b.send(from(1, Request, na(1), pd(1))) },
		"hints": func(b *bench) *Answer {
			return b.send(from(1, Request, na(1, resA2, resA3), pd(1, resP2)))
		},
		"after the advertise": func(b *bench) *Answer {
			b.send(from(1, Solicit, na(1), pd(1)))
			return b.send(from(1, Request, na(1, resA1, resA2, resA3), pd(1, resP1, resP2)))
		},
		"renew":  func(b *bench) *Answer { return b.send(from(1, Renew, na(1), pd(1))) },
		"rebind": func(b *bench) *Answer { return b.send(from(1, Rebind, na(1), pd(1))) },
		"renew of some": func(b *bench) *Answer {
			b.send(from(1, Request, na(1), pd(1)))
			b.wait(hour)
			return b.send(from(1, Renew, na(1, resA1), pd(1, resP1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, threeReserved, func(s *policy6.Spec) { first(s).RapidCommit = true })
			a := send(b)
			b.wantLeases(a, lease6.NA, 1, resA1, resA2, resA3)
			b.wantLeases(a, lease6.PD, 1, resP1, resP2)
			status := lease.Bound
			if a.Type == Advertise {
				status = lease.Offered
			}
			for _, s := range []string{resA1, resA2, resA3, resP1, resP2} {
				b.wantHolder(s, status, 1)
			}
			if a.T1 != hour/2 || a.T2 != hour*4/5 {
				t.Errorf("T1 %d, T2 %d", a.T1, a.T2)
			}
		})
	}
}

// §18.3.4: "If the server finds the client entry for the IA, the server sends the IA back to the
// client with new lifetimes": all leases of it, and each of them lasts.
func TestEachLeaseOfAnIAIsExtended(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		for name, of := range map[string][]string{
			"all": {resA1, resA2, resA3}, "two": {resA1, resA2}, "one": {resA3}, "none": {},
		} {
			b := newBench(t, threeReserved)
			b.lease(1, na(1))
			b.wait(hour)
			a := b.send(from(1, typ, na(1, of...)))
			_, leases := b.answered(a, lease6.NA, 1)
			if len(leases) != 3 {
				t.Fatalf("%s: %+v", name, leases)
			}
			for _, l := range leases {
				if l.Preferred != hour || l.Valid != 2*hour {
					t.Errorf("%s: %+v", name, l)
				}
			}
			b.wait(2*hour - 1)
			b.server.Table.Expire(b.now, 1000, b.batch)
			for _, s := range []string{resA1, resA2, resA3} {
				b.wantHolder(s, lease.Bound, 1)
			}
		}
	}
}

// §18.3.4, §18.3.5: leases of the pools, several of which an IA has: those that it names and those
// that it does not are extended; what is not its own comes back without lifetimes.
func TestSeveralLeasesOfThePoolsAreExtended(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		for _, named := range [][]string{
			{"2001:db8:0:1::12", "2001:db8:0:1::14"},
			{"2001:db8:0:1::12"},
			{"2001:db8:0:1::12", "2001:db8:0:1::19"},
			{},
		} {
			b := newBench(t)
			b.bound(1, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::12", "2001:db8:0:1::14")
			b.bound(2, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::19")
			b.wait(hour)
			a := b.send(from(1, typ, na(1, named...)))
			want := []string{"2001:db8:0:1::12", "2001:db8:0:1::14"}
			if len(named) == 2 && named[1] == "2001:db8:0:1::19" {
				want = append(want, "-2001:db8:0:1::19")
			}
			b.wantLeases(a, lease6.NA, 1, want...)
			b.wait(2*hour - 1)
			b.server.Table.Expire(b.now, 1000, b.batch)
			b.wantHolder("2001:db8:0:1::12", lease.Bound, 1)
			b.wantHolder("2001:db8:0:1::14", lease.Bound, 1)
			b.wantHolder("2001:db8:0:1::19", lease.Expired, 2)
		}
	}
}

// §18.3.4: a lease that the IA has and may not keep, as no pool has it any more, comes back without
// lifetimes beside the one that is extended; whether it is named or not.
func TestOneOfSeveralLeasesIsWithdrawn(t *testing.T) {
	for _, named := range [][]string{
		{"2001:db8:0:1::12", "2001:db8:0:1::19"},
		{"2001:db8:0:1::12"},
	} {
		b := newBench(t)
		b.bound(1, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::12", "2001:db8:0:1::19")
		b.reload(func(s *policy6.Spec) {
			first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::10", "2001:db8:0:1::15")}
		})
		a := b.send(from(1, Renew, na(1, named...)))
		b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::12", "-2001:db8:0:1::19")
		// Should the Reply be lost, the client goes on with it: it is nobody else's.
		b.wantHolder("2001:db8:0:1::19", lease.Bound, 1)
	}
}

// §18.3.2: "If the server finds that the client has included an IA in the Request message for which the
// server already has a binding that associates the IA with the client, the server sends a Reply
// message with existing bindings". So does an Advertise, and a Reply to a Solicit.
func TestRequestAnswersExistingBindings(t *testing.T) {
	for _, q := range []*Query{
		from(1, Request, na(1, "2001:db8:0:1::14")),
		from(1, Request, na(1, "2001:db8:0:1::14", "2001:db8:0:1::12")),
		from(1, Request, na(1, "2001:db8:0:1::14", "2001:db8:0:1::17")),
		from(1, Solicit, na(1, "2001:db8:0:1::14")),
		from(1, Solicit, na(1, "2001:db8:0:1::14"), commitsAtOnce),
	} {
		b := newBench(t, func(s *policy6.Spec) { first(s).RapidCommit = true })
		b.bound(1, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::12", "2001:db8:0:1::14")
		b.wantLeases(b.send(q), lease6.NA, 1, "2001:db8:0:1::14", "2001:db8:0:1::12")
		b.wantHolder("2001:db8:0:1::12", lease.Bound, 1)
		b.wantHolder("2001:db8:0:1::14", lease.Bound, 1)
		b.wantHolder("2001:db8:0:1::17", 0, 0)
	}
}

// §18.3.2: "The server MAY assign different addresses and/or delegated prefixes to an IA than those
// included": of the pools an IA has one lease, however many it names.
func TestSeveralHintsGetOneLeaseOfThePools(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Request, na(1, "2001:db8:0:1::14", "2001:db8:0:1::12"), pd(1, "2001:db8:8003::/48", "2001:db8:8001::/48")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::14")
	b.wantLeases(a, lease6.PD, 1, "2001:db8:8003::/48")
	// The next one does not come on top.
	a = b.send(from(1, Request, na(1, "2001:db8:0:1::17")))
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::17")
	b.wantHolder("2001:db8:0:1::14", lease.Released, 1)
}

// §18.3.7: "the server deletes the leases from the IAs": those that the message names, and no others.
func TestReleaseOfSomeLeasesOfAnIA(t *testing.T) {
	b := newBench(t, threeReserved)
	b.lease(1, na(1), pd(1))
	b.wantTop(b.send(from(1, Release, na(1, resA1, resA3), pd(1, resP2))), Success)
	b.wantHolder(resA2, lease.Bound, 1)
	b.wantHolder(resP1, lease.Bound, 1)
	for _, s := range []string{resA1, resA3, resP2} {
		if st, _ := b.holder(s); st == lease.Bound {
			t.Errorf("%s is leased still", s)
		}
	}
	b.wantTop(b.send(from(1, Release, na(1, resA2), pd(1, resP1))), Success)
	a := b.send(from(1, Release, na(1, resA2)))
	b.wantStatus(a, lease6.NA, 1, NoBinding)
	// They come back together.
	a = b.send(from(1, Request, na(1), pd(1)))
	if _, leases := b.answered(a, lease6.NA, 1); len(leases) != 3 {
		t.Errorf("%+v", leases)
	}
	if _, leases := b.answered(a, lease6.PD, 1); len(leases) != 2 {
		t.Errorf("%+v", leases)
	}
}

// §18.3.8: "the server deletes the addresses from the IAs" and marks them: those that are declined. The
// others stay the client's.
func TestDeclineOfSomeLeasesOfAnIA(t *testing.T) {
	b := newBench(t, threeReserved)
	b.lease(1, na(1))
	b.wantTop(b.send(from(1, Decline, na(1, resA1, resA3))), Success)
	b.wantHolder(resA1, lease.Declined, 1)
	b.wantHolder(resA2, lease.Bound, 1)
	b.wantHolder(resA3, lease.Declined, 1)
	b.wantLeases(b.send(from(1, Renew, na(1, resA2))), lease6.NA, 1, resA2)
	b.wait(b.policy.Probation + 1)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantLeases(b.send(from(1, Renew, na(1, resA2))), lease6.NA, 1, resA2, resA1, resA3)
}

// Where a client has more IAs, each gets one of what is reserved, and the first the rest; each keeps
// what it got.
func TestReservedLeasesAmongIAs(t *testing.T) {
	b := newBench(t, threeReserved)
	a := b.send(from(1, Request, na(7), na(3), pd(1)))
	b.wantLeases(a, lease6.NA, 7, resA1, resA2)
	b.wantLeases(a, lease6.NA, 3, resA3)
	b.wantLeases(a, lease6.PD, 1, resP1, resP2)
	b.wantLeases(b.send(from(1, Renew, na(3, resA3))), lease6.NA, 3, resA3)
	a = b.send(from(1, Renew, na(3, resA3), na(7, resA2, resA1)))
	b.wantLeases(a, lease6.NA, 7, resA2, resA1)
	// What the other IA gives back waits for it.
	b.send(from(1, Release, na(3, resA3)))
	b.wantLeases(b.send(from(1, Renew, na(7, resA1))), lease6.NA, 7, resA1, resA2)
	b.wantLeases(b.send(from(1, Solicit, na(3))), lease6.NA, 3, resA3)
}

// A reservation that comes later: the lease of the pools is given up for what is reserved, and what is
// added to a reservation comes with the next renewal.
func TestAReservationThatGrows(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.reload(reserves(policy6.ReservationSpec{DUID: duid(1), Addresses: one(resA1)}))
	b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::10"))), lease6.NA, 1, resA1, "-2001:db8:0:1::10")
	b.wantHolder("2001:db8:0:1::10", lease.Released, 1)
	b.reload(threeReserved)
	b.wantLeases(b.send(from(1, Renew, na(1, resA1))), lease6.NA, 1, resA1, resA2, resA3)
	b.reload()
	// And without it, they are of no pool.
	b.wantLeases(b.send(from(1, Renew, na(1, resA1, resA2))), lease6.NA, 1, "2001:db8:0:1::10", "-"+resA1, "-"+resA2, "-"+resA3)
}

// What somebody else has of a reservation is left out; if that is all, the client is served from the pools.
func TestAReservationThatIsPartlyTaken(t *testing.T) {
	two := func(s *policy6.Spec) {
		reserves(policy6.ReservationSpec{DUID: duid(1), Addresses: []netip.Addr{
			netip.MustParseAddr("2001:db8:0:1::12"), netip.MustParseAddr("2001:db8:0:1::14")}})(s)
	}
	b := newBench(t)
	b.bound(2, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::12")
	b.reload(two)
	b.wantLeases(b.send(from(1, Request, na(1))), lease6.NA, 1, "2001:db8:0:1::14")
	b = newBench(t)
	b.bound(2, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8:0:1::12", "2001:db8:0:1::14")
	b.reload(two)
	b.wantLeases(b.send(from(1, Request, na(1))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wait(3 * hour)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantLeases(b.send(from(1, Solicit, na(1))), lease6.NA, 1, "2001:db8:0:1::12", "2001:db8:0:1::14")
}

// A limit counts each lease: the client gets as many of its reserved ones as it may have, not one more.
func TestALimitOnSeveralReservedLeases(t *testing.T) {
	for _, typ := range []uint8{Solicit, Request} {
		b := newBench(t, threeReserved, func(s *policy6.Spec) { s.Limits = []policy.LimitSpec{{By: policy.LimitMAC, Max: 2}} })
		b.wantLeases(b.send(from(1, Request, na(1), linkLayer(mac(1)...))), lease6.NA, 1, resA1, resA2)
		b.wantLeases(b.send(from(1, typ, na(1), linkLayer(mac(1)...))), lease6.NA, 1, resA1, resA2)
		if st, _ := b.holder(resA3); st == lease.Bound {
			t.Errorf("%s is leased", resA3)
		}
		b.wantLeases(b.send(from(1, Renew, na(1, resA2, resA1), linkLayer(mac(1)...))), lease6.NA, 1, resA2, resA1)
		b.send(from(1, Release, na(1, resA1)))
		b.wantLeases(b.send(from(1, Renew, na(1, resA2), linkLayer(mac(1)...))), lease6.NA, 1, resA2, resA1)
	}
}

// More leases than an answer has room for: those that do not fit in are not extended, since their client
// would not be told.
func TestMoreLeasesThanFitIntoAnAnswer(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::1000", "2001:db8:0:1::1fff")}
	})
	var parts []func(*Query)
	const each = lease6.MaxLeases
	for i := range uint32(MaxIAs) {
		var leases []string
		for k := range uint32(each) {
			leases = append(leases, fmt.Sprintf("2001:db8:0:1::%x", 0x1000+i*each+k))
		}
		b.bound(1, lease6.IA{Type: lease6.NA, ID: i}, leases...)
		parts = append(parts, na(i, leases[0]))
	}
	b.wait(hour)
	a := b.send(from(1, Renew, parts...))
	b.wantType(a, Reply)
	told := map[lease6.Prefix]bool{}
	for _, l := range a.Leases[:a.NLeases] {
		told[l.Prefix] = true
	}
	if len(told) != MaxAnswered {
		t.Errorf("%d leases in the answer", len(told))
	}
	n := 0
	b.server.Table.Each(func(e *lease6.Entry) bool {
		if e.CLTT == b.now {
			n++
			if !told[e.Prefix] {
				t.Errorf("%v was extended, and its client not told", e.Prefix)
			}
		}
		return true
	})
	if n != MaxAnswered {
		t.Errorf("%d extended", n)
	}
}

// Nothing of this costs an allocation.
func TestSeveralLeasesDoNotAllocate(t *testing.T) {
	b := newBench(t, threeReserved)
	b.lease(1, na(1), pd(1))
	q, a := from(1, Renew, na(1, resA1, resA2, resA3), pd(1, resP1)), &Answer{}
	answer := func() {
		b.batch.Reset()
		b.wait(60)
		b.server.Decide6(b.policy, q, b.now, b.batch, a)
		if a.Type != Reply || a.Reason != frame.OK || a.NLeases != 5 {
			t.Fatalf("%d leases, %v", a.NLeases, a.Reason)
		}
	}
	if n := testing.AllocsPerRun(100, answer); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
