// SPDX-License-Identifier: Apache-2.0

// Package archtest holds the import table of docs/design.md as a test: which
// room may import which, and what the hot rooms may not touch.
package archtest

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed lists, for each room, the rooms that it may import. A room covers
// the packages below it. Tests may import more.
var allowed = map[string][]string{
	"bpf":                  {},
	"engine/frame":         {},
	"engine/xsk":           {"engine/frame", "internal/invariants", "internal/prefetch"},
	"engine/lease":         {"internal/hugepage", "internal/invariants", "internal/prefetch"},
	"engine/lease6":        {"engine/lease", "internal/hugepage", "internal/invariants", "internal/prefetch"},
	"engine/policy":        {"engine/lease", "internal/prefetch"},
	"engine/limit":         {"engine/lease", "engine/policy"},
	"engine/exchange":      {"engine/frame", "engine/lease", "engine/limit", "engine/policy"},
	"engine/policy6":       {"engine/lease", "engine/lease6", "engine/policy"},
	"engine/exchange6":     {"engine/frame", "engine/lease", "engine/lease6", "engine/limit", "engine/policy", "engine/policy6"},
	"engine/journal":       {"engine/lease", "engine/lease6", "internal/prefetch", "internal/yield"},
	"engine/worker":        {"engine/frame", "engine/xsk", "engine/lease", "engine/journal", "internal/yield"},
	"engine/port":          {"bpf", "engine/frame", "engine/lease", "engine/xsk", "engine/worker"},
	"engine/ddns":          {"engine/lease", "engine/lease6"},
	"engine/secret":        {},
	"engine/control":       {"engine/frame", "engine/lease", "engine/lease6", "engine/policy", "engine/port"},
	"fastpath":             {"engine/frame", "engine/lease", "engine/policy", "engine/exchange", "engine/lease6", "engine/policy6", "engine/exchange6", "engine/worker", "internal/prefetch", "internal/wire"},
	"slowpath":             {"engine/frame", "engine/lease", "engine/policy", "engine/exchange", "engine/lease6", "engine/policy6", "engine/exchange6", "engine/journal", "internal/wire"},
	"internal/wire":        {"engine/frame"},
	"internal/option":      {},
	"internal/config":      {"internal/option"},
	"internal/kea":         {"internal/config", "internal/option"},
	"internal/nettest":     {},
	"internal/routes":      {"engine/lease", "engine/lease6"},
	"internal/invariants":  {},
	"internal/hugepage":    {},
	"internal/prefetch":    {},
	"internal/yield":       {},
	"internal/archtest":    {},
	"internal/cli":         {},
	"internal/golden":      {},
	"internal/conformance": {},
	"internal/equivalence": {},
	"internal/e2e":         nil,
	"cmd/xdhcpd":           nil, // all
	"cmd/xdhcpbench":       nil,
	"bench":                nil,
}

// pure rooms do no I/O: outside tests they import none of these.
var (
	pure      = []string{"engine/lease", "engine/lease6", "engine/exchange", "engine/exchange6", "fastpath", "internal/wire"}
	forbidden = []string{"net", "os", "log", "log/slog", "fmt"}
)

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// room finds the longest room that path lies in.
func room(path string) string {
	best := ""
	for r := range allowed {
		if (path == r || strings.HasPrefix(path, r+"/")) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

func TestRoomsImportOnlyWhatTheTableAllows(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, "xdhcp/")
		from := room(path)
		if from == "" {
			t.Errorf("%s is in no room: add it to the table here and in docs/design.md", path)
			continue
		}
		may := allowed[from]
		for _, imp := range p.Imports {
			if slices.Contains(pure, from) && slices.Contains(forbidden, imp) {
				t.Errorf("%s imports %q, but it is a pure room", path, imp)
			}
			to, ours := strings.CutPrefix(imp, "xdhcp/")
			if !ours || may == nil || room(to) == from {
				continue
			}
			if !slices.Contains(may, room(to)) {
				t.Errorf("%s imports %s: %s may import only %v", path, to, from, may)
			}
		}
	}
}

// The engine decides, the two codecs call it, and neither codec knows the other.
func TestTheTableItselfKeepsTheCodecsApart(t *testing.T) {
	for from, may := range allowed {
		for _, to := range may {
			if strings.HasPrefix(from, "engine/") && (to == "fastpath" || to == "slowpath") {
				t.Errorf("the table lets %s import %s", from, to)
			}
		}
	}
	if slices.Contains(allowed["fastpath"], "slowpath") || slices.Contains(allowed["slowpath"], "fastpath") {
		t.Error("the table lets one codec import the other")
	}
}

// Hand-written unsafe lives in engine/xsk/*_unsafe.go and internal/prefetch and nowhere else;
// generated code (bpf2go) may have it.
func TestUnsafeStaysInItsFiles(t *testing.T) {
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range file.Imports {
			if imp.Path.Value != `"unsafe"` {
				continue
			}
			mayHave := strings.HasPrefix(rel, "engine/xsk/") && strings.Contains(rel, "_unsafe") ||
				rel == "internal/prefetch/prefetch_unsafe.go" ||
				strings.HasPrefix(string(src), "// Code generated")
			if !mayHave {
				t.Errorf("%s imports unsafe", rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
