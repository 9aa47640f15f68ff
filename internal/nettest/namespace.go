// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace that lives as long as its test.
type Namespace struct {
	// Handle is the descriptor that keeps the namespace alive.
	Handle netns.NsHandle

	t       testing.TB
	nl      *netlink.Handle
	scratch string // what Command shows its program as /etc, /run, …
}

// NewNamespace makes an empty namespace with its loopback up. When the test
// ends, processes left in it are killed and it is closed.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	NeedRoot(t)

	n := &Namespace{Handle: netns.None(), t: t}
	t.Cleanup(n.close)

	orig := lockThread(t)
	h, err := netns.New()
	restoreThread(t, orig)
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	n.Handle = h

	if n.nl, err = netlink.NewHandleAt(h, unix.NETLINK_ROUTE); err != nil {
		t.Fatalf("netlink in the new namespace: %v", err)
	}
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		t.Fatalf("loopback: %v", err)
	}
	if err := n.nl.LinkSetUp(lo); err != nil {
		t.Fatalf("loopback up: %v", err)
	}
	// Not a word of IPv6 that a test has not asked for: no duplicate address
	// detection, no router solicitations, no link-local addresses.
	for _, scope := range []string{"all", "default"} {
		for key, value := range map[string]string{
			"accept_dad": "0", "dad_transmits": "0", "router_solicitations": "0",
			"accept_ra": "0", "autoconf": "0", "addr_gen_mode": "1",
		} {
			n.Sysctl("net/ipv6/conf/"+scope+"/"+key, value)
		}
	}
	return n
}

// Do runs f on the calling goroutine, with its thread in the namespace.
// Sockets that f opens stay in the namespace; goroutines that f starts are
// not in it. f may call t.Fatal.
func (n *Namespace) Do(f func()) {
	n.t.Helper()
	orig := lockThread(n.t)
	defer restoreThread(n.t, orig)
	if err := netns.Set(n.Handle); err != nil {
		n.t.Fatalf("enter network namespace: %v", err)
	}
	f()
}

// Netlink is a handle for changes inside the namespace.
func (n *Namespace) Netlink() *netlink.Handle { return n.nl }

// Sysctl sets a kernel parameter of the namespace, as in
// Sysctl("net/ipv4/ip_forward", "1").
func (n *Namespace) Sysctl(key, value string) {
	n.t.Helper()
	n.Do(func() {
		if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0o644); err != nil {
			n.t.Fatalf("sysctl: %v", err)
		}
	})
}

// close ends what still runs in the namespace and drops the descriptor.
func (n *Namespace) close() {
	if n.nl != nil {
		n.nl.Close()
	}
	if !n.Handle.IsOpen() {
		return
	}
	n.Kill()
	if err := n.Handle.Close(); err != nil {
		n.t.Errorf("close network namespace: %v", err)
	}
}

// Kill ends what still runs in the namespace, a client that went into the
// background, say, or a program's helpers, and waits until it is gone. The end
// of the test does so too.
func (n *Namespace) Kill() {
	for _, pid := range n.processes() {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended in between
		}
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
		unix.Close(fd)
	}
}

// processes lists the other processes whose network namespace is this one.
// The inode tells, so no process of anybody else can be among them.
func (n *Namespace) processes() []int {
	var st unix.Stat_t
	if err := unix.Fstat(int(n.Handle), &st); err != nil {
		n.t.Errorf("stat network namespace: %v", err)
		return nil
	}
	want := fmt.Sprintf("net:[%d]", st.Ino)
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	var pids []int
	for _, l := range links {
		pid, err := strconv.Atoi(strings.Split(l, "/")[2])
		if err != nil || pid == os.Getpid() {
			continue
		}
		if got, err := os.Readlink(l); err == nil && got == want {
			pids = append(pids, pid)
		}
	}
	return pids
}

// lockThread ties the goroutine to its thread and returns the thread's
// namespace, for restoreThread.
func lockThread(t testing.TB) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	orig, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		t.Fatalf("current network namespace: %v", err)
	}
	return orig
}

// restoreThread undoes lockThread. A thread that cannot go home stays locked,
// so that it ends with its goroutine and nobody else runs on it.
func restoreThread(t testing.TB, orig netns.NsHandle) {
	t.Helper()
	defer orig.Close()
	if err := netns.Set(orig); err != nil {
		t.Errorf("leave network namespace: %v", err)
		return
	}
	runtime.UnlockOSThread()
}
