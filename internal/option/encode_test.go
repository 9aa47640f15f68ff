// SPDX-License-Identifier: Apache-2.0

package option

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// unhex takes octets with spaces and with 'text' between them.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, b...)
	}
	return out
}

// fromYAML is a value as a configuration would bring it, through a reader that
// is not ours: every scalar by its text.
func fromYAML(t testing.TB, s string) any {
	t.Helper()
	f, err := parser.ParseBytes([]byte("v: "+s), 0)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return convert(t, f.Docs[0].Body.(*ast.MappingNode).Values[0].Value)
}

func convert(t testing.TB, n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		m := Map{}
		for _, v := range n.Values {
			m = append(m, Entry{v.Key.GetToken().Value, convert(t, v.Value)})
		}
		return m
	case *ast.SequenceNode:
		list := []any{}
		for _, el := range n.Values {
			list = append(list, convert(t, el))
		}
		return list
	case *ast.NullNode:
		return nil
	case ast.ScalarNode:
		return n.GetToken().Value
	}
	t.Fatalf("%T", n)
	return nil
}

type encodeTest struct {
	name  string
	value string // YAML
	want  string // hexadecimal, 'text' in quotes
}

// run encodes each value, and puts what Format makes of the octets through
// Encode again: the octets must be the same.
func run(t *testing.T, space Space, tests []encodeTest) {
	t.Helper()
	for _, tt := range tests {
		d, ok := ByName(space, tt.name)
		if !ok {
			t.Errorf("%s: no such option", tt.name)
			continue
		}
		want := unhex(t, tt.want)
		got, err := Encode(d, fromYAML(t, tt.value))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s\n got %x, %v\nwant %x", d, tt.value, got, err, want)
			continue
		}
		text := Format(d, got)
		again, err := Encode(d, fromYAML(t, text))
		if err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s: Format(%x) = %s\n which is %x, %v", d, got, text, again, err)
		}
	}
}

// RFC 2132, section by section: the octets after "Code Len" of each picture.
func TestRFC2132(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"subnet-mask", "255.255.255.0", "ff ff ff 00"},                                       // §3.3
		{"time-offset", "-18000", "ff ff b9 b0"},                                              // §3.4: two's complement
		{"time-offset", "3600", "00 00 0e 10"},                                                //
		{"routers", "[10.0.0.1, 10.0.0.2]", "0a 00 00 01 0a 00 00 02"},                        // §3.5
		{"routers", "10.0.0.1", "0a 00 00 01"},                                                // a list of one
		{"domain-name-servers", "[192.0.2.53]", "c0 00 02 35"},                                // §3.8
		{"host-name", "host7", "'host7'"},                                                     // §3.14
		{"host-name", "007", "'007'"},                                                         //
		{"boot-file-size", "65535", "ff ff"},                                                  // §3.15
		{"domain-name", "example.net", "'example.net'"},                                       // §3.17
		{"ip-forwarding", "true", "01"},                                                       // §4.1
		{"ip-forwarding", "off", "00"},                                                        //
		{"policy-filter", "[{address: 10.0.0.0, mask: 255.0.0.0}]", "0a 00 00 00 ff 00 0000"}, // §4.3
		{"max-dgram-reassembly", "576", "02 40"},                                              // §4.4
		{"default-ip-ttl", "64", "40"},                                                        // §4.5
		{"path-mtu-plateau-table", "[68, 1500]", "0044 05dc"},                                 // §4.7
		{"interface-mtu", "1500", "05 dc"},                                                    // §5.1
		{"broadcast-address", "10.0.0.255", "0a 00 00 ff"},                                    // §5.3
		{"static-routes", "[10.1.0.0 10.0.0.1]", "0a 01 00 00 0a 00 00 01"},                   // §5.8
		{"static-routes", "[{to: 10.1.0.0, via: 10.0.0.1}]", "0a 01 00 00 0a 00 00 01"},       //
		{"arp-cache-timeout", "1m30s", "00 00 00 5a"},                                         // §6.2
		{"ntp-servers", "[192.0.2.1]", "c0 00 02 01"},                                         // §8.3
		{"netbios-node-type", "8", "08"},                                                      // §8.7
		{"lease-time", "1h", "00 00 0e 10"},                                                   // §9.2
		{"lease-time", "infinite", "ff ff ff ff"},                                             //
		{"tftp-server-name", "boot.example.net", "'boot.example.net'"},                        // §9.4
		{"boot-file-name", "/pxelinux.0", "'/pxelinux.0'"},                                    // §9.5
		{"parameter-request-list", "[1, 3, 6]", "01 03 06"},                                   // §9.8
		{"vendor-class-identifier", "MSFT 5.0", "'MSFT 5.0'"},                                 // §9.13
		{"vendor-class-identifier", "hex:0001", "00 01"},                                      //
		{"client-identifier", "{type: 1, id: hex:020000000001}", "01 020000000001"},           // §9.14
		{"mobile-ip-home-agents", "[]", ""},                                                   // §8.13: 0 is allowed
	})
}

// §8.4: code, length, data; no End within.
func TestRFC2132VendorSpecificInformation(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"vendor-encapsulated-options", "{1: hex:c0a80002}", "01 04 c0a80002"},
		{"vendor-encapsulated-options", "{241: hex:0a000001, 2: abc}", "f1 04 0a000001 02 03 'abc'"},
	})
	// By raw octets, as a vendor's manual gives them.
	run(t, DHCP4, []encodeTest{
		{"vendor-encapsulated-options", "hex:f1:04:0a:00:00:01", "f1 04 0a 00 00 01"},
	})
}

// [MS-DHCPE] 2.2.2: sub-options of 43; 2.2.2.6: plain text.
func TestMSDHCPE22(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"vendor-specific", "{microsoft-disable-netbios: 2}", "01 04 00000002"},
		{"vendor-specific", "{ms-disable-netbios: 2, ms-release-on-shutdown: 1, ms-default-router-metric-base: 20}",
			"01 04 00000002 02 04 00000001 03 04 00000014"},
		{"vendor-specific", "{ms-rogue-detect-request: true}", "5e 00"},
		{"vendor-specific", "{ms-rogue-detect-reply: example.net}", "5f 0c 'example.net' 00"},
		{"vendor-specific", "ANDROID_METERED", "'ANDROID_METERED'"},
		{"vendor-specific", "{ms-nap-mask: 255.255.255.0}", "dd 04 00ffffff"}, // little-endian
		{"vendor-specific", "{ms-nap-ipv6-servers: ['2001:db8::1']}", "df 11 01 20010db8000000000000000000000001"},
		{"ms-classless-static-routes", `["10.0.0.0/8 via 10.0.0.1"]`, "08 0a 0a000001"}, // 2.2.8
	})
	run(t, DHCP6, []encodeTest{ // 2.2.10.2
		{"vendor-opts", "{enterprise: 311, options: {ms-rogue-detect-reply: x}}", "00000137 005f 0002 'x' 00"},
	})
}

// RFC 3442, the table of destination descriptors.
func TestRFC3442Descriptors(t *testing.T) {
	for _, tt := range []struct{ dest, want string }{
		{"0.0.0.0/0", "00"},
		{"10.0.0.0/8", "08 0a"},
		{"10.0.0.0/24", "18 0a0000"},
		{"10.17.0.0/16", "10 0a11"},
		{"10.27.129.0/24", "18 0a1b81"},
		{"10.229.0.128/25", "19 0ae50080"},
		{"10.198.122.47/32", "20 0ac67a2f"},
	} {
		run(t, DHCP4, []encodeTest{
			{"classless-static-routes", "[" + tt.dest + " via 192.0.2.1]", tt.want + "c0000201"},
			{"classless-static-routes", "[{to: " + tt.dest + ", via: 192.0.2.1}]", tt.want + "c0000201"},
			{"ms-classless-static-routes", "[" + tt.dest + " via 192.0.2.1]", tt.want + "c0000201"},
		})
	}
	run(t, DHCP4, []encodeTest{
		{"classless-static-routes", "[default via 192.0.2.1, 10.0.0.0/8 via 0.0.0.0]", "00 c0000201 08 0a 00000000"},
	})
}

// RFC 3397 §2: the picture of "eng.apple.com." and "marketing.apple.com.".
func TestRFC3397Example(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"domain-search", "[eng.apple.com, marketing.apple.com.]",
			"03 'eng' 05 'apple' 03 'com' 00 09 'marketing' c0 04"},
		{"domain-search", "[example.net, EXAMPLE.NET]", "07 'example' 03 'net' 00 c0 00"},
		{"domain-search", "[a.b, b, c.a.b]", "01 'a' 01 'b' 00 c0 02 01 'c' c0 00"},
	})
}

// RFC 1035 §3.1, uncompressed, wherever the option's RFC does not say more.
func TestNamesWithoutCompression(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"bcmcs-domain-list", "[a.example, b.example]", "01 'a' 07 'example' 00 01 'b' 07 'example' 00"}, // RFC 4280 §4.2
		{"v4-lost", "lost.example", "04 'lost' 07 'example' 00"},
		{"v4-access-domain", "example.net", "07 'example' 03 'net' 00"},
		{"sip-servers", "[example.com, example.net]", "00 07 'example' 03 'com' 00 07 'example' 03 'net' 00"}, // RFC 3361 §3.1
		{"sip-servers", "[192.0.2.1, 192.0.2.2]", "01 c0000201 c0000202"},                                     // §3.2
	})
	run(t, DHCP6, []encodeTest{ // RFC 8415 §10
		{"domain-search", "[a.example, b.example]", "01 'a' 07 'example' 00 01 'b' 07 'example' 00"},
		{"client-fqdn", "{flags: 1, name: host}", "01 04 'host'"},                          // RFC 4704 §4.2: partial
		{"client-fqdn", "{flags: 1, name: host.example.}", "01 04 'host' 07 'example' 00"}, // whole
		{"aftr-name", "aftr.example.net", "04 'aftr' 07 'example' 03 'net' 00"},            // RFC 6334
		{"rdnss-selection", "{server: '2001:db8::1', preference: 1, domains: [example.]}", // RFC 6731 §4.2
			"20010db8000000000000000000000001 01 07 'example' 00"},
	})
}

func TestRFC4702(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"client-fqdn", "{flags: 4, rcode1: 255, rcode2: 255, name: host.example.}", "04 ff ff 04 'host' 07 'example' 00"},
		{"client-fqdn", "{flags: 0, rcode1: 0, rcode2: 0, name: host.example}", "00 00 00 'host.example'"},
	})
}

func TestOptionsOfOtherRFCs(t *testing.T) {
	run(t, DHCP4, []encodeTest{
		{"user-class", "[RRAS.Microsoft]", "0e 'RRAS.Microsoft'"},                                                                     // RFC 3004 §4
		{"slp-directory-agent", "{mandatory: true, addresses: [192.0.2.1]}", "01 c0000201"},                                           // RFC 2610 §3
		{"slp-service-scope", "{mandatory: false, scopes: \"a,b\"}", "00 'a,b'"},                                                      // §4
		{"isns", "[1, 2, 3, 4, [192.0.2.1]]", "0001 0002 0003 00000004 c0000201"},                                                     // RFC 4174 §2
		{"v6-only-preferred", "30m", "00000708"},                                                                                      // RFC 8925 §3.1
		{"captive-portal", "https://portal.example/api", "'https://portal.example/api'"},                                              // RFC 8910 §2.1
		{"name-service-search", "[6, 44]", "0006 002c"},                                                                               // RFC 2937
		{"vi-vendor-class", "[{enterprise: 4491, data: [docsis3.0]}]", "0000118b 0a 09 'docsis3.0'"},                                  // RFC 3925 §3
		{"vi-vendor-opts", "[{enterprise: 4491, options: {2: hex:0102}}]", "0000118b 04 02 02 0102"},                                  // §4
		{"v4-sztp-redirect", "[\"https://a.example\"]", "0011 'https://a.example'"},                                                   // RFC 8572 §8.3
		{"rdnss-selection", "{preference: 1, primary: 192.0.2.1, secondary: 0.0.0.0, domains: [a.]}", "01 c0000201 00000000 01'a'00"}, // RFC 6731 §4.3
		{"v4-pcp-server", "[[192.0.2.1, 192.0.2.2], [192.0.2.3]]", "08 c0000201 c0000202 04 c0000203"},                                // RFC 7291 §4.1
		{"v4-portparams", "{offset: 6, psid: 52/8}", "06 08 3400"},                                                                    // RFC 7618
		{"v4-dnr", "[{priority: 1, name: dns.example, addresses: [192.0.2.53], service-params: hex:00010003026832}]",
			"001c 0001 0d 03'dns'07'example'00 04 c0000235 00010003026832"}, // RFC 9463 §5.1
		{"v4-dnr", "[{priority: 1, name: dns.example}]", "0010 0001 0d 03'dns'07'example'00"},
		{"6rd", "{mask-length: 8, prefix: '2001:db8::/32', relays: [192.0.2.1]}",
			"08 20 20010db8000000000000000000000000 c0000201"}, // RFC 5969 §7.1.1
		{"mos-addresses", "{is: [192.0.2.1], es: [192.0.2.2]}", "01 04 c0000201 03 04 c0000202"}, // RFC 5678 §2
		{"cablelabs-client-configuration", "{tsp-primary-dhcp-server: 192.0.2.1, tsp-provisioning-server: ps.example}",
			"01 04 c0000201 03 0d 00 02'ps'07'example'00"}, // RFC 3495 §5
		{"geoconf-civic", "{what: 1, country: DE, elements: {1: Bayern}}", "01 'DE' 01 06 'Bayern'"}, // RFC 4776 §3.1
		{"client-uuid", "{type: 0, uuid: hex:000102030405060708090a0b0c0d0e0f}", "00 000102030405060708090a0b0c0d0e0f"},
		{"relay-agent-information", "{circuit-id: hex:0001, remote-id: line7}", "01 02 0001 02 05 'line7'"}, // RFC 3046 §2.0
		{"relay-agent-information", "{link-selection: 10.1.0.0, relay-port: true}", "05 04 0a010000 13 00"},
		{"site-specific-224", "hex:00ff", "00ff"},
		{"pxelinux-config-file", "default", "'default'"},
	})
	run(t, DHCP6, []encodeTest{
		{"dns-servers", "['2001:db8::53', '2001:db8::54']", "20010db8000000000000000000000053 20010db8000000000000000000000054"},
		{"ntp-server", "[{ntp-suboption-srv-addr: '2001:db8::1'}, {ntp-suboption-srv-addr: '2001:db8::2', ntp-suboption-srv-fqdn: n.example}]",
			"0001 0010 20010db8000000000000000000000001 0001 0010 20010db8000000000000000000000002 0003 000b 01'n'07'example'00"},
		{"vendor-class", "{enterprise: 311, data: [MSFT 5.0]}", "00000137 0008 'MSFT 5.0'"},
		{"bootfile-param", "[a, bc]", "0001 'a' 0002 'bc'"}, // RFC 5970 §3.2
		{"sol-max-rt", "1h", "00000e10"},
		{"addrsel", "{flags: 0, options: {addrsel-table: {label: 1, precedence: 50, prefix: '2001:db8::/60'}}}",
			"00 0055 000b 01 32 3c 20010db800000000"}, // RFC 7078 §2
		{"s46-cont-mape", "{s46-rule: {flags: 0, ea-length: 16, ipv4-prefix: 192.0.2.0/24, ipv6-prefix: '2001:db8::/40', options: {s46-portparams: [6, 0/8]}}, s46-br: '2001:db8::1'}",
			"0059 0015 00 10 18 c0000200 28 20010db800 005d 0004 06 08 0000 005a 0010 20010db8000000000000000000000001"},
		{"dhcp4-o-dhcp6-server", "[]", ""}, // RFC 7341 §7.2: may be empty
		{"ia-pd", "[7, 0, 0, {iaprefix: [3600, 7200, '2001:db8:1::/48']}]",
			"00000007 00000000 00000000 001a 0019 00000e10 00001c20 30 20010db8000100000000000000000000"},
	})
}

func TestRawOctetsAlwaysWork(t *testing.T) {
	for _, name := range []string{"routers", "host-name", "domain-search", "96", "vendor-specific", "sip-servers"} {
		d, _ := ByName(DHCP4, name)
		got, err := Encode(d, "hex:DE:ad-be ef")
		if err != nil || !bytes.Equal(got, []byte{0xde, 0xad, 0xbe, 0xef}) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	// text: takes the meaning of hex: away.
	d, _ := ByName(DHCP4, "host-name")
	if got, err := Encode(d, "text:hex:00"); err != nil || string(got) != "hex:00" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEncodeErrors(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"routers", "[10.0.0.1, 10.0.0.256]", `[1]: 10.0.0.256 is not an IPv4 address: four numbers from 0 to 255 are wanted`},
		{"routers", "['2001:db8::1']", `[0]: 2001:db8::1 is an IPv6 address; an IPv4 address is wanted`},
		{"routers", "[10.0.0.0/24]", `[0]: 10.0.0.0/24 is a prefix; an IPv4 address is wanted`},
		{"routers", "gw.example.net", `"gw.example.net" is not an IPv4 address`},
		{"routers", "10.0.0.1, 10.0.0.2", `"10.0.0.1, 10.0.0.2" is one value: write a list, [10.0.0.1, 10.0.0.2]`},
		{"routers", "[]", `is an empty list: leave the option out instead`},
		{"routers", "~", `has no value: a list is wanted`},
		{"routers", "[[10.0.0.1]]", `[0]: takes one value (IPv4 address), not a list`},
		{"subnet-mask", "255.0.255.0", `255.0.255.0 is not a subnet mask: its ones must come before its zeros`},
		{"subnet-mask", "[255.0.0.0]", `takes one value (IPv4 address), not a list`},
		{"default-ip-ttl", "256", `256 is more than 255, the most that fits`},
		{"default-ip-ttl", "0", `0 is outside 1 to 255, which RFC 2132 allows for default-ip-ttl`},
		{"interface-mtu", "67", `67 is outside 68 to 65535, which RFC 2132 allows for interface-mtu`},
		{"interface-mtu", "70000", `70000 is more than 65535, the most that fits`},
		{"interface-mtu", "-1", `-1 is less than 0`},
		{"interface-mtu", "big", `"big" is not a number from 0 to 65535`},
		{"interface-mtu", "99999999999999999999", `99999999999999999999 is more than 65535, the most that fits`},
		{"time-offset", "3000000000", `3000000000 is outside -2147483648 to 2147483647`},
		{"arp-cache-timeout", "1x", `"1x" is not a time: write seconds, or a sum such as 1d12h or 52m30s, or infinite`},
		{"ip-forwarding", "maybe", `"maybe" is neither true nor false`},
		{"domain-name", "''", `is empty: domain-name needs a value`},
		{"domain-name", "~", `has no value: text is wanted`},
		{"domain-search", "[a..b]", `[0]: "a..b" is not a domain name: two dots in a row, or one in front`},
		{"domain-search", "[münchen.example]", `[0]: "münchen.example" is not ASCII: write its xn-- form (RFC 5890)`},
		{"domain-search", "[a b]", `[0]: "a b" is not a domain name: it has a space or a control character in it`},
		{"domain-search", "[" + strings.Repeat("a", 64) + "]", `[0]: "` + strings.Repeat("a", 60) + `…" is not a domain name: "` + strings.Repeat("a", 64) + `" is longer than 63 octets`},
		{"classless-static-routes", "[10.0.0.1/8 via 10.0.0.1]", `[0]: 10.0.0.1/8 has bits set after its length (did you mean 10.0.0.0/8?)`},
		{"classless-static-routes", "[10.0.0.1 via 10.0.0.1]", `[0]: 10.0.0.1 has no length (did you mean 10.0.0.1/32?)`},
		{"classless-static-routes", "[{to: 10.0.0.0/8, router: 10.0.0.1}]", `[0].router: a route has no part "router": they are to, via`},
		{"classless-static-routes", "[{to: 10.0.0.0/8}]", `[0]: a route has two parts: to, via`},
		{"classless-static-routes", "[{to: 10.0.0.0/8, via: 10.0.0}]", `[0].via: 10.0.0 is not an IPv4 address: four numbers from 0 to 255 are wanted`},
		{"vendor-class-identifier", "0x0102", `"0x0102" is read as text: write hex: before octets, or text: before text (did you mean hex:0102?)`},
		{"vendor-class-identifier", "hex:012", `"hex:012" has an odd number of digits`},
		{"vendor-class-identifier", "hex:01:2:03", `"hex:01:2:03": a digit is missing before the ':' at character 9`},
		{"vendor-class-identifier", "hex:zz", `"hex:zz": hexadecimal digits are wanted after hex:`},
		{"vendor-specific", "{microsoft-disable-netbois: 2}", `microsoft-disable-netbois: "microsoft-disable-netbois" is not a sub-option of vendor-encapsulated-options (did you mean ms-disable-netbios?)`},
		{"vendor-specific", "{microsoft-disable-netbios: 3}", `microsoft-disable-netbios: 3 is outside 0 to 2, which MS-DHCPE 2.2.2.1 allows for ms-disable-netbios`},
		{"vendor-specific", "{1: 0, ms-disable-netbios: 0}", `ms-disable-netbios: sub-option 1 is given already, as 1`},
		{"client-identifier", "{typ: 1, id: a}", `typ: client-identifier has no part "typ": they are type, id (did you mean type?)`},
		{"client-identifier", "{id: a}", `type is missing: client-identifier is written as {type: 0 to 255, id: hex:… or text}`},
		{"client-identifier", "abc", `client-identifier is written as {type: 0 to 255, id: hex:… or text}`},
		{"sip-servers", "[a.example, 192.0.2.1]", `holds names and addresses: RFC 3361 allows either, not both`},
		{"captive-portal", "portal.example", `"portal.example" is not a URL`},
		{"rapid-commit", "5", `takes no value: write rapid-commit: true, or leave the option out`},
		{"client-ndi", "[1, 2]", `has 2 parts; client-ndi has 3 parts: type, major, minor`},
		{"geoconf", "hex:00", ``}, // raw: not checked
		{"client-uuid", "{type: 0, uuid: hex:00}", `uuid: is 1 octets long; client-uuid has 16`},
		{"v4-dnr", "[{priority: 1, name: a, service-params: hex:00}]", `[0]: addresses is missing: service-params comes after it`},
		{"auto-configure", "2", `2 is outside 0 to 1, which RFC 2563 allows for auto-configure`},
		{"v4-portparams", "[6, 52]", `[1]: "52" is not a port set such as 52/8: its identifier, and the number of that one's bits, up to 16`},
		{"v4-portparams", "[6, 52/5]", `[1]: 52/5: 52 does not fit into 5 bits`},
		{"v4-portparams", "[6, 0/17]", `[1]: "0/17" is not a port set such as 52/8: its identifier, and the number of that one's bits, up to 16`},
		{"6rd", "{mask-length: 8, prefix: 10.0.0.0/8, relays: [192.0.2.1]}", `prefix: "10.0.0.0/8" is not an IPv6 prefix such as 2001:db8::/32`},
	}
	for _, tt := range tests {
		d, ok := ByName(DHCP4, tt.name)
		if !ok {
			t.Errorf("%s: no such option", tt.name)
			continue
		}
		_, err := Encode(d, fromYAML(t, tt.value))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.name, tt.value, got, tt.want)
		}
	}
}
