// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func pre(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// What a file says of DHCPv6 arrives, and inherits as it should.
func TestDHCP6(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1, eth2]
option-definitions:
  - {name: config-file, space: vendor-4491, code: 33, type: str}
  - {name: acs, space: dhcp6, code: 60000, type: url}
dhcpv6:
  duid: "00:03:00:01:02:00:00:00:00:ff"
  preference: 7
  unicast: use-multicast
  rapid-commit: true
  advertise-status: top
  recreate: false
  temporary-addresses: refuse
  decline-probation: 2h
  relay-options: [65, aftr-name]
  reservation-order: [mac, duid]
  routes: true
  reconfigure: true
  lease: {preferred: 2h, valid: 4h, renew: 1h}
  options:
    acs: "http://acs.example/"
    vendor-opts: [{enterprise: 4491, options: {config-file: x}}, {enterprise: 9, options: {1: y}}]
  always-send: [vendor-opts]
classes:
  - name: a
    match: {duid: [{prefix: "hex:0003"}, "00030001020000000009"], relay: "2001:db8:9::/48"}
    dhcpv6: {lease: 1h, options: {sol-max-rt: 10m}, always-send: sol-max-rt}
  - {name: b, match: {interface-id: x, not: {expression6: "known"}}}
shared-networks:
  - name: street
    links: [eth2]
    lease: 6h
    dhcpv6: {lease: {valid: 8h}, rapid-commit: false, options: {dns-servers: "2001:db8::53"}}
    subnets:
      - {subnet: 10.1.0.0/24, pools: [10.1.0.10]}
      - {subnet: "2001:db8:1::/64", pools: ["2001:db8:1::10-2001:db8:1::1f"]}
  - name: only6
    subnets: [{subnet: "2001:db8:3::/64", lease: {renew: 30m}}]
subnets:
  - subnet: 2001:db8:2::/48
    id: 5
    links: [{interface: eth1, vlan: 9}]
    relays: ["2001:db8:ffff::1"]
    interface-ids: [olt-1, "hex:07"]
    classes: [a]
    deny: b
    limit: 12
    method: hash
    lease: {preferred: 1h, valid: 1h, client-timers: true}
    options: {23: ["2001:db8::1"]}
    pools:
      - 2001:db8:2::/126
      - {range: "2001:db8:2:1::/64", method: eui64, lease: 30m, classes: [b], deny: [a], retired: true, options: {aftr-name: a.example}}
    exclude: ["2001:db8:2::1", "2001:db8:1000:1000::/56", "2001:db8:2:1::-2001:db8:2:1::ff"]
    delegate:
      - {prefix: "2001:db8:1000::/36", length: 60, exclude: {length: 64, number: 15}, lease: {valid: 1d}, classes: a}
      - {prefix: "2001:db8:2:8000::/52", length: 56, exclude: 57, retired: true}
    reservations:
      - {duid: "00:01:00:01:00:00:00:01:02:00:00:00:00:01", addresses: ["2001:db8:2::9", "2001:db8:2::8"], prefixes: "2001:db8:5000::/48"}
      - {mac: "02:00:00:00:00:09", interface-id: x, remote-id: y, subscriber-id: z, hostname: h.example, classes: [a], options: {sol-max-rt: 60}, always-send: [82]}
  - {subnet: 192.0.2.0/24, id: 5, pools: [192.0.2.9]}
`)
	if len(cfg.Warnings) > 0 {
		t.Error(cfg.Warnings)
	}
	if len(cfg.Networks) != 1 || len(cfg.Networks[0].Subnets) != 1 || len(cfg.Subnets) != 1 {
		t.Fatalf("IPv4 has %d networks and %d subnets", len(cfg.Networks), len(cfg.Subnets))
	}
	r := func(a, b string) Range { return Range{ip(a), ip(b)} }
	vendor := func(enterprise byte, hi byte, option byte, text string) []byte {
		return append([]byte{0, 0, hi, enterprise, 0, option, 0, byte(len(text))}, text...)
	}
	want := DHCP6{
		DUID: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 0xff}, Preference: 7, Unicast: UnicastUseMulticast, RapidCommit: true, StatusOnTop: true,
		NoRecreate: true, Temporary: TemporaryRefuse, Probation: 7200, RelayOptions: []uint16{65, 64},
		ReservationOrder: []Identifier6{ByMAC6, ByDUID6}, Routes: Routes{Install: true, Table: 254, Metric: 2048}, Reconfigure: true,
		Lease: Lease6{Preferred: 7200, Valid: 14400, Renew: 3600},
		Options: []Option6{
			{Code: 60000, Name: "acs", Data: []byte("http://acs.example/")},
			{Code: 17, Name: "vendor-opts", Data: vendor(0x8b, 0x11, 33, "x"), Always: true},
			{Code: 17, Name: "vendor-opts", Data: vendor(9, 0, 1, "y"), Always: true},
		},
		Networks: []Network6{
			{
				Name: "street", Links: []Link{{Interface: "eth2"}}, Options: []Option6{{Code: 23, Name: "dns-servers", Data: ip("2001:db8::53").AsSlice()}},
				Subnets: []Subnet6{{
					Prefix: pre("2001:db8:1::/64"), Lease: Lease6{Preferred: 18000, Valid: 28800},
					Pools: []Pool6{{Name: "2001:db8:1::10-2001:db8:1::1f", Range: r("2001:db8:1::10", "2001:db8:1::1f"), Ranges: []Range{r("2001:db8:1::10", "2001:db8:1::1f")}}},
				}},
			},
			{Name: "only6", Subnets: []Subnet6{{Prefix: pre("2001:db8:3::/64"), RapidCommit: true, Lease: Lease6{Preferred: 7200, Valid: 14400, Renew: 1800}}}},
		},
		Subnets: []Subnet6{{
			ID: 5, Prefix: pre("2001:db8:2::/48"), Links: []Link{{Interface: "eth1", VLAN: 9}}, Relays: []netip.Addr{ip("2001:db8:ffff::1")},
			InterfaceIDs: [][]byte{[]byte("olt-1"), {7}}, Classes: []string{"a"}, Deny: []string{"b"}, RapidCommit: true, Limit: 12,
			Lease:    Lease6{Preferred: 3600, Valid: 3600, ClientTimers: true},
			Options:  []Option6{{Code: 23, Name: "dns-servers", Data: ip("2001:db8::1").AsSlice()}},
			Excluded: []Range{r("2001:db8:2::1", "2001:db8:2::1"), r("2001:db8:2:1::", "2001:db8:2:1::ff")},
			Pools: []Pool6{
				{Name: "2001:db8:2::/126", Method: MethodHash, Range: r("2001:db8:2::", "2001:db8:2::3"), Ranges: []Range{r("2001:db8:2::", "2001:db8:2::"), r("2001:db8:2::2", "2001:db8:2::3")}},
				{
					Name: "2001:db8:2:1::/64", Method: MethodEUI64, Range: r("2001:db8:2:1::", "2001:db8:2:1:ffff:ffff:ffff:ffff"),
					Ranges:  []Range{r("2001:db8:2:1::100", "2001:db8:2:1:ffff:ffff:ffff:ffff")},
					Options: []Option6{{Code: 64, Name: "aftr-name", Data: []byte("\x01a\x07example\x00")}},
					Lease:   &Lease6{Preferred: 1125, Valid: 1800}, Classes: []string{"b"}, Deny: []string{"a"}, Retired: true,
				},
			},
			Delegate: []Delegate{
				{
					Prefix: pre("2001:db8:1000::/36"), Length: 60, ExcludeLength: 64, ExcludeNumber: 15, Excluded: []netip.Prefix{pre("2001:db8:1000:1000::/56")},
					Lease: &Lease6{Preferred: 54000, Valid: 86400}, Classes: []string{"a"},
				},
				{Prefix: pre("2001:db8:2:8000::/52"), Length: 56, ExcludeLength: 57, Retired: true},
			},
			Reservations: []Reservation6{
				{
					DUID:      []byte{0, 1, 0, 1, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1},
					Addresses: []netip.Addr{ip("2001:db8:2::9"), ip("2001:db8:2::8")}, Prefixes: []netip.Prefix{pre("2001:db8:5000::/48")},
				},
				{
					MAC: [6]byte{2, 0, 0, 0, 0, 9}, InterfaceID: []byte("x"), RemoteID: []byte("y"), SubscriberID: []byte("z"), Hostname: "h.example",
					Classes: []string{"a"}, Options: []Option6{{Code: 82, Name: "sol-max-rt", Data: []byte{0, 0, 0, 60}, Always: true}},
				},
			},
		}},
	}
	for s := range cfg.DHCP6.All() {
		if s.ID == 0 {
			t.Errorf("%s has no id", s.Prefix)
		}
		if s.ID != 5 {
			s.ID = 0
		}
	}
	if d := cmp.Diff(want, cfg.DHCP6, diffOptions, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
	wantClass := Class{
		Name: "a", Lease6: &Lease6{Preferred: 2250, Valid: 3600}, Options6: []Option6{{Code: 82, Name: "sol-max-rt", Data: []byte{0, 0, 2, 88}, Always: true}},
		Match: &Match{By: MatchAll, Of: []Match{
			{By: MatchAny, Of: []Match{{By: MatchClientID, Value: []byte{0, 3}, Prefix: true}, {By: MatchClientID, Value: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 9}}}},
			{By: MatchRelay, Net: pre("2001:db8:9::/48")},
		}},
	}
	if d := cmp.Diff(wantClass, cfg.Classes[0], diffOptions, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
}

func TestDHCP6Problems(t *testing.T) {
	for _, tt := range []bad{
		{"dhcpv6: {preference: 256, unicast: no, recreate: maybe, duid: 12, relay-options: [nosuch, 1]}", []string{
			`1:22: dhcpv6.preference: "256" is not a number from 0 to 255`,
			`1:36: dhcpv6.unicast: "no" is not discard, use-multicast or answer`,
			`1:50: dhcpv6.recreate: "maybe" is neither true nor false`,
			`1:63: dhcpv6.duid: has 1 octets; a DUID has 3 to 130 (RFC 8415 §11.1)`,
			`1:83: dhcpv6.relay-options[0]: unknown option`,
			`1:91: dhcpv6.relay-options[1]: option 1 is made by the client and sent back`,
		}},
		{"dhcpv6: {ia-ta: true, reconfigure: 7}", []string{
			"1:10: dhcpv6.ia-ta: unknown key (did you mean temporary-addresses?)", `1:36: dhcpv6.reconfigure: "7" is neither true nor false`,
		}},
		{"dhcpv6: {preference: 1}", []string{"warning 1:9: dhcpv6: has no effect: no subnet has an IPv6 prefix"}},
		{"dhcpv6: {lease: {preferred: 3h, valid: 2h}}", []string{"1:29: dhcpv6.lease.preferred: 3h is after the lease's end, 2h"}},
		{"dhcpv6: {lease: {valid: 2h, renew: 2h}}", []string{"1:36: dhcpv6.lease.renew: 2h is after the addresses are no longer preferred, 1h15m"}},
		{"dhcpv6: {lease: {preferred: 2h, valid: 3h, renew: 90m, rebind: 1h}}", []string{"1:51: dhcpv6.lease.renew: 1h30m is after rebind, 1h"}},
		{"dhcpv6: {lease: {renew: 10m, client-timers: true}}", []string{"1:45: dhcpv6.lease.client-timers: leaves renew and rebind to the client: leave them out"}},
		{"dhcpv6: {lease: {valid: infinite, renew: 1h}}", []string{"1:17: dhcpv6.lease: what is preferred for ever is never renewed: leave out renew and rebind"}},
		{"dhcpv6: {options: {domain-name-servers: ['2001:db8::1'], routers: x, dns-servers: [10.0.0.1], s46-br: '::1', ia-na: x, 23: ['::1'], 70000: x}}", []string{
			"1:20: dhcpv6.options.domain-name-servers: unknown option (did you mean dns-servers?)",
			"1:58: dhcpv6.options.routers: is an option of DHCPv4",
			"1:84: dhcpv6.options.dns-servers[0]: 10.0.0.1 is an IPv4 address; an IPv6 address is wanted",
			"1:95: dhcpv6.options.s46-br: option 90 belongs into one of s46-cont-mape and s46-cont-lw",
			"1:110: dhcpv6.options.ia-na: option 3 is made by the server, for leases",
			"1:120: dhcpv6.options.23: is option 23, which is given already as dns-servers in line 1",
			"1:133: dhcpv6.options.70000: is not an option: codes are 1 to 65535",
		}},
		{"dhcpv6: {options: {vendor-opts: [{enterprise: 1, options: {1: x}}, {enterprise: a, options: {1: x}}], lq-query: x}, always-send: [23]}", []string{
			`1:81: dhcpv6.options.vendor-opts[1].enterprise: "a" is not a number from 0 to 4294967295`,
			"1:103: dhcpv6.options.lq-query: option 44 is not one that a server tells clients",
			"1:131: dhcpv6.always-send[0]: 23 is not among the options here",
		}},
		{"dhcpv6: {options: {vendor-opts: [{enterprise: 1, options: {1: x}}, {enterprise: 1, options: {2: x}}], v6-pcp-server: [['::1'], ['::2']], sol-max-rt: 'hex:00'}}", []string{
			"1:33: dhcpv6.options.vendor-opts: has options of enterprise 1 twice",
			"1:118: dhcpv6.options.v6-pcp-server: is there 2 times: only vendor-opts may be there more than once, for different enterprises",
			"1:150: dhcpv6.options.sol-max-rt: is not what sol-max-rt (82) is",
		}},
		{"dhcpv6: {options: {vendor-opts: 'hex:00'}}", []string{"1:33: dhcpv6.options.vendor-opts: has no enterprise number"}},
		{"shared-networks: [{name: n, options: {routers: 10.0.0.1}, subnets: ['2001:db8::/64']}]", []string{
			"1:69: shared-networks[0].subnets[0]: is one value; a map is wanted: {subnet: …}",
		}},
		{"shared-networks: [{name: n, options: {routers: 10.0.0.1}, subnets: [{subnet: '2001:db8::/64'}]}]", []string{
			"1:38: shared-networks[0].options: are of DHCPv4, and no subnet here is: write dhcpv6: {options: {…}}",
		}},
		{"routes: true", []string{"1:1: routes: unknown key"}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}

func TestSubnet6Problems(t *testing.T) {
	for _, tt := range []bad{
		{"{subnet: '2001:db8::1/64'}", []string{"1:20: subnets[0].subnet: 2001:db8::1/64 has bits set after its length (did you mean 2001:db8::/64?)"}},
		{"{subnet: '2001:db8::'}", []string{"1:20: subnets[0].subnet: 2001:db8:: has no length: write 2001:db8::/64, or what it is"}},
		{"{subnet: 'fe80::/64'}", []string{"1:20: subnets[0].subnet: fe80::/64 cannot be a subnet: it has addresses of fe80::/10 in it, which are for single links: hosts make them themselves"}},
		{"{subnet: '::/0'}", []string{"1:20: subnets[0].subnet: ::/0 cannot be a subnet: it is every address there is"}},
		{"{subnet: '2001:db8::/64', next-server: x, authoritative: true, vss: 5}", []string{
			"1:37: subnets[0].next-server: unknown key", "1:53: subnets[0].authoritative: unknown key", "1:74: subnets[0].vss: is not supported yet",
		}},
		{"{subnet: '2001:db8::/64', pools: ['2001:db8:1::/64', '2001:db8::9-2001:db8::1', '2001:db8::/65', '2001:db8::5', 10.0.0.1]}", []string{
			"1:45: subnets[0].pools[0]: 2001:db8:1::-2001:db8:1:0:ffff:ffff:ffff:ffff is not inside 2001:db8::/64",
			"1:64: subnets[0].pools[1]: 2001:db8::9 comes after 2001:db8::1 (did you mean 2001:db8::1-2001:db8::9?)",
			"1:108: subnets[0].pools[3]: 2001:db8::5 overlaps 2001:db8::/65 (subnets[0].pools[2]) in line 1",
			"1:123: subnets[0].pools[4]: 10.0.0.1 is an IPv4 address; an IPv6 address is wanted",
		}},
		{"{subnet: '2001:db8::/64', pools: [{range: '2001:db8::/120', method: eui-64, bootp: true}]}", []string{
			`1:79: subnets[0].pools[0].method: "eui-64" is not random, iterative, eui64 or hash (did you mean eui64?)`,
			"1:87: subnets[0].pools[0].bootp: unknown key",
		}},
		{"{subnet: '2001:db8::/64', pools: ['2001:db8::/120'], exclude: ['2001:db8::/119']}", []string{
			"1:45: subnets[0].pools[0]: has no address left when exclude is taken away",
		}},
		{"{subnet: '2001:db8::/64', delegate: [{prefix: '2001:db8:1000::/36', length: 32}, {length: 56}, {prefix: '2001:db8:1::/48'}, {prefix: 'ff00::/16', length: 20}, '2001:db8::/40']}", []string{
			"1:87: subnets[0].delegate[0].length: a prefix of length 32 does not fit into 2001:db8:1000::/36",
			"1:92: subnets[0].delegate[1].prefix: is missing: a block such as 2001:db8:1000::/36",
			"1:106: subnets[0].delegate[2].length: is missing: how long are the prefixes that clients get?",
			"1:144: subnets[0].delegate[3].prefix: ff00::/16 cannot be delegated: it has addresses of ff00::/8 in it, which are for multicast",
			"1:170: subnets[0].delegate[4]: is one value; a map is wanted: {prefix: …}",
		}},
		{"{subnet: '2001:db8::/64', delegate: [{prefix: '2001:db8:1000::/36', length: 56, exclude: 56}, {prefix: '2001:db8:2000::/36', length: 56, exclude: {length: 60, number: 16}}, {prefix: '2001:db8:3000::/36', length: 40, exclude: 105}]}", []string{
			"1:100: subnets[0].delegate[0].exclude: 56 is not longer than the prefixes that are delegated, 56",
			`1:178: subnets[0].delegate[1].exclude.number: "16" is not a number from 0 to 15`,
			"1:236: subnets[0].delegate[2].exclude: 105 is more than 64 longer than 40",
		}},
		// Blocks and pools are told apart wherever they are.
		{"{subnet: '2001:db8::/64', delegate: [{prefix: '2001:db8:1000::/36', length: 56}]}, {subnet: '2001:db8:1000:5::/64', pools: ['2001:db8:1000:5::/64']}", []string{
			"1:135: subnets[1].pools[0]: 2001:db8:1000:5::/64 overlaps 2001:db8:1000::/36 (subnets[0].delegate[0].prefix) in line 1",
		}},
		{"{subnet: '2001:db8::/64', id: 3}, {subnet: '2001:db8:0:0:8000::/65', id: 3}", []string{
			"1:54: subnets[1].subnet: 2001:db8:0:0:8000::/65 overlaps 2001:db8::/64 (subnets[0].subnet) in line 1",
			"1:84: subnets[1].id: 3 is the id of 2001:db8::/64 already (subnets[0]), in line 1",
		}},
		{"{subnet: '2001:db8::/64', relays: ['fe80::1', '2001:db8::1', '2001:db8::1'], interface-ids: ['']}", []string{
			"1:46: subnets[0].relays[0]: fe80::1 cannot name a link: it has addresses of fe80::/10 in it, which are for single links: hosts make them themselves",
			"1:72: subnets[0].relays[2]: 2001:db8::1 is there twice",
			"1:104: subnets[0].interface-ids[0]: is empty",
		}},
	} {
		checkProblems(t, fits("subnets: ["+tt.fragment+"]"), tt.want)
	}
}

func TestReservation6Problems(t *testing.T) {
	for _, tt := range []bad{
		{"{addresses: ['2001:db8::9']}", []string{"1:52: subnets[0].reservations[0].duid: is missing: whose reservation is it?"}},
		{"{duid: 000300010200}", []string{"1:52: subnets[0].reservations[0].addresses: is missing: what is reserved?"}},
		{"{duid: xyz, hostname: a..b}", []string{
			`1:59: subnets[0].reservations[0].duid: "xyz" is not a DUID such as 00:03:00:01:02:00:00:00:00:01`,
			`1:74: subnets[0].reservations[0].hostname: "a..b" is not a domain name: two dots in a row, or one in front`,
		}},
		{"{mac: 01-00-00-00-00-01, addresses: ['2001:db8:1::1', '2001:db8::']}", []string{
			"1:58: subnets[0].reservations[0].mac: 01-00-00-00-00-01 is not the address of one device",
			"1:89: subnets[0].reservations[0].addresses[0]: 2001:db8:1::1 is not in 2001:db8::/64",
			"1:106: subnets[0].reservations[0].addresses[1]: 2001:db8:: is the address of all routers of 2001:db8::/64",
		}},
		{"{duid: 00030001, addresses: '2001:db8::9', prefixes: '2001:db8:9::/48'}, {duid: '00:03:00:01', classes: [], addresses: '2001:db8::9'}, {mac: '02:00:00:00:00:01', prefixes: ['2001:db8:9::/48', 'fe80::/64']}", []string{
			"1:125: subnets[0].reservations[1]: the client has a reservation already, in line 1",
			"1:171: subnets[0].reservations[1].addresses: 2001:db8::9 is reserved already, in line 1",
			"1:225: subnets[0].reservations[2].prefixes[0]: 2001:db8:9::/48 is reserved already, in line 1",
			"1:244: subnets[0].reservations[2].prefixes[1]: fe80::/64 cannot be delegated: it has addresses of fe80::/10 in it, which are for single links: hosts make them themselves",
		}},
		{"{duid: 00030001, options: {aftr-name: 'a b'}, address: x, classes: [none]}", []string{
			`1:90: subnets[0].reservations[0].options.aftr-name: "a b" is not a domain name: it has a space or a control character in it`,
			"1:98: subnets[0].reservations[0].address: unknown key (did you mean addresses?)",
			"1:120: subnets[0].reservations[0].classes[0]: there is no class none",
		}},
	} {
		checkProblems(t, fits("subnets: [{subnet: '2001:db8::/64', reservations: ["+tt.fragment+"]}]"), tt.want)
	}
}
