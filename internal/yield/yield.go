// SPDX-License-Identifier: Apache-2.0

// Package yield keeps Go's monitor thread asleep beside a goroutine that never ends.
//
// The runtime (1.26, proc.go: sysmon, retake) wants a goroutine to let others run every
// 10 ms. One that does not, and that is found in a system call after that, loses its
// processor, and the monitor then wakes up every 20 µs for a while. Beside a loop of short
// system calls it woke up 3,800 times a second, and 700 with this (voluntary_ctxt_switches
// of its thread, under scripts/profile.sh's load).
package yield

import (
	"runtime"
	"time"
)

// often is well below the runtime's forcePreemptNS.
const often = 5 * time.Millisecond

// Loop is of one goroutine; the zero value is ready.
type Loop struct{ last time.Time }

// Turn is called once a turn of the loop. It lets others run when it is time to, and
// says whether it did.
func (l *Loop) Turn() bool {
	now := time.Now()
	if now.Sub(l.last) < often {
		return false
	}
	l.last = now
	runtime.Gosched()
	return true
}
