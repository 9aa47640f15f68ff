// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/port"
	"xdhcp/internal/config"
)

// Every key of DHCPv6 leads to something that the engine takes.
func TestCompileReference6(t *testing.T) {
	cfg, problems := config.Load("../../internal/config/reference.yaml")
	if cfg == nil {
		t.Fatal(problems)
	}
	facts := map[int]port.Facts{0: {MAC: [6]byte{2}, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8:2::1/64"), netip.MustParsePrefix("fe80::1/64")}}}
	p, err := compile6(cfg, facts, sampleDUID(cfg), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.SubnetOf(lease6.IP6From(netip.MustParseAddr("2001:db8:2::77").AsSlice())) == nil {
		t.Error("no subnet of 2001:db8:2::77")
	}
	if len(unicasts) != 3 || len(temporaries) != 3 || len(methods) != 4 || len(identifiers6) != 5 {
		t.Error("a table is not complete")
	}
	cfg.DHCP6.Networks, cfg.DHCP6.Subnets = nil, nil
	if p, err := compile6(cfg, facts, nil, nil); p != nil || err != nil {
		t.Error(p, err)
	}
}

// The limit of an IPv6 subnet holds, for addresses and for prefixes.
func TestLimitOfASubnet6(t *testing.T) {
	cfg, problems := config.Parse("x.yaml", []byte(`interfaces: [eth1]
subnets:
  - subnet: 2001:db8:2::/64
    limit: 1
    pools: [2001:db8:2::10-2001:db8:2::1f]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`))
	if cfg == nil {
		t.Fatal(problems)
	}
	facts := map[int]port.Facts{0: {MAC: [6]byte{2}, Addrs: []netip.Prefix{netip.MustParsePrefix("2001:db8:2::1/64"), netip.MustParsePrefix("fe80::1/64")}}}
	p, err := compile6(cfg, facts, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease6.New(lease6.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	s := exchange6.Server{Table: table}
	for client := byte(1); client <= 2; client++ {
		q := exchange6.Query{Type: exchange6.Request, ServerID: p.ServerID, HasServerID: true}
		q.Src, q.Dst = lease6.IP6From(netip.MustParseAddr("fe80::9").AsSlice()), lease6.IP6From(netip.MustParseAddr("ff02::1:2").AsSlice())
		q.Client.DUID = []byte{0, 3, 0, 1, client}
		q.AddIA(lease6.NA, 1)
		q.AddIA(lease6.PD, 1)
		var a exchange6.Answer
		s.Decide6(p, &q, 1_800_000_000, lease.NewBatch(1), &a)
		if a.Type != exchange6.Reply || a.NIAs != 2 {
			t.Fatalf("client %d: %v", client, a.Reason)
		}
		for i := range a.IAs[:2] {
			if got := a.IAs[i].N; (got == 1) != (client == 1) {
				t.Errorf("client %d, %v: %d leases", client, a.IAs[i].IA, got)
			}
		}
	}
}

// Pools and blocks are retired.
func TestRetired6(t *testing.T) {
	for _, c := range []struct {
		pool, block string
	}{{"", ""}, {", retired: true", ""}, {"", ", retired: true"}} {
		cfg, problems := config.Parse("x.yaml", []byte(`interfaces: [eth1]
subnets:
  - subnet: 2001:db8:2::/64
    pools: [{range: 2001:db8:2::10-2001:db8:2::1f`+c.pool+`}]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56`+c.block+`}]
`))
		if cfg == nil {
			t.Fatal(problems)
		}
		p, err := compile6(cfg, nil, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &p.Subnets[0]
		if (len(s.Addresses) == 0) != (c.pool != "") || (len(s.Prefixes) == 0) != (c.block != "") || p.HasRetired() != (c.pool+c.block != "") || len(p.Layout.Pools) != 2 {
			t.Errorf("%+v: %v, %v", c, s.Addresses, s.Prefixes)
		}
	}
}

// RFC 6603 §4.2: the part's number stands behind the bits of the delegated prefix.
func TestExcludedPart(t *testing.T) {
	for _, tt := range []struct {
		length, exclude uint8
		number          uint64
		want            string
	}{
		{56, 64, 255, "0:0:0:ff::/64"},
		{48, 64, 1, "0:0:0:1::/64"},
		{60, 64, 3, "0:0:0:3::/64"},
		{56, 57, 1, "0:0:0:80::/57"},
		{64, 128, 1<<64 - 1, "::ffff:ffff:ffff:ffff/128"},
		{56, 0, 0, "invalid Prefix"},
	} {
		if got := excludedPart(tt.length, tt.exclude, tt.number).String(); got != tt.want {
			t.Errorf("%d of length %d in %d: %s, want %s", tt.number, tt.exclude, tt.length, got, tt.want)
		}
	}
}

// RFC 8415 §11: "The DUID ... SHOULD NOT change over time if at all possible".
func TestServerIDStays(t *testing.T) {
	dir := t.TempDir()
	cfg := &config.Config{State: dir, Interfaces: []config.Interface{{Name: "no-such-if"}}}
	first, err := serverDUID(cfg, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 18 || first[1] != 4 { // RFC 6355
		t.Errorf("%x", first)
	}
	again, err := serverDUID(cfg, time.Unix(2e9, 0))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("%x is now %x, %v", first, again, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); left != nil {
		t.Error(left)
	}
	// The configuration's own counts instead.
	cfg.DHCP6.DUID = []byte{0, 3, 0, 1, 2, 2, 2, 2, 2, 2}
	if id, err := serverDUID(cfg, time.Unix(2e9, 0)); err != nil || !bytes.Equal(id, cfg.DHCP6.DUID) {
		t.Errorf("%x, %v", id, err)
	}
	cfg.DHCP6.DUID = nil
	if err := os.WriteFile(filepath.Join(dir, duidFile), []byte("zz"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := serverDUID(cfg, time.Unix(2e9, 0)); err == nil {
		t.Error("a damaged file was taken")
	}
	// RFC 8415 §11.2: type 1, hardware type, seconds since 2000, the address.
	cfg.Interfaces = nil
	d := newDUID([]config.Interface{{Name: "lo"}}, time.Unix(1e9, 0))
	if len(d) != 14 && len(d) != 18 {
		t.Errorf("%x", d)
	}
}
