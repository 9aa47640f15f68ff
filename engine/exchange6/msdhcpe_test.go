// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"encoding/binary"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// [MS-DHCPE] §2.2.5: option 16 with enterprise 311 and the string "MSFT 5.0" or "MSFT 5.0 XBOX";
// §3.2.5.3: "the server SHOULD … return the relevant options configured for clients with the
// specified vendor class information".
func TestMicrosoftVendorClasses(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		for _, name := range []string{"MSFT 5.0", "MSFT 5.0 XBOX"} {
			c := class(name, policy.Match{By: policy.MatchVendorClass, Enterprise: 311, Value: []byte(name)})
			c.Options = []policy6.Option{{Code: 17, Data: append([]byte{0, 0, 1, 55}, name...)}}
			s.Classes = append(s.Classes, c)
		}
	})
	for _, name := range []string{"MSFT 5.0", "MSFT 5.0 XBOX"} {
		for _, typ := range []uint8{Solicit, Request} {
			q := from(1, typ, na(1), asks(17), vendorClass(311, name))
			if v, _ := option(b.send(q), q, 17); string(v) != "\x00\x00\x01\x37"+name {
				t.Errorf("%s, message %d: %q", name, typ, v)
			}
		}
	}
	for _, q := range []*Query{from(1, Solicit, na(1), asks(17), vendorClass(9, "MSFT 5.0")), from(1, Solicit, na(1), asks(17))} {
		if v, ok := option(b.send(q), q, 17); ok {
			t.Errorf("%q for a client of another vendor", v)
		}
	}
}

// [MS-DHCPE] §1.4: "The overall order of selecting a configured default value is": the reservation
// with matching ClassName, with no ClassName, the scope with, with no, the server with, with no.
func TestOrderOfLookUp(t *testing.T) {
	const code = 24
	has := func(s *policy6.Spec, places int) {
		put := func(to *[]policy6.Option, place int, name, class string) {
			if places>>place&1 != 0 {
				*to = append(*to, policy6.Option{Code: code, Data: []byte(name), Class: class})
			}
		}
		s.Options = nil
		r := policy6.ReservationSpec{DUID: duid(1)}
		put(&r.Options, 0, "reservation with", "c")
		put(&r.Options, 1, "reservation", "")
		put(&first(s).Options, 2, "scope with", "c")
		put(&first(s).Options, 3, "scope", "")
		put(&s.Options, 4, "server with", "c")
		put(&s.Options, 5, "server", "")
		first(s).Reservations = []policy6.ReservationSpec{r}
		s.Classes = []policy6.ClassSpec{class("c", policy.Match{By: policy.MatchUserClass, Value: []byte("c")})}
	}
	order := []string{"reservation with", "reservation", "scope with", "scope", "server with", "server"}
	for places := 1; places < 1<<6; places++ {
		b := newBench(t, func(s *policy6.Spec) { has(s, places) })
		for _, member := range []bool{true, false} {
			q := from(1, Solicit, na(1), asks(code))
			if member {
				userClass("c")(q)
			}
			want := ""
			for i, name := range order {
				if places>>i&1 != 0 && (member || i%2 == 1) {
					want = name
					break
				}
			}
			if v, _ := option(b.send(q), q, code); string(v) != want {
				t.Errorf("places %06b, member %v: %q, want %q", places, member, v, want)
			}
		}
	}
}

// [MS-DHCPE] §3.2.5.6: "If the option length or any of the values in the User Class option are
// inconsistent with the data sent, the DHCP servers … MUST silently discard the DHCP message."
func TestABrokenUserClassIsDiscarded(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.StrictUserClass = true })
	for _, bad := range []string{"\x00", "\x00\x05ab", "\x00\x01a\x00"} {
		q := from(1, Solicit, na(1), func(q *Query) { q.UserClass = []byte(bad) })
		b.wantSilence(b.send(q), frame.BadOption)
	}
	b.wantType(b.send(from(1, Solicit, na(1), userClass("", "b"))), Advertise)
}

var rogueRequest = func(q *Query) { q.VendorOpts[1] = []byte{0, 0, 1, 55, 0, 1, 0, 0, 0, 94, 0, 0} }

// [MS-DHCPE] §3.2.5.5: "An Administratively Authorized Server … SHOULD reply … by sending a DHCPv6
// Reply message containing the Rogue Detection Reply option with a non-empty NULL-terminated
// string in the option data. A Rogue Authorized Server … with an empty NULL-terminated string".
func TestRogueDetection(t *testing.T) {
	for _, c := range []struct {
		by   policy.Authorization
		name string
		want string
	}{
		{policy.AuthorizedByAdmin, "", "authorized\x00"},
		{policy.AuthorizedByAdmin, "example.net", "example.net\x00"},
		{policy.AuthorizedByDetection, "example.net", "\x00"},
	} {
		b := newBench(t, func(s *policy6.Spec) {
			s.Authorization, s.AuthorizationName = c.by, c.name
			s.Options = []policy6.Option{{Code: 17, Data: []byte{0, 0, 1, 55, 0, 1, 0, 0}, Always: true}}
			// "With 94 … the allow/deny filters are not applied."
			s.Filters.Enforce = true
		})
		q := from(1, InformationRequest, rogueRequest, noClient, asks(17))
		a := b.send(q)
		b.wantType(a, Reply)
		want := append([]byte{0, 0, 1, 55, 0, 95, 0, byte(len(c.want))}, c.want...)
		if v, _ := option(a, q, 17); !bytes.Equal(v, want) {
			t.Errorf("%v %q: % x, want % x", c.by, c.name, v, want)
		}
		if a.Source != ip(local0) {
			t.Errorf("answered from %v", a.Source)
		}
		b.wantSilence(b.send(from(1, InformationRequest)), frame.Filtered)
		for _, v := range [][]byte{{0, 0, 1, 55, 0, 94, 0}, {0, 0, 1, 56, 0, 94, 0, 0}, {0, 0}, {0, 0, 1, 55, 0, 94, 0, 9}} {
			b.wantSilence(b.send(from(1, InformationRequest, func(q *Query) { q.VendorOpts[0] = v })), frame.Filtered)
		}
	}
}

// [MS-DHCPE] §3.2.5.5: an Information-request "containing OPTION_ORO (Option 6) with
// OPTION_USER_CLASS (Option 15) as the only requested option" is answered with "one or more User
// Class Options (one for each User Class configured on the DHCPv6 server) in the format specified
// in section 2.2.4". "If the message is not an Information-request message, the option request MUST
// be silently discarded."
func TestTheListOfClasses(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		s.Classes = []policy6.ClassSpec{
			class("A", policy.Match{By: policy.MatchUserClass, Value: []byte("abc")}),
			class("other", policy.Match{By: policy.MatchMAC, Value: []byte("abc")}),
			class("B", policy.Match{By: policy.MatchUserClass, Value: []byte("abcd")}),
		}
		s.Classes[0].Description = "d"
	})
	q := from(1, InformationRequest, asks(15))
	a := b.send(q)
	b.wantType(a, Reply)
	var want []byte
	for _, c := range []struct{ data, name, text string }{
		{"abc\x00", "\x00A\x00\x00", "\x00d\x00\x00"}, {"abcd", "\x00B\x00\x00", "\x00\x00"},
	} {
		v := binary.BigEndian.AppendUint16(nil, uint16(len(bytes.TrimRight([]byte(c.data), "\x00"))))
		v = append(v, c.data...)
		v = append(binary.BigEndian.AppendUint16(v, uint16(len(c.name))), c.name...)
		v = append(binary.BigEndian.AppendUint16(v, uint16(len(c.text))), c.text...)
		want = binary.BigEndian.AppendUint16(append(want, 0, 15), uint16(2+len(v)))
		want = append(binary.BigEndian.AppendUint16(want, uint16(len(v))), v...)
	}
	if got := a.Own.Encoded(); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	for _, q := range []*Query{
		from(1, InformationRequest, asks(15, 23)), from(1, InformationRequest, asks(15, 300)), from(1, InformationRequest),
		from(1, Solicit, na(1), asks(15)), from(1, Request, na(1), asks(15)),
	} {
		if a := b.send(q); a.Type == 0 || a.Own.Has(15) {
			t.Errorf("message %d asking % x gets the list", q.Type, q.Asked.ORO)
		}
	}
}
