// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"

	"xdhcp/engine/journal/history"
	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// A Seq numbers the changes in the log: that of the group, and its place in it. It
// grows with each change, over restarts as well.
type Seq uint64

// seqPlaces is more than the changes that a group can have: it has 1 MiB.
const seqPlaces = 16

const lastPlace = 1<<seqPlaces - 1

func seqOf(group uint64, place int) Seq { return Seq(group<<seqPlaces | uint64(place)) }

func (s Seq) group() uint64 { return uint64(s) >> seqPlaces }

// A GoneError says that the log no longer has what came after a Seq: it is in a
// snapshot, and as a state only.
type GoneError struct{ After, First Seq }

func (e *GoneError) Error() string {
	return fmt.Sprintf("the log begins with change %d: what came between it and %d is in it no more", e.First, e.After)
}

// A Watch reads durable changes in the order of the log, beginning after any of
// those that are still there. It reads the files, so it holds up nobody, and can
// fall behind by as much as the log has. One goroutine uses it.
type Watch struct {
	r    tailReader
	feed *Feed // of a running journal: wakes
	j    *Journal

	seen  uint64 // groups up to this one were durable when the reader's buffer was filled
	after Seq    // what was returned last
	group uint64
	place int
	rest  []byte // of the group under way
}

// Watch reads a running journal's changes after after.
func (j *Journal) Watch(after Seq) (*Watch, error) {
	w := &Watch{j: j, feed: j.Follow(0)}
	if err := w.begin(j.fs, after); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Last is the newest durable change's group: a Watch after it sees what comes.
func (j *Journal) Last() Seq { return seqOf(j.tail.Load().seq, lastPlace) }

// OpenWatch reads the changes of a state directory whose server does not run.
func OpenWatch(dir string, after Seq) (*Watch, error) {
	fs, err := vfs.OpenOS(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	w := &Watch{}
	if err := w.begin(fs, after); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends it.
func (w *Watch) Close() {
	w.r.close()
	if w.feed != nil {
		w.feed.Close()
	}
}

// begin stands before the group that has the next change.
func (w *Watch) begin(fs vfs.FS, after Seq) error {
	l, err := listLog(fs)
	if err != nil {
		return err
	}
	w.after = after
	w.r = tailReader{fs: fs}
	for _, s := range l.segs {
		if s.header == nil {
			w.r.id = s.log
		}
	}
	// The group that is needed first: that of after, unless all of it was seen.
	need := after.group()
	if after == seqOf(need, lastPlace) || need == 0 {
		need++
	}
	// The newest segment that begins early enough; it may have no group yet.
	for i := len(l.segs) - 1; i >= 0; i-- {
		w.r.at = history.Position{Segment: l.segs[i].index, Offset: page}
		first, err := w.firstGroup()
		if err != nil {
			return fmt.Errorf("journal: watch: %w", err)
		}
		switch {
		case first != 0 && first <= need:
			w.r.at.Seq = need - 1
			return nil
		case first != 0 && i == 0:
			return &GoneError{After: after, First: seqOf(first, 1)}
		}
	}
	return nil
}

// firstGroup is the number of the group that the segment begins with; 0: none.
func (w *Watch) firstGroup() (uint64, error) {
	if err := w.r.open(); err != nil {
		return 0, err
	}
	g, payload, err := w.r.group()
	if payload == nil {
		return 0, err
	}
	return g.seq, nil
}

// Next is the next change, encoded as lease.Change or lease6.Change says, and its
// number; valid until the next call. nil: there is none yet, see Wait.
func (w *Watch) Next() (rec []byte, seq Seq, err error) {
	for {
		for len(w.rest) > 0 {
			if rec, w.rest, err = lease.Next(w.rest); err != nil {
				return nil, 0, fmt.Errorf("journal: watch: group %d: %w", w.group, err)
			}
			w.place++
			if seq := seqOf(w.group, w.place); seq > w.after {
				w.after = seq
				return rec, seq, nil
			}
		}
		g, payload, err := w.next()
		if err != nil || payload == nil {
			return nil, 0, err
		}
		if g.kind == kindChanges {
			w.group, w.place, w.rest = g.seq, 0, payload
		}
	}
}

// next is the next group that is durable.
func (w *Watch) next() (group, []byte, error) {
	newest := w.r.at.Segment
	if w.j != nil {
		t := w.j.tail.Load()
		if w.r.at.Seq >= t.seq {
			return group{}, nil, nil
		}
		newest = t.seg
		if w.r.at.Seq >= w.seen { // what was read ahead then may be other bytes now
			w.r.have, w.seen = 0, t.seq
		}
	} else if l, err := listLog(w.r.fs); err != nil {
		return group{}, nil, err
	} else if n := len(l.segs); n > 0 {
		newest = l.segs[n-1].index
	}
	before := w.r.missed
	g, payload, err := w.r.next(newest)
	switch {
	case isNotExist(err), err == nil && payload == nil && w.j != nil, w.r.missed > before && w.j != nil:
		// The segment was let go before it was read.
		return group{}, nil, &GoneError{After: w.after, First: seqOf(max(g.seq, w.r.at.Seq+1), 1)}
	case err != nil:
		return group{}, nil, fmt.Errorf("journal: watch: %w", err)
	}
	return g, payload, nil
}

// Wait returns when there may be more, or with an error when ctx ends or nothing
// more can come.
func (w *Watch) Wait(ctx context.Context) error {
	if w.j == nil {
		return errors.New("journal: watch: no server writes to this log")
	}
	_, _, err := w.feed.Next(ctx)
	return err
}
