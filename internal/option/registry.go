// SPDX-License-Identifier: Apache-2.0

package option

import (
	"fmt"
	"slices"
	"strconv"
)

// A Registry is the tables and, over them, definitions of one's own. The nil
// Registry is the tables alone. It is not changed while others read it.
type Registry struct {
	own map[Space]*spaceTable
}

// NewRegistry returns a Registry without definitions of its own.
func NewRegistry() *Registry { return &Registry{} }

// Define adds a definition. It may give a type to a code that the tables have
// as octets only (224 to 254, those of vendors), not to one that has a type.
func (r *Registry) Define(space Space, name string, code int, typ string, array bool) (*Def, error) {
	t := tables()[space]
	if t == nil && !space.open() {
		return nil, fmt.Errorf("unknown space %q", space)
	}
	name = canonical(name)
	if name == "" || !isName(name) {
		return nil, fmt.Errorf("%q is not a name: small letters, digits and dashes, beginning with a letter", name)
	}
	if code < 1 || code >= int(space.maxCode()) {
		return nil, fmt.Errorf("code %d: codes are 1 to %d", code, space.maxCode()-1)
	}
	c := uint16(code)
	for _, t := range r.levels(space) {
		if d := t.byName[name]; d != nil && d.Code != c {
			return nil, fmt.Errorf("the name %s is option %d already", name, d.Code)
		}
		if d := t.byCode[c]; d != nil && (t != tables()[space] || d.typ.kind != kBytes) {
			return nil, fmt.Errorf("code %d is %s already", code, d.Name)
		}
	}
	d := &Def{Space: space, Code: c, Name: name}
	if array {
		typ += "[]"
	}
	var err error
	if d.typ, err = parseType(typ); err != nil {
		return nil, err
	}
	if r.own == nil {
		r.own = map[Space]*spaceTable{}
	}
	o := r.own[space]
	if o == nil {
		o = &spaceTable{byCode: map[uint16]*Def{}, byName: map[string]*Def{}}
		r.own[space] = o
	}
	o.add(d)
	return d, nil
}

// levels are the tables to look into, in that order.
func (r *Registry) levels(space Space) []*spaceTable {
	var l []*spaceTable
	if r != nil && r.own[space] != nil {
		l = append(l, r.own[space])
	}
	if t := tables()[space]; t != nil {
		l = append(l, t)
	}
	return l
}

// ByCode finds the definition of a code.
func (r *Registry) ByCode(space Space, code uint16) (*Def, bool) {
	for _, t := range r.levels(space) {
		if d := t.byCode[code]; d != nil {
			return d, true
		}
	}
	return nil, false
}

// ByName finds a definition by its name, by another name in use, or by a number
// that is its code. A code that nobody defined is a string of octets.
func (r *Registry) ByName(space Space, name string) (*Def, bool) {
	name = canonical(name)
	for _, t := range r.levels(space) {
		if d := t.byName[name]; d != nil {
			return d, true
		}
	}
	if space == MSFT4 || space == MSFT6 {
		// "microsoft-" is how the design page writes it.
		if rest, ok := cutPrefix(name, "microsoft-"); ok {
			return r.ByName(space, "ms-"+rest)
		}
	}
	code, err := strconv.ParseUint(name, 10, 16)
	if err != nil || code == 0 || uint16(code) > space.maxCode() || !space.v6() && code == 255 {
		return nil, false
	}
	if d, ok := r.ByCode(space, uint16(code)); ok {
		return d, true
	}
	return Raw(space, uint16(code)), true
}

// Raw is the definition of a code of which nothing is known.
func Raw(space Space, code uint16) *Def {
	return &Def{Space: space, Code: code, Name: fmt.Sprintf("option-%d", code), typ: rawType}
}

var rawType = &typ{kind: kBytes, expr: "bytes"}

// Suggest returns the name of the space that is nearest to a misspelt one, or "".
func (r *Registry) Suggest(space Space, name string) string {
	var names []string
	for _, t := range r.levels(space) {
		names = append(names, t.names...)
	}
	if s := Nearest(name, names); s != "" {
		return s
	}
	// An alias is worth suggesting only if nothing else is near.
	var also []string
	for a := range aliases[space] {
		also = append(also, a)
	}
	slices.Sort(also)
	return Nearest(name, also)
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '-')) {
			return false
		}
	}
	return true
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return s, false
}
