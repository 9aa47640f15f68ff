// SPDX-License-Identifier: Apache-2.0

// Package golden runs tests that are written as scripts: files of blocks, each some
// commands, a line of four dashes, and what they print, parted by empty lines.
//
//	# a comment
//	discover mac=02::01 t=100
//	----
//	offer 10.0.0.1
//
// With the flag -rewrite what is printed goes into the files, to be read and judged.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts print into testdata, to be read and judged")

// Run runs each of the files that match pattern as a test of its own. begin makes what
// carries out the commands of a file's blocks and returns what they have printed.
func Run(t *testing.T, pattern string, begin func(*testing.T) func(commands []string) string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runFile(t, file, begin(t)) })
	}
}

func runFile(t *testing.T, file string, do func([]string) string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
		in, want, found := strings.Cut(block, "\n----")
		commands := commandsOf(in)
		if !found {
			if len(commands) > 0 {
				t.Fatalf("a block without ----: %s", block)
			}
			out = append(out, block)
			continue
		}
		got := strings.TrimRight("\n"+do(commands), "\n")
		if diff := cmp.Diff(want, got); diff != "" && !*rewrite {
			t.Errorf("%s\n(-want +got):\n%s", in, diff)
		}
		out = append(out, in+"\n----"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commandsOf are the lines of a block that are not empty or comments.
func commandsOf(block string) (commands []string) {
	for _, line := range strings.Split(block, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			commands = append(commands, line)
		}
	}
	return commands
}
