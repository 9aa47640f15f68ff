// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// Most of this process's memory is leases, which hardly ever become garbage. Go's
// collector does not know that: by default it lets as much garbage gather as there
// is live memory, and what a start has read into memory (whole segments of the log,
// outgrown indexes) would stay resident for as long as nothing is allocated, which
// in a server that serves without allocating is very long.

const (
	// spareHeap is how much garbage may gather. What allocates are the cold parts:
	// history, reloads, listings.
	spareHeap = 16 << 20
	// leastPercent bounds the collector's work beside very large tables.
	leastPercent = 5
)

// gcPercent is the collector's setting for a heap of which live bytes are in use.
func gcPercent(live uint64) int {
	return int(min(max(spareHeap*100/max(live, 1), leastPercent), 100))
}

// heapBound keeps the garbage bounded while tables grow.
type heapBound struct{ percent int }

// adjust is called now and then. Whoever has set GOGC knows better.
func (h *heapBound) adjust() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	// A change halts the process for some 10 µs, so small ones wait.
	if p := gcPercent(live[0].Value.Uint64()); h.percent == 0 || p < h.percent*7/8 || p > h.percent*8/7 {
		h.percent = p
		debug.SetGCPercent(p)
	}
}

// giveBack frees what a start or a reload has left behind, and returns it to the
// system. The table's memory has few pointers, so that takes milliseconds.
func giveBack() { debug.FreeOSMemory() }
