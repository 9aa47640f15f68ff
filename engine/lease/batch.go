// SPDX-License-Identifier: Apache-2.0

package lease

import "slices"

// Ticket names a batch of changes: lane<<56 | number. A change is durable when
// the batch that carries it is. Zero: nothing to wait for.
type Ticket uint64

const ticketLane = 56

// Lane is the lane of the batch.
func (t Ticket) Lane() uint8 { return uint8(t >> ticketLane) }

// Number counts the batches of one lane from 1.
func (t Ticket) Number() uint64 { return uint64(t) & (1<<ticketLane - 1) }

// Batch collects changes on their way to the journal. Each writer (a worker,
// the slow path, the reaper) has one, with a lane number of its own; a Batch is
// not safe for concurrent use.
//
// The ticket of a change is known while its batch is still being filled: the
// table notes it in the record, and the reply waits for it. So whoever holds a
// Batch that is not empty must hand it to the journal soon, and the batches of
// a lane must reach the log in the order of their numbers.
type Batch struct {
	ticket Ticket
	n      int
	buf    []byte
}

// NewBatch is an empty batch of a lane, number 1.
func NewBatch(lane uint8) *Batch {
	return &Batch{ticket: Ticket(lane)<<ticketLane | 1}
}

// Ticket names this batch.
func (b *Batch) Ticket() Ticket { return b.ticket }

// Lane is the batch's lane.
func (b *Batch) Lane() uint8 { return b.ticket.Lane() }

// Len is the number of changes.
func (b *Batch) Len() int { return b.n }

// Bytes are the encoded changes, one behind the other (see Change). They are
// valid until the next call of a method that adds, or of Reset.
func (b *Batch) Bytes() []byte { return b.buf }

// Each calls fn with each encoded change in turn.
func (b *Batch) Each(fn func(rec []byte)) {
	for rest := b.buf; len(rest) > 0; {
		rec, tail, err := Next(rest)
		if err != nil {
			return // not reached: only Add writes here
		}
		fn(rec)
		rest = tail
	}
}

// Add appends a change. The table does this; others do in tests and imports.
func (b *Batch) Add(c *Change) {
	b.buf = c.AppendTo(b.buf)
	b.n++
}

// Extend appends a change of n bytes, which the caller encodes into what it returns
// before it calls anything else of the batch. Package lease6 does this.
func (b *Batch) Extend(n int) []byte {
	at := len(b.buf)
	b.buf = slices.Grow(b.buf, n)[:at+n]
	b.n++
	return b.buf[at:]
}

// Reset empties the batch and gives it the next number of its lane. Call it
// when the journal has taken the changes. The memory is used again.
func (b *Batch) Reset() {
	b.buf = b.buf[:0]
	b.n = 0
	b.ticket++
}
