// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"xdhcp/engine/control"
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

// newBulk opens the sockets of bulk leasequery where it is configured: that of DHCPv6 if
// addresses of IPv6 may ask.
func (s *server) newBulk(cfg *config.Config, clock func() time.Time) (b4, b6 *bulk.Server, err error) {
	q := &cfg.LeaseQuery
	if !queries(cfg) || !q.Bulk {
		return nil, nil, nil
	}
	o := bulk.Options{Clock: clock, Log: s.log, Connections: q.Connections, Timeout: time.Duration(q.Timeout) * time.Second}
	of4, of6 := o, o
	of4.Exchange, of4.Policy = s.brain, s.policy.Load
	of6.Exchange6, of6.Policy6 = s.brain6, s.policy6.Load
	b4 = bulk.New(of4)
	if err := b4.Listen(); err != nil {
		return nil, nil, err
	}
	if !mayAsk6(q) {
		return b4, nil, nil
	}
	b6 = bulk.New(of6)
	if err := b6.Listen(); err != nil {
		b4.Close()
		return nil, nil, err
	}
	return b4, b6, nil
}

func bulkStatus(b *bulk.Server) *control.BulkLeaseQuery {
	if b == nil {
		return nil
	}
	st := control.BulkLeaseQuery(b.Stats())
	return &st
}

// sameBulk says whether two configurations serve bulk leasequery in the same way.
func sameBulk(a, b *config.LeaseQuery) bool {
	return a.Bulk == b.Bulk && a.Connections == b.Connections && a.Timeout == b.Timeout && mayAsk6(a) == mayAsk6(b)
}

// mayAsk6 says whether there are addresses of IPv6 that may ask.
func mayAsk6(q *config.LeaseQuery) bool {
	return slices.ContainsFunc(q.Allow, func(p netip.Prefix) bool { return p.Addr().Is6() })
}
