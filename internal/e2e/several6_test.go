// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// leasesIn are the leases of an answer's IAs, and the valid and the preferred lifetimes of each.
func leasesIn(m *dhcpv6.Message) (names []string, valid, preferred map[string]time.Duration) {
	valid, preferred = map[string]time.Duration{}, map[string]time.Duration{}
	add := func(name string, v, p time.Duration) {
		names = append(names, name)
		valid[name], preferred[name] = v, p
	}
	for _, ia := range m.Options.IANA() {
		for _, a := range ia.Options.Addresses() {
			add(a.IPv6Addr.String(), a.ValidLifetime, a.PreferredLifetime)
		}
	}
	for _, ia := range m.Options.IAPD() {
		for _, p := range ia.Options.Prefixes() {
			add(p.Prefix.String(), p.ValidLifetime, p.PreferredLifetime)
		}
	}
	slices.Sort(names)
	return names, valid, preferred
}

// All that is reserved for a client is in its one IA, also after a crash; then the link is renumbered: without the
// reservation and with the old pool retired, a lease of the pools goes on beside its successor.
func TestSeveralLeasesOfAnIA(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
	conf := func(pools, reservations string) string {
		return fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [%s]
    reservations: [%s]
    lease: {preferred: 1h, valid: 2h}
`, p.Server.Name, pools, reservations)
	}
	reserved := fmt.Sprintf(`{mac: "%s", addresses: ["2001:db8:0:1::71", "2001:db8:0:1::72"], prefixes: ["2001:db8:7100::/48", "2001:db8:7200::/56"]}`, p.Client.MAC)
	s := serve(t, p.Server, conf(`{range: 2001:db8:0:1::100-2001:db8:0:1::1ff}`, reserved))
	c := newClient6(t, p.Client)
	want := []string{"2001:db8:0:1::71", "2001:db8:0:1::72", "2001:db8:7100::/48", "2001:db8:7200::/56"}
	if got, _, _ := leasesIn(c.bind(&dhcpv6.OptIANA{IaId: [4]byte{1}}, &dhcpv6.OptIAPD{IaId: [4]byte{1}})); !slices.Equal(got, want) {
		t.Errorf("leases %v, want %v", got, want)
	}
	s.kill()
	s.start()
	for _, l := range want {
		if st := s.leases()[l].State; st != "bound" {
			t.Errorf("%s is %q after a crash", l, st)
		}
	}
	got, valid, _ := leasesIn(c.send(dhcpv6.MessageTypeRenew))
	if !slices.Equal(got, want) || valid[want[1]] < time.Hour || valid[want[1]] > 2*time.Hour {
		t.Errorf("renewed: %v, %v", got, valid)
	}

	other := newClient6As(t, p.Client, []byte{2, 0, 0, 0, 0, 9})
	old := other.bindAddress(1)
	s.configure(conf(`{range: 2001:db8:0:1::100-2001:db8:0:1::1ff, retired: true}, 2001:db8:0:1::200-2001:db8:0:1::2ff`, ""))
	s.signal(syscall.SIGHUP)
	eventually(t, "the new pools are in force", func() bool { return len(s.status().DHCPv6.Pools) == 2 })
	m := other.send(dhcpv6.MessageTypeRenew)
	got, valid, preferred := leasesIn(m)
	if len(got) != 2 || preferred[old] != 0 || valid[old] == 0 || valid[old] > 2*time.Hour {
		t.Fatalf("%s", m.Summary())
	}
	for _, l := range got {
		if l != old && (valid[l] <= valid[old]-time.Minute || s.leases()[l].State != "bound") {
			t.Errorf("the successor is %s: %s", l, m.Summary())
		}
	}
	s.stop()
}
