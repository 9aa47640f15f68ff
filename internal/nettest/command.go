// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// enter runs a program in a mount and host name namespace of its own, where
// /sys shows the network namespace's interfaces and the directories that DHCP
// clients write to are the test's. $1 is the scratch directory.
const enter = `set -eu
scratch=$1; shift
mount -t sysfs sysfs /sys
mount --bind /etc "$scratch/etc.ro"
mount -o remount,bind,ro "$scratch/etc.ro"
for d in etc run var/lib/dhcp var/lib/dhcpcd; do
	[ -d "/$d" ] && mount --bind "$scratch/$d" "/$d"
done
exec "$@"`

// Command prepares a real program to run in the namespace, as exec.Command
// does. The program sees a private copy of /etc and an empty /run and
// /var/lib/dhcp, /var/lib/dhcpcd, so it cannot change the machine's
// resolv.conf or host name, nor meet another test's client; programs of one
// namespace share these, so a second run finds the first one's leases.
//
// What is left of it in the namespace when the test ends is killed. (There is
// no parent-death signal: it would come when the thread that started the
// program ends, as threads of locked goroutines do.)
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	n.t.Helper()
	n.makeScratch()
	argv := []string{
		// Our own descriptor of the namespace, which has no path elsewhere.
		fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), int(n.Handle)),
		"--", "unshare", "--mount", "--uts", "--",
		"sh", "-c", enter, "sh", n.scratch, name,
	}
	return exec.Command("nsenter", append(argv, args...)...)
}

// makeScratch fills the scratch directory at the first Command. Of /etc, files
// are copied; directories are links into a read-only view of the real ones,
// since copying all of it takes most of a second.
func (n *Namespace) makeScratch() {
	n.t.Helper()
	if n.scratch != "" {
		return
	}
	dir := n.t.TempDir()
	etc := filepath.Join(dir, "etc")
	for _, d := range []string{"etc", "etc.ro", "run/lock", "var/lib/dhcp", "var/lib/dhcpcd"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			n.t.Fatalf("scratch directory: %v", err)
		}
	}
	entries, err := os.ReadDir("/etc")
	if err != nil {
		n.t.Fatalf("scratch directory: %v", err)
	}
	copies := []string{"-a", "-t", etc}
	for _, e := range entries {
		if !e.IsDir() {
			copies = append(copies, filepath.Join("/etc", e.Name()))
		} else if err := os.Symlink(filepath.Join(dir, "etc.ro", e.Name()), filepath.Join(etc, e.Name())); err != nil {
			n.t.Fatalf("scratch directory: %v", err)
		}
	}
	if out, err := exec.Command("cp", copies...).CombinedOutput(); err != nil {
		n.t.Fatalf("copy of /etc: %v: %s", err, out)
	}
	// Before the directory is removed, its users end.
	n.t.Cleanup(n.Kill)
	n.scratch = dir
}
