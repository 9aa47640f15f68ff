// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/expr-lang/expr/vm"
)

const (
	maxAtoms = 2048
	// maxNodes bounds a class with all the classes that it refers to.
	maxNodes = 4096
	anyPort  = 1<<16 - 1
)

// A Matcher is the conditions of all classes, compiled. Both families have one;
// what a message has is fed to it value by value.
//
// A Match's leaves are atoms: each distinct one exists once, and the tables say
// which atoms a value makes true. A class that asks for any of some atoms is
// decided by them; any other has a program, which is run when an atom occurs
// without which it cannot be true.
//
// For each message: Begin, then the See methods for what it has, then Run; where
// that leaves classes open, Evaluate.
type Matcher struct {
	names map[string]int
	atoms []atom

	uses     uint32            // bit by: there is a condition of this kind
	tables   [numMatchBy]table // of the conditions on one value
	netBits  []uint8           // lengths of prefixes
	nets     map[netKey][]uint16
	arch     map[uint16][]uint16
	links    map[uint64][]uint16
	known    []uint16
	assigned map[int][]uint16 // by class
	exprs    []*expression

	programs []node   // by class; unused where the atoms decide
	always   ClassSet // classes whose program is run for every message
	deny     int      // numbers of the filters; -1: none
	allow    int
}

// A ClassDef is a class as a Matcher sees it. Without a Match, only those are in
// it whose reservation says so.
type ClassDef struct {
	Name  string
	Match *Match
}

// A MatcherSpec is what a Matcher is compiled from.
type MatcherSpec struct {
	Classes     []ClassDef
	Deny, Allow []Match
	Enforce     bool // Allow counts
	Ports       map[string]uint16
	// Expr compiles an expression in the language of the family.
	Expr func(text string) (*vm.Program, error)
	// IPv6 is the family of prefixes, and lets MatchVendorClass have an
	// Enterprise.
	IPv6 bool
}

// NewMatcher compiles conditions; nil: there are none, or so many that it has
// failed. What is wrong with them is told to fail.
func NewMatcher(spec *MatcherSpec, fail func(format string, args ...any)) *Matcher {
	if len(spec.Classes) == 0 && len(spec.Deny) == 0 && !spec.Enforce {
		return nil
	}
	if len(spec.Classes) > MaxClasses {
		fail("%d classes; %d are possible", len(spec.Classes), MaxClasses)
		return nil
	}
	c := &Matcher{names: map[string]int{}, deny: -1, allow: -1, assigned: map[int][]uint16{}}
	for i, def := range spec.Classes {
		if first, twice := c.names[def.Name]; twice {
			fail("class %s is listed twice, as number %d and %d", def.Name, first+1, i+1)
			continue
		}
		c.names[def.Name] = i
	}
	x := &classCompiler{MatcherSpec: spec, c: c, fail: fail, known: map[string]uint16{}}
	for i, def := range spec.Classes {
		x.where, x.nodes = "class "+def.Name, 0
		x.add(i, &Match{By: MatchClass, Name: def.Name})
	}
	number := len(spec.Classes)
	filter := func(what string, of []Match) int {
		x.where, x.nodes = what, 0
		x.add(number, &Match{By: MatchAny, Of: of})
		number++
		return number - 1
	}
	if len(spec.Deny) > 0 {
		c.deny = filter("deny filter", spec.Deny)
	}
	if spec.Enforce {
		c.allow = filter("allow filter", spec.Allow)
	}
	return c
}

// Class is the number of a class in a ClassSet.
func (c *Matcher) Class(name string) (int, bool) {
	if c == nil {
		return 0, false
	}
	i, ok := c.names[name]
	return i, ok
}

// Denied says whether a filter is against a client ([MS-DHCPE] §1.4: the deny
// list first).
func (c *Matcher) Denied(m *Membership) bool {
	return c.deny >= 0 && m.In.Has(c.deny) || c.allow >= 0 && !m.In.Has(c.allow)
}

// Filters are the numbers of the filters, which a message's answer depends on as
// it does on classes.
func (c *Matcher) Filters() (s ClassSet) {
	for _, i := range [...]int{c.deny, c.allow} {
		if i >= 0 {
			s.Add(i)
		}
	}
	return s
}

// Begin makes m that of a message of which nothing has been seen.
func (c *Matcher) Begin(m *Membership) {
	m.Clear()
	clear(m.atoms[:(len(c.atoms)+63)/64])
	m.awake = c.always
	m.opaque = true
}

// Uses says whether some condition is of this kind: without, there is no need to
// call its See method.
func (c *Matcher) Uses(by MatchBy) bool { return c.uses>>by&1 != 0 }

// See tells of a value that a message has.
func (c *Matcher) See(by MatchBy, value []byte, m *Membership) {
	if c.Uses(by) && len(value) > 0 {
		c.lookup(&c.tables[by], value, m)
	}
}

// SeeVendor tells of data behind a vendor's enterprise number. Of data longer
// than 255 bytes the rest does not count.
func (c *Matcher) SeeVendor(enterprise uint32, data []byte, m *Membership) {
	if c.Uses(MatchVendorID) {
		binary.BigEndian.PutUint32(m.key[:], enterprise)
		c.lookup(&c.tables[MatchVendorID], m.key[:4+copy(m.key[4:], data)], m)
	}
}

// SeeRelay tells of the address that a relay agent has on the client's link: its
// first and last eight bytes; IPv4 ones are in the last four.
func (c *Matcher) SeeRelay(hi, lo uint64, m *Membership) {
	for _, n := range c.netBits {
		c.hit(c.nets[makeNetKey(hi, lo, n)], m)
	}
}

// SeeArch tells of a list of client architectures (RFC 4578, RFC 5970).
func (c *Matcher) SeeArch(list []byte, m *Membership) {
	for ; len(list) >= 2; list = list[2:] {
		c.hit(c.arch[binary.BigEndian.Uint16(list)], m)
	}
}

// SeeLink tells of the interface, its outer VLAN and its inner one; and the same
// of any interface.
func (c *Matcher) SeeLink(in uint16, tags uint8, vlan [2]uint16, m *Membership) {
	for _, port := range [...]uint16{in, anyPort} {
		c.hit(c.links[linkKey(port, 0, 0)], m)
		if tags > 0 && vlan[0] != 0 {
			c.hit(c.links[linkKey(port, vlan[0], 0)], m)
			if tags > 1 && vlan[1] != 0 {
				c.hit(c.links[linkKey(port, vlan[0], vlan[1])], m)
			}
		}
	}
}

// SeeReservation tells that the client has a reservation, which puts it into
// these classes.
func (c *Matcher) SeeReservation(classes *ClassSet, m *Membership) {
	c.hit(c.known, m)
	for i := classes.First(0); i >= 0; i = classes.First(i + 1) {
		c.hit(c.assigned[i], m)
	}
}

// Run evaluates the classes of which something that they need was seen. Those
// that depend on an expression are left open.
func (c *Matcher) Run(m *Membership) {
	if !m.awake.Empty() {
		c.run(m)
	}
}

// Evaluate decides what is open. value is that of an expression.
func (c *Matcher) Evaluate(m *Membership, value func(*vm.Program) bool) {
	if m.Open.Empty() {
		return
	}
	for _, x := range c.exprs {
		if value(x.program) {
			m.atoms[x.atom>>6] |= 1 << (x.atom & 63)
		}
	}
	m.opaque = false
	m.awake, m.Open = m.Open, ClassSet{}
	c.run(m)
}

// run evaluates the programs of the classes that are awake.
func (c *Matcher) run(m *Membership) {
	for i := m.awake.First(0); i >= 0; i = m.awake.First(i + 1) {
		switch c.programs[i].eval(m) {
		case yes:
			m.In.Add(i)
		case unclear:
			m.Open.Add(i)
		}
	}
}

// hit makes atoms true, and with them the classes that ask for nothing else.
func (c *Matcher) hit(atoms []uint16, m *Membership) {
	for _, a := range atoms {
		m.atoms[a>>6] |= 1 << (a & 63)
		at := &c.atoms[a]
		for _, i := range at.decides {
			m.In.Add(int(i))
		}
		for _, i := range at.wakes {
			m.awake.Add(int(i))
		}
	}
}

// lookup hits what matches a value, whole or by its beginning.
func (c *Matcher) lookup(t *table, value []byte, m *Membership) {
	if t.exact != nil {
		c.hit(t.exact[string(value)], m)
	}
	for i := range t.prefixes {
		if n := t.prefixes[i].n; n <= len(value) {
			c.hit(t.prefixes[i].of[string(value[:n])], m)
		}
	}
}

// An atom is one condition on one value.
type atom struct {
	decides []uint16 // classes that are true with it
	wakes   []uint16 // classes to evaluate with it
}

// A table finds atoms by a value.
type table struct {
	exact    map[string][]uint16
	prefixes []prefixTable // by length
}

type prefixTable struct {
	n  int
	of map[string][]uint16
}

func (t *table) put(value string, prefix bool, a uint16) {
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

// A netKey is a prefix of at most 128 bits; an IPv4 one lies in the last 32.
type netKey struct {
	hi, lo uint64
	bits   uint8
}

func makeNetKey(hi, lo uint64, bits uint8) netKey {
	if bits <= 64 {
		return netKey{hi & (^uint64(0) << (64 - bits)), 0, bits}
	}
	return netKey{hi, lo & (^uint64(0) << (128 - bits)), bits}
}

// netKeyOf is the key of a prefix.
func netKeyOf(n netip.Prefix) netKey {
	if a := n.Addr(); a.Is4() {
		return makeNetKey(0, uint64(ip4(a)), uint8(96+n.Bits()))
	}
	b := n.Addr().As16()
	return makeNetKey(binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]), uint8(n.Bits()))
}
