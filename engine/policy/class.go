// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"fmt"
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

// A classCompiler turns Matches into nodes and atoms.
type classCompiler struct {
	*builder
	c     *classes
	known map[string]uint16 // atoms
	where string
	nodes int
	path  []string // of the classes that refer to each other, to here
}

// add compiles class i.
func (x *classCompiler) add(i int, m *Match) {
	c := x.c
	n := x.compile(m)
	for len(c.programs) <= i {
		c.programs = append(c.programs, node{})
	}
	if atoms, ok := n.anyOf(); ok {
		for _, a := range atoms {
			c.atoms[a].decides = addOnce(c.atoms[a].decides, i)
		}
		return
	}
	c.programs[i] = n
	atoms, ok := n.triggers()
	if !ok {
		c.always.Add(i)
		return
	}
	for _, a := range atoms {
		c.atoms[a].wakes = addOnce(c.atoms[a].wakes, i)
	}
}

func addOnce(to []uint16, i int) []uint16 {
	if slices.Contains(to, uint16(i)) {
		return to
	}
	return append(to, uint16(i))
}

// anyOf says whether the condition is that any of some atoms is true, and which.
func (n *node) anyOf() (atoms []uint16, ok bool) {
	switch n.by {
	case MatchNothing:
		return []uint16{n.atom}, !n.expr
	case MatchAny:
		for i := range n.of {
			of, ok := n.of[i].anyOf()
			if !ok {
				return nil, false
			}
			atoms = append(atoms, of...)
		}
		return atoms, true
	}
	return nil, false
}

// triggers are atoms of which one must be true for the condition to be; false:
// there are none such.
func (n *node) triggers() (atoms []uint16, ok bool) {
	switch n.by {
	case MatchNothing:
		return []uint16{n.atom}, !n.expr
	case MatchAny:
		for i := range n.of {
			of, ok := n.of[i].triggers()
			if !ok {
				return nil, false
			}
			atoms = append(atoms, of...)
		}
		return atoms, true
	case MatchAll:
		found := false
		for i := range n.of {
			if of, ok := n.of[i].triggers(); ok && (!found || len(of) < len(atoms)) {
				atoms, found = of, true
			}
		}
		return atoms, found
	}
	return nil, false
}

func (x *classCompiler) compile(m *Match) node {
	if x.nodes++; x.nodes > maxNodes {
		if x.nodes == maxNodes+1 {
			x.fail("%s: it has more than %d conditions with those of the classes that it refers to", x.where, maxNodes)
		}
		return node{by: MatchAny}
	}
	switch m.By {
	case MatchAll, MatchAny, MatchNot:
		if m.By == MatchNot && len(m.Of) != 1 {
			x.fail("%s: not is of one condition, here there are %d", x.where, len(m.Of))
			return node{by: MatchAny}
		}
		n := node{by: m.By}
		for i := range m.Of {
			n.of = append(n.of, x.compile(&m.Of[i]))
		}
		return n
	case MatchClass:
		return x.member(m.Name)
	case MatchExpr:
		return x.expression(m.Expr)
	}
	return x.leaf(m)
}

// member is the condition of another class, put in here: that the client's
// reservation says so, or that it matches.
func (x *classCompiler) member(name string) node {
	i, ok := x.c.names[name]
	if !ok {
		x.fail("%s: there is no class %s", x.where, name)
		return node{by: MatchAny}
	}
	if slices.Contains(x.path, name) {
		x.fail("%s: classes refer to each other in a circle: %v", x.where, append(x.path, name))
		return node{by: MatchAny}
	}
	a, _ := x.atom(fmt.Sprintf("assigned %d", i))
	x.c.assigned[i] = []uint16{a}
	n := node{by: MatchAny, of: []node{{atom: a}}}
	if m := x.spec.Classes[i].match(); m != nil {
		x.path = append(x.path, name)
		n.of = append(n.of, x.compile(m))
		x.path = x.path[:len(x.path)-1]
	}
	return n
}

// atom is the number of a condition; whether it is new.
func (x *classCompiler) atom(key string) (a uint16, fresh bool) {
	if a, ok := x.known[key]; ok {
		return a, false
	}
	if len(x.c.atoms) == maxAtoms {
		x.fail("%s: the classes have more than %d different conditions", x.where, maxAtoms)
		return 0, false
	}
	a = uint16(len(x.c.atoms))
	x.c.atoms = append(x.c.atoms, atom{})
	x.known[key] = a
	return a, true
}

// leaf is the atom of a condition on one value.
func (x *classCompiler) leaf(m *Match) node {
	c := x.c
	value := m.Value
	var t *table
	switch m.By {
	case MatchVendorClass:
		t = &c.vendorClass
	case MatchUserClass:
		t = &c.userClass
	case MatchVendorID:
		t = &c.vendorID
		value = append(binary.BigEndian.AppendUint32(nil, m.Enterprise), m.Value...)
	case MatchMAC:
		t = &c.mac
	case MatchClientID:
		t = &c.clientID
	case MatchCircuit:
		t = &c.circuit
	case MatchRemote:
		t = &c.remote
	case MatchSubscriber:
		t = &c.subscriber
	case MatchRelayID:
		t = &c.relayID
	case MatchKnown, MatchRelay, MatchArch, MatchLink:
		return x.other(m)
	default:
		x.fail("%s: an empty condition", x.where)
		return node{by: MatchAny}
	}
	if len(value) == 0 {
		x.fail("%s: a condition without a value", x.where)
		return node{by: MatchAny}
	}
	a, fresh := x.atom(fmt.Sprintf("%d %v %x", m.By, m.Prefix, value))
	if fresh {
		t.put(string(value), m.Prefix, a)
		c.usesRelay = c.circuit.used || c.remote.used || c.subscriber.used || c.relayID.used
	}
	return node{atom: a}
}

// other is the atom of a condition on something else than a string of bytes.
func (x *classCompiler) other(m *Match) node {
	c := x.c
	var a uint16
	var fresh bool
	switch m.By {
	case MatchKnown:
		if a, fresh = x.atom("known"); fresh {
			c.known = []uint16{a}
		}
	case MatchRelay:
		n := m.Net.Masked()
		if !n.IsValid() || !n.Addr().Is4() {
			x.fail("%s: %v is not an IPv4 prefix", x.where, m.Net)
			return node{by: MatchAny}
		}
		if a, fresh = x.atom("relay " + n.String()); fresh {
			if c.nets == nil {
				c.nets = map[netKey][]uint16{}
			}
			key := netKey{ip4(n.Addr()), uint8(n.Bits())}
			c.nets[key] = []uint16{a}
			if !slices.Contains(c.netBits, key.bits) {
				c.netBits = append(c.netBits, key.bits)
			}
			c.usesGiaddr = true
		}
	case MatchArch:
		if a, fresh = x.atom(fmt.Sprintf("arch %d", m.Number)); fresh {
			if c.arch == nil {
				c.arch = map[uint16][]uint16{}
			}
			c.arch[m.Number] = []uint16{a}
		}
	case MatchLink:
		l := m.Link
		port, ok := uint16(anyPort), true
		if l.Port != "" {
			port, ok = x.ports[l.Port]
		}
		if !ok || l.Outer > 4094 || l.Inner > 4094 || l.Inner != 0 && l.Outer == 0 {
			x.fail("%s: no such link: interface %s, VLAN %d, %d", x.where, l.Port, l.Outer, l.Inner)
			return node{by: MatchAny}
		}
		key := linkKey(port, l.Outer, l.Inner)
		if a, fresh = x.atom(fmt.Sprintf("link %x", key)); fresh {
			if c.links == nil {
				c.links = map[uint64][]uint16{}
			}
			c.links[key] = []uint16{a}
		}
	}
	return node{atom: a}
}

// expression is the atom of an expression.
func (x *classCompiler) expression(text string) node {
	a, fresh := x.atom("expr " + text)
	if fresh {
		e, err := compileExpr(text)
		if err != nil {
			x.fail("%s: %w", x.where, err)
			return node{by: MatchAny}
		}
		e.atom = a
		x.c.exprs = append(x.c.exprs, e)
	}
	return node{atom: a, expr: true}
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
