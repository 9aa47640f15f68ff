// SPDX-License-Identifier: Apache-2.0

package policy

import "xdhcp/engine/lease"

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

// Options is the client's option set at a place whose own is base. A nil
// Reservation adds nothing.
func (r *Reservation) Options(base *OptionSet) *OptionSet {
	if r == nil {
		return base
	}
	if r.fixed != nil {
		return r.fixed
	}
	if o := r.over[base]; o != nil {
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
