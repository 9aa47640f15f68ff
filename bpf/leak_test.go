// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"xdhcp/internal/nettest"
)

// TestMain fails the run when a test has left descriptors of the kernel's BPF
// objects or sockets behind.
func TestMain(m *testing.M) {
	// A descriptor that only the garbage collector would close is a leak. (A
	// fuzz run cannot do without it.)
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f == nil || f.Value.String() == "" {
		debug.SetGCPercent(-1)
	}
	before := descriptors()
	code := m.Run()
	if after := descriptors(); code == 0 && after != before {
		fmt.Fprintf(os.Stderr, "descriptors leaked\nbefore: %s\nafter:  %s\n", before, after)
		code = 1
	}
	os.Exit(code)
}

// descriptors lists what of this process's descriptors could be ours.
func descriptors() string {
	var list []string
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		to, err := os.Readlink(l)
		if err == nil && (strings.Contains(to, "bpf") || strings.Contains(to, "btf") || strings.HasPrefix(to, "socket:")) {
			list = append(list, to)
		}
	}
	return strings.Join(list, " ")
}

// Whichever descriptor the process is refused, Load and Attach fail cleanly and
// leave none open.
func TestNoDescriptorLeaksOnAnyFailure(t *testing.T) {
	nettest.NeedRoot(t)
	pair := nettest.Veth(t)
	warm := load(t, Options{}) // probes are cached, the poller of the runtime is there
	if _, err := attach(t, warm, pair.Server, Auto); err != nil {
		t.Fatal(err)
	}
	if err := warm.Detach(); err != nil {
		t.Fatal(err)
	}
	pair.Server.Do(func() {
		failures := 0
		for room := 0; ; room++ {
			before := descriptors()
			restore := limitDescriptors(t, room)
			err := loadAndAttach(pair.Server.Index)
			restore()
			if after := descriptors(); after != before {
				t.Fatalf("with room for %d descriptors (%v) left\n%s\nbefore\n%s", room, err, after, before)
			}
			if err == nil {
				break
			}
			failures++
			if room > 100 {
				t.Fatalf("fails with room for %d descriptors: %v", room, err)
			}
		}
		// Six maps, the program and the link are open at once at the end.
		if failures < 8 {
			t.Errorf("only %d steps failed for want of descriptors", failures)
		}
	})
}

func loadAndAttach(ifindex int) error {
	p, err := Load(Options{})
	if err != nil {
		return err
	}
	if err := p.SetAddrs(ourAddrs); err != nil {
		return fmt.Errorf("%w, %w", err, p.Close())
	}
	if _, err := p.Attach(ifindex, Auto); err != nil {
		if cerr := p.Close(); cerr != nil {
			return fmt.Errorf("%w, and close: %w", err, cerr)
		}
		return err
	}
	return p.Close()
}

// limitDescriptors leaves the process room for n more descriptors.
func limitDescriptors(t *testing.T, n int) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	// The limit is on numbers: those free below the highest in use count too.
	var held []*os.File
	highest := 0
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		var fd int
		if _, err := fmt.Sscan(filepath.Base(l), &fd); err == nil {
			highest = max(highest, fd)
		}
	}
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		if int(f.Fd()) > highest {
			highest = int(f.Fd()) - 1
			f.Close()
			break
		}
		held = append(held, f)
	}
	set := func(l syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: uint64(highest + 1 + n), Max: old.Max})
	return func() {
		set(old)
		for _, f := range held {
			f.Close()
		}
	}
}
