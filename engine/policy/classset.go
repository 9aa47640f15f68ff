// SPDX-License-Identifier: Apache-2.0

package policy

import "math/bits"

// MaxClasses is the number of classes that a policy may have.
const MaxClasses = 64*classWords - 2 // the filters are two more, inside

const classWords = 8

// A ClassSet is a set of classes; a class's number is its place in the Spec.
type ClassSet [classWords]uint64

// noClasses is the empty set, for whoever has to point to one.
var noClasses ClassSet

// Has says whether class i is in the set.
func (s *ClassSet) Has(i int) bool { return s[i>>6&(classWords-1)]>>(i&63)&1 != 0 }

// Add puts class i into the set.
func (s *ClassSet) Add(i int) { s[i>>6&(classWords-1)] |= 1 << (i & 63) }

// Meets says whether both sets have a class.
func (s *ClassSet) Meets(o *ClassSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// Empty says whether no class is in the set.
func (s *ClassSet) Empty() bool { return *s == ClassSet{} }

// Union adds the classes of another set.
func (s *ClassSet) Union(o *ClassSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// And is the classes that both sets have.
func (s *ClassSet) And(o *ClassSet) (both ClassSet) {
	for i := range s {
		both[i] = s[i] & o[i]
	}
	return both
}

// First is the lowest class of the set at or after i; -1: none.
func (s *ClassSet) First(i int) int {
	for w := i >> 6; w < classWords; w++ {
		word := s[w]
		if w == i>>6 {
			word &= ^uint64(0) << (i & 63)
		}
		if word != 0 {
			return w<<6 + bits.TrailingZeros64(word)
		}
	}
	return -1
}
