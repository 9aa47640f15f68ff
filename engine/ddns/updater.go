// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Feed is what has become durable: journal.Feed.
type Feed interface {
	Next(ctx context.Context) (changes []byte, missed bool, err error)
}

// Stats count what an Updater did.
type Stats struct {
	Waiting   uint64 // addresses in the queue
	Added     uint64 // names that were put into the DNS
	Removed   uint64 // and taken out
	Conflicts uint64 // names that belong to others
	NoZone    uint64 // names in no configured zone
	Failures  uint64 // tries that failed and are repeated
	GivenUp   uint64 // addresses whose tries are used up
	Dropped   uint64 // changes that found the queue full; a walk makes up for them
	Walks     uint64 // over the table
}

// Updater keeps the DNS as the leases say. Create it with New, then call Run.
type Updater struct {
	c     Config
	zones zones
	table leases
	clock func() lease.Time
	log   *slog.Logger
	dns   client
	queue *queue
	named addrSet
	walk  chan struct{} // capacity 1: the table is to be walked over

	added, removed, conflicts, noZone, failures, givenUp, dropped, walks atomic.Uint64
}

// New makes an updater for the leases of both tables; clock is the time of leases.
func New(c Config, table *lease.Table, table6 *lease6.Table, clock func() lease.Time, log *slog.Logger) *Updater {
	c = c.orDefault()
	u := &Updater{
		c: c, zones: newZones(c.Zones), table: leases{table, table6}, clock: clock, log: log, dns: client{c.Timeout},
		queue: newQueue(c.Queue), walk: make(chan struct{}, 1),
	}
	return u
}

// Stats are the counts so far.
func (u *Updater) Stats() Stats {
	return Stats{
		Waiting: uint64(u.queue.len()), Added: u.added.Load(), Removed: u.removed.Load(), Conflicts: u.conflicts.Load(),
		NoZone: u.noZone.Load(), Failures: u.failures.Load(), GivenUp: u.givenUp.Load(), Dropped: u.dropped.Load(), Walks: u.walks.Load(),
	}
}

// Run follows the leases until ctx ends. The feed was opened before.
func (u *Updater) Run(ctx context.Context, feed Feed) {
	var wg sync.WaitGroup
	defer wg.Wait()
	u.again() // what an earlier process has left
	wg.Go(func() { u.walker(ctx) })
	for range u.c.Workers {
		wg.Go(func() { u.worker(ctx) })
	}
	for {
		changes, missed, err := feed.Next(ctx)
		if err != nil {
			return
		}
		if missed {
			u.again()
		}
		for len(changes) > 0 {
			rec, rest, err := lease.Next(changes)
			if err != nil {
				break // not reached: the journal holds whole changes
			}
			if n, ok := parseNews(rec); ok {
				u.note(&n)
			}
			changes = rest
		}
	}
}

// note looks at one change. A renewal changes no name; of the other changes only
// those count whose lease has a name or had one.
func (u *Updater) note(n *news) {
	switch {
	case n.op == lease.OpRenew:
		return
	case n.op == lease.OpGrant && targetOf(n.host).name != "":
		u.named.add(n.addr)
	case !u.named.has(n.addr):
		return
	}
	if !u.queue.add(n.addr, time.Now()) {
		u.dropped.Add(1)
		u.again()
	}
}

// again has the table walked over.
func (u *Updater) again() {
	select {
	case u.walk <- struct{}{}:
	default:
	}
}

// walker puts all addresses with a name into the queue, when asked to and when there
// is room.
func (u *Updater) walker(ctx context.Context) {
	for {
		select {
		case <-u.walk:
		case <-ctx.Done():
			return
		}
		if !u.queue.room(ctx) {
			return
		}
		put := func(addr netip.Addr) bool {
			for !u.queue.add(addr, time.Now()) {
				if !u.queue.room(ctx) {
					return false
				}
			}
			return true
		}
		u.table.each(func(addr netip.Addr, host []byte) bool {
			if targetOf(host).name == "" {
				return ctx.Err() == nil
			}
			u.named.add(addr)
			return put(addr)
		})
		u.named.each(put) // those whose record no longer says so
		u.walks.Add(1)
	}
}

// worker does what is due.
func (u *Updater) worker(ctx context.Context) {
	for {
		j := u.queue.take(ctx, time.Now)
		if j == nil {
			return
		}
		err := u.settle(ctx, j.addr)
		if err == nil || ctx.Err() != nil {
			u.queue.done(j)
			continue
		}
		switch tries, last := u.queue.failed(j, u.c.Tries, time.Now(), u.pause); {
		case last:
			u.givenUp.Add(1)
			u.log.Warn("DNS: an address is given up until its lease changes", "address", j.addr, "why", err)
		case tries == 1:
			u.log.Info("DNS: an update failed and is repeated", "address", j.addr, "why", err)
			fallthrough
		default:
			u.failures.Add(1)
		}
	}
}

const longestBackoff = 5 * time.Minute

// pause is how long to wait after so many tries: twice as long each time, more or
// less, so that the many that a dead server has failed do not come at once.
func (u *Updater) pause(tries int) time.Duration {
	p := min(longestBackoff, u.c.Backoff<<min(tries-1, 20))
	return p/2 + rand.N(p/2+1)
}

// settle makes the DNS say what the table says about an address.
func (u *Updater) settle(ctx context.Context, addr netip.Addr) error {
	var want, last target // last: of a lease that is over, and still remembered
	e, ok := u.table.lookup(addr)
	if ok {
		switch t := targetOf(e.host); {
		case e.status == lease.Bound && e.expires > u.clock():
			want = t
		case e.status == lease.Bound, e.status == lease.Expired, e.status == lease.Released:
			last = t
		}
	}
	back := u.zones.find(reverse(addr))
	var now string
	if back != nil {
		var err error
		if now, err = u.dns.pointer(ctx, back, addr); err != nil {
			return err
		}
		if now != "" && want.name != "" && same(now, want.name) {
			return nil // the pointer comes last: all is there
		}
	}
	if err := u.removeOld(ctx, addr, &e, now, last, back != nil); err != nil {
		return err
	}
	if want.name == "" {
		if now != "" {
			if err := u.dns.removePointer(ctx, back, now, addr); err != nil {
				return err
			}
			u.removed.Add(1)
		}
		u.named.del(addr)
		return nil
	}
	return u.addNew(ctx, addr, &e, want, back)
}

// removeOld removes the address record of the name that the pointer has, or that the
// lease had.
func (u *Updater) removeOld(ctx context.Context, addr netip.Addr, e *entry, pointer string, last target, reverse bool) error {
	name, id := pointer, ""
	switch {
	case last.name != "" && (pointer != "" && same(pointer, last.name) || !reverse):
		if !last.forward {
			return nil // its address record is the client's own
		}
		name, id = last.name, e.who.dhcid(last.name)
	case pointer == "":
		return nil
	}
	z := u.zones.find(name)
	if z == nil {
		return nil // nor was it ours
	}
	if err := u.dns.removeForward(ctx, z, name, id, addr); err != nil {
		return err
	}
	if !reverse {
		u.removed.Add(1)
	}
	return nil
}

func (u *Updater) addNew(ctx context.Context, addr netip.Addr, e *entry, want target, back *Zone) error {
	u.named.add(addr) // settle of the lease before may just have taken it out
	id, ttl := e.who.dhcid(want.name), u.ttl(e)
	if want.forward {
		z := u.zones.find(want.name)
		if z == nil {
			u.noZone.Add(1)
			return nil
		}
		err := u.dns.addForward(ctx, z, want.name, id, addr, ttl)
		if errors.Is(err, errConflict) {
			// "the updater SHOULD either choose another FQDN … or terminate the
			// update with a failure". The client was told a name that it cannot
			// have; a pointer to it would be wrong.
			u.conflicts.Add(1)
			u.log.Warn("DNS: a name belongs to somebody else", "name", want.name, "address", addr)
			return nil
		}
		if err != nil {
			return err
		}
	}
	if back != nil {
		if err := u.dns.addPointer(ctx, back, want.name, id, addr, ttl); err != nil {
			return err
		}
	} else if !want.forward {
		u.noZone.Add(1)
		return nil
	}
	u.added.Add(1)
	return nil
}

const leastTTL = 600 // RFC 4702 §5: "SHOULD NOT be less than 10 minutes"

// ttl is for how long others may keep the records of a lease.
func (u *Updater) ttl(e *entry) uint32 {
	const longest = 24 * 3600
	switch {
	case u.c.TTL != 0:
		return u.c.TTL
	case e.expires == lease.Never:
		return longest
	}
	return min(max(uint32(e.expires-min(e.cltt, e.expires))/3, leastTTL), longest)
}
