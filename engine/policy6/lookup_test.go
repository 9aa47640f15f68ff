// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// The longest prefix that holds an address, against a search through all of them.
func TestSubnetOfAgainstASearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var subnets []Subnet
		seen := map[lease6.Prefix]bool{}
		for range rapid.IntRange(0, 20).Draw(t, "subnets") {
			// Few distinct bits, so that prefixes nest and touch the ends.
			a := lease6.IP6{Hi: uint64(rapid.SampledFrom([]int64{0, 1, -1, 1 << 62}).Draw(t, "hi")),
				Lo: uint64(rapid.SampledFrom([]int64{0, 1, 2, -1, 1 << 40}).Draw(t, "lo"))}
			n := lease6.PrefixFrom(a, uint8(rapid.SampledFrom([]int{1, 2, 63, 64, 65, 88, 127, 128}).Draw(t, "bits")))
			if !seen[n] {
				seen[n] = true
				subnets = append(subnets, Subnet{Prefix: n})
			}
		}
		p := &Policy{Subnets: subnets, prefixes: flatten(subnets)}
		probe := func(a lease6.IP6) {
			want := -1
			for i := range subnets {
				if subnets[i].Prefix.Contains(a) && (want < 0 || subnets[i].Prefix.Len > subnets[want].Prefix.Len) {
					want = i
				}
			}
			got := p.SubnetOf(a)
			if want < 0 && got != nil || want >= 0 && got != &subnets[want] {
				t.Fatalf("%v is in %v, want subnet %d of %v", a, got, want, subnets)
			}
		}
		for i := range subnets {
			for _, a := range []lease6.IP6{subnets[i].Prefix.IP6, subnets[i].Prefix.Last()} {
				probe(a)
				probe(next(a))
				probe(previous(a))
			}
		}
		for range 10 {
			probe(lease6.IP6{Hi: rand.Uint64(), Lo: rand.Uint64()})
		}
	})
}

func TestNextAndPrevious(t *testing.T) {
	for _, s := range []string{"::", "::1", "::ffff:ffff:ffff:ffff", "0:0:0:1::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"} {
		a := addr(s)
		n := next(ip6(a))
		if want := a.Next(); want.IsValid() && n != ip6(want) || !want.IsValid() && !n.IsZero() {
			t.Errorf("next of %s is %v", s, n)
		}
		if previous(n) != ip6(a) {
			t.Errorf("previous of %v is %v", n, previous(n))
		}
	}
}

// Source: the address that was written to, else the port's for clients on the link, or for others.
func TestSource(t *testing.T) {
	p := build(t, func(s *Spec) {
		s.Ports = append(s.Ports, PortSpec{Name: "eth1", Addrs: []netip.Prefix{prefix("2001:db8:7::1/64")}}, PortSpec{Name: "eth2"})
	})
	all := ip("ff02::1:2")
	for _, c := range []struct {
		port         uint16
		to, dst, own string
	}{
		{0, "ff02::1:2", "fe80::5", "fe80::1"},
		{0, "ff02::1:2", "2001:db8::5", "2001:db8:0:1::1"},
		{0, "2001:db8:7::1", "2001:db8::5", "2001:db8:7::1"},
		{1, "ff05::1:3", "fe80::5", "2001:db8:7::1"},
		{2, "ff05::1:3", "fe80::5", "::"},
		{9, "ff05::1:3", "fe80::5", "::"},
	} {
		if got := p.Source(c.port, ip(c.to), ip(c.dst)); got != ip(c.own) {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if p.Ours(all) || !p.Ours(ip("fe80::1")) || !Multicast(all) || Multicast(ip("fe80::1")) || !LinkLocal(ip("febf::1")) || LinkLocal(ip("fec0::1")) {
		t.Error("kinds of addresses")
	}
}

// Two places may name a link only if they are one link.
func TestLinksBelongToOneScope(t *testing.T) {
	two := func(s *Spec) { s.Subnets = append(s.Subnets, subnet("2001:db8:2::/64")) }
	for why, edit := range map[string]func(*SubnetSpec){
		"belong to":                      func(n *SubnetSpec) { n.Links = []policy.LinkSpec{{Port: "eth0", Outer: 5}} },
		"relay fe80::9":                  func(n *SubnetSpec) { n.Relays = []netip.Addr{addr("fe80::9")} },
		"belongs to another subnet alre": func(n *SubnetSpec) { n.InterfaceIDs = [][]byte{[]byte("x")} },
	} {
		refused(t, why, func(s *Spec) {
			two(s)
			edit(&s.Subnets[0])
			edit(&s.Subnets[1])
		})
		s := baseSpec()
		two(&s)
		s.Networks = []NetworkSpec{{Name: "n", Subnets: s.Subnets}}
		s.Subnets = nil
		edit(&s.Networks[0].Subnets[0])
		edit(&s.Networks[0].Subnets[1])
		if _, err := Build(s); err != nil {
			t.Errorf("on one link: %v", err)
		}
	}
}

func TestRangeOf(t *testing.T) {
	for p, want := range map[string]string{
		"2001:db8::/64": "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/61": "2001:db8:0:7:ffff:ffff:ffff:ffff",
		"::/0": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::5/128": "2001:db8::5", "2001:db8::4/126": "2001:db8::7",
	} {
		if r := RangeOf(prefix(p)); r.First != prefix(p).Masked().Addr() || r.Last != addr(want) {
			t.Errorf("%s is %v", p, r)
		}
	}
}
