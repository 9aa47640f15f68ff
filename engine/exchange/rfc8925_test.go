// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// mostly6 makes the pool of 192.0.2.0/24 one for clients that can do without IPv4.
func mostly6(s *policy.Spec) {
	s.Subnets[0].Pools[0].Options = []policy.Option{{Code: 108, Data: []byte{0, 0, 7, 8}}}
	s.Subnets[0].RapidCommit = true
	s.Subnets[0].Reservations = []policy.ReservationSpec{{MAC: hw(9), Address: addr("192.0.2.15")}}
}

func can6(q Query) Query {
	q.PRL = []byte{1, 3, 108}
	return q
}

func sends(a Answer, prl []byte, code uint8) bool {
	var room policy.Codes
	for _, c := range a.Options.Select(prl, &room) {
		if c == code {
			return true
		}
	}
	return false
}

// RFC 8925 §3.3: "If the IPv6-Only Preferred option is present in the Parameter
// Request List … the server MUST include the IPv6-Only Preferred option when
// responding with the DHCPOFFER or DHCPACK message. … The server SHOULD NOT assign
// an address from the pool. Instead, it SHOULD return 0.0.0.0 as the offered
// address."
func TestAClientThatCanDoWithoutIPv4IsOfferedNothing(t *testing.T) {
	b := newBench(t, mostly6)
	q := can6(discover(1))
	a := b.send(q)
	if a.Type != Offer || a.Yiaddr != 0 || !sends(a, q.PRL, 108) {
		t.Errorf("%s %v, option 108 %v", typeName(a.Type), a.Yiaddr, sends(a, q.PRL, 108))
	}
	b.wantDest(a, ToBroadcast, all)
	for n := range 10 {
		if s, who := b.holder("192.0.2.1" + string(rune('0'+n))); s == lease.Offered {
			t.Errorf("192.0.2.1%d is held for client %d", n, who)
		}
	}
}

// §3.3: "The server MUST NOT include the IPv6-Only Preferred option in the
// DHCPOFFER or DHCPACK message if the option was not present in the Parameter
// Request List sent by the client."
func TestAClientThatDoesNotAskIsServed(t *testing.T) {
	b := newBench(t, mostly6)
	for _, prl := range [][]byte{nil, {1, 3}} {
		q := discover(1)
		q.PRL = prl
		if a := b.send(q); a.Type != Offer || a.Yiaddr == 0 || sends(a, prl, 108) {
			t.Errorf("list %v: %s %v, option 108 %v", prl, typeName(a.Type), a.Yiaddr, sends(a, prl, 108))
		}
	}
}

// §3.3: "The server MUST NOT include the IPv6-Only Preferred option in the
// DHCPOFFER or DHCPACK message if the selected pool is not configured as
// IPv6-mostly."
func TestAPoolThatIsNotForItServesAll(t *testing.T) {
	b := newBench(t, mostly6)
	q := via(relay1, can6(discover(1)))
	if a := b.send(q); a.Type != Offer || a.Yiaddr == 0 || sends(a, q.PRL, 108) {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
}

// §3.3: "the server SHOULD NOT honor the Rapid Commit option if the response to
// the client would contain the IPv6-Only Preferred option. It SHOULD instead
// respond with a DHCPOFFER as indicated above."
func TestIPv6OnlyGoesBeforeRapidCommit(t *testing.T) {
	b := newBench(t, mostly6)
	if a := b.send(hurry(can6(discover(1)))); a.Type != Offer || a.Yiaddr != 0 || a.Own != nil {
		t.Errorf("%s %v with %q", typeName(a.Type), a.Yiaddr, a.Own.Encoded())
	}
	if b.batch.Len() != 0 {
		t.Error("something was journaled")
	}
}

// §3.3: "If the server receives a DHCPREQUEST containing the IPv6-Only Preferred
// option for the address from a pool configured as IPv6-mostly, the server MUST
// process it per [RFC2131]."
func TestARequestIsProcessedAllTheSame(t *testing.T) {
	b := newBench(t, mostly6)
	q := can6(selecting(1, "192.0.2.12", ours0))
	a := b.send(q)
	b.wantAck(a, "192.0.2.12")
	if !sends(a, q.PRL, 108) {
		t.Error("without option 108")
	}
}

// §3.3.1: "the server needs to send a DHCPOFFER that contains a 'yiaddr' of
// 0.0.0.0, and the Auto-Configure flag set to 'DoNotAutoConfigure'."
func TestIPv6OnlyWithAutoConfigure(t *testing.T) {
	b := newBench(t, mostly6, func(s *policy.Spec) {
		s.Subnets[0].Options = []policy.Option{{Code: 116, Data: []byte{0}}}
	})
	q := asksToConfigure(can6(discover(1)))
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if a.Yiaddr != 0 || string(a.Own.Encoded()) != "\x74\x01\x00" || !sends(a, q.PRL, 108) {
		t.Errorf("%v with %q", a.Yiaddr, a.Own.Encoded())
	}
}

// A reservation is somebody's decision that this client has an address.
func TestAReservationIsOfferedAllTheSame(t *testing.T) {
	b := newBench(t, mostly6)
	b.wantOffer(b.send(can6(discover(9))), "192.0.2.15")
}
