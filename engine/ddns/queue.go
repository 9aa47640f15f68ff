// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"container/heap"
	"context"
	"net/netip"
	"sync"
	"time"
)

// queue is the addresses that have something to do, each once, by the time at which
// it is due. An address that is in work and comes again is done again behind that.
type queue struct {
	limit int

	mu   sync.Mutex
	jobs map[netip.Addr]*job
	due  dueHeap // those that are not in work
	// changed is closed, and replaced, when something may have become possible: a
	// job is due earlier, or there is room.
	changed chan struct{}
}

type job struct {
	addr  netip.Addr
	due   time.Time
	tries int
	at    int // in the heap; -1: in work
	again bool
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, jobs: map[netip.Addr]*job{}, changed: make(chan struct{})}
}

// stir wakes all who wait. q is locked.
func (q *queue) stir() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// add puts an address into the queue, to be done at once; false: it is full. What
// has failed before is new with its new lease.
func (q *queue) add(addr netip.Addr, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.jobs[addr]; j != nil {
		j.tries = 0
		if j.at < 0 {
			j.again = true
		} else if now.Before(j.due) {
			j.due = now
			heap.Fix(&q.due, j.at)
			q.stir()
		}
		return true
	}
	if len(q.jobs) >= q.limit {
		return false
	}
	j := &job{addr: addr, due: now}
	q.jobs[addr] = j
	heap.Push(&q.due, j)
	q.stir()
	return true
}

// take waits for a job that is due; nil when ctx ends.
func (q *queue) take(ctx context.Context, now func() time.Time) *job {
	for {
		q.mu.Lock()
		wait := time.Hour
		if len(q.due) > 0 {
			if wait = q.due[0].due.Sub(now()); wait <= 0 {
				j := heap.Pop(&q.due).(*job)
				q.mu.Unlock()
				return j
			}
		}
		changed := q.changed
		q.mu.Unlock()
		if !sleep(ctx, changed, wait) {
			return nil
		}
	}
}

// sleep waits for a signal, at most for d; false: ctx has ended.
func sleep(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// done ends a job that take has given out.
func (q *queue) done(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end(j)
}

// end lets go of a job, or has it done again. q is locked.
func (q *queue) end(j *job) {
	if j.again {
		j.again, j.due = false, time.Time{}
		heap.Push(&q.due, j)
	} else {
		delete(q.jobs, j.addr)
	}
	q.stir()
}

// failed has a job tried again after the pause for its number of tries, at most most
// times in all. tries is how often it was tried, and last says that this was the end.
func (q *queue) failed(j *job, most int, now time.Time, pause func(tries int) time.Duration) (tries int, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.tries++
	tries = j.tries
	if j.again || tries >= most {
		last = !j.again
		q.end(j)
		return tries, last
	}
	j.due = now.Add(pause(tries))
	heap.Push(&q.due, j)
	q.stir()
	return tries, false
}

// room waits until less than half of the queue is in use.
func (q *queue) room(ctx context.Context) bool {
	for {
		q.mu.Lock()
		ok, changed := 2*len(q.jobs) < q.limit, q.changed
		q.mu.Unlock()
		if ok {
			return true
		}
		if !sleep(ctx, changed, time.Hour) {
			return false
		}
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

// dueHeap is a heap by time.
type dueHeap []*job

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, k int) bool { return h[i].due.Before(h[k].due) }
func (h dueHeap) Swap(i, k int) {
	h[i], h[k] = h[k], h[i]
	h[i].at, h[k].at = i, k
}
func (h *dueHeap) Push(x any) {
	j := x.(*job)
	j.at = len(*h)
	*h = append(*h, j)
}
func (h *dueHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h, j.at = old[:len(old)-1], -1
	return j
}
