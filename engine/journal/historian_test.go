// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"slices"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/journal/history"
	"xdhcp/engine/lease"
)

// withHistory are options under which each few groups become a run.
func withHistory(fs *errfs.FS) Options {
	o := small(fs)
	o.History = HistoryOptions{Chunk: 3 * page}
	return o
}

// bound is a grant that the history must know, by its place in the list of changes.
func wantRecords(c *client) map[lease.IP4][]lease.Time {
	from := map[lease.IP4][]lease.Time{}
	for _, s := range c.sent {
		if s.c.Op == lease.OpGrant {
			from[s.c.Addr] = append(from[s.c.Addr], s.c.At)
		}
	}
	return from
}

func checkHistory(t *testing.T, v *history.View, c *client) {
	t.Helper()
	for a, want := range wantRecords(c) {
		rs, err := v.ByAddress(a, 0, lease.Never)
		if err != nil {
			t.Fatal(err)
		}
		var got []lease.Time
		for _, r := range rs {
			got = append(got, r.From)
			if !r.Known {
				t.Errorf("%v from %d: the client is not known", a, r.From)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v: records from %v, want %v", a, got, want)
		}
	}
}

// Every grant of a life with restarts, snapshots and segments that are used again is
// in the history, whether in a run or still in the log; and no segment goes before.
func TestHistoryHasAllThatWasLogged(t *testing.T) {
	fs := errfs.New()
	c := newClient(3)
	ctx := context.Background()
	recycled := false
	for range 3 {
		j, _, err := openModel("state", newModel(), withHistory(fs))
		if err != nil {
			t.Fatal(err)
		}
		j.table = Tables{c.table, c.table.six}
		if err := j.historian.open(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			for _, b := range c.batches {
				c.some(6, b)
				c.append(j, b)
			}
			if err := j.step(); err != nil {
				t.Fatal(err)
			}
			if i%7 == 0 {
				if err := j.historian.step(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if i%11 == 0 {
				if err := j.Snapshot(ctx); err != nil {
					t.Fatal(err)
				}
				l, _ := listLog(fs)
				recycled = recycled || l.segs[0].index > 1
			}
			if i%13 == 0 {
				v, err := j.History()
				if err != nil {
					t.Fatal(err)
				}
				checkHistory(t, v, c)
				v.Close()
			}
		}
		if lost := j.Stats().HistoryLost; lost != 0 {
			t.Errorf("%d groups lost", lost)
		}
		j.Close()
	}
	if !recycled {
		t.Error("no segment was ever let go: nothing is proven")
	}
	v, err := openHistory(fs)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	checkHistory(t, v, c)
	if v.Position().Seq < 100 {
		t.Errorf("only groups up to %d are in runs", v.Position().Seq)
	}
}

// A history that cannot be written does not hold the log up for ever, and begins
// again behind the hole.
func TestHistoryIsGivenUpBeforeTheLog(t *testing.T) {
	fs := errfs.New()
	o := withHistory(fs)
	o.History.MaxLag = 10 * page
	c := newClient(3)
	j, _, err := openModel("state", c.table, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx := context.Background()
	if err := j.historian.open(ctx); err != nil {
		t.Fatal(err)
	}
	work := func(steps int) {
		for range steps {
			for _, b := range c.batches {
				c.some(6, b)
				c.append(j, b)
			}
			if err := j.step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fs.Inject = func(op errfs.Op) errfs.Fault {
		if op.Name == "history/new" {
			return errfs.Fail
		}
		return errfs.None
	}
	work(30)
	if err := j.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	before, _ := listLog(fs)
	if err := j.historian.step(ctx); err != nil {
		t.Errorf("far behind: %v", err)
	}
	after, _ := listLog(fs)
	if lost := j.Stats().HistoryLost; lost == 0 || len(after.segs) >= len(before.segs) {
		t.Errorf("%d groups lost, %d segments before, %d after", lost, len(before.segs), len(after.segs))
	}
	fs.Inject = nil
	c.sent = nil
	at := c.now
	work(5) // less than MaxLag, more than a chunk
	if err := j.historian.step(ctx); err != nil {
		t.Fatal(err)
	}
	v, err := j.History()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for a, want := range wantRecords(c) {
		rs, err := v.ByAddress(a, at+1, lease.Never)
		var got []lease.Time
		for _, r := range rs {
			if r.From > at && r.Known {
				got = append(got, r.From)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v behind the hole: %v, %v, want %v", a, got, err, want)
		}
	}
}

// On a disk, in a running journal, the history follows by itself.
func TestHistoryOfARunningJournal(t *testing.T) {
	dir := t.TempDir()
	table := newModel()
	j, _, stop := onDisk(t, dir, table, Options{SnapshotEvery: 1 << 20, History: HistoryOptions{Chunk: 64 << 10}})
	woken := notified(j, 0)
	b := lease.NewBatch(0)
	const n = 20_000
	for i := range lease.IP4(n) {
		b.Add(grant(i, 1))
		if i%50 == 49 {
			ticket := b.Ticket()
			j.Append(b)
			b.Reset()
			await(t, j, 0, ticket, woken)
		}
	}
	stop()
	v, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for i := lease.IP4(0); i < n; i += 97 {
		r, ok, err := v.At(i, epoch0+1)
		if err != nil || !ok || string(r.Client.HW) != string(grant(i, 1).HW) {
			t.Fatalf("%v: %+v, %v, %v", i, r, ok, err)
		}
		rs, err := v.ByClient(history.Query{HW: grant(i, 1).HW}, 0, lease.Never)
		if err != nil || len(rs) != 1 || rs[0].Addr != i {
			t.Fatalf("%v: %+v, %v", i, rs, err)
		}
	}
}
