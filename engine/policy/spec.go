// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// A Spec is a whole configuration as plain values. Its zero values are the
// defaults. Build checks what it relies on and nothing else: errors for people,
// with line numbers, are internal/config's.
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
}

// A Range is the addresses from First to Last, both included.
type Range struct{ First, Last netip.Addr }

// A ReservationSpec is one client's address, options, or both. Exactly one of
// the identifiers is set.
type ReservationSpec struct {
	MAC       []byte // chaddr, 1 to 16 bytes; the hardware type does not matter
	ClientID  []byte // option 61
	CircuitID []byte // sub-option 1 of option 82
	RemoteID  []byte // sub-option 2 of option 82

	Address netip.Addr // invalid: from the pools
	Options []Option   // over those of the pool; the host name is option 12 among them
}

// A ClassSpec is a set of clients with options of their own. The first class in
// the list that has an option wins.
type ClassSpec struct {
	Name        string
	VendorClass []byte // option 60, exactly (RFC 2131 §4.3.1)
	Options     []Option
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
}
