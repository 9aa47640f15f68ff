// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"xdhcp/engine/journal/history"
	"xdhcp/engine/lease"
)

// HistoryOptions say how much history is kept, and how fast it is written.
type HistoryOptions struct {
	Off      bool
	Keep     time.Duration // how long what is over is kept; 0: 366 days
	MaxBytes int64         // bound of its files; 0: 8 GiB
	Rate     int64         // bytes per second read and written; 0: 96 MiB
	// Chunk is how many bytes of log become history at once. What is not yet there
	// is read from the log by each query. 0: 8 MiB.
	Chunk int64
	// MaxLag bounds the log that waits to become history. Beyond it, history is given
	// up before leases are. 0: 1 GiB.
	MaxLag int64
}

func (o HistoryOptions) orDefault() HistoryOptions {
	if o.Rate == 0 {
		o.Rate = 96 << 20
	}
	if o.Chunk == 0 {
		o.Chunk = 8 << 20
	}
	if o.MaxLag == 0 {
		o.MaxLag = 1 << 30
	}
	return o
}

// historyShare is the part of a core that history takes while it keeps up with it: at
// 1 µs a lease enough for 250,000 a second.
const historyShare = 0.25

// historian turns log into history, behind the committer. It reads groups that are
// durable, and the segments that hold them wait for it, up to MaxLag.
type historian struct {
	j     *Journal
	opt   HistoryOptions
	store *history.Store
	ctx   context.Context // of the work under way, for its pauses
	pace  *pacer

	wanted chan struct{} // a chunk is there
	full   chan struct{} // the disk is full: drop something

	at    history.Position
	batch history.Builder
	buf   []byte

	// through is the newest group that is in the history, or given up: segments up to
	// it may go.
	through atomic.Uint64
	place   atomic.Pointer[history.Position] // at, for the status
	bytes   atomic.Int64
	lost    atomic.Uint64 // groups given up
}

const everything = 1<<64 - 1

func (h *historian) init(j *Journal) {
	h.j, h.opt = j, j.opt.History.orDefault()
	h.wanted, h.full = make(chan struct{}, 1), make(chan struct{}, 1)
	if h.opt.Off {
		h.through.Store(everything)
	}
}

// signal sends to a channel of one place, without waiting.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (h *historian) run(ctx context.Context) {
	if h.opt.Off {
		return
	}
	if err := h.open(ctx); err != nil {
		h.j.log.Error("journal: no history is written", "err", err)
		h.j.warn(err)
		h.through.Store(everything)
		return
	}
	for {
		err := h.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			h.j.log.Warn("journal: history is behind", "err", err)
			h.j.warn(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.full:
			h.shed()
		case <-h.wanted:
		}
	}
}

func (h *historian) open(ctx context.Context) (err error) {
	h.ctx, h.pace = ctx, h.j.pacer(h.opt.Rate)
	o := history.Options{MaxBytes: h.opt.MaxBytes, Keep: uint32(min(h.opt.Keep/time.Second, 1<<32-1)),
		Pace: func(n int) error { return h.pace.wait(h.ctx, n) }}
	if h.store, err = history.Open(h.j.fs, o); err != nil {
		h.j.log.Error("journal: the history cannot be read and begins anew; its files are renamed to *.damaged", "err", err)
		if err := history.SetAside(h.j.fs); err != nil {
			return err
		}
		if h.store, err = history.Open(h.j.fs, o); err != nil {
			return err
		}
	}
	h.at = h.store.Position()
	h.begin()
	h.note()
	return nil
}

// begin makes sure that the position is in the log: a segment that was read to its
// end may be gone.
func (h *historian) begin() {
	k, tail := &h.j.keeper, h.j.tail.Load()
	k.mu.Lock()
	first := k.live[0]
	k.mu.Unlock()
	switch {
	case h.at.Seq > tail.seq: // of another log: somebody has put back an older state
		h.at = history.Position{Seq: tail.seq, Segment: tail.seg, Offset: tail.off}
	case h.at.Segment < first.index:
		if h.at.Seq > 0 && first.first > h.at.Seq+1 {
			h.lost.Add(first.first - h.at.Seq - 1)
		}
		h.at = history.Position{Seq: max(h.at.Seq, first.first-min(1, first.first)), Segment: first.index, Offset: page}
	}
}

// note publishes the position, and lets go of what it has passed.
func (h *historian) note() {
	at := h.at
	h.place.Store(&at)
	h.through.Store(at.Seq)
	h.bytes.Store(h.store.Bytes())
	if err := h.j.release(); err != nil {
		h.j.warn(err)
	}
}

// step makes history of all whole chunks of log, and tidies up after each.
func (h *historian) step(ctx context.Context) error {
	h.ctx = ctx
	for ctx.Err() == nil {
		behind := h.behind(&h.at)
		if behind > h.opt.MaxLag {
			h.giveUp()
			continue
		}
		if behind < h.opt.Chunk {
			return nil
		}
		h.pace.share = historyShare
		if behind > h.opt.MaxLag/4 {
			h.pace.share = 0 // a history with a gap is worse than a slow answer
		}
		h.begin()
		h.batch.Reset()
		h.batch.Grow(int(h.opt.Chunk))
		to, err := h.read(h.opt.Chunk)
		if isNotExist(err) {
			continue // its segment, read to the end, was let go at this moment
		}
		if err != nil {
			return fmt.Errorf("history: read log: %w", err)
		}
		err = h.store.Add(&h.batch, to)
		if errors.Is(err, syscall.ENOSPC) && h.shed() {
			err = h.store.Add(&h.batch, to)
		}
		if err != nil {
			return err
		}
		h.at = to
		h.note()
		now, _ := h.j.clock.stamp()
		if err := h.store.Maintain(ctx, now); err != nil && !errors.Is(err, syscall.ENOSPC) {
			return err // a merge that finds no room can wait: nothing is lost by it
		}
		h.bytes.Store(h.store.Bytes())
	}
	return ctx.Err()
}

// behind is how much log there is behind a place.
func (h *historian) behind(at *history.Position) int64 {
	tail := h.j.tail.Load()
	if at == nil {
		return 0
	}
	if tail.seg == at.Segment {
		return tail.off - at.Offset
	}
	return int64(tail.seg-at.Segment)*h.j.opt.SegmentSize + tail.off - at.Offset
}

// giveUp leaves out what the log holds up to now.
func (h *historian) giveUp() {
	tail := h.j.tail.Load()
	h.lost.Add(tail.seq - h.at.Seq)
	h.at = history.Position{Seq: tail.seq, Segment: tail.seg, Offset: tail.off}
	h.j.log.Error("journal: history fell too far behind; a part of it is lost", "groups", h.lost.Load())
	if err := h.store.Skip(h.at); err != nil {
		h.j.warn(err)
	}
	h.note()
}

// shed drops the oldest run on a full disk.
func (h *historian) shed() bool {
	ok, err := h.store.Shed()
	if err != nil {
		h.j.warn(err)
	}
	if ok {
		h.j.log.Warn("journal: the disk is full; the oldest part of the history was removed")
	}
	h.bytes.Store(h.store.Bytes())
	return ok && err == nil
}

// read collects about limit bytes of durable log from the position on.
func (h *historian) read(limit int64) (history.Position, error) {
	tail := h.j.tail.Load()
	r := tailReader{fs: h.j.fs, id: h.j.id, at: h.at, buf: h.buf}
	defer r.close()
	defer func() { h.buf = r.buf }()
	var n int64
	for n < limit && r.at.Seq < tail.seq {
		g, payload, err := r.next(tail.seg)
		if err != nil {
			return h.at, err
		}
		if payload == nil {
			break
		}
		n += g.span()
		if g.kind != kindChanges {
			continue
		}
		if err := addAll(&h.batch, payload); err != nil {
			return h.at, err
		}
		if err := h.pace.wait(h.ctx, int(g.span())); err != nil {
			return h.at, err
		}
	}
	h.lost.Add(r.missed)
	return r.at, nil
}

func addAll(b *history.Builder, payload []byte) error {
	for len(payload) > 0 {
		rec, rest, err := lease.Next(payload)
		if err != nil {
			return err
		}
		b.Add(rec)
		payload = rest
	}
	return nil
}
