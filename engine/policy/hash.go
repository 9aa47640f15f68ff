// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"math/bits"
)

// hashOf is a hash of a value and of where it belongs, good in all of its bits. It
// needs no secret: the tables that it is for hold the configuration's values, and who
// sends others that meet them gains a comparison.
func hashOf(where uint64, v []byte) uint64 {
	const m0, m1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	le := binary.LittleEndian
	n := len(v)
	h := where<<16 ^ uint64(n) ^ m0
	for i := 0; i+8 < n; i += 8 {
		h = fold(h^le.Uint64(v[i:]), m1)
	}
	switch {
	case n >= 8: // the last eight; some of them may have been in it before
		h ^= le.Uint64(v[n-8:])
	case n >= 4:
		h ^= uint64(le.Uint32(v))<<32 | uint64(le.Uint32(v[n-4:]))
	case n > 0:
		h ^= uint64(v[0])<<16 | uint64(v[n/2])<<8 | uint64(v[n-1])
	}
	return fold(fold(h, m1), m0)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
