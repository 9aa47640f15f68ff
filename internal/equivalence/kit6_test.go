// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

var (
	serverID = []byte{0, 3, 0, 1, 2, 0xaa, 0, 0, 0, 1}
	otherID  = []byte{0, 3, 0, 1, 2, 0xee, 0, 0, 0, 1}
	duid1    = []byte{0, 1, 0, 1, 0x2a, 0x2b, 0x2c, 0x2d, 2, 0xcc, 0, 0, 0, 9}
	duid2    = []byte{0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	known6   = []byte{0, 3, 0, 1, 2, 0xcc, 0, 0, 0, 0x77} // has a reservation

	clientLL  = ip6("fe80::cc:ff:fe00:9")
	relayLL   = ip6("fe80::bb:3")
	serverLL  = ip6("fe80::aa:1")
	server6   = ip6("2001:db8::1")
	groupLink = ip6("ff02::1:2")
	groupSite = ip6("ff05::1:3")
	linkA     = ip6("2001:db8:a::1") // link-addresses
	linkB     = ip6("2001:db8:b::1")
	linkC     = ip6("2001:db8:c::1")
	unset     = make([]byte, 16)
	oroAll    = opt6(6, 0, 23, 0, 24, 0, 31, 0, 39, 0, 56, 0, 64, 0, 65, 0, 67, 0, 82, 0, 83, 1, 0)
)

func ip6(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

func opt6(code int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

func u32s(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

func msg6(typ byte, options ...[]byte) []byte {
	return append([]byte{typ, 0xab, 0xcd, 0xef}, cat(options...)...)
}

func cid(duid []byte) []byte { return opt6(1, duid...) }

func sid() []byte { return opt6(2, serverID...) }

func iana(id uint32, leases ...[]byte) []byte { return opt6(3, cat(u32s(id, 0, 0), cat(leases...))...) }
func iata(id uint32, leases ...[]byte) []byte { return opt6(4, cat(u32s(id), cat(leases...))...) }
func iapd(id uint32, leases ...[]byte) []byte {
	return opt6(25, cat(u32s(id, 0, 0), cat(leases...))...)
}
func iaaddr(a []byte) []byte { return opt6(5, cat(a, u32s(0, 0))...) }
func iaprefix(p string) []byte {
	n := netip.MustParsePrefix(p)
	return opt6(26, cat(u32s(0, 0), []byte{byte(n.Bits())}, n.Addr().AsSlice())...)
}

// relayForw is a Relay-forward around a message.
func relayForw(hops byte, link, peer, msg []byte, options ...[]byte) []byte {
	return cat([]byte{12, hops}, link, peer, cat(options...), opt6(9, msg...))
}

// spec6 is a network with something of everything that a policy can have.
func spec6() policy6.Spec {
	a, n := netip.MustParseAddr, netip.MustParsePrefix
	pool := func(first, last string) policy6.PoolSpec {
		return policy6.PoolSpec{Ranges: []policy6.Range{{First: a(first), Last: a(last)}}}
	}
	gold := pool("2001:db8:a::2000", "2001:db8:a::2007")
	gold.Classes = []string{"microsoft"}
	gold.Times = &policy6.Times{Valid: 9000}
	return policy6.Spec{
		ServerID: serverID,
		Ports: []policy6.PortSpec{
			{Name: "eth1", MAC: portMAC, Addrs: []netip.Prefix{n("fe80::aa:1/64"), n("2001:db8::1/64")}},
			{Name: "eth2", MAC: [6]byte{2, 0xaa, 0, 0, 0, 2}, Addrs: []netip.Prefix{n("fe80::aa:2/64"), n("2001:db8:ee::1/64")}},
		},
		Preference:        7,
		ReconfigureSecret: pattern(32),
		FQDN:              policy.FQDNSpec{Updates: true, Record: true, Suffix: "example.net"},
		Limits:            []policy.LimitSpec{{By: policy.LimitCircuit, Max: 3}},
		Filters:           policy.FilterSpec{Deny: []policy.Match{{By: policy.MatchMAC, Value: []byte{2, 0xde, 0xad}, Prefix: true}}},
		Options: []policy6.Option{
			{Code: 23, Data: cat(ip6("2001:db8::53"), ip6("2001:db8::54"))},
			{Code: 24, Data: []byte("\x07example\x03net\x00")},
			{Code: 31, Data: ip6("2001:db8::123")},
			{Code: 32, Data: []byte{0, 0, 14, 16}},
			{Code: 82, Data: []byte{0, 0, 14, 16}},
			{Code: 256, Data: []byte("high")},
			{Code: 17, Data: cat([]byte{0, 0, 0, 9}, opt6(1, 'x')), Always: true},
		},
		Classes: []policy6.ClassSpec{
			{Name: "microsoft", Match: &policy.Match{By: policy.MatchVendorID, Enterprise: 311, Value: []byte("\x00\x08MSFT 5.0")},
				Options: []policy6.Option{{Code: 64, Data: []byte("\x04aftr\x00"), Always: true}}},
			{Name: "ipxe", Description: "second stage", Match: &policy.Match{By: policy.MatchUserClass, Value: []byte("iPXE")}, Options: []policy6.Option{{Code: 59, Data: []byte("tftp://x"), Always: true}}},
			{Name: "uefi", Match: &policy.Match{By: policy.MatchArch, Number: 7}, Times: &policy6.Times{Preferred: 200, Valid: 300}},
			{Name: "blocked", Match: &policy.Match{By: policy.MatchCircuit, Value: []byte("blocked")}, Drop: true},
			{Name: "modem", Match: &policy.Match{By: policy.MatchAll, Of: []policy.Match{
				{By: policy.MatchUserClass, Value: []byte("docsis")},
				{By: policy.MatchExpr, Expr: `option(39) contains "cm"`},
			}}, Options: []policy6.Option{{Code: 59, Data: []byte("modem.cfg"), Always: true}}},
		},
		Subnets: []policy6.SubnetSpec{
			{
				Prefix: n("2001:db8::/64"), Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n("2001:db8:0:0:1::/80"))}}},
				Delegate: []policy6.DelegateSpec{
					{Prefix: n("2001:db8:1000::/40"), Length: 56, Exclude: n("2001:db8:1000:ab::/64")},
					{Prefix: n("2001:db8:1100::/40"), Length: 48},
				},
				Times: policy6.Times{Preferred: 3600, Valid: 7200},
				Reservations: []policy6.ReservationSpec{
					{DUID: known6, Addresses: []netip.Addr{a("2001:db8::20")}, Prefixes: []netip.Prefix{n("2001:db8:2000::/56")}, Options: []policy6.Option{{Code: 24, Data: []byte("\x03own\x00")}}},
					{MAC: []byte{2, 0xcc, 0, 0, 0, 0x78}, Addresses: []netip.Addr{a("2001:db8::21")}},
				},
			},
			{
				Prefix: n("2001:db8:a::/64"), Pools: []policy6.PoolSpec{gold, pool("2001:db8:a::1000", "2001:db8:a::1009")},
				Delegate: []policy6.DelegateSpec{{Prefix: n("2001:db8:a100::/60"), Length: 64}},
				Times:    policy6.Times{Preferred: 600, Valid: 1200},
				Reservations: []policy6.ReservationSpec{
					{InterfaceID: []byte("eth 0/9"), Addresses: []netip.Addr{a("2001:db8:a::9")}},
					{MAC: []byte{2, 0xcc, 0, 0, 0, 0x78}, Addresses: []netip.Addr{a("2001:db8:a::21"), a("2001:db8:a::22"), a("2001:db8:a::23")},
						Prefixes: []netip.Prefix{n("2001:db8:2001::/56"), n("2001:db8:2002::/60")}, Hostname: "printer"},
				},
			},
			{
				Prefix: n("2001:db8:b::/64"), Pools: []policy6.PoolSpec{pool("2001:db8:b::1", "2001:db8:b::ffff")}, RapidCommit: true,
				Delegate: []policy6.DelegateSpec{{Prefix: n("2001:db8:b000::/40"), Length: 56}},
				Times:    policy6.Times{Preferred: 1<<32 - 1, Valid: 1<<32 - 1},
				Options:  []policy6.Option{{Code: 2000, Data: pattern(700)}, {Code: 2001, Data: pattern(700)}},
			},
			{
				Prefix: n("2001:db8:c::/64"), Pools: []policy6.PoolSpec{pool("2001:db8:c::1", "2001:db8:c::1")}, // one client fills it
				Times: policy6.Times{Preferred: 600, Valid: 1200},
			},
		},
	}
}

func build6(t testing.TB, change ...func(*policy6.Spec)) *policy6.Policy {
	t.Helper()
	s := spec6()
	for _, f := range change {
		f(&s)
	}
	p, err := policy6.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// packet6 is what is around a message.
type packet6 struct {
	src, dst []byte // MAC
	from, to []byte
	sport    uint16
	tags     []uint16
}

// direct6 is a message to the group.
func direct6() packet6 {
	return packet6{src: hw, dst: []byte{0x33, 0x33, 0, 1, 0, 2}, from: clientLL, to: groupLink, sport: 546}
}

// via6 is a unicast from a relay agent.
func via6() packet6 {
	return packet6{src: relayMAC, dst: portMAC[:], from: ip6("2001:db8:f::2"), to: server6, sport: 547}
}

// frame is the packet with the message m.
func (p packet6) frame(m []byte) []byte {
	b := cat(p.dst, p.src)
	for _, tci := range p.tags {
		b = append(b, 0x81, 0)
		b = binary.BigEndian.AppendUint16(b, tci)
	}
	b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(m)))
	b = append(b, 17, 64)
	b = cat(b, p.from, p.to)
	b = binary.BigEndian.AppendUint16(b, p.sport)
	b = binary.BigEndian.AppendUint16(b, 547)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(m)))
	return repair6(append(append(b, 0, 0), m...))
}

// repair6 makes the UDP checksum of a mutated frame right, as far as its length fields
// allow.
func repair6(b []byte) []byte {
	b = bytes.Clone(b)
	off := network(b)
	if len(b) < off+48 {
		return b
	}
	ip := b[off:]
	total := 40 + int(binary.BigEndian.Uint16(ip[4:]))
	if total < 48 || total > len(ip) {
		return b
	}
	udp := ip[40:total]
	l := int(binary.BigEndian.Uint16(udp[4:]))
	if l < 8 || l > len(udp) {
		return b
	}
	udp[6], udp[7] = 0, 0
	pseudo := append(bytes.Clone(ip[8:40]), 0, 17, udp[4], udp[5])
	s := ^sum(append(pseudo, udp[:l]...))
	if s == 0 {
		s = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], s)
	return b
}
