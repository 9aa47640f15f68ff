// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// keaConf6 is one configuration that both Kea's DHCPv6 server and we serve.
const keaConf6 = `{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "IFACE" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "multi-threading": { "enable-multi-threading": false },
  "loggers": [ { "name": "kea-dhcp6", "severity": "INFO", "output_options": [ { "output": "stderr" } ] } ],
  "server-id": { "type": "EN", "enterprise-id": 1, "identifier": "AABBCC", "persist": false },
  "preferred-lifetime": 3000, "valid-lifetime": 4000, "renew-timer": 1000, "rebind-timer": 2000,
  "option-def": [ { "name": "acs", "code": 60000, "type": "string" }, { "name": "config", "code": 33, "space": "vendor-4491", "type": "string" } ],
  "option-data": [
    { "name": "dns-servers", "data": "2001:db8::53, 2001:db8::54" },
    { "name": "domain-search", "data": "a.example.net, b.example.org" },
    { "name": "sntp-servers", "data": "2001:db8::123", "always-send": true },
    { "name": "acs", "data": "http://acs.example/" },
    { "name": "solmax-rt", "data": "120" },
    { "name": "bootfile-param", "data": "root=/dev/nfs, quiet" },
    { "name": "new-tzdb-timezone", "data": "Europe/Zurich" },
    { "name": "aftr-name", "data": "aftr.example.net" }
  ],
  "client-classes": [
    { "name": "modems", "test": "substring(option[16].hex,6,6) == 'docsis'",
      "option-data": [ { "name": "nis-servers", "data": "2001:db8::77" } ] },
    { "name": "DROP", "test": "option[1].hex == 0x0003000102deadbeef00" }
  ],
  "subnet6": [
    { "subnet": "2001:db8:0:1::/64", "id": 1, "interface": "IFACE", "rapid-commit": true,
      "option-data": [ { "name": "aftr-name", "data": "aftr.example.org" } ],
      "pools": [ { "pool": "2001:db8:0:1::100-2001:db8:0:1::100" } ],
      "pd-pools": [ { "prefix": "2001:db8:1000::", "prefix-len": 56, "delegated-len": 56 } ],
      "reservations": [
        { "duid": "00:03:00:01:02:00:00:00:00:21", "ip-addresses": [ "2001:db8:0:1::21" ], "prefixes": [ "2001:db8:2100::/48" ],
          "option-data": [ { "name": "new-tzdb-timezone", "data": "Europe/Berlin" } ] },
        { "hw-address": "02:00:00:00:00:22", "ip-addresses": [ "2001:db8:0:1::22" ] } ] }
  ] } }`

// keaClients are the last octets of the clients' MAC addresses.
var keaClients = []byte{0x21, 0x22, 0x30, 0x31, 0x40}

// newKea6 starts kea-dhcp6 on a wire of its own and returns the client's end.
func newKea6(t *testing.T) *nettest.End {
	t.Helper()
	const bin = "/usr/sbin/kea-dhcp6"
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
			t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
		}
		t.Skip("kea-dhcp6 is not installed")
	}
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
	dir := t.TempDir()
	file := filepath.Join(dir, "kea.conf")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(keaConf6, "IFACE", p.Server.Name)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := p.Server.Command(bin, "-c", file)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	out := &nettest.Transcript{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Kea:\n%s", out.String())
		}
	})
	// Its answers go through the kernel, whose neighbours our clients are not.
	for _, last := range keaClients {
		m := net.HardwareAddr{2, 0, 0, 0, 0, last}
		ll := (&client6er{mac: m}).linkLocal().String()
		if said, err := p.Server.Command("ip", "-6", "neigh", "replace", ll, "lladdr", m.String(), "dev", p.Server.Name).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	eventually(t, "Kea serves", func() bool { return strings.Contains(out.String(), "DHCP6_STARTED") })
	return p.Client
}

// say6 is what an answer says, without what differs between any two servers: who
// they are, in which order they write, and how they word a status.
func say6(m *dhcpv6.Message) string {
	parts := []string{m.MessageType.String()}
	for _, o := range m.Options.Options {
		switch o := o.(type) {
		case *dhcpv6.OptIANA:
			parts = append(parts, fmt.Sprintf("NA %x T1 %v T2 %v %s", o.IaId, o.T1, o.T2, sayIA(o.Options.Options)))
		case *dhcpv6.OptIAPD:
			parts = append(parts, fmt.Sprintf("PD %x T1 %v T2 %v %s", o.IaId, o.T1, o.T2, sayIA(o.Options.Options)))
		case *dhcpv6.OptStatusCode:
			parts = append(parts, fmt.Sprintf("status %d", o.StatusCode))
		default:
			if o.Code() != dhcpv6.OptionServerID {
				parts = append(parts, fmt.Sprintf("%d=%x", o.Code(), o.ToBytes()))
			}
		}
	}
	// RFC 8415 §18.3.7 has one Success for all that was released; Kea has one in
	// each IA beside it.
	parts = slices.DeleteFunc(parts, func(p string) bool { return strings.HasSuffix(p, "T1 0s T2 0s status 0") })
	slices.Sort(parts[1:])
	return strings.Join(parts, "\n  ")
}

func sayIA(os dhcpv6.Options) string {
	var parts []string
	for _, o := range os {
		switch o := o.(type) {
		case *dhcpv6.OptIAAddress:
			parts = append(parts, fmt.Sprintf("%v %v/%v", o.IPv6Addr, o.PreferredLifetime, o.ValidLifetime))
		case *dhcpv6.OptIAPrefix:
			parts = append(parts, fmt.Sprintf("%v %v/%v", o.Prefix, o.PreferredLifetime, o.ValidLifetime))
		case *dhcpv6.OptStatusCode:
			parts = append(parts, fmt.Sprintf("status %d", o.StatusCode))
		}
	}
	return strings.Join(parts, ", ")
}

// One file, two servers: Kea's own and ours, which reads it as it is. They say the
// same to the same clients.
func TestAnswersAsKea6(t *testing.T) {
	t.Parallel()
	theirs := newKea6(t)
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.IPv6())
	s := serve(t, p.Server, strings.ReplaceAll(keaConf6, "IFACE", p.Server.Name))

	na, pd := &dhcpv6.OptIANA{IaId: [4]byte{1}}, &dhcpv6.OptIAPD{IaId: [4]byte{2}}
	oro := func(codes ...dhcpv6.OptionCode) dhcpv6.Option { return dhcpv6.OptRequestedOption(codes...) }
	mac := func(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }
	// Each conversation is held with both; what the answers say is compared.
	for _, tt := range []struct {
		name string
		talk func(c *client6er) []*dhcpv6.Message
	}{
		{"a reservation by DUID: address, prefix, options", func(c *client6er) []*dhcpv6.Message {
			c.mac, c.duid = mac(0x21), &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac(0x21)}
			adv := c.ask(c.message(dhcpv6.MessageTypeSolicit, na, pd, oro(23, 24, 42, 60000)))
			req := c.request(adv)
			req.AddOption(oro(23, 24, 42, 60000))
			c.last = c.ask(req)
			return []*dhcpv6.Message{adv, c.last, c.send(dhcpv6.MessageTypeRenew), c.send(dhcpv6.MessageTypeRelease)}
		}},
		{"a reservation by MAC", func(c *client6er) []*dhcpv6.Message {
			c.mac, c.duid = mac(0x22), &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac(0x22)}
			return []*dhcpv6.Message{c.ask(c.message(dhcpv6.MessageTypeSolicit, na, oro(64, 82)))}
		}},
		{"of the pools, with rapid commit", func(c *client6er) []*dhcpv6.Message {
			c.mac, c.duid = mac(0x30), &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac(0x30)}
			return []*dhcpv6.Message{c.ask(c.message(dhcpv6.MessageTypeSolicit, na, pd, &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}))}
		}},
		{"when the pools are empty", func(c *client6er) []*dhcpv6.Message {
			c.mac, c.duid = mac(0x31), &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac(0x31)}
			return []*dhcpv6.Message{c.ask(c.message(dhcpv6.MessageTypeSolicit, na, pd))}
		}},
		{"only information, of a class", func(c *client6er) []*dhcpv6.Message {
			return []*dhcpv6.Message{
				c.ask(c.message(dhcpv6.MessageTypeInformationRequest, oro(23, 27, 60, 64, 500))),
				c.ask(c.message(dhcpv6.MessageTypeInformationRequest, oro(23, 27, 60, 64, 500),
					&dhcpv6.OptVendorClass{EnterpriseNumber: 4491, Data: [][]byte{[]byte("docsis3.1")}})),
			}
		}},
	} {
		var said [2][]string
		for i, end := range []*nettest.End{theirs, p.Client} {
			for _, m := range tt.talk(newClient6As(t, end, mac(0x40))) {
				said[i] = append(said[i], say6(m))
			}
		}
		for i := range said[0] {
			if said[0][i] != said[1][i] {
				t.Errorf("%s, answer %d: Kea says\n%s\nand we\n%s", tt.name, i, said[0][i], said[1][i])
			}
		}
	}
	s.stop()
}
