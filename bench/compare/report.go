// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"xdhcp/bench/lab"
)

// report writes the Markdown page, the rows as CSV, and the charts.
func (r *run) report() error {
	if len(r.rows) == 0 {
		return errors.New("nothing was measured")
	}
	errs := []error{
		r.write("benchmarks.md", r.page),
		r.write("benchmarks.csv", r.table),
	}
	for _, s := range scenarios {
		if rows := r.of(s.name); slices.ContainsFunc(rows, func(x row) bool { return len(x.steps) > 1 }) {
			errs = append(errs, chart(filepath.Join(r.out, s.name+".svg"), s, rows))
		}
	}
	return errors.Join(errs...)
}

func (r *run) write(name string, f func(io.Writer) error) error {
	out, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	return errors.Join(f(out), out.Close())
}

// of are the rows of a scenario.
func (r *run) of(scenario string) []row {
	var out []row
	for _, x := range r.rows {
		if x.scenario == scenario {
			out = append(out, x)
		}
	}
	return out
}

func (r *run) page(w io.Writer) error {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("# The comparison\n")
	p("Written by `make compare` (`%s`) on %s.\n", strings.Join(append([]string{"compare"}, os.Args[1:]...), " "), time.Now().UTC().Format(time.DateOnly))
	p("%s. Clients and server share the cores, on a veth pair in copy mode; such machines", lab.Machine())
	p("are noisy: read the ratios. What is measured and how is told in `bench/compare/main.go` and [load-testing.md](load-testing.md).\n")
	p("| contender | version | on disk when the ACK leaves |\n| --- | --- | --- |")
	for _, c := range contenders {
		if slices.ContainsFunc(r.rows, func(x row) bool { return x.contender == c.name }) {
			p("| %s | %s | %s |", c.name, c.release(r), c.durable)
		}
	}
	for _, s := range scenarios {
		rows := r.of(s.name)
		if len(rows) == 0 {
			continue
		}
		p("\n## %s\n\n%s.\n", s.name, strings.ToUpper(s.about[:1])+s.about[1:])
		p("| contender | exchanges/s | dropped | p50 | p99 | p99.9 | its CPU/exchange | softirq/exchange | |")
		p("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
		for _, x := range rows {
			switch {
			case x.err != nil:
				p("| %s | | | | | | | | no result: %s |", x.contender, strings.ReplaceAll(x.err.Error(), "\n", " "))
			case x.rate == 0:
				p("| %s | | | | | | | | %s |", x.contender, x.note)
			default:
				p("| %s | %.0f | %.2f %% | %v | %v | %v | %v | %v | %s |", x.contender, x.rate, 100*x.drop,
					short(x.latency.P50), short(x.latency.P99), short(x.latency.P999), short(x.cpu), short(x.softirq), x.note)
			}
		}
		if slices.ContainsFunc(rows, func(x row) bool { return len(x.steps) > 1 }) {
			p("\n![%s](%s.svg)", s.name, s.name)
		}
	}
	if r.limit.table != "" {
		p("\n## reflector\n\nFrames that one core receives and sends back, with nothing in between (`bench/reflector`).\n\n```\n%s\n```", r.limit.table)
	}
	r.ratios(p)
	return nil
}

// ratios are what the project promises, as far as this run can tell.
func (r *run) ratios(p func(string, ...any)) {
	const ours = "xdhcpd sync"
	get := func(scenario, contender string) (x row, ok bool) {
		for _, x := range r.rows {
			if x.scenario == scenario && x.contender == contender && x.err == nil {
				return x, true
			}
		}
		return x, false
	}
	p("\n## Ratios\n\n| what | bar | ratio |\n| --- | --- | --- |")
	us, ok := get("dora", ours)
	if them, has := get("dora", kea); ok && has {
		p("| DORA/s, durable, to Kea's without sync | ≥ 12 | %.1f |", us.rate/them.rate)
		p("| processor time per DORA, Kea's to ours | ≥ 15 | %.1f |", float64(them.cpu)/float64(us.cpu))
	}
	best := row{}
	for _, c := range contenders {
		if x, has := get("dora", c.name); has && c.peer && c.synced && x.rate > best.rate {
			best = x
		}
	}
	if ok && best.rate > 0 {
		p("| DORA/s, durable, to the best that syncs too (%s) | ≥ 150 | %.0f |", best.contender, us.rate/best.rate)
	}
	if limit, has := get("dora", "stub"); ok && has {
		p("| DORA/s, durable, to the stub without state | | %.2f |", us.rate/limit.rate)
	}
	if ok && r.limit.frames > 0 {
		p("| messages answered a second (two a DORA), durable, to the reflector's frames | ≥ 0.5 | %.2f |", 2*us.rate/r.limit.frames)
	}
	if x, has := get("renew", ours); has && r.limit.frames > 0 {
		p("| the same of renewals (one message each) | ≥ 0.5 | %.2f |", x.rate/r.limit.frames)
	}
	for _, scenario := range []string{"sarr", "sarr-pd"} {
		x, ok := get(scenario, "xdhcpd6 sync")
		if !ok {
			continue
		}
		toFour, toKea := "", ""
		if scenario == "sarr-pd" {
			toFour, toKea = "≥ 0.6", "≥ 12"
		}
		if us.rate > 0 {
			p("| %s/s to DORA/s, both durable | %s | %.2f |", strings.ToUpper(scenario), toFour, x.rate/us.rate)
		}
		if them, has := get(scenario, "kea6"); has {
			p("| %s/s, durable, to Kea's without sync | %s | %.1f |", strings.ToUpper(scenario), toKea, x.rate/them.rate)
		}
	}
	if ours, ok := get("at-kea's-best", ours); ok {
		if theirs, has := get("at-kea's-best", kea); has {
			p("| p99 of a whole DORA at Kea's highest rate, ours to Kea's | ≤ 1 | %.2f |", float64(ours.latency.P99)/float64(theirs.latency.P99))
		}
	}
	if x, ok := get("overload", ours); ok && us.rate > 0 {
		p("| goodput at twice the highest rate, to that rate | ≥ 0.9 | %.2f |", x.rate/us.rate)
		p("| REQUESTs of clients with an OFFER that were answered meanwhile | ≥ 0.95 | %.3f |", x.requests)
	}
	if ours, ok := get("restart", ours); ok {
		if theirs, has := get("restart", kea); has {
			p("| restart until the first ACK, ours to Kea's | ≤ 0.125 | %.3f |", ours.restarted.Seconds()/theirs.restarted.Seconds())
			p("| memory per lease, ours to Kea's | ≤ 0.25 | %.2f |", ours.perLease/theirs.perLease)
		}
	}
	if x, ok := get("flood", ours); ok {
		p("| goodput beside %.1f M frames/s of garbage (bar: 1 M), to the quiet one | ≥ 0.5 | %.2f |", x.garbage/1e6, x.rate/x.quiet)
	}
	if ours, ok := get("avalanche", ours); ok {
		if limit, has := get("avalanche", "stub"); has && ours.lasted > 0 {
			p("| avalanche, seconds until all have a lease, beyond the stub's | ≤ 5 | %.2f |", (ours.lasted - limit.lasted).Seconds())
		}
	}
}

// table is every row, and every step of a search.
func (r *run) table(w io.Writer) error {
	out := csv.NewWriter(w)
	us := func(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e3, 'f', 1, 64) }
	_ = out.Write([]string{"scenario", "contender", "offered_per_s", "rate_per_s", "drop_ratio", "p50_us", "p99_us", "p999_us",
		"cpu_us", "softirq_us", "restart_ms", "bytes_per_lease", "note", "error"}) // Flush keeps the error
	for _, x := range r.rows {
		problem := ""
		if x.err != nil {
			problem = x.err.Error()
		}
		_ = out.Write([]string{x.scenario, x.contender, "", fmt.Sprintf("%.0f", x.rate), fmt.Sprintf("%.5f", x.drop),
			us(x.latency.P50), us(x.latency.P99), us(x.latency.P999), us(x.cpu), us(x.softirq),
			strconv.FormatInt(x.restarted.Milliseconds(), 10), fmt.Sprintf("%.0f", x.perLease), x.note, problem})
		for _, s := range x.steps {
			l := s.Whole()
			_ = out.Write([]string{x.scenario, x.contender, fmt.Sprintf("%.0f", s.Offered), fmt.Sprintf("%.0f", s.Rate),
				fmt.Sprintf("%.5f", s.DropRatio), us(l.P50), us(l.P99), us(l.P999), "", "", "", "", "step", ""})
		}
	}
	out.Flush()
	return out.Error()
}
