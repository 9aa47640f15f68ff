// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A classCompiler turns Matches into nodes and atoms.
type classCompiler struct {
	*MatcherSpec
	c     *Matcher
	fail  func(format string, args ...any)
	known map[string]uint16 // atoms
	where string
	nodes int
	path  []string // of the classes that refer to each other, to here

	values map[valueKey]uint16
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
	x.c.assigned[i] = int(a)
	n := node{by: MatchAny, of: []node{{atom: a}}}
	if m := x.Classes[i].Match; m != nil {
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
	c.uses |= 1 << m.By
	value := m.Value
	by := m.By
	if by == MatchVendorClass && x.IPv6 && m.Enterprise != 0 {
		by = MatchVendorID
		c.uses |= 1 << by
	}
	switch by {
	case MatchVendorID:
		value = append(binary.BigEndian.AppendUint32(nil, m.Enterprise), m.Value...)
	case MatchVendorClass, MatchUserClass, MatchMAC, MatchClientID, MatchCircuit, MatchRemote, MatchSubscriber, MatchRelayID:
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
	a, fresh := x.atom(fmt.Sprintf("%d %v %x", by, m.Prefix, value))
	switch {
	case !fresh:
	case m.Prefix:
		x.put(by, beginning, value, a)
		if n := len(value); !slices.Contains(c.lengths[by], n) {
			c.lengths[by] = append(c.lengths[by], n)
		}
	default:
		x.put(by, whole, value, a)
		c.wholes |= 1 << by
	}
	return node{atom: a}
}

// put notes that a value makes an atom true.
func (x *classCompiler) put(by MatchBy, form uint8, value []byte, a uint16) {
	x.values[valueKey{by, form, string(value)}] = a
}

// other is the atom of a condition on something else than a string of bytes.
func (x *classCompiler) other(m *Match) node {
	c := x.c
	var a uint16
	var fresh bool
	switch m.By {
	case MatchKnown:
		if a, fresh = x.atom("known"); fresh {
			c.known = int(a)
		}
	case MatchRelay:
		n := m.Net.Masked()
		if !n.IsValid() || n.Addr().Is4() == x.IPv6 {
			x.fail("%s: %v is not an %s prefix", x.where, m.Net, family(x.IPv6))
			return node{by: MatchAny}
		}
		if a, fresh = x.atom("relay " + n.String()); fresh {
			value, bits := netValueOf(n)
			x.put(MatchRelay, bits, value[:], a)
			if !slices.Contains(c.netBits, bits) {
				c.netBits = append(c.netBits, bits)
			}
		}
	case MatchArch:
		if a, fresh = x.atom(fmt.Sprintf("arch %d", m.Number)); fresh {
			x.put(MatchArch, whole, binary.BigEndian.AppendUint16(nil, m.Number), a)
		}
	case MatchLink:
		l := m.Link
		port, ok := uint16(anyPort), true
		if l.Port != "" {
			port, ok = x.Ports[l.Port]
		}
		if !ok || l.Outer > 4094 || l.Inner > 4094 || l.Inner != 0 && l.Outer == 0 {
			x.fail("%s: no such link: interface %s, VLAN %d, %d", x.where, l.Port, l.Outer, l.Inner)
			return node{by: MatchAny}
		}
		link := linkValue(port, l.Outer, l.Inner)
		if a, fresh = x.atom(fmt.Sprintf("link %x", link)); fresh {
			x.put(MatchLink, whole, link[:], a)
		}
	}
	return node{atom: a}
}

// expression is the atom of an expression.
func (x *classCompiler) expression(text string) node {
	a, fresh := x.atom("expr " + text)
	if fresh {
		p, err := x.Expr(text)
		if err != nil {
			x.fail("%s: %w", x.where, err)
			return node{by: MatchAny}
		}
		x.c.exprs = append(x.c.exprs, &expression{a, p})
	}
	return node{atom: a, expr: true}
}

func family(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}
