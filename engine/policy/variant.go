// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/bits"
	"sync/atomic"
)

// variants are option sets as the members of classes get them. Most sets never
// meet most combinations of classes, so a variant is made when the first client
// needs it: the one allocation here that a packet can cause. Clients choose
// their classes, so the memory is bounded: a hash table that does not grow,
// buckets of variantWays, where a new variant takes the place of another when
// all are in use.
type variants struct {
	slots []atomic.Pointer[variant] // a power of two
	turn  atomic.Uint32             // which of a full bucket goes next
}

// A variant is immutable.
type variant struct {
	base *OptionSet
	in   ClassSet // those of the client's classes that count
	set  *OptionSet
}

const (
	variantWays = 4
	minVariants = 1 << 8
	maxVariants = 1 << 16
)

// init makes room for the variants of sets in classes: what is usual, where a
// client is in few of them.
func (v *variants) init(sets, classes int) {
	n := min(max(sets*min(classes, 16)*2, minVariants), maxVariants)
	v.slots = make([]atomic.Pointer[variant], 1<<bits.Len(uint(n-1)))
}

// ForClasses is the set o for a client that is in these classes: their options
// lie over those of the pool and under those of a reservation; over all of them
// lies what is configured for a class at a place (Option.Class).
func (p *Policy) ForClasses(o *OptionSet, in *ClassSet) *OptionSet {
	if p.classes == nil || o == nil || !o.classes.Meets(in) {
		return o
	}
	key := o.classes.And(in)
	h := uint64(o.id) * 0x9e3779b97f4a7c15
	for _, w := range key {
		h = (bits.RotateLeft64(h, 23) ^ w) * 0xff51afd7ed558ccd
	}
	v := &p.variants
	at := int(h>>32) & (len(v.slots) - 1) &^ (variantWays - 1)
	bucket := v.slots[at : at+variantWays]
	for i := range bucket {
		if x := bucket[i].Load(); x != nil && x.base == o && x.in == key {
			return x.set
		}
	}
	return p.vary(o, &key, bucket)
}

// vary makes the variant of o and puts it into its bucket.
func (p *Policy) vary(o *OptionSet, key *ClassSet, bucket []atomic.Pointer[variant]) *OptionSet {
	x := &variant{base: o, in: *key, set: p.merge(o.from, key)}
	for i := range bucket {
		// Two workers may get here at once; the first to store wins, so that a
		// variant has one address for as long as it is kept.
		if bucket[i].CompareAndSwap(nil, x) {
			return x.set
		}
		if y := bucket[i].Load(); y != nil && y.base == o && y.in == *key {
			return y.set
		}
	}
	bucket[p.variants.turn.Add(1)%variantWays].Store(x)
	return x.set
}
