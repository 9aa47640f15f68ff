// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
)

// What we encode means the same to another library.
func TestIndependentDecoder4(t *testing.T) {
	values := []struct{ name, value string }{
		{"subnet-mask", "255.255.248.0"},
		{"routers", "[10.0.0.1, 10.0.0.2]"},
		{"domain-name-servers", "[192.0.2.53, 192.0.2.54]"},
		{"ntp-servers", "[192.0.2.123]"},
		{"host-name", "host7"},
		{"domain-name", "example.net"},
		{"root-path", "/srv/root"},
		{"boot-file-name", "/pxelinux.0"},
		{"tftp-server-name", "boot.example.net"},
		{"broadcast-address", "10.0.7.255"},
		{"lease-time", "2h30m"},
		{"domain-search", "[eng.example.net, example.net, ops.eng.example.net, example.org]"},
		{"classless-static-routes", "[0.0.0.0/0 via 10.0.0.1, 10.128.0.0/9 via 10.0.0.2, 192.0.2.7/32 via 10.0.0.3]"},
		{"user-class", "[one, two]"},
		{"relay-agent-information", "{circuit-id: port7, remote-id: 'hex:0a0b'}"},
		{"v6-only-preferred", "5m"},
		{"auto-configure", "0"},
	}
	m := &dhcpv4.DHCPv4{Options: dhcpv4.Options{}}
	for _, v := range values {
		d, ok := ByName(DHCP4, v.name)
		if !ok {
			t.Fatalf("no option %s", v.name)
		}
		b, err := Encode(d, fromYAML(t, v.value))
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		m.Options[uint8(d.Code)] = b
	}
	routes := ""
	for _, r := range m.ClasslessStaticRoute() {
		routes += fmt.Sprintf("%s %s;", r.Dest, r.Router)
	}
	bcast := m.BroadcastAddress()
	v6only, _ := m.IPv6OnlyPreferred()
	auto, _ := m.AutoConfigure()
	checks := []struct{ what, got, want string }{
		{"mask", net.IP(m.SubnetMask()).String(), "255.255.248.0"},
		{"routers", fmt.Sprint(m.Router()), "[10.0.0.1 10.0.0.2]"},
		{"DNS", fmt.Sprint(m.DNS()), "[192.0.2.53 192.0.2.54]"},
		{"NTP", fmt.Sprint(m.NTPServers()), "[192.0.2.123]"},
		{"host name", m.HostName(), "host7"},
		{"domain", m.DomainName(), "example.net"},
		{"root path", m.RootPath(), "/srv/root"},
		{"boot file", m.BootFileNameOption(), "/pxelinux.0"},
		{"TFTP server", m.TFTPServerName(), "boot.example.net"},
		{"broadcast", bcast.String(), "10.0.7.255"},
		{"lease", m.IPAddressLeaseTime(0).String(), (2*time.Hour + 30*time.Minute).String()},
		{"search list", fmt.Sprint(m.DomainSearch().Labels), "[eng.example.net example.net ops.eng.example.net example.org]"},
		{"routes", routes, "0.0.0.0/0 10.0.0.1;10.128.0.0/9 10.0.0.2;192.0.2.7/32 10.0.0.3;"},
		{"user class", fmt.Sprint(m.UserClass()), "[one two]"},
		{"circuit", string(m.RelayAgentInfo().Get(dhcpv4.AgentCircuitIDSubOption)), "port7"},
		{"remote", fmt.Sprintf("%x", m.RelayAgentInfo().Get(dhcpv4.AgentRemoteIDSubOption)), "0a0b"},
		{"IPv6-only", v6only.String(), "5m0s"},
		{"auto-configure", auto.String(), "DoNotAutoConfigure"},
	}
	for _, c := range checks {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestIndependentDecoder6(t *testing.T) {
	values := []struct{ name, value, want string }{
		{"dns-servers", "['2001:db8::53']", "DNS: [2001:db8::53]"},
		{"domain-search", "[a.example, example.net]", "Domain Search List: [a.example example.net]"},
		{"bootfile-url", "'http://[2001:db8::1]/boot'", "Boot File URL: http://[2001:db8::1]/boot"},
		{"ia-pd", "[7, 100, 200, {iaprefix: [3600, 7200, '2001:db8:1::/48']}]",
			"IAPD: {IAID=0x00000007 T1=1m40s T2=3m20s Options={[IA Prefix: {PreferredLifetime=1h0m0s, ValidLifetime=2h0m0s, Prefix=2001:db8:1::/48, Options={[]}}]}}"},
		{"information-refresh-time", "1h", "Information Refresh Time: 1h0m0s"},
	}
	for _, v := range values {
		d, ok := ByName(DHCP6, v.name)
		if !ok {
			t.Errorf("no option %s", v.name)
			continue
		}
		b, err := Encode(d, fromYAML(t, v.value))
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		wire := binary.BigEndian.AppendUint16(nil, d.Code)
		wire = append(binary.BigEndian.AppendUint16(wire, uint16(len(b))), b...)
		var os dhcpv6.Options
		if err := os.FromBytes(wire); err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if got := os[0].String(); got != v.want {
			t.Errorf("%s: %s\nwant %s", v.name, got, v.want)
		}
	}
}
