// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLimits(t *testing.T) {
	cfg := mustParse(t, fits(`limits:
  - {per: mac, max: 2}
  - {per: circuit-id, max: 4, class: gold}
  - {per: class, class: gold, max: 0x10}
classes: [{name: gold, match: {subscriber-id: gold}}]
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10-192.0.2.20], limit: 5}]
`))
	want := []Limit{{Per: LimitMAC, Max: 2}, {Per: LimitCircuit, Max: 4, Class: "gold"}, {Per: LimitClass, Max: 16, Class: "gold"}}
	if d := cmp.Diff(want, cfg.Limits, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
	if cfg.Subnets[0].Limit != 5 {
		t.Errorf("limit of the subnet: %d", cfg.Subnets[0].Limit)
	}
}

func TestLimitProblems(t *testing.T) {
	for _, tt := range []bad{
		{"limits: [{per: mac}]", []string{"1:10: limits[0].max: is missing: how many leases?"}},
		{"limits: [{max: 1}]", []string{"1:10: limits[0].per: is missing: mac, circuit-id, remote-id or class"}},
		{"limits: [{by: mac, max: 1}]", []string{
			"1:10: limits[0].per: is missing: mac, circuit-id, remote-id or class",
			"1:11: limits[0].by: unknown key (did you mean per?)",
		}},
		{"limits: [{per: circut-id, max: 1}]", []string{
			`1:16: limits[0].per: "circut-id" is not mac, circuit-id, remote-id or class (did you mean circuit-id?)`,
		}},
		{"limits: [{per: mac, max: 0}]", []string{`1:26: limits[0].max: "0" is not a number from 1 to 4294967295`}},
		{"limits: [{per: class, max: 1}]", []string{"1:10: limits[0].class: is missing: which class is limited?"}},
		{"limits: [{per: class, class: gald, max: 1}]\nclasses: [{name: gold}]", []string{
			"1:30: limits[0].class: there is no class gald (did you mean gold?)",
		}},
		{"limits: [{per: mac, max: 1}, {per: circuit-id, max: 1}, {per: mac, max: 2}]", []string{
			"1:57: limits[2]: there is such a limit already, in line 1",
		}},
		{"classes:\n- {name: win, match: {vendor-class: MSFT 5.0}}\n- {name: x, match: {all: [{known: true}, {not: {class: win}}]}}\nlimits: [{per: class, class: x, max: 1}]", []string{
			"4:30: limits[0].class: leases of class x (line 3) cannot be counted after a restart: it looks at vendor-class, " +
				"which a lease does not remember (it remembers mac, client-id, option 82, and whether there is a reservation)",
		}},
		{"limits: [{per: mac, max: 1, class: a}, {per: mac, max: 1, class: b}, {per: mac, max: 1, class: c}, " +
			"{per: mac, max: 1, class: d}, {per: remote-id, max: 1}, {per: mac, max: 1}, {per: circuit-id, max: 1}, {per: class, class: a, max: 1},\n" +
			" {per: class, class: b, max: 1}]\nclasses: [{name: a}, {name: b}, {name: c}, {name: d}]", []string{
			"2:2: limits: is one limit more than the 8 that are possible",
		}},
		{"subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], limit: many}]", []string{
			`1:62: subnets[0].limit: "many" is not a number from 1 to 4294967295`,
		}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}
