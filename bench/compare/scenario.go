// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"xdhcp/bench/load"
)

// scenarios are in the order in which they run: later ones are measured at rates
// that earlier ones have found.
var scenarios = []*scenario{
	{name: "dora", family: 4, about: "new clients behind a relay agent with option 82: the highest rate of DISCOVER, OFFER, REQUEST, ACK that holds twice, with at most 2.5 % dropped and no backlog that grows",
		ask: func(r *run, t *trial) error { return fresh(r, t, clientKit{}) }},
	{name: "dora-broadcast", family: 4, about: "the same by broadcast, without a relay agent",
		ask: func(r *run, t *trial) error { return fresh(r, t, clientKit{broadcast: true}) }},
	{name: "renew", family: 4, about: "clients that hold a lease renew it by unicast: the highest rate, likewise", ask: renew},
	{name: "at-kea's-best", family: 4, about: "latency at the rate that was Kea's highest in `dora`",
		fit: func(c *contender) bool { return c.ours || c.name == kea }, ask: atKeasBest},
	{name: "overload", family: 4, about: "twice its own highest rate of `dora` is offered: goodput, and the REQUESTs of clients with an OFFER",
		fit: func(c *contender) bool { return c.ours || c.name == kea }, ask: overload},
	{name: "avalanche", family: 4, about: "all clients boot at once and send again as RFC 2131 says: time until everybody has a lease. As many as the server can serve in ten seconds, 200,000 at most; cut off after 45 seconds", ask: avalanche},
	{name: "flood", family: 4, about: "20,000 DORA/s (or half of its highest rate) beside a flood of garbage to the same port",
		fit: func(c *contender) bool { return c.ours || c.name == kea }, ask: flooded},
	{name: "restart", family: 4, about: "start with leases from before: time until the first ACK, memory for each lease",
		fit: func(c *contender) bool { return c.adopt != nil }, ask: restart},
	{name: "sarr", family: 6, about: "DHCPv6, an address each (IA_NA), behind a relay agent with an Interface-ID: the highest rate of Solicit, Advertise, Request, Reply, likewise",
		ask: func(r *run, t *trial) error { return fresh(r, t, clientKit{}) }},
	{name: "sarr-pd", family: 6, about: "the same with an address and a prefix each (IA_NA and IA_PD)",
		ask: func(r *run, t *trial) error { return fresh(r, t, clientKit{pd: true}) }},
}

const (
	kea = "kea"
	// manyClients are enough that no exchange of a search is by a client that
	// has had one.
	manyClients = 1 << 20
	fewClients  = 1 << 16
)

// clients is how many the contender's pool has room for.
func (c *contender) clients() int {
	if c.pool == pool {
		return manyClients - 16
	}
	return fewClients
}

// fresh is new clients.
func fresh(r *run, t *trial, k clientKit) error {
	if err := t.start(r); err != nil {
		return err
	}
	k.family, k.count = t.c.family, t.c.clients()
	g, err := t.w.load(k)
	if err != nil {
		return err
	}
	defer g.Close()
	precision := closely
	if k.broadcast {
		precision = roughly
	}
	return t.search(r, g, load.Mix{load.DORA: 1}, precision)
}

// preload gives n clients a lease.
func preload(r *run, g *load.Generator, n int) error {
	// A few under way: hardly a server drops any. dnsmasq offers an address to two
	// clients that ask at the same time, so the last ones come alone.
	for _, window := range []int{32, 8, 1, 1, 1} {
		missing := n - g.Bound()
		if missing <= 0 {
			return nil
		}
		if _, err := g.Run(r.ctx, load.Load{Window: window, Count: missing}); err != nil {
			return err
		}
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
	}
	if missing := n - g.Bound(); missing > 0 {
		return fmt.Errorf("preload: %d of %d clients got no lease", missing, n)
	}
	return nil
}

func renew(r *run, t *trial) error {
	if err := t.w.routed(); err != nil {
		return err
	}
	if err := t.start(r); err != nil {
		return err
	}
	n := r.renewers
	if t.c.pool != pool {
		n = min(n, 2000)
	}
	g, err := t.w.load(clientKit{count: n})
	if err != nil {
		return err
	}
	defer g.Close()
	if err := preload(r, g, n); err != nil {
		return err
	}
	return t.search(r, g, load.Mix{load.Renew: 1}, roughly)
}

// atKeasBest offers what Kea could take.
func atKeasBest(r *run, t *trial) error {
	rate := r.best["dora "+kea]
	if rate == 0 {
		return fmt.Errorf("needs Kea's result of dora in the same run")
	}
	return t.offer(r, load.Load{Rate: rate, Duration: 5 * time.Second})
}

// offer is one load, measured.
func (t *trial) offer(r *run, l load.Load) error {
	if err := t.start(r); err != nil {
		return err
	}
	g, err := t.w.load(clientKit{count: t.c.clients()})
	if err != nil {
		return err
	}
	defer g.Close()
	before := t.p.usage()
	res, err := g.Run(r.ctx, l)
	if err != nil {
		return err
	}
	t.took(res, t.p.usage().since(before))
	if n := res.WrongTotal(); n > 0 {
		return fmt.Errorf("%d wrong answers: %v", n, res.Wrong)
	}
	t.steps = []*load.Result{res}
	return nil
}

func overload(r *run, t *trial) error {
	best := r.best["dora "+t.c.name]
	if best == 0 {
		return fmt.Errorf("needs its result of dora in the same run")
	}
	if err := t.offer(r, load.Load{Rate: 2 * best, Duration: r.overload}); err != nil {
		return err
	}
	res := t.steps[0]
	t.requests = 1 - float64(res.Lost["request"])/float64(max(res.Sent["request"], 1))
	t.note = fmt.Sprintf("goodput %.0f %% of the highest rate; %.1f %% of REQUESTs answered", 100*t.rate/best, 100*t.requests)
	return nil
}

const (
	// shareOfAvalanche is how long a contender would need for its avalanche at its
	// highest rate, if that is fewer clients than all: a server of a hundred leases a
	// second has another idea of many.
	shareOfAvalanche = 10 // seconds
	// endOfAvalanche cuts it off: clients have waited three times by then, half a
	// minute in all, and most of the others wait until a minute is over.
	endOfAvalanche = 45 * time.Second
)

func avalanche(r *run, t *trial) error {
	n := r.avalanche
	if best := r.best["dora "+t.c.name]; best > 0 {
		n = min(n, int(shareOfAvalanche*best))
	}
	n = min(n, t.c.clients())
	if err := t.start(r); err != nil {
		return err
	}
	g, err := t.w.load(clientKit{count: n, patient: true})
	if err != nil {
		return err
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(r.ctx, endOfAvalanche)
	defer cancel()
	before := t.p.usage()
	res, err := g.Run(ctx, load.Load{Count: n})
	if err != nil {
		return err
	}
	t.took(res, t.p.usage().since(before))
	if g.Bound() == n {
		t.lasted = res.Duration
	}
	t.note = fmt.Sprintf("%d clients, %d with a lease after %.2f s", n, g.Bound(), res.Duration.Seconds())
	if res.Interrupted {
		t.note += fmt.Sprintf("; cut off after %v", endOfAvalanche)
	}
	return nil
}
