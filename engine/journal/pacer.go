// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"time"
)

// pacer keeps background writing and reading below a rate, so that a sync of the
// log finds the disk nearly idle. It sleeps; only background goroutines use it.
type pacer struct {
	rate  float64 // bytes per second; 0: as fast as it goes
	begin time.Time
	done  float64
}

const (
	zeroRate = 64 << 20
	// nap is the shortest sleep that is worth it.
	nap = 2 * time.Millisecond
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
		p.begin = now
	}
	p.done += float64(n)
	due := p.begin.Add(time.Duration(p.done / p.rate * float64(time.Second)))
	if early := due.Sub(now); early < nap {
		if early < -credit {
			p.begin = p.begin.Add(-early - credit)
		}
		return ctx.Err()
	}
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
