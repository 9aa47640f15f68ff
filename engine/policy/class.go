// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
)

// classes are all classes, compiled.
type classes struct {
	*Matcher

	rules   []classRule
	options ClassSet // classes with options
	effects ClassSet // classes that act on any message: options, times, drop, boot
	times   ClassSet
	drop    ClassSet
	boot    ClassSet
}

// A classRule is what a class does.
type classRule struct {
	options []Option
	times   *Times
	boot    *Boot // nil: none
}

// addClasses compiles classes and filters.
func (b *builder) addClasses() {
	spec := b.spec
	m := MatcherSpec{
		Deny: spec.Filters.Deny, Allow: spec.Filters.Allow, Enforce: spec.Filters.Enforce,
		Ports: b.ports, Expr: compileExpr,
	}
	for i := range spec.Classes {
		m.Classes = append(m.Classes, ClassDef{spec.Classes[i].Name, spec.Classes[i].match()})
	}
	c := &classes{Matcher: NewMatcher(&m, b.fail)}
	if c.Matcher == nil {
		return
	}
	b.p.classes = c
	for i := range spec.Classes {
		b.addClass(c, i)
	}
	if c.deny >= 0 {
		c.effects.Add(c.deny)
	}
	if c.allow >= 0 {
		c.effects.Add(c.allow)
	}
}

func (b *builder) addClass(c *classes, i int) {
	s := &b.spec.Classes[i]
	where := "class " + s.Name
	b.checkOptions(where, s.Options)
	if slices.ContainsFunc(s.Options, func(o Option) bool { return o.Class != "" }) {
		b.fail("%s: its options are for its own clients and cannot name a class", where)
	}
	rule := classRule{options: s.Options, boot: b.boot(where, s.NextServer, s.ServerName, s.BootFile)}
	if len(s.Options) > 0 {
		c.options.Add(i)
		c.effects.Add(i)
	}
	if s.Times != nil {
		t, err := s.Times.defaults()
		if err != nil {
			b.fail("%s: %w", where, err)
		}
		rule.times = &t
		c.times.Add(i)
		c.effects.Add(i)
	}
	if rule.boot != nil {
		c.boot.Add(i)
		c.effects.Add(i)
	}
	if s.Drop {
		c.drop.Add(i)
		c.effects.Add(i)
	}
	c.rules = append(c.rules, rule)
}

// match is who is in class i by what it sends.
func (s *ClassSpec) match() *Match {
	if len(s.VendorClass) == 0 {
		return s.Match
	}
	m := Match{By: MatchVendorClass, Value: s.VendorClass}
	if s.Match == nil {
		return &m
	}
	return &Match{By: MatchAll, Of: []Match{m, *s.Match}}
}

// classSet resolves names.
func (b *builder) classSet(where string, names []string) (s ClassSet) {
	for _, n := range names {
		if i, ok := b.classNumber(where, n); ok {
			s.Add(i)
		}
	}
	return s
}

// shared is one place for all sets of the same classes: there are few, and what is
// looked at by all messages is in the processor's cache.
func (b *builder) shared(s ClassSet) *ClassSet {
	p := b.classSets[s]
	if p == nil {
		p = &s
		b.classSets[s] = p
	}
	return p
}

func (b *builder) classNumber(where, name string) (int, bool) {
	if b.p.classes != nil {
		if i, ok := b.p.classes.names[name]; ok {
			return i, true
		}
	}
	b.fail("%s: there is no class %s", where, name)
	return 0, false
}

// Class is the number of a class in a ClassSet; -1: there is none.
func (p *Policy) Class(name string) int {
	if p.classes != nil {
		if i, ok := p.classes.names[name]; ok {
			return i
		}
	}
	return -1
}
