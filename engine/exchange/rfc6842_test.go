// SPDX-License-Identifier: Apache-2.0

package exchange

import "testing"

// §3: "If the 'client identifier' option is present in a message received from a client,
// the server MUST return the 'client identifier' option, unaltered, in its response
// message." Table: "Client identifier (if not sent by client)" MUST NOT, in all three.
func TestRFC6842_3_ClientIdentifierIsReturned(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"", "\x01\x02\x00\x00\x00\x00\x01", "\x00any\x00\xff", "\xff\x00\x00\x00\x01\x00\x03\x00\x01\x02\x00\x00\x00\x00\x01"} {
		as := func(q Query) Query {
			if id != "" {
				q.Client.ClientID = []byte(id)
			}
			return q
		}
		o := b.send(as(discover(1)))
		for what, q := range map[string]Query{
			"OFFER":       as(discover(1)),
			"ACK":         as(selecting(1, o.Yiaddr.String(), ours0)),
			"NAK":         as(rebooting(1, "10.9.9.9")),
			"relayed NAK": as(via(relay1, rebooting(1, "10.9.9.9"))),
			"INFORM":      as(inform(1, "192.0.2.200")),
		} {
			var a Answer
			b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
			if a.Type == 0 || a.EchoClientID != (id != "") || string(q.Client.ClientID) != id {
				t.Errorf("%s for identifier %q: %s, returned: %v, %q", what, id, typeName(a.Type), a.EchoClientID, q.Client.ClientID)
			}
		}
	}
}

// §2: "a client may not have a valid hardware address to populate the 'chaddr' field and may
// set the field to all zeroes. … In such cases, the client usually sets the 'client
// identifier' option field …, and both the client and server use this field to uniquely
// identify the client with in a subnet."
func TestRFC6842_2_ZeroChaddr(t *testing.T) {
	b := newBench(t)
	zero := func(id string) func(*Query) {
		return func(q *Query) { q.Client.HW, q.Client.ClientID = make([]byte, 6), []byte(id) }
	}
	if one, two := b.lease(0, zero("one")), b.lease(0, zero("two")); one == two {
		t.Error("two clients share an address")
	}
}
