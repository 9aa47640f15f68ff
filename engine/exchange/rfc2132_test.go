// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

func sent(a Answer, prl ...byte) []uint8 {
	var room policy.Codes
	return slices.Clone(a.Options.Select(prl, &room))
}

// §3.3: "If both the subnet mask and the router option are specified in a DHCP reply, the
// subnet mask option MUST be first."
func TestRFC2132_3_3_MaskBeforeRouters(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Subnets[0].Options = []policy.Option{{Code: 3, Data: four(ours0)}} })
	a := b.send(discover(1))
	for _, prl := range [][]byte{nil, {3, 1}, {1, 3}, {3}, {1}, {6}, {3, 3, 1}} {
		if got := sent(a, prl...); slices.Index(got, 1) < 0 || slices.Index(got, 1) > slices.Index(got, 3) {
			t.Errorf("asked for %v: %v", prl, got)
		}
	}
}

// §9.8: "The DHCP server is not required to return the options in the requested order, but
// MUST try to insert the requested options in the order requested by the client."
func TestRFC2132_9_8_OrderOfTheRequestList(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].Options = []policy.Option{{Code: 42, Data: four(ours0)}, {Code: 28, Data: four(all)}, {Code: 15, Data: []byte("x")}}
	})
	a := b.send(discover(1))
	if got := sent(a, 42, 12, 15, 28, 1); !slices.Equal(got, []uint8{42, 15, 28, 1}) {
		t.Errorf("sent %v", got)
	}
}

// §9.1: "This option is used in a client request (DHCPDISCOVER) to allow the client to
// request that a particular IP address be assigned."
func TestRFC2132_9_1_RequestedAddress(t *testing.T) {
	b := newBench(t)
	q := discover(1)
	q.Requested, q.HasRequested = ip("192.0.2.16"), true
	b.wantOffer(b.send(q), "192.0.2.16")
}

// §9.2: "In a server reply (DHCPOFFER), a DHCP server uses this option to specify the lease
// time it is willing to offer."
func TestRFC2132_9_2_LeaseTime(t *testing.T) {
	b := newBench(t)
	if a := b.send(discover(1)); !a.HasTimes || a.Valid != hour {
		t.Errorf("times %v, lease %d", a.HasTimes, a.Valid)
	}
}

// §9.7: "DHCP clients also indicate which of several lease offers is being accepted by
// including this option in a DHCPREQUEST message."
func TestRFC2132_9_7_ServerIdentifier(t *testing.T) {
	b := newBench(t)
	o := b.send(discover(1))
	b.wantAck(b.send(selecting(1, o.Yiaddr.String(), o.ServerID.String())), o.Yiaddr.String())
	b.wantSilence(b.send(selecting(1, o.Yiaddr.String(), other)), frame.OtherServer)
	// One that is configured replaces the interface's address, and is us.
	b = newBench(t, func(s *policy.Spec) { s.Subnets[0].ServerID = addr("198.51.100.99") })
	if o = b.send(discover(1)); o.ServerID != ip("198.51.100.99") || o.Source != ip(ours0) {
		t.Errorf("identifier %v from %v", o.ServerID, o.Source)
	}
	b.wantAck(b.send(selecting(1, o.Yiaddr.String(), "198.51.100.99")), o.Yiaddr.String())
	b.wantAck(b.send(selecting(1, o.Yiaddr.String(), ours0)), o.Yiaddr.String())
}

// §9.14: "Identifiers SHOULD be treated as opaque objects by DHCP servers."
func TestRFC2132_9_14_IdentifiersAreOpaque(t *testing.T) {
	b := newBench(t)
	as := func(id string) func(*Query) { return func(q *Query) { q.Client.ClientID = []byte(id) } }
	// What looks like the hardware address is not the hardware address, and every byte counts.
	seen := map[string]bool{}
	for _, edit := range []func(*Query){
		func(*Query) {}, as("\x01\x02\x00\x00\x00\x00\x01"), as("\x01\x02\x00\x00\x00\x00\x01\x00"), as("\x00\x02\x00\x00\x00\x00\x01"), as("ABC"), as("abc"),
	} {
		a := b.lease(1, edit).String()
		if seen[a] {
			t.Errorf("%s is given twice", a)
		}
		seen[a] = true
	}
}
