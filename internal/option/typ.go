// SPDX-License-Identifier: Apache-2.0

package option

import (
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	kEmpty kind = iota
	kIPv4
	kIPv4LE // in little-endian order, against everything else ([MS-DHCPN] 2.2.1.2)
	kIPv6
	kU8
	kU16
	kU32
	kU64
	kI32
	kBool
	kStr   // text without NUL; n > 0: exactly n bytes
	kStrZ  // text and a NUL
	kURL   // text that parses as a URI
	kBytes // octets; n > 0: exactly n
	kFQDN
	kFQDNC  // compressed against the names before it (RFC 1035 §4.1.4)
	kName   // a name that may be partial: without the zero at its end (RFC 4704 §4.2)
	kName81 // the same, or text, by the E bit of the flags before it (RFC 4702 §2.3)
	kPrefix // u8 length, then as many octets as that needs
	kPrefix4
	kPrefix16
	kPSID
	kRoute
	kHosts
	kTLV8
	kTLV16
	kRec
	kLen8
	kLen16
	kCount8
	kArray
)

var kindNames = map[string]kind{
	"empty": kEmpty, "ipv4": kIPv4, "ipv4le": kIPv4LE, "ipv6": kIPv6,
	"u8": kU8, "u16": kU16, "u32": kU32, "u64": kU64, "i32": kI32, "bool": kBool,
	"str": kStr, "strz": kStrZ, "url": kURL, "bytes": kBytes,
	"fqdn": kFQDN, "fqdnc": kFQDNC, "name": kName, "name81": kName81,
	"prefix": kPrefix, "prefix4": kPrefix4, "prefix16": kPrefix16, "psid": kPSID,
	"route": kRoute, "hosts": kHosts, "tlv8": kTLV8, "tlv16": kTLV16,
	"rec": kRec, "len8": kLen8, "len16": kLen16, "count8": kCount8,
}

// typ is a parsed type expression.
type typ struct {
	kind   kind
	n      int     // of strN and bytesN
	space  Space   // of tlv8 and tlv16
	text   bool    // tlv8: plain text is allowed instead (option 43)
	elem   *typ    // of lists and of what has a length or count before it
	fields []field // of rec
	expr   string
}

type field struct {
	name string
	typ  *typ
	opt  bool
}

func (t *typ) String() string { return t.expr }

// size is the number of octets that every value of t has, or -1.
func (t *typ) size() int {
	switch t.kind {
	case kEmpty:
		return 0
	case kU8, kBool:
		return 1
	case kU16:
		return 2
	case kIPv4, kIPv4LE, kU32, kI32:
		return 4
	case kPrefix4:
		return 5
	case kPSID:
		return 3
	case kU64:
		return 8
	case kIPv6:
		return 16
	case kPrefix16:
		return 17
	case kStr, kBytes:
		if t.n > 0 {
			return t.n
		}
	case kRec:
		sum := 0
		for _, f := range t.fields {
			n := f.typ.size()
			if n < 0 || f.opt {
				return -1
			}
			sum += n
		}
		return sum
	}
	return -1
}

// required counts the fields of a rec that may not be left out.
func (t *typ) required() int {
	n := 0
	for _, f := range t.fields {
		if !f.opt {
			n++
		}
	}
	return n
}

// parseType parses a type expression.
func parseType(expr string) (*typ, error) {
	p := typeParser{rest: expr}
	t, err := p.typ(0)
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%q after the type", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", expr, err)
	}
	return t, nil
}

type typeParser struct{ rest string }

func (p *typeParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *typeParser) eat(s string) bool {
	p.space()
	if !strings.HasPrefix(p.rest, s) {
		return false
	}
	p.rest = p.rest[len(s):]
	return true
}

// word takes what is a name: letters, digits, dashes and dots.
func (p *typeParser) word() string {
	p.space()
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *typeParser) typ(depth int) (*typ, error) {
	if depth > 8 {
		return nil, fmt.Errorf("nested too deeply")
	}
	p.space()
	start := p.rest
	w := p.word()
	t := &typ{}
	var ok bool
	if t.kind, ok = kindNames[w]; !ok {
		switch {
		case numbered(w, "bytes", &t.n):
			t.kind = kBytes
		case numbered(w, "str", &t.n):
			t.kind = kStr
		case w == "duid":
			t.kind = kBytes
		case w == "opts":
			t.kind, t.space = kTLV16, DHCP6
		case w == "tuple": // RFC 8415 §21.15: length and octets
			t.kind, t.elem = kLen16, &typ{kind: kBytes, expr: "bytes"}
		default:
			return nil, fmt.Errorf("unknown type %q", w)
		}
	}
	var err error
	switch t.kind {
	case kTLV8, kTLV16:
		if t.space == "" && !p.eat("(") {
			t.space = Vendor4
			if t.kind == kTLV16 {
				t.space = Vendor6
			}
		} else if t.space == "" {
			t.space = Space(p.word())
			t.text = p.eat("|text")
			if !p.eat(")") {
				return nil, fmt.Errorf("%s is not closed", w)
			}
		}
	case kLen8, kLen16, kCount8:
		if t.elem == nil {
			if !p.eat("(") {
				return nil, fmt.Errorf("%s of what?", w)
			}
			if t.elem, err = p.typ(depth + 1); err != nil {
				return nil, err
			}
			if !p.eat(")") {
				return nil, fmt.Errorf("%s is not closed", w)
			}
		}
	case kRec:
		if !p.eat("(") {
			return nil, fmt.Errorf("a record of what?")
		}
		for {
			var f field
			if f.typ, err = p.typ(depth + 1); err != nil {
				return nil, err
			}
			if f.name = p.word(); f.name == "" {
				f.name = f.typ.expr
			}
			// There may be no sub-options in what holds them.
			f.opt = p.eat("?") || f.typ.kind == kTLV8 || f.typ.kind == kTLV16
			t.fields = append(t.fields, f)
			if p.eat(")") {
				break
			}
			if !p.eat(",") {
				return nil, fmt.Errorf("record is not closed")
			}
		}
	}
	t.expr = strings.TrimSpace(start[:len(start)-len(p.rest)])
	for p.eat("[]") {
		t = &typ{kind: kArray, elem: t, expr: strings.TrimSpace(start[:len(start)-len(p.rest)])}
	}
	return t, nil
}

func numbered(w, prefix string, n *int) bool {
	rest, ok := strings.CutPrefix(w, prefix)
	if !ok {
		return false
	}
	v, err := strconv.Atoi(rest)
	if err != nil || v < 1 || v > 255 {
		return false
	}
	*n = v
	return true
}
