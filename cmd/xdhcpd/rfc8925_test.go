// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// §3.2: "The server SHOULD NOT include the IPv6-Only Preferred option in the DHCPOFFER or
// DHCPACK message if the option was not present in the Parameter Request List"; for a
// client that has it, "the DHCP server SHOULD … set the yiaddr field … to 0.0.0.0".
func TestRFC8925_3_2_IPv6OnlyIsConfigured(t *testing.T) {
	a := answers(t, `
interfaces: [eth1]
subnets: [{subnet: 192.0.2.0/24, pools: [{range: 192.0.2.100-192.0.2.199, options: {v6-only-preferred: 30m}}]}]
`)
	m := a.ask(1, dhcpv4.MessageTypeDiscover, listOf(1, 3, 108))
	if v, _ := value(m, 108); v != "\x00\x00\x07\x08" || !m.YourIPAddr.IsUnspecified() {
		t.Errorf("option 108 %x, yiaddr %v", v, m.YourIPAddr)
	}
	m = a.ask(2, dhcpv4.MessageTypeDiscover, listOf(1, 3))
	if _, ok := value(m, 108); ok || m.YourIPAddr.IsUnspecified() {
		t.Errorf("option 108 %v, yiaddr %v", ok, m.YourIPAddr)
	}
}
