// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"xdhcp/engine/lease"
	"xdhcp/internal/config"
	"xdhcp/slowpath/bulk"
)

// queries says whether leasequeries are answered: then leases are found by client
// as well, which takes an index.
func queries(cfg *config.Config) bool { return len(cfg.LeaseQuery.Allow) > 0 }

// clientsBehind bounds the changes that wait for the index. It takes them faster
// than a disk does.
const clientsBehind = 16 << 20

// followClients keeps the index of leases by client until ctx ends.
func (s *server) followClients(ctx context.Context) {
	feed := s.journal.Follow(clientsBehind)
	defer feed.Close()
	s.brain.Clients.NoteAll() // behind the feed's beginning
	for {
		changes, missed, err := feed.Next(ctx)
		if err != nil {
			return
		}
		if missed {
			s.log.Warn("the index of leases by client fell behind and is made anew")
			s.brain.Clients.NoteAll()
		}
		for len(changes) > 0 {
			rec, rest, err := lease.Next(changes)
			if err != nil {
				break // not reached: the journal holds whole changes
			}
			if c, err := lease.ParseChange(rec); err == nil && c.Op == lease.OpGrant {
				s.brain.Clients.Note(c.Addr, c.HType, c.HW, c.ClientID)
			}
			changes = rest
		}
	}
}

// newBulk opens the socket of bulk leasequery where it is configured.
func (s *server) newBulk(cfg *config.Config, clock func() time.Time) (*bulk.Server, error) {
	q := &cfg.LeaseQuery
	if !queries(cfg) || !q.Bulk {
		return nil, nil
	}
	b := bulk.New(bulk.Options{
		Exchange: s.brain, Policy: s.policy.Load, Clock: clock, Log: s.log,
		Connections: q.Connections, Timeout: time.Duration(q.Timeout) * time.Second,
	})
	return b, b.Listen()
}

// sameBulk says whether two configurations serve bulk leasequery in the same way.
func sameBulk(a, b *config.LeaseQuery) bool {
	return a.Bulk == b.Bulk && a.Connections == b.Connections && a.Timeout == b.Timeout
}
