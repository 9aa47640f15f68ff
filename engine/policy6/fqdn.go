// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"strings"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// Bits of the flags of option 39 (RFC 4704 §4.1).
const (
	fqdnS = 1 << 0 // the server does the AAAA record's update
	fqdnO = 1 << 1 // the server does other than the client's S says
	fqdnN = 1 << 2 // the server does no update
)

// maxName is the longest name in wire format (RFC 1035 §3.1).
const maxName = 255

// FQDN is a policy.FQDNSpec, compiled.
type FQDN struct {
	ignore, updates, overClient, overNone bool
	record                                bool

	suffix string // without dots at its ends
	wire   []byte // suffix in DNS wire format, with the root
}

func (b *builder) addFQDN() {
	s := &b.spec.FQDN
	f := &b.p.FQDN
	*f = FQDN{ignore: s.Ignore, updates: s.Updates, overClient: s.OverrideClient, overNone: s.OverrideNoUpdate,
		record: s.Record, suffix: strings.Trim(s.Suffix, ".")}
	wire, ok := wireOf(f.suffix)
	if !ok {
		b.fail("the suffix %q is not a domain name", s.Suffix)
		return
	}
	if f.wire = wire; len(wire) > 0 && !policy.Rooted(wire) {
		f.wire = append(wire, 0)
	}
}

// wireOf is a name in text in wire format: with the root, if it has a dot. False: it is
// none.
func wireOf(text string) (wire []byte, ok bool) {
	if text == "" {
		return nil, true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label == "" || len(label) > 63 {
			return nil, false
		}
		wire = append(append(wire, uint8(len(label))), label...)
	}
	if strings.Contains(text, ".") {
		wire = append(wire, 0)
	}
	return wire, len(wire) <= maxName
}

// Answer is the value of option 39 that answers the client's; nil: it is not
// answered. It is written into room.
//
// RFC 4704 §6: N where no update is done, because the client wants none or because
// we do none; S where we do the AAAA record's, because the client asks for it or the
// configuration overrides it; O where S is not what the client said. The name is the
// client's, completed with the configured suffix.
func (f *FQDN) Answer(asked []byte, room *[1 + maxName]byte) []byte {
	if f.ignore || len(asked) < 1 || len(asked) > len(room) || !wireName(asked[1:]) {
		return nil
	}
	flags, name := asked[0], asked[1:]
	out := f.does(flags)
	if f.record && out&fqdnN == 0 {
		var text [lease6.MaxHost]byte
		if f.text(name, text[:]) == 0 {
			out = fqdnN // what cannot be kept is not promised
		}
	}
	if (out^flags)&fqdnS != 0 {
		out |= fqdnO
	}
	room[0] = out
	n := 1 + copy(room[1:], name)
	// §4.2: a name without the root is a partial one.
	if len(name) > 0 && !policy.Rooted(name) && n+len(f.wire) <= len(room) {
		n += copy(room[n:], f.wire)
	}
	return room[:n]
}

// does is what the server answers in S and N.
func (f *FQDN) does(flags byte) byte {
	switch {
	case !f.updates, flags&fqdnN != 0 && !f.overNone:
		return fqdnN
	case flags&fqdnS != 0, flags&fqdnN != 0, f.overClient:
		return fqdnS
	}
	return 0
}

// Record is the name that a lease keeps of a client that has sent asked as option 39,
// written into room. Where names are put into the DNS its dots say what is to be done
// with it, as policy.FQDN.Record has them, and so follow the flags that Answer has
// answered; elsewhere it is the name as hostName writes it.
func (f *FQDN) Record(asked, room []byte) []byte {
	if !f.record {
		return hostName(asked, room)
	}
	if f.ignore || len(asked) < 2 {
		return nil
	}
	n := f.text(asked[1:], room)
	if n == 0 {
		return nil
	}
	switch out := f.does(asked[0]); {
	case out&fqdnN != 0:
		first := 0
		for room[first] != '.' {
			first++
		}
		return room[:first]
	case out&fqdnS != 0:
		return room[:n]
	}
	return room[:n-1]
}

// hostName writes the name of an option 39 as text, without the root's dot, and
// returns the part of room that it filled: nothing if there is no name or it is
// none.
func hostName(fqdn []byte, room []byte) []byte {
	if len(fqdn) < 2 || !wireName(fqdn[1:]) {
		return nil
	}
	n := 0
	for b := fqdn[1:]; len(b) > 0 && b[0] != 0; b = b[1+int(b[0]):] {
		if n+1+int(b[0]) > len(room) {
			break
		}
		if n > 0 {
			room[n] = '.'
			n++
		}
		n += copy(room[n:], b[1:1+int(b[0])])
	}
	return room[:n]
}

// wireName says whether b is a name in wire format, with or without the root at the end.
func wireName(b []byte) bool { return len(b) <= maxName && policy.WireName(b) }

// text writes a name in wire format as policy.HostText does, completed by the suffix.
func (f *FQDN) text(name, room []byte) int {
	if !wireName(name) {
		return 0
	}
	return policy.HostText(name, f.suffix, room)
}
