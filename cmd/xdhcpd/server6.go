// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/policy6"
	"xdhcp/engine/port"
	"xdhcp/internal/config"
)

// families says which protocols have subnets now.
func (s *server) families() (v4, v6 bool) {
	return len(s.policy.Load().Subnets) > 0, s.policy6.Load() != nil
}

// policyOf6 compiles what cfg says of DHCPv6; nil: nothing. The DUID is made when
// it is first needed.
func (s *server) policyOf6(cfg *config.Config, facts map[int]port.Facts) (*policy6.Policy, error) {
	if !cfg.DHCP6.Serves() {
		return nil, nil
	}
	duid, err := serverDUID(cfg, time.Now())
	if err != nil {
		return nil, err
	}
	return compile6(cfg, facts, duid, s.reconfigure)
}

// status6 is how the DHCPv6 side is; nil: it is not served.
func (s *server) status6() *control.DHCPv6 {
	p := s.policy6.Load()
	if p == nil {
		return nil
	}
	st := &control.DHCPv6{DUID: hex.EncodeToString(p.ServerID), Delegated: s.table6.Stats().Prefixes, Routes: s.statusRoutes()}
	st.BulkLeaseQuery = bulkStatus(s.bulk6)
	n := s.slow.Counters().Reconfigures()
	st.Reconfigures, st.ReconfiguresRepeated, st.ReconfiguresObeyed, st.ReconfiguresIgnored = n.Sent, n.Repeated, n.Obeyed, n.Ignored
	for _, p := range s.table6.PoolStats() {
		st.Pools = append(st.Pools, control.Pool6{Length: p.Len, Pool: control.Pool{
			Name: p.Name, Size: p.Size, Bound: p.Bound, Offered: p.Offered, Declined: p.Declined, Free: p.Free,
		}})
	}
	return st
}
