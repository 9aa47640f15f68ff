// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// 10.1.0.0/16 belongs to the network "red", 10.2.0.0/16 to none.
var red = []byte("\x00red")

func redNet(s *policy.Spec) { s.Subnets[1].VSS = red }

// in is q through a relay agent that says in which virtual network the client is.
func in(giaddr string, vss []byte, q Query) Query {
	q = via(giaddr, q)
	q.Client.Relay = append(sub(151, vss...), sub(152)...)
	return q
}

// RFC 6607 §7.2: "A DHCPv4 server that supports the VSS sub-option MUST copy the
// VSS sub-option into the outgoing Relay Agent Information option [and] MUST NOT
// copy the VSS-Control sub-option".
func TestTheControlSubOptionGoesWhereTheSelectionWasFollowed(t *testing.T) {
	b := newBench(t, redNet)
	for _, a := range []Answer{b.send(in(relay1, red, discover(1))), b.send(in(relay2, []byte{255}, discover(2)))} {
		if a.Type != Offer || !a.EchoRelay || !a.DropVSSControl || a.DropVSS {
			t.Errorf("%s: echo %v, without 152 %v, without both %v", typeName(a.Type), a.EchoRelay, a.DropVSSControl, a.DropVSS)
		}
	}
	// In a NAK too.
	if a := b.send(in(relay1, red, selecting(1, "10.9.0.1", ours1))); a.Type != Nak || !a.DropVSSControl {
		t.Errorf("%s, without 152 %v", typeName(a.Type), a.DropVSSControl)
	}
}

// §7.2: "A DHCPv4 server that does not support the VSS sub-option will copy both
// sub-options into the outgoing Relay Agent Information option": as one does that
// has no virtual networks.
func TestWithoutVirtualNetworksBothAreCopied(t *testing.T) {
	b := newBench(t)
	if a := b.send(in(relay1, red, discover(1))); a.Type != Offer || a.DropVSSControl || a.DropVSS || a.Own != nil {
		t.Errorf("%+v", a)
	}
}

// §7.2: "If a DHCPv4 server supports this sub-option and for some reason … does
// not honor this sub-option from the request, then it MUST NOT echo either
// sub-option". §7: it may "fall back to allocating an address on the global or
// default VPN".
func TestNeitherIsEchoedWhereTheClientIsServedInTheGlobalNetwork(t *testing.T) {
	b := newBench(t, redNet)
	if a := b.send(in(relay2, red, discover(1))); a.Type != Offer || a.DropVSSControl || !a.DropVSS {
		t.Errorf("%+v", a)
	}
}

// A network's addresses are for nobody who is in another one.
func TestAnotherNetworksAddressesAreNotGiven(t *testing.T) {
	b := newBench(t, redNet)
	for _, vss := range [][]byte{[]byte("\x00blue"), {255}, []byte("\x01red")} {
		b.wantSilence(b.send(in(relay1, vss, discover(1))), frame.NoSubnet)
	}
}

// §7: "Should this happen, the subsequent DHCPREQUEST will not contain any VSS
// information, in which case the DHCP server SHOULD NOT respond with a DHCPACK."
func TestARelayAgentThatForgetsTheNetworkIsNotAnswered(t *testing.T) {
	b := newBench(t, redNet)
	o := b.send(in(relay1, red, discover(1)))
	b.wantSilence(b.send(via(relay1, selecting(1, o.Yiaddr.String(), ours1))), frame.NoSubnet)
	// A renewal comes past the relay agent and cannot have it.
	a := b.send(in(relay1, red, selecting(1, o.Yiaddr.String(), ours1)))
	b.wantAck(a, o.Yiaddr.String())
	b.wantAck(b.send(renewing(1, o.Yiaddr.String())), o.Yiaddr.String())
}

// §7.1: servers "MUST return an instance of this option in the reply packet … if
// the server successfully uses this option to allocate an IP address, and it MUST
// NOT include an instance of this option if the server is … not configured to
// support … the requested VPN"; "an exact copy".
func TestTheOptionIsReturnedWhereItWasFollowed(t *testing.T) {
	b := newBench(t, redNet)
	q := via(relay1, discover(1))
	q.VSS = red
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if a.Type != Offer || string(a.Own.Encoded()) != "\xdd\x04\x00red" {
		t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
	}
	q = via(relay2, discover(2))
	q.VSS = red
	if a := b.send(q); a.Type != Offer || a.Own != nil {
		t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
	}
}

// §7.3: "the VSS sub-option takes precedence over the VSS option".
func TestTheSubOptionCountsBeforeTheOption(t *testing.T) {
	b := newBench(t, redNet)
	q := in(relay1, red, discover(1))
	q.VSS = []byte("\x00blue")
	if a := b.send(q); a.Type != Offer || a.Own != nil || !a.DropVSSControl {
		t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
	}
	q = in(relay1, []byte("\x00blue"), discover(1))
	q.VSS = red
	b.wantSilence(b.send(q), frame.NoSubnet)
}
