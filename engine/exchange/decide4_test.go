// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"net/netip"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// What a packet causes is decided without allocation, whatever it is.
func TestDecide4DoesNotAllocate(t *testing.T) {
	b := newBench(t, reserve(7, "192.0.2.17"), reserve(8, "192.0.2.200"), subnetSelection, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{Name: "phone", VendorClass: []byte("phone"), Options: []policy.Option{{Code: 150, Data: []byte{1}}}}}
		s.Subnets[1].Reservations = []policy.ReservationSpec{{CircuitID: []byte("c9"), Address: addr("10.1.0.99")}}
	})
	direct := b.lease(1).String()
	relayed := b.lease(2, func(q *Query) { *q = on("c1", "r1", override(relay1, via(relay1, *q))) }).String()
	b.lease(8)
	atServer := renewing(2, relayed)
	atServer.Port, atServer.Dst = 1, ip(ours1)
	phone := discover(3)
	phone.VendorClass = []byte("phone")
	named := discover(4)
	named.Client.ClientID = []byte("\xff\x00\x00\x00\x01\x00\x03\x00\x01\x02\x00\x00\x00\x00\x04")
	tagged := discover(5)
	tagged.NTags, tagged.VLAN = 2, [2]uint16{100, 200}
	var a Answer
	for what, q := range map[string]Query{
		"discover":                 discover(9),
		"discover, known":          discover(1),
		"discover, class":          phone,
		"discover, client-id":      named,
		"discover, tagged":         tagged,
		"discover, reserved":       discover(7),
		"discover, relayed":        on("c1", "r1", via(relay1, discover(2))),
		"discover, circuit":        on("c9", "r9", via(relay1, discover(6))),
		"discover, link":           link("10.2.0.0", via(relay1, discover(2))),
		"discover, no subnet":      via("172.16.0.1", discover(2)),
		"selecting":                selecting(1, direct, ours0),
		"selecting, relayed":       on("c1", "r1", via(relay1, selecting(2, relayed, ours1))),
		"selecting, not ours":      selecting(9, direct, other),
		"selecting, another's":     selecting(9, direct, ours0),
		"selecting, reserved":      selecting(9, "192.0.2.17", ours0),
		"rebooting":                rebooting(1, direct),
		"rebooting, unknown":       rebooting(50, direct),
		"rebooting, wrong net":     rebooting(1, "10.9.9.9"),
		"renewing":                 renewing(1, direct),
		"renewing, relay recalled": atServer,
		"renewing, to be moved":    renewing(8, "192.0.2.18"),
		"rebinding":                rebinding(1, direct),
		"inform":                   inform(1, direct),
		"release, not the holder":  release(9, direct),
		"decline, not the holder":  decline(9, direct, ours0),
	} {
		n := testing.AllocsPerRun(100, func() {
			b.wait(10) // a renewal, not a retransmission
			b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
			b.batch.Reset()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// isp is a server with a million addresses in subnets of 1024 behind relay agents,
// and what a client of the i-th of them sends.
func isp(b testing.TB, subnets int) (*bench, func(q *Query, i uint32, typ uint8)) {
	bn := newBench(b)
	spec := baseSpec()
	spec.Subnets = nil
	spec.Networks = nil
	for i := range subnets {
		base := lease.IP4(0x64000000 + i<<10)
		at := func(n int) netip.Addr { return netip.AddrFrom4((base + lease.IP4(n)).As4()) }
		s := subnet(netip.PrefixFrom(at(0), 22).String(), at(2).String(), at(1022).String())
		s.Options = []policy.Option{{Code: 3, Data: four(at(1).String())}, {Code: 6, Data: []byte{9, 9, 9, 9}}}
		spec.Subnets = append(spec.Subnets, s)
	}
	p, err := policy.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	table, err := lease.New(lease.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		b.Fatal(err)
	}
	bn.policy, bn.server.Table = p, table
	mac := make([]byte, 6)
	relay := append(sub(1, []byte("eth 1/1/04/11:3501")...), 2, 4, 0, 0, 0, 0)
	dst := ip(ours1)
	return bn, func(q *Query, i uint32, typ uint8) {
		mac[2], mac[3], mac[4], mac[5] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
		copy(relay[len(relay)-4:], mac[2:])
		q.Type, q.HType, q.Port, q.Dst, q.Src, q.Hops = typ, 1, 1, dst, 0, 1
		q.Giaddr, q.Ciaddr = lease.IP4(0x64000001+i%uint32(subnets)<<10), 0
		q.Requested, q.HasRequested, q.ServerID, q.HasServerID = 0, false, 0, false
		q.Client.HType, q.Client.HW, q.Client.Relay = 1, mac, relay
	}
}

// BenchmarkDecide4 decides for random clients of a table with n leases.
func BenchmarkDecide4(b *testing.B) {
	for _, n := range []uint32{1000, 1 << 20} {
		bn, query := isp(b, int(max(n>>10, 1))+8)
		server, id := &bn.server, ip(ours1)
		held := make([]lease.IP4, n)
		var q Query
		var a Answer
		for i := range n {
			query(&q, i, Discover)
			server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
			if a.Type != Offer {
				b.Fatalf("client %d: %v", i, a.Reason)
			}
			held[i] = a.Yiaddr
			q.Type, q.Requested, q.HasRequested, q.ServerID, q.HasServerID = Request, a.Yiaddr, true, id, true
			server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
			if a.Type != Ack {
				b.Fatalf("client %d: %v", i, a.Reason)
			}
			bn.batch.Reset()
		}
		run := func(name string, edit func(q *Query, i uint32), want uint8) {
			b.Run(fmt.Sprintf("%s/leases=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for step := uint32(1); b.Loop(); step++ {
					i := step * 2654435761 % n
					query(&q, i, Request)
					edit(&q, i)
					if step%1024 == 0 {
						bn.now += 10
					}
					server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
					if a.Type != want {
						b.Fatalf("client %d: %s, %v", i, typeName(a.Type), a.Reason)
					}
					if step%64 == 0 {
						bn.batch.Reset()
					}
				}
			})
		}
		run("discover", func(q *Query, i uint32) { q.Type = Discover }, Offer)
		run("selecting", func(q *Query, i uint32) {
			q.Requested, q.HasRequested, q.ServerID, q.HasServerID = held[i], true, id, true
		}, Ack)
		run("rebooting", func(q *Query, i uint32) { q.Requested, q.HasRequested = held[i], true }, Ack)
		run("renewing", func(q *Query, i uint32) {
			q.Giaddr, q.Client.Relay, q.Ciaddr, q.Src = 0, nil, held[i], held[i]
		}, Ack)
		run("inform", func(q *Query, i uint32) { q.Type, q.Ciaddr = Inform, held[i] }, Ack)
	}
}
