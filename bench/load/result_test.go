// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The percentiles of times whose percentiles are known.
func TestLatencyIsRightToThreeDigits(t *testing.T) {
	var tl tally
	tl.init()
	for i := 1; i <= 100_000; i++ {
		tl.answered(phaseAck, int64(i)*int64(10*time.Microsecond))
	}
	l := newLatency(tl.latency[phaseAck])
	for _, v := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", l.P50, 500 * time.Millisecond}, {"p90", l.P90, 900 * time.Millisecond}, {"p99", l.P99, 990 * time.Millisecond},
		{"p99.9", l.P999, 999 * time.Millisecond}, {"max", l.Max, time.Second}, {"min", l.Min, 10 * time.Microsecond},
		{"mean", l.Mean, 500005 * time.Microsecond},
	} {
		if off := (v.got - v.want).Abs(); off > latencyUnit && off > v.want/1000 {
			t.Errorf("%s is %v, want %v", v.name, v.got, v.want)
		}
	}
	tl.answered(phaseAck, int64(time.Hour))
	tl.answered(phaseAck, -1)
	if l := newLatency(tl.latency[phaseAck]); l.Count != 100_002 || l.Max < 599*time.Second || l.Max > 601*time.Second {
		t.Errorf("beyond the bounds: %+v", l)
	}
}

func TestResultFiles(t *testing.T) {
	g, _ := start(t, relayed(10), newStub().Answer)
	r := mustRun(t, g, Load{Rate: 100, Count: 10})
	r.Name = "a name"
	if r.Rate < 99 || r.Rate > 101 || r.Duration < 90*time.Millisecond {
		t.Errorf("%+v", r)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back["done"].(map[string]any)["dora"] != 10.0 || back["latency"].(map[string]any)["dora"].(map[string]any)["count"] != 10.0 {
		t.Errorf("%s", b)
	}
	var out bytes.Buffer
	if err := WriteCSV(&out, []*Result{r, r}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// A head, and offer, ack, dora and lag of each.
	if len(rows) != 9 || rows[1][0] != "a name" || rows[3][8] != "dora" || rows[3][9] != "10" {
		t.Errorf("%q", rows)
	}
}

func TestSaturated(t *testing.T) {
	for _, tc := range []struct {
		r    Result
		want bool
	}{
		{Result{Begun: map[string]uint64{"dora": 1000}}, false},
		{Result{Begun: map[string]uint64{"dora": 1000}, Unbegun: 5}, false},
		{Result{Begun: map[string]uint64{"dora": 1000}, Unbegun: 20}, true},
		{Result{Begun: map[string]uint64{"dora": 1000}, Starved: map[string]uint64{"dora": 20}}, true},
		{Result{}, false},
	} {
		if got := tc.r.Saturated(); got != tc.want {
			t.Errorf("%+v: %v", tc.r, got)
		}
	}
}

func TestRecord(t *testing.T) {
	name := filepath.Join(t.TempDir(), "acks")
	want := []Ack{
		{At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Addr: netip.MustParseAddr("10.0.0.7"), MAC: MAC{2, 0x0d, 0, 0, 0xab, 7}, Lease: 3600},
		{At: time.Date(2026, 1, 2, 3, 4, 5, 7, time.UTC), Addr: netip.MustParseAddr("10.255.0.7"), MAC: MAC{2, 0x0d, 0, 0, 0, 8}, Lease: 1<<32 - 1},
	}
	for _, a := range want { // opened twice: the second appends
		r, err := NewRecorder(name)
		if err != nil {
			t.Fatal(err)
		}
		r.OnAck(a)
		if err := r.AfterBatch(); err != nil {
			t.Fatal(err)
		}
		// It is with the kernel now, before Close.
		if b, err := os.ReadFile(name); err != nil || !bytes.HasSuffix(b, []byte{'\n'}) {
			t.Errorf("%q, %v", b, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if line, _, _ := strings.Cut(string(b), "\n"); line != "2026-01-02T03:04:05.000000006Z 10.0.0.7 02:0d:00:00:ab:07 3600" {
		t.Errorf("line %q", line)
	}
	got, err := ReadRecord(bytes.NewReader(append(b, "2026-01-02T"...)))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"x", "x 10.0.0.1 02:00:00:00:00:01 1", "2026-01-02T03:04:05Z x 02:00:00:00:00:01 1",
		"2026-01-02T03:04:05Z 10.0.0.1 x 1", "2026-01-02T03:04:05Z 10.0.0.1 02:00:00:00:00:01 x"} {
		if acks, err := ReadRecord(strings.NewReader(bad + "\n")); err == nil {
			t.Errorf("%q is %v", bad, acks)
		}
	}
	r, err := NewRecorder(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := testing.AllocsPerRun(100, func() { r.OnAck(want[0]); _ = r.AfterBatch() }); n != 0 {
		t.Errorf("%v allocations an ACK", n)
	}
}
