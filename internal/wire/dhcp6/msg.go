// SPDX-License-Identifier: Apache-2.0

// Package dhcp6 reads and writes DHCPv6 messages in place.
//
// Msg, Opts, IA, Lease, Tuples are views over a caller's buffer: no method
// copies or allocates. A message to a server is read in four steps, each of
// which returns the frame.Reason for which to stop:
//
//  1. Chain.Unwrap takes the relays' envelopes off and remembers where each
//     one's header and options are;
//  2. CheckType says whether a server receives messages of this type;
//  3. Options.Scan proves every length, nested ones too, and indexes the
//     options and the identity associations (IAs);
//  4. Options.Check applies RFC 8415 §16.
//
// A reply is made with a Writer in a scratch buffer, while the views of the
// request are still good; Chain.Wrap writes the relays' headers in front of it,
// and then the whole may be copied over the request in its frame.
//
//	client to server                   relay to server, or relay
//	0          1      4                0          1      2              18
//	| msg-type | xid  | options ...    | msg-type | hops | link-address | peer-address
//	                                   34
//	                                   | options, one of them Relay Message ...
//
//	option            0      2     4
//	                  | code | len | data ...
//	IA_NA, IA_PD      | iaid | T1 | T2 | options ...
//	IA_TA             | iaid | options ...
//	IA Address        | address(16) | preferred | valid | options ...
//	IA Prefix         | preferred | valid | prefix-length(1) | prefix(16) | options ...
//
// Nothing recurses: a client's message nests message, IA, lease, option and
// what lies deeper is not looked at; relays nest MaxLevels deep. All work is
// linear in the message's length.
//
// Formats: RFC 8415 §8, §9, §21 (its successor RFC 9915 changes none of them).
// Relays: RFC 4580, 4649, 4994, 6422, 6939, 8357.
package dhcp6

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// Msg is a message between client and server: from msg-type to the end of the
// options.
type Msg []byte

const (
	offType = 0
	offXID  = 1
	// LenHeader is where the options of a Msg begin (RFC 8415 §8).
	LenHeader = 4
	// maxMsg is what 16-bit offsets reach.
	maxMsg = 0xffff
)

// MaxDUID is the greatest length of a DUID with its type (RFC 8415 §11.1). The
// least is 3 there, but a DUID is opaque and clients with shorter ones exist:
// one byte will do.
const MaxDUID = 130

// CheckType proves that the accessors of m are safe and that a server receives
// messages of its type. It returns OK, or Truncated, FromServer, PuntType for
// what the fast path does not know, NoType for what no server does (RFC 8415
// §16: "MUST discard any received DHCP messages with an unknown message type").
func CheckType(m Msg) frame.Reason {
	if len(m) < LenHeader || len(m) > maxMsg {
		return frame.Truncated
	}
	switch m[offType] {
	case Solicit, Request, Confirm, Renew, Rebind, Release, Decline, InformationRequest:
		return frame.OK
	case Advertise, Reply, Reconfigure, RelayRepl, // §16.3, §16.10, §16.11, §16.14
		LeaseQueryReply, LeaseQueryDone, LeaseQueryData, ReconfigureReply, DHCPv4Response, AddrRegReply:
		return frame.FromServer
	case LeaseQuery, ReconfigureRequest, DHCPv4Query, AddrRegInform:
		return frame.PuntType
	}
	return frame.NoType
}

// Type is the message's type.
func (m Msg) Type() uint8 { return m[offType] }

// XID is the transaction's number, 24 bits.
func (m Msg) XID() uint32 { return binary.BigEndian.Uint32(m) & 0xffffff }

// Opts is the options of the message.
func (m Msg) Opts() Opts { return Opts(m[LenHeader:]) }

// Opts is a run of options, such as a message or an IA ends with.
type Opts []byte

const lenOpt = 4 // code and length (RFC 8415 §21.1)

// Next splits the first option off: its code, its data, and what follows. ok is
// false at the end and at an option that does not fit.
func (o Opts) Next() (code uint16, data []byte, rest Opts, ok bool) {
	if len(o) < lenOpt {
		return 0, nil, nil, false
	}
	end := lenOpt + int(binary.BigEndian.Uint16(o[2:]))
	if end > len(o) {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(o), o[lenOpt:end:end], o[end:], true
}

// Find is the data of the first option with this code, and what follows it.
func (o Opts) Find(code uint16) (data []byte, rest Opts, ok bool) {
	for {
		c, data, rest, ok := o.Next()
		if !ok || c == code {
			return data, rest, ok
		}
		o = rest
	}
}

// Get is the data of the first option with this code.
func (o Opts) Get(code uint16) ([]byte, bool) {
	data, _, ok := o.Find(code)
	return data, ok
}

// Valid says whether the options fill o exactly.
func (o Opts) Valid() bool {
	for {
		_, _, rest, ok := o.Next()
		if !ok {
			return len(o) == 0
		}
		o = rest
	}
}

// Status is the first status code among the options; Success if there is none,
// as RFC 8415 §21.13 says.
func (o Opts) Status() (code uint16, text []byte) {
	data, ok := o.Get(OptStatusCode)
	if !ok || len(data) < 2 {
		return StatusSuccess, nil
	}
	return binary.BigEndian.Uint16(data), data[2:]
}

// Tuples is a run of byte strings, each behind its 16-bit length: the data of a
// user class (RFC 8415 §21.15), of a vendor class behind its enterprise number
// (§21.16), of boot file parameters (RFC 5970 §3.2).
type Tuples []byte

// Next splits the first string off. ok is false at the end and at a string that
// does not fit.
func (t Tuples) Next() (s []byte, rest Tuples, ok bool) {
	if len(t) < 2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(t))
	if end > len(t) {
		return nil, nil, false
	}
	return t[2:end:end], t[end:], true
}

// Valid says whether the strings fill t exactly.
func (t Tuples) Valid() bool {
	for {
		_, rest, ok := t.Next()
		if !ok {
			return len(t) == 0
		}
		t = rest
	}
}
