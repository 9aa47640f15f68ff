// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeaseQuery(t *testing.T) {
	for text, want := range map[string]LeaseQuery{
		"": {},
		"leasequery: {allow: 10.9.9.9}": {
			Allow: []netip.Prefix{netip.MustParsePrefix("10.9.9.9/32")}, Bulk: true, Connections: 10, Timeout: 300,
		},
		"leasequery: {allow: [10.0.0.0/8], options: [routers, 15], bulk: false, connections: 3, timeout: 1m}": {
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Options: []uint8{3, 15}, Connections: 3, Timeout: 60,
		},
		"leasequery: {allow: \"2001:db8::7\", relayed: true}": {
			Allow: []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128")}, Relayed: true, Bulk: true, Connections: 10, Timeout: 300,
		},
		"leasequery: {allow: 10.0.0.0/8, options: []}": {
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Options: []uint8{}, Bulk: true, Connections: 10, Timeout: 300,
		},
	} {
		if d := cmp.Diff(want, mustParse(t, fits(text)).LeaseQuery, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestLeaseQueryProblems(t *testing.T) {
	for _, tt := range []bad{
		{"leasequery: {bulk: true}", []string{"1:13: leasequery.allow: is missing: name the addresses or prefixes that may ask, as in [192.0.2.0/28]"}},
		{"leasequery: {requesters: [10.0.0.1], allow: []}", []string{
			"1:14: leasequery.requesters: unknown key (did you mean allow?)",
			"1:45: leasequery.allow: is empty: leave leasequery out instead",
		}},
		{"leasequery: {allow: [10.0.0.1/8, x], options: [router, 15, domain-name], connections: 0, timeout: infinite}", []string{
			"1:22: leasequery.allow[0]: 10.0.0.1/8 has bits set after its length (did you mean 10.0.0.0/8?)",
			`1:34: leasequery.allow[1]: "x" is not an address`,
			"1:48: leasequery.options[0]: unknown option (did you mean routers?)",
			"1:60: leasequery.options[2]: option 15 is listed twice",
			`1:87: leasequery.connections: "0" is not a number from 1 to 10000`,
			"1:99: leasequery.timeout: must not be infinite",
		}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}
