// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"encoding/hex"
	"testing"

	"xdhcp/engine/lease"
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
		if got := dhcid(&c.e, c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
