// SPDX-License-Identifier: Apache-2.0

// Package limit counts the leases that a limit is about, for both protocols.
//
// For each key (this circuit, this MAC, this class) a Book has the list of the leases
// that count. A limit is not overshot, however many workers commit at once, because a
// lease is on its list before the table is asked for it:
//
//  1. Take puts the lease on the list of each key, unless one is full, and pins it
//     there;
//  2. the table commits, or refuses;
//  3. Settle takes the pin away. What was refused leaves the list, unless another
//     request has pinned it or it was a lease before.
//
// A lease ends without a word from the table, by time or by an operator's hand. So
// when a list is full, its leases whose end has come (or all, of a short list) are
// looked up; who is not bound any more, or counts for something else, and is not
// pinned leaves the list. The list is locked meanwhile: a commit that the look-up does
// not see has its pin. Locks are taken in the order list, then table.
package limit

import (
	"slices"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Address is what is leased. Its zero value is no address.
type Address[A any] interface {
	comparable
	Compare(A) int
}

// Table looks a lease up. It is asked with a list locked, and has R for itself
// meanwhile.
type Table[A Address[A], R any] interface {
	// Ends is when the lease of a ends; 0: there is none, or it does not count for
	// the key with this hash.
	Ends(key uint64, a A, r *R) lease.Time
}

const (
	shards = 64
	// shortList is how long a list may be to be looked through each time.
	shortList = 16
	minLists  = 16
)

// Book has the lists. The zero value is ready. R is room for a look-up.
type Book[A Address[A], R any] struct {
	seeding sync.Mutex
	seeded  atomic.Uint64 // whose limits the leases of the table were counted for
	shards  [shards]shard[A, R]
}

type shard[A Address[A], R any] struct {
	mu    sync.Mutex
	lists map[uint64]*list[A]
	full  int // number of lists at which those that have become empty are looked for
	room  R
	_     [64]byte
}

// A list is the leases that count for a key, ascending.
type list[A Address[A]] struct {
	at  []counted[A]
	due lease.Time // none ends before
}

type counted[A Address[A]] struct {
	addr A
	due  lease.Time // end of the lease, when last seen
	pins uint16     // commits under way
	live bool       // it was a lease once
}

// call is what a method needs all the way down.
type call[A Address[A], R any] struct {
	*Book[A, R]
	table Table[A, R]
	now   lease.Time
}

func (b *Book[A, R]) shard(key uint64) *shard[A, R] { return &b.shards[key%shards] }

func (b *Book[A, R]) find(x *list[A], a A) (int, bool) {
	return slices.BinarySearchFunc(x.at, a, func(e counted[A], a A) int { return e.addr.Compare(a) })
}

// list finds or makes the list of a key. s is locked.
func (s *shard[A, R]) list(key uint64) *list[A] {
	x := s.lists[key]
	if x == nil {
		if s.lists == nil {
			s.lists = map[uint64]*list[A]{}
		}
		x = &list[A]{due: lease.Never}
		s.lists[key] = x
	}
	return x
}

func (s *shard[A, R]) remove(key uint64, x *list[A], i int) {
	if x.at = slices.Delete(x.at, i, i+1); len(x.at) == 0 {
		delete(s.lists, key)
	}
}

// Within says whether a lease of addr may be had under all keys: to know before it is
// offered. own is the lease that is given up for it, zero: none.
func (b *Book[A, R]) Within(t Table[A, R], now lease.Time, keys []policy.LimitKey, addr, own A) bool {
	c := call[A, R]{b, t, now}
	for _, k := range keys {
		s := b.shard(k.Hash)
		s.mu.Lock()
		x := s.lists[k.Hash]
		ok := k.Max > 0 && x == nil || x != nil && c.fits(s, k, x, addr, own)
		s.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// Take puts addr on the lists of all keys and pins it there, or on none; false: one is
// full. own is as for Within. After true the caller commits, and calls Settle.
func (b *Book[A, R]) Take(t Table[A, R], now lease.Time, keys []policy.LimitKey, addr, own A) bool {
	c := call[A, R]{b, t, now}
	for i, k := range keys {
		if !c.take(k, addr, own) {
			var none A
			b.Settle(t, keys[:i], addr, none, 0)
			return false
		}
	}
	return true
}

// Settle ends what Take began. end is the end of the lease, 0: the table has refused
// it. own leaves the lists, if it is no lease any more.
func (b *Book[A, R]) Settle(t Table[A, R], keys []policy.LimitKey, addr, own A, end lease.Time) {
	c := call[A, R]{b, t, 0}
	for _, k := range keys {
		c.settle(k.Hash, addr, own, end)
	}
}

// Ended takes addr off the lists of all keys, if it is no lease any more.
func (b *Book[A, R]) Ended(t Table[A, R], keys []policy.LimitKey, addr A) {
	c := call[A, R]{b, t, 0}
	for _, k := range keys {
		s := b.shard(k.Hash)
		s.mu.Lock()
		if x := s.lists[k.Hash]; x != nil {
			c.drop(s, k.Hash, x, addr)
		}
		s.mu.Unlock()
	}
}

// fits says whether addr is on the list or may be put there. s is locked.
func (c *call[A, R]) fits(s *shard[A, R], key policy.LimitKey, x *list[A], addr, own A) bool {
	if _, ok := c.find(x, addr); ok || uint64(len(x.at)) < uint64(key.Max) {
		return true
	}
	// The client gives one up for the other.
	var none A
	if _, ok := c.find(x, own); ok && own != none && uint64(len(x.at)) <= uint64(key.Max) {
		return true
	}
	c.sweep(s, key.Hash, x)
	return uint64(len(x.at)) < uint64(key.Max)
}

// sweep takes off the list what is no lease any more. s is locked.
func (c *call[A, R]) sweep(s *shard[A, R], key uint64, x *list[A]) {
	if x.due > c.now && len(x.at) > shortList {
		return
	}
	short := len(x.at) <= shortList
	x.due = lease.Never
	kept := x.at[:0]
	for _, e := range x.at {
		if e.pins == 0 && (short || e.due <= c.now) {
			if e.due = c.table.Ends(key, e.addr, &s.room); e.due == 0 {
				continue
			}
		}
		x.due = min(x.due, e.due)
		kept = append(kept, e)
	}
	x.at = kept
}

// tidy forgets the lists on which there is no lease any more. Random MACs would
// fill the memory with them. It is done when their number has doubled, so it
// costs a commit no more than a few look-ups on average. s is locked.
func (c *call[A, R]) tidy(s *shard[A, R]) {
	for key, x := range s.lists {
		c.sweep(s, key, x)
		if len(x.at) == 0 {
			delete(s.lists, key)
		}
	}
	s.full = 2 * len(s.lists)
}

func (c *call[A, R]) take(k policy.LimitKey, addr, own A) bool {
	s := c.shard(k.Hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lists) >= max(s.full, minLists) {
		c.tidy(s)
	}
	x := s.list(k.Hash)
	if !c.fits(s, k, x, addr, own) {
		return false
	}
	i, ok := c.find(x, addr)
	if !ok {
		x.at = slices.Insert(x.at, i, counted[A]{addr: addr})
	}
	x.at[i].pins++
	return true
}

func (c *call[A, R]) settle(key uint64, addr, own A, end lease.Time) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.list(key)
	i, _ := c.find(x, addr) // it is pinned
	e := &x.at[i]
	e.pins--
	var none A
	switch {
	case end != 0:
		e.live, e.due = true, end
		x.due = min(x.due, end)
		if own != none {
			c.drop(s, key, x, own)
		}
	case e.pins == 0 && !e.live:
		s.remove(key, x, i)
	}
}

// drop takes addr off the list if it is no lease any more. s is locked.
func (c *call[A, R]) drop(s *shard[A, R], key uint64, x *list[A], addr A) {
	i, ok := c.find(x, addr)
	if !ok || c.table.Ends(key, addr, &s.room) != 0 {
		return
	}
	if x.at[i].pins > 0 {
		x.at[i].live = false
		return
	}
	s.remove(key, x, i)
}
