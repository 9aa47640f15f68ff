// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// RFC 3993 §3: "The Subscriber-ID information allows the service provider to
// assign/activate subscriber-specific actions; e.g., assignment of host IP
// address": wherever the subscriber is plugged in.
func TestASubscriberKeepsItsReservation(t *testing.T) {
	alice := func(s *policy.Spec) {
		s.Subnets[1].Reservations = []policy.ReservationSpec{{SubscriberID: []byte("alice"), Address: addr("10.1.0.99")}}
	}
	for n := byte(1); n <= 2; n++ {
		b := newBench(t, alice)
		q := via(relay1, discover(n))
		q.Client.Relay = append(sub(1, n), sub(6, []byte("alice")...)...)
		b.wantOffer(b.send(q), "10.1.0.99")
	}
	q := via(relay1, discover(3))
	q.Client.Relay = sub(6, []byte("bob")...)
	if a := newBench(t, alice).send(q); a.Yiaddr == ip("10.1.0.99") {
		t.Error("another subscriber gets the address")
	}
}

// A reservation by two identifiers is for who has both.
func TestAReservationByCombination(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[1].Reservations = []policy.ReservationSpec{{MAC: hw(1), CircuitID: []byte("c"), Address: addr("10.1.0.99")}}
	})
	for _, c := range []struct {
		n       byte
		circuit byte
		mine    bool
	}{{1, 'c', true}, {1, 'd', false}, {2, 'c', false}} {
		q := via(relay1, discover(c.n))
		q.Client.Relay = sub(1, c.circuit)
		if a := b.send(q); a.Type != Offer || (a.Yiaddr == ip("10.1.0.99")) != c.mine {
			t.Errorf("client %d on %c: %v", c.n, c.circuit, a.Yiaddr)
		}
	}
}

// RFC 6925 §5: the relay agent's identifier, as a class.
func TestAClassByRelayID(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{
			Name: "dslam", Match: &policy.Match{By: policy.MatchRelayID, Value: []byte("\x00\x02dslam7")}, Times: &policy.Times{Valid: 60},
		}}
	})
	q := via(relay1, discover(1))
	q.Client.Relay = sub(12, []byte("\x00\x02dslam7")...)
	if a := b.send(q); a.Valid != 60 {
		t.Errorf("%d s", a.Valid)
	}
}

// "The line owns the address": a device that replaces another gets its lease.
func TestClassesOfALineThatOwnsTheAddress(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Identity = policy.IdentityCircuit }, phones)
	line := func(q *Query) { q.Client.Relay = sub(1, 'c') }
	first := b.lease(1, line)
	if second := b.lease(2, line); second != first {
		t.Errorf("%v, then %v", first, second)
	}
}

// Authoritative is a matter of the subnet, its shared network, the server.
func TestAuthoritativeBySubnet(t *testing.T) {
	yes, no := true, false
	b := newBench(t, func(s *policy.Spec) {
		s.Authoritative = true
		s.Subnets[1].Authoritative = &no
		s.Networks[0].Authoritative = &no
		s.Networks[0].Subnets[1].Authoritative = &yes
	})
	b.wantNak(b.send(rebooting(1, "192.0.2.12")))
	b.wantSilence(b.send(via(relay1, rebooting(1, "10.1.0.12"))), frame.UnknownClient)
	b.wantNak(b.send(via(relay2, rebooting(1, "10.2.0.12"))))
	b.wantSilence(b.send(via("10.3.0.1", rebooting(1, "10.3.0.10"))), frame.UnknownClient)
	b.wantNak(b.send(via("10.3.1.1", rebooting(1, "10.3.0.10"))))
}

// SilentReboot is Kea's reading of INIT-REBOOT: of a client that it does not know,
// a server that is not authoritative says nothing, wherever the address is.
func TestSilentReboot(t *testing.T) {
	silent := func(s *policy.Spec) { s.SilentReboot = true }
	b := newBench(t, silent)
	b.wantSilence(b.send(rebooting(1, "10.99.0.1")), frame.UnknownClient)
	b.lease(1)
	b.wantNak(b.send(rebooting(1, "10.99.0.1")))
	b = newBench(t, silent, func(s *policy.Spec) { s.Authoritative = true })
	b.wantNak(b.send(rebooting(1, "10.99.0.1")))
	b = newBench(t)
	b.wantNak(b.send(rebooting(1, "10.99.0.1")))
}

// A shared network that gets another subnet, or loses one, keeps its leases; and
// a subnet that moves into a shared network is another link, where the client is
// told so and begins anew.
func TestSharedNetworksOverAReload(t *testing.T) {
	b := newBench(t)
	mine := b.lease(1, func(q *Query) { *q = via(relay3, *q) })
	grow := func(s *policy.Spec) {
		s.Networks[0].Subnets = append(s.Networks[0].Subnets, subnet("10.4.0.0/24", "10.4.0.10", "10.4.0.19"))
	}
	b.reload(grow)
	renew := via(relay3, renewing(1, mine.String()))
	b.wantAck(b.send(renew), mine.String())
	b.reload()
	b.wantAck(b.send(renew), mine.String())

	other := b.lease(2, func(q *Query) { *q = via(relay2, *q) })
	b.reload(func(s *policy.Spec) {
		s.Networks[0].Subnets = append(s.Networks[0].Subnets, s.Subnets[2])
		s.Subnets = s.Subnets[:2]
	})
	a := b.send(via(relay2, discover(2)))
	if a.Type != Offer {
		t.Fatalf("after the move: %v", a.Reason)
	}
	q := via(relay2, selecting(2, a.Yiaddr.String(), ours1))
	b.wantAck(b.send(q), a.Yiaddr.String())
	// Nobody else has the old address meanwhile.
	if o := b.send(via(relay2, discover(3))); o.Yiaddr == other && a.Yiaddr != other {
		t.Errorf("%v is given to another client", other)
	}
}
