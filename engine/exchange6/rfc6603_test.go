// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"net/netip"
	"testing"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// RFC 6603 §5.2: "If the OPTION_ORO option in the Solicit message includes the
// OPTION_PD_EXCLUDE option code …. The delegating router includes the prefix … in the
// OPTION_PD_EXCLUDE option within the OPTION_IAPREFIX IAprefix-option in the Advertise message."
// "If the OPTION_ORO option … does not include the OPTION_PD_EXCLUDE option code, then the
// delegating router MUST fall back to normal behavior". §4.2: "Any prefix excluded from the
// delegated prefix MUST be contained in" it.
func TestPDExclude(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		lengths(s)
		first(s).Delegate[1].Exclude = prefix("0:0:0:ff::/64")
		first(s).Reservations = []policy6.ReservationSpec{{
			DUID: duid(9), Prefixes: []netip.Prefix{prefix("2001:db8:f000::/48")}, Exclude: prefix("2001:db8:f000:beef::/64"),
		}}
	})
	for _, typ := range []uint8{Solicit, Request, Renew, Rebind} {
		_, l := b.answered(b.send(from(1, typ, pd(1, "::/56"), na(1), asks(67))), lease6.PD, 1)
		if len(l) != 1 || l[0].Prefix != at("2001:db8:9000::/56") || l[0].Exclude != at("2001:db8:9000:ff::/64") {
			t.Errorf("message %d: %+v", typ, l)
		}
		_, l = b.answered(b.send(from(1, typ, pd(1, "::/56"), na(1))), lease6.PD, 1)
		if len(l) != 1 || !l[0].Exclude.IsNone() {
			t.Errorf("message %d: %+v without being asked for", typ, l)
		}
	}
	_, l := b.answered(b.send(from(2, Solicit, pd(1, "::/56"), asks(67))), lease6.PD, 1)
	if len(l) != 1 || l[0].Exclude != at("2001:db8:9000:1ff::/64") {
		t.Errorf("the next client: %+v", l)
	}
	_, l = b.answered(b.send(from(3, Solicit, pd(1, "::/48"), asks(67))), lease6.PD, 1)
	if len(l) != 1 || !l[0].Exclude.IsNone() {
		t.Errorf("of a block without exclusion: %+v", l)
	}
	_, l = b.answered(b.send(from(9, Solicit, pd(1), asks(67))), lease6.PD, 1)
	if len(l) != 1 || l[0].Prefix != at("2001:db8:f000::/48") || l[0].Exclude != at("2001:db8:f000:beef::/64") {
		t.Errorf("reserved: %+v", l)
	}
}

// RFC 6603 §4.2: "prefix-len MUST be between 'OPTION_IAPREFIX prefix-length'+1 and 128."
func TestPDExcludeIsLongerThanThePrefix(t *testing.T) {
	for _, bad := range []string{"0:0:0:ff::/56", "::/48"} {
		spec := baseSpec()
		lengths(&spec)
		first(&spec).Delegate[1].Exclude = prefix(bad)
		if _, err := policy6.Build(spec); err == nil {
			t.Errorf("%s is accepted for a /56", bad)
		}
	}
}
