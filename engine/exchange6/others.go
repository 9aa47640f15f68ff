// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// confirm is RFC 8415 §18.3.3: whether the addresses are appropriate for the link,
// and nothing else.
func (d *decision) confirm() {
	q := d.q
	some, all := false, true
	for i := range q.NIAs {
		ia := &q.IAs[i]
		if ia.Type == lease6.PD {
			continue
		}
		for _, x := range d.leases(ia) {
			if !x.IsZero() {
				some = true
				all = all && d.p.OnLink(d.subnet, x)
			}
		}
	}
	if !some {
		// "there were no addresses in any of the IAs sent by the client": "MUST NOT
		// send a Reply".
		d.silent(frame.BadRequest)
		return
	}
	d.a.Type, d.a.Status = Reply, Status{true, Success, textOnLink}
	if !all {
		d.a.Status = Status{true, NotOnLink, textNotOnLink}
	}
}

// giveBack is RFC 8415 §18.3.7 and §18.3.8: Release and Decline. "For each IA … for
// which the server has no binding information, the server adds an IA option using
// the IAID … with the value NoBinding …. No other options are included".
func (d *decision) giveBack() {
	q := d.q
	before := d.b.Len()
	for i := range q.NIAs {
		ia := &q.IAs[i]
		if d.ignored(ia) {
			continue
		}
		known := false
		for _, v := range d.views(ia.IA) {
			known = known || v.Status == lease.Bound || v.Status == lease.Offered
		}
		for _, x := range d.leases(ia) {
			if !x.IsZero() && d.end(ia, x) {
				known = true
			}
		}
		if !known {
			d.begin(ia)
			d.status(NoBinding, textNoBinding)
		}
	}
	if d.b.Len() > before {
		d.wait(d.b.Ticket())
	}
	d.a.Type, d.a.Status = Reply, Status{true, Success, textSuccess}
}

// end gives back one lease that the client names; false: it is not this IA's.
func (d *decision) end(ia *IA, x lease6.Prefix) bool {
	if d.q.Type == Release {
		return d.release(ia.IA, x)
	}
	if ia.Type == lease6.PD {
		return false // prefixes are not declined
	}
	d.ending(x)
	out := d.Table.Decline(d.scope(x), d.q.Client.DUID, ia.IA, x, d.p.Probation, d.now, d.b)
	if out != lease.OK {
		return false
	}
	d.ended(x)
	return true
}

func (d *decision) release(ia lease6.IA, x lease6.Prefix) bool {
	d.ending(x)
	if d.Table.Release(d.scope(x), d.q.Client.DUID, ia, x, d.now, d.b) != lease.OK {
		return false
	}
	d.ended(x)
	return true
}

// scope is that of the link that an address belongs to, also if its client has moved.
func (d *decision) scope(x lease6.Prefix) lease.ScopeID {
	if x.Len == 128 && !d.p.OnLink(d.subnet, x) {
		if s := d.p.SubnetOf(x.IP6); s != nil {
			return s.Scope
		}
	}
	return d.subnet.Scope
}

// inform is RFC 8415 §18.3.6: options without leases. Nothing is remembered, so a
// failed journal does not matter.
func (d *decision) inform() {
	q := d.q
	rogue := d.rogueRequest()
	// [MS-DHCPE] §3.2.5.4: the filters are for one that does not look for rogue
	// servers.
	if !d.classify() && (d.a.Reason != frame.Filtered || !rogue) {
		return
	}
	d.a.Reason = frame.OK
	d.a.Source = d.p.Source(q.Port, q.Dst, q.Src)
	d.configure(Reply)
	switch {
	case rogue:
		d.own(optVendorOpts, d.p.RogueReply())
	case q.Asked.Only(optUserClass):
		// [MS-DHCPE] §3.2.5.5: "with OPTION_USER_CLASS (Option 15) as the only
		// requested option".
		d.ownBlock(d.p.ClassList())
	}
}

const (
	enterpriseMS    = 311
	subRogueRequest = 94 // of option 17, [MS-DHCPE] §2.2.10.1
)

// rogueRequest says whether the message is of a server that looks for rogue ones.
func (d *decision) rogueRequest() bool {
	for _, v := range d.q.VendorOpts {
		if len(v) < 4 || binary.BigEndian.Uint32(v) != enterpriseMS {
			continue
		}
		for v = v[4:]; len(v) >= 4; {
			n := 4 + int(binary.BigEndian.Uint16(v[2:]))
			if n > len(v) {
				break
			}
			if binary.BigEndian.Uint16(v) == subRogueRequest {
				return true
			}
			v = v[n:]
		}
	}
	return false
}
