// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
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

// newBulk opens the sockets of bulk leasequery where it is configured: for DHCPv4, and
// for DHCPv6 if that is served.
func (s *server) newBulk(cfg *config.Config, clock func() time.Time) (servers []*bulk.Server, err error) {
	q := &cfg.LeaseQuery
	if !queries(cfg) || !q.Bulk {
		return nil, nil
	}
	all := []bulk.Options{bulk.Serve4(s.brain, s.policy.Load, clock)}
	if cfg.DHCP6.Serves() {
		all = append(all, bulk.Serve6(s.brain6, s.policy6.Load, clock))
	}
	for _, o := range all {
		o.Connections, o.Timeout = q.Connections, time.Duration(q.Timeout)*time.Second
		b := bulk.New(o)
		if err := b.Listen(); err != nil {
			for _, b := range servers {
				b.Close()
			}
			return nil, err
		}
		servers = append(servers, b)
	}
	return servers, nil
}

// bulkStatus adds up what the servers of bulk leasequery did; nil: there are none.
func (s *server) bulkStatus() *control.BulkLeaseQuery {
	if len(s.bulk) == 0 {
		return nil
	}
	var sum control.BulkLeaseQuery
	for _, b := range s.bulk {
		st := b.Stats()
		sum.Open += st.Open
		sum.Accepted += st.Accepted
		sum.Refused += st.Refused
		sum.Full += st.Full
		sum.Queries += st.Queries
		sum.Messages += st.Messages
		sum.Broken += st.Broken
	}
	return &sum
}

// sameBulk says whether two configurations serve bulk leasequery in the same way.
func sameBulk(a, b *config.LeaseQuery) bool {
	return a.Bulk == b.Bulk && a.Connections == b.Connections && a.Timeout == b.Timeout
}
