// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what came of one load.
type Result struct {
	Name        string        `json:"name,omitempty"`
	Started     time.Time     `json:"started"`
	Transport   string        `json:"transport"`
	Offered     float64       `json:"offered_per_s"` // exchanges; 0 if not an open loop
	Window      int           `json:"window,omitempty"`
	Duration    time.Duration `json:"duration_ns"` // from the start to the last answer
	Interrupted bool          `json:"interrupted,omitempty"`

	// Exchanges.
	Begun   map[string]uint64 `json:"begun"`
	Done    map[string]uint64 `json:"done"`
	Refused map[string]uint64 `json:"refused,omitempty"` // by a NAK
	Starved map[string]uint64 `json:"starved,omitempty"` // due, and no client was fit
	Unbegun int               `json:"unbegun,omitempty"` // due, and the generator never came to it
	// Rate is exchanges done in a second, those without an answer (release)
	// included.
	Rate float64 `json:"rate_per_s"`
	// DropRatio is the part of the exchanges due that were not done.
	DropRatio float64 `json:"drop_ratio"`

	// Messages.
	Sent     map[string]uint64 `json:"sent"`
	Resent   map[string]uint64 `json:"resent,omitempty"`
	Lost     map[string]uint64 `json:"lost,omitempty"` // given up, by the message that had no answer
	Received uint64            `json:"received"`
	Late     uint64            `json:"late,omitempty"`  // right, but answered or given up before
	Moved    uint64            `json:"moved,omitempty"` // another address offered than the one held
	Wrong    map[string]uint64 `json:"wrong,omitempty"`

	Latency map[string]Latency `json:"latency"`

	// Growth is how much longer whole exchanges of an open loop took that were due in
	// its last quarter than those of its first, at the median: when it is not small,
	// less was done than was offered, and the rest piled up.
	Growth time.Duration `json:"growth_ns,omitempty"`

	// CPU is the processor time of the generator's thread.
	CPU time.Duration `json:"cpu_ns"`
	// TransportDrops is frames that the generator's socket had no room for.
	TransportDrops uint64 `json:"transport_drops,omitempty"`
}

// Latency is a distribution of times.
type Latency struct {
	Count uint64        `json:"count"`
	Min   time.Duration `json:"min_ns"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

func newLatency(h *hdrhistogram.Histogram) Latency {
	v := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return Latency{
		Count: uint64(h.TotalCount()), Min: time.Duration(h.Min()), Mean: time.Duration(h.Mean()),
		P50: time.Duration(v[0]), P90: time.Duration(v[1]), P99: time.Duration(v[2]), P999: time.Duration(v[3]),
		Max: time.Duration(h.Max()),
	}
}

// Whole is the latency of whole exchanges, of the kind that there are most of.
func (r *Result) Whole() (most Latency) {
	for _, name := range []string{"dora", "sarr", "renew", "rebind"} {
		if l := r.Latency[name]; l.Count > most.Count {
			most = l
		}
	}
	return most
}

// WrongTotal is how many answers were wrong.
func (r *Result) WrongTotal() (n uint64) {
	for _, v := range r.Wrong {
		n += v
	}
	return n
}

// sum adds up a map of counts.
func sum(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}

// Saturated says that the generator was the limit, not the server: it never
// came to more than one in a hundred of the exchanges, or no client was free.
func (r *Result) Saturated() bool {
	missed := uint64(r.Unbegun) + sum(r.Starved)
	return missed*100 > missed+sum(r.Begun)
}

func named(names []string, counts []uint64) map[string]uint64 {
	m := map[string]uint64{}
	for i, n := range counts {
		if n > 0 {
			m[names[i]] = n
		}
	}
	return m
}

func (g *Generator) result(l Load, sched *schedule, zero, now int64) *Result {
	t, names := &g.sim.tally, g.sim.proto.names()
	r := &Result{
		Started: t.epoch.Add(time.Duration(zero)), Transport: g.t.Info().How, Offered: l.Rate, Window: l.Window,
		Begun: named(names.kinds[:], t.begun[:]), Done: named(names.kinds[:], t.done[:]),
		Refused: named(names.kinds[:], t.refused[:]), Starved: named(names.kinds[:], t.starved[:]),
		Unbegun: sched.unbegun(),
		Sent:    named(names.messages[:], t.sent[:]), Resent: named(names.messages[:], t.resent[:]),
		Lost: named(names.messages[:], t.lost[:]), Received: t.received, Late: t.late, Moved: t.moved,
		Wrong: named(wrongNames[:], t.wrong[:]), Latency: map[string]Latency{},
	}
	for p, h := range t.latency {
		if h.TotalCount() > 0 {
			r.Latency[names.phases[p]] = newLatency(h)
		}
	}
	r.Growth = t.trend.growth()
	r.Duration = time.Duration(now - zero)
	if t.last > zero {
		r.Duration = time.Duration(t.last - zero)
	}
	// A slow start of an open loop is no higher rate than was offered.
	if r.Offered > 0 {
		r.Duration = max(r.Duration, time.Duration(sched.dueAt(sched.begun)))
	}
	done := total(t.done[:])
	r.Rate = float64(done) / r.Duration.Seconds()
	if due := total(t.begun[:]) + total(t.starved[:]) + uint64(r.Unbegun); due > 0 {
		r.DropRatio = 1 - float64(done)/float64(due)
	}
	return r
}

// Progress is how a run is going.
type Progress struct {
	At       time.Duration // since its start
	Begun    uint64
	Done     uint64
	Lost     uint64
	Wrong    uint64
	InFlight int
	P50, P99 time.Duration // of whole exchanges, since the start
}

func (g *Generator) progress(at int64) Progress {
	t := &g.sim.tally
	p := Progress{
		At: time.Duration(at), Begun: total(t.begun[:]), Done: total(t.done[:]), Lost: total(t.lost[:]),
		Wrong: total(t.wrong[:]), InFlight: g.sim.inFlight,
	}
	most := t.latency[phaseDORA]
	for _, ph := range []phase{phaseRenew, phaseRebind} {
		if t.latency[ph].TotalCount() > most.TotalCount() {
			most = t.latency[ph]
		}
	}
	p.P50, p.P99 = time.Duration(most.ValueAtPercentile(50)), time.Duration(most.ValueAtPercentile(99))
	return p
}

// allPhases are the phases of both protocols.
func allPhases() []string {
	all := slices.Clone(names4.phases[:])
	for _, name := range names6.phases {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// WriteCSV writes a row for each phase of each result.
func WriteCSV(w io.Writer, rs []*Result) error {
	out := csv.NewWriter(w)
	head := []string{
		"name", "offered_per_s", "rate_per_s", "drop_ratio", "begun", "done", "wrong", "late",
		"phase", "count", "min_us", "mean_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "generator_cpu_us",
	}
	if err := out.Write(head); err != nil {
		return err
	}
	us := func(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e3, 'f', 1, 64) }
	for _, r := range rs {
		for _, name := range allPhases() {
			l, ok := r.Latency[name]
			if !ok {
				continue
			}
			row := []string{
				r.Name, fmt.Sprintf("%.0f", r.Offered), fmt.Sprintf("%.0f", r.Rate), fmt.Sprintf("%.6f", r.DropRatio),
				fmt.Sprint(sum(r.Begun)), fmt.Sprint(sum(r.Done)), fmt.Sprint(r.WrongTotal()), fmt.Sprint(r.Late),
				name, fmt.Sprint(l.Count), us(l.Min), us(l.Mean), us(l.P50), us(l.P90), us(l.P99), us(l.P999), us(l.Max), us(r.CPU),
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
