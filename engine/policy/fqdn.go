// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"xdhcp/engine/lease"
)

// Bits of the flags of option 81 (RFC 4702 §2.1).
const (
	fqdnS = 1 << 0 // the server does the A record's update
	fqdnO = 1 << 1 // the server does other than the client's S says
	fqdnE = 1 << 2 // the name is in DNS wire format, else ASCII
	fqdnN = 1 << 3 // the server does no update
)

// FQDN is a FQDNSpec, compiled.
type FQDN struct {
	ignore, updates, overClient, overNone bool
	record, hostNames                     bool

	suffix string // without dots at its ends
	wire   []byte // the same in DNS wire format, with the root
}

func (b *builder) addFQDN() {
	s := &b.spec.FQDN
	f := &b.p.FQDN
	*f = FQDN{
		ignore: s.Ignore, updates: s.Updates, overClient: s.OverrideClient, overNone: s.OverrideNoUpdate,
		record: s.Record, hostNames: s.HostNames,
		suffix: strings.Trim(s.Suffix, "."),
	}
	if f.suffix == "" {
		return
	}
	for label := range strings.SplitSeq(f.suffix, ".") {
		if label == "" || len(label) > 63 {
			b.fail("the suffix %q is not a domain name", s.Suffix)
			return
		}
		f.wire = append(append(f.wire, uint8(len(label))), label...)
	}
	f.wire = append(f.wire, 0)
}

// Answer is the value of option 81 that answers the client's; nil: it is not
// answered. It is written into room.
//
// RFC 4702 §4: N where no update is done, because the client wants none or
// because we do none; S where we do the A record's, because the client asks for
// it or the configuration overrides it; O where S is not what the client said.
// E and, where it is complete, the name are the client's.
func (f *FQDN) Answer(asked []byte, room *[255]byte) []byte {
	if f.ignore || len(asked) < 3 || len(asked) > len(room) {
		// Longer than one option can only be a name in parts (RFC 3396), and
		// longer than names are (RFC 1035 §3.1).
		return nil
	}
	flags, name := asked[0], asked[3:]
	out := flags & fqdnE
	if flags&fqdnE != 0 && !wireName(name) {
		return nil
	}
	out |= f.does(flags)
	if f.record && out&fqdnN == 0 {
		var text [lease.MaxHost]byte
		if f.text(name, flags&fqdnE != 0, &text) == 0 {
			out = out&^fqdnS | fqdnN // what cannot be kept is not promised
		}
	}
	if (out^flags)&fqdnS != 0 {
		out |= fqdnO
	}
	// §2.2: "A server SHOULD set these to 255".
	room[0], room[1], room[2] = out, 255, 255
	n := 3 + copy(room[3:], name)
	switch {
	case f.suffix == "" || len(name) == 0:
	case flags&fqdnE != 0:
		// A name without the root is a partial one (§2.3).
		if !rooted(name) && n+len(f.wire) <= len(room) {
			n += copy(room[n:], f.wire)
		}
	default:
		// §2.3.1: a single label, "excluding the '.' (dot) character".
		if !hasDot(name) && n+1+len(f.suffix) <= len(room) {
			room[n] = '.'
			n += 1 + copy(room[n+1:], f.suffix)
		}
	}
	return room[:n]
}

// wireName says whether b is labels, with or without the root at the end. There
// is no compression here (RFC 4702 §2.1).
func wireName(b []byte) bool {
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 {
			return len(b) == 1
		}
		if n > 63 || 1+n > len(b) {
			return false
		}
		b = b[1+n:]
	}
	return true
}

// rooted says whether labels end with the root.
func rooted(b []byte) bool {
	for len(b) > 0 && b[0] != 0 {
		b = b[1+int(b[0]):]
	}
	return len(b) > 0
}

func hasDot(b []byte) bool {
	for _, c := range b {
		if c == '.' {
			return true
		}
	}
	return false
}
