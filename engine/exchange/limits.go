// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// limits counts the leases that a limit is about. For each key (this circuit,
// this MAC, this class) it has the list of the addresses that count; a limit is
// not overshot because a lease is on its list before the table is asked for it:
//
//  1. acquire puts the address on the list of each key, unless one is full, and
//     pins it there;
//  2. the table commits, or refuses;
//  3. settle takes the pin away. What was refused leaves the list, unless another
//     request has pinned it or it was a lease before.
//
// A lease ends without a word from the table, by time or by an operator's hand.
// So when a list is full, its addresses whose end has come (or all, of a short
// list) are looked up; who is not bound any more, or counts for something else,
// and is not pinned leaves the list. The list is locked meanwhile: a commit that
// the look-up does not see has its pin. Locks are taken in the order list, then
// table.
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
	full  int         // number of lists at which those that have become empty are looked for
	entry lease.Entry // room
	keys  policy.Recall
	_     [64]byte
}

// A limitList is the addresses that count for a key, ascending.
type limitList struct {
	at  []counted
	due lease.Time // none ends before
}

type counted struct {
	addr lease.IP4
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

func (x *limitList) find(a lease.IP4) (int, bool) {
	return slices.BinarySearchFunc(x.at, a, func(c counted, a lease.IP4) int {
		switch {
		case c.addr < a:
			return -1
		case c.addr > a:
			return 1
		}
		return 0
	})
}

// room says whether addr is on the list or may be put there. own is the address
// that the client gives up for it, 0: none. s is locked.
func (s *limitShard) room(d *decision, key policy.LimitKey, x *limitList, addr, own lease.IP4) bool {
	if _, ok := x.find(addr); ok || uint64(len(x.at)) < uint64(key.Max) {
		return true
	}
	// The client has one lease in its scope: the table swaps them.
	if _, ok := x.find(own); ok && own != 0 && uint64(len(x.at)) <= uint64(key.Max) {
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
func (s *limitShard) bound(d *decision, key uint64, addr lease.IP4) lease.Time {
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
func (d *decision) within(addr lease.IP4) bool {
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
func (d *decision) limitKeys(addr lease.IP4) []policy.LimitKey {
	return d.p.LimitKeys(&d.req.Client, d.p.SubnetOf(addr), &d.q.class.In, &d.q.keys)
}

// current is the address that the client has a lease of, if it is another one.
func (d *decision) current(addr lease.IP4) lease.IP4 {
	if v, ok := d.Table.Find(d.req.Scope, &d.req.Client, d.now); ok && v.Status == lease.Bound && v.Addr != addr {
		return v.Addr
	}
	return 0
}

// commit is Table.Commit within the limits.
func (d *decision) commit(addr lease.IP4, valid uint32) (lease.Outcome, lease.Grant) {
	if !d.p.HasLimits() {
		if l := &d.limits; l.seeded.Load() != 0 {
			l.seeded.Store(0) // what is leased now is on no list
		}
		return d.Table.Commit(&d.req, addr, valid, d.now, d.b)
	}
	d.Seed(d.p)
	own := d.current(addr)
	keys := d.limitKeys(addr)
	for i, k := range keys {
		if !d.acquire(k, addr, own) {
			for _, k := range keys[:i] {
				d.settle(k, addr, 0, 0)
			}
			return overLimit, lease.Grant{}
		}
	}
	out, g := d.Table.Commit(&d.req, addr, valid, d.now, d.b)
	var end lease.Time
	if out == lease.OK {
		end = g.Expires
	}
	for _, k := range keys {
		d.settle(k, addr, end, own)
	}
	return out, g
}

// acquire puts addr on the list of a key and pins it; false: the list is full.
func (d *decision) acquire(k policy.LimitKey, addr, own lease.IP4) bool {
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
// refused it. own is the address that the client had before, if it is another.
func (d *decision) settle(k policy.LimitKey, addr lease.IP4, end lease.Time, own lease.IP4) {
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
		s.drop(d, k.Hash, x, own)
		return
	}
	if c.pins == 0 && !c.live {
		s.remove(k.Hash, x, i)
	}
}

// drop takes an address off the list if it is no lease any more. s is locked.
func (s *limitShard) drop(d *decision, key uint64, x *limitList, addr lease.IP4) {
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

// ended takes the address in s of a client that has given it back off its lists.
func (d *decision) ended(s *policy.Subnet, addr lease.IP4) {
	if !d.p.HasLimits() {
		return
	}
	d.res = s.ReservationOf(&d.req.Client, d.flex)
	d.gather()
	for _, k := range d.limitKeys(addr) {
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
func (s *Server) Seed(p *policy.Policy) {
	if !p.HasLimits() || s.limits.seeded.Load() == p.LimitsID() {
		return
	}
	l := &s.limits
	l.seeding.Lock()
	defer l.seeding.Unlock()
	if l.seeded.Load() == p.LimitsID() {
		return
	}
	var r policy.Recall
	s.Table.Each(func(e *lease.Entry) bool {
		if e.Status != lease.Bound {
			return true
		}
		for _, k := range p.KeysOf(e, &r) {
			sh := l.shard(k.Hash)
			sh.mu.Lock()
			x := sh.list(k.Hash)
			i, ok := x.find(e.Addr)
			if !ok {
				x.at = slices.Insert(x.at, i, counted{addr: e.Addr})
			}
			x.at[i].live, x.at[i].due = true, e.Expires
			x.due = min(x.due, e.Expires)
			sh.mu.Unlock()
		}
		return true
	})
	l.seeded.Store(p.LimitsID())
}
