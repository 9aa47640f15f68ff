// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"xdhcp/bench/load"
)

// flooded offers a legitimate load twice, quiet and beside a flood of garbage, as much
// as the kernel makes on the processor time that it gets beside the two.
func flooded(r *run, t *trial) error {
	rate := 20_000.0
	if best := r.best["dora "+t.c.name]; best > 0 {
		rate = min(rate, best/2)
	}
	l := load.Load{Rate: min(rate, r.to), Duration: r.flood}
	if err := t.offer(r, l); err != nil {
		return err
	}
	t.quiet = t.rate
	var undo func() error
	err := t.w.server.Do(func() (err error) { undo, err = load.Admit(t.w.server.Name); return err })
	if err != nil {
		return err
	}
	defer undo()
	g, err := t.w.load(clientKit{count: t.c.clients(), second: true})
	if err != nil {
		return err
	}
	defer g.Close()

	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- t.w.clients.Do(func() error {
			f := load.Flood{Kind: load.Garbage, Interface: t.w.clients.Name, Server: serverAddr, ServerMAC: load.MAC(t.w.server.MAC), Core: -1}
			_, err := f.Run(ctx)
			return err
		})
	}()
	before, err := t.w.server.Received()
	if err != nil {
		return err
	}
	used, began := t.p.usage(), time.Now()
	res, err := g.Run(r.ctx, l)
	took := time.Since(began)
	after, err2 := t.w.server.Received()
	spent := t.p.usage().since(used)
	cancel()
	if err := errors.Join(err, err2, <-done); err != nil {
		return err
	}
	t.took(res, spent)
	// What was lost before the server's end of the wire was no burden to it, so it
	// does not count: only what arrived, without the load's own messages.
	t.garbage = (float64(after-before) - messages(res)) / took.Seconds()
	t.note = fmt.Sprintf("%.0f %% of the quiet figure, with %.2f M frames/s of garbage arriving at its interface", 100*t.rate/t.quiet, t.garbage/1e6)
	return nil
}

// messages are what a load has sent.
func messages(r *load.Result) (n float64) {
	for _, m := range []map[string]uint64{r.Sent, r.Resent} {
		for _, v := range m {
			n += float64(v)
		}
	}
	return n
}
