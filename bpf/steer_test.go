// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"xdhcp/internal/nettest"
)

const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// Places in an untagged frame (RFC 791 §3.1, RFC 8200 §3, RFC 768).
const (
	atType = 12
	atL3   = 14

	at4Version = atL3
	at4Total   = atL3 + 2
	at4Frag    = atL3 + 6
	at4Proto   = atL3 + 9
	at4Dst     = atL3 + 16
	at4UDP     = atL3 + 20
	at4Port    = at4UDP + 2
	at4DHCP    = at4UDP + 8
	at4Cookie  = at4DHCP + 236

	at6Version = atL3
	at6Next    = atL3 + 6
	at6Dst     = atL3 + 24
	at6UDP     = atL3 + 40
	at6Port    = at6UDP + 2
	at6DHCP    = at6UDP + 8
)

// ourAddrs is what the program is told; its tests ask about these and others.
var ourAddrs = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.1/24"),
	netip.MustParsePrefix("192.0.2.129/26"),
	netip.MustParsePrefix("198.51.100.0/31"),
	netip.MustParsePrefix("2001:db8::1/64"),
	netip.MustParsePrefix("fe80::1/64"),
}

// discover is a broadcast DHCPv4 message from 0.0.0.0: op, magic cookie, and all
// else 0xd4.
func discover() []byte {
	b := []byte{
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
		0x45, 0, 0x01, 0x48, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, // IPv4
		0, 68, 0, 67, 0x01, 0x34, 0, 0, // UDP
	}
	b = append(b, bytes.Repeat([]byte{0xd4}, 300)...)
	b[at4DHCP] = 1
	copy(b[at4Cookie:], []byte{99, 130, 83, 99}) // RFC 2131 §3
	return b
}

// solicit is a DHCPv6 message to All_DHCP_Relay_Agents_and_Servers.
func solicit() []byte {
	b := []byte{
		0x33, 0x33, 0, 1, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x86, 0xdd, // Ethernet
		0x60, 0, 0, 0, 0, 58, 17, 1, // IPv6
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2,
		0x02, 0x22, 0x02, 0x23, 0, 58, 0, 0, // UDP
	}
	return append(b, bytes.Repeat([]byte{0xd6}, 50)...)
}

// mutation makes one frame out of another.
type mutation func([]byte) []byte

// set writes bytes at an offset.
func set(at int, v ...byte) mutation {
	return func(b []byte) []byte { copy(b[at:], v); return b }
}

// insert shifts what is at an offset behind new bytes.
func insert(at int, v ...byte) mutation {
	return func(b []byte) []byte { return slices.Insert(b, at, v...) }
}

// cut keeps the first n bytes.
func cut(n int) mutation { return func(b []byte) []byte { return b[:n] } }

// grow appends zeroes up to n bytes.
func grow(n int) mutation {
	return func(b []byte) []byte { return append(b, make([]byte, n-len(b))...) }
}

// tag puts a VLAN tag in front of the EtherType.
func tag(tpid uint16, vid byte) mutation {
	return insert(atType, byte(tpid>>8), byte(tpid), 0x20, vid)
}

// to sets the destination address.
func to(addr string) mutation {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return set(at4Dst, a.AsSlice()...)
	}
	return set(at6Dst, a.AsSlice()...)
}

type row struct {
	name  string
	base  func() []byte
	muts  []mutation
	want  Counter // decides on the verdict, too: see verdict
	steer Steer   // 0: everything
}

// frame is the base with the mutations applied in order.
func (r row) frame() []byte {
	b := r.base()
	for _, m := range r.muts {
		b = m(b)
	}
	return b
}

// verdict is the one that comes with a counter.
func verdict(c Counter) uint32 {
	switch c {
	case Steered4, Steered6:
		return xdpRedirect
	case Garbage:
		return xdpDrop
	}
	return xdpPass
}

func muts(m ...mutation) []mutation { return m }

// options4 gives the IPv4 header n words of options (No Operation, RFC 791 §3.1).
func options4(n int) mutation {
	return func(b []byte) []byte {
		b[at4Version] = 0x40 | byte(5+n)
		return slices.Insert(b, at4UDP, bytes.Repeat([]byte{1}, 4*n)...)
	}
}

// next6 puts an 8-byte extension header of the given kind before UDP.
func next6(kind byte) mutation {
	return func(b []byte) []byte {
		b[at6Next] = kind
		return slices.Insert(b, at6UDP, 17, 0, 1, 4, 0, 0, 0, 0)
	}
}

var rows = []row{
	{name: "plain", base: discover, want: Steered4},
	{name: "padded to the minimum of Ethernet and more", base: discover, muts: muts(grow(400)), want: Steered4},
	{name: "no payload at all", base: discover, muts: muts(cut(at4DHCP)), want: Garbage},

	// What cannot be DHCP, though its address and port are ours.
	{name: "ends before the cookie", base: discover, muts: muts(cut(at4Cookie)), want: Garbage},
	{name: "ends within the cookie", base: discover, muts: muts(cut(at4Cookie + 3)), want: Garbage},
	{name: "ends with the cookie", base: discover, muts: muts(cut(at4Cookie + 4)), want: Steered4},
	{name: "another cookie", base: discover, muts: muts(set(at4Cookie+3, 98)), want: Garbage},
	{name: "the cookie with its bytes swapped", base: discover, muts: muts(set(at4Cookie, 99, 83, 130, 99)), want: Garbage},
	{name: "op 0", base: discover, muts: muts(set(at4DHCP, 0)), want: Garbage},
	{name: "op 2, which the server itself refuses", base: discover, muts: muts(set(at4DHCP, 2)), want: Steered4},
	{name: "op 3", base: discover, muts: muts(set(at4DHCP, 3)), want: Garbage},
	{name: "garbage behind two tags", base: discover, muts: muts(set(at4Cookie, 0), tag(0x8100, 7), tag(0x88a8, 9)), want: Garbage},
	{name: "garbage to our address", base: discover, muts: muts(set(at4Cookie, 0), to("10.0.0.1")), want: Garbage},
	{name: "garbage to somebody behind us", base: discover, muts: muts(set(at4Cookie, 0), to("10.0.0.2")), want: NotOurs},
	{name: "garbage with v4 steering off", base: discover, muts: muts(set(at4Cookie, 0)), want: V4Off, steer: SteerV6},
	{name: "garbage to another port", base: discover, muts: muts(set(at4Cookie, 0), set(at4Port, 0, 68)), want: NotDHCP},
	{name: "v6 type 0", base: solicit, muts: muts(set(at6DHCP, 0)), want: Garbage},
	{name: "v6 ends within the transaction", base: solicit, muts: muts(cut(at6DHCP + 3)), want: Garbage},
	{name: "v6 of four bytes", base: solicit, muts: muts(cut(at6DHCP + 4)), want: Steered6},
	{name: "v6 garbage to somebody behind us", base: solicit, muts: muts(set(at6DHCP, 0), to("2001:db8::2")), want: NotOurs},

	// VLAN tags, outermost last, since each goes in front of the others.
	{name: "802.1Q", base: discover, muts: muts(tag(0x8100, 7)), want: Steered4},
	{name: "802.1ad alone", base: discover, muts: muts(tag(0x88a8, 7)), want: Steered4},
	{name: "0x9100 alone", base: discover, muts: muts(tag(0x9100, 7)), want: Steered4},
	{name: "QinQ", base: discover, muts: muts(tag(0x8100, 7), tag(0x88a8, 9)), want: Steered4},
	{name: "QinQ of 802.1Q", base: discover, muts: muts(tag(0x8100, 7), tag(0x8100, 9)), want: Steered4},
	{name: "QinQ of 0x9100", base: discover, muts: muts(tag(0x8100, 7), tag(0x9100, 9)), want: Steered4},
	{name: "priority tag", base: discover, muts: muts(tag(0x8100, 0)), want: Steered4},
	{name: "three tags", base: discover, muts: muts(tag(0x8100, 7), tag(0x8100, 8), tag(0x88a8, 9)), want: ExtraTags},
	{name: "tag of an unknown kind", base: discover, muts: muts(tag(0x9200, 7)), want: NotDHCP},
	{name: "802.1Q with VLAN steering off", base: discover, muts: muts(tag(0x8100, 7)), want: VLANOff, steer: SteerV4 | SteerV6},
	{name: "QinQ with VLAN steering off", base: discover, muts: muts(tag(0x8100, 7), tag(0x88a8, 9)), want: VLANOff, steer: SteerV4},
	{name: "untagged with VLAN steering off", base: discover, want: Steered4, steer: SteerV4},

	// What the slow path gets.
	{name: "IPv4 options, one word", base: discover, muts: muts(options4(1)), want: IPOptions},
	{name: "IPv4 options, ten words", base: discover, muts: muts(options4(10)), want: IPOptions},
	{name: "IPv4 options to somebody else", base: discover, muts: muts(options4(1), to("10.0.0.2")), want: NotDHCP},
	{name: "IPv4 options behind a tag", base: discover, muts: muts(options4(1), tag(0x8100, 7)), want: IPOptions},
	{name: "first fragment", base: discover, muts: muts(set(at4Frag, 0x20, 0)), want: Fragment},
	{name: "later fragment", base: discover, muts: muts(set(at4Frag, 0x20, 0x20)), want: Fragment},
	{name: "last fragment", base: discover, muts: muts(set(at4Frag, 0, 0x20)), want: Fragment},
	{name: "fragment at the greatest offset", base: discover, muts: muts(set(at4Frag, 0x1f, 0xff)), want: Fragment},
	{name: "later fragment with no room for UDP", base: discover, muts: muts(set(at4Frag, 0, 0x20), cut(at4UDP)), want: Fragment},
	{name: "fragment to our address", base: discover, muts: muts(set(at4Frag, 0x20, 0), to("10.0.0.1")), want: Fragment},
	{name: "fragment to somebody behind us", base: discover, muts: muts(set(at4Frag, 0x20, 0), to("10.0.0.2")), want: NotDHCP},
	{name: "fragment of TCP to us", base: discover, muts: muts(set(at4Frag, 0x20, 0), set(at4Proto, 6)), want: NotDHCP},
	{name: "don't fragment is no fragment", base: discover, muts: muts(set(at4Frag, 0x40, 0)), want: Steered4},
	{name: "reserved flag is no fragment", base: discover, muts: muts(set(at4Frag, 0x80, 0)), want: Steered4},
	{name: "as long as the ring takes", base: discover, muts: muts(grow(1792)), want: Steered4},
	{name: "longer than the ring takes", base: discover, muts: muts(grow(1793)), want: TooLong},
	{name: "as long as an Ethernet frame of MTU 3000", base: discover, muts: muts(grow(3014)), want: TooLong},

	// Ports and protocols.
	{name: "to port 68", base: discover, muts: muts(set(at4Port, 0, 68)), want: NotDHCP},
	{name: "to port 66", base: discover, muts: muts(set(at4Port, 0, 66)), want: NotDHCP},
	{name: "port 67 with its bytes swapped", base: discover, muts: muts(set(at4Port, 67, 0)), want: NotDHCP},
	{name: "port 67 and something above", base: discover, muts: muts(set(at4Port, 1, 67)), want: NotDHCP},
	{name: "from port 67", base: discover, muts: muts(set(at4UDP, 0, 67)), want: Steered4},
	{name: "from another port", base: discover, muts: muts(set(at4UDP, 0xc0, 0)), want: Steered4},
	{name: "port 547 over IPv4", base: discover, muts: muts(set(at4Port, 0x02, 0x23)), want: NotDHCP},
	{name: "TCP", base: discover, muts: muts(set(at4Proto, 6)), want: NotDHCP},
	{name: "ARP", base: discover, muts: muts(set(atType, 0x08, 0x06)), want: NotDHCP},
	{name: "802.3 with a length", base: discover, muts: muts(set(atType, 0x01, 0x48)), want: NotDHCP},

	// Addresses.
	{name: "unicast to us", base: discover, muts: muts(to("10.0.0.1")), want: Steered4},
	{name: "unicast to our second address", base: discover, muts: muts(to("192.0.2.129")), want: Steered4},
	{name: "unicast to somebody behind us", base: discover, muts: muts(to("10.0.0.2")), want: NotOurs},
	{name: "unicast to somewhere else", base: discover, muts: muts(to("203.0.113.9")), want: NotOurs},
	{name: "our address with its bytes swapped", base: discover, muts: muts(to("1.0.0.10")), want: NotOurs},
	{name: "subnet broadcast", base: discover, muts: muts(to("10.0.0.255")), want: Steered4},
	{name: "broadcast of the /26", base: discover, muts: muts(to("192.0.2.191")), want: Steered4},
	{name: "broadcast that the /26 would have as a /24", base: discover, muts: muts(to("192.0.2.255")), want: NotOurs},
	{name: "our half of the /31", base: discover, muts: muts(to("198.51.100.0")), want: Steered4},
	{name: "the other half of the /31, no broadcast", base: discover, muts: muts(to("198.51.100.1")), want: NotOurs},
	{name: "network address", base: discover, muts: muts(to("10.0.0.0")), want: NotOurs},
	{name: "to 0.0.0.0", base: discover, muts: muts(to("0.0.0.0")), want: NotOurs},
	{name: "IPv4 multicast", base: discover, muts: muts(to("224.0.0.1")), want: NotOurs},
	{name: "v4 steering off", base: discover, want: V4Off, steer: SteerV6 | SteerVLAN},
	{name: "v4 steering off, somebody else's", base: discover, muts: muts(to("10.0.0.2")), want: NotOurs, steer: SteerV6 | SteerVLAN},

	// Headers that cannot be.
	{name: "IPv4 version 5", base: discover, muts: muts(set(at4Version, 0x55)), want: BadHeader},
	{name: "IPv4 version 6", base: discover, muts: muts(set(at4Version, 0x65)), want: BadHeader},
	{name: "IPv4 header of 4 words", base: discover, muts: muts(set(at4Version, 0x44)), want: BadHeader},
	{name: "IPv4 header of 0 words", base: discover, muts: muts(set(at4Version, 0x40)), want: BadHeader},
	{name: "IPv6 version 4", base: solicit, muts: muts(set(at6Version, 0x40)), want: BadHeader},

	// Total lengths are the parser's to check.
	{name: "IPv4 total length 0", base: discover, muts: muts(set(at4Total, 0, 0)), want: Steered4},
	{name: "IPv4 total length past the frame", base: discover, muts: muts(set(at4Total, 0xff, 0xff)), want: Steered4},
	{name: "UDP length 0", base: discover, muts: muts(set(at4UDP+4, 0, 0)), want: Steered4},

	// IPv6.
	{name: "v6 to all relays and servers", base: solicit, want: Steered6},
	{name: "v6 to all servers", base: solicit, muts: muts(to("ff05::1:3")), want: Steered6},
	{name: "v6 to the relays' group in the site's scope", base: solicit, muts: muts(to("ff05::1:2")), want: NotOurs},
	{name: "v6 to the servers' group in the link's scope", base: solicit, muts: muts(to("ff02::1:3")), want: NotOurs},
	{name: "v6 to all nodes", base: solicit, muts: muts(to("ff02::1")), want: NotOurs},
	{name: "v6 to the group, one bit off in the middle", base: solicit, muts: muts(to("ff02:0:0:1::1:2")), want: NotOurs},
	{name: "v6 unicast to us", base: solicit, muts: muts(to("2001:db8::1")), want: Steered6},
	{name: "v6 unicast to our link-local address", base: solicit, muts: muts(to("fe80::1")), want: Steered6},
	{name: "v6 unicast to somebody behind us", base: solicit, muts: muts(to("2001:db8::2")), want: NotOurs},
	{name: "v6 with flow label and class", base: solicit, muts: muts(set(at6Version, 0x6f, 0xff, 0xff, 0xff)), want: Steered6},
	{name: "v6 unicast to an address that is no more than like ours", base: solicit, muts: muts(to("2001:db8:0:1::1")), want: NotOurs},
	{name: "v6 from a relay's port", base: solicit, muts: muts(set(at6UDP, 0x02, 0x23)), want: Steered6},
	{name: "v6 from a relay to all servers", base: solicit, muts: muts(set(at6UDP, 0x02, 0x23), to("ff05::1:3")), want: Steered6},
	{name: "v6 from a relay's other port (RFC 8357)", base: solicit, muts: muts(set(at6UDP, 0xc0, 0x01), to("2001:db8::1")), want: Steered6},
	{name: "v6 port 547 with its bytes swapped", base: solicit, muts: muts(set(at6Port, 0x23, 0x02)), want: NotDHCP},
	{name: "v6 behind a tag to all servers", base: solicit, muts: muts(to("ff05::1:3"), tag(0x88a8, 9)), want: Steered6},
	{name: "v6 ext header behind a tag", base: solicit, muts: muts(next6(60), tag(0x8100, 7)), want: ExtHeader},
	{name: "v6 fragment to our address", base: solicit, muts: muts(next6(44), to("2001:db8::1")), want: ExtHeader},
	{name: "v6 payload length 0", base: solicit, muts: muts(set(atL3+4, 0, 0)), want: Steered6},
	{name: "v6 UDP length past the frame", base: solicit, muts: muts(set(at6UDP+4, 0xff, 0xff)), want: Steered6},
	{name: "v6 no payload at all", base: solicit, muts: muts(cut(at6DHCP)), want: Garbage},
	{name: "v6 as long as the ring takes", base: solicit, muts: muts(grow(1792)), want: Steered6},
	{name: "v6 steering alone", base: solicit, want: Steered6, steer: SteerV6},
	{name: "v6 to port 546", base: solicit, muts: muts(set(at6Port, 0x02, 0x22)), want: NotDHCP},
	{name: "v6 to port 67", base: solicit, muts: muts(set(at6Port, 0, 67)), want: NotDHCP},
	{name: "v6 TCP", base: solicit, muts: muts(set(at6Next, 6)), want: NotDHCP},
	{name: "v6 ICMP", base: solicit, muts: muts(set(at6Next, 58)), want: NotDHCP},
	{name: "v6 hop-by-hop options", base: solicit, muts: muts(next6(0)), want: ExtHeader},
	{name: "v6 routing header", base: solicit, muts: muts(next6(43)), want: ExtHeader},
	{name: "v6 fragment header", base: solicit, muts: muts(next6(44)), want: ExtHeader},
	{name: "v6 authentication header", base: solicit, muts: muts(next6(51)), want: ExtHeader},
	{name: "v6 destination options", base: solicit, muts: muts(next6(60)), want: ExtHeader},
	{name: "v6 mobility header", base: solicit, muts: muts(next6(135)), want: ExtHeader},
	{name: "v6 ext header to somebody else", base: solicit, muts: muts(next6(0), to("ff02::16")), want: NotDHCP},
	{name: "v6 no next header", base: solicit, muts: muts(set(at6Next, 59)), want: NotDHCP},
	{name: "v6 802.1Q", base: solicit, muts: muts(tag(0x8100, 7)), want: Steered6},
	{name: "v6 QinQ", base: solicit, muts: muts(tag(0x8100, 7), tag(0x88a8, 9)), want: Steered6},
	{name: "v6 three tags", base: solicit, muts: muts(tag(0x8100, 7), tag(0x8100, 8), tag(0x88a8, 9)), want: ExtraTags},
	{name: "v6 behind a tag with VLAN steering off", base: solicit, muts: muts(tag(0x8100, 7)), want: VLANOff, steer: SteerV4 | SteerV6},
	{name: "v6 steering off", base: solicit, want: V6Off, steer: SteerV4 | SteerVLAN},
	{name: "v6 longer than the ring takes", base: solicit, muts: muts(grow(1793)), want: TooLong},
	{name: "v6 with the EtherType of v4", base: solicit, muts: muts(set(atType, 0x08, 0x00)), want: BadHeader},
	{name: "v4 with the EtherType of v6", base: discover, muts: muts(set(atType, 0x86, 0xdd)), want: BadHeader},
}

// truncations cuts frames of each shape at each byte of their headers. (The
// kernel refuses a test run on less than an Ethernet header.)
func truncations() []row {
	var rs []row
	for _, shape := range []struct {
		name string
		base func() []byte
		muts []mutation
		end  int // of the headers
		full Counter
	}{
		{"v4", discover, nil, at4DHCP, Garbage},
		{"v4 802.1Q", discover, muts(tag(0x8100, 7)), at4DHCP + 4, Garbage},
		{"v4 QinQ", discover, muts(tag(0x8100, 7), tag(0x88a8, 9)), at4DHCP + 8, Garbage},
		{"v4 options", discover, muts(options4(2)), at4UDP, IPOptions},
		{"v6", solicit, nil, at6DHCP, Garbage},
		{"v6 802.1Q", solicit, muts(tag(0x8100, 7)), at6DHCP + 4, Garbage},
		{"v6 QinQ", solicit, muts(tag(0x8100, 7), tag(0x88a8, 9)), at6DHCP + 8, Garbage},
		{"v6 hop-by-hop", solicit, muts(next6(0)), at6UDP, ExtHeader},
	} {
		for n := atL3; n <= shape.end+1; n++ {
			r := row{name: fmt.Sprintf("%s cut to %d", shape.name, n), base: shape.base,
				muts: append(slices.Clone(shape.muts), cut(n)), want: Truncated}
			if n >= shape.end {
				r.want = shape.full
			}
			rs = append(rs, r)
		}
	}
	return rs
}

func TestSteer(t *testing.T) {
	for _, variant := range []struct {
		name string
		opts Options
	}{
		{"multi-buffer", Options{}},
		{"single buffer, as before Linux 5.18", Options{singleBuffer: true}},
	} {
		t.Run(variant.name, func(t *testing.T) {
			p := loadWithSocket(t, variant.opts)
			for _, r := range append(slices.Clone(rows), truncations()...) {
				t.Run(r.name, func(t *testing.T) {
					p.expect(t, r.steer, r.frame(), verdict(r.want), r.want)
				})
			}
		})
	}
}

// A queue without a socket falls to the kernel.
func TestSteerWithoutSocket(t *testing.T) {
	p := loadWithSocket(t, Options{})
	if err := p.Unregister(0); err != nil {
		t.Fatal(err)
	}
	p.expect(t, 0, discover(), xdpPass, NoSocket)
	p.expect(t, 0, solicit(), xdpPass, NoSocket)
	p.expect(t, 0, to("10.0.0.2")(discover()), xdpPass, NotOurs)
}

func TestSetAddrsReplaces(t *testing.T) {
	p := loadWithSocket(t, Options{})
	old, kept, added := to("192.0.2.129"), to("10.0.0.1"), to("203.0.113.7")
	if err := p.SetAddrs([]netip.Prefix{netip.MustParsePrefix("10.0.0.1/25"), netip.MustParsePrefix("203.0.113.7/32"),
		netip.MustParsePrefix("::ffff:198.51.100.77/120"),
		netip.MustParsePrefix("2001:db8::7/64"), netip.MustParsePrefix("fe80::1/64")}); err != nil {
		t.Fatal(err)
	}
	p.expect(t, 0, old(discover()), xdpPass, NotOurs)
	p.expect(t, 0, kept(discover()), xdpRedirect, Steered4)
	p.expect(t, 0, added(discover()), xdpRedirect, Steered4)
	p.expect(t, 0, to("10.0.0.255")(discover()), xdpPass, NotOurs)
	p.expect(t, 0, to("10.0.0.127")(discover()), xdpRedirect, Steered4)
	p.expect(t, 0, to("2001:db8::1")(solicit()), xdpPass, NotOurs)
	p.expect(t, 0, to("2001:db8::7")(solicit()), xdpRedirect, Steered6)
	p.expect(t, 0, to("fe80::1")(solicit()), xdpRedirect, Steered6)
	p.expect(t, 0, to("2001:db8::ffff:ffff:ffff:ffff")(solicit()), xdpPass, NotOurs) // IPv6 has no broadcast
	if err := p.SetAddrs([]netip.Prefix{{}}); err == nil {
		t.Error("an invalid address was taken")
	}
	if err := p.SetAddrs(nil); err != nil {
		t.Fatal(err)
	}
	p.expect(t, 0, kept(discover()), xdpPass, NotOurs)
	p.expect(t, 0, discover(), xdpRedirect, Steered4) // the limited broadcast is always ours
	p.expect(t, 0, to("fe80::1")(solicit()), xdpPass, NotOurs)
	p.expect(t, 0, solicit(), xdpRedirect, Steered6) // and the groups
}

func TestCountersHaveNames(t *testing.T) {
	seen := map[string]Counter{}
	for c := range NumCounters {
		if c.String() == "" || c.Sentence() == "" {
			t.Errorf("counter %d has no name or no sentence", uint32(c))
		}
		if other, ok := seen[c.String()]; ok {
			t.Errorf("counters %d and %d are both %q", uint32(other), uint32(c), c)
		}
		seen[c.String()] = c
	}
	if got := NumCounters.String(); got != "counter(16)" {
		t.Errorf("past the end: %q", got)
	}
}

func TestQueueOutOfRange(t *testing.T) {
	nettest.NeedRoot(t)
	p := load(t, Options{Queues: 2})
	for _, q := range []int{-1, 2, 1 << 32} {
		if p.Register(q, 0) == nil || p.Unregister(q) == nil {
			t.Errorf("queue %d was taken", q)
		}
	}
	if err := p.Register(0, 0); err == nil {
		t.Error("standard input was taken as an AF_XDP socket")
	}
	if err := p.Unregister(1); err != nil {
		t.Errorf("unregister of a queue without a socket: %v", err)
	}
}

// testProgram is a Program with a socket on queue 0, told ourAddrs.
type testProgram struct {
	*Program
	out []byte
}

func load(t testing.TB, opts Options) *Program {
	t.Helper()
	opts.VerifierLog = true
	p, err := Load(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func loadWithSocket(t testing.TB, opts Options) *testProgram {
	t.Helper()
	nettest.NeedRoot(t)
	p := load(t, opts)
	if err := p.SetAddrs(ourAddrs); err != nil {
		t.Fatal(err)
	}
	// A test run ends with the verdict, so the socket may be an empty one.
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := p.Register(0, fd); err != nil {
		t.Fatal(err)
	}
	return &testProgram{p, make([]byte, 8192)}
}

// run sends a frame through the program.
func (p *testProgram) run(t testing.TB, frame []byte) (verdict uint32, out []byte) {
	t.Helper()
	opts := &ebpf.RunOptions{Data: frame, DataOut: p.out}
	verdict, err := p.objs.XdhcpSteer.Run(opts)
	if err != nil {
		t.Fatalf("test run on %d bytes: %v", len(frame), err)
	}
	return verdict, opts.DataOut
}

// expect runs a frame and checks the verdict, all output bytes and all counters.
func (p *testProgram) expect(t testing.TB, steer Steer, frame []byte, verdict uint32, c Counter) {
	t.Helper()
	if steer == 0 {
		steer = SteerV4 | SteerV6 | SteerVLAN
	}
	if err := p.SetSteer(steer); err != nil {
		t.Fatal(err)
	}
	want, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	want[c]++

	gotVerdict, out := p.run(t, frame)
	got, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if gotVerdict != verdict {
		t.Errorf("verdict %d, want %d", gotVerdict, verdict)
	}
	if !bytes.Equal(out, frame) {
		t.Errorf("the frame changed\nfrom % x\nto   % x", frame, out)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("counter %v is %d, want %d", Counter(i), got[i], want[i])
		}
	}
}
