// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

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
	if d.ready() && d.classify() {
		d.bind(d.q.Requested)
	}
}

// rebooting: the client asks whether the address that it remembers is right.
func (d *decision) rebooting() {
	if !d.ready() || !d.classify() {
		return
	}
	addr := d.q.Requested
	if at, _, _ := d.subnet.Place(addr); at == nil {
		if _, known := d.find(addr); d.p.SilentReboot && !known && !d.subnet.Authoritative {
			d.silent(frame.UnknownClient)
			return
		}
		// "If the DHCP server detects that the client is on the wrong net …
		// the server SHOULD send a DHCPNAK": that takes no record.
		d.nak(textWrongNetwork)
		return
	}
	v, known := d.find(addr)
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
	case d.subnet.Authoritative:
		d.nak(textUnknown)
	default:
		// "If the DHCP server has no record of this client, then it MUST remain
		// silent".
		d.silent(frame.UnknownClient)
	}
}

// find is the client's record in the scope: a lease, or one that it had. An offer
// is one for the offered address only, an address that it declined is none.
func (d *decision) find(addr lease.IP4) (lease.View, bool) {
	v, ok := d.Table.Find(d.req.Scope, &d.req.Client, d.now)
	switch v.Status {
	case lease.Bound, lease.Expired, lease.Released:
		return v, ok
	case lease.Offered:
		return v, ok && v.Addr == addr
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
	mine := d.recall(addr)
	if !d.classify() {
		return
	}
	// "The DHCP server SHOULD check 'ciaddr' for correctness before replying".
	at, _, inPool := d.subnet.Place(addr)
	if at == nil {
		d.unknown(textWrongNetwork)
		return
	}
	if mine || d.req.Reserved == addr {
		d.bind(addr)
		return
	}
	v, known := d.find(addr)
	switch {
	case known && v.Status == lease.Bound:
		d.nak(textNotYours)
	case d.direct() && d.subnet.ReservedAt(addr) != nil:
		d.nak(textReserved)
	case inPool && !d.p.NoRecreate && (d.subnet.Authoritative || d.direct()):
		d.bind(addr) // see Decide4
	default:
		d.unknown(textUnknown)
	}
}

// unknown answers for a lease that is not known here: nothing, unless no other
// server can know it either.
func (d *decision) unknown(text string) {
	if d.subnet.Authoritative {
		d.nak(text)
		return
	}
	d.silent(frame.UnknownClient)
}

// recall looks at the record of addr and says whether it is this client's: a
// lease, an offer, or one that was.
//
// From the record it takes what no relay agent has told about a client that
// writes to us directly: RFC 3046 §2.2, servers "MUST NOT expect [relay agent
// options] to always be there", and RFC 5107 §4, the server "must also record
// the address in the suboption for use in subsequent messages".
func (d *decision) recall(addr lease.IP4) (mine bool) {
	q, e, c := d.q, &d.q.record, &d.req.Client
	if !d.Table.Lookup(addr, e) || e.Status == lease.None || e.Status == lease.Declined {
		return false
	}
	if q.Giaddr == 0 && len(c.Relay) == 0 && len(e.Relay) != 0 && e.HType == c.HType && bytes.Equal(e.HW, c.HW) {
		c.Relay = e.Relay
		q.Forget() // it did not know this
		d.identifyIn(d.p.SubnetOf(addr), c)
		if d.subnet != nil {
			d.reservation()
		}
		if o := policy.SubOption(e.Relay, subServerOverride); len(o) == 6 {
			d.override = lease.IP4From(o[2:])
		}
	}
	return d.holds(e)
}

// holds says whether a record is this client's.
func (d *decision) holds(e *lease.Entry) bool {
	c := &d.req.Client
	return e.Scope == d.req.Scope && e.Kind == c.Kind && bytes.Equal(e.ID, c.ID)
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
		if d.Table.Release(d.req.Scope, &d.req.Client, addr, d.now, d.b) == lease.OK {
			d.ended(d.subnet, addr)
		}
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
	times := d.p.Times(at, addr, d.in)
	valid := times.For(d.q.WantTime, d.q.HasTime)
	d.name(at, options, addr)
	out, g := d.commit(addr, valid)
	switch out {
	case lease.OK:
	case overLimit:
		d.Table.Withdraw(d.req.Scope, &d.req.Client, d.now)
		d.nak(textLimit)
		return
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
	d.times(times, g.Valid)
	d.giveNonce(addr)
}

// taken says whether an address cannot be had at the moment: another client holds
// it, or it is on probation. An end that has passed counts when the table has seen
// to it, since the table does not give the address out before.
func (d *decision) taken(addr lease.IP4) bool {
	e := &d.q.rival
	if !d.Table.Lookup(addr, e) {
		return false
	}
	switch e.Status {
	case lease.Bound, lease.Offered:
		return !d.holds(e)
	case lease.Declined:
		return true
	}
	return false
}
