// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDDNS(t *testing.T) {
	const fqdn = "fqdn: {suffix: example.net}\n"
	key := &DDNSKey{Name: "k", Algorithm: "hmac-sha256", Secret: "c2VjcmV0"}
	for text, want := range map[string]DDNS{
		"": {},
		fqdn + "ddns: {zones: {zone: example.net, server: 192.0.2.53}}": {
			Zones: []DDNSZone{{Name: "example.net", Server: "192.0.2.53:53"}}, HostNames: true,
		},
		fqdn + `ddns:
  zones: [{zone: example.net, server: "192.0.2.53:5353", key: k}, {zone: 2.0.192.in-addr.arpa, server: "[2001:db8::53]:53", key: k}]
  keys: [{name: k, secret: c2VjcmV0}]
  ttl: 5m
  host-names: false
  override-client: true
  override-no-update: true
`: {
			Zones: []DDNSZone{
				{Name: "example.net", Server: "192.0.2.53:5353", Key: key},
				{Name: "2.0.192.in-addr.arpa", Server: "[2001:db8::53]:53", Key: key},
			},
			TTL: 300, OverrideClient: true, OverrideNoUpdate: true,
		},
	} {
		if d := cmp.Diff(want, mustParse(t, fits(text)).DDNS); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestDDNSProblems(t *testing.T) {
	for _, tt := range []bad{
		{"ddns: {ttl: 5m}", []string{
			"1:7: ddns.zones: is missing: name at least one, as in [{zone: example.net, server: 192.0.2.53}]",
			"1:7: ddns: needs fqdn.suffix: the domain of clients that say only their host's name, or \"\"",
		}},
		{"fqdn: {suffix: example.net, answer: false}\nddns: {zones: [], host-names: false, key: k}", []string{
			"2:7: ddns: has no names: fqdn.answer and host-names are both false",
			"2:15: ddns.zones: is empty: leave ddns out instead",
			"2:38: ddns.key: unknown key (did you mean keys?)",
		}},
		{`fqdn: {suffix: example.net}
ddns:
  keys: [{name: one, secret: "%"}, {name: one, algorithm: hmac-md5, secret: AA==}, {algorithm: hmac-sha1}]
  zones: [{zone: a..b, server: dns, key: two}, {name: x}, {zone: example.net, server: 192.0.2.1}, {zone: example.net, server: 192.0.2.1, key: on}]
`, []string{
			"3:30: ddns.keys[0].secret: is not base64",
			"3:43: ddns.keys[1].name: there are two keys one",
			`3:59: ddns.keys[1].algorithm: "hmac-md5" is not hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512`,
			"3:84: ddns.keys[2].name: is missing",
			"3:84: ddns.keys[2].secret: is missing",
			`4:18: ddns.zones[0].zone: "a..b" is not a domain name: two dots in a row, or one in front`,
			`4:32: ddns.zones[0].server: "dns" is not an address, or an address and a port`,
			"4:42: ddns.zones[0].key: there is no key two",
			"4:48: ddns.zones[1].zone: is missing",
			"4:48: ddns.zones[1].server: is missing: the address of the zone's primary server",
			"4:49: ddns.zones[1].name: unknown key (did you mean zone?)",
			"4:106: ddns.zones[3].zone: there are two zones example.net",
			"4:143: ddns.zones[3].key: there is no key on (did you mean one?)",
		}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
	// A secret is not shown.
	_, problems := Parse("f", []byte(fits("fqdn: {suffix: x.net}\nddns: {keys: {name: k, secret: 'hush!'}, zones: {zone: x.net, server: 192.0.2.1}}")))
	if len(problems) != 1 || strings.Contains(problems[0].String()+problems[0].Excerpt, "hush") {
		t.Errorf("%v\n%s", problems, problems[0].Excerpt)
	}
}
