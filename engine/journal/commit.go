// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"time"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/internal/yield"
)

// The steps from a decision to its ACK:
//
//  1. An appender (worker, slow path, reaper) hands its batch to its lane. It
//     never waits.
//  2. The committer, alone, takes what lies in all lanes, builds one group of it,
//     writes it with one write at the end of the log, and syncs the file once.
//  3. For each lane it stores the number of the newest batch that is now on disk
//     in full. These numbers only grow.
//  4. It calls the Notify functions; workers transmit the parked replies whose
//     batch is at or below its lane's number.
//
// Invariants. There is never more than one group written and not synced, so
// recovery knows that a valid group was preceded by durable ones only. A group is
// never written over. The changes of one lane are in the log in the order in which
// they were appended; between lanes there is no order. A batch may be spread over
// two groups; it is durable with the second.
//
// A disk that stalls holds up step 2 and with it only replies that promise a
// lease; what is appended meanwhile makes the next group larger. The journal does
// not bound that: those who append do, by the number of replies that they park.
//
// An error in step 2 is final. Nothing becomes durable any more, Err says why, and
// the file is not synced again: what a second sync says about the first one's
// pages is worth nothing.
//
// How large a group should be. A group takes whole pages. At 200,000 grants a
// second of 75 bytes, a disk that syncs in 100 µs would write groups of 1.5 KB in
// pages of 4, and spend its time in system calls. So when, by the rate of the last
// moments, fill bytes come within linger, the committer waits for as long as they
// should take (by a clock: an appender that had to wake it would pay for that); and
// groups are cut at a page's end where that saves more than an eighth, and the rest
// begins the next group. A lone change, when the rate is low, waits for nothing.

// committer is the one writer of the log.
type committer struct {
	j     *Journal
	seg   segment
	file  vfs.File
	seed  uint32
	off   int64 // where the next group goes
	seq   uint64
	epoch uint32

	buf    []byte   // group under construction, aligned
	queue  []*chunk // taken from the lanes, in the order of taking
	queued int      // bytes in queue that are not in the log
	told   bool     // the keeper was told that the segment is in use
	fresh  int64    // bytes since the historian was last told
	waited bool     // the queue has had its chance to fill up
	rate   rate
	feeds  feeds
}

// run writes groups until stop is set and all that was appended before is on
// disk, or until something fails. It has its thread for itself.
func (c *committer) run() {
	shortSlice()
	var loop yield.Loop
	for c.j.failed.Load() == nil {
		loop.Turn()
		stopping := c.j.stop.Load()
		c.gather()
		if wait := c.linger(); wait > 0 && !stopping {
			c.waited = true
			c.j.wake.sleep(noBytes, wait, &c.j.stop)
			continue
		}
		if c.queued == 0 {
			if stopping {
				return
			}
			c.waited = false
			c.j.wake.sleep(1, 0, &c.j.stop)
			continue
		}
		if err := c.commit(); err != nil {
			c.j.fail(err)
			return
		}
	}
}

// gather takes what the appenders have left.
func (c *committer) gather() {
	n := len(c.queue)
	c.queue = c.j.take(c.queue)
	got := 0
	for _, ch := range c.queue[n:] {
		got += len(ch.b)
	}
	c.queued += got
	c.j.wake.pending.Add(-int64(got))
}

// linger says how long the queue should wait to fill its pages. It waits once for
// each group, also when there is nothing in it yet.
func (c *committer) linger() time.Duration {
	short := c.j.fill - (c.queued + groupHead)
	if c.waited || short <= 0 || !c.loaded() {
		return 0
	}
	if c.j.async {
		return c.j.linger
	}
	return min(c.j.linger, max(minLinger, c.rate.until(short)))
}

// minLinger is less than a sleep takes at the least.
const minLinger = 20 * time.Microsecond

// loaded says whether the next pages are likely to fill up within linger. With
// async durability nobody waits, so there is always time.
func (c *committer) loaded() bool {
	return c.j.linger > 0 && (c.j.async && c.queued > 0 || c.rate.until(c.j.fill) <= c.j.linger)
}

// room is how many bytes of changes the next group takes.
func (c *committer) room() int {
	all := c.queued + groupHead
	limit := int(min(c.seg.size-c.off, int64(len(c.buf))))
	if whole := all &^ (page - 1); whole > 0 && c.loaded() {
		if padding := int(vfs.RoundUp(int64(all))) - all; padding > all/8 {
			limit = min(limit, whole)
		}
	}
	return min(limit, all) - groupHead
}

// commit writes one group. It may leave changes in the queue.
func (c *committer) commit() error {
	if c.seg.size-c.off < page {
		if err := c.rotate(); err != nil {
			return err
		}
	}
	n := c.pack(c.room())
	g := group{seq: c.seq, len: n, epoch: c.epoch, kind: kindChanges}
	g.time, g.boot = c.j.clock.stamp()
	if err := c.write(&g); err != nil {
		return err
	}
	c.queued -= n
	c.waited = false
	c.rate.add(n, c.j.clock.mono())
	c.publish()
	c.feeds.feed(c.buf[groupHead : groupHead+n])
	if c.off > c.seg.size/4 && !c.told {
		c.told = true
		signal(c.j.keeper.used)
	}
	if c.fresh += int64(n); c.fresh >= c.j.historian.opt.Chunk {
		c.fresh = 0
		signal(c.j.historian.wanted)
	}
	return nil
}

// pack moves up to room bytes of whole changes from the queue into the group.
func (c *committer) pack(room int) int {
	n := groupHead
	room += groupHead
	for _, ch := range c.queue {
		rest := ch.b[ch.done:]
		if len(rest) > room-n {
			take := 0
			for {
				rec, _, err := lease.Next(rest[take:])
				if err != nil || take+len(rec) > room-n {
					break // err: not reached, a Batch holds whole changes
				}
				take += len(rec)
			}
			rest = rest[:take]
			copy(c.buf[n:], rest)
			ch.done += take
			return n + take - groupHead
		}
		n += copy(c.buf[n:], rest)
		ch.done = len(ch.b)
	}
	return n - groupHead
}

// write seals the group that lies in buf, puts it at the end of the log, and
// syncs. Nothing is retried.
func (c *committer) write(g *group) error {
	span := g.span()
	g.seal(c.buf[:span], c.seed)
	begin := c.j.clock.mono()
	if _, err := c.file.WriteAt(c.buf[:span], c.off); err != nil {
		return fmt.Errorf("write group %d to %s: %w", g.seq, segName(c.seg.index), err)
	}
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("sync group %d in %s: %w", g.seq, segName(c.seg.index), err)
	}
	c.off += span
	c.seq++
	st := &c.j.stats
	st.groups.Add(1)
	st.bytes.Add(uint64(g.len))
	st.written.Add(uint64(span))
	st.sync.add(c.j.clock.mono() - begin)
	c.j.tail.Store(&position{seg: c.seg.index, off: c.off, seq: g.seq, time: g.time})
	return nil
}

// publish tells the lanes, then the listeners, what is durable now.
func (c *committer) publish() {
	keep := c.queue[:0]
	for _, ch := range c.queue {
		before := ch.mark
		for ; ch.mark < len(ch.marks) && ch.marks[ch.mark].end <= ch.done; ch.mark++ {
			c.j.stats.changes.Add(uint64(ch.marks[ch.mark].changes))
		}
		if ch.mark > before {
			c.j.lanes[ch.lane].durable.Store(ch.marks[ch.mark-1].number)
		}
		if ch.done == len(ch.b) {
			c.j.giveBack(ch)
		} else {
			keep = append(keep, ch)
		}
	}
	clear(c.queue[len(keep):])
	c.queue = keep
	c.j.notifyAll()
}

// rotate continues in the segment that the keeper has prepared.
func (c *committer) rotate() error {
	next, err := c.j.keeper.next()
	if err != nil {
		return fmt.Errorf("begin a new log segment: %w", err)
	}
	c.file.Close() // all of it is synced: an error here has nothing to lose
	c.enter(next, page)
	c.j.keeper.entered(next, c.seq)
	return nil
}

// enter continues the log at off in s.
func (c *committer) enter(s *openSegment, off int64) {
	c.file, c.seg, c.seed, c.off, c.told = s.file, s.segment, s.seed(), off, false
}

// rate follows how fast changes come: bytes over a window of the last groups.
type rate struct {
	bytes float64 // weighted
	time  float64 // weighted, seconds
	last  time.Duration
}

func (r *rate) add(n int, now time.Duration) {
	const keep = 15. / 16
	r.bytes = r.bytes*keep + float64(n)
	r.time = r.time*keep + (now - r.last).Seconds()
	r.last = now
}

// until is how long n bytes take to come; longer than anybody waits if none do.
func (r *rate) until(n int) time.Duration {
	if r.bytes <= 0 {
		return time.Hour
	}
	return time.Duration(min(3600, float64(n)/r.bytes*r.time) * float64(time.Second))
}
