// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	if _, err := compile(cfg, nil); err != nil {
		return &exitError{1, fmt.Sprintf("%s: %v", c.Config, err)}
	}
	pools, reservations := 0, 0
	for _, s := range cfg.Subnets {
		pools += len(s.Pools)
		reservations += len(s.Reservations)
	}
	fmt.Fprintf(e.stdout, "%s: ok: %s, %s, %s, %s\n", c.Config,
		count(len(cfg.Interfaces), "interface"), count(len(cfg.Subnets), "subnet"), count(pools, "pool"), count(reservations, "reservation"))
	return nil
}

// loadConfig loads a file and prints its problems and warnings.
func loadConfig(stderr io.Writer, file string) (*config.Config, error) {
	cfg, problems := config.Load(file)
	if cfg != nil {
		for _, w := range cfg.Warnings {
			fmt.Fprintf(stderr, "warning: %v\n", w)
		}
		return cfg, nil
	}
	for _, p := range problems {
		fmt.Fprintln(stderr, p)
		if p.Excerpt != "" {
			fmt.Fprintln(stderr, p.Excerpt)
		}
	}
	return nil, &exitError{1, count(len(problems), "problem") + " in " + file}
}

// count prints a number and its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
