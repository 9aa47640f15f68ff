// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"sync/atomic"

	"xdhcp/engine/frame"
)

// Counters count frames by verdict and reason. The worker counts in plain
// memory and publishes once a turn, so that counting costs no atomic operation
// per frame; others read what was published.
type Counters struct {
	pendingVerdicts [frame.Punt + 1]uint32
	pendingReasons  [frame.NumReasons]uint32
	touched         bool

	verdicts [frame.Punt + 1]atomic.Uint64 // published; only the worker stores
	reasons  [frame.NumReasons]atomic.Uint64
}

func (c *Counters) add(v frame.Verdict, why frame.Reason) {
	c.pendingVerdicts[v]++
	c.pendingReasons[why]++
	c.touched = true
}

func (c *Counters) publish() {
	if !c.touched {
		return
	}
	c.touched = false
	for i := range c.pendingVerdicts {
		if n := c.pendingVerdicts[i]; n != 0 {
			c.verdicts[i].Store(c.verdicts[i].Load() + uint64(n))
			c.pendingVerdicts[i] = 0
		}
	}
	for i := range c.pendingReasons {
		if n := c.pendingReasons[i]; n != 0 {
			c.reasons[i].Store(c.reasons[i].Load() + uint64(n))
			c.pendingReasons[i] = 0
		}
	}
}

// Verdict is how many frames met v so far. Any goroutine may ask. A parked
// frame counts as Await, and once more as Drop if it is then given up.
func (c *Counters) Verdict(v frame.Verdict) uint64 { return c.verdicts[v].Load() }

// Reason is how many frames met their verdict for the reason why.
func (c *Counters) Reason(why frame.Reason) uint64 { return c.reasons[why].Load() }

// Merge adds what o has published to c, which nobody else may be writing.
func (c *Counters) Merge(o *Counters) {
	for i := range c.verdicts {
		c.verdicts[i].Add(o.verdicts[i].Load())
	}
	for i := range c.reasons {
		c.reasons[i].Add(o.reasons[i].Load())
	}
}
