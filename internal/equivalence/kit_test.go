// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"xdhcp/engine/policy"
)

var (
	portMAC  = [6]byte{2, 0xaa, 0, 0, 0, 1}
	hw       = []byte{2, 0xcc, 0, 0, 0, 9}
	known    = []byte{2, 0xcc, 0, 0, 0, 0x77} // has a reservation
	relayMAC = []byte{2, 0xbb, 0, 0, 0, 3}
	everyMAC = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

	server  = []byte{192, 0, 2, 1}
	relay1  = []byte{10, 1, 0, 1}
	relay2  = []byte{10, 2, 0, 1}
	relay3  = []byte{10, 3, 0, 1}
	relay4  = []byte{10, 4, 0, 1}
	nobody  = []byte{0, 0, 0, 0}
	every   = []byte{255, 255, 255, 255}
	msft    = opt(60, []byte("MSFT 5.0"))
	askAll  = opt(55, []byte{1, 3, 6, 15, 31, 33, 42, 43, 44, 46, 47, 119, 121, 249, 252})
	circuit = opt(82, cat(opt(1, []byte("eth 0/7")), opt(2, []byte("olt-12"))))
)

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// opt is one option, in pieces of at most 255 bytes.
func opt(code byte, data []byte) (b []byte) {
	for {
		n := min(len(data), 255)
		b = append(append(b, code, byte(n)), data[:n]...)
		if data = data[n:]; len(data) == 0 {
			return b
		}
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// spec is a network with something of everything that a policy can have: a plain
// link, a link with classes, reservations and limits, a shared network, long
// options, BOOTP, rapid commit and a virtual network.
func spec() policy.Spec {
	a, n := netip.MustParseAddr, netip.MustParsePrefix
	pool := func(first, last string) policy.PoolSpec {
		return policy.PoolSpec{Ranges: []policy.Range{{First: a(first), Last: a(last)}}}
	}
	bootp := pool("192.0.2.60", "192.0.2.62")
	bootp.BOOTP = true
	gold := pool("10.1.2.0", "10.1.2.7")
	gold.Classes = []string{"microsoft"}
	gold.Times = &policy.Times{Valid: 7200}
	yes := true
	// So many that the policy is a large one, of which the fast path looks ahead.
	var others []policy.ReservationSpec
	for i := range 256 {
		others = append(others, policy.ReservationSpec{MAC: []byte{2, 0x0e, 0, 0, 0, byte(i)}, Address: netip.AddrFrom4([4]byte{10, 3, 200, byte(i)})})
	}
	return policy.Spec{
		Ports: []policy.PortSpec{
			{Name: "eth1", MAC: portMAC, Addrs: []netip.Prefix{n("192.0.2.1/24")}},
			{Name: "eth2", MAC: [6]byte{2, 0xaa, 0, 0, 0, 2}, Addrs: []netip.Prefix{n("198.51.100.1/24")}},
		},
		SubnetSelection: true,
		FQDN:            policy.FQDNSpec{Updates: true, Suffix: "example.net"},
		Limits:          []policy.LimitSpec{{By: policy.LimitCircuit, Max: 1}},
		Filters:         policy.FilterSpec{Deny: []policy.Match{{By: policy.MatchMAC, Value: []byte{2, 0xde, 0xad}, Prefix: true}}},
		Options: []policy.Option{
			{Code: 6, Data: []byte{192, 0, 2, 53, 192, 0, 2, 54}},
			{Code: 15, Data: []byte("example.net")},
			{Code: 42, Data: []byte{192, 0, 2, 123}},
			{Code: 81, Data: []byte("configured")},
			{Code: 108, Data: []byte{0, 0, 7, 8}, Class: "v6"},
			{Code: 116, Data: []byte{0}},
			{Code: 121, Data: []byte{16, 10, 9, 192, 0, 2, 254}},
			{Code: 249, Data: []byte{16, 10, 9, 192, 0, 2, 254}},
		},
		Classes: []policy.ClassSpec{
			{Name: "microsoft", VendorClass: []byte("MSFT 5.0"), Options: []policy.Option{{Code: 43, Data: []byte{1, 4, 0, 0, 0, 2}, Always: true}}},
			{Name: "ipxe", Description: "second stage", Match: &policy.Match{By: policy.MatchUserClass, Value: []byte("iPXE")}, BootFile: "script.ipxe", NextServer: a("192.0.2.70")},
			{Name: "uefi", Match: &policy.Match{By: policy.MatchArch, Number: 7}, BootFile: "boot.efi", Times: &policy.Times{Valid: 300}},
			{Name: "v6", Match: &policy.Match{By: policy.MatchUserClass, Value: []byte("v6")}},
			{Name: "blocked", Match: &policy.Match{By: policy.MatchCircuit, Value: []byte("blocked")}, Drop: true},
			{Name: "modem", Match: &policy.Match{By: policy.MatchAll, Of: []policy.Match{
				{By: policy.MatchVendorClass, Value: []byte("docsis"), Prefix: true},
				{By: policy.MatchExpr, Expr: `option(12) startsWith "cm"`},
			}}, BootFile: "modem.cfg"},
		},
		Subnets: []policy.SubnetSpec{
			{
				Prefix: n("192.0.2.0/24"), Pools: []policy.PoolSpec{pool("192.0.2.100", "192.0.2.109"), bootp},
				Times:   policy.Times{Valid: 3600, Renew: 1800, Rebind: 3150, Min: 60, Max: 86400},
				Options: []policy.Option{{Code: 3, Data: []byte{192, 0, 2, 254}}},
				Reservations: []policy.ReservationSpec{
					{MAC: known, Address: a("192.0.2.20"), Options: []policy.Option{{Code: 12, Data: []byte("printer")}}, BootFile: "printer.bin"},
					{ClientID: []byte("id-1"), Address: a("192.0.2.21")},
				},
				NextServer: a("192.0.2.69"), ServerName: "boot.example.net", BootFile: "pxelinux.0",
			},
			{
				Prefix: n("10.1.0.0/16"), Pools: []policy.PoolSpec{gold, pool("10.1.1.0", "10.1.1.9")},
				Times: policy.Times{Valid: 600}, Authoritative: &yes,
				Options:      []policy.Option{{Code: 3, Data: []byte{10, 1, 0, 1}}},
				Reservations: []policy.ReservationSpec{{CircuitID: []byte("eth 0/9"), Address: a("10.1.0.9")}},
			},
			{
				Prefix: n("10.2.0.0/16"), Pools: []policy.PoolSpec{pool("10.2.1.0", "10.2.1.9")}, RapidCommit: true,
				Times: policy.Times{Valid: 1<<32 - 1},
				Options: []policy.Option{
					{Code: 3, Data: []byte{10, 2, 0, 1}},
					{Code: 119, Data: pattern(300)},
					{Code: 160, Data: pattern(250)},
				},
			},
			{
				Prefix: n("10.3.0.0/16"), Pools: []policy.PoolSpec{pool("10.3.1.0", "10.3.1.9")},
				Times: policy.Times{Valid: 600}, VSS: []byte("\x00blue"), Reservations: others,
			},
			{
				Prefix: n("10.4.0.0/16"), Pools: []policy.PoolSpec{pool("10.4.1.1", "10.4.1.1")}, // one client fills it
				Times: policy.Times{Valid: 600},
			},
		},
	}
}

func build(t testing.TB) *policy.Policy {
	t.Helper()
	p, err := policy.Build(spec())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Large() {
		t.Fatal("not a large policy")
	}
	return p
}

// A client's message and what is around it.
type packet struct {
	hw       []byte // chaddr
	src, dst []byte // MAC
	from, to []byte // IP
	sport    uint16
	tags     []uint16 // TCI
	tpid     uint16   // of the outer tag
	flags    uint16
	ciaddr   []byte
	giaddr   []byte
	sname    []byte // of the message, raw
	file     []byte
	ipOption bool
	noUDPSum bool
}

// direct is a broadcast from a client without an address.
func direct() packet {
	return packet{hw: hw, src: hw, dst: everyMAC, from: nobody, to: every, sport: 68}
}

// via is a unicast from a relay agent.
func via(relay []byte) packet {
	return packet{hw: hw, src: relayMAC, dst: portMAC[:], from: relay, to: server, sport: 67, giaddr: relay}
}

// renewal is a unicast from a client that has the address.
func renewal(addr []byte) packet {
	return packet{hw: hw, src: hw, dst: portMAC[:], from: addr, to: server, sport: 68, ciaddr: addr}
}

// message is the frame with these options and an END.
func (p packet) message(options ...[]byte) []byte {
	m := make([]byte, 240)
	m[0], m[1], m[2] = 1, 1, byte(len(p.hw))
	binary.BigEndian.PutUint32(m[4:], 0xdeadbeef)
	binary.BigEndian.PutUint16(m[8:], 9)
	binary.BigEndian.PutUint16(m[10:], p.flags)
	copy(m[12:16], p.ciaddr)
	copy(m[24:28], p.giaddr)
	copy(m[28:44], p.hw)
	copy(m[44:108], p.sname)
	copy(m[108:236], p.file)
	copy(m[236:], []byte{99, 130, 83, 99})
	m = append(append(m, cat(options...)...), 255)

	b := cat(p.dst, p.src)
	for i, tci := range p.tags {
		typ := uint16(0x8100)
		if i == 0 && p.tpid != 0 {
			typ = p.tpid
		}
		b = binary.BigEndian.AppendUint16(b, typ)
		b = binary.BigEndian.AppendUint16(b, tci)
	}
	b = append(b, 8, 0)
	ihl := 20
	if p.ipOption {
		ihl = 24
	}
	ip := make([]byte, ihl+8)
	ip[0] = byte(0x40 | ihl/4)
	binary.BigEndian.PutUint16(ip[2:], uint16(ihl+8+len(m)))
	ip[8], ip[9] = 64, 17
	copy(ip[12:], p.from)
	copy(ip[16:], p.to)
	if p.ipOption {
		copy(ip[20:], []byte{148, 4, 0, 0}) // router alert
	}
	binary.BigEndian.PutUint16(ip[ihl:], p.sport)
	binary.BigEndian.PutUint16(ip[ihl+2:], 67)
	binary.BigEndian.PutUint16(ip[ihl+4:], uint16(8+len(m)))
	b = repair(append(append(b, ip...), m...))
	if p.noUDPSum {
		at := network(b) + ihl + 6
		b[at], b[at+1] = 0, 0
	}
	return b
}

func typ(v byte) []byte { return opt(53, []byte{v}) }

func ask(v ...byte) []byte { return opt(50, v) }

func chosen() []byte { return opt(54, server) }
