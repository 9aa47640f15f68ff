// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"math/bits"
	"sync/atomic"

	"xdhcp/engine/lease"
)

// lane is the way of one appender's changes to the committer. Neither side ever
// waits for the other: the chunks that are being filled change hands by a swap.
type lane struct {
	// filling holds what was appended and not yet taken. The appender takes it
	// out while it adds (so that the committer sees nil), then puts it back;
	// the committer takes it and leaves nil. Nobody else stores.
	filling atomic.Pointer[chunk]
	// spare holds empty chunks on their way back from the committer.
	spare chan *chunk
	// durable is the number of the newest batch on disk. Only the committer stores.
	durable atomic.Uint64
	notify  atomic.Pointer[func()]
	_       [96]byte // one lane, two cache lines: neighbours do not disturb each other
}

// chunk is a run of batches of one lane. Its memory does not move and is used again:
// while the disk stalls a chain of them grows, and nothing is copied.
type chunk struct {
	lane  uint8
	b     []byte
	done  int // bytes of b already in the log
	marks []mark
	mark  int    // the first of marks that is not durable
	next  *chunk // in the chain
	last  *chunk // of the chain, in its first chunk
}

// mark says where a batch ends in its chunk.
type mark struct {
	end     int
	changes int
	number  uint64
}

const (
	chunkLen = 64 << 10
	// keepChunks of a lane are kept for the next stall; the rest is left to the
	// garbage collector.
	keepChunks = 64
)

// Append takes the changes of b, whose lane nobody else appends to at the same
// time, and returns without waiting for anything. b may be reset at once.
func (j *Journal) Append(b *lease.Batch) {
	if b.Len() == 0 || j.failed.Load() != nil {
		return // after a failure nothing becomes durable, so nothing is kept
	}
	l := &j.lanes[b.Lane()]
	first := l.filling.Swap(nil)
	if first == nil {
		first = l.chunk(b)
		first.last = first
	} else if c := first.last; cap(c.b)-len(c.b) < len(b.Bytes()) {
		c.next = l.chunk(b)
		first.last = c.next
	}
	c := first.last
	c.b = append(c.b, b.Bytes()...)
	c.marks = append(c.marks, mark{len(c.b), b.Len(), b.Ticket().Number()})
	l.filling.Store(first)
	if word, bit := b.Lane()/64, uint64(1)<<(b.Lane()%64); j.used[word].Load()&bit == 0 {
		j.used[word].Or(bit)
	}
	j.wake.added(int64(len(b.Bytes())))
}

// chunk is an empty one with room for b.
func (l *lane) chunk(b *lease.Batch) *chunk {
	select {
	case c := <-l.spare:
		if cap(c.b) >= len(b.Bytes()) {
			return c
		}
	default:
	}
	return &chunk{lane: b.Lane(), b: make([]byte, 0, max(chunkLen, len(b.Bytes()))), marks: make([]mark, 0, 64)}
}

// Durable says whether the batch is on disk; an atomic load. With async
// durability it says yes at once.
func (j *Journal) Durable(t lease.Ticket) bool {
	return j.async || j.OnDisk(t)
}

// OnDisk is Durable without the licence of async: whether the batch is on disk. The
// lease table asks it, to whom it also means that the batch is earlier in the log
// than whatever is appended from now on.
func (j *Journal) OnDisk(t lease.Ticket) bool {
	return t == 0 || t.Number() <= j.lanes[t.Lane()].durable.Load()
}

// Notify sets the function that the committer calls each time that anything
// became durable, and when the journal fails. It must be cheap and must not call
// the journal back, except for Durable and Err.
func (j *Journal) Notify(lane uint8, fn func()) {
	if fn == nil {
		j.lanes[lane].notify.Store(nil)
	} else {
		j.lanes[lane].notify.Store(&fn)
	}
	j.notified[lane/64].Or(1 << (lane % 64))
}

func (j *Journal) notifyAll() {
	for w := range j.notified {
		for m := j.notified[w].Load(); m != 0; m &= m - 1 {
			if fn := j.lanes[w*64+bits.TrailingZeros64(m)].notify.Load(); fn != nil {
				(*fn)()
			}
		}
	}
}

// take appends all that lies in the lanes to q.
func (j *Journal) take(q []*chunk) []*chunk {
	for w := range j.used {
		for m := j.used[w].Load(); m != 0; m &= m - 1 {
			for c := j.lanes[w*64+bits.TrailingZeros64(m)].filling.Swap(nil); c != nil; c = c.next {
				q = append(q, c)
			}
		}
	}
	return q
}

// giveBack returns an emptied chunk to its lane.
func (j *Journal) giveBack(c *chunk) {
	*c = chunk{lane: c.lane, b: c.b[:0], marks: c.marks[:0]}
	select {
	case j.lanes[c.lane].spare <- c:
	default:
	}
}
