// SPDX-License-Identifier: Apache-2.0

package port

import (
	"testing"

	"xdhcp/internal/nettest"
)

// A process in a network namespace that /sys does not show, as nsenter --net
// leaves it, finds the queues all the same.
func TestQueuesWithoutSysfs(t *testing.T) {
	p := nettest.Veth(t, nettest.Queues(3))
	// The driver has set up three; two are in use.
	if out, err := p.Server.Command("ethtool", "-L", p.Server.Name, "rx", "2").CombinedOutput(); err != nil {
		t.Fatalf("ethtool: %v: %s", err, out)
	}
	p.Server.Do(func() {
		if n, err := rxQueues(p.Server.Name); n != 2 || err != nil {
			t.Errorf("%d queues, %v; want 2", n, err)
		}
		if n, err := rxQueues("none0"); err == nil {
			t.Errorf("an interface that does not exist has %d queues", n)
		}
	})
}
