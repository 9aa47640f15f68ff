// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"cmp"
	"slices"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// Message types of bulk leasequery (RFC 5460 §9).
const (
	LeaseQueryDone = 16
	LeaseQueryData = 17
)

// QueryTerminated is the status of a query that is not carried out to its end (§5.5).
const QueryTerminated = 11

// Query types of bulk leasequery (§5.3), and the options that they are by.
const (
	queryByRelayID  = 3
	queryByLink     = 4
	queryByRemoteID = 5

	optRelayID  = 53
	optRemoteID = 37
)

// A bulk is a bulk leasequery on its way through its answers.
type bulk struct {
	decision
	about lookup
	by    func(e *lease6.Entry) bool // nil: all of the scope
	clock func() lease.Time
	send  func(*Answer) bool
	sent  int
	gone  bool // send has said that nobody listens
}

// Bulk answers a LEASEQUERY that came over TCP (RFC 5460 §7.2). It calls send for each
// answer: a LEASEQUERY-REPLY, then a LEASEQUERY-DATA for each client and link beside the
// first, then a LEASEQUERY-DONE. send may take its time, since nothing is locked
// meanwhile, and ends everything by returning false. The Answer is valid during the
// call. False: the message is none that could be answered.
//
// Leases are read from the table as the walk meets them, a shard at a time, in which all
// leases of a client are.
func (s *Server) Bulk(p *policy6.Policy, q *Query, clock func() lease.Time, send func(*Answer) bool) bool {
	var a Answer
	b := bulk{decision: decision{Server: s, p: p, q: q, a: &a, now: clock()}, clock: clock, send: send}
	if q.Type != LeaseQuery || q.Relays > 0 || b.validQuery() != frame.OK {
		return false
	}
	if code, text := b.answer(); code != Success {
		a.reset()
		a.Status = Status{true, code, text}
		b.give(LeaseQueryReply)
		return true
	}
	switch {
	case b.gone:
	case b.sent == 0:
		// §6.3: "A LEASEQUERY-REPLY without any bindings MUST NOT be followed by a
		// LEASEQUERY-DONE".
		a.reset()
		b.give(LeaseQueryReply)
	default:
		a.reset()
		b.give(LeaseQueryDone)
	}
	return true
}

// answer carries out the query. Another code than Success: before anything was sent.
func (b *bulk) answer() (code uint16, text string) {
	if b.about, code, text = b.readQuery(); code != Success {
		return code, text
	}
	var key []byte
	switch b.about.typ {
	case queryByAddress, queryByClientID:
		duid, code, text := b.whose(&b.about)
		if code == Success && duid != nil {
			b.tellAll(func(fn func(*lease6.Entry) bool) { b.Table.EachOf(duid, fn) })
		}
		return code, text
	case queryByRelayID:
		key = subOption(b.about.options, optRelayID)
		b.by = func(e *lease6.Entry) bool { return bytes.Equal(e.RelayID, key) }
	case queryByRemoteID:
		key = subOption(b.about.options, optRemoteID)
		b.by = func(e *lease6.Entry) bool { return bytes.Equal(e.RemoteID, key) }
	case queryByLink:
		if b.about.scope == 0 {
			return MalformedQuery, "no link to query by"
		}
	default:
		return UnknownQueryType, "no such type of query"
	}
	if b.about.typ != queryByLink && len(key) == 0 {
		return MalformedQuery, "the query lacks the option that it is by"
	}
	for shard := range b.Table.Shards() {
		if b.now = b.clock(); !b.tellAll(func(fn func(*lease6.Entry) bool) { b.Table.EachShard(shard, fn) }) {
			break
		}
	}
	return Success, ""
}

// tellAll tells what the query is about of the records that walk meets, client by client
// and link by link; false: nobody listens any more. A client of whom one lease fits has
// all of its leases on the link told.
func (b *bulk) tellAll(walk func(func(*lease6.Entry) bool)) bool {
	var all []lease6.Entry
	walk(func(e *lease6.Entry) bool {
		if leased(e, b.now) && (b.about.scope == 0 || e.Scope == b.about.scope) && b.p.ScopeSubnet(e.Scope) != nil {
			all = append(all, copied(e))
		}
		return true
	})
	slices.SortFunc(all, func(x, y lease6.Entry) int {
		return cmp.Or(bytes.Compare(x.DUID, y.DUID), cmp.Compare(x.Scope, y.Scope))
	})
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Scope == all[0].Scope && bytes.Equal(all[n].DUID, all[0].DUID) {
			n++
		}
		one := all[:n]
		all = all[n:]
		if b.by != nil && !slices.ContainsFunc(one, func(e lease6.Entry) bool { return b.by(&e) }) {
			continue
		}
		for len(one) > 0 {
			n := min(len(one), mostQueried) // what a message takes
			b.a.reset()
			b.clientData(one[0].DUID, one[:n], subOption(b.about.options, optORO))
			typ := uint8(LeaseQueryData)
			if b.sent == 0 {
				typ = LeaseQueryReply
			}
			if !b.give(typ) {
				return false
			}
			one = one[n:]
		}
	}
	return true
}

// give sends the answer. That it tells of what may not be on disk yet does not matter: a
// client does not use a lease before it is.
func (b *bulk) give(typ uint8) bool {
	b.a.Type = typ
	b.sent++
	b.gone = !b.send(b.a)
	return !b.gone
}
