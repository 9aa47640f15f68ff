// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"

	"xdhcp/internal/nettest"
)

// A crash leaves the interface to the kernel: no XDP program stays attached,
// and the next server can take the queues at once.
func TestACrashLeavesTheInterfaceUsable(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr), nettest.ClientAddr("192.0.2.2/24"))
	s := serve(t, p.Server, config(p.Server, "native"))
	newClient(t, p.Client, "02:00:00:00:07:01").lease()
	s.kill()
	eventually(t, "the XDP program is gone", func() bool {
		link, err := p.Server.Netlink().LinkByName(p.Server.Name)
		return err == nil && (link.Attrs().Xdp == nil || !link.Attrs().Xdp.Attached)
	})
	kernelsTalk(t, p)
	s.start()
	newClient(t, p.Client, "02:00:00:00:07:02").lease()
	s.stop()
}

// kernelsTalk requires that a datagram gets from the client's kernel to the
// server's.
func kernelsTalk(t *testing.T, p *nettest.Pair) {
	t.Helper()
	var in, out net.Conn
	p.Server.Do(func() {
		pc, err := net.ListenPacket("udp4", "192.0.2.1:7")
		if err != nil {
			t.Fatal(err)
		}
		in = pc.(*net.UDPConn)
	})
	defer in.Close()
	p.Client.Do(func() {
		var err error
		if out, err = net.Dial("udp4", "192.0.2.1:7"); err != nil {
			t.Fatal(err)
		}
	})
	defer out.Close()
	if _, err := out.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := in.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, err := in.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("the server's kernel read %q, %v", buf[:n], err)
	}
}

// The link goes down and comes back, and the server serves on.
func TestLinkDownAndUp(t *testing.T) {
	for _, xdp := range []string{"native", "off"} {
		t.Run(xdp, func(t *testing.T) {
			p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
			s := serve(t, p.Server, config(p.Server, xdp))
			c := newClient(t, p.Client, "02:00:00:00:08:01")
			first := c.lease()
			p.Server.SetDown()
			eventually(t, "the server notices", func() bool { return s.status().Interfaces[0].State == "down" })
			p.Server.SetUp()
			p.Server.WaitUp(patience)
			eventually(t, "the server serves again", func() bool { return s.status().Interfaces[0].State == "serving" })
			p.Client.WaitUp(patience)
			if got := c.lease().YourIPAddr; !got.Equal(first.YourIPAddr) {
				t.Errorf("after the link came back: %v, had %v", got, first.YourIPAddr)
			}
			s.stop()
		})
	}
}

// One of two interfaces vanishes: the other one is served as before, and the
// first again when it returns.
func TestAnInterfaceVanishesAndReturns(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	second, secondClient := nettest.Connect(t, p.Server.Namespace, nettest.NewNamespace(t))
	second.AddAddr("198.51.100.1/24")
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s, %s]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
  - subnet: 198.51.100.0/24
    pools: [198.51.100.100-198.51.100.199]
`, p.Server.Name, second.Name))
	newClient(t, secondClient, "02:00:00:00:09:01").lease()

	second.Delete()
	eventually(t, "the server notices", func() bool { return s.status().Interfaces[1].State == "absent" })
	newClient(t, p.Client, "02:00:00:00:09:02").lease()

	attrs := netlink.NewLinkAttrs()
	attrs.Name = second.Name
	v := netlink.NewVeth(attrs)
	v.PeerName = secondClient.Name
	v.PeerNamespace = netlink.NsFd(secondClient.Handle)
	if err := p.Server.Netlink().LinkAdd(v); err != nil {
		t.Fatal(err)
	}
	back := reopen(t, second)
	peer := reopen(t, secondClient)
	back.SetUp()
	peer.SetUp()
	back.WaitUp(patience)
	back.AddAddr("198.51.100.1/24")
	eventually(t, "the server serves it again", func() bool { return s.status().Interfaces[1].State == "serving" })
	a := newClient(t, peer, "02:00:00:00:09:01").lease()
	wantAddr(t, "yiaddr", a.YourIPAddr, "198.51.100.100")
	s.stop()
}

// reopen finds an end again that was deleted and made anew.
func reopen(t *testing.T, e *nettest.End) *nettest.End {
	t.Helper()
	link, err := e.Netlink().LinkByName(e.Name)
	if err != nil {
		t.Fatal(err)
	}
	again := *e
	again.Index, again.MAC = link.Attrs().Index, link.Attrs().HardwareAddr
	return &again
}

// Another AF_XDP program holds the interface: the server says so and ends.
func TestATakenInterfaceIsAClearError(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	first := serve(t, p.Server, config(p.Server, "native"))
	out, err := p.Server.Command(xdhcpd, "serve", "-c", first.config, "--state", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), p.Server.Name) || !strings.Contains(string(out), "busy") {
		t.Errorf("the second server: %v\n%s", err, out)
	}
}

// SIGHUP loads a changed file without losing a lease; a bad file leaves the
// old configuration in force and says what is wrong with the new one.
func TestReload(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	good := config(p.Server, "native")
	s := serve(t, p.Server, good)
	c := newClient(t, p.Client, "02:00:00:00:0a:01")
	first := c.lease()

	s.configure(strings.Replace(good, "pools:", "pols:", 1))
	s.signal(syscall.SIGHUP)
	eventually(t, "the bad file is refused", func() bool { return s.status().ReloadError != "" })
	if !strings.Contains(s.log.String(), "did you mean pools?") {
		t.Errorf("the log does not say what was meant:\n%s", s.log.String())
	}
	if got := c.lease().YourIPAddr; !got.Equal(first.YourIPAddr) {
		t.Errorf("with the bad file: %v, had %v", got, first.YourIPAddr)
	}

	s.configure(strings.NewReplacer("192.0.2.100-192.0.2.199", "192.0.2.90-192.0.2.199", "example.net", "example.org").Replace(good))
	s.signal(syscall.SIGHUP)
	eventually(t, "the good file is loaded", func() bool {
		st := s.status()
		return st.ReloadError == "" && st.Pools[0].Size == 110
	})
	again := c.lease()
	if !again.YourIPAddr.Equal(first.YourIPAddr) {
		t.Errorf("after the reload: %v, had %v", again.YourIPAddr, first.YourIPAddr)
	}
	if got := again.DomainName(); got != "example.org" {
		t.Errorf("domain name after the reload = %q", got)
	}
	s.stop()
}

// Without the privileges that XDP needs, one sentence names them, and nothing
// has been attached or written by then.
func TestMissingCapabilitiesAreNamed(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	dir := t.TempDir()
	file, state := filepath.Join(dir, "xdhcp.yaml"), filepath.Join(dir, "state")
	if err := os.WriteFile(file, []byte(config(p.Server, "auto")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := p.Server.Command("setpriv", "--bounding-set=-all", "--inh-caps=-all",
		xdhcpd, "serve", "-c", file, "--state", state).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "CAP_") || strings.Count(strings.TrimSpace(string(out)), "\n") != 0 {
		t.Errorf("without capabilities: %v\n%s", err, out)
	}
	link, err := p.Server.Netlink().LinkByName(p.Server.Name)
	if err != nil {
		t.Fatal(err)
	}
	if x := link.Attrs().Xdp; x != nil && x.Attached {
		t.Error("an XDP program is attached")
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state directory was made: %v", err)
	}
}

// Requests that come while the configuration is loaded again, over and over,
// are all answered, each at its first try.
func TestReloadLosesNoPacket(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	yaml := config(p.Server, "native")
	s := serve(t, p.Server, yaml)
	c := newClient(t, p.Client, "02:00:00:00:0c:00")
	const reloads, each = 20, 25
	for i := range reloads {
		loaded := s.status().ConfigLoaded
		// Another pool each time, so that the table's layout changes too.
		s.configure(strings.Replace(yaml, "192.0.2.199", fmt.Sprintf("192.0.2.%d", 200+i), 1))
		s.signal(syscall.SIGHUP)
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
				t.Fatalf("reload %d: %d of %d requests were not answered: %+v", i, len(sent), each, s.status())
			}
			delete(sent, decode(f).TransactionID)
		}
		eventually(t, "the file is loaded", func() bool { return s.status().ConfigLoaded.After(loaded) })
	}
	s.stop()
}
