// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

// fakeKernel is the other side of a socket on heap memory. Without a script it
// transmits everything at each send, as zero-copy drivers and large budgets do.
type fakeKernel struct {
	umem     []byte
	fill     *heapRing[uint64]
	comp     *heapRing[uint64]
	rx       *heapRing[unix.XDPDesc]
	tx       *heapRing[unix.XDPDesc]
	wire     [][]byte          // what was transmitted
	onSend   func() unix.Errno // instead of transmitting all
	recvs    int
	recvErr  unix.Errno
	polls    []time.Duration
	pollErr  unix.Errno
	pollDone bool
	wakes    int
}

func (k *fakeKernel) send() unix.Errno {
	if k.onSend != nil {
		return k.onSend()
	}
	k.transmit(len(k.tx.slots))
	return 0
}

func (k *fakeKernel) recv() unix.Errno { k.recvs++; return k.recvErr }

func (k *fakeKernel) poll(d time.Duration) (bool, unix.Errno) {
	k.polls = append(k.polls, d)
	return k.pollDone, k.pollErr
}

func (k *fakeKernel) wake() { k.wakes++ }

// transmit sends up to n frames and reports their completion.
func (k *fakeKernel) transmit(n int) {
	for _, d := range k.tx.kernelTake(n) {
		k.wire = append(k.wire, bytes.Clone(k.umem[d.Addr:d.Addr+uint64(d.Len)]))
		k.complete(d)
	}
}

func (k *fakeKernel) complete(d unix.XDPDesc) {
	if k.comp.kernelPut(d.Addr) == 0 {
		panic("completion ring is full")
	}
}

// receive puts a packet into the next frame of the fill ring, behind the
// headroom; false if there is none.
func (k *fakeKernel) receive(packet []byte) bool {
	addrs := k.fill.kernelTake(1)
	if len(addrs) == 0 {
		return false
	}
	at := addrs[0] + headroom
	copy(k.umem[at:], packet)
	return k.rx.kernelPut(unix.XDPDesc{Addr: at, Len: uint32(len(packet))}) == 1
}

// heapSocket is a socket of 8 frames on heap memory.
func heapSocket() (*Socket, *fakeKernel) { return heapSocketWith(Config{Queue: 3}) }

func heapSocketWith(cfg Config) (*Socket, *fakeKernel) {
	const frames = 8
	k := &fakeKernel{
		umem: make([]byte, frames*smallChunk),
		fill: newHeapRing[uint64](frames), comp: newHeapRing[uint64](frames),
		rx: newHeapRing[unix.XDPDesc](frames), tx: newHeapRing[unix.XDPDesc](frames),
	}
	k.tx.flags.Store(unix.XDP_RING_NEED_WAKEUP) // as copy mode has it
	s := &Socket{port: 7, fd: -1, event: -1, link: device{name: "eth0"}, cfg: cfg}
	s.attach(k.umem, smallChunk, k.fill.producer(), k.tx.producer(), k.rx.consumer(), k.comp.consumer(), k)
	return s, k
}

// packet is a minimal frame that carries a number.
func packet(n int) []byte { return fmt.Appendf(nil, "packet %08d.", n) }

// take receives exactly one frame.
func take(t *testing.T, s *Socket, k *fakeKernel, n int) frame.Frame {
	t.Helper()
	if !k.receive(packet(n)) {
		t.Fatal("no frame to receive into")
	}
	var fs [1]frame.Frame
	if got := s.Recv(fs[:]); got != 1 {
		t.Fatalf("Recv = %d", got)
	}
	return fs[0]
}

// checkHome asserts that all frames are on the fill ring or in the reserve,
// each once.
func checkHome(t *testing.T, s *Socket, k *fakeKernel) {
	t.Helper()
	var none [1]frame.Frame
	s.Recv(none[:0]) // recycles
	seen := map[uint64]bool{}
	for _, a := range k.fill.kernelTake(len(k.fill.slots)) {
		seen[a] = true
	}
	for _, a := range s.reserve {
		seen[a] = true
	}
	if len(seen) != s.frames {
		t.Errorf("%d different frames came home, want %d", len(seen), s.frames)
	}
	if st := s.Stats(); st.Held != 0 || st.InTx != 0 {
		t.Errorf("held %d, in tx %d, want none", st.Held, st.InTx)
	}
}

func TestAFrameGoesRound(t *testing.T) {
	s, k := heapSocket()
	batch := make([]frame.Frame, 4)
	round := 0
	cycle := func() {
		round++
		for i := range 4 {
			if !k.receive(packet(round*10 + i)) {
				t.Fatalf("round %d: no frame to receive into", round)
			}
		}
		if n := s.Recv(batch); n != 4 {
			t.Fatalf("round %d: Recv = %d", round, n)
		}
		for i := range batch {
			batch[i].Data[0] = 'P' // the handler's work
		}
		s.Free(batch[:1])
		if n := s.Send(batch[1:]); n != 3 {
			t.Fatalf("round %d: Send = %d", round, n)
		}
		if err := s.Flush(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	for range 100 {
		k.wire = k.wire[:0]
		cycle()
		for i, got := range k.wire {
			want := fmt.Sprintf("Packet %08d.", round*10+i+1)
			if string(got) != want {
				t.Fatalf("round %d: %q on the wire, want %q", round, got, want)
			}
		}
		if f := batch[0]; f.Port != 7 || f.Addr%smallChunk != headroom || cap(f.Data) != smallChunk-headroom {
			t.Fatalf("frame has port %d, address %#x, capacity %d", f.Port, f.Addr, cap(f.Data))
		}
	}
	st := s.Stats()
	if st.Received != 400 || st.Sent != 300 || st.Freed != 100 || st.Kicks != 100 || st.InTx != 3 || st.Held != 0 {
		t.Errorf("after 100 rounds of 4 frames: %+v", st)
	}
	checkHome(t, s, k)

	s, k = heapSocket()
	k.onSend = func() unix.Errno { // transmit without the test's own copying
		for cons := k.tx.cons.Load(); cons != k.tx.prod.Load(); cons++ {
			k.comp.slots[int(k.comp.prod.Load())%8] = k.tx.slots[int(cons)%8].Addr
			k.comp.prod.Add(1)
		}
		k.tx.cons.Store(k.tx.prod.Load())
		return 0
	}
	allocs := testing.AllocsPerRun(200, func() {
		for range 4 {
			addr := k.fill.slots[int(k.fill.cons.Load())%8]
			k.fill.cons.Add(1)
			k.rx.slots[int(k.rx.prod.Load())%8] = unix.XDPDesc{Addr: addr + headroom, Len: 300}
			k.rx.prod.Add(1)
		}
		n := s.Recv(batch)
		s.Free(batch[:1])
		s.Send(batch[1:n])
		if s.Flush() != nil || s.Wait(0) != nil {
			t.Fatal("flush or wait failed")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations in a round", allocs)
	}
}

func TestRecvHandsOutNoMoreThanAsked(t *testing.T) {
	s, k := heapSocket()
	for i := range 5 {
		k.receive(packet(i))
	}
	batch := make([]frame.Frame, 3)
	if n := s.Waiting(); n != 5 {
		t.Errorf("before Recv, Waiting = %d", n)
	}
	if n := s.Recv(batch); n != 3 {
		t.Errorf("first Recv = %d", n)
	}
	if n := s.Waiting(); n != 2 {
		t.Errorf("after it, Waiting = %d", n)
	}
	s.Free(batch)
	if n := s.Recv(batch); n != 2 || string(batch[1].Data) != string(packet(4)) {
		t.Errorf("second Recv = %d, last frame %q", n, batch[1].Data)
	}
	s.Free(batch[:2])
	checkHome(t, s, k)
}

func TestFramesThatCannotBeSentAreFreed(t *testing.T) {
	for name, spoil := range map[string]func(*frame.Frame){
		"empty":                       func(f *frame.Frame) { f.Data = f.Data[:0] },
		"shorter than Ethernet":       func(f *frame.Frame) { f.Data = f.Data[:13] },
		"longer than the memory":      func(f *frame.Frame) { f.Data = make([]byte, smallChunk-headroom+1) },
		"nothing at all, nil as Data": func(f *frame.Frame) { f.Data = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, k := heapSocket()
			fs := []frame.Frame{take(t, s, k, 1), take(t, s, k, 2), take(t, s, k, 3)}
			spoil(&fs[1])
			if n := s.Send(fs); n != 3 {
				t.Errorf("Send = %d, want all 3 taken", n)
			}
			if err := s.Flush(); err != nil {
				t.Error(err)
			}
			if len(k.wire) != 2 || string(k.wire[1]) != string(packet(3)) {
				t.Errorf("on the wire: %q", k.wire)
			}
			if st := s.Stats(); st.Refused != 1 || st.Sent != 2 {
				t.Errorf("refused %d, sent %d", st.Refused, st.Sent)
			}
			checkHome(t, s, k)
		})
	}
}

func TestTheLongestFrameIsSent(t *testing.T) {
	s, k := heapSocket()
	f := take(t, s, k, 1)
	f.Data = f.Data[:cap(f.Data)]
	s.Send([]frame.Frame{f})
	if err := s.Flush(); err != nil || len(k.wire) != 1 || len(k.wire[0]) != smallChunk-headroom {
		t.Errorf("err %v, %d frames on the wire", err, len(k.wire))
	}
}

func TestFlush(t *testing.T) {
	// Each step is one system call: how many of the frames go out, and errno.
	type step struct {
		out   int
		errno unix.Errno
	}
	repeat := func(s step, n int) (out []step) {
		for range n {
			out = append(out, s)
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		steps []step // the last one repeats
		want  Stats  // Kicks, Again, Busy, NoBufs, Stalls
		left  int    // frames still on the ring
		down  bool
		fails bool
	}{
		{name: "all at once", steps: []step{{6, 0}}, want: Stats{Kicks: 1}},
		{name: "a budget of two", steps: []step{{2, unix.EAGAIN}, {2, unix.EAGAIN}, {2, 0}},
			want: Stats{Kicks: 3, Again: 2}},
		{name: "out of memory, then not", steps: []step{{1, unix.ENOBUFS}, {0, unix.ENOMEM}, {5, 0}},
			want: Stats{Kicks: 3, NoBufs: 2}},
		{name: "ENOBUFS for good", steps: []step{{0, unix.ENOBUFS}},
			want: Stats{Kicks: maxFruitless, NoBufs: maxFruitless, Stalls: 1}, left: 6},
		{name: "send buffer full for good", steps: []step{{3, unix.EAGAIN}, {0, unix.EAGAIN}},
			want: Stats{Kicks: 1 + maxFruitless, Again: 1 + maxFruitless, Stalls: 1}, left: 3},
		{name: "success without effect", steps: []step{{0, 0}}, // fewer tx queues than rx queues
			want: Stats{Kicks: maxFruitless, Stalls: 1}, left: 6},
		{name: "no carrier: each call drops one", steps: repeat(step{1, unix.EBUSY}, 6),
			want: Stats{Kicks: 6, Busy: 6}},
		// The kernel publishes its index only when it looks for more.
		{name: "no carrier, seen late", steps: append(repeat(step{0, unix.EBUSY}, 6), step{6, 0}),
			want: Stats{Kicks: 7, Busy: 6}},
		{name: "busy for good", steps: []step{{0, unix.EBUSY}},
			want: Stats{Kicks: 6 + maxFruitless, Busy: 6 + maxFruitless, Stalls: 1}, left: 6},
		{name: "a signal", steps: []step{{0, unix.EINTR}, {6, 0}}, want: Stats{Kicks: 2}},
		{name: "link down", steps: []step{{0, unix.ENETDOWN}}, want: Stats{Kicks: 1}, left: 6, fails: true, down: true},
		{name: "unbound", steps: []step{{2, unix.EAGAIN}, {0, unix.ENXIO}},
			want: Stats{Kicks: 2, Again: 1}, left: 4, fails: true, down: true},
		{name: "gone", steps: []step{{0, unix.ENODEV}}, want: Stats{Kicks: 1}, left: 6, fails: true, down: true},
		{name: "anything else", steps: []step{{0, unix.EINVAL}}, want: Stats{Kicks: 1}, left: 6, fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, k := heapSocket()
			var fs []frame.Frame
			for i := range 6 {
				fs = append(fs, take(t, s, k, i))
			}
			s.Send(fs)
			calls := 0
			k.onSend = func() unix.Errno {
				st := tc.steps[min(calls, len(tc.steps)-1)]
				calls++
				k.transmit(st.out)
				return st.errno
			}
			err := s.Flush()
			if (err != nil) != tc.fails || errors.Is(err, ErrDown) != tc.down {
				t.Errorf("Flush = %v; want an error: %v, ErrDown: %v", err, tc.fails, tc.down)
			}
			st := s.Stats()
			got := Stats{Kicks: st.Kicks, Again: st.Again, Busy: st.Busy, NoBufs: st.NoBufs, Stalls: st.Stalls}
			if got != tc.want {
				t.Errorf("counted %+v, want %+v", got, tc.want)
			}
			if got := int(s.tx.pending()); got != tc.left {
				t.Errorf("%d frames left on the ring, want %d", got, tc.left)
			}
			// Whatever happened, the next Flush of a healthy link sends the rest.
			k.onSend = nil
			if err := s.Flush(); err != nil {
				t.Error(err)
			}
			if len(k.wire) != 6 {
				t.Errorf("%d frames on the wire in the end", len(k.wire))
			}
			checkHome(t, s, k)
		})
	}
}

func TestErrorsNameTheQueue(t *testing.T) {
	s, k := heapSocket()
	s.Send([]frame.Frame{take(t, s, k, 1)})
	k.onSend = func() unix.Errno { return unix.ENETDOWN }
	if err := s.Flush(); err == nil || err.Error() != "xsk: transmit on eth0 queue 3: network is down" {
		t.Errorf("Flush = %v", err)
	}
}

// The kernel accepts no frame for transmission when the completion ring has no
// room for it; a Flush that recycles makes room.
func TestFullCompletionRing(t *testing.T) {
	s, k := heapSocket()
	small := newHeapRing[uint64](2)
	k.comp, s.comp = small, small.consumer()
	var fs []frame.Frame
	for i := range 8 {
		fs = append(fs, take(t, s, k, i))
	}
	s.Send(fs)
	k.onSend = func() unix.Errno {
		free := len(small.slots) - int(small.prod.Load()-small.cons.Load())
		k.transmit(free)
		return unix.EAGAIN
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(k.wire) != 8 {
		t.Errorf("%d of 8 frames on the wire", len(k.wire))
	}
	checkHome(t, s, k)
}

func TestTxWakeupIsObeyed(t *testing.T) {
	s, k := heapSocket()
	k.tx.flags.Store(0) // the driver is running
	s.Send([]frame.Frame{take(t, s, k, 1)})
	if err := s.Flush(); err != nil || s.Stats().Kicks != 0 {
		t.Errorf("Flush = %v after %d kicks; the driver did not ask for one", err, s.Stats().Kicks)
	}
	k.tx.flags.Store(unix.XDP_RING_NEED_WAKEUP)
	if err := s.Flush(); err != nil || s.Stats().Kicks != 1 || len(k.wire) != 1 {
		t.Errorf("Flush = %v after %d kicks; the driver asked for one", err, s.Stats().Kicks)
	}
	if err := s.Flush(); err != nil || s.Stats().Kicks != 1 {
		t.Errorf("Flush of an empty ring = %v, %d kicks", err, s.Stats().Kicks)
	}
}

// In zero-copy mode a kick only starts the driver, so one is enough.
func TestZeroCopyFlushKicksOnce(t *testing.T) {
	s, k := heapSocket()
	s.info.ZeroCopy = true
	s.Send([]frame.Frame{take(t, s, k, 1)})
	k.onSend = func() unix.Errno { return 0 }
	if err := s.Flush(); err != nil || s.Stats().Kicks != 1 || s.Stats().Stalls != 0 {
		t.Errorf("Flush = %v, counted %+v", err, s.Stats())
	}
}

func TestFillWakeupIsObeyed(t *testing.T) {
	s, k := heapSocket()
	var batch [1]frame.Frame
	s.Recv(batch[:])
	k.fill.flags.Store(unix.XDP_RING_NEED_WAKEUP)
	s.Recv(batch[:])
	if k.recvs != 0 {
		t.Errorf("%d wake-ups with nothing new on the fill ring", k.recvs)
	}
	s.Free([]frame.Frame{take(t, s, k, 1)})
	s.Recv(batch[:])
	if k.recvs != 1 || s.Stats().RxWakes != 1 {
		t.Errorf("%d wake-ups after a frame was freed, want 1", k.recvs)
	}
	s.Recv(batch[:])
	if k.recvs != 1 {
		t.Errorf("%d wake-ups, want no second one", k.recvs)
	}
}

func TestBadDescriptorsAreCountedAndSkipped(t *testing.T) {
	s, k := heapSocket()
	size := uint64(len(k.umem))
	for _, d := range []unix.XDPDesc{
		{Addr: size, Len: 1},
		{Addr: ^uint64(0), Len: 60},
		{Addr: size - 10, Len: 11},
		{Addr: 0, Len: smallChunk + 1},
		{Addr: smallChunk - 1, Len: 1<<32 - 1},
	} {
		k.rx.kernelPut(d)
	}
	k.receive(packet(5))
	batch := make([]frame.Frame, 8)
	if n := s.Recv(batch); n != 1 || string(batch[0].Data) != string(packet(5)) {
		t.Errorf("Recv = %d, %q", n, batch[0].Data)
	}
	k.comp.kernelPut(size)
	s.Recv(batch[1:])
	s.Free(batch[:1])
	if got := s.Stats().Bad; got != 6 {
		t.Errorf("bad = %d, want 6", got)
	}
}

func TestClosedSocket(t *testing.T) {
	s, k := heapSocket()
	f := take(t, s, k, 1)
	s.umem = nil // heap memory is not for munmap
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fs := []frame.Frame{f}
	if s.Recv(fs) != 0 || s.Send(fs) != 0 {
		t.Error("a closed socket receives or sends")
	}
	s.Free(fs)
	s.Wake()
	if err := s.Flush(); err != ErrClosed {
		t.Errorf("Flush = %v", err)
	}
	if err := s.Wait(0); err != ErrClosed {
		t.Errorf("Wait = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if s.FD() != -1 || s.Stats().Received != 1 {
		t.Errorf("FD %d, stats %+v", s.FD(), s.Stats())
	}
}

func BenchmarkRecvSend(b *testing.B) {
	b.ReportAllocs()
	s, k := heapSocket()
	batch := make([]frame.Frame, 4)
	k.onSend = func() unix.Errno {
		for cons := k.tx.cons.Load(); cons != k.tx.prod.Load(); cons++ {
			k.comp.slots[int(k.comp.prod.Load())%8] = k.tx.slots[int(cons)%8].Addr
			k.comp.prod.Add(1)
		}
		k.tx.cons.Store(k.tx.prod.Load())
		return 0
	}
	for b.Loop() {
		for range 4 {
			addr := k.fill.slots[int(k.fill.cons.Load())%8]
			k.fill.cons.Add(1)
			k.rx.slots[int(k.rx.prod.Load())%8] = unix.XDPDesc{Addr: addr + headroom, Len: 300}
			k.rx.prod.Add(1)
		}
		n := s.Recv(batch)
		s.Send(batch[:n])
		if s.Flush() != nil {
			b.Fatal("flush failed")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4, "ns/frame")
}
