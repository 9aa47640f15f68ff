// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// MatchBy says what a Match looks at: in DHCPv4, and behind the semicolon in
// DHCPv6.
type MatchBy uint8

const (
	MatchNothing     MatchBy = iota // the zero value, which Build refuses
	MatchAll                        // all of Of; with none of them, everybody
	MatchAny                        // any of Of
	MatchNot                        // not Of[0]
	MatchClass                      // member of class Name
	MatchExpr                       // Expr is true
	MatchKnown                      // has a reservation on the link
	MatchVendorClass                // option 60: Value; option 16: one of the strings, of Enterprise if that is not 0
	MatchUserClass                  // option 77: one of its classes is Value (RFC 3004; one raw value from Microsoft clients); option 15
	MatchVendorID                   // options 124 and 125: data of Enterprise is Value (RFC 3925); option 16
	MatchMAC                        // chaddr: Value; from the relay agent (RFC 6939) or the client's address
	MatchClientID                   // option 61: Value; the DUID
	MatchCircuit                    // sub-option 1 of option 82: Value (RFC 3046); Interface-Id
	MatchRemote                     // sub-option 2: Value; Remote-ID without its enterprise number (RFC 4649)
	MatchSubscriber                 // sub-option 6: Value (RFC 3993); Subscriber-ID (RFC 4580)
	MatchRelayID                    // sub-option 12: Value (RFC 6925); Relay-ID (RFC 5460)
	MatchRelay                      // giaddr lies in Net; the link-address
	MatchArch                       // option 93: Number is among them (RFC 4578); option 61
	MatchLink                       // interface and VLAN: Link
	numMatchBy
)

// A Match says which clients are meant. By says which of the other fields
// count.
type Match struct {
	By MatchBy
	// Value is what must be there, byte for byte. With Prefix it is enough that
	// what is there begins with it.
	Value      []byte
	Prefix     bool
	Enterprise uint32       // IANA's number of the vendor, for MatchVendorID and MatchVendorClass
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
	ByDUID                         // the DUID in option 61 (RFC 4361 §6.1)
	ByFlex                         // the value of Spec.FlexID
	numIdentifiers
)

// DefaultPrecedence is the order in which reservations with one identifier are
// looked for. Those with several, which say more, come first.
var DefaultPrecedence = []Identifier{ByMAC, ByClientID, ByCircuit, ByRemote, BySubscriber, ByDUID, ByFlex}
