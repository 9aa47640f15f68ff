// SPDX-License-Identifier: Apache-2.0

package policy6

import "strings"

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

	wire []byte // suffix in DNS wire format, with the root
}

func (b *builder) addFQDN() {
	s := &b.spec.FQDN
	f := &b.p.FQDN
	*f = FQDN{ignore: s.Ignore, updates: s.Updates, overClient: s.OverrideClient, overNone: s.OverrideNoUpdate}
	text := strings.Trim(s.Suffix, ".")
	if text == "" {
		return
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 {
			b.fail("the suffix %q is not a domain name", s.Suffix)
			return
		}
		f.wire = append(append(f.wire, uint8(len(label))), label...)
	}
	f.wire = append(f.wire, 0)
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
	var out uint8
	switch {
	case !f.updates, flags&fqdnN != 0 && !f.overNone:
		out = fqdnN
	case flags&fqdnS != 0, flags&fqdnN != 0, f.overClient:
		out = fqdnS
	}
	if (out^flags)&fqdnS != 0 {
		out |= fqdnO
	}
	room[0] = out
	n := 1 + copy(room[1:], name)
	// §4.2: a name without the root is a partial one.
	if len(name) > 0 && !rooted(name) && n+len(f.wire) <= len(room) {
		n += copy(room[n:], f.wire)
	}
	return room[:n]
}

// HostName writes the name of an option 39 as text, without the root's dot, and
// returns the part of room that it filled: nothing if there is no name or it is
// none.
func HostName(fqdn []byte, room []byte) []byte {
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

// wireName says whether b is labels, with or without the root at the end. There is
// no compression here (RFC 8415 §10).
func wireName(b []byte) bool {
	if len(b) > maxName {
		return false
	}
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
