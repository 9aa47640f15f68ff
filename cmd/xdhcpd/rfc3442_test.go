// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const routed = `
interfaces: [eth1]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
    options: {routers: 192.0.2.254, classless-static-routes: [10.0.0.0/8 via 192.0.2.2, 10.17.0.0/22 via 192.0.2.3, 0.0.0.0/0 via 192.0.2.254]}
`

// §DHCP Client Behavior: "If the DHCP server returns both a Classless Static Routes option
// and a Router option, the DHCP client MUST ignore the Router option": so both may go out.
// The significant octets of a destination follow its width.
func TestRFC3442_ClasslessRoutes(t *testing.T) {
	m := answers(t, routed).ask(1, dhcpv4.MessageTypeDiscover, listOf(121, 3))
	v, _ := value(m, 121)
	want := "\x08\x0a\xc0\x00\x02\x02\x16\x0a\x11\x00\xc0\x00\x02\x03\x00\xc0\x00\x02\xfe"
	if v != want || len(m.Router()) != 1 {
		t.Errorf("121 is %x, routers %v", v, m.Router())
	}
	if got := m.ClasslessStaticRoute(); len(got) != 3 || got[0].Dest.String() != "10.0.0.0/8" || got[1].Dest.String() != "10.17.0.0/22" {
		t.Errorf("read back: %v", got)
	}
}

// [MS-DHCPE] §3.2.5: option 249 goes to a client that asks for it and not for 121.
func TestMSRoutesOnlyWhere121IsNotAskedFor(t *testing.T) {
	for _, tt := range []struct {
		list []uint8
		with []uint8
	}{{[]uint8{249}, []uint8{249}}, {[]uint8{121, 249}, []uint8{121}}, {[]uint8{249, 121}, []uint8{121}}, {[]uint8{1}, nil}} {
		m := answers(t, routed).ask(1, dhcpv4.MessageTypeDiscover, optionIs(60, "MSFT 5.0"), listOf(tt.list...))
		var got []uint8
		for _, code := range []uint8{121, 249} {
			if _, ok := value(m, code); ok {
				got = append(got, code)
			}
		}
		if !bytes.Equal(got, tt.with) {
			t.Errorf("asked for %v: %v", tt.list, got)
		}
	}
}
