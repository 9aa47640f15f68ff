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
		{"options for several classes", `"client-classes":[{"name":"a"},{"name":"b"}],"option-data":[{"name":"domain-name","data":"yy","client-classes":["a","b","none"]},{"name":"nis-domain","data":"z","client-classes":["a","ALL"]}]`,
			[]string{"a:", "b:", "domain-name: yy", "nis-domain: z", "options:"}, []string{"client-class none of option-data"}},
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
		{"names", `"ddns-qualifying-suffix":"Example.net.","hostname-char-set":"[^A-Z.]","hostname-char-replacement":"-",` + in192(`"ddns-replace-client-name":"when-not-present","ddns-generated-prefix":"h","ddns-qualifying-suffix":"","ddns-send-updates":false`),
			[]string{`fqdn: {complete: all, lower-case: true, suffix: Example.net, characters: "A-Z.", instead: "-", generate: never, generated-prefix: myhost}`,
				`fqdn: {suffix: "", generate: when-not-present, generated-prefix: h}`}, nil},
		{"names, as earlier versions say it", `"dhcp-ddns":{"enable-updates":false,"qualifying-suffix":"x.net","replace-client-name":"always","override-no-update":true}`,
			[]string{`fqdn: {complete: all, lower-case: true, suffix: x.net, characters: "A-Za-z0-9.-", generate: always, generated-prefix: myhost}`}, nil},
		{"names with other characters", `"hostname-char-set":"[_]","hostname-char-replacement":"ab"`, nil, []string{"hostname-char-set [_]", "hostname-char-replacement ab"}},
		{"DNS updates without their file", `"dhcp-ddns":{"enable-updates":true},"ddns-use-conflict-resolution":false`, nil, []string{"dhcp-ddns", "ddns-use-conflict-resolution"}},
		{"classes that are required", `"client-classes":[{"name":"l","only-if-required":true,"test":"option[60].hex=='x'","next-server":"192.0.2.9","option-data":[{"name":"domain-name","data":"l"},{"name":"nis-domain","data":"l","always-send":true}]},
			{"name":"m","only-in-additional-list":true,"test":"option[60].hex=='y'","option-data":[{"name":"domain-name","data":"m"}]},{"name":"n","only-if-required":true}],` +
			in192(`"require-client-classes":["l","m","n","none"],"option-data":[{"name":"routers","data":"192.0.2.1"}]`),
			[]string{"- name: l", `- name: "l if required"`, "match: {vendor-class: x}", "class-options:", `"l if required":`, "domain-name: l", "nis-domain: l", "always-send: [nis-domain]"},
			[]string{"next-server of class l", "class n", "option domain-name of class m"}},
		{"classes that are required, in two places", `"client-classes":[{"name":"l","only-if-required":true,"test":"option[60].hex=='x'","option-data":[{"name":"domain-name","data":"l"}]},
			{"name":"m","only-if-required":true,"test":"option[60].hex=='y'","option-data":[{"name":"domain-name","data":"m"}]}],
			"subnet4":[{"subnet":"192.0.2.0/24","id":1,"evaluate-additional-classes":["l"],"pools":[{"pool":"192.0.2.1-192.0.2.9","option-data":[{"name":"domain-name","data":"pool"}]}]},
			{"subnet":"10.0.0.0/24","id":2,"pools":[{"pool":"10.0.0.1-10.0.0.9","require-client-classes":["m"]}]}]`,
			[]string{"domain-name: l", "domain-name: m"}, nil},
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

// The zones and keys of kea-dhcp-ddns.conf, which lies beside the file.
func TestDNSUpdates(t *testing.T) {
	const d2 = `{"DhcpDdns": { "ip-address": "127.0.0.1", "port": 53001,
  "tsig-keys": [ {"name": "one.", "algorithm": "HMAC-SHA512", "secret": "AAAA"}, {"name": "old", "algorithm": "HMAC-MD5", "secret": "AAAA"} ],
  "forward-ddns": { "ddns-domains": [
    {"name": "example.net.", "key-name": "one.", "dns-servers": [ {"ip-address": "192.0.2.53"}, {"ip-address": "192.0.2.54"} ]},
    {"name": "example.org.", "dns-servers": [ {"ip-address": "2001:db8::53", "port": 5353, "key-name": "one."} ]},
    {"name": "old.net", "key-name": "old", "dns-servers": [ {"ip-address": "192.0.2.53"} ]} ] },
  "reverse-ddns": { "ddns-domains": [ {"name": "2.0.192.in-addr.arpa.", "dns-servers": [ {"ip-address": "192.0.2.53", "port": 53} ]} ] } } }`
	read := func(text string) func(string) ([]byte, error) {
		return func(name string) ([]byte, error) {
			if name != "/etc/kea/kea-dhcp-ddns.conf" {
				t.Errorf("%s is read", name)
			}
			return []byte(text), nil
		}
	}
	conf := []byte(whole(`"dhcp-ddns":{"enable-updates":true},"ddns-override-client-update":true,"ddns-qualifying-suffix":"example.net",` +
		in192(`"ddns-send-updates":false,"ddns-override-client-update":false,"ddns-override-no-update":true`)))
	r, problems := Convert("/etc/kea/kea-dhcp4.conf", conf, Options{ReadFile: read(d2)})
	if r == nil {
		t.Fatal(problems)
	}
	for _, want := range []string{`
ddns:
  keys:
    - {name: one, algorithm: hmac-sha512, secret: "AAAA"}
  # NOT CARRIED: key old (line 2): HMAC-MD5 is broken, and not spoken here
  zones:
    # ignored: dns-servers of example.net (line 4): updates go to the first of them
    - {zone: example.net, server: "192.0.2.53", key: one}
    - {zone: example.org, server: "[2001:db8::53]:5353", key: one}
    # NOT CARRIED: domain old.net (line 6): its key is not carried
    - {zone: 2.0.192.in-addr.arpa, server: "192.0.2.53"}
  override-client: true
`, "    fqdn: {update: false, override-client: false, override-no-update: true}\n"} {
		if !strings.Contains(string(r.YAML), want) {
			t.Errorf("not in the output: %s\n%s", want, r.YAML)
		}
	}
	if cfg, problems := r.Config("f"); cfg == nil || len(cfg.DDNS.Zones) != 3 {
		t.Errorf("%v", problems)
	}
	for _, tt := range []struct{ text, want string }{
		{`{"DhcpDdns": {"forward-ddns": {"ddns-domains": [{"name": "x", "key-name": "k", "dns-servers": [{"ip-address": "192.0.2.1"}]}]}}}`, "names the key k, which is none"},
		{`{"DhcpDdns": {"forward-ddns": {"ddns-domains": [{"name": "x", "dns-servers": []}]}}}`, "has no dns-servers"},
		{`{"DhcpDdns": {"forward-ddns": {"ddns-domains": [{"name": "x", "dns-servers": [{"ip-address": "dns"}]}]}}}`, `"dns" is not the address`},
		{`{"DhcpDdns": {"tsig-keys": [{"name": "k", "algorithm": "ROT13", "secret": "AA=="}]}}`, "not an algorithm"},
		{`{"DhcpDdns": {"zones": 1}}`, `"zones" is not a keyword`},
		{`{"Dhcp4": {}}`, "has no DhcpDdns"},
		{`{`, ""},
	} {
		if r, problems := Convert("/etc/kea/kea-dhcp4.conf", conf, Options{ReadFile: read(tt.text)}); r != nil || !strings.Contains(problems[0].Msg, tt.want) {
			t.Errorf("%s: %v", tt.text, problems)
		}
	}
}

// The same of DHCPv6, whose names follow the same rules everywhere.
func TestDNSUpdates6(t *testing.T) {
	const d2 = `{"DhcpDdns": {"forward-ddns": {"ddns-domains": [ {"name": "example.net.", "dns-servers": [ {"ip-address": "192.0.2.53"} ]} ]}}}`
	conf := `{"Dhcp6": {"interfaces-config": {"interfaces": ["eth1"]}, "dhcp-ddns": {"enable-updates": true}, "ddns-qualifying-suffix": "example.net.", "ddns-override-no-update": true,
	 "ddns-replace-client-name": "always", "subnet6": [{"subnet": "2001:db8::/64", "ddns-send-updates": false, "ddns-qualifying-suffix": "example.net", "ddns-override-no-update": true,
	 "pools": [{"pool": "2001:db8::/80", "ddns-qualifying-suffix": "x.net"}]}]}}`
	read := func(string) ([]byte, error) { return []byte(d2), nil }
	r, problems := Convert("kea-dhcp6.conf", []byte(conf), Options{ReadFile: read})
	if r == nil {
		t.Fatal(problems)
	}
	if want := "fqdn: {suffix: example.net}\nddns:\n  zones:\n    - {zone: example.net, server: \"192.0.2.53\"}\n  override-no-update: true\n"; !strings.Contains(string(r.YAML), want) {
		t.Errorf("not in the output: %s\n%s", want, r.YAML)
	}
	var dropped []string
	for _, p := range r.NotCarried {
		dropped = append(dropped, p.Path)
	}
	if got := strings.Join(dropped, " "); got != "ddns-replace-client-name ddns-send-updates ddns-qualifying-suffix" {
		t.Errorf("not carried: %s", got)
	}
	if cfg, problems := r.Config("f"); cfg == nil || len(cfg.DDNS.Zones) != 1 || !cfg.DDNS.OverrideNoUpdate {
		t.Errorf("%v", problems)
	}
}

// Reservations of the top level are those of each subnet of DHCPv6 that uses them.
func TestGlobalReservations6(t *testing.T) {
	conf := whole6(`"reservations-global":true,"reservations":[{"duid":"01:02:03:04","hostname":"a.example"},{"duid":"01:02:03:05","ip-addresses":["2001:db8:1::5"]},
		{"duid":"01:02:03:06","hostname":"own"},{"duid":"01:02:03:07","prefixes":["2001:db8:f::/48"]},{"duid":"01:02:03:08","ip-addresses":["2001:db8:9::5"]}],
		"subnet6":[{"subnet":"2001:db8:1::/64","reservations":[{"duid":"01:02:03:06","hostname":"mine.example"}]},{"subnet":"2001:db8:2::/64","reservations-global":false},
		{"subnet":"2001:db8:3::/64","pools":[{"pool":"2001:db8:3::/80"}]}]`)
	r, problems := Convert("f", []byte(conf), Options{})
	if r == nil {
		t.Fatal(problems)
	}
	lines := strings.Split(string(r.YAML), "\n")
	count := func(want string) (n int) {
		for _, l := range lines {
			if strings.TrimSpace(l) == want {
				n++
			}
		}
		return n
	}
	for want, n := range map[string]int{
		`- {duid: "01:02:03:04", hostname: a.example}`: 2, `- {duid: "01:02:03:05", addresses: ["2001:db8:1::5"]}`: 1,
		`- {duid: "01:02:03:06", hostname: mine.example}`: 1, `- {duid: "01:02:03:06", hostname: own}`: 1, `- {duid: "01:02:03:07", prefixes: ["2001:db8:f::/48"]}`: 1,
	} {
		if got := count(want); got != n {
			t.Errorf("%d times %s, want %d\n%s", got, want, n, r.YAML)
		}
	}
	if len(r.NotCarried) != 4 {
		t.Errorf("not carried: %v", r.NotCarried)
	}
	if cfg, problems := r.Config("f"); cfg == nil {
		t.Errorf("our own file is wrong: %v\n%s", problems, r.YAML)
	}
}
