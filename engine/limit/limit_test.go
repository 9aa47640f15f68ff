// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math/rand/v2"
	"sync"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// fakeTable has leases until 1000, all of them counting for any key.
type fakeTable struct {
	mu    sync.Mutex
	bound map[lease.IP4]bool
	most  int
}

func (t *fakeTable) Ends(_ uint64, a lease.IP4, _ *struct{}) lease.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bound[a] {
		return 1000
	}
	return 0
}

func (t *fakeTable) set(a lease.IP4, bound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bound[a] = bound; !bound {
		delete(t.bound, a)
	}
	t.most = max(t.most, len(t.bound))
}

// Many take and give back at once, some are refused by the table: there are never
// more leases than the limit, and none is lost from the lists.
func TestNeverOvershot(t *testing.T) {
	const most, workers, rounds = 8, 8, 3000
	table := &fakeTable{bound: map[lease.IP4]bool{}}
	var b Book[lease.IP4, struct{}]
	keys := []policy.LimitKey{{Hash: 7, Max: most}, {Hash: 71, Max: most + 5}}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				a := lease.IP4(1 + w + workers*r.IntN(10)) // nobody else's
				if table.Ends(0, a, nil) != 0 {
					table.set(a, false)
					if r.IntN(2) == 0 { // else it ends without a word
						b.Ended(table, keys, a)
					}
					continue
				}
				if !b.Take(table, 0, keys, a, 0) {
					continue
				}
				end := lease.Time(0)
				if r.IntN(4) > 0 {
					table.set(a, true)
					end = 1000
				}
				b.Settle(table, keys, a, 0, end)
			}
		})
	}
	wg.Wait()
	if table.most != most {
		t.Errorf("%d leases at most, the limit is %d", table.most, most)
	}
	for a := range table.bound {
		table.set(a, false)
		b.Ended(table, keys, a)
	}
	for a := lease.IP4(1000); a < 1000+most; a++ {
		if !b.Take(table, 2000, keys, a, 0) {
			t.Fatalf("only %d of %d fit when all has ended", a-1000, most)
		}
		table.set(a, true)
		b.Settle(table, keys, a, 0, 3000)
	}
	if b.Within(table, 0, keys, 1, 0) || !b.Within(table, 0, keys, 1, 1001) || !b.Within(table, 0, keys, 1001, 0) {
		t.Error("a full list takes one that is on it already, or for another that is given up, and no other")
	}
}

// What was leased under other limits, or before a restart, counts.
func TestSeedCountsOnce(t *testing.T) {
	table := &fakeTable{bound: map[lease.IP4]bool{1: true, 2: true}}
	var b Book[lease.IP4, struct{}]
	keys := []policy.LimitKey{{Hash: 7, Max: 2}}
	calls := 0
	seed := func(id uint64) {
		b.Seed(id, func(add func(lease.IP4, lease.Time, []policy.LimitKey)) {
			calls++
			for a := range table.bound {
				add(a, 1000, keys)
			}
		})
	}
	seed(1)
	seed(1)
	if calls != 1 || b.Lists() != 1 {
		t.Errorf("counted %d times, into %d lists", calls, b.Lists())
	}
	if b.Take(table, 0, keys, 3, 0) {
		t.Error("a third lease under a limit of two")
	}
	b.Forget()
	seed(1)
	if calls != 2 {
		t.Error("not counted again after there were no limits")
	}
}
