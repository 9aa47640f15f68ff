// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

func rapidly(s *policy.Spec) {
	s.Subnets[0].RapidCommit = true
	s.Networks[0].RapidCommit = true
}

func hurry(q Query) Query {
	q.RapidCommit = true
	return q
}

// RFC 4039 §3: "A server that supports the Rapid Commit option MAY respond to a
// DHCPDISCOVER message that included the Rapid Commit option with a DHCPACK that
// includes the Rapid Commit option and fully committed address and configuration
// information." §3.1 step 2: "Servers sending the DHCPACK message commit the
// binding for the client to persistent storage before sending the DHCPACK."
func TestADiscoverWithRapidCommitIsAcknowledged(t *testing.T) {
	b := newBench(t, rapidly)
	for n, q := range map[byte]Query{1: discover(1), 2: via(relay3, discover(2))} {
		before := b.batch.Len()
		q = hurry(q)
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if a.Type != Ack || a.Yiaddr == 0 || !a.HasTimes || a.Valid != hour {
			t.Fatalf("%s %v (%v)", typeName(a.Type), a.Yiaddr, a.Reason)
		}
		if got := string(a.Own.Encoded()); got != "\x50\x00" || !a.Own.Has(80) {
			t.Errorf("own options %q", got)
		}
		if a.Wait == 0 || b.batch.Len() == before {
			t.Error("the ACK waits for nothing")
		}
		b.wantHolder(a.Yiaddr.String(), lease.Bound, n)
	}
}

// §4: "A server MUST include this option in a DHCPACK message sent in a response
// to a DHCPDISCOVER message when completing the DHCPDISCOVER-DHCPACK message
// exchange." §3: "A server MUST NOT include the Rapid Commit option in any other
// messages."
func TestRapidCommitIsInNoOtherMessage(t *testing.T) {
	b := newBench(t, rapidly)
	q := hurry(discover(1))
	mine := b.send(q).Yiaddr.String()
	for _, q := range []Query{renewing(1, mine), rebinding(1, mine), rebooting(1, mine), selecting(1, mine, ours0), inform(1, mine)} {
		q = hurry(q)
		if a := b.send(q); a.Type != Ack || a.Own.Has(80) {
			t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
		}
	}
}

// §3: "A client and server only use this option when configured to do so."
func TestWithoutRapidCommitOnBothSidesThereIsAnOffer(t *testing.T) {
	b := newBench(t, rapidly)
	for _, q := range []Query{discover(1), hurry(via(relay1, discover(2)))} {
		if a := b.send(q); a.Type != Offer || a.Own != nil {
			t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
		}
	}
	if b.batch.Len() != 0 {
		t.Error("an OFFER was journaled")
	}
}
