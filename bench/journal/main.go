// SPDX-License-Identifier: Apache-2.0

// Command journal measures what it costs to have a lease on disk before its ACK:
// the added latency, the processor time, the bytes written, and how long a worker
// is held up, at a given rate of leases; beside the journal of xdhcp, etcd's wal
// and bbolt do the same work with group commit.
//
//	go run . -peers ours,etcdwal,bbolt -rate 200000 -batch 64 -lanes 2 -time 10s
//	go run . -peers ours -snapshot 10000000   # the same while snapshots of 10 M leases are written
//	go run . -recover 10000000                # how long a start takes on that many leases
//	go run . -history 100000000               # look-ups in a history of that many events
//
// Each lane is a thread that hands over a batch of grants (MAC, 7 bytes of client
// identifier, 24 bytes of relay information: 73 bytes each) at the pace of the rate.
// A lease's latency runs from the hand-over until its lane is told that it is
// durable. CPU is the whole process's, less that of the same run into nothing.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

type config struct {
	dir      string
	rate     float64
	batch    int
	lanes    int
	time     time.Duration
	snapshot int
	fill     int
	linger   time.Duration
	async    bool
	history  bool
	cold     bool
}

func main() {
	var c config
	peers := flag.String("peers", "ours,etcdwal,bbolt", "what to measure")
	flag.StringVar(&c.dir, "dir", "", "where to write; a temporary directory below the working directory if empty")
	flag.Float64Var(&c.rate, "rate", 200_000, "leases per second, all lanes together")
	flag.IntVar(&c.batch, "batch", 64, "leases per batch; the last batches of a burst are as they come")
	flag.IntVar(&c.lanes, "lanes", 2, "appenders")
	flag.DurationVar(&c.time, "time", 10*time.Second, "how long")
	flag.IntVar(&c.snapshot, "snapshot", 0, "ours: write snapshots of that many leases all the time")
	flag.IntVar(&c.fill, "fill", 0, "ours: bytes that a group waits for, 0 the default")
	flag.DurationVar(&c.linger, "linger", 0, "ours: how long it waits for them, 0 the default, -1 not at all")
	flag.BoolVar(&c.async, "async", false, "ours: durability async")
	flag.BoolVar(&c.history, "with-history", false, "ours: write the history as well")
	flag.BoolVar(&c.cold, "cold", false, "ours: do not go once round the segments before")
	leases := flag.Int("recover", 0, "measure a start on that many leases instead")
	events := flag.Int("history", 0, "measure look-ups in a history of that many events instead")
	procs := flag.Int("procs", runtime.NumCPU()+2, "GOMAXPROCS: the committer must not queue behind workers for a P")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	var err error
	switch {
	case *leases > 0:
		err = recovery(c, *leases)
	case *events > 0:
		err = lookups(c, *events)
	default:
		err = run(c, strings.Split(*peers, ","))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/journal:", err)
		os.Exit(1)
	}
}

// tempDir is a directory on the disk that is to be measured, not on a tmpfs.
func tempDir(c config) (string, error) {
	if c.dir == "" {
		c.dir = "."
	}
	return os.MkdirTemp(c.dir, "bench-journal-")
}

func run(c config, peers []string) (err error) {
	if c.dir, err = tempDir(c); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)

	idle, err := measure(c, newNothing(c))
	if err != nil {
		return err
	}
	fmt.Printf("%.0f leases/s in batches of %d from %d lanes for %v, %d bytes each, snapshot of %d; pacing alone costs %.0f%% of a core\n",
		c.rate, c.batch, c.lanes, c.time, grantBytes(), c.snapshot, 100*idle.cpu.Seconds()/idle.wall.Seconds())
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "peer\tleases/s\tp50\tp99\tp99.9\tmax\tappend p50\tp99\tmax\tCPU/lease\tleases/group\twritten/change\tdisk/change\t")
	for _, p := range peers {
		s, err := open(p, c)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		r, err := measure(c, s)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		cpu := float64(r.cpu-idle.cpu) / float64(r.leases)
		fmt.Fprintf(tw, "%s\t%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%.2f µs\t%.0f\t%.3f\t%.3f\t\n", p, float64(r.leases)/r.wall.Seconds(),
			us(r.latency.quantile(.5)), us(r.latency.quantile(.99)), us(r.latency.quantile(.999)), us(r.latency.max),
			us(r.append.quantile(.5)), us(r.append.quantile(.99)), us(r.append.max),
			cpu/1e3, float64(r.leases)/float64(max(1, r.groups)), r.written/float64(r.bytes), r.disk/float64(r.bytes))
		tw.Flush()
	}
	return nil
}

func us(d time.Duration) time.Duration { return d.Round(100 * time.Nanosecond) }
