// SPDX-License-Identifier: Apache-2.0

package policy

import "xdhcp/engine/lease"

// hwKey is a hardware address as a map key: no allocation to look one up.
type hwKey struct {
	n uint8
	b [16]byte
}

func makeHWKey(hw []byte) (k hwKey) {
	k.n = uint8(copy(k.b[:], hw))
	return k
}

// reservations are those of one scope.
type reservations struct {
	tables []idTable // in the order of precedence; those that are empty are not there
	addr   map[lease.IP4]*Reservation
}

// An idTable is the reservations that know their client by the same
// identifiers.
type idTable struct {
	ids []Identifier
	hw  map[hwKey]*Reservation  // by chaddr alone
	of  map[string]*Reservation // by one other identifier, or by several: each behind its length

	sieve sieve // of the whole policy: who does not pass is not in a table with one identifier
}

// identifier is what the client sent as one; nil: it did not.
func identifier(c *lease.Client, flex []byte, id Identifier) []byte {
	var code uint8
	switch id {
	case ByMAC:
		return c.HW
	case ByClientID:
		return c.ClientID
	case ByCircuit:
		code = subCircuitID
	case ByRemote:
		code = subRemoteID
	case BySubscriber:
		code = subSubscriberID
	case ByDUID:
		return duid(c.ClientID)
	case ByFlex:
		return flex
	}
	if sub := SubOption(c.Relay, code); sub != nil {
		return sub[2:]
	}
	return nil
}

// duid is the DUID in a client identifier of the form of RFC 4361 §6.1: type 255,
// an IAID of four bytes, the DUID; nil: it has another form.
func duid(clientID []byte) []byte {
	if len(clientID) <= 5 || clientID[0] != 255 {
		return nil
	}
	return clientID[5:]
}

// Reservation is the one that the scope of s has for the client, or nil. A
// client that matches several gets the first in the order of precedence.
func (s *Subnet) Reservation(c *lease.Client) *Reservation { return s.ReservationOf(c, nil) }

// ReservationOf is Reservation for a client whose message has the value flex of
// Spec.FlexID.
func (s *Subnet) ReservationOf(c *lease.Client, flex []byte) *Reservation {
	for i := range s.scope.reservations.tables {
		if r := s.scope.reservations.tables[i].find(c, flex); r != nil {
			return r
		}
	}
	return nil
}

func (t *idTable) find(c *lease.Client, flex []byte) *Reservation {
	if t.hw != nil {
		if n := len(c.HW); n == 0 || n > 16 {
			return nil
		}
		if !t.sieve.passes(ByMAC, c.HW) {
			return nil
		}
		return t.hw[makeHWKey(c.HW)]
	}
	if len(t.ids) == 1 {
		if v := identifier(c, flex, t.ids[0]); len(v) > 0 && t.sieve.passes(t.ids[0], v) {
			return t.of[string(v)]
		}
		return nil
	}
	var key [int(numIdentifiers) * 256]byte
	n := 0
	for _, id := range t.ids {
		v := identifier(c, flex, id)
		if len(v) == 0 || len(v) > 255 {
			return nil
		}
		key[n] = uint8(len(v))
		n += 1 + copy(key[n+1:], v)
	}
	return t.of[string(key[:n])]
}

// ReservedAt is the reservation that keeps address a in the scope of s, or nil.
func (s *Subnet) ReservedAt(a lease.IP4) *Reservation {
	return s.scope.reservations.addr[a]
}

// A Reservation's option sets: with an address there is one; without, one on top
// of each set that the scope's pools and subnets have.
type reservationSets struct {
	fixed *OptionSet
	over  map[*OptionSet]*OptionSet
}

// Options is the client's option set at a place whose own is base. A nil
// Reservation adds nothing.
func (r *Reservation) Options(base *OptionSet) *OptionSet {
	if r == nil {
		return base
	}
	if r.sets.fixed != nil {
		return r.sets.fixed
	}
	if o := r.sets.over[base]; o != nil {
		return o
	}
	return base
}

// Sub-options of option 82.
const (
	subCircuitID    = 1  // RFC 3046 §3.1
	subRemoteID     = 2  // RFC 3046 §3.2
	subSubscriberID = 6  // RFC 3993
	subRelayID      = 12 // RFC 6925
)

// SubOption finds a sub-option in the content of option 82 and returns it with
// its code and length bytes; nil if it is not there or runs past the end.
func SubOption(relay []byte, code uint8) []byte {
	for len(relay) >= 2 {
		n := 2 + int(relay[1])
		if n > len(relay) {
			return nil
		}
		if relay[0] == code {
			return relay[:n:n]
		}
		relay = relay[n:]
	}
	return nil
}

// Identify says what the client is known by under the rule: sets Kind and ID
// from the other fields of c. room is for an identity that is not one piece of
// the packet; ID may point into it.
func (i Identity) Identify(c *lease.Client, room []byte) {
	switch i {
	case IdentityCircuit, IdentityRemote, IdentityCircuitRemote:
		circuit, remote := SubOption(c.Relay, subCircuitID), SubOption(c.Relay, subRemoteID)
		switch {
		case i == IdentityCircuit && circuit != nil:
			c.Kind, c.ID = lease.KindCircuit, circuit
			return
		case i == IdentityRemote && remote != nil:
			c.Kind, c.ID = lease.KindRemote, remote
			return
		case i == IdentityCircuitRemote && circuit != nil && remote != nil &&
			len(circuit)+len(remote) <= len(room):
			n := copy(room, circuit)
			n += copy(room[n:], remote)
			c.Kind, c.ID = lease.KindCircuitRemote, room[:n]
			return
		}
	case IdentityHW:
		identifyHW(c, room)
		return
	}
	// RFC 2131 §4.2: "If the client supplies a 'client identifier', … the server
	// MUST use that identifier to identify the client. If the client does not
	// provide a 'client identifier' option, the server MUST use the contents of
	// the 'chaddr' field". RFC 4361 §6.3 repeats it for every type of identifier.
	if len(c.ClientID) > 0 {
		c.Kind, c.ID = lease.KindClientID, c.ClientID
		return
	}
	identifyHW(c, room)
}

func identifyHW(c *lease.Client, room []byte) {
	room[0] = c.HType
	n := 1 + copy(room[1:min(17, len(room))], c.HW)
	c.Kind, c.ID = lease.KindHW, room[:n]
}

// IdentityRoom is how much room Identify may need: two sub-options of option 82,
// which together have at most 255 bytes.
const IdentityRoom = 255
