// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// netboot serves each kind of machine what it can boot: by PXE over TFTP, by iPXE
// and by UEFI over HTTP.
const netboot = `
interfaces: [eth1]
classes:
  - {name: ipxe, match: {user-class: iPXE}, boot-file: "http://192.0.2.66/menu.ipxe"}
  - name: http-x64
    match: {vendor-class: {prefix: "HTTPClient:Arch:00016"}, architecture: 16}
    options: {vendor-class-identifier: HTTPClient, boot-file-name: "http://boot.example.net/a/long/path/with/a/name/that/the/file/field/of/128/bytes/could/not/hold/if/it/had/to/go/there/instead/of/option/67/shimx64.efi"}
    always-send: [vendor-class-identifier, boot-file-name]
  - {name: bios, match: {vendor-class: {prefix: PXEClient}, architecture: 0}, next-server: 192.0.2.66, boot-file: undionly.kpxe}
  - {name: uefi-x64, match: {vendor-class: {prefix: PXEClient}, architecture: [7, 9]}, next-server: 192.0.2.66, server-name: boot, boot-file: ipxe.efi}
  - {name: uefi-arm, match: {vendor-class: {prefix: PXEClient}, architecture: 11}, next-server: 192.0.2.67, boot-file: arm64.efi}
subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.100-192.0.2.199], boot-file: none}]
`

// §2.1: "Clients that support more than one architecture type MAY include a list of
// these types": each gets the boot file of a type that it names, PXE and UEFI HTTP
// clients alike.
func TestRFC4578_2_1_BootFileByArchitecture(t *testing.T) {
	a := answers(t, netboot)
	for i, tt := range []struct {
		vendor, user, arch string
		file, name, siaddr string
		url                bool
	}{
		{"PXEClient:Arch:00000:UNDI:002001", "", "\x00\x00", "undionly.kpxe", "", "192.0.2.66", false},
		{"PXEClient:Arch:00007:UNDI:003016", "", "\x00\x07", "ipxe.efi", "boot", "192.0.2.66", false},
		{"PXEClient:Arch:00007:UNDI:003016", "", "\x00\x06\x00\x09", "ipxe.efi", "boot", "192.0.2.66", false},
		{"PXEClient:Arch:00011:UNDI:003016", "", "\x00\x0b", "arm64.efi", "", "192.0.2.67", false},
		{"PXEClient:Arch:00007:UNDI:003016", "iPXE", "\x00\x07", "http://192.0.2.66/menu.ipxe", "boot", "192.0.2.66", false},
		{"PXEClient:Arch:00002", "", "\x00\x02", "none", "", "0.0.0.0", false},
		{"HTTPClient:Arch:00016:UNDI:003001", "", "\x00\x10", "none", "", "0.0.0.0", true},
		{"HTTPClient:Arch:00019:UNDI:003001", "", "\x00\x13", "none", "", "0.0.0.0", false},
		{"MSFT 5.0", "", "", "none", "", "0.0.0.0", false},
	} {
		mods := []dhcpv4.Modifier{optionIs(60, tt.vendor), listOf(1, 3, 66, 128, 129)}
		if tt.arch != "" {
			mods = append(mods, optionIs(93, tt.arch), optionIs(94, "\x01\x03\x10"), optionIs(97, "\x000123456789abcdef"))
		}
		if tt.user != "" {
			mods = append(mods, optionIs(77, tt.user))
		}
		m := a.ask(byte(i+1), dhcpv4.MessageTypeDiscover, mods...)
		if m.BootFileName != tt.file || m.ServerHostName != tt.name || m.ServerIPAddr.String() != tt.siaddr {
			t.Errorf("%s %x: file %q of %q at %v", tt.vendor, tt.arch, m.BootFileName, m.ServerHostName, m.ServerIPAddr)
		}
		// §2.3: option 97 goes back.
		if id, ok := value(m, 97); ok != (tt.arch != "") || ok && id != "\x000123456789abcdef" {
			t.Errorf("%s: option 97 %q, %v", tt.vendor, id, ok)
		}
		// A UEFI HTTP client takes an offer for its own if option 60 says HTTPClient (UEFI
		// 2.5, 23.7.1), and finds the URL in option 67 where the file field is too short.
		vendor, _ := value(m, 60)
		url, _ := value(m, 67)
		if (vendor == "HTTPClient") != tt.url || (len(url) > 127) != tt.url {
			t.Errorf("%s: option 60 %q, 67 %q", tt.vendor, vendor, url)
		}
	}
}

// §2.4: "All compliant PXE clients MUST include a request for DHCP options 128 through
// 135": they are sent where they are configured, as octets.
func TestRFC4578_2_4_Options128To135(t *testing.T) {
	a := answers(t, netboot+`options: {128: "hex:e4:45:74:68:00:00", 135: "hex:0102"}`+"\n")
	m := a.ask(1, dhcpv4.MessageTypeDiscover, optionIs(60, "PXEClient"), optionIs(93, "\x00\x00"), listOf(128, 129, 130, 131, 132, 133, 134, 135))
	for code, want := range map[uint8]string{128: "\xe4\x45\x74\x68\x00\x00", 135: "\x01\x02"} {
		if v, _ := value(m, code); v != want {
			t.Errorf("option %d: %x", code, v)
		}
	}
	if _, ok := value(m, 129); ok {
		t.Error("option 129 is sent and nobody configured it")
	}
}
