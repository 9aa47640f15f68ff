// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"slices"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
)

// oddList is what is leased, offered or on probation, and not regular in the layout
// in force: it was made under another one. While there is anything, every new
// claim has to ask whether it overlaps. What becomes free stays until that is
// durable.
type oddList struct {
	n  atomic.Int64 // entries
	mu sync.Mutex   // a leaf

	sorted []oddEntry // by prefix
	tail   []oddEntry // added since, in no order
	dead   int        // entries of sorted that are over
	lens   [129]int   // how many there are of each length, dead ones too
}

type oddEntry struct {
	p     Prefix
	freed bool
	dead  bool
	at    lease.Ticket // freed: by this change
}

func compareOdd(e oddEntry, p Prefix) int { return e.p.Compare(p) }

// add notes a prefix. freed: it is free already, but not durably.
func (o *oddList) add(p Prefix, freed bool, at lease.Ticket) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, oddEntry{p: p, freed: freed, at: at})
	o.lens[p.Len]++
	o.n.Add(1)
}

// entry is that of a prefix which is there and not free.
func (o *oddList) entry(p Prefix) *oddEntry {
	for i := range o.tail {
		if e := &o.tail[i]; e.p == p && !e.dead && !e.freed {
			return e
		}
	}
	at, _ := slices.BinarySearchFunc(o.sorted, p, compareOdd)
	for ; at < len(o.sorted) && o.sorted[at].p == p; at++ {
		if e := &o.sorted[at]; !e.dead && !e.freed {
			return e
		}
	}
	return nil
}

// free says that a prefix is free from a change on.
func (o *oddList) free(p Prefix, at lease.Ticket) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.entry(p)
	e.freed, e.at = true, at
}

// drop forgets a prefix.
func (o *oddList) drop(p Prefix) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bury(o.entry(p))
	o.tidy()
}

func (o *oddList) bury(e *oddEntry) {
	e.dead = true
	o.dead++
	o.n.Add(-1)
}

// tidy merges the tail, so that a search does not have to go through it.
func (o *oddList) tidy() {
	if o.n.Load() == 0 {
		o.sorted, o.tail, o.dead, o.lens = nil, nil, 0, [129]int{}
		return
	}
	if len(o.tail) <= 32 && 2*o.dead <= len(o.sorted) {
		return
	}
	all := append(o.sorted, o.tail...)
	all = slices.DeleteFunc(all, func(e oddEntry) bool { return e.dead })
	slices.SortFunc(all, func(x, y oddEntry) int { return x.p.Compare(y.p) })
	o.sorted, o.tail, o.dead, o.lens = all, nil, 0, [129]int{}
	for _, e := range all {
		o.lens[e.p.Len]++
	}
}

// blocks reports whether p overlaps an entry. Its own does not count: what exactly p
// is about is decided in the stripe.
func (o *oddList) blocks(t *Table, p Prefix) bool {
	if o.n.Load() == 0 {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tidy()
	defer o.tidy()
	for i := range o.tail {
		if e := &o.tail[i]; e.p != p && e.p.Overlaps(p) && o.stands(t, e) {
			return true
		}
	}
	// Those that p contains stand in a row; of those that contain p there can be one
	// of each length.
	last := p.Last()
	at, _ := slices.BinarySearchFunc(o.sorted, Prefix{p.IP6, 0}, compareOdd)
	for ; at < len(o.sorted) && !last.Less(o.sorted[at].p.IP6); at++ {
		if e := &o.sorted[at]; e.p != p && e.p.Overlaps(p) && o.stands(t, e) {
			return true
		}
	}
	for n := uint8(0); n < p.Len; n++ {
		if o.lens[n] == 0 {
			continue
		}
		q := PrefixFrom(p.IP6, n)
		at, _ := slices.BinarySearchFunc(o.sorted, q, compareOdd)
		for ; at < len(o.sorted) && o.sorted[at].p == q; at++ {
			if e := &o.sorted[at]; o.stands(t, e) {
				return true
			}
		}
	}
	return false
}

// stands reports whether an entry is in the way still.
func (o *oddList) stands(t *Table, e *oddEntry) bool {
	if e.dead {
		return false
	}
	if e.freed && t.durable(e.at) {
		o.bury(e)
		return false
	}
	return true
}
