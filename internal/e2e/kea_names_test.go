// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// keaNamesConf has clients' names put into the DNS, in every way that Kea has.
const keaNamesConf = `{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "IFACE" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "multi-threading": { "enable-multi-threading": false },
  "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stderr" } ] } ],
  "valid-lifetime": 4294967295,
  "dhcp-ddns": { "enable-updates": true },
  "ddns-qualifying-suffix": "example.net.",
  "subnet4": [
    { "subnet": "192.0.2.0/24", "id": 1, "pools": [ { "pool": "192.0.2.100-192.0.2.199" } ],
      "reservations": [
        { "hw-address": "02:00:00:00:00:21", "ip-address": "192.0.2.21", "hostname": "printer" },
        { "hw-address": "02:00:00:00:00:22", "ip-address": "192.0.2.22", "hostname": "Printer_2.other.org" },
        { "hw-address": "02:00:00:00:00:ff", "ip-address": "192.0.2.99" } ] },
    { "subnet": "10.1.0.0/24", "id": 11, "pools": [ { "pool": "10.1.0.10-10.1.0.10" } ], "ddns-replace-client-name": "always", "ddns-generated-prefix": "gen" },
    { "subnet": "10.2.0.0/24", "id": 12, "pools": [ { "pool": "10.2.0.10-10.2.0.10" } ], "ddns-replace-client-name": "when-present" },
    { "subnet": "10.3.0.0/24", "id": 13, "pools": [ { "pool": "10.3.0.10-10.3.0.10" } ], "ddns-replace-client-name": "when-not-present" },
    { "subnet": "10.4.0.0/24", "id": 14, "pools": [ { "pool": "10.4.0.10-10.4.0.10" } ], "ddns-send-updates": false },
    { "subnet": "10.5.0.0/24", "id": 15, "pools": [ { "pool": "10.5.0.10-10.5.0.10" } ],
      "ddns-override-no-update": true, "ddns-override-client-update": true, "ddns-qualifying-suffix": "other.org" },
    { "subnet": "10.6.0.0/24", "id": 16, "pools": [ { "pool": "10.6.0.10-10.6.0.10" } ], "hostname-char-set": "[^A-Za-z0-9.]", "hostname-char-replacement": "x" },
    { "subnet": "10.7.0.0/24", "id": 17, "pools": [ { "pool": "10.7.0.10-10.7.0.10" } ], "hostname-char-set": "", "ddns-qualifying-suffix": "" }
  ]
} }
`

// Clients' names are answered as Kea answers them.
func TestNamesAsKea(t *testing.T) {
	kea := newKeaPeer(t, keaNamesConf)
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	ours := &keaPeer{name: "xdhcpd", end: p.Client, server: p.Server}
	text := keaText(keaNamesConf, p.Server.Name, kea.hooks)
	s := newServer(t, xdhcpd, p.Server, text)
	s.config = filepath.Join(filepath.Dir(s.config), "kea-dhcp4.conf")
	s.configure(text)
	d2 := `{ "DhcpDdns": {
  "tsig-keys": [ { "name": "dhcp.key.", "algorithm": "HMAC-SHA256", "secret": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==" } ],
  "forward-ddns": { "ddns-domains": [
    { "name": "example.net.", "key-name": "dhcp.key.", "dns-servers": [ { "ip-address": "192.0.2.53", "port": 5353 } ] },
    { "name": "other.org.", "dns-servers": [ { "ip-address": "192.0.2.53" } ] } ] },
  "reverse-ddns": { "ddns-domains": [ { "name": "in-addr.arpa.", "dns-servers": [ { "ip-address": "192.0.2.53" } ] } ] } } }
`
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.config), "kea-dhcp-ddns.conf"), []byte(d2), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start()
	compare(t, kea, ours, keaNameCases())
}

func keaNameCases() (cases []keaCase) {
	names := []struct{ what, host, fqdn string }{
		{"nothing", "", ""},
		{"a host name", "desk", ""},
		{"a host name with dots", "desk.other.com", ""},
		{"a host name with capitals", "Desk", ""},
		{"a host name with other characters", "d_e s!k", ""},
		{"a short name", "", "\x01\x00\x00desk"},
		{"a short name in wire form", "", "\x05\x00\x00\x04desk"},
		{"a whole name", "", "\x01\x00\x00desk.other.com"},
		{"a whole name in wire form", "", "\x05\x00\x00\x04desk\x05other\x03com\x00"},
		{"both", "desk", "\x01\x00\x00table"},
		{"the client's own update", "", "\x00\x00\x00desk"},
		{"no update", "", "\x08\x00\x00desk"},
		{"an empty name", "", "\x01\x00\x00"},
		{"an empty name in wire form", "", "\x05\x00\x00"},
		{"capitals", "", "\x01\x00\x00Desk.Example.NET"},
		{"capitals in wire form", "", "\x05\x00\x00\x04Desk\x03COM\x00"},
		{"other characters", "", "\x01\x00\x00d_e s.example.net"},
		{"other characters in wire form", "", "\x05\x00\x00\x04d_es\x00"},
	}
	places := []struct {
		what, mac, via string
	}{
		{"192.0.2", "02:00:00:00:01:01", ""}, {"reserved", "02:00:00:00:00:21", ""}, {"reserved with dots", "02:00:00:00:00:22", ""},
		{"always", "02:00:00:00:01:02", "10.1.0.1"}, {"when-present", "02:00:00:00:01:03", "10.2.0.1"},
		{"when-not-present", "02:00:00:00:01:04", "10.3.0.1"}, {"no updates", "02:00:00:00:01:05", "10.4.0.1"},
		{"overridden", "02:00:00:00:01:06", "10.5.0.1"}, {"characters", "02:00:00:00:01:07", "10.6.0.1"}, {"bare", "02:00:00:00:01:08", "10.7.0.1"},
	}
	for _, at := range places {
		for _, n := range names {
			if at.what == "bare" && !strings.Contains(n.what, "whole name") && !strings.Contains(n.what, "host name") {
				continue // a name of one label, or that no host can have, is not promised to be put into the DNS
			}
			mods := []dhcpv4.Modifier{wants(1, 12, 81)}
			if at.via != "" {
				mods = append(mods, relayedBy(at.via))
			}
			if n.host != "" {
				mods = append(mods, with(12, n.host))
			}
			if n.fqdn != "" {
				mods = append(mods, with(81, n.fqdn))
			}
			cases = append(cases, leases(at.what+": "+n.what, at.mac, mods...))
		}
	}
	return cases
}
