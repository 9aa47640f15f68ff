// SPDX-License-Identifier: Apache-2.0

// Package frame is the vocabulary of the data path: what a received packet is,
// what may become of it, and why.
//
// A Frame is a view of memory that belongs to an AF_XDP UMEM (or, in tests, to
// the heap). It is in exactly one place at a time; whoever holds it either
// hands it on or gives it back. The reply to a packet is built in the same
// memory.
//
//	Data[0]                    Data[len-1]        Data[cap-1]
//	| Ethernet | IP | UDP | DHCP ......|   room to grow   |
package frame

// Frame is one packet and the memory around it.
type Frame struct {
	// Data is the packet, from its Ethernet header on. A handler that answers
	// in place re-slices it up to cap(Data), which ends where the memory does.
	Data []byte
	// Addr is the place of Data in the UMEM. It belongs to the socket that
	// received the frame; handlers leave it alone.
	Addr uint64
	// Port is the index of the interface that received the frame, as the
	// configuration numbers them.
	Port uint16
	// V6 says that it is DHCPv6's. The handler that decides on the frame sets it.
	V6 bool
}

// Family is an index for what is counted for each: DHCPv4 first.
func Family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// Verdict says what becomes of a frame after a handler has seen it.
type Verdict uint8

const (
	// Drop frees the frame; its Reason says why.
	Drop Verdict = iota
	// Reply transmits the frame, now rewritten into an answer, at once.
	Reply
	// Await transmits the rewritten frame when the change that it
	// acknowledges is durable (RFC 2131 §3.1 step 4).
	Await
	// Punt hands a copy of the untouched frame to the slow path.
	Punt
)

// String names the verdict as the counters do.
func (v Verdict) String() string {
	switch v {
	case Drop:
		return "drop"
	case Reply:
		return "reply"
	case Await:
		return "await"
	case Punt:
		return "punt"
	}
	return "invalid"
}
