// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// RFC 8415 §13.1: "If the server receives the message directly from the client …, then the client
// is on the same link to which the interface over which the message was received is attached"; or
// "on the same link as the one to which the interface, identified by the link-address field in the
// message from the relay agent, is attached".
func TestTheLinkDecides(t *testing.T) {
	b := newBench(t)
	b.wantLeases(b.send(from(1, Solicit, na(1))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), via(relay1))), lease6.NA, 1, "2001:db8:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), via(relay3))), lease6.NA, 1, "2001:db8:3::10")
}

// RFC 8415 §13.1 (RFC 6221): "the server MUST ignore any link-address field whose value is zero":
// then the link is that of the interface.
func TestALinkAddressOfZeroSaysNothing(t *testing.T) {
	b := newBench(t)
	q := from(1, Solicit, na(1), via("::"))
	q.Port = 0
	b.wantLeases(b.send(q), lease6.NA, 1, "2001:db8:0:1::10")
}

// Relay agents whose link-address lies elsewhere, and lines by their Interface-Id (RFC 7969 §3).
func TestRelaysAndInterfaceIDs(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		first(s).Relays = []netip.Addr{netip.MustParseAddr("fe80::77")}
		s.Subnets[1].InterfaceIDs = [][]byte{[]byte("line 7")}
	})
	b.wantLeases(b.send(from(1, Solicit, na(1), via("fe80::77"))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantSilence(b.send(from(1, Solicit, na(1), via("fe80::78"))), frame.NoSubnet)
	b.wantLeases(b.send(from(1, Solicit, na(1), via(relay3), interfaceID("line 7"))), lease6.NA, 1, "2001:db8:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), via(relay3), interfaceID("line 8"))), lease6.NA, 1, "2001:db8:3::10")
}

func TestVLANs(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		s.Subnets[1].Links = []policy.LinkSpec{{Port: "eth0", Outer: 7}}
		s.Networks[0].Links = []policy.LinkSpec{{Port: "eth0", Outer: 7, Inner: 8}}
	})
	tags := func(n uint8, vlan ...uint16) func(*Query) {
		return func(q *Query) { q.NTags = n; copy(q.VLAN[:], vlan) }
	}
	b.wantLeases(b.send(from(1, Solicit, na(1), tags(0))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), tags(1, 6))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), tags(1, 7))), lease6.NA, 1, "2001:db8:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), tags(2, 7, 9))), lease6.NA, 1, "2001:db8:1::10")
	b.wantLeases(b.send(from(1, Solicit, na(1), tags(2, 7, 8))), lease6.NA, 1, "2001:db8:3::10")
}

// A shared network: the subnet that the packet points to comes first, its others serve when it is
// full; a lease is known whichever of them the packet points to, and has the options of its own.
func TestSharedNetwork(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		for i, name := range []string{"one", "two"} {
			s.Networks[0].Subnets[i].Options = []policy6.Option{{Code: 24, Data: []byte(name), Always: true}}
		}
		s.Networks[0].Subnets[1].Times = policy6.Times{Preferred: 100, Valid: 200}
	})
	if got := b.lease(1, na(1), via(relay3)); got != at("2001:db8:3::10") {
		t.Errorf("the first gets %v", got)
	}
	q := from(2, Request, na(1), via(relay3))
	a := b.send(q)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:33::10")
	if v, _ := option(a, q, 24); string(v) != "two" || a.Leases[0].Valid != 200 {
		t.Errorf("option %q, valid for %d", v, a.Leases[0].Valid)
	}
	for _, link := range []string{relay3, "2001:db8:33::1"} {
		b.wait(60)
		q = from(1, Renew, na(1, "2001:db8:3::10"), via(link))
		a = b.send(q)
		b.wantLeases(a, lease6.NA, 1, "2001:db8:3::10")
		if v, _ := option(a, q, 24); string(v) != "one" || a.Leases[0].Valid != 2*hour {
			t.Errorf("via %s: option %q, valid for %d", link, v, a.Leases[0].Valid)
		}
	}
	// A message with leases of both has the options of the one that it points to.
	q = from(2, Renew, na(1, "2001:db8:33::10"), na(2, "2001:db8:33::11"), via(relay3))
	if v, _ := option(b.send(q), q, 24); string(v) != "two" {
		t.Errorf("option %q with two leases of the second subnet", v)
	}
	b.send(from(1, Release, na(1, "2001:db8:3::10"), via(relay3)))
	q = from(2, Renew, na(1, "2001:db8:33::10"), na(3, "2001:db8:3::10"), via(relay3))
	if v, _ := option(b.send(q), q, 24); string(v) != "one" {
		t.Errorf("option %q with leases of both subnets", v)
	}
	q = from(2, Renew, na(3, "2001:db8:3::10"), na(1, "2001:db8:33::10"), via(relay3))
	if v, _ := option(b.send(q), q, 24); string(v) != "one" {
		t.Errorf("option %q with leases of both subnets, the other way round", v)
	}
}

// Options of a pool are sent where all leases of the message are of it.
func TestPoolOptions(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		first(s).Pools[0].Options = []policy6.Option{{Code: 24, Data: []byte("pool"), Always: true}}
		first(s).Options = []policy6.Option{{Code: 24, Data: []byte("subnet"), Always: true}}
	})
	for want, q := range map[string]*Query{
		"pool":   from(1, Solicit, na(1), na(2)),
		"subnet": from(2, Solicit, na(1), pd(1)),
	} {
		if v, _ := option(b.send(q), q, 24); string(v) != want {
			t.Errorf("%q, want %q", v, want)
		}
	}
}
