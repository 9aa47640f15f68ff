// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"golang.org/x/sync/errgroup"

	"xdhcp/bpf"
	"xdhcp/internal/config"
)

type serveCmd struct {
	Config string `short:"c" required:"" help:"Configuration file." placeholder:"FILE"`
	State  string `help:"State directory; overrides the configuration's." placeholder:"DIR"`

	CPUProfile string `name:"cpuprofile" help:"Write a CPU profile, from being ready to the end, for go tool pprof." placeholder:"FILE"`
}

// Run serves until SIGTERM or SIGINT. SIGHUP loads the configuration again.
func (c *serveCmd) Run(e *env) error {
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	cfg, err := loadConfig(e.stderr, c.Config)
	if err != nil {
		return err
	}
	if c.State != "" {
		cfg.State = c.State
	}
	// Before anything is attached or written.
	if usesXDP(cfg) {
		if err := bpf.Probe(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(cfg.State, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	// The journal's committer comes back from the disk while workers have every
	// processor's turn, and all wait for it: it must not queue behind them.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	s, err := newServer(cfg, c.Config, log)
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(e.ctx)
	tasks.Go(func() error { return s.run(ctx) })
	tasks.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hup:
				s.reload(e.stderr)
			}
		}
	})
	stopProfile := func() error { return nil }
	tasks.Go(func() (err error) {
		if s.awaitStart(ctx) {
			if stopProfile, err = profile(c.CPUProfile); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "xdhcpd ready: %s, %s\n", count(len(cfg.Interfaces), "interface"), count(int(s.table.Stats().Bound+s.table6.Stats().Bound), "lease"))
			notify("READY=1")
		}
		return nil
	})
	err = errors.Join(tasks.Wait(), stopProfile())
	notify("STOPPING=1")
	return err
}

// profile writes a CPU profile into a file, if there is a name, until stop is
// called.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return func() error { return nil }, fmt.Errorf("CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return func() error { return nil }, fmt.Errorf("CPU profile: %w", err)
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

func usesXDP(cfg *config.Config) bool {
	for _, ifc := range cfg.Interfaces {
		if ifc.XDP != config.XDPOff {
			return true
		}
	}
	return false
}

// notify tells systemd, if it started us, what sd_notify(3) would.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return // whoever asked to be told is gone
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// awaitStart waits for the first attempt of every interface and of the slow
// path; it returns false if ctx ends before.
func (s *server) awaitStart(ctx context.Context) bool {
	for _, p := range s.ports {
		select {
		case <-p.Started():
		case <-ctx.Done():
			return false
		}
	}
	select {
	case <-s.slow.Ready():
		return true
	case <-ctx.Done():
		return false
	}
}
