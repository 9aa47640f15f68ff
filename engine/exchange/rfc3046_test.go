// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"slices"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// on is q from the line with this circuit and remote identifier.
func on(circuit, remote string, q Query) Query {
	q.Client.Relay = append(sub(1, []byte(circuit)...), sub(2, []byte(remote)...)...)
	return q
}

// §2.2: "DHCP servers claiming to support the Relay Agent Information option SHALL echo
// the entire contents of the Relay Agent Information option in all replies."
func TestRFC3046_2_2_EchoedInAllReplies(t *testing.T) {
	b := newBench(t)
	o := b.send(on("c", "r", via(relay1, discover(1))))
	held := o.Yiaddr.String()
	for what, q := range map[string]Query{
		"OFFER":         on("c", "r", via(relay1, discover(1))),
		"ACK":           on("c", "r", via(relay1, selecting(1, held, ours1))),
		"NAK":           on("c", "r", via(relay1, rebooting(1, "10.9.9.9"))),
		"INFORM":        on("c", "r", via(relay1, inform(1, "10.1.0.200"))),
		"rebinding":     on("c", "r", via(relay1, rebinding(1, held))),
		"no relay":      via(relay1, discover(2)),
		"NAK, no 82":    via(relay1, rebooting(2, "10.9.9.9")),
		"on the wire":   discover(3),
		"a server's":    on("c", "r", rebooting(1, "10.9.9.9")), // a switch that adds 82 and leaves giaddr alone
		"unicast to us": on("c", "r", renewing(1, held)),
	} {
		before := slices.Clone(q.Client.Relay)
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if a.Type == 0 {
			t.Errorf("%s: silence, %v", what, a.Reason)
		}
		if a.EchoRelay != (len(before) > 0) || !bytes.Equal(q.Client.Relay, before) {
			t.Errorf("%s: returned: %v, %x became %x", what, a.EchoRelay, before, q.Client.Relay)
		}
	}
}

// §2.2: "Consequently, servers SHOULD be prepared to handle relay agent options in unicast
// messages, but MUST NOT expect them to always be there."
func TestRFC3046_2_2_UnicastRenewalWithoutTheOption(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[1].Reservations = []policy.ReservationSpec{{
			CircuitID: []byte("eth 0/7"), Options: []policy.Option{{Code: 15, Data: []byte("line7")}},
		}}
	})
	held := b.lease(1, func(q *Query) { *q = on("eth 0/7", "x", via(relay1, *q)) }).String()
	b.wait(1800)
	q := renewing(1, held)
	q.Port, q.Dst = 1, ip(ours1)
	for range 2 { // the renewal must not overwrite what is recorded
		a := b.send(q)
		b.wantAck(a, held)
		if domain, _ := a.Options.Get(15); string(domain) != "line7" {
			t.Errorf("options of the line are missing: %q", domain)
		}
		if a.EchoRelay {
			t.Error("an option is echoed that the message lacks")
		}
		b.wait(600)
	}
	var e lease.Entry
	b.server.Table.Lookup(ip(held), &e)
	if want := on("eth 0/7", "x", Query{}).Client.Relay; !bytes.Equal(e.Relay, want) {
		t.Errorf("recorded %x, want %x", e.Relay, want)
	}
	// Another client's renewal does not get at it.
	if a := b.send(func() Query { q := q; q.Client.HW = hw(2); return q }()); a.Type != Nak {
		t.Errorf("%s for another client", typeName(a.Type))
	}
}

// §3.1: "The Circuit ID SHOULD be considered an opaque value, with policies based on exact
// string match only". §3.2 says the same of the remote ID.
func TestRFC3046_3_1_CircuitIsMatchedExactly(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[1].Reservations = []policy.ReservationSpec{
			{CircuitID: []byte("eth 0/1"), Address: addr("10.1.0.201")},
			{RemoteID: []byte("cpe\x00"), Address: addr("10.1.0.202")},
		}
	})
	for _, c := range []struct{ circuit, remote, want string }{
		{"eth 0/1", "", "10.1.0.201"},
		{"x", "cpe\x00", "10.1.0.202"},
		{"eth 0/1", "cpe\x00", "10.1.0.201"},
		{"eth 0/10", "cpe", ""},
		{"ETH 0/1", "cpe\x00\x00", ""},
		{"eth 0/1 ", "", ""},
	} {
		a := b.send(on(c.circuit, c.remote, via(relay1, discover(1))))
		if got := a.Yiaddr.String(); a.Type != Offer || (c.want != "" && got != c.want) || (c.want == "" && a.Yiaddr > ip("10.1.0.19")) {
			t.Errorf("circuit %q, remote %q: %s %v", c.circuit, c.remote, typeName(a.Type), a.Yiaddr)
		}
	}
}

// §4.0: "The DHCP server may use the remote ID to select the IP address to be assigned." With
// the line as the identity a replaced device takes over the lease at once.
func TestRFC3046_4_TheLineOwnsTheAddress(t *testing.T) {
	for _, identity := range []policy.Identity{policy.IdentityCircuit, policy.IdentityRemote, policy.IdentityCircuitRemote} {
		b := newBench(t, func(s *policy.Spec) { s.Identity = identity })
		at := func(n string) func(*Query) {
			return func(q *Query) { *q = on("c"+n, "r"+n, via(relay1, *q)) }
		}
		first := b.lease(1, at("1"))
		if second := b.lease(2, at("1")); second != first {
			t.Errorf("identity %d: the new device gets %v, the old one had %v", identity, second, first)
		}
		if third := b.lease(2, at("2")); third == first {
			t.Errorf("identity %d: two lines share %v", identity, first)
		}
		// Its renewal lacks option 82; the record tells the line.
		b.lease(2, at("1"))
		b.wait(1800)
		q := renewing(2, first.String())
		q.Port, q.Dst = 1, ip(ours1)
		b.wantAck(b.send(q), first.String())
		b.wantSilence(b.send(release(2, first.String())), frame.Released)
	}
}
