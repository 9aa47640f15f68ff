// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"sync/atomic"

	"xdhcp/engine/frame"
)

// Counters count frames by verdict and reason, and apart from these the DHCPv6 among
// them. The worker counts in plain memory and publishes once a turn, so that counting
// costs no atomic operation per frame; others read what was published.
type Counters struct {
	pending [2]struct { // by frame.Family
		verdicts [frame.Punt + 1]uint32
		reasons  [frame.NumReasons]uint32
		touched  bool
	}
	of [2]published
}

// published is what others read; only the worker stores.
type published struct {
	verdicts [frame.Punt + 1]atomic.Uint64
	reasons  [frame.NumReasons]atomic.Uint64
}

func (c *Counters) add(f *frame.Frame, v frame.Verdict, why frame.Reason) {
	p := &c.pending[frame.Family(f.V6)]
	p.verdicts[v]++
	p.reasons[why]++
	p.touched = true
}

func (c *Counters) publish() {
	for family := range c.pending {
		p, of := &c.pending[family], &c.of[family]
		if !p.touched {
			continue
		}
		p.touched = false
		for i := range p.verdicts {
			if n := p.verdicts[i]; n != 0 {
				of.verdicts[i].Store(of.verdicts[i].Load() + uint64(n))
				p.verdicts[i] = 0
			}
		}
		for i := range p.reasons {
			if n := p.reasons[i]; n != 0 {
				of.reasons[i].Store(of.reasons[i].Load() + uint64(n))
				p.reasons[i] = 0
			}
		}
	}
}

// Verdict is how many frames met v so far. Any goroutine may ask. A parked
// frame counts as Await, and once more as Drop if it is then given up.
func (c *Counters) Verdict(v frame.Verdict) uint64 {
	return c.of[0].verdicts[v].Load() + c.of[1].verdicts[v].Load()
}

// Reason is how many frames met their verdict for the reason why.
func (c *Counters) Reason(why frame.Reason) uint64 {
	return c.of[0].reasons[why].Load() + c.of[1].reasons[why].Load()
}

// Verdict6 and Reason6 are the DHCPv6 among these.
func (c *Counters) Verdict6(v frame.Verdict) uint64 { return c.of[1].verdicts[v].Load() }
func (c *Counters) Reason6(why frame.Reason) uint64 { return c.of[1].reasons[why].Load() }

// Merge adds what o has published to c, which nobody else may be writing.
func (c *Counters) Merge(o *Counters) {
	for family := range c.of {
		to, from := &c.of[family], &o.of[family]
		for i := range to.verdicts {
			to.verdicts[i].Add(from.verdicts[i].Load())
		}
		for i := range to.reasons {
			to.reasons[i].Add(from.reasons[i].Load())
		}
	}
}
