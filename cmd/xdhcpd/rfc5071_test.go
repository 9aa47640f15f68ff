// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// §4.5, §5.5, §6.5: the option "MUST be supplied by the DHCP server if it appears on the
// Parameter Request List, but MUST also be supplied if the server administrator believed
// it would later be useful to the client … MUST NOT be supplied if no value has been
// configured for it".
func TestRFC5071_4_5_PXELINUXOptions(t *testing.T) {
	const configured = `
interfaces: [eth1]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
    options: {pxelinux-magic: "hex:f1:00:74:7e", pxelinux-config-file: pxelinux.cfg/lab, pxelinux-path-prefix: /tftp/, pxelinux-reboot-time: 30m}
`
	want := map[uint8]string{208: "\xf1\x00\x74\x7e", 209: "pxelinux.cfg/lab", 210: "/tftp/", 211: "\x00\x00\x07\x08"}
	for _, tt := range []struct {
		more string
		list []uint8
		sent bool
	}{
		{"", []uint8{1, 208, 209, 210, 211}, true},
		{"", []uint8{1, 3}, false},
		{"    always-send: [pxelinux-magic, pxelinux-config-file, pxelinux-path-prefix, pxelinux-reboot-time]\n", []uint8{1, 3}, true},
	} {
		m := answers(t, configured+tt.more).ask(1, dhcpv4.MessageTypeDiscover, listOf(tt.list...))
		for code, v := range want {
			if got, ok := value(m, code); ok != tt.sent || ok && got != v {
				t.Errorf("%q, list %v: option %d: %x, %v", tt.more, tt.list, code, got, ok)
			}
		}
	}
	bare := "interfaces: [eth1]\nsubnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.100]}]\n"
	m := answers(t, bare).ask(1, dhcpv4.MessageTypeDiscover, listOf(208, 209, 210, 211))
	for code := range want {
		if _, ok := value(m, code); ok {
			t.Errorf("option %d is sent and nobody configured it", code)
		}
	}
}
