// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// reserved is a configuration with n reservations in other subnets than the
// client's.
func reserved(end *nettest.End, n int, lease string) string {
	var b strings.Builder
	b.WriteString(config(end, "native"))
	const each = 1000
	for i := range n {
		if i%each == 0 {
			fmt.Fprintf(&b, "  - subnet: 10.%d.0.0/16\n    lease: {valid: %s}\n    reservations:\n", i/each, lease)
		}
		k := i%each + 256
		fmt.Fprintf(&b, "      - {mac: \"02:01:00:%02x:%02x:%02x\", address: 10.%d.%d.%d, hostname: h%d}\n", i>>16, i>>8&255, i&255, i/each, k>>8, k&255, i)
	}
	return b.String()
}

// A file of 100,000 reservations is read again while requests come all the time: each
// is answered at its first try, by the old configuration or the new one.
func TestReloadOf100kReservationsLosesNoPacket(t *testing.T) {
	const reservations = 100_000
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, reserved(p.Server, reservations, "1h"))
	c := newClient(t, p.Client, "02:00:00:00:0d:00")
	answered := 0
	for _, lease := range []string{"2h", "3h"} {
		loaded := s.status().ConfigLoaded
		s.configure(reserved(p.Server, reservations, lease))
		s.signal(syscall.SIGHUP)
		for st := s.status(); !st.ConfigLoaded.After(loaded); st = s.status() { // it is answered meanwhile
			if st.ReloadError != "" {
				t.Fatal(st.ReloadError)
			}
			const each = 20
			sent := map[dhcpv4.TransactionID]bool{}
			for j := range each {
				c.mac[5] = byte(j)
				m := c.discover()
				sent[m.TransactionID] = true
				c.wire.Send(c.frame(m))
			}
			for len(sent) > 0 {
				f := c.wire.RecvMatch(patience, func(b []byte) bool { return decode(b) != nil })
				if f == nil {
					t.Fatalf("%d of %d requests were not answered: %+v", len(sent), each, s.status())
				}
				delete(sent, decode(f).TransactionID)
			}
			answered += each
		}
	}
	if answered < 100 {
		t.Errorf("only %d requests while two such files were loaded: nothing was tested", answered)
	}
	// What is in force is the new file.
	c.mac = []byte{2, 1, 0, 0, 0, 7}
	m := c.discover(dhcpv4.WithGatewayIP(net4("10.0.0.1")))
	c.wire.Send(c.frameTo(m, net4("10.0.0.1"), net4("192.0.2.1"), p.Server.MAC))
	a := c.await(m.TransactionID, patience)
	if a == nil {
		t.Fatal("a reserved client is not answered")
	}
	wantAddr(t, "yiaddr", a.YourIPAddr, "10.0.1.7")
	if got := a.IPAddressLeaseTime(0).Hours(); got != 3 {
		t.Errorf("the lease is of %v h", got)
	}
	s.stop()
}
