// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"strconv"

	"xdhcp/engine/lease"
)

// Names are what a client is called by whom, and what it can be called by.
type Names struct {
	Asked    []byte    // option 81; nil: the client has sent none
	Host     []byte    // option 12
	Reserved []byte    // the host name of its reservation
	Addr     lease.IP4 // its address
}

// Generate says when a client is called by its address.
type Generate uint8

const (
	GenerateNever Generate = iota
	GenerateAlways
	GenerateWhenPresent    // instead of the name that it sends
	GenerateWhenNotPresent // where it sends none
)

// naming is the part of a FQDN that makes names.
type naming struct {
	suffix      string // without dots at its ends
	completeAll bool
	lower       bool
	bad         bitmap // characters that names do not have
	instead     byte   // what is there instead of them; 0: nothing
	generate    Generate
	prefix      string
	changes     bool // a name may be another one than the client's
}

// maxName bounds a name as text.
const maxName = 253

// A NameRoom is where names are made.
type NameRoom struct {
	text [512]byte
}

// name is the client's name as text, without a dot at its end, completed by the suffix;
// nil: it has none. Reserved says more than the client does.
func (m *naming) name(n *Names, asked bool, room *NameRoom) []byte {
	out := room.text[:0]
	whole := false
	var given []byte
	switch {
	case len(n.Reserved) > 0:
		for _, c := range clip(n.Reserved) {
			out = append(out, m.small(c))
		}
	case asked:
		flags, name := n.Asked[0], n.Asked[3:]
		if flags&fqdnE == 0 {
			given, whole = text(name, m.completeAll)
		} else {
			if given = room.labels(name); given == nil && len(name) > 0 {
				return nil
			}
			whole = Rooted(name) && len(name) > 1
		}
	default:
		given, whole = text(n.Host, false)
	}
	if len(n.Reserved) == 0 {
		switch {
		case m.generated(given, asked):
			out, whole = m.fromAddress(out, n.Addr), false
		case len(given) == 0:
			return nil
		default:
			out = m.clean(out, given)
		}
	} else {
		out, whole = text(out, m.completeAll)
	}
	if len(out) == 0 {
		return nil // nothing is left of it
	}
	if !whole && m.suffix != "" && !m.suffixed(out) {
		out = append(append(out, '.'), m.suffix...)
	}
	if len(out) > maxName {
		return nil
	}
	return out
}

func clip(b []byte) []byte { return b[:min(len(b), maxName)] }

// text is a name without the dot at its end, and whether it is whole: RFC 4702 §2.3.1 has
// a single label be a partial name. Where all are completed, only the dot says so.
func text(b []byte, all bool) (name []byte, whole bool) {
	name, dot := bytes.CutSuffix(clip(b), []byte{'.'})
	return name, dot || !all && hasDot(name)
}

// suffixed says whether a name ends with the suffix already; that is asked where all
// names are completed.
func (m *naming) suffixed(name []byte) bool {
	at := len(name) - len(m.suffix)
	return m.completeAll && at > 0 && name[at-1] == '.' && bytes.EqualFold(name[at:], []byte(m.suffix))
}

// generated says whether the name is made of the address. An empty name in option 81
// asks for one.
func (m *naming) generated(given []byte, asked bool) bool {
	switch m.generate {
	case GenerateAlways:
		return true
	case GenerateWhenPresent:
		return len(given) > 0 || asked
	case GenerateWhenNotPresent:
		return len(given) == 0
	}
	return len(given) == 0 && asked && m.prefix != ""
}

func (m *naming) fromAddress(out []byte, a lease.IP4) []byte {
	out = append(out, m.prefix...)
	for shift := 24; shift >= 0; shift -= 8 {
		out = strconv.AppendUint(append(out, '-'), uint64(byte(a>>shift)), 10)
	}
	return out
}

// small is a letter as names have it.
func (m *naming) small(c byte) byte {
	if m.lower && c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// clean appends a name as it may be.
func (m *naming) clean(out, name []byte) []byte {
	for _, c := range name {
		switch c = m.small(c); {
		case !m.bad.has(c):
			out = append(out, c)
		case m.instead != 0:
			out = append(out, m.instead)
		}
	}
	return out
}

// labels is a name in the wire's form as text, in the second half of the room; nil: it
// is none, or empty.
func (r *NameRoom) labels(name []byte) []byte {
	if !WireName(name) || len(name) > len(r.text)/2 {
		return nil
	}
	half := r.text[len(r.text)/2:]
	out := half[:0]
	for len(name) > 0 && name[0] != 0 {
		n := 1 + int(name[0])
		if len(out) > 0 {
			out = append(out, '.')
		}
		out = append(out, name[1:n]...)
		name = name[n:]
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// wire writes a name in the wire's form into out; false: a label is too long or empty,
// or there is no room.
func wire(out, name []byte, root bool) (n int, ok bool) {
	for len(name) > 0 {
		label, rest, more := bytes.Cut(name, []byte{'.'})
		if len(label) == 0 || len(label) > 63 || n+1+len(label)+1 > len(out) || more && len(rest) == 0 {
			return 0, false
		}
		out[n] = byte(len(label))
		n += 1 + copy(out[n+1:], label)
		name = rest
	}
	if root {
		out[n] = 0
		n++
	}
	return n, n > 0
}

// HostName is the host name of a client (option 12) as it is told, in room; nil: it
// has none.
func (f *FQDN) HostName(n *Names, room *NameRoom) []byte {
	if f.completeAll {
		return f.name(n, false, room)
	}
	m := f.naming
	m.suffix = ""
	return m.name(n, false, room)
}
