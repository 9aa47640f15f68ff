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

	naming
	wire []byte // the suffix in DNS wire format, with the root
}

func (b *builder) addFQDN() { b.compileFQDN(&b.p.FQDN, &b.spec.FQDN) }

// fqdn is what holds in a subnet.
func (b *builder) fqdn(s *FQDNSpec) *FQDN {
	if s == nil {
		return &b.p.FQDN
	}
	f := b.fqdns[s]
	if f == nil {
		f = new(FQDN)
		b.compileFQDN(f, s)
		if b.fqdns == nil {
			b.fqdns = map[*FQDNSpec]*FQDN{}
		}
		b.fqdns[s] = f
	}
	return f
}

func (b *builder) compileFQDN(f *FQDN, s *FQDNSpec) {
	*f = FQDN{
		ignore: s.Ignore, updates: s.Updates, overClient: s.OverrideClient, overNone: s.OverrideNoUpdate,
		record: s.Record, hostNames: s.HostNames,
		naming: naming{
			suffix: strings.Trim(s.Suffix, "."), completeAll: s.CompleteAll, lower: s.Lower,
			instead: s.Instead, generate: s.Generate, prefix: s.Prefix,
		},
	}
	if s.Characters != nil {
		for i, w := range s.Characters {
			f.bad[i] = ^w
		}
	}
	f.changes = s.CompleteAll || s.Lower || s.Characters != nil || s.Generate != GenerateNever || s.Prefix != ""
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
// E and, where it is complete, the name are the client's, unless its reservation or the
// policy have another name for it.
func (f *FQDN) Answer(names *Names, room *[255]byte, space *NameRoom) []byte {
	asked := names.Asked
	if f.ignore || len(asked) < 3 || len(asked) > len(room) {
		// Longer than one option can only be a name in parts (RFC 3396), and
		// longer than names are (RFC 1035 §3.1).
		return nil
	}
	flags, name := asked[0], asked[3:]
	out := flags & fqdnE
	if flags&fqdnE != 0 && !WireName(name) {
		return nil
	}
	out |= f.does(flags)
	var other []byte // the name that the client gets instead of its own
	if f.changes || len(names.Reserved) > 0 {
		other = f.name(names, true, space)
	}
	if f.record && out&fqdnN == 0 {
		var text [lease.MaxHost]byte
		if f.keeps(names, other, &text) == 0 {
			out = out&^fqdnS | fqdnN // what cannot be kept is not promised
		}
	}
	if (out^flags)&fqdnS != 0 {
		out |= fqdnO
	}
	// §2.2: "A server SHOULD set these to 255".
	room[0], room[1], room[2] = out, 255, 255
	if other != nil {
		if flags&fqdnE == 0 {
			if n := 3 + len(other); n <= len(room) {
				copy(room[3:], other)
				return room[:n]
			}
		} else if n, ok := wire(room[3:], other, true); ok {
			return room[:3+n]
		}
	}
	n := 3 + copy(room[3:], name)
	switch {
	case f.suffix == "" || len(name) == 0:
	case flags&fqdnE != 0:
		// A name without the root is a partial one (§2.3).
		if !Rooted(name) && n+len(f.wire) <= len(room) {
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

func hasDot(b []byte) bool {
	for _, c := range b {
		if c == '.' {
			return true
		}
	}
	return false
}
