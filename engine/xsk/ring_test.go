// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// heapRing is a ring on ordinary memory. The tests play the kernel with plain
// index arithmetic, not with the types under test.
type heapRing[T slot] struct {
	slots             []T
	prod, cons, flags atomic.Uint32
}

// newHeapRing makes a ring of n slots whose indices are about to wrap.
func newHeapRing[T slot](n int) *heapRing[T] {
	r := &heapRing[T]{slots: make([]T, n)}
	r.prod.Store(math.MaxUint32 - 2)
	r.cons.Store(math.MaxUint32 - 2)
	return r
}

func (r *heapRing[T]) producer() prodRing[T] {
	return newProdRing(r.slots, &r.prod, &r.cons, &r.flags)
}

func (r *heapRing[T]) consumer() consRing[T] {
	return newConsRing(r.slots, &r.prod, &r.cons)
}

// kernelTake drains up to n slots as the kernel does.
func (r *heapRing[T]) kernelTake(n int) []T {
	var out []T
	cons, prod := r.cons.Load(), r.prod.Load()
	for ; cons != prod && len(out) < n; cons++ {
		out = append(out, r.slots[int(cons)%len(r.slots)])
	}
	r.cons.Store(cons)
	return out
}

// kernelPut fills slots as the kernel does and says how many had room.
func (r *heapRing[T]) kernelPut(vs ...T) int {
	prod, cons := r.prod.Load(), r.cons.Load()
	n := 0
	for _, v := range vs {
		if int(prod-cons) == len(r.slots) {
			break
		}
		r.slots[int(prod)%len(r.slots)] = v
		prod++
		n++
	}
	r.prod.Store(prod)
	return n
}

func TestProdRingFillsToTheLastSlotAndNoFurther(t *testing.T) {
	h := newHeapRing[uint64](4)
	r := h.producer()
	if got := r.room(100); got != 4 {
		t.Fatalf("room of an empty ring of 4 = %d", got)
	}
	for v := uint64(10); v < 14; v++ {
		r.put(v)
	}
	if got := h.kernelTake(4); got != nil {
		t.Errorf("kernel sees %v before submit", got)
	}
	r.submit()
	if got := r.room(1); got != 0 {
		t.Errorf("room of a full ring = %d", got)
	}
	if got := r.pending(); got != 4 {
		t.Errorf("pending = %d, want 4", got)
	}
	if got := h.kernelTake(3); !slices.Equal(got, []uint64{10, 11, 12}) {
		t.Errorf("kernel took %v", got)
	}
	if got := r.room(9); got != 3 {
		t.Errorf("room after the kernel took 3 = %d", got)
	}
	if h.prod.Load() != 1 {
		t.Errorf("producer index = %d, want 1: it has wrapped", h.prod.Load())
	}
}

func TestConsRingTakesWhatIsThereAndNoMore(t *testing.T) {
	h := newHeapRing[unix.XDPDesc](4)
	r := h.consumer()
	if got := r.ready(100); got != 0 {
		t.Fatalf("ready on an empty ring = %d", got)
	}
	for i := range uint64(6) {
		want := 1
		if i >= 4 {
			want = 0
		}
		if got := h.kernelPut(unix.XDPDesc{Addr: i, Len: uint32(i)}); got != want {
			t.Fatalf("kernel put %d of number %d", got, i)
		}
	}
	if got := r.ready(3); got != 3 {
		t.Fatalf("ready(3) = %d", got)
	}
	for i := range uint64(3) {
		if got := r.get(); got.Addr != i || got.Len != uint32(i) {
			t.Errorf("slot %d = %+v", i, got)
		}
	}
	if got := h.kernelPut(unix.XDPDesc{}); got != 0 {
		t.Error("the kernel found room before release")
	}
	r.release()
	if got := h.kernelPut(unix.XDPDesc{Addr: 99}); got != 1 {
		t.Error("the kernel found no room after release")
	}
	if got := r.ready(9); got != 2 {
		t.Errorf("ready = %d, want the old one and the new one", got)
	}
}

func TestNeedWakeupFollowsTheKernelsFlag(t *testing.T) {
	h := newHeapRing[uint64](2)
	r := h.producer()
	if r.needWakeup() {
		t.Error("wake-up wanted with no flag set")
	}
	h.flags.Store(unix.XDP_RING_NEED_WAKEUP)
	if !r.needWakeup() {
		t.Error("the flag is not seen")
	}
	h.flags.Store(^uint32(unix.XDP_RING_NEED_WAKEUP))
	if r.needWakeup() {
		t.Error("another flag is taken for it")
	}
}

// The other side runs on its own goroutine: under the race detector this
// checks that an index is never published before the slot.
func TestRingsAgainstAConcurrentKernel(t *testing.T) {
	const total = 20_000
	in, out := newHeapRing[uint64](8), newHeapRing[uint64](8)
	go func() {
		for moved := 0; moved < total; {
			for _, v := range in.kernelTake(3) {
				for out.kernelPut(v) == 0 {
				}
				moved++
			}
		}
	}()
	p, c := in.producer(), out.consumer()
	var sent, got uint64
	for got < total {
		for range p.room(uint32(min(5, total-sent))) {
			p.put(sent)
			sent++
		}
		p.submit()
		for range c.ready(7) {
			if v := c.get(); v != got {
				t.Fatalf("number %d arrived as %d", got, v)
			}
			got++
		}
		c.release()
	}
}

// FuzzRings drives both types by a script of bytes against slices.
func FuzzRings(f *testing.F) {
	f.Add([]byte{0x03, 0x13, 0x23, 0x33})
	f.Add([]byte{0x07, 0x02, 0x1f, 0x05, 0x11, 0x2f, 0x3f, 0x20, 0x30, 0x0f, 0x1f})
	f.Fuzz(func(t *testing.T, script []byte) {
		const size = 8
		ph, ch := newHeapRing[uint64](size), newHeapRing[unix.XDPDesc](size)
		p, c := ph.producer(), ch.consumer()
		// The models: what is in the ring, and how much of it is visible to
		// the other side (prod) or still occupies the ring (cons).
		var unsubmitted, inProd, inCons []uint64
		unreleased := 0
		next := uint64(1)
		for _, b := range script {
			n := int(b & 0x0f)
			switch b >> 4 & 3 {
			case 0: // we put, and submit if bit 6 is not set
				room := int(p.room(uint32(n)))
				if want := min(n, size-len(inProd)-len(unsubmitted)); room != want {
					t.Fatalf("room(%d) = %d, want %d", n, room, want)
				}
				for range room {
					p.put(next)
					unsubmitted = append(unsubmitted, next)
					next++
				}
				if b&0x40 == 0 {
					p.submit()
					inProd = append(inProd, unsubmitted...)
					unsubmitted = nil
				}
			case 1: // the kernel takes
				got := ph.kernelTake(n)
				k := min(n, len(inProd))
				if !slices.Equal(got, inProd[:k]) {
					t.Fatalf("kernel took %v, want %v", got, inProd[:k])
				}
				inProd = inProd[k:]
			case 2: // the kernel puts
				for range n {
					if ch.kernelPut(unix.XDPDesc{Addr: next, Len: uint32(next)}) != 0 {
						inCons = append(inCons, next)
					} else if len(inCons)+unreleased != size {
						t.Fatalf("the kernel finds a ring full that holds %d + %d", len(inCons), unreleased)
					}
					next++
				}
			case 3: // we get, and release if bit 6 is not set
				ready := int(c.ready(uint32(n)))
				if want := min(n, len(inCons)); ready != want {
					t.Fatalf("ready(%d) = %d, want %d", n, ready, want)
				}
				for i := range ready {
					if got := c.get(); got.Addr != inCons[i] || got.Len != uint32(inCons[i]) {
						t.Fatalf("got %+v, want %d", got, inCons[i])
					}
				}
				inCons = inCons[ready:]
				unreleased += ready
				if b&0x40 == 0 {
					c.release()
					unreleased = 0
				}
			}
			if got := int(p.pending()); got != len(inProd)+len(unsubmitted) {
				t.Fatalf("pending = %d, want %d", got, len(inProd)+len(unsubmitted))
			}
		}
	})
}

func BenchmarkRings(b *testing.B) {
	b.ReportAllocs()
	in := newHeapRing[unix.XDPDesc](1024)
	p := in.producer()
	c := in.consumer()
	for b.Loop() {
		for range p.room(64) {
			p.put(unix.XDPDesc{Addr: 4096, Len: 350})
		}
		p.submit()
		for range c.ready(64) {
			c.get()
		}
		c.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/frame")
}
