// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// classify finds the client's classes and from them whether it is served at
// all; false: it is not, and d is silent. Nothing has changed so far, so a codec
// without Options can hand the message to one that has them.
func (d *decision) classify() bool {
	d.gather()
	q := d.q
	switch {
	case d.p.Undecided(d.subnet, &q.class):
		d.silent(frame.PuntClass)
		return false
	case d.p.Denied(&q.class):
		d.silent(frame.Filtered)
		return false
	}
	d.req.Pools = d.p.Pools(d.subnet, &q.class.In, q.Type == Bootp, &q.pools)
	return true
}

// gather finds the client's classes.
func (d *decision) gather() {
	q := d.q
	if !d.p.HasClasses() {
		q.class.Clear()
		return
	}
	q.client = d.req.Client // a pointer to d itself would move it to the heap
	q.facts = policy.Facts{
		Client: &q.client, VendorClass: q.VendorClass, UserClass: q.UserClass,
		VendorIdent: q.VendorIdent, VendorInfo: q.VendorInfo, Arch: q.Arch,
		Giaddr: q.Giaddr, Src: q.Src, Dst: q.Dst, Port: q.Port, NTags: q.NTags, VLAN: q.VLAN,
		Reservation: d.res, Packet: q.Options,
	}
	d.p.Classify(&q.facts, &q.class)
}
