// SPDX-License-Identifier: Apache-2.0

// Package cli is what the commands have in common: a command line, and how it ends.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit is an error that ends the program with a status of its own. It is printed as it
// is, if it says anything; others with the program's name before them.
type Exit interface {
	error
	ExitCode() int
}

// Program is a command line: the grammar that kong reads from its fields' tags, and
// what its commands' Run methods get.
type Program struct {
	Name, Description string
	Grammar           any
	Env               any
}

// Main carries out the process's command line and ends it. Its context ends when
// the process is asked to.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run carries out a command line and returns the exit status: 2 for one that makes no
// sense, 1 for what else fails.
func (p *Program) Run(args []string, stdout, stderr io.Writer) int {
	exited := -1
	parser, err := kong.New(p.Grammar,
		kong.Name(p.Name),
		kong.Description(p.Description),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Bind(p.Env),
	)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v; see %[1]s --help\n", p.Name, err)
		return 2
	}
	err = parsed.Run()
	var exit Exit
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return 1
	case exit.Error() != "":
		fmt.Fprintln(stderr, exit)
	}
	return exit.ExitCode()
}
