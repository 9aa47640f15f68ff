// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"xdhcp/internal/nettest"
)

// keaConf is one configuration that both Kea and we serve. IFACE is the interface.
const keaConf = `{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "IFACE" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "multi-threading": { "enable-multi-threading": false },
  "hooks-libraries": [ { "library": "HOOKS/libdhcp_bootp.so" } ],
  "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stderr" } ] } ],
  "valid-lifetime": 4000, "min-valid-lifetime": 2000, "max-valid-lifetime": 8000,
  "renew-timer": 1000, "rebind-timer": 2000,
  "option-def": [ { "name": "line-speed", "code": 224, "type": "uint32" } ],
  "option-data": [
    { "name": "domain-name-servers", "data": "192.0.2.53, 198.51.100.53" },
    { "name": "domain-name", "data": "example.net" },
    { "name": "ntp-servers", "data": "192.0.2.123", "always-send": true },
    { "name": "tftp-server-name", "data": "of-the-top" },
    { "name": "root-path", "data": "/of/the/top" },
    { "name": "line-speed", "data": "100000" },
    { "name": "domain-search", "data": "a.example.net, b.example.org" },
    { "name": "static-routes", "data": "10.0.0.0,192.0.2.9" }
  ],
  "client-classes": [
    { "name": "phones", "test": "substring(option[60].hex,0,5) == 'phone' and not option[77].exists",
      "option-data": [ { "name": "tftp-server-name", "data": "of-the-class" }, { "name": "routers", "data": "192.0.2.77" } ] },
    { "name": "boot", "test": "option[93].hex == 0x0007", "next-server": "192.0.2.66", "boot-file-name": "ipxe.efi", "valid-lifetime": 600 },
    { "name": "gold", "test": "relay4[1].hex == 'gold' or pkt4.mac == 0x020000000042" },
    { "name": "DROP", "test": "hexstring(substring(pkt4.mac,0,3),':') == '02:de:ad'" },
    { "name": "told" },
    { "name": "parts", "test": "split(option[12].hex, '.-', 2) == 'b' and uint8totext(substring(option[12].hex,0,1)) == '97' and addrtotext(pkt4.giaddr) == '0.0.0.0'",
      "option-data": [ { "name": "time-servers", "data": "192.0.2.45" } ] },
    { "name": "heads", "test": "concat(pkt4.htype, pkt4.ciaddr) == 0x0000000100000000 and int16totext(option[93].hex) == '-2' and hexstring(option[93].hex, '.') == 'ff.fe'",
      "option-data": [ { "name": "log-servers", "data": "192.0.2.46" } ] },
    { "name": "later", "only-if-required": true, "test": "option[60].hex == 'later'",
      "option-data": [ { "name": "routers", "data": "192.0.2.66" }, { "name": "root-path", "data": "/later" },
        { "name": "tftp-server-name", "data": "later" }, { "name": "nis-domain", "data": "later", "always-send": true } ] },
    { "name": "VENDOR_CLASS_MSFT 5.0", "option-data": [ { "name": "netbios-name-servers", "data": "192.0.2.44" } ] }
  ],
  "shared-networks": [ { "name": "street", "option-data": [ { "name": "tftp-server-name", "data": "of-the-street" } ],
    "subnet4": [
      { "subnet": "10.1.0.0/24", "id": 11, "option-data": [ { "name": "routers", "data": "10.1.0.1" } ],
        "pools": [ { "pool": "10.1.0.10-10.1.0.10", "client-class": "gold" } ] },
      { "subnet": "10.2.0.0/24", "id": 12, "valid-lifetime": 1200, "max-valid-lifetime": 1200, "min-valid-lifetime": 1200,
        "option-data": [ { "name": "routers", "data": "10.2.0.1" } ],
        "pools": [ { "pool": "10.2.0.100-10.2.0.200", "require-client-classes": [ "later" ] } ] } ] } ],
  "subnet4": [
    { "subnet": "192.0.2.0/24", "id": 1, "require-client-classes": [ "later", "gold" ],
      "next-server": "192.0.2.2", "server-hostname": "boot.example.net", "boot-file-name": "pxelinux.0",
      "option-data": [ { "name": "routers", "data": "192.0.2.254" } ],
      "pools": [ { "pool": "192.0.2.100-192.0.2.199", "option-data": [ { "name": "root-path", "data": "/of/the/pool" } ] } ],
      "reservations": [
        { "hw-address": "02:00:00:00:00:21", "ip-address": "192.0.2.21", "hostname": "printer", "next-server": "192.0.2.3",
          "option-data": [ { "name": "tftp-server-name", "data": "of-the-host" } ] },
        { "client-id": "00:11:22:33:44", "ip-address": "192.0.2.22", "client-classes": [ "told" ] },
        { "duid": "00:03:00:01:02:00:00:00:00:23", "ip-address": "192.0.2.23" },
        { "hw-address": "02:00:00:00:00:24", "boot-file-name": "other.0", "server-hostname": "other" },
        { "hw-address": "02:00:00:00:00:25", "ip-address": "192.0.2.25" }, { "client-id": "00:55", "ip-address": "192.0.2.26" },
        { "hw-address": "02:00:00:00:00:ff", "ip-address": "192.0.2.99" } ] },
    { "subnet": "198.51.100.0/24", "id": 2, "match-client-id": false, "authoritative": true,
      "pools": [ { "pool": "198.51.100.10-198.51.100.19" } ],
      "reservations": [ { "circuit-id": "'port 7'", "ip-address": "198.51.100.77" } ] }
  ]
} }
`

// Kea is asked, and we are, with the same configuration: the answers to a list of
// messages say the same.
func TestAnswersAsKea(t *testing.T) {
	kea := newKeaPeer(t, keaConf)
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	ours := &keaPeer{name: "xdhcpd", end: p.Client, server: p.Server}
	text := keaText(keaConf, p.Server.Name, kea.hooks)
	s := newServer(t, xdhcpd, p.Server, text)
	s.config = filepath.Join(filepath.Dir(s.config), "kea-dhcp4.conf")
	s.configure(text)
	s.start()

	compare(t, kea, ours, keaCases)
	if punts := s.status().Slow.Verdicts["reply"]; punts == 0 {
		t.Error("nothing took the slow path: BOOTP should have")
	}
}

// compare has both servers answer the same.
func compare(t *testing.T, kea, ours *keaPeer, cases []keaCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kea.answered, ours.answered = nil, nil
			want := c.run(t, kea)
			ours.like = kea.answered
			got := c.run(t, ours)
			if len(want) != len(got) {
				t.Fatalf("%d and %d steps", len(want), len(got))
			}
			for i := range want {
				if want[i] != got[i] {
					t.Errorf("step %d\nKea:\n%s\nxdhcpd:\n%s", i+1, want[i], got[i])
				}
			}
		})
	}
}

func keaText(conf, iface, hooks string) string {
	return strings.NewReplacer("IFACE", iface, "HOOKS", hooks).Replace(conf)
}

// A keaPeer is one of the two servers, and the client's end of its wire.
type keaPeer struct {
	name        string
	end, server *nettest.End
	hooks       string // directory of Kea's hook libraries
	answered    []bool // by message: whether an answer came
	like        []bool // the same of the other server, which was asked before
}

// newKeaPeer starts kea-dhcp4 on a wire of its own.
func newKeaPeer(t *testing.T, conf string) *keaPeer {
	t.Helper()
	const bin = "/usr/sbin/kea-dhcp4"
	hooks, err := filepath.Glob("/usr/lib/*/kea/hooks/libdhcp_bootp.so")
	if _, serr := os.Stat(bin); err != nil || serr != nil || len(hooks) == 0 {
		if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
			t.Fatalf("kea-dhcp4 with its hooks is not installed: scripts/install-deps.sh test (%v, %v)", serr, hooks)
		}
		t.Skip("kea-dhcp4 is not installed")
	}
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	k := &keaPeer{name: "Kea", end: p.Client, server: p.Server, hooks: filepath.Dir(hooks[0])}
	dir := t.TempDir()
	file := filepath.Join(dir, "kea.conf")
	if err := os.WriteFile(file, []byte(keaText(conf, p.Server.Name, k.hooks)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := p.Server.Command(bin, "-c", file)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	out := &nettest.Transcript{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Kea:\n%s", out.String())
		}
	})
	eventually(t, "Kea serves", func() bool { return strings.Contains(out.String(), "DHCP4_STARTED") })
	return k
}

// A keaCase is a conversation; it returns what each answer says.
type keaCase struct {
	name string
	run  func(t *testing.T, p *keaPeer) []string
}

// talk is a client of a peer in one conversation.
type talk struct {
	*client
	p    *keaPeer
	said []string
}

func newTalk(t *testing.T, p *keaPeer, mac string) *talk {
	return &talk{client: newClient(t, p.end, mac), p: p}
}

// send sends a message and notes what is answered. How long Kea's silence is waited
// for is bounded by the answer to a later message, which it handles in order.
func (k *talk) send(m *dhcpv4.DHCPv4) *answer {
	k.t.Helper()
	frame := k.frame(m)
	if g := m.GatewayIPAddr; g != nil && !g.IsUnspecified() {
		frame = k.frameTo(m, g, net.IPv4(192, 0, 2, 1), k.p.server.MAC)
	} else if c := m.ClientIPAddr; c != nil && !c.IsUnspecified() && !m.IsBroadcast() {
		frame = k.frameTo(m, c, net.IPv4(192, 0, 2, 1), k.p.server.MAC)
	}
	k.wire.Send(frame)
	last := k.discover(dhcpv4.WithClientIP(nil))
	last.ClientHWAddr = net.HardwareAddr{2, 0, 0, 0, 0, 0xff} // has a reservation: there is always an answer
	k.wire.Send(k.frame(last))
	var got *answer
	ended := false
	k.wire.RecvMatch(patience, func(b []byte) bool {
		a := decode(b)
		switch {
		case a == nil:
		case a.TransactionID == m.TransactionID:
			got = a
		case a.TransactionID == last.TransactionID:
			ended = true
		}
		return ended
	})
	if !ended {
		k.t.Fatalf("%s answers no more after %s", k.p.name, m.Summary())
	}
	if n := len(k.p.answered); got == nil && k.p.like != nil {
		// We keep no order between two paths, nor between an ACK, which waits for
		// the disk, and an OFFER, which does not.
		wait := 200 * time.Millisecond
		if n < len(k.p.like) && k.p.like[n] {
			wait = patience
		}
		got = k.await(m.TransactionID, wait)
	}
	k.p.answered = append(k.p.answered, got != nil)
	k.said = append(k.said, say(got))
	return got
}

// lease takes a lease by four messages.
func (k *talk) take(mods ...dhcpv4.Modifier) *answer {
	k.t.Helper()
	offer := k.send(k.discover(mods...))
	if offer == nil {
		return nil
	}
	return k.send(k.request(offer, mods...))
}

// say is what an answer says, without what depends on the moment, on the machine or
// on which free address was picked, and without the order of options: Kea sends
// them by code, we in the order of the client's list (RFC 2132 §9.8).
func say(a *answer) string {
	if a == nil {
		return "silence"
	}
	addr := func(ip net.IP) string {
		ip = ip.To4()
		for _, pool := range []struct{ from, to string }{
			{"192.0.2.100", "192.0.2.199"}, {"10.2.0.100", "10.2.0.200"}, {"198.51.100.10", "198.51.100.19"},
		} {
			if lo, hi := net.ParseIP(pool.from).To4(), net.ParseIP(pool.to).To4(); string(ip) >= string(lo) && string(ip) <= string(hi) {
				return "of the pool " + pool.from + "-" + pool.to
			}
		}
		return ip.String()
	}
	flags := a.Flags
	if a.MessageType() == dhcpv4.MessageTypeNak {
		flags |= 0x8000 // RFC 2131 §4.3.2 wants it through a relay agent; Kea copies the client's
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v to %v:%d, yiaddr %s, ciaddr %s, siaddr %v, giaddr %v, flags %x, sname %q, file %q\n",
		a.MessageType(), addr(a.ip.DstIP), a.udp.DstPort, addr(a.YourIPAddr), addr(a.ClientIPAddr), a.ServerIPAddr, a.GatewayIPAddr, flags, a.ServerHostName, a.BootFileName)
	var codes []int
	for code := range a.Options {
		codes = append(codes, int(code))
	}
	slices.Sort(codes)
	for _, code := range codes {
		switch {
		case code == 56: // Kea's NAK says no reason
			continue
		case code == 97: // RFC 4578 §2.3 wants it back
			continue
		case code == 1 && !a.Options.Has(dhcpv4.OptionIPAddressLeaseTime): // nor has its answer to INFORM the mask
			continue
		}
		value := a.Options[uint8(code)]
		if code == 81 && len(value) > 3 {
			// RFC 4702 §2.2: RCODE1 and RCODE2 are 255 of a server; Kea's are 0. And it ends
			// a name in the old form with a dot.
			value = append([]byte{value[0], 0xff, 0xff}, strings.TrimSuffix(string(value[3:]), ".")...)
		}
		fmt.Fprintf(&b, "  %d: %x\n", code, value)
	}
	return b.String()
}

func wants(codes ...uint8) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionParameterRequestList, codes)) }
}

func with(code uint8, value string) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), []byte(value))
}

func without(code uint8) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { delete(m.Options, code) }
}

// relayed is a message that came through a relay agent at giaddr, with option 82.
func relayedBy(giaddr string, info ...byte) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) {
		m.GatewayIPAddr = net.ParseIP(giaddr)
		m.HopCount = 1
		if info != nil {
			m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, info))
		}
	}
}

func circuit(s string) []byte { return append([]byte{1, byte(len(s))}, s...) }

// leases is a case of one client that takes a lease.
func leases(name, mac string, mods ...dhcpv4.Modifier) keaCase {
	return keaCase{name, func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, mac)
		k.take(mods...)
		return k.said
	}}
}

// sends is a case of single messages.
func sends(name, mac string, messages ...func(k *talk) *dhcpv4.DHCPv4) keaCase {
	return keaCase{name, func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, mac)
		for _, m := range messages {
			k.send(m(k))
		}
		return k.said
	}}
}

func message(typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) func(k *talk) *dhcpv4.DHCPv4 {
	return func(k *talk) *dhcpv4.DHCPv4 {
		m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(k.mac), dhcpv4.WithMessageType(typ)}, mods...)...)
		if err != nil {
			k.t.Fatal(err)
		}
		return m
	}
}

func requested(ip string) dhcpv4.Modifier { return with(50, string(net.ParseIP(ip).To4())) }

func from(ip string) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = net.ParseIP(ip) }
}

var keaCases = []keaCase{
	leases("a list", "02:00:00:00:01:01", wants(1, 3, 6, 15, 42, 66, 17, 119, 224, 33, 2)),
	leases("no list", "02:00:00:00:01:02", without(55)),
	leases("a short list", "02:00:00:00:01:03", wants(224)),
	leases("a client identifier", "02:00:00:00:01:04", wants(1, 3), with(61, "\x00abc")),
	leases("broadcast", "02:00:00:00:01:05", dhcpv4.WithBroadcast(true)),
	leases("a class, over and under other places", "02:00:00:00:01:06", wants(3, 66, 17), with(60, "phone 7")),
	leases("not in the class", "02:00:00:00:01:07", wants(3, 66, 17), with(60, "phone 7"), with(77, "\x03abc")),
	leases("a class with boot parameters and a time", "02:00:00:00:01:08", wants(66, 67), with(93, "\x00\x07")),
	leases("Microsoft's class, of Kea's own", "02:00:00:00:02:01", wants(1, 43, 44), with(60, "MSFT 5.0")),
	leases("a host name", "02:00:00:00:02:02", wants(1, 12), with(12, "desk-7")),
	leases("a host name that is not asked for", "02:00:00:00:02:03", wants(1), with(12, "desk-7")),
	leases("a FQDN", "02:00:00:00:02:04", wants(1, 81), with(81, "\x00\x00\x00desk-7.example.net")),
	leases("a FQDN, the server to update", "02:00:00:00:02:05", wants(1, 81), with(81, "\x01\x00\x00desk-8.example.net")),
	leases("a FQDN in wire form", "02:00:00:00:02:06", wants(1, 81), with(81, "\x05\x00\x00\x06desk-9\x07example\x03net\x00")),
	leases("a small message", "02:00:00:00:02:07", wants(1, 3, 119, 17), with(57, "\x02\x40")),
	leases("two identifiers with reservations", "02:00:00:00:00:25", with(61, "\x00\x55")),
	leases("a PXE client", "02:00:00:00:02:10", wants(1, 3, 66, 67), with(60, "PXEClient:Arch:00007:UNDI:003016"), with(93, "\x00\x07"), with(94, "\x01\x03\x10"), with(97, "\x000123456789abcdef")),
	leases("a class that the subnet requires", "02:00:00:00:02:11", wants(1, 3, 17, 66), with(60, "later")),
	leases("a class that the subnet requires, another client", "02:00:00:00:02:12", wants(1, 3, 17, 66, 40), with(60, "earlier")),
	leases("a class that the pool requires", "02:00:00:00:02:13", wants(1, 3, 17, 66), with(60, "later"), relayedBy("10.2.0.1", circuit("silver")...)),
	leases("a class that nobody requires", "02:00:00:00:02:14", wants(1, 3, 17, 66, 40), with(60, "later"), relayedBy("198.51.100.1")),
	leases("rapid commit is not configured", "02:00:00:00:02:08", with(80, "")),
	leases("a wanted address", "02:00:00:00:02:09", requested("192.0.2.21")),
	leases("parts of texts", "02:00:00:00:02:0c", wants(4), with(12, "a.b-c")),
	leases("parts of other texts", "02:00:00:00:02:0d", wants(4), with(12, "a.c-b")),
	leases("the header", "02:00:00:00:02:0e", wants(7), with(93, "\xff\xfe")),
	leases("the header, and another text", "02:00:00:00:02:0f", wants(7), with(93, "\xff\xfd")),
	leases("a wanted time", "02:00:00:00:01:09", with(51, "\x00\x00\x0b\xb8")),
	leases("a time that is too short", "02:00:00:00:01:0a", with(51, "\x00\x00\x00\x3c")),
	leases("a time that is too long", "02:00:00:00:01:0b", with(51, "\xff\xff\xff\xff")),
	leases("a reservation by address", "02:00:00:00:00:21", wants(1, 12, 66, 17)),
	leases("a reservation by client identifier", "02:00:00:00:01:0c", with(61, "\x00\x11\x22\x33\x44")),
	leases("a reservation by DUID", "02:00:00:00:01:0d", with(61, "\xff\x01\x02\x03\x04\x00\x03\x00\x01\x02\x00\x00\x00\x00\x23")),
	leases("a reservation without an address", "02:00:00:00:00:24"),
	leases("through a relay agent", "02:00:00:00:01:0e", wants(1, 3, 66), relayedBy("10.2.0.1", circuit("silver")...)),
	leases("a pool of a class", "02:00:00:00:01:0f", wants(1, 3, 66), relayedBy("10.2.0.1", circuit("gold")...)),
	leases("unknown relay information", "02:00:00:00:01:10", relayedBy("10.2.0.1", 1, 1, 'x', 200, 2, 1, 2)),
	leases("a line's reservation", "02:00:00:00:01:11", relayedBy("198.51.100.1", circuit("port 7")...)),
	leases("a subnet that another one is for", "02:00:00:00:01:12", relayedBy("192.0.2.9", append(circuit("x"), 5, 4, 198, 51, 100, 0)...)),
	leases("subnet selection", "02:00:00:00:01:13", with(118, "\xc6\x33\x64\x00")),
	sends("dropped by class", "02:de:ad:00:00:01", message(dhcpv4.MessageTypeDiscover)),
	sends("no subnet", "02:00:00:00:01:14", message(dhcpv4.MessageTypeDiscover, relayedBy("203.0.113.1"))),
	sends("nothing known, not authoritative", "02:00:00:00:01:15",
		message(dhcpv4.MessageTypeRequest, requested("192.0.2.150")), message(dhcpv4.MessageTypeRequest, requested("10.99.0.1"))),
	sends("nothing known, authoritative", "02:00:00:00:01:16",
		message(dhcpv4.MessageTypeRequest, requested("198.51.100.15"), relayedBy("198.51.100.1")),
		message(dhcpv4.MessageTypeRequest, requested("10.99.0.1"), relayedBy("198.51.100.1"))),
	sends("another server was chosen", "02:00:00:00:01:17",
		message(dhcpv4.MessageTypeRequest, requested("192.0.2.150"), with(54, "\xc0\x00\x02\x63"))),
	sends("INFORM", "02:00:00:00:01:18", message(dhcpv4.MessageTypeInform, from("192.0.2.200"), wants(1, 3, 6, 66, 17))),
	sends("INFORM without a list", "02:00:00:00:01:19", message(dhcpv4.MessageTypeInform, from("192.0.2.200"))),
	sends("RELEASE of nothing", "02:00:00:00:01:1a", message(dhcpv4.MessageTypeRelease, from("192.0.2.150"), with(54, "\xc0\x00\x02\x01"))),
	{"renew, rebind, reboot, release, again", func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, "02:00:00:00:01:1b")
		ack := k.take(wants(1, 3))
		if ack == nil {
			return k.said
		}
		addr := ack.YourIPAddr.String()
		k.send(message(dhcpv4.MessageTypeRequest, from(addr), wants(1, 3))(k))
		k.send(message(dhcpv4.MessageTypeRequest, requested(addr), wants(1, 3))(k))
		k.send(message(dhcpv4.MessageTypeRequest, requested("192.0.2.199"), wants(1, 3))(k)) // not its own
		k.send(message(dhcpv4.MessageTypeRelease, from(addr), with(54, "\xc0\x00\x02\x01"))(k))
		k.take(wants(1, 3))
		return k.said
	}},
	{"DECLINE", func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, "02:00:00:00:02:0a")
		ack := k.take()
		if ack == nil {
			return k.said
		}
		addr := ack.YourIPAddr.String()
		k.send(message(dhcpv4.MessageTypeDecline, requested(addr), with(54, "\xc0\x00\x02\x01"))(k))
		again := k.take()
		if again != nil {
			k.said = append(k.said, fmt.Sprint("the declined address again: ", again.YourIPAddr.String() == addr))
		}
		return k.said
	}},
	{"a renewal lacks option 82", func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, "02:00:00:00:02:0b")
		ack := k.take(relayedBy("10.2.0.1", circuit("gold")...))
		if ack == nil {
			return k.said
		}
		k.send(message(dhcpv4.MessageTypeRequest, from(ack.YourIPAddr.String()))(k))
		return k.said
	}},
	{"match-client-id false", func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, "02:00:00:00:01:1c")
		one := k.take(relayedBy("198.51.100.1"), with(61, "\x00one"))
		two := k.take(relayedBy("198.51.100.1"), with(61, "\x00two"))
		if one == nil || two == nil {
			return k.said
		}
		return append(k.said, fmt.Sprint("the same address: ", one.YourIPAddr.Equal(two.YourIPAddr)))
	}},
	{"BOOTP", func(t *testing.T, p *keaPeer) []string {
		k := newTalk(t, p, "02:00:00:00:01:1d")
		m, err := dhcpv4.New(dhcpv4.WithHwAddr(k.mac))
		if err != nil {
			t.Fatal(err)
		}
		m.HWType = iana.HWTypeEthernet
		k.send(m)
		return k.said
	}},
}
