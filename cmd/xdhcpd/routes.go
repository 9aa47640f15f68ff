// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/config"
	"xdhcp/internal/routes"
)

const (
	// routesBehind bounds the changes that wait for the kernel.
	routesBehind = 16 << 20
	// retryRoutes is when a route that could not be made is tried again, and when
	// it is looked at whether an interface has changed.
	retryRoutes = 2 * time.Second
)

// openRoutes makes the keeper of routes to delegated prefixes, where they are wanted.
func (s *server) openRoutes(cfg *config.Config) (err error) {
	r := cfg.DHCP6.Routes
	if !r.Install {
		return nil
	}
	s.routes, err = routes.New(s.table6, routes.Options{Table: int(r.Table), Metric: int(r.Metric), Link: s.linkOf})
	return err
}

// linkOf is the interface on which the clients of a scope are, without VLAN tags.
func (s *server) linkOf(scope lease.ScopeID) (ifindex int, ok bool) {
	p := s.policy6.Load()
	if p == nil {
		return 0, false
	}
	s.mu.Lock()
	facts := s.facts
	s.mu.Unlock()
	for i := range p.Ports {
		if sub := p.Select(&policy6.Selector{Port: uint16(i)}); sub != nil && sub.Scope == scope && facts[i].Ifindex != 0 {
			if ok {
				return 0, false
			}
			ifindex, ok = facts[i].Ifindex, true
		}
	}
	return ifindex, ok
}

// keepRoutes has the kernel's routes follow the leases until ctx ends. What is
// durable decides, in the order of the log; the routes stay when the server ends.
func (s *server) keepRoutes(ctx context.Context) error {
	if s.routes == nil {
		return nil
	}
	defer s.routes.Close()
	feed := s.journal.Follow(routesBehind)
	defer feed.Close()
	if !s.awaitStart(ctx) { // the interfaces are known then
		return nil
	}
	if err := s.routes.Sync(); err != nil {
		return err
	}
	for {
		select {
		case <-s.relink: // with an interface the kernel drops what goes by it
			if err := s.routes.Sync(); err != nil {
				return err
			}
		default:
		}
		next, cancel := context.WithTimeout(ctx, retryRoutes)
		changes, missed, err := feed.Next(next)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			s.routes.Retry()
			continue
		case err != nil:
			return err
		case missed:
			s.log.Warn("routes to delegated prefixes fell behind and are compared with the leases")
			if err := s.routes.Sync(); err != nil {
				return err
			}
		}
		before := s.routes.Err()
		for len(changes) > 0 {
			rec, rest, err := lease.Next(changes)
			if err != nil {
				break // not reached: the journal holds whole changes
			}
			changes = rest
			if lease.Op(rec[2])&lease.OpV6 == 0 {
				continue
			}
			if c, err := lease6.ParseChange(rec); err == nil {
				s.routes.Changed(c.Prefix)
			}
		}
		if err := s.routes.Err(); err != nil && (before == nil || before.Error() != err.Error()) {
			s.log.Warn("a route could not be changed", "why", err)
		}
	}
}

func (s *server) statusRoutes() *control.Routes {
	if s.routes == nil {
		return nil
	}
	st := &control.Routes{Installed: s.routes.Count()}
	if err := s.routes.Err(); err != nil {
		st.Error = err.Error()
	}
	return st
}
