// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"strings"
	"testing"
)

// whole6 completes members of Dhcp6 to a configuration, on the same line.
func whole6(members string) string {
	iface, subnet := `"interfaces-config":{"interfaces":["eth1"]}`, `"subnet6":[{"subnet":"2001:db8:1::/64","pools":[{"pool":"2001:db8:1::1-2001:db8:1::9"}]}]`
	if !strings.Contains(members, `"interfaces-config"`) {
		members += "," + iface
	}
	if !strings.Contains(members, `"subnet6"`) {
		members += "," + subnet
	}
	return `{"Dhcp6":{` + members + `}}`
}

func in64(members string) string { return `"subnet6":[{"subnet":"2001:db8:1::/64",` + members + `}]` }

func in64R(reservations string) string { return in64(`"reservations":[` + reservations + `]`) }

// What Kea's DHCPv6 server refuses is refused, with its place. Kea is asked.
func TestRefuses6(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`"valid-lifetme":1`, `11: "valid-lifetme" is not a keyword of Dhcp6`},
		{`"authoritative":true`, `11: "authoritative" is not a keyword of Dhcp6`},
		{`"host-reservation-identifiers":["circuit-id"]`, `43: "circuit-id" is not one of`},
		{`"min-preferred-lifetime":200,"preferred-lifetime":100`, "11: min-preferred-lifetime is 200, on the wrong side"},
		{`"t1-percent":0.9,"t2-percent":0.8`, "11: t1-percent 0.9 is not less"},
		{`"server-id":{"type":"UUID"}`, `24: "UUID" is not one of LLT`},
		{`"interfaces-config":{"interfaces":["eth1/10.0.0.1"]}`, `46: "10.0.0.1" is not an IPv6 address of eth1`},
		{`"option-data":[{"name":"routers","data":"10.0.0.1"}]`, "26: option routers is not defined in space dhcp6"},
		{`"option-data":[{"name":"dns-servers","data":"10.0.0.1"}]`, `48: option dns-servers: "10.0.0.1" is not an address of IPv6`},
		{`"option-data":[{"name":"domain-search","data":"a..b"}]`, `50: option domain-search: "a..b" is not a domain name`},
		{`"option-def":[{"name":"x","code":23,"type":"string"}]`, "25: option 23 is dns-servers"},
		{`"option-def":[{"name":"x","code":70000,"type":"string"}]`, "37: code 70000"},
		{`"subnet6":[{"subnet":"192.0.2.0/24"}]`, `32: "192.0.2.0/24" is not an IPv6 prefix`},
		{in64(`"id":7},{"subnet":"2001:db8:2::/64","id":7`), "91: the id 7 is in use already"},
		{in64(`"pools":[{"pool":"2001:db8:2::1-2001:db8:2::9"}]`), "67: the pool 2001:db8:2::1-2001:db8:2::9 is not in the subnet"},
		{in64(`"pools":[{"pool":"2001:db8:1::/80"},{"pool":"2001:db8:1::9-2001:db8:1::a"}]`), "94: the pool 2001:db8:1::9-2001:db8:1::a overlaps"},
		{in64(`"pd-pools":[{"prefix":"2001:db8:3::","prefix-len":48}]`), "62: a pd-pool needs prefix"},
		{in64(`"pd-pools":[{"prefix":"2001:db8:3::","prefix-len":48,"delegated-len":40}]`), "103: prefixes of length 40 do not fit"},
		{in64(`"pd-pools":[{"prefix":"2001:db8:3::","prefix-len":48,"delegated-len":64,"excluded-prefix":"2001:db8:3:1::","excluded-prefix-len":60}]`), "157: excluded-prefix-len 60 is not more"},
		{in64(`"interface":"eth1","interface-id":"x"`), "69: interface and interface-id"},
		{in64(`"allocator":"best"`), `50: "best" is not one of`},
		{in64R(`{"ip-addresses":["2001:db8:1::1"]}`), "66: an identifier is missing"},
		{in64R(`{"duid":"01:02:03","hw-address":"1:2:3:4:5:6","hostname":"x"}`), "74: hw-address and duid are given"},
		{in64R(`{"duid":"01:02:03","ip-addresses":["2001:db8:2::1"]}`), "101: the reserved address 2001:db8:2::1 is not in the subnet"},
		{in64R(`{"duid":"01:02:03","hostname":"x"},{"duid":"010203","hostname":"y"}`), "109: 010203 is reserved already"},
		{in64R(`{"duid":"01:02:03","prefixes":["10.0.0.0/8"]}`), `97: "10.0.0.0/8" is not an IPv6 prefix`},
		{`"client-classes":[{"name":"a","test":"relay4[1].hex == 'a'"}]`, "48: class a: relay4[1].hex == 'a': character 1"},
		{`"client-classes":[{"name":"a","test":"relay6[0].option[18] == 'a'"}]`, "48: class a: relay6[0].option[18] == 'a': character 22"},
		{`"client-classes":[{"name":"a","test":"option[70000].exists"}]`, "48: class a: option[70000].exists: character 8"},
		{`"shared-networks":[{"subnet6":[{"subnet":"2001:db8:2::/64"}]}]`, "30: name of the shared network is missing"},
	} {
		text := whole6(tt.text)
		r, problems := Convert("f", []byte(text), Options{})
		if r != nil || len(problems) == 0 {
			t.Errorf("%s: taken", text)
			continue
		}
		found := false
		for _, p := range problems {
			found = found || strings.HasPrefix(p.String(), "f:1:"+tt.want)
		}
		if !found {
			t.Errorf("%s:\n got %v\nwant f:1:%s", text, problems, tt.want)
		}
		if ok, _ := keaTakes(t, text); ok {
			t.Errorf("%s: Kea takes it", text)
		}
	}
	if _, problems := Convert("f", []byte(`{"Dhcp4":{},"Dhcp6":{}}`), Options{}); len(problems) != 1 || !strings.Contains(problems[0].Msg, "a file is for one of them") {
		t.Error(problems)
	}
}

// Expressions that Kea takes, and what they are in our words.
func TestExpressions6(t *testing.T) {
	for _, tt := range []struct{ test, want string }{
		{`option[1].hex == 0x0001`, `{client-id: "hex:00:01"}`},
		{`substring(option[1].hex,0,4) == 0x00030001`, `{client-id: {prefix: "hex:00:03:00:01"}}`},
		{`option[18].exists and option[16].exists`, `{all: [{expression6: "exists(18)"}, {expression6: "exists(16)"}]}`},
		{`relay6[-1].option[53].hex == 'r'`, `{relay-id: r}`},
		{`relay6[-1].option[37].hex == 'r'`, `{expression6: "relay(0, 37) == \"r\""}`},
		{`relay6[-2].option[18].hex == 'r'`, `{expression6: "relay(1, 18) == \"r\""}`},
		{`relay6[-1].option[18].exists`, `{expression6: "relay(0, 18) != \"\""}`},
		{`relay6[-1].peeraddr == fe80::1`, `{expression6: "peer == \"fe80::1\""}`},
		{`relay6[-1].linkaddr == ::`, `{expression6: "link == \"::\""}`},
		{`not member('KNOWN')`, `{not: {known: true}}`},
		{`option[17].option[2].hex == 'x' or pkt.iface == 'eth1'`, `{any: [{expression6: "suboption(option(17), 2) == \"x\""}, {interface: eth1}]}`},
		{`concat(option[59].hex, 'x') == 'yx'`, `{expression6: "(option(59) + \"x\") == \"yx\""}`},
		{`relay6[0].option[18].hex == 'r'`, "!relay6[0] counts relay agents from the server, expressions here from the client: write relay6[-1] for the one next to it"},
		{`pkt6.msgtype == 1`, "!pkt6 is not known to expressions, or not in this place"},
	} {
		c := &converter{f: family6, defs: &optDefs{under: stdDefs6}, classes: map[string]bool{}, served: []string{"eth1"}}
		e, err := parseExprOf(true, tt.test, false, c.optionCode, class)
		if err != nil {
			t.Errorf("%s: character %d: %v", tt.test, err.at, err)
			continue
		}
		got, why := c.match6(e)
		if why != "" {
			got = "!" + why
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.test, got, tt.want)
		}
		if ok, says := keaTakes(t, whole6(`"client-classes":[{"name":"x","test":"`+tt.test+`"}]`)); !ok {
			t.Errorf("%s: Kea says %s", tt.test, says)
		}
	}
}
