// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the import prints passes check, and says by its status whether all of
// the file is in it. Kea's file itself can be checked (and served) too.
func TestImportKea(t *testing.T) {
	files, err := filepath.Glob("../../internal/kea/testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "includes.conf") {
			continue // its include is found from another directory
		}
		want := 0
		if strings.Contains(filepath.Base(file), "losses") {
			want = 2
		}
		code, yaml, stderr := xdhcpd(t, "import", "kea", file)
		if code != want || (want == 2) != strings.Contains(stderr, "differences that the output does not carry") {
			t.Errorf("%s: status %d: %s", file, code, stderr)
		}
		ours := filepath.Join(t.TempDir(), "xdhcp.yaml")
		if err := os.WriteFile(ours, []byte(yaml), 0o644); err != nil {
			t.Fatal(err)
		}
		code, said, stderr := xdhcpd(t, "check", "-c", ours)
		if code != 0 || stderr != "" {
			t.Errorf("%s: our check: status %d: %s", file, code, stderr)
		}
		code, direct, stderr := xdhcpd(t, "check", "-c", file)
		if code != 0 || !strings.HasSuffix(strings.TrimSpace(direct), strings.TrimPrefix(strings.TrimSpace(said), ours)) {
			t.Errorf("%s: checked itself: status %d: %s %s", file, code, direct, stderr)
		}
	}
}

func TestImportKeaRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		file := filepath.Join(dir, "kea.conf")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	head := `{"Dhcp4": {"interfaces-config": {"interfaces": ["eth1"]},` + "\n"
	for text, want := range map[string]string{
		head + `"subnet4": [{"subnet": "10.0.0.0/8", "pools": [{"pool": "11.0.0.1-11.0.0.2"}]}]}}`: `kea.conf:2:57: the pool 11.0.0.1-11.0.0.2 is not in the subnet 10.0.0.0/8`,
		// What only the checks of our own find.
		head + `"subnet4": [{"subnet": "10.0.0.0/8"}, {"subnet": "10.0.0.0/9"}]}}`: `10.0.0.0/9 overlaps 10.0.0.0/8`,
		`{"Dhcp6": {}}`: "no interfaces are given",
	} {
		file := write(text)
		for _, args := range [][]string{{"import", "kea", file}, {"check", "-c", file}} {
			code, out, stderr := xdhcpd(t, args...)
			if code != 1 || out != "" || !strings.Contains(stderr, want) {
				t.Errorf("%v: status %d, %q, %q", args, code, out, stderr)
			}
		}
	}
	if code, _, stderr := xdhcpd(t, "import", "kea", filepath.Join(dir, "none")); code != 1 || !strings.Contains(stderr, "no such file") {
		t.Errorf("status %d: %s", code, stderr)
	}
}

// An expression is the engine's: it is checked with its place all the same.
func TestCheckExpressions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "xdhcp.yaml")
	text := `interfaces: [eth1]
classes:
  - {name: good, match: {expression: 'option(60) == "x"'}}
  - {name: bad, match: {any: [{known: true}, {expression: 'option(60) ='}]}}
filters: {deny: {expression: 'nosuch(1)'}}
subnets: [{subnet: 10.0.0.0/8, pools: [10.0.0.1]}]
flex-id: 'option(1) == "x"'
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := xdhcpd(t, "check", "-c", file)
	if code != 1 || !strings.Contains(stderr, file+":4:59: ") || !strings.Contains(stderr, file+":5:30: ") || !strings.Contains(stderr, file+":7:10: flex-id: ") || strings.Contains(stderr, file+":3:") {
		t.Errorf("status %d: %s", code, stderr)
	}
}
