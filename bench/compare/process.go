// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/bench/load"
)

// process is a contender that runs.
type process struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	err   error // of its end
}

// start runs a command in the server's namespace.
func (w *wire) start(argv []string, env ...string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Dir = w.dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := w.server.Do(p.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// grace is how long a server may take to end when it is asked to.
const grace = 20 * time.Second

func (p *process) stop() {
	_ = p.cmd.Process.Signal(unix.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail is the end of what the process has said.
func (p *process) tail() string {
	const most = 400
	s := strings.TrimSpace(p.out.String())
	return s[max(0, len(s)-most):]
}

// patience is how long a server may take until it answers.
const patience = 60 * time.Second

// answers waits until the server has acknowledged a lease to the prober, and says
// how long that took from began.
func (p *process) answers(ctx context.Context, w *wire, began time.Time, family int) (time.Duration, error) {
	g, err := w.load(clientKit{family: family, count: 1, probe: true})
	if err != nil {
		return 0, err
	}
	defer g.Close()
	for time.Since(began) < patience {
		select {
		case <-p.ended:
			return 0, fmt.Errorf("ended (%v): %s", p.err, p.tail())
		case <-ctx.Done():
			return 0, ctx.Err()
		default:
		}
		r, err := g.Run(ctx, load.Load{Window: 1, Count: 1})
		if err != nil {
			return 0, err
		}
		if r.Done["dora"]+r.Done["sarr"] > 0 {
			return time.Since(began), nil
		}
	}
	return 0, fmt.Errorf("no answer in %v: %s", patience, p.tail())
}

// usage is processor time.
type usage struct {
	server  time.Duration // user and system time of the contender
	softirq time.Duration // of the whole machine
}

const tick = time.Second / 100 // USER_HZ: a constant of the kernel's interface

// usage reads the processor time so far. The process may have ended.
func (p *process) usage() (u usage) {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid)); err == nil {
		// The name, in brackets, may hold anything; utime and stime are the
		// 12th and 13th field behind it.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for _, s := range f[11:13] {
			n, _ := strconv.Atoi(s)
			u.server += time.Duration(n) * tick
		}
	}
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		line, _, _ := strings.Cut(string(b), "\n")
		n, _ := strconv.Atoi(strings.Fields(line)[7])
		u.softirq = time.Duration(n) * tick
	}
	return u
}

func (u usage) since(before usage) usage {
	return usage{u.server - before.server, u.softirq - before.softirq}
}

// resident is the process's memory in bytes.
func (p *process) resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// find is the path of a program, also of one that only root has in its path.
func find(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if p := filepath.Join(dir, name); unix.Access(p, unix.X_OK) == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (make deps-compare)", name)
}
