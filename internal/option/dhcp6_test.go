// SPDX-License-Identifier: Apache-2.0

package option

import (
	"bytes"
	"testing"
)

// RFC 7598: rules, border relays and port sets as the pictures have them.
func TestRFC7598Containers(t *testing.T) {
	run(t, DHCP6, []encodeTest{
		// §4.1, §4.5 (offset 6, 8 bits, 0x34 at the left end of the field)
		{"s46-cont-mapt", "{s46-rule: {flags: 1, ea-length: 12, ipv4-prefix: 192.0.2.0/24, ipv6-prefix: '2001:db8::/40', options: {s46-portparams: {offset: 6, psid: 52/8}}}, s46-dmr: '2001:db8:ffff::/64'}",
			"0059 0015 01 0c 18 c0000200 28 20010db800 005d 0004 06 08 3400 005b 0009 40 20010db8ffff0000"},
		// §5.3, §4.4: an IPv4 address bound to a prefix of 56 bits
		{"s46-cont-lw", "{s46-br: '2001:db8::1', s46-v4v6bind: {address: 192.0.2.1, prefix: '2001:db8:0:100::/56', options: {s46-portparams: [0, 1/4]}}}",
			"005a 0010 20010db8000000000000000000000001 005c 0014 c0000201 38 20010db8000001 005d 0004 00 04 1000"},
		// several rules and border relays in one container
		{"s46-cont-mape", "{s46-rule: [[0, 8, 192.0.2.0/24, '2001:db8::/32'], [1, 8, 198.51.100.0/24, '2001:db9::/32']], s46-br: ['2001:db8::1', '2001:db8::2']}",
			"0059 000c 00 08 18 c0000200 20 20010db8 0059 000c 01 08 18 c6336400 20 20010db9" +
				"005a 0010 20010db8000000000000000000000001 005a 0010 20010db8000000000000000000000002"},
		{"s46-priority", "[94, 96]", "005e 0060"}, // RFC 8026 §1.4
		{"s46-bind-ipv6-prefix", "'2001:db8::/32'", "20 20010db8"},
		{"v6-prefix64", "{asm: 'ff3e::/96', ssm: 'ff3e:0:8000::/96', unicast: '64:ff9b::/96'}", // RFC 8115 §3
			"60 ff3e00000000000000000000 60 ff3e00008000000000000000 60 0064ff9b0000000000000000"},
	})
}

// RFC 5908 §4: addresses, multicast addresses and names in one option.
func TestRFC5908Suboptions(t *testing.T) {
	run(t, DHCP6, []encodeTest{
		{"ntp-servers", "{ntp-suboption-srv-addr: ['2001:db8::1', '2001:db8::2'], ntp-suboption-mc-addr: 'ff05::101', ntp-suboption-srv-fqdn: [a.example, b.example]}",
			"0001 0010 20010db8000000000000000000000001 0001 0010 20010db8000000000000000000000002" +
				"0002 0010 ff050000000000000000000000000101" +
				"0003 000b 01'a'07'example'00 0003 000b 01'b'07'example'00"},
	})
}

// RFC 8415 §21.17: each enterprise numbers its options itself.
func TestRFC8415VendorOptions(t *testing.T) {
	r := NewRegistry()
	cable := EnterpriseSpace(4491)
	for _, d := range []struct {
		name string
		code int
		typ  string
	}{{"tftp-servers", 32, "ipv6[]"}, {"config-file", 33, "str"}, {"cable-tlv", 2170, "tlv16"}} {
		if _, err := r.Define(cable, d.name, d.code, d.typ, false); err != nil {
			t.Fatal(err)
		}
	}
	d, _ := r.ByName(DHCP6, "vendor-opts")
	v := fromYAML(t, "[{enterprise: 4491, options: {tftp-servers: ['2001:db8::1'], config-file: modem.cfg, 7: 'hex:0102', 8: }}, {enterprise: 3561, options: {1: 'http://acs.example/'}}]")
	got, err := r.EncodeEach(d, v)
	want := [][]byte{
		unhex(t, "0000118b 0020 0010 20010db8000000000000000000000001 0021 0009 'modem.cfg' 0007 0002 0102 0008 0000"),
		unhex(t, "00000de9 0001 0013 'http://acs.example/'"),
	}
	if err != nil || len(got) != 2 || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
		t.Fatalf("%x, %v\nwant %x", got, err, want)
	}
	// Names belong to their enterprise.
	if text := r.Format(d, got[0]); text != `{enterprise: 4491, options: {tftp-servers: ["2001:db8::1"], config-file: modem.cfg, 7: "hex:0102", 8: null}}` {
		t.Error(text)
	}
	if text := r.Format(d, append([]byte{0, 0, 13, 0xe9}, got[0][4:]...)); bytes.Contains([]byte(text), []byte("tftp")) {
		t.Error(text)
	}
	for _, tt := range []struct{ value, want string }{
		{"{enterprise: 3561, options: {config-file: x}}", `options.config-file: "config-file" is not a sub-option of vendor-opts`},
		{"[{enterprise: 4491, options: {config-fiel: x}}]", `[0].options.config-fiel: "config-fiel" is not a sub-option of vendor-opts (did you mean config-file?)`},
		{"[{enterprise: 4491, options: {tftp-servers: [10.0.0.1]}}]", `[0].options.tftp-servers[0]: 10.0.0.1 is an IPv4 address; an IPv6 address is wanted`},
		{"{options: {1: x}}", `enterprise is missing: vendor-opts is written as {enterprise: number, options: sub-options}`},
	} {
		if _, err := r.EncodeEach(d, fromYAML(t, tt.value)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.value, err, tt.want)
		}
	}
	if _, err := r.Define("dhcp6.vendor.x", "a", 1, "u8", false); err == nil {
		t.Error("x is no enterprise")
	}
}

// What may be there once is one option, whatever its value looks like; what may
// be there more often is as many as the list has elements.
func TestEncodeEach(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        int
	}{
		{"dns-servers", "['2001:db8::1', '2001:db8::2']", 1},
		{"v6-pcp-server", "['2001:db8::1', '2001:db8::2']", 1},            // one server with two addresses
		{"v6-pcp-server", "[['2001:db8::1', '2001:db8::2'], ['::1']]", 2}, // RFC 7291 §3: one option a server
		{"s46-cont-mape", "[{s46-br: '::1'}, {s46-br: '::2'}]", 2},        // RFC 7598 §5.1
		{"rdnss-selection", "{server: '::1', preference: 0, domains: [.]}", 1},
		{"rdnss-selection", "['::1', 0, [.]]", 1},
		{"rdnss-selection", "[['::1', 0, [.]], {server: '::2', preference: 1, domains: [a.]}]", 2},
		{"v6-dnr", "[{priority: 1, name: a.example}, {priority: 2, name: b.example}]", 2},
		{"bootfile-param", "[a, b]", 1},
		{"ntp-server", "[{ntp-suboption-srv-addr: '::1'}, {ntp-suboption-srv-addr: '::2'}]", 1},
	} {
		d, _ := ByName(DHCP6, tt.name)
		got, err := NewRegistry().EncodeEach(d, fromYAML(t, tt.value))
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %s: %x, %v; want %d options", tt.name, tt.value, got, err, tt.want)
		}
	}
}
