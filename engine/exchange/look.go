// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// What a decision finds in the policy follows from the message alone: the subnet of
// the client's link, its reservation, its classes. A codec that has several messages in
// hand can have this looked up for all of them before it has the first one decided, one
// step after the other, and each step begins to fetch what the next one needs. With a
// large configuration and many clients little of that is in the processor's caches, and
// so the waits for memory of several messages overlap:
//
//  1. for each message: Locate
//  2. for each message: Expect
//  3. for each message: Seek
//  4. for each message: Recognize
//  5. for each message: Decide4 with the same policy
//
// Decide4 looks up what was not looked up before; its answer is the same. So each step
// may be left out with those that follow it.

// look is what was looked up for a Query.
type look struct {
	by         *policy.Policy // where; nil: nothing was looked up
	subnet     *policy.Subnet // nil: none
	hint       lease.Hint
	reserved   bool // there may be a reservation
	recognized bool // the rest is known too
	res        *policy.Reservation
	in         *policy.ClassSet // the client's classes: room, or those of nobody
	room       policy.ClassSet
}

// Forget undoes what the steps before Decide4 have done. A codec calls it when it makes
// the Query one of another message.
func (q *Query) Forget() { q.look.by, q.look.subnet, q.look.res = nil, nil, nil }

// Locate looks for the subnet of the client's link.
func (s *Server) Locate(p *policy.Policy, q *Query) {
	q.furnish()
	l := &q.look
	l.by, l.subnet, l.recognized = p, q.link(p), false
	l.subnet.Prefetch()
}

// Expect begins to fetch where the policy and the lease table will look for the client.
func (s *Server) Expect(q *Query) {
	l := &q.look
	l.hint = lease.Hint{}
	if l.subnet == nil {
		return
	}
	c := &q.Client
	addr := q.names()
	l.subnet.Expect(c, addr)
	if addr != 0 {
		s.Table.ExpectAddr(addr)
		return
	}
	l.subnet.Identity.Identify(c, q.id[:])
	l.hint = s.Table.Aim(l.subnet.Scope, c)
}

// Glance is Locate, Expect and Seek in one, for a policy that is not large and so in the
// caches: only leases are thought of. Fetch comes after it in the place of Recognize.
func (s *Server) Glance(p *policy.Policy, q *Query) {
	q.furnish()
	l := &q.look
	l.hint = lease.Hint{}
	if addr := q.names(); addr != 0 {
		s.Table.ExpectAddr(addr)
		return
	}
	l.by, l.subnet, l.recognized = p, q.link(p), false
	if l.subnet != nil {
		l.subnet.Identity.Identify(&q.Client, q.id[:])
		l.hint = s.Table.Expect(l.subnet.Scope, &q.Client, 0)
	}
}

// Fetch begins to fetch the client's lease.
func (s *Server) Fetch(q *Query) { s.Table.Fetch(q.look.hint) }

// Seek looks there.
func (s *Server) Seek(q *Query) {
	if l := &q.look; l.subnet != nil {
		l.hint.Expect()
		l.reserved = l.subnet.Candidate(&q.Client)
	}
}

// names is the address that the message is about, if it says so: in option 50
// or in ciaddr. The table finds it without knowing the client.
func (q *Query) names() lease.IP4 {
	if q.Requested != 0 {
		return q.Requested
	}
	return q.Ciaddr
}

// Recognize looks for the client's reservation and its classes, begins to fetch its lease, and returns the options
// that it will be given, as far as they can be told (Answer.Options and Answer.Classes);
// nil: they cannot.
func (s *Server) Recognize(p *policy.Policy, q *Query) (*policy.OptionSet, *policy.ClassSet) {
	l := &q.look
	if l.subnet == nil || p.HasFlexID() {
		return nil, nil
	}
	s.Table.Fetch(l.hint)
	if l.res = nil; l.reserved {
		l.res = l.subnet.ReservationOf(&q.Client, nil)
	}
	if l.in = q.classify(p, &q.Client, l.res); l.in == &q.class.In {
		if !q.class.Open.Empty() {
			return nil, nil
		}
		l.room = q.class.In
		l.in = &l.room
	}
	l.recognized = true
	return l.res.Options(l.subnet.Options), l.in
}

// link is the subnet of the client's link, or nil.
func (q *Query) link(p *policy.Policy) *policy.Subnet {
	// One by one, here and below: a literal is made somewhere else and then copied, and
	// the processor waits for what was just stored.
	var sel policy.Selector
	sel.Port, sel.NTags, sel.VLAN = q.Port, q.NTags, q.VLAN
	sel.LinkSelection, sel.SubnetSelection, sel.Giaddr = q.LinkSelection, q.SubnetSelection, q.Giaddr
	if q.direct(p) {
		sel.Ciaddr = q.Ciaddr
	}
	return p.Select(&sel)
}

// direct says whether the client sent the message to us and to nobody else. The
// relay agent of RFC 5107 is us in the client's eyes.
func (q *Query) direct(p *policy.Policy) bool {
	if q.Giaddr != 0 {
		return q.ServerOverride != 0
	}
	return q.Dst != 0 && p.Ours(q.Dst)
}

// noClasses are those of a client where there are none.
var noClasses policy.ClassSet

// classify finds the classes of a client. What they may be is in q.class.
func (q *Query) classify(p *policy.Policy, c *lease.Client, res *policy.Reservation) *policy.ClassSet {
	if !p.HasClasses() {
		return &noClasses
	}
	f := &q.facts
	f.Client, f.Reservation, f.Packet = c, res, q.Options
	f.VendorClass, f.UserClass, f.VendorIdent, f.VendorInfo, f.Arch = q.VendorClass, q.UserClass, q.VendorIdent, q.VendorInfo, q.Arch
	f.Giaddr, f.Src, f.Dst, f.Port, f.NTags, f.VLAN = q.Giaddr, q.Src, q.Dst, q.Port, q.NTags, q.VLAN
	p.Classify(f, &q.class)
	return &q.class.In
}
