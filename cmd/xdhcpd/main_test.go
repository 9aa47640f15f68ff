// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/port"
)

// xdhcpd runs a command line and returns its status and output.
func xdhcpd(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "xdhcp.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

const small = `interfaces: [eth1]
subnets:
  - subnet: 10.0.0.0/24
    pools: [10.0.0.10-10.0.0.99]
    reservations:
      - {mac: "02:00:00:00:00:01", address: 10.0.0.5}
`

func TestCheckAcceptsAGoodFile(t *testing.T) {
	file := writeFile(t, small)
	code, out, stderr := xdhcpd(t, "check", "-c", file)
	if want := file + ": ok: 1 interface, 1 subnet, 1 pool, 1 reservation\n"; code != 0 || out != want || stderr != "" {
		t.Errorf("status %d, %q, %q; want %q", code, out, stderr, want)
	}
}

func TestCheckReportsEveryMistakeWithItsPlace(t *testing.T) {
	file := writeFile(t, strings.NewReplacer("pools", "pols", "mac:", "mca:").Replace(small))
	code, _, stderr := xdhcpd(t, "check", "-c", file)
	if code != 1 {
		t.Errorf("status %d, want 1", code)
	}
	for _, want := range []string{file + ":4:5:", "did you mean pools?", file + ":6:10:", "did you mean mac?", "problems in " + file} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
}

func TestAWrongCommandLineIsStatus2(t *testing.T) {
	for _, args := range [][]string{{"serv"}, {"check"}, {"check", "--config"}, {"leases", "--json", "--csv"}} {
		if code, _, stderr := xdhcpd(t, args...); code != 2 || stderr == "" {
			t.Errorf("%v: status %d, %q", args, code, stderr)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	if code, out, _ := xdhcpd(t, "--help"); code != 0 || !strings.Contains(out, "serve") {
		t.Errorf("--help: status %d\n%s", code, out)
	}
	if code, out, _ := xdhcpd(t, "version"); code != 0 || !strings.HasPrefix(out, "xdhcpd "+version+" (go") {
		t.Errorf("version: status %d, %q", code, out)
	}
}

func TestStatusAndLeasesWithoutAServer(t *testing.T) {
	code, _, stderr := xdhcpd(t, "status", "--state", t.TempDir())
	if code != 1 || !strings.Contains(stderr, "no server is running") {
		t.Errorf("status: status %d, %q", code, stderr)
	}
	code, out, stderr := xdhcpd(t, "leases", "--csv", "--state", t.TempDir())
	if want := "address,state,mac,client_id,host,start,expires,cltt,circuit_id,remote_id,type,duid,iaid,preferred,via,interface_id,subscriber_id\n"; code != 0 || out != want {
		t.Errorf("leases: status %d, %q, %q", code, out, stderr)
	}
}

// Where DHCPv6 is served the counters are those of DHCPv4 and of DHCPv6, in columns; the sums are in the JSON.
func TestStatusTellsFamiliesApart(t *testing.T) {
	path := func(reply, ok, none uint64) control.Path {
		p := control.Path{Verdicts: map[string]uint64{"reply": reply, "drop": none}}
		if ok > 0 {
			p.Reasons = append(p.Reasons, control.Reason{Name: "ok", Count: ok, Sentence: "answered"})
		}
		if none > 0 {
			p.Reasons = append(p.Reasons, control.Reason{Name: "no_subnet", Count: none, Sentence: "none here"})
		}
		return p
	}
	var out strings.Builder
	st := &control.Status{Fast: path(7, 7, 3), Slow: path(2, 2, 0), DHCPv6: &control.DHCPv6{Fast: path(4, 4, 0), Slow: path(0, 0, 0),
		Reconfigures: 9, ReconfiguresRepeated: 8, ReconfiguresObeyed: 7, ReconfiguresIgnored: 1}}
	if err := printStatus(&out, st, time.Now()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(out.String(), "\n") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"fast path, DHCPv4 reply 3 await 0 punt 0 drop 3", "fast path, DHCPv6 reply 4 await 0 punt 0 drop 0",
		"DHCPv4 DHCPv6", "ok 3 4 answered", "no_subnet 3 0 none here",
		"slow path, DHCPv4 reply 2 await 0 punt 0 drop 0", "slow path, DHCPv6 reply 0 await 0 punt 0 drop 0", "ok 2 0 answered",
		"reconfigures sent 9 repeated 8 obeyed 7 ignored 1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1_000_000, 0)
	err := printStatus(&out, &control.Status{
		Version: "v1", PID: 7, Started: now.Add(-time.Hour), Config: "f.yaml", ConfigLoaded: now, ReloadError: "1 problem in f.yaml",
		Journal:    control.Journal{Durability: "sync", Error: "disk on fire"},
		Interfaces: []port.Info{{Name: "eth1", State: port.Down, Mode: "off", Why: "the link is down"}},
		Fast:       control.Path{Verdicts: map[string]uint64{"drop": 3}, Reasons: []control.Reason{{Name: "no_subnet", Count: 3, Sentence: "none here"}}},
		Pools:      []control.Pool{{Name: "p", Size: 4, Bound: 1, Free: 3}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"xdhcpd v1, pid 7, up 1h0m0s", "a newer one was refused: 1 problem in f.yaml", "NOTHING IS ACKNOWLEDGED: disk on fire",
		"the link is down", "no_subnet", "none here", "drop 3",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
