// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// Message types (RFC 8415 §7.3).
const (
	Solicit            = 1
	Advertise          = 2
	Request            = 3
	Confirm            = 4
	Renew              = 5
	Rebind             = 6
	Reply              = 7
	Release            = 8
	Decline            = 9
	Reconfigure        = 10
	InformationRequest = 11
)

// Status codes (RFC 8415 §21.13).
const (
	Success       = 0
	UnspecFail    = 1
	NoAddrsAvail  = 2
	NoBinding     = 3
	NotOnLink     = 4
	UseMulticast  = 5
	NoPrefixAvail = 6
)

// Bounds on one message. A codec discards a message that has more (frame.TooManyIAs).
const (
	MaxIAs    = 16
	MaxLeases = 64 // in all IAs together
	// MaxAnswered is how many leases an answer may have: those of the message,
	// and what its IAs have beside.
	MaxAnswered = MaxLeases + 2*MaxIAs
	// MaxVendors is how many vendor class options, and vendor options, of one
	// message are looked at: one for each enterprise number.
	MaxVendors = 4
	// MaxRSOO is how many relays' options for the client are looked at.
	MaxRSOO = 8
)

// IA is an identity association of a message. T1 and T2 are not here: "The server
// MUST ignore any values in these fields" (RFC 8415 §21.4, §21.21).
type IA struct {
	lease6.IA
	First, N uint8 // its leases: Query.Leases[First:First+N]
}

// A Query is a client's message as the codec found it: views into the packet, and
// numbers in host order. An address of 0 and an empty slice are what the message
// lacks.
//
// A Query is large: keep one, Reset it and fill it for each message.
type Query struct {
	Type uint8

	Port  uint16    // frame.Frame.Port
	NTags uint8     // VLAN tags on the frame
	VLAN  [2]uint16 // VLAN identifiers, outer first
	// Src and Dst are of the IP header.
	Src, Dst lease6.IP6
	// Relays is the number of relay agents that the message came through.
	Relays uint8
	// Link is the link-address that says where the client is: the innermost one
	// that is not zero (RFC 8415 §13.1). 0: there is none.
	Link lease6.IP6

	// Client is who asks. LinkLayer is option 79 of the relay agent next to the
	// client (RFC 6939), or for a client on the wire itself the type 1 and the
	// source address of its frame. InterfaceID, RemoteID, SubscriberID and RelayID
	// are of the relay agent next to the client that has them, Peer is the address
	// of the client that the innermost relay agent saw. Decide6 fills Host, and
	// LinkLayer where it is empty and the client's address tells.
	Client      lease6.Client
	ServerID    []byte // option 2; meaningful with HasServerID
	HasServerID bool

	// The IAs and their leases, in the order of the message: see AddIA and
	// AddLease. Lifetimes are not here: "The server MUST ignore any received
	// values" (§21.6).
	NIAs    uint8
	NLeases uint8
	IAs     [MaxIAs]IA
	Leases  [MaxLeases]lease6.Prefix

	Asked             policy6.Asked // options 6
	RapidCommit       bool          // option 14 is there
	ReconfigureAccept bool          // option 20 is there
	UserClass         []byte        // option 15
	Arch              []byte        // option 61 (RFC 5970)
	FQDN              []byte        // option 39 (RFC 4704)
	// VendorClass and VendorOpts are options 16 and 17, each from its enterprise
	// number on.
	VendorClass, VendorOpts [MaxVendors][]byte
	// RSOO is the content of the options 66 (RFC 6422), the innermost first.
	RSOO [MaxRSOO][]byte
	// Packet gives expressions the message's options. A codec that leaves it nil is
	// told PuntClass where an expression would decide, before anything has changed.
	Packet policy6.Packet
	// Subnet is what Policy.Select says to Port, VLAN, Link and InterfaceID, if the codec
	// has asked already; nil: it has not.
	Subnet *policy6.Subnet
	// Who is the client, if the codec has had the table look for it ahead; nil: it has not.
	Who *lease6.Who
	// LeaseQuery is option 44 (RFC 5007); nil: it is not there.
	LeaseQuery []byte

	room room
}

// room is what Decide6 needs beside the message; it survives from message to
// message.
type room struct {
	class policy.Membership // the client's classes
	facts policy6.Facts
	pools []lease.PoolID       // that it may use, where not all are
	exact []lease.PoolID       // of these, those of one length
	who   lease6.Who           // the client, where the codec has not met it
	views []lease6.View        // of the IA that is being answered
	held  []lease6.View        // likewise, for limits
	via   [lease6.LenPath]byte // of the client that the table keeps
	ll    [8]byte              // Client.LinkLayer where it is put together
	host  [lease6.MaxHost]byte
	fqdn  [256]byte // value of option 39 of the answer
	name  [256]byte // option 39 of a client whose name is reserved
	auth  [lenAuth]byte
	small [4]byte
	keys  [policy.MaxLimitKeys]policy.LimitKey
	ends  ends // for limits
	// Of a lease that is given back.
	entry  lease6.Entry
	recall policy6.Recall
	ending []policy.LimitKey
	own    Own // what Answer.Own points to
}

// Reset empties q for the next message. What it does not clear is not read as long
// as the counts are 0.
func (q *Query) Reset() {
	q.Type, q.Port, q.NTags, q.VLAN = 0, 0, 0, [2]uint16{}
	q.Src, q.Dst, q.Relays, q.Link = lease6.IP6{}, lease6.IP6{}, 0, lease6.IP6{}
	q.Client = lease6.Client{}
	q.ServerID, q.HasServerID = nil, false
	q.NIAs, q.NLeases = 0, 0
	q.Asked = policy6.Asked{}
	q.RapidCommit, q.ReconfigureAccept = false, false
	q.UserClass, q.Arch, q.FQDN = nil, nil, nil
	q.VendorClass, q.VendorOpts = [MaxVendors][]byte{}, [MaxVendors][]byte{}
	q.RSOO = [MaxRSOO][]byte{}
	q.Packet, q.Subnet, q.Who, q.LeaseQuery = nil, nil, nil, nil
}

// AddIA begins an IA, whose leases follow. False: there are too many.
func (q *Query) AddIA(typ lease6.IAType, iaid uint32) bool {
	if q.NIAs == MaxIAs {
		return false
	}
	ia := &q.IAs[q.NIAs]
	ia.Type, ia.ID, ia.First, ia.N = typ, iaid, q.NLeases, 0
	q.NIAs++
	return true
}

// AddLease adds an address (length 128) or a prefix to the IA that was begun last; the
// bits behind the length do not count. False: there are too many.
func (q *Query) AddLease(addr lease6.IP6, length uint8) bool {
	if q.NIAs == 0 || q.NLeases == MaxLeases {
		return false
	}
	l := &q.Leases[q.NLeases]
	if l.IP6, l.Len = addr, length; length < 128 {
		*l = lease6.PrefixFrom(addr, length)
	}
	q.NLeases++
	q.IAs[q.NIAs-1].N++
	return true
}

// Status is a status code and its text (RFC 8415 §21.13). The codec writes the
// option where Set.
type Status struct {
	Set  bool
	Code uint16
	Text string
}

// An AnswerIA is an IA of an answer: IAID, T1 and T2 (of the Answer; none in an
// IA_TA), its leases, then its status.
type AnswerIA struct {
	lease6.IA
	First, N uint8 // its leases: Answer.Leases[First:First+N]
	Status   Status
}

// An AnswerLease is an address or a prefix in an answer.
type AnswerLease struct {
	Prefix           lease6.Prefix
	Preferred, Valid uint32
	// Exclude is the part of a prefix for option 67 in it (RFC 6603); none: it is
	// not sent.
	Exclude lease6.Prefix
}

// An Answer is what to send: type, the transaction-id of the message, the server
// identifier (Policy.ServerID), the client identifier where the message has one,
// Status, the IAs, Own, and of Options what Select says. It goes to the source
// address of the message, or is wrapped for the relay agents that it came through
// and goes to the source address of their message (RFC 8415 §18.3.10).
//
// An Answer is large: keep one.
type Answer struct {
	// Type is Advertise or Reply; 0: stay silent, Reason says why.
	Type uint8
	// Reason is OK for an answer; for silence it says why.
	Reason frame.Reason
	// Source is the source address of the IP header: one that is ours.
	Source lease6.IP6

	Status Status
	// T1 and T2 are those of all IA_NAs and IA_PDs.
	T1, T2  uint32
	NIAs    uint8
	NLeases uint8
	IAs     [MaxIAs]AnswerIA
	Leases  [MaxAnswered]AnswerLease

	// Subnet stands for the client's link; nil where no options are sent.
	Subnet *policy6.Subnet
	// Options is the merged set to select from (OptionSet.Select); nil: none.
	Options *policy6.OptionSet
	// Own are the options that follow from this very message (preference, rapid
	// commit, reconfigure accept and key, FQDN, relay-supplied ones, rogue
	// detection, the list of classes), encoded one behind the other. The codec
	// writes them as they are, and of Options leaves out the codes that occur here.
	// It points into the Query; nil: none.
	Own *Own

	// Data is what a leasequery is told, behind all other options; nil: nothing.
	Data *Data

	// Wait is the change that must be durable before the answer leaves; 0: none.
	Wait lease.Ticket
}

// reset makes a an answer that says nothing.
func (a *Answer) reset() {
	a.Type, a.Reason, a.Source, a.Status = 0, frame.OK, lease6.IP6{}, Status{}
	a.T1, a.T2, a.NIAs, a.NLeases = 0, 0, 0, 0
	a.Subnet, a.Options, a.Own, a.Data, a.Wait = nil, nil, nil, nil, 0
}

// A Server answers. Its fields are set before the first use and then left alone.
type Server struct {
	Table *lease6.Table
	// Failed says that the journal has failed and nothing may be acknowledged any
	// more; nil: it cannot.
	Failed func() bool
	// Durable reports whether the batch of a ticket is on disk; nil: it is not
	// known. It is asked when the leases of one answer wait for batches of several
	// lanes.
	Durable func(lease.Ticket) bool
	// Replay is the next value for replay detection (RFC 8415 §20.3): greater than
	// all before it, also over restarts. False: there is none, and nothing may be sent
	// that needs one. nil: keys for Reconfigure are not sent.
	Replay func() (uint64, bool)

	limits  limits
	notices notices
}
