// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Kind is a kind of exchange.
type Kind uint8

const (
	// DORA is DISCOVER, OFFER, REQUEST, ACK, or DHCPv6's SARR (Solicit, Advertise,
	// Request, Reply), by a client without a lease, or by one that has lost its
	// memory of it if there is none without.
	DORA Kind = iota
	// Renew is a unicast REQUEST of a client that holds a lease, and its ACK; or a
	// Renew and its Reply.
	Renew
	// Rebind is the same by broadcast, or through the relay.
	Rebind
	// Release gives a lease back; there is no answer in DHCPv4.
	Release
	nKinds
)

// String names the kind as results do.
func (k Kind) String() string {
	if k < nKinds {
		return names4.kinds[k]
	}
	return "invalid"
}

// Mix says how often each kind of exchange is begun, as weights.
type Mix [nKinds]int

// ParseMix reads "dora=70,renew=30"; one name alone is all of it.
func ParseMix(s string) (Mix, error) {
	var m Mix
	for part := range strings.SplitSeq(s, ",") {
		name, weight, has := strings.Cut(strings.TrimSpace(part), "=")
		n := 1
		if has {
			if _, err := fmt.Sscanf(weight, "%d", &n); err != nil || n < 0 || n > 1_000_000 {
				return Mix{}, fmt.Errorf("%q: the weight is no number from 0 to 1000000", part)
			}
		}
		found := false
		for k, known := range names4.kinds {
			if name == known || name == names6.kinds[k] {
				m[k] += n
				found = true
			}
		}
		if !found {
			return Mix{}, fmt.Errorf("%q is no kind of exchange: want %s", name, strings.Join(names4.kinds[:], ", "))
		}
	}
	if m == (Mix{}) {
		return Mix{}, errors.New("a mix of nothing")
	}
	return m, nil
}

// Load says what is offered. Without Rate and Window everything is due at once:
// an avalanche.
type Load struct {
	// Rate is how many exchanges become due in a second: an open loop.
	Rate float64
	// Window is how many exchanges are under way at a time: a closed loop. The
	// next begins when one ends.
	Window int
	// Duration is for how long exchanges begin, Count how many do; the first
	// limit ends the load. An avalanche needs Count, the others one of them.
	Duration time.Duration
	Count    int
	// Mix is the kinds of exchange. Default: DORA.
	Mix Mix
}

func (l *Load) complete() error {
	if l.Mix == (Mix{}) {
		l.Mix[DORA] = 1
	}
	switch {
	case math.IsNaN(l.Rate) || l.Rate < 0 || l.Rate > 1e9:
		return fmt.Errorf("rate %v: want 0 to 1e9 a second", l.Rate)
	case l.Window < 0 || l.Duration < 0 || l.Count < 0:
		return errors.New("a load has no negative numbers")
	case l.Rate > 0 && l.Window > 0:
		return errors.New("a rate and a window: a loop is either open or closed")
	case l.Duration == 0 && l.Count == 0:
		return errors.New("a load without an end: set a duration or a count")
	case l.Rate == 0 && l.Window == 0 && l.Count == 0:
		return errors.New("an avalanche needs a count")
	}
	return nil
}

// schedule says when exchanges are due. Times count from the load's start, in
// nanoseconds.
type schedule struct {
	load  Load
	begun int     // exchanges taken so far
	total int     // that the load has; MaxInt: as many as fit into the duration
	gap   float64 // between exchanges of an open loop
	left  Mix     // of the mix's current round
}

func newSchedule(l Load) schedule {
	s := schedule{load: l, total: math.MaxInt}
	if l.Count > 0 {
		s.total = l.Count
	}
	if l.Rate > 0 {
		s.gap = 1e9 / l.Rate
		if l.Duration > 0 {
			s.total = min(s.total, int(math.Ceil(float64(l.Duration)/s.gap)))
		}
	}
	return s
}

// take says whether another exchange is due at now, with inFlight under way,
// and since when; if so it counts as begun.
func (s *schedule) take(now int64, inFlight int) (due int64, ok bool) {
	if s.over(now) {
		return 0, false
	}
	switch {
	case s.load.Rate > 0:
		due = s.dueAt(s.begun)
		ok = due <= now
	case s.load.Window > 0:
		due, ok = now, inFlight < s.load.Window
	default:
		due, ok = 0, true
	}
	if ok {
		s.begun++
	}
	return due, ok
}

func (s *schedule) dueAt(n int) int64 { return int64(float64(n) * s.gap) }

// catchUp is for how long after its duration an open loop begins what was due
// before: a generator that is further behind is not going to make it.
const catchUp = int64(time.Second)

// over says that no more exchanges begin.
func (s *schedule) over(now int64) bool {
	if s.begun >= s.total {
		return true
	}
	end := int64(s.load.Duration)
	if s.load.Rate > 0 {
		end += catchUp
	}
	return s.load.Duration > 0 && now >= end
}

// unbegun is how many exchanges of an open loop were due and never begun.
func (s *schedule) unbegun() int {
	if s.load.Rate == 0 {
		return 0
	}
	return s.total - s.begun
}

// next is when the next exchange of an open loop is due; ok is false when
// there is none to wait for.
func (s *schedule) next() (at int64, ok bool) {
	if s.load.Rate == 0 || s.begun >= s.total {
		return 0, false
	}
	return s.dueAt(s.begun), true
}

// dense says that exchanges become due faster than it is worth to wake up for each.
func (s *schedule) dense() bool { return s.load.Rate > 0 && s.gap*gathered <= float64(gather) }

// kind is the next exchange's: the one with the largest part of its weight left
// in this round, so that any stretch of the sequence is mixed alike.
func (s *schedule) kind() Kind {
	best, most := DORA, -1.0
	for k, n := range s.left {
		if s.load.Mix[k] == 0 || n == 0 {
			continue
		}
		if part := float64(n) / float64(s.load.Mix[k]); part > most {
			best, most = Kind(k), part
		}
	}
	if most < 0 {
		s.left = s.load.Mix
		return s.kind()
	}
	s.left[best]--
	return best
}
