// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/policy"
)

// §6.3: "DHCPv4 servers that conform to this specification MUST use the 'client identifier'
// option to identify the client if the client sends it."
func TestRFC4361_6_3_IdentifierOfAnyType(t *testing.T) {
	b := newBench(t)
	// Type 255, an IAID, and a DUID; one host with two interfaces.
	id := func(iaid byte) func(*Query) {
		return func(q *Query) { q.Client.ClientID = []byte{255, 0, 0, 0, iaid, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1} }
	}
	one, two := b.lease(1, id(1)), b.lease(1, id(2))
	if one == two {
		t.Error("two interfaces share an address")
	}
	// The interface card is replaced, the host stays the same.
	if again := b.lease(7, id(1)); again != one {
		t.Errorf("%v, want %v", again, one)
	}
}

// §6.3: "DHCPv4 servers MAY use administrator-supplied values for chaddr and htype to identify
// the client in the case where the administrator is assigning a fixed IP address to the client,
// even if the client sends a client identifier option."
func TestRFC4361_6_3_ReservationByHardwareAddress(t *testing.T) {
	b := newBench(t, reserve(1, "192.0.2.77"))
	q := discover(1)
	q.Client.ClientID = []byte{255, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1}
	b.wantOffer(b.send(q), "192.0.2.77")
}

// §6.4: "DHCPv4 servers MUST use 'chaddr' as an identifier in cases where 'client identifier' is
// not sent".
func TestRFC4361_6_4_ChaddrWithoutIdentifier(t *testing.T) {
	for _, identity := range []policy.Identity{policy.IdentityClientID, policy.IdentityHW, policy.IdentityCircuit} {
		b := newBench(t, func(s *policy.Spec) { s.Identity = identity })
		one := b.lease(1)
		if b.lease(2) == one || b.lease(1) != one {
			t.Errorf("identity %d: chaddr is not what tells clients apart", identity)
		}
	}
}
