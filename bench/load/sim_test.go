// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
)

// start makes a generator in virtual time.
func start(t *testing.T, cfg Config, server func(*frame.Frame) bool) (*Generator, *memory) {
	t.Helper()
	g, err := New(cfg, newMemory(server))
	if err != nil {
		t.Fatal(err)
	}
	return g, virtual(g)
}

func mustRun(t *testing.T, g *Generator, l Load) *Result {
	t.Helper()
	r, err := g.Run(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnAddressForTwoClients(t *testing.T) {
	same := func(r *reply) { r.msg.SetYiaddr(u32(first) + 7) }
	g, _ := start(t, relayed(10), faulty(0, same))
	// One after the other, so that the first has it when the others are offered it.
	if r := mustRun(t, g, Load{Window: 1, Count: 10}); r.Done["dora"] != 1 || r.Wrong["taken-address"] != 9 || len(r.Wrong) != 1 {
		t.Errorf("one by one: done %v, wrong %v", r.Done, r.Wrong)
	}
	// All at once: it is offered to all, and acknowledged to all.
	g, _ = start(t, relayed(10), faulty(0, same))
	if r := mustRun(t, g, Load{Count: 10}); r.Done["dora"] != 1 || r.Wrong["taken-address"] != 9 || r.Sent["request"] != 10 {
		t.Errorf("at once: done %v, wrong %v, sent %v", r.Done, r.Wrong, r.Sent)
	}
}

func TestAnAddressIsFreeAgainAfterReleaseAndExpiry(t *testing.T) {
	same := func(r *reply) {
		r.msg.SetYiaddr(u32(first) + 7)
		copy(r.option(dhcp4.OptLeaseTime), []byte{0, 0, 0, 60})
	}
	cfg := relayed(10)
	g, m := start(t, cfg, faulty(0, same))
	done := uint64(0)
	for range 5 {
		r := mustRun(t, g, Load{Window: 1, Count: 1})
		done += r.Done["dora"]
		if r := mustRun(t, g, Load{Window: 1, Count: 1, Mix: Mix{Release: 1}}); r.Done["release"] != 1 || r.Sent["release"] != 1 {
			t.Fatalf("release: %+v", r)
		}
	}
	for range 3 {
		done += mustRun(t, g, Load{Window: 1, Count: 1}).Done["dora"]
		m.now = m.now.Add(61 * time.Second)
	}
	if done != 8 {
		t.Errorf("%d leases of one address in turn, want 8", done)
	}
	// A lease that has expired is nothing to renew.
	if r := mustRun(t, g, Load{Window: 1, Count: 1, Mix: Mix{Renew: 1}}); r.Starved["renew"] != 1 || len(r.Sent) != 0 {
		t.Errorf("renewal of an expired lease: %+v", r)
	}
}

func TestARenewalKeepsTheAddress(t *testing.T) {
	moving := false
	g, _ := start(t, relayed(10), faulty(dhcp4.Ack, func(r *reply) {
		if moving {
			r.msg.SetYiaddr(r.msg.Yiaddr() + 1000)
			r.headers.Dst = r.msg.Ciaddr()
		}
	}))
	mustRun(t, g, Load{Window: 10, Count: 10})
	if r := mustRun(t, g, Load{Window: 10, Count: 10, Mix: Mix{Renew: 1}}); r.Done["renew"] != 10 || r.Latency["renew"].Count != 10 {
		t.Errorf("%+v", r)
	}
	moving = true
	if r := mustRun(t, g, Load{Window: 10, Count: 10, Mix: Mix{Renew: 1}}); r.Wrong["wrong-address"] != 10 || r.Lost["renew"] != 10 {
		t.Errorf("%+v", r)
	}
	if g.Bound() != 10 {
		t.Errorf("%d clients still have their lease, want all: nobody has taken it", g.Bound())
	}
}

func TestANakEndsTheExchangeAndTheLease(t *testing.T) {
	nak := func(r *reply) { r.option(dhcp4.OptMessageType)[0] = dhcp4.Nak; r.msg.SetYiaddr(0) }
	g, _ := start(t, relayed(10), faulty(dhcp4.Ack, nak))
	if r := mustRun(t, g, Load{Window: 10, Count: 10}); r.Refused["dora"] != 10 || r.WrongTotal() != 0 || g.Bound() != 0 || sum(r.Lost) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestAServerThatMovesKnownClients(t *testing.T) {
	moved := uint32(0)
	g, _ := start(t, relayed(10), faulty(0, func(r *reply) { r.msg.SetYiaddr(r.msg.Yiaddr() + moved) }))
	mustRun(t, g, Load{Window: 10, Count: 10})
	if r := mustRun(t, g, Load{Window: 10, Count: 10}); r.Moved != 0 || r.Done["dora"] != 10 {
		t.Errorf("a client that boots again: %+v", r)
	}
	moved = 100
	if r := mustRun(t, g, Load{Window: 10, Count: 10}); r.Moved != 10 || r.Done["dora"] != 10 || r.WrongTotal() != 0 {
		t.Errorf("moved: %+v", r)
	}
	// Their old addresses are nobody's now.
	if _, held := g.sim.proto.(*four).holders.get(u32(first) + 3); held {
		t.Error("an address that was given up is still held")
	}
}

func TestLostAndSentAgain(t *testing.T) {
	stub, n := newStub(), 0
	deaf := func(f *frame.Frame) bool { n++; return n > 30 && stub.Answer(f) }
	cfg := relayed(10)
	cfg.Waits = []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second}
	g, m := start(t, cfg, deaf)
	began := m.now
	r := mustRun(t, g, Load{Count: 10})
	// Three tries of each of ten clients are not heard, the fourth is.
	if r.Done["dora"] != 10 || r.Sent["discover"] != 10 || r.Resent["discover"] != 30 || sum(r.Lost) != 0 {
		t.Errorf("%+v", r)
	}
	// The whole wait counts: 4 + 8 + 16 seconds.
	if l := r.Latency["dora"]; l.P50 < 28*time.Second || l.Max > 28*time.Second+100*time.Millisecond {
		t.Errorf("latency %+v, want 28 s", l)
	}
	if took := m.now.Sub(began); took > 29*time.Second {
		t.Errorf("it took %v", took)
	}

	n = -1 << 30
	r = mustRun(t, g, Load{Count: 10, Mix: Mix{Renew: 1}})
	if r.Lost["renew"] != 10 || r.Resent["renew"] != 30 || r.DropRatio != 1 || g.Bound() != 10 {
		t.Errorf("%+v, %d bound", r, g.Bound())
	}
}

func TestLateAnswersAreNotWrong(t *testing.T) {
	stub := newStub()
	var m *memory
	var held []frame.Frame
	slow := func(f *frame.Frame) bool {
		if stub.Answer(f) {
			m.keep(&held, f)
		}
		return false
	}
	g, m := start(t, relayed(10), slow)
	if r := mustRun(t, g, Load{Window: 10, Count: 10}); r.Lost["discover"] != 10 {
		t.Fatalf("%+v", r)
	}
	// Now they come, while the clients try again; and every answer comes twice.
	m.server = func(f *frame.Frame) bool {
		if stub.Answer(f) {
			twice := frame.Frame{Data: append(m.spare[len(m.spare)-1], f.Data...)}
			m.spare = m.spare[:len(m.spare)-1]
			m.arrived = append(m.arrived, twice)
			return true
		}
		return false
	}
	m.arrived = append(m.arrived, held...)
	r := mustRun(t, g, Load{Window: 10, Count: 10})
	// Ten old OFFERs, ten second OFFERs; a run ends with the last ACK, so of
	// the second ACKs some are never looked at.
	if r.Done["dora"] != 10 || r.WrongTotal() != 0 || r.Late < 20 || r.Late > 30 {
		t.Errorf("%+v", r)
	}
}

func TestOnAck(t *testing.T) {
	var acks []Ack
	batches := 0
	cfg := relayed(10)
	cfg.OnAck = func(a Ack) { acks = append(acks, a) }
	cfg.AfterBatch = func() error { batches++; return nil }
	g, m := start(t, cfg, newStub().Answer)
	before := m.now
	mustRun(t, g, Load{Window: 1, Count: 10})
	if len(acks) != 10 || batches != 10 {
		t.Fatalf("%d ACKs in %d batches", len(acks), batches)
	}
	for i, a := range acks {
		want := Ack{At: a.At, MAC: MAC{2, 0x0d, 0, 0, 0, byte(i)}, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Lease: 3600}
		if a != want || a.At.Before(before) || a.At.After(m.now) {
			t.Errorf("ACK %d: %+v, want %+v", i, a, want)
		}
	}
}

func TestInterruptedAndContinued(t *testing.T) {
	g, _ := start(t, relayed(10), func(*frame.Frame) bool { return false })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := g.Run(ctx, Load{Window: 5, Count: 10})
	if err != nil || !r.Interrupted {
		t.Fatalf("%+v, %v", r, err)
	}
	g.t.(*memory).server = newStub().Answer
	if r := mustRun(t, g, Load{Window: 5, Count: 10}); r.Done["dora"] != 10 || g.Bound() != 10 {
		t.Errorf("%+v", r)
	}
}

func TestAWindowWiderThanTheClients(t *testing.T) {
	g, _ := start(t, relayed(10), newStub().Answer)
	if r := mustRun(t, g, Load{Window: 100, Count: 1000}); r.Done["dora"] != 1000 || len(r.Starved) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestXIDs(t *testing.T) {
	for _, clients := range []int{1, 2, 3, 1000, 1 << 20, MaxClients} {
		x := newXIDs(clients)
		for _, i := range []uint32{0, 1, uint32(clients) / 2, uint32(clients) - 1} {
			i = min(i, uint32(clients)-1)
			for _, count := range []uint32{0, 1, 255, 1 << 20, 1<<32 - 1} {
				xid := x.make(i, count)
				if client, _ := x.split(xid); client != i || !x.current(xid, i, count) || x.current(xid, i, count+1) {
					t.Errorf("%d clients: number %#x of client %d, exchange %d, is taken for client %d", clients, xid, i, count, client)
				}
			}
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]Config{
		"no clients":               {},
		"too many":                 {Clients: MaxClients + 1},
		"group address":            {Clients: 1, FirstMAC: MAC{1}},
		"relay without server":     {Clients: 1, Relays: []netip.Addr{relayIP}},
		"relay that is v6":         {Clients: 1, Server: serverIP, Relays: []netip.Addr{netip.IPv6Loopback()}},
		"three tags":               {Clients: 1, Tags: []Tag{{First: 1}, {First: 1}, {First: 1}}},
		"VLAN 0":                   {Clients: 1, Tags: []Tag{{}}},
		"VLANs beyond the last":    {Clients: 1, Tags: []Tag{{First: 4000, Count: 96}}},
		"a wait of nothing":        {Clients: 1, Waits: []time.Duration{0}},
		"pool that is v6":          {Clients: 1, Pools: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
		"server id that is v6":     {Clients: 1, ServerIDs: []netip.Addr{netip.IPv6Loopback()}},
		"requirement of a pad":     {Clients: 1, Require: []uint8{0}},
		"relay that is no address": {Clients: 1, Server: serverIP, Relays: []netip.Addr{{}}},
	} {
		if _, err := New(c, newMemory(nil)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
