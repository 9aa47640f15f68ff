// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"xdhcp/internal/config"
	"xdhcp/internal/option"
)

// never is an option that is withheld from the clients of this place: Kea does so
// whatever its data is, and wherever else it is given.
func (c *converter) never(out *doc, el *value, defs *optDefs, lines []optionLine) []optionLine {
	d := c.data(el, defs)
	if d == nil {
		return nil
	}
	l := optionLine{code: d.code, key: strconv.Itoa(d.code), never: true, at: d.at}
	if def, ok := c.reg.ByCode(option.DHCP4, uint16(d.code)); ok {
		l.key = def.Name
	}
	switch {
	case d.space != space4:
		c.drop(out, d.at, "never-send of option "+l.key+" of space "+d.space, "only whole options can be withheld")
		return nil
	case len(c.list(el, "client-classes")) > 0:
		c.drop(out, d.at, "client-classes of option "+l.key, "an option is withheld from all clients of a place")
		return nil
	case config.RefusedOption(uint8(d.code)) != "":
		c.drop(out, d.at, "never-send of option "+l.key, "it "+config.RefusedOption(uint8(d.code)))
		return nil
	case slices.ContainsFunc(lines, func(o optionLine) bool { return o.never && o.code == l.code }):
		return nil
	}
	return []optionLine{l}
}

// notOf6 says what of option-data DHCPv6 has no words for.
func (c *converter) notOf6(out *doc, el *value) bool {
	if c.flag(el, "never-send", false) {
		c.drop(out, at(el, "never-send"), "never-send", "an option that is given cannot be suppressed")
		return true
	}
	if l := el.get("client-classes"); l != nil && len(l.list) > 0 {
		c.drop(out, l.at, "client-classes of option-data", "options for a class stand in the class")
		return true
	}
	return false
}

// dataClasses are the classes whose clients alone get an option ("": all do); none:
// nobody gets it, or it cannot be said.
func (c *converter) dataClasses(out *doc, el *value, level string) (names []string) {
	l := el.get("client-classes")
	if l == nil || len(l.list) == 0 {
		return []string{""}
	}
	if level == "the class" {
		c.drop(out, l.at, "client-classes of option-data", "the options of a class are for all its clients")
		return nil
	}
	for _, one := range l.list {
		switch name := one.text; {
		case name == "ALL":
			return []string{""}
		case !c.knownClass(name) && !c.toCome[name]:
			c.drop(out, l.at, "client-class "+name+" of option-data", "there is no class of that name: nobody is in it")
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !c.toCome[name] {
			c.use(name, l.at)
		}
	}
	return names
}

// options1 writes options in block notation, flow in one line.
func (c *converter) options1(out *doc, lines []optionLine, indent string) {
	if len(lines) == 0 {
		return
	}
	some := func(class string) (of []optionLine) {
		for _, l := range lines {
			if !l.never && l.class == class {
				of = append(of, l)
			}
		}
		return of
	}
	write := func(of []optionLine, indent string) {
		for _, l := range of {
			out.add(l.at, "%s  %s: %s", indent, scalar(l.key), l.value)
		}
	}
	if of := some(""); of != nil {
		out.add(of[0].at, "%soptions:", indent)
		write(of, indent)
	}
	if names := always(lines); names != nil {
		out.add(lines[0].at, "%salways-send: %s", indent, scalars(names))
	}
	if classes := classesOf(lines); classes != nil {
		out.add(lines[0].at, "%sclass-options:", indent)
		for _, class := range classes {
			of := some(class)
			out.add(of[0].at, "%s  %s:", indent, scalar(class))
			write(of, indent+"  ")
		}
	}
	if names := never(lines); names != nil {
		out.add(lines[0].at, "%snever-send: %s", indent, scalars(names))
	}
}

func flow(lines []optionLine) string {
	group := func(class string) string {
		var parts []string
		for _, l := range lines {
			if !l.never && l.class == class {
				parts = append(parts, scalar(l.key)+": "+l.value)
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	var parts []string
	if g := group(""); g != "{}" {
		parts = append(parts, "options: "+g)
	}
	if names := always(lines); names != nil {
		parts = append(parts, "always-send: "+scalars(names))
	}
	var of []string
	for _, class := range classesOf(lines) {
		of = append(of, fmt.Sprintf("%s: %s", scalar(class), group(class)))
	}
	if of != nil {
		parts = append(parts, "class-options: {"+strings.Join(of, ", ")+"}")
	}
	if names := never(lines); names != nil {
		parts = append(parts, "never-send: "+scalars(names))
	}
	return strings.Join(parts, ", ")
}

func always(lines []optionLine) (names []string) {
	for _, l := range lines {
		if l.always && !l.never && !slices.Contains(names, l.key) {
			names = append(names, l.key)
		}
	}
	return names
}

func never(lines []optionLine) (names []string) {
	for _, l := range lines {
		if l.never {
			names = append(names, l.key)
		}
	}
	return names
}

func classesOf(lines []optionLine) (names []string) {
	for _, l := range lines {
		if l.class != "" && !l.never && !slices.Contains(names, l.class) {
			names = append(names, l.class)
		}
	}
	return names
}
