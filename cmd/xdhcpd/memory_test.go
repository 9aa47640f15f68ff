// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// What a start has read is not resident beside the leases: neither the log's
// segments nor the indexes that the table has outgrown.
func TestStartGivesItsMemoryBack(t *testing.T) {
	const leases = 50_000
	conf := writeFile(t, "interfaces: [eth1]\nsubnets:\n  - {subnet: 10.0.0.0/8, pools: [10.1.0.0-10.1.255.255]}\n")
	file, state := filepath.Join(t.TempDir(), "kea-leases4.csv"), filepath.Join(t.TempDir(), "state")
	rows := new(strings.Builder)
	rows.WriteString(keaHeader)
	for i := range leases {
		fmt.Fprintf(rows, "10.1.%d.%d,02:00:00:00:%02[1]x:%02[2]x,,3600,%d,1,0,0,,0,,0\n", i>>8, i&255, time.Now().Add(time.Hour).Unix())
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file); code != 0 {
		t.Fatal(stderr)
	}
	cfg, err := loadConfig(os.Stderr, conf)
	if err != nil {
		t.Fatal(err)
	}
	cfg.State = state
	s, err := newServer(cfg, conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.control.Close()
		if err := s.journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	if n := s.table.Stats().Bound; n != leases {
		t.Fatalf("%d leases, want %d", n, leases)
	}
	after := backed()
	debug.FreeOSMemory()
	if least := backed(); after > least+least/4 {
		t.Errorf("%d bytes of heap are backed by memory after the start, %d are needed", after, least)
	}
}

// backed is how much of the heap has memory under it.
func backed() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}

// The garbage that may gather is bounded by itself, not by the leases, and
// the collector does not run all the time for it.
func TestCollectorKeepsToTheSpareHeap(t *testing.T) {
	for _, mb := range []uint64{0, 1, 31, 32, 124, 319, 320, 1240, 20000} {
		live := mb << 20
		p := gcPercent(live)
		if spare := live * uint64(p) / 100; p > leastPercent && spare > spareHeap || p < leastPercent || p > 100 {
			t.Errorf("%d MB live: %d%%, which is %d MB", mb, p, spare>>20)
		}
		if p < 100 && p > leastPercent && live*uint64(p+1)/100 <= spareHeap {
			t.Errorf("%d MB live: %d%% is less than there is room for", mb, p)
		}
	}
}
