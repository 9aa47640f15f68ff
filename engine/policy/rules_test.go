// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"xdhcp/engine/lease"
)

func TestPoolsByClass(t *testing.T) {
	pools := func(edit func([]PoolSpec)) SubnetSpec {
		s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.19", "192.0.2.20-192.0.2.29", "192.0.2.30-192.0.2.39")
		for i := range s.Pools {
			s.Pools[i].Name = string("xyz"[i])
		}
		edit(s.Pools)
		return s
	}
	classes := []ClassSpec{one("a", is(MatchVendorClass, "a")), one("b", is(MatchUserClass, "b"))}
	for _, c := range []struct {
		what string
		s    SubnetSpec
		want [4]string // pools of: nobody's client, a's, b's, both's
	}{
		{"for all", pools(func([]PoolSpec) {}), [4]string{"xyz", "xyz", "xyz", "xyz"}},
		{"one for a", pools(func(p []PoolSpec) { p[0].Classes = []string{"a"} }), [4]string{"yz", "xyz", "yz", "xyz"}},
		{"any of two", pools(func(p []PoolSpec) { p[0].Classes = []string{"a", "b"} }), [4]string{"yz", "xyz", "xyz", "xyz"}},
		{"not a", pools(func(p []PoolSpec) { p[1].Deny = []string{"a"} }), [4]string{"xyz", "xz", "xyz", "xz"}},
		{"b and not a", pools(func(p []PoolSpec) { p[2].Classes, p[2].Deny = []string{"b"}, []string{"a"} }), [4]string{"xy", "xy", "xyz", "xy"}},
		{"a subnet for a", func() SubnetSpec {
			s := pools(func(p []PoolSpec) { p[0].Classes = []string{"b"} })
			s.Classes = []string{"a"}
			return s
		}(), [4]string{"", "yz", "", "xyz"}},
		{"a subnet not for b", func() SubnetSpec {
			s := pools(func([]PoolSpec) {})
			s.Deny = []string{"b"}
			return s
		}(), [4]string{"xyz", "xyz", "", ""}},
	} {
		p := mustBuild(t, Spec{Subnets: []SubnetSpec{c.s}, Classes: classes})
		room := make([]lease.PoolID, 0, 8)
		for i, want := range c.want {
			f := Facts{Client: &lease.Client{}}
			if i&1 != 0 {
				f.VendorClass = []byte("a")
			}
			if i&2 != 0 {
				f.UserClass = []byte("\x01b")
			}
			m := members(p, f)
			got := ""
			for _, id := range p.Pools(&p.Subnets[0], &m.In, false, &room) {
				got += p.Layout.Pools[id].Name
			}
			if got != want {
				t.Errorf("%s, client %d: pools %q, want %q", c.what, i, got, want)
			}
			if n := testing.AllocsPerRun(10, func() { p.Pools(&p.Subnets[0], &m.In, false, &room) }); n != 0 {
				t.Errorf("%s: %v allocations", c.what, n)
			}
		}
	}
}

func TestTimesOfClassPoolAndSubnet(t *testing.T) {
	s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.19", "192.0.2.20-192.0.2.29")
	s.Pools[1].Times = &Times{Valid: 600, Max: 1200}
	p := mustBuild(t, Spec{
		Subnets: []SubnetSpec{s},
		Classes: []ClassSpec{
			one("a", is(MatchVendorClass, "a")),
			{Name: "b", Match: &Match{By: MatchUserClass, Value: []byte("b")}, Times: &Times{Valid: 60}},
			{Name: "a too", VendorClass: []byte("a"), Times: &Times{Valid: 120, Min: 30}},
		},
	})
	sub := &p.Subnets[0]
	for _, c := range []struct {
		what, vendor, user, addr string
		want                     Times
	}{
		{"subnet", "", "", "192.0.2.10", Times{Valid: 3600, Min: 3600, Max: 3600}},
		{"outside of the pools", "", "", "192.0.2.99", Times{Valid: 3600, Min: 3600, Max: 3600}},
		{"pool", "", "", "192.0.2.20", Times{Valid: 600, Min: 600, Max: 1200}},
		{"class over pool", "", "b", "192.0.2.20", Times{Valid: 60, Min: 60, Max: 60}},
		{"class", "a", "", "192.0.2.10", Times{Valid: 120, Min: 30, Max: 120}},
		{"the first class", "a", "b", "192.0.2.10", Times{Valid: 60, Min: 60, Max: 60}},
	} {
		f := Facts{VendorClass: []byte(c.vendor)}
		if c.user != "" {
			f.UserClass = []byte("\x01" + c.user)
		}
		if got := p.Times(sub, ip(c.addr), &members(p, f).In); *got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, *got, c.want)
		}
	}
}

func TestBootParametersOfReservationClassAndSubnet(t *testing.T) {
	s := subnet("192.0.2.0/24")
	s.NextServer, s.ServerName, s.BootFile = addr("192.0.2.1"), "subnet", "subnet"
	s.Reservations = []ReservationSpec{
		{MAC: []byte{1}, BootFile: "host"},
		{MAC: []byte{2}},
	}
	p := mustBuild(t, Spec{Subnets: []SubnetSpec{s}, Classes: []ClassSpec{
		{Name: "a", VendorClass: []byte("a"), BootFile: "class a", NextServer: addr("192.0.2.2")},
		{Name: "a2", VendorClass: []byte("a"), BootFile: "class a2", ServerName: "class a2"},
	}})
	sub := &p.Subnets[0]
	var room Boot
	for _, c := range []struct {
		host   byte
		vendor string
		want   string
	}{
		{0, "", "192.0.2.1 subnet subnet"},
		{2, "", "192.0.2.1 subnet subnet"},
		{0, "a", "192.0.2.2 class a2 class a"},
		{1, "", "192.0.2.1 subnet host"},
		{1, "a", "192.0.2.2 class a2 host"},
	} {
		m := members(p, Facts{VendorClass: []byte(c.vendor)})
		r := sub.Reservation(&lease.Client{HW: []byte{c.host}})
		get := func() *Boot { return p.Boot(sub, r, &m.In, &room) }
		if b := get(); fmt.Sprintf("%v %s %s", b.NextServer, b.ServerName, b.BootFile) != c.want {
			t.Errorf("host %d, class %q: %v %s %s, want %s", c.host, c.vendor, b.NextServer, b.ServerName, b.BootFile, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { get() }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// A class counts as undecided where something depends on it, and only there.
func TestUndecided(t *testing.T) {
	x := Match{By: MatchExpr, Expr: "exists(200)"}
	with := func(edit func(*Spec)) *Policy {
		spec := Spec{
			Classes: []ClassSpec{one("x", x)},
			Subnets: []SubnetSpec{subnet("192.0.2.0/24", "192.0.2.10-192.0.2.19"), subnet("198.51.100.0/24")},
		}
		edit(&spec)
		return mustBuild(t, spec)
	}
	forX := []Option{{Code: 6, Class: "x"}}
	for _, c := range []struct {
		what   string
		p      *Policy
		here   bool
		beside bool
	}{
		{"a class without an effect", with(func(*Spec) {}), false, false},
		{"options", with(func(s *Spec) { s.Classes[0].Options = []Option{opt(6)} }), true, true},
		{"times", with(func(s *Spec) { s.Classes[0].Times = &Times{Valid: 1} }), true, true},
		{"a boot file", with(func(s *Spec) { s.Classes[0].BootFile = "x" }), true, true},
		{"drop", with(func(s *Spec) { s.Classes[0].Drop = true }), true, true},
		{"a filter", with(func(s *Spec) { s.Filters.Deny = []Match{x} }), true, true},
		{"a global option", with(func(s *Spec) { s.Options = forX }), true, true},
		{"a pool", with(func(s *Spec) { s.Subnets[0].Pools[0].Classes = []string{"x"} }), true, false},
		{"against a pool", with(func(s *Spec) { s.Subnets[0].Pools[0].Deny = []string{"x"} }), true, false},
		{"a subnet", with(func(s *Spec) { s.Subnets[0].Classes = []string{"x"} }), true, false},
		{"a subnet's option", with(func(s *Spec) { s.Subnets[0].Options = forX }), true, false},
		{"a pool's option", with(func(s *Spec) { s.Subnets[0].Pools[0].Options = forX }), true, false},
		{"a reservation's option", with(func(s *Spec) {
			s.Subnets[0].Reservations = []ReservationSpec{{MAC: []byte{1}, Address: addr("192.0.2.1"), Options: forX}}
		}), true, false},
		{"a reservation's option, no address", with(func(s *Spec) {
			s.Subnets[0].Reservations = []ReservationSpec{{ClientID: []byte{1}, Options: forX}}
		}), true, false},
		{"by another class", with(func(s *Spec) {
			s.Classes = append(s.Classes, one("y", combine(MatchNot, Match{By: MatchClass, Name: "x"})))
			s.Subnets[0].Pools[0].Classes = []string{"y"}
		}), true, false},
	} {
		m := members(c.p, Facts{})
		if here := c.p.Undecided(&c.p.Subnets[0], m); here != c.here {
			t.Errorf("%s: undecided is %v", c.what, here)
		}
		if beside := c.p.Undecided(&c.p.Subnets[1], m); beside != c.beside {
			t.Errorf("%s: undecided in another subnet is %v", c.what, beside)
		}
		m = members(c.p, Facts{Packet: packet{}})
		if c.p.Undecided(&c.p.Subnets[0], m) {
			t.Errorf("%s: undecided with the packet", c.what)
		}
	}
}

func TestReservationsInOrderOfPrecedence(t *testing.T) {
	host := func(a string, r ReservationSpec) ReservationSpec {
		r.Address = addr("192.0.2." + a)
		return r
	}
	mac, id, circuit, remote, sub := []byte{1, 1}, []byte("id"), []byte("c"), []byte("r"), []byte("s")
	s := subnet("192.0.2.0/24")
	s.Reservations = []ReservationSpec{
		host("1", ReservationSpec{MAC: mac}), host("2", ReservationSpec{ClientID: id}),
		host("3", ReservationSpec{CircuitID: circuit}), host("4", ReservationSpec{RemoteID: remote}),
		host("5", ReservationSpec{SubscriberID: sub}),
		host("6", ReservationSpec{MAC: []byte{2}, CircuitID: circuit}),
		host("7", ReservationSpec{CircuitID: circuit, RemoteID: remote}),
		host("8", ReservationSpec{MAC: []byte{2}, CircuitID: circuit, RemoteID: remote}),
	}
	line := []string{"\x01", "c", "\x02", "r", "\x06", "s"}
	client := func(mac, id []byte, subs ...string) lease.Client {
		c := relayed(subs...)
		c.HW, c.ClientID = mac, id
		return c
	}
	kea := []Identifier{ByMAC, ByCircuit, ByClientID, BySubscriber}
	for _, c := range []struct {
		what  string
		order []Identifier
		c     lease.Client
		want  string
	}{
		{"nothing", nil, client([]byte{9}, nil), "0.0.0.0"},
		{"by default chaddr first", nil, client(mac, id), "192.0.2.1"},
		{"then the client identifier", nil, client([]byte{9}, id, line[:2]...), "192.0.2.2"},
		{"then the circuit", nil, client([]byte{9}, nil, line[:2]...), "192.0.2.3"},
		{"then the remote end", nil, client([]byte{9}, nil, line[2:]...), "192.0.2.4"},
		{"then the subscriber", nil, client([]byte{9}, nil, line[4:]...), "192.0.2.5"},
		{"two identifiers before one", nil, client(mac, id, line[:4]...), "192.0.2.7"},
		{"three before two", nil, client([]byte{2}, id, line...), "192.0.2.8"},
		{"both must be there", nil, client([]byte{2}, nil, line[:2]...), "192.0.2.6"},
		{"another order", kea, client([]byte{9}, id, line[:2]...), "192.0.2.3"},
		{"what is not in the order is not looked for", kea, client([]byte{9}, nil, line[2:4]...), "0.0.0.0"},
		{"nor together with others", kea, client([]byte{9}, id, line[:4]...), "192.0.2.3"},
		{"no order", []Identifier{}, client(mac, id, line...), "0.0.0.0"},
	} {
		p := mustBuild(t, Spec{Subnets: []SubnetSpec{s}, Precedence: c.order})
		var got lease.IP4
		look := func() {
			got = 0
			if r := p.Subnets[0].Reservation(&c.c); r != nil {
				got = r.Addr
			}
		}
		if look(); got.String() != c.want {
			t.Errorf("%s: %v, want %s", c.what, got, c.want)
		}
		if n := testing.AllocsPerRun(10, look); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
	for _, bad := range [][]Identifier{{9}, {ByMAC, ByMAC}} {
		if _, err := Build(Spec{Precedence: bad}); err == nil || !strings.Contains(err.Error(), "the order of reservations") {
			t.Errorf("order %v: %v", bad, err)
		}
	}
	s.Reservations = append(s.Reservations, host("9", ReservationSpec{RemoteID: remote, CircuitID: circuit}))
	if _, err := Build(Spec{Subnets: []SubnetSpec{s}}); err == nil || !strings.Contains(err.Error(), "no other reservation") {
		t.Errorf("the same two identifiers twice: %v", err)
	}
}

// Variants are kept in a table of fixed size, and what does not fit is right all
// the same.
func TestVariantsAreBounded(t *testing.T) {
	var spec Spec
	for i := range 12 {
		v := []byte{byte(i)}
		spec.Classes = append(spec.Classes, ClassSpec{
			Name: fmt.Sprint(i), Match: &Match{By: MatchUserClass, Value: v}, Options: []Option{opt(200, v...), opt(uint8(201+i), v...)},
		})
	}
	spec.Subnets = []SubnetSpec{subnet("192.0.2.0/24")}
	p := mustBuild(t, spec)
	slots := len(p.variants.slots)
	for set := 1; set < 1<<12; set++ {
		var user []byte
		for i := range 12 {
			if set>>i&1 != 0 {
				user = append(user, 1, byte(i))
			}
		}
		m := members(p, Facts{UserClass: user})
		o := p.ForClasses(p.Subnets[0].Options, &m.In)
		var want []byte
		for i := range 12 {
			if set>>i&1 != 0 {
				want = append(want, byte(i))
			}
		}
		first, _ := o.Get(200)
		var got []byte
		for i := range 12 {
			if v, ok := o.Get(uint8(201 + i)); ok {
				got = append(got, v...)
			}
		}
		if len(first) != 1 || first[0] != want[0] || !slices.Equal(got, want) {
			t.Fatalf("classes %v: option 200 is %v, the others %v", want, first, got)
		}
	}
	if len(p.variants.slots) != slots || slots > maxVariants {
		t.Errorf("%d slots, before %d", len(p.variants.slots), slots)
	}
}

func BenchmarkForClasses(b *testing.B) {
	var spec Spec
	for i := range 100 {
		spec.Classes = append(spec.Classes, ClassSpec{Name: fmt.Sprint(i), VendorClass: fmt.Append(nil, i), Options: []Option{opt(200, byte(i))}})
	}
	for i := range 1000 {
		spec.Subnets = append(spec.Subnets, subnet(fmt.Sprintf("10.%d.%d.0/24", i/250, i%250)))
	}
	p := mustBuild(b, spec)
	m := members(p, Facts{VendorClass: []byte("7")})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.ForClasses(p.Subnets[i%1000].Options, &m.In)
		i++
	}
}

// Workers that need a variant at the same moment get the same one.
func TestVariantsOfManyWorkers(t *testing.T) {
	spec := Spec{Subnets: []SubnetSpec{subnet("192.0.2.0/24")}}
	for i := range 3 {
		spec.Classes = append(spec.Classes, ClassSpec{
			Name: fmt.Sprint(i), Match: &Match{By: MatchUserClass, Value: []byte{byte(i)}}, Options: []Option{opt(200, byte(i))},
		})
	}
	for range 50 {
		p := mustBuild(t, spec)
		var got [8][3]*OptionSet
		var wg sync.WaitGroup
		for w := range got {
			wg.Go(func() {
				for i := range 3 {
					var in ClassSet
					in.Add((i + w) % 3)
					got[w][(i+w)%3] = p.ForClasses(p.Subnets[0].Options, &in)
				}
			})
		}
		wg.Wait()
		for w := range got {
			if got[w] != got[0] {
				t.Fatalf("worker %d got %v, worker 0 %v", w, got[w], got[0])
			}
		}
	}
}
