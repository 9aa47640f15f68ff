// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"xdhcp/internal/nettest"
)

// An idle server sleeps: it uses less than 1 % of a core. What counts is the
// processor time that the kernel has charged, which the load of the machine
// does not change.
func TestAnIdleServerSleeps(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	// The program as it is shipped: the race detector's own work is not the
	// server's.
	plain := filepath.Join(t.TempDir(), "xdhcpd")
	if err := build(plain); err != nil {
		t.Fatal(err)
	}
	s := serveWith(t, plain, p.Server, config(p.Server, "native"))
	newClient(t, p.Client, "02:00:00:00:0b:01").lease()
	// It is idle when the journal has its next segment ready.
	const twoSegments = 128 << 20
	eventually(t, "the next segment is prepared", func() bool { return s.status().Journal.LogBytes >= twoSegments })
	const watch = 10 * time.Second
	before := cpuTime(t, s.cmd.Process.Pid)
	time.Sleep(watch) // the time without traffic is what is tested
	used := cpuTime(t, s.cmd.Process.Pid) - before
	t.Logf("%v of processor time in %v", used, watch)
	if used > watch/100 {
		t.Errorf("idle for %v, the server used %v of processor time", watch, used)
	}
}

// cpuTime is the processor time of a process so far, user and system, as
// proc_pid_stat(5) gives it in ticks of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The second field is a name in parentheses and may hold anything.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime and stime, fields 14 and 15
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
