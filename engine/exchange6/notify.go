// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// A Notice is a Reconfigure message and its way.
type Notice struct {
	Message []byte
	// To is where the client is: on a link of ours its link-local address, and Scope
	// is the link; else an address that it has leased.
	To    lease6.IP6
	Scope lease.ScopeID
	// Relayed says that To is a relay agent, and Message a Relay-reply.
	Relayed bool
	// Client is who is meant, for Awaits.
	Client string
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

// notices are the clients that have been sent a Reconfigure message and have not sent
// the message that it asks for.
type notices struct {
	n  atomic.Int32
	mu sync.Mutex
	m  map[string]uint8 // by DUID: the message
}

// Await notes that a message is expected of a client, instead of one that was
// expected before.
func (s *Server) Await(client string, msg uint8) {
	a := &s.notices
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[string]uint8{}
	}
	a.m[client] = msg
	a.n.Store(int32(len(a.m)))
}

// Awaits says whether the message that was expected of a client last is still to come.
func (s *Server) Awaits(client string) bool {
	a := &s.notices
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.m[client]
	return ok
}

// GiveUp ends the expectation.
func (s *Server) GiveUp(client string) {
	a := &s.notices
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, client)
	a.n.Store(int32(len(a.m)))
}

// heard ends the expectation of a message. RFC 8415 §18.3.11: "The server interprets
// the receipt of a Renew, Rebind, or Information-request message (whichever was
// specified in the original Reconfigure message) from the client as satisfying the
// Reconfigure message request."
func (a *notices) heard(client []byte, msg uint8) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was, ok := a.m[string(client)]; ok && was == msg {
		delete(a.m, string(client))
		a.n.Store(int32(len(a.m)))
	}
}

// Notify makes the Reconfigure message for the client that has an address or a
// delegated prefix; it sends a Renew, a Rebind or an Information-request then, as msg
// says. An address in a delegated prefix stands for the prefix. Any goroutine may call
// it.
//
// RFC 8415 §18.3.11: "A server sends each Reconfigure message to a single DHCP client,
// using an IPv6 unicast address of sufficient scope belonging to the DHCP client. If
// the server does not have an address to which it can send the Reconfigure message
// directly to the client, the server uses a Relay-reply message". The table keeps the
// way back of prefixes through one relay agent, not through several.
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
	n.To = s.wayTo(&e, now)
	relay, link, client, ok := lease6.Path(e.Peer)
	if n.To.IsZero() && ok && !policy6.LinkLocal(relay) {
		n.To, n.Relayed = relay, true
	}
	if n.To.IsZero() {
		return n, NoticeNoWay
	}
	replay, ok := s.Replay()
	if !ok {
		return n, NoticeNoReplay
	}
	n.Client = string(e.DUID)
	n.Message, _ = AppendReconfigure(nil, p, e.DUID, msg, replay)
	if n.Relayed {
		n.Message = relayReply(link, client, e.InterfaceID, n.Message)
	}
	return n, NoticeMade
}

const (
	relayRepl      = 13
	optRelayMsg    = 9
	optInterfaceID = 18
)

// relayReply wraps a message for a relay agent (RFC 8415 §19.3): what it has to know to
// forward it is what it said when it forwarded the client's.
func relayReply(link, client lease6.IP6, interfaceID, message []byte) []byte {
	l, c := link.As16(), client.As16()
	out := append([]byte{relayRepl, 0}, l[:]...) // §9.2: no other relay agent was between
	out = append(out, c[:]...)
	option := func(code uint16, value []byte) {
		out = binary.BigEndian.AppendUint16(out, code)
		out = binary.BigEndian.AppendUint16(out, uint16(len(value)))
		out = append(out, value...)
	}
	if len(interfaceID) > 0 {
		option(optInterfaceID, interfaceID)
	}
	option(optRelayMsg, message)
	return out
}

// wayTo is an address of the client that has a lease; 0: none is known.
func (s *Server) wayTo(e *lease6.Entry, now lease.Time) (to lease6.IP6) {
	_, _, _, relayed := lease6.Path(e.Peer)
	relayed = relayed || len(e.InterfaceID)+len(e.RemoteID)+len(e.SubscriberID)+len(e.RelayID) > 0
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
