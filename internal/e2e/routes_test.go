// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/control"
	"xdhcp/internal/nettest"
)

// routesNow is what ip(8) shows of the routes to delegated prefixes.
func routesNow(t *testing.T, end *nettest.End) string {
	t.Helper()
	out, err := end.Command("ip", "-6", "route", "show", "proto", "147").CombinedOutput()
	if err != nil {
		t.Fatalf("ip route: %v\n%s", err, out)
	}
	return string(out)
}

// follow reads the events of `xdhcpd watch` as they come.
func follow(t *testing.T, s *server, args ...string) (next func() control.Event) {
	t.Helper()
	cmd := s.end.Command(s.binary, append([]string{"watch", "--state", s.state}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said nettest.Transcript
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	return func() (e control.Event) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("watch has ended: %v\n%s", lines.Err(), said.String())
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		return e
	}
}

// A delegated prefix is routed to its client as long as it has it, over a crash of
// the server, and every step is an event that a reader can go on after.
func TestRoutesAndEvents(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
dhcpv6: {routes: true}
subnets:
  - subnet: 2001:db8:0:1::/64
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`, p.Server.Name))
	next := follow(t, s, "--after", "0")
	c := newClient6(t, p.Client)
	prefix := c.bindPrefix(7)
	grant := next()
	if grant.Event != "grant" || grant.Address != prefix || grant.Type != "pd" || grant.IAID != 7 || grant.Via != p.Client.LinkLocal().String() {
		t.Errorf("event %+v; the client has %s", grant, prefix)
	}
	want := fmt.Sprintf("%s via %s dev %s", prefix, p.Client.LinkLocal(), p.Server.Name)
	eventually(t, "a route to "+prefix, func() bool { return strings.Contains(routesNow(t, p.Server), want) })
	if st := s.status().DHCPv6; st == nil || st.Delegated != 1 || st.Routes == nil || st.Routes.Installed != 1 || st.Routes.Error != "" || len(st.DUID) < 20 {
		t.Errorf("status %+v", st)
	}
	duid := s.status().DHCPv6.DUID

	s.kill()
	if got := routesNow(t, p.Server); !strings.Contains(got, want) {
		t.Errorf("without a server the routes are %q", got)
	}
	// Somebody has taken it away meanwhile; the next start puts it back.
	if out, err := p.Server.Command("ip", "-6", "route", "flush", "proto", "147").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.start()
	eventually(t, "the route is there again", func() bool { return strings.Contains(routesNow(t, p.Server), want) })
	if got := s.status().DHCPv6.DUID; got != duid {
		t.Errorf("after a restart the server is %s, it was %s", got, duid)
	}

	// The kernel drops it with the link; with the link it comes back.
	p.Server.SetDown()
	eventually(t, "no route without the link", func() bool { return routesNow(t, p.Server) == "" })
	p.Server.SetUp()
	p.Server.AddAddr(p.Server.LinkLocal().String() + "/64")
	p.Server.AddAddr(serverAddr6)
	eventually(t, "the route is there with the link", func() bool { return strings.Contains(routesNow(t, p.Server), want) })

	next = follow(t, s, "--after", fmt.Sprint(grant.Seq))
	c.send(dhcpv6.MessageTypeRelease)
	if e := next(); e.Event != "release" || e.Address != prefix || e.Seq <= grant.Seq || e.DUID != grant.DUID {
		t.Errorf("event %+v after the release", e)
	}
	eventually(t, "no route", func() bool { return routesNow(t, p.Server) == "" })
	s.stop()
	// The log tells the same when no server runs.
	out, err := s.end.Command(s.binary, "watch", "--state", s.state, "--after", "0").Output()
	if err != nil || strings.Count(string(out), "\n") != 2 || !strings.Contains(string(out), `"event":"release"`) {
		t.Errorf("%v: %s", err, out)
	}
}
