// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// MatchBy says what a Match looks at.
type MatchBy uint8

const (
	MatchNothing     MatchBy = iota // the zero value, which Build refuses
	MatchAll                        // all of Of; with none of them, everybody
	MatchAny                        // any of Of
	MatchNot                        // not Of[0]
	MatchClass                      // member of class Name
	MatchExpr                       // Expr is true
	MatchKnown                      // has a reservation on the link
	MatchVendorClass                // option 60: Value
	MatchUserClass                  // option 77: one of its classes is Value (RFC 3004; one raw value from Microsoft clients)
	MatchVendorID                   // options 124 and 125: data of Enterprise is Value (RFC 3925)
	MatchMAC                        // chaddr: Value
	MatchClientID                   // option 61: Value
	MatchCircuit                    // sub-option 1 of option 82: Value (RFC 3046)
	MatchRemote                     // sub-option 2: Value
	MatchSubscriber                 // sub-option 6: Value (RFC 3993)
	MatchRelayID                    // sub-option 12: Value (RFC 6925)
	MatchRelay                      // giaddr lies in Net
	MatchArch                       // option 93: Number is among them (RFC 4578)
	MatchLink                       // interface and VLAN: Link
)

// A Match says which clients are meant. By says which of the other fields
// count.
type Match struct {
	By MatchBy
	// Value is what must be there, byte for byte. With Prefix it is enough that
	// what is there begins with it.
	Value      []byte
	Prefix     bool
	Enterprise uint32       // IANA's number of the vendor, for MatchVendorID
	Number     uint16       // for MatchArch
	Net        netip.Prefix // for MatchRelay
	Link       LinkSpec     // for MatchLink; Port "": any
	Name       string       // for MatchClass
	Expr       string       // for MatchExpr; expr.go says in which language
	Of         []Match      // for MatchAll, MatchAny, MatchNot
}

// An Identifier is something that a reservation knows its client by.
type Identifier uint8

const (
	ByMAC        Identifier = iota // chaddr
	ByClientID                     // option 61
	ByCircuit                      // sub-option 1 of option 82
	ByRemote                       // sub-option 2 of option 82
	BySubscriber                   // sub-option 6 of option 82
	numIdentifiers
)

// DefaultPrecedence is the order in which reservations with one identifier are
// looked for. Those with several, which say more, come first.
var DefaultPrecedence = []Identifier{ByMAC, ByClientID, ByCircuit, ByRemote, BySubscriber}
