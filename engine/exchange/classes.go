// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
)

// classify finds the client's classes and from them whether it is served at
// all; false: it is not, and d is silent. Nothing has changed so far, so a codec
// without Options can hand the message to one that has them.
func (d *decision) classify() bool {
	open := d.gather()
	switch {
	case open && d.p.Undecided(d.subnet, &d.q.class):
		d.silent(frame.PuntClass)
		return false
	case d.p.Denied(d.in):
		d.silent(frame.Filtered)
		return false
	}
	d.req.Pools = d.p.Pools(d.subnet, d.in, d.q.Type == Bootp, &d.q.pools)
	return true
}

// gather finds the client's classes, and says whether some are open.
func (d *decision) gather() (open bool) {
	q := d.q
	if d.known() && d.res == q.look.res {
		d.in = q.look.in
		return false
	}
	if !d.p.HasClasses() {
		d.in = &noClasses
		return false
	}
	q.client = d.req.Client // a pointer to d itself would move it to the heap
	d.in = q.classify(d.p, &q.client, d.res)
	return d.in == &q.class.In && !q.class.Open.Empty()
}
