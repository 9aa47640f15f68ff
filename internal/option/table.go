// SPDX-License-Identifier: Apache-2.0

package option

import (
	_ "embed"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
)

//go:embed dhcpv4-options.tsv
var table4 string

//go:embed dhcpv6-options.tsv
var table6 string

//go:embed extra.tsv
var tableExtra string

// spaceTable is all that is known of one space.
type spaceTable struct {
	byCode map[uint16]*Def
	byName map[string]*Def // canonical names and aliases
	names  []string        // sorted, without aliases
}

var tables = sync.OnceValue(func() map[Space]*spaceTable {
	all := map[Space]*spaceTable{}
	for _, text := range []string{table4, table6, tableExtra} {
		if err := readTable(all, text); err != nil {
			panic("option: embedded table: " + err.Error()) // every test would show it
		}
	}
	for space, names := range aliases {
		t := all[space]
		for name, code := range names {
			if t.byName[name] == nil {
				t.byName[name] = t.byCode[code]
			}
		}
	}
	for _, t := range all {
		sort.Strings(t.names)
	}
	return all
})

func readTable(all map[Space]*spaceTable, text string) error {
	var v6 bool
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		col := strings.Split(line, "\t")
		if col[0] == "space" {
			v6 = len(col) > 6 && col[5] == "oro"
			continue
		}
		if len(col) < 7 || v6 && len(col) < 8 {
			return fmt.Errorf("line %d: %d columns", i+1, len(col))
		}
		if col[3] == "" {
			continue // a message type or a status code
		}
		d := Def{Space: Space(col[0]), Name: canonical(col[2])}
		if v6 {
			// Sub-options have fewer columns filled, and the same places.
			d.ORO, d.Singleton = col[5], col[6] == "Yes"
			d.RFC, d.Note = col[7], strings.Join(col[8:], " ")
			d.repeats = col[6] == "No" || d.Space == NTP6 || strings.Contains(d.Note, "more than once")
			d.repeats = d.repeats || d.Space == DHCP6 && col[1] == "98" // RFC 7600 §4.9: one for each rule, whatever the column says
			d.mayVoid = strings.HasPrefix(d.Note, "may be empty")
		} else {
			d.RFC, d.Note = col[6], strings.Join(col[7:], " ")
			d.mayVoid = strings.HasPrefix(col[5], "0")
		}
		lo, hi, isRange := strings.Cut(col[1], "-")
		code, err := strconv.ParseUint(lo, 10, 16)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		d.Code = uint16(code)
		if err := d.complete(col[3], col[4] == "y"); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		t := all[d.Space]
		if t == nil {
			t = &spaceTable{byCode: map[uint16]*Def{}, byName: map[string]*Def{}}
			all[d.Space] = t
		}
		if isRange {
			last, err := strconv.ParseUint(hi, 10, 16)
			if err != nil {
				return fmt.Errorf("line %d: %w", i+1, err)
			}
			for c := code; c <= last; c++ {
				one := d
				one.Code = uint16(c)
				one.Name = fmt.Sprintf("%s-%d", d.Name, c)
				t.add(&one)
			}
			continue
		}
		t.add(&d)
	}
	return nil
}

// add enters a definition. A later row of the same code wins: the tables name
// 249, 250 and 252 after the private range that holds them.
func (t *spaceTable) add(d *Def) {
	if old := t.byCode[d.Code]; old != nil {
		delete(t.byName, old.Name)
		for i, n := range t.names {
			if n == old.Name {
				t.names = append(t.names[:i], t.names[i+1:]...)
				break
			}
		}
	}
	t.byCode[d.Code] = d
	t.byName[d.Name] = d
	t.names = append(t.names, d.Name)
}

// complete fills in what follows from the code: layout, bounds, other names.
func (d *Def) complete(expr string, array bool) error {
	if l, ok := layouts[d.Space][d.Code]; ok {
		expr, array = l, false
	}
	if i := strings.Index(expr, " ("); i >= 0 { // a remark, as in "bytes (DUID)"
		expr = expr[:i]
	}
	if array {
		expr += "[]"
	}
	var err error
	if d.typ, err = parseType(expr); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	if n, ok := renamed[d.Space][d.Code]; ok {
		d.Name = n
	}
	if b, ok := bounds[d.Space][d.Code]; ok {
		d.lo, d.hi = b[0], b[1]
	}
	for _, c := range timed[d.Space] {
		d.seconds = d.seconds || c == d.Code
	}
	return nil
}

// canonical is a name as it is looked up: in small letters, with dashes.
func canonical(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// ByName finds a definition of the tables by its name, by another name in use,
// or by a number that is its code.
func ByName(space Space, name string) (*Def, bool) { return NewRegistry().ByName(space, name) }

// ByCode finds a definition of the tables.
func ByCode(space Space, code uint16) (*Def, bool) { return NewRegistry().ByCode(space, code) }

// Suggest returns the name of the space that is nearest to a misspelt one, or "".
func Suggest(space Space, name string) string { return NewRegistry().Suggest(space, name) }

// All lists the definitions of a space in the order of their codes.
func All(space Space) []*Def {
	t := tables()[space]
	if t == nil {
		return nil
	}
	all := make([]*Def, 0, len(t.byCode))
	for _, d := range t.byCode {
		all = append(all, d)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Code < all[j].Code })
	return all
}
