// SPDX-License-Identifier: Apache-2.0

package exchange

import (
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
	textLimit        = "you have as many leases as you may"
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
	// serverID and source are who we are on that link.
	serverID, source lease.IP4
	res              *policy.Reservation
	in               *policy.ClassSet // the client's classes
	flex             []byte           // value of the policy's FlexID
	req              lease.Request
	// override is the relay agent's server identifier (RFC 5107), from this
	// message or, where no relay agent saw it, from the last one that it did.
	override lease.IP4
	vpn      vpn
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
	q.furnish()
	*a = Answer{}
	var d decision
	d.Server, d.p, d.q, d.now, d.b, d.a, d.override = s, p, q, now, b, a, q.ServerOverride
	d.decide()
	q.Forget()
}

func (d *decision) decide() {
	p, q := d.p, d.q
	switch q.Type {
	case Discover, Request, Decline, Release, Inform, Bootp, LeaseQuery:
	case Offer, Ack, Nak:
		d.silent(frame.FromServer)
		return
	default:
		d.silent(frame.NoType)
		return
	}
	switch {
	case p.Ours(q.Src), q.Giaddr != 0 && p.Ours(q.Giaddr):
		// It is our own, or claims that we have relayed it: the answer would be
		// sent to ourselves.
		d.silent(frame.FromServer)
		return
	case !host(q.Ciaddr) && q.Ciaddr != 0, !host(q.Giaddr) && q.Giaddr != 0:
		// Answers are sent there, and these are not one host's addresses.
		d.silent(frame.BadRequest)
		return
	case p.Authorization == policy.Unauthorized:
		// [MS-DHCPE] §3.2.5: a server that is not authorized processes nothing.
		d.silent(frame.Unauthorized)
		return
	case q.Type == LeaseQuery:
		d.leaseQuery()
		return
	case p.StrictUserClass && len(q.UserClass) > 0 && !policy.IsMicrosoft(q.VendorClass) && !policy.UserClassList(q.UserClass):
		// §3.2.5.6: "If the option length or any of the values in the User Class
		// option are inconsistent with the data sent, the DHCP servers … MUST
		// silently discard the DHCP message."
		d.silent(frame.BadOption)
		return
	}
	if p.HasFlexID() && q.Options == nil {
		d.silent(frame.PuntClass) // only the complete codec can evaluate it
		return
	}
	if !d.identifyIn(nil, &q.Client) {
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
	case Bootp:
		d.bootp()
	}
}

// host says whether an address can be one host's: none of "this network", of
// loopback, of multicast or beyond (RFC 1122 §3.2.1.3).
func host(a lease.IP4) bool {
	net := a >> 24
	return net != 0 && net != 127 && net < 224
}

func (d *decision) silent(why frame.Reason) { d.a.Reason = why }

func (d *decision) failed() bool { return d.Failed != nil && d.Failed() }

func (d *decision) direct() bool { return d.q.direct(d.p) }

// ours says whether option 54 names this server (RFC 2131 §4.1; RFC 5107 §4: or
// what the relay agent says that we are called).
func (d *decision) ours() bool {
	return d.q.ServerID == d.override && d.override != 0 || d.p.Ours(d.q.ServerID)
}

// locate finds the subnet of the client's link; false: none, and d is silent.
func (d *decision) locate() bool {
	q := d.q
	if q.look.by == d.p {
		d.subnet = q.look.subnet
	} else {
		d.subnet = q.link(d.p)
	}
	if d.subnet == nil {
		d.silent(frame.NoSubnet)
		return false
	}
	if d.subnet.Identity != d.p.Identity && !d.identifyIn(d.subnet, &q.Client) {
		d.silent(frame.BadRequest)
		return false
	}
	if d.serverID, d.source = d.p.Server(q.Port, d.subnet, q.Dst); d.source == 0 {
		d.silent(frame.NoServerAddr)
		return false
	}
	return d.virtual()
}

// identifyIn says what the client is known by in a subnet (nil: it is not known
// yet which); false: by nothing.
func (d *decision) identifyIn(s *policy.Subnet, c *lease.Client) bool {
	identity := d.p.Identity
	if s != nil {
		identity = s.Identity
	}
	identity.Identify(c, d.q.id[:])
	return c.Kind != lease.KindHW || len(c.HW) > 0
}

// prepare fills the request to the lease table.
func (d *decision) prepare() {
	d.req.Client = d.q.Client
	d.req.Scope = d.subnet.Scope
	d.req.Layout = d.p.Layout.Generation
	if !d.known() {
		d.reservation()
		return
	}
	if d.res = d.q.look.res; d.res != nil {
		d.req.Reserved = d.res.Addr
	}
}

// known says whether the client was recognized before.
func (d *decision) known() bool { return d.q.look.by == d.p && d.q.look.recognized }

// reservation looks for what is configured for the client.
func (d *decision) reservation() {
	d.req.Reserved = 0
	if d.p.HasFlexID() {
		d.flex = d.p.FlexID(&d.req.Client, d.q.Giaddr, d.q.Options)
	}
	if d.res = d.subnet.ReservationOf(&d.req.Client, d.flex); d.res != nil {
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
	if !d.classify() {
		return
	}
	// "The client's current address …, ELSE … previous address …, ELSE … the
	// 'Requested IP Address' option …, ELSE a new address": the table's order.
	d.req.Want = d.q.Requested
	addr, out := d.offer()
	if out != lease.OK {
		if out != lease.Full || !d.noAddress(d.subnet, d.subnet.Options) {
			d.silent(refusal(out))
		}
		return
	}
	at, options, inPool := d.subnet.Place(addr)
	if at == nil {
		d.silent(frame.PoolFull)
		return
	}
	if inPool && d.v6only(options) && d.req.Reserved != addr {
		// "the server SHOULD NOT reserve the address".
		d.Table.Withdraw(d.subnet.Scope, &d.req.Client, d.now)
		d.noAddress(at, options)
		return
	}
	if !d.within(addr) {
		d.Table.Withdraw(d.subnet.Scope, &d.req.Client, d.now)
		d.silent(frame.Filtered)
		return
	}
	times := d.p.Times(at, addr, d.in)
	valid := times.For(d.q.WantTime, d.q.HasTime)
	d.a.Yiaddr = addr
	if d.q.RapidCommit && d.subnet.RapidCommit {
		// RFC 4039 §3: "with a DHCPACK that includes the Rapid Commit option and
		// fully committed address and configuration information". Where it
		// cannot be committed there is still the offer.
		d.name(at, options, addr)
		if out, g := d.commit(addr, valid); out == lease.OK {
			d.a.Wait = g.Ticket
			d.answer(Ack, at, options)
			d.times(times, g.Valid)
			d.own(optRapidCommit)
			d.giveNonce(addr)
			return
		}
	}
	d.answer(Offer, at, options)
	d.offerNonce()
	// §4.3.1 would have a client that has a lease and asks for no time offered
	// the rest of it. The REQUEST that follows starts the lease anew, so the
	// offer says what that will give.
	d.times(times, valid)
}

// offer holds an address for the client.
func (d *decision) offer() (lease.IP4, lease.Outcome) {
	addr, out := d.Table.Offer(&d.req, d.p.OfferHold, d.now)
	if out == lease.Taken {
		// Somebody still holds what is reserved for this client. It is served
		// from the pools until the other's lease ends or is refused.
		d.req.Reserved = 0
		addr, out = d.Table.Offer(&d.req, d.p.OfferHold, d.now)
	}
	return addr, out
}

// refusal is why the table has no address for a client.
func refusal(out lease.Outcome) frame.Reason {
	switch out {
	case lease.BadClient:
		return frame.BadRequest
	case lease.Busy:
		return frame.Contended
	case overLimit:
		return frame.Filtered
	}
	return frame.PoolFull
}
