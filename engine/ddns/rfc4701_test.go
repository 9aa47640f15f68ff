// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// RFC 4701 §3.6, the examples with their records.
func TestRFC4701_3_6_Examples(t *testing.T) {
	bytes := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		what string
		e    lease.Entry
		name string
		want string
	}{
		// §3.6.1 has the DUID from DHCPv6; RFC 4361 §6.1 puts it behind an IAID.
		{"DUID", lease.Entry{ClientID: append(bytes("ff00000001"), bytes("00010006412df166010203040506")...), HType: 1, HW: bytes("010203040506")},
			"chi6.example.com.", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="},
		{"client identifier", lease.Entry{ClientID: bytes("010708090a0b0c"), HType: 1, HW: bytes("010203040506")},
			"chi.example.com.", "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No="},
		{"link-layer address", lease.Entry{HType: 1, HW: bytes("010203040506")},
			"client.example.com.", "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY="},
		// §3.5: "the domain name is represented in the canonical wire format", in
		// which letters are small.
		{"in capitals", lease.Entry{HType: 1, HW: bytes("010203040506")},
			"CLIENT.Example.COM", "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY="},
	} {
		if got := identity4(&c.e).dhcid(c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// RFC 4701 §3.6.1, the example of a DHCPv6 client: its DUID as it is. So a client whose client identifier of
// DHCPv4 holds it (RFC 4361) has the same record in both families.
func TestRFC4701_3_6_1_DUID(t *testing.T) {
	r := newRig(t)
	duid := []byte{0, 1, 0, 6, 0x41, 0x2d, 0xf1, 0x66, 1, 2, 3, 4, 5, 6}
	r.grant6(duid, lease6.IA{Type: lease6.NA, ID: 1}, "2001:db8::10", "chi6.example.com.")
	e, ok := r.u.table.lookup(netip.MustParseAddr("2001:db8::10"))
	if got := e.who.dhcid("chi6.example.com."); !ok || got != "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=" {
		t.Errorf("%v, %s", ok, got)
	}
}
