// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"net/netip"

	"xdhcp/engine/policy"
)

// A Spec is a whole configuration as plain values. Its zero values are the
// defaults, but for ServerID. Build checks what it relies on and nothing else:
// errors for people, with line numbers, are internal/config's. A Policy keeps the
// slices of options and identifiers, so nobody may write to them after Build.
type Spec struct {
	// ServerID is the server's DUID, 3 to 130 bytes with its type. It is made
	// once and kept with the leases (RFC 8415 §11).
	ServerID []byte

	Ports    []PortSpec
	Networks []NetworkSpec // shared networks
	Subnets  []SubnetSpec  // subnets that stand alone
	Options  []Option      // for every subnet
	Classes  []ClassSpec

	OfferHold uint32 // seconds that an advertised lease is held; 0: DefaultOfferHold
	Probation uint32 // seconds that a declined address is kept back; 0: DefaultProbation

	// Preference is the server's in an Advertise; 0 is not sent (RFC 8415
	// §18.3.9).
	Preference uint8
	// NoRecreate answers a Renew for an IA of which there is no record with
	// NoBinding; without it the IA gets a lease again (RFC 8415 §18.3.4 leaves
	// the choice to the policy).
	NoRecreate bool
	// Authoritative says that no other server's clients are on our links: what a
	// Rebind has that we know nothing of may be leased by us, or refused, where
	// a server that shares its links says nothing (RFC 8415 §18.3.5).
	Authoritative bool
	Unicast       Unicast
	Temporary     Temporary
	// StatusOnTop puts NoAddrsAvail and NoPrefixAvail into the Advertise itself,
	// for clients of RFC 3315 §17.2.2, where nothing at all can be assigned.
	StatusOnTop bool

	// ReconfigureSecret is what the clients' keys for Reconfigure follow from;
	// it is made once and kept as the DUID is. At least 16 bytes; nil: clients
	// are not offered Reconfigure.
	ReconfigureSecret []byte
	// ReconfigureOnly ignores clients that do not accept Reconfigure (the
	// example of RFC 8415 §18.3.1).
	ReconfigureOnly bool

	// RelayOptions are the options that a relay agent may supply for a client
	// (RFC 6422 §6). nil: DefaultRelayOptions.
	RelayOptions []uint16

	// Limits are at most policy.MaxLimits. LimitCircuit counts by Interface-Id
	// and link-address.
	Limits []policy.LimitSpec
	// Filters decide before all else who is served at all.
	Filters policy.FilterSpec
	// Precedence is the order in which reservations are looked for. nil:
	// DefaultPrecedence. A kind that is missing here is not looked for.
	Precedence []Identifier

	// StrictUserClass, Authorization and AuthorizationName are as in
	// policy.Spec.
	StrictUserClass   bool
	Authorization     policy.Authorization
	AuthorizationName string
	// FQDN says how option 39 is answered (RFC 4704).
	FQDN       policy.FQDNSpec
	LeaseQuery LeaseQuerySpec
}

const (
	// DefaultOfferHold covers a client that collects Advertises for SOL_MAX_RT's
	// first second and retransmits its Request (REQ_TIMEOUT 1, doubling) for the
	// usual half minute.
	DefaultOfferHold = 60
	// DefaultProbation is a day, as long as an address that somebody took by
	// hand is likely to stay.
	DefaultProbation = 86400
)

// DefaultRelayOptions are those that IANA lists as RSOO-enabled and that a server
// can copy without knowing them: the ERP local domain name (RFC 6440).
var DefaultRelayOptions = []uint16{65}

// Unicast says what becomes of a message that a client sends to a server's own
// address and that is not a Solicit, Confirm, Rebind or Information-request,
// which are discarded always (RFC 8415 §16).
type Unicast uint8

const (
	// UnicastDiscard: RFC 9915 §16, "Servers SHOULD NOT accept unicast traffic".
	UnicastDiscard Unicast = iota
	// UnicastRefuse: RFC 8415 §18.4, a Reply with status UseMulticast.
	UnicastRefuse
	// UnicastAccept serves it: for clients that were sent a Server Unicast option
	// (12), which may be configured as any other.
	UnicastAccept
)

// Temporary says what becomes of an IA_TA.
type Temporary uint8

const (
	// TemporaryIgnore: RFC 9915 §21.5, "the option SHOULD be ignored and the
	// message processing should continue as usual".
	TemporaryIgnore Temporary = iota
	// TemporaryRefuse answers NoAddrsAvail in it (RFC 8415 §18.3.2).
	TemporaryRefuse
	// TemporaryAssign assigns an address of the pools (RFC 8415 §13.2).
	TemporaryAssign
)

// A PortSpec is a served interface and what it looks like at the moment.
type PortSpec struct {
	Name  string
	MAC   [6]byte
	Addrs []netip.Prefix // the address, not the network: 2001:db8::1/64; link-local ones too
}

// A NetworkSpec is a shared network: several subnets on one link.
type NetworkSpec struct {
	Name    string
	Subnets []SubnetSpec
	Options []Option
	Links   []policy.LinkSpec // as in SubnetSpec
	// InterfaceIDs is SubnetSpec.InterfaceIDs for the link.
	InterfaceIDs [][]byte
	// RapidCommit is SubnetSpec.RapidCommit for all its subnets.
	RapidCommit bool
}

// A SubnetSpec is one subnet: addresses of its prefix, and prefixes from
// anywhere for the routers on it.
type SubnetSpec struct {
	ID       uint32
	Prefix   netip.Prefix
	Pools    []PoolSpec
	Delegate []DelegateSpec
	// Excluded addresses are cut out of Pools. Clients that hold one keep it until
	// they next renew.
	Excluded     []Range
	Times        Times
	Options      []Option
	Reservations []ReservationSpec
	// Links pins the clients that are directly on these links to this subnet.
	// Without it a port's clients belong to the subnet of the port's address.
	Links []policy.LinkSpec
	// Relays are link-addresses of relay agents that lie in no subnet of ours, or
	// in another one, and whose clients are here.
	Relays []netip.Addr
	// InterfaceIDs are values of the Interface-Id option whose clients are here,
	// whatever the link-address.
	InterfaceIDs [][]byte
	// RapidCommit replies at once to a Solicit that asks for it (RFC 8415
	// §18.3.1), and lets a Rebind make bindings (§18.3.5).
	RapidCommit bool
	// Classes and Deny restrict all pools of the subnet as PoolSpec's do.
	Classes, Deny []string
	// Limit is how many of its addresses, and of its prefixes, may be leased at
	// once; 0: all.
	Limit uint32
}

// Method says how a free address or prefix is chosen.
type Method uint8

const (
	// Random interface identifiers (RFC 8415 §13.1: "SHOULD NOT generate
	// predictable addresses").
	Random Method = iota
	// Iterative takes one after the other.
	Iterative
	// EUI64 makes it from the client's MAC (RFC 4291 appendix A), and falls back
	// to Hash.
	EUI64
	// Hash makes it from DUID and IAID, so that it is the same again.
	Hash
)

// A PoolSpec is addresses for clients without a reservation.
type PoolSpec struct {
	Name    string // for display; "": the ranges as text
	Ranges  []Range
	Method  Method
	Options []Option
	// Classes names the classes whose clients may have its addresses; none:
	// all may. Clients of a class in Deny may not.
	Classes, Deny []string
	// Times replaces the subnet's; nil: does not.
	Times *Times
	// Retired gives nothing more and extends nothing: an IA that has a lease of it gets
	// another beside, and keeps it, not preferred any more, until it runs out.
	Retired bool
}

// A Range is the addresses from First to Last, both included.
type Range struct{ First, Last netip.Addr }

// RangeOf is all addresses of a prefix.
func RangeOf(p netip.Prefix) Range {
	last := p.Masked().Addr().As16()
	for i := range last {
		if keep := p.Bits() - 8*i; keep <= 0 {
			last[i] = 0xff
		} else if keep < 8 {
			last[i] |= 0xff >> keep
		}
	}
	return Range{p.Masked().Addr(), netip.AddrFrom16(last)}
}

// A DelegateSpec is a block out of which prefixes are delegated.
type DelegateSpec struct {
	Name   string // for display; "": the block as text
	Prefix netip.Prefix
	// Length is that of the prefixes. Several DelegateSpecs give prefixes of
	// several lengths; a client's hint chooses among them (RFC 8168).
	Length uint8
	// Method is how a free prefix is chosen; EUI64 means Hash.
	Method Method
	// Excluded are parts of the block that are not delegated.
	Excluded []netip.Prefix
	// Exclude is left out of each delegated prefix for the link to the client
	// itself (RFC 6603), if the client can deal with that: its bits behind
	// Length say which part. Invalid: none.
	Exclude netip.Prefix
	Options []Option
	// Classes, Deny, Times and Retired are as in PoolSpec.
	Classes, Deny []string
	Times         *Times
	Retired       bool
}

// Times are lifetimes and times in seconds; lease.Infinite is "infinity" (RFC
// 8415 §7.7). A client's wishes do not count: "The server MUST ignore any
// received values" (§21.6).
type Times struct {
	Preferred uint32 // 0: 5/8 of Valid
	Valid     uint32
	// Renew and Rebind are T1 and T2; 0: 0.5 and 0.8 of the shortest preferred
	// lifetime in the message (RFC 8415 §21.4).
	Renew, Rebind uint32
	// ClientTimers leaves T1 and T2 to the client: both are sent as 0.
	ClientTimers bool
}

// An Identifier is something that a reservation knows its client by.
type Identifier uint8

const (
	ByDUID        Identifier = iota
	ByMAC                    // from a relay agent (RFC 6939) or the client's own address
	ByInterfaceID            // option 18
	ByRemoteID               // option 37, without the enterprise number
	BySubscriber             // option 38
	numIdentifiers
)

// DefaultPrecedence is the order in which reservations with one identifier are
// looked for. Those with several, which say more, come first.
var DefaultPrecedence = []Identifier{ByDUID, ByMAC, ByInterfaceID, ByRemoteID, BySubscriber}

// MaxReserved is how many addresses, and how many prefixes, one reservation may
// have.
const MaxReserved = 8

// A ReservationSpec is one client's addresses, prefixes, options, or all of
// these. At least one of the identifiers is set; where several are, all must be
// the client's.
type ReservationSpec struct {
	DUID         []byte
	MAC          []byte
	InterfaceID  []byte
	RemoteID     []byte
	SubscriberID []byte

	// Addresses go to the client's IA_NAs: all to the only one, or one to each, in the
	// order in which they are asked for; none: from the pools. Prefixes likewise.
	Addresses []netip.Addr
	Prefixes  []netip.Prefix
	// Exclude is DelegateSpec.Exclude for the Prefixes.
	Exclude netip.Prefix
	Options []Option // over those of the pool
	// Hostname is what the client is called, whatever it says in option 39; without a
	// dot it is completed like the client's. "": as it says.
	Hostname string
	// Classes are classes that the client belongs to beside those that it
	// matches.
	Classes []string
}

// A ClassSpec is a set of clients that are treated alike. Of the classes that a
// client is in, the first in the list that has an option or times wins.
type ClassSpec struct {
	Name string
	// Description is told to clients that ask for the list of classes.
	Description string
	// Match says who is in the class. Without it, only those are whose
	// reservation says so.
	Match   *policy.Match
	Options []Option
	// Times replaces the pool's and the subnet's; nil: does not.
	Times *Times
	// Drop leaves the clients without an answer.
	Drop bool
}

// An Option is one encoded option. Vendor options (17) begin with the enterprise
// number; those of different vendors are different options.
//
// What a server fills in itself is refused by Build: 1 to 7, 9, 11, 13 to 16, 18
// to 20, 25 and 26.
type Option struct {
	Code uint16
	Data []byte
	// Always sends the option also to a client whose Option Request option lacks
	// it.
	Always bool
	// Never withholds the option from the clients of the place, wherever else it is
	// configured and whatever they ask for. It has no Data, and of vendor options it
	// means those of all vendors.
	Never bool
	// Class sends the option to the clients of a class only. At its place it
	// wins over those without a class ([MS-DHCPE] §1.4, the order for DHCPv6). A
	// class's own options do not have it.
	Class string
}
