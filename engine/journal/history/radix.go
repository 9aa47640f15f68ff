// SPDX-License-Identifier: Apache-2.0

package history

// keyed is something to sort, without pointers and of one size: a key, and where
// the rest of it is.
type keyed struct {
	key uint64
	val uint64
}

const (
	digitBits = 8
	digits    = 64 / digitBits
	radix     = 1 << digitBits
)

// sortKeyed sorts by key; what has the same key keeps its order. It needs as much
// memory again, tmp, which it returns in exchange, for the next time.
//
// A radix sort, least significant digit first: a chunk of the log has a hundred
// thousand keys, and comparing took more time than all the rest of the making of a
// run. A digit that all keys share costs nothing.
func sortKeyed(a, tmp []keyed) (sorted, spare []keyed) {
	if cap(tmp) < len(a) {
		tmp = make([]keyed, len(a))
	}
	tmp = tmp[:len(a)]
	var counts [digits][radix]uint32
	for i := range a {
		k := a[i].key
		for d := range digits {
			counts[d][byte(k>>(d*digitBits))]++
		}
	}
	for d := range digits {
		count := &counts[d]
		if len(a) == 0 || count[byte(a[0].key>>(d*digitBits))] == uint32(len(a)) {
			continue
		}
		at := uint32(0)
		for i, n := range count {
			count[i] = at
			at += n
		}
		for i := range a {
			slot := &count[byte(a[i].key>>(d*digitBits))]
			tmp[*slot] = a[i]
			*slot++
		}
		a, tmp = tmp, a
	}
	return a, tmp
}
