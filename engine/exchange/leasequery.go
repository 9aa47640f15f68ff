// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Options of an answer about a lease.
const (
	optLeaseTime    = 51
	optRenewTime    = 58
	optRebindTime   = 59
	optHostName     = 12
	optClientID     = 61
	optRelay        = 82
	optLastTime     = 91 // client-last-transaction-time, RFC 4388 §6.1
	optAssociatedIP = 92 // RFC 4388 §6.1

	// mostAddresses is how many addresses are put into one option 92; more go
	// into another one, which a reader joins (RFC 3396).
	mostAddresses = 255 / 4
)

// A CodeSet is a set of option codes.
type CodeSet [4]uint64

// Has says whether a code is in the set. Everything is in a nil one.
func (s *CodeSet) Has(code uint8) bool { return s == nil || s[code>>6]>>(code&63)&1 != 0 }

func (s *CodeSet) add(code uint8) { s[code>>6] |= 1 << (code & 63) }

// leaseQuery is RFC 4388 §6.3 and §6.4. What it tells goes to giaddr, so that
// has to be on the access list, as well as who seems to ask.
//
// §6.4.2 ends with "The MAC address, client-identifier … of the client"; the
// vendor class (option 60), which §6.7 would like to be stored, is not in a lease's
// record, and classes that look at it do not count here.
func (d *decision) leaseQuery() {
	q := d.q
	keys := 0
	for _, is := range [...]bool{q.Ciaddr != 0, someHW(q), len(q.Client.ClientID) > 0} {
		if is {
			keys++
		}
	}
	switch {
	case !d.p.MayQuery(q.Src):
		d.silent(frame.NotAllowed)
		return
	case q.Giaddr == 0 || keys != 1:
		// "A DHCPLEASEQUERY message MUST have a non-zero giaddr." It "MUST have
		// exactly one of the following".
		d.silent(frame.BadRequest)
		return
	case !d.p.MayQuery(q.Giaddr):
		d.silent(frame.NotAllowed)
		return
	}
	if q.Dst != 0 && d.p.Ours(q.Dst) {
		d.source = q.Dst
	} else if int(q.Port) < len(d.p.Ports) {
		d.source = d.p.Ports[q.Port].Primary
	}
	if d.source == 0 {
		d.silent(frame.NoServerAddr)
		return
	}
	d.a.Reason = frame.OK
	d.a.Flags = q.Flags
	d.a.ServerID, d.a.Source = d.source, d.source
	d.a.To, d.a.DestIP = ToRelay, q.Giaddr
	d.a.Ciaddr = q.Ciaddr
	vpns := queriedVPN(q)

	e := &q.record
	if q.Ciaddr != 0 {
		at := d.p.SubnetOf(q.Ciaddr)
		known := d.Table.Lookup(q.Ciaddr, e)
		switch {
		case at == nil || !vpns.holds(at):
			d.a.Type = LeaseUnknown
		case known && d.active(e):
			d.describe(at, e)
		case d.managed(at, q.Ciaddr):
			d.a.Type = LeaseUnassigned
		default:
			d.a.Type = LeaseUnknown
		}
		return
	}
	// "the DHCP server MUST return the IP address returned to the client in the
	// most recent transaction with the client".
	best, last := lease.IP4(0), lease.Time(0)
	q.found = d.Clients.find(q, q.found[:0])
	kept := q.found[:0]
	for _, addr := range q.found {
		at := d.p.SubnetOf(addr)
		if at == nil || !vpns.holds(at) || !d.Table.Lookup(addr, e) || !d.active(e) || !asked(q, e) {
			continue
		}
		kept = append(kept, addr)
		if best == 0 || e.CLTT > last {
			best, last = addr, e.CLTT
		}
	}
	q.found = kept
	// The record is read again: what was said about it until here may be over.
	if best == 0 || !d.Table.Lookup(best, e) || !d.active(e) || !asked(q, e) {
		d.a.Type = LeaseUnknown
		return
	}
	d.a.Ciaddr = best
	if len(kept) > 1 {
		for some := kept; len(some) > 0; {
			n := min(len(some), mostAddresses)
			var list [4 * mostAddresses]byte
			for i, a := range some[:n] {
				binary.BigEndian.PutUint32(list[4*i:], uint32(a))
			}
			d.own(optAssociatedIP, list[:4*n])
			some = some[n:]
		}
	}
	d.describe(d.p.SubnetOf(best), e)
}

// someHW says whether a query has "a non-zero htype/hlen/chaddr".
func someHW(q *Query) bool {
	for _, b := range q.Client.HW {
		if b != 0 {
			return true
		}
	}
	return false
}

// asked says whether a record is of the client that a query is about: "any
// client that has proffered an identical Client-identifier option …, or an
// identical MAC address".
func asked(q *Query, e *lease.Entry) bool {
	if len(q.Client.ClientID) > 0 {
		return bytes.Equal(q.Client.ClientID, e.ClientID)
	}
	return q.HType == e.HType && bytes.Equal(q.Client.HW, e.HW)
}

// active says whether a record is a lease that has not run out.
func (d *decision) active(e *lease.Entry) bool { return e.Status == lease.Bound && e.Expires > d.now }

// managed says whether this server gives an address to clients: RFC 4388 §3,
// "is authorized to lease this IP address".
func (d *decision) managed(at *policy.Subnet, addr lease.IP4) bool {
	_, _, inPool := at.Place(addr)
	return inPool || at.ReservedAt(addr) != nil
}

// describe makes the answer a DHCPLEASEACTIVE about a lease in the subnet at
// (RFC 4388 §6.4.2). The reply waits for the disk as the client's ACK does.
func (d *decision) describe(at *policy.Subnet, e *lease.Entry) {
	q, a := d.q, d.a
	a.Type = LeaseActive
	a.Lease = e
	a.Wait = e.Pending
	// "The goal is to return the same option values to the DHCPLEASEQUERY as those
	// that were returned to the DHCPDISCOVER or DHCPREQUEST from the DHCP client".
	q.client = lease.Client{
		Kind: e.Kind, HType: e.HType, HW: e.HW, ID: e.ID, ClientID: e.ClientID, Relay: e.Relay, Host: e.Host,
	}
	res := at.Reservation(&q.client)
	if d.p.HasClasses() {
		q.facts = policy.Facts{Client: &q.client, Reservation: res}
		d.p.Classify(&q.facts, &q.class)
	} else {
		q.class.Clear()
	}
	options := at.Options
	if place, o, _ := at.Place(e.Addr); place != nil {
		at, options = place, o
	}
	a.Subnet = at
	a.Options = d.p.ForClasses(res.Options(options), &q.class.In)
	q.only = CodeSet{}
	for c := range 256 {
		if code := uint8(c); d.wants(code) && d.p.Tells(code) {
			q.only.add(code)
		}
	}
	a.Only = &q.only

	if d.wants(optLeaseTime) {
		d.own32(optLeaseTime, left(e.Expires, d.now))
	}
	if e.Expires != lease.Never {
		// "If these times are already in the past … the DHCP server MUST NOT
		// return these options."
		t1, t2 := d.p.Times(at, e.Addr, &q.class.In).Timers(uint32(e.Expires - min(e.CLTT, e.Expires)))
		if at := e.CLTT + lease.Time(t1); d.wants(optRenewTime) && at > d.now {
			d.own32(optRenewTime, uint32(at-d.now))
		}
		if at := e.CLTT + lease.Time(t2); d.wants(optRebindTime) && at > d.now {
			d.own32(optRebindTime, uint32(at-d.now))
		}
	}
	d.remembered(e)
}

// remembered adds what a record says about its client.
func (d *decision) remembered(e *lease.Entry) {
	if d.wants(optLastTime) && e.CLTT != 0 {
		d.own32(optLastTime, uint32(d.now-min(e.CLTT, d.now)))
	}
	if d.wants(optHostName) && d.p.Tells(optHostName) && len(e.Host) > 0 {
		// "values of the options that were returned to the DHCP client would
		// generally be preferred, but in the absence of those, options that
		// were sent in DHCP client requests would be acceptable."
		if _, ok := d.a.Options.Get(optHostName); !ok {
			d.own(optHostName, e.Host)
		}
	}
	if d.wants(optClientID) && len(e.ClientID) > 0 {
		d.own(optClientID, e.ClientID)
	}
	if at := d.a.Subnet; at != nil && len(at.VSS) > 0 {
		d.own(optVSS, at.VSS)
	}
	if d.wants(optRelay) && len(e.Relay) > 0 {
		d.own(optRelay, e.Relay)
	}
}

// wants says whether an option is to be told: §6.2, without a parameter request
// list those of a DHCPREQUEST.
func (d *decision) wants(code uint8) bool {
	return len(d.q.PRL) == 0 || bytes.IndexByte(d.q.PRL, code) >= 0
}

func (d *decision) own32(code uint8, v uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	d.own(code, b[:])
}

// left is the time until t.
func left(t, now lease.Time) uint32 {
	if t == lease.Never {
		return lease.Infinite
	}
	return uint32(t - min(t, now))
}

// A queriedNet is the virtual networks that a query is about (RFC 6607, RFC 6926
// §6.2.9).
type queriedNet struct {
	id  []byte // type and identifier; nil: the global one
	all bool
}

func queriedVPN(q *Query) (v queriedNet) {
	v.id = q.VSS
	if sub := policy.SubOption(q.Client.Relay, subVSS); sub != nil {
		v.id = sub[2:]
	}
	if len(v.id) == 0 {
		return queriedNet{}
	}
	switch v.id[0] {
	case vssGlobal:
		v.id = nil
	case vssAll:
		v.all = true
	}
	return v
}

func (v *queriedNet) holds(at *policy.Subnet) bool { return v.all || bytes.Equal(v.id, at.VSS) }

// vssAll is the type of all networks (RFC 6926 §6.2.9).
const vssAll = 254
