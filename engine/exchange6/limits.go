// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// limits counts the leases that a limit is about: see the type of the same name in
// engine/exchange, whose steps these are. For each key (this interface-id, this MAC,
// this class; addresses and prefixes apart) it has the list of the leases that count; a
// lease is on its list, and pinned there, before the table is asked for it, so that a
// limit is not overshot. Locks are taken in the order list, then table.
type limits struct {
	seeding sync.Mutex
	seeded  atomic.Uint64 // LimitsID that the leases of the table were counted for
	shards  [limitShards]limitShard
}

const (
	limitShards = 64
	// shortList is how long a list may be to be looked through each time.
	shortList = 16
	minLists  = 16
)

type limitShard struct {
	mu    sync.Mutex
	lists map[uint64]*limitList
	full  int          // number of lists at which those that have become empty are looked for
	entry lease6.Entry // room
	keys  policy6.Recall
	_     [64]byte
}

// A limitList is the addresses that count for a key, ascending.
type limitList struct {
	at  []counted
	due lease.Time // none ends before
}

type counted struct {
	addr lease6.Prefix
	due  lease.Time // end of the lease, when last seen
	pins uint16     // commits under way
	live bool       // it was a lease once
}

// overLimit is the outcome of a commit that a limit forbids; it is none of the
// table's own.
const overLimit lease.Outcome = 255

func (l *limits) shard(key uint64) *limitShard { return &l.shards[key%limitShards] }

// list finds or makes the list of a key. s is locked.
func (s *limitShard) list(key uint64) *limitList {
	x := s.lists[key]
	if x == nil {
		if s.lists == nil {
			s.lists = map[uint64]*limitList{}
		}
		x = &limitList{due: lease.Never}
		s.lists[key] = x
	}
	return x
}

func (x *limitList) find(a lease6.Prefix) (int, bool) {
	return slices.BinarySearchFunc(x.at, a, func(c counted, a lease6.Prefix) int {
		return cmp.Or(c.addr.IP6.Compare(a.IP6), cmp.Compare(c.addr.Len, a.Len))
	})
}

// room says whether addr is on the list or may be put there. own is the address
// that the client gives up for it, 0: none. s is locked.
func (s *limitShard) room(d *decision, key policy.LimitKey, x *limitList, addr, own lease6.Prefix) bool {
	if _, ok := x.find(addr); ok || uint64(len(x.at)) < uint64(key.Max) {
		return true
	}
	// The IA gives its lease up for the new one.
	if _, ok := x.find(own); ok && !own.IsNone() && uint64(len(x.at)) <= uint64(key.Max) {
		return true
	}
	s.sweep(d, key.Hash, x)
	return uint64(len(x.at)) < uint64(key.Max)
}

// sweep takes off the list what is no lease any more. s is locked.
func (s *limitShard) sweep(d *decision, key uint64, x *limitList) {
	if x.due > d.now && len(x.at) > shortList {
		return
	}
	short := len(x.at) <= shortList
	x.due = lease.Never
	kept := x.at[:0]
	for _, c := range x.at {
		if c.pins == 0 && (short || c.due <= d.now) {
			if c.due = s.bound(d, key, c.addr); c.due == 0 {
				continue
			}
		}
		x.due = min(x.due, c.due)
		kept = append(kept, c)
	}
	x.at = kept
}

// tidy forgets the lists on which there is no lease any more. Random MACs would
// fill the memory with them. It is done when their number has doubled, so it
// costs a commit no more than a few look-ups on average. s is locked.
func (s *limitShard) tidy(d *decision) {
	for key, x := range s.lists {
		s.sweep(d, key, x)
		if len(x.at) == 0 {
			delete(s.lists, key)
		}
	}
	s.full = 2 * len(s.lists)
}

// bound is when the lease of an address ends that counts for key; 0: there is
// none.
func (s *limitShard) bound(d *decision, key uint64, addr lease6.Prefix) lease.Time {
	e := &s.entry
	if !d.Table.Lookup(addr, e) || e.Status != lease.Bound {
		return 0
	}
	if !slices.ContainsFunc(d.p.KeysOf(e, &s.keys), func(k policy.LimitKey) bool { return k.Hash == key }) {
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
	own := d.current(addr)
	for _, k := range d.limitKeys(addr) {
		s := d.limits.shard(k.Hash)
		s.mu.Lock()
		x := s.lists[k.Hash]
		ok := k.Max > 0 && x == nil || x != nil && s.room(d, k, x, addr, own)
		s.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
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
		if l := &d.limits; l.seeded.Load() != 0 {
			l.seeded.Store(0) // what is leased now is on no list
		}
		return d.Table.Commit(&d.req, addr, preferred, valid, d.now, d.b)
	}
	d.Seed(d.p)
	var own lease6.Prefix
	if fresh {
		own = d.current(addr)
	}
	keys := d.limitKeys(addr)
	for i, k := range keys {
		if !d.acquire(k, addr, own) {
			for _, k := range keys[:i] {
				d.settle(k, addr, 0)
			}
			return lease6.Grant{}, overLimit
		}
	}
	g, out := d.Table.Commit(&d.req, addr, preferred, valid, d.now, d.b)
	var end lease.Time
	if out == lease.OK {
		end = g.Expires
	}
	for _, k := range keys {
		d.settle(k, addr, end)
	}
	return g, out
}

// acquire puts addr on the list of a key and pins it; false: the list is full.
func (d *decision) acquire(k policy.LimitKey, addr, own lease6.Prefix) bool {
	s := d.limits.shard(k.Hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lists) >= max(s.full, minLists) {
		s.tidy(d)
	}
	x := s.list(k.Hash)
	if !s.room(d, k, x, addr, own) {
		return false
	}
	i, ok := x.find(addr)
	if !ok {
		x.at = slices.Insert(x.at, i, counted{addr: addr})
	}
	x.at[i].pins++
	return true
}

// settle ends what acquire began. end is the end of the lease, 0: the table has
// refused it.
func (d *decision) settle(k policy.LimitKey, addr lease6.Prefix, end lease.Time) {
	s := d.limits.shard(k.Hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.list(k.Hash)
	i, _ := x.find(addr) // it is pinned
	c := &x.at[i]
	c.pins--
	if end != 0 {
		c.live, c.due = true, end
		x.due = min(x.due, end)
		return
	}
	if c.pins == 0 && !c.live {
		s.remove(k.Hash, x, i)
	}
}

// drop takes an address off the list if it is no lease any more. s is locked.
func (s *limitShard) drop(d *decision, key uint64, x *limitList, addr lease6.Prefix) {
	i, ok := x.find(addr)
	if !ok || s.bound(d, key, addr) != 0 {
		return
	}
	if x.at[i].pins > 0 {
		x.at[i].live = false
		return
	}
	s.remove(key, x, i)
}

func (s *limitShard) remove(key uint64, x *limitList, i int) {
	if x.at = slices.Delete(x.at, i, i+1); len(x.at) == 0 {
		delete(s.lists, key)
	}
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
func (d *decision) ended(addr lease6.Prefix) {
	for _, k := range d.q.room.ending {
		s := d.limits.shard(k.Hash)
		s.mu.Lock()
		if x := s.lists[k.Hash]; x != nil {
			s.drop(d, k.Hash, x, addr)
		}
		s.mu.Unlock()
	}
}

// Seed counts the leases of the table for the limits of p: after a restart, and
// when a reload brings other limits. The first message under such a policy does it
// where nobody has done so before; to spare that message the wait, call it before
// the policy is put in force.
func (s *Server) Seed(p *policy6.Policy) {
	if !p.HasLimits() || s.limits.seeded.Load() == p.LimitsID() {
		return
	}
	l := &s.limits
	l.seeding.Lock()
	defer l.seeding.Unlock()
	if l.seeded.Load() == p.LimitsID() {
		return
	}
	var r policy6.Recall
	s.Table.Each(func(e *lease6.Entry) bool {
		if e.Status != lease.Bound {
			return true
		}
		for _, k := range p.KeysOf(e, &r) {
			sh := l.shard(k.Hash)
			sh.mu.Lock()
			x := sh.list(k.Hash)
			i, ok := x.find(e.Prefix)
			if !ok {
				x.at = slices.Insert(x.at, i, counted{addr: e.Prefix})
			}
			x.at[i].live, x.at[i].due = true, e.Expires
			x.due = min(x.due, e.Expires)
			sh.mu.Unlock()
		}
		return true
	})
	l.seeded.Store(p.LimitsID())
}
