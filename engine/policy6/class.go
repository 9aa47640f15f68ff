// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"encoding/binary"
	"slices"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// classes are all classes, compiled.
type classes struct {
	*policy.Matcher

	rules   []classRule
	options policy.ClassSet // classes with options
	effects policy.ClassSet // classes that act on any message, and the filters
	times   policy.ClassSet
	drop    policy.ClassSet
}

// A classRule is what a class does.
type classRule struct {
	options []Option
	times   *Times
}

// number is the number of a class.
func (c *classes) number(name string) (int, bool) {
	if c == nil || name == "" {
		return 0, false
	}
	return c.Class(name)
}

// addClasses compiles classes and filters.
func (b *builder) addClasses() {
	spec := b.spec
	m := policy.MatcherSpec{
		Deny: spec.Filters.Deny, Allow: spec.Filters.Allow, Enforce: spec.Filters.Enforce,
		Ports: b.ports, Expr: compileExpr, IPv6: true,
	}
	for i := range spec.Classes {
		m.Classes = append(m.Classes, policy.ClassDef{Name: spec.Classes[i].Name, Match: spec.Classes[i].Match})
	}
	c := &classes{Matcher: policy.NewMatcher(&m, b.fail)}
	if c.Matcher == nil {
		return
	}
	b.p.classes = c
	for i := range spec.Classes {
		b.addClass(c, i)
	}
	filters := c.Filters()
	c.effects.Union(&filters)
}

func (b *builder) addClass(c *classes, i int) {
	s := &b.spec.Classes[i]
	where := "class " + s.Name
	b.checkOptions(where, s.Options)
	if slices.ContainsFunc(s.Options, func(o Option) bool { return o.Class != "" }) {
		b.fail("%s: its options are for its own clients and cannot name a class", where)
	}
	rule := classRule{options: s.Options}
	if len(s.Options) > 0 {
		c.options.Add(i)
		c.effects.Add(i)
	}
	if s.Times != nil {
		t, err := s.Times.defaults()
		if err != nil {
			b.fail("%s: %w", where, err)
		}
		rule.times = &t
		c.times.Add(i)
		c.effects.Add(i)
	}
	if s.Drop {
		c.drop.Add(i)
		c.effects.Add(i)
	}
	c.rules = append(c.rules, rule)
}

// classSet resolves names.
func (b *builder) classSet(where string, names []string) (s policy.ClassSet) {
	for _, n := range names {
		if i, ok := b.classNumber(where, n); ok {
			s.Add(i)
		}
	}
	return s
}

func (b *builder) classNumber(where, name string) (int, bool) {
	i, ok := b.p.classes.number(name)
	if !ok {
		b.fail("%s: there is no class %s", where, name)
	}
	return i, ok
}

// Class is the number of a class in a ClassSet; -1: there is none.
func (p *Policy) Class(name string) int {
	if i, ok := p.classes.number(name); ok {
		return i
	}
	return -1
}

// Facts is what a message tells that a Match may look at: views into the packet.
type Facts struct {
	Client *lease6.Client
	// VendorClass are options 16, from the enterprise number on; an empty one ends
	// the list.
	VendorClass [][]byte
	UserClass   []byte // option 15
	Arch        []byte // option 61
	Link        lease6.IP6
	Port        uint16
	NTags       uint8
	VLAN        [2]uint16
	// Reservation is the client's, nil if it has none.
	Reservation *Reservation
	// Packet is for expressions; nil: they remain open.
	Packet Packet
}

// Classify finds the classes that a client is in. m is overwritten.
func (p *Policy) Classify(f *Facts, m *policy.Membership) {
	c := p.classes
	if c == nil {
		m.Clear()
		return
	}
	c.Begin(m)
	if c.Uses(policy.MatchVendorClass) || c.Uses(policy.MatchVendorID) {
		c.vendorClasses(f, m)
	}
	if c.Uses(policy.MatchUserClass) {
		for u := f.UserClass; ; {
			class, rest, ok := tuple(u)
			if !ok {
				break
			}
			c.See(policy.MatchUserClass, class, m)
			u = rest
		}
	}
	cl := f.Client
	if len(cl.LinkLayer) > 2 {
		c.See(policy.MatchMAC, cl.LinkLayer[2:], m)
	}
	c.See(policy.MatchClientID, cl.DUID, m)
	c.See(policy.MatchCircuit, cl.InterfaceID, m)
	if len(cl.RemoteID) > 4 {
		c.See(policy.MatchRemote, cl.RemoteID[4:], m)
	}
	c.See(policy.MatchSubscriber, cl.SubscriberID, m)
	c.See(policy.MatchRelayID, cl.RelayID, m)
	if c.Uses(policy.MatchRelay) && !f.Link.IsZero() {
		c.SeeRelay(f.Link.Hi, f.Link.Lo, m)
	}
	if c.Uses(policy.MatchArch) {
		c.SeeArch(f.Arch, m)
	}
	if c.Uses(policy.MatchLink) {
		c.SeeLink(f.Port, f.NTags, f.VLAN, m)
	}
	if f.Reservation != nil {
		c.SeeReservation(&f.Reservation.classes, m)
	}
	c.Run(m)
	if f.Packet != nil && !m.Open.Empty() {
		c.Evaluate(m, f.value)
	}
}

// vendorClasses reads options 16 (RFC 8415 §21.16): the enterprise number, then
// strings behind their length. A vendor is also matched as such, by the beginning
// of nothing.
func (c *classes) vendorClasses(f *Facts, m *policy.Membership) {
	for _, v := range f.VendorClass {
		if len(v) < 4 {
			return
		}
		enterprise := binary.BigEndian.Uint32(v)
		c.SeeVendor(enterprise, nil, m)
		for v = v[4:]; ; {
			s, rest, ok := tuple(v)
			if !ok {
				break
			}
			c.See(policy.MatchVendorClass, s, m)
			c.SeeVendor(enterprise, s, m)
			v = rest
		}
	}
}

// tuple splits the first string off those that each follow their 16-bit length.
func tuple(t []byte) (s, rest []byte, ok bool) {
	if len(t) < 2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(t))
	if end > len(t) {
		return nil, nil, false
	}
	return t[2:end:end], t[end:], true
}

// UserClassList says whether an option 15 is well-formed: "The data area of the
// User Class option MUST contain one or more instances of user-class-data" (RFC
// 8415 §21.15).
func UserClassList(u []byte) bool {
	for n := 0; ; n++ {
		if len(u) == 0 {
			return n > 0
		}
		_, rest, ok := tuple(u)
		if !ok {
			return false
		}
		u = rest
	}
}

// Denied says whether a client is not to be answered: a filter is against it, or
// one of its classes.
func (p *Policy) Denied(m *policy.Membership) bool {
	return p.classes != nil && (p.classes.Denied(&m.In) || p.classes.drop.Meets(&m.In))
}

// HasClasses says whether Classify can find anything.
func (p *Policy) HasClasses() bool { return p.classes != nil }

// Undecided says whether the answer to a client on the link of s depends on a
// class that is open.
func (p *Policy) Undecided(s *Subnet, m *policy.Membership) bool {
	if p.classes == nil || m.Open.Empty() {
		return false
	}
	return p.classes.effects.Meets(&m.Open) || s.named.Meets(&m.Open)
}
