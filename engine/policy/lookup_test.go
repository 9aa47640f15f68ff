// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease"
)

// The prefixes answer as a scan over all of them does.
func TestSubnetOfIsTheLongestPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few different addresses and all lengths, so that prefixes nest, touch
		// and reach both ends of the address space.
		octet := rapid.SampledFrom([]byte{0, 1, 127, 128, 254, 255})
		draw := func(label string) netip.Addr {
			var b [4]byte
			for i := range b {
				b[i] = octet.Draw(t, fmt.Sprint(label, i))
			}
			return netip.AddrFrom4(b)
		}
		var spec Spec
		seen := map[netip.Prefix]bool{}
		for i := range rapid.IntRange(0, 20).Draw(t, "n") {
			pfx := netip.PrefixFrom(draw(fmt.Sprint("prefix", i)), rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
			if !seen[pfx] {
				seen[pfx] = true
				spec.Subnets = append(spec.Subnets, subnet(pfx.String()))
			}
		}
		p, err := Build(spec)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a := draw("a")
			want, bits := "none", -1
			for pfx := range seen {
				if pfx.Contains(a) && pfx.Bits() > bits {
					want, bits = pfx.String(), pfx.Bits()
				}
			}
			if got := name(p.SubnetOf(ip4(a))); got != want {
				t.Fatalf("%v is in %s, SubnetOf says %s", a, want, got)
			}
		}
	})
}

// ispSpec is an edge server's configuration: n subnets of 256 addresses behind
// relay agents, and one on the server's own link.
func ispSpec(n int) Spec {
	spec := Spec{
		Ports: []PortSpec{{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}},
		Subnets: []SubnetSpec{
			subnet("192.0.2.0/24", "192.0.2.10-192.0.2.200"),
		},
	}
	for i := range n {
		net := fmt.Sprintf("10.%d.%d.", i>>8, i&255)
		s := subnet(net+"0/24", net+"2-"+net+"254")
		s.Options = []Option{opt(3, 10, byte(i>>8), byte(i), 1)}
		spec.Subnets = append(spec.Subnets, s)
	}
	return spec
}

func TestSelectPrefersTheMoreSpecificStatement(t *testing.T) {
	spec := Spec{
		Ports: []PortSpec{
			{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
			{Name: "eth1", Addrs: []netip.Prefix{netip.MustParsePrefix("203.0.113.9/24"), netip.MustParsePrefix("198.51.100.1/24")}},
			{Name: "eth2"},
			{Name: "eth3"},
		},
		SubnetSelection: true,
		Subnets: []SubnetSpec{
			subnet("192.0.2.0/24"), subnet("10.1.0.0/16"), subnet("10.2.0.0/16"), subnet("10.3.0.0/16"), subnet("10.4.0.0/16"),
			subnet("198.51.100.0/24"), subnet("10.5.0.0/16"), subnet("10.6.0.0/16"), subnet("10.7.0.0/16"),
		},
	}
	spec.Subnets[6].Links = []LinkSpec{{Port: "eth2"}, {Port: "eth0", Outer: 100}}
	spec.Subnets[7].Links = []LinkSpec{{Port: "eth0", Outer: 100, Inner: 7}}
	spec.Subnets[8].Relays = []netip.Addr{addr("172.16.0.1"), addr("10.1.0.99")}
	p := mustBuild(t, spec)
	for _, c := range []struct {
		what string
		sel  Selector
		want string
	}{
		{"the port's own subnet", Selector{Port: 0}, "192.0.2.0/24"},
		{"the port's second address, where the first is in no subnet", Selector{Port: 1}, "198.51.100.0/24"},
		{"pinned to the port", Selector{Port: 2}, "10.5.0.0/16"},
		{"a port without anything", Selector{Port: 3}, "none"},
		{"a port that is not there", Selector{Port: 9}, "none"},
		{"a VLAN", Selector{Port: 0, NTags: 1, VLAN: [2]uint16{100}}, "10.5.0.0/16"},
		{"an inner VLAN", Selector{Port: 0, NTags: 2, VLAN: [2]uint16{100, 7}}, "10.6.0.0/16"},
		{"another inner VLAN: the outer one", Selector{Port: 0, NTags: 2, VLAN: [2]uint16{100, 8}}, "10.5.0.0/16"},
		{"another VLAN: the port", Selector{Port: 0, NTags: 2, VLAN: [2]uint16{200, 7}}, "192.0.2.0/24"},
		{"a priority tag", Selector{Port: 0, NTags: 1}, "192.0.2.0/24"},
		{"ciaddr over the port", Selector{Ciaddr: ip("10.1.2.3")}, "10.1.0.0/16"},
		{"a ciaddr of no subnet: the port", Selector{Ciaddr: ip("172.31.2.3")}, "192.0.2.0/24"},
		{"giaddr over ciaddr", Selector{Giaddr: ip("10.2.0.1"), Ciaddr: ip("10.1.2.3")}, "10.2.0.0/16"},
		{"a giaddr of no subnet", Selector{Giaddr: ip("172.31.0.1"), Ciaddr: ip("10.1.2.3")}, "none"},
		{"a giaddr that is a named relay agent", Selector{Giaddr: ip("172.16.0.1")}, "10.7.0.0/16"},
		{"a named relay agent inside of another subnet", Selector{Giaddr: ip("10.1.0.99")}, "10.7.0.0/16"},
		{"118 over giaddr", Selector{SubnetSelection: ip("10.3.0.0"), Giaddr: ip("10.2.0.1")}, "10.3.0.0/16"},
		{"118 for no subnet", Selector{SubnetSelection: ip("172.31.0.0"), Giaddr: ip("10.2.0.1")}, "none"},
		{"link-selection over 118", Selector{LinkSelection: ip("10.4.0.0"), SubnetSelection: ip("10.3.0.0"), Giaddr: ip("10.2.0.1")}, "10.4.0.0/16"},
		{"link-selection for no subnet", Selector{LinkSelection: ip("172.31.0.0"), Giaddr: ip("10.2.0.1")}, "none"},
	} {
		if got := name(p.Select(&c.sel)); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	spec.SubnetSelection = false
	p = mustBuild(t, spec)
	if got := name(p.Select(&Selector{SubnetSelection: ip("10.3.0.0"), Giaddr: ip("10.2.0.1")})); got != "10.2.0.0/16" {
		t.Errorf("118 where it is not enabled selects %s", got)
	}
	sels := []Selector{{}, {Giaddr: ip("10.2.0.1")}, {Ciaddr: ip("10.1.2.3")}, {NTags: 2, VLAN: [2]uint16{100, 8}}}
	if n := testing.AllocsPerRun(100, func() {
		for i := range sels {
			p.Select(&sels[i])
		}
	}); n != 0 {
		t.Errorf("Select allocates %v times", n)
	}
}

func TestServerIdentifierIsAnAddressOfOurs(t *testing.T) {
	spec := Spec{
		Ports: []PortSpec{
			{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("198.51.100.1/24")}},
			{Name: "eth1"},
			{Name: "eth2", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.65/24")}, Primary: addr("192.0.2.66")},
		},
		Subnets:   []SubnetSpec{subnet("192.0.2.0/24"), subnet("198.51.100.0/24"), subnet("10.0.0.0/8")},
		ServerIDs: []netip.Addr{addr("203.0.113.5")},
	}
	spec.Subnets[2].ServerID = addr("203.0.113.1")
	p := mustBuild(t, spec)
	for _, c := range []struct {
		what       string
		port       uint16
		subnet     int
		dst        string
		id, source string
	}{
		{"the address on the client's subnet", 0, 1, "255.255.255.255", "198.51.100.1", "198.51.100.1"},
		{"the address that was written to", 0, 1, "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"an identifier for the subnet", 0, 2, "192.0.2.1", "203.0.113.1", "192.0.2.1"},
		{"no address, but an identifier", 1, 2, "255.255.255.255", "203.0.113.1", "203.0.113.1"},
		{"no address at all", 1, 0, "255.255.255.255", "0.0.0.0", "0.0.0.0"},
		{"the configured one for relay agents", 2, 1, "255.255.255.255", "192.0.2.66", "192.0.2.66"},
	} {
		id, source := p.Server(c.port, &p.Subnets[c.subnet], ip(c.dst))
		if id != ip(c.id) || source != ip(c.source) {
			t.Errorf("%s: %v from %v, want %s from %s", c.what, id, source, c.id, c.source)
		}
	}
	for a, want := range map[string]bool{
		"192.0.2.1": true, "198.51.100.1": true, "192.0.2.65": true, "192.0.2.66": true,
		"203.0.113.1": true, "203.0.113.5": true, "192.0.2.2": false, "0.0.0.0": false, "255.255.255.255": false,
	} {
		if p.Ours(ip(a)) != want {
			t.Errorf("Ours(%s) is %v", a, !want)
		}
	}
}

func TestPlaceOfAnAddress(t *testing.T) {
	spec := Spec{Networks: []NetworkSpec{{Name: "street", Subnets: []SubnetSpec{
		subnet("10.0.0.0/24", "10.0.0.10-10.0.0.19", "10.0.0.30-10.0.0.39"),
		subnet("10.0.1.0/24", "10.0.1.10-10.0.1.19"),
	}}}, Subnets: []SubnetSpec{subnet("10.0.2.0/24", "10.0.2.10-10.0.2.19")}}
	spec.Networks[0].Subnets[0].Excluded = []Range{{addr("10.0.0.12"), addr("10.0.0.13")}}
	spec.Networks[0].Subnets[0].Pools[1].Options = []Option{opt(15, 'x')}
	p := mustBuild(t, spec)
	street, lone := &p.Subnets[0], &p.Subnets[2]
	for _, c := range []struct {
		from   *Subnet
		addr   string
		want   string
		inPool bool
		domain string
	}{
		{street, "10.0.0.9", "10.0.0.0/24", false, ""},
		{street, "10.0.0.10", "10.0.0.0/24", true, ""},
		{street, "10.0.0.11", "10.0.0.0/24", true, ""},
		{street, "10.0.0.12", "10.0.0.0/24", false, ""},
		{street, "10.0.0.13", "10.0.0.0/24", false, ""},
		{street, "10.0.0.14", "10.0.0.0/24", true, ""},
		{street, "10.0.0.19", "10.0.0.0/24", true, ""},
		{street, "10.0.0.20", "10.0.0.0/24", false, ""},
		{street, "10.0.0.39", "10.0.0.0/24", true, "x"},
		{street, "10.0.1.10", "10.0.1.0/24", true, ""},
		{street, "10.0.1.200", "10.0.1.0/24", false, ""},
		{street, "10.0.2.10", "none", false, ""},
		{street, "0.0.0.0", "none", false, ""},
		{lone, "10.0.2.10", "10.0.2.0/24", true, ""},
		{lone, "10.0.2.1", "10.0.2.0/24", false, ""},
		{lone, "10.0.1.10", "none", false, ""},
	} {
		at, options, inPool := c.from.Place(ip(c.addr))
		domain, _ := options.Get(15)
		if name(at) != c.want || inPool != c.inPool || string(domain) != c.domain {
			t.Errorf("%s: in %s, in a pool: %v, domain %q", c.addr, name(at), inPool, domain)
		}
	}
	if want := []lease.PoolID{0, 1, 2}; fmt.Sprint(street.Choice) != fmt.Sprint(want) {
		t.Errorf("a client of the first subnet chooses from %v, want %v", street.Choice, want)
	}
	if want := []lease.PoolID{2, 0, 1}; fmt.Sprint(p.Subnets[1].Choice) != fmt.Sprint(want) {
		t.Errorf("a client of the second subnet chooses from %v, want %v", p.Subnets[1].Choice, want)
	}
	if n := testing.AllocsPerRun(100, func() { street.Place(ip("10.0.1.200")) }); n != 0 {
		t.Errorf("Place allocates %v times", n)
	}
}

func TestLeaseTimes(t *testing.T) {
	const inf = lease.Infinite
	for _, c := range []struct {
		times                Times
		want                 uint32
		wants                bool
		valid, renew, rebind uint32
	}{
		{Times{Valid: 3600}, 0, false, 3600, 1800, 3150},
		{Times{Valid: 3600}, 60, true, 3600, 1800, 3150}, // no bounds: the wish does not count
		{Times{Valid: 3600, Min: 600, Max: 7200}, 60, true, 600, 300, 525},
		{Times{Valid: 3600, Min: 600, Max: 7200}, 7000, true, 7000, 3500, 6125},
		{Times{Valid: 3600, Min: 600, Max: 7200}, inf, true, 7200, 3600, 6300},
		{Times{Valid: 3600, Min: 600, Max: inf}, inf, true, inf, 0, 0},
		{Times{Valid: inf}, 0, false, inf, 0, 0},
		{Times{Valid: 3600, Renew: 100, Rebind: 200}, 0, false, 3600, 100, 200},
		{Times{Valid: 3600, Renew: 1000, Rebind: 2000, Min: 500}, 500, true, 500, 250, 437},     // neither fits
		{Times{Valid: 3600, Renew: 1000, Rebind: 2000, Min: 500}, 1500, true, 1500, 1000, 1312}, // rebind does not
		{Times{Valid: 1}, 0, false, 1, 0, 0},
	} {
		times, err := c.times.defaults()
		if err != nil {
			t.Errorf("%+v: %v", c.times, err)
		}
		valid := times.For(c.want, c.wants)
		renew, rebind := times.Timers(valid)
		if valid != c.valid || renew != c.renew || rebind != c.rebind {
			t.Errorf("%+v wants %d: %d, %d, %d; want %d, %d, %d", c.times, c.want, valid, renew, rebind, c.valid, c.renew, c.rebind)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		p := mustBuild(b, ispSpec(n))
		b.Run(fmt.Sprintf("giaddr/subnets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			sel, first := Selector{}, ip("10.0.0.1")
			for i := uint32(0); b.Loop(); i++ {
				// A relay agent of another subnet each time.
				sel.Giaddr = first + lease.IP4(i*2654435761>>16%uint32(n))<<8
				if p.Select(&sel) == nil {
					b.Fatal("no subnet")
				}
			}
		})
	}
	b.Run("port", func(b *testing.B) {
		p := mustBuild(b, ispSpec(1000))
		b.ReportAllocs()
		sel := Selector{NTags: 2, VLAN: [2]uint16{4, 5}}
		for b.Loop() {
			p.Select(&sel)
		}
	})
}
