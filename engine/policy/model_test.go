// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease"
)

// naive reads a Match as it is written: no tables, no atoms, no triggers.
func naive(spec *Spec, m *Match, f *Facts) bool {
	value := func(v []byte) bool {
		if len(v) == 0 {
			return false
		}
		return bytes.Equal(v, m.Value) || m.Prefix && bytes.HasPrefix(v, m.Value)
	}
	switch m.By {
	case MatchAll:
		return !slices.ContainsFunc(m.Of, func(x Match) bool { return !naive(spec, &x, f) })
	case MatchAny:
		return slices.ContainsFunc(m.Of, func(x Match) bool { return naive(spec, &x, f) })
	case MatchNot:
		return !naive(spec, &m.Of[0], f)
	case MatchClass:
		i := slices.IndexFunc(spec.Classes, func(c ClassSpec) bool { return c.Name == m.Name })
		return naive(spec, spec.Classes[i].Match, f)
	case MatchExpr:
		_, ok := f.Packet.Option(200)
		return ok
	case MatchKnown:
		return f.Reservation != nil
	case MatchVendorClass:
		return value(f.VendorClass)
	case MatchMAC:
		return value(f.Client.HW)
	case MatchCircuit:
		if len(f.Client.Relay) == 0 {
			return false
		}
		return value(f.Client.Relay[2:])
	case MatchRelay:
		return f.Giaddr != 0 && m.Net.Contains(netip.AddrFrom4(f.Giaddr.As4()))
	case MatchArch:
		return len(f.Arch) == 2 && binary.BigEndian.Uint16(f.Arch) == m.Number
	}
	panic("not in this test")
}

// Classify says of random classes and clients what their definition says.
func TestClassifyIsItsDefinition(t *testing.T) {
	text := rapid.SampledFrom([]string{"a", "b", "ab", "abc", "ba"})
	nets := rapid.SampledFrom([]string{"10.0.0.0/8", "10.1.0.0/16", "10.1.0.1/32"})
	rapid.Check(t, func(t *rapid.T) {
		var spec Spec
		var match func(depth int) Match
		match = func(depth int) Match {
			kinds := []MatchBy{MatchVendorClass, MatchMAC, MatchCircuit, MatchRelay, MatchArch, MatchKnown, MatchExpr}
			if len(spec.Classes) > 0 {
				kinds = append(kinds, MatchClass)
			}
			if depth < 3 {
				kinds = append(kinds, MatchAll, MatchAny, MatchNot, MatchAll, MatchAny)
			}
			m := Match{By: rapid.SampledFrom(kinds).Draw(t, "by")}
			switch m.By {
			case MatchAll, MatchAny:
				for range rapid.IntRange(0, 3).Draw(t, "parts") {
					m.Of = append(m.Of, match(depth+1))
				}
			case MatchNot:
				m.Of = []Match{match(depth + 1)}
			case MatchClass:
				m.Name = rapid.SampledFrom(spec.Classes).Draw(t, "class").Name
			case MatchExpr:
				m.Expr = "exists(200)"
			case MatchRelay:
				m.Net = netip.MustParsePrefix(nets.Draw(t, "net"))
			case MatchArch:
				m.Number = uint16(rapid.IntRange(0, 2).Draw(t, "arch"))
			default:
				m.Value, m.Prefix = []byte(text.Draw(t, "value")), rapid.Bool().Draw(t, "prefix")
			}
			return m
		}
		for i := range rapid.IntRange(1, 8).Draw(t, "classes") {
			spec.Classes = append(spec.Classes, one(fmt.Sprint(i), match(0)))
		}
		p := mustBuildRapid(t, spec)
		var m Membership // kept over clients, as a codec does
		for range 10 {
			c := lease.Client{HW: []byte(text.Draw(t, "mac"))}
			f := Facts{Client: &c, VendorClass: []byte(text.Draw(t, "vendor")), Packet: packet{}}
			if rapid.Bool().Draw(t, "relayed") {
				v := text.Draw(t, "circuit")
				c.Relay = append([]byte{1, byte(len(v))}, v...)
				f.Giaddr = ip(rapid.SampledFrom([]string{"10.1.0.1", "10.1.2.3", "10.9.9.9", "192.0.2.1"}).Draw(t, "giaddr"))
			}
			if rapid.Bool().Draw(t, "has arch") {
				f.Arch = []byte{0, byte(rapid.IntRange(0, 2).Draw(t, "arch"))}
			}
			if rapid.Bool().Draw(t, "known") {
				f.Reservation = &Reservation{classes: &ClassSet{}}
			}
			if rapid.Bool().Draw(t, "option 200") {
				f.Packet = packet{200: ""}
			}
			p.Classify(&f, &m)
			for i := range spec.Classes {
				if want := naive(&spec, spec.Classes[i].Match, &f); m.In.Has(i) != want || m.Open.Has(i) {
					t.Fatalf("class %d %+v: in %v, open %v; want %v", i, *spec.Classes[i].Match, m.In.Has(i), m.Open.Has(i), want)
				}
			}
			// Without the packet, what is decided is so for either value of the
			// expression.
			blind := f
			blind.Packet = nil
			p.Classify(&blind, &m)
			for i := range spec.Classes {
				with, without := f, f
				with.Packet, without.Packet = packet{200: ""}, packet{}
				x, y := naive(&spec, spec.Classes[i].Match, &with), naive(&spec, spec.Classes[i].Match, &without)
				if !m.Open.Has(i) && (x != y || m.In.Has(i) != x) || m.Open.Has(i) && m.In.Has(i) {
					t.Fatalf("class %d %+v: in %v, open %v; with the option %v, without %v", i, *spec.Classes[i].Match, m.In.Has(i), m.Open.Has(i), x, y)
				}
			}
		}
	})
}

func mustBuildRapid(t *rapid.T, s Spec) *Policy {
	p, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzFacts: whatever a client sends, nothing panics, and what is answered is
// well-formed.
func FuzzFacts(f *testing.F) {
	f.Add([]byte("\x01a"), []byte("\x00\x00\x11\x8b\x02cm"), []byte("\x01\x02ab\x02\x00"), []byte("\x05\x00\x00\x02pc"))
	f.Add([]byte("iPXE"), []byte{0, 0, 0, 1, 255}, []byte{82}, []byte{4, 0, 0, 0x40})
	p, err := Build(Spec{
		FQDN: FQDNSpec{Updates: true, Suffix: "example.org"},
		Classes: []ClassSpec{
			one("u", begins(MatchUserClass, "a")), one("v", Match{By: MatchVendorID, Enterprise: 4491, Prefix: true}),
			one("c", begins(MatchCircuit, "a")), one("r", is(MatchRemote, "r")), one("a", Match{By: MatchArch, Number: 0}),
			one("x", Match{By: MatchExpr, Expr: `suboption(option(43), 1) == substring(option(60), -2, 5) or number(option(93)) > 7`}),
		},
		Limits:  []LimitSpec{{By: LimitCircuit, Max: 1}},
		Subnets: []SubnetSpec{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Times: Times{Valid: 1}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user, vendor, relay, fqdn []byte) {
		c := lease.Client{HW: user, ClientID: vendor, Relay: relay}
		facts := Facts{
			Client: &c, UserClass: user, VendorIdent: vendor, VendorInfo: relay, Arch: user, VendorClass: vendor,
			Packet: packet{43: string(relay), 60: string(vendor), 93: string(user)},
		}
		var m Membership
		p.Classify(&facts, &m)
		if !m.Open.Empty() {
			t.Error("open with a packet")
		}
		var keys [MaxLimitKeys]LimitKey
		p.LimitKeys(&c, nil, &m.In, &keys)
		p.Subnets[0].Reservation(&c)
		var room [255]byte
		v := p.FQDN.Answer(&Names{Asked: fqdn}, &room, new(NameRoom))
		if v == nil {
			return
		}
		if v[0]&0xf0 != 0 || v[0]&fqdnN != 0 && v[0]&fqdnS != 0 || v[0]&fqdnE != fqdn[0]&fqdnE {
			t.Errorf("flags %x for %x", v[0], fqdn[0])
		}
		if v[0]&fqdnE != 0 && !WireName(v[3:]) {
			t.Errorf("the name % x becomes % x", fqdn[3:], v[3:])
		}
	})
}
