// SPDX-License-Identifier: Apache-2.0

// Package option knows the options of DHCPv4 and DHCPv6 by name, and turns
// values as people write them into the bytes of the wire, and back into text.
//
// The tables dhcpv4-options.tsv and dhcpv6-options.tsv are the source of truth
// for names, codes and types; refine.go spells out the layouts for which their
// type column is too short. A layout is an expression:
//
//	ipv4 ipv4le ipv6 u8 u16 u32 u64 i32 bool    fixed sizes, network byte order
//	str strz strN url bytes bytesN              text (with NUL, of N bytes), octets
//	fqdn fqdnc name name81                      RFC 1035 names; fqdnc compresses
//	prefix prefix4 prefix16                     length and the address's needed, 4, 16 octets
//	psid                                        RFC 7597: identifier/length, the length first
//	route                                       RFC 3442: width, significant octets, router
//	hosts                                       RFC 3361: 0 and names, or 1 and addresses
//	tlv8(space) tlv16(space)                    encapsulated options
//	rec(type name, type name?, …)               fields in order; ? may be left out at the end
//	len8(type) len16(type) count8(type)         preceded by its length, or the number of its items
//	type[]                                      repeated to the end
//
// A value for Encode is what a configuration language yields: nil, bool, an
// integer, a string, []any or Map. Numbers and booleans may come as their text,
// so that a caller need not guess types before the definition is known.
//
// The package does no I/O and is safe for concurrent use.
package option

import (
	"fmt"
	"strconv"
	"strings"
)

// A Space is a set of codes: that of a protocol, or of one encapsulating option.
type Space string

// The spaces of the tables. A vendor's sub-options that nobody defined are in
// Vendor4 or Vendor6: only by code, only octets.
const (
	DHCP4   Space = "dhcp4"
	Agent4  Space = "dhcp4.agent" // sub-options of 82
	MSFT4   Space = "dhcp4.msft"  // Microsoft's sub-options of 43
	Vendor4 Space = "dhcp4.vendor"

	DHCP6   Space = "dhcp6"
	NTP6    Space = "dhcp6.ntp"
	MSFT6   Space = "dhcp6.msft" // Microsoft's (enterprise 311) in 17
	Vendor6 Space = "dhcp6.vendor"
)

// v6 tells codes and lengths of 16 bits from those of 8.
func (s Space) v6() bool { return strings.HasPrefix(string(s), "dhcp6") }

// EnterpriseSpace is that of an enterprise's options in 17 (RFC 8415 §21.17).
func EnterpriseSpace(enterprise uint32) Space {
	if enterprise == 311 {
		return MSFT6
	}
	return enterpriseSpace(Vendor6, enterprise)
}

func enterpriseSpace(vendor Space, enterprise uint32) Space {
	return Space(string(vendor) + "." + strconv.FormatUint(uint64(enterprise), 10))
}

func (s Space) maxCode() uint16 {
	if s.v6() {
		return 1<<16 - 1
	}
	return 255
}

// A Def is the definition of one option.
type Def struct {
	Space Space
	Code  uint16
	Name  string // in small letters with dashes, as in domain-name-servers
	RFC   string // the document that defines it, without "RFC "; may be empty
	Note  string
	// Singleton and ORO are the columns of RFC 8415 §24, for DHCPv6 only: may
	// appear once; "Required", "Optional", "Yes", "No".
	Singleton bool
	ORO       string

	typ     *typ
	repeats bool   // may be there more than once
	mayVoid bool   // a list of none is allowed
	lo, hi  uint64 // bounds of the numbers in it; hi 0: what the type holds
	seconds bool   // a time: may be written as 1h30m
}

// Type is the layout, in the notation of the package's documentation.
func (d *Def) Type() string { return d.typ.String() }

// IsList reports whether the option is a list of values.
func (d *Def) IsList() bool { return d.typ.kind == kArray }

func (d *Def) String() string {
	return d.Name + " (" + strconv.Itoa(int(d.Code)) + ")"
}

// source is the document that defines d, for messages.
func (d *Def) source() string {
	if isNumber(d.RFC) {
		return "RFC " + d.RFC
	}
	return d.RFC
}

// A Map is a value with named parts, in the order in which they were written.
type Map []Entry

// An Entry is one part of a Map.
type Entry struct {
	Key   string
	Value any
}

// An Error says which part of a value cannot be encoded, and why.
type Error struct {
	// Path leads from the value to the part: an int for an element of a list, a
	// string for one of a Map. Key says that the Map's key is wrong itself.
	Path []any
	Key  bool
	Msg  string
	Hint string // what was probably meant, or empty
}

func (e *Error) Error() string {
	var b strings.Builder
	for _, p := range e.Path {
		switch p := p.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", p)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, p)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (did you mean " + e.Hint + "?)")
	}
	return b.String()
}

// wrong makes an Error about the value itself; the callers on the way out
// prefix its path.
func wrong(format string, args ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, args...)}
}

func (e *Error) at(step any) *Error {
	e.Path = append([]any{step}, e.Path...)
	return e
}
