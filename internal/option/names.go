// SPDX-License-Identifier: Apache-2.0

package option

import (
	"strings"
)

// Domain names on the wire: labels, each after its length, and a zero (RFC 1035
// §3.1). Compression (§4.1.4) is allowed only where an option's RFC says so;
// its pointers count from the beginning of the option's content.

const (
	maxLabel = 63  // RFC 1035 §2.3.4
	maxName  = 255 // with all lengths and the zero

	// maxPointer bounds the search for a suffix. A pointer reaches 1<<14, but a
	// list that long does not fit into a message, and searching it takes long.
	maxPointer = 1 << 11
)

// labels splits a name and checks it. The dot at the end is optional.
func labels(s string) ([]string, *Error) {
	name := strings.TrimSuffix(s, ".")
	if name == "" {
		if s == "." {
			return nil, nil // the root
		}
		return nil, wrong("is an empty domain name")
	}
	parts := strings.Split(name, ".")
	total := 1
	for _, l := range parts {
		switch {
		case l == "":
			return nil, wrong("%s is not a domain name: two dots in a row, or one in front", show(s))
		case len(l) > maxLabel:
			return nil, wrong("%s is not a domain name: %q is longer than %d octets", show(s), l, maxLabel)
		}
		for i := 0; i < len(l); i++ {
			switch c := l[i]; {
			case c >= 0x80:
				return nil, wrong("%s is not ASCII: write its xn-- form (RFC 5890)", show(s))
			case c <= ' ' || c == 0x7f:
				return nil, wrong("%s is not a domain name: it has a space or a control character in it", show(s))
			case c == ',' || c == '/' || c == ':' || c == '@' || c == '"' || c == '\\':
				return nil, wrong("%s is not a domain name: it has %q in it", show(s), c)
			}
		}
		total += 1 + len(l)
	}
	if total > maxName {
		return nil, wrong("%s is not a domain name: it takes %d octets, more than %d", show(s), total, maxName)
	}
	return parts, nil
}

func putName(out []byte, s string) ([]byte, *Error) {
	ls, err := labels(s)
	if err != nil {
		return nil, err
	}
	for _, l := range ls {
		out = append(append(out, byte(len(l))), l...)
	}
	return append(out, 0), nil
}

// putPartial leaves the zero away unless the name ends in a dot (RFC 4702 §2.3.1,
// RFC 4704 §4.2): a partial name is completed by whoever reads it.
func putPartial(out []byte, s string) ([]byte, *Error) {
	if s == "" {
		return out, nil
	}
	full := strings.HasSuffix(s, ".")
	out, err := putName(out, s)
	if err == nil && !full {
		out = out[:len(out)-1]
	}
	return out, err
}

// putName81 puts a name as the E bit says: in wire form, or as text (RFC 4702 §2.3).
func putName81(out []byte, flags byte, v any) ([]byte, *Error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if flags&4 != 0 {
		return putPartial(out, s)
	}
	return append(out, s...), nil
}

// putCompressed puts a name, ending it with a pointer to the longest suffix
// that is in the content already. Content begins at base.
func putCompressed(out []byte, base int, s string) ([]byte, *Error) {
	ls, err := labels(s)
	if err != nil {
		return nil, err
	}
	for i := range ls {
		if at := findSuffix(out[base:], ls[i:]); at >= 0 {
			return append(out, 0xc0|byte(at>>8), byte(at)), nil
		}
		out = append(append(out, byte(len(ls[i]))), ls[i]...)
	}
	return append(out, 0), nil
}

// findSuffix returns the offset of the labels in content, or -1. The content
// is whole names and, at its end, the labels of the name being written, which
// has no zero yet and so cannot match.
func findSuffix(content []byte, want []string) int {
	for at := 0; at < len(content) && at < maxPointer; {
		switch n := int(content[at]); {
		case n >= 0xc0:
			at += 2
		case n == 0:
			at++
		default:
			if labelsMatch(content, at, want) {
				return at
			}
			at += 1 + n
		}
	}
	return -1
}

func labelsMatch(content []byte, at int, want []string) bool {
	got, _, ok := readName(content, at)
	if !ok || len(got) != len(want) {
		return false
	}
	for i := range got {
		if !strings.EqualFold(got[i], want[i]) { // RFC 1035 §2.3.3
			return false
		}
	}
	return true
}

// readName reads the name at content[at:] and returns the offset after it.
// A pointer must lead backwards, so that reading ends.
func readName(content []byte, at int) (ls []string, next int, ok bool) {
	next = -1
	total := 1
	for {
		if at >= len(content) {
			return nil, 0, false
		}
		n := int(content[at])
		switch {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			return ls, next, true
		case n >= 0xc0:
			if at+1 >= len(content) {
				return nil, 0, false
			}
			to := (n&0x3f)<<8 | int(content[at+1])
			if to >= at {
				return nil, 0, false
			}
			if next < 0 {
				next = at + 2
			}
			at = to
		case n > maxLabel:
			return nil, 0, false
		default:
			if at+1+n > len(content) {
				return nil, 0, false
			}
			if total += 1 + n; total > maxName {
				return nil, 0, false
			}
			ls = append(ls, string(content[at+1:at+1+n]))
			at += 1 + n
		}
	}
}
