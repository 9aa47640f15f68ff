// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// A subnet may know its clients by another thing than the server does.
func TestIdentityOfASubnet(t *testing.T) {
	byMAC := policy.IdentityHW
	b := newBench(t, func(s *policy.Spec) { s.Subnets[1].Identity = &byMAC })
	id := func(n byte) func(*Query) {
		return func(q *Query) { q.Client.ClientID = []byte{0, n} }
	}
	first := b.lease(1, id(1), func(q *Query) { *q = via(relay1, *q) })
	if again := b.lease(1, id(2), func(q *Query) { *q = via(relay1, *q) }); again != first {
		t.Errorf("the device has %v, and with another client identifier %v", first, again)
	}
	if x, y := b.lease(1, id(1)), b.lease(1, id(2)); x == y {
		t.Error("elsewhere the client identifier counts no more")
	}
	// DECLINE, RELEASE and a renewal find the lease by it too.
	q := renewing(1, first.String())
	id(3)(&q)
	b.wantAck(b.send(q), first.String())
	q = release(1, first.String())
	id(4)(&q)
	b.wantSilence(b.send(q), frame.Released)
	second := b.lease(1, id(5), func(q *Query) { *q = via(relay1, *q) })
	q = via(relay1, decline(1, second.String(), ours1))
	id(6)(&q)
	b.wantSilence(b.send(q), frame.Declined)
}

// RFC 4361 §6.1: type 255, IAID, DUID. The DUID names the client on any interface.
func TestAReservationByDUID(t *testing.T) {
	duid := []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 9}
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].Reservations = []policy.ReservationSpec{{DUID: duid, Address: addr("192.0.2.99")}}
	})
	q := discover(1)
	q.Client.ClientID = append([]byte{255, 1, 2, 3, 4}, duid...)
	b.wantOffer(b.send(q), "192.0.2.99")
	for _, other := range [][]byte{duid, append([]byte{1, 1, 2, 3, 4}, duid...), {255, 1, 2, 3, 4}, append([]byte{255, 1, 2, 3, 4, 5}, duid...)} {
		q := discover(2)
		q.Client.ClientID = other
		if a := b.send(q); a.Yiaddr == ip("192.0.2.99") {
			t.Errorf("client identifier %x has the address", other)
		}
	}
}

// A reservation by the value of an expression; only the codec with all options can
// serve such a configuration.
func TestAReservationByFlexID(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.FlexID = `option(60) + hex(relay(1))`
		s.Subnets[1].Reservations = []policy.ReservationSpec{{FlexID: []byte("cpe07"), Address: addr("10.1.0.99")}}
	})
	q := via(relay1, discover(1))
	q.Client.Relay = sub(1, 7)
	b.wantSilence(b.send(q), frame.PuntClass)
	q.Options = options{60: "cpe"}
	b.wantOffer(b.send(q), "10.1.0.99")
	sel := via(relay1, selecting(1, "10.1.0.99", ours1))
	sel.Client.Relay, sel.Options = q.Client.Relay, q.Options
	b.wantAck(b.send(sel), "10.1.0.99")
	// The renewal lacks option 82: what the relay agent said last counts.
	r := renewing(1, "10.1.0.99")
	r.Options = q.Options
	b.wantAck(b.send(r), "10.1.0.99")
	other := via(relay1, discover(2))
	other.Client.Relay, other.Options = sub(1, 8), q.Options
	if a := b.send(other); a.Type != Offer || a.Yiaddr == ip("10.1.0.99") {
		t.Errorf("another line is offered %v", a.Yiaddr)
	}
	if _, err := policy.Build(policy.Spec{FlexID: "1 + 2"}); err == nil {
		t.Error("a flex-id that is a number is taken")
	}
	if err := policy.CheckFlexID("option(60"); err == nil {
		t.Error("a flex-id that is no expression is taken")
	}
	var c lease.Client
	if b.policy.FlexID(&c, 0, options{}) != nil {
		t.Error("a message without any of it has a flex-id")
	}
}

// RFC 6842 is followed unless the configuration says otherwise.
func TestTheClientIdentifierCanBeKept(t *testing.T) {
	q := discover(1)
	q.Client.ClientID = []byte{0, 1}
	if !newBench(t).send(q).EchoClientID {
		t.Error("it is not sent back")
	}
	if newBench(t, func(s *policy.Spec) { s.NoEchoClientID = true }).send(q).EchoClientID {
		t.Error("it is sent back all the same")
	}
}

// What Kea does with option 12: it goes back, and what is configured goes before it.
func TestTheHostNameCanGoBack(t *testing.T) {
	q := discover(1)
	q.Client.Host = []byte("desk-7")
	own := func(a Answer) string {
		e := a.Own.Encoded()
		if len(e) < 2 || e[0] != 12 {
			return ""
		}
		return string(e[2 : 2+int(e[1])])
	}
	if got := own(newBench(t).send(q)); got != "" {
		t.Errorf("unasked: %q", got)
	}
	echo := func(s *policy.Spec) { s.EchoHostName = true }
	if got := own(newBench(t, echo).send(q)); got != "desk-7" {
		t.Errorf("%q", got)
	}
	if got := own(newBench(t, echo).send(discover(1))); got != "" {
		t.Errorf("a client without a name: %q", got)
	}
	named := newBench(t, echo, func(s *policy.Spec) {
		s.Subnets[0].Reservations = []policy.ReservationSpec{{MAC: hw(1), Options: []policy.Option{{Code: 12, Data: []byte("printer")}}}}
	})
	if got := own(named.send(q)); got != "printer" {
		t.Errorf("%q", got)
	}
	q.FQDN = []byte("\x00\x00\x00desk-7")
	if a := newBench(t, echo).send(q); !a.Own.Has(81) || a.Own.Has(12) {
		t.Error("option 81 goes before option 12")
	}
}
