// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"sync/atomic"

	"xdhcp/engine/frame"
)

// Counters count what became of the packets. Any goroutine may read them.
type Counters struct {
	verdicts [2][frame.Punt + 1]atomic.Uint64 // by frame.Family
	reasons  [2][frame.NumReasons]atomic.Uint64
	punted   [frame.NumReasons]atomic.Uint64
	kernel   atomic.Uint64
	leftOut  atomic.Uint64
	noRelay  atomic.Uint64
	forced   atomic.Uint64
	notices  atomic.Uint64
	repeated atomic.Uint64
	obeyed   atomic.Uint64
	ignored  atomic.Uint64
}

func (c *Counters) add(v6 bool, v frame.Verdict, why frame.Reason) {
	c.verdicts[frame.Family(v6)][v].Add(1)
	c.reasons[frame.Family(v6)][why].Add(1)
}

// Verdict is how many packets met v. A reply that was parked counts as Await,
// and once more as Drop if it was then given up; so does one that could not be
// sent.
func (c *Counters) Verdict(v frame.Verdict) uint64 {
	return c.verdicts[0][v].Load() + c.verdicts[1][v].Load()
}

// Reason is how many packets met their verdict for the reason why.
func (c *Counters) Reason(why frame.Reason) uint64 {
	return c.reasons[0][why].Load() + c.reasons[1][why].Load()
}

// Verdict6 and Reason6 are the DHCPv6 among these.
func (c *Counters) Verdict6(v frame.Verdict) uint64 { return c.verdicts[1][v].Load() }
func (c *Counters) Reason6(why frame.Reason) uint64 { return c.reasons[1][why].Load() }

// Punted is how many frames the workers sent here for the reason why.
func (c *Counters) Punted(why frame.Reason) uint64 { return c.punted[why].Load() }

// Kernel is how many packets the kernel's UDP has delivered.
func (c *Counters) Kernel() uint64 { return c.kernel.Load() }

// LeftOut is how many options did not fit into their replies.
func (c *Counters) LeftOut() uint64 { return c.leftOut.Load() }

// RelayLeftOut is how many replies went without option 82 for want of room
// (RFC 3046 §2.2).
func (c *Counters) RelayLeftOut() uint64 { return c.noRelay.Load() }

// Forced is how many DHCPFORCERENEWs were sent.
func (c *Counters) Forced() uint64 { return c.forced.Load() }

// Reconfigures are orders to send clients a Reconfigure message, and what became of
// them. Who has obeyed or not is known when the message would be repeated.
type Reconfigures struct {
	Sent, Repeated, Obeyed, Ignored uint64
}

// Reconfigures counts them.
func (c *Counters) Reconfigures() Reconfigures {
	return Reconfigures{c.notices.Load(), c.repeated.Load(), c.obeyed.Load(), c.ignored.Load()}
}
