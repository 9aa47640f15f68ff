// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// microsoft is a configuration with options for Microsoft's clients.
func microsoft(end *nettest.End) string {
	return fmt.Sprintf(`interfaces: [{name: %s}]
classes:
  - name: windows
    match: {vendor-class: MSFT 5.0}
    options: {vendor-specific: {microsoft-disable-netbios: 2, microsoft-release-on-shutdown: 1}}
    always-send: [vendor-specific]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
    options: {routers: [192.0.2.1], classless-static-routes: [10.0.0.0/8 via 192.0.2.1]}
`, end.Name)
}

// What the class is told: sub-options 1 and 2 ([MS-DHCPE] §2.2.2).
const microsoftOptions = "\x01\x04\x00\x00\x00\x02\x02\x04\x00\x00\x00\x01"

var microsoftClients = []struct {
	name string
	args func(iface string) []string
}{
	{"udhcpc", func(iface string) []string {
		return []string{"udhcpc", "-f", "-q", "-n", "-i", iface, "-V", "MSFT 5.0", "-x", "hostname:desk-7", "-O", "43", "-O", "249"}
	}},
	{"dhcpcd", func(iface string) []string {
		return []string{"dhcpcd", "-4", "-B", "-d", "--noarp", "--noipv4ll", "-i", "MSFT 5.0", "-o", "ms_classless_static_routes", iface}
	}},
}

// [MS-DHCPE] §3.2.5.1, §3.2.5.2: real clients that say that they are Microsoft's get what
// their class is told in place.
func TestMicrosoftClients(t *testing.T) {
	for _, c := range microsoftClients {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.name); err != nil {
				t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
			}
			p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
			s := serve(t, p.Server, microsoft(p.Server))
			wire := p.Client.Packet(t)
			startClient(t, &realClient{name: c.name, start: func(iface, _ string) []string { return c.args(iface) }}, p.Client, t.TempDir())
			f := wire.RecvMatch(patience, func(b []byte) bool {
				a := decode(b)
				return a != nil && a.MessageType() == dhcpv4.MessageTypeAck
			})
			if f == nil {
				t.Fatal("no ACK")
			}
			ack := decode(f)
			if got := string(ack.Options.Get(dhcpv4.OptionVendorSpecificInformation)); got != microsoftOptions {
				t.Errorf("option 43 is %x", got)
			}
			st := s.status()
			if st.Fast.Verdicts["punt"] != 0 || st.Slow.Verdicts["reply"]+st.Slow.Verdicts["await"] != 0 {
				t.Errorf("the slow path had to do with it: fast %v, slow %v", st.Fast.Verdicts, st.Slow.Verdicts)
			}
			if got := st.Fast.Verdicts["await"]; got != 1 {
				t.Errorf("%d ACKs of the fast path", got)
			}
			if got := string(ack.Options.Get(dhcpv4.GenericOptionCode(249))); got != "\x08\x0a\xc0\x00\x02\x01" && c.name == "udhcpc" {
				t.Errorf("option 249 is %x", got)
			}
		})
	}
}

// RFC 2131 §4.3.5 and [MS-DHCPE] §3.2.5.4: INFORM of a Microsoft client in its forms: by
// unicast from an address of a pool or of none, by broadcast, through a relay agent. It is
// answered in place, with what the class is told, and is no lease. (dhcpcd 9.4.1 ends
// itself when it is told to inform.)
func TestInform(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, microsoft(p.Server))
	c := newClient(t, p.Client, "02:00:00:00:00:01")
	inform := func(mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
		m, err := dhcpv4.New(append([]dhcpv4.Modifier{
			dhcpv4.WithHwAddr(c.mac), dhcpv4.WithMessageType(dhcpv4.MessageTypeInform), dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter), dhcpv4.WithOption(dhcpv4.OptClassIdentifier("MSFT 5.0")),
		}, mods...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	at := func(ip string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net4(ip)) }
	for _, tt := range []struct {
		name     string
		m        *dhcpv4.DHCPv4
		src, dst string
		to       string
	}{
		{"unicast", inform(at("192.0.2.150")), "192.0.2.150", "192.0.2.1", "192.0.2.150"},
		{"of no pool", inform(at("192.0.2.20")), "192.0.2.20", "192.0.2.1", "192.0.2.20"},
		{"broadcast", inform(at("192.0.2.151")), "192.0.2.151", "255.255.255.255", "192.0.2.151"},
		{"through a relay agent", inform(at("192.0.2.152"), dhcpv4.WithGatewayIP(net4("192.0.2.9"))), "192.0.2.9", "192.0.2.1", "192.0.2.152"},
	} {
		c.wire.Send(c.frameTo(tt.m, net4(tt.src), net4(tt.dst), p.Server.MAC))
		a := c.await(tt.m.TransactionID, patience)
		if a == nil {
			t.Fatalf("%s: no answer", tt.name)
		}
		wantAddr(t, tt.name+": destination", a.ip.DstIP, tt.to)
		wantAddr(t, tt.name+": yiaddr", a.YourIPAddr, "0.0.0.0")
		if got := string(a.Options.Get(dhcpv4.OptionVendorSpecificInformation)); got != microsoftOptions {
			t.Errorf("%s: option 43 is %x", tt.name, got)
		}
		if len(a.Router()) != 1 || a.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
			t.Errorf("%s: %s", tt.name, a.Summary())
		}
	}
	if n := s.status().Fast.Verdicts["reply"]; n != 4 {
		t.Errorf("the fast path answered %d of 4", n)
	}
	if l := s.leases(); len(l) != 0 {
		t.Errorf("leases: %v", l)
	}
}

func net4(s string) net.IP { return net.ParseIP(s).To4() }
