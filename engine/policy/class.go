// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"xdhcp/engine/lease"
)

const (
	maxAtoms = 2048
	// maxNodes bounds a class with all the classes that it refers to.
	maxNodes = 4096
	anyPort  = 1<<16 - 1
)

// classes are all classes, compiled.
//
// A Match's leaves are atoms: each distinct one exists once, and the tables say
// which atoms a value makes true. A class that asks for any of some atoms is
// decided by them; any other has a program, which is run when an atom occurs
// without which it cannot be true.
type classes struct {
	names map[string]int
	atoms []atom

	vendorClass, userClass, vendorID, mac, clientID table
	circuit, remote, subscriber, relayID            table
	usesRelay, usesGiaddr                           bool
	netBits                                         []uint8 // lengths of prefixes
	nets                                            map[netKey][]uint16
	arch                                            map[uint16][]uint16
	links                                           map[uint64][]uint16
	known                                           []uint16
	assigned                                        map[int][]uint16 // by class
	exprs                                           []*expression

	programs []node   // by class; unused where the atoms decide
	always   ClassSet // classes whose program is run for every message

	rules   []classRule
	options ClassSet // classes with options
	effects ClassSet // classes that act on any message: options, times, drop, boot
	times   ClassSet
	drop    ClassSet
	boot    ClassSet
	deny    int // numbers of the filters; -1: none
	allow   int
}

// An atom is one condition on one value.
type atom struct {
	decides []uint16 // classes that are true with it
	wakes   []uint16 // classes to evaluate with it
}

// A classRule is what a class does.
type classRule struct {
	options []Option
	times   *Times
	boot    Boot
}

// A table finds atoms by a value.
type table struct {
	used     bool
	exact    map[string][]uint16
	prefixes []prefixTable // by length
}

type prefixTable struct {
	n  int
	of map[string][]uint16
}

type netKey struct {
	base lease.IP4
	bits uint8
}

func maskOf(bits uint8) lease.IP4 { return lease.IP4(uint64(lease.Infinite) << (32 - bits)) }

func (t *table) put(value string, prefix bool, a uint16) {
	t.used = true
	if !prefix {
		if t.exact == nil {
			t.exact = map[string][]uint16{}
		}
		t.exact[value] = append(t.exact[value], a)
		return
	}
	i := slices.IndexFunc(t.prefixes, func(p prefixTable) bool { return p.n == len(value) })
	if i < 0 {
		i = len(t.prefixes)
		t.prefixes = append(t.prefixes, prefixTable{n: len(value), of: map[string][]uint16{}})
	}
	t.prefixes[i].of[value] = append(t.prefixes[i].of[value], a)
}

// addClasses compiles classes and filters.
func (b *builder) addClasses() {
	spec := b.spec
	f := &spec.Filters
	if len(spec.Classes) == 0 && len(f.Deny) == 0 && !f.Enforce {
		return
	}
	if len(spec.Classes) > MaxClasses {
		b.fail("%d classes; %d are possible", len(spec.Classes), MaxClasses)
		return
	}
	c := &classes{names: map[string]int{}, deny: -1, allow: -1, assigned: map[int][]uint16{}}
	b.p.classes = c
	for i := range spec.Classes {
		name := spec.Classes[i].Name
		if first, twice := c.names[name]; twice {
			b.fail("class %s is listed twice, as number %d and %d", name, first+1, i+1)
			continue
		}
		c.names[name] = i
	}
	x := &classCompiler{builder: b, c: c, known: map[string]uint16{}}
	for i := range spec.Classes {
		b.addClass(x, i)
	}
	number := len(spec.Classes)
	filter := func(what string, of []Match) int {
		x.where, x.nodes = what, 0
		x.add(number, &Match{By: MatchAny, Of: of})
		number++
		return number - 1
	}
	if len(f.Deny) > 0 {
		c.deny = filter("deny filter", f.Deny)
		c.effects.Add(c.deny)
	}
	if f.Enforce {
		c.allow = filter("allow filter", f.Allow)
		c.effects.Add(c.allow)
	}
}

func (b *builder) addClass(x *classCompiler, i int) {
	s, c := &b.spec.Classes[i], x.c
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
	if !rule.boot.empty() {
		c.boot.Add(i)
		c.effects.Add(i)
	}
	if s.Drop {
		c.drop.Add(i)
		c.effects.Add(i)
	}
	c.rules = append(c.rules, rule)
	x.where, x.nodes = where, 0
	x.add(i, &Match{By: MatchClass, Name: s.Name})
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
