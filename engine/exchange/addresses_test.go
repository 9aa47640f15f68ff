// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// Nothing is ever sent to ourselves.
func TestOurOwnMessagesAreNotAnswered(t *testing.T) {
	b := newBench(t)
	q := discover(1)
	q.Src = ip(ours0)
	if a := b.send(q); a.Type != 0 || a.Reason != frame.FromServer {
		t.Errorf("from our own address: %d, %v", a.Type, a.Reason)
	}
	q = discover(1)
	q.Giaddr = ip(ours1)
	if a := b.send(q); a.Type != 0 || a.Reason != frame.FromServer {
		t.Errorf("as if we had relayed it: %d, %v", a.Type, a.Reason)
	}
}

// RFC 1122 §3.2.1.3: the special cases of addresses "MUST NOT be used" as a
// destination of this kind, and an answer goes to giaddr or ciaddr.
func TestNothingIsSentToWhatIsNoHost(t *testing.T) {
	b := newBench(t)
	for _, bad := range []string{"0.0.0.1", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"} {
		q := discover(1)
		q.Giaddr = ip(bad)
		if a := b.send(q); a.Type != 0 || a.Reason != frame.BadRequest {
			t.Errorf("giaddr %s: %d, %v", bad, a.Type, a.Reason)
		}
		q = discover(1)
		q.Ciaddr = ip(bad)
		if a := b.send(q); a.Type != 0 || a.Reason != frame.BadRequest {
			t.Errorf("ciaddr %s: %d, %v", bad, a.Type, a.Reason)
		}
	}
}

// RFC 2131 §4.1: "DHCP servers MUST use an address that is reachable from the
// client": without any address there is no answer, and no lease behind it.
func TestAPortWithoutAnAddressStaysSilent(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Ports = append(s.Ports, policy.PortSpec{Name: "eth2"})
		bare := subnet("198.51.100.0/24", "198.51.100.10", "198.51.100.19")
		bare.Links = []policy.LinkSpec{{Port: "eth2"}}
		named := subnet("198.51.101.0/24", "198.51.101.10", "198.51.101.19")
		named.Links = []policy.LinkSpec{{Port: "eth2", Outer: 5}}
		named.ServerID = netip.MustParseAddr("198.51.101.1")
		s.Subnets = append(s.Subnets, bare, named)
	})
	q := discover(1)
	q.Port = 2
	if a := b.send(q); a.Type != 0 || a.Reason != frame.NoServerAddr {
		t.Errorf("on a port without an address: %d, %v", a.Type, a.Reason)
	}
	if n := b.server.Table.Stats().Offered; n != 0 {
		t.Errorf("%d addresses are held for answers that were not sent", n)
	}
	q.NTags, q.VLAN[0] = 1, 5
	if a := b.send(q); a.Type != Offer || a.ServerID != ip("198.51.101.1") {
		t.Errorf("where the subnet names the server: %d, %v, %v", a.Type, a.ServerID, a.Reason)
	}
}
