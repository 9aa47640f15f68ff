// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	veth "xdhcp/bench/lab"
)

type options struct {
	rounds           int
	time, warmup     time.Duration
	only             string
	genCore, ownCore int
}

// result is what one contestant did, per second.
type result struct {
	offered, correct, wrong float64
	ownCore                 float64       // share of frames counted on the contestant's core
	cpu                     time.Duration // of the contestant's thread, per correct frame
	note                    string
	err                     error
}

// run measures the contestants in turn, as often as asked, and prints a table.
func run(w io.Writer, o options) error {
	if err := header(w, o); err != nil {
		return err
	}
	results := make([][]result, len(contestants))
	for range o.rounds {
		for i, c := range contestants {
			if strings.Contains(c.name, o.only) {
				results[i] = append(results[i], measure(c, o))
			}
		}
	}
	fmt.Fprintf(w, "%-24s %11s %11s %9s %11s %10s %9s  %s\n",
		"contestant", "correct/s", "best", "wrong/s", "offered/s", "CPU/frame", "own core", "note")
	for i, rs := range results {
		if len(rs) > 0 {
			printRow(w, contestants[i].name, rs)
		}
	}
	return nil
}

func printRow(w io.Writer, name string, rs []result) {
	slices.SortFunc(rs, func(a, b result) int { return cmp.Compare(a.correct, b.correct) })
	wrong := 0.0
	for _, r := range rs {
		if r.err != nil {
			fmt.Fprintf(w, "%-24s %v\n", name, r.err)
			return
		}
		wrong = max(wrong, r.wrong)
	}
	r := rs[len(rs)/2]
	fmt.Fprintf(w, "%-24s %11.0f %11.0f %9.0f %11.0f %10v %8.0f%%  %s\n",
		name, r.correct, rs[len(rs)-1].correct, wrong, r.offered, r.cpu, 100*r.ownCore, r.note)
}

func header(w io.Writer, o options) error {
	_, err := fmt.Fprintf(w, "reflector: %d-byte frames on veth, median of %d times %v; %s, generator on %d, contestant on %d, %s\n",
		frameLen, o.rounds, o.time, veth.Machine(), o.genCore, o.ownCore, time.Now().UTC().Format(time.DateOnly))
	return err
}

// measure runs one contestant in a fresh lab.
func measure(c contestant, o options) (r result) {
	l, err := newLab(c.xsk)
	if err != nil {
		return result{err: err}
	}
	defer l.close()

	var f reflector
	if err := l.server.Do(func() (err error) { f, err = c.open(l); return err }); err != nil {
		return result{err: err}
	}
	defer f.close()

	thread, ended := make(chan int, 1), make(chan error, 1)
	go func() {
		ended <- pinned(o.ownCore, func() (err error) {
			thread <- unix.Gettid()
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			return f.run()
		})
	}()
	stop := l.generate(o.genCore)

	time.Sleep(o.warmup)
	var tid int
	select {
	case tid = <-thread:
	case r.err = <-ended: // no such core
		_ = stop()
		return r
	}
	before, cpu, start := l.read(), cpuTime(tid), time.Now()
	select {
	case <-time.After(o.time):
	case r.err = <-ended:
		_ = stop() // the contestant's error is the one to tell
		return r
	}
	after, used, took := l.read(), cpuTime(tid)-cpu, time.Since(start).Seconds()
	if err := stop(); err != nil {
		r.err = fmt.Errorf("generator: %w", err)
	}
	f.interrupt()
	if err := <-ended; err != nil {
		r.err = err
	}

	correct := float64(after.correct - before.correct)
	wrong := float64(after.wrong - before.wrong)
	own := float64(after.byCore[o.ownCore] - before.byCore[o.ownCore])
	r.correct, r.wrong = correct/took, wrong/took
	r.offered = float64(after.offered-before.offered) / took
	if correct+wrong > 0 {
		r.ownCore = own / (correct + wrong)
	}
	if correct > 0 {
		r.cpu = time.Duration(float64(used) / correct)
	}
	r.note = f.note()
	return r
}

// pinned runs f on a thread that stays on a core. The thread ends with the
// goroutine, so nobody inherits the restriction.
func pinned(core int, f func() error) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("run on core %d: %w", core, err)
	}
	return f()
}

// cpuTime is the processor time that a thread of ours has used.
func cpuTime(tid int) time.Duration {
	// A thread's clock (clock_getcpuclockid(3)): per thread, scheduler's time.
	const perThread, sched = 4, 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^tid<<3|perThread|sched), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
