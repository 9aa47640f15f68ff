// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// Offers are held in memory only. The server dies while some are outstanding, and the
// pool is so small that those who come first afterwards get the very addresses: no
// address goes to two clients, whether the holder of an offer or a new client asks first.
//
// RFC 2131 §3.1 step 4: "If the selected server is unable to satisfy the DHCPREQUEST
// message (e.g., the requested network address has been allocated), the server SHOULD
// respond with a DHCPNAK message."
func TestOffersOutstandingAtACrash(t *testing.T) {
	t.Parallel()
	const size = 16
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/24"))
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 10.0.0.0/24
    pools: [10.0.0.100-10.0.0.%d]
    lease: {valid: 1h}
`, p.Server.Name, 100+size-1))
	c := newClient(t, p.Client, "02:00:00:00:00:00")
	holder := map[string]string{} // of each address that was acknowledged
	ack := func(a *answer) {
		t.Helper()
		if a.MessageType() != dhcpv4.MessageTypeAck {
			t.Fatalf("%v asked: %s", c.mac, a.Summary())
		}
		addr := a.YourIPAddr.String()
		if other, taken := holder[addr]; taken && other != c.mac.String() {
			t.Fatalf("%s was acknowledged to %s, and now to %v", addr, other, c.mac)
		}
		holder[addr] = c.mac.String()
	}
	become := func(kind, i int) { c.mac = []byte{2, 0, 0, 0, byte(kind), byte(i)} }

	const bound = 4
	for i := range bound {
		become(1, i)
		ack(c.lease())
	}
	var offers []*answer // every address that is left
	for i := range size - bound {
		become(2, i)
		o := c.exchange(c.discover())
		if o.MessageType() != dhcpv4.MessageTypeOffer {
			t.Fatalf("answer to DISCOVER: %s", o.Summary())
		}
		offers = append(offers, o)
	}
	s.kill()
	s.start()

	// Half of those with an offer come first, and get what they were offered.
	half := len(offers) / 2
	for i, o := range offers[:half] {
		become(2, i)
		a := c.exchange(c.request(o))
		ack(a)
		if !a.YourIPAddr.Equal(o.YourIPAddr) {
			t.Errorf("offered %v before the crash, acknowledged %v after it", o.YourIPAddr, a.YourIPAddr)
		}
	}
	// New clients take the rest of the pool.
	for i := range len(offers) - half {
		become(3, i)
		ack(c.lease())
	}
	if len(holder) != size {
		t.Fatalf("%d addresses are leased of %d", len(holder), size)
	}
	// The other half comes too late.
	for i, o := range offers[half:] {
		become(2, half+i)
		if a := c.exchange(c.request(o)); a.MessageType() != dhcpv4.MessageTypeNak {
			t.Errorf("%v was offered to %v before the crash and is another's now: %s", o.YourIPAddr, c.mac, a.Summary())
		}
	}
	// The same holds after one more crash, with everything from the disk.
	s.kill()
	s.start()
	leases := s.leases()
	for addr, mac := range holder {
		if l := leases[addr]; l.State != "bound" || l.MAC != mac {
			t.Errorf("%s was acknowledged to %s; after the crash it is %s's and %s", addr, mac, l.MAC, l.State)
		}
	}
	checkUnique(t, leases)
	s.stop()
}
