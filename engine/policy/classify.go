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
	Src, Dst    lease.IP4 // of the IP header
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
	if c == nil {
		m.Clear()
		return
	}
	c.Begin(m)
	c.See(MatchVendorClass, f.VendorClass, m)
	if c.Uses(MatchUserClass) && len(f.UserClass) > 0 {
		c.userClasses(f, m)
	}
	if c.Uses(MatchVendorID) {
		c.vendorIdent(f.VendorIdent, m)
		c.vendorIdent(f.VendorInfo, m)
	}
	c.See(MatchMAC, f.Client.HW, m)
	c.See(MatchClientID, f.Client.ClientID, m)
	if c.uses&usesRelay != 0 {
		c.relayOptions(f.Client.Relay, m)
	}
	if c.Uses(MatchRelay) && f.Giaddr != 0 {
		c.SeeRelay(0, uint64(f.Giaddr), m)
	}
	if c.Uses(MatchArch) {
		c.SeeArch(f.Arch, m)
	}
	if c.Uses(MatchLink) {
		c.SeeLink(f.Port, f.NTags, f.VLAN, m)
	}
	if r := f.Reservation; r != nil {
		c.SeeReservation(r.classes, m)
	}
	c.Run(m)
	if f.Packet != nil && !m.Open.Empty() {
		c.Evaluate(m, f.value)
	}
}

// userClasses reads option 77. RFC 3004 §4: a list of values, each behind its
// length. [MS-DHCPE] §2.2.6.1: one plain value where option 60 is Microsoft's;
// and so is what cannot be a list.
func (c *classes) userClasses(f *Facts, m *Membership) {
	if IsMicrosoft(f.VendorClass) || !UserClassList(f.UserClass) {
		c.See(MatchUserClass, f.UserClass, m)
		return
	}
	for u := f.UserClass; len(u) > 0; u = u[1+int(u[0]):] {
		c.See(MatchUserClass, u[1:1+int(u[0])], m)
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
		c.SeeVendor(binary.BigEndian.Uint32(v), v[5:5+int(v[4])], m)
		v = v[5+int(v[4]):]
	}
}

// usesRelay are the conditions on option 82.
const usesRelay = 1<<MatchCircuit | 1<<MatchRemote | 1<<MatchSubscriber | 1<<MatchRelayID

func (c *classes) relayOptions(relay []byte, m *Membership) {
	for len(relay) >= 2 {
		n := 2 + int(relay[1])
		if n > len(relay) {
			return
		}
		switch relay[0] {
		case subCircuitID:
			c.See(MatchCircuit, relay[2:n], m)
		case subRemoteID:
			c.See(MatchRemote, relay[2:n], m)
		case subSubscriberID:
			c.See(MatchSubscriber, relay[2:n], m)
		case subRelayID:
			c.See(MatchRelayID, relay[2:n], m)
		}
		relay = relay[n:]
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
