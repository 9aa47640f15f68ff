// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	asavie "github.com/asavie/xdp"
	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/internal/nettest"
)

// descriptors counts what a process can leak: file descriptors and mappings
// of sockets. Some that the runtime or an earlier test has had may go meanwhile, so
// only more than before is a leak.
func descriptors(t *testing.T) (fds, rings int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(list), strings.Count(string(maps), "socket:")
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t, nettest.Queues(2))
	jumbo := nettest.Veth(t, nettest.MTU(9000))
	name := p.Server.Name
	fds, rings := descriptors(t)
	for _, tc := range []struct {
		what string
		end  *nettest.End
		cfg  Config
		want string
		down bool
	}{
		{"no such interface", p.Server, Config{Ifname: "nosuch0"},
			"xsk: find nosuch0 queue 0: no such device", true},
		{"no such index", p.Server, Config{Ifindex: 9999},
			"xsk: find interface 9999 queue 0: no such device", true},
		{"no such queue", p.Server, Config{Ifname: name, Queue: 2},
			"xsk: bind " + name + " queue 2: invalid argument: the interface may have fewer queues", false},
		{"zero-copy on veth", p.Server, Config{Ifname: name, Bind: ZeroCopy},
			"xsk: bind " + name + " queue 0: operation not supported: the driver has no zero-copy", false},
		{"too few frames", p.Server, Config{Ifname: name, Frames: 3},
			"xsk: open " + name + " queue 0: 3 frames: want 64 to 1048576", false},
		{"odd frame size", p.Server, Config{Ifname: name, FrameSize: 3000},
			"xsk: open " + name + " queue 0: frame size 3000: want 2048 or 4096", false},
		{"no such mode", p.Server, Config{Ifname: name, Bind: 9},
			"xsk: open " + name + " queue 0: bind mode 9 does not exist", false},
		{"MTU", jumbo.Server, Config{Ifname: jumbo.Server.Name},
			"xsk: open " + jumbo.Server.Name + " queue 0: MTU 9000 makes frames of up to 9022 bytes, and 3840 fit into a frame of 4096: " +
				"set the MTU to 3818 or less, or serve this interface without XDP", false},
		{"MTU for the frames asked for", jumbo.Server, Config{Ifname: jumbo.Server.Name, FrameSize: 2048},
			"xsk: open " + jumbo.Server.Name + " queue 0: MTU 9000 makes frames of up to 9022 bytes, and 1792 fit into a frame of 2048: " +
				"set the MTU to 1770 or less, or serve this interface without XDP", false},
		{"nothing", p.Server, Config{Ifname: name, FrameSize: 2048}, "", false},
	} {
		t.Run(tc.what, func(t *testing.T) {
			var (
				s   *Socket
				err error
			)
			tc.end.Do(func() { s, err = Open(tc.cfg) })
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || err.Error() != tc.want {
				t.Errorf("Open = %v\nwant   %s", err, tc.want)
			}
			if errors.Is(err, ErrDown) != tc.down {
				t.Errorf("errors.Is(ErrDown) is %v for %v", !tc.down, err)
			}
			var op *OpError
			if !errors.As(err, &op) || op.Queue != tc.cfg.Queue {
				t.Errorf("%#v is no OpError of queue %d", err, tc.cfg.Queue)
			}
		})
	}
	if f, r := descriptors(t); f > fds || r != rings {
		t.Errorf("%d descriptors and %d rings before, %d and %d after", fds, rings, f, r)
	}
}

// withoutCapability runs f on a thread that has given a capability up and dies
// afterwards.
func withoutCapability(t *testing.T, capability uint, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&hdr, &data[0])
		if err == nil {
			data[capability/32].Effective &^= 1 << (capability % 32)
			err = unix.Capset(&hdr, &data[0])
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOpenNamesTheMissingPrivilege(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	cfg := Config{Ifname: p.Server.Name, Frames: 64}
	fds, rings := descriptors(t)
	var err error
	try := func() { p.Server.Do(func() { _, err = Open(cfg) }) }

	withoutCapability(t, unix.CAP_NET_RAW, try)
	if !errors.Is(err, unix.EPERM) || !strings.HasSuffix(err.Error(), "needs the capability CAP_NET_RAW") {
		t.Errorf("without CAP_NET_RAW: %v", err)
	}

	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	withoutCapability(t, unix.CAP_IPC_LOCK, try)
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.ENOBUFS) || !strings.HasSuffix(err.Error(),
		"needs 128 KiB of locked memory (ulimit -l) or the capability CAP_IPC_LOCK") {
		t.Errorf("without CAP_IPC_LOCK: %v", err)
	}
	if f, r := descriptors(t); f > fds || r != rings {
		t.Errorf("%d descriptors and %d rings before, %d and %d after", fds, rings, f, r)
	}
}

func TestBusyQueue(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t, nettest.Queues(2))
	var other *asavie.Socket
	p.Server.Do(func() {
		var err error
		if other, err = asavie.NewSocket(p.Server.Index, 1, nil); err != nil {
			t.Fatal(err)
		}
	})
	fds, rings := descriptors(t)
	start := time.Now()
	_, err := open(t, p.Server, Config{Queue: 1, BindWait: 30 * time.Millisecond})
	want := "xsk: bind " + p.Server.Name + " queue 1: device or resource busy: another AF_XDP program may hold the queue"
	if err == nil || err.Error() != want {
		t.Errorf("Open = %v\nwant   %s", err, want)
	}
	if errors.Is(err, ErrDown) {
		t.Error("a busy queue is taken for a link that is down")
	}
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
	if f, r := descriptors(t); f > fds || r != rings {
		t.Errorf("%d descriptors and %d rings before, %d and %d after", fds, rings, f, r)
	}
	if s, err := open(t, p.Server, Config{Queue: 0, Frames: 64}); err != nil {
		t.Errorf("the other queue: %v", err)
	} else {
		s.Close()
	}

	// The holder goes while we wait. asavie/xdp leaves its rings mapped, which
	// would hold the queue for good, so one of ours takes its place.
	other.Close()
	holder := mustOpen(t, p.Server, Config{Queue: 0, Frames: 64})
	opened := make(chan error)
	go func() {
		var err error
		p.Server.Do(func() {
			var s *Socket
			if s, err = Open(Config{Ifindex: p.Server.Index, Queue: 0, Frames: 64, BindWait: 3 * time.Second}); err == nil {
				err = s.Close()
			}
		})
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("Open of a queue that is held returned early: %v", err)
	case <-time.After(3 * bindPause):
	}
	holder.Close()
	if err := <-opened; err != nil {
		t.Errorf("after the holder has gone: %v", err)
	}
}

func TestCloseAndOpenAtOnce(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	r := attach(t, p.Server)
	peer := p.Client.Packet(t)
	fds, rings := descriptors(t)
	for i := range 10 {
		s := mustOpen(t, p.Server, Config{Frames: 64})
		r.register(t, s)
		if i%3 == 0 {
			stop := echo(t, s)
			roundTrips(t, p, peer, 20, 10, 350)
			stop()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if f, r := descriptors(t); f > fds || r != rings {
		t.Errorf("%d descriptors and %d rings before, %d and %d after", fds, rings, f, r)
	}
}

// hold receives n frames and keeps them.
func hold(t *testing.T, p *nettest.Pair, s *Socket, peer *nettest.Packet, n int) []frame.Frame {
	t.Helper()
	fs := make([]frame.Frame, n)
	for i := range fs {
		peer.Send(tagged(p.Client, p.Server, uint32(i), 350))
		waitRecv(t, s, fs[i:i+1])
	}
	return fs
}

func TestLinkDownAndUp(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	r := attach(t, p.Server)
	peer := p.Client.Packet(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	r.register(t, s)
	fs := hold(t, p, s, peer, 3)

	p.Server.SetDown()
	if err := s.Wait(time.Millisecond); !errors.Is(err, ErrDown) {
		t.Errorf("Wait = %v", err)
	}
	s.Send(fs)
	if err := s.Flush(); !errors.Is(err, ErrDown) {
		t.Errorf("Flush = %v", err)
	}
	s.Wake()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := open(t, p.Server, Config{Frames: 64}); !errors.Is(err, ErrDown) {
		t.Errorf("Open of an interface that is down = %v", err)
	}

	p.Server.SetUp()
	p.Server.WaitUp(3 * time.Second)
	p.Client.WaitUp(3 * time.Second)
	s = mustOpen(t, p.Server, Config{Frames: 64})
	r.register(t, s)
	stop := echo(t, s)
	roundTrips(t, p, peer, 100, 20, 350)
	stop()
	untilHome(t, s)
}

// A copy-mode socket that is kept while the link is away works on afterwards,
// without the loss of a frame.
func TestSocketSurvivesLinkDown(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	fs := hold(t, p, s, peer, 3)
	p.Server.SetDown()
	s.Send(fs)
	if err := s.Flush(); !errors.Is(err, ErrDown) {
		t.Errorf("Flush = %v", err)
	}
	p.Server.SetUp()
	p.Server.WaitUp(3 * time.Second)
	p.Client.WaitUp(3 * time.Second)
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
	for range fs {
		if peer.RecvMatch(3*time.Second, isTagged) == nil {
			t.Fatal("a frame that waited for the link did not arrive")
		}
	}
	stop := echo(t, s)
	roundTrips(t, p, peer, 100, 20, 350)
	stop()
	untilHome(t, s)
}

// Without a carrier the kernel drops each frame with EBUSY and completes it.
func TestPeerDown(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	fs := hold(t, p, s, peer, 40)
	p.Client.SetDown()
	s.Send(fs)
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
	st := s.Stats()
	if st.Stalls != 0 || s.tx.pending() != 0 {
		t.Errorf("%d frames left, %+v", s.tx.pending(), st)
	}
	if st.Busy != 40 {
		t.Errorf("%d frames were dropped, want 40", st.Busy)
	}
	untilHome(t, s)
}

func TestInterfaceDeleted(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	fs := hold(t, p, s, peer, 3)

	// It goes while the owner sleeps.
	slept := make(chan error)
	go func() {
		var err error
		for start := time.Now(); err == nil && time.Since(start) < 3*time.Second; {
			err = s.Wait(50 * time.Millisecond)
		}
		slept <- err
	}()
	p.Server.Delete()
	if err := <-slept; !errors.Is(err, ErrDown) {
		t.Errorf("Wait = %v", err)
	}
	s.Send(fs)
	if err := s.Flush(); !errors.Is(err, ErrDown) {
		t.Errorf("Flush = %v", err)
	}
	s.Recv(fs)
	s.Stats()
	s.Wake()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := open(t, p.Server, Config{Frames: 64}); !errors.Is(err, ErrDown) {
		t.Errorf("Open of an interface that is gone = %v", err)
	}
}

// A small send buffer and budget stop the kernel with EAGAIN before it has
// transmitted everything. No frame is lost and every packet arrives.
func TestManyKicks(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 128})
	if err := unix.SetsockoptInt(s.FD(), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
		t.Fatal(err)
	}
	// Back to the default; a kernel without the option has it anyway.
	if err := unix.SetsockoptInt(s.FD(), unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, 32); err != nil && s.Info().TxBudget != 32 {
		t.Fatal(err)
	}
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	fs := hold(t, p, s, peer, 100)
	for i := range fs {
		copy(fs[i].Data, tagged(p.Server, p.Client, uint32(i), 350))
	}
	s.Send(fs)
	for deadline := time.Now().Add(3 * time.Second); s.tx.pending() > 0; {
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d frames are stuck: %+v", s.tx.pending(), s.Stats())
		}
	}
	for range fs {
		if peer.RecvMatch(3*time.Second, isTagged) == nil {
			t.Fatal("a frame did not arrive")
		}
	}
	if st := s.Stats(); st.Again < 3 || st.Kicks < 4 {
		t.Errorf("100 frames went out with %d kicks, of which %d EAGAIN, at 32 a kick", st.Kicks, st.Again)
	}
	untilHome(t, s)
}

// More packets than frames: the kernel drops what finds the fill ring empty,
// counts it, and goes on when frames come back.
func TestEmptyFillRing(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	peer := p.Client.Packet(t)
	fs := hold(t, p, s, peer, 64)
	for i := range uint32(10) {
		peer.Send(tagged(p.Client, p.Server, 1000+i, 350))
	}
	if n := s.Recv(make([]frame.Frame, 1)); n != 0 {
		t.Errorf("received %d frames with no memory to receive into", n)
	}
	if st := s.Stats(); st.Held != 64 || st.KernelFillEmpty < 10 {
		t.Errorf("%+v", st)
	}
	s.Free(fs)
	stop := echo(t, s)
	roundTrips(t, p, peer, 100, 20, 350)
	stop()
	untilHome(t, s)
}

func TestWakeAndStatsFromOtherGoroutines(t *testing.T) {
	nettest.NeedRoot(t)
	p := nettest.Veth(t)
	s := mustOpen(t, p.Server, Config{Frames: 64})
	attach(t, p.Server).register(t, s)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
				s.Wake()
				if st := s.Stats(); st.Held > 64 || st.InTx > 64 {
					t.Errorf("%+v", st)
					return
				}
			}
		}
	}()
	stop := echo(t, s)
	roundTrips(t, p, p.Client.Packet(t), 500, 20, 350)
	stop()
	if err := s.Close(); err != nil { // while the others go on
		t.Error(err)
	}
	close(quit)
	<-done
}
