// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"xdhcp/internal/nettest"
)

func TestProbeFindsNothingMissing(t *testing.T) {
	nettest.NeedRoot(t)
	if err := Probe(); err != nil {
		t.Error(err)
	}
}

// The three capabilities are enough, and one sentence names each that is
// missing. The test runs itself again with fewer of them.
func TestProbeNamesMissingCapabilities(t *testing.T) {
	if out := os.Getenv("BPF_TEST_PROBE"); out != "" {
		text := "ok"
		if err := probeAndLoad(); err != nil {
			text = err.Error()
		}
		if err := os.WriteFile(out, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	nettest.NeedRoot(t)
	const rest = ", which this process lacks: run as root, or grant CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW"
	for _, tc := range []struct{ caps, want string }{
		{"+bpf,+net_admin,+net_raw", "ok"},
		{"+net_admin,+net_raw", "XDP needs CAP_BPF" + rest},
		{"+bpf,+net_raw", "XDP needs CAP_NET_ADMIN" + rest},
		{"+bpf,+net_admin", "XDP needs CAP_NET_RAW" + rest},
		{"+net_raw", "XDP needs CAP_BPF and CAP_NET_ADMIN" + rest},
		{"+chown", "XDP needs CAP_BPF and CAP_NET_ADMIN and CAP_NET_RAW" + rest},
	} {
		t.Run(tc.caps, func(t *testing.T) {
			out := t.TempDir() + "/out"
			cmd := exec.Command("setpriv", "--bounding-set=-all,"+tc.caps, "--inh-caps=-all,"+tc.caps,
				os.Args[0], "-test.run=^TestProbeNamesMissingCapabilities$")
			cmd.Env = append(os.Environ(), "BPF_TEST_PROBE="+out)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if got, err := os.ReadFile(out); err != nil || string(got) != tc.want {
				t.Errorf("got  %s\nwant %s (%v)", got, tc.want, err)
			}
		})
	}
}

// probeAndLoad shows that what Probe asks for is enough for the program.
func probeAndLoad() error {
	if err := Probe(); err != nil {
		return err
	}
	p, err := Load(Options{})
	if err != nil {
		return err
	}
	return p.Close()
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		err     error
		missing []string
		want    []string
	}{
		{ebpf.ErrNotSupported, nil, []string{"this kernel lacks WHAT"}},
		{ebpf.ErrNotSupported, []string{"CAP_BPF"}, []string{"this kernel lacks WHAT"}},
		{unix.EPERM, []string{"CAP_BPF"}, []string{"needs CAP_BPF,"}},
		{unix.EPERM, nil, []string{"forbidden", "seccomp", "WHAT"}},
		{errors.New("strange"), nil, []string{"WHAT", "strange"}},
	} {
		got := explain("WHAT", tc.err, tc.missing)
		for _, w := range tc.want {
			if got == nil || !strings.Contains(got.Error(), w) || strings.Contains(got.Error(), "\n") {
				t.Errorf("%v, %v: %v does not say %q", tc.err, tc.missing, got, w)
			}
		}
	}
	if err := explain("WHAT", nil, nil); err != nil {
		t.Error(err)
	}
}

func TestProbeLeavesNothingAttached(t *testing.T) {
	ns := nettest.NewNamespace(t)
	ns.Do(func() {
		if err := haveLink(); err != nil {
			t.Fatal(err)
		}
		if _, err := waitUnused(1); err != nil {
			t.Error(err)
		}
	})
}
