// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"

	"xdhcp/engine/lease"
)

// IP6 is an IPv6 address as a number: Hi holds the first eight bytes.
type IP6 struct{ Hi, Lo uint64 }

// IP6From reads an address in network order; b holds at least 16 bytes.
func IP6From(b []byte) IP6 {
	return IP6{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// As16 is the address in network order.
func (a IP6) As16() (b [16]byte) {
	a.Put(b[:])
	return b
}

// Put writes the address in network order to the first 16 bytes of b.
func (a IP6) Put(b []byte) {
	binary.BigEndian.PutUint64(b, a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
}

// String is the address as RFC 5952 writes it.
func (a IP6) String() string { return netip.AddrFrom16(a.As16()).String() }

// IsZero reports whether a is the unspecified address.
func (a IP6) IsZero() bool { return a == IP6{} }

// Less orders addresses as numbers.
func (a IP6) Less(b IP6) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// Compare is -1, 0 or 1 like Less.
func (a IP6) Compare(b IP6) int {
	switch {
	case a.Less(b):
		return -1
	case a == b:
		return 0
	}
	return 1
}

// plus is a+b, modulo 2¹²⁸.
func (a IP6) plus(b IP6) IP6 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(a.Hi, b.Hi, carry)
	return IP6{hi, lo}
}

// minus is a-b, modulo 2¹²⁸.
func (a IP6) minus(b IP6) IP6 {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(a.Hi, b.Hi, borrow)
	return IP6{hi, lo}
}

// shl is a<<n, for n up to 128.
func (a IP6) shl(n uint) IP6 {
	if n >= 64 {
		return IP6{a.Lo << (n - 64), 0}
	}
	return IP6{a.Hi<<n | a.Lo>>(64-n), a.Lo << n}
}

// shr is a>>n, for n up to 128.
func (a IP6) shr(n uint) IP6 {
	if n >= 64 {
		return IP6{0, a.Hi >> (n - 64)}
	}
	return IP6{a.Hi >> n, a.Lo>>n | a.Hi<<(64-n)}
}

// mask keeps the first n bits, n up to 128.
func (a IP6) mask(n uint8) IP6 {
	if n <= 64 {
		return IP6{a.Hi &^ (^uint64(0) >> n), 0}
	}
	return IP6{a.Hi, a.Lo &^ (^uint64(0) >> (n - 64))}
}

// Prefix is what is leased: an address (Len 128) or a delegated prefix. The bits
// behind Len are 0. The zero Prefix means none.
type Prefix struct {
	IP6
	Len uint8
}

// AddrPrefix is an address as a Prefix.
func AddrPrefix(a IP6) Prefix { return Prefix{a, 128} }

// PrefixFrom makes a Prefix of an address and a length up to 128, and clears the
// bits behind it.
func PrefixFrom(a IP6, length uint8) Prefix { return Prefix{a.mask(length), length} }

// String is an address plainly, a shorter prefix with its length.
func (p Prefix) String() string {
	if p.Len == 128 {
		return p.IP6.String()
	}
	return netip.PrefixFrom(netip.AddrFrom16(p.As16()), int(p.Len)).String()
}

// IsNone reports whether p is the zero Prefix.
func (p Prefix) IsNone() bool { return p == Prefix{} }

// Compare orders by address, and then by length.
func (p Prefix) Compare(q Prefix) int {
	if c := p.IP6.Compare(q.IP6); c != 0 {
		return c
	}
	return cmp.Compare(p.Len, q.Len)
}

// Last is the last address of the prefix.
func (p Prefix) Last() IP6 {
	rest := IP6{^uint64(0), ^uint64(0)}.shr(uint(p.Len))
	return IP6{p.Hi | rest.Hi, p.Lo | rest.Lo}
}

// Contains reports whether a lies in the prefix.
func (p Prefix) Contains(a IP6) bool { return a.mask(p.Len) == p.IP6 }

// Overlaps reports whether one of the two contains the other.
func (p Prefix) Overlaps(q Prefix) bool {
	if p.Len > q.Len {
		p, q = q, p
	}
	return p.Contains(q.IP6)
}

// IAType is the kind of an identity association. Addresses and prefixes are
// separate spaces: the same IAID in an IA_NA and in an IA_PD are two associations
// (RFC 8415 §12).
type IAType uint8

const (
	NA IAType = 1 + iota // addresses
	TA                   // temporary addresses
	PD                   // delegated prefixes
)

// String names the type as RFC 8415 does.
func (t IAType) String() string {
	switch t {
	case NA:
		return "IA_NA"
	case TA:
		return "IA_TA"
	case PD:
		return "IA_PD"
	}
	return "none"
}

// IA names an identity association of a client.
type IA struct {
	Type IAType
	ID   uint32 // IAID
}

// Bounds of what the table keeps about a client.
const (
	MaxDUID      = 130 // longer, or empty: the client is refused (BadClient)
	MaxLinkLayer = 22  // type and up to 20 bytes of address; longer is not kept
	MaxOther     = 255 // interface-id, remote-id, subscriber-id, relay-id: longer is not kept
	MaxHost      = 255 // host name: the rest is cut off
)

// Client is who asks. Its slices are views into the packet; the table copies what
// it keeps. Only DUID identifies: what else a message lacks is no news, and what
// was known before stays (a client that renews by unicast, say).
type Client struct {
	DUID         []byte
	LinkLayer    []byte // hardware type (2 bytes) and address, as in option 79
	Peer         []byte // where its messages come from, and the way back to it: see PeerAddr
	InterfaceID  []byte // content of option 18
	RemoteID     []byte // content of option 37: enterprise number and identifier
	SubscriberID []byte // content of option 38
	RelayID      []byte // content of option 53: DUID of the relay
	Host         []byte // host name, or name from option 39 as text
}

// Lengths of Client.Peer.
const (
	lenPeer = 16 // of the address that its messages come from: its relay agent's, or its own on the link
	LenPath = 48 // of that and, as the relay agent has them, link-address and peer-address
)

// PeerAddr is the address in a Client's Peer; empty: there is none.
func PeerAddr(peer []byte) []byte { return peer[:min(len(peer), lenPeer)] }

// Path is the way to a client through one relay agent: the agent's address, and the
// link-address and peer-address of the Relay-reply. False: that is not kept.
func Path(peer []byte) (relay, link, client IP6, ok bool) {
	if len(peer) != LenPath {
		return relay, link, client, false
	}
	return IP6From(peer), IP6From(peer[16:]), IP6From(peer[32:]), true
}

// Accept is what a message tells of whether its client takes Reconfigure messages.
type Accept uint8

const (
	AcceptNoNews Accept = iota // what was known before stays
	AcceptYes
	AcceptNo
)

// Range is a run of addresses, both ends included.
type Range struct{ First, Last IP6 }

// RangeOf is all of a prefix.
func RangeOf(p Prefix) Range { return Range{p.IP6, p.Last()} }

// Method says how a pool's free addresses or prefixes are chosen. Whatever it is,
// a client gets back what it had before, and what it asks for is tried first.
type Method uint8

const (
	Random    Method = iota // by a cryptographic generator: others cannot guess them
	Iterative               // one after the other
	EUI64                   // from the link-layer address (RFC 4291 app. A), else random
	Hashed                  // from a hash of DUID and IAID, else random
)

// Pool is a set of addresses, or of prefixes of one length, that are given to
// whoever asks. The Ranges of all pools are disjoint; exclusions are already cut
// out. Who delegates prefixes of several lengths has a pool for each.
type Pool struct {
	Scope  lease.ScopeID
	Name   string // unique in its Scope; a pool is recognised by it across reloads
	Ranges []Range
	// Len is the length of what is given: 128 is addresses (IA_NA, IA_TA); less is
	// prefixes (IA_PD), and each Range then consists of whole prefixes.
	Len    uint8
	Method Method
}

// Reserved is an address or a prefix that is kept for one client. Nothing that
// overlaps it is ever given dynamically. Two Reserved are the same or disjoint.
type Reserved struct {
	Prefix Prefix
	Scope  lease.ScopeID
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

// Request is what Offer and Commit need to know. It is about one lease of one IA;
// an IA with two reserved prefixes needs two.
type Request struct {
	Client Client
	// Who is that client, whom Meet has met; nil: the table makes one for itself.
	Who   *Who
	IA    IA
	Scope lease.ScopeID
	// Layout is the Generation of the Layout whose indices Pools are; 0 is the
	// one in force.
	Layout uint32
	// Pools are those that this client may use, best first: of addresses for NA
	// and TA, of prefixes for PD; others are passed over. Empty: only Reserved.
	Pools []lease.PoolID
	// Reserved is this client's reservation, none (zero) if it has none. When set
	// it is the only one that the client may get.
	Reserved Prefix
	// Hint is what the client would like. An address for NA. For PD the prefix, or
	// :: and a length only (RFC 8168): a pool of exactly that length is best, then
	// of the next shorter one, and so on, then of longer ones. Zero: no wish.
	Hint Prefix
	// Extend is for Commit: only what the IA has leased is extended, nothing new is
	// bound. So a renewal need not ask for Leases first.
	Extend bool
	// Reconfigure is for Commit.
	Reconfigure Accept
	// Had and Others are what Offer and Commit find out: whether the IA had a lease of
	// the prefix before, and how many it has beside.
	Had    bool
	Others int
}

// View is what Leases says about one record.
type View struct {
	Prefix    Prefix
	Status    lease.Status // Bound, Offered, Expired or Released
	Pool      lease.PoolID // in the Layout in force; lease.MaxPools: in none
	Version   uint32
	Preferred lease.Time   // end of the preferred lifetime
	Expires   lease.Time   // end of the lease, or of the offer's hold
	Start     lease.Time   // when the present binding began
	CLTT      lease.Time   // client's last transaction time (RFC 5007 §4.1.2.3)
	Pending   lease.Ticket // batch that carries the record's last change
}

// Grant is what Commit has bound.
type Grant struct {
	// Ticket is the batch that carries the change: the Reply may leave when it is
	// durable. 0: nothing to wait for.
	Ticket lease.Ticket
	// Preferred and Valid are what the Reply may promise, from now: what was asked
	// for, or a few seconds less when a retransmission is answered from a change
	// that was journaled before. Preferred is never more than Valid.
	Preferred, Valid uint32
	// Expires is the end of the lease as journaled. It is later than what Valid
	// says when the lease was promised for longer before.
	Expires lease.Time
}

// Entry is a full copy of a record, for listings, leasequery and snapshots. Its
// slices belong to the Entry and are overwritten when it is used again.
type Entry struct {
	Prefix       Prefix
	Scope        lease.ScopeID
	Status       lease.Status
	IA           IA     // Type 0: no client is remembered
	DUID         []byte // empty: no client is remembered
	LinkLayer    []byte
	Peer         []byte
	InterfaceID  []byte
	RemoteID     []byte
	SubscriberID []byte
	RelayID      []byte
	Host         []byte
	Accepts      bool   // the client takes Reconfigure messages, and has the key for them
	Version      uint32 // 0: nothing was ever journaled for this prefix
	Start        lease.Time
	Preferred    lease.Time
	Expires      lease.Time
	CLTT         lease.Time
	Pending      lease.Ticket

	remembered bool       // Offered: to the client that had it before
	was        lease.Time // then: when it had become free
	buf        []byte
}

// Stats counts the records of the whole table by state, addresses and prefixes
// together; the prefixes among the leases are also counted apart.
type Stats struct {
	Bound    uint64
	Prefixes uint64 // of Bound: delegated prefixes
	Offered  uint64
	Declined uint64
	Idle     uint64 // free, remembered for its last client
	Steals   uint64 // free ones that a shard took from another
	Records  uint64 // all of these
}

// PoolStat is the use of one pool. Size = Bound + Offered + Declined + Free.
type PoolStat struct {
	Name     string
	Scope    lease.ScopeID
	Len      uint8
	Size     uint64 // 2⁶⁴-1: that many or more
	Bound    uint64
	Offered  uint64
	Declined uint64
	Free     uint64
}
