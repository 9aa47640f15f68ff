// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// bootpPool opens 192.0.2.15-16 to BOOTP clients, beside a pool that is not, and
// reserves an address.
func bootpPool(s *policy.Spec) {
	s.Subnets[0].Pools = []policy.PoolSpec{
		{Name: "dhcp", Ranges: []policy.Range{{First: addr("192.0.2.10"), Last: addr("192.0.2.14")}}},
		{Name: "bootp", BOOTP: true, Ranges: []policy.Range{{First: addr("192.0.2.15"), Last: addr("192.0.2.16")}}},
	}
	s.Subnets[0].BootFile = "vmunix"
	s.Subnets[0].Reservations = []policy.ReservationSpec{{MAC: hw(9), Address: addr("192.0.2.9")}}
}

func bootp(n byte) Query { return from(n, Bootp) }

// RFC 1534 §2: "The server MUST formulate a BOOTP BOOTREPLY message rather than a
// DHCP DHCPOFFER message …. The server marks a binding for a BOOTP client as BOUND
// after sending the BOOTP BOOTREPLY".
func TestABootpClientGetsItsReservation(t *testing.T) {
	b := newBench(t, bootpPool)
	a := b.send(bootp(9))
	if a.Type != Bootp || a.Yiaddr != ip("192.0.2.9") || a.Wait == 0 {
		t.Fatalf("type %d, %v (%v)", a.Type, a.Yiaddr, a.Reason)
	}
	if a.Boot == nil || string(a.Boot.BootFile) != "vmunix" {
		t.Error("no boot file")
	}
	b.wantDest(a, ToClient, "192.0.2.9")
	b.wantHolder("192.0.2.9", lease.Bound, 9)
}

// RFC 1534 §2: "the DHCP server must assign an infinite lease duration to for
// automatic addresses assigned to BOOTP clients. Such network addresses cannot be
// automatically reassigned by the server."
func TestABootpLeaseIsForEver(t *testing.T) {
	b := newBench(t, bootpPool)
	a := b.send(bootp(1))
	if a.Type != Bootp || a.HasTimes {
		t.Fatalf("type %d, times %v (%v)", a.Type, a.HasTimes, a.Reason)
	}
	b.wait(1 << 31)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantHolder(a.Yiaddr.String(), lease.Bound, 1)
	if again := b.send(bootp(1)); again.Yiaddr != a.Yiaddr {
		t.Errorf("later %v, before %v", again.Yiaddr, a.Yiaddr)
	}
}

// RFC 1534 §2: "If a DHCP server supports supplying automatic addresses to BOOTP
// clients, this feature must be configurable, and the feature must default off."
func TestBootpClientsHavePoolsOfTheirOwn(t *testing.T) {
	b := newBench(t, bootpPool)
	for n := byte(1); n <= 2; n++ {
		if a := b.send(bootp(n)); a.Yiaddr < ip("192.0.2.15") || a.Yiaddr > ip("192.0.2.16") {
			t.Errorf("client %d: %v (%v)", n, a.Yiaddr, a.Reason)
		}
	}
	b.wantSilence(b.send(bootp(3)), frame.PoolFull)
	b = newBench(t)
	b.wantSilence(b.send(bootp(1)), frame.PoolFull)
	if b.batch.Len() != 0 {
		t.Error("something was journaled")
	}
}

// RFC 951 §7.3: a client that knows its address puts it into ciaddr; the reply is
// sent there.
func TestABootpClientWithAnAddressIsToldItsParameters(t *testing.T) {
	b := newBench(t, bootpPool)
	q := bootp(1)
	q.Ciaddr = ip("192.0.2.77")
	a := b.send(q)
	if a.Type != Bootp || a.Yiaddr != 0 || a.Ciaddr != ip("192.0.2.77") || a.Wait != 0 || a.Options == nil {
		t.Errorf("%+v", a)
	}
	b.wantDest(a, ToCiaddr, "192.0.2.77")
	q.Ciaddr = ip("10.9.9.9")
	b.wantSilence(b.send(q), frame.NoSubnet)
}

func TestBootpWithoutAJournalOrALink(t *testing.T) {
	b := newBench(t, bootpPool)
	b.wantSilence(b.send(via("10.99.0.1", bootp(1))), frame.NoSubnet)
	b.failed = true
	b.wantSilence(b.send(bootp(9)), frame.NotDurable)
}
