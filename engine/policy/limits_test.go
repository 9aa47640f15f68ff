// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"xdhcp/engine/lease"
)

func TestLimitsThatBuildRefuses(t *testing.T) {
	x := Match{By: MatchExpr, Expr: "known"}
	for _, c := range []struct {
		what string
		spec Spec
		err  string
	}{
		{"no class", Spec{Limits: []LimitSpec{{By: LimitClass, Max: 1}}}, "limit 1: it limits nothing"},
		{"an unknown kind", Spec{Limits: []LimitSpec{{By: 9, Max: 1}}}, "limit 1: it limits nothing"},
		{"an unknown class", Spec{Limits: []LimitSpec{{By: LimitMAC, Class: "c", Max: 1}}}, "there is no class c"},
		{"a class that a lease does not remember", Spec{
			Classes: []ClassSpec{{Name: "c", VendorClass: []byte("v")}}, Limits: []LimitSpec{{By: LimitClass, Class: "c"}},
		}, "class c looks at what a lease does not remember"},
		{"by another class", Spec{
			Classes: []ClassSpec{one("c", combine(MatchNot, Match{By: MatchClass, Name: "d"})), one("d", x)},
			Limits:  []LimitSpec{{By: LimitMAC, Class: "c"}},
		}, "class c looks at what"},
		{"too many", Spec{Limits: make([]LimitSpec, MaxLimits+1)}, "9 limits; 8 are possible"},
	} {
		if _, err := Build(c.spec); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.what, err, c.err)
		}
	}
}

// What a lease counts for is the same seen from the message and from the table.
func TestLimitKeysOfAMessageAndOfItsLease(t *testing.T) {
	s := subnet("192.0.2.0/24")
	s.Reservations = []ReservationSpec{{MAC: []byte{2, 0, 0, 0, 0, 1}, Classes: []string{"told"}}}
	spec := Spec{
		Subnets: []SubnetSpec{s},
		Classes: []ClassSpec{
			one("line", combine(MatchAll, begins(MatchCircuit, "c"), is(MatchMAC, "\x02\x00\x00\x00\x00\x01"))),
			{Name: "told"}, one("no", is(MatchClientID, "x")),
		},
		Limits: []LimitSpec{
			{By: LimitMAC, Max: 1}, {By: LimitCircuit, Max: 2}, {By: LimitRemote, Max: 3},
			{By: LimitClass, Class: "line", Max: 4}, {By: LimitClass, Class: "told", Max: 5},
			{By: LimitClass, Class: "no", Max: 6}, {By: LimitCircuit, Class: "line", Max: 7},
		},
	}
	p := mustBuild(t, spec)
	c := relayed("\x01", "c1")
	m := members(p, Facts{Client: &c, Reservation: p.Subnets[0].Reservation(&c)})
	var room [MaxLimitKeys]LimitKey
	got := p.LimitKeys(&c, nil, &m.In, &room)
	var maxima []uint32
	seen := map[uint64]bool{}
	for _, k := range got {
		maxima = append(maxima, k.Max)
		seen[k.Hash] = true
	}
	// No remote end, not in class "no".
	if want := []uint32{1, 2, 4, 5, 7}; !equal(maxima, want) || len(seen) != len(want) {
		t.Errorf("limits %v, want %v; %d different keys", maxima, want, len(seen))
	}
	e := lease.Entry{Addr: ip("192.0.2.10"), HType: 1, HW: c.HW, Relay: c.Relay}
	var r Recall
	kept := p.KeysOf(&e, &r)
	for i := range got {
		if len(kept) != len(got) || kept[i] != got[i] {
			t.Fatalf("of the message %v, of the lease %v", got, kept)
		}
	}
	// The next policy has the same keys for the same limits.
	again := mustBuild(t, spec)
	if k := again.KeysOf(&e, &r); k[0] != got[0] || again.LimitsID() != p.LimitsID() {
		t.Error("a reload changes what does not change")
	}
	spec.Limits = spec.Limits[:1]
	if fewer := mustBuild(t, spec); fewer.LimitsID() == p.LimitsID() || fewer.LimitsID() == 0 {
		t.Error("other limits are not told apart")
	}
	if n := testing.AllocsPerRun(10, func() { p.KeysOf(&e, &r); p.LimitKeys(&c, nil, &m.In, &room) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func equal(a, b []uint32) bool {
	for i := range a {
		if len(a) != len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
