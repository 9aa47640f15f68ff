// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"xdhcp/bench/load"
)

type runCmd struct {
	clientFlags `embed:""`

	Rate      float64       `short:"r" help:"Open loop: exchanges due in a second." xor:"loop"`
	Window    int           `short:"w" help:"Closed loop: exchanges under way at a time." xor:"loop"`
	Avalanche bool          `help:"All clients boot at once." xor:"loop"`
	Duration  time.Duration `short:"d" help:"For how long exchanges begin. Default 10s; none with --count or --avalanche."`
	Count     int           `short:"c" help:"How many exchanges begin."`
}

// Run offers one load.
func (c *runCmd) Run(e *env) error {
	l := load.Load{Rate: c.Rate, Window: c.Window, Duration: c.Duration, Count: c.Count}
	switch {
	case c.Avalanche:
		if l.Count == 0 {
			l.Count = c.Clients
		}
	case c.Rate == 0 && c.Window == 0:
		return errors.New("one of --rate, --window, --avalanche is needed")
	case l.Count == 0 && l.Duration == 0:
		l.Duration = 10 * time.Second
	}
	b, err := c.start(e)
	if err != nil {
		return err
	}
	defer b.close()
	l.Mix = b.mix
	stop := b.progress("run")
	r, err := b.g.Run(e.ctx, l)
	stop()
	if err != nil {
		return err
	}
	b.results = append(b.results, r)
	printResult(e.stdout, r)
	if err := b.write(); err != nil {
		return err
	}
	if n := r.WrongTotal(); n > 0 {
		return fmt.Errorf("%d wrong answers", n)
	}
	return nil
}
