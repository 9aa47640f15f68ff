// SPDX-License-Identifier: Apache-2.0

package load

import (
	"testing"
	"time"

	"xdhcp/engine/frame"
)

// exchanger runs one DORA a call through sim and stub, without a transport.
func exchanger(t testing.TB, clients int) func() {
	cfg := relayed(clients)
	if err := cfg.complete(MAC{2, 1, 1, 1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	s, stub := newSim(&cfg, 0), newStub()
	a, b := frame.Frame{Data: make([]byte, 0, 1792)}, frame.Frame{Data: make([]byte, 0, 1792)}
	now := int64(0)
	return func() {
		now += 1000
		a.Data = a.Data[:s.begin(DORA, now, now, a.Data[:cap(a.Data)])]
		if !stub.Answer(&a) {
			t.Fatal("no OFFER")
		}
		b.Data = b.Data[:s.receive(a.Data, now, b.Data[:cap(b.Data)])]
		if !stub.Answer(&b) {
			t.Fatal("no ACK")
		}
		if s.receive(b.Data, now, nil) != 0 || s.inFlight != 0 {
			t.Fatal("not done")
		}
		s.expire(now, nil)
	}
}

// BenchmarkDORA is what an exchange costs the generator and the stub together.
func BenchmarkDORA(b *testing.B) {
	one := exchanger(b, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	one := exchanger(t, 1<<10)
	for range 1 << 12 { // every client once, every timer's place, every page
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations an exchange", n)
	}
	m := newMemory(newStub().Answer)
	g, err := New(relayed(1<<10), m)
	if err != nil {
		t.Fatal(err)
	}
	g.sim.tally.epoch = time.Now()
	sched := newSchedule(Load{Window: 32, Count: 1 << 30, Mix: Mix{DORA: 50, Renew: 30, Rebind: 10, Release: 10}})
	turn := func() {
		if _, _, err := g.turn(&sched, 0, g.now()); err != nil {
			t.Fatal(err)
		}
	}
	for range 1 << 10 {
		turn()
	}
	if n := testing.AllocsPerRun(1000, turn); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
	if n := total(g.sim.tally.wrong[:]); n > 0 || total(g.sim.tally.done[:]) < 1000 {
		t.Errorf("%d wrong, %d done", n, total(g.sim.tally.done[:]))
	}
}
