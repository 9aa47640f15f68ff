// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// registry is the world outside: which client believes that it has an address.
type registry struct {
	t     *testing.T
	clock atomic.Uint32
	mu    sync.Mutex
	held  map[IP4]belief
}

type belief struct {
	client  uint32
	expires Time
}

// got notes an ACK and complains if somebody else still has the address.
func (g *registry) got(a IP4, client uint32, expires Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if expires <= Time(g.clock.Load()) {
		return // the ACK came late: the lease, and any before it, has ended on the way
	}
	if b, ok := g.held[a]; ok && b.client != client && b.expires > Time(g.clock.Load()) {
		g.t.Errorf("%v is granted to client %d while client %d has it until %d (now %d)", a, client, b.client, b.expires, g.clock.Load())
	}
	g.held[a] = belief{client, expires}
}

// kept takes back lost: the client was refused what it wanted instead. Somebody
// else may have the address only if the lease has ended meanwhile.
func (g *registry) kept(a IP4, old belief) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, taken := g.held[a]
	if taken && old.expires > Time(g.clock.Load()) {
		g.t.Errorf("%v is client %d's until %d, and client %d has it", a, old.client, old.expires, b.client)
	}
	if !taken {
		g.held[a] = old
	}
}

// lost notes that a client is about to give an address up, and returns what it had.
func (g *registry) lost(a IP4, client uint32) (belief, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.held[a]
	if !ok || b.client != client {
		return belief{}, false
	}
	delete(g.held, a)
	return b, true
}

// journal is a log in memory that makes things durable late.
type memoryJournal struct {
	mu      sync.Mutex
	log     [][]byte
	durable [8]atomic.Uint64
}

func (j *memoryJournal) append(b *Batch) {
	j.mu.Lock()
	j.log = append(j.log, slices.Clone(b.Bytes()))
	j.mu.Unlock()
	number := b.Ticket().Number()
	b.Reset()
	if number%3 == 0 { // in groups
		j.durable[b.Lane()].Store(number)
	}
}

func (j *memoryJournal) isDurable(k Ticket) bool { return j.durable[k.Lane()].Load() >= k.Number() }

// Many workers on pools that are nearly exhausted, with a reaper, reloads and
// walks beside them. No address is ever granted to two clients; and the log
// gives the same leases afterwards.
func TestNoAddressTwice(t *testing.T) {
	const workers, clients, rounds = 6, 12, 4000
	j := &memoryJournal{}
	tab, err := New(Options{Shards: 8, PerShard: 1, Durable: j.isDurable})
	if err != nil {
		t.Fatal(err)
	}
	layouts := []Layout{
		{Generation: 1, Pools: []Pool{
			{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.0.1"), ip("10.0.0.40")}}},
			{Scope: 1, Name: "b", Ranges: []Range{{ip("10.0.1.250"), ip("10.0.2.5")}}},
		}},
		{Generation: 2, Pools: []Pool{
			{Scope: 1, Name: "b", Ranges: []Range{{ip("10.0.1.248"), ip("10.0.2.7")}}},
			{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.0.3"), ip("10.0.0.40")}}},
		}},
	}
	if err := tab.Reconfigure(layouts[0]); err != nil {
		t.Fatal(err)
	}
	g := &registry{t: t, held: map[IP4]belief{}}
	g.clock.Store(1000)

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
	reaper := NewBatch(7)
	aside(func(i int) { // the clock and the reaper
		now := Time(g.clock.Load() + 1)
		tab.Expire(now, 64, reaper)
		g.clock.Store(uint32(now)) // what ends at now may have been given away since
		j.append(reaper)
	})
	aside(func(i int) {
		if err := tab.Reconfigure(layouts[i%2]); err != nil {
			t.Error(err)
		}
		tab.Stats()
		tab.PoolStats()
	})
	aside(func(int) {
		seen := map[IP4]bool{}
		var buf []byte
		tab.EachShard(rand.IntN(tab.Shards()), func(e *Entry) bool {
			if seen[e.Addr] {
				t.Errorf("%v twice in one walk of a shard", e.Addr)
			}
			seen[e.Addr] = true
			buf = e.AppendTo(buf[:0])
			return true
		})
		var e Entry
		tab.Lookup(ip("10.0.0.1")+IP4(rand.IntN(50)), &e)
	})

	for w := range uint32(workers) {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			b := NewBatch(uint8(w))
			r := &Request{Scope: 1}
			var mine [clients]IP4
			for range rounds {
				i := rng.Uint32N(clients)
				id := w*clients + i
				subscriber(r, id)
				l := layouts[rng.IntN(2)]
				r.Layout, r.Pools = l.Generation, []PoolID{0, 1}
				now := Time(g.clock.Load())
				tab.Fetch(tab.Expect(1, &r.Client, mine[i]&-IP4(i&1)))
				switch op := rng.IntN(10); {
				case op < 5:
					a, out := tab.Offer(r, 3, now)
					if out != OK {
						break
					}
					old, had := belief{}, false
					if mine[i] != 0 && mine[i] != a {
						old, had = g.lost(mine[i], id) // a grant elsewhere gives this one up
					}
					out, grant := tab.Commit(r, a, 1+rng.Uint32N(40), now, b)
					if out == OK {
						g.got(a, id, grant.Expires)
						mine[i] = a
					} else if had {
						g.kept(mine[i], old)
					}
				case op < 7:
					if mine[i] == 0 {
						break
					}
					if out, grant := tab.Commit(r, mine[i], 1+rng.Uint32N(40), now, b); out == OK {
						g.got(mine[i], id, grant.Expires)
					}
				case op == 7:
					g.lost(mine[i], id)
					tab.Release(1, &r.Client, mine[i], now, b)
				case op == 8:
					if rng.IntN(4) == 0 {
						g.lost(mine[i], id)
						tab.Decline(1, &r.Client, mine[i], 5, now, b)
					} else {
						tab.Withdraw(1, &r.Client, now)
					}
				default:
					tab.Find(1, &r.Client, now)
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

	again, err := New(Options{Shards: 8, PerShard: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Reconfigure(layouts[0]); err != nil {
		t.Fatal(err)
	}
	var replays sync.WaitGroup // as the journal does it: each goroutine has some of the addresses
	for i := range IP4(4) {
		replays.Go(func() {
			for _, data := range j.log {
				for len(data) > 0 {
					rec, rest, err := Next(data)
					if err != nil {
						t.Error(err)
						return
					}
					data = rest
					c, err := ParseChange(rec)
					if err != nil {
						t.Error(err)
					}
					if c.Addr%4 == i {
						if err := again.Apply(rec); err != nil {
							t.Error(c.Op, c.Addr, err)
						}
					}
				}
			}
		})
	}
	replays.Wait()
	sound(t, again)
	if diff := cmp.Diff(bound(tab), bound(again)); diff != "" {
		t.Errorf("leases (-table +replay):\n%s", diff)
	}
	t.Logf("%+v, %d batches", tab.Stats(), len(j.log))
}

func bound(tab *Table) map[IP4]held {
	all := holds(tab, false)
	for a, h := range all {
		if h.State != Bound {
			delete(all, a)
		}
	}
	return all
}

// The same client in two receive queues at once: one address, one of the two is
// told to wait at worst.
func TestOneClientInManyQueues(t *testing.T) {
	tab, err := New(Options{Shards: 8, PerShard: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{1, 40}}}}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			b := NewBatch(uint8(w))
			r := &Request{Scope: 1, Pools: []PoolID{0}}
			for range 5000 {
				subscriber(r, rng.Uint32N(10))
				a, out := tab.Offer(r, 10, 1000)
				if out != OK && out != Busy {
					t.Errorf("no offer in a pool of 40 for 10 clients: %v", out)
				}
				if out == OK {
					tab.Commit(r, a, 100, 1000, b)
				}
				if rng.IntN(3) == 0 {
					tab.Release(1, &r.Client, a, 1000, b)
				}
				b.Reset()
			}
		})
	}
	wg.Wait()
	sound(t, tab)
	clients := map[string]IP4{}
	tab.Each(func(e *Entry) bool {
		if e.Status == Bound {
			if a, twice := clients[string(e.ID)]; twice {
				t.Errorf("client %x has %v and %v", e.ID, a, e.Addr)
			}
			clients[string(e.ID)] = e.Addr
		}
		return true
	})
}
