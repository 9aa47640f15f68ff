// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// whole completes members of Dhcp4 to a configuration, on the same line.
func whole(members string) string {
	if strings.HasPrefix(members, "{") || strings.HasPrefix(members, "<") {
		return members
	}
	iface, subnet := `"interfaces-config":{"interfaces":["eth1"]}`, `"subnet4":[{"subnet":"10.0.0.0/8","pools":[{"pool":"10.0.0.1-10.0.0.9"}]}]`
	if !strings.Contains(members, `"interfaces-config"`) {
		members += "," + iface
	}
	if !strings.Contains(members, `"subnet4"`) {
		members += "," + subnet
	}
	return `{"Dhcp4":{` + members + `}}`
}

// in192 is a subnet with more members.
func in192(members string) string { return `"subnet4":[{"subnet":"192.0.2.0/24",` + members + `}]` }

func in192R(reservations string) string { return in192(`"reservations":[` + reservations + `]`) }

// What Kea refuses is refused, with its place. Kea is asked.
func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // the column and the beginning of what is said, in line 1
	}{
		// JSON.
		{`{"Dhcp4": TRUE}`, "11: true is written in small letters"},
		{`{"Dhcp4": {} `, "14: the end of the file"},
		{`{"Dhcp4": {}} x`, "15: x after the end"},
		{`{"Dhcp4": { /* } }`, "13: the comment /* does not end"},
		{`"server-tag":"\u0100"`, "25: only \\u0000"},
		{`"server-tag":"\q"`, "25: \\q is not an escape"},
		{`{"Dhcp4": "x`, "11: the string does not end"},
		{`"server-tag" "x"`, `24: "x", where a colon`},
		{`"server-tag":,`, "24: ,, where a value"},
		{`"server-tag":"x" "y":"z"`, `28: "y", where a comma`},
		{`"server-tag":%`, "24: '%' has no meaning"},
		{`"subnet4":[<?include "/nosuch/file"?>]`, "22: open /nosuch/file"},
		{"<?>", "1: <? does not end with ?>"},
		{`"subnet4":[<?require "x"?>]`, "22: only <?include"},
		{`"valid-lifetime":1,"valid-lifetime":2`, `30: "valid-lifetime" is given already in line 1`},
		// Words.
		{`{}`, "1: has neither Dhcp4 nor Dhcp6"},
		{`{"Logging":{}}`, `2: "Logging" is not a keyword here`},
		{`"valid-lifetme":1`, `11: "valid-lifetme" is not a keyword of Dhcp4`},
		{`"authoritative":"yes"`, "27: authoritative is a string, where true or false is wanted"},
		{`"reservation-mode":"foo"`, `11: "foo" is not one of`},
		{`"host-reservation-identifiers":["foo"]`, `43: "foo" is not one of`},
		// Times.
		{`"valid-lifetime":100,"min-valid-lifetime":200`, "11: valid-lifetime (100) is not between min-valid-lifetime (200)"},
		{`"valid-lifetime":100,"max-valid-lifetime":200,` + in192(`"valid-lifetime":300`), "93: valid-lifetime (300) is not between"},
		{`"calculate-tee-times":true,"t1-percent":0.9,"t2-percent":0.8`, "38: t1-percent 0.9 is not less"},
		// Options.
		{`"option-data":[{"name":"router","data":"10.0.0.1"}]`, "26: option router is not defined in space dhcp4"},
		{`"option-data":[{"code":224,"data":"01"}]`, "26: option 224 is not defined"},
		{`"option-data":[{"code":300,"data":"1"}]`, "27: code 300"},
		{`"option-data":[{"data":"1"}]`, "26: option-data needs a name or a code"},
		{`"option-data":[{"name":"routers","code":4,"data":"10.0.0.1"}]`, "44: option routers has code 3, not 4"},
		{`"option-data":[{"name":"routers","data":"10.0.0.300"}]`, `44: option routers: "10.0.0.300" is not an address of IPv4`},
		{`"option-data":[{"name":"ip-forwarding","data":"yes"}]`, `50: option ip-forwarding: "yes" is neither`},
		{`"option-data":[{"name":"interface-mtu","data":"70000"}]`, `50: option interface-mtu: "70000" is not a number of 16 bits`},
		{`"option-data":[{"name":"domain-search","data":"a..b"}]`, `50: option domain-search: "a..b" is not a domain name`},
		{`"option-data":[{"name":"slp-service-scope","data":"true"}]`, "54: option slp-service-scope: slp-service-scope has 2 fields; 1 values"},
		{`"option-data":[{"name":"host-name","data":""}]`, "46: option host-name: no value"},
		{`"option-data":[{"name":"uuid-guid","data":"1,0x"}]`, `46: option uuid-guid: "0x" is not hexadecimal`},
		{`"option-data":[{"name":"v4-portparams","data":"1,9/2"}]`, `50: option v4-portparams: "9/2"`},
		{`"option-data":[{"name":"swap-server","csv-format":false,"data":"0a"}]`, "67: option swap-server: 1 octets"},
		{`"option-data":[{"name":"routers","csv-format":false,"data":"xx"}]`, `63: option routers: "xx" is not hexadecimal`},
		{`"option-def":[{"name":"x","code":5,"type":"string"}]`, "25: option 5 is name-servers"},
		{`"option-def":[{"name":"x","code":150,"type":"strin"}]`, `48: "strin" is not a type`},
		{`"option-def":[{"name":"x","code":255,"type":"string"}]`, "37: code 255"},
		{`"option-def":[{"name":"x","code":150,"type":"string"},{"name":"y","code":150,"type":"string"}]`, "65: option 150 of space dhcp4 is defined already"},
		{`"option-def":[{"name":"x","code":150,"type":"record","record-types":"uint8"}]`, "25: a record needs two types"},
		{`"option-def":[{"name":"x","code":150,"type":"record","record-types":"uint8,foo"}]`, `64: "foo" is not a type`},
		{`"option-def":[{"name":"x","code":150,"type":"empty","array":true}]`, "63: such an option cannot be an array"},
		{`"option-def":[{"code":150,"type":"empty"}]`, "25: name of the definition is missing"},
		// Subnets and pools.
		{`"subnet4":[{"pools":[]}]`, "22: subnet is missing"},
		{`"subnet4":[{"subnet":"192.0.2.0"}]`, `32: "192.0.2.0" is not an IPv4 prefix`},
		{`"subnet4":[{"subnet":"2001:db8::/32"}]`, `32: "2001:db8::/32" is not an IPv4 prefix`},
		{in192(`"id":7},{"subnet":"10.0.0.0/8","id":7`), "83: the id 7 is in use already"},
		{in192(`"pools":[{"pool":"192.0.3.1-192.0.3.2"}]`), "64: the pool 192.0.3.1-192.0.3.2 is not in the subnet 192.0.2.0/24"},
		{in192(`"pools":[{"pool":"192.0.2.1-192.0.2.20"},{"pool":"192.0.2.16/28"}]`), "96: the pool 192.0.2.16-192.0.2.31 overlaps the pool in line 1"},
		{in192(`"pools":[{"pool":"192.0.2.20-192.0.2.10"}]`), `64: "192.0.2.20-192.0.2.10" is not a range`},
		{in192(`"next-server":"foo"`), `61: "foo" is not an IPv4 address`},
		{in192(`"relay":{}`), "55: relay needs ip-addresses"},
		{`"shared-networks":[{"name":"a","subnet4":[{"subnet":"192.0.2.0/24"}]},{"name":"a","subnet4":[{"subnet":"192.0.3.0/24"}]}]`, "82: there is a shared network a already"},
		{`"shared-networks":[{"subnet4":[{"subnet":"192.0.2.0/24"}]}]`, "30: name of the shared network is missing"},
		{`"shared-networks":[{"name":"a","interface":"eth1","subnet4":[{"subnet":"192.0.2.0/24","interface":"eth9"}]}]`, "97: interface eth9, but"},
		// Reservations.
		{in192R(`{"ip-address":"192.0.2.1"}`), "63: an identifier is missing"},
		{in192R(`{"hw-address":"1:2:3:4:5:6"}`), "63: the reservation reserves nothing"},
		{in192R(`{"hw-address":"xx","ip-address":"192.0.2.1"}`), `77: hw-address: "xx" is not hexadecimal`},
		{in192R(`{"hw-address":"1:2:3:4:5:6","ip-address":"192.0.3.1"}`), "104: the reserved address 192.0.3.1 is not in the subnet"},
		{in192R(`{"hw-address":"1:2:3:4:5:6","client-id":"01","ip-address":"192.0.2.1"}`), "103: hw-address and client-id are given"},
		{in192R(`{"hw-address":"1:2:3:4:5:6","hostname":"x"},{"hw-address":"01:02:03:04:05:06","hostname":"y"}`), "121: hw-address 01:02:03:04:05:06 has a reservation already"},
		{in192R(`{"hw-address":"1:2:3:4:5:6","ip-address":"192.0.2.1"},{"hw-address":"1:2:3:4:5:7","ip-address":"192.0.2.1"}`), "158: the address 192.0.2.1 is reserved already"},
		// Classes.
		{`"client-classes":[{"test":"option[1].exists"}]`, "29: name of the class is missing"},
		{`"client-classes":[{"name":"a"},{"name":"a"}]`, "43: there is a class a already"},
		{`"client-classes":[{"name":"a","test":"option[60].hex"}]`, "48: class a: option[60].hex: character 15: the expression yields octets"},
		{`"interfaces-config":{"interfaces":["eth1","eth1"]}`, "53: interface eth1 is there twice"},
	} {
		text := whole(tt.text)
		r, problems := Convert("f", []byte(text), Options{})
		if r != nil || len(problems) == 0 {
			t.Errorf("%s: taken", text)
			continue
		}
		if got := problems[0].String(); !strings.HasPrefix(got, "f:1:"+tt.want) {
			t.Errorf("%s:\n got %s\nwant f:1:%s", text, got, tt.want)
		}
		if ok, _ := keaTakes(t, text); ok {
			t.Errorf("%s: Kea takes it", text)
		}
	}
}

// Kea takes these, and means something else than they say.
func TestRefusesMore(t *testing.T) {
	for text, want := range map[string]string{
		`"t1-percent":1.5`:                         "24: t1-percent is 1.5, not between 0 and 1",
		`"valid-lifetime":-1`:                      "28: valid-lifetime is -1, outside 0 to 4294967295",
		`"interfaces-config":{"interfaces":[]}`:    "11: no interfaces are given: Kea would listen on none, xdhcpd wants one",
		`"interfaces-config":{"interfaces":["*"]}`: "46: * stands for the interfaces of a machine: name them",
		`"subnet4":[]`:                             "10: there are no subnets: nothing would be served",
	} {
		_, problems := Convert("f", []byte(whole(text)), Options{})
		if len(problems) != 1 || problems[0].String() != "f:1:"+want {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

// Names that are nearly right lead to the right one.
func TestHints(t *testing.T) {
	for text, hint := range map[string]string{
		`"valid-lifetme":1`: "valid-lifetime",
		`"option-data":[{"name":"router","data":"10.0.0.1"}]`:   "routers",
		`"option-def":[{"name":"x","code":150,"type":"strin"}]`: "string",
	} {
		if _, problems := Convert("f", []byte(whole(text)), Options{}); len(problems) != 1 || problems[0].Hint != hint {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

// What is wrong in an included file is said of that file; all mistakes at once.
func TestPlaces(t *testing.T) {
	files := map[string]string{
		"a.json": "\n\n  [ { \"subnet\": \"nonsense\" } ]",
		"b.json": `<?include "b.json"?>`,
	}
	o := Options{ReadFile: func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}}
	_, problems := Convert("dir/f", []byte("{\"Dhcp4\": {\n\t\"interfaces-config\": {\"interfaces\": [5, \"x\"]},\n\"subnet4\": <?include \"a.json\"?>\n}}"), o)
	got := fmt.Sprint(problems)
	if want := `[a.json:3:17: "nonsense" is not an IPv4 prefix dir/f:2:39: the name of an interface is wanted]`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if want := "\t\"interfaces-config\": {\"interfaces\": [5, \"x\"]},\n\t" + strings.Repeat(" ", 37) + "^"; len(problems) != 2 || problems[1].Excerpt != want {
		t.Errorf("excerpt %q", problems[1].Excerpt)
	}
	_, problems = Convert("f", []byte(`<?include "b.json"?>`), o)
	if got := fmt.Sprint(problems); !strings.Contains(got, "more than 10 files include each other") {
		t.Error(got)
	}
	// What our own checks find is said of Kea's file too.
	r, _ := Convert("f", []byte(whole("\"server-tag\": \"\",\n\"subnet4\":[{\"subnet\":\"192.0.2.0/24\"},\n{\"subnet\":\"192.0.2.0/25\"}]")), Options{})
	_, problems = r.Config("f")
	if len(problems) != 1 || problems[0].Line != 3 || !strings.Contains(problems[0].Msg, "overlaps") {
		t.Error(problems)
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		`{"Dhcp4": {}}`: true, "// x\n{ \"Dhcp6\" : {} }": true, `{"Dhcp4": {`: true, "{ # \n \"x\": <?include \"y\"?>, \"Dhcp4\": 1}": true,
		"interfaces: [eth1]": false, "": false, `{"Control-agent": {}}`: false, `# "Dhcp4" is for Kea`: false, "{interfaces: [eth1]}": false,
	} {
		if Is([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
