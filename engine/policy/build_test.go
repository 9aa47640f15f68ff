// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"xdhcp/engine/lease"
)

func TestTheMoreSpecificPlaceWins(t *testing.T) {
	// Option 200+i says which place it comes from; each place leaves one option
	// less to the weaker ones.
	from := func(place string, codes ...uint8) (opts []Option) {
		for _, c := range codes {
			opts = append(opts, Option{Code: c, Data: []byte(place)})
		}
		return opts
	}
	s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.19", "192.0.2.20-192.0.2.29")
	s.Options = from("subnet", 200, 201, 202, 203)
	s.Pools[0].Options = from("pool", 200, 201, 202)
	mac := []byte{2, 0, 0, 0, 0, 1}
	s.Reservations = []ReservationSpec{
		{MAC: mac, Address: addr("192.0.2.15"), Options: from("host", 200)},
		{MAC: []byte{2, 0, 0, 0, 0, 2}, Options: from("host", 200)},
		{MAC: []byte{2, 0, 0, 0, 0, 3}, Address: addr("192.0.2.16")},
		{MAC: []byte{2, 0, 0, 0, 0, 4}},
	}
	p := mustBuild(t, Spec{
		Networks: []NetworkSpec{{Name: "street", Subnets: []SubnetSpec{s}, Options: from("network", 200, 201, 202, 203, 204)}},
		Options:  from("global", 200, 201, 202, 203, 204, 205),
		Classes: []ClassSpec{
			{Name: "phones", VendorClass: []byte("phone"), Options: from("class", 200, 201)},
			{Name: "phones too", VendorClass: []byte("phone"), Options: from("class2", 201, 206)},
			{Name: "others", VendorClass: []byte("other"), Options: from("other", 203)},
		},
	})
	sub := &p.Subnets[0]
	for _, c := range []struct {
		what  string
		host  byte
		addr  string
		class string
		want  string
	}{
		{"nothing but the subnet", 0, "192.0.2.25", "", "subnet subnet subnet subnet network global -"},
		{"an address outside of the pools", 0, "192.0.2.99", "", "subnet subnet subnet subnet network global -"},
		{"a pool", 0, "192.0.2.10", "", "pool pool pool subnet network global -"},
		{"a class", 0, "192.0.2.10", "phone", "class class pool subnet network global class2"},
		{"a class, no pool", 0, "192.0.2.99", "phone", "class class subnet subnet network global class2"},
		{"another class", 0, "192.0.2.10", "other", "pool pool pool other network global -"},
		{"a prefix of a class is none", 0, "192.0.2.10", "phon", "pool pool pool subnet network global -"},
		{"a reservation", 1, "192.0.2.15", "", "host pool pool subnet network global -"},
		{"a reservation and a class", 1, "192.0.2.15", "phone", "host class pool subnet network global class2"},
		{"options without an address, in a pool", 2, "192.0.2.11", "phone", "host class pool subnet network global class2"},
		{"options without an address, no pool", 2, "192.0.2.25", "", "host subnet subnet subnet network global -"},
		{"an address without options", 3, "192.0.2.16", "", "pool pool pool subnet network global -"},
		{"neither", 4, "192.0.2.10", "", "pool pool pool subnet network global -"},
	} {
		t.Run(c.what, func(t *testing.T) {
			client := lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, c.host}}
			res := sub.Reservation(&client)
			if (res != nil) != (c.host != 0) {
				t.Fatalf("reservation found: %v", res != nil)
			}
			_, base, _ := sub.Place(ip(c.addr))
			class := []byte(c.class)
			o := forVendor(p, res.Options(base), class)
			var got []string
			for code := range uint8(7) {
				v, ok := o.Get(200 + code)
				if !ok {
					v = []byte("-")
				}
				got = append(got, string(v))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
			if again := forVendor(p, res.Options(base), class); again != o {
				t.Error("the set's address changes")
			}
			if n := testing.AllocsPerRun(10, func() {
				_, base, _ := sub.Place(ip(c.addr))
				forVendor(p, sub.Reservation(&client).Options(base), class)
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestReservationsByEveryIdentifier(t *testing.T) {
	s := subnet("192.0.2.0/24")
	s.Reservations = []ReservationSpec{
		{MAC: []byte{2, 0, 0, 0, 0, 1}, Address: addr("192.0.2.1")},
		{ClientID: []byte("id"), Address: addr("192.0.2.2")},
		{CircuitID: []byte("eth 0/1"), Address: addr("192.0.2.3")},
		{RemoteID: []byte("eth 0/1"), Address: addr("192.0.2.4")},
		{MAC: []byte{9}, Address: addr("192.0.2.5")},
	}
	p := mustBuild(t, Spec{Subnets: []SubnetSpec{s, subnet("198.51.100.0/24")}})
	mac := []byte{2, 0, 0, 0, 0, 1}
	circuit := append([]byte{9, 1, 0, 1, 7}, "eth 0/1"...)
	remote := append([]byte{1, 1, 'x', 2, 7}, "eth 0/1"...)
	for _, c := range []struct {
		what string
		c    lease.Client
		want string
	}{
		{"hardware address", lease.Client{HType: 1, HW: mac}, "192.0.2.1"},
		{"whatever its type", lease.Client{HType: 6, HW: mac}, "192.0.2.1"},
		{"not a longer one", lease.Client{HType: 1, HW: append(slices.Clone(mac), 0)}, "0.0.0.0"},
		{"not one that is too long", lease.Client{HType: 1, HW: make([]byte, 20)}, "0.0.0.0"},
		{"a short one", lease.Client{HType: 7, HW: []byte{9}}, "192.0.2.5"},
		{"client identifier", lease.Client{ClientID: []byte("id")}, "192.0.2.2"},
		{"the hardware address before it", lease.Client{HW: mac, ClientID: []byte("id")}, "192.0.2.1"},
		{"circuit", lease.Client{Relay: circuit}, "192.0.2.3"},
		{"remote end", lease.Client{Relay: remote}, "192.0.2.4"},
		{"a cut-off sub-option", lease.Client{Relay: circuit[:11]}, "0.0.0.0"},
		{"nobody", lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, 9}, ClientID: []byte("ide"), Relay: []byte{1, 1, 'x'}}, "0.0.0.0"},
	} {
		got := lease.IP4(0)
		if r := p.Subnets[0].Reservation(&c.c); r != nil {
			got = r.Addr
			if p.Subnets[0].ReservedAt(got) != r {
				t.Errorf("%s: ReservedAt finds another", c.what)
			}
		}
		if got != ip(c.want) {
			t.Errorf("%s: %v, want %s", c.what, got, c.want)
		}
		if p.Subnets[1].Reservation(&c.c) != nil {
			t.Errorf("%s: found on another link", c.what)
		}
		if n := testing.AllocsPerRun(10, func() { p.Subnets[0].Reservation(&c.c) }); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
	var reserved []string
	for _, r := range p.Layout.Reserved {
		reserved = append(reserved, fmt.Sprint(r.Addr, r.Scope == p.Subnets[0].Scope))
	}
	if got, want := strings.Join(reserved, " "), "192.0.2.1 true 192.0.2.2 true 192.0.2.3 true 192.0.2.4 true 192.0.2.5 true"; got != want {
		t.Errorf("the layout reserves %s", got)
	}
}

func TestIdentity(t *testing.T) {
	hw := []byte{2, 0, 0, 0, 0, 1}
	relay := []byte{1, 2, 'c', '1', 2, 2, 'r', '1'}
	for _, c := range []struct {
		rule Identity
		c    lease.Client
		kind lease.Kind
		id   string
	}{
		{IdentityClientID, lease.Client{HType: 1, HW: hw, ClientID: []byte("cid"), Relay: relay}, lease.KindClientID, "cid"},
		{IdentityClientID, lease.Client{HType: 6, HW: hw}, lease.KindHW, "\x06\x02\x00\x00\x00\x00\x01"},
		{IdentityClientID, lease.Client{HType: 1}, lease.KindHW, "\x01"},
		{IdentityHW, lease.Client{HType: 1, HW: hw, ClientID: []byte("cid"), Relay: relay}, lease.KindHW, "\x01\x02\x00\x00\x00\x00\x01"},
		{IdentityCircuit, lease.Client{HType: 1, HW: hw, ClientID: []byte("cid"), Relay: relay}, lease.KindCircuit, "\x01\x02c1"},
		{IdentityRemote, lease.Client{HType: 1, HW: hw, Relay: relay}, lease.KindRemote, "\x02\x02r1"},
		{IdentityCircuitRemote, lease.Client{HType: 1, HW: hw, Relay: relay}, lease.KindCircuitRemote, "\x01\x02c1\x02\x02r1"},
		{IdentityCircuitRemote, lease.Client{HType: 1, HW: hw, ClientID: []byte("cid"), Relay: relay[:4]}, lease.KindClientID, "cid"},
		{IdentityCircuit, lease.Client{HType: 1, HW: hw}, lease.KindHW, "\x01\x02\x00\x00\x00\x00\x01"},
	} {
		var room [IdentityRoom]byte
		c.rule.Identify(&c.c, room[:])
		if c.c.Kind != c.kind || string(c.c.ID) != c.id {
			t.Errorf("rule %d: %v %q, want %v %q", c.rule, c.c.Kind, c.c.ID, c.kind, c.id)
		}
	}
}

func TestPoolsWithoutWhatIsNotForClients(t *testing.T) {
	s := subnet("192.0.2.0/24", "192.0.2.1-192.0.2.100")
	s.Excluded = []Range{{addr("192.0.2.50"), addr("192.0.2.60")}, {addr("192.0.2.55"), addr("192.0.2.57")}, {addr("192.0.2.99"), addr("192.0.2.120")}}
	other := subnet("198.51.100.0/24", "198.51.100.20-198.51.100.29", "198.51.100.10-198.51.100.19")
	other.Pools[0].Name, other.Pools[1].Name = "same", "same"
	p := mustBuild(t, Spec{
		Ports:   []PortSpec{{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.70/24")}}},
		Subnets: []SubnetSpec{s, other},
	})
	var got []string
	for _, pl := range p.Layout.Pools {
		line := pl.Name + ":"
		for _, r := range pl.Ranges {
			line += fmt.Sprintf(" %v-%v", r.First, r.Last)
		}
		got = append(got, line)
	}
	want := []string{
		"192.0.2.1-192.0.2.100: 192.0.2.2-192.0.2.49 192.0.2.61-192.0.2.69 192.0.2.71-192.0.2.98",
		"same: 198.51.100.20-198.51.100.29",
		"same#2: 198.51.100.10-198.51.100.19",
	}
	if !slices.Equal(got, want) {
		t.Errorf("pools:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestScopeIDsDependOnWhatTheScopeIs(t *testing.T) {
	many := Spec{}
	for i := range 3000 {
		many.Subnets = append(many.Subnets, subnet(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)))
		many.Networks = append(many.Networks, NetworkSpec{Name: fmt.Sprint("n", i), Subnets: []SubnetSpec{subnet(fmt.Sprintf("11.%d.%d.0/24", i>>8, i&255))}})
	}
	many.Subnets = append(many.Subnets, subnet("10.0.0.0/8"), subnet("10.0.0.0/16"), subnet("0.0.0.0/0"), subnet("12.0.0.0/31"), subnet("12.0.0.1/32"))
	p := mustBuild(t, many)
	seen := map[lease.ScopeID]string{}
	byName := map[string]lease.ScopeID{}
	for _, sc := range p.Scopes {
		if other, dup := seen[sc.ID]; dup || sc.ID == 0 {
			t.Errorf("scopes %s and %s have ID %d", other, sc.Name, sc.ID)
		}
		seen[sc.ID], byName[sc.Name] = sc.Name, sc.ID
	}
	for _, s := range p.Subnets {
		if seen[s.Scope] == "" {
			t.Errorf("subnet %s is in no scope", name(&s))
		}
	}
	// Another order and other neighbours: the same IDs.
	slices.Reverse(many.Subnets)
	slices.Reverse(many.Networks)
	many.Subnets, many.Networks = many.Subnets[:2000], many.Networks[:1000]
	for _, sc := range mustBuild(t, many).Scopes {
		if byName[sc.Name] != sc.ID {
			t.Errorf("scope %s was %d and is %d", sc.Name, byName[sc.Name], sc.ID)
		}
	}
	a, b := mustBuild(t, Spec{}), mustBuild(t, Spec{})
	if a.Layout.Generation == 0 || a.Layout.Generation == b.Layout.Generation {
		t.Error("layouts of two policies have the same generation")
	}
}

func TestBuildRefuses(t *testing.T) {
	eth0 := PortSpec{Name: "eth0"}
	mac := []byte{2, 0, 0, 0, 0, 1}
	with := func(edit func(*SubnetSpec)) Spec {
		s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.20")
		edit(&s)
		return Spec{Ports: []PortSpec{eth0}, Subnets: []SubnetSpec{s}}
	}
	host := func(rs ...ReservationSpec) Spec {
		return with(func(s *SubnetSpec) { s.Reservations = rs })
	}
	for _, c := range []struct {
		what string
		spec Spec
		err  string
	}{
		{"IPv6", Spec{Subnets: []SubnetSpec{{Prefix: netip.MustParsePrefix("2001:db8::/32"), Times: hour()}}}, "not an IPv4 prefix"},
		{"no prefix", Spec{Subnets: []SubnetSpec{{Times: hour()}}}, "not an IPv4 prefix"},
		{"host bits", Spec{Subnets: []SubnetSpec{subnet("192.0.2.1/24")}}, "the prefix is 192.0.2.0/24"},
		{"twice", Spec{Subnets: []SubnetSpec{subnet("192.0.2.0/24"), subnet("192.0.2.0/24")}}, "listed twice"},
		{"an interface twice", Spec{Ports: []PortSpec{eth0, eth0}}, "listed twice"},
		{"an empty network", Spec{Networks: []NetworkSpec{{Name: "n"}}}, "has no subnet"},
		{"a network without a name", Spec{Networks: []NetworkSpec{{Subnets: []SubnetSpec{subnet("192.0.2.0/24")}}}}, "the name must be there"},
		{"no lease time", with(func(s *SubnetSpec) { s.Times = Times{} }), "the lease time is 0"},
		{"bounds", with(func(s *SubnetSpec) { s.Times.Max = 60 }), "not between its bounds"},
		{"T1 after T2", with(func(s *SubnetSpec) { s.Times.Renew, s.Times.Rebind = 20, 10 }), "comes after rebind"},
		{"T2 after the end", with(func(s *SubnetSpec) { s.Times.Rebind = 3601 }), "comes after the lease's end"},
		{"sname", with(func(s *SubnetSpec) { s.ServerName = strings.Repeat("x", 64) }), "63 bytes"},
		{"file", with(func(s *SubnetSpec) { s.BootFile = strings.Repeat("x", 128) }), "127 bytes"},
		{"pool outside", with(func(s *SubnetSpec) { s.Pools = []PoolSpec{pool("192.0.1.255-192.0.2.9")} }), "not inside the subnet"},
		{"pool backwards", with(func(s *SubnetSpec) { s.Pools = []PoolSpec{pool("192.0.2.9-192.0.2.8")} }), "comes after"},
		{"pools overlap", with(func(s *SubnetSpec) { s.Pools = append(s.Pools, pool("192.0.2.20-192.0.2.30")) }), "pools overlap at 192.0.2.20"},
		{"pool in a smaller subnet", Spec{Subnets: []SubnetSpec{subnet("192.0.2.0/24", "192.0.2.60-192.0.2.70"), subnet("192.0.2.64/26")}}, "another subnet inside"},
		{"pool around a smaller subnet", Spec{Subnets: []SubnetSpec{subnet("192.0.2.0/24", "192.0.2.0-192.0.2.255"), subnet("192.0.2.64/26")}}, "another subnet inside"},
		{"an option of the server's", with(func(s *SubnetSpec) { s.Options = []Option{opt(51, 0, 0, 0, 1)} }), "filled in by the server"},
		{"an option twice", with(func(s *SubnetSpec) { s.Options = []Option{opt(6), opt(6)} }), "option 6 is there twice"},
		{"a huge option", with(func(s *SubnetSpec) { s.Options = []Option{{Code: 6, Data: make([]byte, 70000)}} }), "70000 bytes"},
		{"a bad pool option", with(func(s *SubnetSpec) { s.Pools[0].Options = []Option{opt(255)} }), "pool 192.0.2.10-192.0.2.20: option 255"},
		{"a link that is not served", with(func(s *SubnetSpec) { s.Links = []LinkSpec{{Port: "eth9"}} }), "eth9 is not served"},
		{"a VLAN that is not", with(func(s *SubnetSpec) { s.Links = []LinkSpec{{Port: "eth0", Outer: 4095}} }), "no such VLAN"},
		{"an inner VLAN alone", with(func(s *SubnetSpec) { s.Links = []LinkSpec{{Port: "eth0", Inner: 5}} }), "no such VLAN"},
		{"reservation outside", host(ReservationSpec{MAC: mac, Address: addr("192.0.3.1")}), "not inside the subnet"},
		{"address reserved twice", host(ReservationSpec{MAC: mac, Address: addr("192.0.2.1")}, ReservationSpec{ClientID: mac, Address: addr("192.0.2.1")}), "reserved twice"},
		{"client reserved twice", host(ReservationSpec{MAC: mac, Address: addr("192.0.2.1")}, ReservationSpec{MAC: mac, Address: addr("192.0.2.2")}), "no other reservation"},
		{"reservation for nobody", host(ReservationSpec{Address: addr("192.0.2.1")}), "needs an identifier"},
		{"reservation option", host(ReservationSpec{MAC: mac, Options: []Option{opt(54)}}), "reservation: option 54"},
		{"an unknown identity", Spec{Identity: 9}, "identity 9"},
	} {
		_, err := Build(c.spec)
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error is %v, want one with %q", c.what, err, c.err)
		}
	}
	two := Spec{Ports: []PortSpec{eth0}, Subnets: []SubnetSpec{subnet("192.0.2.0/24"), subnet("198.51.100.0/24")}}
	two.Subnets[0].Links = []LinkSpec{{Port: "eth0", Outer: 5}}
	two.Subnets[1].Links = []LinkSpec{{Port: "eth0", Outer: 5}}
	if _, err := Build(two); err == nil || !strings.Contains(err.Error(), "belong to subnet 192.0.2.0/24 already") {
		t.Errorf("one VLAN, two links: %v", err)
	}
	two.Subnets[0].Links, two.Subnets[1].Links = nil, nil
	two.Subnets[0].Relays = []netip.Addr{addr("10.0.0.1")}
	two.Subnets[1].Relays = []netip.Addr{addr("10.0.0.1")}
	if _, err := Build(two); err == nil || !strings.Contains(err.Error(), "relay 10.0.0.1") {
		t.Errorf("one relay agent, two links: %v", err)
	}
	// All faults at once.
	bad := with(func(s *SubnetSpec) { s.Times, s.BootFile = Times{}, strings.Repeat("x", 128) })
	if _, err := Build(bad); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two faults are reported as: %v", err)
	}
}

func BenchmarkReservation(b *testing.B) {
	for _, n := range []int{0, 10000} {
		s := subnet("10.0.0.0/8")
		for i := range n {
			s.Reservations = append(s.Reservations, ReservationSpec{
				MAC: []byte{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}, Address: netip.AddrFrom4(lease.IP4(0x0a000001 + i).As4()),
			})
		}
		p := mustBuild(b, Spec{Subnets: []SubnetSpec{s}})
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			hw := []byte{2, 0, 0, 0, 0, 0}
			c := lease.Client{HType: 1, HW: hw}
			for i := 0; b.Loop(); i++ {
				hw[4], hw[5] = byte(i>>8), byte(i)
				p.Subnets[0].Reservation(&c)
			}
		})
	}
}

// 1,000 subnets, 100 k reservations with a host name each.
func BenchmarkBuild(b *testing.B) {
	spec := ispSpec(1000)
	for i := range spec.Subnets[1:] {
		s := &spec.Subnets[i+1]
		base := ip4(s.Prefix.Addr())
		for j := range 100 {
			s.Reservations = append(s.Reservations, ReservationSpec{
				MAC: []byte{2, 0, byte(i >> 8), byte(i), 0, byte(j)}, Address: netip.AddrFrom4((base + lease.IP4(j+2)).As4()),
				Options: []Option{{Code: 12, Data: fmt.Appendf(nil, "host-%d-%d", i, j)}},
			})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(spec); err != nil {
			b.Fatal(err)
		}
	}
}
