// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"testing"

	"xdhcp/engine/journal/history"
	"xdhcp/engine/lease"
)

// A directory is read while its server writes, takes snapshots, lets segments go and
// merges history: what was durable before the reading began is found.
func TestReadingBesideAServer(t *testing.T) {
	dir := t.TempDir()
	table := newModel()
	j, _, stop := onDisk(t, dir, table, Options{SnapshotEvery: 512 << 10, History: HistoryOptions{Chunk: 64 << 10}})
	defer stop()
	woken := notified(j, 0)
	b := lease.NewBatch(0)
	next := lease.IP4(0)
	for round := range 25 {
		for range 40 {
			for range 50 {
				c := grant(next, 1)
				table.mu.Lock()
				table.change(own(*c))
				table.mu.Unlock()
				b.Add(c)
				next++
			}
			ticket := b.Ticket()
			j.Append(b)
			b.Reset()
			if round%2 == 0 {
				await(t, j, 0, ticket, woken)
			}
		}
		ticket := b.Ticket() - 1
		await(t, j, 0, ticket, woken)
		var got *model
		r, err := Read(dir, func() (Table, error) { got = newModel(); return got, nil })
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if len(got.m) < int(next) {
			t.Fatalf("round %d: %d leases read, %d were durable: %+v", round, len(got.m), next, r)
		}
		v, err := OpenHistory(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, a := range []lease.IP4{0, next / 2, next - 1} {
			hw := grant(a, 1).HW
			if rs, err := v.ByClient(history.Query{HW: hw}, epoch0, epoch0+1); err != nil || len(rs) != 1 || rs[0].Addr != a {
				t.Fatalf("round %d: history of %v: %+v, %v", round, a, rs, err)
			}
		}
		v.Close()
	}
	if j.Stats().Snapshot.Seq == 0 {
		t.Error("no snapshot was taken: nothing is proven")
	}
}
