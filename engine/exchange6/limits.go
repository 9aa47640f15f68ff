// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/limit"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// limits counts the leases that a limit is about, addresses and prefixes apart.
type limits = limit.Book[lease6.Prefix, recalled]

// recalled is room for what the table remembers of a lease.
type recalled struct {
	entry lease6.Entry
	keys  policy6.Recall
}

// overLimit is the outcome of a commit that a limit forbids; it is none of the
// table's own.
const overLimit lease.Outcome = 255

// ends finds leases for the lists. It is in the query, and not the decision itself,
// which stays on the stack.
type ends struct {
	table  *lease6.Table
	policy *policy6.Policy
}

func (d *decision) ends() *ends {
	e := &d.q.room.ends
	e.table, e.policy = d.Table, d.p
	return e
}

// Ends is for limit.Table.
func (l *ends) Ends(key uint64, addr lease6.Prefix, r *recalled) lease.Time {
	e := &r.entry
	if !l.table.Lookup(addr, e) || e.Status != lease.Bound {
		return 0
	}
	if !slices.ContainsFunc(l.policy.KeysOf(e, &r.keys), func(k policy.LimitKey) bool { return k.Hash == key }) {
		return 0
	}
	return e.Expires
}

// within says whether the client may have a lease of addr: to know before it is
// offered.
func (d *decision) within(addr lease6.Prefix) bool {
	if !d.p.HasLimits() {
		return true
	}
	d.Seed(d.p)
	return d.limits.Within(d.ends(), d.now, d.limitKeys(addr), addr, d.current(addr))
}

// limitKeys are what a lease of addr counts for.
func (d *decision) limitKeys(addr lease6.Prefix) []policy.LimitKey {
	return d.p.LimitKeys(&d.req.Client, d.subnet, addr, d.in(), &d.q.room.keys)
}

// current is a lease that the IA gives up for addr; none: there is no such.
func (d *decision) current(addr lease6.Prefix) lease6.Prefix {
	d.q.room.held = d.Table.Leases(d.req.Scope, d.req.Client.DUID, d.req.IA, d.now, d.q.room.held[:0])
	for _, v := range d.q.room.held {
		if v.Status == lease.Bound && v.Prefix != addr && !d.promised(v.Prefix) && !slices.Contains(d.res.For(d.req.IA.Type), v.Prefix) {
			return v.Prefix
		}
	}
	return lease6.Prefix{}
}

// commit is Table.Commit within the limits. fresh says that the IA gives up what it
// has for this lease.
func (d *decision) commit(addr lease6.Prefix, preferred, valid uint32, fresh bool) (lease6.Grant, lease.Outcome) {
	if !d.p.HasLimits() {
		d.limits.Forget()
		return d.Table.Commit(&d.req, addr, preferred, valid, d.now, d.b)
	}
	d.Seed(d.p)
	var own, none lease6.Prefix
	if fresh {
		own = d.current(addr)
	}
	keys := d.limitKeys(addr)
	if !d.limits.Take(d.ends(), d.now, keys, addr, own) {
		return lease6.Grant{}, overLimit
	}
	g, out := d.Table.Commit(&d.req, addr, preferred, valid, d.now, d.b)
	end := g.Expires
	if out != lease.OK {
		end = 0
	}
	// What the IA gives up is released by a step of its own, and leaves the lists then.
	d.limits.Settle(d.ends(), keys, addr, none, end)
	return g, out
}

// ending notes what a lease counts for that is about to be given back: what the table
// remembers of its client, since the message may have come without its relay agent.
func (d *decision) ending(addr lease6.Prefix) {
	r := &d.q.room
	r.ending = nil
	if d.p.HasLimits() && d.Table.Lookup(addr, &r.entry) && r.entry.Status == lease.Bound {
		r.ending = d.p.KeysOf(&r.entry, &r.recall)
	}
}

// ended takes a lease that the client has given back off its lists.
func (d *decision) ended(addr lease6.Prefix) { d.limits.Ended(d.ends(), d.q.room.ending, addr) }

// Seed counts the leases of the table for the limits of p: after a restart, and
// when a reload brings other limits. The first message under such a policy does it
// where nobody has done so before; to spare that message the wait, call it before
// the policy is put in force.
func (s *Server) Seed(p *policy6.Policy) {
	if !p.HasLimits() {
		return
	}
	s.limits.Seed(p.LimitsID(), func(add func(lease6.Prefix, lease.Time, []policy.LimitKey)) {
		var r policy6.Recall
		s.Table.Each(func(e *lease6.Entry) bool {
			if e.Status == lease.Bound {
				add(e.Prefix, e.Expires, p.KeysOf(e, &r))
			}
			return true
		})
	})
}
