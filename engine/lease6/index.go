// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"sync/atomic"

	"xdhcp/internal/hugepage"
)

// index finds records by tag, which is a part of a hash. It is one array of
// entries tag<<32 | ref with gaps (0), in ascending order: an entry lies at the
// place that its tag, read as a fraction of 2³², has in the array, or to the right
// of it with no gap between. So a look-up reads one cache line, mostly, and the
// array can have any length and grows by a quarter, in one pass from left to right.
// It is that of package lease without what only IPv4 needs.
//
// Several entries may have the same tag.
type index struct {
	e    []uint64
	size uint64 // tags map to 0…size-1; the rest of e is room for the last run
	n    int
	max  int // grow above this

	// What expect looks at, without the lock: e and size, published together.
	shown atomic.Pointer[slots]
}

type slots struct {
	e    []uint64
	size uint64
}

// expect makes the processor get the entries of a tag. It needs no lock.
func (x *index) expect(tag uint32) {
	sh := x.shown.Load()
	prefetchEntry(&sh.e[uint64(tag)*sh.size>>32])
}

const indexSlack = 64 // more than a run at the end is likely to be long

// indexLarge is the length from which on large pages are worth a system call.
const indexLarge = 1 << 9

// home is where a tag belongs.
func (x *index) home(tag uint32) uint64 { return uint64(tag) * x.size >> 32 }

func (x *index) init(size, slack int) {
	x.size = uint64(size)
	x.e = make([]uint64, size+slack)
	if size >= indexLarge {
		hugepage.AdviseSlice(x.e)
	}
	x.max = size - size/5
	x.shown.Store(&slots{x.e, x.size})
}

// first is the position of the first entry of a tag, or where it would be.
func (x *index) first(tag uint32) int {
	i := int(x.home(tag))
	key := uint64(tag) << 32
	for x.e[i] != 0 && x.e[i] < key {
		i++
	}
	return i
}

// insert adds an entry; tag and r are not 0.
func (x *index) insert(tag uint32, r ref) {
	if x.n >= x.max {
		x.rebuild(int(x.size)+int(x.size)/4, len(x.e)-int(x.size))
	}
	for !x.put(uint64(tag)<<32 | uint64(r)) {
		x.rebuild(int(x.size), 2*(len(x.e)-int(x.size)))
	}
	x.n++
}

// put places an entry; false: the run reaches the end of the array.
func (x *index) put(e uint64) bool {
	i := int(x.home(uint32(e >> 32)))
	for x.e[i] != 0 && x.e[i] < e {
		i++
	}
	j := i
	for x.e[j] != 0 {
		j++
	}
	if j == len(x.e)-1 { // the last one stays 0, so that every search ends
		return false
	}
	copy(x.e[i+1:j+1], x.e[i:j])
	x.e[i] = e
	return true
}

// rebuild moves all to an array of another length, with that much room behind it,
// or more if it must be.
func (x *index) rebuild(size, slack int) {
	old := x.e
	for {
		if x.init(size, slack); x.refill(old) {
			return
		}
		slack *= 2
	}
}

// refill places the entries of old, which are in order, into the empty array.
func (x *index) refill(old []uint64) bool {
	next := uint64(0) // first place that is still free
	for _, e := range old {
		if e == 0 {
			continue
		}
		next = max(next, x.home(uint32(e>>32)))
		if next == uint64(len(x.e)-1) {
			return false
		}
		x.e[next] = e
		next++
	}
	return true
}

// remove takes an entry out; it is there.
func (x *index) remove(tag uint32, r ref) {
	e := uint64(tag)<<32 | uint64(r)
	i := int(x.home(tag))
	for x.e[i] != e {
		i++
	}
	// What stands behind it moves up, unless it is at home.
	for {
		next := x.e[i+1]
		if next == 0 || x.home(uint32(next>>32)) > uint64(i) {
			break
		}
		x.e[i] = next
		i++
	}
	x.e[i] = 0
	x.n--
}
