// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"

	asavie "github.com/asavie/xdp"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/internal/nettest"
)

// redirect is the smallest XDP program that serves an AF_XDP socket: every
// frame goes to the socket of its queue, or on to the kernel if there is none.
// attach has it in native mode for the length of the test.
type redirect struct{ sockets *ebpf.Map }

func attach(t testing.TB, end *nettest.End) *redirect {
	t.Helper()
	return attachMode(t, end, link.XDPDriverMode)
}

func attachMode(t testing.TB, end *nettest.End, mode link.XDPAttachFlags) *redirect {
	t.Helper()
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sockets.Close() })
	const rxQueueIndex = 16 // offset in struct xdp_md
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP,
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, rxQueueIndex, asm.Word),
			asm.LoadMapPtr(asm.R1, sockets.FD()),
			asm.Mov.Imm(asm.R3, 2), // XDP_PASS
			asm.FnRedirectMap.Call(),
			asm.Return(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	end.Do(func() {
		l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: end.Index, Flags: mode})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	})
	return &redirect{sockets}
}

// open opens a socket at the end and has it closed when the test ends.
func open(t testing.TB, end *nettest.End, cfg Config) (*Socket, error) {
	t.Helper()
	cfg.Ifindex = end.Index
	var (
		s   *Socket
		err error
	)
	end.Do(func() { s, err = Open(cfg) })
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

func mustOpen(t testing.TB, end *nettest.End, cfg Config) *Socket {
	t.Helper()
	s, err := open(t, end, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *redirect) register(t testing.TB, s *Socket) {
	t.Helper()
	if err := r.sockets.Put(uint32(s.cfg.Queue), uint32(s.FD())); err != nil {
		t.Fatal(err)
	}
}

// echoOnce answers what has arrived with the addresses swapped.
func echoOnce(s *Socket, batch []frame.Frame) (int, error) {
	n := s.Recv(batch)
	for i := range batch[:n] {
		d := batch[i].Data
		var mac [6]byte
		copy(mac[:], d[0:6])
		copy(d[0:6], d[6:12])
		copy(d[6:12], mac[:])
	}
	for sent := 0; sent < n; {
		sent += s.Send(batch[sent:n])
	}
	return n, s.Flush()
}

// echo runs an owner goroutine until the test ends.
func echo(t testing.TB, s *Socket) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		batch := make([]frame.Frame, 64)
		for {
			n, err := echoOnce(s, batch)
			if err == nil && n == 0 {
				err = s.Wait(-1)
			}
			if err != nil {
				t.Errorf("echo: %v", err)
				return
			}
			select {
			case <-quit:
				return
			default:
			}
		}
	}()
	return func() {
		close(quit)
		s.Wake()
		<-done
	}
}

// tagged is a frame of an EtherType that no stack answers, with a number in it.
func tagged(from, to *nettest.End, number uint32, size int) []byte {
	b := make([]byte, size)
	copy(b[0:], to.MAC)
	copy(b[6:], from.MAC)
	binary.BigEndian.PutUint16(b[12:], 0x88b5) // IEEE 802 local experimental
	binary.BigEndian.PutUint32(b[14:], number)
	for i := 18; i < size; i++ {
		b[i] = byte(i) ^ byte(number)
	}
	return b
}

func isTagged(b []byte) bool {
	return len(b) >= 18 && binary.BigEndian.Uint16(b[12:]) == 0x88b5
}

// roundTrips sends frames and expects each back, swapped and otherwise
// unchanged, with no more than window of them under way.
func roundTrips(t *testing.T, p *nettest.Pair, peer *nettest.Packet, count, window, size int) {
	t.Helper()
	sent := 0
	for got := 0; got < count; got++ {
		for ; sent < count && sent < got+window; sent++ {
			peer.Send(tagged(p.Client, p.Server, uint32(sent), size))
		}
		b := peer.RecvMatch(3*time.Second, isTagged)
		if b == nil {
			t.Fatalf("frame %d of %d did not come back", got, count)
		}
		want := tagged(p.Server, p.Client, binary.BigEndian.Uint32(b[14:]), size)
		if !bytes.Equal(b, want) {
			t.Fatalf("came back as\n% x\nwant\n% x", b, want)
		}
	}
}

// untilHome runs the owner's loop until all frames are on the receive side.
func untilHome(t *testing.T, s *Socket) {
	t.Helper()
	var none [0]frame.Frame
	for deadline := time.Now().Add(3 * time.Second); ; {
		s.Recv(none[:])
		st := s.Stats()
		if st.Held == 0 && st.InTx == 0 {
			if got := int(s.fill.pending()) + int(s.rx.ready(uint32(s.frames))); got != s.frames {
				t.Errorf("%d of %d frames came home", got, s.frames)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("frames are missing: %+v", st)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEcho(t *testing.T) {
	nettest.NeedRoot(t)
	for name, busy := range map[string]bool{"poll": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			p := nettest.Veth(t)
			// Few frames, so that each goes round many times and the ring
			// sizes are no power of two of them.
			s := mustOpen(t, p.Server, Config{Frames: 100, Busy: busy})
			attach(t, p.Server).register(t, s)
			peer := p.Client.Packet(t)
			stop := echo(t, s)
			roundTrips(t, p, peer, 5000, 50, 350)
			stop()
			untilHome(t, s)
			st := s.Stats()
			if st.Received < 5000 || st.Sent != st.Received || st.Stalls != 0 || st.Bad != 0 ||
				st.KernelRxDropped != 0 || st.KernelRxInvalid != 0 || st.KernelTxInvalid != 0 {
				t.Errorf("%+v", st)
			}
			if busy && !s.Info().BusyPoll {
				t.Errorf("no busy polling: %s", s.Info().BusyReason)
			}
		})
	}
}

func TestFramesOfEverySize(t *testing.T) {
	nettest.NeedRoot(t)
	for _, tc := range []struct{ mtu, frameSize int }{{1500, 2048}, {1770, 2048}, {1771, 4096}, {3400, 4096}} {
		p := nettest.Veth(t, nettest.MTU(tc.mtu))
		s := mustOpen(t, p.Server, Config{Frames: 64})
		if got := s.Info().FrameSize; got != tc.frameSize {
			t.Errorf("MTU %d: frames of %d, want %d", tc.mtu, got, tc.frameSize)
		}
		attach(t, p.Server).register(t, s)
		peer := p.Client.Packet(t)
		stop := echo(t, s)
		for _, size := range []int{60, tc.mtu / 2, tc.mtu + 14} {
			roundTrips(t, p, peer, 100, 20, size)
		}
		stop()
		untilHome(t, s)
	}
}

// The capacity of a received frame is there for a longer reply.
func TestAReplyMayGrow(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	peer.Send(tagged(p.Client, p.Server, 1, 60))
	batch := make([]frame.Frame, 1)
	waitRecv(t, s, batch)
	want := tagged(p.Server, p.Client, 2, 1514)
	batch[0].Data = batch[0].Data[:1514]
	copy(batch[0].Data, want)
	s.Send(batch)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := peer.RecvMatch(3*time.Second, isTagged); !bytes.Equal(got, want) {
		t.Errorf("received % x", got)
	}
	untilHome(t, s)
}

// waitRecv waits for one frame of ours and frees others.
func waitRecv(t *testing.T, s *Socket, one []frame.Frame) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		if s.Recv(one[:1]) == 1 {
			if isTagged(one[0].Data) {
				return
			}
			s.Free(one[:1])
		}
		if err := s.Wait(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("nothing received")
}

func TestTwoQueues(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t, nettest.Queues(2))
	r := attach(t, p.Server)
	one := make([]frame.Frame, 1)
	for q := range 2 {
		s := mustOpen(t, p.Server, Config{Queue: q, Port: uint16(40 + q), Frames: 64})
		r.register(t, s)
		// The peer is an AF_XDP socket too: what leaves on its queue arrives on
		// the queue of the same number.
		var peer *asavie.Socket
		p.Client.Do(func() {
			var err error
			if peer, err = asavie.NewSocket(p.Client.Index, q, nil); err != nil {
				t.Fatal(err)
			}
		})
		d := peer.GetDescs(1)
		d[0].Len = uint32(copy(peer.GetFrame(d[0]), tagged(p.Client, p.Server, uint32(q), 60)))
		if n := peer.Transmit(d); n != 1 {
			t.Fatalf("peer transmits %d frames", n)
		}
		waitRecv(t, s, one)
		if got := binary.BigEndian.Uint32(one[0].Data[14:]); got != uint32(q) || one[0].Port != uint16(40+q) {
			t.Errorf("queue %d received frame %d on port %d", q, got, one[0].Port)
		}
		s.Free(one)
		untilHome(t, s)
		peer.Close()
	}
}

func TestGenericXDP(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64, Bind: Copy})
	if zc, why := s.ZeroCopy(); zc || why != "configured" {
		t.Errorf("zero-copy %v, %q", zc, why)
	}
	attachMode(t, p.Server, link.XDPGenericMode).register(t, s)
	stop := echo(t, s)
	roundTrips(t, p, p.Client.Packet(t), 200, 20, 350)
	stop()
	untilHome(t, s)
}

func TestZeroCopyIsTriedAndTheReasonKept(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{})
	// Zero-copy bind is refused by veth.
	if zc, why := s.ZeroCopy(); zc || why != "zero-copy bind: operation not supported" {
		t.Errorf("zero-copy %v, %q", zc, why)
	}
	if i := s.Info(); i.Frames != 8192 || i.FrameSize != 2048 || i.SendBuffer < 8192*1024 || i.TxBudget < 32 {
		t.Errorf("%+v", i)
	}
	// In copy mode the tx flag is always set, the fill flag never.
	if !s.tx.needWakeup() || s.fill.needWakeup() {
		t.Errorf("wake-up flags: tx %v, fill %v", s.tx.needWakeup(), s.fill.needWakeup())
	}
	s.Close()
	_, err := open(t, p.Server, Config{Bind: ZeroCopy})
	if !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("forced zero-copy: %v", err)
	}
}

func TestNoAllocationOnVeth(t *testing.T) {
	nettest.NeedRoot(t)
	const runs = 50
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 256})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	for i := range uint32(2 * (runs + 1)) { // AllocsPerRun has a run of its own
		peer.Send(tagged(p.Client, p.Server, i, 350))
	}
	one := make([]frame.Frame, 1)
	got := 0
	if allocs := testing.AllocsPerRun(runs, func() {
		got += s.Recv(one)
		s.Send(one)
		if s.Flush() != nil || s.Wait(0) != nil {
			t.Fatal("flush or wait failed")
		}
		got += s.Recv(one)
		s.Free(one)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if got != 2*(runs+1) {
		t.Errorf("received %d frames, want %d", got, 2*(runs+1))
	}
	if allocs := testing.AllocsPerRun(runs, func() {
		if s.Wait(time.Microsecond) != nil {
			t.Fatal("wait failed")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations in an idle Wait", allocs)
	}
}

func TestIdleOwnerSleeps(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{})
	attach(t, p.Server).register(t, s)
	stop := echo(t, s)
	roundTrips(t, p, p.Client.Packet(t), 100, 20, 350)
	stop()

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu := func() time.Duration {
		var ru unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &ru); err != nil {
			t.Fatal(err)
		}
		return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	batch := make([]frame.Frame, 64)
	before, start := cpu(), time.Now()
	for time.Since(start) < 500*time.Millisecond {
		s.Free(batch[:s.Recv(batch)])
		if err := s.Wait(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	used, took := cpu()-before, time.Since(start)
	t.Logf("%v of CPU in %v", used, took)
	if used > took/100 {
		t.Errorf("an idle owner used %v of CPU in %v, more than 1 %%", used, took)
	}
}

func BenchmarkEchoOnVeth(b *testing.B) {
	nettest.NeedRoot(b)
	b.ReportAllocs()
	p := nettest.Veth(b)
	s := mustOpen(b, p.Server, Config{})
	attach(b, p.Server).register(b, s)
	peer := p.Client.Packet(b)
	packet := tagged(p.Client, p.Server, 1, 350)
	batch := make([]frame.Frame, 64)
	for b.Loop() {
		peer.Send(packet)
		for n := 0; n == 0; {
			var err error
			if n, err = echoOnce(s, batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}
