// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"xdhcp/internal/config"
	"xdhcp/internal/option"
)

// An optionLine is one option of the output.
type optionLine struct {
	code   int
	key    string
	value  string // as YAML
	always bool
	never  bool
	class  string // for the clients of this class only
	at     place
}

// data is one entry of option-data, encoded.
type data struct {
	def    *optDef // nil: not defined
	space  string
	code   int
	bytes  []byte
	values []any // as people write it; nil: only octets
	always bool
	class  string
	at     place
	used   bool
}

// optionCode finds an option for expressions.
func (c *converter) optionCode(name string) (uint16, bool) {
	if d := c.defs.find(c.f.space, name, 0); d != nil {
		return uint16(d.code), true
	}
	return 0, false
}

// definitions reads option-def into defs and writes those of them that we need.
func (c *converter) definitions(out *doc, v *value, defs *optDefs) {
	first := true
	for _, el := range c.list(v, "option-def") {
		if !c.isMap(out, el, "option-def") {
			continue
		}
		d := &optDef{
			space: text(el, "space"), name: text(el, "name"), typ: text(el, "type"), array: c.flag(el, "array", false),
			encapsulates: text(el, "encapsulate"), own: true, code: int(c.u32(el, "code", 0)),
		}
		if d.space == "" {
			d.space = c.f.space
		}
		d.wide = c.f.v6
		if r := text(el, "record-types"); r != "" {
			for _, t := range strings.Split(r, ",") {
				d.record = append(d.record, strings.TrimSpace(t))
			}
		}
		if !c.definition(el, d, defs) {
			continue
		}
		defs.list = append(defs.list, d)
		if d.space != c.f.space || defs != c.defs {
			continue // its values go out as octets
		}
		if known, ok := c.reg.ByCode(c.f.ours, uint16(d.code)); ok && known.Type() != "bytes" {
			out.add(el.at, "# option %d is %s here without a definition", d.code, known.Name)
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(d.name), "_", "-")
		typ := d.ours()
		if typ == "" {
			continue
		}
		if _, err := c.reg.Define(c.f.ours, name, d.code, typ, d.array && d.typ != "record"); err != nil {
			continue // it has no name in the output, only its code
		}
		if first {
			out.add(v.at, "option-definitions:")
			first = false
		}
		array := ""
		if d.array && d.typ != "record" {
			array = ", array: true"
		}
		space := ""
		if c.f.v6 {
			space = ", space: dhcp6"
		}
		out.add(el.at, "  - {name: %s, code: %d, type: %s%s%s}", scalar(name), d.code, scalar(typ), array, space)
	}
}

// definition refuses what Kea refuses.
func (c *converter) definition(el *value, d *optDef, defs *optDefs) bool {
	before := len(c.errs)
	switch {
	case d.name == "":
		c.fail(el.at, "name of the definition is missing")
	case d.code < 1 || d.code > c.f.maxCode:
		c.fail(at(el, "code"), "code %d is outside 1 to %d", d.code, c.f.maxCode)
	case !slices.Contains(optTypes, d.typ):
		c.fail(at(el, "type"), "%q is not a type of options", d.typ)
		c.errs[len(c.errs)-1].Hint = option.Nearest(d.typ, optTypes)
	case d.typ == "record" && len(d.record) < 2:
		c.fail(el.at, "a record needs two types in record-types at least")
	case d.typ != "record" && d.record != nil:
		c.fail(at(el, "record-types"), "record-types are for the type record")
	case d.array && (d.typ == "empty" || d.encapsulates != ""):
		c.fail(at(el, "array"), "such an option cannot be an array")
	case d.encapsulates == d.space:
		c.fail(at(el, "encapsulate"), "an option cannot encapsulate its own space")
	}
	for _, r := range d.record {
		if !slices.Contains(optTypes, r) || r == "record" || r == "empty" {
			c.fail(at(el, "record-types"), "%q is not a type of a record's fields", r)
		}
	}
	if d.space == c.f.space {
		if std := c.f.std.find(c.f.space, "", d.code); std != nil && (c.f.v6 || d.code != 43) {
			c.fail(el.at, "option %d is %s: its definition cannot be replaced", d.code, std.name)
		}
	}
	for _, other := range defs.list {
		if other.space == d.space && other.code == d.code {
			c.fail(el.at, "option %d of space %s is defined already", d.code, d.space)
		}
	}
	return len(c.errs) == before
}

var ourTypes = map[string]string{
	"uint8": "u8", "uint16": "u16", "uint32": "u32", "int32": "i32", "boolean": "bool", "ipv4-address": "ipv4",
	"ipv6-address": "ipv6", "string": "str", "fqdn": "fqdn", "binary": "bytes",
}

// ours is the type in our notation, "" if there is none.
func (d *optDef) ours() string {
	if d.encapsulates != "" {
		return ""
	}
	if d.typ != "record" {
		return ourTypes[d.typ]
	}
	if d.array {
		return ""
	}
	var parts []string
	for i, r := range d.record {
		t := ourTypes[r]
		if t == "" {
			return ""
		}
		parts = append(parts, fmt.Sprintf("%s f%d", t, i+1))
	}
	return "rec(" + strings.Join(parts, ", ") + ")"
}

// given reads option-data: the options that have a value, and what is never sent.
// What cannot be carried is said in out.
func (c *converter) given(out *doc, v *value, defs *optDefs, level string) (all []*data, lines []optionLine) {
	for _, el := range c.list(v, "option-data") {
		if !c.isMap(out, el, "option-data") {
			continue
		}
		if c.f.v6 && c.notOf6(out, el) {
			continue
		}
		if c.flag(el, "never-send", false) {
			lines = append(lines, c.never(out, el, defs, lines)...)
			continue
		}
		classes := c.dataClasses(out, el, level)
		if len(classes) == 0 {
			continue
		}
		first := c.data(el, defs)
		if first == nil {
			continue
		}
		for _, class := range classes {
			d := new(data)
			*d = *first
			d.class = class
			for _, other := range all {
				if other.space == d.space && other.code == d.code && other.class == d.class && !(c.f.v6 && d.code == 17 && string(other.bytes) != string(d.bytes)) {
					c.ignore(out, other.at, fmt.Sprintf("option %d", d.code), "it is given again in "+where(d.at))
					other.used, other.code = true, -1
				}
			}
			all = append(all, d)
		}
	}
	return all, lines
}

// options4 reads option-data of DHCPv4.
func (c *converter) options4(out *doc, v *value, defs *optDefs, level string) []optionLine {
	all, lines := c.given(out, v, defs, level)
	for _, d := range all {
		if d.space != space4 || d.code < 0 {
			continue
		}
		if slices.ContainsFunc(lines, func(l optionLine) bool { return l.never && l.code == d.code }) {
			continue
		}
		sub := encapsulated(all, d.def, 0)
		if sub != nil {
			d.values = nil
		}
		bytes := append(d.bytes, sub...)
		key := strconv.Itoa(d.code)
		def, ok := c.reg.ByCode(option.DHCP4, uint16(d.code))
		what := key
		if ok {
			key = def.Name
			what = fmt.Sprintf("option %d, %s", d.code, def.Name)
		}
		switch why := config.RefusedOption(uint8(d.code)); {
		case why != "":
			c.drop(out, d.at, what, "it "+why)
			continue
		case len(bytes) == 0 && d.code == 43:
			c.ignore(out, d.at, what, "it has no sub-options here")
			continue
		case len(bytes) == 0 && (d.def == nil || d.def.typ != "empty"):
			c.drop(out, d.at, what, "it is empty")
			continue
		}
		l := optionLine{code: d.code, key: key, always: d.always, class: d.class, at: d.at}
		l.value = c.natural(def, d, bytes)
		lines = append(lines, l)
	}
	for _, d := range all {
		if d.space == space4 || d.used {
			continue
		}
		if enterprise, ok := strings.CutPrefix(d.space, "vendor-"); ok && isDigits(enterprise) {
			c.drop(out, d.at, fmt.Sprintf("option %d of space %s", d.code, d.space), "sub-options of option 125 are given as octets of 125")
			continue
		}
		c.ignore(out, d.at, fmt.Sprintf("option %d of space %s", d.code, d.space), "no option of "+level+" encapsulates that space")
	}
	return lines
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// encapsulated are the sub-options of the space that an option encapsulates.
func encapsulated(all []*data, def *optDef, depth int) []byte {
	if def == nil || def.encapsulates == "" || depth > 4 {
		return nil
	}
	var subs []*data
	for _, d := range all {
		if d.space == def.encapsulates && d.code >= 0 {
			subs = append(subs, d)
		}
	}
	slices.SortStableFunc(subs, func(a, b *data) int { return a.code - b.code })
	var out []byte
	for _, d := range subs {
		d.used = true
		body := append(slices.Clone(d.bytes), encapsulated(all, d.def, depth+1)...)
		if def.wide {
			out = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, uint16(d.code)), uint16(len(body)))
			out = append(out, body...)
			continue
		}
		for first := true; first || len(body) > 0; first = false {
			n := min(len(body), 255)
			out = append(append(out, byte(d.code), byte(n)), body[:n]...)
			body = body[n:]
		}
	}
	return out
}

// natural writes a value as people do where that yields the same octets.
func (c *converter) natural(def *option.Def, d *data, bytes []byte) string {
	if def != nil && d.values != nil {
		for _, list := range []bool{true, false} {
			if !list && len(d.values) != 1 || list && !def.IsList() {
				continue
			}
			var v any = d.values
			if !list {
				v = d.values[0]
			}
			b, err := c.reg.Encode(def, v)
			// A list of names may be compressed (RFC 3397 §2): they stay the same.
			if err != nil || string(b) != string(bytes) && !(d.def.typ == "fqdn" && d.def.array) {
				continue
			}
			if !list {
				s := d.values[0].(string)
				if d.def.typ == "boolean" || strings.Contains(d.def.typ, "int") {
					return s
				}
				return scalar(s)
			}
			var parts []string
			for _, s := range d.values {
				parts = append(parts, s.(string))
			}
			return scalars(parts)
		}
	}
	return `"` + hexText(bytes) + `"`
}

// data encodes one entry of option-data, or reports why Kea would not.
func (c *converter) data(el *value, defs *optDefs) *data {
	space, name := text(el, "space"), text(el, "name")
	if space == "" {
		space = c.f.space
	}
	code := int(c.u32(el, "code", 0))
	if name == "" && el.get("code") == nil {
		c.fail(el.at, "option-data needs a name or a code")
		return nil
	}
	if el.get("code") != nil && (code < 1 || code > c.f.maxCode) {
		c.fail(at(el, "code"), "code %d is outside 1 to %d", code, c.f.maxCode)
		return nil
	}
	def := defs.find(space, name, code)
	csv := el.get("csv-format")
	if def == nil && (name != "" && code == 0 || csv == nil || csv.kind != kBool || csv.yes) {
		what := name
		if name == "" {
			what = strconv.Itoa(code)
		}
		c.fail(el.at, "option %s is not defined in space %s", what, space)
		if name != "" {
			var names []string
			for d := defs; d != nil; d = d.under {
				for _, o := range d.list {
					if o.space == space {
						names = append(names, o.name)
					}
				}
			}
			c.errs[len(c.errs)-1].Hint = option.Nearest(name, names)
		}
		return nil
	}
	if def != nil && code != 0 && def.code != code {
		c.fail(at(el, "code"), "option %s has code %d, not %d", name, def.code, code)
		return nil
	}
	d := &data{def: def, space: space, code: code, always: c.flag(el, "always-send", false), at: el.at}
	if def != nil {
		d.code = def.code
	}
	src := text(el, "data")
	var err error
	if csv != nil && !csv.yes {
		d.bytes, err = rawHex(src)
		if err == nil && def != nil && len(d.bytes) > 0 {
			err = def.fits(d.bytes)
		}
	} else {
		d.bytes, err = def.csv(src)
		if def.typ != "record" {
			for _, v := range splitCSV(src) {
				d.values = append(d.values, v)
			}
			if !def.array && len(d.values) > 1 {
				d.values = d.values[:1]
			}
		}
	}
	if err != nil {
		c.fail(at(el, "data"), "option %s: %v", optName(def, d.code), err)
		return nil
	}
	return d
}

func optName(def *optDef, code int) string {
	if def != nil {
		return def.name
	}
	return strconv.Itoa(code)
}
