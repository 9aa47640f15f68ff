// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/bits"
	"time"
)

// hist counts durations in buckets a thirty-second of an octave wide.
type hist struct {
	n   [64 * 32]uint64
	all uint64
	max time.Duration
}

func (h *hist) addN(d time.Duration, n uint64) {
	v := uint64(max(d, 32))
	e := bits.Len64(v) - 6
	h.n[e*32+int(v>>e)-32] += n
	h.all += n
	h.max = max(h.max, d)
}

func (h *hist) merge(o *hist) {
	for i, n := range o.n {
		h.n[i] += n
	}
	h.all += o.all
	h.max = max(h.max, o.max)
}

func (h *hist) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.all))
	for i, n := range h.n {
		if rank < n {
			return time.Duration(uint64(i%32+33) << (i / 32))
		}
		rank -= n
	}
	return h.max
}
