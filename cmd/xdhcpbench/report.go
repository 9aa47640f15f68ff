// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"xdhcp/bench/load"
)

// printResult tells a person.
func printResult(w io.Writer, r *load.Result) {
	offered := "all at once"
	switch {
	case r.Offered > 0:
		offered = fmt.Sprintf("%.0f/s offered", r.Offered)
	case r.Window > 0:
		offered = fmt.Sprintf("%d under way", r.Window)
	}
	fmt.Fprintf(w, "%s: %.0f exchanges/s done, %.3f %% dropped, in %.2f s over %s\n",
		offered, r.Rate, 100*r.DropRatio, r.Duration.Seconds(), r.Transport)
	for _, row := range []struct {
		what   string
		counts map[string]uint64
	}{
		{"begun", r.Begun}, {"done", r.Done}, {"refused (NAK)", r.Refused}, {"no fit client", r.Starved},
		{"sent", r.Sent}, {"sent again", r.Resent}, {"without answer", r.Lost}, {"wrong answers", r.Wrong},
	} {
		if len(row.counts) > 0 {
			fmt.Fprintf(w, "  %-15s %s\n", row.what, counts(row.counts))
		}
	}
	for _, row := range []struct {
		what string
		n    uint64
	}{
		{"late answers", r.Late}, {"moved clients", r.Moved}, {"never begun", uint64(r.Unbegun)}, {"lost by socket", r.TransportDrops},
	} {
		if row.n > 0 {
			fmt.Fprintf(w, "  %-15s %d\n", row.what, row.n)
		}
	}
	fmt.Fprintf(w, "  %-8s %10s %10s %10s %10s %10s %10s\n", "latency", "count", "p50", "p90", "p99", "p99.9", "max")
	for _, name := range slices.Sorted(maps.Keys(r.Latency)) {
		l := r.Latency[name]
		fmt.Fprintf(w, "  %-8s %10d %10v %10v %10v %10v %10v\n", name, l.Count,
			short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max))
	}
	fmt.Fprintf(w, "  generator    %.0f %% of a core", 100*r.CPU.Seconds()/max(r.Duration.Seconds(), 1e-9))
	if r.Saturated() {
		fmt.Fprint(w, "; IT COULD NOT KEEP UP: the figures are its own")
	}
	if r.Interrupted {
		fmt.Fprint(w, "; interrupted")
	}
	fmt.Fprintln(w)
}

func counts(m map[string]uint64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}

// write writes the result files that were asked for.
func (b *bench) write() error {
	if b.JSON != "" {
		doc := struct {
			Command []string       `json:"command"`
			Time    time.Time      `json:"time"`
			Results []*load.Result `json:"results"`
		}{os.Args, time.Now().UTC(), b.results}
		if err := writeFile(b.JSON, func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(doc)
		}); err != nil {
			return err
		}
	}
	if b.CSV != "" {
		return writeFile(b.CSV, func(w io.Writer) error { return load.WriteCSV(w, b.results) })
	}
	return nil
}

func writeFile(name string, f func(io.Writer) error) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := f(out); err != nil {
		out.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return out.Close()
}
