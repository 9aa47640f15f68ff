// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/limit"
	"xdhcp/engine/policy"
)

// limits counts the leases that a limit is about.
type limits = limit.Book[lease.IP4, recalled]

// recalled is room for what the table remembers of a lease.
type recalled struct {
	entry lease.Entry
	keys  policy.Recall
}

// overLimit is the outcome of a commit that a limit forbids; it is none of the
// table's own.
const overLimit lease.Outcome = 255

// ends finds leases for the lists. It is in the query, and not the decision itself,
// which stays on the stack.
type ends struct {
	table  *lease.Table
	policy *policy.Policy
}

func (d *decision) ends() *ends {
	e := &d.q.ends
	e.table, e.policy = d.Table, d.p
	return e
}

// Ends is for limit.Table.
func (l *ends) Ends(key uint64, addr lease.IP4, r *recalled) lease.Time {
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
func (d *decision) within(addr lease.IP4) bool {
	if !d.p.HasLimits() {
		return true
	}
	d.Seed(d.p)
	return d.limits.Within(d.ends(), d.now, d.limitKeys(addr), addr, d.current(addr))
}

// limitKeys are what a lease of addr counts for.
func (d *decision) limitKeys(addr lease.IP4) []policy.LimitKey {
	return d.p.LimitKeys(&d.req.Client, d.p.SubnetOf(addr), d.in, &d.q.keys)
}

// current is the address that the client has a lease of, if it is another one: the
// table gives it one lease in its scope, and swaps them.
func (d *decision) current(addr lease.IP4) lease.IP4 {
	if v, ok := d.Table.Find(d.req.Scope, &d.req.Client, d.now); ok && v.Status == lease.Bound && v.Addr != addr {
		return v.Addr
	}
	return 0
}

// commit is Table.Commit within the limits.
func (d *decision) commit(addr lease.IP4, valid uint32) (lease.Outcome, lease.Grant) {
	if !d.p.HasLimits() {
		d.limits.Forget()
		return d.Table.Commit(&d.req, addr, valid, d.now, d.b)
	}
	d.Seed(d.p)
	own, keys := d.current(addr), d.limitKeys(addr)
	if !d.limits.Take(d.ends(), d.now, keys, addr, own) {
		return overLimit, lease.Grant{}
	}
	out, g := d.Table.Commit(&d.req, addr, valid, d.now, d.b)
	end := g.Expires
	if out != lease.OK {
		end = 0
	}
	d.limits.Settle(d.ends(), keys, addr, own, end)
	return out, g
}

// ended takes the address in s of a client that has given it back off its lists.
func (d *decision) ended(s *policy.Subnet, addr lease.IP4) {
	if !d.p.HasLimits() {
		return
	}
	d.res = s.ReservationOf(&d.req.Client, d.flex)
	d.gather()
	d.limits.Ended(d.ends(), d.limitKeys(addr), addr)
}

// Seed counts the leases of the table for the limits of p: after a restart, and
// when a reload brings other limits. The first message under such a policy does it
// where nobody has done so before; to spare that message the wait, call it before
// the policy is put in force.
func (s *Server) Seed(p *policy.Policy) {
	if !p.HasLimits() {
		return
	}
	s.limits.Seed(p.LimitsID(), func(add func(lease.IP4, lease.Time, []policy.LimitKey)) {
		var r policy.Recall
		s.Table.Each(func(e *lease.Entry) bool {
			if e.Status == lease.Bound {
				add(e.Addr, e.Expires, p.KeysOf(e, &r))
			}
			return true
		})
	})
}
