// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// wake lets the committer sleep until there is something to write. An appender
// makes a system call only when the committer sleeps and this append is what it
// sleeps for. The sleep is a poll of an eventfd and not a channel, because the
// runtime's timers have millisecond steps when the machine is idle.
type wake struct {
	fd int
	// pending is the number of bytes that were appended and not yet taken.
	pending atomic.Int64
	// want is what pending must reach for the sleeper to be woken; 0: it is awake.
	// The sleeper stores it, and whoever wakes it sets it to 0.
	want atomic.Int64
}

func (w *wake) open() (err error) {
	w.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return err
}

func (w *wake) close() { unix.Close(w.fd) }

// added counts n bytes, and wakes the committer if it waits for no more than that.
func (w *wake) added(n int64) {
	have := w.pending.Add(n)
	if want := w.want.Load(); want != 0 && have >= want {
		w.ring()
	}
}

// ring wakes the committer whatever it waits for.
func (w *wake) ring() {
	if w.want.Swap(0) != 0 {
		one := [8]byte{1}
		unix.Write(w.fd, one[:]) // fails only when 2^64-1 wake-ups are unread
	}
}

// noBytes is what pending never reaches: a sleep that only time or a ring ends.
const noBytes = 1 << 62

// sleep returns when pending has reached want, when somebody rings, or after the
// time-out (none if 0). stop is looked at after want is set, so that a ring that
// follows it is never missed.
func (w *wake) sleep(want int64, timeout time.Duration, stop *atomic.Bool) {
	w.want.Store(want)
	if w.pending.Load() >= want || stop.Load() {
		w.want.Store(0)
		return
	}
	var ts *unix.Timespec
	if timeout > 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	fds := [1]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	unix.Ppoll(fds[:], ts, nil) // an interrupted sleep is a short one: callers look again
	w.want.Store(0)
	var b [8]byte
	unix.Read(w.fd, b[:])
}
