// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"xdhcp/bench/load"
)

type rampCmd struct {
	clientFlags `embed:""`

	From      float64       `help:"First rate, in exchanges a second. If it is too high, lower ones follow." default:"1000"`
	To        float64       `help:"Highest rate." default:"1000000"`
	Factor    float64       `help:"From one rate to the next." default:"1.5"`
	Precision float64       `help:"How close to get to the limit." default:"1.05"`
	Step      time.Duration `help:"How long each rate is offered." default:"2s"`
	Limit     float64       `help:"Part of the exchanges that may be dropped." default:"0.025"`
	Backlog   time.Duration `help:"By how much exchanges may take longer in a step's last quarter than in its first." default:"100ms"`
	Hold      int           `help:"How often the rate that is found must have passed." default:"2"`
	Plot      string        `help:"Draw throughput and latency over the offered rate (.svg or .png)." placeholder:"FILE"`
}

// Run looks for the highest rate.
func (c *rampCmd) Run(e *env) error {
	b, err := c.start(e)
	if err != nil {
		return err
	}
	defer b.close()
	stop := b.progress("ramp")
	fmt.Fprintf(e.stdout, "%12s %12s %9s %10s %10s %10s %8s\n", "offered/s", "done/s", "dropped", "p50", "p99", "p99.9", "wrong")
	steps, best, err := b.g.Ramp(e.ctx, load.Search{
		From: c.From, To: c.To, Factor: c.Factor, Precision: c.Precision, Step: c.Step, Limit: c.Limit, Mix: b.mix,
		Backlog: c.Backlog, Hold: c.Hold,
		Done: func(r *load.Result) {
			l := r.Whole()
			note := ""
			if r.Growth > c.Backlog {
				note = fmt.Sprintf("  work piles up: exchanges take %v longer at the end", short(r.Growth))
			}
			if r.Saturated() {
				note += "  the generator could not keep up"
			}
			if !c.Quiet {
				fmt.Fprint(e.stderr, "\r\033[K")
			}
			fmt.Fprintf(e.stdout, "%12.0f %12.0f %8.3f%% %10v %10v %10v %8d%s\n", r.Offered, r.Rate, 100*r.DropRatio,
				short(l.P50), short(l.P99), short(l.P999), r.WrongTotal(), note)
		},
	})
	stop()
	b.results = steps
	if werr := errors.Join(b.write(), b.plot(c.Plot)); err == nil {
		err = werr
	}
	if err != nil {
		return err
	}
	if best == nil {
		return fmt.Errorf("no rate passed")
	}
	fmt.Fprintf(e.stdout, "\nhighest rate with at most %.1f %% dropped and no backlog that grows:\n", 100*c.Limit)
	printResult(e.stdout, best)
	for _, r := range steps {
		if n := r.WrongTotal(); n > 0 {
			return fmt.Errorf("%d wrong answers at %.0f/s", n, r.Offered)
		}
	}
	return nil
}
