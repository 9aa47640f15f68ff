// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// begin adds an IA to the answer. There is room: an answer has no more IAs than the
// message.
func (d *decision) begin(ia *IA) *AnswerIA {
	a := d.a
	out := &a.IAs[a.NIAs]
	out.Type, out.ID, out.First, out.N, out.Status.Set = ia.Type, ia.ID, a.NLeases, 0, false
	a.NIAs++
	d.gained = false
	return out
}

// last is the IA that was begun last.
func (d *decision) last() *AnswerIA { return &d.a.IAs[d.a.NIAs-1] }

// status sets the status of the IA that was begun last.
func (d *decision) status(code uint16, text string) {
	d.last().Status = Status{true, code, text}
}

// none says that the IA gets nothing (RFC 8415 §18.3.2, §18.3.9).
func (d *decision) none() {
	switch d.last().Type {
	case lease6.PD:
		d.status(NoPrefixAvail, textNoPrefix)
	default:
		d.status(NoAddrsAvail, textNoAddrs)
	}
}

// void adds a lease that its client must not use any more, to the IA that was begun
// last: "returns the address to the client with lifetimes of 0" (§18.3.4).
func (d *decision) void(q lease6.Prefix) { d.put(q, 0, 0) }

// put adds a lease to the IA that was begun last; nil: it is there, as the client named
// it twice, or there is no room.
func (d *decision) put(q lease6.Prefix, preferred, valid uint32) *AnswerLease {
	a, ia := d.a, d.last()
	for i := ia.First; i < ia.First+ia.N; i++ {
		if a.Leases[i].Prefix == q {
			return nil
		}
	}
	if !d.hasRoom() {
		return nil
	}
	l := &a.Leases[a.NLeases]
	l.Prefix, l.Preferred, l.Valid, l.Exclude.Len = q, preferred, valid, 0
	a.NLeases++
	ia.N++
	return l
}

// hasRoom says whether one more lease fits into the answer.
func (d *decision) hasRoom() bool { return int(d.a.NLeases) < len(d.a.Leases) }

// promise adds a lease to the IA that was begun last. T1 and T2 follow from the
// shortest of them, over all IAs: "The T1/T2 times set in each applicable IA option
// for a Reply MUST be the same values across all IAs" (§18.3.2). d.place is the lease's.
func (d *decision) promise(q lease6.Prefix, preferred, valid uint32) {
	at := &d.place
	preferred = min(preferred, valid)
	l := d.put(q, preferred, valid)
	if l != nil && at.Exclude.Len > 0 && d.q.Asked.Has(optPDExclude) {
		l.Exclude = at.Exclude
	}
	if d.last().Type != lease6.TA && !at.Times.ClientTimers {
		d.timers(at.Times.Timers(preferred, valid))
	}
	switch {
	case d.options == nil:
		d.at, d.options = at.Subnet, at.Options
	case d.at != at.Subnet:
		d.at, d.options = d.subnet, d.subnet.Options
	case d.options != at.Options:
		d.options = at.Subnet.Options
	}
}

// timers makes T1 and T2 of the answer no later than these.
func (d *decision) timers(t1, t2 uint32) {
	if !d.timed {
		d.a.T1, d.a.T2, d.timed = t1, t2, true
	} else {
		d.a.T1, d.a.T2 = min(d.a.T1, t1), min(d.a.T2, t2)
	}
}

// wait makes the answer wait for a change.
func (d *decision) wait(t lease.Ticket) {
	w := d.a.Wait
	switch {
	case t == 0:
	case w == 0:
		d.a.Wait = t
	case t.Lane() == w.Lane():
		// The batches of a lane become durable in order.
		if t.Number() > w.Number() {
			d.a.Wait = t
		}
	case d.Durable != nil && d.Durable(t):
	case d.Durable != nil && d.Durable(w):
		d.a.Wait = t
	default:
		d.split = true
	}
}

// configure makes the answer one with options.
func (d *decision) configure(typ uint8) {
	a, q := d.a, d.q
	a.Type = typ
	if a.Subnet = d.at; a.Subnet == nil {
		a.Subnet = d.subnet
	}
	base := d.options
	if base == nil {
		base = d.subnet.Options
	}
	a.Options = d.p.ForClasses(d.res.Options(base), d.in())
	if typ == Advertise && d.p.Preference > 0 {
		// RFC 8415 §18.3.9: "The server MAY add a Preference option".
		q.room.small[0] = d.p.Preference
		d.own(optPreference, q.room.small[:1])
	}
	d.reconfigure()
	d.fqdn()
	d.relaySupplied()
}

// reconfigure tells a client that it may be sent Reconfigure messages, and with the
// Replies that begin a binding or a configuration, the key for them (RFC 8415
// §18.3.2, §20.4.2: "during the Request/Reply, Solicit/Reply, or
// Information-request/Reply message exchange").
func (d *decision) reconfigure() {
	q := d.q
	if !d.reconfigurable() {
		return
	}
	d.own(optReconfigureAcc)
	if d.a.Type != Reply || q.Type == Renew || q.Type == Rebind {
		return
	}
	replay, ok := d.Replay()
	if !ok {
		return
	}
	key := d.p.ReconfigureKey(q.Client.DUID)
	auth(&q.room.auth, replay, authKey, key[:])
	d.own(optAuth, q.room.auth[:])
}

// reconfigurable says whether client and server both take part.
func (d *decision) reconfigurable() bool {
	return d.q.ReconfigureAccept && d.p.Reconfigure() && d.Replay != nil && len(d.q.Client.DUID) > 0
}

// accept is what the table is to note of that with a lease: whether the client has
// its key. It gets none with a renewal. RFC 8415 §21.20: "In the absence of this
// option, the default behavior is that the client is unwilling to accept Reconfigure
// messages".
func (d *decision) accept() lease6.Accept {
	switch {
	case !d.reconfigurable():
		return lease6.AcceptNo
	case d.q.Type == Renew || d.q.Type == Rebind:
		return lease6.AcceptNoNews
	}
	return lease6.AcceptYes
}

// fqdn answers option 39. RFC 4704 §6: "Servers MUST only include a Client FQDN
// option in ADVERTISE and REPLY messages if the client included a Client FQDN option
// and the Client FQDN option is requested by the Option Request option".
func (d *decision) fqdn() {
	q := d.q
	if len(d.name) == 0 || !q.Asked.Has(optFQDN) {
		return
	}
	if v := d.p.FQDN.Answer(d.name, &q.room.fqdn); v != nil {
		d.own(optFQDN, v)
	}
}

// relaySupplied adds what relay agents supply for the client (RFC 6422 §6): options
// that are meant for it, that it asks for, and for which the configuration has no
// value. "By default, the DHCP server MUST choose the innermost value".
func (d *decision) relaySupplied() {
	q := d.q
	for i := range q.RSOO {
		o := q.RSOO[i] // a copy of all of them would cost more than the look
		for len(o) >= 4 {
			n := 4 + int(binary.BigEndian.Uint16(o[2:]))
			if n > len(o) {
				break
			}
			code := binary.BigEndian.Uint16(o)
			if d.p.RelaySupplied(code) && q.Asked.Has(code) && !d.a.Options.Has(code) && !d.a.Own.Has(code) {
				d.own(code, o[4:n])
			}
			o = o[n:]
		}
	}
}
