// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

const (
	cityRelays       = 1000  // subnets, one behind each relay agent
	cityClasses      = 100   //
	cityReserved     = 10000 // reservations, ten in each subnet
	cityClients      = 32000 // 32 in each subnet, ten of them reserved
	cityClientsEach  = cityClients / cityRelays
	cityReservedEach = cityReserved / cityRelays
)

// citySpec is a provider's configuration: what it has is in the constants above.
func citySpec() policy.Spec {
	s := spec()
	for i := range cityClasses {
		s.Classes = append(s.Classes, policy.ClassSpec{
			Name: fmt.Sprint("class-", i), Match: cityMatch(i),
			Options: []policy.Option{{Code: 66, Data: fmt.Appendf(nil, "boot-%d.example.net", i)}, {Code: 43, Data: []byte{1, 4, 0, 0, 0, byte(i)}}},
		})
	}
	for i := range cityRelays {
		a := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{100, 64 + byte(i>>8), byte(i), last}) }
		sub := policy.SubnetSpec{
			Prefix: netip.PrefixFrom(a(0), 24), Times: policy.Times{Valid: 86400},
			Pools:   []policy.PoolSpec{{Ranges: []policy.Range{{First: a(100), Last: a(200)}}}},
			Options: []policy.Option{{Code: 3, Data: []byte{100, 64 + byte(i>>8), byte(i), 1}}},
		}
		for j := range cityReservedEach {
			r := policy.ReservationSpec{Address: a(10 + byte(j))}
			if id := cityID(i, j); j%2 == 0 {
				r.MAC = append([]byte{2, 0xcc}, id...)
			} else {
				r.CircuitID = append([]byte("port"), id...)
			}
			sub.Reservations = append(sub.Reservations, r)
		}
		s.Subnets = append(s.Subnets, sub)
	}
	return s
}

// cityMatch uses each of the declarative matchers in turn, alone or combined.
func cityMatch(i int) *policy.Match {
	value := fmt.Appendf(nil, "model-%02d", i)
	vendor := policy.Match{By: policy.MatchVendorClass, Value: value}
	m := vendor
	switch i % 8 {
	case 1:
		m = policy.Match{By: policy.MatchVendorClass, Value: value[:7], Prefix: true}
	case 2:
		m = policy.Match{By: policy.MatchMAC, Value: []byte{2, 0xcc, 0, 0, byte(i)}, Prefix: true}
	case 3:
		m = policy.Match{By: policy.MatchCircuit, Value: []byte{'p', 'o', 'r', 't', 0, 0, byte(i)}, Prefix: true}
	case 4:
		m = policy.Match{By: policy.MatchRelay, Net: netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, byte(i), 0}), 24)}
	case 5:
		m = policy.Match{By: policy.MatchAll, Of: []policy.Match{vendor, {By: policy.MatchNot, Of: []policy.Match{{By: policy.MatchKnown}}}}}
	case 6:
		m = policy.Match{By: policy.MatchAny, Of: []policy.Match{vendor, {By: policy.MatchArch, Number: uint16(i)}, {By: policy.MatchUserClass, Value: value}}}
	case 7:
		m = policy.Match{By: policy.MatchRemote, Value: fmt.Appendf(nil, "node-%02d", i)}
	}
	return &m
}

// cityID are the four bytes that tell client j of subnet i from others.
func cityID(i, j int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(i*cityClientsEach+j))
}

// cityModel is what client j of subnet i is.
func cityModel(i, j, models int) int { return (i*7 + j%models) % cityClasses }

// city is the clients of citySpec: their DISCOVERs and their REQUESTs.
type city struct {
	crowd
	frames [2][cityClients][]byte
}

var cities = map[int]*city{}

// newCity has so many models of client in each subnet.
func newCity(b *testing.B, models int) *city {
	if c := cities[models]; c != nil {
		return c
	}
	c := new(city)
	c.serve(b, citySpec())
	for id := range cityClients {
		i, j := id/cityClientsEach, id%cityClientsEach
		gi := net.IP{100, 64 + byte(i>>8), byte(i), 1}
		around := packet{src: relayMAC, dst: portMAC, from: gi, to: server, sport: 67, dport: 67}
		mods := func(more ...dhcpv4.Modifier) []dhcpv4.Modifier {
			return append(more, giaddr(gi), option(55, 1, 3, 6, 15, 28, 42, 43, 66, 119, 121),
				dhcpv4.WithHwAddr(append(net.HardwareAddr{2, 0xcc}, cityID(i, j)...)),
				option(60, fmt.Appendf(nil, "model-%02d", cityModel(i, j, models))...),
				option(82, append(append([]byte{1, 8}, append([]byte("port"), cityID(i, j)...)...), append([]byte{2, 7}, fmt.Appendf(nil, "node-%02d", i%cityClasses)...)...)...))
		}
		c.frames[0][id] = around.frame(b, message(b, dhcpv4.MessageTypeDiscover, mods()...).ToBytes())
		c.begin()
		c.pick(0, 0, id)
		if v, why := c.handle(0); v != frame.Reply {
			b.Fatalf("DISCOVER of client %d: %v, %v", id, v, why)
		}
		yours := c.fs[0].Data[42+16 : 42+20]
		if j < cityReservedEach != (yours[3] < 100) {
			b.Fatalf("client %d was offered %v", id, yours)
		}
		c.frames[1][id] = around.frame(b, message(b, dhcpv4.MessageTypeRequest, mods(option(50, yours...), option(54, server...))...).ToBytes())
		c.pick(1, 0, id)
		if v, why := c.handle(0); v != frame.Await {
			b.Fatalf("REQUEST of client %d: %v, %v", id, v, why)
		}
	}
	cities[models] = c
	return c
}

// pick makes frame j of the batch a message of a client.
func (c *city) pick(kind, j, id int) {
	c.fs[j] = frame.Frame{Data: c.bufs[j][:copy(c.bufs[j], c.frames[kind][id])]}
}

// BenchmarkScale is BenchmarkHandle with a large configuration: 1,000 subnets, each
// behind its relay agent, 10,000 reservations and 100 classes, of which a client is in
// one to five. Its aim is 600 ns.
//
// An access node has the provider's own models behind it, here four of the hundred. The
// other figure is the worst case: each client is in other classes than its neighbours,
// so that no two share their options.
func BenchmarkScale(b *testing.B) {
	for _, models := range []int{4, cityClientsEach} {
		for kind, want := range []frame.Verdict{frame.Reply, frame.Await} {
			b.Run(fmt.Sprintf("models=%d/%s", models, []string{"discover", "request"}[kind]), func(b *testing.B) {
				c := newCity(b, models)
				c.time(b, want, func(j int) { c.pick(kind, j, c.rnd.IntN(cityClients)) })
			})
		}
	}
}
