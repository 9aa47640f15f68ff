// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"xdhcp/engine/frame"
)

func TestOpenLoopIsDueWhateverHappens(t *testing.T) {
	s := newSchedule(Load{Rate: 1000, Duration: time.Second})
	if due, ok := s.take(0, 0); !ok || due != 0 {
		t.Fatalf("first: %v, %v", due, ok)
	}
	if _, ok := s.take(int64(time.Millisecond)-1, 0); ok {
		t.Error("the second is due too early")
	}
	if at, ok := s.next(); !ok || at != int64(time.Millisecond) {
		t.Errorf("next at %v, %v", at, ok)
	}
	// The generator was away for 100 ms: everything comes, with its own time,
	// however many are under way.
	var dues []int64
	for {
		due, ok := s.take(int64(100*time.Millisecond), 1<<20)
		if !ok {
			break
		}
		dues = append(dues, due)
	}
	if len(dues) != 100 || dues[0] != 1e6 || dues[99] != 100e6 {
		t.Errorf("%d due, from %v to %v", len(dues), dues[0], dues[len(dues)-1])
	}
	n := 101
	for ; ; n++ {
		if _, ok := s.take(int64(time.Second), 0); !ok {
			break
		}
	}
	if n != 1000 || !s.over(int64(time.Second)) || s.unbegun() != 0 {
		t.Errorf("%d in all, %d not begun", n, s.unbegun())
	}
}

func TestAnOpenLoopGivesUpCatchingUp(t *testing.T) {
	s := newSchedule(Load{Rate: 1000, Duration: time.Second})
	for range 10 {
		s.take(int64(1900*time.Millisecond), 0)
	}
	if _, ok := s.take(int64(2*time.Second), 0); ok || s.unbegun() != 990 {
		t.Errorf("goes on; %d not begun", s.unbegun())
	}
}

func TestClosedLoop(t *testing.T) {
	s := newSchedule(Load{Window: 3, Count: 5})
	for range 3 {
		if due, ok := s.take(7, 2); !ok || due != 7 {
			t.Errorf("%v, %v", due, ok)
		}
	}
	if _, ok := s.take(8, 3); ok {
		t.Error("more under way than the window")
	}
	s.take(9, 0)
	s.take(9, 0)
	if _, ok := s.take(9, 0); ok || !s.over(9) {
		t.Error("more than counted")
	}
	s = newSchedule(Load{Window: 3, Duration: time.Second})
	if _, ok := s.take(int64(time.Second), 0); ok {
		t.Error("more after the end")
	}
}

func TestAvalancheIsDueAtOnce(t *testing.T) {
	s := newSchedule(Load{Count: 100})
	for range 100 {
		if due, ok := s.take(int64(time.Hour), 99); !ok || due != 0 {
			t.Fatalf("%v, %v", due, ok)
		}
	}
	if !s.over(0) {
		t.Error("not over")
	}
}

func TestMixIsEven(t *testing.T) {
	m, err := ParseMix("dora=10, renew=80,release=10")
	if err != nil || m != (Mix{DORA: 10, Renew: 80, Release: 10}) {
		t.Fatalf("%v, %v", m, err)
	}
	s := newSchedule(Load{Mix: m, Count: 1})
	var got Mix
	for i := 1; i <= 1000; i++ {
		got[s.kind()]++
		for k, n := range got {
			// Never further from its part than one round could be.
			if want := float64(i) * float64(m[k]) / 100; math.Abs(float64(n)-want) > 2 {
				t.Fatalf("after %d: %d %v, want %.1f", i, n, Kind(k), want)
			}
		}
	}
	if got != (Mix{DORA: 100, Renew: 800, Release: 100}) {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{"", "nothing", "dora=x", "dora=-1", "dora=0"} {
		if m, err := ParseMix(bad); err == nil {
			t.Errorf("%q is %v", bad, m)
		}
	}
}

func TestLoadsHaveAnEnd(t *testing.T) {
	for name, l := range map[string]Load{
		"nothing":               {},
		"a rate for ever":       {Rate: 1},
		"a window for ever":     {Window: 1},
		"an endless avalanche":  {Duration: time.Second},
		"rate and window":       {Rate: 1, Window: 1, Count: 1},
		"a negative rate":       {Rate: -1, Count: 1},
		"a rate that is no one": {Rate: math.NaN(), Count: 1},
		"a negative count":      {Rate: 1, Count: -1},
	} {
		if err := l.complete(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A server that stalls for a second makes 100 exchanges a second late: the
// first by a second, the last by next to nothing. A generator that waited for
// it would have seen one slow answer.
func TestNoCoordinatedOmission(t *testing.T) {
	stub := newStub()
	var m *memory
	var stalled []frame.Frame
	var from, to time.Time
	server := func(f *frame.Frame) bool {
		if !stub.Answer(f) {
			return false
		}
		if m.now.Before(to) && !m.now.Before(from) {
			m.keep(&stalled, f)
			return false
		}
		return true
	}
	cfg := relayed(1000)
	cfg.Waits = []time.Duration{5 * time.Second}
	g, m := start(t, cfg, server)
	from, to = m.now.Add(time.Second), m.now.Add(2*time.Second)
	m.onWait = func() {
		if !m.now.Before(to) {
			m.arrived = append(m.arrived, stalled...)
			stalled = nil
		}
	}
	r := mustRun(t, g, Load{Rate: 100, Duration: 3 * time.Second})
	if r.Done["dora"] != 300 || r.WrongTotal() != 0 {
		t.Fatalf("%+v", r)
	}
	l := r.Latency["dora"]
	// 200 of 300 are fast; of the 100 others the k-th waits 1 s - k·10 ms.
	near := func(got, want time.Duration) bool {
		return got > want-15*time.Millisecond && got < want+15*time.Millisecond
	}
	if l.P50 > 10*time.Millisecond || !near(l.P90, 700*time.Millisecond) || !near(l.P99, 970*time.Millisecond) || !near(l.Max, time.Second) {
		t.Errorf("latency %+v", l)
	}
}

func TestTheGeneratorsOwnDelayCounts(t *testing.T) {
	g, m := start(t, relayed(100), newStub().Answer)
	n := 0
	m.seen = func([]byte) {
		if n++; n == 10 {
			m.now = m.now.Add(time.Second) // the thread is not run
		}
	}
	r := mustRun(t, g, Load{Rate: 100, Count: 200})
	if r.Done["dora"] != 200 || r.Latency["lag"].Max < 980*time.Millisecond || r.Latency["offer"].Max < 980*time.Millisecond {
		t.Errorf("lag %+v, offer %+v", r.Latency["lag"], r.Latency["offer"])
	}
	if r.Saturated() {
		t.Error("a delay that was caught up with is no saturation")
	}
}

func TestQueue(t *testing.T) {
	q := newQueue(5)
	var model []uint32
	next := uint32(0)
	for i := range 1000 {
		if i%3 < 2 && len(model) < 5 {
			q.push(next)
			model = append(model, next)
			next++
		} else if got, ok := q.pop(); ok != (len(model) > 0) || ok && got != model[0] {
			t.Fatalf("pop = %d, %v, want %v", got, ok, model)
		} else if ok {
			model = model[1:]
		}
	}
}

// RFC 2131 §4.1: "… randomized by the value of a uniform random number chosen from the range -1 to +1."
func TestJitter(t *testing.T) {
	cfg := relayed(10_000)
	cfg.Waits, cfg.Jitter = []time.Duration{4000, 8000}, 1000
	if err := cfg.complete(MAC{}); err != nil {
		t.Fatal(err)
	}
	s := newSim(&cfg, 0)
	for i := range s.clients {
		s.clients[i].step = 1
		s.timers.start(1, 0, uint32(i), 1)
	}
	early, n := 0, 0
	for now := int64(0); now <= 9000; now += 10 {
		for {
			i, ok := s.timers.expired(now, s)
			if !ok {
				break
			}
			s.clients[i].step++
			n++
			switch {
			case now < 7000:
				t.Fatalf("a wait of 8000 ± 1000 is over at %d", now)
			case now < 8000:
				early++
			}
		}
	}
	if n != 10_000 || early < 4500 || early > 5500 {
		t.Errorf("%d waits, %d of them shorter than without jitter", n, early)
	}
	cfg.Jitter = 4000
	if err := cfg.complete(MAC{}); err == nil {
		t.Error("a wait that may be over at once")
	}
}

func TestTimersRunOutInOrder(t *testing.T) {
	cfg := relayed(5000)
	cfg.Waits = []time.Duration{100, 200}
	if err := cfg.complete(MAC{}); err != nil {
		t.Fatal(err)
	}
	s := newSim(&cfg, 0)
	for i := range uint32(5000) { // more than the array begins with
		s.clients[i].step = 1
		s.timers.start(int(i%2), int64(i), i, 1)
	}
	s.clients[10].step = 2 // its answer has come
	var got []uint32
	for now := int64(0); now < 6000; now += 50 {
		for {
			i, ok := s.timers.expired(now, s)
			if !ok {
				break
			}
			end := int64(i) + 100*int64(1+i%2)
			if end > now || end <= now-50 {
				t.Fatalf("the timer of client %d, which ends at %d, runs out at %d", i, end, now)
			}
			s.clients[i].step++
			got = append(got, i)
		}
	}
	slices.Sort(got)
	if len(got) != 4999 || slices.Contains(got, 10) {
		t.Errorf("%d timers ran out", len(got))
	}
	if _, ok := s.timers.next(); ok {
		t.Error("a timer is left")
	}
}

// seek has a search decide by what a rate's n-th step shows, and returns what it has
// found and in how many steps.
func seek(t *testing.T, s Search, pass func(rate float64, n int) bool) (found float64, steps int) {
	t.Helper()
	if err := s.complete(); err != nil {
		t.Fatal(err)
	}
	r, times := rates{s: &s}, map[float64]int{}
	for ; ; steps++ {
		rate, ok := r.next()
		if !ok {
			return r.found(), steps
		}
		if rate < 1 || rate > s.To || steps > mostSteps {
			t.Fatalf("step %d: tries %v", steps, rate)
		}
		times[rate]++
		r.fared(rate, pass(rate, times[rate]))
	}
}

func TestSearchFindsTheLimit(t *testing.T) {
	for _, limit := range []float64{0.5, 20, 40, 900, 1000, 1001, 5432, 98765, 1e6} {
		for hold := range 3 {
			found, steps := seek(t, Search{From: 1000, To: 100_000, Hold: hold}, func(rate float64, _ int) bool { return rate <= limit })
			switch {
			case limit < 1000*lowest:
				if found != 0 {
					t.Errorf("limit %v: found %v", limit, found)
				}
			case limit > 100_000:
				if found != 100_000 {
					t.Errorf("limit %v: found %v", limit, found)
				}
			case found > limit || found < limit/1.05:
				t.Errorf("limit %v: found %v", limit, found)
			}
			if steps > 30 {
				t.Errorf("limit %v: %d steps", limit, steps)
			}
		}
	}
}

// A rate that passes once and not again is not what a search finds.
func TestSearchHolds(t *testing.T) {
	s := Search{From: 1000, To: 1e6, Hold: 2}
	lucky := func(rate float64, n int) bool { return rate <= 5000 || rate <= 9000 && n == 1 }
	if found, _ := seek(t, s, lucky); found > 5000 || found < 5000/1.05 {
		t.Errorf("found %v, of which more than 5000 is luck", found)
	}
	s.Hold = 1
	if found, _ := seek(t, s, lucky); found < 9000/1.05 {
		t.Errorf("found %v by one step each", found)
	}
	// Two of three: one step that fails or passes by somebody else's fault, whichever
	// it is, changes nothing.
	s.Hold, s.Tries = 2, 2
	for odd := range 20 {
		steps := 0
		found, all := seek(t, s, func(rate float64, n int) bool {
			steps++
			return (rate <= 5000) != (steps == odd)
		})
		if found > 5000 || found < 5000/1.05 || all > 30 {
			t.Errorf("found %v in %d steps when step %d deceives", found, all, odd)
		}
	}
	// A bad stretch at a low rate does not leave the search creeping up from there.
	steps := 0
	if found, all := seek(t, s, func(rate float64, n int) bool {
		steps++
		return rate <= 300_000 && (steps < 3 || steps > 6)
	}); found < 300_000/1.05 || all > 40 {
		t.Errorf("found %v in %d steps after a bad stretch", found, all)
	}
	if found, _ := seek(t, s, func(rate float64, n int) bool { return n == 1 }); found != 0 {
		t.Errorf("found %v, and nothing passes twice", found)
	}
}

// A step that ends with a backlog does not pass, nor one in which the generator did not
// come to what was due.
func TestSearchPasses(t *testing.T) {
	var s Search
	s.From, s.To = 1, 2
	if err := s.complete(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		r    Result
		want bool
	}{
		{"all done", Result{}, true},
		{"at the limits", Result{DropRatio: 0.025, Growth: 100 * time.Millisecond}, true},
		{"drops", Result{DropRatio: 0.026}, false},
		{"a backlog", Result{Growth: 101 * time.Millisecond}, false},
		{"the generator's limit", Result{DropRatio: 0.02, Unbegun: 2, Begun: map[string]uint64{"dora": 98}}, false},
	} {
		if got := s.passes(&row.r); got != row.want {
			t.Errorf("%s: passes %v", row.name, got)
		}
	}
}

// At a high rate the generator does not wake up for each exchange, and what that adds
// to a latency shows as lag; at a low one every exchange begins when it is due.
func TestGather(t *testing.T) {
	for _, row := range []struct {
		rate float64
		naps bool
		lag  time.Duration
	}{
		{1000, false, 5 * time.Microsecond},
		{39_000, false, 5 * time.Microsecond},
		{40_001, true, gather + 20*time.Microsecond},
		{200_000, true, gather + 20*time.Microsecond},
	} {
		g, m := start(t, relayed(100_000), newStub().Answer)
		r, err := g.Run(t.Context(), Load{Rate: row.rate, Count: 20_000})
		if err != nil || r.Done["dora"] != 20_000 {
			t.Fatalf("%v/s: %v done, %v", row.rate, r.Done, err)
		}
		if (m.naps > 0) != row.naps || m.naps > 20_000/2 {
			t.Errorf("%v/s: %d naps for 20000 exchanges", row.rate, m.naps)
		}
		if lag := r.Latency["lag"].Max; lag > row.lag {
			t.Errorf("%v/s: exchanges begin up to %v late", row.rate, lag)
		}
	}
}

// queueing answers so many exchanges a second, and has room for all that wait: nothing
// is lost at any rate, for a while.
func queueing(t *testing.T, rate int) (*Generator, *memory) {
	t.Helper()
	stub := newStub()
	var m *memory
	var waiting []frame.Frame
	var at []time.Time
	gap := time.Second / time.Duration(2*rate) // two messages an exchange
	free := time.Time{}
	g, m := start(t, relayed(100_000), func(f *frame.Frame) bool {
		if stub.Answer(f) {
			if free.Before(m.now) {
				free = m.now
			}
			free = free.Add(gap)
			m.keep(&waiting, f)
			at = append(at, free)
		}
		return false
	})
	m.onWait = func() {
		for len(at) > 0 && len(m.arrived) < memoryFrames/2 && !at[0].After(m.now) {
			m.arrived = append(m.arrived, waiting[0])
			waiting, at = waiting[1:], at[1:]
		}
	}
	return g, m
}

func TestBacklogGrows(t *testing.T) {
	for _, row := range []struct {
		rate     float64
		min, max time.Duration
	}{
		{800, -10 * time.Millisecond, 10 * time.Millisecond},
		{980, -20 * time.Millisecond, 20 * time.Millisecond},
		{1100, 100 * time.Millisecond, 250 * time.Millisecond},
		{1200, 200 * time.Millisecond, 450 * time.Millisecond},
	} {
		g, _ := queueing(t, 1000)
		r, err := g.Run(t.Context(), Load{Rate: row.rate, Duration: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		// Of a step of two seconds the middles of the first and the last quarter are
		// 1.5 s apart. The REQUESTs go through the same queue.
		if r.DropRatio > 0 || r.Growth < row.min || r.Growth > row.max {
			t.Errorf("%v/s of 1000: %.3f dropped, growth %v", row.rate, r.DropRatio, r.Growth)
		}
		r, err = g.Run(t.Context(), Load{Window: 10, Count: 1000})
		if err != nil || r.Growth != 0 {
			t.Errorf("a closed loop: growth %v, %v", r.Growth, err)
		}
	}
}

// Without drops only the backlog shows what the server can do.
func TestRampRejectsABacklog(t *testing.T) {
	g, _ := queueing(t, 1000)
	_, best, err := g.Ramp(t.Context(), Search{From: 100, To: 1e5, Hold: 2})
	if err != nil || best == nil {
		t.Fatalf("%v, %v", best, err)
	}
	if best.Offered < 900 || best.Offered > 1100 {
		t.Errorf("found %.0f/s, growth %v; the server does 1000", best.Offered, best.Growth)
	}
}

func TestRamp(t *testing.T) {
	stub := newStub()
	var m *memory
	var second, n int64
	// A server that answers 5000 requests in a second.
	server := func(f *frame.Frame) bool {
		if at := m.now.Unix(); at != second {
			second, n = at, 0
		}
		n++
		return n <= 5000 && stub.Answer(f)
	}
	g, m := start(t, relayed(100_000), server)
	var seen int
	steps, best, err := g.Ramp(t.Context(), Search{From: 100, To: 1e6, Step: 3 * time.Second, Done: func(*Result) { seen++ }})
	if err != nil || best == nil || seen != len(steps) {
		t.Fatalf("%v, %v", best, err)
	}
	// Two requests an exchange.
	if best.Offered < 2300 || best.Offered > 2700 || best.DropRatio > 0.025 {
		t.Errorf("found %.0f/s with %.3f dropped", best.Offered, best.DropRatio)
	}
}

// A rate that has a second try passes if that does.
func TestRampTriesAgain(t *testing.T) {
	stub, lose := newStub(), 0
	g, _ := start(t, relayed(1000), func(f *frame.Frame) bool {
		if lose > 0 {
			lose--
			return false
		}
		return stub.Answer(f)
	})
	for tries, want := range map[int]float64{1: 1000, 2: 2000} {
		s := Search{From: 1000, To: 2000, Factor: 2, Step: 100 * time.Millisecond, Tries: tries, Mix: Mix{DORA: 1}}
		n := 0
		s.Done = func(*Result) {
			if n++; n == 1 {
				lose = 50 // of the second step's first try
			}
		}
		s.Precision = 3 // no further
		_, best, err := g.Ramp(t.Context(), s)
		if err != nil || best == nil || best.Offered != want {
			t.Errorf("%d tries: %+v, %v, want %v/s", tries, best, err, want)
		}
	}
}
