// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"runtime"
	"testing"

	"xdhcp/internal/invariants"
)

// All memory of a lease: its record, client-id, relay information, its part of
// the index, and what is reserved beside it.
func TestBytesPerLease(t *testing.T) {
	const limit = 128
	leases := envInt("LEASES", 1_000_000) // LEASES=10000000 needs 1.3 GB
	if invariants.Enabled {
		leases = 20_000 // for the checks; the figure is that of the plain build
	}
	for _, tt := range []struct {
		name string
		fill func(*Request, uint32)
	}{
		{"hardware address, client-id of 7 bytes, relay information of 24", subscriber},
		{"hardware address", func(r *Request, n uint32) {
			subscriber(r, n)
			r.Client.ClientID, r.Client.Relay = nil, nil
		}},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tab := populatedBy(t, leases, tt.fill)
		runtime.GC()
		runtime.ReadMemStats(&after)
		per := float64(after.HeapAlloc-before.HeapAlloc) / float64(leases)
		t.Logf("%d leases (%s): %.1f bytes each, in %d objects", leases, tt.name, per, after.HeapObjects-before.HeapObjects)
		if per > limit && leases >= 1_000_000 {
			t.Errorf("%s: %.1f bytes a lease, the limit is %d", tt.name, per, limit)
		}
		if st := tab.Stats(); st.Bound != uint64(leases) {
			t.Errorf("%d leases", st.Bound)
		}
	}
}
