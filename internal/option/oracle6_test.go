// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

// A whole set of DHCPv6 options, as a configuration has them, means the same to
// another library.
func TestIndependentDecoder6Set(t *testing.T) {
	r := NewRegistry()
	if _, err := r.Define(EnterpriseSpace(4491), "config-file", 33, "str", false); err != nil {
		t.Fatal(err)
	}
	var wire []byte
	for _, v := range []struct{ name, value string }{
		{"dns-servers", "['2001:db8::53', '2001:db8::54']"},
		{"domain-search", "[a.example, deep.sub.example.net]"},
		{"sntp-servers", "['2001:db8::123']"},
		{"ntp-servers", "{ntp-suboption-srv-addr: ['2001:db8::1', '2001:db8::2'], ntp-suboption-mc-addr: 'ff05::101', ntp-suboption-srv-fqdn: n.example}"},
		{"vendor-opts", "[{enterprise: 4491, options: {config-file: modem.cfg, 7: 'hex:0102'}}, {enterprise: 3561, options: {1: 'http://acs.example/'}}]"},
		{"vendor-class", "{enterprise: 311, data: [MSFT 5.0, XBOX]}"},
		{"user-class", "[one, two]"},
		{"bootfile-url", "'http://[2001:db8::1]/boot?arch=x'"},
		{"bootfile-param", "[root=/dev/nfs, 'a b']"},
		{"client-arch-type", "[7, 11]"},
		{"nii", "[1, 3, 16]"},
		{"preference", "200"},
		{"information-refresh-time", "1d"},
		{"client-fqdn", "{flags: 1, name: host.example.}"},
		{"dhcp4o6-server-addr", "['2001:db8::46']"},
		{"4rd", "{4rd-map-rule: [[24, 40, 16, 128, 192.0.2.0, '2001:db8::'], [16, 32, 16, 0, 10.1.0.0, '2001:db9::']], 4rd-non-map-rule: [129, 7, 1480]}"},
		{"remote-id", "{enterprise: 3561, id: line7}"},
		{"client-linklayer-addr", "{type: 1, address: 'hex:020000000001'}"},
		{"status-code", "{code: 2, message: none left}"},
	} {
		d, ok := r.ByName(DHCP6, v.name)
		if !ok {
			t.Fatalf("no option %s", v.name)
		}
		each, err := r.EncodeEach(d, fromYAML(t, v.value))
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		for _, b := range each {
			wire = binary.BigEndian.AppendUint16(wire, d.Code)
			wire = append(binary.BigEndian.AppendUint16(wire, uint16(len(b))), b...)
		}
	}
	var mo dhcpv6.MessageOptions
	if err := mo.FromBytes(wire); err != nil {
		t.Fatal(err)
	}
	relay := dhcpv6.RelayOptions(mo)
	fourRD := mo.FourRD()[0].FourRDOptions
	ntp := ""
	for _, o := range mo.Options.GetOne(dhcpv6.OptionNTPServer).(*dhcpv6.OptNTPServer).Suboptions {
		ntp += o.String() + "; "
	}
	for _, c := range []struct{ what, got, want string }{
		{"DNS", fmt.Sprint(mo.DNS()), "[2001:db8::53 2001:db8::54]"},
		{"search list", fmt.Sprint(mo.DomainSearchList().Labels), "[a.example deep.sub.example.net]"},
		{"SNTP", fmt.Sprint(mo.SNTP()), "[2001:db8::123]"},
		{"NTP", ntp, "Server Address: 2001:db8::1; Server Address: 2001:db8::2; Multicast Address: ff05::101; Server FQDN: [n.example]; "},
		{"vendors", fmt.Sprint(len(mo.VendorOpts())), "2"},
		{"cable", string(mo.VendorOpt(4491).GetOne(33).ToBytes()), "modem.cfg"},
		{"cable 7", fmt.Sprintf("%x", mo.VendorOpt(4491).GetOne(7).ToBytes()), "0102"},
		{"ACS", string(mo.VendorOpt(3561).GetOne(1).ToBytes()), "http://acs.example/"},
		{"vendor class", fmt.Sprintf("%s", mo.VendorClass(311)), "[MSFT 5.0 XBOX]"},
		{"user class", fmt.Sprintf("%s", mo.UserClasses()), "[one two]"},
		{"URL", mo.BootFileURL(), "http://[2001:db8::1]/boot?arch=x"},
		{"parameters", fmt.Sprintf("%q", mo.BootFileParam()), `["root=/dev/nfs" "a b"]`},
		{"architectures", fmt.Sprint([]any{uint16(mo.ArchTypes()[0]), uint16(mo.ArchTypes()[1])}), "[7 11]"},
		{"NII", fmt.Sprint(*mo.Options.GetOne(dhcpv6.OptionNII).(*dhcpv6.OptNetworkInterfaceID)), "{First gen. PXE boot ROMs 3 16}"},
		{"preference", fmt.Sprint(mo.Preference()), "200"},
		{"refresh", mo.InformationRefreshTime(0).String(), (24 * time.Hour).String()},
		{"FQDN", fmt.Sprintf("%d %v", mo.FQDN().Flags, mo.FQDN().DomainName.Labels), "1 [host.example]"},
		{"4o6", fmt.Sprint(mo.DHCP4oDHCP6Server().DHCP4oDHCP6Servers), "[2001:db8::46]"},
		{"4rd rules", fmt.Sprintf("%v", fourRD.MapRules()), "[4RD Mapping Rule: {Prefix4=192.0.2.0/24, Prefix6=2001:db8::/40, EA-Bits=16, WKPAuthorized=true} 4RD Mapping Rule: {Prefix4=10.1.0.0/16, Prefix6=2001:db9::/32, EA-Bits=16, WKPAuthorized=false}]"},
		{"4rd other", fmt.Sprint(fourRD.NonMapRule()), "4RD Non-Mapping Rule: {HubAndSpoke=true, TrafficClass=7, DomainPMTU=1480}"},
		{"remote-id", fmt.Sprintf("%d %s", relay.RemoteID().EnterpriseNumber, relay.RemoteID().RemoteID), "3561 line7"},
		{"MAC", fmt.Sprint(mo.Options.GetOne(dhcpv6.OptionClientLinkLayerAddr)), "Client Link-Layer Address: Type=Ethernet LinkLayerAddress=02:00:00:00:00:01"},
		{"status", fmt.Sprintf("%d %s", mo.Status().StatusCode, mo.Status().StatusMessage), "2 none left"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}
