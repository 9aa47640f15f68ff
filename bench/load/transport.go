// SPDX-License-Identifier: Apache-2.0

package load

import (
	"time"

	"xdhcp/engine/frame"
)

// Transport carries frames. It belongs to one goroutine. xsk.Socket has these
// semantics, and says more about them.
type Transport interface {
	// Alloc takes up to len(fs) empty frames to send and returns how many.
	Alloc(fs []frame.Frame) int
	// Recv takes up to len(fs) received frames; each goes back by Free.
	Recv(fs []frame.Frame) int
	// Send queues frames, each as long as its Data is now; Flush transmits.
	Send(fs []frame.Frame) int
	Free(fs []frame.Frame)
	Flush() error
	// Wait returns when there is something to receive, or the time is over.
	Wait(timeout time.Duration) error
	Info() TransportInfo
	Close() error
}

// TransportInfo is what the generator needs to know of a transport.
type TransportInfo struct {
	// MAC is the interface's address.
	MAC MAC
	// TagsLost is how many outer VLAN tags received frames have lost.
	TagsLost int
	// How names the transport and its mode, for people.
	How string
}

// Drops is implemented by transports that know how many frames they have lost
// for want of room: answers that the server has sent and no client has seen.
type Drops interface{ Drops() uint64 }
