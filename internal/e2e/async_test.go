// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"xdhcp/internal/nettest"
)

// durability: async, as docs/durability.md has it: an ACK does not wait for the disk, so
// that a crash may forget the leases of the last moments, and no others; a server that
// stops in order forgets none.
func TestAsyncDurability(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/24"))
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
durability: async
subnets:
  - subnet: 10.0.0.0/24
    pools: [10.0.0.100-10.0.0.200]
    lease: {valid: 1h}
`, p.Server.Name))
	c := newClient(t, p.Client, "02:00:00:00:00:00")
	holder := map[string]string{}
	take := func(from, n int) {
		t.Helper()
		for i := range n {
			c.mac = []byte{2, 0, 0, 0, 3, byte(from + i)}
			holder[c.lease().YourIPAddr.String()] = c.mac.String()
		}
	}
	check := func(when string) {
		t.Helper()
		leases := s.leases()
		for addr, mac := range holder {
			if l := leases[addr]; l.State != "bound" || l.MAC != mac {
				t.Errorf("%s: %s was acknowledged to %s, and is %q of %s", when, addr, mac, l.State, l.MAC)
			}
		}
		checkUnique(t, leases)
	}
	if d := s.status().Journal.Durability; d != "async" {
		t.Fatalf("durability %q", d)
	}

	take(0, 20)
	s.stop() // nothing is waited for: what is appended is written before the end
	s.start()
	check("after a stop")

	// What the journal has counted as written is not of the last moments any more.
	take(20, 20)
	eventually(t, "the changes are on disk", func() bool { return s.status().Journal.Changes >= 20 })
	s.kill()
	s.start()
	check("after a crash")

	// What is acknowledged just before a crash may be lost; then its address may be
	// another's. It is never a third thing: half a lease, or one with another client.
	last := map[string]string{}
	for i := range 10 {
		c.mac = []byte{2, 0, 0, 0, 4, byte(i)}
		last[c.lease().YourIPAddr.String()] = c.mac.String()
	}
	s.kill()
	s.start()
	check("after a crash with leases under way")
	for addr, mac := range last {
		if l := s.leases()[addr]; l.State != "" && l.MAC != mac {
			t.Errorf("%s was acknowledged to %s, and is %q of %s after the crash", addr, mac, l.State, l.MAC)
		}
	}
	s.stop()
}
