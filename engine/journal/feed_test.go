// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"xdhcp/engine/lease"
)

// What a feed shows is durable, whole, and in the order of the log.
func TestFeedShowsWhatIsDurable(t *testing.T) {
	j, _, stop := onDisk(t, t.TempDir(), newModel(), Options{})
	defer stop()
	f := j.Follow(1 << 20)
	defer f.Close()
	var want, got []byte
	b := lease.NewBatch(3)
	last := lease.Ticket(0)
	for i := range 500 {
		b.Add(grant(lease.IP4(0x0a000000+i), 1))
		want = append(want, b.Bytes()...)
		last = b.Ticket()
		j.Append(b)
		b.Reset()
	}
	for len(got) < len(want) {
		changes, missed, err := f.Next(t.Context())
		if err != nil || missed {
			t.Fatal(err, missed)
		}
		got = append(got, changes...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the feed shows something else than what was appended")
	}
	if !j.OnDisk(last) {
		t.Error("the feed shows what is not on disk")
	}
}

// A reader that falls behind is told so, once, and then goes on.
func TestFeedIsBounded(t *testing.T) {
	j := &Journal{}
	f := j.Follow(1000)
	next := func() (int, bool) {
		t.Helper()
		changes, missed, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(changes), missed
	}
	j.committer.feeds.feed(make([]byte, 600))
	j.committer.feeds.feed(make([]byte, 400))
	if n, missed := next(); n != 1000 || missed {
		t.Errorf("%d bytes, missed %v", n, missed)
	}
	j.committer.feeds.feed(make([]byte, 600))
	j.committer.feeds.feed(make([]byte, 401))
	j.committer.feeds.feed(make([]byte, 10))
	if n, missed := next(); n != 10 || !missed {
		t.Errorf("%d bytes, missed %v: 1001 do not fit", n, missed)
	}
	j.committer.feeds.feed(make([]byte, 20))
	if n, missed := next(); n != 20 || missed {
		t.Errorf("%d bytes, missed %v after it was told", n, missed)
	}
	f.Close()
	j.committer.feeds.feed(make([]byte, 30))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a closed feed is fed: %v", err)
	}
}
