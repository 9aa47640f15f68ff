// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xdhcp/engine/lease"
	"xdhcp/internal/invariants"
)

// registry is the world outside: which client believes that it has a prefix.
type registry struct {
	t     *testing.T
	clock atomic.Uint32
	mu    sync.Mutex
	held  map[Prefix]belief
}

type belief struct {
	client  uint32
	expires lease.Time
}

// got notes a Reply and complains if somebody else still has some of the prefix.
func (g *registry) got(p Prefix, client uint32, expires lease.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := lease.Time(g.clock.Load())
	if expires <= now {
		return // the Reply came late: the lease, and any before it, has ended on the way
	}
	for q, b := range g.held {
		if b.expires <= now {
			delete(g.held, q)
		} else if q.Overlaps(p) && b.client != client {
			g.t.Errorf("%v is granted to client %d while client %d has %v until %d (now %d)", p, client, b.client, q, b.expires, now)
		}
	}
	g.held[p] = belief{client, expires}
}

// lost notes that a client is about to give a prefix up.
func (g *registry) lost(p Prefix, client uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[p].client == client {
		delete(g.held, p)
	}
}

// memoryJournal is a log in memory that makes things durable late.
type memoryJournal struct {
	mu      sync.Mutex
	log     [][]byte
	durable [8]atomic.Uint64
}

func (j *memoryJournal) append(b *lease.Batch) {
	j.mu.Lock()
	j.log = append(j.log, slices.Clone(b.Bytes()))
	j.mu.Unlock()
	number := b.Ticket().Number()
	b.Reset()
	if number%3 == 0 { // in groups
		j.durable[b.Lane()].Store(number)
	}
}

func (j *memoryJournal) isDurable(k lease.Ticket) bool {
	return j.durable[k.Lane()].Load() >= k.Number()
}

// subscriber is a client with a DUID-LLT of 14 bytes.
func subscriber(r *Request, n uint32) {
	r.Client.DUID = append(r.Client.DUID[:0], 0, 1, 0, 1, 0x2a, 0x2b, 0x2c, 0x2d, 2, 0)
	r.Client.DUID = binary.BigEndian.AppendUint32(r.Client.DUID, n)
	r.Client.LinkLayer = append(r.Client.LinkLayer[:0], 0, 1, 2, 0)
	r.Client.LinkLayer = binary.BigEndian.AppendUint32(r.Client.LinkLayer, n)
}

// Many workers on pools that are nearly exhausted, with a reaper, reloads and walks
// beside them; the reloads change what is an address's pool, what is reserved, and the
// lengths of delegated prefixes. No two clients ever have what overlaps; and the log
// gives the same leases afterwards.
func TestNothingTwice(t *testing.T) {
	const workers, clients = 6, 12
	rounds := 4000
	if invariants.Enabled {
		rounds = 1000
	}
	j := &memoryJournal{}
	tab := newTable(t, Options{Shards: 8, Remember: 5, Durable: j.isDurable})
	addrs := func(first, last string) []Range { return []Range{{ip(first), ip(last)}} }
	block := func(p string) []Range { return []Range{RangeOf(pfx(p))} }
	layouts := []Layout{
		{Generation: 1, Pools: []Pool{
			{Scope: 1, Name: "a", Len: 128, Ranges: addrs("2001:db8::1", "2001:db8::28")},
			{Scope: 1, Name: "p", Len: 56, Ranges: block("2001:db8:100::/51")},
			{Scope: 1, Name: "q", Len: 57, Ranges: block("2001:db8:200::/52"), Method: Iterative},
		}},
		{Generation: 2, Pools: []Pool{
			{Scope: 1, Name: "a", Len: 128, Ranges: addrs("2001:db8::8", "2001:db8::30"), Method: Iterative},
			{Scope: 1, Name: "p", Len: 55, Ranges: block("2001:db8:100::/51")},
			{Scope: 1, Name: "q", Len: 57, Ranges: block("2001:db8:200::/52"), Method: Iterative},
		}, Reserved: []Reserved{{pfx("2001:db8:100:1000::/60"), 1}, {pfx("2001:db8::9"), 1}, {pfx("2001:db8:200::/53"), 1}}},
		{Generation: 3, Pools: []Pool{
			{Scope: 1, Name: "p", Len: 57, Ranges: block("2001:db8:100::/52"), Method: Hashed},
			{Scope: 1, Name: "a", Len: 128, Ranges: addrs("2001:db8::1", "2001:db8::28")},
			{Scope: 1, Name: "q", Len: 56, Ranges: block("2001:db8:200::/52")},
		}},
	}
	if err := tab.Reconfigure(layouts[0]); err != nil {
		t.Fatal(err)
	}
	g := &registry{t: t, held: map[Prefix]belief{}}
	g.clock.Store(1000)
	var inForce atomic.Uint32

	var work, rest sync.WaitGroup
	stop := make(chan struct{})
	aside := func(fn func(i int)) {
		rest.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					fn(i)
				}
			}
		})
	}
	reaper := lease.NewBatch(7)
	aside(func(int) { // the clock and the reaper
		now := lease.Time(g.clock.Load() + 1)
		tab.Expire(now, 64, reaper)
		g.clock.Store(uint32(now)) // what ends at now may have been given away since
		j.append(reaper)
	})
	aside(func(i int) {
		if err := tab.Reconfigure(layouts[i/2%len(layouts)]); err != nil { // each second one changes nothing
			t.Error(err)
		}
		inForce.Store(uint32(i / 2 % len(layouts)))
		tab.Stats()
		tab.PoolStats()
	})
	aside(func(int) {
		seen := map[Prefix]bool{}
		var buf []byte
		tab.EachShard(rand.IntN(tab.Shards()), func(e *Entry) bool {
			buf = e.AppendTo(buf[:0])
			if c, err := ParseChange(buf); len(buf) > 0 && (err != nil || c.Prefix != e.Prefix) {
				t.Errorf("%+v: %v", e, err)
			}
			seen[e.Prefix] = true
			return true
		})
		var e Entry
		tab.Find(ip("2001:db8::").plus(IP6{0, rand.Uint64N(50)}), &e)
		tab.Find(ip("2001:db8:100::").plus(IP6{rand.Uint64N(0x2000), 1}), &e)
	})

	for w := range uint32(workers) {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			b := lease.NewBatch(uint8(w))
			r := &Request{Scope: 1}
			type which struct {
				client uint32
				ia     IA
			}
			mine := map[which][]Prefix{}
			var views []View
			for range rounds {
				i := which{rng.Uint32N(clients), IA{IAType(1 + 2*rng.IntN(2)), rng.Uint32N(2)}}
				id := w*clients + i.client
				subscriber(r, id)
				l := layouts[inForce.Load()]
				r.IA, r.Layout, r.Pools, r.Hint = i.ia, l.Generation, []lease.PoolID{0, 1, 2}[:len(l.Pools)], Prefix{}
				if rng.IntN(4) == 0 {
					r.Hint.Len = uint8(54 + rng.IntN(5))
				}
				own := Prefix{}
				if n := len(mine[i]); n > 0 {
					own = mine[i][rng.IntN(n)]
				}
				now := lease.Time(g.clock.Load())
				switch op := rng.IntN(10); {
				case op < 5:
					p, out := tab.Offer(r, 3, now)
					if out != lease.OK {
						break
					}
					if grant, out := tab.Commit(r, p, 5, 1+rng.Uint32N(40), now, b); out == lease.OK {
						g.got(p, id, grant.Expires)
						if !slices.Contains(mine[i], p) {
							mine[i] = append(mine[i], p)
						}
					}
				case op < 7:
					if grant, out := tab.Commit(r, own, 5, 1+rng.Uint32N(40), now, b); out == lease.OK {
						g.got(own, id, grant.Expires)
					}
				case op == 7:
					g.lost(own, id)
					tab.Release(1, r.Client.DUID, i.ia, own, now, b)
				case op == 8:
					if rng.IntN(4) == 0 {
						g.lost(own, id)
						tab.Decline(1, r.Client.DUID, i.ia, own, 5, now, b)
					} else {
						tab.Withdraw(1, r.Client.DUID, i.ia, now)
					}
				default:
					views = tab.Leases(1, r.Client.DUID, i.ia, now, views[:0])
					tab.EachOf(r.Client.DUID, func(e *Entry) bool {
						if string(e.DUID) != string(r.Client.DUID) {
							t.Errorf("%+v is not %x's", e, r.Client.DUID)
						}
						return true
					})
				}
				if rng.IntN(5) == 0 {
					j.append(b)
				}
			}
			j.append(b)
		})
	}
	work.Wait()
	close(stop)
	rest.Wait()
	j.append(reaper)
	sound(t, tab)

	again := newTable(t, Options{Shards: 16})
	if err := again.Reconfigure(layouts[0]); err != nil {
		t.Fatal(err)
	}
	var replays sync.WaitGroup // as the journal does it: each goroutine has some of the prefixes
	for i := range uint64(4) {
		replays.Go(func() {
			for _, data := range j.log {
				for len(data) > 0 {
					rec, rest, err := lease.Next(data)
					if err != nil {
						t.Error(err)
						return
					}
					data = rest
					c, err := ParseChange(rec)
					if err != nil {
						t.Error(err)
					}
					if mix(c.Prefix.Hi, c.Prefix.Lo|1)%4 == i {
						if err := again.Apply(rec); err != nil {
							t.Error(c.Op, c.Prefix, err)
						}
					}
				}
			}
		})
	}
	replays.Wait()
	again.Settle()
	sound(t, again)
	if diff := cmp.Diff(bound(tab), bound(again)); diff != "" {
		t.Errorf("leases (-table +replay):\n%s", diff)
	}
	t.Logf("%+v, %d batches", tab.Stats(), len(j.log))
}

// bound are the leases of a table.
func bound(tab *Table) map[string]string {
	all := map[string]string{}
	tab.Each(func(e *Entry) bool {
		if e.Status == lease.Bound {
			all[e.Prefix.String()] = describe(e)
		}
		return true
	})
	return all
}

// The same client in two receive queues at once: one address, one of the two is told
// to wait at worst.
func TestOneClientInManyQueues(t *testing.T) {
	tab := newTable(t, Options{Shards: 8})
	if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "a", Len: 128, Ranges: []Range{{IP6{1, 1}, IP6{1, 40}}}}}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			b := lease.NewBatch(uint8(w))
			r := &Request{Scope: 1, IA: IA{NA, 1}, Pools: []lease.PoolID{0}}
			for range 5000 {
				subscriber(r, rng.Uint32N(10))
				a, out := tab.Offer(r, 10, 1000)
				if out != lease.OK && out != lease.Busy {
					t.Errorf("no offer in a pool of 40 for 10 clients: %v", out)
				}
				if out == lease.OK {
					tab.Commit(r, a, 100, 100, 1000, b)
				}
				if rng.IntN(3) == 0 {
					tab.Release(1, r.Client.DUID, r.IA, a, 1000, b)
				}
				b.Reset()
			}
		})
	}
	wg.Wait()
	sound(t, tab)
	clients := map[string]Prefix{}
	tab.Each(func(e *Entry) bool {
		if e.Status == lease.Bound {
			if a, twice := clients[string(e.DUID)]; twice {
				t.Errorf("client %x has %v and %v", e.DUID, a, e.Prefix)
			}
			clients[string(e.DUID)] = e.Prefix
		}
		return true
	})
}
