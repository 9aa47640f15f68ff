// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var (
	// ErrDown is the cause of every error that says: the interface is down or
	// gone. A new socket can be opened when it is back.
	ErrDown = errors.New("interface is down or gone")
	// ErrClosed is what a socket's methods return after Close.
	ErrClosed = errors.New("xsk: socket is closed")
)

// OpError is what an operation on a queue's socket failed with. It prints as
//
//	xsk: bind eth0 queue 3: device or resource busy: another AF_XDP program may hold the queue
type OpError struct {
	Op    string // what was being done: "bind", "map rx ring", …
	Iface string
	Queue int
	Err   error
	Hint  string // what an operator may look at; may be empty
}

func (e *OpError) Error() string {
	s := fmt.Sprintf("xsk: %s %s queue %d: %v", e.Op, e.Iface, e.Queue, e.Err)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *OpError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrDown) true for the errno values that mean it.
func (e *OpError) Is(target error) bool {
	if target != ErrDown {
		return false
	}
	for _, errno := range []unix.Errno{unix.ENETDOWN, unix.ENXIO, unix.ENODEV} {
		if errors.Is(e.Err, errno) {
			return true
		}
	}
	return false
}
