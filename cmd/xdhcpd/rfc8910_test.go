// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// §2: "Clients that support the Captive Portal DHCP option SHOULD include the option in
// the Parameter Request List". §2.1: the URI is the option's value, without a zero.
func TestRFC8910_2_CaptivePortal(t *testing.T) {
	a := answers(t, `
interfaces: [eth1]
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199], options: {captive-portal: "https://portal.example.net/api"}}]
`)
	if v, _ := value(a.ask(1, dhcpv4.MessageTypeDiscover, listOf(1, 114)), 114); v != "https://portal.example.net/api" {
		t.Errorf("%q", v)
	}
	if _, ok := value(a.ask(2, dhcpv4.MessageTypeDiscover, listOf(1)), 114); ok {
		t.Error("it is sent to a client that does not ask for it")
	}
}
