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

// reservations are those of one scope. The maps are nil where there is nothing
// to find, which makes a look-up one comparison.
type reservations struct {
	hw     map[hwKey]*Reservation
	client map[string]*Reservation // by option 61
	line   map[string]*Reservation // by sub-option code and value of option 82
	addr   map[lease.IP4]*Reservation
}

func (rs *reservations) none() bool {
	return len(rs.hw)+len(rs.client)+len(rs.line) == 0
}

// Reservation is the one that the scope of s has for the client, or nil. A
// client that matches several gets that of the first kind: hardware address,
// client identifier, circuit, remote end.
func (s *Subnet) Reservation(c *lease.Client) *Reservation {
	rs := &s.scope.reservations
	if rs.none() {
		return nil
	}
	if len(rs.hw) > 0 && len(c.HW) > 0 && len(c.HW) <= 16 {
		if r := rs.hw[makeHWKey(c.HW)]; r != nil {
			return r
		}
	}
	if len(rs.client) > 0 && len(c.ClientID) > 0 {
		if r := rs.client[string(c.ClientID)]; r != nil {
			return r
		}
	}
	if len(rs.line) > 0 {
		for _, code := range [...]uint8{subCircuitID, subRemoteID} {
			// The key is the sub-option with its code and length as it is
			// in the packet.
			if sub := SubOption(c.Relay, code); sub != nil {
				if r := rs.line[string(sub)]; r != nil {
					return r
				}
			}
		}
	}
	return nil
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

// Sub-options of option 82 (RFC 3046 §2.0).
const (
	subCircuitID = 1
	subRemoteID  = 2
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
