// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"strings"
	"testing"
)

func code(name string) (uint16, bool) { return 12, name == "host-name" }

func class(name string) bool { return name == "KNOWN" }

// Expressions that Kea takes, and what they are in our words.
func TestExpressions(t *testing.T) {
	for _, tt := range []struct {
		test, want string
		newer      bool // than Kea 2.2
	}{
		{`option[60].hex == 'MSFT 5.0'`, `{vendor-class: "MSFT 5.0"}`, false},
		{`'MSFT 5.0' == option[60].hex`, `{vendor-class: "MSFT 5.0"}`, false},
		{`option[60].hex == 0x4d53`, `{vendor-class: MS}`, false},
		{`option[60].hex == 0xfff`, `{vendor-class: "hex:0f:ff"}`, false},
		{`option[60].hex == 10.0.0.1`, `{vendor-class: "hex:0a:00:00:01"}`, false},
		{`option[60].hex == 2001:db8::1`, `{vendor-class: "hex:20:01:0d:b8:00:00:00:00:00:00:00:00:00:00:00:01"}`, false},
		{`option[60].hex == 7`, `{vendor-class: "hex:00:00:00:07"}`, false},
		{`option[60].hex == ''`, `{expression: "option(60) == \"\""}`, false},
		{`substring(option[60].hex,0,3) == 'PXE'`, `{vendor-class: {prefix: PXE}}`, false},
		{`substring(option[60].hex,0,9) == 'PXE'`, `{vendor-class: PXE}`, false},
		{`substring(option[60].hex,0,2) == 'PXE'`, `{expression: "substring(option(60), 0, 2) == \"PXE\""}`, false},
		{`substring(option[60].hex,1,2) == 'XE'`, `{expression: "substring(option(60), 1, 2) == \"XE\""}`, false},
		{`substring(option[60].hex,-3,all) == 'abc'`, `{expression: "substring(option(60), -3, 65535) == \"abc\""}`, false},
		{`option[61].hex == 'a' or option[61].hex == 'b'`, `{any: [{client-id: a}, {client-id: b}]}`, false},
		{`relay4[1].hex == 'a' and relay4[2].hex == 'b' and relay4[6].hex == 'c' and relay4[12].hex == 'd'`,
			`{all: [{circuit-id: a}, {remote-id: b}, {subscriber-id: c}, {relay-id: d}]}`, false},
		{`not option[60].hex == 'a'`, `{not: {vendor-class: a}}`, false},
		{`not not (option[60].hex == 'a')`, `{not: {not: {vendor-class: a}}}`, false},
		{`pkt4.mac == 0x020000000001`, `{mac: "02:00:00:00:00:01"}`, false},
		{`substring(pkt4.mac,0,3) == 0x020000`, `{mac: {prefix: "02:00:00"}}`, false},
		{`pkt.iface == 'eth1'`, `{interface: eth1}`, false},
		{`pkt4.giaddr == 10.0.0.1`, `{relay: 10.0.0.1}`, false},
		{`pkt4.giaddr == 0.0.0.0 or not option[99].exists`, `{any: [{not: {relay: [0.0.0.0/1, 128.0.0.0/1]}}, {not: {expression: "exists(99)"}}]}`, false},
		{`pkt4.htype == 1 and pkt4.hlen == 6`, `{expression: "htype == 1 and len(mac) == 6"}`, false},
		{`pkt4.htype == 0x01`, `{expression: "false"}`, false},
		{`option[53].hex == 0x01`, `{expression: "option(53) == unhex(\"01\")"}`, false},
		{`option[host-name].text == 'a "b" \c'`, `{expression: "option(12) == \"a \\\"b\\\" \\\\c\""}`, false},
		{`option[43].option[1].exists`, `{expression: "suboption(option(43), 1) != \"\""}`, false},
		{`option[82].option[1].hex == 'x'`, `{circuit-id: x}`, false},
		{`concat(option[12].hex, 'x') == 'ax'`, `{expression: "(option(12) + \"x\") == \"ax\""}`, false},
		{`option[12].hex + 'x' + 'y' == 'axy'`, `{expression: "((option(12) + \"x\") + \"y\") == \"axy\""}`, false},
		{`hexstring(relay4[1].hex, '') == '0a0b'`, `{expression: "hex(relay(1)) == \"0a0b\""}`, false},
		{`hexstring(relay4[1].hex, '-') == '0a-0b'`, `{expression: "relay(1) == unhex(\"0a0b\")"}`, false},
		{`hexstring(relay4[1].hex, '-') == '0a:0b'`, `{expression: "false"}`, false},
		{`ifelse(option[12].exists, option[12].hex, 'no') == 'no'`, `{expression: "(exists(12) ? option(12) : \"no\") == \"no\""}`, false},
		{`(option[1].exists and option[2].exists) or option[3].exists`, `{expression: "(exists(1) and exists(2)) or exists(3)"}`, false},
		{`option[1].exists and option[2].exists or option[60].hex == 'a'`, `{any: [{expression: "exists(1) and exists(2)"}, {vendor-class: a}]}`, false},
		{`member('KNOWN') and option[1].exists`, `{all: [{known: true}, {expression: "exists(1)"}]}`, false},
		{`member('UNKNOWN')`, `{known: false}`, false},
		{`member('VENDOR_CLASS_docsis')`, `{vendor-class: docsis}`, false},
		{`member('BOOTP')`, `{expression: "not exists(53)"}`, false},
		{`vendor.enterprise == 4491`, `{expression: "substring(option(125), 0, 4) == unhex(\"0000118b\")"}`, false},
		{`vendor[4491].exists`, `{expression: "exists(125) and number(substring(option(125), 0, 4)) == 4491"}`, false},
		{`vendor-class[*].exists`, `{expression: "exists(124)"}`, false},
		{`hexstring(relay4[1].hex, relay4[2].hex) == '0a'`, `{expression: "hexpairs(relay(1), relay(2)) == \"0a\""}`, false},
		{`split(option[12].hex, '.', 1) == 'a'`, `{expression: "part(option(12), \".\", 1) == \"a\""}`, false},
		{`pkt.src == 10.0.0.1 or pkt4.transid == 7`, `{expression: "header(\"src\") == unhex(\"0a000001\") or header(\"xid\") == unhex(\"00000007\")"}`, false},
		{`addrtotext(pkt4.ciaddr) == '10.0.0.1'`, `{expression: "dotted(header(\"ciaddr\")) == \"10.0.0.1\""}`, false},
		{`uint16totext(option[93].hex) == '7'`, `{expression: "(len(option(93)) == 2 ? decimal(number(option(93))) : \"\") == \"7\""}`, false},
		{`int8totext(option[23].hex) == '-1'`, `{expression: "(len(option(23)) == 1 ? decimal(signed(option(23))) : \"\") == \"-1\""}`, false},
		{`concat(pkt4.htype, 'x') == 0x0000000178`, `{expression: "(long(htype) + \"x\") == unhex(\"0000000178\")"}`, false},
		{`lcase(option[12].hex) == 'a' or ucase(option[12].hex) == 'B'`, `{expression: "lower(option(12)) == \"a\" or upper(option(12)) == \"B\""}`, true},
		{`match('a.*', option[12].hex)`, `{expression: "option(12) matches \"^(?:a.*)$\""}`, true},
	} {
		text := `{"Dhcp4":{"interfaces-config":{"interfaces":["eth1"]},"client-classes":[{"name":"w","test":"` +
			strings.ReplaceAll(strings.ReplaceAll(tt.test, `\`, `\\`), `"`, `\"`) + `"}],"subnet4":[{"subnet":"10.0.0.0/8"}]}}`
		r, problems := Convert("f", []byte(text), Options{})
		if r == nil {
			t.Errorf("%s: %v", tt.test, problems)
			continue
		}
		_, got, _ := strings.Cut(string(r.YAML), "    match: ")
		if got, _, _ = strings.Cut(got, "\n"); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.test, got, tt.want)
		}
		if _, problems := r.Config("f"); problems != nil {
			t.Errorf("%s: %v", tt.test, problems)
		}
		if ok, says := keaTakes(t, text); ok == tt.newer {
			t.Errorf("%s: Kea: %v %s", tt.test, ok, says)
		}
	}
}

// Expressions that Kea takes and we cannot say.
func TestExpressionsNotCarried(t *testing.T) {
	for test, why := range map[string]string{
		`pkt.len == 300`:                 "pkt.len is not known",
		`option[routers].text == 'x'`:    "option[3].text is not the option's octets",
		`relay4[1].text == '0x01'`:       "relay4[1].text is not the sub-option's octets",
		`member('HA_a')`:                 "member('HA_a') cannot be part",
		`vendor-class[1].data[1] == 'a'`: "vendor-class.data is not known",
	} {
		r, problems := Convert("f", []byte(whole(`"client-classes":[{"name":"w","test":"`+test+`"}]`)), Options{})
		if r == nil || len(r.NotCarried) != 1 || !strings.Contains(r.NotCarried[0].Msg, why) {
			t.Errorf("%s: %v %v", test, r, problems)
		}
	}
}

// Expressions that are none; Kea is asked.
func TestExpressionsRefused(t *testing.T) {
	for _, tt := range []struct {
		test string
		at   int
		want string
	}{
		{"", 0, "the end of the expression, where something"},
		{"option[60].hex", 14, "yields octets"},
		{"option[60].hex = 'a'", 15, "'=' has no meaning"},
		{"option[foo].exists", 7, "option foo is not defined"},
		{"option[256].exists", 7, "option codes are 0 to 255"},
		{"option[60].hexx == 'a'", 11, "hexx"},
		{"option[60.hex == 'a'", 9, "., where ] is wanted"},
		{"member('nosuch')", 7, "class 'nosuch' is not defined"},
		{"option[60].exists == 'a'", 18, "== compares octets"},
		{"option[60].hex and option[61].exists", 15, "and joins"},
		{"not option[60].hex", 0, "not is for"},
		{"substring(option[60].hex, 0) == 'a'", 27, "), where , is wanted"},
		{"substring(option[60].hex, a, 1) == 'a'", 26, "a, where a number"},
		{"(option[60].exists", 18, "the end of the expression, where ) is wanted"},
		{"option[60].exists)", 17, "), where the expression could end"},
		{"option[60].hex == 'a", 18, "the text ' does not end"},
		{"pkt4.foo == 1", 5, "foo"},
		{"ifelse(option[1].hex, 'a', 'b') == 'a'", 0, "ifelse wants"},
		{"foo(1) == 1", 0, "foo"},
		{"option[60].hex == 99999999999", 18, "does not fit"},
	} {
		e, err := parseExpr(tt.test, false, code, class)
		switch {
		case err == nil:
			t.Errorf("%s: taken: %v", tt.test, e)
		case err.at != tt.at || !strings.Contains(err.msg, tt.want):
			t.Errorf("%s: %d %s", tt.test, err.at, err.msg)
		}
		ok, says := keaTakes(t, whole(`"client-classes":[{"name":"w","test":"`+tt.test+`"}]`))
		if ok {
			t.Errorf("%s: Kea: %v %s", tt.test, ok, says)
		}
	}
	if _, err := parseExpr(strings.Repeat("(", 10000), false, code, class); err == nil || !strings.Contains(err.msg, "levels deep") {
		t.Error(err)
	}
	if _, err := parseExpr(strings.Repeat("not ", 10000), false, code, class); err == nil || !strings.Contains(err.msg, "levels deep") {
		t.Error(err)
	}
}
