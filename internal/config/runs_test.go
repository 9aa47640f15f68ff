// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var diffNodes = cmp.AllowUnexported(node{}, pair{})

// bothWays reads text with and without cutting runs out of it: the nodes must
// be the same, places and all.
func bothWays(t *testing.T, text string) (runs int) {
	t.Helper()
	plain, plainErr, _ := readAST(text, nil)
	rest, cut := cutRuns(text)
	if strings.Count(rest, "\n") != strings.Count(text, "\n") {
		t.Errorf("lines are lost:\n%s", rest)
	}
	got, err := read(text)
	if (err == nil) != (plainErr == nil) || err != nil && (err.msg != plainErr.msg || err.place != plainErr.place) {
		t.Fatalf("%q:\nwith runs %+v, without %+v", text, err, plainErr)
	}
	if !same(plain, got) {
		t.Fatalf("%s\n%s", text, cmp.Diff(plain, got, diffNodes, cmpopts.EquateEmpty()))
	}
	return len(cut)
}

// same compares trees of nodes. cmp.Diff does it too, but the time that it takes
// doubles with each level where there is a difference to show or not.
func same(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.kind == b.kind && a.place == b.place && a.text == b.text && a.weight == b.weight &&
		slices.EqualFunc(a.list, b.list, same) &&
		slices.EqualFunc(a.pairs, b.pairs, func(x, y pair) bool { return same(x.key, y.key) && same(x.value, y.value) })
}

// list is a block list of n items, each of the lines of a format with the
// item's number.
func list(n int, format ...string) string {
	var b strings.Builder
	b.WriteString("a:\n  b:\n")
	for i := range n {
		for _, f := range format {
			b.WriteString(strings.ReplaceAll(f, "#i", fmt.Sprint(i)))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestRuns(t *testing.T) {
	tests := []struct {
		name string
		text string
		runs int
	}{
		{"flow", list(20, `    - {mac: "02:00:00:00:00:#i", address: 10.0.0.#i, hostname: h-#i}`), 1},
		{"flow, nested", list(20, `  - {a: [1, 2, {b: c}], d: {}, e: [], f: '#i'} # comment`), 1},
		{"block", list(20, `    - mac: "02:00:00:00:00:#i"`, `      address: 10.0.0.#i # comment`, `      options: {a: [#i]}`), 1},
		{"block, one key", list(20, `-  a: x#i`), 1},
		{"comments between", list(20, `    - {a: b#i}`, ``, `  # c`, `# d`), 1},
		{"comments within", list(20, `    - a: b#i`, `      # c`, ``, `      c: d`), 1},
		{"after it something else", list(20, `    - {a: b#i}`) + "  c: d\n", 1},
		{"two", list(20, `    - {a: b#i}`) + "    - x\n" + strings.TrimPrefix(list(20, `    - {a: b#i}`), "a:\n  b:\n"), 2},
		{"two lists", list(20, `    - {a: b#i}`) + strings.ReplaceAll(list(20, `    - {a: b#i}`), "a:\n  b:\n", "  c:\n"), 2},
		{"colons", list(20, `    - {a: 2001:db8::#i, b: x:y}`), 1},
		{"no line end at the end", strings.TrimSuffix(list(20, `    - {a: b#i}`), "\n"), 1},
		{"too few", list(minRun, `    - {a: b#i}`), 0},
		{"text", "a: |\n" + strings.TrimPrefix(list(20, `    - {a: b#i}`), "a:\n  b:\n"), 1},
		{"words", list(20, `    - a: b #i c`), 0},
		{"words in flow", list(20, `    - {a: b #i}`), 0},
		{"escapes", list(20, `    - {a: "\n#i"}`), 0},
		{"null", list(20, `    - {a: null}`), 0},
		{"anchor", list(20, `    - {a: &x#i b}`), 0},
		{"longer than its line", list(20, `    - {a: b#i}`, `     `)[:40] + "\n" + list(20, `    - a: b#i`, `       c`), 0},
		{"deeper", list(20, `    - a: b#i`, `        c`), 0},
		{"key without value", list(20, `    - a:`, `      b: c`), 0},
		{"comma in block", list(20, `    - a: b,c`), 0},
		{"not maps", list(20, `    - a#i`), 0},
		{"spaces at the end", list(20, `    - a: b#i `), 0},
		{"spaces after flow", list(20, `    - {a: b#i} `), 0},
		{"tabs", list(20, "    - {a:\tb#i}"), 0},
		{"CRLF", strings.ReplaceAll(list(20, `    - {a: b#i}`), "\n", "\r\n"), 0},
		{"CR in a comment", list(20, `    - a: b#i`, "# c\r      d: e"), 0},
		{"twice the key", list(20, `    - {a: b, a: c}`), 1},
		{"broken later", list(20, `    - {a: b#i}`) + "  c: [\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := bothWays(t, tt.text); n != tt.runs {
				t.Errorf("%d runs, want %d:\n%s", n, tt.runs, tt.text)
			}
		})
	}
}

func FuzzRuns(f *testing.F) {
	f.Add(`    - {mac: "02:00:00:00:00:01", address: 10.0.0.1}`, "  x: y")
	f.Add("  - a: b\n    c: [d, 'e']", "  - {}")
	f.Add("- a: 0x1f\n# c\n\n  b: 2001:db8::1", "")
	f.Fuzz(func(t *testing.T, item, end string) {
		if len(item) > 200 || len(end) > 100 {
			return
		}
		bothWays(t, "a:\n"+strings.Repeat(item+"\n", 2*minRun)+end)
	})
}

// FuzzParse: any text is a configuration or has problems, each inside the text.
func FuzzParse(f *testing.F) {
	f.Add(design)
	f.Add("interfaces: [eth1]\nsubnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], options: {119: [a.b], 43: {1: hex:00}}}]")
	f.Add("a: &a [*a]\nb: {<<: *a}")
	f.Add("subnets:\n  - subnet: 10.0.0.0/8\n    exclude: 10.0.0.0/9\n    reservations:\n      - mac: 02:00:00:00:00:01\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, problems := Parse("f", []byte(text))
		if (cfg == nil) == (len(problems) == 0) {
			t.Fatalf("%v, %v", cfg, problems)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for _, p := range problems {
			if p.Line > lines || p.Line > 0 && p.Column < 1 || p.Msg == "" || strings.Contains(p.Msg, "gave up") {
				t.Fatalf("%+v", p)
			}
			_ = p.String()
		}
	})
}
