// SPDX-License-Identifier: Apache-2.0

package config

import (
	"iter"
	"net/netip"
	"strconv"
)

// Infinite is a time that never ends (RFC 2131 §3.3).
const Infinite uint32 = 1<<32 - 1

// A Config is what a configuration file says after every check: defaults are
// filled in, inherited values are resolved, options are encoded. Lists are in
// the order of the file.
type Config struct {
	File       string // as given to Load
	Interfaces []Interface
	State      string // directory of leases and of the control socket
	Durability Durability
	History    History

	Authoritative    bool   // NAK a client that asks for an address we know nothing of
	OfferHold        uint32 // seconds that an offered address stays held for its client
	DeclineProbation uint32 // seconds that a declined address stays out of use
	Identity         Identity
	// ReservationOrder is the order in which reservations are looked for by one
	// identifier.
	ReservationOrder []Identifier
	SilentReboot     bool // no NAK to a client that is unknown here, unless authoritative
	StrictUserClass  bool // drop messages whose option 77 has not the form of RFC 3004
	Filters          Filters
	Limits           []Limit
	FQDN             FQDN
	Rogue            Rogue
	DDNS             DDNS
	LeaseQuery       LeaseQuery
	ForceRenew       bool // clients that can are given what lets them be told to renew (RFC 6704)

	OptionOrder []OptionPlace // the place whose option counts first, to the last; nil: as the constants are
	WithoutList WithoutList
	// ClassOptionsInPlace has options of a class at a place count right before
	// the others of that place, not before all others.
	ClassOptionsInPlace bool
	FlexID              string // an expression whose value reservations may go by; "": none
	FlexIDAt            Place
	NoEchoClientID      bool // option 61 does not go back, against RFC 6842
	EchoHostName        bool // option 12 goes back
	SubnetSelection     bool // option 118 chooses the subnet (RFC 3011)

	Lease    Lease    // the top level's times: what a subnet has where it says nothing
	Options  []Option // the top level's, for every subnet
	Networks []Network
	Subnets  []Subnet // those that are in no shared network
	Classes  []Class
	DHCP6    DHCP6

	// Warnings are about things that are allowed and probably not meant. The
	// configuration is valid in spite of them.
	Warnings []Problem
}

// An Interface is one network interface to serve.
type Interface struct {
	Name    string
	XDP     XDP
	Wait    Wait
	VLANs   bool       // answer frames with VLAN tags too
	Address netip.Addr // the server's address there; not valid: the interface's own
	At      Place
}

// A Lease is a set of lease times in seconds, each up to Infinite. Renew ≤
// Rebind ≤ Valid, where they are given, and Min ≤ Valid ≤ Max.
type Lease struct {
	Valid  uint32 // for a client that does not ask for a time
	Renew  uint32 // T1; 0: half of the lease that is given (RFC 2131 §4.4.5)
	Rebind uint32 // T2; 0: 7/8 of it
	Min    uint32 // bounds of what a client may ask for with option 51;
	Max    uint32 // where the file is silent both are Valid: the wish does not count
	// NoDefaultTimers has T1 and T2 sent only where Renew and Rebind say so.
	NoDefaultTimers bool
}

// A Network is the IPv4 part of a shared network: several subnets on one link.
type Network struct {
	Name          string
	Subnets       []Subnet
	Options       []Option // for each of the subnets
	Links         []Link
	Authoritative *bool // nil: as at the top level
	RapidCommit   bool
	At            Place
}

// A Link is where clients are that no relay agent stands before.
type Link struct {
	Interface string
	VLAN      uint16 // the outer tag's; 0: the whole interface
	InnerVLAN uint16 // 0: whatever is inside
}

// Filters decide who is served at all.
type Filters struct {
	Deny    []Match
	Allow   []Match
	Enforce bool // the file has a list of whom to allow: nobody else is served
}

// Rogue is what this server is in the rogue detection of Microsoft's servers.
type Rogue struct {
	State RogueState
	Name  string // told to the server that asks; empty: the engine's
}

// A Subnet is one IPv4 subnet and what its clients get.
type Subnet struct {
	ID       uint32 // as given, else a hash of the prefix: stable while the prefix is
	Prefix   netip.Prefix
	Pools    []Pool
	Excluded []Range // as given in `exclude`; the pools have it cut out already

	Lease        Lease // resolved against the top level
	Options      []Option
	NextServer   netip.Addr // siaddr; not valid: 0.0.0.0
	ServerName   string     // sname, at most 63 bytes
	BootFile     string     // file, at most 127 bytes
	Reservations []Reservation

	Links         []Link       // clients there are this subnet's
	Relays        []netip.Addr // and those behind these relay agents
	ServerID      netip.Addr   // option 54; not valid: the interface's address
	Authoritative *bool        // nil: as on the shared network or at the top level
	Identity      *Identity    // nil: as at the top level
	RapidCommit   bool
	Limit         uint32 // of leases at once; 0: none
	VSS           []byte // virtual private network: type and identifier (RFC 6607)
	// Classes and Deny restrict all pools.
	Classes, Deny []string
	FQDN          *FQDN // what the subnet or its shared network says; nil: as at the top level
	At            Place
}

// A Pool is a range of addresses for clients without a reservation.
type Pool struct {
	Name string // as written, for display
	// Range is the pool as written.
	Range Range
	// Ranges is what is left of it after `exclude`, in ascending order. The
	// addresses of reservations are still inside.
	Ranges []Range

	Options       []Option
	Lease         *Lease   // nil: the subnet's
	Classes, Deny []string // whose clients may have the addresses (none: all), and whose may not
	BOOTP         bool     // clients without DHCP may have them too, for ever
	At            Place
}

// A Range is the addresses from First to Last, both included.
type Range struct{ First, Last netip.Addr }

// A Reservation gives one client an address, options, or both. The client has
// every identifier that is set.
type Reservation struct {
	MAC          [6]byte // zeros: not by this
	ClientID     []byte  // option 61
	CircuitID    []byte  // sub-option 1 of option 82
	RemoteID     []byte  // sub-option 2
	SubscriberID []byte  // sub-option 6
	DUID         []byte  // in option 61 of the form of RFC 4361
	FlexID       []byte  // the value of Config.FlexID

	Address    netip.Addr // not valid: one from the pools
	Hostname   string     // Options holds it as option 12 already
	Options    []Option   // over those of the subnet and the top level
	Classes    []string   // that the client is in, whatever they match
	NextServer netip.Addr // these three where they are not the subnet's
	ServerName string
	BootFile   string
	At         Place
}

// A Class is a set of clients with options and more of its own.
type Class struct {
	Name        string
	Description string // what clients are told that ask for the classes
	Match       *Match // nil: those whose reservation says so
	Options     []Option
	Lease       *Lease // nil: the pool's or the subnet's
	Options6    []Option6
	Lease6      *Lease6 // nil: the pool's or the subnet's
	Drop        bool    // no answer
	NextServer  netip.Addr
	ServerName  string
	BootFile    string
	At          Place
}

// An Option is one encoded option.
type Option struct {
	Code   uint8
	Name   string
	Data   []byte // up to maxOption bytes; more than 255 go out in pieces (RFC 3396)
	At     Place
	Always bool   // also to clients that do not ask for it
	Never  bool   // not even to clients that ask for it, wherever else it stands; it has no Data
	Class  string // for the clients of this class only; "": for all
}

// A Place is a position in the file, counted from 1.
type Place struct{ Line, Column int }

func (p Place) String() string {
	return strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// XDP says how packets of an interface reach the server.
type XDP uint8

const (
	XDPAuto    XDP = iota // native where the driver can, else generic
	XDPNative             // in the driver, or not at all
	XDPGeneric            // in the kernel's generic receive path
	XDPOff                // through ordinary sockets
)

func (x XDP) String() string { return word(xdpWords, uint8(x)) }

// Wait says what a worker does when no packet is there.
type Wait uint8

const (
	WaitPoll Wait = iota // sleep until one comes
	WaitBusy             // spin: a core for a few microseconds less
)

func (w Wait) String() string { return word(waitWords, uint8(w)) }

// Durability says when a lease counts as written.
type Durability uint8

const (
	Sync  Durability = iota // on disk before the ACK leaves (RFC 2131 §3.1 step 4)
	Async                   // on disk soon; a crash may lose acknowledged leases
)

func (d Durability) String() string { return word(durabilityWords, uint8(d)) }

// Identity says what makes two messages come from the same client.
type Identity uint8

const (
	IdentityClientID Identity = iota // option 61, without it the hardware address (RFC 2131 §2)
	IdentityMAC                      // always the hardware address
	// The line owns the address: sub-options 1, 2, both of option 82. Messages
	// without them go by IdentityClientID.
	IdentityCircuit
	IdentityRemote
	IdentityCircuitRemote
)

func (i Identity) String() string { return word(identityWords, uint8(i)) }

// RogueState is what a server in rogue detection says of itself.
type RogueState uint8

const (
	RogueAuthorized   RogueState = iota // by its administrator
	RogueDetected                       // because no other server has objected
	RogueUnauthorized                   // it answers nothing
)

func (r RogueState) String() string { return word(rogueWords, uint8(r)) }

// Identifier is what a reservation knows its client by.
type Identifier uint8

const (
	ByMAC Identifier = iota
	ByClientID
	ByCircuitID
	ByRemoteID
	BySubscriberID
	ByDUID
	ByFlexID
)

func (i Identifier) String() string { return word(identifierWords, uint8(i)) }

// The words of the file, in the order of the constants above.
var (
	xdpWords        = []string{"auto", "native", "generic", "off"}
	waitWords       = []string{"poll", "busy"}
	durabilityWords = []string{"sync", "async"}
	identityWords   = []string{"client-id", "mac", "circuit-id", "remote-id", "circuit-remote"}
	rogueWords      = []string{"authorized", "detected", "unauthorized"}
	identifierWords = []string{"mac", "client-id", "circuit-id", "remote-id", "subscriber-id", "duid", "flex-id"}
)

// All goes through the subnets: those of the shared networks, then the others.
func (c *Config) All() iter.Seq[*Subnet] {
	return func(yield func(*Subnet) bool) {
		for i := range c.Networks {
			for j := range c.Networks[i].Subnets {
				if !yield(&c.Networks[i].Subnets[j]) {
					return
				}
			}
		}
		for i := range c.Subnets {
			if !yield(&c.Subnets[i]) {
				return
			}
		}
	}
}

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return "(" + strconv.Itoa(int(i)) + ")"
}
