// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// SIGHUP makes a server of DHCPv4 one of both, changes what it gives, and loses no
// lease; the DUID stays. RFC 8415 §18.3.4: a lease that is no longer appropriate is
// returned with lifetimes of 0.
func TestReload6(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr, serverAddr6), nettest.IPv6())
	head := fmt.Sprintf("interfaces: [%s]\nsubnets:\n  - {subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199]}\n", p.Server.Name)
	s := serve(t, p.Server, head)
	if s.status().DHCPv6 != nil {
		t.Error("DHCPv6 is served before it is configured")
	}
	reload := func(yaml, what string, ok func() bool) {
		t.Helper()
		s.configure(yaml)
		s.signal(syscall.SIGHUP)
		eventually(t, what, ok)
	}
	six := head + "  - {subnet: \"2001:db8:0:1::/64\", pools: [\"2001:db8:0:1::10-2001:db8:0:1::1f\"], options: {dns-servers: \"2001:db8::1\"}}\n"
	reload(six, "DHCPv6 is served", func() bool { return s.status().DHCPv6 != nil })
	duid := s.status().DHCPv6.DUID
	c := newClient6(t, p.Client)
	addr := c.bindAddress(1)
	if !strings.HasPrefix(addr, "2001:db8:0:1::1") {
		t.Errorf("the address is %s", addr)
	}

	// Another pool: what was leased ends when its client asks to go on.
	moved := strings.Replace(six, "::10-2001:db8:0:1::1f", "::20-2001:db8:0:1::2f", 1)
	reload(moved, "the new pool is in force", func() bool {
		d := s.status().DHCPv6
		return d != nil && len(d.Pools) == 1 && strings.Contains(d.Pools[0].Name, "::20-")
	})
	if l := s.leases()[addr]; l.State != "bound" {
		t.Errorf("the reload has made the lease of %s %q", addr, l.State)
	}
	r := c.send(dhcpv6.MessageTypeRenew)
	ia := r.Options.OneIANA()
	if ia == nil {
		t.Fatalf("no IA: %s", r.Summary())
	}
	fresh := false
	for _, o := range ia.Options.Get(dhcpv6.OptionIAAddr) {
		switch a := o.(*dhcpv6.OptIAAddress); {
		case a.IPv6Addr.String() == addr && a.ValidLifetime != 0:
			t.Errorf("%s goes on for %v", addr, a.ValidLifetime)
		case strings.HasPrefix(a.IPv6Addr.String(), "2001:db8:0:1::2"):
			fresh = true
		}
	}
	if !fresh {
		t.Errorf("no address of the new pool: %s", r.Summary())
	}
	// A file with a mistake changes nothing.
	reload(strings.Replace(moved, "dns-servers", "dns-server", 1), "the mistake is said", func() bool { return s.status().ReloadError != "" })
	if d := s.status().DHCPv6; d == nil || d.DUID != duid {
		t.Errorf("after the reloads %+v, the DUID was %s", d, duid)
	}
	s.stop()
}
