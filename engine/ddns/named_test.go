// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// named runs BIND with the two zones of these tests on a loopback port, and returns
// its address. It is another reading of RFC 2136, RFC 4701 and RFC 8945 than ours.
func named(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("named")
	if err != nil {
		if bin = "/usr/sbin/named"; !exists(bin) {
			if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
				t.Fatal("named is not installed: scripts/install-deps.sh test")
			}
			t.Skip("named is not installed")
		}
	}
	// A port that is free for UDP and TCP. Another process may take it before named
	// does; then the next one is tried.
	for range 5 {
		if addr, ok := runNamed(t, bin); ok {
			return addr
		}
	}
	t.Fatal("named does not start")
	return ""
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func runNamed(t *testing.T, bin string) (addr string, ok bool) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	dir := t.TempDir()
	conf := fmt.Sprintf(`options {
	directory "%[1]s"; pid-file none; session-keyfile "%[1]s/session.key"; managed-keys-directory "%[1]s";
	listen-on port %[2]d { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
};
controls { };
key "%[3]s" { algorithm %[4]s; secret "%[5]s"; };
`, dir, port, tsig.Name, tsig.Algorithm, tsig.Secret)
	for _, z := range []string{"example.net", "2.0.192.in-addr.arpa", zone6} {
		zone := "$TTL 60\n@ IN SOA ns.example.net. root.example.net. 1 60 60 60 60\n@ IN NS ns.example.net.\n"
		if z == "example.net" {
			zone += "ns IN A 127.0.0.1\nwww IN A 198.51.100.1\n"
		}
		file := filepath.Join(dir, z)
		if err := os.WriteFile(file, []byte(zone), 0o644); err != nil {
			t.Fatal(err)
		}
		conf += fmt.Sprintf("zone %q { type primary; file %q; update-policy { grant %s zonesub ANY; }; };\n", z, file, tsig.Name)
	}
	file := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, "-g", "-4", "-n", "1", "-c", file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-exited:
			b, _ := os.ReadFile(log.Name())
			t.Logf("named has ended: %v\n%s", err, b)
			return "", false
		default:
		}
		m := new(dns.Msg).SetQuestion("example.net.", dns.TypeSOA)
		if r, _, err := (&dns.Client{Timeout: time.Second}).Exchange(m, addr); err == nil && len(r.Answer) > 0 {
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				<-exited
				if t.Failed() {
					b, _ := os.ReadFile(log.Name())
					t.Logf("named:\n%s", b)
				}
			})
			return addr, true
		}
	}
	_ = cmd.Process.Kill()
	<-exited
	return "", false
}

// The whole life of a name with BIND as the server: added, moved, refused to others,
// taken out.
func TestNamed(t *testing.T) {
	addr := named(t)
	r := newRig(t, func(c *Config) {
		for i := range c.Zones {
			c.Zones[i].Server = addr
		}
		c.Timeout = 3 * time.Second
	})
	want := func(name string, want ...string) {
		t.Helper()
		var got []string
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			got = got[:0]
			for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeDHCID, dns.TypePTR} {
				m := new(dns.Msg).SetQuestion(name, typ)
				a, _, err := (&dns.Client{Timeout: patience}).Exchange(m, addr)
				if err != nil {
					t.Fatal(err)
				}
				for _, rr := range a.Answer {
					got = append(got, strings.Join(strings.Fields(rr.String())[3:], " "))
				}
			}
			if slices.Equal(got, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %v, want %v; %+v", name, got, want, r.u.Stats())
			}
		}
	}
	id := func(n byte, name string) string {
		c := client1(n)
		return "DHCID " + identity4(&lease.Entry{HType: c.HType, HW: c.HW}).dhcid(name)
	}
	r.grant(1, "192.0.2.10", "pc.example.net.")
	want(pointer10, id(1, "pc.example.net."), "PTR pc.example.net.")
	want("pc.example.net.", "A 192.0.2.10", id(1, "pc.example.net."))
	r.grant(1, "192.0.2.11", "pc.example.net.")
	want("pc.example.net.", "A 192.0.2.11", id(1, "pc.example.net."))
	want(pointer10)
	r.grant(2, "192.0.2.12", "pc.example.net.")
	r.grant(3, "192.0.2.13", "www.example.net.")
	eventually(t, "two conflicts", func() bool { return r.u.Stats().Conflicts == 2 })
	want("pc.example.net.", "A 192.0.2.11", id(1, "pc.example.net."))
	want("www.example.net.", "A 198.51.100.1")
	r.release(1, "192.0.2.11")
	want("pc.example.net.")
	want("11.2.0.192.in-addr.arpa.")

	na := lease6.IA{Type: lease6.NA, ID: 1}
	id6 := "DHCID " + identity{dhcidDUID, duid6(1)}.dhcid("six.example.net.")
	r.grant6(duid6(1), na, "2001:db8::10", "six.example.net.")
	want(pointer6("2001:db8::10"), id6, "PTR six.example.net.")
	want("six.example.net.", "AAAA 2001:db8::10", id6)
	r.grant6(duid6(2), na, "2001:db8::12", "six.example.net.")
	eventually(t, "three conflicts", func() bool { return r.u.Stats().Conflicts == 3 })
	r.grant6(duid6(1), na, "2001:db8::11", "six.example.net.")
	want(pointer6("2001:db8::11"), id6, "PTR six.example.net.")
	r.release6(duid6(1), na, "2001:db8::10")
	want("six.example.net.", "AAAA 2001:db8::11", id6)
	r.release6(duid6(1), na, "2001:db8::11")
	want("six.example.net.")
	want(pointer6("2001:db8::11"))
	r.idle()
	if st := r.u.Stats(); st.Failures != 0 || st.GivenUp != 0 {
		t.Errorf("%+v", st)
	}
}
