// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const script = `# what this is about

# begin
  say hello
say again # not a comment
----
2 commands

quiet
----
`

func TestScriptsAreCutIntoBlocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	Run(t, file, func(*testing.T) func([]string) string {
		return func(commands []string) string {
			got = append(got, commands)
			if len(commands) == 2 {
				return "2 commands\n"
			}
			return ""
		}
	})
	want := [][]string{{"say hello", "say again # not a comment"}, {"quiet"}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the commands are %q, want %q", got, want)
	}
}

// What is printed is written where it is asked for, and nothing else changes.
func TestRewrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	defer func() { *rewrite = false }()
	*rewrite = true
	runFile(t, file, func(c []string) string {
		if len(c) == 2 {
			return "other\n"
		}
		return ""
	})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(script, "2 commands", "other", 1); string(text) != want {
		t.Errorf("the file is\n%s\nwant\n%s", text, want)
	}
}
