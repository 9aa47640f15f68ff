// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"xdhcp/internal/nettest"
)

// When the disk is full, the server promises nothing any more, neither by ACK
// nor by OFFER, and says why; what it has promised before is still there for a
// server that finds room again.
func TestAFullDiskMeansSilence(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/8"))
	s := newServer(t, xdhcpd, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 10.0.0.0/8
    pools: [10.1.0.0-10.1.255.255]
`, p.Server.Name))
	if err := os.Mkdir(s.state, 0o700); err != nil {
		t.Fatal(err)
	}
	// Room for one segment of the log and the reserve, not for a second.
	if err := unix.Mount("xdhcp-e2e", s.state, "tmpfs", 0, "size=80m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(s.state, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	s.start()
	c := newClient(t, p.Client, "02:00:00:00:00:00")

	// One lease at a time, so that each takes a group of its own: 4 KiB of
	// 64 MiB. The number bounds the test, not the disk.
	const most = 40_000
	acked := map[string]string{}
	silent := false
	for i := 0; i < most && !silent; i++ {
		c.mac = net.HardwareAddr{2, 2, 0, byte(i >> 16), byte(i >> 8), byte(i)}
		discover := c.discover()
		c.wire.Send(c.frame(discover))
		offer := c.await(discover.TransactionID, time.Second)
		if offer == nil {
			silent = true
			break
		}
		request := c.request(offer)
		c.wire.Send(c.frame(request))
		if ack := c.await(request.TransactionID, time.Second); ack == nil {
			silent = true
		} else if ack.MessageType() == dhcpv4.MessageTypeAck {
			acked[ack.YourIPAddr.String()] = c.mac.String()
		} else {
			t.Fatalf("answer to REQUEST: %s", ack.Summary())
		}
	}
	if !silent {
		t.Fatalf("%d leases went into a full disk", len(acked))
	}
	eventually(t, "the status says so", func() bool { return s.status().Journal.Error != "" })

	before := reason(s.status().Fast, "not_durable")
	discover := c.discover()
	c.wire.Send(c.frame(discover))
	eventually(t, "a DISCOVER is refused", func() bool { return reason(s.status().Fast, "not_durable") > before })
	if offer := c.await(discover.TransactionID, 0); offer != nil {
		t.Errorf("an OFFER left after the disk was full: %s", offer.Summary())
	}
	t.Logf("%d leases until the disk was full: %s", len(acked), s.status().Journal.Error)

	s.kill()
	if err := unix.Mount("xdhcp-e2e", s.state, "tmpfs", unix.MS_REMOUNT, "size=400m"); err != nil {
		t.Fatal(err)
	}
	s.start()
	leases := s.leases()
	for addr, mac := range acked {
		if l := leases[addr]; l.State != "bound" || l.MAC != mac {
			t.Fatalf("%s was acknowledged to %s, and is %+v", addr, mac, l)
		}
	}
	c.lease()
	s.stop()
}
