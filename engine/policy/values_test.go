// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"testing"
)

// Values of all lengths are found as what they are, and as nothing else.
func TestValues(t *testing.T) {
	of := map[valueKey]uint16{}
	value := func(n int) []byte { return bytes.Repeat([]byte{7}, n) }
	for n := 1; n <= 300; n++ {
		of[valueKey{MatchMAC, whole, string(value(n))}] = uint16(n)
		if n%2 == 0 {
			of[valueKey{MatchMAC, beginning, string(value(n))}] = uint16(1000 + n)
		}
	}
	v := newValues(of)
	want := func(by MatchBy, form uint8, value []byte) int {
		if a, ok := of[valueKey{by, form, string(value)}]; ok {
			return int(a)
		}
		return -1
	}
	for n := 0; n <= 310; n++ {
		for _, x := range [][]byte{value(n), append(value(n), 8), append([]byte{8}, value(n)...)} {
			for _, by := range []MatchBy{MatchMAC, MatchCircuit} {
				for _, form := range []uint8{whole, beginning} {
					if got := v.find(by, form, x); got != want(by, form, x) {
						t.Fatalf("%d, form %d, %x: %d, want %d", by, form, x, got, want(by, form, x))
					}
				}
			}
		}
	}
	none := newValues(nil)
	if got := none.find(MatchMAC, whole, []byte{1}); got != -1 {
		t.Errorf("of nothing: %d", got)
	}
}
