// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// values are the conditions on one value, of all kinds and classes: which atom a
// value makes true. It is one hash table, of a few kilobytes with a hundred classes,
// so that the processor keeps it in its cache. At most a quarter of its slots is in
// use: a look for what nobody asks for mostly ends at the first one. An entry is one
// cache line.
type values struct {
	slots   []uint32 // half of the hash<<16 | place in entries + 1; 0: free. The next one where it is taken.
	entries []valueEntry
}

// A valueKey is a value and how it is looked at. form is whole or beginning; of
// addresses the length of the prefix.
type valueKey struct {
	by    MatchBy
	form  uint8
	value string
}

const (
	whole     = 0
	beginning = 1
)

type valueEntry struct {
	by    MatchBy
	form  uint8
	atom  uint16
	n     int32    // length of the value
	begin [32]byte // of the value,
	more  string   // and the rest
	_     [8]byte
}

func (e *valueEntry) is(by MatchBy, form uint8, value []byte) bool {
	if e.by != by || e.form != form || int(e.n) != len(value) {
		return false
	}
	n := min(len(value), len(e.begin))
	return string(value[:n]) == string(e.begin[:n]) && string(value[n:]) == e.more
}

// newValues has at most maxAtoms entries.
func newValues(of map[valueKey]uint16) (v values) {
	keys := slices.SortedFunc(maps.Keys(of), func(x, y valueKey) int { // the same policy makes the same table
		return cmp.Or(cmp.Compare(x.by, y.by), cmp.Compare(x.form, y.form), cmp.Compare(x.value, y.value))
	})
	v.slots = make([]uint32, 4<<bits.Len(uint(len(of))))
	for i, k := range keys {
		e := valueEntry{by: k.by, form: k.form, atom: of[k], n: int32(len(k.value))}
		e.more = k.value[copy(e.begin[:], k.value):]
		v.entries = append(v.entries, e)
		hash := valueHash(k.by, k.form, []byte(k.value))
		at := hash & uint32(len(v.slots)-1)
		for v.slots[at] != 0 {
			at = (at + 1) & uint32(len(v.slots)-1)
		}
		v.slots[at] = hash&^0xffff | uint32(i+1)
	}
	return v
}

// find is the atom that a value makes true; -1: none.
func (v *values) find(by MatchBy, form uint8, value []byte) int {
	hash := valueHash(by, form, value)
	for at := hash; ; at++ {
		x := v.slots[at&uint32(len(v.slots)-1)]
		if x == 0 {
			return -1
		}
		if (x^hash)>>16 == 0 {
			if e := &v.entries[x&0xffff-1]; e.is(by, form, value) {
				return int(e.atom)
			}
		}
	}
}

func valueHash(by MatchBy, form uint8, value []byte) uint32 {
	return uint32(hashOf(uint64(by)<<8|uint64(form), value))
}
