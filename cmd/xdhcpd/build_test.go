// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"reflect"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

// The engine takes everything that the reference file says.
func TestCompileReference(t *testing.T) {
	cfg, problems := config.Load("../../internal/config/reference.yaml")
	if cfg == nil {
		t.Fatal(problems)
	}
	p, err := compile(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	var c lease.Client
	c.HType, c.HW = 1, []byte{2, 0, 0, 0, 0, 1}
	sub := p.Select(&policy.Selector{Giaddr: lease.IP4(0xc0000201)})
	if sub == nil {
		t.Fatal("192.0.2.1 is in no subnet")
	}
	if r := sub.Reservation(&c); r == nil || r.Addr.String() != "192.0.2.20" {
		t.Errorf("reservation: %v", r)
	}
	// A relay agent that is in no subnet.
	if got := p.Select(&policy.Selector{Giaddr: lease.IP4(0x0a090909)}); got != sub {
		t.Errorf("relays: %v", got)
	}
}

// Every matcher of the file has one of the engine.
func TestMatchersAreComplete(t *testing.T) {
	for by := config.MatchAll; by <= config.MatchLink; by++ {
		if matchers[by] == policy.MatchNothing {
			t.Errorf("matcher %d has none", by)
		}
	}
	if len(matchers) != int(config.MatchExpression6)+1 || len(identities) != 5 || len(identifiers) != 7 {
		t.Error("a table is not complete")
	}
}

// Nothing that a Match says is lost.
func TestMatchKeepsAll(t *testing.T) {
	m := config.Match{
		By: config.MatchAny, Value: []byte("v"), Prefix: true, Enterprise: 1, Number: 2, Name: "n", Expression: "e",
		Link: config.Link{Interface: "i", VLAN: 3, InnerVLAN: 4}, Of: []config.Match{{By: config.MatchKnown}},
	}
	want := policy.Match{
		By: policy.MatchAny, Value: []byte("v"), Prefix: true, Enterprise: 1, Number: 2, Name: "n", Expr: "e",
		Link: policy.LinkSpec{Port: "i", Outer: 3, Inner: 4}, Of: []policy.Match{{By: policy.MatchKnown}},
	}
	if got := match(&m, false); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// What looks at messages of the other family holds for none of this one's.
func TestMatchByFamily(t *testing.T) {
	four, six := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")
	for _, tt := range []struct {
		m        config.Match
		v4, isV6 bool
	}{
		{config.Match{By: config.MatchExpression}, true, false},
		{config.Match{By: config.MatchExpression6}, false, true},
		{config.Match{By: config.MatchRelay, Net: four}, true, false},
		{config.Match{By: config.MatchRelay, Net: six}, false, true},
		{config.Match{By: config.MatchKnown}, true, true},
	} {
		for v6, want := range map[bool]bool{false: tt.v4, true: tt.isV6} {
			if got := match(&tt.m, v6); (got.By != policy.MatchNot) != want {
				t.Errorf("%v, IPv6 %v: %+v", tt.m.By, v6, got)
			}
		}
	}
}
