// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

type world struct{ stdout io.Writer }

type sayCmd struct {
	What string `arg:""`
}

func (c *sayCmd) Run(w *world) error {
	switch c.What {
	case "trouble":
		return errors.New("trouble")
	case "three":
		return fmt.Errorf("wrapped: %w", status(3))
	case "four":
		return status(4)
	}
	fmt.Fprintln(w.stdout, c.What)
	return nil
}

// status ends the program with itself; 4 says nothing.
type status int

func (s status) ExitCode() int { return int(s) }
func (s status) Error() string {
	if s == 4 {
		return ""
	}
	return fmt.Sprint("status ", int(s))
}

func TestHowAProgramEnds(t *testing.T) {
	for _, tt := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"say hello", 0, "hello\n", ""},
		{"say trouble", 1, "", "prog: trouble\n"},
		{"say three", 3, "", "status 3\n"},
		{"say four", 4, "", ""},
		{"shout", 2, "", "see prog --help"},
		{"--help", 0, "What it is for.", ""},
	} {
		var out, errs strings.Builder
		grammar := struct {
			Say sayCmd `cmd:""`
		}{}
		p := Program{Name: "prog", Description: "What it is for.", Grammar: &grammar, Env: &world{&out}}
		code := p.Run(strings.Fields(tt.args), &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) || tt.err == "" && errs.Len() > 0 {
			t.Errorf("%s: %d, %q, %q", tt.args, code, out.String(), errs.String())
		}
	}
}
