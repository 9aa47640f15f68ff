// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// A Policy is everything that decides an answer and is not a lease. Its fields are
// read by everybody and written by Build only.
type Policy struct {
	// ServerID is the server's DUID.
	ServerID []byte
	// Ports are the served interfaces; frame.Frame.Port is the index.
	Ports []Port
	// Scopes are the links: shared networks and subnets that stand alone.
	Scopes []Scope
	// Subnets are in the order of the Spec.
	Subnets []Subnet
	// Layout is what lease6.Table.Reconfigure takes: all pools, without excluded
	// addresses and our own, and all that is reserved. Its Generation goes into each
	// lease6.Request that names pools.
	Layout lease6.Layout

	// OfferHold is for how many seconds an advertised lease is kept.
	OfferHold uint32
	// Probation is for how many seconds a declined address is kept back.
	Probation uint32
	// What follows is as in the Spec.
	Preference      uint8
	NoRecreate      bool
	Authoritative   bool
	Unicast         Unicast
	Temporary       Temporary
	StatusOnTop     bool
	ReconfigureOnly bool
	StrictUserClass bool
	Authorization   policy.Authorization

	// FQDN says how option 39 is answered.
	FQDN FQDN

	reconfigure    *[2][64]byte // the two keys of the HMAC; nil: no Reconfigure
	rogueReply     []byte       // value of option 17
	classList      []byte       // encoded options 15
	precedence     []Identifier
	relayOptions   []uint16     // that a relay agent may supply, ascending
	ours           []lease6.IP6 // all addresses that are this server, ascending
	prefixes       segments     // address → subnet, longest prefix
	relays         []relay      // link-addresses outside of their clients' subnets, ascending
	interfaces     map[string]int32
	scopeOf        map[lease.ScopeID]int
	direct         []int32 // port → subnet of the clients on it, -1: none
	links          []link  // port and VLAN → subnet, ascending
	classes        *classes
	variants       variants
	pools          []pool // by lease.PoolID
	limits         []limit
	limitsID       uint64
	mayQuery       []lease6.Prefix // who may ask about leases
	tellsNoOptions bool
	relayedQueries bool
	hasRetired     bool
}

// A Port is one served interface as it is now.
type Port struct {
	Name string
	MAC  [6]byte
	// Addrs are the interface's addresses in its own order.
	Addrs []lease6.Prefix // the address, with the length of its network
	// LinkLocal is its address for clients on the link, Global for relay agents;
	// each is the other where there is none, and 0 where there is neither.
	LinkLocal, Global lease6.IP6
}

// A Scope is one link.
type Scope struct {
	ID   lease.ScopeID
	Name string // of the shared network, or the subnet's prefix
	// Subnets are indices into Policy.Subnets.
	Subnets []int

	subnets      []*Subnet
	ranges       []poolRange // of addresses and of prefixes, ascending, disjoint
	reservations reservations
}

// A Subnet is one prefix and what its clients get.
type Subnet struct {
	ID     uint32
	Prefix lease6.Prefix
	Scope  lease.ScopeID
	Times  Times
	// Addresses and Prefixes are the pools for IA_NA and IA_TA, and for IA_PD: the
	// subnet's own, then those of its scope's other subnets.
	Addresses, Prefixes []lease.PoolID
	// Options are those of a client that has neither a reservation nor a pool with
	// options of its own. See Options.
	Options *OptionSet
	// RapidCommit: see SubnetSpec.
	RapidCommit bool

	scope *Scope
	ruled bool            // some pool is not for everybody
	named policy.ClassSet // classes that its link's pools and options name
	limit policy.LimitKey // Max 0: none
}

// A Packet gives expressions the options of a message, without code and length. It
// is implemented by the complete codec.
type Packet interface {
	// Option is the first option of this code in the client's own message.
	Option(code uint16) ([]byte, bool)
	// RelayOption is the same of a relay agent; 0 is the one next to the client.
	RelayOption(level int, code uint16) ([]byte, bool)
}

// A Selector is what a packet tells about the link that its client is on.
type Selector struct {
	Port        uint16
	NTags       uint8     // VLAN tags on the frame
	VLAN        [2]uint16 // their VLAN identifiers, outer first
	Relayed     bool
	Link        lease6.IP6 // the innermost link-address that is not zero; 0: none
	InterfaceID []byte
	// Source is set only where it is known to be where the client is: in a message
	// from the client's own global address.
	Source lease6.IP6
}
