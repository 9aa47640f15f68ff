// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

// parked is a reply that waits for the journal.
type parked struct {
	f     frame.Frame
	wait  lease.Ticket
	since time.Time
}

// lot is a bounded first-in first-out queue of parked frames.
type lot struct {
	slots []parked // len is a power of two
	bound int
	first uint32 // index of the head
	next  uint32 // index of the next free slot
}

func newLot(bound int) lot {
	size := 1
	for size < bound {
		size *= 2
	}
	return lot{slots: make([]parked, size), bound: bound}
}

func (l *lot) len() int { return int(l.next - l.first) }

// head is the oldest parked frame; the lot must not be empty.
func (l *lot) head() *parked { return &l.slots[l.first&uint32(len(l.slots)-1)] }

func (l *lot) pop() {
	*l.head() = parked{}
	l.first++
}

func (l *lot) push(p parked) bool {
	if l.len() >= l.bound {
		return false
	}
	l.slots[l.next&uint32(len(l.slots)-1)] = p
	l.next++
	return true
}
