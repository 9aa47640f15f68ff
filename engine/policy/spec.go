// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// A Spec is a whole configuration as plain values. Its zero values are the
// defaults. Build checks what it relies on and nothing else: errors for people,
// with line numbers, are internal/config's. A Policy keeps the options' slices, so
// nobody may write to them after Build.
type Spec struct {
	Ports    []PortSpec
	Networks []NetworkSpec // shared networks
	Subnets  []SubnetSpec  // subnets that stand alone
	Options  []Option      // for every subnet
	Classes  []ClassSpec

	Authoritative   bool
	NoRecreate      bool
	SubnetSelection bool
	OfferHold       uint32 // 0: DefaultOfferHold
	Probation       uint32 // 0: DefaultProbation
	Identity        Identity
	// ServerIDs are more addresses that clients know this server by: of former
	// interfaces, or of another server whose leases were taken over.
	ServerIDs []netip.Addr

	// OptionOrder is the order in which the places of an option count: all of
	// them, the strongest first. nil: DefaultOptionOrder.
	OptionOrder []OptionPlace
	// ClassOptionsInPlace has Option.Class count in the order of the places, right
	// before the other options of its place, and not before all others.
	ClassOptionsInPlace bool
	// BasicsOnly gives a client without a parameter request list options 1, 3, 6
	// and 15 and what is always sent, instead of all that is configured.
	BasicsOnly bool
	// NoEchoClientID leaves option 61 out of replies, against RFC 6842 §3.
	NoEchoClientID bool
	// EchoHostName sends the client's host name (option 12) back where no other is
	// configured for it, and the configured one even if it is not asked for. Kea
	// does so.
	EchoHostName bool

	// Limits are at most MaxLimits.
	Limits []LimitSpec
	// Filters decide before all else who is served at all.
	Filters FilterSpec
	// Precedence is the order in which reservations are looked for. nil:
	// DefaultPrecedence. A kind that is missing here is not looked for.
	Precedence []Identifier
	// FlexID is an expression whose value, octets, reservations may go by; "":
	// none. With it every message takes the path that can evaluate expressions.
	FlexID string
	// SilentReboot keeps a server that is not authoritative silent to a client
	// of which it has no record, even where the address that the client asks
	// to keep is of another network (Kea does so; RFC 2131 §4.3.2 says NAK).
	SilentReboot bool
	// StrictUserClass drops messages whose option 77 is not in the form of
	// RFC 3004 ([MS-DHCPE] §3.2.5.6). Without it such a value counts as one
	// class: iPXE, the most frequent sender of option 77, writes it so.
	StrictUserClass bool
	// Authorization is this server's state in rogue detection.
	Authorization Authorization
	// AuthorizationName is sent with AuthorizedByAdmin to the server that asks
	// (sub-option 95); "": the text "authorized". At most 253 bytes.
	AuthorizationName string
	FQDN              FQDNSpec
	LeaseQuery        LeaseQuerySpec
	ForceRenew        bool // Policy.ForceRenew
}

// A FilterSpec is the filters of [MS-DHCPE] §1.4: whom Deny matches is dropped;
// then, where Enforce is set, whom Allow does not match.
type FilterSpec struct {
	Deny    []Match
	Allow   []Match
	Enforce bool // Allow counts
}

// Authorization is a server's state in rogue detection ([MS-DHCPE] §3.2.5).
type Authorization uint8

const (
	// AuthorizedByAdmin: because its administrator says so.
	AuthorizedByAdmin Authorization = iota
	// AuthorizedByDetection: because no server has objected.
	AuthorizedByDetection
	// Unauthorized: it answers nothing.
	Unauthorized
)

// A FQDNSpec says how option 81 is answered (RFC 4702). The zero value answers
// that the client is to do its own updates.
type FQDNSpec struct {
	// Ignore leaves option 81 unanswered.
	Ignore bool
	// Updates says that DNS updates are carried out for this server's leases.
	Updates bool
	// OverrideClient does the A record's update also for a client that wants to
	// do it itself; OverrideNoUpdate also for one that wants none at all.
	OverrideClient, OverrideNoUpdate bool
	// Record keeps the client's name in its lease, in the form that engine/ddns
	// reads (FQDN.Record). A name that does not fit there is not updated, and the
	// client is told so.
	Record bool
	// HostNames does the updates also for clients that send a host name (option 12)
	// and no option 81.
	HostNames bool
	// Suffix completes a name that is not fully qualified: labels with dots.
	Suffix string
	// CompleteAll does so for every name in text that has no dot at its end and does
	// not end with the suffix already, and for host names (option 12).
	CompleteAll bool
	// Lower writes names in small letters.
	Lower bool
	// Characters are those that names may have, a bit for each; nil: all are. Instead
	// is what others become; 0: nothing.
	Characters *[4]uint64
	Instead    byte
	// Generate says when a client is called by its address, as in Prefix-192-0-2-1. With
	// a Prefix that is also what is answered to an empty name.
	Generate Generate
	Prefix   string
}

const (
	// DefaultOfferHold covers a client that collects offers and retransmits its
	// REQUEST with the delays of RFC 2131 §4.1 (4, 8, 16, 32 s).
	DefaultOfferHold = 60
	// DefaultProbation is ten minutes.
	DefaultProbation = 600
)

// A PortSpec is a served interface and what it looks like at the moment.
type PortSpec struct {
	Name  string
	MAC   [6]byte
	Addrs []netip.Prefix // the address, not the network: 192.0.2.1/24
	// Primary is the server's address there; invalid: the first of Addrs.
	Primary netip.Addr
}

// A NetworkSpec is a shared network: several subnets on one link.
type NetworkSpec struct {
	Name    string
	Subnets []SubnetSpec
	Options []Option
	Links   []LinkSpec // as in SubnetSpec; the first subnet stands for the link
	// Authoritative is Spec.Authoritative for this link; nil: as there.
	Authoritative *bool
	// RapidCommit is SubnetSpec.RapidCommit for all its subnets.
	RapidCommit bool
}

// A SubnetSpec is one subnet.
type SubnetSpec struct {
	ID     uint32
	Prefix netip.Prefix
	Pools  []PoolSpec
	// Excluded addresses are cut out of the pools. Clients that hold one keep
	// it until they next renew.
	Excluded     []Range
	Times        Times
	Options      []Option
	Reservations []ReservationSpec
	// Links pins the clients that are directly on these links to this subnet.
	// Without it a port's clients belong to the subnet of the port's address.
	Links []LinkSpec
	// Relays are relay agents whose address lies in no subnet of ours, or in
	// another one, and whose clients are here.
	Relays     []netip.Addr
	ServerID   netip.Addr // replaces the port's address as server identifier
	NextServer netip.Addr
	ServerName string
	BootFile   string

	// Authoritative is Spec.Authoritative for this subnet; nil: as on its
	// shared network.
	Authoritative *bool
	// Identity is Spec.Identity for the clients of this subnet; nil: as there.
	Identity *Identity
	// FQDN is Spec.FQDN for the clients of this subnet; nil: as there.
	FQDN *FQDNSpec
	// RapidCommit acknowledges at once a DISCOVER that asks for it (RFC 4039
	// §3.2: only where no other server's leases would be left unused).
	RapidCommit bool
	// Classes and Deny restrict all pools of the subnet as PoolSpec's do.
	Classes, Deny []string
	// Limit bounds how many addresses of the subnet are leased at once; 0: none.
	Limit uint32
	// VSS is the virtual private network that the subnet belongs to, type and
	// identifier as in sub-option 151 (RFC 6607 §3.5); nil: none.
	VSS []byte
}

// A LinkSpec is a port, or VLANs on it.
type LinkSpec struct {
	Port string
	// Outer and Inner are VLAN identifiers. Outer 0: the whole port. Inner 0:
	// all that the outer one carries.
	Outer, Inner uint16
}

// A PoolSpec is addresses for clients without a reservation.
type PoolSpec struct {
	Name    string // for display; "": the ranges as text
	Ranges  []Range
	Options []Option
	// Classes names the classes whose clients may have its addresses; none:
	// all may. Clients of a class in Deny may not.
	Classes, Deny []string
	// Times replaces the subnet's; nil: does not.
	Times *Times
	// BOOTP lets clients without DHCP have addresses, for ever (RFC 1534 §2).
	BOOTP bool
}

// A Range is the addresses from First to Last, both included.
type Range struct{ First, Last netip.Addr }

// A ReservationSpec is one client's address, options, or both. At least one of
// the identifiers is set; where several are, all must be the client's.
type ReservationSpec struct {
	MAC       []byte // chaddr, 1 to 16 bytes; the hardware type does not matter
	ClientID  []byte // option 61
	CircuitID []byte // sub-option 1 of option 82
	RemoteID  []byte // sub-option 2 of option 82
	// SubscriberID is sub-option 6 of option 82 (RFC 3993).
	SubscriberID []byte
	DUID         []byte // in option 61 of the form of RFC 4361
	FlexID       []byte // the value of Spec.FlexID

	Address netip.Addr // invalid: from the pools
	Options []Option   // over those of the pool; the host name is option 12 among them
	// Classes are classes that the client belongs to beside those that it
	// matches.
	Classes []string
	// What is set here replaces the subnet's.
	NextServer netip.Addr
	ServerName string
	BootFile   string
}

// A ClassSpec is a set of clients that are treated alike. Of the classes that a
// client is in, the first in the list that has an option, times or a boot
// parameter wins.
type ClassSpec struct {
	Name string
	// Description is told to clients that ask for the list of classes.
	Description string
	// VendorClass is short for a Match of option 60, exactly (RFC 2131 §4.3.1).
	VendorClass []byte
	// Match says who is in the class. Without it and VendorClass, only those
	// are whose reservation says so.
	Match   *Match
	Options []Option
	// Times replaces the pool's and the subnet's; nil: does not.
	Times *Times
	// Drop leaves the clients without an answer.
	Drop bool
	// What is set here replaces the subnet's.
	NextServer netip.Addr
	ServerName string
	BootFile   string
}

// An Option is one encoded option. Data may be longer than 255 bytes.
//
// What a server fills in itself is refused by Build: 0, 50 to 55, 57, 58, 59,
// 61, 82, 255. Lease times are Times, the server identifier is ServerID.
type Option struct {
	Code uint8
	Data []byte
	// Always sends the option also to a client whose parameter request list
	// lacks it.
	Always bool
	// Never withholds the option from the clients of the place, wherever else it
	// is configured and whatever they ask for. It has no Data.
	Never bool
	// Class sends the option to the clients of a class only. Such options win
	// over all others, in the order of [MS-DHCPE] §1.4: of the reservation, of
	// the pool, subnet and shared network, of the server; then come those
	// without a class. A class's own options do not have it.
	Class string
}
