// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

// override is q from a relay agent that says that the server is called id.
func override(id string, q Query) Query {
	q.ServerOverride = ip(id)
	q.Client.Relay = sub(11, four(id)...)
	return q
}

// §4: "DHCP servers that implement this Relay Agent Information suboption MUST use this
// value, if present in a DHCP message received from a client, as the value to insert into
// the Server Identifier option in the corresponding response."
func TestRFC5107_4_ValueIsTheServerIdentifier(t *testing.T) {
	b := newBench(t)
	o := b.send(override(relay1, via(relay1, discover(1))))
	if o.Type != Offer || o.ServerID != ip(relay1) {
		t.Errorf("%s from %v", typeName(o.Type), o.ServerID)
	}
	// The packet still comes from an address of ours.
	if o.Source != ip(ours1) {
		t.Errorf("source %v", o.Source)
	}
	a := b.send(override(relay1, via(relay1, selecting(1, o.Yiaddr.String(), relay1))))
	b.wantAck(a, o.Yiaddr.String())
	if a.ServerID != ip(relay1) {
		t.Errorf("ACK from %v", a.ServerID)
	}
	n := b.send(override(relay1, via(relay1, rebooting(2, "10.9.9.9"))))
	b.wantNak(n)
	if n.ServerID != ip(relay1) {
		t.Errorf("NAK from %v", n.ServerID)
	}
}

// §4: "The DHCP server must also record the address in the suboption for use in subsequent
// messages to the DHCP client until the next DHCP message is received from the DHCP relay
// agent."
func TestRFC5107_4_ValueIsRemembered(t *testing.T) {
	b := newBench(t)
	held := b.lease(1, func(q *Query) { *q = override(relay1, via(relay1, *q)) }).String()
	b.wait(1800)
	// The client writes to us although it should write to the relay agent.
	q := renewing(1, held)
	q.Port, q.Dst = 1, ip(ours1)
	a := b.send(q)
	b.wantAck(a, held)
	if a.ServerID != ip(relay1) {
		t.Errorf("identifier %v", a.ServerID)
	}
	if a.EchoRelay {
		t.Error("an option is echoed that the message lacks")
	}
	// It is still known after that renewal, which had no option 82.
	b.wait(1800)
	if a = b.send(q); a.ServerID != ip(relay1) {
		t.Errorf("identifier %v the second time", a.ServerID)
	}
	// A RELEASE that names the relay agent, too.
	r := release(1, held)
	r.ServerID = ip(relay1)
	b.wantSilence(b.send(r), frame.Released)
}

// §4: "If the DHCPREQUEST message contains a Server Identifier Override suboption, however,
// comparison should be made between the address in this suboption and the Server Identifier
// option. If both the Server Identifier Override suboption and the Server Identifier option
// specify the same address, then the server should accept the DHCPREQUEST message for
// processing, regardless of whether or not the Server Identifier option matches a DHCP
// server interface."
func TestRFC5107_4_ValueIsUs(t *testing.T) {
	b := newBench(t)
	o := b.send(override(relay1, via(relay1, discover(1)))).Yiaddr.String()
	b.wantSilence(b.send(override(relay2, via(relay1, selecting(1, o, relay1)))), frame.OtherServer)
	o = b.send(override(relay1, via(relay1, discover(1)))).Yiaddr.String()
	b.wantAck(b.send(override(relay1, via(relay1, selecting(1, o, relay1)))), o)
	// Without the sub-option the relay agent's address is somebody else's.
	b.wantSilence(b.send(via(relay1, selecting(1, o, relay1))), frame.OtherServer)
	// A client that was told our own address before.
	b.wantAck(b.send(override(relay1, via(relay1, selecting(1, o, ours1)))), o)
	b.wantSilence(b.send(override(relay1, via(relay1, decline(1, o, relay1)))), frame.Declined)
	b.wantStatus(o, lease.Declined)
}

// §1: "the relay agent can force a host in RENEWING state to send DHCPREQUEST messages to
// the relay agent instead of directly to the server."
func TestRFC5107_1_RenewalThroughTheRelayAgent(t *testing.T) {
	b := newBench(t)
	held := b.lease(1, func(q *Query) { *q = override(relay1, via(relay1, *q)) }).String()
	b.wait(1800)
	a := b.send(override(relay1, via(relay1, renewing(1, held))))
	b.wantAck(a, held)
	b.wantDest(a, ToRelay, relay1)
	if a.ServerID != ip(relay1) || !a.EchoRelay {
		t.Errorf("identifier %v, option 82 returned: %v", a.ServerID, a.EchoRelay)
	}
}
