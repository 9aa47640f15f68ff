// SPDX-License-Identifier: Apache-2.0

// Package conformance makes docs/conformance.md: which clause of which document
// is held by which test.
//
// The source of truth is the tests themselves. A file named rfc2131_test.go or
// msdhcpe_test.go is about that document, and the comment above each of its
// functions begins with the clause, mostly with the sentence: §4.3.2: "…". Tests in
// other files count where their comment begins with a document and a clause. What
// is left out on purpose is in gaps.tsv, with the reason. The test of this package
// fails when the page is not what the tests say; `make docs` writes it.
package conformance

import (
	"cmp"
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed gaps.tsv
var gaps string

// A Clause is one row of the page.
type Clause struct {
	Document string // "RFC 2131", "[MS-DHCPE]"
	Section  string // "4.3.2"; "" for the document as a whole
	Text     string // the sentence, or what the test is about
	Test     string // function; "" for a gap
	File     string // from the root of the repository
	State    string // "tested", or what a gap says
}

var (
	fileName  = regexp.MustCompile(`^(?:rfc(\d+)|(msdhcpe))[a-z0-9_]*_test\.go$`)
	reference = regexp.MustCompile(`(?:(RFC \d+|\[MS-DHCPE\]) )?§([A-Z]?\d*(?:\.\d+)*(?:, \d+)?)`)
	first     = regexp.MustCompile(`^(RFC \d+|\[MS-DHCPE\]) §`)
	inName    = regexp.MustCompile(`^Test(?:RFC\d+_|S)(\d+(?:_\d+)*)`)
)

// Collect reads the tests below root.
func Collect(root string) ([]Clause, error) {
	var all []Clause
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (strings.HasPrefix(name, ".") && path != root || name == "testdata" || name == "build" || name == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		of, err := clauses(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		for i := range of {
			of[i].File = filepath.ToSlash(rel)
		}
		all = append(all, of...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(gaps, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		col := strings.Split(line, "\t")
		if len(col) != 4 {
			return nil, fmt.Errorf("gaps.tsv:%d: %d columns, not 4", n+1, len(col))
		}
		all = append(all, Clause{Document: col[0], Section: col[1], Text: col[3], State: col[2]})
	}
	slices.SortStableFunc(all, compare)
	return all, nil
}

// clauses are those of one file.
func clauses(path string) ([]Clause, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	document := ""
	if m := fileName.FindStringSubmatch(filepath.Base(path)); m != nil {
		if document = "[MS-DHCPE]"; m[1] != "" {
			document = "RFC " + m[1]
		}
	}
	var out []Clause
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
			continue
		}
		text := strings.Join(strings.Fields(f.Doc.Text()), " ")
		if document == "" && !first.MatchString(text) {
			continue
		}
		c := Clause{Document: document, Text: text, Test: f.Name.Name, State: "tested"}
		if text == "" {
			c.Text = words(f.Name.Name)
		}
		if m := reference.FindStringSubmatch(text); m != nil {
			c.Section = strings.TrimSuffix(m[2], ".")
			c.Document = cmp.Or(m[1], document)
		} else if m := inName.FindStringSubmatch(f.Name.Name); m != nil {
			c.Section = strings.ReplaceAll(m[1], "_", ".")
		}
		out = append(out, c)
	}
	return out, nil
}

// words takes the name of a test apart.
func words(name string) string {
	var b strings.Builder
	for i, r := range strings.TrimPrefix(name, "Test") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// compare orders by document, then by section as people number them.
func compare(a, b Clause) int {
	if a.Document != b.Document {
		return cmp.Or(cmp.Compare(number(a.Document), number(b.Document)), cmp.Compare(a.Document, b.Document))
	}
	x, y := strings.FieldsFunc(a.Section, notDigit), strings.FieldsFunc(b.Section, notDigit)
	for i := range min(len(x), len(y)) {
		if d := cmp.Compare(number(x[i]), number(y[i])); d != 0 {
			return d
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a.File, b.File))
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// number is the digits in s; documents without a number come last.
func number(s string) int {
	n, err := strconv.Atoi(strings.TrimFunc(s, notDigit))
	if err != nil {
		return 1 << 30
	}
	return n
}

const head = `# Which clause is held by which test

Made from the tests by ` + "`make docs`" + `; a test fails when this page is not up to date. "tested" is a clause that the
test named beside it checks, and CI runs all of them. The other states are what is done otherwise, or not at all, and why.

`

// Page is the whole page.
func Page(all []Clause) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("| document | tested | otherwise |\n| --- | --- | --- |\n")
	for i := 0; i < len(all); {
		tested, end := 0, i
		for ; end < len(all) && all[end].Document == all[i].Document; end++ {
			if all[end].Test != "" {
				tested++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d |\n", cell(all[i].Document), tested, end-i-tested)
		i = end
	}
	document := ""
	for _, c := range all {
		if c.Document != document {
			document = c.Document
			fmt.Fprintf(&b, "\n## %s\n\n| clause | what | test | state |\n| --- | --- | --- | --- |\n", document)
		}
		clause, test := "", ""
		if c.Section != "" {
			clause = "§" + c.Section
		}
		if c.Test != "" {
			test = fmt.Sprintf("[%s](../%s)", c.Test, c.File)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", clause, cell(c.Text), test, c.State)
	}
	return b.String()
}

// longest is how much of a comment a row shows.
const longest = 240

// cell is text that is in a table.
func cell(s string) string {
	if m := reference.FindString(s); m != "" && strings.HasPrefix(s, m) {
		s = strings.TrimLeft(strings.TrimPrefix(s, m), ":;, ")
	}
	if r := []rune(s); len(r) > longest {
		s = strings.TrimRight(string(r[:longest]), " ,;") + " …"
	}
	return strings.NewReplacer("|", `\|`, "[", `\[`, "<", "&lt;").Replace(s)
}
