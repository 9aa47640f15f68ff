// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"

	"xdhcp/engine/lease"
)

// Record is the host name that a lease keeps of a client. It is written into room, or is
// option 12. Its dots say what is to be done with it:
//
//	pc.example.net.   the server does the A record's update and the pointer's
//	pc.example.net    the client does the A record's, the server the pointer's
//	pc                nobody does any
//
// So it follows the flags that Answer has answered (RFC 4702 §4). §3.1 has a client
// not send both options; if it does, option 81 counts.
func (f *FQDN) Record(names *Names, room *[lease.MaxHost]byte, space *NameRoom) []byte {
	asked := len(names.Asked) >= 3 && !f.ignore
	var other []byte
	if f.changes || len(names.Reserved) > 0 {
		other = f.name(names, asked, space)
	}
	if !asked {
		if f.hostNames {
			n := 0
			if other != nil {
				n = f.text(other, false, room)
			} else {
				n = f.text(names.Host, false, room)
			}
			if n > 0 {
				return room[:n]
			}
		}
		return label(names.Host)
	}
	n := f.keeps(names, other, room)
	if n == 0 {
		return label(names.Host)
	}
	switch out := f.does(names.Asked[0]); {
	case out&fqdnN != 0:
		return label(room[:n])
	case out&fqdnS != 0:
		return room[:n]
	}
	return room[:n-1]
}

// keeps writes the name of option 81, or the one instead of it, as text does.
func (f *FQDN) keeps(names *Names, other []byte, room *[lease.MaxHost]byte) int {
	if other != nil {
		return f.text(other, false, room)
	}
	return f.text(names.Asked[3:], names.Asked[0]&fqdnE != 0, room)
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

// label is a name up to its first dot.
func label(name []byte) []byte {
	if i := bytes.IndexByte(name, '.'); i >= 0 {
		return name[:i]
	}
	return name
}

// text writes a name, in the wire's form or as ASCII, with a dot behind each label and
// completed by the suffix. It returns the length; 0: it is not complete, longer than
// a lease keeps, or has labels that a host's name has not.
func (f *FQDN) text(name []byte, wire bool, room *[lease.MaxHost]byte) (n int) {
	if wire {
		return HostText(name, f.suffix, room[:])
	}
	t := hostText{room: room[:]}
	name, rooted := bytes.CutSuffix(name, []byte{'.'})
	for len(name) > 0 {
		l, rest, _ := bytes.Cut(name, []byte{'.'})
		if !t.add(l) {
			return 0
		}
		name = rest
	}
	return t.end(rooted || t.labels > 1, f.suffix) // RFC 4702 §2.3.1: partial is a single label
}
