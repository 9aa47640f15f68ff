// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"xdhcp/bench/load"
)

// run is one comparison.
type run struct {
	options
	ctx  context.Context
	rows []row
	best map[string]float64 // rate by scenario and contender
	limit
}

// row is one answer to a scenario's question.
type row struct {
	scenario, contender string
	durable             string
	rate                float64 // exchanges a second; 0: not of this scenario
	latency             load.Latency
	drop                float64
	cpu, softirq        time.Duration // per exchange
	note                string
	err                 error
	restarted           time.Duration // until the first ACK
	perLease            float64       // bytes
	quiet, garbage      float64       // of a flood: exchanges a second without it, its frames a second
	requests            float64       // part of the REQUESTs that were answered, in an overload
	lasted              time.Duration // of an avalanche, until all had a lease; 0: some had none
	steps               []*load.Result
}

// scenario is a question to each contender.
type scenario struct {
	name   string
	family int
	about  string
	fit    func(*contender) bool // nil: for all
	ask    func(r *run, t *trial) error
}

// trial is one contender before one scenario.
type trial struct {
	*row
	c *contender
	w *wire
	p *process
}

// one asks one contender.
func (r *run) one(s *scenario, c *contender) {
	row := row{scenario: s.name, contender: c.name, durable: c.durable}
	began := time.Now()
	row.err = r.trial(s, c, &row)
	r.rows = append(r.rows, row)
	fmt.Fprintf(os.Stderr, "%-16s %-22s %s  (%.0f s)\n", s.name, c.name, row.summary(), time.Since(began).Seconds())
}

func (r *run) trial(s *scenario, c *contender, to *row) error {
	w, err := newWire()
	if err != nil {
		return err
	}
	t := &trial{row: to, c: c, w: w}
	defer func() {
		t.stop()
		if err := w.close(); err != nil {
			fmt.Fprintf(os.Stderr, "compare: %v\n", err)
		}
	}()
	return s.ask(r, t)
}

// start runs the contender and waits until it answers.
func (t *trial) start(r *run) error {
	if err := t.launch(r); err != nil {
		return err
	}
	_, err := t.p.answers(r.ctx, t.w, time.Now(), t.c.family)
	return err
}

// launch prepares and runs the contender.
func (t *trial) launch(r *run) error {
	argv, err := t.prepare(r)
	if err != nil {
		return err
	}
	t.p, err = t.w.start(argv.args, argv.env...)
	return err
}

// command is a program and what it is started with.
type command struct{ args, env []string }

func (t *trial) prepare(r *run) (cmd command, err error) {
	if cmd.args, cmd.env, err = t.c.prepare(r, t.w, t.c); err != nil {
		return cmd, fmt.Errorf("configuration: %w", err)
	}
	cmd.args[0], err = find(cmd.args[0])
	return cmd, err
}

func (t *trial) stop() {
	if t.p != nil {
		t.p.stop()
		t.p = nil
	}
}

const (
	// closely is the precision of a search whose result a ratio is made of, roughly of one
	// that is told beside it.
	closely = 1.08
	roughly = 1.12
)

// search finds the highest rate that holds in two of three steps, with at most 2.5 %
// dropped, ISC's rule, and no backlog that grows by more than 100 ms. It keeps the
// processor time of the step that it takes the figures from, the worse of the two.
func (t *trial) search(r *run, g *load.Generator, mix load.Mix, precision float64) error {
	from := t.c.from
	// What an earlier search has found is a good guess for those after it.
	if first := r.best[map[int]string{4: "dora", 6: "sarr"}[t.c.family]+" "+t.contender]; first > 0 {
		from = 0.75 * first
	}
	before := t.p.usage()
	used := map[*load.Result]usage{}
	steps, best, err := g.Ramp(r.ctx, load.Search{
		From: min(from, r.to), To: r.to, Factor: 2, Precision: precision, Step: r.step, Tries: 2, Hold: 2, Mix: mix,
		Done: func(res *load.Result) {
			now := t.p.usage()
			used[res], before = now.since(before), now
		},
	})
	t.steps = steps
	if err != nil {
		return err
	}
	for _, s := range steps {
		if n := s.WrongTotal(); n > 0 {
			return fmt.Errorf("%d wrong answers at %.0f/s: %v", n, s.Offered, s.Wrong)
		}
	}
	if best == nil {
		first := steps[0]
		return fmt.Errorf("no rate holds; of %.0f/s: done %v, refused %v, lost %v", first.Offered, first.Done, first.Refused, first.Lost)
	}
	t.took(best, used[best])
	r.best[t.scenario+" "+t.contender] = best.Rate
	return nil
}

// took notes a result.
func (t *trial) took(res *load.Result, u usage) {
	t.rate, t.drop, t.latency = res.Rate, res.DropRatio, res.Whole()
	done := uint64(0)
	for _, n := range res.Done {
		done += n
	}
	if done > 0 {
		t.cpu, t.softirq = u.server/time.Duration(done), u.softirq/time.Duration(done)
	}
	if res.Saturated() {
		t.note = "the generator was the limit"
	}
}

// summary is the row in a line.
func (r *row) summary() string {
	if r.err != nil {
		return "no result: " + r.err.Error()
	}
	s := ""
	if r.rate > 0 {
		s = fmt.Sprintf("%8.0f/s  p50 %v  p99 %v  %.2f %% dropped  %v CPU", r.rate,
			short(r.latency.P50), short(r.latency.P99), 100*r.drop, short(r.cpu))
	}
	if r.note != "" {
		s += "  " + r.note
	}
	return s
}

// short is a duration in three digits or so.
func short(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
