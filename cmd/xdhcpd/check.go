// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"

	"xdhcp/internal/config"
)

type checkCmd struct {
	Config string `short:"c" required:"" help:"Configuration file." placeholder:"FILE"`
}

// Run exits with 0 when the file can be served, else reports every mistake in
// it and exits with 1.
func (c *checkCmd) Run(e *env) error {
	cfg, err := loadConfig(e.stderr, c.Config)
	if err != nil {
		return err
	}
	// What only the engine knows to be impossible.
	if err := compiles(cfg); err != nil {
		return &exitError{1, fmt.Sprintf("%s: %v", c.Config, err)}
	}
	subnets, pools, reservations := 0, 0, 0
	for s := range cfg.All() {
		subnets++
		pools += len(s.Pools)
		reservations += len(s.Reservations)
	}
	for s := range cfg.DHCP6.All() {
		subnets++
		pools += len(s.Pools) + len(s.Delegate)
		reservations += len(s.Reservations)
	}
	fmt.Fprintf(e.stdout, "%s: ok: %s, %s, %s, %s\n", c.Config,
		count(len(cfg.Interfaces), "interface"), count(subnets, "subnet"), count(pools, "pool"), count(reservations, "reservation"))
	return nil
}

// compiles says what the engine finds wrong with a configuration.
func compiles(cfg *config.Config) error {
	_, err := compile(cfg, nil)
	_, err6 := compile6(cfg, nil, sampleDUID(cfg), nil)
	return errors.Join(err, err6)
}

// loadConfig loads a file, ours or Kea's, and prints its problems and warnings.
func loadConfig(stderr io.Writer, file string) (*config.Config, error) {
	var cfg *config.Config
	var problems []config.Problem
	if isKea(file) {
		var err error
		if _, cfg, err = loadKea(stderr, file); err != nil {
			return nil, err
		}
	} else if cfg, problems = config.Load(file); cfg == nil {
		return nil, report(stderr, file, problems)
	}
	if problems := badExpressions(cfg); problems != nil {
		return nil, report(stderr, file, problems)
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stderr, "warning: %v\n", w)
	}
	return cfg, nil
}

// report prints problems and says how many they are.
func report(stderr io.Writer, file string, problems []config.Problem) error {
	for _, p := range problems {
		fmt.Fprintln(stderr, p)
		if p.Excerpt != "" {
			fmt.Fprintln(stderr, p.Excerpt)
		}
	}
	return &exitError{1, count(len(problems), "problem") + " in " + file}
}

// count prints a number and its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
