// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// link is q with link-selection for addr.
func link(addr string, q Query) Query {
	q.LinkSelection = ip(addr)
	q.Client.Relay = sub(5, four(addr)...)
	return q
}

// §3: "When the DHCP server is allocating an address and this sub-option is present,
// then the DHCP server MUST allocate the address on either: o the subnet specified in
// the link-selection sub-option, or; o a subnet on the same link (also known as a
// network segment) as the subnet specified by the link-selection sub-option."
func TestRFC3527_3_AddressIsOnTheSelectedLink(t *testing.T) {
	b := newBench(t)
	a := b.send(link("10.2.0.0", via(relay1, discover(1))))
	if a.Type != Offer || a.Yiaddr>>16 != ip("10.2.0.0")>>16 {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
	b.wantAck(b.send(link("10.2.0.0", via(relay1, selecting(1, a.Yiaddr.String(), ours1)))), a.Yiaddr.String())
	// The first subnet of the street has one address, the second serves the rest.
	b.wantOffer(b.send(link("10.3.0.0", via(relay1, discover(1)))), "10.3.0.10")
	if a = b.send(link("10.3.0.0", via(relay1, discover(2)))); a.Yiaddr>>8 != ip("10.3.1.0")>>8 {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
}

// §3: "In the event that a DHCP server receives a packet that contains both a
// subnet-selection option [RFC 3011], as well as a link-selection sub-option, the
// information contained in the link-selection sub-option MUST be used to control the
// allocation of an IP address in preference to the information contained in the
// subnet-selection option."
func TestRFC3527_3_PreferredToSubnetSelection(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.SubnetSelection = true })
	q := link("10.2.0.0", via(relay1, discover(1)))
	q.SubnetSelection = ip("10.3.0.0")
	if a := b.send(q); a.Type != Offer || a.Yiaddr>>16 != ip("10.2.0.0")>>16 {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
}

// §3: "When this sub-option is present and the server supports this sub-option, the
// server MUST NOT offer an address that is not on the requested subnet or the link
// (network segment) with which that subnet is associated."
func TestRFC3527_3_NoAddressFromElsewhere(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(link("172.16.0.0", via(relay1, discover(1)))), frame.NoSubnet)
	for n := range byte(10) {
		b.send(link("10.2.0.0", via(relay1, discover(n))))
	}
	b.wantSilence(b.send(link("10.2.0.0", via(relay1, discover(99)))), frame.PoolFull)
	b.wantNak(b.send(link("10.2.0.0", via(relay1, selecting(1, "10.1.0.10", ours1)))))
	b.wantNak(b.send(link("10.2.0.0", via(relay1, rebooting(1, "10.1.0.10")))))
}

// §3: "The IP address to which a DHCP server sends a reply MUST be the same as it would
// choose when this sub-option is not present."
func TestRFC3527_3_ReplyStillGoesToGiaddr(t *testing.T) {
	b := newBench(t)
	b.wantDest(b.send(link("10.2.0.0", via(relay1, discover(1)))), ToRelay, relay1)
	b.wantDest(b.send(link("10.2.0.0", via(relay1, rebooting(1, "10.1.0.10")))), ToRelay, relay1)
	// A relay agent whose own address is in no subnet of ours.
	b.wantDest(b.send(link("10.2.0.0", via("172.16.0.1", discover(1)))), ToRelay, "172.16.0.1")
}
