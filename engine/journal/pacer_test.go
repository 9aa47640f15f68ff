// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// paced works for a time, in pieces of the given length and n bytes each, and says
// how long that took.
func paced(t *testing.T, p *pacer, work, piece time.Duration, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	for done := time.Duration(0); done < work; done += piece {
		time.Sleep(piece)
		if err := p.wait(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(begin)
}

func TestPacerKeepsToItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{rate: 1e12, share: 0.25}
		p.wait(t.Context(), 0)
		const work = 400 * time.Millisecond
		if took := paced(t, p, work, 100*time.Microsecond, 1); took < 4*work || took > 4*work+2*credit {
			t.Errorf("%v of work took %v, want %v", work, took, 4*work)
		}
		// What it did not do before does not have to be made up for.
		time.Sleep(time.Hour)
		if took := paced(t, p, stretch, stretch, 1); took > 4*credit {
			t.Errorf("after an hour of rest, %v of work took %v", stretch, took)
		}
		p.share = 0
		if took := paced(t, p, work, stretch, 1); took != work {
			t.Errorf("without a share, %v of work took %v", work, took)
		}
	})
}

func TestPacerKeepsBelowItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{rate: 1 << 20}
		p.wait(t.Context(), 0)
		// A MiB in pieces of 1 KiB, each done in no time to speak of.
		if took := paced(t, p, 1024*time.Microsecond, time.Microsecond, 1<<10); took < time.Second-nap || took > time.Second+nap {
			t.Errorf("1 MiB at 1 MiB a second took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx, 1<<20); err == nil {
			t.Error("a pause goes on when its work has been ended")
		}
	})
}
