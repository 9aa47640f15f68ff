// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Message types, the value of option 53 (RFC 2132 §9.6).
const (
	Discover = 1
	Offer    = 2
	Request  = 3
	Decline  = 4
	Ack      = 5
	Nak      = 6
	Release  = 7
	Inform   = 8

	// Those of leasequery (RFC 4388, RFC 6926).
	LeaseQuery      = 10
	LeaseUnassigned = 11
	LeaseUnknown    = 12
	LeaseActive     = 13
	BulkLeaseQuery  = 14
	LeaseQueryDone  = 15

	// Bootp is the Type of a message without option 53 and of its answer. It is
	// never on the wire.
	Bootp = 255
)

// FlagBroadcast is the B bit of the flags field (RFC 2131 §2).
const FlagBroadcast = 0x8000

// HTypeEthernet is the hardware type of the only link layer that we can address
// a client on by its chaddr.
const HTypeEthernet = 1

// A Query is a client's message as the codec found it: views into the packet,
// and numbers in host order. An address of 0 is one that the message lacks,
// except where a Has field says otherwise.
//
// A Query is large: keep one, and set all its fields for each message instead of
// overwriting the whole. The large part is its Room.
type Query struct {
	Type  uint8 // option 53; Bootp: the message has none; 0: an impossible one
	HType uint8
	Hops  uint8
	Flags uint16

	Port  uint16    // frame.Frame.Port
	NTags uint8     // VLAN tags on the frame
	VLAN  [2]uint16 // VLAN identifiers, outer first
	Src   lease.IP4 // of the IP header
	Dst   lease.IP4

	Ciaddr, Giaddr  lease.IP4
	Requested       lease.IP4 // option 50
	ServerID        lease.IP4 // option 54
	HasRequested    bool
	HasServerID     bool
	HasTime         bool
	WantTime        uint32    // option 51
	LinkSelection   lease.IP4 // sub-option 5 of option 82 (RFC 3527)
	ServerOverride  lease.IP4 // sub-option 11 of option 82 (RFC 5107)
	SubnetSelection lease.IP4 // option 118 (RFC 3011)
	MaxSize         uint16    // option 57, for the codec's own use
	PRL             []byte    // option 55, likewise
	VendorClass     []byte    // option 60

	UserClass     []byte // option 77
	VendorIdent   []byte // option 124 (RFC 3925)
	VendorInfo    []byte // option 125 (RFC 3925)
	VendorOptions []byte // option 43
	Arch          []byte // option 93 (RFC 4578)
	FQDN          []byte // option 81 (RFC 4702)
	VSS           []byte // option 221 (RFC 6607)
	AutoConf      []byte // option 116 (RFC 2563)
	UUID          []byte // option 97 (RFC 4578)
	RapidCommit   bool   // option 80 is there (RFC 4039)
	// Options gives expressions the message's options. A codec that leaves it
	// nil is told PuntClass where an expression would decide, before anything
	// has changed.
	Options policy.Packet

	// Unmerged is set by a codec that has a cache by Answer.Options and Answer.Classes, and
	// so mostly does not need what they are together.
	Unmerged bool

	// Client is what identifies the client. The codec fills HType, HW, ClientID,
	// Relay and Host; Decide4 fills Kind and ID by the policy's rule.
	Client lease.Client

	look look

	// Room is where a decision works, and what the Answer points into. Queries that
	// are decided one after the other may share one. nil: the first decision makes one.
	*Room
}

// furnish gives q a Room. Whatever takes a Query from outside begins with it.
func (q *Query) furnish() {
	if q.Room == nil {
		q.Room = new(Room)
	}
}

// Room is memory that survives from message to message.
type Room struct {
	id     [policy.IdentityRoom]byte // what Client.ID points to where it is put together
	record lease.Entry               // of the client's address
	rival  lease.Entry               // of the address that is reserved for it
	facts  policy.Facts              // for class
	client lease.Client              // of facts
	class  policy.Membership         // the client's classes
	pools  []lease.PoolID            // that it may use, where not all are
	boot   policy.Boot               // what Answer.Boot points to where it is put together
	fqdn   [255]byte                 // value of option 81 of the answer
	host   [lease.MaxHost]byte       // what Client.Host points to where the lease keeps another name than option 12
	keys   [policy.MaxLimitKeys]policy.LimitKey
	ends   ends            // for limits
	own    Own             // what Answer.Own points to
	found  []lease.IP4     // addresses of a client that somebody asks about
	only   CodeSet         // what Answer.Only points to
	name   policy.NameRoom // where the client's name is made
}

// Dest says where an answer goes (RFC 2131 §4.1). The codec finds the link-layer
// address: the sender's of the frame for ToRelay and ToCiaddr, chaddr for
// ToClient, broadcast for ToBroadcast.
type Dest uint8

const (
	ToBroadcast Dest = iota // 255.255.255.255, port 68
	ToRelay                 // giaddr, port 67 (or the relay's own port, RFC 8357)
	ToCiaddr                // the address that the client has already, port 68
	ToClient                // yiaddr at chaddr, port 68: the client cannot answer ARP yet
)

// An Answer is what to send. In its header, beside what is said here: op 2, hops
// and secs 0, xid, giaddr and chaddr copied (RFC 2131 table 3).
type Answer struct {
	// Type is Offer, Ack or Nak; 0: stay silent, Reason says why. Bootp: a BOOTP
	// reply, which has no options 53 and 54 (RFC 1534 §2).
	Type  uint8
	Flags uint16 // the header's flags

	Yiaddr, Ciaddr lease.IP4
	ServerID       lease.IP4 // option 54
	Source         lease.IP4 // source address of the IP header: one that is ours
	To             Dest
	DestIP         lease.IP4 // destination address of the IP header

	// Options 51, 58 and 59, only with HasTimes. Renew and Rebind are 0 where
	// they are not sent: T1 and T2 of an infinite lease.
	HasTimes             bool
	Valid, Renew, Rebind uint32

	// Subnet is where the client's address is; nil in a NAK.
	Subnet *policy.Subnet
	// Boot gives siaddr, sname and file; nil in a NAK, where they are 0.
	Boot *policy.Boot
	// Options is the merged set to select from (OptionSet.Select); nil for NAK.
	Options *policy.OptionSet
	// Classes is set only where the Query is Unmerged: Options is then as a client in no
	// class gets it, and for one in Classes it is Policy.ForClasses. It points into the
	// Query.
	Classes *policy.ClassSet
	// Only, where it is set, are the codes of Options that may be sent.
	Only *CodeSet
	// Lease is set in an answer about somebody else's lease: the header's htype,
	// hlen and chaddr are that client's (RFC 4388 §6.4.2). It points into the Query.
	Lease *lease.Entry
	// Options to return as they came, byte for byte: 61 (RFC 6842 §3), 82 (RFC
	// 3046 §2.2, as the last option) and 118 (RFC 3011 §2).
	EchoClientID, EchoRelay, EchoSubnetSelection bool
	// DropVSS leaves sub-options of option 82 out of its echo (RFC 6607 §7.2):
	// 152 where we did what 151 says, both where we did not.
	DropVSSControl, DropVSS bool
	// Own are the options that follow from this very message (80, 81, 97, 116, 221,
	// the list of classes in 77, rogue detection in 43), encoded one behind the
	// other. The codec writes them as they are, and of Options leaves out the
	// codes that occur here. It points into the Query; nil: none.
	Own *Own
	// Message is the text of option 56 in a NAK (RFC 2132 §9.9).
	Message string

	// Wait is the change that must be durable before the answer leaves; 0: none.
	Wait lease.Ticket
	// Reason is OK for an answer; for silence it says why.
	Reason frame.Reason
}

// A Server answers. Its fields are set before the first use and then left alone.
type Server struct {
	Table *lease.Table
	// Failed says that the journal has failed and nothing may be acknowledged
	// any more; nil: it cannot.
	Failed func() bool
	// Clients finds leases by hardware address and client identifier, for
	// leasequeries; nil: such queries find nothing.
	Clients *Clients
	// Nonces lets clients be told to renew (RFC 6704); nil: they are not.
	Nonces *Nonces

	limits limits
}
