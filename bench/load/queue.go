// SPDX-License-Identifier: Apache-2.0

package load

import "math/bits"

// queue is a first-in first-out of clients, each of which is in it at most
// once, so that it is never full.
type queue struct {
	buf  []uint32 // len is a power of two
	head uint32
	n    uint32
}

func newQueue(clients int) queue {
	return queue{buf: make([]uint32, 1<<bits.Len(uint(clients-1)))}
}

func (q *queue) push(i uint32) {
	q.buf[(q.head+q.n)&uint32(len(q.buf)-1)] = i
	q.n++
}

func (q *queue) pop() (uint32, bool) {
	if q.n == 0 {
		return 0, false
	}
	i := q.buf[q.head]
	q.head = (q.head + 1) & uint32(len(q.buf)-1)
	q.n--
	return i, true
}

// holders tells which client holds an address: a page of 65536 addresses for
// each /16 that has been seen.
type holders struct {
	pages [1 << 16]*[1 << 16]uint32 // client + 1; 0 nobody
}

func (h *holders) get(addr uint32) (client uint32, ok bool) {
	p := h.pages[addr>>16]
	if p == nil || p[addr&0xffff] == 0 {
		return 0, false
	}
	return p[addr&0xffff] - 1, true
}

func (h *holders) set(addr, client uint32) {
	p := h.pages[addr>>16]
	if p == nil {
		p = new([1 << 16]uint32)
		h.pages[addr>>16] = p
	}
	p[addr&0xffff] = client + 1
}

// clear forgets the address if this client holds it.
func (h *holders) clear(addr, client uint32) {
	if j, ok := h.get(addr); ok && j == client {
		h.pages[addr>>16][addr&0xffff] = 0
	}
}

// timers are the ends of waits. All waits after a try are equally long, so
// those of one try run out in the order in which they began: a first-in
// first-out for each try is a complete timer wheel. Waits that are randomized have
// one of a few lengths, and a first-in first-out for each length.
type timers struct {
	lengths int    // that the wait after a try may have
	tries   []wait // lengths for the first try, for the second, …
}

// jitterSteps is how many lengths a randomized wait may have.
const jitterSteps = 16

type wait struct {
	length int64
	buf    []timer // len is a power of two, grows
	head   int
	n      int
}

type timer struct {
	at           int64
	client, step uint32
}

const firstTimers = 1 << 10

func newTimers[D ~int64](waits []D, jitter D) timers {
	t := timers{lengths: 1}
	if jitter > 0 {
		t.lengths = jitterSteps
	}
	for _, d := range waits {
		for k := range t.lengths {
			length := int64(d)
			if jitter > 0 { // evenly, in the middles of the steps
				length += int64(jitter) * int64(2*k+1-jitterSteps) / jitterSteps
			}
			t.tries = append(t.tries, wait{length: length, buf: make([]timer, firstTimers)})
		}
	}
	return t
}

// start begins the wait after a try, 0 being the first.
func (t *timers) start(try int, now int64, client, step uint32) {
	// Which length: random enough, and the same in a run that is repeated.
	k := int((client*0x9e3779b1 ^ step*0x85ebca6b) >> 16 % uint32(t.lengths))
	w := &t.tries[try*t.lengths+k]
	if w.n == len(w.buf) {
		bigger := make([]timer, 2*len(w.buf))
		copy(bigger, w.buf[w.head:])
		copy(bigger[len(w.buf)-w.head:], w.buf[:w.head])
		w.buf, w.head = bigger, 0
	}
	w.buf[(w.head+w.n)&(len(w.buf)-1)] = timer{now + w.length, client, step}
	w.n++
}

// expired takes one live timer that has run out. Those that are void it throws
// away as it meets them.
func (t *timers) expired(now int64, s *sim) (client uint32, ok bool) {
	for i := range t.tries {
		w := &t.tries[i]
		for w.n > 0 {
			e := &w.buf[w.head]
			live := s.live(e.client, e.step)
			if live && e.at > now {
				break
			}
			w.head = (w.head + 1) & (len(w.buf) - 1)
			w.n--
			if live {
				return e.client, true
			}
		}
	}
	return 0, false
}

// next is when the oldest wait that may matter ends; ok is false if there is none.
func (t *timers) next() (at int64, ok bool) {
	for i := range t.tries {
		if w := &t.tries[i]; w.n > 0 && (!ok || w.buf[w.head].at < at) {
			at, ok = w.buf[w.head].at, true
		}
	}
	return at, ok
}
