// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

// bootp answers a client without DHCP (RFC 951 §7.3, RFC 1534 §2): from its
// reservation or from pools that are open to such clients, for ever. One that has
// an address is told its parameters.
func (d *decision) bootp() {
	q := d.q
	if !d.locate() {
		return
	}
	if d.failed() {
		d.silent(frame.NotDurable)
		return
	}
	d.prepare()
	if !d.classify() {
		return
	}
	if q.Ciaddr != 0 {
		at, options, _ := d.subnet.Place(q.Ciaddr)
		if at == nil {
			d.silent(frame.NoSubnet)
			return
		}
		d.a.Ciaddr = q.Ciaddr
		d.answer(Bootp, at, options)
		return
	}
	addr, out := d.offer()
	if out != lease.OK {
		d.silent(refusal(out))
		return
	}
	at, options, _ := d.subnet.Place(addr)
	if at == nil {
		d.silent(frame.PoolFull)
		return
	}
	out, g := d.commit(addr, lease.Infinite)
	if out == overLimit {
		d.Table.Withdraw(d.subnet.Scope, &d.req.Client, d.now)
	}
	if out != lease.OK {
		d.silent(refusal(out))
		return
	}
	d.a.Yiaddr = addr
	d.a.Wait = g.Ticket
	d.answer(Bootp, at, options)
}
