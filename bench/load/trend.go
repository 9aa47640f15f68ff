// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// trend tells whether exchanges take longer and longer: it compares those that were due
// in the first quarter of an open loop with those of the last. When more is offered than
// is done, each waits behind what the ones before it have left undone, and the median
// grows by a second for each second's work that is left.
//
// Medians, since a moment's stall is in the work of the moments behind it, but not in
// that of a whole quarter.
type trend struct {
	early, late int64 // a quarter of the load is due before, and from here on
	first, last *hdrhistogram.Histogram
}

// start begins anew, for what is due from one time on to another; without an end
// nothing is compared.
func (t *trend) start(from, to int64) {
	if t.first == nil {
		t.first, t.last = newHistogram(), newHistogram()
	}
	t.first.Reset()
	t.last.Reset()
	t.early, t.late = math.MinInt64, math.MaxInt64
	if to > from {
		t.early, t.late = from+(to-from)/4, to-(to-from)/4
	}
}

// done counts an exchange.
func (t *trend) done(due, took int64) {
	switch {
	case due < t.early:
		record(t.first, took)
	case due >= t.late:
		record(t.last, took)
	}
}

// growth is how much longer the exchanges of the last quarter took; of a quarter in
// which none was done, nothing is known.
func (t *trend) growth() time.Duration {
	if t.first.TotalCount() == 0 || t.last.TotalCount() == 0 {
		return 0
	}
	return time.Duration(t.last.ValueAtPercentile(50) - t.first.ValueAtPercentile(50))
}
