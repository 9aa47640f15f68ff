// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"slices"
	"strings"
)

// classCode is an option of a class of DHCPv6.
type classCode struct {
	class, option string
	code          int
	at            place
}

// knownClass says whether Kea knows a class here: it is defined, or built in.
func (c *converter) knownClass(name string) bool {
	if c.classes[name] || slices.Contains([]string{"ALL", "KNOWN", "UNKNOWN", "BOOTP", "DROP", "SKIP_DDNS"}, name) {
		return true
	}
	for _, prefix := range []string{"VENDOR_CLASS_", "HA_", "AFTER_", "EXTERNAL_", "SPAWN_"} {
		if strings.HasPrefix(name, prefix) && len(name) > len(prefix) {
			return true
		}
	}
	return false
}

// use notes that the output names a class.
func (c *converter) use(name string, at place) {
	if !c.classes[name] {
		if _, ok := c.builtin[name]; !ok {
			c.builtin[name] = at
		}
	}
}

// builtins defines those of Kea's own classes that the output names.
func (c *converter) builtins(out *doc) {
	var names []string
	for n := range c.builtin {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		at := c.builtin[n]
		match, ok := builtinMatch(n)
		if !ok {
			if n != nobody {
				c.drop(out, at, "class "+n, "nothing here puts clients into it")
			}
			out.add(at, "- {name: %s}", scalar(n))
			continue
		}
		out.add(at, "- {name: %s, match: %s}", scalar(n), match)
	}
	// DHCPv6: what a class has goes before what a subnet has. In Kea it is the other way round.
	for _, cc := range c.classCodes {
		if first, ok := c.placed[cc.code]; ok {
			c.drop(out, cc.at, "order of option "+cc.option+" of class "+cc.class,
				"it goes before that of the subnet, shared network or pool in "+where(first)+"; in Kea it comes after it")
		}
	}
}

// nobody is a class that no client is in: it has no match.
const nobody = "NOBODY"

// builtinMatch says who is in a class of Kea's own.
func builtinMatch(name string) (string, bool) {
	switch name {
	case "ALL":
		return "{any: [{known: true}, {known: false}]}", true
	case "KNOWN":
		return "{known: true}", true
	case "UNKNOWN":
		return "{known: false}", true
	case "BOOTP":
		return `{expression: "not exists(53)"}`, true
	}
	if v, ok := strings.CutPrefix(name, "VENDOR_CLASS_"); ok {
		return "{vendor-class: " + octets([]byte(v)) + "}", true
	}
	return "", false
}

func (c *converter) clientClasses(out *doc, v *value) {
	for _, el := range v.list {
		one := &doc{}
		if c.isMap(one, el, "class") {
			c.class(one, el)
		}
		if one.said() {
			out.item(one, "")
		} else {
			out.put(one, "")
		}
	}
	for _, d := range c.requiredDefs {
		out.item(d, "")
	}
}

func (c *converter) class(out *doc, v *value) {
	name := text(v, "name")
	if name == "" {
		c.fail(v.at, "name of the class is missing")
		return
	}
	if c.classes[name] {
		c.fail(at(v, "name"), "there is a class %s already", name)
		return
	}
	var e *expr
	if t := v.get("test"); t != nil {
		var err *exprError
		if e, err = parseExpr(t.text, false, c.optionCode, c.knownClass); err != nil {
			c.fail(t.at, "class %s: %s: character %d: %s", name, t.text, err.at+1, err.msg)
		}
	}
	if t := v.get("template-test"); t != nil {
		if _, err := parseExpr(t.text, true, c.optionCode, c.knownClass); err != nil {
			c.fail(t.at, "class %s: %s: character %d: %s", name, t.text, err.at+1, err.msg)
		}
	}
	defs := &optDefs{under: c.defs}
	c.definitions(out, v, defs)
	lines := c.options4(out, v, defs, "the class")
	above := defaults
	if v.get("valid-lifetime") == nil { // one of its bounds stands for it
		above.valid = c.u32(v, "min-valid-lifetime", c.u32(v, "max-valid-lifetime", above.valid))
	}
	p := c.params(out, v, above)
	c.classes[name] = true
	if e != nil {
		c.tests[name] = e
	}
	if max := c.limitOf(out, v, "class "+name); max > 0 {
		c.classLimits = append(c.classLimits, classLimit{name, max, v.at})
	}
	if len(c.errs) > 0 {
		return
	}
	what := "class " + name
	out2 := &doc{}
	out2.add(v.at, "name: %s", scalar(name))
	switch {
	case v.get("template-test") != nil:
		c.drop(out, at(v, "template-test"), what, "classes are made by the configuration only, not by what clients send: nobody is in it")
	case c.flag(v, "only-if-required", false) || c.flag(v, "only-in-additional-list", false):
		c.require(out, v, name, e, lines, p)
	case e != nil:
		m, why := c.match(e)
		if why != "" {
			c.drop(out, at(v, "test"), what+", test "+text(v, "test"), why+": nobody is in it")
		} else {
			out2.add(at(v, "test"), "match: %s", m)
		}
	default: // Kea puts clients into classes of some names by itself
		if m, ok := builtinMatch(name); ok {
			out2.add(at(v, "name"), "match: %s", m)
		}
	}
	if name == "DROP" {
		out2.add(v.at, "drop: true")
	}
	c.options1(out2, lines, "")
	for _, f := range [][2]string{{"next-server", p.nextServer}, {"server-name", p.serverName}, {"boot-file", p.bootFile}} {
		if f[1] != "" {
			out2.add(v.at, "%s: %s", f[0], scalar(f[1]))
		}
	}
	if v.get("valid-lifetime") != nil || v.get("min-valid-lifetime") != nil || v.get("max-valid-lifetime") != nil {
		g := c.global
		g.valid, g.min, g.max = p.valid, p.min, p.max
		out2.add(v.at, "lease: %s", g.lease())
	}
	out.put(out2, "")
}

// place notes which options are set here.
func (c *converter) place(lines []optionLine) []optionLine {
	for _, l := range lines {
		if _, ok := c.placed[l.code]; !ok {
			if c.placed == nil {
				c.placed = map[int]place{}
			}
			c.placed[l.code] = l.at
		}
	}
	return lines
}
