// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"testing"
)

// Whoever is in the sieve passes, and few others do.
func TestSieve(t *testing.T) {
	for _, prefix := range []string{"", "\x02\xcc", "port", "a long circuit identifier "} {
		const members = 10_000
		id := func(i int) []byte { return binary.BigEndian.AppendUint32([]byte(prefix), uint32(i)) }
		s := newSieve(members)
		for i := range members {
			s.add(ByCircuit, id(i))
		}
		passed := 0
		for i := range members {
			if !s.passes(ByCircuit, id(i)) {
				t.Fatalf("member %q is held back", id(i))
			}
			for _, other := range []struct {
				by Identifier
				v  []byte
			}{{ByCircuit, id(members + i)}, {ByMAC, id(i)}} {
				if s.passes(other.by, other.v) {
					passed++
				}
			}
		}
		if passed > 2*members/8 {
			t.Errorf("%q: %d of %d others pass", prefix, passed, 2*members)
		}
	}
	if newSieve(0).passes(ByMAC, []byte{1}) {
		t.Error("an empty sieve lets pass")
	}
}
