// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"time"

	"golang.org/x/sys/unix"
)

// How Wake reaches a sleeping owner without a system call for one that is
// busy:
//
//	(1) Wake sets woken, then looks at sleeping; if set, it writes the eventfd.
//	(2) Wait sets sleeping, then looks at woken; if set, it does not sleep.
//
// Both are sequentially consistent, so at least one of the two sees the other.
// A write that comes too late ends the next sleep early, which does no harm.
// Wait clears woken after it has slept: whatever the waker had published
// before Wake is seen by the owner after Wait.

const (
	// maxSleep bounds a sleep, because an interface that is deleted does not
	// end a poll on its socket: the next call finds out.
	maxSleep = time.Second
	// drainSleep is the longest sleep while the kernel owes us something that
	// does not end a poll: frames on tx, or completions that are needed to
	// receive at all.
	drainSleep = time.Millisecond
)

// Wait returns when there is something to Recv, when Wake was called since the
// last Wait, or when the time is over; it may return earlier. A negative
// timeout is a long one. In busy mode it does not sleep. An error says that
// the interface has gone down (ErrDown) or the socket is broken.
func (s *Socket) Wait(timeout time.Duration) error {
	if s.closed {
		return ErrClosed
	}
	if timeout < 0 || timeout > maxSleep {
		timeout = maxSleep
	}
	if s.cfg.Busy {
		return s.spin(timeout)
	}
	return s.sleep(timeout)
}

func (s *Socket) sleep(timeout time.Duration) error {
	if s.rx.ready(1) > 0 {
		return nil
	}
	s.recycle()
	if s.tx.pending() > 0 || s.inTx > uint32(s.frames)/2 {
		timeout = min(timeout, drainSleep)
	}
	s.sleeping.Store(true)
	if s.woken.Swap(false) {
		s.sleeping.Store(false)
		return nil
	}
	ready, errno := s.kernel.poll(timeout)
	s.sleeping.Store(false)
	s.woken.Store(false)
	if errno != 0 && errno != unix.EINTR {
		return s.fail("wait on", errno)
	}
	if ready {
		return nil
	}
	return s.alive()
}

func (s *Socket) spin(timeout time.Duration) error {
	for start := time.Now(); ; {
		if s.rx.ready(1) > 0 || s.woken.Swap(false) {
			return nil
		}
		s.recycle()
		// With busy polling this call is what receives.
		if err := s.alive(); err != nil {
			return err
		}
		if time.Since(start) >= timeout {
			return nil
		}
	}
}

// alive asks the kernel whether the socket is still bound to an interface that
// is up. poll does not tell.
func (s *Socket) alive() error {
	switch errno := s.kernel.recv(); errno {
	case 0, unix.EINTR, unix.EAGAIN, unix.EBUSY:
		return nil
	default:
		return s.fail("wait on", errno)
	}
}

// Wake ends the Wait under way, or else the next one, at once. Any goroutine
// may call it, at any time.
func (s *Socket) Wake() {
	s.woken.Store(true)
	if !s.sleeping.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		s.kernel.wake()
	}
}
