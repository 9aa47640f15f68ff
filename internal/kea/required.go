// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"maps"
	"slices"
)

// A requiredClass is one that Kea looks at after it has chosen a pool, for clients of
// places that ask for it. Nothing but its options can then have an effect, and those lie
// under all options of the client's pool, subnet and shared network. So they become
// class-options of the places, where these have no such option themselves.
type requiredClass struct {
	lines []optionLine
}

// ifRequired is what such a class is called in the output. Under its own name there is a
// class that nobody is in but by a reservation.
func ifRequired(name string) string { return name + " if required" }

// require converts a class with only-if-required; what is left of it under its own name
// goes into own.
func (c *converter) require(own *doc, v *value, name string, e *expr, lines []optionLine, p params) {
	if c.required == nil {
		c.required = map[string]*requiredClass{}
	}
	c.required[name] = nil
	what := "class " + name
	if e == nil {
		c.drop(own, v.at, what, "without a test it depends on Kea's version whether anybody is in it: nobody is")
		return
	}
	match, why := c.match(e)
	if why != "" {
		c.drop(own, at(v, "test"), what+", test "+text(v, "test"), why+": nobody is in it")
		return
	}
	for _, f := range [][2]string{{"next-server", p.nextServer}, {"server-hostname", p.serverName}, {"boot-file-name", p.bootFile}} {
		if f[1] != "" {
			c.drop(own, at(v, f[0]), f[0]+" of "+what, "of a class that is looked at where it is required only options are carried")
		}
	}
	rc := &requiredClass{}
	for _, l := range lines {
		if l.never {
			c.drop(own, l.at, "never-send of "+what, "of a class that is looked at where it is required only options are carried")
			continue
		}
		rc.lines = append(rc.lines, l)
	}
	c.required[name] = rc
	d := &doc{}
	d.add(v.at, "name: %s", scalar(ifRequired(name)))
	d.add(at(v, "test"), "match: %s", match)
	c.requiredDefs = append(c.requiredDefs, d)
}

// givenOptions are the options of a place and those around it.
type givenOptions struct {
	plain    []int          // for everybody
	required map[int]string // by which class that is required there
}

// requiredBy adds to the options of a place those of the classes that it requires. It
// returns what the places inside of it have to know.
func (c *converter) requiredBy(out *doc, v *value, lines []optionLine, around givenOptions) ([]optionLine, givenOptions) {
	here := givenOptions{slices.Clone(around.plain), maps.Clone(around.required)}
	if here.required == nil {
		here.required = map[int]string{}
	}
	for _, l := range lines {
		if l.class == "" && !l.never {
			here.plain = append(here.plain, l.code)
		}
	}
	for _, key := range []string{"require-client-classes", "evaluate-additional-classes"} {
		for _, el := range c.list(v, key) {
			rc, ok := c.required[el.text]
			if !ok && !c.knownClass(el.text) {
				c.ignore(out, el.at, key+" "+el.text, "there is no class of that name")
			}
			if rc == nil {
				continue
			}
			for _, l := range rc.lines {
				first, twice := here.required[l.code]
				switch {
				case slices.Contains(here.plain, l.code), twice && first == el.text:
					// that of the place counts, or it is there already
				case twice:
					c.drop(out, el.at, "option "+l.key+" of class "+el.text, "class "+first+" has it too, and both are required")
				default:
					here.required[l.code] = el.text
					l.class, l.at = ifRequired(el.text), el.at
					lines = append(lines, l)
				}
			}
		}
	}
	return lines, here
}
