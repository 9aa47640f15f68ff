// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"time"

	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
)

type stateCmd struct {
	Verify stateVerifyCmd `cmd:"" help:"Read everything in a state directory and report what is damaged. Works beside a running server."`
	Repair stateRepairCmd `cmd:"" help:"Make a damaged state directory one that a server starts on: keep what checks, hold back what is in doubt."`
}

type stateVerifyCmd struct{ stateDir }

// Run exits with 1 if anything is damaged.
func (c *stateVerifyCmd) Run(e *env) error {
	r, err := journal.Verify(c.State)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "snapshot: %d records; log: %d changes in %d segments, %d starts, newest record %s\n",
		r.Records, r.Changes, r.Segments, r.Starts, when(r.LastTime))
	if r.Cut != nil {
		fmt.Fprintf(e.stdout, "%s ends in the middle of a group at byte %d, as after a crash; nobody was told of what is cut off\n", r.Cut.File, r.Cut.Offset)
	}
	for _, d := range r.Damage {
		fmt.Fprintf(e.stdout, "damage: %s at byte %d: %s\n", d.File, d.Offset, d.What)
	}
	if len(r.Damage) > 0 {
		return &exitError{1, fmt.Sprintf("xdhcpd: %s is damaged; xdhcpd state repair --state %s mends it", c.State, c.State)}
	}
	fmt.Fprintln(e.stdout, "ok")
	return nil
}

type stateRepairCmd struct {
	stateDir
	LongestLease time.Duration `help:"The longest lease that may have been given; needed where infinite leases are in use. Default: the longest on record." placeholder:"DURATION"`
}

// Run repairs; a directory in order is left alone.
func (c *stateRepairCmd) Run(e *env) error {
	r, err := journal.Repair(c.State, journal.RepairOptions{
		Longest: c.LongestLease, Log: slog.New(slog.NewTextHandler(e.stderr, nil)),
	})
	if err != nil {
		return err
	}
	if len(r.Damage) == 0 && r.Orphans == 0 {
		fmt.Fprintln(e.stdout, "nothing is damaged; nothing was changed")
		return nil
	}
	for _, d := range r.Damage {
		fmt.Fprintf(e.stdout, "damage: %s at byte %d: %s\n", d.File, d.Offset, d.What)
	}
	fmt.Fprintf(e.stdout, "kept as they are: %s\n", count(r.Accounted, "record"))
	until := when(r.HoldUntil)
	fmt.Fprintf(e.stdout, "leased, and now not over before %s: %d\n", until, r.Extended)
	fmt.Fprintf(e.stdout, "on probation until %s: %d\n", until, r.Probation)
	fmt.Fprintf(e.stdout, "leased to somebody unknown, on probation until that lease ends: %d\n", r.Orphans)
	for _, h := range r.Holds {
		if h.V6 {
			fmt.Fprintf(e.stdout, "without a record, and so not told apart: nothing new is given by DHCPv6 before %s\n", when(h.Until))
			continue
		}
		fmt.Fprintf(e.stdout, "without a record, held back until %s: %v-%v\n", when(h.Until), h.First, h.Last)
	}
	for _, m := range r.Moved {
		fmt.Fprintf(e.stdout, "the damaged file is now %s\n", m)
	}
	return nil
}

// when writes a time of the journal.
func when(t lease.Time) string {
	switch t {
	case 0:
		return "never"
	case lease.Never:
		return "the end of time"
	}
	return time.Unix(int64(t), 0).Local().Format(time.DateTime)
}
