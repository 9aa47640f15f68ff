// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"xdhcp/engine/lease"
)

// [MS-DHCPE] §1.4, the order of selecting a configured value: "with matching
// ClassName configured in the … DHCPv4ResvOptValuesList", in the scope's list, in
// the server's list; then the same without a class.
func TestTheOrderOfLookUp(t *testing.T) {
	const codes = 8
	value := func(class, what string, from int) (out []Option) {
		for i := from; i < codes; i++ {
			out = append(out, Option{Code: uint8(200 + i), Data: []byte(what), Class: class})
		}
		return out
	}
	// The n-th place has options n and up, so option n shows the n-th place.
	s := subnet("192.0.2.0/24")
	s.Pools = []PoolSpec{{
		Ranges:  []Range{{addr("192.0.2.10"), addr("192.0.2.20")}},
		Options: append(value("sales", "pool+class", 1), value("", "pool", 5)...),
	}}
	s.Options = append(value("sales", "subnet+class", 2), value("", "subnet", 6)...)
	s.Reservations = []ReservationSpec{{
		MAC: []byte{1}, Address: addr("192.0.2.15"),
		Options: append(value("sales", "host+class", 0)[:1], value("", "host", 4)[:1]...),
	}}
	p := mustBuild(t, Spec{
		Subnets: []SubnetSpec{s},
		Options: append(value("sales", "server+class", 3)[:1], value("", "server", 7)...),
		Classes: []ClassSpec{
			one("other", is(MatchUserClass, "other")), one("sales", is(MatchUserClass, "sales")),
		},
	})
	client := lease.Client{HW: []byte{1}}
	res := p.Subnets[0].Reservation(&client)
	_, base, _ := p.Subnets[0].Place(ip("192.0.2.15"))
	for class, want := range map[string]string{
		"\x05sales": "host+class pool+class pool+class pool+class pool+class pool+class pool+class pool+class",
		"\x05other": "- - - - host pool pool pool",
		"":          "- - - - host pool pool pool",
	} {
		m := members(p, Facts{UserClass: []byte(class)})
		o := p.ForClasses(res.Options(base), &m.In)
		var got []string
		for i := range codes {
			v, ok := o.Get(uint8(200 + i))
			if !ok {
				v = []byte("-")
			}
			got = append(got, string(v))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("class %q: %s, want %s", class, s, want)
		}
	}
}

// The same, one place after the other: of any two places that have an option for
// the client, the one that comes first in the list wins.
func TestOfTwoPlacesTheFirstInTheOrderWins(t *testing.T) {
	const places = 9
	names := [places]string{"host+class", "pool+class", "subnet+class", "server+class", "host", "class", "pool", "subnet", "server"}
	for i := range places {
		for j := i + 1; j < places; j++ {
			s := subnet("192.0.2.0/24", "192.0.2.10-192.0.2.20")
			s.Reservations = []ReservationSpec{{MAC: []byte{1}, Address: addr("192.0.2.15")}}
			spec := Spec{Classes: []ClassSpec{one("c", is(MatchVendorClass, "c"))}}
			for _, k := range []int{i, j} {
				o := Option{Code: 200, Data: []byte(names[k])}
				if k < 4 {
					o.Class = "c"
				}
				to := [places]*[]Option{
					&s.Reservations[0].Options, &s.Pools[0].Options, &s.Options, &spec.Options,
					&s.Reservations[0].Options, &spec.Classes[0].Options, &s.Pools[0].Options, &s.Options, &spec.Options,
				}[k]
				*to = append(*to, o)
			}
			spec.Subnets = []SubnetSpec{s}
			p := mustBuild(t, spec)
			m := members(p, Facts{VendorClass: []byte("c")})
			_, base, _ := p.Subnets[0].Place(ip("192.0.2.15"))
			client := lease.Client{HW: []byte{1}}
			o := p.ForClasses(p.Subnets[0].Reservation(&client).Options(base), &m.In)
			if v, _ := o.Get(200); string(v) != names[i] {
				t.Errorf("%s and %s: %s wins", names[i], names[j], v)
			}
		}
	}
}

// §2.2.6.1: the user class is plain bytes "whenever option 60 has a value of the
// list"; §3.2.5: the server "MUST interpret the User Class Option … to contain a
// single value".
func TestAMicrosoftClientHasOneUserClass(t *testing.T) {
	spec := Spec{Classes: []ClassSpec{
		one("plain", is(MatchUserClass, "\x02ab")), one("list", is(MatchUserClass, "ab")),
		one("ras", is(MatchUserClass, "RRAS.Microsoft")),
	}}
	p := mustBuild(t, spec)
	for _, c := range []struct{ vendor, user, want string }{
		{"MSFT 98", "\x02ab", "plain"},
		{"MSFT 5.0", "\x02ab", "plain"},
		{"MSFT 5.0 XBOX", "\x02ab", "plain"},
		{"MSFT 5.0", "RRAS.Microsoft", "ras"},
		{"MSFT 5.1", "\x02ab", "list"},
		{"", "\x02ab", "list"},
	} {
		m := members(p, Facts{VendorClass: []byte(c.vendor), UserClass: []byte(c.user)})
		if got := inClasses(&spec, &m.In); got != c.want {
			t.Errorf("%q, %q: class %q, want %q", c.vendor, c.user, got, c.want)
		}
	}
}

// §2.2.6.2, and the bytes of the example in §4: data length, data, padding to a
// multiple of four, name and description in UTF-16 with a zero and their length
// in bytes.
func TestTheListOfClasses(t *testing.T) {
	p := mustBuild(t, Spec{Classes: []ClassSpec{
		{Name: "TEST", Description: "ab", Match: &Match{By: MatchUserClass, Value: []byte("TEST1")}},
		one("not a user class", is(MatchVendorClass, "x")),
		one("no value", begins(MatchUserClass, "x")),
		{Name: "N", Description: strings.Repeat("x", 200), Match: &Match{By: MatchUserClass, Value: []byte("four")}},
		one(strings.Repeat("n", 200), is(MatchUserClass, "x")),
	}})
	want := "\x4d\x1e" + "\x00\x05TEST1\x00\x00\x00" + "\x00\x0a\x00T\x00E\x00S\x00T\x00\x00" + "\x00\x06\x00a\x00b\x00\x00" +
		// Too long for an option: without the description, or not at all.
		"\x4d\x0e" + "\x00\x04four" + "\x00\x04\x00N\x00\x00" + "\x00\x02\x00\x00"
	// 2+5+3 + 2+10 + 2+6 = 30; 2+4 + 2+4 + 2+2 = 16
	want = strings.Replace(want, "\x4d\x0e", "\x4d\x10", 1)
	if got := string(p.ClassList()); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// §2.2.2.5: "NUL-terminated string; empty (one NUL) = authorized by rogue
// detection, not empty = administratively authorized".
func TestTheRogueDetectionReply(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "\x5f\x0bauthorized\x00"},
		{Spec{AuthorizationName: "dc.example"}, "\x5f\x0bdc.example\x00"},
		{Spec{Authorization: AuthorizedByDetection, AuthorizationName: "dc"}, "\x5f\x01\x00"},
	} {
		if got := string(mustBuild(t, c.spec).RogueReply()); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if _, err := Build(Spec{AuthorizationName: strings.Repeat("x", 253)}); err == nil {
		t.Error("a reply that fits in no option")
	}
}

// §1.4: the deny list first; then, if it is enforced, the allow list.
func TestFilters(t *testing.T) {
	a, b := begins(MatchMAC, "a"), begins(MatchMAC, "b")
	for _, c := range []struct {
		what string
		f    FilterSpec
		want string // first letters of the clients that are answered
	}{
		{"none", FilterSpec{}, "abc"},
		{"deny", FilterSpec{Deny: []Match{a}}, "bc"},
		{"deny two", FilterSpec{Deny: []Match{a, b}}, "c"},
		{"allow that is not enforced", FilterSpec{Allow: []Match{a}}, "abc"},
		{"allow", FilterSpec{Allow: []Match{a, b}, Enforce: true}, "ab"},
		{"allow nobody", FilterSpec{Enforce: true}, ""},
		{"deny before allow", FilterSpec{Deny: []Match{a}, Allow: []Match{a, b}, Enforce: true}, "b"},
	} {
		p := mustBuild(t, Spec{Filters: c.f})
		got := ""
		for _, client := range "abc" {
			m := members(p, Facts{Client: &lease.Client{HW: []byte{byte(client), 1}}})
			if !p.Denied(&m.In) {
				got += string(client)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q are answered, want %q", c.what, got, c.want)
		}
	}
}
