// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Search says how to look for the highest rate that a server keeps up with.
type Search struct {
	// From is the first rate and To the highest, in exchanges a second. When the
	// first is too high already, lower ones follow.
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
	// Backlog is by how much exchanges may take longer at the end of a step than at
	// its start (Result.Growth): a rate at which work piles up passes for as long as
	// the queues have room, and does not hold. Default 100 ms.
	Backlog time.Duration
	// Hold is how often the rate that is found must have passed, and Tries how often
	// the next one must have failed. Default one each. Two of both is a majority: on a
	// shared machine somebody else's moment is neither the server's limit nor its
	// merit.
	Hold, Tries int
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
	if s.Backlog == 0 {
		s.Backlog = 100 * time.Millisecond
	}
	s.Tries, s.Hold = max(s.Tries, 1), max(s.Hold, 1)
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

// passes says whether a step shows that its rate is kept up with. When the generator was
// the limit, it does not.
func (s *Search) passes(r *Result) bool {
	return r.DropRatio <= s.Limit && r.Growth <= s.Backlog && !r.Saturated()
}

// rates decides on the rates of a Search, step by step. It is apart so that it can be
// tested without a server.
type rates struct {
	s     *Search
	tried []attempt
	steps int
}

// attempt is a rate and how it has fared.
type attempt struct {
	rate           float64
	passed, failed int
}

const (
	// lowest is the part of the first rate below which nothing is tried.
	lowest = 1. / 200
	// mostSteps ends a search that finds no rate that holds.
	mostSteps = 40
)

// standing is what is thought of a rate.
type standing uint8

const (
	open standing = iota // as many steps passed as failed
	good
	bad
)

// of says what is thought of an attempt, and whether that is final.
func (s *Search) of(a *attempt) (st standing, final bool) {
	switch {
	case a.passed >= s.Hold:
		return good, true
	case a.failed >= s.Tries:
		return bad, true
	case a.passed > a.failed:
		return good, false
	case a.passed < a.failed:
		return bad, false
	}
	return open, false
}

// bounds are the highest rate that passes and the lowest that does not; nil: none.
func (r *rates) bounds() (most, least *attempt) {
	for i := range r.tried {
		a := &r.tried[i]
		switch st, _ := r.s.of(a); {
		case st == good && (most == nil || a.rate > most.rate):
			most = a
		case st == bad && (least == nil || a.rate < least.rate):
			least = a
		}
	}
	return most, least
}

// next is the rate to try; ok is false when the search is over. One step is enough to go
// on by; the two rates that it ends with are tried until what is thought of them is final.
func (r *rates) next() (rate float64, ok bool) {
	if r.steps >= mostSteps {
		return 0, false
	}
	for i := range r.tried {
		if st, _ := r.s.of(&r.tried[i]); st == open {
			return r.tried[i].rate, true
		}
	}
	most, least := r.bounds()
	switch {
	case most == nil && least == nil:
		return r.s.From, true
	case most == nil:
		if rate = least.rate / r.s.Factor / r.s.Factor; rate >= max(1, r.s.From*lowest) {
			return rate, true
		}
	case least == nil && most.rate < r.s.To:
		return min(most.rate*r.s.Factor, r.s.To), true
	// Where one step has deceived, those beside it may have: they are tried again before
	// anything is built on them.
	case least != nil && least.passed > 0 && !r.final(most):
		return most.rate, true
	case least != nil && most.failed > 0 && !r.final(least):
		return least.rate, true
	case least != nil && least.rate/most.rate >= r.s.Precision:
		return math.Sqrt(most.rate * least.rate), true
	}
	for _, a := range []*attempt{most, least} {
		if a != nil && !r.final(a) {
			return a.rate, true
		}
	}
	return 0, false
}

func (r *rates) final(a *attempt) bool {
	_, final := r.s.of(a)
	return final
}

// fared tells how a step of the rate has ended.
func (r *rates) fared(rate float64, pass bool) {
	r.steps++
	i := slices.IndexFunc(r.tried, func(a attempt) bool { return a.rate == rate })
	if i < 0 {
		i = len(r.tried)
		r.tried = append(r.tried, attempt{rate: rate})
	}
	if pass {
		r.tried[i].passed++
	} else {
		r.tried[i].failed++
	}
}

// found is the rate that the search has ended with; 0: none.
func (r *rates) found() float64 {
	most, _ := r.bounds()
	if most == nil || most.passed < r.s.Hold {
		return 0
	}
	return most.rate
}

// Ramp looks for the highest rate that is kept up with. It returns all steps in their
// order, and of those of the rate that it has found the one with the least done; nil if
// no rate passed.
func (g *Generator) Ramp(ctx context.Context, s Search) (steps []*Result, best *Result, err error) {
	if err := s.complete(); err != nil {
		return nil, nil, fmt.Errorf("ramp: %w", err)
	}
	r := rates{s: &s}
	for {
		rate, ok := r.next()
		if !ok {
			break
		}
		res, err := g.Run(ctx, Load{Rate: rate, Duration: s.Step, Mix: s.Mix})
		if err != nil {
			return steps, nil, err
		}
		if res.Interrupted {
			return steps, nil, ctx.Err()
		}
		steps = append(steps, res)
		if s.Done != nil {
			s.Done(res)
		}
		r.fared(rate, s.passes(res))
	}
	for _, res := range steps {
		if res.Offered == r.found() && s.passes(res) && (best == nil || res.Rate < best.Rate) {
			best = res
		}
	}
	return steps, best, nil
}
