// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// lengths makes blocks of /48, /56 and /60 on the first link.
func lengths(s *policy6.Spec) {
	block := func(p string, n uint8) policy6.DelegateSpec {
		return policy6.DelegateSpec{Prefix: prefix(p), Length: n, Method: policy6.Iterative}
	}
	first(s).Delegate = []policy6.DelegateSpec{
		block("2001:db8:8000::/47", 48), block("2001:db8:9000::/48", 56), block("2001:db8:a00f::/56", 60),
	}
}

// RFC 8168 §3.2: "if the client included only a prefix-length hint in the message, the server
// SHOULD first check its prefix pool for a prefix with a length matching the prefix-length hint
// value …. If the server does not have a prefix with a length matching the prefix-length hint
// value, then the server SHOULD provide the prefix whose length is shorter and closest to the
// prefix-length hint value."
func TestPrefixLengthHint(t *testing.T) {
	b := newBench(t, lengths)
	for n, c := range []struct {
		hint string
		want uint8
	}{
		{"::/48", 48}, {"::/56", 56}, {"::/60", 60},
		{"::/54", 48}, {"::/57", 56}, {"::/64", 60}, {"::/127", 60},
		{"::/40", 56}, // longer ones are last, the nearest of them first; both /48 are taken
	} {
		_, l := b.answered(b.send(from(byte(n), Solicit, pd(1, c.hint))), lease6.PD, 1)
		if len(l) != 1 || l[0].Prefix.Len != c.want {
			t.Errorf("%s: %v, want a /%d", c.hint, l, c.want)
		}
	}
}

// RFC 8168 §3.2: "… regardless of the prefix record from previous interactions with the
// client."
func TestALengthHintGoesBeforeTheRecord(t *testing.T) {
	b := newBench(t, lengths)
	old := b.lease(1, pd(1, "::/60"))
	a := b.send(from(1, Solicit, pd(1, "::/56")))
	b.wantLeases(a, lease6.PD, 1, "2001:db8:9000::/56")
	// Without a hint, or with its own prefix, it gets what it has.
	b.wantLeases(b.send(from(1, Solicit, pd(1))), lease6.PD, 1, old.String())
	b.wantLeases(b.send(from(1, Solicit, pd(1, old.String()))), lease6.PD, 1, old.String())
	// The Request makes the change; one prefix is enough.
	b.wantLeases(b.send(from(1, Request, pd(1, "2001:db8:9000::/56"))), lease6.PD, 1, "2001:db8:9000::/56")
	b.wantHolder(old.String(), lease.Released, 1)
	// No pool of that length: the record stays.
	b.wantLeases(b.send(from(1, Solicit, pd(1, "::/50"))), lease6.PD, 1, "2001:db8:9000::/56")
}

// RFC 8168 §3.2: "If the client included a specific prefix value in the Solicit message, the
// server SHOULD check its prefix pool for a prefix matching the requested prefix value. If the
// requested prefix is not available …, and the client also included a prefix-length hint in the
// same IA_PD option, then … a prefix with a length matching the prefix-length hint value."
func TestPrefixHintThenLength(t *testing.T) {
	b := newBench(t, lengths)
	b.wantLeases(b.send(from(1, Solicit, pd(1, "2001:db8:9000:700::/56", "::/60"))), lease6.PD, 1, "2001:db8:9000:700::/56")
	_, l := b.answered(b.send(from(2, Solicit, pd(1, "2001:db8:dead::/56", "::/60"))), lease6.PD, 1)
	if len(l) != 1 || l[0].Prefix.Len != 60 {
		t.Errorf("%v", l)
	}
}

// RFC 8168 §3.5: of what a server may do with a hint in a Renew or Rebind, "1. Extend the
// lifetime of the original delegated prefix". A delegated prefix never shrinks.
func TestAHintNeverChangesWhatIsRenewed(t *testing.T) {
	for _, typ := range []uint8{Renew, Rebind} {
		b := newBench(t, lengths)
		p := b.lease(1, pd(1, "::/56"))
		for _, hint := range []string{"::/60", "::/48", "::/64"} {
			b.wait(hour)
			b.wantLeases(b.send(from(1, typ, pd(1, p.String(), hint))), lease6.PD, 1, p.String())
			b.wantLeases(b.send(from(1, typ, pd(1, hint, p.String()))), lease6.PD, 1, p.String())
			b.wantLeases(b.send(from(1, typ, pd(1, hint))), lease6.PD, 1, p.String())
		}
	}
}

// RFC 8415 §21.22: "The client SHOULD NOT send an IA Prefix option with 0 in the
// 'prefix-length' field": it says nothing then.
func TestAnEmptyHintIsNone(t *testing.T) {
	b := newBench(t, lengths)
	for _, typ := range []uint8{Solicit, Request, Renew} {
		b.wantLeases(b.send(from(1, typ, pd(1, "::/0"))), lease6.PD, 1, "2001:db8:8000::/48")
	}
}
