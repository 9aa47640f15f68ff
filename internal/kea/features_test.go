// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"strings"
	"testing"
)

// What newer versions of Kea than the one that is installed for the tests say, and what
// needs hook libraries that it lacks: the lines that must be in the output, and what is
// not carried.
func TestFeatures(t *testing.T) {
	hook := func(name, parameters string) string {
		return `"hooks-libraries":[{"library":"/usr/lib/kea/hooks/libdhcp_` + name + `.so","parameters":{` + parameters + `}}]`
	}
	for _, tt := range []struct {
		name, members string
		want          []string // lines of the output, without what they are indented by
		dropped       []string // beginnings of what is not carried
	}{
		{"never-send", `"option-data":[{"name":"routers","never-send":true,"data":"10.0.0.1"},{"name":"routers","data":"10.0.0.2"},{"name":"domain-name","data":"x"}]`,
			[]string{"options:", "domain-name: x", "never-send: [routers]"}, nil},
		{"options for a class", `"client-classes":[{"name":"a","test":"option[60].hex=='a'"}],"option-data":[{"name":"domain-name","data":"x"},{"name":"domain-name","data":"z1","client-classes":["a"]}]`,
			[]string{"domain-name: x", "class-options:", "a:", "domain-name: z1", "class-options-rank: place"}, nil},
		{"options for a class that is none", `"option-data":[{"name":"domain-name","data":"y","client-classes":["a"]}]`, nil, []string{"client-class a of option-data"}},
		{"options for several classes", `"client-classes":[{"name":"a"},{"name":"b"}],"option-data":[{"name":"domain-name","data":"y","client-classes":["a","b"]}]`, nil, []string{"client-classes of option-data"}},
		{"echo-client-id", `"echo-client-id":false`, []string{"echo-client-id: false"}, nil},
		{"match-client-id of a subnet", in192(`"match-client-id":false`), []string{"identity: client-id", "identity: mac"}, nil},
		{"reservations by DUID", in192R(`{"duid":"00:03:00:01:02","ip-address":"192.0.2.9"}`),
			[]string{"reservation-order: [mac, duid, circuit-id, client-id]", `- {duid: "hex:00:03:00:01:02", address: 192.0.2.9}`}, nil},
		{"reservations of the top level", `"reservations-global":true,"reservations":[{"hw-address":"2:0:0:0:0:1","hostname":"a"},{"hw-address":"2:0:0:0:0:2","ip-address":"192.0.2.9"},{"hw-address":"2:0:0:0:0:3","hostname":"c"}],` +
			in192(`"reservations":[{"hw-address":"02:00:00:00:00:03","hostname":"own"}]`),
			[]string{`- {mac: "02:00:00:00:00:01", hostname: a}`, `- {mac: "02:00:00:00:00:02", address: 192.0.2.9}`, `- {mac: "02:00:00:00:00:03", hostname: own}`}, nil},
		{"reservations of the top level, of another network", `"reservations-global":true,"reservations":[{"hw-address":"2:0:0:0:0:1","ip-address":"198.51.100.1"}],` + in192(`"pools":[]`),
			nil, []string{"reservation of 198.51.100.1"}},
		{"flex-id by one identifier", hook("flex_id", `"identifier-expression":"relay4[2].hex"`) + `,"host-reservation-identifiers":["flex-id","hw-address"],` + in192R(`{"flex-id":"'line 7'","ip-address":"192.0.2.9"}`),
			[]string{"reservation-order: [remote-id, mac]", `- {remote-id: "line 7", address: 192.0.2.9}`}, nil},
		{"flex-id by an expression", hook("flex_id", `"identifier-expression":"concat(relay4[2].hex, substring(relay4[1].hex,0,4))"`) + `,"host-reservation-identifiers":["flex-id"],` + in192R(`{"flex-id":"'line7eth0'","ip-address":"192.0.2.9"}`),
			[]string{"reservation-order: [flex-id]", `flex-id: "(relay(2) + substring(relay(1), 0, 4))"`, `- {flex-id: line7eth0, address: 192.0.2.9}`}, nil},
		{"lease query", hook("lease_query", `"requesters":["192.0.2.1","10.0.0.0/8"],"advanced":{"bulk-query-enabled":true,"max-requester-connections":5,"max-requester-idle-time":60}`),
			[]string{"leasequery: {allow: [192.0.2.1, 10.0.0.0/8], bulk: true, connections: 5, timeout: 60}"}, nil},
		{"active lease query", hook("lease_query", `"requesters":["192.0.2.1"],"advanced":{"active-query-enabled":true}`), []string{"leasequery: {allow: [192.0.2.1]}"}, []string{"active-query-enabled"}},
		{"limits", hook("limits", "") + `,"client-classes":[{"name":"gold","test":"relay4[1].hex=='a' or pkt4.mac==0x020000000001","user-context":{"limits":{"address-limit":5,"rate-limit":"3 packets per second"}}},
			{"name":"win","test":"option[60].hex=='MSFT 5.0'","user-context":{"limits":{"address-limit":5}}},{"name":"both","test":"member('gold') and not member('KNOWN')","user-context":{"limits":{"address-limit":7}}}],` +
			in192(`"user-context":{"limits":{"address-limit":80}}`),
			[]string{"limits:", "- {per: class, class: gold, max: 5}", "- {per: class, class: both, max: 7}", "limit: 80"}, []string{"rate-limit of class gold", "address-limit of class win"}},
		{"limits without the hook", in192(`"user-context":{"limits":{"address-limit":80}}`), nil, nil},
		{"timers that are not given", `"valid-lifetime":600,"renew-timer":900`, []string{"lease: {valid: 600, default-timers: false, min: 600, max: 600}"}, nil},
		{"timers that are computed", `"valid-lifetime":600,"calculate-tee-times":true`, []string{"lease: {valid: 600, min: 600, max: 600}"}, nil},
		{"classes of Kea's own", `"client-classes":[{"name":"VENDOR_CLASS_x y"},{"name":"BOOTP"}]`, []string{`match: {vendor-class: "x y"}`, `match: {expression: "not exists(53)"}`}, nil},
	} {
		r, problems := Convert("f", []byte(whole(tt.members)), Options{})
		if r == nil {
			t.Errorf("%s: %v", tt.name, problems)
			continue
		}
		lines := map[string]bool{}
		for _, l := range strings.Split(string(r.YAML), "\n") {
			l, _, _ = strings.Cut(strings.TrimLeft(l, " "), "   #")
			lines[l] = true
			lines[strings.TrimPrefix(l, "- ")] = true
		}
		for _, want := range tt.want {
			if !lines[want] {
				t.Errorf("%s: no line %q in\n%s", tt.name, want, r.YAML)
			}
		}
		var dropped []string
		for _, p := range r.NotCarried {
			dropped = append(dropped, p.Path)
		}
		if len(dropped) != len(tt.dropped) {
			t.Errorf("%s: not carried: %v", tt.name, r.NotCarried)
			continue
		}
		for i := range dropped {
			if !strings.HasPrefix(dropped[i], tt.dropped[i]) {
				t.Errorf("%s: not carried: %q, want %q", tt.name, dropped[i], tt.dropped[i])
			}
		}
		if cfg, problems := r.Config("f"); cfg == nil {
			t.Errorf("%s: our own file is wrong: %v\n%s", tt.name, problems, r.YAML)
		}
	}
	if r, problems := Convert("f", []byte(whole(hook("lease_query", ""))), Options{}); r != nil || !strings.Contains(problems[0].Msg, "who may ask") {
		t.Error(problems)
	}
}
