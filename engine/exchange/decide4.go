// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Texts of option 56 in a NAK (RFC 2132 §9.9).
const (
	textWrongNetwork = "the address is not on this network"
	textNotYours     = "the address is not yours"
	textReserved     = "the address is reserved for another client"
	textMoved        = "another address is reserved for you"
	textUnknown      = "no record of this lease"
)

// A decision is one message on its way to its answer.
type decision struct {
	*Server
	p   *policy.Policy
	q   *Query
	b   *lease.Batch
	a   *Answer
	now lease.Time

	subnet *policy.Subnet // that stands for the client's link
	res    *policy.Reservation
	req    lease.Request
	// override is the relay agent's server identifier (RFC 5107), from this
	// message or, where no relay agent saw it, from the last one that it did.
	override lease.IP4
}

// Decide4 answers q: *a is overwritten. Changes of the lease table go into b.
//
// A client that renews a lease of which there is no record (the journal was
// asynchronous, a backup was restored) gets it anew if the address is in a pool,
// free and nobody else's: the client uses it anyway, and a NAK would cut its
// connections to give it, at best, the same address again. It is what Kea's
// allocation engine does. Policy.NoRecreate turns it off. It holds for a
// message sent to us alone (RENEWING); a broadcast (REBINDING) may be meant for
// another server on the link, so there only an authoritative one does this
// (RFC 2131 §4.3.2: "only if it has local administrative authority to do so").
func (s *Server) Decide4(p *policy.Policy, q *Query, now lease.Time, b *lease.Batch, a *Answer) {
	*a = Answer{}
	d := decision{Server: s, p: p, q: q, now: now, b: b, a: a, override: q.ServerOverride}
	switch q.Type {
	case Discover, Request, Decline, Release, Inform:
	case Offer, Ack, Nak:
		d.silent(frame.FromServer)
		return
	default:
		d.silent(frame.NoType)
		return
	}
	p.Identity.Identify(&q.Client, q.id[:])
	if q.Client.Kind == lease.KindHW && len(q.Client.HW) == 0 {
		// RFC 6842 §2: without a hardware address the client identifier is
		// what tells clients apart, and here is neither.
		d.silent(frame.BadRequest)
		return
	}
	switch q.Type {
	case Discover:
		d.discover()
	case Request:
		d.request()
	case Decline:
		d.decline()
	case Release:
		d.release()
	case Inform:
		d.inform()
	}
}

func (d *decision) silent(why frame.Reason) { d.a.Reason = why }

func (d *decision) failed() bool { return d.Failed != nil && d.Failed() }

// direct says whether the client sent the message to us and to nobody else. The
// relay agent of RFC 5107 is us in the client's eyes.
func (d *decision) direct() bool {
	if d.q.Giaddr != 0 {
		return d.q.ServerOverride != 0
	}
	return d.q.Dst != 0 && d.p.Ours(d.q.Dst)
}

// ours says whether option 54 names this server (RFC 2131 §4.1; RFC 5107 §4: or
// what the relay agent says that we are called).
func (d *decision) ours() bool {
	return d.q.ServerID == d.override && d.override != 0 || d.p.Ours(d.q.ServerID)
}

// locate finds the subnet of the client's link; false: none, and d is silent.
func (d *decision) locate() bool {
	q := d.q
	sel := policy.Selector{
		Port: q.Port, NTags: q.NTags, VLAN: q.VLAN,
		LinkSelection: q.LinkSelection, SubnetSelection: q.SubnetSelection, Giaddr: q.Giaddr,
	}
	if d.direct() {
		sel.Ciaddr = q.Ciaddr
	}
	d.subnet = d.p.Select(&sel)
	if d.subnet == nil {
		d.silent(frame.NoSubnet)
		return false
	}
	return true
}

// prepare fills the request to the lease table.
func (d *decision) prepare() {
	d.req.Client = d.q.Client
	d.req.Scope = d.subnet.Scope
	d.req.Layout = d.p.Layout.Generation
	d.req.Pools = d.subnet.Choice
	d.res = d.subnet.Reservation(&d.req.Client)
	if d.res != nil {
		d.req.Reserved = d.res.Addr
	}
}

// discover is RFC 2131 §4.3.1.
func (d *decision) discover() {
	if !d.locate() {
		return
	}
	if d.failed() {
		// What cannot be acknowledged later is not offered now.
		d.silent(frame.NotDurable)
		return
	}
	d.prepare()
	// "The client's current address …, ELSE … previous address …, ELSE … the
	// 'Requested IP Address' option …, ELSE a new address": the table's order.
	d.req.Want = d.q.Requested
	addr, out := d.Table.Offer(&d.req, d.p.OfferHold, d.now)
	if out == lease.Taken {
		// Somebody still holds what is reserved for this client. It is served
		// from the pools until the other's lease ends or is refused.
		d.req.Reserved = 0
		addr, out = d.Table.Offer(&d.req, d.p.OfferHold, d.now)
	}
	if out != lease.OK {
		d.silent(refusal(out))
		return
	}
	at, options, _ := d.subnet.Place(addr)
	if at == nil {
		d.silent(frame.PoolFull)
		return
	}
	d.a.Yiaddr = addr
	d.answer(Offer, at, options)
	// §4.3.1 would have a client that has a lease and asks for no time offered
	// the rest of it. The REQUEST that follows starts the lease anew, so the
	// offer says what that will give.
	d.times(at, at.Times.For(d.q.WantTime, d.q.HasTime))
}

// refusal is why the table has no address for a client.
func refusal(out lease.Outcome) frame.Reason {
	switch out {
	case lease.BadClient:
		return frame.BadRequest
	case lease.Busy:
		return frame.Contended
	}
	return frame.PoolFull
}

// request is RFC 2131 §4.3.2. Which of the four states the client is in follows
// from what it fills in (§4.3.6, table 4).
func (d *decision) request() {
	q := d.q
	switch {
	case q.HasServerID && !d.ours():
		// The client chose another server: RFC 2131 §3.1 step 4, "those servers
		// not selected by the DHCPREQUEST message use the message as
		// notification that the client has declined that server's offer".
		if d.locate() {
			d.Table.Withdraw(d.subnet.Scope, &q.Client, d.now)
		}
		d.silent(frame.OtherServer)
	case q.HasServerID && q.Ciaddr == 0 && q.Requested != 0:
		d.selecting()
	case !q.HasServerID && q.Ciaddr == 0 && q.Requested != 0:
		d.rebooting()
	case !q.HasServerID && q.Ciaddr != 0 && !q.HasRequested:
		d.renewing()
	default:
		d.silent(frame.BadRequest)
	}
}

// ready is what the states of a REQUEST have in common at their beginning.
func (d *decision) ready() bool {
	if !d.locate() {
		return false
	}
	if d.failed() {
		// Not even a NAK: what the table says may be more than the disk knows.
		d.silent(frame.NotDurable)
		return false
	}
	d.prepare()
	return true
}

// selecting: the client accepts our offer.
func (d *decision) selecting() {
	if d.ready() {
		d.bind(d.q.Requested)
	}
}

// rebooting: the client asks whether the address that it remembers is right.
func (d *decision) rebooting() {
	if !d.ready() {
		return
	}
	addr := d.q.Requested
	if at, _, _ := d.subnet.Place(addr); at == nil {
		// "If the DHCP server detects that the client is on the wrong net …
		// the server SHOULD send a DHCPNAK": that takes no record.
		d.nak(textWrongNetwork)
		return
	}
	v, known := d.find()
	switch {
	case d.req.Reserved == addr, known && v.Addr == addr:
		d.bind(addr)
	case known:
		// "If the network is correct, then the DHCP server should check if the
		// client's notion of its IP address is correct. If not, then the
		// server SHOULD send a DHCPNAK".
		d.nak(textNotYours)
	case d.req.Reserved != 0:
		d.nak(textMoved)
	case d.p.Authoritative:
		d.nak(textUnknown)
	default:
		// "If the DHCP server has no record of this client, then it MUST remain
		// silent".
		d.silent(frame.UnknownClient)
	}
}

// find is the client's record in the scope: a lease, or one that it had. An offer
// is not one, nor is an address that it declined.
func (d *decision) find() (lease.View, bool) {
	v, ok := d.Table.Find(d.req.Scope, &d.req.Client, d.now)
	switch v.Status {
	case lease.Bound, lease.Expired, lease.Released:
		return v, ok
	}
	return v, false
}

// renewing: the client has the address and wants it for longer. RENEWING and
// REBINDING differ in whom the message is addressed to.
func (d *decision) renewing() {
	if !d.ready() {
		return
	}
	addr := d.q.Ciaddr
	d.recall(addr)
	// "The DHCP server SHOULD check 'ciaddr' for correctness before replying".
	at, _, inPool := d.subnet.Place(addr)
	if at == nil {
		d.unknown(textWrongNetwork)
		return
	}
	v, known := d.find()
	switch {
	case d.req.Reserved == addr, known && v.Addr == addr:
		d.bind(addr)
	case known && v.Status == lease.Bound:
		d.nak(textNotYours)
	case inPool && !d.p.NoRecreate && (d.p.Authoritative || d.direct()):
		d.bind(addr) // see Decide4
	default:
		d.unknown(textUnknown)
	}
}

// unknown answers for a lease that is not known here: nothing, unless no other
// server can know it either.
func (d *decision) unknown(text string) {
	if d.p.Authoritative {
		d.nak(text)
		return
	}
	d.silent(frame.UnknownClient)
}

// recall replaces what no relay agent has told about a client that writes to us
// directly by what one told when the client got addr: RFC 3046 §2.2, servers
// "MUST NOT expect [relay agent options] to always be there", and RFC 5107 §4,
// the server "must also record the address in the suboption for use in
// subsequent messages".
func (d *decision) recall(addr lease.IP4) {
	q := d.q
	if q.Giaddr != 0 || len(q.Client.Relay) != 0 || !d.Table.Lookup(addr, &q.record) {
		return
	}
	e := &q.record
	if len(e.Relay) == 0 || e.HType != q.Client.HType || !bytes.Equal(e.HW, q.Client.HW) {
		return // never behind a relay agent, or another client's record
	}
	d.req.Client.Relay = e.Relay
	d.p.Identity.Identify(&d.req.Client, q.id[:])
	if d.subnet != nil {
		d.res = d.subnet.Reservation(&d.req.Client)
		d.req.Reserved = 0
		if d.res != nil {
			d.req.Reserved = d.res.Addr
		}
	}
	if o := policy.SubOption(e.Relay, subServerOverride); len(o) == 6 {
		d.override = lease.IP4From(o[2:])
	}
}

// subServerOverride is the sub-option of RFC 5107 §4.
const subServerOverride = 11

// bind gives addr to the client and acknowledges it, or says NAK.
func (d *decision) bind(addr lease.IP4) {
	at, options, _ := d.subnet.Place(addr)
	if at == nil {
		d.nak(textWrongNetwork)
		return
	}
	if r := d.subnet.ReservedAt(addr); r != nil && r != d.res {
		// The configuration gave the address to another client after this one
		// leased it. The lease ends here, so that the other finds it free.
		d.Table.Release(d.req.Scope, &d.req.Client, addr, d.now, d.b)
		d.nak(textReserved)
		return
	}
	if d.req.Reserved != 0 && d.req.Reserved != addr {
		if !d.taken(d.req.Reserved) {
			d.nak(textMoved) // and the next DISCOVER gets it
			return
		}
		d.req.Reserved = 0
	}
	valid := at.Times.For(d.q.WantTime, d.q.HasTime)
	out, g := d.Table.Commit(&d.req, addr, valid, d.now, d.b)
	switch out {
	case lease.OK:
	case lease.BadClient, lease.Busy:
		d.silent(refusal(out))
		return
	default:
		// RFC 2131 §3.1 step 4: "If the selected server is unable to satisfy the
		// DHCPREQUEST message (e.g., the requested network address has been
		// allocated), the server SHOULD respond with a DHCPNAK message."
		d.nak(textNotYours)
		return
	}
	d.a.Yiaddr = addr
	d.a.Ciaddr = d.q.Ciaddr
	d.a.Wait = g.Ticket
	d.answer(Ack, at, options)
	d.times(at, g.Valid)
}

// taken says whether another client has a lease on the address.
func (d *decision) taken(addr lease.IP4) bool {
	e := &d.q.rival
	if !d.Table.Lookup(addr, e) || e.Status != lease.Bound || e.Expires <= d.now {
		return false
	}
	return e.Kind != d.req.Client.Kind || !bytes.Equal(e.ID, d.req.Client.ID)
}

// decline is RFC 2131 §4.3.3, for a client that names the address and us
// (§4.4.4, table 5) and holds the address.
func (d *decision) decline() {
	q := d.q
	switch {
	case !q.HasServerID || q.Requested == 0:
		d.silent(frame.BadRequest)
		return
	case !d.ours():
		d.silent(frame.OtherServer)
		return
	case d.failed():
		d.silent(frame.NotDurable)
		return
	}
	s := d.p.SubnetOf(q.Requested)
	if s == nil || d.Table.Decline(s.Scope, &q.Client, q.Requested, d.p.Probation, d.now, d.b) != lease.OK {
		d.silent(frame.NotHolder)
		return
	}
	d.silent(frame.Declined)
}

// release is RFC 2131 §4.3.4. Client and address must match (§3.1 step 6). A
// client that forgets option 54 has still written to us.
func (d *decision) release() {
	q := d.q
	switch {
	case q.Ciaddr == 0:
		d.silent(frame.BadRequest)
		return
	case q.HasServerID && !d.ours():
		d.silent(frame.OtherServer)
		return
	case d.failed():
		d.silent(frame.NotDurable)
		return
	}
	d.req.Client = q.Client
	d.recall(q.Ciaddr)
	s := d.p.SubnetOf(q.Ciaddr)
	if s == nil || d.Table.Release(s.Scope, &d.req.Client, q.Ciaddr, d.now, d.b) != lease.OK {
		d.silent(frame.NotHolder)
		return
	}
	d.silent(frame.Released)
}

// inform is RFC 2131 §4.3.5: options for a client that has its address from
// elsewhere. No lease is looked at and none is made (§3.4), so a failed journal
// does not matter.
func (d *decision) inform() {
	q := d.q
	if !d.locate() {
		return
	}
	addr := q.Ciaddr
	if addr == 0 && q.Giaddr == 0 {
		addr = q.Src // of a client that forgot ciaddr
	}
	// "The server SHOULD check the network address in a DHCPINFORM message for
	// consistency": it must be on the client's link, or at least in a subnet of
	// ours, which then says what fits it.
	at, options := d.subnet, d.subnet.Options
	if addr != 0 {
		at, options, _ = d.subnet.Place(addr)
		if at == nil {
			if at = d.p.SubnetOf(addr); at == nil {
				d.silent(frame.NoSubnet)
				return
			}
			options = at.Options
		}
	} else if q.Giaddr == 0 {
		d.silent(frame.BadRequest)
		return
	}
	d.res = at.Reservation(&q.Client)
	d.a.Ciaddr = q.Ciaddr
	d.answer(Ack, at, options)
	if addr != 0 {
		// "sending a DHCPACK message directly to the address given in the
		// 'ciaddr' field", relay agent or not.
		d.a.To, d.a.DestIP = ToCiaddr, addr
	} else {
		// The relay agent cannot find the client by an address: as in a NAK,
		// it must broadcast.
		d.a.Flags |= FlagBroadcast
	}
}
