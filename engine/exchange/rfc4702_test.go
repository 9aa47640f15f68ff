// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/policy"
)

// RFC 4702 §4: "The server SHOULD set the RCODE1 and RCODE2 fields to 255 before
// sending the Client FQDN message to the client in a DHCPOFFER or DHCPACK."
func TestOption81IsAnsweredInOfferAndAck(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.FQDN = policy.FQDNSpec{Updates: true, Suffix: "example.org"} })
	ask := func(q Query) Query {
		q.FQDN = []byte("\x01\x00\x00pc")
		return q
	}
	mine := b.send(discover(1)).Yiaddr.String()
	for _, q := range []Query{discover(1), selecting(1, mine, ours0), renewing(1, mine), rebooting(1, mine)} {
		q = ask(q)
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if want := "\x51\x11\x01\xff\xffpc.example.org"; string(a.Own.Encoded()) != want {
			t.Errorf("%s with %q, want %q", typeName(a.Type), a.Own.Encoded(), want)
		}
	}
	if a := b.send(discover(2)); a.Own != nil {
		t.Error("a client that did not send it gets it")
	}
	if a := b.send(ask(selecting(1, "10.9.9.9", ours0))); a.Type != Nak || a.Own != nil {
		t.Error("a NAK has it")
	}
	b.reload(func(s *policy.Spec) { s.FQDN.Ignore = true })
	if a := b.send(ask(discover(1))); a.Own != nil {
		t.Error("answered though it is to be ignored")
	}
}
