// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/*.yaml")

// Each testdata/X.conf is X.yaml in our words. The files were read line by line
// when they were made; config.Parse takes them.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r, problems := Import(file, Options{})
			for _, p := range problems {
				t.Errorf("%v\n%s", p, p.Excerpt)
			}
			if r == nil {
				t.FailNow()
			}
			golden := strings.TrimSuffix(file, ".conf") + ".yaml"
			if *update {
				if err := os.WriteFile(golden, r.YAML, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(r.YAML) != string(want) {
				t.Errorf("the output is now\n%s", r.YAML)
			}
			if n := strings.Count(string(r.YAML), "# NOT CARRIED"); n != len(r.NotCarried) {
				t.Errorf("%d comments for %d things", n, len(r.NotCarried))
			}
			if has := len(r.NotCarried) > 0; has != strings.HasPrefix(filepath.Base(file), "losses") {
				t.Errorf("not carried: %v", r.NotCarried)
			}
			cfg, problems := r.Config(file)
			for _, p := range problems {
				t.Errorf("our own file is wrong: %v\n%s", p, p.Excerpt)
			}
			if cfg != nil && len(cfg.Warnings) > 0 {
				t.Error(cfg.Warnings)
			}
		})
	}
}

// keaTakes asks Kea itself about a configuration.
func keaTakes(t *testing.T, text string) (ok bool, says string) {
	t.Helper()
	program := "kea-dhcp4"
	if strings.Contains(text, `"Dhcp6"`) {
		program = "kea-dhcp6"
	}
	bin, err := exec.LookPath(program)
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
				t.Fatal(err)
			}
			t.Skip(program + " is not installed: scripts/install-deps.sh test")
		}
	}
	file := filepath.Join(t.TempDir(), "kea.conf")
	if err := os.WriteFile(file, []byte(onLoopback.Replace(text)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, "-t", file).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return err == nil, lines[len(lines)-1]
}

// onLoopback names an interface that every machine has: Kea looks.
var onLoopback = strings.NewReplacer(`"eth1", "eth2/192.0.2.1"`, `"lo"`, `"eth1", "eth2"`, `"lo"`, `"eth1/fe80::1"`, `"lo"`, `"lo0"`, `"lo"`, `"eth1"`, `"lo"`, `"eth2"`, `"lo"`)

// What we take for a configuration of Kea is one.
func TestKeaTakesTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if ok, says := keaTakes(t, string(text)); !ok {
			t.Errorf("%s: Kea says %s", file, says)
		}
	}
}
