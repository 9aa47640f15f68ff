// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"xdhcp/bench/load"
)

// flooded offers a legitimate load twice, quiet and beside a flood of garbage that
// takes a core.
func flooded(r *run, t *trial) error {
	rate := 20_000.0
	if best := r.best["dora "+t.c.name]; best > 0 {
		rate = min(rate, best/2)
	}
	l := load.Load{Rate: min(rate, r.to), Duration: r.flood}
	if err := t.offer(r, l); err != nil {
		return err
	}
	quiet := t.rate
	g, err := t.w.load(clientKit{count: t.c.clients()})
	if err != nil {
		return err
	}
	defer g.Close()

	ctx, cancel := context.WithCancel(r.ctx)
	type result struct {
		frames uint64
		took   time.Duration
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var res result
		began := time.Now()
		res.err = t.w.clients.Do(func() (err error) {
			f := load.Flood{Kind: load.Garbage, Interface: t.w.clients.Name, Server: serverAddr, ServerMAC: load.MAC(t.w.server.MAC), Core: -1}
			res.frames, err = f.Run(ctx)
			return err
		})
		res.took = time.Since(began)
		done <- res
	}()
	before := t.p.usage()
	res, err := g.Run(r.ctx, l)
	used := t.p.usage().since(before)
	cancel()
	water := <-done
	if err != nil {
		return err
	}
	if water.err != nil {
		return water.err
	}
	t.took(res, used)
	t.note = fmt.Sprintf("%.0f %% of the quiet figure, with %.2f M frames/s of garbage offered", 100*t.rate/quiet,
		float64(water.frames)/water.took.Seconds()/1e6)
	return nil
}
