// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

func subnetSelection(s *policy.Spec) { s.SubnetSelection = true }

func choosing(addr string, q Query) Query {
	q.SubnetSelection = ip(addr)
	return q
}

// §2: "When the DHCP server is configured to respond to this option, is allocating an
// address, and this option is present then the DHCP server MUST allocate the address on
// either: o the subnet specified in the subnet selection option, or; o a subnet on the
// same network segment as the subnet specified in the subnet selection option."
func TestRFC3011_2_AddressIsOnTheSelectedSubnet(t *testing.T) {
	b := newBench(t, subnetSelection)
	for _, q := range []Query{discover(1), via(relay1, discover(1))} {
		a := b.send(choosing("10.2.0.0", q))
		if a.Type != Offer || a.Yiaddr>>16 != ip("10.2.0.0")>>16 {
			t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
		}
	}
	b.wantOffer(b.send(choosing("10.3.0.0", discover(1))), "10.3.0.10")
	if a := b.send(choosing("10.3.0.0", discover(2))); a.Yiaddr>>8 != ip("10.3.1.0")>>8 {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
}

// §2: "Servers configured to support this option MUST return an identical copy of the
// option to any client that sends it, regardless of whether or not the client requests
// the option in a parameter request list."
func TestRFC3011_2_OptionIsReturned(t *testing.T) {
	b := newBench(t, subnetSelection)
	q := choosing("10.2.0.0", discover(1))
	q.PRL = []byte{1, 3, 6}
	o := b.send(q)
	a := b.send(choosing("10.2.0.0", selecting(1, o.Yiaddr.String(), ours0)))
	if !o.EchoSubnetSelection || !a.EchoSubnetSelection {
		t.Errorf("returned in the OFFER: %v, in the ACK: %v", o.EchoSubnetSelection, a.EchoSubnetSelection)
	}
	if b.send(discover(2)).EchoSubnetSelection {
		t.Error("returned to a client that did not send it")
	}
}

// §2: "When this option is present and the server is configured to support this option,
// the server MUST NOT offer an address that is not on the requested subnet or network
// segment."
func TestRFC3011_2_NoAddressFromElsewhere(t *testing.T) {
	b := newBench(t, subnetSelection)
	b.wantSilence(b.send(choosing("172.16.0.0", discover(1))), frame.NoSubnet)
	for n := range byte(10) {
		b.send(choosing("10.2.0.0", discover(n)))
	}
	b.wantSilence(b.send(choosing("10.2.0.0", discover(99))), frame.PoolFull)
}

// §2: "Servers that understand this option but are administratively configured to ignore
// the option MUST ignore the option, use their normal algorithms to allocate an address,
// and MUST NOT return this option in the DHCPOFFER or DHCPACK."
//
// §6: "Servers that implement the subnet selection option MUST by default disable use of
// the feature; it must specifically be enabled through configuration."
func TestRFC3011_6_DisabledByDefault(t *testing.T) {
	b := newBench(t)
	a := b.send(choosing("10.2.0.0", discover(1)))
	if a.Type != Offer || a.Yiaddr>>8 != ip("192.0.2.0")>>8 || a.EchoSubnetSelection {
		t.Errorf("%s %v, returned: %v", typeName(a.Type), a.Yiaddr, a.EchoSubnetSelection)
	}
}

// §2: "The IPv4 address to which a DHCP server sends a reply to MUST be the same as it
// would chose when this option is not present."
func TestRFC3011_2_ReplyStillGoesToGiaddr(t *testing.T) {
	b := newBench(t, subnetSelection)
	b.wantDest(b.send(choosing("10.2.0.0", via(relay1, discover(1)))), ToRelay, relay1)
	b.wantDest(b.send(choosing("10.2.0.0", discover(1))), ToClient, b.send(choosing("10.2.0.0", discover(1))).Yiaddr.String())
}
