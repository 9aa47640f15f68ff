// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"sync"
)

// A Feed is what has become durable since it was opened, in the order of the log:
// for those who keep something beside the lease table (an index, the DNS) and must
// not hold up the committer. It is bounded; a reader that falls behind is told so
// once, and has to look at the table, which is always ahead of the log. One
// goroutine reads it.
type Feed struct {
	j     *Journal
	limit int
	ready chan struct{} // capacity 1: there is something

	mu     sync.Mutex
	buf    []byte
	missed bool
	back   []byte // what the reader had last, to be used again
}

// feeds are the open ones. The committer looks at them once a group.
type feeds struct {
	mu  sync.Mutex
	all []*Feed
}

// Follow opens a feed that holds at most limit bytes of changes. Close it.
func (j *Journal) Follow(limit int) *Feed {
	f := &Feed{j: j, limit: limit, ready: make(chan struct{}, 1)}
	j.committer.feeds.mu.Lock()
	defer j.committer.feeds.mu.Unlock()
	j.committer.feeds.all = append(j.committer.feeds.all, f)
	return f
}

// Close ends the feed.
func (f *Feed) Close() {
	j := f.j
	j.committer.feeds.mu.Lock()
	defer j.committer.feeds.mu.Unlock()
	kept := j.committer.feeds.all[:0]
	for _, o := range j.committer.feeds.all {
		if o != f {
			kept = append(kept, o)
		}
	}
	clear(j.committer.feeds.all[len(kept):])
	j.committer.feeds.all = kept
}

// Next waits for changes and returns them encoded, one behind the other (see
// lease.Change), valid until the next call. missed says that others are lost. It
// returns an error when ctx ends.
func (f *Feed) Next(ctx context.Context) (changes []byte, missed bool, err error) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	changes, missed = f.buf, f.missed
	f.buf, f.back, f.missed = f.back[:0], changes, false
	return changes, missed, nil
}

// feed gives the changes of a durable group to all feeds.
func (fs *feeds) feed(changes []byte) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.all {
		f.add(changes)
	}
}

func (f *Feed) add(changes []byte) {
	f.mu.Lock()
	if len(f.buf)+len(changes) > f.limit {
		f.missed = true // and what fits of the rest is of no use without it
		f.buf = f.buf[:0]
	} else {
		f.buf = append(f.buf, changes...)
	}
	f.mu.Unlock()
	signal(f.ready)
}
