// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"net/netip"
	"slices"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// What Build refuses, each with a word of why.
func TestWhatIsRefused(t *testing.T) {
	f := func(s *Spec) *SubnetSpec { return &s.Subnets[0] }
	block := func(p string, n uint8) DelegateSpec { return DelegateSpec{Prefix: prefix(p), Length: n} }
	for why, edit := range map[string]func(*Spec){
		"DUID has 0 bytes":         func(s *Spec) { s.ServerID = nil },
		"DUID has 131 bytes":       func(s *Spec) { s.ServerID = make([]byte, 131) },
		"unicast mode 9":           func(s *Spec) { s.Unicast = 9 },
		"eth0 is listed twice":     func(s *Spec) { s.Ports = append(s.Ports, s.Ports[0]) },
		"not an IPv6 prefix":       func(s *Spec) { f(s).Prefix = prefix("192.0.2.0/24") },
		"bits behind its length":   func(s *Spec) { f(s).Prefix = prefix("2001:db8:0:1::1/64") },
		"there twice":              func(s *Spec) { s.Subnets = append(s.Subnets, *f(s)) },
		"valid lifetime is 0":      func(s *Spec) { f(s).Times = Times{} },
		"longer than the valid":    func(s *Spec) { f(s).Times = Times{Preferred: 9, Valid: 8} },
		"renew comes after rebind": func(s *Spec) { f(s).Times = Times{Valid: 80, Renew: 50, Rebind: 40} },
		"after the lease's end":    func(s *Spec) { f(s).Times = Times{Valid: 80, Renew: 90} },
		"name must be there":       func(s *Spec) { s.Networks = []NetworkSpec{{Subnets: []SubnetSpec{subnet("2001:db8:5::/64")}}} },
		"has no subnet":            func(s *Spec) { s.Networks = []NetworkSpec{{Name: "n"}} },
		"interface eth9":           func(s *Spec) { f(s).Links = []policy.LinkSpec{{Port: "eth9"}} },
		"no such VLAN":             func(s *Spec) { f(s).Links = []policy.LinkSpec{{Port: "eth0", Inner: 7}} },
		"relay 192.0.2.1":          func(s *Spec) { f(s).Relays = []netip.Addr{addr("192.0.2.1")} },
		"interface-id":             func(s *Spec) { f(s).InterfaceIDs = [][]byte{{}} },
		"pools overlap":            func(s *Spec) { f(s).Pools = append(f(s).Pools, f(s).Pools[0]) },
		"is not inside the subnet": func(s *Spec) { f(s).Pools[0].Ranges[0].Last = addr("2001:db8:0:2::") },
		"comes after":              func(s *Spec) { f(s).Pools[0].Ranges[0].Last = addr("2001:db8:0:1::1") },
		"not a range of IPv6":      func(s *Spec) { f(s).Pools[0].Ranges[0].Last = addr("192.0.2.1") },
		"another subnet inside": func(s *Spec) {
			s.Subnets = append(s.Subnets, SubnetSpec{Prefix: prefix("2001:db8:0:1::10/127"), Times: f(s).Times})
		},
		"method 9": func(s *Spec) { f(s).Pools[0].Method = 9 },
		"method 8": func(s *Spec) {
			f(s).Delegate = []DelegateSpec{{Prefix: prefix("2001:db8:8000::/40"), Length: 56, Method: 8}}
		},
		"no block of prefixes":     func(s *Spec) { f(s).Delegate = []DelegateSpec{block("2001:db8:8000::/40", 39)} },
		"with length 128":          func(s *Spec) { f(s).Delegate = []DelegateSpec{block("2001:db8:8000::/40", 128)} },
		"192.0.2.0/24 is no block": func(s *Spec) { f(s).Delegate = []DelegateSpec{block("192.0.2.0/24", 28)} },
		"pools overlap at": func(s *Spec) {
			f(s).Delegate = []DelegateSpec{block("2001:db8:8000::/40", 48), block("2001:db8:8000::/44", 56)}
		},
		"10.0.0.0/8 is not": func(s *Spec) {
			f(s).Delegate = []DelegateSpec{{Prefix: prefix("2001:db8:8000::/40"), Length: 56, Excluded: []netip.Prefix{prefix("10.0.0.0/8")}}}
		},
		"option 3 is filled in":      func(s *Spec) { s.Options = []Option{option(3, "x")} },
		"option 39 is filled in":     func(s *Spec) { s.Options = []Option{option(39, "x")} },
		"option 24 is there twice":   func(s *Spec) { f(s).Options = []Option{option(24, "x"), option(24, "y")} },
		"option 24 has 65536 bytes":  func(s *Spec) { s.Options = []Option{option(24, string(make([]byte, 1<<16)))} },
		"no enterprise number":       func(s *Spec) { s.Options = []Option{option(17, "xyz")} },
		"never sent and has a value": func(s *Spec) { s.Options = []Option{{Code: 24, Data: []byte("x"), Never: true}} },
		"no class nobody":            func(s *Spec) { s.Options = []Option{{Code: 24, Class: "nobody"}} },
		"there is no class none":     func(s *Spec) { f(s).Pools[0].Classes = []string{"none"} },
		"cannot name a class": func(s *Spec) {
			s.Classes = []ClassSpec{{Name: "c", Options: []Option{{Code: 24, Class: "c"}}}}
		},
		"class c: the valid":      func(s *Spec) { s.Classes = []ClassSpec{{Name: "c", Times: &Times{}}} },
		"class c is listed twice": func(s *Spec) { s.Classes = []ClassSpec{{Name: "c"}, {Name: "c"}} },
		"is not an IPv6 prefix": func(s *Spec) {
			s.Classes = []ClassSpec{{Name: "c", Match: &policy.Match{By: policy.MatchRelay, Net: prefix("10.0.0.0/8")}}}
		},
		"expression": func(s *Spec) {
			s.Classes = []ClassSpec{{Name: "c", Match: &policy.Match{By: policy.MatchExpr, Expr: "giaddr"}}}
		},
		"is not inside": func(s *Spec) {
			f(s).Reservations = []ReservationSpec{{DUID: []byte{1}, Addresses: []netip.Addr{addr("2001:db8::1")}}}
		},
		"not a prefix to delegate": func(s *Spec) {
			f(s).Reservations = []ReservationSpec{{DUID: []byte{1}, Prefixes: []netip.Prefix{prefix("::/0")}}}
		},
		"needs an identifier":  func(s *Spec) { f(s).Reservations = []ReservationSpec{{}} },
		"no other reservation": func(s *Spec) { f(s).Reservations = []ReservationSpec{{MAC: []byte{1}}, {MAC: []byte{1}}} },
		"is reserved twice": func(s *Spec) {
			f(s).Reservations = []ReservationSpec{{MAC: []byte{1}, Addresses: []netip.Addr{addr("2001:db8:0:1::9")}}, {MAC: []byte{2}, Addresses: []netip.Addr{addr("2001:db8:0:1::9")}}}
		},
		"more than 8": func(s *Spec) { f(s).Reservations = []ReservationSpec{{MAC: []byte{1}, Addresses: nine()}} },
		"overlap": func(s *Spec) {
			f(s).Reservations = []ReservationSpec{{MAC: []byte{1}, Prefixes: []netip.Prefix{prefix("2001:db8:f::/48"), prefix("2001:db8:f:1::/64")}}}
		},
		"cannot be left out": func(s *Spec) {
			f(s).Reservations = []ReservationSpec{{MAC: []byte{1}, Prefixes: []netip.Prefix{prefix("2001:db8:f::/48")}, Exclude: prefix("2001:db8::/40")}}
		},
		"order of reservations":     func(s *Spec) { s.Precedence = []Identifier{ByMAC, ByMAC} },
		"identifier 9":              func(s *Spec) { s.Precedence = []Identifier{9} },
		"has 15 bytes, fewer":       func(s *Spec) { s.ReconfigureSecret = make([]byte, 15) },
		"rogue detection has 255":   func(s *Spec) { s.AuthorizationName = string(make([]byte, 255)) },
		"is not a domain name":      func(s *Spec) { s.FQDN.Suffix = "a..b" },
		"9 limits":                  func(s *Spec) { s.Limits = make([]policy.LimitSpec, 9) },
		"limits nothing":            func(s *Spec) { s.Limits = []policy.LimitSpec{{By: policy.LimitClass}} },
		"limit: there is no class":  func(s *Spec) { s.Limits = []policy.LimitSpec{{Class: "x"}} },
		"supplied by a relay agent": func(s *Spec) { s.RelayOptions = []uint16{11} },
	} {
		refused(t, why, edit)
	}
}

func nine() (out []netip.Addr) {
	for a := addr("2001:db8:0:1::1"); len(out) < 9; a = a.Next() {
		out = append(out, a)
	}
	return out
}

// All faults are reported at once.
func TestAllFaultsAtOnce(t *testing.T) {
	edit := func(s *Spec) {
		s.ServerID = nil
		s.Options = []Option{option(1, "")}
		s.Subnets[0].Times.Valid = 0
	}
	for _, why := range []string{"DUID", "option 1 ", "valid lifetime"} {
		refused(t, why, edit)
	}
}

// RFC 8415 §13.1: "a server MUST NOT assign addresses that use a reserved IPv6 Interface
// Identifier"; nor our own ones, nor what is excluded.
func TestPoolsLeaveOutWhatIsNotForClients(t *testing.T) {
	p := build(t, func(s *Spec) {
		s.Subnets[0].Pools[0].Ranges = []Range{RangeOf(prefix("2001:db8:0:1::/64"))}
		s.Subnets[0].Excluded = []Range{{addr("2001:db8:0:1::100"), addr("2001:db8:0:1::1ff")}}
	})
	in := func(a string) bool {
		_, ok := p.PoolOf(&p.Subnets[0], lease6.AddrPrefix(ip(a)))
		return ok
	}
	for a, want := range map[string]bool{
		"2001:db8:0:1::": false, "2001:db8:0:1::1": false, "2001:db8:0:1::2": true,
		"2001:db8:0:1::ff": true, "2001:db8:0:1::100": false, "2001:db8:0:1::1ff": false, "2001:db8:0:1::200": true,
		"2001:db8:0:1:200:5eff:fe00:0": false, "2001:db8:0:1:200:5eff:fe00:5213": false, "2001:db8:0:1:200:5eff:feff:ffff": false,
		"2001:db8:0:1:200:5efe:ffff:ffff": true, "2001:db8:0:1:200:5eff:ff00:0": true,
		"2001:db8:0:1:fdff:ffff:ffff:ff7f": true, "2001:db8:0:1:fdff:ffff:ffff:ff80": false, "2001:db8:0:1:fdff:ffff:ffff:ffff": false,
		"2001:db8:0:1:fe00::": true, "2001:db8:0:1:ffff:ffff:ffff:ffff": true, "2001:db8:0:2::": false, "2001:db8::": false,
	} {
		if in(a) != want {
			t.Errorf("%s is in a pool: %v", a, !want)
		}
	}
	// Of a range of many /64s the first ones' identifiers are cut out, which is where an
	// iterative pool begins.
	p = build(t, func(s *Spec) {
		s.Subnets[0] = SubnetSpec{Prefix: prefix("2001:db8::/32"), Times: Times{Valid: 9}, Pools: []PoolSpec{{Ranges: []Range{RangeOf(prefix("2001:db8:0:1::/32"))}}}}
	})
	if n := len(p.Layout.Pools[0].Ranges); n < maxNets || n > 4*maxNets {
		t.Errorf("%d ranges", n)
	}
	if in("2001:db8::") || in("2001:db8:0:5::") || !in("2001:db8:ffff::") {
		t.Error("the first networks' router addresses are in the pool, or the last one's is not")
	}
}

// Blocks: whole prefixes without the parts that are excluded.
func TestBlocks(t *testing.T) {
	p := build(t, func(s *Spec) {
		s.Subnets[0].Delegate = []DelegateSpec{{
			Prefix: prefix("2001:db8:8000::/44"), Length: 48, Method: EUI64,
			Excluded: []netip.Prefix{prefix("2001:db8:8003::/48"), prefix("2001:db8:8005:7::/64"), prefix("2001:db8:8008::/46")},
		}}
	})
	pool := p.Layout.Pools[1]
	want := []lease6.Range{
		{First: ip("2001:db8:8000::"), Last: q("2001:db8:8002::/48").Last()},
		{First: ip("2001:db8:8004::"), Last: q("2001:db8:8004::/48").Last()},
		{First: ip("2001:db8:8006::"), Last: q("2001:db8:8007::/48").Last()},
		{First: ip("2001:db8:800c::"), Last: q("2001:db8:800f::/48").Last()},
	}
	if !slices.Equal(pool.Ranges, want) || pool.Len != 48 || pool.Method != lease6.Hashed {
		t.Errorf("%+v", pool)
	}
	s := &p.Subnets[0]
	for c, want := range map[string]bool{
		"2001:db8:8002::/48": true, "2001:db8:8003::/48": false, "2001:db8:8005::/48": false, "2001:db8:8002::/56": false,
		"2001:db8:8002::/44": false, "2001:db8:8010::/48": false,
	} {
		if p.OnLink(s, q(c)) != want {
			t.Errorf("%s is on the link: %v", c, !want)
		}
	}
}

// A lease keeps its scope and its pool over reloads: their names say which they are.
func TestNamesAreStable(t *testing.T) {
	many := func(s *Spec) {
		s.Subnets = nil
		for _, n := range []string{"2001:db8:1::/64", "2001:db8:2::/64", "2001:db8:3::/64"} {
			s.Subnets = append(s.Subnets, subnet(n))
		}
		s.Subnets[2].Pools = append(s.Subnets[2].Pools, PoolSpec{Name: "x", Ranges: []Range{{addr("2001:db8:3::20"), addr("2001:db8:3::2f")}}},
			PoolSpec{Name: "x", Ranges: []Range{{addr("2001:db8:3::30"), addr("2001:db8:3::3f")}}})
	}
	p := build(t, many)
	r := build(t, many, func(s *Spec) { slices.Reverse(s.Subnets) })
	for i := range p.Subnets {
		if p.Subnets[i].Scope == 0 || p.Subnets[i].Scope != r.Subnets[2-i].Scope {
			t.Errorf("subnet %d is scope %d, then %d", i, p.Subnets[i].Scope, r.Subnets[2-i].Scope)
		}
		if p.ScopeSubnet(p.Subnets[i].Scope) != &p.Subnets[i] {
			t.Errorf("scope %d is another subnet's", p.Subnets[i].Scope)
		}
	}
	names := map[string]bool{}
	for _, pool := range p.Layout.Pools {
		if names[pool.Name] {
			t.Errorf("two pools are named %s", pool.Name)
		}
		names[pool.Name] = true
	}
	if p.Layout.Generation == r.Layout.Generation {
		t.Error("two policies have one generation")
	}
	if p.ScopeSubnet(12345) != nil {
		t.Error("a scope that is none")
	}
}

func TestTimers(t *testing.T) {
	for _, c := range []struct {
		t                        Times
		preferred, valid, t1, t2 uint32
	}{
		{Times{}, 1000, 2000, 500, 800},
		{Times{Renew: 10, Rebind: 20}, 1000, 2000, 10, 20},
		{Times{Rebind: 300}, 1000, 2000, 300, 300},
		{Times{Renew: 1500, Rebind: 1800}, 1000, 2000, 1500, 1800},
		{Times{Renew: 100, Rebind: 200}, 50, 100, 25, 40}, // for a longer lease than this
		{Times{}, lease.Infinite, lease.Infinite, lease.Infinite, lease.Infinite},
		{Times{Renew: 5}, lease.Infinite, lease.Infinite, 5, lease.Infinite},
		{Times{}, 0, 100, 50, 80},
		{Times{}, 1, 1, 0, 0},
		{Times{ClientTimers: true}, 1000, 2000, 0, 0},
	} {
		if t1, t2 := c.t.Timers(c.preferred, c.valid); t1 != c.t1 || t2 != c.t2 {
			t.Errorf("%+v of %d, %d: T1 %d, T2 %d, want %d, %d", c.t, c.preferred, c.valid, t1, t2, c.t1, c.t2)
		}
	}
}
