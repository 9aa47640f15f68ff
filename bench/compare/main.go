// SPDX-License-Identifier: Apache-2.0

// Compare measures this server beside those that people use today, in one run,
// on one veth lab, with the same clients at the same rates.
//
//	make compare                                    everything; 20 to 25 minutes
//	build/compare -only kea,xdhcpd -scenario dora   a part
//
//	 namespace of the clients            namespace of the server
//	 bench/load, AF_XDP ── cli0 ═════ srv0 ── one contender at a time
//
// A scenario is a question (scenario*.go), a contender a server that answers
// (contender*.go, with its configuration as its documentation recommends for
// speed). Each pair of them gets a fresh namespace, a fresh state directory and a
// fresh process. Clients and server share the machine's cores as the kernel sees
// fit, for all contenders alike: read the ratios.
//
// Processor time of a contender is that of its process, user and system, for each
// exchange done; softirq time, which the kernel does not attribute, is given beside
// it for the whole machine, the generator's receiving side included.
//
// The report (-out) is docs/benchmarks.md, the rows as CSV, and charts. Needs root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	only, scenarios string
	out             string
	bin             string
	reflector       string
	step            time.Duration
	to              float64
	overload        time.Duration
	renewers        int
	leases          int
	avalanche       int
	flood           time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "names of contenders, with commas between; a part of a name will do; empty: all")
	flag.StringVar(&o.scenarios, "scenario", "", "names of scenarios, likewise")
	flag.StringVar(&o.out, "out", "build/compare", "directory for the report")
	flag.StringVar(&o.bin, "bin", "bin", "directory of xdhcpd and xdhcpbench")
	flag.StringVar(&o.reflector, "reflector", "", "program of bench/reflector: the limit that messages a second stand beside; empty: without")
	flag.DurationVar(&o.step, "step", 2*time.Second, "how long each rate of a search is offered")
	flag.Float64Var(&o.to, "to", 1e6, "highest rate of a search")
	flag.DurationVar(&o.overload, "overload", 30*time.Second, "how long twice the capacity is offered")
	flag.IntVar(&o.renewers, "renewers", 50_000, "clients that renew; 2000 where the server takes a few hundred a second")
	flag.IntVar(&o.leases, "leases", 1_000_000, "leases of a restart")
	flag.IntVar(&o.avalanche, "avalanche", 200_000, "clients of an avalanche")
	flag.DurationVar(&o.flood, "flood", 5*time.Second, "how long the loads before and beside a flood last")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "compare: what is %q? see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "compare: %v\n", err)
		os.Exit(1)
	}
}

// compare runs the scenarios and writes the report, also of a run that was
// interrupted: what there is by then.
func compare(ctx context.Context, o options) error {
	r := &run{options: o, ctx: ctx, best: map[string]float64{}}
	who := selected(contenders, o.only, func(c *contender) string { return c.name })
	what := selected(scenarios, o.scenarios, func(s *scenario) string { return s.name })
	if len(who) == 0 || len(what) == 0 {
		return fmt.Errorf("nothing is called %q and %q", o.only, o.scenarios)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	var err error
	if r.bin, err = filepath.Abs(o.bin); err != nil { // contenders run elsewhere
		return err
	}
	for _, s := range what {
		for _, c := range who {
			if ctx.Err() != nil || c.family != s.family || s.fit != nil && !s.fit(c) {
				continue
			}
			r.one(s, c)
		}
	}
	if o.reflector != "" && ctx.Err() == nil {
		r.reflect()
	}
	return r.report()
}

// selected are the things that a list names, or whose names contain one of its
// words where nothing has the word as its name.
func selected[T any](all []*T, list string, name func(*T) string) []*T {
	want := map[*T]bool{}
	for _, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		exact := slices.ContainsFunc(all, func(x *T) bool { return name(x) == word })
		for _, x := range all {
			if name(x) == word || !exact && strings.Contains(name(x), word) {
				want[x] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(x *T) bool { return !want[x] })
}
