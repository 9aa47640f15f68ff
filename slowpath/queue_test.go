// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"context"
	"testing"

	"xdhcp/engine/frame"
)

func TestPunt(t *testing.T) {
	q := NewQueue(2)
	data := []byte("first")
	f := &frame.Frame{Data: data, Port: 7}
	if !q.Punt(f, frame.PuntSplit) {
		t.Fatal("refused by an empty queue")
	}
	copy(data, "xxxxx") // the worker uses its memory again
	if !q.Punt(&frame.Frame{Data: []byte("second")}, frame.PuntOption) {
		t.Fatal("refused with one place left")
	}
	if q.Punt(f, frame.PuntSplit) {
		t.Error("taken by a full queue")
	}
	if q.Len() != 2 || q.Cap() != 2 {
		t.Errorf("%d of %d", q.Len(), q.Cap())
	}
	p := <-q.full
	if string(p.data) != "first" || p.port != 7 || p.why != frame.PuntSplit || p.road != roadFrame {
		t.Errorf("%+v", p)
	}
	if q.Punt(f, frame.PuntSplit) {
		t.Error("a packet in hand was used again")
	}
	q.done(p)
	if !q.Punt(f, frame.PuntSplit) {
		t.Error("refused with one place left")
	}
	if p := <-q.full; string(p.data) != "second" {
		t.Errorf("%q out of turn", p.data)
	}
}

func TestPuntCutsWhatIsTooLong(t *testing.T) {
	q := NewQueue(1)
	q.Punt(&frame.Frame{Data: bytes.Repeat([]byte("x"), maxPacket+1)}, frame.PuntOption)
	if p := <-q.full; len(p.data) != maxPacket {
		t.Errorf("%d bytes", len(p.data))
	}
}

func TestPuntDoesNotAllocate(t *testing.T) {
	q := NewQueue(8)
	f := &frame.Frame{Data: make([]byte, 350)}
	turn := func() {
		for q.Punt(f, frame.PuntOption) {
		}
		for q.Len() > 0 {
			q.done(<-q.full)
		}
	}
	turn()
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	q := NewQueue(1)
	ctx, cancel := context.WithCancel(t.Context())
	if q.take(ctx) == nil {
		t.Fatal("nothing from a new queue")
	}
	cancel()
	if q.take(ctx) != nil {
		t.Error("something from an empty queue")
	}
}

func BenchmarkPunt(b *testing.B) {
	q := NewQueue(64)
	f := &frame.Frame{Data: make([]byte, 350)}
	b.ReportAllocs()
	for b.Loop() {
		q.Punt(f, frame.PuntOption)
		q.done(<-q.full)
	}
}
