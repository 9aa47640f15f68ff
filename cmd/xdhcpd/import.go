// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"os"

	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/internal/config"
	"xdhcp/internal/kea"
)

// importCmd makes configurations of those of other servers.
type importCmd struct {
	Kea importKeaCmd `cmd:"" help:"Print what a configuration of one of Kea's servers is in xdhcpd's."`
}

type importKeaCmd struct {
	File string `arg:"" help:"Kea's configuration, kea-dhcp4.conf or kea-dhcp6.conf." placeholder:"FILE"`
}

// Run prints the configuration. It exits with 2 when something that changes
// answers is not carried; the output says what, and why.
func (c *importKeaCmd) Run(e *env) error {
	r, cfg, err := loadKea(e.stderr, c.File)
	if err != nil {
		return err
	}
	if err := compiles(cfg); err != nil {
		return &exitError{1, fmt.Sprintf("%s: %v", c.File, err)}
	}
	if _, err := e.stdout.Write(r.YAML); err != nil {
		return err
	}
	if n := len(r.NotCarried); n > 0 {
		return &exitError{2, fmt.Sprintf("%s: %s that the output does not carry", c.File, count(n, "difference"))}
	}
	return nil
}

// loadKea converts a file of Kea and prints its problems and warnings.
func loadKea(stderr io.Writer, file string) (*kea.Result, *config.Config, error) {
	r, problems := kea.Import(file, kea.Options{Interfaces: interfacesUp})
	if r == nil {
		return nil, nil, report(stderr, file, problems)
	}
	for _, list := range [][]kea.Problem{r.NotCarried, r.Ignored} {
		for _, p := range list {
			fmt.Fprintf(stderr, "warning: %v\n", p)
		}
	}
	cfg, problems := r.Config(file)
	if cfg == nil {
		return nil, nil, report(stderr, file, problems)
	}
	return r, cfg, nil
}

// isKea looks whether a file is one of Kea's. What cannot be read is not.
func isKea(file string) bool {
	text, err := os.ReadFile(file)
	return err == nil && kea.Is(text)
}

// interfacesUp are those that Kea's * stands for: all that are up, without the
// loopback.
func interfacesUp() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagBroadcast != 0 {
			names = append(names, i.Name)
		}
	}
	return names, nil
}

// badExpressions are the expressions of a configuration that do not compile.
func badExpressions(cfg *config.Config) (out []config.Problem) {
	for m := range cfg.Expressions() {
		check := policy.CheckExpr
		if m.By == config.MatchExpression6 {
			check = policy6.CheckExpr
		}
		if err := check(m.Expression); err != nil {
			out = append(out, config.Problem{File: cfg.File, Line: m.At.Line, Column: m.At.Column, Msg: err.Error()})
		}
	}
	if cfg.FlexID != "" {
		if err := policy.CheckFlexID(cfg.FlexID); err != nil {
			out = append(out, config.Problem{File: cfg.File, Line: cfg.FlexIDAt.Line, Column: cfg.FlexIDAt.Column, Path: "flex-id", Msg: err.Error()})
		}
	}
	return out
}
