// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// known6 is the newest that is on record about a prefix. Grants and renewals stand for
// themselves, so there is no orphan.
type known6 struct {
	c     lease6.Change // Full, if the client is known
	group uint64
}

func (ks *ledger) note6(group uint64, rec []byte) {
	c, err := lease6.ParseChange(rec)
	if err != nil {
		return // takeSurvey has noted it as a loss
	}
	granted := c.Op == lease6.OpGrant || c.Op == lease6.OpRenew
	if granted {
		ks.lasts(c.At, c.Expires)
	}
	k := ks.m6[c.Prefix]
	switch {
	case k == nil:
		k = &known6{}
		ks.m6[c.Prefix] = k
	case c.Version <= k.c.Version:
		return
	}
	k.group = group
	if c.Full || k.c.Version == 0 {
		k.c, _ = lease6.ParseChange(slices.Clone(rec))
	} else {
		ended := k.c.Expires
		k.c.Op, k.c.Version, k.c.At, k.c.Expires = c.Op, c.Version, c.At, c.Expires
		if c.Op == lease6.OpExpire {
			k.c.Expires = ended
		}
	}
	switch {
	case granted:
		k.c.Op = lease6.OpGrant
	case c.Op == lease6.OpRelease:
		k.c.Expires = c.At
	}
}

// conclude6 is what becomes of a prefix; see repair.go.
func (w *rewriter) conclude6(k *known6, lastLost uint64, now lease.Time) *lease6.Change {
	c, r := k.c, w.report
	if k.group > lastLost {
		r.Accounted++
		return &c
	}
	c.Version++
	c.At = now
	switch c.Op {
	case lease6.OpGrant:
		r.Extended++
		c.Expires = max(c.Expires, r.HoldUntil)
	case lease6.OpDecline:
		r.Probation++
		c.Expires = max(c.Expires, r.HoldUntil)
	default:
		r.Probation++
		c.Op, c.Expires = lease6.OpDecline, r.HoldUntil
	}
	return &c
}
