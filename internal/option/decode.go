// SPDX-License-Identifier: Apache-2.0

package option

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode turns an option's content into a value that Encode would turn into the
// same content. Where the content does not follow the definition it returns
// the octets as hex:… and false.
func Decode(d *Def, content []byte) (v any, ok bool) {
	return (*Registry)(nil).Decode(d, content)
}

// Decode is as the function, with the Registry's own names of sub-options.
func (r *Registry) Decode(d *Def, content []byte) (v any, ok bool) {
	return r.decode(d, content, 0)
}

// maxDepth bounds how deep options lie in options. Nobody's do; a hostile
// message's could, and each level reads all that is below it.
const maxDepth = 8

func (r *Registry) decode(d *Def, content []byte, depth int) (v any, ok bool) {
	if depth > maxDepth {
		return "hex:" + hex.EncodeToString(content), false
	}
	dec := decoder{reg: r, all: content, depth: depth}
	v, at, ok := dec.get(d.typ, 0, len(content))
	if ok && at == len(content) {
		// The proof: it would come back the same. Not so are numbers out of
		// bounds, bits set after a prefix, names compressed in another way.
		if again, err := r.Encode(d, v); err == nil && bytes.Equal(again, content) {
			return v, true
		}
	}
	return "hex:" + hex.EncodeToString(content), false
}

// Format is an option's content as text: in YAML's notation, so that it can
// be put back into a configuration.
func Format(d *Def, content []byte) string { return (*Registry)(nil).Format(d, content) }

// Format is as the function, with the Registry's own names of sub-options.
func (r *Registry) Format(d *Def, content []byte) string {
	v, _ := r.Decode(d, content)
	var b strings.Builder
	render(&b, v)
	return b.String()
}

type decoder struct {
	reg *Registry
	all []byte // the whole content, for names with pointers

	depth int
}

// get reads one t from all[at:end] and returns the offset after it.
func (d *decoder) get(t *typ, at, end int) (v any, next int, ok bool) {
	b := d.all[at:end]
	if n := t.size(); n >= 0 {
		if len(b) < n {
			return nil, 0, false
		}
		if t.kind != kRec {
			v, ok = scalar(t, b[:n])
			return v, at + n, ok
		}
	}
	switch t.kind {
	case kStr, kURL:
		return string(b), end, isText(b)
	case kStrZ:
		if len(b) == 0 || b[len(b)-1] != 0 || !isText(b[:len(b)-1]) {
			return nil, 0, false
		}
		return string(b[:len(b)-1]), end, true
	case kBytes:
		return bytesText(b), end, true
	case kFQDN, kFQDNC, kName:
		return d.getName(t, at, end)
	case kPrefix:
		if len(b) < 1 || b[0] > 128 || len(b) < 1+(int(b[0])+7)/8 {
			return nil, 0, false
		}
		var a [16]byte
		n := copy(a[:], b[1:1+(int(b[0])+7)/8])
		p := netip.PrefixFrom(netip.AddrFrom16(a), int(b[0]))
		return p.String(), at + 1 + n, true
	case kRoute:
		return d.getRoute(b, at)
	case kHosts:
		return d.getHosts(at, end)
	case kTLV8, kTLV16:
		return d.getTLV(t, t.space, at, end)
	case kLen8, kLen16, kCount8:
		return d.getCounted(t, at, end)
	case kArray:
		var list []any
		for at < end {
			v, next, ok := d.get(t.elem, at, end)
			if !ok || next <= at {
				return nil, 0, false
			}
			list = append(list, v)
			at = next
		}
		return list, at, true
	case kRec:
		return d.getRec(t, at, end)
	}
	return nil, 0, false
}

// scalar reads a value of fixed size; b has exactly that size.
func scalar(t *typ, b []byte) (v any, ok bool) {
	switch t.kind {
	case kEmpty:
		return true, true
	case kU8:
		return uint64(b[0]), true
	case kU16:
		return uint64(binary.BigEndian.Uint16(b)), true
	case kU32:
		return uint64(binary.BigEndian.Uint32(b)), true
	case kU64:
		return binary.BigEndian.Uint64(b), true
	case kI32:
		return int64(int32(binary.BigEndian.Uint32(b))), true
	case kBool:
		return b[0] == 1, b[0] <= 1
	case kIPv4:
		return netip.AddrFrom4([4]byte(b)).String(), true
	case kIPv4LE:
		return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]}).String(), true
	case kIPv6:
		return netip.AddrFrom16([16]byte(b)).String(), true
	case kStr:
		return string(b), isText(b)
	case kBytes:
		return bytesText(b), true
	case kPrefix4:
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte(b[1:])), int(b[0]))
		return p.String(), p.IsValid()
	case kPrefix16:
		p := netip.PrefixFrom(netip.AddrFrom16([16]byte(b[1:])), int(b[0]))
		return p.String(), p.IsValid()
	case kPSID:
		id := binary.BigEndian.Uint16(b[1:]) >> (16 - min(b[0], 16))
		return fmt.Sprintf("%d/%d", id, b[0]), b[0] <= 16
	}
	return nil, false
}

func (d *decoder) getName(t *typ, at, end int) (any, int, bool) {
	ls, next, ok := readName(d.all[:end], at)
	dot := ""
	if t.kind == kName {
		if dot = "."; !ok { // without the zero at its end: a partial name
			ls, next, ok = readName(append(d.all[:end:end], 0), at)
			next, dot = min(next, end), ""
		}
	}
	if !ok {
		return nil, 0, false
	}
	for _, l := range ls {
		if strings.Contains(l, ".") {
			return nil, 0, false
		}
	}
	name := strings.Join(ls, ".")
	if len(ls) == 0 {
		return dotOnly(dot, t.kind), next, true
	}
	return name + dot, next, true
}

func dotOnly(dot string, k kind) string {
	if k == kName {
		return dot
	}
	return "."
}

func (d *decoder) getRoute(b []byte, at int) (any, int, bool) {
	if len(b) < 1 || b[0] > 32 || len(b) < 5+(int(b[0])+7)/8 {
		return nil, 0, false
	}
	var a [4]byte
	n := 1 + copy(a[:], b[1:1+(int(b[0])+7)/8])
	p := netip.PrefixFrom(netip.AddrFrom4(a), int(b[0]))
	via := netip.AddrFrom4([4]byte(b[n:]))
	return p.String() + " via " + via.String(), at + n + 4, true
}

func (d *decoder) getHosts(at, end int) (any, int, bool) {
	if at >= end || d.all[at] > 1 || at+1 == end {
		return nil, 0, false
	}
	elem := &typ{kind: kFQDN}
	if d.all[at] == 1 {
		elem.kind = kIPv4
	}
	return d.get(&typ{kind: kArray, elem: elem}, at+1, end)
}

func (d *decoder) getTLV(t *typ, space Space, at, end int) (any, int, bool) {
	start := at
	head := 2
	if t.kind == kTLV16 {
		head = 4
	}
	var m Map
	var maps []any
	seen := map[uint16]bool{}
	for at < end {
		if end-at < head {
			return d.tlvText(t, start, end)
		}
		code, n := uint16(d.all[at]), int(d.all[at+1])
		if head == 4 {
			code, n = binary.BigEndian.Uint16(d.all[at:]), int(binary.BigEndian.Uint16(d.all[at+2:]))
		}
		if n > end-at-head || code == 0 || head == 2 && code == 255 {
			return d.tlvText(t, start, end)
		}
		def, ok := d.reg.ByCode(space, code)
		if !ok {
			def = Raw(space, code)
		}
		body := d.all[at+head : at+head+n]
		v, known := d.reg.decode(def, body, d.depth+1)
		if !known && t.text && space != Vendor4 {
			return d.getTLV(t, Vendor4, start, end) // it is another vendor's
		}
		if n == 0 && def.typ.kind == kBytes {
			v = nil
		}
		if seen[code] { // a map has each key once: begin another
			maps, m, seen = append(maps, m), nil, map[uint16]bool{}
		}
		seen[code] = true
		key := def.Name
		if !ok {
			key = strconv.Itoa(int(code))
		}
		m = append(m, Entry{key, v})
		at += head + n
	}
	if maps != nil {
		return append(maps, m), at, true
	}
	return m, at, true
}

// tlvText is for content that is not sub-options where text may stand instead.
func (d *decoder) tlvText(t *typ, start, end int) (any, int, bool) {
	if !t.text {
		return nil, 0, false
	}
	return bytesText(d.all[start:end]), end, true
}

func (d *decoder) getCounted(t *typ, at, end int) (any, int, bool) {
	width := 1
	if t.kind == kLen16 {
		width = 2
	}
	if end-at < width {
		return nil, 0, false
	}
	n := int(d.all[at])
	if width == 2 {
		n = int(binary.BigEndian.Uint16(d.all[at:]))
	}
	at += width
	if t.kind == kCount8 {
		list := []any{}
		for range n {
			v, next, ok := d.get(t.elem, at, end)
			if !ok {
				return nil, 0, false
			}
			list = append(list, v)
			at = next
		}
		return list, at, true
	}
	if n > end-at {
		return nil, 0, false
	}
	v, next, ok := d.get(t.elem, at, at+n)
	return v, next, ok && next == at+n
}

func (d *decoder) getRec(t *typ, at, end int) (any, int, bool) {
	m := make(Map, 0, len(t.fields))
	start := at
	for _, f := range t.fields {
		if f.opt && at == end {
			break
		}
		var v any
		var ok bool
		ft := f.typ
		if at-start >= 4 && t.ofEnterprise() {
			ft = ft.of(binary.BigEndian.Uint32(d.all[start:]))
		}
		switch ft.kind {
		case kName81:
			if d.all[start]&4 != 0 {
				v, at, ok = d.getName(&typ{kind: kName}, at, end)
			} else {
				v, ok = string(d.all[at:end]), isText(d.all[at:end])
				at = end
			}
		default:
			v, at, ok = d.get(ft, at, end)
		}
		if !ok {
			return nil, 0, false
		}
		m = append(m, Entry{f.name, v})
	}
	return m, at, true
}

// isText tells what a str holds: UTF-8 without control characters, not one of
// the prefixes that mean something else.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b) && !strings.HasPrefix(string(b), "hex:") && !strings.HasPrefix(string(b), "text:")
}

// bytesText is octets as text where they are text in print, else as hex:….
func bytesText(b []byte) string {
	s := string(b)
	for _, c := range b {
		if c < ' ' || c > '~' {
			return "hex:" + hex.EncodeToString(b)
		}
	}
	if len(b) == 0 || looksHex(s) || strings.HasPrefix(s, "hex:") || strings.HasPrefix(s, "text:") {
		return "hex:" + hex.EncodeToString(b)
	}
	return s
}

// render writes a value in YAML's flow notation.
func render(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case uint64:
		b.WriteString(strconv.FormatUint(v, 10))
	case string:
		if plain(v) {
			b.WriteString(v)
		} else {
			quote(b, v)
		}
	case []any:
		b.WriteByte('[')
		for i, el := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			render(b, el)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, en := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(en.Key)
			b.WriteString(": ")
			render(b, en.Value)
		}
		b.WriteByte('}')
	}
}

// plain reports whether any reader of YAML takes s, without quotes, for the
// same string. Colons are left to quotes: readers differ over them.
func plain(s string) bool {
	if s == "" || s == "null" || s == "true" || s == "false" || s == "~" {
		return false
	}
	letters := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters = true
		case c >= '0' && c <= '9', c == '/', c == '_':
		case c == '.' && i > 0:
		case (c == ' ' || c == '-') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	// 10.0.0.1 is no number to YAML; 10, 1.5 and 0x10 are.
	return letters && !isNumeric(s) || strings.Count(s, ".") > 1
}

func isNumeric(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	_, err2 := strconv.ParseInt(s, 0, 64)
	return err == nil || err2 == nil
}

func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
}
