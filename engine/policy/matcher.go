// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"net/netip"

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
// A Match's leaves are atoms: each distinct one exists once, and a table (values) says
// which atoms a value makes true. A class that asks for any of some atoms is
// decided by them; any other has a program, which is run when an atom occurs
// without which it cannot be true.
//
// For each message: Begin, then the See methods for what it has, then Run; where
// that leaves classes open, Evaluate.
type Matcher struct {
	names map[string]int
	atoms []atom

	uses     uint32 // bit by: there is a condition of this kind
	values   values
	wholes   uint32            // bit by: some condition is on the whole value,
	lengths  [numMatchBy][]int // and some on beginnings of these lengths
	netBits  []uint8           // lengths of prefixes
	known    int               // atom, -1: nobody asks for it
	assigned map[int]int       // atom by class
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
	c := &Matcher{names: map[string]int{}, deny: -1, allow: -1, known: -1, assigned: map[int]int{}}
	for i, def := range spec.Classes {
		if first, twice := c.names[def.Name]; twice {
			fail("class %s is listed twice, as number %d and %d", def.Name, first+1, i+1)
			continue
		}
		c.names[def.Name] = i
	}
	x := &classCompiler{MatcherSpec: spec, c: c, fail: fail, known: map[string]uint16{}, values: map[valueKey]uint16{}}
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
	c.values = newValues(x.values)
	c.pack()
	return c
}

// pack moves the lists of the atoms together: what is small shall have few cache lines.
func (c *Matcher) pack() {
	var all []uint16
	for i := range c.atoms {
		all = append(append(all, c.atoms[i].decides...), c.atoms[i].wakes...)
	}
	cut := func(list []uint16) (out []uint16) {
		out, all = all[:len(list):len(list)], all[len(list):]
		return out
	}
	for i := range c.atoms {
		at := &c.atoms[i]
		at.decides = cut(at.decides)
		at.wakes = cut(at.wakes)
	}
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
func (c *Matcher) Denied(in *ClassSet) bool {
	return c.deny >= 0 && in.Has(c.deny) || c.allow >= 0 && !in.Has(c.allow)
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
		c.lookup(by, value, m)
	}
}

// SeeVendor tells of data behind a vendor's enterprise number. Of data longer
// than 255 bytes the rest does not count.
func (c *Matcher) SeeVendor(enterprise uint32, data []byte, m *Membership) {
	if c.Uses(MatchVendorID) {
		binary.BigEndian.PutUint32(m.key[:], enterprise)
		c.lookup(MatchVendorID, m.key[:4+copy(m.key[4:], data)], m)
	}
}

// SeeRelay tells of the address that a relay agent has on the client's link: its
// first and last eight bytes; IPv4 ones are in the last four.
func (c *Matcher) SeeRelay(hi, lo uint64, m *Membership) {
	for _, n := range c.netBits {
		net := netValue(hi, lo, n)
		c.hit(c.values.find(MatchRelay, n, net[:]), m)
	}
}

// SeeArch tells of a list of client architectures (RFC 4578, RFC 5970).
func (c *Matcher) SeeArch(list []byte, m *Membership) {
	for ; len(list) >= 2; list = list[2:] {
		c.hit(c.values.find(MatchArch, whole, list[:2]), m)
	}
}

// SeeLink tells of the interface, its outer VLAN and its inner one; and the same
// of any interface.
func (c *Matcher) SeeLink(in uint16, tags uint8, vlan [2]uint16, m *Membership) {
	for _, port := range [...]uint16{in, anyPort} {
		c.seeLink(port, 0, 0, m)
		if tags > 0 && vlan[0] != 0 {
			c.seeLink(port, vlan[0], 0, m)
			if tags > 1 && vlan[1] != 0 {
				c.seeLink(port, vlan[0], vlan[1], m)
			}
		}
	}
}

func (c *Matcher) seeLink(port, outer, inner uint16, m *Membership) {
	link := linkValue(port, outer, inner)
	c.hit(c.values.find(MatchLink, whole, link[:]), m)
}

// SeeReservation tells that the client has a reservation, which puts it into
// these classes.
func (c *Matcher) SeeReservation(classes *ClassSet, m *Membership) {
	c.hit(c.known, m)
	for i := classes.First(0); i >= 0; i = classes.First(i + 1) {
		if a, ok := c.assigned[i]; ok {
			c.hit(a, m)
		}
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

// hit makes an atom true, and with it the classes that ask for nothing else; -1: none.
func (c *Matcher) hit(a int, m *Membership) {
	if a < 0 {
		return
	}
	m.atoms[a>>6] |= 1 << (a & 63)
	at := &c.atoms[a]
	for _, i := range at.decides {
		m.In.Add(int(i))
	}
	for _, i := range at.wakes {
		m.awake.Add(int(i))
	}
}

// lookup hits what matches a value, whole or by its beginning.
func (c *Matcher) lookup(by MatchBy, value []byte, m *Membership) {
	if c.wholes>>by&1 != 0 {
		c.hit(c.values.find(by, whole, value), m)
	}
	for _, n := range c.lengths[by] {
		if n <= len(value) {
			c.hit(c.values.find(by, beginning, value[:n]), m)
		}
	}
}

// An atom is one condition on one value.
type atom struct {
	decides []uint16 // classes that are true with it
	wakes   []uint16 // classes to evaluate with it
}

// netValue is a prefix of n of 128 bits as values have it; an IPv4 one lies in the
// last 32.
func netValue(hi, lo uint64, n uint8) (b [16]byte) {
	if n <= 64 {
		hi, lo = hi&(^uint64(0)<<(64-n)), 0
	} else {
		lo &= ^uint64(0) << (128 - n)
	}
	binary.BigEndian.PutUint64(b[:], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return b
}

// netValueOf is the value and the length of a prefix.
func netValueOf(n netip.Prefix) (b [16]byte, bits uint8) {
	bits = uint8(n.Bits())
	if a := n.Addr(); a.Is4() {
		bits += 96
		return netValue(0, uint64(ip4(a)), bits), bits
	}
	b = n.Addr().As16()
	return netValue(binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]), bits), bits
}

// linkValue is a link as values have it.
func linkValue(port, outer, inner uint16) (b [8]byte) {
	binary.BigEndian.PutUint64(b[:], linkKey(port, outer, inner))
	return b
}
