// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// §3, §4: options 124 and 125 hold, for each enterprise, its number, a length and data. A
// class goes by the enterprise, or by what its data is or begins with.
func TestRFC3925_3_ClassesByEnterprise(t *testing.T) {
	a := answers(t, `
interfaces: [eth1]
classes:
  - {name: docsis3, match: {vendor-id: {enterprise: 4491, data: {prefix: docsis3}}}, options: {tftp-server-name: three}}
  - {name: cable, match: {vendor-id: 4491}, options: {tftp-server-name: cable}}
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199], options: {tftp-server-name: anybody}}]
`)
	entry := func(enterprise, data string) string { return enterprise + string(rune(len(data))) + data }
	cable, other := "\x00\x00\x11\x8b", "\x00\x00\x01\x37"
	for i, tt := range []struct {
		code uint8
		data string
		want string
	}{
		{124, entry(cable, "docsis3.1"), "three"},
		{124, entry(other, "docsis3.1"), "anybody"},
		{124, entry(other, "x") + entry(cable, "docsis3.0"), "three"},
		{125, entry(cable, "\x02\x01x"), "cable"},
		{124, cable + "\xffshort", "anybody"}, // the length is past the end
	} {
		m := a.ask(byte(i+1), dhcpv4.MessageTypeDiscover, optionIs(tt.code, tt.data), listOf(66))
		if v, _ := value(m, 66); v != tt.want {
			t.Errorf("option %d, %x: %q, want %q", tt.code, tt.data, v, tt.want)
		}
	}
}

// §4: vendor-identifying options are sent as they are configured, by enterprise.
func TestRFC3925_4_VendorOptions(t *testing.T) {
	m := answers(t, `
interfaces: [eth1]
options: {vi-vendor-opts: [{enterprise: 4491, options: {2: "hex:c0000207"}}]}
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199]}]
`).ask(1, dhcpv4.MessageTypeDiscover, listOf(125))
	if v, _ := value(m, 125); v != "\x00\x00\x11\x8b\x06\x02\x04\xc0\x00\x02\x07" {
		t.Errorf("%x", v)
	}
}
