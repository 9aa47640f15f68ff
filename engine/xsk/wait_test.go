// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

func TestWaitDoesNotSleepOnWork(t *testing.T) {
	s, k := heapSocket()
	k.receive(packet(1))
	if err := s.Wait(time.Second); err != nil || len(k.polls) != 0 {
		t.Errorf("with a frame on rx: err %v, polls %v", err, k.polls)
	}
	var batch [2]frame.Frame
	s.Free(batch[:s.Recv(batch[:])])
	s.Wake()
	if err := s.Wait(time.Second); err != nil || len(k.polls) != 0 {
		t.Errorf("after Wake: err %v, polls %v", err, k.polls)
	}
	if err := s.Wait(time.Second); err != nil || len(k.polls) != 1 {
		t.Errorf("with nothing to do: err %v, polls %v", err, k.polls)
	}
}

func TestWaitSleepsAsLongAsItMay(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*Socket, *fakeKernel)
		timeout time.Duration
		want    time.Duration
	}{
		{"idle", func(*Socket, *fakeKernel) {}, 300 * time.Millisecond, 300 * time.Millisecond},
		{"idle, no limit", func(*Socket, *fakeKernel) {}, -1, maxSleep},
		{"idle, an hour", func(*Socket, *fakeKernel) {}, time.Hour, maxSleep},
		{"frames on tx", func(s *Socket, k *fakeKernel) {
			s.Send([]frame.Frame{take(t, s, k, 1)})
		}, time.Second, drainSleep},
		{"frames on tx, shorter timeout", func(s *Socket, k *fakeKernel) {
			s.Send([]frame.Frame{take(t, s, k, 1)})
		}, time.Microsecond, time.Microsecond},
		{"few completions owed", func(s *Socket, k *fakeKernel) {
			s.Send([]frame.Frame{take(t, s, k, 1)})
			k.tx.kernelTake(8)
		}, time.Second, time.Second},
		{"so many completions owed that nothing can be received", func(s *Socket, k *fakeKernel) {
			for i := range 5 {
				s.Send([]frame.Frame{take(t, s, k, i)})
			}
			k.tx.kernelTake(8)
		}, time.Second, drainSleep},
		{"completions that have come", func(s *Socket, k *fakeKernel) {
			for i := range 5 {
				s.Send([]frame.Frame{take(t, s, k, i)})
			}
			k.transmit(8)
		}, time.Second, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, k := heapSocket()
			tc.prepare(s, k)
			if err := s.Wait(tc.timeout); err != nil {
				t.Fatal(err)
			}
			if len(k.polls) != 1 || k.polls[0] != tc.want {
				t.Errorf("polled for %v, want %v", k.polls, tc.want)
			}
		})
	}
}

func TestWaitNoticesThatTheLinkIsGone(t *testing.T) {
	for _, busy := range []bool{false, true} {
		for errno, want := range map[unix.Errno]bool{
			unix.ENETDOWN: true, unix.ENXIO: true, unix.ENODEV: true, unix.EBADF: false,
		} {
			s, k := heapSocket()
			s.cfg.Busy = busy
			k.recvErr = errno
			err := s.Wait(0)
			if err == nil || errors.Is(err, ErrDown) != want || !errors.Is(err, errno) {
				t.Errorf("busy %v, %v: Wait = %v, want ErrDown: %v", busy, errno, err, want)
			}
		}
	}
}

func TestWaitIsNotBotheredBySignals(t *testing.T) {
	s, k := heapSocket()
	k.pollErr, k.recvErr = unix.EINTR, unix.EINTR
	if err := s.Wait(time.Second); err != nil {
		t.Error(err)
	}
	k.pollErr = unix.ENOMEM
	if err := s.Wait(time.Second); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Wait = %v", err)
	}
}

func TestBusyWaitSpins(t *testing.T) {
	s, k := heapSocket()
	s.cfg.Busy = true
	start := time.Now()
	if err := s.Wait(2 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if len(k.polls) != 0 || k.recvs < 2 || time.Since(start) < 2*time.Millisecond {
		t.Errorf("%d polls, %d receive calls in %v", len(k.polls), k.recvs, time.Since(start))
	}
	s.Wake()
	if err := s.Wait(time.Hour); err != nil { // capped, but Wake ends it anyway
		t.Fatal(err)
	}
	if s.woken.Load() {
		t.Error("the wake-up was not used up")
	}
}

// A waker publishes and then calls Wake; the owner looks and then calls Wait.
// If a wake-up were lost, the owner would sleep its time out.
func TestNoWakeupIsLost(t *testing.T) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	// Another eventfd, always empty, stands for the AF_XDP socket.
	quiet, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := heapSocket()
	s.kernel = &quietSystem{newSystem(quiet, event)}
	s.fd, s.event = quiet, event // Close closes them
	s.umem = nil

	const rounds = 5000
	var published, seen atomic.Uint64
	go func() {
		for n := uint64(1); n <= rounds; n++ {
			published.Store(n)
			s.Wake()
			for seen.Load() != n {
				runtime.Gosched()
			}
		}
	}()
	for n := uint64(1); n <= rounds; n++ {
		for published.Load() != n {
			start := time.Now()
			if err := s.Wait(-1); err != nil {
				t.Fatal(err)
			}
			if published.Load() == n && time.Since(start) >= maxSleep {
				t.Fatalf("round %d: slept %v through the wake-up", n, time.Since(start))
			}
		}
		seen.Store(n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.Wake() // must not write to whatever has these descriptors now
}

// quietSystem polls for real; there is no socket to receive from.
type quietSystem struct{ *system }

func (*quietSystem) recv() unix.Errno { return 0 }
func (*quietSystem) send() unix.Errno { return 0 }
