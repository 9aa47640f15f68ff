// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMatch(t *testing.T) {
	text := func(by MatchBy, v string, prefix bool) Match {
		return Match{By: by, Value: []byte(v), Prefix: prefix}
	}
	mac := []byte{2, 0, 0, 0, 0, 1}
	for _, tt := range []struct {
		match string
		want  Match
	}{
		{"{vendor-class: MSFT 5.0}", text(MatchVendorClass, "MSFT 5.0", false)},
		{"{vendor-class: {prefix: PXE}}", text(MatchVendorClass, "PXE", true)},
		{"{vendor-class: [a, {prefix: b}]}", Match{By: MatchAny, Of: []Match{text(MatchVendorClass, "a", false), text(MatchVendorClass, "b", true)}}},
		{"{user-class: 'hex:00:ff'}", text(MatchUserClass, "\x00\xff", false)},
		{"{mac: 02:00:00:00:00:01}", Match{By: MatchMAC, Value: mac}},
		{"{mac: {prefix: 02:00:00:00:00:01}}", Match{By: MatchMAC, Value: mac, Prefix: true}},
		{"{mac: {prefix: '02:00'}}", text(MatchMAC, "\x02\x00", true)},
		{"{client-id: a}", text(MatchClientID, "a", false)},
		{"{circuit-id: a, remote-id: b}", Match{By: MatchAll, Of: []Match{text(MatchCircuitID, "a", false), text(MatchRemoteID, "b", false)}}},
		{"{subscriber-id: a}", text(MatchSubscriberID, "a", false)},
		{"{relay-id: a}", text(MatchRelayID, "a", false)},
		{"{relay: 10.0.0.1}", Match{By: MatchRelay, Net: netip.MustParsePrefix("10.0.0.1/32")}},
		{"{relay: 10.0.0.0/8}", Match{By: MatchRelay, Net: netip.MustParsePrefix("10.0.0.0/8")}},
		{"{architecture: 0x07}", Match{By: MatchArchitecture, Number: 7}},
		{"{interface: eth1, vlan: 5}", Match{By: MatchLink, Link: Link{Interface: "eth1", VLAN: 5}}},
		{"{vlan: 5, inner-vlan: 6}", Match{By: MatchLink, Link: Link{VLAN: 5, InnerVLAN: 6}}},
		{"{vendor-id: 4491}", Match{By: MatchVendorID, Enterprise: 4491, Prefix: true}},
		{"{vendor-id: {enterprise: 4491, data: docsis3.0}}", Match{By: MatchVendorID, Enterprise: 4491, Value: []byte("docsis3.0")}},
		{"{vendor-id: {enterprise: 4491, data: {prefix: docsis}}}", Match{By: MatchVendorID, Enterprise: 4491, Value: []byte("docsis"), Prefix: true}},
		{`{expression: 'option(60) == "x"'}`, Match{By: MatchExpression, Expression: `option(60) == "x"`, At: Place{2, 56}}},
		{"{class: other}", Match{By: MatchClass, Name: "other"}},
		{"{known: true}", Match{By: MatchKnown}},
		{"{known: false}", Match{By: MatchNot, Of: []Match{{By: MatchKnown}}}},
		{"{not: {known: true}}", Match{By: MatchNot, Of: []Match{{By: MatchKnown}}}},
		{"{any: [{known: true}, {class: other}]}", Match{By: MatchAny, Of: []Match{{By: MatchKnown}, {By: MatchClass, Name: "other"}}}},
		{"{all: [{known: true}]}", Match{By: MatchAll, Of: []Match{{By: MatchKnown}}}},
	} {
		cfg := mustParse(t, fits("interfaces: [eth1]\nclasses: [{name: other}, {name: w, match: "+tt.match+"}]"))
		if d := cmp.Diff(&tt.want, cfg.Classes[1].Match, diffOptions); d != "" {
			t.Errorf("%s: %s", tt.match, d)
		}
	}
}

func TestNetworksAndPools(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1, eth2]
lease: 2h
options: {ntp-servers: 10.0.0.9, routers: 10.1.0.77}
always-send: 42
identity: circuit-remote
reservation-order: [circuit-id, mac]
silent-reboot: true
fqdn: {answer: false, suffix: example.net}
rogue-detection: {state: detected, name: n}
filters: {deny: {mac: 02:00:00:00:00:01}}
classes:
  - {name: a, lease: {valid: 1h, max: 2h}, drop: true, options: {log-servers: 10.0.0.1}, always-send: [log-servers]}
  - {name: b, description: Bee, next-server: 10.0.0.2, server-name: s, boot-file: f}
shared-networks:
  - name: n
    lease: {max: 4h}
    links: {interface: eth2, vlan: 9}
    authoritative: false
    subnets:
      - {subnet: 10.1.0.0/24, pools: [10.1.0.70-10.1.0.79]}
      - subnet: 10.2.0.0/24
        id: 5
        pools: [{range: 10.2.0.1, options: {time-offset: 1}, lease: 30m, classes: [a, b], deny: b, bootp: true}]
        reservations:
          - {mac: 02:00:00:00:00:02, circuit-id: x, address: 10.2.0.9, classes: b, boot-file: g}
          - {remote-id: "hex:01", hostname: h}
subnets:
  - {subnet: 10.3.0.0/24, pools: [10.3.0.1], server-id: 10.3.0.3, relays: 10.9.9.9, rapid-commit: true, vss: "hex:00:61", classes: a, deny: b, links: eth1, authoritative: true}
`)
	yes, no := true, false
	hour := func(valid, most uint32) Lease { return Lease{Valid: valid, Min: valid, Max: most} }
	r := func(first, last string) Range { return Range{ip(first), ip(last)} }
	two := hour(7200, 7200)
	want := &Config{
		Interfaces: []Interface{{Name: "eth1"}, {Name: "eth2"}},
		State:      "/var/lib/xdhcp", OfferHold: 60, DeclineProbation: 600,
		History:          History{Keep: 366 * 86400, Size: 8 << 30},
		Identity:         IdentityCircuitRemote,
		ReservationOrder: []Identifier{ByCircuitID, ByMAC},
		SilentReboot:     true,
		FQDN:             FQDN{Ignore: true, Suffix: "example.net"},
		Rogue:            Rogue{State: RogueDetected, Name: "n"},
		Filters:          Filters{Deny: []Match{{By: MatchMAC, Value: []byte{2, 0, 0, 0, 0, 1}}}},
		Lease:            two,
		Options:          []Option{{Code: 42, Name: "ntp-servers", Data: []byte{10, 0, 0, 9}, Always: true}, {Code: 3, Name: "routers", Data: []byte{10, 1, 0, 77}}},
		Classes: []Class{
			{Name: "a", Lease: &Lease{Valid: 3600, Min: 3600, Max: 7200}, Drop: true, Options: []Option{{Code: 7, Name: "log-servers", Data: []byte{10, 0, 0, 1}, Always: true}}},
			{Name: "b", Description: "Bee", NextServer: ip("10.0.0.2"), ServerName: "s", BootFile: "f"},
		},
		Networks: []Network{{
			Name: "n", Links: []Link{{Interface: "eth2", VLAN: 9}}, Authoritative: &no,
			Subnets: []Subnet{
				{
					Prefix: netip.MustParsePrefix("10.1.0.0/24"), Lease: hour(7200, 14400),
					// The router that it has from the top level is left out.
					Pools: []Pool{{Name: "10.1.0.70-10.1.0.79", Range: r("10.1.0.70", "10.1.0.79"), Ranges: []Range{r("10.1.0.70", "10.1.0.76"), r("10.1.0.78", "10.1.0.79")}}},
				},
				{
					ID: 5, Prefix: netip.MustParsePrefix("10.2.0.0/24"), Lease: hour(7200, 14400),
					Pools: []Pool{{
						Name: "10.2.0.1", Range: r("10.2.0.1", "10.2.0.1"), Ranges: []Range{r("10.2.0.1", "10.2.0.1")},
						Options: []Option{{Code: 2, Name: "time-offset", Data: []byte{0, 0, 0, 1}}},
						Lease:   &Lease{Valid: 1800, Min: 1800, Max: 1800}, Classes: []string{"a", "b"}, Deny: []string{"b"}, BOOTP: true,
					}},
					Reservations: []Reservation{
						{MAC: [6]byte{2, 0, 0, 0, 0, 2}, CircuitID: []byte("x"), Address: ip("10.2.0.9"), Classes: []string{"b"}, BootFile: "g"},
						{RemoteID: []byte{1}, Hostname: "h", Options: []Option{{Code: 12, Name: "host-name", Data: []byte("h")}}},
					},
				},
			},
		}},
		Subnets: []Subnet{{
			Prefix: netip.MustParsePrefix("10.3.0.0/24"), Lease: two, Pools: []Pool{{Name: "10.3.0.1", Range: r("10.3.0.1", "10.3.0.1"), Ranges: []Range{r("10.3.0.1", "10.3.0.1")}}},
			ServerID: ip("10.3.0.3"), Relays: []netip.Addr{ip("10.9.9.9")}, RapidCommit: true, VSS: []byte{0, 97}, Classes: []string{"a"}, Deny: []string{"b"},
			Links: []Link{{Interface: "eth1"}}, Authoritative: &yes,
		}},
		DHCP6: defaults6(),
	}
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Msg, "10.1.0.77") {
		t.Error(cfg.Warnings)
	}
	if cfg.Networks[0].Subnets[0].ID == 0 || cfg.Subnets[0].ID == 0 {
		t.Error("a subnet has no id")
	}
	cfg.Networks[0].Subnets[0].ID, cfg.Subnets[0].ID = 0, 0
	if d := cmp.Diff(want, cfg, diffOptions, cmpopts.IgnoreTypes(Place{}), cmpopts.IgnoreFields(Config{}, "File", "Warnings")); d != "" {
		t.Error(d)
	}
	n := 0
	for range cfg.All() {
		n++
	}
	for range cfg.All() {
		n++
		break
	}
	if n != 4 {
		t.Errorf("All: %d", n)
	}
}

func TestExpressions(t *testing.T) {
	cfg := mustParse(t, fits(`
classes: [{name: a, match: {expression: e1}}, {name: b}, {name: c, match: {any: [{known: true}, {not: {expression: e2}}]}}]
filters: {deny: {expression: e3}, allow: [{mac: 02:00:00:00:00:01}, {expression: e4}]}
`))
	var got []string
	for m := range cfg.Expressions() {
		got = append(got, m.Expression)
	}
	for range cfg.Expressions() {
		break
	}
	if s := strings.Join(got, " "); s != "e1 e2 e3 e4" {
		t.Error(s)
	}
}
