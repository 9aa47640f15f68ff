// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy6"
)

// A decision is one message on its way to its answer.
type decision struct {
	*Server
	p   *policy6.Policy
	q   *Query
	b   *lease.Batch
	a   *Answer
	now lease.Time
}

// Decide6 answers q: *a is overwritten. Changes of the lease table go into b.
//
// So far it answers nothing: the rules follow.
func (s *Server) Decide6(p *policy6.Policy, q *Query, now lease.Time, b *lease.Batch, a *Answer) {
	a.reset()
	a.Reason = frame.NoSubnet
}
