// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"

	"xdhcp/engine/control"
	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

type watchCmd struct {
	stateDir
	After  *uint64 `help:"Begin with what comes after this event. Without it, with what comes from now on." placeholder:"SEQ"`
	Leases bool    `help:"Begin with the leases that there are, as events \"lease\"."`
}

// Run prints events, one JSON object on a line, until it is stopped. Without a
// running server it prints those that the log has, and ends.
func (c *watchCmd) Run(e *env) error {
	from := control.WatchFrom{Now: c.After == nil, Leases: c.Leases}
	if c.After != nil {
		from.After = *c.After
	}
	enc := json.NewEncoder(e.stdout)
	var failed error
	yield := func(ev control.Event) bool {
		failed = enc.Encode(ev)
		return failed == nil
	}
	err := control.FetchEvents(e.ctx, c.State, from, yield)
	if errors.Is(err, control.ErrNotRunning) && c.After != nil && !c.Leases {
		err = c.log(yield)
	}
	return errors.Join(err, failed)
}

// log prints what the log of a server that does not run has.
func (c *watchCmd) log(yield func(control.Event) bool) error {
	w, err := journal.OpenWatch(c.State, journal.Seq(*c.After))
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		rec, seq, err := w.Next()
		if err != nil || rec == nil {
			return err
		}
		ev, err := control.EventOf(uint64(seq), rec, control.Known{})
		if err != nil {
			return err
		}
		if !yield(ev) {
			return nil
		}
	}
}

// Watch streams durable changes. The log is read in its files, however far behind
// the reader is.
func (s *server) Watch(ctx context.Context, from control.WatchFrom, caughtUp func(), yield func(control.Event) bool) error {
	after := journal.Seq(from.After)
	if from.Now {
		after = s.journal.Last()
	}
	w, err := s.journal.Watch(after)
	if err != nil {
		return err
	}
	defer w.Close()
	caughtUp()
	if from.Leases {
		more := true
		s.Leases(func(l control.Lease) bool {
			if l.State == lease.Bound.String() {
				more = yield(control.Event{Seq: uint64(after), Event: "lease", At: l.CLTT, Lease: l})
			}
			return more && ctx.Err() == nil
		})
		if !more {
			return nil
		}
	}
	for ctx.Err() == nil {
		rec, seq, err := w.Next()
		if err != nil {
			return err
		}
		if rec == nil {
			caughtUp()
			if w.Wait(ctx) != nil {
				return nil
			}
			continue
		}
		ev, err := control.EventOf(uint64(seq), rec, control.Known{V4: s.leaseAt, V6: s.leaseAt6})
		if err != nil {
			return err
		}
		if !yield(ev) {
			return nil
		}
	}
	return nil
}

// leaseAt is the lease of an address as of a version, if nothing has changed since.
func (s *server) leaseAt(a lease.IP4, version uint32) (control.Lease, bool) {
	var e lease.Entry
	if !s.table.Lookup(a, &e) || e.Version != version {
		return control.Lease{}, false
	}
	return control.LeaseOf(&e), true
}

func (s *server) leaseAt6(p lease6.Prefix, version uint32) (control.Lease, bool) {
	var e lease6.Entry
	if !s.table6.Lookup(p, &e) || e.Version != version {
		return control.Lease{}, false
	}
	return control.LeaseOf6(&e), true
}
