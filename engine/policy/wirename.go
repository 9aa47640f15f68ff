// SPDX-License-Identifier: Apache-2.0

package policy

// Clients' names in DNS wire format, of both families.

// WireName says whether b is labels, with or without the root at the end. There
// is no compression here (RFC 4702 §2.1, RFC 8415 §10).
func WireName(b []byte) bool {
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

// Rooted says whether labels end with the root.
func Rooted(b []byte) bool {
	for len(b) > 0 && b[0] != 0 {
		b = b[1+int(b[0]):]
	}
	return len(b) > 0
}

// HostLabel says whether l can be a label of a host's name (RFC 1123 §2.1), with
// the underscore that Microsoft's hosts have.
func HostLabel(l []byte) bool {
	if len(l) == 0 || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for _, c := range l {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// HostText writes a host's name that is in wire format as text, with a dot behind each
// label and completed by the suffix, which has none. It returns the length; 0: it is not
// complete, longer than room, or has labels that a host's name has not.
func HostText(name []byte, suffix string, room []byte) int {
	if !WireName(name) {
		return 0
	}
	whole := Rooted(name)
	t := hostText{room: room}
	for len(name) > 0 && name[0] != 0 {
		n := 1 + int(name[0])
		if !t.add(name[1:n]) {
			return 0
		}
		name = name[n:]
	}
	return t.end(whole, suffix)
}

// hostText is a host's name that is being written.
type hostText struct {
	room      []byte
	n, labels int
}

// add writes a label and a dot; false: it is none of a host's, or has no room.
func (t *hostText) add(l []byte) bool {
	if t.n+len(l)+1 > len(t.room) || !HostLabel(l) {
		return false
	}
	t.n += copy(t.room[t.n:], l)
	t.room[t.n] = '.'
	t.n++
	t.labels++
	return true
}

// end completes a name that is not whole, and returns its length; 0: it is no name of
// a host.
func (t *hostText) end(whole bool, suffix string) int {
	switch {
	case t.labels == 0, whole && t.labels == 1:
		return 0
	case whole:
		return t.n
	case suffix == "" || t.n+len(suffix)+1 > len(t.room):
		return 0
	}
	t.n += copy(t.room[t.n:], suffix)
	t.room[t.n] = '.'
	return t.n + 1
}
