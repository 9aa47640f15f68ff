// SPDX-License-Identifier: Apache-2.0

package fastpath

// harmless is the set of options that a message may hold and still be answered
// here: those which exchange or this package acts upon, and those which are
// assigned and change nothing about the answer. A configuration option in a
// client's message (codes up to 49 and the like) is a hint that a server may
// ignore (RFC 2131 §3.5). Everything else goes to the slow path, among it:
//
//	 52      overload, found by Scan
//	 90      authentication (RFC 3118)
//	220      subnet allocation (RFC 6656)
//	250      Microsoft's continuation of a long option ([MS-DHCPE] §2.2.9)
//	unassigned and site-specific codes
var harmless = newSet(
	1, 49, 50, 51, 53, 83, 85, 89, 91, 95, 97, 101, 108, 109, 112, 114, 116, 125,
	128, 162, 175, 177, 208, 213, 221, 221, 249, 249, 252, 252,
)

// newSet makes a bitmap of option codes from pairs of first and last.
func newSet(ranges ...uint8) (set [4]uint64) {
	for i := 0; i+1 < len(ranges); i += 2 {
		for c := int(ranges[i]); c <= int(ranges[i+1]); c++ {
			set[c>>6] |= 1 << (c & 63)
		}
	}
	return set
}

// known says whether all options present are harmless.
func known(present *[4]uint64) bool {
	return present[0]&^harmless[0]|present[1]&^harmless[1]|present[2]&^harmless[2]|present[3]&^harmless[3] == 0
}

// meets says whether two sets have a code in common.
func meets(x, y *[4]uint64) bool {
	return x[0]&y[0]|x[1]&y[1]|x[2]&y[2]|x[3]&y[3] != 0
}
