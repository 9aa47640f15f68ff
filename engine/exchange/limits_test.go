// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// atLine is q from a line of relay 1.
func atLine(line byte, q Query) Query {
	q = via(relay1, q)
	q.Client.Relay = sub(1, line)
	return q
}

func onLine(line byte) func(*Query) { return func(q *Query) { *q = atLine(line, *q) } }

func limited(l ...policy.LimitSpec) func(*policy.Spec) {
	return func(s *policy.Spec) { s.Limits = l }
}

func perCircuit(max uint32) func(*policy.Spec) {
	return limited(policy.LimitSpec{By: policy.LimitCircuit, Max: max})
}

func TestLimitPerCircuit(t *testing.T) {
	b := newBench(t, perCircuit(2))
	first := b.lease(1, onLine('c'))
	b.lease(2, onLine('c'))
	b.wantSilence(b.send(atLine('c', discover(3))), frame.Filtered)
	// An address that it picks itself is refused too, and nobody's afterwards.
	b.wantNak(b.send(atLine('c', selecting(3, "10.1.0.15", ours1))))
	b.wantStatus("10.1.0.15", lease.None)
	b.lease(4, onLine('d'))
	b.lease(5, func(q *Query) { *q = via(relay1, *q) }) // no line, no limit
	// Those that have a lease keep it, whatever they send.
	for _, q := range []Query{atLine('c', discover(1)), atLine('c', renewing(1, first.String())), atLine('c', rebooting(1, first.String())), renewing(1, first.String())} {
		if a := b.send(q); a.Type == 0 || a.Yiaddr != first {
			t.Errorf("%s %v (%v)", typeName(a.Type), a.Yiaddr, a.Reason)
		}
	}
	// What is given back, and what ends, makes room.
	b.send(release(1, first.String()))
	b.lease(3, onLine('c'))
	b.wantSilence(b.send(atLine('c', discover(1))), frame.Filtered)
	b.wait(2 * hour)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.lease(1, onLine('c'))
	b.lease(6, onLine('c'))
	b.wantSilence(b.send(atLine('c', discover(7))), frame.Filtered)
}

func TestADeclinedAddressDoesNotCount(t *testing.T) {
	b := newBench(t, perCircuit(1))
	mine := b.lease(1, onLine('c'))
	b.wantSilence(b.send(atLine('c', decline(1, mine.String(), ours1))), frame.Declined)
	b.lease(2, onLine('c'))
}

func TestLimitPerMAC(t *testing.T) {
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitMAC, Max: 2}))
	id := func(n byte) func(*Query) {
		return func(q *Query) { q.Client.ClientID = []byte{0, n} }
	}
	b.lease(1, id(1))
	b.lease(1, id(2))
	q := discover(1)
	id(3)(&q)
	b.wantSilence(b.send(q), frame.Filtered)
	b.lease(2, id(3))
}

func TestLimitPerClass(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{classOf("two", policy.Match{By: policy.MatchMAC, Value: []byte{2}, Prefix: true})}
		s.Limits = []policy.LimitSpec{{By: policy.LimitClass, Class: "two", Max: 3}, {By: policy.LimitCircuit, Class: "two", Max: 1}}
	})
	b.lease(1)
	b.lease(2)
	b.lease(3, onLine('c'))
	b.wantSilence(b.send(discover(4)), frame.Filtered)
	other := discover(4)
	other.Client.HW = []byte{4, 0, 0, 0, 0, 4}
	if a := b.send(other); a.Type != Offer {
		t.Errorf("a client that is not in the class: %v", a.Reason)
	}
	// One that is not in the class has no limit on its line.
	for n := byte(4); n < 8; n++ {
		b.lease(n, onLine('c'), func(q *Query) { q.Client.HW = []byte{4, 0, 0, 0, 0, n} })
	}
}

// A client that gets another address gives its old one up: the limit does not
// stand in the way.
func TestAClientMayChangeItsAddressAtTheLimit(t *testing.T) {
	b := newBench(t, perCircuit(1))
	first := b.lease(1, onLine('c'))
	moved := func(s *policy.Spec) {
		perCircuit(1)(s)
		s.Subnets[1].Reservations = []policy.ReservationSpec{{MAC: hw(1), Address: addr("10.1.0.99")}}
	}
	b.reload(moved)
	b.wantNak(b.send(atLine('c', renewing(1, first.String()))))
	if now := b.lease(1, onLine('c')); now != ip("10.1.0.99") {
		t.Errorf("then %v", now)
	}
	b.wantSilence(b.send(atLine('c', discover(2))), frame.Filtered)
}

// A device that moves to another line counts there, and no longer where it was.
func TestAClientThatMovesToAnotherLine(t *testing.T) {
	b := newBench(t, perCircuit(1))
	first := b.lease(1, onLine('c'))
	if again := b.lease(1, onLine('d')); again != first {
		t.Fatalf("%v, then %v", first, again)
	}
	b.wantSilence(b.send(atLine('d', discover(2))), frame.Filtered)
	b.lease(3, onLine('c'))
}

// After a restart the leases of the table count, and after a reload too.
func TestLimitsAfterARestartAndAReload(t *testing.T) {
	b := newBench(t, perCircuit(2))
	first := b.lease(1, onLine('c'))
	b.lease(2, onLine('c'))
	b.server = Server{Table: b.server.Table} // all but the table is gone
	b.wantSilence(b.send(atLine('c', discover(3))), frame.Filtered)
	b.wantAck(b.send(atLine('c', renewing(1, first.String()))), first.String())

	b.reload() // no limit
	b.lease(3, onLine('c'))
	b.reload(perCircuit(2)) // as before, with three leases
	b.wantSilence(b.send(atLine('c', discover(4))), frame.Filtered)
	b.wantAck(b.send(atLine('c', renewing(1, first.String()))), first.String())
	b.send(release(1, first.String()))
	b.wantSilence(b.send(atLine('c', discover(4))), frame.Filtered)
	b.reload(perCircuit(3))
	b.server.Seed(b.policy)
	b.lease(4, onLine('c'))
	b.wantSilence(b.send(atLine('c', discover(5))), frame.Filtered)
	b.reload(perCircuit(0))
	b.wantSilence(b.send(atLine('d', discover(6))), frame.Filtered)
}

// Many workers, few lines: of all that ask at the same moment no more get a lease
// than may, and all that may do. The same for each kind of limit.
func TestLimitsAreNotOvershot(t *testing.T) {
	const max = 3
	oneMAC := func(q *Query) { q.Client.ClientID, q.Client.HW = q.Client.HW, hw(1) }
	for _, tt := range []struct {
		name  string
		limit func(*policy.Spec)
		edit  func(*Query)
	}{
		{"circuit", perCircuit(max), func(*Query) {}},
		{"remote", limited(policy.LimitSpec{By: policy.LimitRemote, Max: max}), func(q *Query) { q.Client.Relay = sub(2, 'r') }},
		{"mac", limited(policy.LimitSpec{By: policy.LimitMAC, Max: max}), oneMAC},
		{"class", func(s *policy.Spec) {
			s.Classes = []policy.ClassSpec{classOf("line", policy.Match{By: policy.MatchCircuit, Value: []byte("c")})}
			s.Limits = []policy.LimitSpec{{By: policy.LimitClass, Class: "line", Max: max}}
		}, func(*Query) {}},
		{"subnet", func(s *policy.Spec) { s.Subnets[1].Limit = max }, func(*Query) {}},
		{"all at once", func(s *policy.Spec) {
			s.Subnets[1].Limit = max + 1
			s.Limits = []policy.LimitSpec{{By: policy.LimitMAC, Max: max}, {By: policy.LimitCircuit, Max: max}}
		}, oneMAC},
	} {
		t.Run(tt.name, func(t *testing.T) { notOvershot(t, max, tt.limit, tt.edit) })
	}
}

func notOvershot(t *testing.T, max byte, limit func(*policy.Spec), edit func(*Query)) {
	const workers, rounds = 8, 20
	at := func(q Query) Query {
		q = atLine('c', q)
		edit(&q)
		return q
	}
	onLine := func(q *Query) { *q = at(*q) }
	b := newBench(t, limit, func(s *policy.Spec) {
		s.Subnets[1].Pools[0].Ranges = []policy.Range{{First: addr("10.1.0.10"), Last: addr("10.1.9.255")}}
	})
	var batches [workers]*lease.Batch
	for w := range batches {
		batches[w] = lease.NewBatch(uint8(w + 1))
	}
	for round := range rounds {
		var wg sync.WaitGroup
		var granted [workers][]Query
		for w := range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				rnd := rand.New(rand.NewPCG(uint64(round), uint64(w)))
				for i := range 6 {
					n := byte(10*w + i)
					q := at(discover(n))
					var a Answer
					b.server.Decide4(b.policy, &q, b.now, batches[w], &a)
					want := a.Yiaddr
					if a.Type != Offer {
						// It insists on an address all the same, as others do on the same one.
						want = ip("10.1.2.0") + lease.IP4(rnd.IntN(4))
					}
					q = at(selecting(n, want.String(), ours1))
					b.server.Decide4(b.policy, &q, b.now, batches[w], &a)
					if a.Type != Ack {
						continue
					}
					mine := at(release(n, want.String()))
					if rnd.IntN(2) == 0 {
						b.server.Decide4(b.policy, &mine, b.now, batches[w], &a)
						continue
					}
					granted[w] = append(granted[w], mine)
				}
			}()
		}
		wg.Wait()
		bound := 0
		b.server.Table.Each(func(e *lease.Entry) bool {
			if e.Status == lease.Bound {
				bound++
			}
			return true
		})
		kept := 0
		for _, g := range granted {
			kept += len(g)
		}
		if bound > int(max) || bound != kept {
			t.Fatalf("round %d: %d leases on the line, %d granted; %d are allowed", round, bound, kept, max)
		}
		for _, g := range granted {
			for _, q := range g {
				b.wantSilence(b.send(q), frame.Released)
			}
		}
		for n := byte(200); n < 200+max; n++ {
			b.lease(n, onLine)
		}
		b.wantSilence(b.send(at(discover(210))), frame.Filtered)
		for n := byte(200); n < 200+max; n++ {
			q := at(discover(n))
			o := b.send(q)
			b.wantSilence(b.send(at(release(n, o.Yiaddr.String()))), frame.Released)
		}
		for w := range batches {
			batches[w].Reset()
		}
		b.batch.Reset()
	}
}

// A limit for a subnet counts the leases in it, whoever has them, and no others.
func TestLimitPerSubnet(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Subnets[1].Limit = 2 })
	first := b.lease(1, onLine('c'))
	b.lease(2, onLine('d'))
	b.wantSilence(b.send(atLine('e', discover(3))), frame.Filtered)
	b.lease(3) // in another subnet
	b.server = Server{Table: b.server.Table}
	b.wantSilence(b.send(atLine('e', discover(4))), frame.Filtered) // after a restart too
	b.wantAck(b.send(atLine('c', renewing(1, first.String()))), first.String())
	b.send(release(1, first.String()))
	b.lease(4, onLine('e'))
	b.reload(func(s *policy.Spec) { s.Subnets[1].Limit = 3 })
	b.lease(5, onLine('e'))
	b.wantSilence(b.send(atLine('e', discover(6))), frame.Filtered)
}

// Clients that come once and never again leave nothing behind for ever.
func TestListsOfFormerClientsAreForgotten(t *testing.T) {
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitMAC, Max: 1}))
	for i := range 5000 {
		b.lease(1, func(q *Query) { q.Client.HW = []byte{6, 0, 0, 0, byte(i >> 8), byte(i)} })
		b.wait(2 * hour)
		b.server.Table.Expire(b.now, 1000, b.batch)
		b.batch.Reset()
	}
	// A few for each of the book's parts, which forget when their number has doubled.
	if lists := b.server.limits.Lists(); lists > 2048 {
		t.Errorf("%d lists after 5000 clients with one lease at a time", lists)
	}
}

func TestLimitsDoNotAllocate(t *testing.T) {
	b := newBench(t, perCircuit(2))
	mine := b.lease(1, onLine('c'))
	b.lease(2, onLine('c'))
	renew, refused := atLine('c', renewing(1, mine.String())), atLine('c', discover(3))
	var a Answer
	for _, q := range []*Query{&renew, &refused} {
		if n := testing.AllocsPerRun(100, func() {
			b.wait(10)
			b.server.Decide4(b.policy, q, b.now, b.batch, &a)
			b.batch.Reset()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkLimits(b *testing.B) {
	bn := newBench(b, perCircuit(4), func(s *policy.Spec) {
		s.Subnets[1].Pools[0].Ranges = []policy.Range{{First: addr("10.1.0.10"), Last: addr("10.1.99.255")}}
	})
	var mine [1000]lease.IP4
	var lines [1000][]byte // four clients on each
	q := atLine('c', discover(1))
	for i := range mine {
		lines[i] = sub(1, fmt.Append(nil, i/4)...)
		mine[i] = bn.lease(1, func(x *Query) {
			*x = atLine('c', *x)
			x.Client.HW, x.Client.Relay = []byte{2, 0, 0, 0, byte(i >> 8), byte(i)}, lines[i]
		})
	}
	q.Type = Request
	var a Answer
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		n := i % 1000
		q.Client.HW[4], q.Client.HW[5] = byte(n>>8), byte(n)
		q.Client.Relay = lines[n]
		q.Ciaddr = mine[n]
		bn.server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
		bn.batch.Reset()
		i++
	}
}
