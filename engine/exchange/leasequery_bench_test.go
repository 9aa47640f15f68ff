// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"net/netip"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// benchLeases are n leases behind relay agents, indexed by client.
func benchLeases(b *testing.B, n int) *bench {
	b.Helper()
	k := newQueryBench(b, func(s *policy.Spec) {
		s.Subnets = append(s.Subnets, policy.SubnetSpec{
			Prefix: netip.MustParsePrefix("11.0.0.0/8"), Times: policy.Times{Valid: hour},
			Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: addr("11.0.0.10"), Last: addr("11.31.255.255")}}}},
		})
	})
	for i := range n {
		q := renewing(1, "11.0.0.10")
		q.Ciaddr += lease.IP4(i)
		q.Client.HW = []byte{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
		q.Client.Relay = []byte{2, 1, byte(i % 100)}
		if a := k.send(q); a.Type != Ack {
			b.Fatal(a.Reason)
		}
		k.batch.Reset()
	}
	k.server.Clients.NoteAll()
	return k
}

func BenchmarkLeaseQuery(b *testing.B) {
	k := benchLeases(b, 100_000)
	for name, q := range map[string]Query{"address": aboutIP("11.0.10.10", 51, 82), "MAC": aboutMAC(0, 51, 82)} {
		b.Run(name, func(b *testing.B) {
			q.Client.HW = append([]byte(nil), q.Client.HW...)
			if name == "MAC" {
				q.Client.HW = []byte{2, 0, 0, 0, 10, 10}
			}
			b.ReportAllocs()
			var a Answer
			for b.Loop() {
				k.server.Decide4(k.policy, &q, k.now, k.batch, &a)
			}
			if a.Type != LeaseActive {
				b.Fatal(a.Reason)
			}
		})
	}
}

// One walk over 100,000 leases and 2 M configured addresses, or for 1,000 of the leases.
func BenchmarkBulk(b *testing.B) {
	k := benchLeases(b, 100_000)
	for name, q := range map[string]*BulkQuery{
		"all":      bulkQuery(),
		"remoteID": bulkQuery(func(q *BulkQuery) { q.Client.Relay = sub(2, 7) }),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				k.server.Bulk(k.policy, q, ip(ours1), func() lease.Time { return k.now }, func(*Answer) bool { n++; return true })
			}
			b.ReportMetric(float64(n), "answers")
		})
	}
}
