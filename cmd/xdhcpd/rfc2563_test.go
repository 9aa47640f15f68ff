// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
)

// §2.3: a server that has no address for a client may say so, "DoNotAutoConfigure", in an
// offer without an address; a subnet without pools is such a network.
func TestRFC2563_2_3_AutoConfigureIsConfigured(t *testing.T) {
	const yaml = "interfaces: [eth1]\nsubnets: [{subnet: 192.0.2.0/24, options: {auto-configure: 0}}]\n"
	m := answers(t, yaml).ask(1, dhcpv4.MessageTypeDiscover, optionIs(116, "\x01"))
	if v, _ := value(m, 116); v != "\x00" || !m.YourIPAddr.IsUnspecified() {
		t.Errorf("option 116 %x, yiaddr %v", v, m.YourIPAddr)
	}
	if m, why := answers(t, yaml).send(clientMessage(t, 1, dhcpv4.MessageTypeDiscover)); m != nil || why != frame.PoolFull {
		t.Errorf("a client that does not know of it: %v, %v", m, why)
	}
}
