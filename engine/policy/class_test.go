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

// one is a class of one condition.
func one(name string, m Match) ClassSpec { return ClassSpec{Name: name, Match: &m} }

func is(by MatchBy, value string) Match { return Match{By: by, Value: []byte(value)} }

func begins(by MatchBy, value string) Match {
	return Match{By: by, Value: []byte(value), Prefix: true}
}

func combine(by MatchBy, of ...Match) Match { return Match{By: by, Of: of} }

// inClasses are the names of the classes in a set.
func inClasses(spec *Spec, s *ClassSet) string {
	var names []string
	for i := range spec.Classes {
		if s.Has(i) {
			names = append(names, spec.Classes[i].Name)
		}
	}
	return strings.Join(names, " ")
}

// packet gives expressions options.
type packet map[uint8]string

func (p packet) Option(code uint8) ([]byte, bool) {
	v, ok := p[code]
	return []byte(v), ok
}

func relayed(subs ...string) lease.Client {
	var relay []byte
	for i := 0; i+1 < len(subs); i += 2 {
		relay = append(relay, subs[i][0], byte(len(subs[i+1])))
		relay = append(relay, subs[i+1]...)
	}
	return lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, 1}, Relay: relay}
}

func TestEveryMatcher(t *testing.T) {
	spec := Spec{
		Ports: []PortSpec{{Name: "eth0"}, {Name: "eth1"}},
		Classes: []ClassSpec{
			one("vendor", is(MatchVendorClass, "docsis")),
			one("vendor+", begins(MatchVendorClass, "docsis")),
			one("user", is(MatchUserClass, "iPXE")),
			one("user+", begins(MatchUserClass, "iP")),
			one("ent", Match{By: MatchVendorID, Enterprise: 4491, Value: []byte("cm")}),
			one("ent+", Match{By: MatchVendorID, Enterprise: 4491, Prefix: true}),
			one("mac", is(MatchMAC, "\x02\x00\x00\x00\x00\x01")),
			one("mac+", begins(MatchMAC, "\x02\x00\x00")),
			one("id", is(MatchClientID, "\x00me")),
			one("id+", begins(MatchClientID, "\x00")),
			one("circuit", is(MatchCircuit, "ge-0/1")),
			one("circuit+", begins(MatchCircuit, "ge-")),
			one("remote", is(MatchRemote, "olt7")),
			one("subscriber", is(MatchSubscriber, "alice")),
			one("relay-id", begins(MatchRelayID, "\x00\x02")),
			one("relay", Match{By: MatchRelay, Net: netip.MustParsePrefix("10.1.0.0/16")}),
			one("relay host", Match{By: MatchRelay, Net: netip.MustParsePrefix("10.1.0.1/32")}),
			one("uefi", Match{By: MatchArch, Number: 7}),
			one("eth1", Match{By: MatchLink, Link: LinkSpec{Port: "eth1"}}),
			one("eth1.5", Match{By: MatchLink, Link: LinkSpec{Port: "eth1", Outer: 5}}),
			one("any.5.6", Match{By: MatchLink, Link: LinkSpec{Outer: 5, Inner: 6}}),
			one("known", Match{By: MatchKnown}),
			{Name: "told"},
		},
	}
	p := mustBuild(t, spec)
	none := &lease.Client{HType: 1, HW: []byte{4}}
	line := relayed("\x01", "ge-0/1", "\x02", "olt7", "\x06", "alice", "\x0c", "\x00\x02id")
	told := &Reservation{classes: &ClassSet{}}
	told.classes.Add(p.Class("told"))
	for _, c := range []struct {
		what string
		f    Facts
		want string
	}{
		{"nothing", Facts{Client: none}, ""},
		{"option 60", Facts{Client: none, VendorClass: []byte("docsis")}, "vendor vendor+"},
		{"option 60, longer", Facts{Client: none, VendorClass: []byte("docsis3.0")}, "vendor+"},
		{"option 60, shorter", Facts{Client: none, VendorClass: []byte("docsi")}, ""},
		{"option 77", Facts{Client: none, UserClass: []byte("\x02me\x04iPXE")}, "user user+"},
		{"option 124", Facts{Client: none, VendorIdent: []byte("\x00\x00\x00\x01\x02cm\x00\x00\x11\x8b\x02cm")}, "ent ent+"},
		{"option 124, other data", Facts{Client: none, VendorIdent: []byte("\x00\x00\x11\x8b\x02cx")}, "ent+"},
		{"option 124, no data", Facts{Client: none, VendorIdent: []byte("\x00\x00\x11\x8b\x00")}, "ent+"},
		{"option 124, other enterprise", Facts{Client: none, VendorIdent: []byte("\x00\x00\x11\x8c\x02cm")}, ""},
		{"option 124, too short", Facts{Client: none, VendorIdent: []byte("\x00\x00\x11\x8b\x03cm")}, ""},
		{"option 125", Facts{Client: none, VendorInfo: []byte("\x00\x00\x11\x8b\x02cm")}, "ent ent+"},
		{"chaddr", Facts{Client: &lease.Client{HW: []byte{2, 0, 0, 0, 0, 1}}}, "mac mac+"},
		{"chaddr, same vendor", Facts{Client: &lease.Client{HW: []byte{2, 0, 0, 0, 0, 2}}}, "mac+"},
		{"option 61", Facts{Client: &lease.Client{ClientID: []byte("\x00me")}}, "id id+"},
		{"option 82", Facts{Client: &line}, "mac mac+ circuit circuit+ remote subscriber relay-id"},
		{"giaddr", Facts{Client: none, Giaddr: ip("10.1.0.1")}, "relay relay host"},
		{"giaddr, same net", Facts{Client: none, Giaddr: ip("10.1.255.255")}, "relay"},
		{"giaddr, other net", Facts{Client: none, Giaddr: ip("10.2.0.1")}, ""},
		{"option 93", Facts{Client: none, Arch: []byte{0, 0, 0, 7}}, "uefi"},
		{"option 93, another", Facts{Client: none, Arch: []byte{0, 6}}, ""},
		{"interface", Facts{Client: none, Port: 1}, "eth1"},
		{"VLAN", Facts{Client: none, Port: 1, NTags: 1, VLAN: [2]uint16{5}}, "eth1 eth1.5"},
		{"two VLANs", Facts{Client: none, NTags: 2, VLAN: [2]uint16{5, 6}}, "any.5.6"},
		{"a reservation", Facts{Client: none, Reservation: &Reservation{classes: &ClassSet{}}}, "known"},
		{"a reservation with a class", Facts{Client: none, Reservation: told}, "known told"},
	} {
		var m Membership
		p.Classify(&c.f, &m)
		if got := inClasses(&spec, &m.In); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if !m.Open.Empty() {
			t.Errorf("%s: open without an expression", c.what)
		}
		if n := testing.AllocsPerRun(10, func() { p.Classify(&c.f, &m) }); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
}

// The combinations against their definition, for every input.
func TestCombinations(t *testing.T) {
	a, b, c := is(MatchVendorClass, "a"), is(MatchUserClass, "b"), Match{By: MatchArch, Number: 1}
	spec := Spec{Classes: []ClassSpec{
		one("a", a),
		one("all", combine(MatchAll, a, b)),
		one("any", combine(MatchAny, a, combine(MatchAny, b, c))),
		one("not", combine(MatchNot, a)),
		one("both or c", combine(MatchAny, combine(MatchAll, a, b), c)),
		one("a not b", combine(MatchAll, a, combine(MatchNot, b))),
		one("neither", combine(MatchNot, combine(MatchAny, a, b))),
		one("everybody", combine(MatchAll)),
		one("nobody", combine(MatchAny)),
		one("member", combine(MatchAll, Match{By: MatchClass, Name: "any"}, Match{By: MatchClass, Name: "late"})),
		one("late", combine(MatchNot, c)),
		{Name: "short and long", VendorClass: []byte("a"), Match: &b},
	}}
	p := mustBuild(t, spec)
	for i := range 8 {
		ha, hb, hc := i&1 != 0, i&2 != 0, i&4 != 0
		f := Facts{}
		if ha {
			f.VendorClass = []byte("a")
		}
		if hb {
			f.UserClass = []byte("\x01b")
		}
		if hc {
			f.Arch = []byte{0, 1}
		}
		m := members(p, f)
		for name, want := range map[string]bool{
			"a": ha, "all": ha && hb, "any": ha || hb || hc, "not": !ha, "both or c": ha && hb || hc,
			"a not b": ha && !hb, "neither": !ha && !hb, "everybody": true, "nobody": false,
			"member": (ha || hb || hc) && !hc, "late": !hc, "short and long": ha && hb,
		} {
			if got := m.In.Has(p.Class(name)); got != want {
				t.Errorf("a=%v b=%v c=%v: in class %q: %v, want %v", ha, hb, hc, name, got, want)
			}
		}
	}
}

func TestAClassOfAReservationCountsInOthers(t *testing.T) {
	p := mustBuild(t, Spec{Classes: []ClassSpec{
		{Name: "staff"},
		one("guest", combine(MatchNot, Match{By: MatchClass, Name: "staff"})),
	}})
	r := &Reservation{classes: &ClassSet{}}
	r.classes.Add(p.Class("staff"))
	for _, c := range []struct {
		r     *Reservation
		guest bool
	}{{nil, true}, {&Reservation{classes: &ClassSet{}}, true}, {r, false}} {
		if m := members(p, Facts{Reservation: c.r}); m.In.Has(p.Class("guest")) != c.guest {
			t.Errorf("reservation %v: guest is %v", c.r, !c.guest)
		}
	}
}

func TestExpressions(t *testing.T) {
	expr := func(text string) Match { return Match{By: MatchExpr, Expr: text} }
	client := relayed("\x01", "ge-0/1:17")
	for _, c := range []struct {
		text string
		want bool
	}{
		{`option(60) == "docsis3.0"`, true},
		{`option(60) matches "^docsis[23]" and relay(1) endsWith ":17"`, true},
		{`option(60) matches "^docsis4"`, false},
		{`exists(60) and not exists(61)`, true},
		{`option(61) == ""`, true},
		{`exists(300) or option(-1) != ""`, false},
		{`substring(option(60), 0, 6) == "docsis"`, true},
		{`substring(option(60), -3, 3) == "3.0"`, true},
		{`substring(option(60), 3, -3) == "doc"`, true},
		{`substring(option(60), 6, 99) == "3.0"`, true},
		{`substring(option(60), 99, 1) == ""`, true},
		{`hex(mac) == "020000000001"`, true},
		{`mac == unhex("02:00:00:00:00:01")`, true},
		{`unhex("zz") == ""`, false}, // no value, so not true
		{`number(option(93)) == 7`, true},
		{`suboption(option(43), 1) == "x"`, true},
		{`suboption(option(43), 2) == ""`, true},
		{`giaddr == "10.1.0.1" and htype == 1`, true},
		{`known`, false},
		{`upper(lower(option(60))) == "DOCSIS3.0" and len(option(60)) == 9`, true},
	} {
		p := mustBuild(t, Spec{Classes: []ClassSpec{one("c", expr(c.text))}})
		f := Facts{
			Client: &client, Giaddr: ip("10.1.0.1"),
			Packet: packet{60: "docsis3.0", 93: "\x00\x07", 43: "\x01\x01x"},
		}
		m := members(p, f)
		if m.In.Has(0) != c.want || !m.Open.Empty() {
			t.Errorf("%s is %v, open %v", c.text, m.In.Has(0), !m.Open.Empty())
		}
		f.Packet = nil
		if m := members(p, f); !m.Open.Has(0) || m.In.Has(0) {
			t.Errorf("%s is decided without a packet", c.text)
		}
	}
	for _, bad := range []string{"", "option(60", `option(60) + 1`, `option("60") == ""`, "nothing", `"text"`, "map([1], {true})[0]", "1 in 1..1000000 and true"} {
		if _, err := Build(Spec{Classes: []ClassSpec{one("c", expr(bad))}}); err == nil || !strings.Contains(err.Error(), "class c: expression") {
			t.Errorf("expression %q: %v", bad, err)
		}
		if CheckExpr(bad) == nil {
			t.Errorf("expression %q is said to be good", bad)
		}
	}
}

// An expression is open only where the other conditions leave it so.
func TestAnExpressionIsNotNeededWhereTheRestDecides(t *testing.T) {
	x := Match{By: MatchExpr, Expr: "exists(200)"}
	a := is(MatchVendorClass, "a")
	p := mustBuild(t, Spec{Classes: []ClassSpec{
		one("both", combine(MatchAll, a, x)),
		one("either", combine(MatchAny, a, x)),
		one("without", combine(MatchAll, a, combine(MatchNot, x))),
	}})
	for _, c := range []struct {
		vendor   string
		packet   Packet
		in, open string
	}{
		{"b", nil, "", "either"},
		{"a", nil, "either", "both without"},
		{"a", packet{200: ""}, "both either", ""},
		{"a", packet{}, "either without", ""},
		{"b", packet{200: ""}, "either", ""},
		{"b", packet{}, "", ""},
	} {
		m := members(p, Facts{VendorClass: []byte(c.vendor), Packet: c.packet})
		spec := Spec{Classes: []ClassSpec{{Name: "both"}, {Name: "either"}, {Name: "without"}}}
		if in, open := inClasses(&spec, &m.In), inClasses(&spec, &m.Open); in != c.in || open != c.open {
			t.Errorf("vendor %s, packet %v: in %q, open %q; want %q, %q", c.vendor, c.packet, in, open, c.in, c.open)
		}
	}
}

func TestClassesThatBuildRefuses(t *testing.T) {
	member := func(name string) Match { return Match{By: MatchClass, Name: name} }
	sub := func(edit func(*SubnetSpec)) Spec {
		s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.20")
		edit(&s)
		return Spec{Subnets: []SubnetSpec{s}}
	}
	many := Spec{}
	for i := range MaxClasses + 1 {
		many.Classes = append(many.Classes, ClassSpec{Name: fmt.Sprint(i)})
	}
	var deep []ClassSpec
	deep = append(deep, one("0", is(MatchVendorClass, "x")))
	for i := range 20 {
		deep = append(deep, one(fmt.Sprint(i+1), combine(MatchAny, member(fmt.Sprint(i)), member(fmt.Sprint(i)))))
	}
	for _, c := range []struct {
		what string
		spec Spec
		err  string
	}{
		{"two of a name", Spec{Classes: []ClassSpec{{Name: "c"}, {Name: "c"}}}, "class c is listed twice, as number 1 and 2"},
		{"a circle", Spec{Classes: []ClassSpec{one("a", member("b")), one("b", member("a"))}}, "in a circle: [a b a]"},
		{"itself", Spec{Classes: []ClassSpec{one("a", member("a"))}}, "in a circle"},
		{"an unknown class", Spec{Classes: []ClassSpec{one("a", member("b"))}}, "there is no class b"},
		{"no condition", Spec{Classes: []ClassSpec{one("a", Match{})}}, "class a: an empty condition"},
		{"no value", Spec{Classes: []ClassSpec{one("a", is(MatchMAC, ""))}}, "without a value"},
		{"not of two", Spec{Classes: []ClassSpec{one("a", combine(MatchNot, is(MatchMAC, "a"), is(MatchMAC, "b")))}}, "not is of one condition"},
		{"no such interface", Spec{Classes: []ClassSpec{one("a", Match{By: MatchLink, Link: LinkSpec{Port: "eth9"}})}}, "no such link"},
		{"no such VLAN", Spec{Classes: []ClassSpec{one("a", Match{By: MatchLink, Link: LinkSpec{Outer: 4095}})}}, "no such link"},
		{"no net", Spec{Classes: []ClassSpec{one("a", Match{By: MatchRelay})}}, "not an IPv4 prefix"},
		{"an IPv6 net", Spec{Classes: []ClassSpec{one("a", Match{By: MatchRelay, Net: netip.MustParsePrefix("2001:db8::/32")})}}, "not an IPv4 prefix"},
		{"bad times", Spec{Classes: []ClassSpec{{Name: "a", Times: &Times{}}}}, "class a: the lease time is 0"},
		{"a long file", Spec{Classes: []ClassSpec{{Name: "a", BootFile: strings.Repeat("x", 128)}}}, "class a: the boot file"},
		{"an own option", Spec{Classes: []ClassSpec{{Name: "a", Options: []Option{opt(54)}}}}, "class a: option 54"},
		{"an option for another class", Spec{Classes: []ClassSpec{{Name: "a", Options: []Option{{Code: 6, Class: "a"}}}}}, "cannot name a class"},
		{"an option for an unknown class", Spec{Options: []Option{{Code: 6, Class: "b"}}}, "global: there is no class b"},
		{"an option twice for a class", Spec{Classes: []ClassSpec{{Name: "a"}}, Options: []Option{{Code: 6, Class: "a"}, {Code: 6, Class: "a"}}}, "option 6 is there twice"},
		{"a pool for an unknown class", sub(func(s *SubnetSpec) { s.Pools[0].Classes = []string{"x"} }), "there is no class x"},
		{"a pool against one", sub(func(s *SubnetSpec) { s.Pools[0].Deny = []string{"x"} }), "there is no class x"},
		{"a subnet for one", sub(func(s *SubnetSpec) { s.Classes = []string{"x"} }), "there is no class x"},
		{"a pool's bad times", sub(func(s *SubnetSpec) { s.Pools[0].Times = &Times{} }), "the lease time is 0"},
		{"a reservation in one", sub(func(s *SubnetSpec) {
			s.Reservations = []ReservationSpec{{MAC: []byte{1}, Classes: []string{"x"}}}
		}), "there is no class x"},
		{"a filter", Spec{Filters: FilterSpec{Deny: []Match{{}}}}, "deny filter: an empty condition"},
		{"another filter", Spec{Filters: FilterSpec{Allow: []Match{{}}, Enforce: true}}, "allow filter: an empty condition"},
		{"too many", many, "511 classes; 510 are possible"},
		{"too deep", Spec{Classes: deep}, "more than 4096 conditions"},
	} {
		_, err := Build(c.spec)
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.what, err, c.err)
		}
	}
	many.Classes = many.Classes[:MaxClasses]
	mustBuild(t, many)
	// A name may come again for another class.
	mustBuild(t, Spec{Classes: []ClassSpec{{Name: "a"}}, Options: []Option{{Code: 6, Class: "a"}, {Code: 6}}})
}

func TestClassSet(t *testing.T) {
	var s ClassSet
	for _, i := range []int{0, 63, 64, 200, 511} {
		s.Add(i)
	}
	var got []int
	for i := s.First(0); i >= 0; i = s.First(i + 1) {
		got = append(got, i)
	}
	if !slices.Equal(got, []int{0, 63, 64, 200, 511}) {
		t.Errorf("members are %v", got)
	}
	if s.First(512) != -1 || s.Has(1) || !s.Has(200) {
		t.Error("members that are none")
	}
}

// BenchmarkClassify is a client among a hundred classes.
func BenchmarkClassify(b *testing.B) {
	exact, mixed := Spec{}, Spec{}
	for i := range 100 {
		exact.Classes = append(exact.Classes, one(fmt.Sprint(i), is(MatchVendorClass, fmt.Sprintf("vendor %d", i))))
		m := []Match{
			is(MatchVendorClass, fmt.Sprintf("vendor %d", i)),
			begins(MatchMAC, string([]byte{2, byte(i), 0})),
			begins(MatchCircuit, fmt.Sprintf("olt%d/", i)),
			combine(MatchAll, is(MatchVendorClass, fmt.Sprintf("vendor %d", i)), combine(MatchNot, begins(MatchMAC, string([]byte{2, byte(i), 0})))),
		}[i%4]
		mixed.Classes = append(mixed.Classes, one(fmt.Sprint(i), m))
	}
	client := relayed("\x01", "olt2/17", "\x02", "remote")
	for _, c := range []struct {
		name   string
		spec   Spec
		vendor string
	}{{"vendor class", exact, "vendor 7"}, {"MSFT", exact, "MSFT 5.0"}, {"mixed", mixed, "vendor 3"}, {"mixed, none", mixed, "MSFT 5.0"}} {
		b.Run(c.name, func(b *testing.B) {
			p := mustBuild(b, c.spec)
			f := Facts{Client: &client, VendorClass: []byte(c.vendor)}
			var m Membership
			b.ReportAllocs()
			for b.Loop() {
				p.Classify(&f, &m)
			}
		})
	}
}
