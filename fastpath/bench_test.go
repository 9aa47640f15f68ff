// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

const crowdSize = 1 << 20

// crowd is 1 M clients behind a relay that all have a lease. A plain one is known
// by its chaddr; the others have a client identifier of 7 bytes and a host name,
// and the relay adds 24 bytes of information.
type crowd struct {
	h     *Handler
	batch *lease.Batch
	addr  []uint32 // by client
	now   time.Time

	discover, request, renew template

	bufs [worker.BatchSize][]byte
	fs   [worker.BatchSize]frame.Frame
	rnd  *rand.Rand
}

// template is a frame in which each client's own bytes are patched.
type template struct {
	frame []byte
	at    struct{ xid, chaddr, clientID, circuit, requested, ciaddr, src int } // 0: not there
}

// serve makes the server of a configuration, without leases.
func (c *crowd) serve(b *testing.B, s policy.Spec) {
	p, err := policy.Build(s)
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
	var source atomic.Pointer[policy.Policy]
	source.Store(p)
	c.h, c.batch, c.now = New(&exchange.Server{Table: table}, &source), lease.NewBatch(1), start
	c.rnd = rand.New(rand.NewPCG(7, 8))
	for i := range c.bufs {
		c.bufs[i] = make([]byte, 2048)
	}
}

var crowds = map[bool]*crowd{}

// newCrowd gives each client its lease by DISCOVER and REQUEST, once for all
// benchmarks.
func newCrowd(b *testing.B, plain bool) *crowd {
	if c := crowds[plain]; c != nil {
		return c
	}
	s := spec()
	s.Subnets = append(s.Subnets, policy.SubnetSpec{
		Prefix:  netip.MustParsePrefix("100.64.0.0/10"),
		Pools:   []policy.PoolSpec{{Ranges: []policy.Range{{First: netip.MustParseAddr("100.64.1.0"), Last: netip.MustParseAddr("100.95.255.255")}}}},
		Times:   policy.Times{Valid: 86400},
		Options: []policy.Option{{Code: 3, Data: []byte{100, 64, 0, 1}}},
	})
	c := new(crowd)
	c.serve(b, s)
	c.addr = make([]uint32, crowdSize)
	gi := net.IP{100, 64, 0, 1}
	mods := func(more ...dhcpv4.Modifier) []dhcpv4.Modifier {
		all := append([]dhcpv4.Modifier{option(55, 1, 3, 6, 15, 28, 42, 119, 121)}, more...)
		if plain {
			return all
		}
		return append(all, option(57, 5, 220), option(61, 1, 0xc1, 0xc1, 0xc1, 0xc1, 0xc1, 0xc1), option(12, []byte("host")...))
	}
	r82 := func(*dhcpv4.DHCPv4) {}
	if !plain {
		r82 = option(82, 1, 8, 0xc2, 0xc2, 0xc2, 0xc2, 0, 0, 0, 7, 2, 12, 'a', 'c', 'c', 'e', 's', 's', '-', 'n', 'o', 'd', 'e', '1')
	}
	around := packet{src: relayMAC, dst: portMAC, from: gi, to: server, sport: 67, dport: 67}
	c.discover = newTemplate(b, around, message(b, dhcpv4.MessageTypeDiscover, mods(giaddr(gi), r82)...))
	c.request = newTemplate(b, around, message(b, dhcpv4.MessageTypeRequest, mods(giaddr(gi), r82, option(50, 0xc3, 0xc3, 0xc3, 0xc3), option(54, server...))...))
	// A renewal goes past the relay.
	around = packet{src: relayMAC, dst: portMAC, from: net.IP{0xc4, 0xc4, 0xc4, 0xc4}, to: server, sport: 68, dport: 67}
	c.renew = newTemplate(b, around, message(b, dhcpv4.MessageTypeRequest, mods(ciaddr(net.IP{0xc4, 0xc4, 0xc4, 0xc4}))...))

	for i := 0; i < crowdSize; i += worker.BatchSize {
		for _, t := range []*template{&c.discover, &c.request} {
			c.begin()
			for j := range worker.BatchSize {
				c.load(t, j, uint32(i+j))
				v, why := c.handle(j)
				if v != frame.Reply && v != frame.Await {
					b.Fatalf("client %d of %d: %v, %v", i+j, crowdSize, v, why)
				}
				// yiaddr
				c.addr[i+j] = binary.BigEndian.Uint32(c.fs[j].Data[42+16:])
			}
		}
	}
	for _, a := range c.addr {
		if a == 0 {
			b.Fatal("a client without a lease")
		}
	}
	crowds[plain] = c
	return c
}

// newTemplate finds the places of a client's own bytes by their marks.
func newTemplate(b *testing.B, around packet, m *dhcpv4.DHCPv4) (t template) {
	t.frame = around.frame(b, m.ToBytes())
	find := func(mark byte, n int) int {
		for i := 26; i+n <= len(t.frame); i++ {
			run := 0
			for run < n && t.frame[i+run] == mark {
				run++
			}
			if run == n {
				return i
			}
		}
		return 0
	}
	t.at.xid, t.at.chaddr = 42+4, 42+28
	t.at.clientID, t.at.circuit = find(0xc1, 6), find(0xc2, 4)
	t.at.requested = find(0xc3, 4)
	if t.at.src = find(0xc4, 4); t.at.src != 0 {
		t.at.ciaddr = 42 + 12
	}
	return t
}

// begin opens a batch.
func (c *crowd) begin() {
	c.batch.Reset()
	c.h.Begin(c.now, worker.Calm)
}

// load makes frame j of the batch client id's. The checksums are kept right the
// cheap way (RFC 1624), so that the figure is not the sender's work.
func (c *crowd) load(t *template, j int, id uint32) {
	b := c.bufs[j][:copy(c.bufs[j], t.frame)]
	check := binary.BigEndian.Uint16(b[40:])
	put16 := func(at int, v uint16) {
		if at&1 == 0 {
			check = eth.Update(check, binary.BigEndian.Uint16(b[at:]), v)
		} else {
			was := binary.BigEndian.Uint16(b[at:])
			check = eth.Update(check, was>>8|was<<8, v>>8|v<<8)
		}
		binary.BigEndian.PutUint16(b[at:], v)
	}
	put := func(at int, v uint32) {
		if at != 0 {
			put16(at, uint16(v>>16))
			put16(at+2, uint16(v))
		}
	}
	put(t.at.xid, id*2654435761)
	put(t.at.chaddr+2, id)
	if at := t.at.clientID; at != 0 {
		put(at+2, id)
	}
	put(t.at.circuit, id)
	addr := c.addr[id]
	put(t.at.requested, addr)
	put(t.at.ciaddr, addr)
	if at := t.at.src; at != 0 {
		ip := eth.IPv4(b[14:])
		put(26, addr)
		ip.SetChecksum()
	}
	binary.BigEndian.PutUint16(b[40:], check)
	c.fs[j] = frame.Frame{Data: b}
}

func (c *crowd) handle(j int) (frame.Verdict, frame.Reason) {
	v, why, _ := c.h.Handle(&c.fs[j], c.batch)
	return v, why
}

// run is the benchmark with random clients.
func (c *crowd) run(b *testing.B, t *template, want frame.Verdict) {
	c.time(b, want, func(j int) { c.load(t, j, c.rnd.Uint32N(crowdSize)) })
}

// time handles batches of frames that load makes. What is timed is what a worker
// does with a batch, and not the making of the frames: looking up a random client's
// address would add a wait for memory that is not the server's.
//
// ns/op is the mean, p50-ns/op the median over the batches: on a shared machine
// the mean has other people's work in it.
func (c *crowd) time(b *testing.B, want frame.Verdict, load func(j int)) {
	var spent time.Duration
	batches := make([]time.Duration, 0, b.N/worker.BatchSize+1)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += worker.BatchSize {
		c.now = c.now.Add(time.Second)
		k := min(worker.BatchSize, b.N-n)
		for j := range k {
			load(j)
		}
		began := time.Now()
		c.begin()
		c.h.Prepare(c.fs[:k])
		for j := range k {
			if v, why := c.handle(j); v != want {
				b.Fatalf("%v: %v", v, why)
			}
		}
		took := time.Since(began)
		spent += took
		if k == worker.BatchSize {
			batches = append(batches, took/worker.BatchSize)
		}
	}
	b.ReportMetric(float64(spent)/float64(b.N), "ns/op")
	if len(batches) > 0 {
		slices.Sort(batches)
		b.ReportMetric(float64(batches[len(batches)/2]), "p50-ns/op")
	}
}

// BenchmarkHandle is a message's whole way through the fast path with 1 M leases
// in the table: parse, decide, encode. The clients are random, so that the
// table's memory is cold. Time has gone on since each client's last message, so
// that every REQUEST is journaled.
func BenchmarkHandle(b *testing.B) {
	for _, plain := range []bool{true, false} {
		name := "line/"
		if plain {
			name = "plain/"
		}
		c := newCrowd(b, plain)
		b.Run(name+"discover", func(b *testing.B) { c.run(b, &c.discover, frame.Reply) })
		b.Run(name+"request", func(b *testing.B) { c.run(b, &c.request, frame.Await) })
		b.Run(name+"renew", func(b *testing.B) { c.run(b, &c.renew, frame.Await) })
	}
}

// BenchmarkCodec is the same without a decision: parse, query, encode.
func BenchmarkCodec(b *testing.B) {
	r := newRig(b, spec())
	a := r.offer()
	in := direct().frame(b, message(b, dhcpv4.MessageTypeDiscover, option(55, 1, 3, 6, 15, 28, 42), option(61, 1, 2, 0xcc, 0, 0, 0, 9)).ToBytes())
	buf := make([]byte, 2048)
	b.ReportAllocs()
	for b.Loop() {
		f := frame.Frame{Data: buf[:copy(buf, in)]}
		r.h.parse(&f)
		if why := r.h.why; why != frame.OK {
			b.Fatal(why)
		}
		r.h.answer = a
		if why := r.h.encode(&f); why != frame.OK || dhcp4.Msg(f.Data[42:]).Op() != dhcp4.BootReply {
			b.Fatal(why)
		}
	}
}
