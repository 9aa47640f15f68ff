// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// extend is RFC 8415 §18.3.4 and §18.3.5: Renew and Rebind.
func (d *decision) extend() {
	q := d.q
	for i := range q.NIAs {
		ia := &q.IAs[i]
		if d.ignored(ia) {
			continue
		}
		d.begin(ia)
		if !d.extendIA(ia) {
			d.a.NIAs--
		}
	}
	if q.Type == Rebind && d.a.NIAs == 0 && !d.busy {
		// "If … the server does not include any other IAs with leases and/or status
		// codes, the server does not send a Reply message."
		d.silent(frame.UnknownClient)
		return
	}
	d.configure(Reply)
}

// extendIA answers one IA, which was begun; false: it is left out.
func (d *decision) extendIA(ia *IA) bool {
	if d.extendOwn(ia) {
		return true
	}
	views := d.views(ia.IA)
	known := false
	for i := range views {
		known = known || views[i].Status == lease.Bound
	}
	create := !d.p.NoRecreate
	if d.q.Type == Rebind {
		create = create && (d.subnet.RapidCommit || d.p.Authoritative)
	}
	switch {
	case known || create:
	case d.q.Type == Renew:
		// "the server returns the IA option containing a Status Code option with the
		// NoBinding status code".
		d.status(NoBinding, textNoBinding)
		return true
	default:
		// What is of no link of ours is not valid; of the rest another server may know
		// better, unless there is none.
		d.voidOffLink(ia)
		if d.last().N == 0 && d.p.Authoritative {
			d.status(NoBinding, textNoBinding)
		}
		return d.last().N > 0 || d.last().Status.Set
	}
	if !d.prepare(ia) {
		d.status(NoAddrsAvail, textTemporary)
		return true
	}
	kept := false
	for _, q := range d.leases(ia) {
		if !q.IsZero() && !known && !kept && d.p.OnLink(d.subnet, q) {
			kept = d.keep(ia, q, true)
		}
	}
	// The client named nothing that it may keep: it gets what else it has.
	for i := range views {
		if v := &views[i]; v.Status == lease.Bound && d.keep(ia, v.Prefix, false) {
			kept = true
		}
	}
	if !kept {
		d.assign(ia, true)
	} else if len(d.res.For(ia.Type)) > 1 {
		d.reserved(ia, true)
	}
	d.voidRest(ia)
	if d.last().N == 0 {
		d.none()
	}
	return true
}

// extendOwn extends what an IA names and has: the usual renewal, one step in the table for
// each lease. With it goes what the IA has beside, as the Reply that brought it may have
// been lost, and what has been reserved for it since. False: it names nothing that it
// has.
func (d *decision) extendOwn(ia *IA) bool {
	if ia.N == 0 || !d.prepare(ia) {
		return false
	}
	d.req.Extend = true
	for _, q := range d.leases(ia) {
		if !q.IsZero() && d.here(q) {
			d.keepHere(ia, q, false)
		}
	}
	d.req.Extend = false
	n := int(d.last().N)
	if n == 0 {
		return false
	}
	if n < len(d.res.For(ia.Type)) {
		d.reserved(ia, true)
	}
	if d.req.Others >= int(d.last().N) {
		d.keepOthers(ia, true)
		for _, v := range d.views(ia.IA) {
			if v.Status == lease.Bound && !d.promised(v.Prefix) && !d.busy && !d.wane(&v) {
				d.void(v.Prefix)
			}
		}
	}
	if n < int(ia.N) { // not all that it names is kept
		d.voidRest(ia)
	}
	return true
}

// voidRest returns what an IA names and may not keep.
func (d *decision) voidRest(ia *IA) {
	if d.p.HasRetired() && !d.busy {
		views := d.views(ia.IA)
		for i := range views {
			d.wane(&views[i])
		}
	}
	for _, q := range d.leases(ia) {
		if !q.IsZero() && !d.busy {
			d.void(q) // put leaves what is there as it is
		}
	}
}

// wane adds a lease of a pool that is retired, which its client keeps for as long as it
// was told last, not preferred any more, beside what it got instead; false: it is none.
// So a link is renumbered without an end to the connections that there are (RFC 4192),
// where §18.3.4 leaves it to the server: "If the server is unable to extend the
// lifetimes of an address or delegated prefix in the IA, the server MAY choose not to
// include" it.
func (d *decision) wane(v *lease6.View) bool {
	if !d.p.HasRetired() || v.Status != lease.Bound || !d.p.Retired(d.subnet, v.Prefix) || d.promised(v.Prefix) {
		return false
	}
	left := remaining(v.Expires, d.now)
	d.wait(v.Pending)
	if d.put(v.Prefix, 0, left) != nil && !d.extended() && d.last().Type != lease6.TA {
		// "the server SHOULD set T1 and T2 values to the valid lifetime for the IA option
		// unless the server also includes other addresses or delegated prefixes that the
		// server is able to extend for the IA".
		d.timers(left, left)
	}
	return true
}

// extended says whether the IA that was begun last has a lease that goes on.
func (d *decision) extended() bool {
	ia := d.last()
	for i := ia.First; i < ia.First+ia.N; i++ {
		if d.a.Leases[i].Preferred > 0 {
			return true
		}
	}
	return false
}

// voidOffLink returns what an IA names that is of no link of ours.
func (d *decision) voidOffLink(ia *IA) {
	for _, q := range d.leases(ia) {
		if !q.IsZero() && !d.p.OnLink(d.subnet, q) {
			d.void(q)
		}
	}
}
