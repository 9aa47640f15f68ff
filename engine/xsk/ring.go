// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// slot is what a ring carries: an address (fill, completion) or an address and
// a length (rx, tx).
type slot interface {
	uint64 | unix.XDPDesc
}

// The indices of a ring count modulo 2³² and are never reduced to the ring's
// size, so producer - consumer is the number of occupied slots, also after
// they have wrapped. Each shared index has one writer. sync/atomic orders the
// contents of a slot before the index that publishes it, and a load of the
// flags after the store of an index, as the protocol of need-wakeup requires.

// prodRing is a ring that we fill and the kernel drains (fill, tx). It belongs
// to one goroutine.
type prodRing[T slot] struct {
	slots []T            // len is a power of two
	mask  uint32         // len(slots)-1
	prod  *atomic.Uint32 // shared; only we store
	cons  *atomic.Uint32 // shared; only the kernel stores
	flags *atomic.Uint32 // shared; only the kernel stores; NEED_WAKEUP
	next  uint32         // ours: next slot to put into, published by submit
	limit uint32         // ours: last cons seen + len(slots)
}

// newProdRing takes a ring over at the indices that it has.
func newProdRing[T slot](slots []T, prod, cons, flags *atomic.Uint32) prodRing[T] {
	return prodRing[T]{
		slots: slots,
		mask:  uint32(len(slots) - 1),
		prod:  prod,
		cons:  cons,
		flags: flags,
		next:  prod.Load(),
		limit: cons.Load() + uint32(len(slots)),
	}
}

// room says how many of n slots are free. It looks at the kernel's index only
// when what it remembers is not enough.
func (r *prodRing[T]) room(n uint32) uint32 {
	if r.limit-r.next < n {
		r.limit = r.cons.Load() + uint32(len(r.slots))
	}
	return min(n, r.limit-r.next)
}

// put writes the next slot. The caller has asked room.
func (r *prodRing[T]) put(v T) {
	r.slots[r.next&r.mask] = v
	r.next++
}

// submit publishes all that was put.
func (r *prodRing[T]) submit() { r.prod.Store(r.next) }

// pending is the number of slots that the kernel has yet to take.
func (r *prodRing[T]) pending() uint32 { return r.next - r.cons.Load() }

// needWakeup says that the kernel sleeps and wants a system call to go on.
func (r *prodRing[T]) needWakeup() bool {
	return r.flags.Load()&unix.XDP_RING_NEED_WAKEUP != 0
}

// consRing is a ring that the kernel fills and we drain (rx, completion). It
// belongs to one goroutine.
type consRing[T slot] struct {
	slots []T            // len is a power of two
	mask  uint32         // len(slots)-1
	prod  *atomic.Uint32 // shared; only the kernel stores
	cons  *atomic.Uint32 // shared; only we store
	next  uint32         // ours: next slot to get, given back by release
	limit uint32         // ours: last prod seen
}

// newConsRing takes a ring over at the indices that it has.
func newConsRing[T slot](slots []T, prod, cons *atomic.Uint32) consRing[T] {
	return consRing[T]{
		slots: slots,
		mask:  uint32(len(slots) - 1),
		prod:  prod,
		cons:  cons,
		next:  cons.Load(),
		limit: prod.Load(),
	}
}

// ready says how many of n slots can be had. It looks at the kernel's index
// only when what it remembers is not enough.
func (r *consRing[T]) ready(n uint32) uint32 {
	if r.limit-r.next < n {
		r.limit = r.prod.Load()
	}
	return min(n, r.limit-r.next)
}

// get reads the next slot. The caller has asked ready.
func (r *consRing[T]) get() T {
	v := r.slots[r.next&r.mask]
	r.next++
	return v
}

// release gives all slots that were got back to the kernel.
func (r *consRing[T]) release() { r.cons.Store(r.next) }
