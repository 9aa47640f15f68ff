// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Search says how to look for the highest rate that a server keeps up with.
type Search struct {
	// From and To bound the rate, in exchanges a second.
	From, To float64
	// Factor is from one rate to the next, until the limit is passed; then the
	// interval is halved (geometrically) until it is narrower than Precision.
	// Defaults 1.5 and 1.05.
	Factor, Precision float64
	// Step is how long each rate is offered. Default two seconds.
	Step time.Duration
	// Limit is the part of exchanges that may be dropped. Default 0.025, as
	// ISC's performance tests have it.
	Limit float64
	// Tries is how often a rate is offered until it passes. Default one; on a
	// shared machine somebody else's moment is not the server's limit.
	Tries int
	// Mix is what is offered.
	Mix Mix
	// Done is called after each step.
	Done func(*Result)
}

func (s *Search) complete() error {
	if s.Factor == 0 {
		s.Factor = 1.5
	}
	if s.Precision == 0 {
		s.Precision = 1.05
	}
	if s.Step == 0 {
		s.Step = 2 * time.Second
	}
	if s.Limit == 0 {
		s.Limit = 0.025
	}
	s.Tries = max(s.Tries, 1)
	switch {
	case s.From < 1 || s.To < s.From:
		return fmt.Errorf("rates from %v to %v: want 1 or more, ascending", s.From, s.To)
	case s.Factor <= 1 || s.Precision <= 1:
		return errors.New("factor and precision must be above 1")
	case s.Limit < 0 || s.Limit >= 1:
		return fmt.Errorf("limit %v: want a part, 0 to 1", s.Limit)
	}
	return nil
}

// rates decides on the rates of a Search one after the other. It is apart so
// that it can be tested without a server.
type rates struct {
	s         *Search
	good, bad float64 // highest that passed, lowest that did not; 0 none
}

// next is the rate to try; ok is false when the search is over.
func (r *rates) next() (rate float64, ok bool) {
	switch {
	case r.good == 0 && r.bad == 0:
		return r.s.From, true
	case r.bad == 0:
		if r.good >= r.s.To {
			return 0, false
		}
		return min(r.good*r.s.Factor, r.s.To), true
	case r.good == 0: // even the lowest is too high
		return 0, false
	case r.bad/r.good < r.s.Precision:
		return 0, false
	}
	return math.Sqrt(r.good * r.bad), true
}

// passed tells how the rate fared.
func (r *rates) passed(rate float64, ok bool) {
	if ok {
		r.good = rate
	} else {
		r.bad = rate
	}
}

// Ramp looks for the highest rate whose drops are within the limit. It returns
// all steps in their order and the best that passed, nil if none did. A step in
// which the generator was the limit does not pass.
func (g *Generator) Ramp(ctx context.Context, s Search) (steps []*Result, best *Result, err error) {
	if err := s.complete(); err != nil {
		return nil, nil, fmt.Errorf("ramp: %w", err)
	}
	r := rates{s: &s}
	for {
		rate, ok := r.next()
		if !ok {
			return steps, best, nil
		}
		pass := false
		for try := 0; try < s.Tries && !pass; try++ {
			res, err := g.Run(ctx, Load{Rate: rate, Duration: s.Step, Mix: s.Mix})
			if err != nil {
				return steps, best, err
			}
			if res.Interrupted {
				return steps, best, ctx.Err()
			}
			steps = append(steps, res)
			if s.Done != nil {
				s.Done(res)
			}
			if pass = res.DropRatio <= s.Limit; pass {
				best = res
			}
		}
		r.passed(rate, pass)
	}
}
