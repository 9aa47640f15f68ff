// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// Texts of status codes, "suitable for display to an end user" (RFC 8415 §21.13).
const (
	textSuccess   = "all is well"
	textNoAddrs   = "no address is available"
	textNoPrefix  = "no prefix is available"
	textNoBinding = "no record of this association"
	textNotOnLink = "the address is not of this link"
	textOnLink    = "the addresses are of this link"
	textMulticast = "use multicast"
	textTemporary = "no temporary addresses here"
)

// A decision is one message on its way to its answer.
type decision struct {
	*Server
	p   *policy6.Policy
	q   *Query
	b   *lease.Batch
	a   *Answer
	now lease.Time

	subnet *policy6.Subnet // that stands for the client's link
	res    *policy6.Reservation
	req    lease6.Request
	// peer is what the table keeps as Client.Peer, path with prefixes.
	peer, path []byte
	name       []byte        // option 39 as it counts: with the reserved name, if there is one
	place      policy6.Place // of the lease at hand
	// at and options are of the leases in the answer, as long as they agree.
	at      *policy6.Subnet
	options *policy6.OptionSet
	timed   bool // T1 and T2 of the answer are set
	gained  bool // the IA that was begun last got a lease that it had not
	split   bool // the answer waits for batches of several lanes
	busy    bool // the table could not decide
}

// Decide6 answers q: *a is overwritten. Changes of the lease table go into b.
//
// A client that renews a lease of which there is no record (the journal was
// asynchronous, a backup was restored) gets it anew if it is in a pool, free and
// nobody else's: the client uses it anyway, and NoBinding would make it ask for the
// same again. Policy.NoRecreate turns it off. A Rebind may be meant for another
// server on the link, so there it is done only where the subnet commits at once
// (RFC 8415 §18.3.5: "SHOULD only create new bindings during processing of a Rebind
// message if the server is configured to respond with a Reply message to a Solicit
// message containing the Rapid Commit option") or this server is authoritative.
func (s *Server) Decide6(p *policy6.Policy, q *Query, now lease.Time, b *lease.Batch, a *Answer) {
	a.reset()
	d := decision{Server: s, p: p, q: q, now: now, b: b, a: a}
	if q.Type == LeaseQuery {
		d.leaseQuery()
		return
	}
	if why := d.validate(); why != frame.OK {
		a.Reason = why
		return
	}
	if a.Source = p.Source(q.Port, q.Dst, q.Src); a.Source.IsZero() {
		d.silent(frame.NoServerAddr)
		return
	}
	if d.unicast() {
		switch p.Unicast {
		case policy6.UnicastDiscard:
			d.silent(frame.Unicast6)
			return
		case policy6.UnicastRefuse:
			// RFC 8415 §18.4: "a Status Code option with the value UseMulticast, a
			// Server Identifier option …, the Client Identifier option …, and no
			// other options".
			a.Type, a.Status = Reply, Status{true, UseMulticast, textMulticast}
			return
		}
	}
	if !d.locate() {
		d.silent(frame.NoSubnet)
		return
	}
	if d.notices.n.Load() != 0 && (q.Type == Renew || q.Type == Rebind || q.Type == InformationRequest) {
		d.notices.heard(q.Client.DUID, q.Type)
	}
	switch q.Type {
	case Confirm:
		if d.classify() {
			d.confirm()
		}
		return
	case InformationRequest:
		d.inform()
		return
	}
	if d.Failed != nil && d.Failed() {
		// What cannot be acknowledged later is not advertised now.
		d.silent(frame.NotDurable)
		return
	}
	switch q.Type {
	case Release, Decline:
		d.giveBack()
	case Solicit, Request, Renew, Rebind:
		if !d.classify() {
			return
		}
		switch q.Type {
		case Solicit:
			d.solicit()
		case Request:
			d.request()
		default:
			d.extend()
		}
	}
	switch {
	case a.Type == 0:
	case d.busy, d.split:
		// The client asks again, and finds what was done so far.
		d.silent(frame.Contended)
	}
}

// silent makes the answer none.
func (d *decision) silent(why frame.Reason) {
	d.a.reset()
	d.a.Reason = why
}

// validate is RFC 8415 §16, and what no server answers.
func (d *decision) validate() frame.Reason {
	p, q := d.p, d.q
	client, server := true, true // must be there
	switch q.Type {
	case Solicit, Confirm, Rebind:
		// §16.2, §16.5, §16.7: "MUST discard any … that do not include a Client
		// Identifier option or that do include a Server Identifier option".
		if q.HasServerID {
			return frame.BadRequest
		}
		server = false
	case Request, Renew, Release, Decline: // §16.4, §16.6, §16.8, §16.9
	case InformationRequest:
		// §16.12: "the message includes an IA option".
		if q.NIAs > 0 {
			return frame.BadRequest
		}
		client, server = false, false
	case Advertise, Reply, Reconfigure: // §16.3, §16.10, §16.11
		return frame.FromServer
	default:
		return frame.NoType
	}
	switch {
	case p.Ours(q.Src):
		// The answer would be sent to ourselves.
		return frame.FromServer
	case q.Src.IsZero(), policy6.Multicast(q.Src):
		return frame.BadRequest
	case client && len(q.Client.DUID) == 0:
		return frame.NoClientID
	case len(q.Client.DUID) > lease6.MaxDUID:
		return frame.BadDUID // §11.1
	case server && !q.HasServerID:
		return frame.NoServerID
	case q.HasServerID && !bytes.Equal(q.ServerID, p.ServerID):
		d.otherServer()
		return frame.OtherServer
	case d.unicast() && (q.Type == Solicit || q.Type == Confirm || q.Type == Rebind || q.Type == InformationRequest):
		// §16: "A server MUST discard any Solicit, Confirm, Rebind, or
		// Information-request messages it receives with a Layer 3 unicast
		// destination address."
		return frame.Unicast6
	case p.Authorization == policy.Unauthorized:
		// [MS-DHCPE] §3.2.5: a server that is not authorized processes nothing.
		return frame.Unauthorized
	case p.StrictUserClass && len(q.UserClass) > 0 && !policy6.UserClassList(q.UserClass):
		// [MS-DHCPE] §3.2.5.6: "MUST silently discard the DHCP message".
		return frame.BadOption
	}
	return frame.OK
}

// unicast says whether the client sent the message to an address of ours. A relay
// agent may do so.
func (d *decision) unicast() bool { return d.q.Relays == 0 && !policy6.Multicast(d.q.Dst) }

// locate finds the subnet of the client's link.
func (d *decision) locate() bool {
	q := d.q
	if q.Subnet != nil && !d.unicast() {
		d.subnet = q.Subnet
		return true
	}
	sel := policy6.Selector{
		Port: q.Port, NTags: q.NTags, VLAN: q.VLAN,
		Relayed: q.Relays > 0, Link: q.Link, InterfaceID: q.Client.InterfaceID,
	}
	if d.unicast() && !policy6.LinkLocal(q.Src) {
		sel.Source = q.Src
	}
	d.subnet = d.p.Select(&sel)
	return d.subnet != nil
}

// identify fills what is known of the client beside the message.
func (d *decision) identify() {
	q := d.q
	c := &q.Client
	if len(c.LinkLayer) == 0 {
		d.linkLayer()
	}
	d.res = d.subnet.Reservation(c)
	d.name = d.res.Name(q.FQDN, &q.room.name)
	c.Host = d.p.FQDN.Record(d.name, q.room.host[:])
	// One by one: a copy of the whole would wait for what was written a moment ago.
	to := &d.req.Client
	to.DUID, to.LinkLayer, to.InterfaceID = c.DUID, c.LinkLayer, c.InterfaceID
	to.RemoteID, to.SubscriberID, to.RelayID, to.Host = c.RemoteID, c.SubscriberID, c.RelayID, c.Host
	// The table keeps where the client's messages come from: its relay agent, or
	// itself on the link. It is the peer of RFC 5007 §4.1.2.4, and the next hop to
	// what is delegated to the client. From its global address a client writes
	// whatever the way to it is.
	d.peer, d.path = nil, nil
	if q.Relays > 0 || policy6.LinkLocal(q.Src) {
		q.Src.Put(q.room.via[:])
		d.peer = q.room.via[:16]
		d.path = d.peer
	}
	if q.Relays == 1 && len(c.Peer) == 16 && d.reconfigurable() {
		// To who has nothing but prefixes a Reconfigure message goes as it came.
		q.Link.Put(q.room.via[16:])
		copy(q.room.via[32:], c.Peer)
		d.path = q.room.via[:]
	}
	if d.req.Who = q.Who; q.Who == nil {
		d.Table.Meet(&q.room.who, c.DUID)
		d.req.Who = &q.room.who
	}
	d.req.Reconfigure = d.accept()
	d.req.Scope = d.subnet.Scope
	d.req.Layout = d.p.Layout.Generation
}

// linkLayer takes the client's MAC out of its address, if that was made from it
// (RFC 4291 appendix A).
func (d *decision) linkLayer() {
	q := d.q
	addr := q.Src
	if q.Relays > 0 {
		if len(q.Client.Peer) != 16 {
			return
		}
		addr = lease6.IP6From(q.Client.Peer)
	}
	if addr.Lo>>24&0xffff != 0xfffe {
		return
	}
	binary.BigEndian.PutUint64(q.room.ll[:], 1<<48|(addr.Lo>>16&0xffffff000000^2<<40)|addr.Lo&0xffffff)
	q.Client.LinkLayer = q.room.ll[:]
}

// classify finds the client's reservation and classes, and from them whether it is
// served at all; false: it is not, and d is silent. Nothing has changed so far, so a
// codec without Packet can hand the message to one that has it.
func (d *decision) classify() bool {
	d.identify()
	d.gather()
	m := &d.q.room.class
	switch {
	case d.p.Undecided(d.subnet, m):
		d.silent(frame.PuntClass)
		return false
	case d.p.Denied(m):
		d.silent(frame.Filtered)
		return false
	}
	return true
}

// gather finds the client's classes.
func (d *decision) gather() {
	q := d.q
	if !d.p.HasClasses() {
		q.room.class.Clear()
		return
	}
	q.room.facts = policy6.Facts{
		Client: &q.Client, VendorClass: q.VendorClass[:], UserClass: q.UserClass, Arch: q.Arch,
		Link: q.Link, Port: q.Port, NTags: q.NTags, VLAN: q.VLAN, Reservation: d.res, Packet: q.Packet,
	}
	d.p.Classify(&q.room.facts, &q.room.class)
}

func (d *decision) in() *policy.ClassSet { return &d.q.room.class.In }

// otherServer takes back what was advertised to a client that chose another server.
func (d *decision) otherServer() {
	q := d.q
	if q.Type != Request || len(q.Client.DUID) == 0 || !d.locate() {
		return
	}
	for i := range q.NIAs {
		d.Table.Withdraw(d.subnet.Scope, q.Client.DUID, q.IAs[i].IA, d.now)
	}
}
