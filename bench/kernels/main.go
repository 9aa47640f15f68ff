// SPDX-License-Identifier: Apache-2.0

// Command kernels is the first process of a small virtual machine: it proves that
// another kernel runs xdhcpd. scripts/kernels.sh makes the machine.
//
// It loads the modules that lie in /modules, makes a veth pair, has xdhcpd serve
// one end, and takes leases on the other over AF_XDP, directly and behind a relay;
// then it floods by pktgen (scripts/pktgen.sh), and turns the machine off. Each
// step prints a line PASS or FAIL, and the last line is "kernels: done". It tells
// what works, not how fast: the processor is emulated.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience is for one step, on a processor that is emulated.
const patience = 90 * time.Second

func main() {
	failed := false
	step := func(name string, f func() (string, error)) bool {
		said, err := f()
		if err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", name, err)
			return false
		}
		fmt.Printf("PASS %s %s\n", name, said)
		return true
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "kernels: this is the first process of a virtual machine; see scripts/kernels.sh")
		os.Exit(2)
	}
	fmt.Println()
	if step("kernel", boot) && step("modules", modules) && step("veth pair", veth) {
		var server *exec.Cmd
		if step("xdhcpd serves", func() (said string, err error) { server, said, err = serve(); return said, err }) {
			step("DORA by broadcast", func() (string, error) { return load("-w", "4", "-c", "50", "--first-mac", "02:0a:00:00:00:00") })
			step("DORA behind a relay", func() (string, error) {
				return load("-w", "4", "-c", "50", "--first-mac", "02:0b:00:00:00:00", "--relay", "10.67.0.2")
			})
			step("renewals", func() (string, error) {
				return load("-w", "4", "-c", "50", "--first-mac", "02:0c:00:00:00:00", "--preload", "--mix", "renew=1", "--relay", "10.67.0.2")
			})
			step("through AF_XDP", steered)
			if _, err := os.Stat("/modules/pktgen.ko"); err == nil {
				step("pktgen", pktgen)
			} else {
				fmt.Println("SKIP pktgen: the kernel's package has no such module")
			}
			step("xdhcpd ends", func() (string, error) {
				return "", errors.Join(server.Process.Signal(unix.SIGTERM), server.Wait())
			})
		}
	}
	if failed {
		fmt.Println("kernels: failed")
	}
	fmt.Println("kernels: done")
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// boot mounts what programs expect.
func boot() (string, error) {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"bpf", "/sys/fs/bpf"}, {"tmpfs", "/tmp"},
	} {
		if err := errors.Join(os.MkdirAll(m.at, 0o755), unix.Mount(m.kind, m.at, m.kind, 0, "")); err != nil {
			return "", fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := errors.Join(os.Setenv("PATH", "/bin"), os.Setenv("HOME", "/tmp")); err != nil {
		return "", err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	return string(bytes.TrimSpace(release)), err
}

// modules loads all that there are.
func modules() (string, error) {
	names, err := filepath.Glob("/modules/*.ko")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return strings.Join(names, " "), nil
}

const (
	serverMAC = "02:00:00:00:00:01"
	config    = `interfaces: [srv0]
subnets:
  - subnet: 10.64.0.0/10
    pools: [10.80.0.0-10.95.255.255]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [10.67.0.1]}
`
)

func veth() (string, error) {
	mac, err := net.ParseMAC(serverMAC)
	if err != nil {
		return "", err
	}
	addr, err := netlink.ParseAddr("10.67.0.1/10")
	if err != nil {
		return "", err
	}
	srv := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "srv0", HardwareAddr: mac}, PeerName: "cli0"}
	if err := netlink.LinkAdd(srv); err != nil {
		return "", err
	}
	for _, name := range []string{"lo", "srv0", "cli0"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return "", err
		}
		if name == "srv0" {
			err = netlink.AddrAdd(link, addr)
		}
		if err := errors.Join(err, netlink.LinkSetUp(link)); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return "", nil
}

// serve starts the server and waits until it is ready.
func serve() (*exec.Cmd, string, error) {
	if err := os.WriteFile("/tmp/xdhcp.yaml", []byte(config), 0o644); err != nil {
		return nil, "", err
	}
	cmd := exec.Command("/bin/xdhcpd", "serve", "-c", "/tmp/xdhcp.yaml", "--state", "/tmp/state")
	cmd.Stderr = os.Stdout
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
	}()
	select {
	case line := <-lines:
		if !strings.Contains(line, "ready") {
			return nil, "", fmt.Errorf("it says %q: %w", line, cmd.Wait())
		}
		return cmd, "", nil
	case <-time.After(patience):
		return nil, "", errors.New("it is not ready")
	}
}

// output runs a program to its end.
func output(env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	b, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, b)
	}
	return string(b), nil
}

// load has clients take leases; none may fail.
func load(args ...string) (string, error) {
	args = append([]string{"run", "-i", "cli0", "-n", "50", "-q", "--wait", "10s,20s", "--server", "10.67.0.1", "--server-mac", serverMAC}, args...)
	said, err := output(nil, "/bin/xdhcpbench", args...)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(said, "\n")
	if !strings.Contains(first, " 0.000 % dropped") || !strings.Contains(first, "AF_XDP") {
		return "", errors.New(said)
	}
	return first, nil
}

// sent is how many messages the loads send at least: three times 50 clients'
// DISCOVER and REQUEST, and 50 renewals.
const sent = 3*50*2 + 50

// steered proves that the server's frames have come through XDP, natively.
func steered() (string, error) {
	said, err := output(nil, "/bin/xdhcpd", "status", "--state", "/tmp/state")
	if err != nil {
		return "", err
	}
	if !strings.Contains(said, "xdp native") {
		return "", errors.New(said)
	}
	for line := range strings.Lines(said) {
		var n int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "xdp steered4 %d", &n); err == nil && n >= sent {
			return strings.Join(strings.Fields(line), " "), nil
		}
	}
	return "", fmt.Errorf("want %d frames or more: %s", sent, said)
}

// pktgen runs the script that floods beside a load.
func pktgen() (string, error) {
	said, err := output([]string{"IFACE=cli0", "SERVER=10.67.0.1", "SERVER_MAC=" + serverMAC, "RATE=500", "DURATION=3s",
		"LOAD=-r 20 --relay 10.67.0.2 --wait 5s,5s", "XDHCPBENCH=/bin/xdhcpbench"}, "/bin/sh", "/scripts/pktgen.sh")
	if err != nil {
		return "", err
	}
	if !strings.Contains(said, "flood   pktgen: ") || strings.Contains(said, "pktgen: 0 frames") {
		return "", errors.New(said)
	}
	return "\n" + said, nil
}
