// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/conformance.md")

const page = "../../docs/conformance.md"

// The page is what the tests say.
func TestPage(t *testing.T) {
	all, err := Collect("../..")
	if err != nil {
		t.Fatal(err)
	}
	want := Page(all)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/conformance.md is not up to date: make docs (%v)", err)
	}
}

// The documents that the issues name have tests.
func TestDocumentsAreThere(t *testing.T) {
	all, err := Collect("../..")
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string]int{}
	for _, c := range all {
		if c.Test != "" {
			documents[c.Document]++
		}
	}
	for _, want := range []string{
		"RFC 1534", "RFC 2131", "RFC 2132", "RFC 2563", "RFC 3004", "RFC 3011", "RFC 3046", "RFC 3396", "RFC 3442", "RFC 3527", "RFC 3925",
		"RFC 3993", "RFC 4039", "RFC 4361", "RFC 4388", "RFC 4578", "RFC 4702", "RFC 5071", "RFC 5107", "RFC 6607", "RFC 6704", "RFC 6842",
		"RFC 6925", "RFC 6926", "RFC 8357", "RFC 8910", "RFC 8925", "[MS-DHCPE]", "RFC 8415",
	} {
		if documents[want] == 0 {
			t.Errorf("no test is named after a clause of %s", want)
		}
	}
}

func TestClauses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(dir+"/"+name, []byte("package x\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("rfc2131_other_test.go", `
// §4.1: "One
// sentence."
func TestA(t *testing.T) {}
// What follows from RFC 1122 §3.2.1.3 for it.
func TestB(t *testing.T) {}
// No section.
func TestRFC2131_3_2_C(t *testing.T) {}
func helper() {}
`)
	write("plain_test.go", `
// RFC 3396 §7: joined.
func TestD(t *testing.T) {}
// Not about a clause, though RFC 3396 §5 is near.
func TestE(t *testing.T) {}
`)
	all, err := Collect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		if c.Test != "" {
			got = append(got, c.Document+" §"+c.Section+" "+c.Test+" "+c.File)
		}
	}
	want := "RFC 1122 §3.2.1.3 TestB rfc2131_other_test.go\nRFC 2131 §3.2 TestRFC2131_3_2_C rfc2131_other_test.go\n" +
		"RFC 2131 §4.1 TestA rfc2131_other_test.go\nRFC 3396 §7 TestD plain_test.go"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	if p := Page(all); !strings.Contains(p, `| §4.1 | "One sentence." | [TestA](../rfc2131_other_test.go) | tested |`) {
		t.Error(p)
	}
}
