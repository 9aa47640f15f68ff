// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"xdhcp/engine/control"
	"xdhcp/internal/invariants"
	"xdhcp/internal/nettest"
)

// patience bounds every wait for something that should happen at once: long
// enough for a loaded machine under the race detector, never waited out by a
// test that passes.
const patience = 30 * time.Second

// xdhcpd is the program as TestMain has built it.
var xdhcpd string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "xdhcp-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		xdhcpd = filepath.Join(dir, "xdhcpd")
		var flags []string
		if invariants.Enabled { // the race run tests a server with the same checks
			flags = append(flags, "-race")
		}
		if err := build(xdhcpd, flags...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// build makes the program at path.
func build(path string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "xdhcp/cmd/xdhcpd")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build xdhcpd: %w\n%s", err, out)
	}
	return nil
}

// server is a running xdhcpd.
type server struct {
	t      testing.TB
	binary string
	config string
	state  string
	end    *nettest.End

	cmd    *exec.Cmd
	log    nettest.Transcript
	exited chan error
	copied chan struct{} // closed when the program's output has ended
}

// serve writes the configuration, starts the server at end and waits until it
// says that it is ready.
func serve(t testing.TB, end *nettest.End, yaml string) *server {
	t.Helper()
	return serveWith(t, xdhcpd, end, yaml)
}

// serveWith is serve with another binary.
func serveWith(t testing.TB, binary string, end *nettest.End, yaml string) *server {
	t.Helper()
	s := newServer(t, binary, end, yaml)
	s.start()
	return s
}

// newServer is a server that is yet to be started.
func newServer(t testing.TB, binary string, end *nettest.End, yaml string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, binary: binary, end: end, config: filepath.Join(dir, "xdhcp.yaml"), state: filepath.Join(dir, "state")}
	s.configure(yaml)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server:\n%s", s.log.String())
		}
		if s.cmd != nil {
			// The end of the namespace may have killed it already.
			_ = s.cmd.Process.Kill()
			_ = s.wait()
		}
	})
	return s
}

// configure replaces the configuration file.
func (s *server) configure(yaml string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(yaml), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the program and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	cmd := s.end.Command(s.binary, "serve", "-c", s.config, "--state", s.state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = &s.log
	ready := make(chan struct{})
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd, s.exited, s.copied = cmd, make(chan error, 1), make(chan struct{})
	go func() {
		defer close(s.copied)
		said := false
		lines := bufio.NewScanner(io.TeeReader(out, &s.log))
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ready") && !said {
				said = true
				close(ready)
			}
		}
	}()
	go func() {
		<-s.copied
		s.exited <- cmd.Wait()
	}()
	select {
	case <-ready:
	case err := <-s.exited:
		s.cmd = nil
		s.t.Fatalf("xdhcpd ended before it was ready: %v\n%s", err, s.log.String())
	case <-time.After(patience):
		s.t.Fatalf("xdhcpd is not ready after %v\n%s", patience, s.log.String())
	}
}

// stop asks the server to end and requires that it does so with status 0.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		s.t.Fatalf("xdhcpd after SIGTERM: %v\n%s", err, s.log.String())
	}
}

// kill ends the server as a crash does.
func (s *server) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	_ = s.wait() // "signal: killed"
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal xdhcpd: %v", err)
	}
}

func (s *server) wait() error {
	s.t.Helper()
	s.cmd.Cancel = nil
	defer func() { s.cmd = nil }()
	select {
	case err := <-s.exited:
		return err
	case <-time.After(patience):
		s.t.Fatalf("xdhcpd still runs %v after it was signalled\n%s", patience, s.log.String())
		return nil
	}
}

// status asks the server through its control socket.
func (s *server) status() control.Status {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := control.FetchStatus(ctx, s.state)
	if err != nil {
		s.t.Fatalf("status: %v", err)
	}
	return st
}

// leases lists what the server has, by address.
func (s *server) leases() map[string]control.Lease {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all := map[string]control.Lease{}
	if err := control.FetchLeases(ctx, s.state, func(l control.Lease) bool {
		all[l.Address] = l
		return true
	}); err != nil {
		s.t.Fatalf("leases: %v", err)
	}
	return all
}

// reason is how often the server counted a reason, on the path that pick says.
func reason(p control.Path, name string) uint64 {
	for _, r := range p.Reasons {
		if r.Name == name {
			return r.Count
		}
	}
	return 0
}

// eventually asks again until ok, with a pause that lets others work. It is for
// things that nothing announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
