// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Forget says that there are no limits now: what is leased from here on is on no list.
func (b *Book[A, R]) Forget() {
	if b.seeded.Load() != 0 { // a load is cheap, and this is asked for each commit
		b.seeded.Store(0)
	}
}

// Seed counts the leases of the table for the limits of a configuration, unless that
// has been done. id tells configurations apart by their limits, and is not 0. each
// calls add with each lease, its end, and what it counts for.
func (b *Book[A, R]) Seed(id uint64, each func(add func(addr A, end lease.Time, keys []policy.LimitKey))) {
	if b.seeded.Load() == id {
		return
	}
	b.seeding.Lock()
	defer b.seeding.Unlock()
	if b.seeded.Load() == id {
		return
	}
	each(func(addr A, end lease.Time, keys []policy.LimitKey) {
		for _, k := range keys {
			b.count(k.Hash, addr, end)
		}
	})
	b.seeded.Store(id)
}

// count puts a lease on a list.
func (b *Book[A, R]) count(key uint64, addr A, end lease.Time) {
	s := b.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.list(key)
	i, ok := b.find(x, addr)
	if !ok {
		x.at = slices.Insert(x.at, i, counted[A]{addr: addr})
	}
	x.at[i].live, x.at[i].due = true, end
	x.due = min(x.due, end)
}

// Lists is how many lists there are.
func (b *Book[A, R]) Lists() (n int) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		n += len(s.lists)
		s.mu.Unlock()
	}
	return n
}
