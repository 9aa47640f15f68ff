// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"xdhcp/engine/lease"
)

// appendGrants appends n changes, a batch each few, and waits until they are durable.
func appendGrants(t *testing.T, j *Journal, first, n int) (want [][]byte) {
	t.Helper()
	woken := notified(j, 3)
	b := lease.NewBatch(3)
	for i := range n {
		b.Add(grant(lease.IP4(0x0a000000+first+i), 1))
		want = append(want, bytes.Clone(b.Bytes()))
		ticket := b.Ticket()
		j.Append(b)
		b.Reset()
		if i%97 == 0 || i == n-1 {
			await(t, j, 3, ticket, woken)
		}
	}
	return want
}

// read takes what a Watch has until n changes are there.
func readWatch(t *testing.T, w *Watch, n int) (recs [][]byte, seqs []Seq) {
	t.Helper()
	for len(recs) < n {
		rec, seq, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if rec == nil {
			if err := w.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		recs, seqs = append(recs, bytes.Clone(rec)), append(seqs, seq)
	}
	return recs, seqs
}

func sameChanges(t *testing.T, what string, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d changes, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%s: change %d is %x, want %x", what, i, got[i], want[i])
		}
	}
}

// A Watch sees each durable change once, in the order of the log, from wherever it
// is told to go on, while the log grows over several segments, and after the end.
func TestWatchGoesOnWhereItIsTold(t *testing.T) {
	dir := t.TempDir()
	j, _, stop := onDisk(t, dir, newModel(), Options{})
	defer stop()
	w, err := j.Watch(0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := appendGrants(t, j, 0, 500)
	got, seqs := readWatch(t, w, 500)
	from := j.Last()
	want = append(want, appendGrants(t, j, 500, 9000)...)
	more, moreSeqs := readWatch(t, w, 9000)
	got, seqs = append(got, more...), append(seqs, moreSeqs...)
	sameChanges(t, "from the beginning", got, want)
	for i := range seqs[1:] {
		if seqs[i] >= seqs[i+1] {
			t.Fatalf("change %d follows %d", seqs[i+1], seqs[i])
		}
	}
	if s := j.Stats().Segments; s < 2 {
		t.Fatalf("the log has %d segments: it is too short for this test", s)
	}
	if rec, _, err := w.Next(); rec != nil || err != nil {
		t.Errorf("%x, %v after the last", rec, err)
	}
	late, err := j.Watch(from)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	recs, _ := readWatch(t, late, 9000)
	sameChanges(t, "from what was the end", recs, want[500:])
	for _, at := range []int{0, 1, 498, 499, 500, 4321, 9498} {
		w, err := j.Watch(seqs[at])
		if err != nil {
			t.Fatal(err)
		}
		n := min(200, len(want)-at-1)
		recs, got := readWatch(t, w, n)
		sameChanges(t, "from the middle", recs, want[at+1:at+1+n])
		if got[0] != seqs[at+1] {
			t.Errorf("change %d after %d, want %d", got[0], seqs[at], seqs[at+1])
		}
		w.Close()
	}
	stop()
	off, err := OpenWatch(dir, seqs[4000])
	if err != nil {
		t.Fatal(err)
	}
	defer off.Close()
	recs, _ = readWatch(t, off, len(want)-4001)
	sameChanges(t, "without a server", recs, want[4001:])
	if rec, _, err := off.Next(); rec != nil || err != nil {
		t.Errorf("%x, %v after the last", rec, err)
	}
	if err := off.Wait(t.Context()); err == nil {
		t.Error("waits for a log that nobody writes")
	}
	// The numbers go on after a restart.
	j, _, stop2 := onDisk(t, dir, newModel(), Options{})
	defer stop2()
	again, err := j.Watch(seqs[len(seqs)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	fresh := appendGrants(t, j, 20000, 3)
	recs, _ = readWatch(t, again, 3)
	sameChanges(t, "after a restart", recs, fresh)
}

// What the log has let go is not passed over in silence.
func TestWatchSaysWhatIsGone(t *testing.T) {
	j, _, stop := onDisk(t, t.TempDir(), newModel(), Options{History: HistoryOptions{Off: true}})
	defer stop()
	behind, err := j.Watch(0)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	appendGrants(t, j, 0, 9000)
	if err := j.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A lane is told a moment before the log's end is: see the last change.
	probe, err := j.Watch(j.Last())
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	tail := appendGrants(t, j, 9000, 10)
	for seen := [][]byte(nil); len(seen) == 0 || !bytes.Equal(seen[0], tail[9]); {
		seen, _ = readWatch(t, probe, 1)
	}
	var gone *GoneError
	if _, err := j.Watch(seqOf(2, 1)); !errors.As(err, &gone) || gone.First == 0 {
		t.Errorf("a watch from the beginning: %v", err)
	}
	n := 0
	for {
		rec, _, err := behind.Next()
		if errors.As(err, &gone) {
			break
		}
		if err != nil || rec == nil || n > 9010 {
			t.Fatalf("after %d changes: %x, %v", n, rec, err)
		}
		n++
	}
	now, err := j.Watch(j.Last())
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	want := appendGrants(t, j, 9010, 2)
	recs, _ := readWatch(t, now, 2)
	sameChanges(t, "from now on", recs, want)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for err == nil {
		err = now.Wait(ctx)
	}
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
