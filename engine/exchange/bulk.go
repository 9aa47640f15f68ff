// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Options of bulk leasequery (RFC 6926 §6.2).
const (
	optStatusCode     = 151
	optBaseTime       = 152
	optStartOfState   = 153
	optQueryStartTime = 154
	optQueryEndTime   = 155
	optState          = 156
	// 157, data-source, is only there where the answer comes from another server.

	subRemoteID = 2  // of option 82, RFC 3046
	subRelayID  = 12 // of option 82, RFC 6925
)

// Status codes (RFC 6926 §6.2.2).
const (
	StatusQueryTerminated = 2
	StatusMalformedQuery  = 3
	StatusNotAllowed      = 4
)

// States of an address (RFC 6926 §6.2.7).
const (
	stateAvailable = 1
	stateActive    = 2
	stateExpired   = 3
	stateReleased  = 4
	stateAbandoned = 5
)

// A BulkQuery is a bulk leasequery: the Query as the codec found it, with
// Options, and what else it looks at.
type BulkQuery struct {
	*Query
	Yiaddr, Siaddr lease.IP4
}

// A bulk is a bulk leasequery on its way through its answers.
type bulk struct {
	decision
	by    func(e *lease.Entry) bool // nil: all configured addresses
	vpns  queriedNet
	start lease.Time
	end   lease.Time
	seen  map[lease.IP4]*[4]uint64 // addresses that were sent or need not be, by /24
	first bool
	clock func() lease.Time
	send  func(*Answer) bool
	gone  bool // send has said that nobody listens
}

// Bulk answers a bulk leasequery (RFC 6926 §8.2) in the name of server. It calls
// send for each answer, DHCPLEASEQUERYDONE last; send may take its time, since
// nothing is locked meanwhile, and ends everything by returning false. The Answer
// is valid during the call.
//
// Leases are read from the table as the walk meets them. Every address is told
// once: "the DHCPv4 server MUST NOT send more than one message for each applicable
// IP address, even if the state of some of those IP addresses changes".
func (s *Server) Bulk(p *policy.Policy, q *BulkQuery, server lease.IP4, clock func() lease.Time, send func(*Answer) bool) {
	q.furnish()
	var a Answer
	b := bulk{
		decision: decision{Server: s, p: p, q: q.Query, a: &a, serverID: server},
		clock:    clock, send: send, first: true, seen: map[lease.IP4]*[4]uint64{}, end: lease.Never,
	}
	b.now = clock()
	if status, text := b.understand(q); status != 0 {
		b.done(status, text)
		return
	}
	b.walk()
	b.done(0, "")
}

// understand finds the primary query and its qualifiers; status 0: there is one.
func (b *bulk) understand(q *BulkQuery) (status uint8, text string) {
	if q.Ciaddr != 0 || q.Yiaddr != 0 || q.Siaddr != 0 {
		return StatusMalformedQuery, "ciaddr, yiaddr and siaddr must be 0"
	}
	b.vpns = queriedNet{id: q.VSS}
	if len(q.VSS) > 0 {
		b.vpns = queriedVPN(q.Query)
	}
	relayID, remoteID := subValue(q.Client.Relay, subRelayID), subValue(q.Client.Relay, subRemoteID)
	keys := 0
	if someHW(q.Query) || len(q.Client.ClientID) > 0 {
		b.by = func(e *lease.Entry) bool { return asked(q.Query, e) }
		if someHW(q.Query) && len(q.Client.ClientID) > 0 {
			keys++
		}
		keys++
	}
	if relayID != nil {
		b.by = func(e *lease.Entry) bool { return string(subValue(e.Relay, subRelayID)) == string(relayID) }
		keys++
	}
	if remoteID != nil {
		b.by = func(e *lease.Entry) bool { return string(subValue(e.Relay, subRemoteID)) == string(remoteID) }
		keys++
	}
	if keys > 1 {
		return StatusNotAllowed, "more than one primary query"
	}
	for _, t := range []struct {
		code uint8
		to   *lease.Time
	}{{optQueryStartTime, &b.start}, {optQueryEndTime, &b.end}} {
		v, ok := q.Options.Option(t.code)
		if !ok {
			continue
		}
		if len(v) != 4 {
			return StatusMalformedQuery, "a query time must have four octets"
		}
		*t.to = lease.Time(lease.IP4From(v))
	}
	return 0, ""
}

// subValue is a sub-option's value, nil if it is not there or empty.
func subValue(relay []byte, code uint8) []byte {
	if sub := policy.SubOption(relay, code); len(sub) > 2 {
		return sub[2:]
	}
	return nil
}

// walk sends what the query is about.
func (b *bulk) walk() {
	if q := b.q; b.by != nil && b.Clients != nil && (someHW(q) || len(q.Client.ClientID) > 0) {
		var e lease.Entry
		for _, addr := range b.Clients.find(q, nil) {
			if b.Table.Lookup(addr, &e) && !b.visit(&e) {
				return
			}
		}
		return
	}
	for shard := range b.Table.Shards() {
		if !b.Table.EachShard(shard, b.visit) {
			return
		}
	}
	if b.by != nil {
		return
	}
	// Then the configured addresses that have no record, and those that went from
	// one shard to another just then.
	var e lease.Entry
	rest := func(addr lease.IP4) bool {
		if b.met(addr) {
			return true
		}
		if !b.Table.Lookup(addr, &e) {
			e = lease.Entry{Addr: addr}
		}
		return b.visit(&e)
	}
	for _, pool := range b.p.Layout.Pools {
		for _, r := range pool.Ranges {
			for addr := r.First; ; addr++ {
				if !rest(addr) {
					return
				}
				if addr == r.Last {
					break
				}
			}
		}
	}
	for _, r := range b.p.Layout.Reserved {
		if !rest(r.Addr) {
			return
		}
	}
}

// met notes an address and says whether it was noted before.
func (b *bulk) met(addr lease.IP4) bool {
	block := b.seen[addr>>8]
	return block != nil && block[addr>>6&3]>>(addr&63)&1 != 0
}

func (b *bulk) meet(addr lease.IP4) {
	block := b.seen[addr>>8]
	if block == nil {
		block = new([4]uint64)
		b.seen[addr>>8] = block
	}
	block[addr>>6&3] |= 1 << (addr & 63)
}

// visit sends an answer about a record if the query is about it; false: nobody
// listens any more.
func (b *bulk) visit(e *lease.Entry) bool {
	b.now = b.clock()
	at := b.p.SubnetOf(e.Addr)
	if at == nil || !b.vpns.holds(at) || b.met(e.Addr) {
		return true
	}
	active := b.active(e)
	switch {
	case b.by != nil:
		// "every IP address that has a current binding to a DHCPv4 client
		// matching".
		if !active || !b.by(e) {
			return true
		}
	case !active && !b.managed(at, e.Addr):
		return true
	}
	b.meet(e.Addr)
	if !b.changed(e) {
		return true
	}
	*b.a = Answer{Reason: frame.OK}
	if active {
		b.describe(at, e)
	} else {
		b.free(at, e)
	}
	b.a.Ciaddr = e.Addr
	b.times(e, active)
	return b.give()
}

// free makes the answer a DHCPLEASEUNASSIGNED, which "MAY also contain
// information about the last DHCPv4 client".
func (b *bulk) free(at *policy.Subnet, e *lease.Entry) {
	b.a.Type = LeaseUnassigned
	b.a.Subnet = at
	if e.Status != lease.Offered { // what it was before that, the record does not say
		b.a.Lease = e
		b.remembered(e)
	}
	if e.Status == lease.Declined && b.wants(optLeaseTime) {
		// "for any state that has a timeout value associated with it".
		b.own32(optLeaseTime, left(e.Expires, b.now))
	}
}

// times adds the options of RFC 6926 §8.3 that are asked for.
func (b *bulk) times(e *lease.Entry, active bool) {
	if b.wants(optBaseTime) {
		b.own32(optBaseTime, uint32(b.now))
	}
	state, since := stateOf(e, active)
	if b.wants(optStartOfState) && since != 0 {
		b.own32(optStartOfState, uint32(b.now-min(since, b.now)))
	}
	if b.wants(optState) {
		b.own(optState, []byte{state})
	}
}

// stateOf is the state of an address and since when it is in it; 0: nobody knows,
// since it was never leased. An offer binds nobody: the address is still
// available.
func stateOf(e *lease.Entry, active bool) (state uint8, since lease.Time) {
	switch {
	case active:
		return stateActive, e.Start
	case e.Status == lease.Bound, e.Status == lease.Expired:
		return stateExpired, e.Expires
	case e.Status == lease.Released:
		return stateReleased, e.CLTT
	case e.Status == lease.Declined:
		return stateAbandoned, e.CLTT
	case e.Version != 0 && e.Status == lease.None:
		return stateAvailable, e.Expires
	}
	return stateAvailable, 0
}

// changed says whether a binding changed in the window of the query: "if either
// the client-last-transaction-time or the start-time-of-state of the address
// binding changed during that time window".
func (b *bulk) changed(e *lease.Entry) bool {
	if b.start == 0 && b.end == lease.Never {
		return true
	}
	_, since := stateOf(e, b.active(e))
	in := func(t lease.Time) bool { return t != 0 && b.start <= t && t <= b.end }
	return in(e.CLTT) || in(since)
}

// done ends the stream. "SHOULD NOT contain a status-code option status if the
// termination was successful".
func (b *bulk) done(status uint8, text string) {
	if b.gone {
		return
	}
	*b.a = Answer{Type: LeaseQueryDone, Reason: frame.OK}
	if status != 0 {
		b.own(optStatusCode, []byte{status}, []byte(text))
	}
	b.give()
}

// give sends the answer: "the DHCPv4 server MUST include the server-identifier
// option in the first message … It SHOULD NOT include the server-identifier option
// in later messages".
func (b *bulk) give() bool {
	if b.first {
		b.a.ServerID, b.first = b.serverID, false
	}
	b.gone = !b.send(b.a)
	return !b.gone
}

// RefuseBulk fills in the DHCPLEASEQUERYDONE of a query that is not looked at, or
// not to its end.
func RefuseBulk(q *Query, a *Answer, status uint8, text string) {
	q.furnish()
	*a = Answer{Type: LeaseQueryDone, Reason: frame.OK}
	d := decision{q: q, a: a}
	d.own(optStatusCode, []byte{status}, []byte(text))
}
