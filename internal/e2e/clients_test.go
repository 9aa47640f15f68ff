// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// realClient drives one of the DHCP clients that people use.
type realClient struct {
	name string
	// start is the command line that keeps the client in the foreground.
	start func(iface, dir string) []string
	// renew has the running client renew its lease now; nil: it does so by
	// itself at T1.
	renew func(t *testing.T, c *running)
	// release has the client give its lease back.
	release func(t *testing.T, c *running)
	// reboots: a restarted client asks for its old address without DISCOVER
	// (RFC 2131 §3.2, INIT-REBOOT).
	reboots bool
}

// running is a client's process.
type running struct {
	end *nettest.End
	dir string
	cmd *exec.Cmd
	out *nettest.Transcript
}

func (c *running) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (c *running) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := c.end.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// T1 of two seconds: a client that renews by itself does so soon.
func shortLeases(end *nettest.End) string {
	return fmt.Sprintf(`interfaces: [{name: %s}]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
    lease: {valid: 10m, renew: 2s, rebind: 8m}
    options: {routers: [192.0.2.1]}
`, end.Name)
}

var realClients = []realClient{
	{
		name: "dhclient",
		start: func(iface, dir string) []string {
			return []string{"dhclient", "-4", "-d", "-v", "-pf", filepath.Join(dir, "pid"), "-lf", filepath.Join(dir, "leases"), iface}
		},
		release: func(t *testing.T, c *running) {
			c.run(t, "dhclient", "-4", "-r", "-pf", filepath.Join(c.dir, "pid"), "-lf", filepath.Join(c.dir, "leases"), c.end.Name)
		},
		reboots: true,
	},
	{
		name: "udhcpc",
		start: func(iface, dir string) []string {
			return []string{"udhcpc", "-f", "-R", "-i", iface}
		},
		renew:   func(t *testing.T, c *running) { c.signal(t, syscall.SIGUSR1) },
		release: func(t *testing.T, c *running) { c.signal(t, syscall.SIGUSR2) },
	},
	{
		name: "dhcpcd",
		start: func(iface, dir string) []string {
			return []string{"dhcpcd", "-4", "-B", "-d", "--noarp", "--noipv4ll", iface}
		},
		release: func(t *testing.T, c *running) {
			// In the middle of setting a lease up it does not hear of the release.
			eventually(t, "dhcpcd has set its lease up", func() bool {
				return strings.Contains(c.out.String(), "run-hooks REBOOT") || strings.Contains(c.out.String(), "run-hooks BOUND")
			})
			c.run(t, "dhcpcd", "-4", "-k", c.end.Name)
		},
		reboots: true,
	},
}

func startClient(t *testing.T, rc *realClient, end *nettest.End, dir string) *running {
	t.Helper()
	args := rc.start(end.Name, dir)
	c := &running{end: end, dir: dir, cmd: end.Command(args[0], args[1:]...), out: &nettest.Transcript{}}
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	c.cmd.WaitDelay = time.Second // helpers of its own may keep the output open
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", rc.name, c.out.String())
		}
	})
	return c
}

// Every real client takes a lease, renews it by unicast, asks for it again
// after a restart, and gives it back.
func TestRealClients(t *testing.T) {
	for _, rc := range realClients {
		t.Run(rc.name, func(t *testing.T) {
			if _, err := exec.LookPath(rc.name); err != nil {
				t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
			}
			p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
			s := serve(t, p.Server, shortLeases(p.Server))
			dir := t.TempDir()
			// dhclient drops to no user, but its lease file has to exist.
			if err := os.WriteFile(filepath.Join(dir, "leases"), nil, 0o644); err != nil {
				t.Fatal(err)
			}

			wire := p.Client.Packet(t)
			ack := func(what string, match func(*answer) bool) *answer {
				t.Helper()
				f := wire.RecvMatch(patience, func(b []byte) bool {
					a := decode(b)
					return a != nil && a.MessageType() == dhcpv4.MessageTypeAck && match(a)
				})
				if f == nil {
					t.Fatalf("no ACK for %s", what)
				}
				return decode(f)
			}

			c := startClient(t, &rc, p.Client, dir)
			first := ack("the first lease", func(a *answer) bool { return a.ClientIPAddr.IsUnspecified() })
			addr := first.YourIPAddr.String()
			if got := s.leases()[addr].MAC; got != p.Client.MAC.String() {
				t.Fatalf("the lease of %s is of %s, want %v", addr, got, p.Client.MAC)
			}
			eventually(t, rc.name+" configures "+addr, func() bool {
				out, err := p.Client.Command("ip", "-4", "addr", "show", "dev", p.Client.Name).CombinedOutput()
				return err == nil && strings.Contains(string(out), addr+"/24")
			})

			if rc.renew != nil {
				rc.renew(t, c)
			}
			renewed := ack("the renewal", func(a *answer) bool { return !a.ClientIPAddr.IsUnspecified() })
			if got := renewed.YourIPAddr.String(); got != addr {
				t.Errorf("renewed %s, had %s", got, addr)
			}

			if rc.reboots {
				p.Client.Kill() // with its helpers, as a crash of the machine would
				_ = c.cmd.Wait()
				offers := s.status().Fast.Verdicts["reply"]
				wire = p.Client.Packet(t)
				c = startClient(t, &rc, p.Client, dir)
				again := ack("the old lease after a restart", func(a *answer) bool { return a.ClientIPAddr.IsUnspecified() })
				if got := again.YourIPAddr.String(); got != addr {
					t.Errorf("after a restart %s, had %s", got, addr)
				}
				if got := s.status().Fast.Verdicts["reply"]; got != offers {
					t.Errorf("%d OFFERs were needed after a restart, want none (INIT-REBOOT)", got-offers)
				}
			}

			rc.release(t, c)
			eventually(t, rc.name+" releases "+addr, func() bool { return s.leases()[addr].State == "released" })
			s.stop()
		})
	}
}

// A relay in a namespace of its own: giaddr chooses the subnet, and option 82
// comes back as it went.
func TestRelayAgent(t *testing.T) {
	p := nettest.Relay(t)
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [{name: %s}]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
  - subnet: 198.51.100.0/24
    pools: [198.51.100.50-198.51.100.99]
`, p.Server.Name))
	relay := p.RelayUp.Command("dhcrelay", "-4", "-d", "-a", "-id", p.RelayDown.Name, "-iu", p.RelayUp.Name, "192.0.2.1")
	out := &nettest.Transcript{}
	relay.Stdout, relay.Stderr = out, out
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = relay.Process.Kill()
		_ = relay.Wait()
		if t.Failed() {
			t.Logf("dhcrelay:\n%s", out.String())
		}
	})
	eventually(t, "dhcrelay listens", func() bool { return strings.Contains(out.String(), "Sending on") })

	up := p.RelayUp.Packet(t) // what the server sends to the relay
	c := newClient(t, p.Client, "02:00:00:00:05:01")
	m := c.discover()
	// dhcrelay opens its sockets before it says so, but its filter may come a
	// moment later: a client would retransmit too.
	var offer *answer
	eventually(t, "an OFFER through the relay", func() bool {
		c.wire.Send(c.frame(m))
		offer = c.await(m.TransactionID, patience/30)
		return offer != nil
	})
	wantAddr(t, "yiaddr", offer.YourIPAddr, "198.51.100.50")
	wantAddr(t, "giaddr", offer.GatewayIPAddr, "198.51.100.1")

	toRelay := up.RecvMatch(patience, func(b []byte) bool { return decode(b) != nil })
	if toRelay == nil {
		t.Fatal("nothing came to the relay")
	}
	a := decode(toRelay)
	wantAddr(t, "destination", a.ip.DstIP, "198.51.100.1")
	if a.udp.DstPort != 67 {
		t.Errorf("destination port %d, want 67", a.udp.DstPort)
	}
	info := a.RelayAgentInfo()
	if info == nil || len(info.Get(dhcpv4.AgentCircuitIDSubOption)) == 0 {
		t.Fatalf("option 82 of the answer to the relay: %v", info)
	}
	if got, want := string(info.Get(dhcpv4.AgentCircuitIDSubOption)), p.RelayDown.Name; got != want {
		t.Errorf("circuit-id %q, want %q", got, want)
	}

	ack := c.exchange(c.request(offer))
	if ack.MessageType() != dhcpv4.MessageTypeAck {
		t.Fatalf("answer to REQUEST: %s", ack.Summary())
	}
	if l := s.leases()["198.51.100.50"]; l.State != "bound" || l.Circuit != fmt.Sprintf("%x", p.RelayDown.Name) {
		t.Errorf("lease = %+v", l)
	}
}

// Fifty clients at once, on one wire, each with its own address.
func TestFiftyClientsAtOnce(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, config(p.Server, "native"))
	const n = 50
	clients := make([]*client, n)
	discovers := make([]*dhcpv4.DHCPv4, n)
	for i := range clients {
		clients[i] = newClient(t, p.Client, fmt.Sprintf("02:00:00:00:06:%02x", i))
		discovers[i] = clients[i].discover()
	}
	for i, c := range clients {
		c.wire.Send(c.frame(discovers[i]))
	}
	requests := make([]*dhcpv4.DHCPv4, n)
	for i, c := range clients {
		offer := c.await(discovers[i].TransactionID, patience)
		if offer == nil {
			t.Fatalf("client %d got no OFFER", i)
		}
		requests[i] = c.request(offer)
	}
	for i, c := range clients {
		c.wire.Send(c.frame(requests[i]))
	}
	holder := map[string]int{}
	for i, c := range clients {
		ack := c.await(requests[i].TransactionID, patience)
		if ack == nil || ack.MessageType() != dhcpv4.MessageTypeAck {
			t.Fatalf("client %d got no ACK but %v", i, ack)
		}
		addr := ack.YourIPAddr.String()
		if other, dup := holder[addr]; dup {
			t.Fatalf("clients %d and %d both got %s", other, i, addr)
		}
		holder[addr] = i
	}
	leases := s.leases()
	for addr, i := range holder {
		if got := leases[addr].MAC; got != clients[i].mac.String() {
			t.Errorf("%s is %s's in the server, %v was told so", addr, got, clients[i].mac)
		}
	}
}
