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
}

// init makes the tally empty.
func (t *tally) init() {
	latency := t.latency
	for i, h := range latency {
		if h == nil {
			latency[i] = hdrhistogram.New(latencyUnit, latencyMost, latencyFigures)
		} else {
			h.Reset()
		}
	}
	*t = tally{epoch: t.epoch, latency: latency}
}

func (t *tally) answered(p phase, took int64) {
	// The value is within the bounds, so this cannot fail.
	_ = t.latency[p].RecordValue(min(max(took, latencyUnit), latencyMost))
}

func total[A ~[]uint64](a A) (n uint64) {
	for _, v := range a {
		n += v
	}
	return n
}
