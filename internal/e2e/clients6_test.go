// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"xdhcp/engine/control"
	"xdhcp/internal/nettest"
)

const serverAddr6 = "2001:db8:0:1::1/64"

// shortLeases6 is a network with addresses and prefixes; T1 is two seconds.
func shortLeases6(end *nettest.End) string {
	return fmt.Sprintf(`interfaces: [{name: %s}]
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [2001:db8:0:1::1000-2001:db8:0:1::1fff]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
    lease: {preferred: 10m, valid: 20m, renew: 2s, rebind: 8m}
    options: {dns-servers: ["2001:db8::53"], domain-search: [example.net]}
`, end.Name)
}

// client6 drives one of the DHCPv6 clients that people use.
type client6 struct {
	name string
	// start is the command line that keeps the client in the foreground; it asks
	// for an address and for a prefix.
	start func(t *testing.T, iface, dir string) []string
	// release has it give both back.
	release func(t *testing.T, c *running)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

var clients6 = []client6{
	{
		name: "dhclient",
		start: func(t *testing.T, iface, dir string) []string {
			write(t, filepath.Join(dir, "leases"), "") // dhclient drops to no user, but its lease file has to exist
			return []string{"dhclient", "-6", "-N", "-P", "-d", "-v", "-pf", filepath.Join(dir, "pid"), "-lf", filepath.Join(dir, "leases"), iface}
		},
		release: func(t *testing.T, c *running) {
			c.run(t, "dhclient", "-6", "-N", "-P", "-r", "-v", "-pf", filepath.Join(c.dir, "pid"), "-lf", filepath.Join(c.dir, "leases"), c.end.Name)
		},
	},
	{
		name: "dhcpcd",
		start: func(t *testing.T, iface, dir string) []string {
			conf := write(t, filepath.Join(dir, "dhcpcd.conf"), fmt.Sprintf("duid ll\nnoipv6rs\nipv6only\ninterface %s\nia_na 1\nia_pd 2 %s/0\n", iface, iface))
			return []string{"dhcpcd", "-6", "-B", "-d", "-f", conf, iface}
		},
		release: func(t *testing.T, c *running) {
			c.run(t, "dhcpcd", "-6", "-f", filepath.Join(c.dir, "dhcpcd.conf"), "-k", c.end.Name)
		},
	},
	{
		name: "dhcp6c",
		start: func(t *testing.T, iface, dir string) []string {
			conf := write(t, filepath.Join(dir, "dhcp6c.conf"), fmt.Sprintf(`interface %s { send ia-na 1; send ia-pd 2; request domain-name-servers; };
id-assoc na 1 { };
id-assoc pd 2 { prefix ::/56 infinity; };
`, iface))
			return []string{"dhcp6c", "-f", "-D", "-c", conf, "-p", filepath.Join(dir, "pid"), iface}
		},
	},
	{
		name: "dibbler-client",
		start: func(t *testing.T, iface, dir string) []string {
			write(t, filepath.Join(dir, "client.conf"), fmt.Sprintf("log-level 7\nlog-mode short\nduid-type duid-ll\niface %q {\n ia\n pd\n option dns-server\n}\n", iface))
			return []string{"dibbler-client", "run", "-w", dir}
		},
	},
}

// byType finds the bound lease of a type.
func byType(s *server, typ string) (l control.Lease, ok bool) {
	for _, l := range s.leases() {
		if l.Type == typ && l.State == "bound" {
			return l, true
		}
	}
	return l, false
}

// Every real client gets an address and a prefix, renews them, and gives them back
// where it has a way to.
func TestRealClients6(t *testing.T) {
	for _, rc := range clients6 {
		t.Run(rc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(rc.name); err != nil {
				t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
			}
			p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
			s := serve(t, p.Server, shortLeases6(p.Server))
			dir := t.TempDir()
			args := rc.start(t, p.Client.Name, dir)
			c := startClient(t, &realClient{name: rc.name, start: func(string, string) []string { return args }}, p.Client, dir)
			var na, pd control.Lease
			eventually(t, rc.name+" has an address and a prefix", func() bool {
				var ok, ok2 bool
				na, ok = byType(s, "na")
				pd, ok2 = byType(s, "pd")
				return ok && ok2
			})
			if !netip.MustParsePrefix("2001:db8:0:1::1000/116").Contains(netip.MustParseAddr(na.Address)) || !strings.HasSuffix(pd.Address, "/56") {
				t.Errorf("leases of %s and %s", na.Address, pd.Address)
			}
			if pd.Via != p.Client.LinkLocal().String() {
				t.Errorf("prefix by %q, the client is %s", pd.Via, p.Client.LinkLocal())
			}
			eventually(t, rc.name+" configures "+na.Address, func() bool {
				out, err := p.Client.Command("ip", "-6", "addr", "show", "dev", p.Client.Name).CombinedOutput()
				return err == nil && strings.Contains(string(out), na.Address+"/")
			})
			eventually(t, rc.name+" renews", func() bool {
				a, ok := byType(s, "na")
				b, ok2 := byType(s, "pd")
				return ok && ok2 && a.CLTT.After(na.CLTT) && b.CLTT.After(pd.CLTT)
			})
			if a, _ := byType(s, "na"); a.Address != na.Address {
				t.Errorf("renewed %s, had %s", a.Address, na.Address)
			}
			if n := s.status().Fast.Verdicts["await"]; n < 2 {
				t.Errorf("the fast path has answered %d messages that bind leases", n)
			}
			if rc.release != nil {
				rc.release(t, c)
				eventually(t, rc.name+" releases "+na.Address, func() bool {
					all := s.leases()
					return all[na.Address].State == "released" && all[pd.Address].State == "released"
				})
			}
			s.stop()
		})
	}
}
