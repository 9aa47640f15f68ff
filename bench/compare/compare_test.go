// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xdhcp/internal/nettest"
)

func small(t *testing.T, only, scenarios string) options {
	t.Helper()
	nettest.NeedRoot(t)
	return options{only: only, scenarios: scenarios, bin: t.TempDir(), out: t.TempDir(), to: 200, step: 300 * time.Millisecond,
		overload: 300 * time.Millisecond, renewers: 200, leases: 500, avalanche: 300, flood: 300 * time.Millisecond}
}

func read(t *testing.T, o options, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(o.out, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every scenario asks the stub and our server, at rates that any machine reaches.
func TestComparison(t *testing.T) {
	o := small(t, "stub,xdhcpd sync,stub6,xdhcpd6 sync", "")
	o.reflector = filepath.Join(o.bin, "reflector")
	const table = "#!/bin/sh\necho 'own rings, poll   1000000   1100000'\necho 'own rings, spin   900000   950000'\n"
	if err := os.WriteFile(o.reflector, []byte(table), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", o.bin, "xdhcp/cmd/xdhcpd", "xdhcp/cmd/xdhcpbench").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	if err := compare(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	page := read(t, o, "benchmarks.md")
	t.Log(page)
	for _, s := range scenarios {
		if s.name == "at-kea's-best" { // no Kea here
			continue
		}
		_, section, ok := strings.Cut(page, "\n## "+s.name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok || !strings.Contains(section, map[int]string{4: "| xdhcpd sync |", 6: "| xdhcpd6 sync |"}[s.family]) || strings.Contains(section, "no result") {
			t.Errorf("%s:\n%s", s.name, section)
		}
	}
	if !strings.Contains(page, "to the reflector's frames | ≥ 0.5 | 0.00 |") { // 2 × 200 to a million
		t.Error("the reflector's ratio is missing")
	}
	for _, what := range []string{"DORA/s, durable, to the stub", "renewals", "SARR-PD/s to DORA/s", "goodput at twice", "REQUESTs", "avalanche, seconds"} {
		if _, ratios, _ := strings.Cut(page, "## Ratios"); !strings.Contains(ratios, what) {
			t.Errorf("the ratios do not tell of %q", what)
		}
	}
	if _, garbage, ok := strings.Cut(page, "| goodput beside "); !ok || strings.HasPrefix(garbage, "0.0 M") || strings.HasPrefix(garbage, "-") {
		t.Error("no garbage has arrived beside the load")
	}
	if csv := read(t, o, "benchmarks.csv"); !strings.Contains(csv, "\ndora,stub,") || !strings.Contains(csv, "\nrestart,xdhcpd sync,") {
		t.Errorf("the rows are\n%s", csv)
	}
}

// A contender that is not there, or does not start, leaves a row that says so and
// does not keep the others from being measured.
func TestContenderThatFails(t *testing.T) {
	o := small(t, "xdhcpd sync", "renew")
	if err := os.WriteFile(filepath.Join(o.bin, "xdhcpd"), []byte("#!/bin/sh\necho out of order\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := compare(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if page := read(t, o, "benchmarks.md"); !strings.Contains(page, "no result: ended (exit status 3): out of order") {
		t.Errorf("the page says\n%s", page)
	}
	o.only = "nobody"
	if err := compare(t.Context(), o); err == nil {
		t.Error("a comparison of nobody")
	}
}

func TestSelected(t *testing.T) {
	names := func(list string) (out []string) {
		for _, s := range selected(scenarios, list, func(s *scenario) string { return s.name }) {
			out = append(out, s.name)
		}
		return out
	}
	for list, want := range map[string]string{
		"dora": "dora", "dora-,renew": "dora-broadcast renew", "restart, nothing": "restart", "none": "",
	} {
		if got := strings.Join(names(list), " "); got != want {
			t.Errorf("%q selects %q, want %q", list, got, want)
		}
	}
	if n := len(names("")); n != len(scenarios) {
		t.Errorf("an empty list selects %d of %d", n, len(scenarios))
	}
}
