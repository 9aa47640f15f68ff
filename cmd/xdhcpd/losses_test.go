// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/port"
	"xdhcp/engine/xsk"
)

// Frames that the rings have lost are in the status, and only those.
func TestStatusTellsLosses(t *testing.T) {
	st := &control.Status{Interfaces: []port.Info{{Name: "eth1", State: port.Serving, Queues: []port.QueueInfo{
		{ID: 0, Rings: xsk.Stats{Received: 17, KernelRxRingFull: 10208, Busy: 3}},
		{ID: 1, Rings: xsk.Stats{Received: 19}},
	}}}}
	var b strings.Builder
	if err := printStatus(&b, st, time.Now()); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	first, second, _ := strings.Cut(out, "queue 1")
	if !strings.Contains(first, "10208") || !strings.Contains(first, "rx ring was full") || !strings.Contains(first, "without carrier") {
		t.Errorf("the losses of queue 0 are not told:\n%s", out)
	}
	if strings.Contains(second, "lost") {
		t.Errorf("queue 1 has lost nothing:\n%s", out)
	}
}
