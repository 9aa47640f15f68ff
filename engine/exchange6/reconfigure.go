// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// lenAuth is the length of an Authentication option of the reconfigure key protocol:
// protocol, algorithm, RDM, replay detection, type, value (RFC 8415 §20.4.1, §21.11).
const lenAuth = 3 + 8 + 1 + 16

const (
	authKey    = 1 // "Reconfigure key value (used in the Reply message)"
	authDigest = 2 // "HMAC-MD5 digest of the message (used in the Reconfigure message)"
)

func auth(to *[lenAuth]byte, replay uint64, typ uint8, value []byte) {
	to[0], to[1], to[2] = 3, 1, 0
	binary.BigEndian.PutUint64(to[3:], replay)
	to[11] = typ
	copy(to[12:], value)
}

// AppendReconfigure appends the Reconfigure message that makes a client send a Renew,
// a Rebind or an Information-request (RFC 8415 §18.3.11). replay is greater than in
// every message before; the caller keeps it over restarts. The message goes to the
// client's address, or in a Relay-reply message through its relay agents. False: the
// policy has no keys, or msg is none of the three.
func AppendReconfigure(to []byte, p *policy6.Policy, duid []byte, msg uint8, replay uint64) ([]byte, bool) {
	if !p.Reconfigure() || len(duid) == 0 || msg != Renew && msg != Rebind && msg != InformationRequest {
		return to, false
	}
	start := len(to)
	option := func(code uint16, value []byte) {
		to = binary.BigEndian.AppendUint16(to, code)
		to = binary.BigEndian.AppendUint16(to, uint16(len(value)))
		to = append(to, value...)
	}
	to = append(to, Reconfigure, 0, 0, 0) // "sets the 'transaction-id' field to 0"
	option(optClientID, duid)
	option(optServerID, p.ServerID)
	option(optReconfigureMsg, []byte{msg})
	var room [lenAuth]byte
	auth(&room, replay, authDigest, nil) // "the HMAC-MD5 field … is set to 0 for the HMAC-MD5 computation"
	option(optAuth, room[:])
	key := p.ReconfigureKey(duid)
	mac := hmac.New(md5.New, key[:])
	mac.Write(to[start:])
	copy(to[len(to)-16:], mac.Sum(nil))
	return to, true
}

// A Notice is a Reconfigure message and its way.
type Notice struct {
	Message []byte
	// To is where the client is: on a link of ours its link-local address, and Scope
	// is the link; else an address that it has leased.
	To    lease6.IP6
	Scope lease.ScopeID
}

// Noticed is what became of the wish to send a client a Reconfigure message.
type Noticed uint8

const (
	NoticeMade     Noticed = iota
	NoticeOff              // the policy has no keys for clients
	NoticeNoLease          // nobody has a lease of it
	NoticeRefused          // the client takes no such messages
	NoticeNoWay            // the client has no address that is known
	NoticeNoReplay         // the counter cannot be moved on
)

// Notify makes the Reconfigure message for the client that has an address or a
// delegated prefix; it sends a Renew, a Rebind or an Information-request then, as msg
// says. An address in a delegated prefix stands for the prefix. Any goroutine may call
// it.
//
// RFC 8415 §18.3.11: "A server sends each Reconfigure message to a single DHCP client,
// using an IPv6 unicast address of sufficient scope belonging to the DHCP client." The
// table does not keep the client's own address on a relay agent's link, so that a
// client behind one that has only prefixes cannot be sent a Relay-reply.
func (s *Server) Notify(p *policy6.Policy, what lease6.Prefix, msg uint8, now lease.Time) (n Notice, out Noticed) {
	if p == nil || !p.Reconfigure() || s.Replay == nil {
		return n, NoticeOff
	}
	var e lease6.Entry
	found := false
	if what.Len == 128 {
		found = s.Table.Find(what.IP6, &e)
	} else {
		found = s.Table.Lookup(what, &e)
	}
	switch {
	case !found || !leased(&e, now):
		return n, NoticeNoLease
	case !e.Accepts:
		return n, NoticeRefused
	}
	n.Scope = e.Scope
	if n.To = s.wayTo(&e, now); n.To.IsZero() {
		return n, NoticeNoWay
	}
	replay, ok := s.Replay()
	if !ok {
		return n, NoticeNoReplay
	}
	n.Message, _ = AppendReconfigure(nil, p, e.DUID, msg, replay)
	return n, NoticeMade
}

// wayTo is an address of the client that has a lease; 0: none is known.
func (s *Server) wayTo(e *lease6.Entry, now lease.Time) (to lease6.IP6) {
	relayed := len(e.InterfaceID)+len(e.RemoteID)+len(e.SubscriberID)+len(e.RelayID) > 0
	if len(e.Peer) == 16 && !relayed {
		if a := lease6.IP6From(e.Peer); policy6.LinkLocal(a) {
			return a
		}
	}
	if e.IA.Type != lease6.PD {
		return e.Prefix.IP6
	}
	s.Table.EachOf(e.DUID, func(other *lease6.Entry) bool {
		if other.IA.Type != lease6.PD && other.Scope == e.Scope && leased(other, now) {
			to = other.Prefix.IP6
		}
		return to.IsZero()
	})
	return to
}

// leased says whether a record is a lease that has not run out.
func leased(e *lease6.Entry, now lease.Time) bool {
	return e.Status == lease.Bound && e.Expires > now && len(e.DUID) > 0
}
