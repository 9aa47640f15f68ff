// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// enter runs a program in a mount and host name namespace of its own, where
// /sys shows the network namespace's interfaces and the directories that DHCP
// clients write to are the test's. $1 is the scratch directory.
const enter = `set -eu
scratch=$1; shift
mount -t sysfs sysfs /sys
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
// The program gets SIGKILL when the test process dies, and anything left in
// the namespace when the test ends.
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	n.t.Helper()
	n.makeScratch()
	argv := []string{
		// Our own descriptor of the namespace, which has no path elsewhere.
		fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), int(n.Handle)),
		"--", "unshare", "--mount", "--uts", "--",
		"sh", "-c", enter, "sh", n.scratch, name,
	}
	cmd := exec.Command("nsenter", append(argv, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// makeScratch fills the scratch directory at the first Command.
func (n *Namespace) makeScratch() {
	n.t.Helper()
	if n.scratch != "" {
		return
	}
	dir := n.t.TempDir()
	for _, d := range []string{"run/lock", "var/lib/dhcp", "var/lib/dhcpcd"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			n.t.Fatalf("scratch directory: %v", err)
		}
	}
	if out, err := exec.Command("cp", "-a", "/etc", dir).CombinedOutput(); err != nil {
		n.t.Fatalf("copy of /etc: %v: %s", err, out)
	}
	// Before the directory is removed, its users end.
	n.t.Cleanup(n.kill)
	n.scratch = dir
}
