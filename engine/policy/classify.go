// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"

	"xdhcp/engine/lease"
)

// Facts is what a message tells that a Match may look at: views into the
// packet.
type Facts struct {
	Client      *lease.Client // HW, ClientID and Relay
	VendorClass []byte        // option 60
	UserClass   []byte        // option 77
	VendorIdent []byte        // option 124
	VendorInfo  []byte        // option 125
	Arch        []byte        // option 93
	Giaddr      lease.IP4
	Port        uint16
	NTags       uint8
	VLAN        [2]uint16
	// Reservation is the client's, nil if it has none.
	Reservation *Reservation
	// Packet is for expressions; nil: they remain open.
	Packet Packet
}

// Membership is the classes that a client is in. It is large: keep one.
type Membership struct {
	In ClassSet
	// Open are the classes that depend on an expression which could not be
	// evaluated, as there was no Packet.
	Open ClassSet

	atoms  [maxAtoms / 64]uint64 // which are true
	awake  ClassSet              // classes with a program that may be true
	opaque bool                  // expressions have no value yet
	key    [4 + 255]byte         // a vendor's enterprise number and data
}

// Clear makes m that of a client in no class.
func (m *Membership) Clear() { m.In, m.Open = ClassSet{}, ClassSet{} }

// Classify finds the classes that a client is in. m is overwritten. Cost: one
// look-up for each kind of matcher in use (and length of prefix), then the
// programs of those classes that a look-up has brought up; not one step for
// each class.
func (p *Policy) Classify(f *Facts, m *Membership) {
	c := p.classes
	m.Clear()
	if c == nil {
		return
	}
	clear(m.atoms[:(len(c.atoms)+63)/64])
	m.awake = c.always
	m.opaque = true

	if t := &c.vendorClass; t.used {
		c.lookup(t, f.VendorClass, m)
	}
	if t := &c.userClass; t.used && len(f.UserClass) > 0 {
		c.userClasses(f, m)
	}
	if t := &c.vendorID; t.used {
		c.vendorIdent(f.VendorIdent, m)
		c.vendorIdent(f.VendorInfo, m)
	}
	if t := &c.mac; t.used {
		c.lookup(t, f.Client.HW, m)
	}
	if t := &c.clientID; t.used {
		c.lookup(t, f.Client.ClientID, m)
	}
	if c.usesRelay {
		c.relayOptions(f.Client.Relay, m)
	}
	if c.usesGiaddr && f.Giaddr != 0 {
		for _, n := range c.netBits {
			c.hit(c.nets[netKey{f.Giaddr & maskOf(n), n}], m)
		}
	}
	if len(c.arch) > 0 {
		for a := f.Arch; len(a) >= 2; a = a[2:] {
			c.hit(c.arch[binary.BigEndian.Uint16(a)], m)
		}
	}
	if len(c.links) > 0 {
		c.linkOf(f, m)
	}
	if r := f.Reservation; r != nil {
		c.hit(c.known, m)
		if !r.classes.empty() {
			for i := r.classes.first(0); i >= 0; i = r.classes.first(i + 1) {
				c.hit(c.assigned[i], m)
			}
		}
	}
	if m.awake.empty() {
		return
	}
	c.run(m)
	if f.Packet == nil || m.Open.empty() {
		return
	}
	// The classes that an expression decides: evaluate it, then run again.
	for _, x := range c.exprs {
		if x.eval(f) {
			m.atoms[x.atom>>6] |= 1 << (x.atom & 63)
		}
	}
	m.opaque = false
	m.awake, m.Open = m.Open, ClassSet{}
	c.run(m)
}

// run evaluates the programs of the classes that are awake.
func (c *classes) run(m *Membership) {
	for i := m.awake.first(0); i >= 0; i = m.awake.first(i + 1) {
		switch c.programs[i].eval(m) {
		case yes:
			m.In.Add(i)
		case unclear:
			m.Open.Add(i)
		}
	}
}

// hit makes atoms true, and with them the classes that ask for nothing else.
func (c *classes) hit(atoms []uint16, m *Membership) {
	for _, a := range atoms {
		m.atoms[a>>6] |= 1 << (a & 63)
		at := &c.atoms[a]
		for _, i := range at.decides {
			m.In.Add(int(i))
		}
		for _, i := range at.wakes {
			m.awake.Add(int(i))
		}
	}
}

// lookup hits what matches a value, whole or by its beginning.
func (c *classes) lookup(t *table, value []byte, m *Membership) {
	if len(value) == 0 {
		return
	}
	if t.exact != nil {
		c.hit(t.exact[string(value)], m)
	}
	for i := range t.prefixes {
		if n := t.prefixes[i].n; n <= len(value) {
			c.hit(t.prefixes[i].of[string(value[:n])], m)
		}
	}
}

// userClasses reads option 77. RFC 3004 §4: a list of values, each behind its
// length. [MS-DHCPE] §2.2.6.1: one plain value where option 60 is Microsoft's;
// and so is what cannot be a list.
func (c *classes) userClasses(f *Facts, m *Membership) {
	if IsMicrosoft(f.VendorClass) || !UserClassList(f.UserClass) {
		c.lookup(&c.userClass, f.UserClass, m)
		return
	}
	for u := f.UserClass; len(u) > 0; u = u[1+int(u[0]):] {
		c.lookup(&c.userClass, u[1:1+int(u[0])], m)
	}
}

// UserClassList says whether a value of option 77 is in the form of RFC 3004 §4:
// "The length of the option … must be the sum of the lengths of each of the
// class names plus m", none of them 0.
func UserClassList(u []byte) bool {
	if len(u) == 0 {
		return false
	}
	for len(u) > 0 {
		n := 1 + int(u[0])
		if n == 1 || n > len(u) {
			return false
		}
		u = u[n:]
	}
	return true
}

// IsMicrosoft says whether option 60 is one of [MS-DHCPE] §2.2.3.
func IsMicrosoft(vendorClass []byte) bool {
	switch string(vendorClass) {
	case "MSFT 98", "MSFT 5.0", "MSFT 5.0 XBOX":
		return true
	}
	return false
}

// vendorIdent reads option 124 or 125: enterprise number, length, data, and
// again (RFC 3925 §3, §4).
func (c *classes) vendorIdent(v []byte, m *Membership) {
	for len(v) >= 5 && 5+int(v[4]) <= len(v) {
		n := copy(m.key[:4], v)
		n += copy(m.key[4:], v[5:5+int(v[4])])
		c.lookup(&c.vendorID, m.key[:n], m)
		v = v[5+int(v[4]):]
	}
}

func (c *classes) relayOptions(relay []byte, m *Membership) {
	for len(relay) >= 2 {
		n := 2 + int(relay[1])
		if n > len(relay) {
			return
		}
		var t *table
		switch relay[0] {
		case subCircuitID:
			t = &c.circuit
		case subRemoteID:
			t = &c.remote
		case subSubscriberID:
			t = &c.subscriber
		case subRelayID:
			t = &c.relayID
		}
		if t != nil && t.used {
			c.lookup(t, relay[2:n], m)
		}
		relay = relay[n:]
	}
}

// linkOf hits the interface, its outer VLAN and its inner one; and the same of
// any interface.
func (c *classes) linkOf(f *Facts, m *Membership) {
	for _, port := range [...]uint16{f.Port, anyPort} {
		c.hit(c.links[linkKey(port, 0, 0)], m)
		if f.NTags > 0 && f.VLAN[0] != 0 {
			c.hit(c.links[linkKey(port, f.VLAN[0], 0)], m)
			if f.NTags > 1 && f.VLAN[1] != 0 {
				c.hit(c.links[linkKey(port, f.VLAN[0], f.VLAN[1])], m)
			}
		}
	}
}

// A truth is what is known of a condition while expressions have no value.
type truth uint8

const (
	no truth = iota
	yes
	unclear
)

// A node is a Match, compiled: an atom, or nodes and how to combine them.
type node struct {
	by   MatchBy // MatchAll, MatchAny, MatchNot; MatchNothing: atom
	atom uint16
	expr bool // the atom is an expression
	of   []node
}

func (n *node) eval(m *Membership) truth {
	switch n.by {
	case MatchAll:
		out := yes
		for i := range n.of {
			switch n.of[i].eval(m) {
			case no:
				return no
			case unclear:
				out = unclear
			}
		}
		return out
	case MatchAny:
		out := no
		for i := range n.of {
			switch n.of[i].eval(m) {
			case yes:
				return yes
			case unclear:
				out = unclear
			}
		}
		return out
	case MatchNot:
		switch n.of[0].eval(m) {
		case no:
			return yes
		case yes:
			return no
		}
		return unclear
	}
	if n.expr && m.opaque {
		return unclear
	}
	return truth(m.atoms[n.atom>>6] >> (n.atom & 63) & 1)
}
