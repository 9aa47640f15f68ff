// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"slices"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// solicit is RFC 8415 §18.3.1 and §18.3.9.
func (d *decision) solicit() {
	q := d.q
	if d.p.ReconfigureOnly && !q.ReconfigureAccept {
		d.silent(frame.Filtered)
		return
	}
	rapid := q.RapidCommit && d.subnet.RapidCommit
	for i := range q.NIAs {
		ia := &q.IAs[i]
		if d.ignored(ia) {
			continue
		}
		d.begin(ia)
		if !d.assign(ia, rapid) {
			d.none()
		}
	}
	if rapid && (d.a.NLeases > 0 || d.a.NIAs == 0) {
		d.configure(Reply)
		d.own(optRapidCommit)
		return
	}
	// A Reply without any lease would end the client's search for a server: it gets
	// an Advertise.
	if d.p.StatusOnTop && d.a.NLeases == 0 {
		d.statusOnTop()
	}
	d.configure(Advertise)
}

// statusOnTop is RFC 3315 §17.2.2: "If the server will not assign any addresses to any
// IAs in a subsequent Request from the client, the server MUST send an Advertise
// message to the client that includes only a Status Code option with code
// NoAddrsAvail". RFC 3633 §11.2 has the status of prefixes in the IA_PD.
func (d *decision) statusOnTop() {
	a := d.a
	n := uint8(0)
	for i := range a.NIAs {
		if a.IAs[i].Type == lease6.PD {
			a.IAs[n] = a.IAs[i]
			n++
		}
	}
	if n < a.NIAs {
		a.Status = Status{true, NoAddrsAvail, textNoAddrs}
	}
	a.NIAs = n
}

// ignored says whether an IA is as if it were not there.
func (d *decision) ignored(ia *IA) bool {
	return ia.Type == lease6.TA && d.p.Temporary == policy6.TemporaryIgnore
}

// request is RFC 8415 §18.3.2.
func (d *decision) request() {
	q := d.q
	for i := range q.NIAs {
		ia := &q.IAs[i]
		if d.ignored(ia) {
			continue
		}
		d.begin(ia)
		if ia.Type != lease6.PD && !d.onLink(ia) {
			// "If any of the prefixes of the included addresses are not appropriate for
			// the link …, the server MUST return the IA to the client with a Status
			// Code option with the value NotOnLink."
			d.status(NotOnLink, textNotOnLink)
			continue
		}
		several := len(d.res.For(ia.Type)) > 1 // then it gets them, whatever it names
		if (several || !d.take(ia)) && !d.assign(ia, true) {
			d.none()
		}
	}
	d.configure(Reply)
}

// onLink says whether all addresses of an IA are appropriate for the link.
func (d *decision) onLink(ia *IA) bool {
	for _, q := range d.leases(ia) {
		if !q.IsZero() && !d.p.OnLink(d.subnet, q) {
			return false
		}
	}
	return true
}

// leases are those that the client names in an IA.
func (d *decision) leases(ia *IA) []lease6.Prefix {
	return d.q.Leases[ia.First : ia.First+ia.N]
}

// prepare fills the request to the table with what is of this IA, but for the hint, which
// only assign needs; false: it gets nothing.
func (d *decision) prepare(ia *IA) bool {
	r := &d.req
	r.IA, r.Client.Peer = ia.IA, d.peer
	if ia.Type == lease6.PD {
		r.Client.Peer = d.path
	}
	r.Reserved = lease6.Prefix{}
	if ia.Type == lease6.TA && d.p.Temporary == policy6.TemporaryRefuse {
		return false
	}
	r.Pools = d.p.Pools(d.subnet, ia.Type, d.in(), &d.q.room.pools)
	return true
}

// hint is what the client would like: a prefix or an address of this link, else a
// length alone (RFC 8168 §3.2).
func (d *decision) hint(ia *IA) (hint lease6.Prefix) {
	for _, q := range d.leases(ia) {
		switch {
		case !q.IsZero() && d.p.OnLink(d.subnet, q):
			return q
		case q.IsZero() && ia.Type == lease6.PD && hint.IsNone():
			hint = q
		}
	}
	return hint
}

// take binds leases that an IA of a Request names: if it has some of them, all that it
// has, "the server sends a Reply message with existing bindings" (§18.3.2); else one
// that it was advertised, or that is free; false: none. Who wants several leases of the
// pools has several IAs.
func (d *decision) take(ia *IA) bool {
	if ia.N == 0 || !d.prepare(ia) {
		return false
	}
	if ia.N == 1 && !d.p.HasLimits() {
		return d.takeOne(ia)
	}
	views := d.views(ia.IA)
	for _, q := range d.leases(ia) {
		if isBound(views, q) {
			d.keep(ia, q, false)
		}
	}
	if d.last().N > 0 {
		d.keepOthers(ia, true)
		return true
	}
	for _, q := range d.leases(ia) {
		if !q.IsZero() && d.keep(ia, q, true) {
			d.leave(ia.IA)
			return true
		}
	}
	return false
}

// takeOne is take for one lease, which is what clients ask for: one step in the table,
// which tells what it found.
func (d *decision) takeOne(ia *IA) bool {
	q := d.q.Leases[ia.First]
	switch {
	case q.IsZero() || !d.keep(ia, q, true):
		return false
	case d.req.Had:
		d.keepOthers(ia, true)
	default:
		d.leave(ia.IA)
	}
	return true
}

// keepOthers adds what an IA has beside the lease that the table was asked about last,
// as far as it may keep it.
func (d *decision) keepOthers(ia *IA, bind bool) {
	if d.req.Others == 0 {
		return
	}
	for _, v := range d.views(ia.IA) {
		switch {
		case v.Status != lease.Bound || d.promised(v.Prefix) || !d.hasRoom():
		case bind:
			d.keep(ia, v.Prefix, false)
		case d.may(ia, &v):
			d.p.Place(&d.place, d.subnet, v.Prefix, d.res, d.in())
			d.promise(v.Prefix, d.place.Times.Preferred, d.place.Times.Valid)
		}
	}
}

// may says whether an IA may keep what it has.
func (d *decision) may(ia *IA, v *lease6.View) bool {
	if reserved := d.res.For(ia.Type); len(reserved) > 0 {
		return slices.Contains(reserved, v.Prefix)
	}
	return slices.Contains(d.req.Pools, v.Pool)
}

// leave ends the leases that an IA had before it got another, and may not keep. Where it
// got no other they run out, for not every message can tell it that they have ended
// (§18.3.2: "The server MUST NOT include any addresses or delegated prefixes in the IA
// that the server does not assign to the client").
func (d *decision) leave(ia lease6.IA) {
	if d.req.Others == 0 || !d.gained || d.busy {
		return
	}
	for _, v := range d.views(ia) {
		if v.Status != lease.Bound || d.promised(v.Prefix) {
			continue
		}
		extends := d.q.Type == Renew || d.q.Type == Rebind
		if extends && d.wane(&v) {
			continue
		}
		d.release(ia, v.Prefix)
		if extends {
			d.void(v.Prefix)
		}
	}
}

// promised says whether a lease is in the IA that was begun last.
func (d *decision) promised(q lease6.Prefix) bool {
	ia := d.last()
	for i := ia.First; i < ia.First+ia.N; i++ {
		if l := &d.a.Leases[i]; l.Prefix == q && l.Valid > 0 {
			return true
		}
	}
	return false
}

// views are what the table has for an IA.
func (d *decision) views(ia lease6.IA) []lease6.View {
	room := &d.q.room.views
	*room = d.Table.Leases(d.subnet.Scope, d.q.Client.DUID, ia, d.now, (*room)[:0])
	return *room
}

func isBound(views []lease6.View, q lease6.Prefix) bool {
	for i := range views {
		if views[i].Prefix == q && views[i].Status == lease.Bound {
			return true
		}
	}
	return false
}

// keep binds a lease that the client names, if it may have it; false: not. The request
// is prepared. fresh says that the IA does not have it yet.
func (d *decision) keep(ia *IA, q lease6.Prefix, fresh bool) bool {
	d.p.Place(&d.place, d.subnet, q, d.res, d.in())
	return d.keepHere(ia, q, fresh)
}

// here says whether a lease is appropriate for the link, and makes d.place its own. What
// is in a pool of the link is.
func (d *decision) here(q lease6.Prefix) bool {
	d.p.Place(&d.place, d.subnet, q, d.res, d.in())
	return d.place.Pooled || d.p.OnLink(d.subnet, q)
}

// keepHere is keep where d.place is the lease's.
func (d *decision) keepHere(ia *IA, q lease6.Prefix, fresh bool) bool {
	d.req.Reserved = lease6.Prefix{}
	if reserved := d.res.For(ia.Type); len(reserved) > 0 {
		if !slices.Contains(reserved, q) {
			return false // assign finds out whether it may keep another
		}
		d.req.Reserved = q
	}
	return d.bind(q, fresh)
}

// bind commits a lease and adds it to the answer. d.place is the lease's.
func (d *decision) bind(q lease6.Prefix, fresh bool) bool {
	if !d.hasRoom() {
		return false // what the client is not told is not extended
	}
	at := &d.place
	g, out := d.commit(q, at.Times.Preferred, at.Times.Valid, fresh)
	if out != lease.OK {
		d.busy = d.busy || out == lease.Busy
		return false
	}
	d.gained = d.gained || !d.req.Had
	d.wait(g.Ticket)
	d.promise(q, g.Preferred, g.Valid)
	return true
}

// assign finds leases for an IA: what is reserved for the client, else one of its
// pools. They are held for the client, or bound, and added to the answer; false: there
// are none.
func (d *decision) assign(ia *IA, bind bool) bool {
	if !d.prepare(ia) {
		return false
	}
	d.req.Hint = d.hint(ia)
	if !d.reserved(ia, bind) && !d.pooled(ia, bind) {
		return false
	}
	d.keepOthers(ia, bind)
	if bind {
		d.leave(ia.IA)
	}
	return true
}

// pooled finds a lease in the client's pools.
func (d *decision) pooled(ia *IA, bind bool) bool {
	// Somebody still holds what is reserved for this client, or another of its IAs
	// does. It is served from the pools.
	d.req.Reserved = lease6.Prefix{}
	if h := d.req.Hint; ia.Type == lease6.PD && h.IsZero() && h.Len > 0 && d.exact(h.Len) {
		// RFC 8168 §3.2: "the server SHOULD first check its prefix pool for a prefix
		// with a length matching the prefix-length hint value, regardless of the prefix
		// record from previous interactions with the client".
		if d.find(bind) {
			return true
		}
		d.req.Pools = d.p.Pools(d.subnet, ia.Type, d.in(), &d.q.room.pools)
	}
	return d.find(bind)
}

// exact restricts the request to pools of this length; false: there are none.
func (d *decision) exact(length uint8) bool {
	left := d.q.room.exact[:0]
	for _, id := range d.req.Pools {
		if d.p.Layout.Pools[id].Len == length {
			left = append(left, id)
		}
	}
	d.q.room.exact = left
	if len(left) == 0 {
		return false
	}
	d.req.Pools = left
	return true
}

// find lets the table choose, as the request says.
func (d *decision) find(bind bool) bool {
	q, out := d.Table.Offer(&d.req, d.p.OfferHold, d.now)
	if out != lease.OK {
		d.busy = d.busy || out == lease.Busy
		return false
	}
	d.p.Place(&d.place, d.subnet, q, d.res, d.in())
	switch {
	case bind && d.bind(q, true):
		return true
	case bind, !d.within(q):
		if d.last().N == 0 { // what is in the answer stays held
			d.Table.Withdraw(d.subnet.Scope, d.q.Client.DUID, d.req.IA, d.now)
		}
		return false
	}
	d.promise(q, d.place.Times.Preferred, d.place.Times.Valid)
	return true
}
