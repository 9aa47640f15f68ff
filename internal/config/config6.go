// SPDX-License-Identifier: Apache-2.0

package config

import (
	"iter"
	"net/netip"
)

// DHCP6 is what a configuration says of DHCPv6: the top level's `dhcpv6`, and
// the subnets and shared networks with IPv6 prefixes.
type DHCP6 struct {
	// DUID is the server's; nil: one is made at the first start and kept in the
	// state directory.
	DUID []byte
	// Preference is sent in Advertises where it is not 0 (RFC 8415 §21.8).
	Preference  uint8
	Unicast     Unicast6
	RapidCommit bool
	// StatusOnTop puts NoAddrsAvail where RFC 3315 had it, for its clients.
	StatusOnTop bool
	// NoRecreate answers NoBinding to a Renew of what this server knows nothing
	// of, instead of leasing it anew.
	NoRecreate bool
	Temporary  Temporary6
	// Probation is the seconds that a declined address stays out of use.
	Probation uint32
	// RelayOptions are those that relay agents may supply for clients (RFC 6422).
	RelayOptions []uint16
	// ReservationOrder is the order in which reservations are looked for by one
	// identifier.
	ReservationOrder []Identifier6
	Routes           Routes
	// Reconfigure gives clients that can the key of Reconfigure messages.
	Reconfigure bool

	Lease    Lease6
	Options  []Option6
	Networks []Network6
	Subnets  []Subnet6 // those that are in no shared network
}

// Serves reports whether there is anything to serve.
func (d *DHCP6) Serves() bool { return len(d.Subnets) > 0 || len(d.Networks) > 0 }

// Routes says whether delegated prefixes get routes to their holders.
type Routes struct {
	Install bool
	Table   uint32 // of the kernel's routing tables
	Metric  uint32
}

// A Lease6 is a set of times in seconds, each up to Infinite. Renew ≤ Rebind ≤
// Preferred ≤ Valid, where they are given.
type Lease6 struct {
	Preferred, Valid uint32
	Renew            uint32 // T1; 0: half of the shortest preferred lifetime (RFC 8415 §21.4)
	Rebind           uint32 // T2; 0: 0.8 of it
	ClientTimers     bool   // T1 and T2 are sent as 0: the client chooses
}

// A Network6 is the IPv6 part of a shared network.
type Network6 struct {
	Name        string
	Subnets     []Subnet6
	Options     []Option6
	Links       []Link
	RapidCommit bool
	At          Place
}

// A Subnet6 is one IPv6 subnet and what its clients get.
type Subnet6 struct {
	ID       uint32
	Prefix   netip.Prefix
	Pools    []Pool6
	Delegate []Delegate
	Excluded []Range // as given; the pools have it cut out already

	Lease        Lease6
	Options      []Option6
	Reservations []Reservation6

	Links []Link
	// Relays are link addresses of relay agents that lie in no subnet of ours,
	// and whose clients are here.
	Relays []netip.Addr
	// InterfaceIDs are of relay agents too: clients behind a port that a relay
	// agent calls so are here.
	InterfaceIDs [][]byte
	RapidCommit  bool
	// Classes and Deny restrict all pools and delegated prefixes.
	Classes, Deny []string
	// Limit is how many addresses, and how many prefixes, may be leased at once; 0: all.
	Limit uint32
	At    Place
}

// A Pool6 is a range of addresses for clients without a reservation.
type Pool6 struct {
	Name string // as written, for display
	// Range is the pool as written, Ranges what is left of it after `exclude`.
	Range  Range
	Ranges []Range
	Method Method6

	Options       []Option6
	Lease         *Lease6 // nil: the subnet's
	Classes, Deny []string
	// Retired gives nothing more: its leases run out beside their successors.
	Retired bool
	At      Place
}

// A Delegate is a block of which clients get prefixes.
type Delegate struct {
	Prefix netip.Prefix
	Length uint8 // of the prefixes
	// Excluded are parts of the block that are not delegated.
	Excluded []netip.Prefix
	// ExcludeLength is that of the part of each delegated prefix that the link to
	// the client has (RFC 6603), ExcludeNumber which of the parts of that length
	// it is; 0: none.
	ExcludeLength uint8
	ExcludeNumber uint64

	Options       []Option6
	Lease         *Lease6
	Classes, Deny []string
	Retired       bool // as of a Pool6
	At            Place
}

// A Reservation6 gives one client addresses, prefixes, options, or several of
// these. The client has every identifier that is set.
type Reservation6 struct {
	DUID         []byte
	MAC          [6]byte // zeros: not by this
	RemoteID     []byte  // option 37, without the enterprise number
	InterfaceID  []byte  // option 18
	SubscriberID []byte  // option 38

	Addresses []netip.Addr
	Prefixes  []netip.Prefix
	Hostname  string
	Options   []Option6
	Classes   []string
	At        Place
}

// An Option6 is one encoded option.
type Option6 struct {
	Code   uint16
	Name   string
	Data   []byte
	At     Place
	Always bool // also to clients that do not ask for it
}

// Unicast6 says what becomes of messages that a client sent to an address of
// ours though nobody told it to.
type Unicast6 uint8

const (
	UnicastDiscard      Unicast6 = iota // RFC 9915
	UnicastUseMulticast                 // answered with that status (RFC 8415 §18.4)
	UnicastAnswer                       // as if they had come by multicast
)

func (u Unicast6) String() string { return word(unicastWords, uint8(u)) }

// Temporary6 says what becomes of a request for a temporary address (IA_TA).
type Temporary6 uint8

const (
	TemporaryIgnore Temporary6 = iota // RFC 9915 §21.5
	TemporaryRefuse                   // NoAddrsAvail
	TemporaryAssign                   // RFC 8415 §13.2
)

func (t Temporary6) String() string { return word(temporaryWords, uint8(t)) }

// Method6 says how a pool's next address is found.
type Method6 uint8

const (
	MethodRandom    Method6 = iota // unpredictable
	MethodIterative                // one after the other
	MethodEUI64                    // from the MAC address, where it is known (RFC 4291)
	MethodHash                     // from DUID and IAID: the same after all is lost
)

func (m Method6) String() string { return word(methodWords, uint8(m)) }

// Identifier6 is what a reservation knows its client by.
type Identifier6 uint8

const (
	ByDUID6 Identifier6 = iota
	ByMAC6
	ByRemoteID6
	ByInterfaceID6
	BySubscriberID6
)

func (i Identifier6) String() string { return word(identifier6Words, uint8(i)) }

var (
	unicastWords     = []string{"discard", "use-multicast", "answer"}
	temporaryWords   = []string{"ignore", "refuse", "assign"}
	methodWords      = []string{"random", "iterative", "eui64", "hash"}
	statusWords      = []string{"ia", "top"}
	identifier6Words = []string{"duid", "mac", "remote-id", "interface-id", "subscriber-id"}
)

// All goes through the subnets: those of the shared networks, then the others.
func (d *DHCP6) All() iter.Seq[*Subnet6] {
	return func(yield func(*Subnet6) bool) {
		for i := range d.Networks {
			for j := range d.Networks[i].Subnets {
				if !yield(&d.Networks[i].Subnets[j]) {
					return
				}
			}
		}
		for i := range d.Subnets {
			if !yield(&d.Subnets[i]) {
				return
			}
		}
	}
}
