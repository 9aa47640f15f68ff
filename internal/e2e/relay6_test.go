// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"xdhcp/internal/nettest"
)

// relay6 runs dhcrelay -6 until the test ends: from the clients' side on lower to
// the address behind upper.
func relay6(t *testing.T, ns *nettest.End, lower, upper string) {
	t.Helper()
	cmd := ns.Command("dhcrelay", "-6", "-d", "-I", "--no-pid", "-l", lower, "-u", upper)
	out := &nettest.Transcript{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("dhcrelay:\n%s", out.String())
		}
	})
	eventually(t, "dhcrelay listens", func() bool { return strings.Contains(out.String(), "Sending on") })
}

// Through two relay agents of ISC: the innermost link-address chooses the subnet,
// each Interface-ID comes back on its level, and the fast path does it. The way to
// what is delegated is the relay agent next to the server.
func TestRelayAgents6(t *testing.T) {
	t.Parallel()
	outer, inner := nettest.NewNamespace(t), nettest.NewNamespace(t)
	server, outerUp := nettest.Connect(t, nettest.NewNamespace(t), outer)
	outerDown, innerUp := nettest.Connect(t, outer, inner)
	innerDown, client := nettest.Connect(t, inner, nettest.NewNamespace(t))
	for end, addr := range map[*nettest.End]string{
		server: "2001:db8:a::1/64", outerUp: "2001:db8:a::2/64", outerDown: "2001:db8:b::1/64",
		innerUp: "2001:db8:b::2/64", innerDown: "2001:db8:c::1/64", client: "",
	} {
		end.AddAddr(end.LinkLocal().String() + "/64")
		if addr != "" {
			end.AddAddr(addr)
		}
	}
	s := serve(t, server, fmt.Sprintf(`interfaces: [%s]
dhcpv6: {routes: true}
subnets:
  - {subnet: "2001:db8:b::/64", pools: ["2001:db8:b::100-2001:db8:b::1ff"]}
  - subnet: 2001:db8:c::/64
    pools: [2001:db8:c::100-2001:db8:c::1ff]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`, server.Name))
	relay6(t, outerUp, outerDown.Name, "2001:db8:a::1%"+outerUp.Name)
	relay6(t, innerUp, innerDown.Name, "2001:db8:b::1%"+innerUp.Name)

	c := newClient6(t, client)
	addr := c.bindAddress(1)
	if !strings.HasPrefix(addr, "2001:db8:c::1") {
		t.Errorf("the address is %s", addr)
	}
	l := s.leases()[addr]
	if l.State != "bound" || l.Via != "2001:db8:a::2" || l.InterfaceID == "" || l.MAC != client.MAC.String() {
		t.Errorf("lease %+v", l)
	}
	prefix := c.bindPrefix(2)
	want := prefix + " via 2001:db8:a::2 dev " + server.Name
	eventually(t, "a route by the relay agent", func() bool { return strings.Contains(routesNow(t, server), want) })
	if st := s.status(); st.Fast.Verdicts["await"] < 2 || st.Fast.Verdicts["reply"] < 2 || st.Fast.Verdicts["punt"] > 0 {
		t.Errorf("the fast path has %v", st.Fast.Verdicts)
	}
	// What a listing is asked for by what the relay agent says.
	out, err := server.Command(s.binary, "leases", "--state", s.state, "--csv", "--type", "na", "--interface-id", "0x"+l.InterfaceID).Output()
	if err != nil || strings.Count(string(out), "\n") != 2 || !strings.Contains(string(out), "\n"+addr+",bound,") {
		t.Errorf("%v: %s", err, out)
	}
	s.stop()
}
