// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// RFC 8415 §18.3.9: "The server MUST include IA options in the Advertise message
// containing any addresses and/or delegated prefixes that would be assigned to IAs
// contained in the Solicit message from the client."
func TestAdvertiseHasWhatARequestWouldGet(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Solicit, na(1), pd(1)))
	b.wantType(a, Advertise)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	_, prefixes := b.answered(a, lease6.PD, 1)
	if len(prefixes) != 1 || a.Wait != 0 || b.batch.Len() != 0 {
		t.Fatalf("%d prefixes, waits for %v, %d changes", len(prefixes), a.Wait, b.batch.Len())
	}
	r := b.send(from(1, Request, na(1, "2001:db8:0:1::10"), pd(1, prefixes[0].Prefix.String())))
	b.wantType(r, Reply)
	b.wantLeases(r, lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(r, lease6.PD, 1, prefixes[0].Prefix.String())
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	if r.Wait != b.batch.Ticket() || b.batch.Len() != 2 {
		t.Errorf("the Reply waits for %v, and there are %d changes", r.Wait, b.batch.Len())
	}
}
