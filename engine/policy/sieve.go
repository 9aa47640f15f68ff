// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"math/bits"
)

// A sieve says of most clients without a reservation that they have none, for all
// scopes in one small table that stays in the processor's cache. The reservations of
// a thousand scopes do not: each look into one of their maps waits for memory several
// times. It is a set of hashes with room for sieveBits for each member, so that one
// of ten to twenty clients passes who is not in it; nobody who is in it is held back.
type sieve []uint64

const sieveBits = 16

func newSieve(members int) sieve {
	return make(sieve, 1<<bits.Len(uint(members*sieveBits/64)))
}

func (s sieve) add(id Identifier, v []byte) {
	h := sieveHash(id, v)
	s[h>>6&uint64(len(s)-1)] |= 1 << (h & 63)
}

func (s sieve) passes(id Identifier, v []byte) bool {
	h := sieveHash(id, v)
	return s[h>>6&uint64(len(s)-1)]>>(h&63)&1 != 0
}

// sieveHash needs no secret: who aims at a bit gains a look into a map.
func sieveHash(id Identifier, v []byte) uint64 {
	const m = 0x9e3779b97f4a7c15
	h := uint64(id)<<8 ^ uint64(len(v))
	for ; len(v) >= 8; v = v[8:] {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(v))*m, 29)
	}
	if len(v) >= 4 {
		h = bits.RotateLeft64((h^uint64(binary.LittleEndian.Uint32(v)))*m, 29)
		v = v[4:]
	}
	for _, b := range v {
		h = (h ^ uint64(b)) * m
	}
	h *= m
	return h ^ h>>32
}
