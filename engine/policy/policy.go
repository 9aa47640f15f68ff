// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/expr-lang/expr/vm"

	"xdhcp/engine/lease"
)

// A Policy is everything that decides an answer and is not a lease. Its fields
// are read by everybody and written by Build only.
type Policy struct {
	// Ports are the served interfaces; frame.Frame.Port is the index.
	Ports []Port
	// Scopes are the links: shared networks and subnets that stand alone.
	Scopes []Scope
	// Subnets are in the order of the Spec.
	Subnets []Subnet
	// Layout is what lease.Table.Reconfigure takes: all pools, without excluded
	// addresses and our own, and all reserved addresses. Its Generation goes
	// into each lease.Request that names pools.
	Layout lease.Layout

	// Authoritative says that no other server's clients are on our links: a
	// client that asks to confirm an address we know nothing of is told NAK
	// instead of nothing (RFC 2131 §4.3.2).
	Authoritative bool
	// NoRecreate refuses to make a lost lease anew for a client that renews it.
	// See exchange.Server.Decide4.
	NoRecreate bool
	// SubnetSelection honours option 118 (RFC 3011 §6: off unless enabled).
	SubnetSelection bool
	// OfferHold is for how many seconds an offered address is kept.
	OfferHold uint32
	// Probation is for how many seconds a declined address is kept back.
	Probation uint32
	// Identity says what makes a client the same client.
	Identity Identity
	// SilentReboot, StrictUserClass and Authorization are as in the Spec.
	SilentReboot    bool
	StrictUserClass bool
	Authorization   Authorization

	// FQDN says how option 81 is answered, for subnets that say nothing themselves.
	FQDN FQDN
	// VSS says that some subnet belongs to a virtual private network (RFC 6607).
	VSS bool

	// NoEchoClientID and EchoHostName are as in the Spec.
	NoEchoClientID bool
	EchoHostName   bool

	order      [layerCount]uint8 // of the layers, the strongest first
	basicsOnly bool
	inPlace    bool // ClassOptionsInPlace
	flexID     *vm.Program
	// ForceRenew gives clients that are capable of it a nonce, by which they can be
	// told to renew (RFC 6704).
	ForceRenew bool

	leaseQuery leaseQuery
	limits     []limit
	limitsID   uint64
	rogueReply []byte // value of option 43
	classList  []byte // encoded options 77
	precedence []Identifier
	ours       []lease.IP4 // all addresses that are this server, ascending
	mayBeOurs  uint64      // bit oursBit of each of them
	prefixes   prefixes    // address → subnet, longest prefix
	reserved   reserved
	relays     []relay  // relay addresses outside of their clients' subnets, ascending
	direct     []int32  // port → subnet of the clients on it, -1: none
	links      []link   // port and VLAN → subnet, ascending
	classes    *classes // nil: there are none
	variants   variants
	pools      []poolRule // by lease.PoolID
}

// A Port is one served interface as it is now.
type Port struct {
	Name string
	MAC  [6]byte
	// Addrs are the interface's addresses in its own order.
	Addrs []Addr
	// Primary is the address that the server has towards relays: the one that
	// was configured, else the first of Addrs. It may be 0: a port without an
	// address can answer only where a subnet names a server identifier.
	Primary lease.IP4
}

// An Addr is an interface's address and the length of its prefix.
type Addr struct {
	IP   lease.IP4
	Bits uint8
}

// A Scope is one link. A client has at most one lease in a scope, and may get
// any address of it.
type Scope struct {
	ID   lease.ScopeID
	Name string // of the shared network, or the subnet's prefix
	// Subnets are indices into Policy.Subnets.
	Subnets []int

	subnets []*Subnet
	ranges  []poolRange // ascending, disjoint
	combos  uint64      // comboBit of what its reservations know their clients by
	keeps   bool        // some have an address
}

// A Subnet is one prefix and what its clients get. What every message needs comes first:
// it is two cache lines, up to Times.
type Subnet struct {
	Base  lease.IP4
	Mask  lease.IP4
	Scope lease.ScopeID
	// ServerID replaces the port's address as server identifier; 0 does not.
	ServerID lease.IP4
	Bits     uint8
	// Identity is what Policy.Identity says, unless the subnet says otherwise.
	Identity Identity
	// Authoritative is what Policy.Authoritative says, unless the subnet or its
	// shared network says otherwise.
	Authoritative bool
	// RapidCommit: see SubnetSpec.
	RapidCommit bool
	// Records says that leases keep names as FQDN.Record makes them.
	Records bool
	ruled   bool           // some pool of Choice is not for everybody
	lone    bool           // it is the only one of its scope
	keeps   bool           // its scope has reserved addresses
	Choice  []lease.PoolID // the subnet's own pools, then those of its scope's other subnets
	// Options are those of a client that has neither a reservation nor a pool
	// with options of its own. See Options.
	Options *OptionSet

	reserved *reserved
	combos   uint64      // those of its scope,
	ranges   []poolRange // and its ranges
	// Boot fills siaddr, sname and file.
	Boot  *Boot
	Times Times

	ID    uint32
	scope *Scope
	limit LimitKey // Max 0: none
	// VSS is the virtual private network of the subnet; nil: the global one.
	VSS   []byte
	named ClassSet // classes that its link's pools and options name
	// FQDN is what Policy.FQDN says, unless the subnet says otherwise. Few messages
	// need it. (With it a Subnet is whole cache lines.)
	FQDN *FQDN
}

// Boot fills siaddr, sname and file of a reply. The names are at most 63 and 127
// bytes.
type Boot struct {
	NextServer lease.IP4
	ServerName []byte
	BootFile   []byte
}

func (b *Boot) empty() bool {
	return b.NextServer == 0 && len(b.ServerName) == 0 && len(b.BootFile) == 0
}

// Over replaces what b sets of the parameters below it.
func (b *Boot) Over(below Boot) Boot {
	if b.NextServer != 0 {
		below.NextServer = b.NextServer
	}
	if len(b.ServerName) != 0 {
		below.ServerName = b.ServerName
	}
	if len(b.BootFile) != 0 {
		below.BootFile = b.BootFile
	}
	return below
}

// A Packet gives expressions the options of a message: joined and without their
// code and length. It is implemented by the complete codec.
type Packet interface {
	Option(code uint8) ([]byte, bool)
}

// Times are lease times in seconds; lease.Infinite is "infinity" (RFC 2131 §3.3).
type Times struct {
	Valid  uint32 // for a client that does not ask
	Renew  uint32 // T1; 0: half of the lease (RFC 2131 §4.4.5)
	Rebind uint32 // T2; 0: 7/8 of the lease
	Min    uint32 // bounds of what a client may ask for; 0: Valid,
	Max    uint32 // that is, the wish does not count
	// Given sends T1 and T2 only where they are set and come before the lease's
	// end, T1 before T2, instead of the defaults of RFC 2131. Kea does so.
	Given bool
}

// Identity says what makes two messages come from the same client.
type Identity uint8

const (
	// IdentityClientID is RFC 2131 §4.2: option 61 where the client sends it,
	// else htype and chaddr.
	IdentityClientID Identity = iota
	// IdentityHW is always htype and chaddr.
	IdentityHW
	// IdentityCircuit, IdentityRemote and IdentityCircuitRemote let the line
	// own the address (RFC 3046 §3): sub-options 1, 2, both. A message without
	// them falls back to IdentityClientID.
	IdentityCircuit
	IdentityRemote
	IdentityCircuitRemote
)

// A Selector is what a packet tells about the link that its client is on.
// An address of 0 is one that the packet lacks.
type Selector struct {
	Port            uint16
	NTags           uint8     // VLAN tags on the frame
	VLAN            [2]uint16 // their VLAN identifiers, outer first
	LinkSelection   lease.IP4 // sub-option 5 of option 82 (RFC 3527)
	SubnetSelection lease.IP4 // option 118 (RFC 3011)
	Giaddr          lease.IP4
	// Ciaddr is set only where it is known to be where the client is: in a
	// message that was unicast to us. A rebinding client's broadcast says
	// nothing about the link that its address belongs to.
	Ciaddr lease.IP4
}

// A Reservation is what one client is configured to have. It has two cache lines, and
// what its client sends mostly fits in there (reserved.go).
type Reservation struct {
	// Addr is the only address the client gets; 0: one of the pools.
	Addr  lease.IP4
	scope lease.ScopeID
	// Subnet is the subnet that holds the reservation.
	Subnet *Subnet
	// Boot is over the class's and the subnet's; nil: it says nothing.
	Boot *Boot

	classes *ClassSet
	// Its option sets: with an address there is one; without, one on top of each set
	// that the scope's pools and subnets have.
	fixed *OptionSet
	over  map[*OptionSet]*OptionSet

	more   string // what of the key has no room in it
	keyLen uint16
	combo  uint8
	key    [61]byte
}
