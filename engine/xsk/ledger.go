// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"fmt"

	"xdhcp/internal/invariants"
)

// place is where a frame is, as far as we can see: what the kernel has taken
// from the fill ring but not yet put on rx is still at fill.
type place uint8

const (
	atFill place = iota
	atWorker
	atTx
	atReserve
)

func (p place) String() string {
	return [...]string{"on the receive side", "with the worker", "on the transmit side", "in the reserve"}[p]
}

// ledger follows every frame in builds with invariants and panics when one is
// handed on by somebody who does not have it: a frame freed or sent twice, or
// freed after it was sent, or an address that the kernel returned twice. Such
// a frame would be overwritten by a received packet while it waits to be
// transmitted, and a wrong answer would go out.
type ledger struct {
	shift uint    // address to frame number
	at    []place // empty without invariants
}

func newLedger(frames, size int) ledger {
	if !invariants.Enabled {
		return ledger{}
	}
	l := ledger{at: make([]place, frames)}
	for 1<<l.shift < size {
		l.shift++
	}
	return l
}

// move hands the frame at addr from one place to another.
func (l *ledger) move(addr uint64, from, to place) {
	if !invariants.Enabled {
		return
	}
	n := addr >> l.shift
	if n >= uint64(len(l.at)) {
		panic(fmt.Sprintf("xsk: address %#x is not in the UMEM", addr))
	}
	if l.at[n] != from {
		panic(fmt.Sprintf("xsk: frame %d goes from %q to %q, but it is %q", n, from, to, l.at[n]))
	}
	l.at[n] = to
}
