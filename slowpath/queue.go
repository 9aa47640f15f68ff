// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

// maxPacket is the longest frame, and the longest UDP payload, that is read: the
// largest chunk of an AF_XDP socket. The longest message that a client can hope
// to get through an ordinary link is 1472 bytes; a relay adds at most some
// hundreds.
const maxPacket = 4096

// road is how a packet reached us.
type road uint8

const (
	roadFrame   road = iota // punted by a worker: a whole Ethernet frame
	roadKernel              // through the kernel's UDP: a payload
	roadKernel6             // likewise, of DHCPv6
)

// packet is one received packet in memory of our own.
type packet struct {
	road road
	port uint16
	why  frame.Reason // why a worker punted it
	data []byte

	// Of the kernel's roads.
	src, dst   lease.IP4 // of the IP header
	src6, dst6 [16]byte
	srcPort    uint16
}

// grow gives p its memory when it is first used.
func (p *packet) grow() {
	if p.data == nil {
		p.data = make([]byte, 0, maxPacket)
	}
}

// Queue is a bounded queue of packets. Any goroutine may put packets in; one
// takes them out.
//
// It is two channels around a fixed set of packets: a packet is in the idle
// channel, in the full channel, or in the hands of one goroutine. Both channels
// have room for all packets, so that giving one on never blocks.
type Queue struct {
	idle chan *packet
	full chan *packet
}

// DefaultQueue is the bound of a Queue that New makes: 20 ms of 50 k packets/s,
// and 4 MB when all buffers have been used once.
const DefaultQueue = 1024

// NewQueue makes a queue for at most n packets.
func NewQueue(n int) *Queue {
	q := &Queue{idle: make(chan *packet, n), full: make(chan *packet, n)}
	for range n {
		q.idle <- new(packet)
	}
	return q
}

// Punt copies f and returns true, or returns false when the queue is full. It
// never blocks, and it does not allocate once every packet of the queue has
// been used.
func (q *Queue) Punt(f *frame.Frame, why frame.Reason) bool {
	select {
	case p := <-q.idle:
		p.grow()
		// What does not fit is cut off, and then found to be truncated.
		n := copy(p.data[:maxPacket], f.Data)
		p.data = p.data[:n]
		p.road, p.port, p.why = roadFrame, f.Port, why
		q.full <- p
		return true
	default:
		return false
	}
}

// Len is the number of packets that wait.
func (q *Queue) Len() int { return len(q.full) }

// Cap is the bound.
func (q *Queue) Cap() int { return cap(q.full) }

// take waits for a packet to fill; it returns nil when ctx has ended.
func (q *Queue) take(ctx context.Context) *packet {
	select {
	case p := <-q.idle:
		p.grow()
		return p
	case <-ctx.Done():
		return nil
	}
}

// done gives a packet back.
func (q *Queue) done(p *packet) { q.idle <- p }
