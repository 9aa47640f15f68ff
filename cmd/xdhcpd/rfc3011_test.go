// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const twoSubnets = `
interfaces: [eth1]
subnets:
  - {subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199]}
  - {subnet: 198.51.100.0/24, pools: [198.51.100.10]}
`

// §2: "the DHCP server MUST allocate the address on either: the subnet specified in the
// subnet selection option, or; a subnet on the same network segment", "Servers configured
// to support this option MUST return an identical copy". The configuration says whether it does.
func TestRFC3011_2_SubnetSelectionIsConfigured(t *testing.T) {
	const wanted = "\xc6\x33\x64\x00"
	m := answers(t, twoSubnets+"subnet-selection: true\n").ask(1, dhcpv4.MessageTypeDiscover, optionIs(118, wanted))
	if v, _ := value(m, 118); m.YourIPAddr.String() != "198.51.100.10" || v != wanted {
		t.Errorf("%v, option 118 %x", m.YourIPAddr, v)
	}
	m = answers(t, twoSubnets).ask(1, dhcpv4.MessageTypeDiscover, optionIs(118, wanted))
	if v, ok := value(m, 118); m.YourIPAddr.String() == "198.51.100.10" || ok {
		t.Errorf("not configured: %v, option 118 %x", m.YourIPAddr, v)
	}
}
