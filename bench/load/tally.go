// SPDX-License-Identifier: Apache-2.0

package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// phase is what latency is measured of.
type phase uint8

const (
	phaseOffer  phase = iota // DISCOVER to OFFER
	phaseAck                 // REQUEST to ACK
	phaseDORA                // the whole exchange
	phaseRenew               // renewal to ACK
	phaseRebind              // rebinding to ACK
	phaseLag                 // an exchange was due, and its first message was sent
	nPhases
)

// Latencies are recorded from 100 ns to ten minutes, to three digits. What is
// longer counts as ten minutes.
const (
	latencyUnit    = 100
	latencyMost    = int64(10 * time.Minute)
	latencyFigures = 3
)

// tally counts what happens during a load.
type tally struct {
	epoch time.Time // what times count from
	last  int64     // when the last exchange was done

	begun, done, refused [nKinds]uint64
	starved              [nKinds]uint64 // no client was fit to begin one
	sent, resent, lost   [nMessages]uint64
	wrong                [nWrong]uint64
	received             uint64
	late                 uint64 // right answers to what was answered or given up already
	moved                uint64 // OFFERs of another address than the client holds
	latency              [nPhases]*hdrhistogram.Histogram
	trend                trend // of whole exchanges
}

// init makes the tally empty.
func (t *tally) init() {
	latency, trend := t.latency, t.trend
	for i, h := range latency {
		if h == nil {
			latency[i] = newHistogram()
		} else {
			h.Reset()
		}
	}
	*t = tally{epoch: t.epoch, latency: latency, trend: trend}
	t.trend.start(0, 0)
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(latencyUnit, latencyMost, latencyFigures)
}

// whole counts an exchange that is done.
func (t *tally) whole(p phase, due, now int64) {
	t.answered(p, now-due)
	t.trend.done(due, now-due)
}

func (t *tally) answered(p phase, took int64) {
	record(t.latency[p], took)
}

func record(h *hdrhistogram.Histogram, took int64) {
	// The value is within the bounds, so this cannot fail.
	_ = h.RecordValue(min(max(took, latencyUnit), latencyMost))
}

func total[A ~[]uint64](a A) (n uint64) {
	for _, v := range a {
		n += v
	}
	return n
}
