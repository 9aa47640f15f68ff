// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

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
	d.identifyIn(s, &q.Client)
	d.req.Client = q.Client
	if s == nil || d.Table.Decline(s.Scope, &q.Client, q.Requested, d.p.Probation, d.now, d.b) != lease.OK {
		d.silent(frame.NotHolder)
		return
	}
	d.ended(s, q.Requested)
	d.silent(frame.Declined)
}

// release is RFC 2131 §4.3.4. Client and address must match (§3.1 step 6). A
// client that forgets option 54 has still written to us.
func (d *decision) release() {
	q := d.q
	if q.Ciaddr == 0 {
		d.silent(frame.BadRequest)
		return
	}
	s := d.p.SubnetOf(q.Ciaddr)
	d.identifyIn(s, &q.Client)
	d.req.Client = q.Client
	d.recall(q.Ciaddr)
	switch {
	case q.HasServerID && !d.ours():
		d.silent(frame.OtherServer)
		return
	case d.failed():
		d.silent(frame.NotDurable)
		return
	}
	if s == nil || d.Table.Release(s.Scope, &d.req.Client, q.Ciaddr, d.now, d.b) != lease.OK {
		d.silent(frame.NotHolder)
		return
	}
	d.ended(s, q.Ciaddr)
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
	d.req.Client = q.Client
	d.reservation()
	// [MS-DHCPE] §3.2.5.4: the filters are for an INFORM that "does not contain
	// Rogue Detection Request Option".
	rogue := policy.SubOption(q.VendorOptions, subRogueRequest) != nil
	if !d.classify() && (d.a.Reason != frame.Filtered || !rogue) {
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
	d.res = at.ReservationOf(&q.Client, d.flex)
	d.a.Ciaddr = q.Ciaddr
	d.answer(Ack, at, options)
	switch {
	case rogue:
		d.own(optVendorOptions, d.p.RogueReply())
	case bytes.IndexByte(q.PRL, optUserClass) >= 0:
		d.ownBlock(d.p.ClassList())
	}
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
