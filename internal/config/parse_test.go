// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// design is the example of the design page without its IPv6 subnet.
const design = `interfaces: [eth1]                 # or {name: eth1, xdp: auto|native|generic|off, wait: poll|busy, vlans: true}
state: /var/lib/xdhcp
durability: sync                   # sync: on disk before the ACK | async
subnets:
  - subnet: 10.0.0.0/8
    pools: [10.0.1.0-10.255.255.250]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [10.0.0.1], domain-name-servers: [10.0.0.53], domain-name: example.net}
    reservations:
      - {mac: "02:00:00:00:00:01", address: 10.0.0.20}
classes:
  - {name: windows, match: {vendor-class: "MSFT 5.0"}, options: {vendor-specific: {microsoft-disable-netbios: 2}}}
`

func mustParse(t testing.TB, text string) *Config {
	t.Helper()
	cfg, problems := Parse("dhcp.yaml", []byte(text))
	for _, p := range problems {
		t.Errorf("%v\n%s", p, p.Excerpt)
	}
	if cfg == nil {
		t.FailNow()
	}
	return cfg
}

var diffOptions = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestDesignExample(t *testing.T) {
	want := &Config{
		File:             "dhcp.yaml",
		Interfaces:       []Interface{{Name: "eth1", At: Place{1, 14}}},
		State:            "/var/lib/xdhcp",
		OfferHold:        60,
		DeclineProbation: 600,
		History:          History{Keep: 366 * 86400, Size: 8 << 30},
		ReservationOrder: []Identifier{ByMAC, ByClientID, ByCircuitID, ByRemoteID, BySubscriberID, ByDUID, ByFlexID},
		Lease:            Lease{Valid: 3600, Min: 3600, Max: 3600},
		Subnets: []Subnet{{
			Prefix: netip.MustParsePrefix("10.0.0.0/8"),
			Pools: []Pool{{
				Name:   "10.0.1.0-10.255.255.250",
				Range:  Range{ip("10.0.1.0"), ip("10.255.255.250")},
				Ranges: []Range{{ip("10.0.1.0"), ip("10.255.255.250")}},
				At:     Place{6, 13},
			}},
			Lease: Lease{Valid: 3600, Renew: 1800, Rebind: 3150, Min: 3600, Max: 3600},
			Options: []Option{
				{Code: 3, Name: "routers", Data: []byte{10, 0, 0, 1}, At: Place{8, 15}},
				{Code: 6, Name: "domain-name-servers", Data: []byte{10, 0, 0, 53}, At: Place{8, 36}},
				{Code: 15, Name: "domain-name", Data: []byte("example.net"), At: Place{8, 70}},
			},
			Reservations: []Reservation{{
				MAC: [6]byte{2, 0, 0, 0, 0, 1}, Address: ip("10.0.0.20"), At: Place{10, 9},
			}},
			At: Place{5, 5},
		}},
		Classes: []Class{{
			Name: "windows", Match: &Match{By: MatchVendorClass, Value: []byte("MSFT 5.0")},
			Options: []Option{{Code: 43, Name: "vendor-encapsulated-options", Data: []byte{1, 4, 0, 0, 0, 2}, At: Place{12, 66}}},
			At:      Place{12, 5},
		}},
		DHCP6: defaults6(),
	}
	got := mustParse(t, design)
	// The id is a hash; what matters is that it is there and does not move.
	if id := got.Subnets[0].ID; id == 0 || id != mustParse(t, strings.Replace(design, "subnets:\n", "subnets:\n  - {subnet: 192.0.2.0/24}\n", 1)).Subnets[1].ID {
		t.Errorf("id %d is not the prefix's own", id)
	}
	want.Subnets[0].ID = got.Subnets[0].ID
	if d := cmp.Diff(want, got, diffOptions); d != "" {
		t.Error(d)
	}
}

// The least that a file can say.
func TestMinimal(t *testing.T) {
	cfg := mustParse(t, "interfaces: eth1\nsubnets: {subnet: 192.0.2.0/24, pools: 192.0.2.10-192.0.2.20}\n")
	if len(cfg.Interfaces) != 1 || len(cfg.Subnets) != 1 || len(cfg.Subnets[0].Pools) != 1 {
		t.Errorf("%+v", cfg)
	}
}

func TestInterfaces(t *testing.T) {
	cfg := mustParse(t, `
interfaces:
  - eth0
  - {name: eth1, xdp: native, wait: busy, vlans: true, address: 192.0.2.1}
  - name: eth2
    xdp: off
  - {name: eth3, xdp: generic}
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10]}]
`)
	want := []Interface{
		{Name: "eth0"},
		{Name: "eth1", XDP: XDPNative, Wait: WaitBusy, VLANs: true, Address: ip("192.0.2.1")},
		{Name: "eth2", XDP: XDPOff},
		{Name: "eth3", XDP: XDPGeneric},
	}
	if d := cmp.Diff(want, cfg.Interfaces, diffOptions, cmpopts.IgnoreFields(Interface{}, "At")); d != "" {
		t.Error(d)
	}
	if s := cfg.Interfaces[1].XDP.String() + " " + cfg.Interfaces[1].Wait.String(); s != "native busy" {
		t.Error(s)
	}
}

func TestLeaseInheritance(t *testing.T) {
	head := "interfaces: [eth1]\nlease: {valid: 1d, renew: 2h, max: 2d}\nsubnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], "
	tests := []struct {
		lease string
		want  Lease
	}{
		{"", Lease{Valid: 86400, Renew: 7200, Min: 86400, Max: 172800}},
		{"lease: {renew: 1h}", Lease{Valid: 86400, Renew: 3600, Min: 86400, Max: 172800}},
		{"lease: {rebind: 3h, min: 60}", Lease{Valid: 86400, Renew: 7200, Rebind: 10800, Min: 60, Max: 172800}},
		// Another length: the times above do not go with it.
		{"lease: {valid: 10m}", Lease{Valid: 600, Min: 600, Max: 600}},
		{"lease: 10m", Lease{Valid: 600, Min: 600, Max: 600}},
		{"lease: {valid: infinite}", Lease{Valid: Infinite, Min: Infinite, Max: Infinite}},
		{"lease: {valid: 600, min: 1m, max: infinite}", Lease{Valid: 600, Min: 60, Max: Infinite}},
	}
	for _, tt := range tests {
		cfg := mustParse(t, head+tt.lease+"}]\n")
		if got := cfg.Subnets[0].Lease; got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.lease, got, tt.want)
		}
	}
}

func TestPools(t *testing.T) {
	tests := []struct {
		subnet string // the rest of it
		want   string // ranges of all pools
	}{
		{"pools: [192.0.2.10-192.0.2.20]", "192.0.2.10-192.0.2.20"},
		{"pools: ['192.0.2.10 - 192.0.2.20']", "192.0.2.10-192.0.2.20"},
		{"pools: [192.0.2.16/28, {range: 192.0.2.5}]", "192.0.2.16-192.0.2.31; 192.0.2.5-192.0.2.5"},
		{"pools: [192.0.2.0/24], exclude: [192.0.2.0, 192.0.2.255]", "192.0.2.1-192.0.2.254"},
		{"pools: [192.0.2.1-192.0.2.99], exclude: [192.0.2.50-192.0.2.59, 192.0.2.55-192.0.2.60, 192.0.2.61, 192.0.2.99, 192.0.2.200]",
			"192.0.2.1-192.0.2.49, 192.0.2.62-192.0.2.98"},
		{"pools: [192.0.2.1-192.0.2.9], options: {routers: [192.0.2.4]}", "192.0.2.1-192.0.2.3, 192.0.2.5-192.0.2.9"},
	}
	for _, tt := range tests {
		cfg := mustParse(t, "interfaces: [eth1]\nsubnets: [{subnet: 192.0.2.0/24, "+tt.subnet+"}]\n")
		var pools []string
		for _, p := range cfg.Subnets[0].Pools {
			var ranges []string
			for _, r := range p.Ranges {
				ranges = append(ranges, r.First.String()+"-"+r.Last.String())
			}
			pools = append(pools, strings.Join(ranges, ", "))
		}
		if got := strings.Join(pools, "; "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.subnet, got, tt.want)
		}
	}
}

// RFC 3021: both addresses of a /31 are hosts; a /32 is one.
func TestRFC3021(t *testing.T) {
	cfg := mustParse(t, "interfaces: [eth1]\nsubnets:\n- {subnet: 192.0.2.0/31, pools: [192.0.2.0/31]}\n- {subnet: 192.0.2.9/32, pools: [192.0.2.9]}\n")
	if r := cfg.Subnets[0].Pools[0].Ranges[0]; r != (Range{ip("192.0.2.0"), ip("192.0.2.1")}) {
		t.Error(r)
	}
}

func TestReservations(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1]
subnets:
  - subnet: 192.0.2.0/24
    reservations:
      - {mac: 02:00:00:00:00:01, address: 192.0.2.5, hostname: one}
      - mac: 02-00-00-00-00-02
        options: {routers: [192.0.2.2], host-name: two}
      - {mac: 0200.0000.0003, hostname: three.example.net}
      - {mac: 02000000000a, address: 192.0.2.6}
  - subnet: 198.51.100.0/24
    reservations: [{mac: 02:00:00:00:00:01, address: 198.51.100.5}]
`)
	want := []Reservation{
		{MAC: [6]byte{2, 0, 0, 0, 0, 1}, Address: ip("192.0.2.5"), Hostname: "one", Options: []Option{{Code: 12, Name: "host-name", Data: []byte("one")}}},
		{MAC: [6]byte{2, 0, 0, 0, 0, 2}, Options: []Option{{Code: 3, Name: "routers", Data: []byte{192, 0, 2, 2}}, {Code: 12, Name: "host-name", Data: []byte("two")}}},
		{MAC: [6]byte{2, 0, 0, 0, 0, 3}, Hostname: "three.example.net", Options: []Option{{Code: 12, Name: "host-name", Data: []byte("three.example.net")}}},
		{MAC: [6]byte{2, 0, 0, 0, 0, 10}, Address: ip("192.0.2.6")},
	}
	if d := cmp.Diff(want, cfg.Subnets[0].Reservations, diffOptions, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
}

func TestOptions(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1]
option-definitions:
  - {name: line-speed, code: 224, type: u32}
  - {name: agents, code: 225, type: ipv4, array: true}
  - {name: phones, code: 228, encapsulates: phone}
  - {name: deep, space: phone, code: 3, type: u16, encapsulates: deeper}
  - {name: call-server, space: phone, code: 1, type: ipv4}
  - {name: name, space: deeper, code: 9, type: str}
  - {name: acs-address, space: vendor-specific, code: 1, type: str}
  - {name: modem-file, space: dhcp4-vendor-4491, code: 3, type: str}
options:
  phones: {call-server: 192.0.2.60, deep: {value: 7, options: {name: x}}, 77: "hex:0102"}
  vendor-specific: {acs-address: "http://acs/", 2: "hex:00"}
  vi-vendor-opts: [{enterprise: 4491, options: {modem-file: m.cfg}}, {enterprise: 9, options: {3: "hex:05"}}]
  line-speed: 1000
  agents: [192.0.2.1, 192.0.2.2]
  226: hex:00ff
  domain-search: [a.example.net, example.net]
  classless-static-routes:
    - 10.0.0.0/8 via 192.0.2.1
    - {to: 0.0.0.0/0, via: 192.0.2.1}
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], options: {routers: 192.0.2.1}}]
`)
	want := []Option{
		{Code: 228, Name: "phones", Data: []byte("\x01\x04\xc0\x00\x02\x3c\x03\x05\x00\x07\x09\x01x\x4d\x02\x01\x02")},
		{Code: 43, Name: "vendor-encapsulated-options", Data: []byte("\x01\x0bhttp://acs/\x02\x01\x00")},
		{Code: 125, Name: "vi-vendor-opts", Data: []byte("\x00\x00\x11\x8b\x07\x03\x05m.cfg\x00\x00\x00\x09\x03\x03\x01\x05")},
		{Code: 224, Name: "line-speed", Data: []byte{0, 0, 3, 0xe8}},
		{Code: 225, Name: "agents", Data: []byte{192, 0, 2, 1, 192, 0, 2, 2}},
		{Code: 226, Name: "site-specific-226", Data: []byte{0, 0xff}},
		{Code: 119, Name: "domain-search", Data: []byte("\x01a\x07example\x03net\x00\xc0\x02")},
		{Code: 121, Name: "classless-static-routes", Data: []byte{8, 10, 192, 0, 2, 1, 0, 192, 0, 2, 1}},
	}
	if d := cmp.Diff(want, cfg.Options, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
}

func TestAnchors(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1]
lease: &short {valid: 10m}
subnets:
  - {subnet: 192.0.2.0/24, pools: [192.0.2.10], lease: *short}
  - {subnet: 198.51.100.0/24, pools: [198.51.100.10], lease: {<<: *short, max: 1h}}
`)
	if cfg.Subnets[1].Lease != (Lease{Valid: 600, Min: 600, Max: 3600}) {
		t.Errorf("%+v", cfg.Subnets[1].Lease)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dhcp.yaml")
	if _, problems := Load(file); len(problems) != 1 || !strings.Contains(problems[0].String(), "no such file") {
		t.Errorf("%v", problems)
	}
	if err := os.WriteFile(file, []byte(design), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, problems := Load(file); cfg == nil {
		t.Errorf("%v", problems)
	}
}

func TestHistory(t *testing.T) {
	for text, want := range map[string]History{
		"":                                 {Keep: 366 * 86400, Size: 8 << 30},
		"history: off":                     {Off: true, Keep: 366 * 86400, Size: 8 << 30},
		"history: {keep: 30d}":             {Keep: 30 * 86400, Size: 8 << 30},
		"history: {size: 500MiB}":          {Keep: 366 * 86400, Size: 500 << 20},
		"history: {keep: 10w, size: 2TiB}": {Keep: 70 * 86400, Size: 2 << 40},
	} {
		cfg, problems := Parse("f", []byte("interfaces: [eth1]\nsubnets: [{subnet: 192.0.2.0/24}]\n"+text))
		if cfg == nil {
			t.Errorf("%q: %v", text, problems)
		} else if cfg.History != want {
			t.Errorf("%q: %+v, want %+v", text, cfg.History, want)
		}
	}
}
