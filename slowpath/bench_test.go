// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// benchServer has a pool of 65,536 addresses behind the real exchange.
func benchServer(b *testing.B) (*exchange.Server, *policy.Policy) {
	b.Helper()
	p, err := policy.Build(policy.Spec{
		Ports: []policy.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}},
		Subnets: []policy.SubnetSpec{{
			Prefix: netip.MustParsePrefix("10.0.0.0/8"), Times: policy.Times{Valid: 3600},
			Options: []policy.Option{routers, dns, domain, ntp, {Code: 119, Data: pattern(300)}},
			Pools: []policy.PoolSpec{{Ranges: []policy.Range{{
				First: netip.MustParseAddr("10.1.0.0"), Last: netip.MustParseAddr("10.1.255.255"),
			}}}},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	table, err := lease.New(lease.Options{Durable: func(lease.Ticket) bool { return true }})
	if err != nil {
		b.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		b.Fatal(err)
	}
	return &exchange.Server{Table: table}, p
}

// benchMessages are what the slow path gets: a message type behind a MAC that
// the benchmark changes.
func benchMessages(typ byte) map[string][]byte {
	list := opt(55, []byte{1, 3, 6, 15, 42, 51, 54, 58, 59})
	id := opt(61, append([]byte{1}, clientMAC...))
	info := opt(82, cat(opt(1, []byte("eth 0/7")), opt(2, []byte("olt-12"))))
	return map[string][]byte{
		"plain":      message(cat([]byte{53, 1, typ}, list, id)...),
		"split":      message(cat([]byte{53, 1, typ}, opt(55, []byte{1, 3, 6}), opt(55, []byte{15, 42}), id)...),
		"overloaded": fields(cat([]byte{53, 1, typ, 52, 1, 3}, list), cat(id, []byte{255}), opt(12, pattern(30))),
		"relayed":    with(message(cat([]byte{53, 1, typ}, list, id, info)...), atGiaddr, 10, 0, 0, 9),
		"overflow":   message(cat([]byte{53, 1, typ}, opt(55, []byte{1, 3, 6, 119}), id)...),
	}
}

// BenchmarkDiscover is DISCOVER to OFFER from 16,384 clients in turn: decode,
// decide, encode, as a frame.
func BenchmarkDiscover(b *testing.B) {
	for name, m := range benchMessages(dhcpDiscover) {
		b.Run(name, func(b *testing.B) {
			server, p := benchServer(b)
			c, batch, r := NewCodec(server), lease.NewBatch(1), new(Reply)
			data := fromClient().wrap(b, m)
			data[inUDP+6], data[inUDP+7] = 0, 0
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				n++
				binary.BigEndian.PutUint32(data[inDHCP+28+2:], n&0x3fff)
				c.Answer(p, data, 0, now, batch, r)
				if r.Verdict != frame.Reply {
					b.Fatal(r.Reason)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}

// BenchmarkExchange is a client's DISCOVER and REQUEST, with the change taken
// by a journal that is durable at once: what a client costs.
func BenchmarkExchange(b *testing.B) {
	server, p := benchServer(b)
	c, batch, r := NewCodec(server), lease.NewBatch(1), new(Reply)
	req := message(cat([]byte{53, 1, 3, 50, 4, 0, 0, 0, 0, 54, 4, 10, 0, 0, 1}, opt(55, []byte{1, 3, 6, 15, 42}))...)
	hello := message(cat([]byte{53, 1, 1}, opt(55, []byte{1, 3, 6, 15, 42}))...)
	meta := Meta{Dst: 1<<32 - 1, SrcPort: 68, DstPort: 67}
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		n++
		at := now + lease.Time(n>>14*60) // the same client a minute later: not a retransmission
		binary.BigEndian.PutUint32(hello[28+2:], n&0x3fff)
		binary.BigEndian.PutUint32(req[28+2:], n&0x3fff)
		c.AnswerUDP(p, hello, &meta, at, batch, r)
		if r.Verdict != frame.Reply {
			b.Fatal(r.Reason)
		}
		copy(req[240+5:], r.Message[16:20])
		c.AnswerUDP(p, req, &meta, at, batch, r)
		if r.Verdict == frame.Drop || r.Type != 5 {
			b.Fatal(r.Reason, r.Type)
		}
		if batch.Len() >= 64 {
			batch.Reset()
		}
	}
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// BenchmarkServe is all of it but the system calls: punt queue, batches, codec,
// exchange, journal, parked replies.
func BenchmarkServe(b *testing.B) {
	server, p := benchServer(b)
	journal := newJournal()
	journal.all = true
	s := New(Options{
		Exchange: server, Policy: func() *policy.Policy { return p }, Journal: journal, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return time.Unix(int64(now), 0) },
	})
	s.transmit = func(outgoing) error { return nil }
	f := &frame.Frame{Data: fromClient().wrap(b, benchMessages(dhcpDiscover)["split"])}
	f.Data[inUDP+6], f.Data[inUDP+7] = 0, 0
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		n++
		binary.BigEndian.PutUint32(f.Data[inDHCP+28+2:], n&0x3fff)
		s.Queue().Punt(f, frame.PuntSplit)
		if s.Queue().Len() == batchSize {
			s.gather(<-s.punted.full)
			s.turn()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if s.Counters().Verdict(frame.Drop) != 0 {
		b.Error("dropped")
	}
}
