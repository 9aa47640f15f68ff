// SPDX-License-Identifier: Apache-2.0

package nettest_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/internal/nettest"
)

// long is a deadline for what should happen at once.
const long = 5 * time.Second

// frame is an Ethernet frame of the local experimental EtherType 0x88b5, with
// the tags between the addresses and the type.
func frame(dst, src net.HardwareAddr, tags []byte, payload string) []byte {
	b := append(append([]byte(nil), dst...), src...)
	b = append(b, tags...)
	b = append(b, 0x88, 0xb5)
	b = append(b, payload...)
	return append(b, make([]byte, max(0, 60-len(b)))...)
}

func TestVethCarriesFramesAsTheyAre(t *testing.T) {
	p := nettest.Veth(t)
	server, client := p.Server.Packet(t), p.Client.Packet(t)
	for _, tc := range []struct {
		name string
		tags []byte
	}{
		{"untagged", nil},
		{"802.1Q", []byte{0x81, 0, 0x20, 7}},
		{"802.1ad", []byte{0x88, 0xa8, 0x20, 7}},
		{"QinQ", []byte{0x88, 0xa8, 0, 100, 0x81, 0, 0, 200}},
		{"two 802.1Q", []byte{0x81, 0, 0, 100, 0x81, 0, 0, 200}},
		{"0x9100", []byte{0x91, 0, 0, 100, 0x81, 0, 0, 200}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := frame(p.Server.MAC, p.Client.MAC, tc.tags, tc.name)
			client.Send(want)
			if got := server.Recv(long); !bytes.Equal(got, want) {
				t.Errorf("sent % x\ngot  % x", want, got)
			}
			if own := client.Recv(0); own != nil {
				t.Errorf("the sender received % x", own)
			}
		})
	}
}

func TestVethIsSilent(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/24"), nettest.ClientAddr("10.0.0.2/24"))
	server := p.Server.Packet(t)
	// A frame of our own closes the interval: what comes before it is noise.
	p.Client.Packet(t).Send(frame(p.Server.MAC, p.Client.MAC, nil, "end"))
	if got := server.Recv(long); !bytes.Contains(got, []byte("end")) {
		t.Errorf("unexpected frame % x", got)
	}
}

func TestVethKernelsTalk(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(),
		nettest.ServerAddr("10.0.0.1/24", "2001:db8::1/64"), nettest.ClientAddr("10.0.0.2/24", "2001:db8::2/64"))
	for _, to := range []netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.1:0"),
		netip.MustParseAddrPort("[2001:db8::1]:0"),
		netip.AddrPortFrom(p.Server.LinkLocal(), 0),
	} {
		t.Run(to.Addr().String(), func(t *testing.T) {
			var server, client *net.UDPConn
			p.Server.Do(func() {
				at := to
				if to.Addr().IsLinkLocalUnicast() {
					at = netip.AddrPortFrom(to.Addr().WithZone(p.Server.Name), 0)
				}
				var err error
				if server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
					t.Fatal(err)
				}
			})
			defer server.Close()
			p.Client.Do(func() {
				at := *server.LocalAddr().(*net.UDPAddr)
				if at.Zone != "" {
					at.Zone = p.Client.Name
				}
				var err error
				if client, err = net.DialUDP("udp", nil, &at); err != nil {
					t.Fatal(err)
				}
			})
			defer client.Close()
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 16)
			if err := server.SetReadDeadline(time.Now().Add(long)); err != nil {
				t.Fatal(err)
			}
			if n, err := server.Read(buf); err != nil || string(buf[:n]) != "hello" {
				t.Errorf("got %q, %v", buf[:n], err)
			}
		})
	}
}

func TestRelayForwards(t *testing.T) {
	p := nettest.Relay(t, nettest.ClientAddr("198.51.100.10/24"))
	out, err := p.Client.Command("ip", "route", "add", "default", "via", "198.51.100.1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var server net.PacketConn
	p.Server.Do(func() {
		if server, err = net.ListenPacket("udp4", "192.0.2.1:0"); err != nil {
			t.Fatal(err)
		}
	})
	defer server.Close()
	var client net.Conn
	p.Client.Do(func() {
		if client, err = net.Dial("udp4", server.LocalAddr().String()); err != nil {
			t.Fatal(err)
		}
	})
	defer client.Close()
	if _, err := client.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	for _, c := range []interface{ SetReadDeadline(time.Time) error }{server, client} {
		if err := c.SetReadDeadline(time.Now().Add(long)); err != nil {
			t.Fatal(err)
		}
	}
	_, from, err := server.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.WriteTo([]byte("pong"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "pong" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

func TestQueues(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		p := nettest.Veth(t, nettest.Queues(n))
		for _, e := range []*nettest.End{p.Server, p.Client} {
			for _, dir := range []string{"rx", "tx"} {
				out, err := e.Command("sh", "-c", "ls -d /sys/class/net/"+e.Name+"/queues/"+dir+"-*").Output()
				if got := strings.Count(string(out), "\n"); err != nil || got != n {
					t.Errorf("%s: %d %s queues, want %d (%v)", e.Name, got, dir, n, err)
				}
			}
		}
	}
}

func TestLinkGoesDownAndUp(t *testing.T) {
	p := nettest.Veth(t)
	server, client := p.Server.Packet(t), p.Client.Packet(t)
	p.Server.SetDown()
	p.Server.SetUp()
	p.Server.WaitUp(long)
	p.Client.WaitUp(long)
	client.Send(frame(p.Server.MAC, p.Client.MAC, nil, "again"))
	if server.Recv(long) == nil {
		t.Error("no frame after the link came back")
	}
	p.Client.Delete()
	if _, err := p.Server.Netlink().LinkByName(p.Server.Name); err == nil {
		t.Error("the other end is still there")
	}
}

func TestCommandCannotTouchTheMachine(t *testing.T) {
	before, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	mark := fmt.Sprintf("/etc/nettest-%d", os.Getpid())
	p := nettest.Veth(t)
	script := fmt.Sprintf("echo x >%s; echo changed >/etc/hostname; mv %s /etc/resolv.conf; hostname changed; echo 7 >/run/x; echo lease >/var/lib/dhcp/x", mark, mark)
	if out, err := p.Client.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if after, _ := os.ReadFile("/etc/hostname"); !bytes.Equal(before, after) {
		t.Error("/etc/hostname changed")
	}
	if now, _ := os.Hostname(); now != host {
		t.Error("the host name changed")
	}
	if out, err := p.Client.Command("touch", "/etc/default/nettest").CombinedOutput(); err == nil {
		t.Errorf("a directory of /etc can be written to: %s", out)
	}
	// A second program of the same namespace finds what the first one left …
	out, err := p.Client.Command("cat", "/etc/resolv.conf", "/run/x", "/var/lib/dhcp/x").CombinedOutput()
	if err != nil || string(out) != "x\n7\nlease\n" {
		t.Errorf("second command: %q, %v", out, err)
	}
	// … and one of another namespace does not.
	if out, err := p.Server.Command("cat", "/run/x").CombinedOutput(); err == nil {
		t.Errorf("another namespace sees %q", out)
	}
}

func TestCleanup(t *testing.T) {
	var handles []string
	var pids string
	fds := openFDs(t)
	t.Run("network", func(t *testing.T) {
		p := nettest.Relay(t)
		for _, e := range []*nettest.End{p.Server, p.RelayUp, p.Client} {
			handles = append(handles, e.Handle.UniqueId())
		}
		// A daemon that has left its parent.
		out, err := p.Client.Command("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!").Output()
		if err != nil {
			t.Fatal(err)
		}
		pids = strings.TrimSpace(string(out))
		p.Client.Packet(t)
	})
	// The daemon is gone or waits to be buried by init.
	if stat, err := os.ReadFile("/proc/" + pids + "/stat"); err == nil && !bytes.Contains(stat, []byte(") Z ")) {
		t.Errorf("the daemon is still there: %s", stat)
	}
	if now := openFDs(t); now != fds {
		t.Errorf("%d descriptors before, %d after", fds, now)
	}
	for i, h := range handles {
		for _, other := range handles[:i] {
			if h == other {
				t.Errorf("namespace %s twice", h)
			}
		}
	}
}

func TestDoComesHomeAfterFatal(t *testing.T) {
	home := netnsOfThread(t)
	n := nettest.NewNamespace(t)
	n.Do(func() {
		if netnsOfThread(t) == home {
			t.Error("Do did not enter the namespace")
		}
	})
	func() {
		defer func() { _ = recover() }()
		n.Do(func() { panic("out of here") })
	}()
	if netnsOfThread(t) != home {
		t.Error("the thread stayed in the namespace")
	}
}

func TestParallel(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/24"))
			client := p.Client.Packet(t)
			server := p.Server.Packet(t)
			client.Send(frame(p.Server.MAC, p.Client.MAC, nil, t.Name()))
			if got := server.Recv(long); !bytes.Contains(got, []byte(t.Name())) {
				t.Errorf("got % x", got)
			}
		})
	}
}

func netnsOfThread(t *testing.T) string {
	t.Helper()
	s, err := os.Readlink(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openFDs(t *testing.T) int {
	t.Helper()
	l, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(l)
}
