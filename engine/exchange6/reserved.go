// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// What one of several reserved leases is to an IA that asks.
const (
	resGone  uint8 = iota // somebody has it
	resOther              // another IA of the client had it, and may come back
	resFree
	resOwn // the IA has it, is offered it, or had it
)

// reserved gives an IA what is reserved for its client, without what it has in the
// answer already; false: it gets nothing. The request is prepared.
//
// A client with one IA of a kind gets all in that IA (RFC 8415 §12: an IA has leases, and
// one client needs no IA for each). Where the message has several, each gets one, and
// the first the rest; so does a client that asks for each IA in a message of its own, as
// what another IA of it has, or had last, stays with that.
func (d *decision) reserved(ia *IA, bind bool) bool {
	all := d.res.For(ia.Type)
	if len(all) < 2 {
		for _, d.req.Reserved = range all {
			return d.find(bind)
		}
		return false
	}
	var is [policy6.MaxReserved]uint8
	left, need := d.survey(ia, all, &is)
	got := 0
	get := func(q lease6.Prefix) {
		if d.promised(q) {
			got++
			return
		}
		if d.req.Reserved = q; d.hasRoom() && d.find(bind) {
			got++
		}
	}
	for i, q := range all {
		if is[i] == resOwn {
			get(q)
		}
	}
	for i, q := range all {
		if is[i] == resFree {
			if left > need || got == 0 {
				get(q)
			}
			left--
		}
	}
	for i, q := range all {
		if is[i] == resOther && got == 0 {
			get(q)
		}
	}
	return got > 0
}

// survey finds out what each of the reserved leases is to an IA: how many are free, and
// how many IAs behind it in the message have none of them yet.
func (d *decision) survey(ia *IA, all []lease6.Prefix, is *[policy6.MaxReserved]uint8) (free, need int) {
	q, e := d.q, &d.q.room.entry
	var served uint32 // IAs of the message, a bit each
	for i, r := range all {
		is[i] = resFree
		if d.Table.Lookup(r, e) {
			mine := e.Scope == d.subnet.Scope && bytes.Equal(e.DUID, q.Client.DUID)
			idle := e.Status == lease.Expired || e.Status == lease.Released
			switch {
			case mine && e.IA == ia.IA && e.Status != lease.Declined:
				is[i] = resOwn
			case !idle:
				is[i] = resGone
			case mine:
				is[i] = resOther
			}
			for j := range q.NIAs {
				if mine && q.IAs[j].IA == e.IA {
					served |= 1 << j
				}
			}
		}
		if is[i] == resFree {
			free++
		}
	}
	behind := false
	for j := range q.NIAs {
		if behind && q.IAs[j].Type == ia.Type && served>>j&1 == 0 {
			need++
		}
		behind = behind || &q.IAs[j] == ia
	}
	return free, need
}
