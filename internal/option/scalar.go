// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// noun is what a value of t is called in messages.
func (t *typ) noun() string {
	switch t.kind {
	case kEmpty:
		return "nothing"
	case kIPv4, kIPv4LE:
		return "IPv4 address"
	case kIPv6:
		return "IPv6 address"
	case kU8:
		return "0 to 255"
	case kU16:
		return "0 to 65535"
	case kU32, kU64, kI32:
		return "number"
	case kBool:
		return "true or false"
	case kStr, kStrZ:
		return "text"
	case kURL:
		return "URL"
	case kBytes:
		return "hex:… or text"
	case kFQDN, kFQDNC, kName, kName81:
		return "domain name"
	case kPrefix, kPrefix16:
		return "IPv6 prefix"
	case kPrefix4:
		return "IPv4 prefix"
	case kPSID:
		return "identifier/length"
	case kRoute:
		return "route"
	case kHosts:
		return "names or addresses"
	case kTLV8, kTLV16:
		return "sub-options"
	case kArray:
		return "list of " + t.elem.noun()
	case kLen8, kLen16, kCount8:
		return t.elem.noun()
	}
	return "record"
}

func (e *encoder) putScalar(out []byte, t *typ, v any) ([]byte, *Error) {
	switch v.(type) {
	case []any:
		return nil, wrong("takes one value (%s), not a list", t.noun())
	case Map:
		return nil, wrong("takes one value (%s), not a map", t.noun())
	case nil:
		if t.kind != kEmpty {
			return nil, wrong("has no value: %s is wanted", t.noun())
		}
	}
	switch t.kind {
	case kEmpty:
		if v == nil || v == true || v == "" || v == "true" {
			return out, nil
		}
		return nil, wrong("takes no value: write %s: true, or leave the option out", e.def.Name)
	case kU8:
		n, err := e.uint(v, math.MaxUint8)
		return append(out, byte(n)), err
	case kU16:
		n, err := e.uint(v, math.MaxUint16)
		return binary.BigEndian.AppendUint16(out, uint16(n)), err
	case kU32:
		n, err := e.uint(v, math.MaxUint32)
		return binary.BigEndian.AppendUint32(out, uint32(n)), err
	case kU64:
		n, err := e.uint(v, math.MaxUint64)
		return binary.BigEndian.AppendUint64(out, n), err
	case kI32:
		n, err := toInt32(v)
		return binary.BigEndian.AppendUint32(out, uint32(n)), err
	case kBool:
		b, err := toBool(v)
		return append(out, b), err
	}
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case kIPv4, kIPv4LE:
		a, err := parseIPv4(s)
		if err != nil {
			return nil, err
		}
		b := a.As4()
		if t.kind == kIPv4LE {
			b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
		}
		if e.def.Space == DHCP4 && e.def.Code == 1 && !isMask(b) {
			return nil, wrong("%s is not a subnet mask: its ones must come before its zeros", s)
		}
		return append(out, b[:]...), nil
	case kIPv6:
		a, err := parseIPv6(s)
		if err != nil {
			return nil, err
		}
		b := a.As16()
		return append(out, b[:]...), nil
	case kStr, kStrZ, kURL:
		return putText(out, t, s)
	case kBytes:
		b, err := parseBytes(s)
		if err != nil {
			return nil, err
		}
		if t.n > 0 && len(b) != t.n {
			return nil, wrong("is %d octets long; %s has %d", len(b), e.def.Name, t.n)
		}
		return append(out, b...), nil
	case kFQDN:
		return putName(out, s)
	case kFQDNC:
		return putCompressed(out, e.base, s)
	case kName:
		return putPartial(out, s)
	case kPrefix, kPrefix4, kPrefix16:
		return putPrefix(out, t.kind, s)
	case kPSID:
		return putPSID(out, s)
	}
	return nil, wrong("cannot be written this way")
}

// toText is a scalar as the text it was written as.
func toText(v any) (string, *Error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	}
	return "", wrong("%s is not text", show(v))
}

// uint takes a number within the type's limit and the definition's bounds.
func (e *encoder) uint(v any, limit uint64) (uint64, *Error) {
	s, err := toText(v)
	if err != nil {
		return 0, err
	}
	n, perr := strconv.ParseUint(s, 0, 64)
	if perr != nil {
		if e.def.seconds {
			d, derr := ParseSeconds(s)
			if derr != nil {
				return 0, wrong("%s", derr)
			}
			n = uint64(d)
		} else if strings.HasPrefix(s, "-") && isNumber(s[1:]) {
			return 0, wrong("%s is less than 0", s)
		} else if isNumber(s) {
			return 0, wrong("%s is more than %d, the most that fits", s, limit)
		} else {
			return 0, wrong("%s is not a number from 0 to %d", strconv.Quote(s), limit)
		}
	}
	if n > limit {
		return 0, wrong("%s is more than %d, the most that fits", s, limit)
	}
	if e.def.hi > 0 && (n < e.def.lo || n > e.def.hi) {
		return 0, wrong("%s is outside %d to %d, which %s allows for %s", s, e.def.lo, e.def.hi, e.def.source(), e.def.Name)
	}
	return n, nil
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func toInt32(v any) (int32, *Error) {
	s, err := toText(v)
	if err != nil {
		return 0, err
	}
	n, perr := strconv.ParseInt(s, 0, 64)
	if perr != nil {
		return 0, wrong("%s is not a number from %d to %d", strconv.Quote(s), math.MinInt32, math.MaxInt32)
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, wrong("%s is outside %d to %d", s, math.MinInt32, math.MaxInt32)
	}
	return int32(n), nil
}

func toBool(v any) (byte, *Error) {
	s, err := toText(v)
	if err != nil {
		return 0, err
	}
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return 1, nil
	case "false", "no", "off", "0":
		return 0, nil
	}
	return 0, wrong("%s is neither true nor false", strconv.Quote(s))
}

// parseIPv4 says what was written where it is not an IPv4 address.
func parseIPv4(s string) (netip.Addr, *Error) {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Is4() {
		return a, nil
	}
	switch {
	case err == nil:
		return a, wrong("%s is an IPv6 address; an IPv4 address is wanted", s)
	case strings.Contains(s, "/"):
		return a, wrong("%s is a prefix; an IPv4 address is wanted", s)
	case s != "" && strings.Trim(s, "0123456789.") == "":
		return a, wrong("%s is not an IPv4 address: four numbers from 0 to 255 are wanted", s)
	}
	return a, wrong("%s is not an IPv4 address", strconv.Quote(s))
}

func parseIPv6(s string) (netip.Addr, *Error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err == nil && a.Is6() && a.Zone() == "":
		return a, nil
	case err == nil && a.Is4():
		return a, wrong("%s is an IPv4 address; an IPv6 address is wanted", s)
	case err == nil:
		return a, wrong("%s has a zone, which means nothing to other hosts", s)
	case strings.Contains(s, "/"):
		return a, wrong("%s is a prefix; an IPv6 address is wanted", s)
	}
	return a, wrong("%s is not an IPv6 address", strconv.Quote(s))
}

func isMask(b [4]byte) bool {
	inv := ^binary.BigEndian.Uint32(b[:])
	return inv&(inv+1) == 0
}

// putText puts text. A text: prefix says that what follows is meant literally.
func putText(out []byte, t *typ, s string) ([]byte, *Error) {
	s = strings.TrimPrefix(s, "text:")
	if i := strings.IndexByte(s, 0); i >= 0 { // RFC 2132 §2
		return nil, wrong("has a NUL in it")
	}
	if !utf8.ValidString(s) {
		return nil, wrong("is not UTF-8: write hex:…")
	}
	if t.n > 0 && len(s) != t.n {
		return nil, wrong("%s has %d characters; %d are wanted", strconv.Quote(s), len(s), t.n)
	}
	if t.kind == kURL {
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" {
			return nil, wrong("%s is not a URL", show(s))
		}
	}
	out = append(out, s...)
	if t.kind == kStrZ {
		out = append(out, 0)
	}
	return out, nil
}

// parseBytes takes hex:… for octets and anything else for text.
func parseBytes(s string) ([]byte, *Error) {
	if strings.HasPrefix(s, "hex:") {
		return parseHex(s)
	}
	if t, ok := cutPrefix(s, "text:"); ok {
		return []byte(t), nil
	}
	if looksHex(s) {
		err := wrong("%s is read as text: write hex: before octets, or text: before text", show(s))
		err.Hint = "hex:" + strings.TrimPrefix(s, "0x")
		return nil, err
	}
	return []byte(s), nil
}

// looksHex tells 0x0102 and 01:02, which are hardly meant as text.
func looksHex(s string) bool {
	if h, ok := cutPrefix(s, "0x"); ok {
		_, err := hex.DecodeString(h)
		return err == nil
	}
	if !strings.Contains(s, ":") {
		return false
	}
	for _, p := range strings.Split(s, ":") {
		if _, err := hex.DecodeString(p); err != nil || len(p) != 2 {
			return false
		}
	}
	return true
}

// parseHex takes hex: and pairs of digits, with colons, dashes or spaces
// between the pairs or none.
func parseHex(s string) ([]byte, *Error) {
	body := s[len("hex:"):]
	digits := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == ':' || c == '-' || c == ' ':
			if len(digits)%2 != 0 {
				return nil, wrong("%s: a digit is missing before the %q at character %d", show(s), c, i+len("hex:")+1)
			}
		default:
			digits = append(digits, c)
		}
	}
	b := make([]byte, len(digits)/2)
	if len(digits)%2 != 0 {
		return nil, wrong("%s has an odd number of digits", show(s))
	}
	if _, err := hex.Decode(b, digits); err != nil {
		return nil, wrong("%s: hexadecimal digits are wanted after hex:", show(s))
	}
	return b, nil
}

// putPrefix puts the length, then the octets that it needs (kPrefix), or all.
func putPrefix(out []byte, k kind, s string) ([]byte, *Error) {
	p, err := netip.ParsePrefix(s)
	want := "IPv6"
	if k == kPrefix4 {
		want = "IPv4"
	}
	if err != nil || p.Addr().Is4() != (k == kPrefix4) {
		return nil, wrong("%s is not an %s prefix such as %s", show(s), want, map[string]string{"IPv4": "10.0.0.0/8", "IPv6": "2001:db8::/32"}[want])
	}
	if p != p.Masked() {
		e := wrong("%s has bits set after its length", s)
		e.Hint = p.Masked().String()
		return nil, e
	}
	out = append(out, byte(p.Bits()))
	octets := p.Addr().AsSlice()
	if k == kPrefix {
		octets = octets[:(p.Bits()+7)/8]
	}
	return append(out, octets...), nil
}

// putPSID puts a port set's identifier: its length, and its bits at the left
// end of a field of 16 (RFC 7598 §4.5, RFC 7618 §3).
func putPSID(out []byte, s string) ([]byte, *Error) {
	id, length, ok := strings.Cut(s, "/")
	n, err := strconv.ParseUint(id, 0, 16)
	bits, err2 := strconv.ParseUint(length, 10, 8)
	switch {
	case !ok || err != nil || err2 != nil || bits > 16:
		return nil, wrong("%s is not a port set such as 52/8: its identifier, and the number of that one's bits, up to 16", show(s))
	case n>>bits != 0:
		return nil, wrong("%s: %d does not fit into %s", s, n, count(int(bits), "bit"))
	}
	return binary.BigEndian.AppendUint16(append(out, byte(bits)), uint16(n<<(16-bits))), nil
}

// Usage is what a value of the option looks like, in a few words.
func (d *Def) Usage() string {
	switch {
	case d.seconds:
		return "time"
	case d.hi > 0:
		return fmt.Sprintf("%s, %d to %d", d.typ.usage(), d.lo, d.hi)
	}
	return d.typ.usage()
}

func (t *typ) usage() string {
	switch t.kind {
	case kU8, kU16:
		return "number"
	case kArray:
		of := t.elem.usage()
		switch {
		case strings.HasSuffix(of, "address"):
			of += "es"
		case strings.HasSuffix(of, "name"), strings.HasSuffix(of, "number"), strings.HasSuffix(of, "URL"):
			of += "s"
		case strings.HasPrefix(of, "list"):
			of = "lists" + of[len("list"):]
		}
		return "list of " + of
	case kLen8, kLen16, kCount8:
		return t.elem.usage()
	case kBytes:
		return "octets"
	case kRec:
		parts := make([]string, len(t.fields))
		for i, f := range t.fields {
			parts[i] = f.name + ": " + f.typ.usage()
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case kRoute:
		return "route"
	case kHosts:
		return "list of domain names, or of IPv4 addresses"
	}
	return t.noun()
}
