// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// vendorClass is an option 16.
func vendorClass(enterprise uint32, texts ...string) func(*Query) {
	v := binary.BigEndian.AppendUint32(nil, enterprise)
	for _, s := range texts {
		v = append(binary.BigEndian.AppendUint16(v, uint16(len(s))), s...)
	}
	return func(q *Query) {
		for i := range q.VendorClass {
			if q.VendorClass[i] == nil {
				q.VendorClass[i] = v
				return
			}
		}
	}
}

func userClass(texts ...string) func(*Query) {
	return func(q *Query) {
		for _, s := range texts {
			q.UserClass = append(binary.BigEndian.AppendUint16(q.UserClass, uint16(len(s))), s...)
		}
	}
}

func class(name string, m policy.Match) policy6.ClassSpec {
	return policy6.ClassSpec{Name: name, Match: &m}
}

// Every kind of condition, with a client that meets it and one that does not.
func TestClassesByWhatAMessageHas(t *testing.T) {
	for name, c := range map[string]struct {
		m       policy.Match
		is, not func(*Query)
	}{
		"vendor class": {policy.Match{By: policy.MatchVendorClass, Value: []byte("docsis3.0")},
			vendorClass(4491, "eRouter", "docsis3.0"), vendorClass(4491, "docsis3")},
		"vendor class of a vendor": {policy.Match{By: policy.MatchVendorClass, Enterprise: 4491, Value: []byte("docsis"), Prefix: true},
			vendorClass(4491, "docsis3.0"), vendorClass(9, "docsis3.0")},
		"second vendor": {policy.Match{By: policy.MatchVendorClass, Enterprise: 9, Value: []byte("x")},
			func(q *Query) { vendorClass(4491, "y")(q); vendorClass(9, "x")(q) }, vendorClass(4491, "x")},
		"vendor alone": {policy.Match{By: policy.MatchVendorID, Enterprise: 4491}, vendorClass(4491), vendorClass(9, "docsis")},
		"user class": {policy.Match{By: policy.MatchUserClass, Value: []byte("iPXE")},
			userClass("a", "iPXE"), userClass("iPXE2")},
		"duid":          {policy.Match{By: policy.MatchClientID, Value: []byte{0, 2, 0, 0, 0x30}, Prefix: true}, func(*Query) {}, func(q *Query) { q.Client.DUID = []byte{0, 3, 0, 1, 1} }},
		"mac":           {policy.Match{By: policy.MatchMAC, Value: []byte{2, 0, 0}, Prefix: true}, linkLayer(mac(3)...), linkLayer(4, 0, 0, 0, 0, 1)},
		"interface-id":  {policy.Match{By: policy.MatchCircuit, Value: []byte("if1")}, interfaceID("if1"), interfaceID("if2")},
		"remote-id":     {policy.Match{By: policy.MatchRemote, Value: []byte("line")}, remoteID("line"), remoteID("lin")},
		"subscriber-id": {policy.Match{By: policy.MatchSubscriber, Value: []byte("smith")}, subscriber("smith"), subscriber("jones")},
		"relay-id": {policy.Match{By: policy.MatchRelayID, Value: []byte{9}}, func(q *Query) { q.Client.RelayID = []byte{9} },
			func(q *Query) { q.Client.RelayID = []byte{8} }},
		"link-address": {policy.Match{By: policy.MatchRelay, Net: netip.MustParsePrefix("2001:db8:0:1::/64")},
			func(q *Query) { q.Link = ip("2001:db8:0:1::9") }, func(q *Query) { q.Link = ip("2001:db8:0:2::9") }},
		"arch":  {policy.Match{By: policy.MatchArch, Number: 7}, func(q *Query) { q.Arch = []byte{0, 6, 0, 7} }, func(q *Query) { q.Arch = []byte{0, 6} }},
		"vlan":  {policy.Match{By: policy.MatchLink, Link: policy.LinkSpec{Port: "eth0", Outer: 5}}, func(q *Query) { q.NTags, q.VLAN[0] = 1, 5 }, func(q *Query) { q.NTags, q.VLAN[0] = 1, 6 }},
		"known": {policy.Match{By: policy.MatchKnown}, func(q *Query) { q.Client.SubscriberID = []byte("known") }, func(*Query) {}},
		"not": {policy.Match{By: policy.MatchNot, Of: []policy.Match{{By: policy.MatchUserClass, Value: []byte("x")}}},
			func(*Query) {}, userClass("x")},
	} {
		b := newBench(t, func(s *policy6.Spec) {
			s.Classes = []policy6.ClassSpec{class("c", c.m)}
			s.Classes[0].Options = []policy6.Option{{Code: 24, Data: []byte("class"), Always: true}}
			first(s).Reservations = []policy6.ReservationSpec{{SubscriberID: []byte("known")}}
		})
		for _, q := range []*Query{from(1, Solicit, na(1), c.is), from(1, Request, na(1), c.is), from(1, InformationRequest, c.is)} {
			if v, _ := option(b.send(q), q, 24); string(v) != "class" {
				t.Errorf("%s: message %d of a member gets %q", name, q.Type, v)
			}
		}
		q := from(1, Solicit, na(1), c.not)
		if v, ok := option(b.send(q), q, 24); ok {
			t.Errorf("%s: who is no member gets %q", name, v)
		}
	}
}

// Classes choose pools and times, and are dropped.
func TestWhatClassesDo(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		s.Classes = []policy6.ClassSpec{
			class("modem", policy.Match{By: policy.MatchUserClass, Value: []byte("modem")}),
			class("bad", policy.Match{By: policy.MatchUserClass, Value: []byte("bad")}),
			class("short", policy.Match{By: policy.MatchUserClass, Value: []byte("short")}),
		}
		s.Classes[1].Drop = true
		s.Classes[2].Times = &policy6.Times{Preferred: 60, Valid: 120}
		f := first(s)
		f.Pools = append(f.Pools, policy6.PoolSpec{Ranges: []policy6.Range{addrs("2001:db8:0:1::80", "2001:db8:0:1::81")}, Classes: []string{"modem"}})
		f.Pools[0].Deny = []string{"modem"}
		f.Delegate[0].Classes = []string{"modem"}
		f.Delegate[1].Deny = []string{"modem"}
	})
	_, l := b.answered(b.send(from(1, Solicit, na(1), userClass("modem"))), lease6.NA, 1)
	if len(l) != 1 || l[0].Prefix.Lo < 0x80 {
		t.Errorf("a modem gets %v", l)
	}
	b.wantLeases(b.send(from(2, Solicit, na(1))), lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(b.send(from(1, Solicit, pd(1), userClass("modem"))), lease6.PD, 1, "2001:db8:8000::/48")
	b.wantLeases(b.send(from(2, Solicit, pd(1))), lease6.PD, 1, "2001:db8:9000::/56")
	for _, typ := range []uint8{Solicit, Request, Renew, Rebind, Confirm} {
		b.wantSilence(b.send(from(3, typ, na(1, "2001:db8:0:1::15"), userClass("bad"))), frame.Filtered)
	}
	b.wantSilence(b.send(from(3, InformationRequest, userClass("bad"))), frame.Filtered)
	a := b.send(from(4, Request, na(1), pd(1), userClass("short")))
	if a.NLeases != 2 || a.Leases[0].Valid != 120 || a.Leases[1].Preferred != 60 || a.T1 != 30 || a.T2 != 48 {
		t.Errorf("%+v, T1 %d, T2 %d", a.Leases[:a.NLeases], a.T1, a.T2)
	}
	// A client that is a modem no more renews.
	b.lease(1, na(2), userClass("modem"))
	var held string
	_, l = b.answered(b.send(from(1, Renew, na(2), userClass("modem"))), lease6.NA, 2)
	held = l[0].Prefix.String()
	b.wantLeases(b.send(from(1, Renew, na(2, held))), lease6.NA, 2, "2001:db8:0:1::12", "-"+held) // ::11 is client 4's
}

// [MS-DHCPE] §1.4: the deny list is looked at first, then the allow list.
func TestFilters(t *testing.T) {
	uc := func(s string) []policy.Match { return []policy.Match{{By: policy.MatchUserClass, Value: []byte(s)}} }
	b := newBench(t, func(s *policy6.Spec) {
		s.Filters = policy.FilterSpec{Deny: uc("no"), Allow: uc("yes"), Enforce: true}
	})
	b.wantType(b.send(from(1, Solicit, na(1), userClass("yes"))), Advertise)
	b.wantSilence(b.send(from(2, Solicit, na(1))), frame.Filtered)
	b.wantSilence(b.send(from(3, Solicit, na(1), userClass("yes", "no"))), frame.Filtered)
	// A lease may be given back by anybody who has it.
	b.lease(1, na(1), userClass("yes"))
	if a := b.send(from(1, Release, na(1, "2001:db8:0:1::10"))); a.Type != Reply || a.NIAs != 0 {
		t.Errorf("type %d (%v), %d IAs", a.Type, a.Reason, a.NIAs)
	}
}

// packet is the options that an expression sees.
type packet map[uint16]string

func (p packet) Option(code uint16) ([]byte, bool) {
	v, ok := p[code]
	return []byte(v), ok
}

func (p packet) RelayOption(level int, code uint16) ([]byte, bool) {
	return p.Option(uint16(1000*(level+1)) + code)
}

// An expression needs the whole message: a codec that lacks it is told before anything has
// changed.
func TestExpressions(t *testing.T) {
	expr := func(text string) func(*policy6.Spec) {
		return func(s *policy6.Spec) {
			s.Classes = []policy6.ClassSpec{class("c", policy.Match{By: policy.MatchExpr, Expr: text})}
			s.Classes[0].Options = []policy6.Option{{Code: 24, Data: []byte("class"), Always: true}}
		}
	}
	b := newBench(t, expr(`option(16) startsWith unhex("0000118b")`))
	for _, typ := range []uint8{Solicit, Request, Renew, Rebind, Confirm} {
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"))), frame.PuntClass)
	}
	if b.batch.Len() != 0 {
		t.Errorf("%d changes", b.batch.Len())
	}
	has := func(p packet) func(*Query) { return func(q *Query) { q.Packet = p } }
	for text, p := range map[string]packet{
		`option(16) startsWith unhex("0000118b")`:               {16: "\x00\x00\x11\x8bxx"},
		`exists(14) and not exists(15)`:                         {14: ""},
		`relay(0, 18) == "if1" and relay(1, 18) == "if2"`:       {1018: "if1", 2018: "if2"},
		`hex(duid) == "00020000303901" and mac == ""`:           {},
		`suboption(substring(option(17), 4, 100), 5) == "five"`: {17: "\x00\x00\x00\x09\x00\x05\x00\x04five"},
		`link == "::" and peer == "::" and not known`:           {},
		`number(option(8)) > 100`:                               {8: "\x01\x00"},
	} {
		b.reload(expr(text))
		q := from(1, Solicit, na(1), has(p))
		if v, _ := option(b.send(q), q, 24); string(v) != "class" {
			t.Errorf("%s is not true", text)
		}
	}
	b.reload(expr(`link == "2001:db8:1::1" and peer == "fe80::101" and hex(mac) == "020000000003"`))
	q := from(1, Solicit, na(1), via(relay1), linkLayer(mac(3)...), has(packet{}))
	if v, _ := option(b.send(q), q, 24); string(v) != "class" {
		t.Error("not true of a relayed client")
	}
	for _, bad := range []string{`option("x")`, `all(1..2, true)`, `nothing`} {
		if policy6.CheckExpr(bad) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
