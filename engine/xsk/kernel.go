// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is what an open socket asks of the kernel. Tests put their own in its
// place, to play a link that goes down or a driver that is out of buffers.
type kernel interface {
	// send has the kernel transmit what is in the tx ring.
	send() unix.Errno
	// recv wakes the receive side and, with busy polling, polls the device. It
	// also tells whether the interface is still there.
	recv() unix.Errno
	// poll sleeps until something was received, wake was called or the time is
	// over. ready is true only in the first case.
	poll(timeout time.Duration) (ready bool, errno unix.Errno)
	// wake ends the poll under way or else the next one. Any goroutine.
	wake()
}

// system is the real kernel: an AF_XDP socket and an eventfd beside it.
type system struct {
	fd    int
	event int
	pfd   [2]unix.PollFd
	ts    unix.Timespec
	drain [8]byte
}

func newSystem(fd, event int) *system {
	k := &system{fd: fd, event: event}
	k.pfd = [2]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(event), Events: unix.POLLIN}}
	return k
}

func (k *system) send() unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(k.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

func (k *system) recv() unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(k.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

func (k *system) poll(timeout time.Duration) (bool, unix.Errno) {
	k.pfd[0].Revents, k.pfd[1].Revents = 0, 0
	k.ts = unix.NsecToTimespec(int64(timeout))
	if _, err := unix.Ppoll(k.pfd[:], &k.ts, nil); err != nil {
		return false, errnoOf(err)
	}
	if k.pfd[1].Revents != 0 {
		// The eventfd is non-blocking and only ever read here; whatever the
		// read returns, it is empty afterwards.
		_, _ = unix.Read(k.event, k.drain[:])
	}
	return k.pfd[0].Revents&unix.POLLIN != 0, 0
}

// one is the count that a wake adds to the eventfd.
var one = [8]byte{1, 1, 1, 1, 1, 1, 1, 1}

func (k *system) wake() {
	// EAGAIN would mean that the counter is full, which is awake enough.
	_, _ = unix.Write(k.event, one[:])
}

// errnoOf is the errno in an error of package unix.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}
