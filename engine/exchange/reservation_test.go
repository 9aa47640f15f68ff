// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// reserve keeps addr, in the subnet of port 0, for client n.
func reserve(n byte, at string) func(*policy.Spec) {
	return func(s *policy.Spec) {
		s.Subnets[0].Reservations = append(s.Subnets[0].Reservations, policy.ReservationSpec{MAC: hw(n), Address: addr(at)})
	}
}

func TestReservedAddressIsForItsClient(t *testing.T) {
	for _, at := range []string{"192.0.2.10", "192.0.2.200"} { // in the pool, outside of it
		b := newBench(t, reserve(1, at))
		// Everybody else gets something else, and a NAK for it.
		served := 0
		for n := range byte(12) {
			a := b.send(discover(n + 20))
			if a.Yiaddr == ip(at) {
				t.Errorf("%s is offered to client %d", at, n+20)
			}
			if a.Type == Offer {
				served++
			}
		}
		if want := map[string]int{"192.0.2.10": 9, "192.0.2.200": 10}[at]; served != want {
			t.Errorf("with %s reserved %d clients are served, want %d", at, served, want)
		}
		b.wantNak(b.send(selecting(50, at, ours0)))
		b.wantNak(b.send(renewing(50, at)))
		b.wantSilence(b.send(rebooting(50, at)), frame.UnknownClient)
		// Its client gets it, whatever it asks for, and by any way.
		q := discover(1)
		q.Requested, q.HasRequested = ip("192.0.2.15"), true
		b.wantOffer(b.send(q), at)
		b.wantNak(b.send(selecting(1, "192.0.2.15", ours0)))
		b.wantAck(b.send(selecting(1, at, ours0)), at)
		b.wantAck(b.send(renewing(1, at)), at)
		b.wantSilence(b.send(release(1, at)), frame.Released)
		b.wantOffer(b.send(discover(1)), at)
		// Also where there is no record: the reservation is one.
		for _, q := range []Query{rebooting(1, at), renewing(1, at), rebinding(1, at), selecting(1, at, ours0)} {
			b := newBench(t, reserve(1, at), func(s *policy.Spec) { s.NoRecreate = true })
			b.wantAck(b.send(q), at)
		}
		b.wantNak(newBench(t, reserve(1, at)).send(rebooting(1, "192.0.2.15")))
	}
}

// A reservation that is made while its client has another lease: the client is
// told NAK when it next asks, and moves.
func TestNewReservationMovesItsClient(t *testing.T) {
	b := newBench(t)
	had := b.lease(1).String()
	b.reload(reserve(1, "192.0.2.200"))
	for _, q := range []Query{renewing(1, had), rebinding(1, had), rebooting(1, had), selecting(1, had, ours0)} {
		b.wantNak(b.send(q))
	}
	b.wantOffer(b.send(discover(1)), "192.0.2.200")
	b.wantAck(b.send(selecting(1, "192.0.2.200", ours0)), "192.0.2.200")
	b.wantStatus(had, lease.Released)
	b.wantAck(b.send(renewing(1, "192.0.2.200")), "192.0.2.200")
}

// A reservation for an address that another client has leased: the holder is told
// NAK when it next asks; until then the reservation's client is served from the
// pools.
func TestNewReservationOfALeasedAddress(t *testing.T) {
	b := newBench(t)
	b.lease(2, func(q *Query) { q.Requested, q.HasRequested = ip("192.0.2.15"), true })
	b.reload(reserve(1, "192.0.2.15"))
	o := b.send(discover(1))
	if o.Type != Offer || o.Yiaddr == ip("192.0.2.15") {
		t.Fatalf("%s %v", typeName(o.Type), o.Yiaddr)
	}
	for range 2 {
		b.wantAck(b.send(selecting(1, o.Yiaddr.String(), ours0)), o.Yiaddr.String())
		b.wantAck(b.send(renewing(1, o.Yiaddr.String())), o.Yiaddr.String())
		b.wait(100)
	}
	b.wantHolder("192.0.2.15", lease.Bound, 2)

	changes := b.batch.Len()
	b.wantNak(b.send(renewing(2, "192.0.2.15")))
	b.wantHolder("192.0.2.15", lease.Released, 2)
	if b.batch.Len() != changes+1 {
		t.Errorf("%d changes, want the end of the lease", b.batch.Len()-changes)
	}
	if a := b.send(discover(2)); a.Type != Offer || a.Yiaddr == ip("192.0.2.15") {
		t.Errorf("the former holder: %s %v", typeName(a.Type), a.Yiaddr)
	}
	b.wantNak(b.send(renewing(1, o.Yiaddr.String())))
	b.wantOffer(b.send(discover(1)), "192.0.2.15")
	b.wantAck(b.send(selecting(1, "192.0.2.15", ours0)), "192.0.2.15")
}

// The holder's lease may also just end.
func TestReservedAddressAfterItsHoldersLeaseEnds(t *testing.T) {
	b := newBench(t)
	b.lease(2, func(q *Query) { q.Requested, q.HasRequested = ip("192.0.2.15"), true })
	b.reload(reserve(1, "192.0.2.15"))
	got := b.lease(1).String()
	b.wait(hour + 1)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantNak(b.send(renewing(1, got)))
	b.wantOffer(b.send(discover(1)), "192.0.2.15")
	b.wantNak(b.send(renewing(2, "192.0.2.15")))
}

// The client itself finds its reserved address in use by somebody else: until the
// probation is over it is served from the pools, and then goes back.
func TestDeclinedReservation(t *testing.T) {
	b := newBench(t, reserve(1, "192.0.2.15"))
	b.lease(1)
	b.wantSilence(b.send(decline(1, "192.0.2.15", ours0)), frame.Declined)
	got := b.lease(1).String()
	if got == "192.0.2.15" {
		t.Error("a declined address is given again")
	}
	b.wantAck(b.send(renewing(1, got)), got)
	b.wait(policy.DefaultProbation + 1)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantNak(b.send(renewing(1, got)))
	b.wantOffer(b.send(discover(1)), "192.0.2.15")
}

func TestRemovedReservation(t *testing.T) {
	b := newBench(t, reserve(1, "192.0.2.15"), reserve(2, "192.0.2.200"))
	in, out := b.lease(1).String(), b.lease(2).String()
	b.reload()
	b.wantAck(b.send(renewing(1, in)), in) // a lease like any other
	b.wantNak(b.send(renewing(2, out)))    // no client may have it
}

func TestExcludedAddressIsNotExtended(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.reload(func(s *policy.Spec) {
		s.Subnets[0].Excluded = []policy.Range{{First: addr(held), Last: addr(held)}}
	})
	b.wantNak(b.send(renewing(1, held)))
	if a := b.send(discover(1)); a.Type != Offer || a.Yiaddr == ip(held) {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
}

// One lease of a client on each link; they do not know of each other.
func TestOneClientOnTwoLinks(t *testing.T) {
	b := newBench(t)
	home := b.lease(1).String()
	away := b.lease(1, func(q *Query) { *q = via(relay1, *q) }).String()
	b.wantHolder(home, lease.Bound, 1)
	b.wantHolder(away, lease.Bound, 1)
	b.wantSilence(b.send(release(1, away)), frame.Released)
	b.wantHolder(home, lease.Bound, 1)
	b.wantNak(b.send(via(relay1, rebooting(1, home))))
}
