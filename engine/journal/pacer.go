// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"time"
)

// pacer keeps background writing and reading below a rate, so that a sync of the
// log finds the disk nearly idle, and background work below a share of the time, so
// that it takes little from those who answer: a tenth of a second of it at once would
// fill their rings. It sleeps; only background goroutines use it.
type pacer struct {
	rate  float64 // bytes per second; 0: as fast as it goes
	share float64 // of the time that may be work; 0: all of it
	begin time.Time
	done  float64
	awake time.Time // since when there has been no sleep
}

const (
	zeroRate = 64 << 20
	// nap is the shortest sleep that is worth it.
	nap = 2 * time.Millisecond
	// stretch is how long work goes on before it rests for its share's sake.
	stretch = time.Millisecond
	// credit bounds how much a pacer that was held up may catch up at once.
	credit = 20 * time.Millisecond
)

// pacer is unlimited before Run: the start has nothing to disturb.
func (j *Journal) pacer(bytesPerSecond int64) *pacer {
	p := &pacer{}
	if j.running.Load() {
		p.rate = float64(bytesPerSecond)
	}
	return p
}

// wait is called after n bytes.
func (p *pacer) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.begin.IsZero() {
		p.begin, p.awake = now, now
	}
	p.done += float64(n)
	due := p.begin.Add(time.Duration(p.done / p.rate * float64(time.Second)))
	if early := due.Sub(now); early < nap {
		if early < -credit {
			p.begin = p.begin.Add(-early - credit)
		}
		// Held up by others it has worked less than the time says, and rests too long:
		// that is when it should.
		worked := min(now.Sub(p.awake), credit)
		if p.share <= 0 || worked < stretch {
			return ctx.Err()
		}
		due = now.Add(time.Duration(float64(worked) * (1/p.share - 1)))
	}
	defer func() { p.awake = time.Now() }()
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
