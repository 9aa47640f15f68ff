// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestOptionRuleProblems(t *testing.T) {
	for _, tt := range []bad{
		{"option-order: [class, pool]", []string{"1:15: option-order: lacks reservation, subnet, shared-network, top: every place has its rank"}},
		{"option-order: [class, pool, clas]", []string{
			`1:29: option-order[2]: "clas" is not reservation, class, pool, subnet, shared-network or top (did you mean class?)`,
		}},
		{"option-order: [class, class]", []string{"1:23: option-order[1]: class is there twice"}},
		{"without-list: all", []string{`1:15: without-list: "all" is not everything or basics`}},
		{"class-options-rank: last", []string{`1:21: class-options-rank: "last" is not first or place`}},
		{"subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], identity: mak}]", []string{
			`1:65: subnets[0].identity: "mak" is not client-id, mac, circuit-id, remote-id or circuit-remote (did you mean mac?)`,
		}},
		{"echo-client-id: maybe", []string{`1:17: echo-client-id: "maybe" is neither true nor false`}},
		{"never-send: [routrs]", []string{"1:14: never-send[0]: unknown option (did you mean routers?)"}},
		{"never-send: [routers, 3]", []string{"1:23: never-send[1]: 3 is there twice"}},
		{"never-send: [dhcp-lease-time]", []string{"1:14: never-send[0]: option 51 is made by the server: write lease: {valid: …}"}},
		{"options: {routers: 192.0.2.1}\nnever-send: [routers]", []string{"2:14: never-send[0]: routers is given in line 1, and would never be sent"}},
		{"always-send: [domain-nam]", []string{"1:15: always-send[0]: unknown option (did you mean domain-name?)"}},
		{"always-send: [domain-name]", []string{"1:15: always-send[0]: domain-name is not among the options here"}},
		{"class-options: [x]", []string{"1:16: class-options: is a list; a map is wanted: {a-class: {routers: [192.0.2.1], …}}"}},
		{"class-options: {gald: {routers: 192.0.2.1}}\nclasses: [{name: gold}]", []string{
			"1:17: class-options.gald: there is no class gald (did you mean gold?)",
		}},
		{"class-options: {gold: {routrs: 192.0.2.1}, gold: {}}\nclasses: [{name: gold}]", []string{
			"1:24: class-options.gold.routrs: unknown option (did you mean routers?)",
			"1:44: class-options.gold: is given twice: first in line 1",
		}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}
