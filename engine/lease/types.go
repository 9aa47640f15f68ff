// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// IP4 is an IPv4 address in host order: 10.0.0.1 is 0x0a000001.
type IP4 uint32

// IP4From reads an address in network order; b holds at least four bytes.
func IP4From(b []byte) IP4 { return IP4(binary.BigEndian.Uint32(b)) }

// As4 is the address in network order.
func (a IP4) As4() [4]byte { return [4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)} }

// Compare orders addresses as numbers.
func (a IP4) Compare(b IP4) int { return cmp.Compare(a, b) }

// String is the address as dotted decimals.
func (a IP4) String() string { return netip.AddrFrom4(a.As4()).String() }

// Time is in seconds since the Unix epoch. It lasts until 2106.
type Time uint32

const (
	// Never is the expiry of an infinite lease (BOOTP, or option 51 with all
	// bits set).
	Never Time = 1<<32 - 1
	// Infinite is the duration of such a lease (RFC 2131 §3.3).
	Infinite uint32 = 1<<32 - 1
)

// add is t+d seconds. What would pass the end of time stops one second before
// Never, so that a finite lease never becomes an infinite one.
func (t Time) add(d uint32) Time {
	if d == Infinite {
		return Never
	}
	return Time(min(uint64(t)+uint64(d), uint64(Never)-1))
}

// Kind says what identifies a client. Two clients are the same when their
// Kind, their ID and the scope are.
type Kind uint8

const (
	KindHW            Kind = 1 + iota // htype and chaddr
	KindClientID                      // option 61
	KindCircuit                       // option 82, circuit-id: the line owns the address
	KindRemote                        // option 82, remote-id
	KindCircuitRemote                 // both
)

// String names the kind as listings do.
func (k Kind) String() string {
	switch k {
	case KindHW:
		return "hw"
	case KindClientID:
		return "client-id"
	case KindCircuit:
		return "circuit"
	case KindRemote:
		return "remote"
	case KindCircuitRemote:
		return "circuit+remote"
	}
	return "none"
}

// Bounds of what the table keeps about a client.
const (
	MaxID    = 255 // longer: the client is refused (BadClient)
	MaxHW    = 16  // longer: the client is refused (RFC 2131 §2)
	MaxOther = 255 // client-id and relay information: longer is not kept
	MaxHost  = 63  // host name: the rest is cut off
)

// Client is who asks. Its slices are views into the packet; the table copies
// what it keeps.
type Client struct {
	Kind     Kind
	HType    uint8
	HW       []byte // chaddr, hlen bytes
	ID       []byte // what Kind says: HType byte and HW, the client identifier, the circuit-id, …
	ClientID []byte // option 61 as sent; kept for listings and leasequery; may alias ID
	Relay    []byte // content of option 82 as received; kept, since renewals lack it
	Host     []byte // host name
}

// ScopeID names a shared network, or a subnet that stands alone: a client
// holds at most one lease in a scope. It is a hash of the name, so that it
// stays the same across reloads and restarts.
type ScopeID uint32

// PoolID is the index of a pool in a Layout.
type PoolID uint16

// MaxPools is the number of pools that a Layout may have.
const MaxPools = 1<<16 - 1

// noPool marks a record whose address lies in no pool of the layout in force.
const noPool PoolID = MaxPools

// Range is a run of addresses, both ends included.
type Range struct{ First, Last IP4 }

// Pool is a set of addresses that are given to whoever asks. The Ranges of all
// pools are disjoint; exclusions are already cut out.
type Pool struct {
	Scope  ScopeID
	Name   string // unique in its Scope; a pool is recognised by it across reloads
	Ranges []Range
}

// Reserved is an address that is kept for one client. It is never given
// dynamically, whether or not a pool's ranges contain it.
type Reserved struct {
	Addr  IP4
	Scope ScopeID
}

// Layout is what may be given to whom: the table's view of the configuration.
type Layout struct {
	// Generation tells Layouts apart. A Request that was made by the policy of
	// the previous Layout carries that one's Generation, and its PoolIDs are
	// translated; so a reload needs no pause.
	Generation uint32
	Pools      []Pool
	Reserved   []Reserved
}

// Request is what Offer and Commit need to know.
type Request struct {
	Client Client
	Scope  ScopeID
	// Layout is the Generation of the Layout whose indices Pools are; 0 is the
	// one in force.
	Layout uint32
	// Pools are those that this client may use, best first. Empty: only
	// Reserved.
	Pools []PoolID
	// Reserved is this client's reservation, 0 if it has none. When set it is
	// the only address that the client may get.
	Reserved IP4
	// Want is the address that the client would like (option 50 or ciaddr).
	Want IP4
}

// Status is the state of an address in the table.
type Status uint8

const (
	None     Status = iota // no record, or free and nobody's
	Offered                // held in memory for the client that got the OFFER
	Bound                  // leased
	Expired                // the lease ran out; the address is remembered for its last client
	Released               // given back; remembered likewise
	Declined               // on probation: somebody else was found to use it
)

// String names the status as listings do.
func (s Status) String() string {
	switch s {
	case None:
		return "free"
	case Offered:
		return "offered"
	case Bound:
		return "bound"
	case Expired:
		return "expired"
	case Released:
		return "released"
	case Declined:
		return "declined"
	}
	return "invalid"
}

// View is what Find says about a client's record.
type View struct {
	Addr    IP4
	Status  Status
	Pool    PoolID // in the Layout in force; MaxPools: in none
	Version uint32
	Expires Time   // end of the lease, of the offer's hold, or of probation
	Start   Time   // when the present binding began
	CLTT    Time   // client's last transaction time (RFC 4388 §6.1)
	Pending Ticket // batch that carries the record's last change
}

// Grant is what Commit has bound.
type Grant struct {
	// Ticket is the batch that carries the change: the ACK may leave when it
	// is durable. 0: nothing to wait for.
	Ticket Ticket
	// Expires is the end of the lease as journaled. It is later than what Valid
	// says when the lease was promised for longer before.
	Expires Time
	// Valid is what the ACK may promise, from now: what was asked for, or a few
	// seconds less when a retransmitted REQUEST is answered from a change that
	// was journaled before.
	Valid uint32
}

// Entry is a full copy of a record, for listings, leasequery and snapshots.
// Its slices belong to the Entry and are overwritten when it is used again.
type Entry struct {
	Addr     IP4
	Scope    ScopeID
	Status   Status
	Kind     Kind // 0: no client is remembered
	HType    uint8
	HW       []byte
	ID       []byte
	ClientID []byte
	Relay    []byte
	Host     []byte
	Version  uint32 // 0: nothing was ever journaled for this address
	Start    Time
	Expires  Time
	CLTT     Time
	Pending  Ticket

	remembered bool // Offered: to the client that had it before
	buf        []byte
}

// Outcome is what became of a request to the table.
type Outcome uint8

const (
	OK        Outcome = iota
	Full              // no free address in any pool that the client may use
	NotYours          // the address is another's, or outside of what the client may use
	Taken             // the client's reserved address is still held by another client
	Unknown           // no such record of this client
	BadClient         // the identity is empty or too long
	Busy              // the decision lost too many races with others; the client will ask again
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Full:
		return "full"
	case NotYours:
		return "not-yours"
	case Taken:
		return "taken"
	case Unknown:
		return "unknown"
	case BadClient:
		return "bad-client"
	case Busy:
		return "busy"
	}
	return "invalid"
}

// Stats counts the addresses of the whole table by state.
type Stats struct {
	Bound    uint64
	Offered  uint64
	Declined uint64
	Idle     uint64 // free, remembered for its last client
	Clean    uint64 // free, nobody's, but once touched
	Steals   uint64 // addresses that went from one shard to another
	Records  uint64 // addresses that have a place in memory
}

// PoolStat is the use of one pool. Size = Bound + Offered + Declined + Free.
type PoolStat struct {
	Name     string
	Scope    ScopeID
	Size     uint64
	Bound    uint64
	Offered  uint64
	Declined uint64
	Free     uint64
}
