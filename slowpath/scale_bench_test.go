// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// BenchmarkScale is DISCOVER to OFFER with 1,000 subnets behind relay agents, 10,000
// reservations and 100 classes, with what brings messages to this path: an expression,
// which every message asks for, or an option in parts. Its aim is 50,000 req/s.
func BenchmarkScale(b *testing.B) {
	const subnets, reserved, classes, each = 1000, 10, 100, 32
	for name, expr := range map[string]string{"expression": `relay(1) endsWith "7" and option(60) startsWith "model"`, "split": ""} {
		b.Run(name, func(b *testing.B) {
			spec := policy.Spec{
				Ports:   []policy.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}},
				Options: []policy.Option{routers, dns, domain, ntp},
			}
			for i := range classes {
				m := policy.Match{By: policy.MatchVendorClass, Value: fmt.Appendf(nil, "model-%02d", i)}
				if i == 0 && expr != "" {
					m = policy.Match{By: policy.MatchExpr, Expr: expr}
				}
				spec.Classes = append(spec.Classes, policy.ClassSpec{Name: fmt.Sprint("c", i), Match: &m,
					Options: []policy.Option{{Code: 66, Data: fmt.Appendf(nil, "boot-%d", i)}}})
			}
			var frames [][]byte
			for i := range subnets {
				a := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{100, 64 + byte(i>>8), byte(i), last}) }
				s := policy.SubnetSpec{
					Prefix: netip.PrefixFrom(a(0), 24), Times: policy.Times{Valid: 3600},
					Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: a(100), Last: a(200)}}}},
				}
				for j := range each {
					id := binary.BigEndian.AppendUint32([]byte{2, 0xcc}, uint32(i*each+j))
					if j < reserved {
						s.Reservations = append(s.Reservations, policy.ReservationSpec{MAC: id, Address: a(10 + byte(j))})
					}
					list := opt(55, []byte{1, 3, 6, 15, 42, 66})
					if expr == "" {
						list = cat(opt(55, []byte{1, 3, 6}), opt(55, []byte{15, 42, 66}))
					}
					m := message(cat([]byte{53, 1, dhcpDiscover}, list, opt(60, fmt.Appendf(nil, "model-%02d", j)), opt(82, opt(1, fmt.Append(nil, "port ", j))))...)
					gi := a(1).As4()
					m = with(with(m, 28, id...), atGiaddr, gi[:]...)
					f := envelope{src: relayMAC, dst: portMAC, from: gi[:], to: serverIP, sport: 67, dport: 67}.wrap(b, m)
					frames = append(frames, f)
				}
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
			c, batch, r := NewCodec(&exchange.Server{Table: table}), lease.NewBatch(1), new(Reply)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = (n + 7919) % len(frames)
				c.Answer(p, frames[n], 0, now, batch, r)
				if r.Verdict != frame.Reply {
					b.Fatal(r.Reason)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}
