// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Lease6 is what a lease of DHCPv6 has beside what is in Lease.
type Lease6 struct {
	Type      string    `json:"type,omitempty"` // na, ta or pd
	DUID      string    `json:"duid,omitempty"`
	IAID      uint32    `json:"iaid,omitempty"`
	Preferred time.Time `json:"preferred,omitzero"` // end of the preferred lifetime; zero: never
	// Via is where the client's messages come from, and so the next hop to what is
	// delegated to it: its own link-local address, or that of its relay agent.
	Via         string `json:"via,omitempty"`
	InterfaceID string `json:"interface_id,omitempty"`
	Subscriber  string `json:"subscriber_id,omitempty"`
}

// LeaseOf6 describes a record of the table of DHCPv6. The address of a delegated
// prefix has its length.
func LeaseOf6(e *lease6.Entry) Lease {
	l := Lease{
		Address: e.Prefix.String(), State: e.Status.String(), Start: wall(e.Start), CLTT: wall(e.CLTT),
		Lease6: Lease6{Type: typeOf(e.IA.Type), IAID: e.IA.ID},
	}
	if e.Prefix.Len == 128 {
		l.Address = e.Prefix.IP6.String()
	}
	if e.Expires != lease.Never {
		l.Expires = wall(e.Expires)
	}
	if e.Preferred != lease.Never {
		l.Preferred = wall(e.Preferred)
	}
	l.client6(&lease6.Client{
		DUID: e.DUID, LinkLayer: e.LinkLayer, Peer: e.Peer, InterfaceID: e.InterfaceID, RemoteID: e.RemoteID,
		SubscriberID: e.SubscriberID, Host: e.Host,
	})
	return l
}

func (l *Lease) client6(c *lease6.Client) {
	l.DUID = hex.EncodeToString(c.DUID)
	l.Host = strings.ToValidUTF8(string(c.Host), "\uFFFD")
	l.Remote, l.InterfaceID, l.Subscriber = hex.EncodeToString(c.RemoteID), hex.EncodeToString(c.InterfaceID), hex.EncodeToString(c.SubscriberID)
	if len(c.LinkLayer) > 2 {
		l.MAC = colons(c.LinkLayer[2:])
	}
	if a, ok := netip.AddrFromSlice(lease6.PeerAddr(c.Peer)); ok {
		l.Via = a.String()
	}
}

func typeOf(t lease6.IAType) string {
	switch t {
	case lease6.NA:
		return "na"
	case lease6.TA:
		return "ta"
	case lease6.PD:
		return "pd"
	}
	return ""
}

// An Event is a change of a lease that is durable.
type Event struct {
	// Seq grows from event to event, over restarts as well: who has seen one can
	// have those that come after it.
	Seq   uint64    `json:"seq"`
	Event string    `json:"event"` // grant, renew, release, decline, expire
	At    time.Time `json:"at"`
	Lease
}

// Known gives the lease of what a change is about as of a version; false: it has
// changed again, or nobody knows.
type Known struct {
	V4 func(lease.IP4, uint32) (Lease, bool)
	V6 func(lease6.Prefix, uint32) (Lease, bool)
}

// EventOf describes a change as the journal has it. For one that says no more than
// the address, known says whose lease it was.
func EventOf(seq uint64, rec []byte, known Known) (Event, error) {
	if len(rec) > 2 && lease.Op(rec[2])&lease.OpV6 != 0 {
		c, err := lease6.ParseChange(rec)
		if err != nil {
			return Event{}, err
		}
		return eventOf6(seq, &c, known), nil
	}
	c, err := lease.ParseChange(rec)
	if err != nil {
		return Event{}, err
	}
	e := Event{Seq: seq, Event: c.Op.String(), At: wall(c.At)}
	if c.Full {
		e.Lease = LeaseOf(&lease.Entry{
			Addr: c.Addr, Start: c.Start, Expires: c.Expires, CLTT: c.At, HType: c.HType, HW: c.HW, ClientID: c.ClientID, Relay: c.Relay, Host: c.Host,
		})
	} else if known.V4 != nil {
		if l, ok := known.V4(c.Addr, c.Version); ok {
			e.Lease = l
		}
	}
	e.Address, e.State, e.CLTT = c.Addr.String(), "", time.Time{}
	e.ends(c.Op, c.Start, c.Expires)
	return e, nil
}

func eventOf6(seq uint64, c *lease6.Change, known Known) Event {
	e := Event{Seq: seq, Event: c.Op.String(), At: wall(c.At)}
	e.Lease = LeaseOf6(&lease6.Entry{
		Prefix: c.Prefix, IA: c.IA, Start: c.Start, Preferred: c.Preferred, Expires: c.Expires,
		DUID: c.Client.DUID, LinkLayer: c.Client.LinkLayer, Peer: c.Client.Peer, InterfaceID: c.Client.InterfaceID,
		RemoteID: c.Client.RemoteID, SubscriberID: c.Client.SubscriberID, Host: c.Client.Host,
	})
	if !c.Full && known.V6 != nil {
		if l, ok := known.V6(c.Prefix, c.Version); ok {
			e.Lease = l
		}
	}
	e.State, e.CLTT, e.Preferred = "", time.Time{}, time.Time{}
	if e.ends(c.Op, c.Start, c.Expires); c.Full && c.Preferred != lease.Never {
		e.Preferred = wall(c.Preferred)
	}
	return e
}

// ends has the times of the change itself, where it has any.
func (e *Event) ends(op lease.Op, start, expires lease.Time) {
	e.Start, e.Expires = time.Time{}, time.Time{}
	switch op &^ lease.OpV6 {
	case lease.OpGrant, lease.OpRenew:
		e.Start = wall(start)
		fallthrough
	case lease.OpDecline:
		if expires != lease.Never {
			e.Expires = wall(expires)
		}
	}
}
