// SPDX-License-Identifier: Apache-2.0

package yield

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLoopYieldsNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Loop
		yields := 0
		for range 1000 { // of 0.1 ms
			if l.Turn() {
				yields++
			}
			time.Sleep(100 * time.Microsecond)
		}
		if want := int(100 * time.Millisecond / often); yields != want {
			t.Errorf("yielded %d times in 100 ms, want %d", yields, want)
		}
	})
}
