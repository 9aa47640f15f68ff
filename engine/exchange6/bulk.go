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

// Message types of bulk leasequery (RFC 5460 §5.2).
const (
	LeaseQueryDone = 16
	LeaseQueryData = 17
)

// QueryTerminated is the status of a query that was given up (RFC 5460 §5.5).
const QueryTerminated = 11

// Query types of bulk leasequery (RFC 5460 §5.3).
const (
	queryByRelayID     = 3
	queryByLinkAddress = 4
	queryByRemoteID    = 5

	optRemoteID = 37 // RFC 4649
	optRelayID  = 53 // RFC 5460 §5.4.1
)

// A bulk is a bulk leasequery on its way through its answers.
type bulk struct {
	decision
	match func(e *lease6.Entry) bool
	oro   []byte
	clock func() lease.Time
	send  func(*Answer) bool
	sent  int
}

// Bulk answers a LEASEQUERY that came over TCP (RFC 5460 §7.2). send is called for
// each answer and may take its time, since nothing is locked meanwhile; it ends
// everything by returning false. The Answer is valid during the call.
//
// A client's leases are all in one shard of the table, so the answers are put
// together shard by shard: each client on each link is told once, with all that the
// query is about.
func (s *Server) Bulk(p *policy6.Policy, q *Query, clock func() lease.Time, send func(*Answer) bool) {
	var a Answer
	b := bulk{decision: decision{Server: s, p: p, q: q, a: &a, now: clock()}, clock: clock, send: send}
	a.reset()
	a.Type = LeaseQueryReply
	if len(q.LeaseQuery) > 0 && (q.LeaseQuery[0] < queryByRelayID || q.LeaseQuery[0] > queryByRemoteID) {
		// Those of RFC 5007 have one answer.
		if code, text := b.lookUp(); code != Success {
			a.Status = Status{true, code, text}
		}
		told := a.Data != nil
		if send(&a) && told {
			b.done()
		}
		return
	}
	if code, text := b.understand(); code != Success {
		a.Status = Status{true, code, text}
		send(&a)
		return
	}
	for shard := range s.Table.Shards() {
		if !b.shard(shard) {
			return
		}
	}
	if b.sent > 0 {
		b.done()
		return
	}
	// "If the server does not find any bindings satisfying a query, it SHOULD send a
	// LEASEQUERY-REPLY without an OPTION_STATUS_CODE option and without any
	// OPTION_CLIENT_DATA option."
	send(&a)
}

// understand finds what the query is about.
func (b *bulk) understand() (code uint16, text string) {
	v := b.q.LeaseQuery
	if len(v) < lenLQQuery || !wellFormed(v[lenLQQuery:]) {
		return MalformedQuery, "no query, or one that is cut off"
	}
	options := v[lenLQQuery:]
	b.oro = subOption(options, optORO)
	link := lease6.IP6From(v[1:])
	var scope lease.ScopeID
	if !link.IsZero() {
		at := b.p.Select(&policy6.Selector{Relayed: true, Link: link})
		if at == nil {
			return NotConfigured, "no such link"
		}
		scope = at.Scope
	}
	on := func(e *lease6.Entry) bool { return scope == 0 || e.Scope == scope }
	switch v[0] {
	case queryByRelayID:
		id := subOption(options, optRelayID)
		if len(id) == 0 {
			return MalformedQuery, "no relay identifier to query by"
		}
		b.match = func(e *lease6.Entry) bool { return on(e) && bytes.Equal(e.RelayID, id) }
	case queryByRemoteID:
		id := subOption(options, optRemoteID)
		if len(id) == 0 {
			return MalformedQuery, "no remote identifier to query by"
		}
		b.match = func(e *lease6.Entry) bool { return on(e) && bytes.Equal(e.RemoteID, id) }
	default:
		if scope == 0 {
			return MalformedQuery, "no link to query by"
		}
		b.match = on
	}
	return Success, ""
}

// shard sends what a shard has; false: nobody listens any more.
func (b *bulk) shard(n int) bool {
	type held struct {
		duid  []byte
		lease lease6.Entry
	}
	var found []held
	b.now = b.clock()
	b.Table.EachShard(n, func(e *lease6.Entry) bool {
		if b.active(e) && b.match(e) && b.p.ScopeSubnet(e.Scope) != nil {
			found = append(found, held{bytes.Clone(e.DUID), kept(e)})
		}
		return true
	})
	slices.SortFunc(found, func(x, y held) int {
		return cmp.Or(bytes.Compare(x.duid, y.duid), cmp.Compare(x.lease.Scope, y.lease.Scope))
	})
	for len(found) > 0 {
		n := 1
		for n < len(found) && n < mostQueried && found[n].lease.Scope == found[0].lease.Scope && bytes.Equal(found[n].duid, found[0].duid) {
			n++
		}
		leases := make([]lease6.Entry, n)
		for i := range leases {
			leases[i] = found[i].lease
		}
		b.a.reset()
		b.a.Type, b.a.Reason = LeaseQueryReply, frame.OK
		if b.sent > 0 {
			b.a.Type = LeaseQueryData
		}
		b.now = b.clock()
		b.clientData(found[0].duid, leases, b.oro)
		b.sent++
		if !b.send(b.a) {
			return false
		}
		found = found[n:]
	}
	return true
}

// done: "A single LEASEQUERY-DONE MUST BE sent after all replies … to a successful
// Bulk Leasequery request that returned at least one binding" (§5.2.2).
func (b *bulk) done() {
	b.a.reset()
	b.a.Type = LeaseQueryDone
	b.send(b.a)
}

// RefuseBulk fills in the answer to a query that is not looked at, or, where some of
// its answers were sent, not to its end.
func RefuseBulk(a *Answer, begun bool, code uint16, text string) {
	a.reset()
	a.Type = LeaseQueryReply
	if begun {
		a.Type = LeaseQueryDone
	}
	a.Status = Status{true, code, text}
}
