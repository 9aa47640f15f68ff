// SPDX-License-Identifier: Apache-2.0

// Package tagindex finds the records of a lease table by a part of a hash of their
// client. Both tables have one for each shard, which locks it; only Expect needs no
// lock.
package tagindex

import (
	"sync/atomic"

	"xdhcp/internal/hugepage"
	"xdhcp/internal/prefetch"
)

// Index finds records by tag, which is a part of a hash. It is one array of
// entries tag<<32 | ref with gaps (0), in ascending order: an entry lies at the
// place that its tag, read as a fraction of 2³², has in the array, or to the
// right of it with no gap between. So a look-up reads one cache line, mostly;
// the array can have any length and grows by a quarter, in one pass from left to
// right without touching a record; and a walk by tag can stop and go on while
// others insert and delete.
//
// Several entries may have the same tag.
type Index struct {
	// E are the entries: tag<<32 | ref, or 0. The last one is always 0. Only Insert
	// and Remove change them, and Insert may replace the array.
	E    []uint64
	N    int    // entries that are not 0
	size uint64 // tags map to 0…size-1; the rest of E is room for the last run
	max  int    // grow above this

	// What Expect looks at, without the lock: E and size, published together.
	shown atomic.Pointer[slots]
}

type slots struct {
	e    []uint64
	size uint64
}

// Expect makes the processor get the entries of a tag. It needs no lock.
func (x *Index) Expect(tag uint32) {
	sh := x.shown.Load()
	prefetch.Line(&sh.e[uint64(tag)*sh.size>>32])
}

// Slack is how much room behind its size an index begins with.
const Slack = 64 // more than a run at the end is likely to be long

// large is the length from which on large pages are worth a system call.
const large = 1 << 11

// Home is where a tag belongs.
func (x *Index) Home(tag uint32) uint64 { return uint64(tag) * x.size >> 32 }

// Init gives it an empty array: for so many tags, with slack places behind.
func (x *Index) Init(size, slack int) {
	x.size = uint64(size)
	x.E = make([]uint64, size+slack)
	if size >= large {
		hugepage.AdviseSlice(x.E)
	}
	x.max = size - size/5
	x.shown.Store(&slots{x.E, x.size})
}

// First is the position of the first entry of a tag, or where it would be.
func (x *Index) First(tag uint32) int {
	i := int(x.Home(tag))
	key := uint64(tag) << 32
	for x.E[i] != 0 && x.E[i] < key {
		i++
	}
	return i
}

// Insert adds an entry; tag and r are not 0.
func (x *Index) Insert(tag uint32, r uint32) {
	if x.N >= x.max {
		x.rebuild(int(x.size)+int(x.size)/4, len(x.E)-int(x.size))
	}
	for !x.put(uint64(tag)<<32 | uint64(r)) {
		x.rebuild(int(x.size), 2*(len(x.E)-int(x.size)))
	}
	x.N++
}

// put places an entry; false: the run reaches the end of the array.
func (x *Index) put(e uint64) bool {
	i := int(x.Home(uint32(e >> 32)))
	for x.E[i] != 0 && x.E[i] < e {
		i++
	}
	j := i
	for x.E[j] != 0 {
		j++
	}
	if j == len(x.E)-1 { // the last one stays 0, so that every search ends
		return false
	}
	copy(x.E[i+1:j+1], x.E[i:j])
	x.E[i] = e
	return true
}

// rebuild moves all to an array of another length, with that much room behind
// it, or more if it must be.
func (x *Index) rebuild(size, slack int) {
	old := x.E
	for {
		if x.Init(size, slack); x.refill(old) {
			return
		}
		slack *= 2
	}
}

// refill places the entries of old, which are in order, into the empty array.
func (x *Index) refill(old []uint64) bool {
	next := uint64(0) // first place that is still free
	for _, e := range old {
		if e == 0 {
			continue
		}
		next = max(next, x.Home(uint32(e>>32)))
		if next == uint64(len(x.E)-1) {
			return false
		}
		x.E[next] = e
		next++
	}
	return true
}

// Remove takes an entry out; it is there.
func (x *Index) Remove(tag uint32, r uint32) {
	e := uint64(tag)<<32 | uint64(r)
	i := int(x.Home(tag))
	for x.E[i] != e {
		i++
	}
	// What stands behind it moves up, unless it is at home.
	for {
		next := x.E[i+1]
		if next == 0 || x.Home(uint32(next>>32)) > uint64(i) {
			break
		}
		x.E[i] = next
		i++
	}
	x.E[i] = 0
	x.N--
}
