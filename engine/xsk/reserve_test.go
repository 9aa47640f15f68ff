// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/internal/nettest"
)

func TestTheReserveIsLentAndComesBack(t *testing.T) {
	s, k := heapSocketWith(Config{Reserve: 3})
	if n := k.fill.prod.Load() - k.fill.cons.Load(); n != 5 {
		t.Fatalf("%d frames to receive into, want 5 of 8", n)
	}
	batch := make([]frame.Frame, 8)
	round := 0
	cycle := func() {
		round++
		n := s.Alloc(batch)
		if n != 3 {
			t.Fatalf("round %d: Alloc = %d, want the reserve's 3", round, n)
		}
		if s.Alloc(batch[n:]) != 0 {
			t.Fatalf("round %d: more than the reserve", round)
		}
		for i := range batch[:n] {
			f := &batch[i]
			if len(f.Data) != 0 || cap(f.Data) != smallChunk-headroom || f.Port != 7 {
				t.Fatalf("round %d: frame %+v of %d", round, f, cap(f.Data))
			}
			f.Data = append(f.Data, "a frame of our own"...)
		}
		s.Send(batch[:n])
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		s.Recv(batch[:0]) // recycles
	}
	for range 100 {
		cycle()
	}
	if len(k.wire) != 300 || string(k.wire[299]) != "a frame of our own" {
		t.Errorf("%d frames on the wire", len(k.wire))
	}
	if st := s.Stats(); st.Allocated != 300 || st.Bad != 0 || st.Refused != 0 {
		t.Errorf("counted %+v", st)
	}
	checkHome(t, s, k)
}

func TestTheReserveTakesNoMoreThanItHasLent(t *testing.T) {
	s, k := heapSocketWith(Config{Reserve: 2})
	var own [1]frame.Frame
	s.Alloc(own[:])
	own[0].Data = append(own[0].Data, packet(1)...)
	// Two answers in place complete while one frame of the reserve is out: the
	// first makes the reserve full, the second is received into.
	answers := []frame.Frame{take(t, s, k, 2), take(t, s, k, 3)}
	s.Send(answers)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Recv(nil)
	if len(s.reserve) != 2 {
		t.Errorf("%d in the reserve", len(s.reserve))
	}
	s.Send(own[:])
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	checkHome(t, s, k)
	if len(s.reserve) != 2 {
		t.Errorf("%d in the reserve at the end", len(s.reserve))
	}
}

func TestAllocDoesNotAllocate(t *testing.T) {
	s, k := heapSocketWith(Config{Reserve: 4})
	batch := make([]frame.Frame, 4)
	k.onSend = func() unix.Errno { // as the default, without keeping what was sent
		for k.tx.cons.Load() != k.tx.prod.Load() {
			d := k.tx.slots[int(k.tx.cons.Load())%len(k.tx.slots)]
			k.tx.cons.Add(1)
			k.complete(d)
		}
		return 0
	}
	if n := testing.AllocsPerRun(100, func() {
		if got := s.Alloc(batch); got != 4 {
			t.Fatalf("Alloc = %d", got)
		}
		for i := range batch {
			batch[i].Data = append(batch[i].Data, "a frame of our own"...)
		}
		s.Send(batch)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		s.Recv(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAllocOnAClosedSocket(t *testing.T) {
	s, _ := heapSocketWith(Config{Reserve: 4})
	s.closed = true
	if n := s.Alloc(make([]frame.Frame, 1)); n != 0 {
		t.Errorf("Alloc = %d", n)
	}
}

func TestReserveMustLeaveFrames(t *testing.T) {
	for reserve, ok := range map[int]bool{-1: false, 0: true, 63: true, 64: false} {
		c := Config{Frames: 64, Reserve: reserve}
		if err := c.complete(device{mtu: 1500}); (err == nil) != ok {
			t.Errorf("a reserve of %d of 64: %v", reserve, err)
		}
	}
}

func TestOwnFramesOnVeth(t *testing.T) {
	p := nettest.Veth(t)
	s := mustOpen(t, p.Client, Config{Frames: 256, Reserve: 128})
	peer := p.Server.Packet(t)
	batch := make([]frame.Frame, 100)
	want := append(append(append([]byte(nil), p.Server.MAC...), p.Client.MAC...), 0x88, 0xb5)
	want = append(want, bytes.Repeat([]byte{'x'}, 50)...)
	for range 10 {
		n := 0
		for deadline := time.Now().Add(5 * time.Second); n == 0; n = s.Alloc(batch) {
			if time.Now().After(deadline) {
				t.Fatal("the reserve is not filled again")
			}
			s.Recv(nil)
		}
		for i := range batch[:n] {
			batch[i].Data = append(batch[i].Data, want...)
		}
		s.Send(batch[:n])
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		for range n {
			if got := peer.Recv(5 * time.Second); !bytes.Equal(got, want) {
				t.Fatalf("got % x", got)
			}
		}
	}
}
