// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Encode turns a value into the option's content, without code and length. The
// content may be longer than one option can carry; who writes messages splits
// it (RFC 3396). An error is always an *Error.
func Encode(d *Def, v any) ([]byte, error) { return (*Registry)(nil).Encode(d, v) }

// Encode is as the function, with the Registry's own names of sub-options.
func (r *Registry) Encode(d *Def, v any) ([]byte, error) {
	// Raw octets are always possible: devices want things that no table knows.
	if s, ok := v.(string); ok && strings.HasPrefix(s, "hex:") {
		b, err := parseHex(s)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	e := encoder{reg: r, def: d}
	out, err := e.put(nil, d.typ, v)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 && d.typ.kind != kEmpty && !d.mayVoid {
		return nil, wrong("is empty: %s needs a value", d.Name)
	}
	return out, nil
}

// encoder is one call of Encode. Each put appends to out and returns it.
type encoder struct {
	reg  *Registry
	def  *Def
	base int // where the option's content begins in out: pointers count from there
}

func (e *encoder) put(out []byte, t *typ, v any) ([]byte, *Error) {
	switch t.kind {
	case kArray:
		return e.putArray(out, t, v)
	case kRec:
		return e.putRec(out, t, v)
	case kRoute:
		return putRoute(out, v)
	case kHosts:
		return e.putHosts(out, v)
	case kTLV8, kTLV16:
		return e.putTLV(out, t, v)
	case kLen8, kLen16, kCount8:
		return e.putCounted(out, t, v)
	}
	return e.putScalar(out, t, v)
}

// putArray takes a list; a single value is a list of one.
func (e *encoder) putArray(out []byte, t *typ, v any) ([]byte, *Error) {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil, wrong("has no value: a list is wanted")
		}
		if s, ok := v.(string); ok && strings.Contains(s, ",") && plainKind(t.elem.kind) {
			return nil, wrong("%q is one value: write a list, [%s]", s, strings.Join(splitComma(s), ", "))
		}
		list = []any{v}
	}
	if len(list) == 0 && e.def.mayVoid {
		return out, nil
	}
	if len(list) == 0 {
		return nil, wrong("is an empty list: leave the option out instead")
	}
	var err *Error
	for i, el := range list {
		if out, err = e.put(out, t.elem, el); err != nil {
			if ok {
				return nil, err.at(i)
			}
			return nil, err
		}
	}
	return out, nil
}

// plainKind tells kinds whose text never holds a comma.
func plainKind(k kind) bool {
	switch k {
	case kIPv4, kIPv6, kU8, kU16, kU32, kU64, kI32, kBool, kFQDN, kFQDNC, kPrefix, kPSID, kRoute:
		return true
	}
	return false
}

func splitComma(s string) []string {
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// putRec takes a Map by the names of the fields, a list in their order, or, if
// no field is text, their values in one string between spaces. Where only one
// field is required its value alone will do.
func (e *encoder) putRec(out []byte, t *typ, v any) ([]byte, *Error) {
	vals := make([]any, len(t.fields))
	have := make([]bool, len(t.fields))
	steps := make([]any, len(t.fields))
	switch v := v.(type) {
	case Map:
		for _, en := range v {
			i := t.fieldIndex(en.Key)
			if i < 0 {
				err := wrong("%s has no part %q: they are %s", e.def.Name, en.Key, strings.Join(t.fieldNames(), ", "))
				err.Hint = Nearest(en.Key, t.fieldNames())
				err.Key = true
				return nil, err.at(en.Key)
			}
			if have[i] {
				err := wrong("is given twice")
				err.Key = true
				return nil, err.at(en.Key)
			}
			vals[i], have[i], steps[i] = en.Value, true, en.Key
		}
	case []any:
		if len(v) > len(t.fields) || len(v) < t.required() {
			return nil, wrong("has %s; %s has %s: %s", count(len(v), "part"), e.def.Name, count(len(t.fields), "part"), strings.Join(t.fieldNames(), ", "))
		}
		for i := range v {
			vals[i], have[i], steps[i] = v[i], true, i
		}
	case string:
		words := strings.Fields(v)
		if len(words) != len(t.fields) || !t.wordy() {
			if len(t.fields) > 0 && t.required() == 1 && !t.fields[0].opt {
				vals[0], have[0] = v, true
				break
			}
			return nil, e.wantRec(t)
		}
		for i, w := range words {
			vals[i], have[i] = w, true
		}
	default:
		return nil, e.wantRec(t)
	}
	start := len(out)
	var err *Error
	for i, f := range t.fields {
		if !have[i] {
			if f.opt {
				break
			}
			return nil, wrong("%s is missing: %s", f.name, e.wantRec(t).Msg)
		}
		ft := f.typ
		if i > 0 && t.ofEnterprise() {
			ft = ft.of(binary.BigEndian.Uint32(out[start:]))
		}
		switch ft.kind {
		case kName81:
			out, err = putName81(out, out[start], vals[i])
		default:
			out, err = e.put(out, ft, vals[i])
		}
		if err != nil {
			if steps[i] != nil {
				err = err.at(steps[i])
			}
			return nil, err
		}
	}
	// A field that came after one left out would move into its place.
	for i, f := range t.fields {
		if f.opt && !have[i] {
			for j := i + 1; j < len(t.fields); j++ {
				if have[j] {
					return nil, wrong("%s is missing: %s comes after it", f.name, t.fields[j].name)
				}
			}
			break
		}
	}
	return out, nil
}

func (e *encoder) wantRec(t *typ) *Error {
	parts := make([]string, len(t.fields))
	for i, f := range t.fields {
		parts[i] = f.name + ": " + f.typ.noun()
	}
	return wrong("%s is written as {%s}", e.def.Name, strings.Join(parts, ", "))
}

func (t *typ) fieldIndex(name string) int {
	for i, f := range t.fields {
		if f.name == name {
			return i
		}
	}
	return -1
}

func (t *typ) fieldNames() []string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	return names
}

// wordy reports whether every field is one word: the record can be one string.
func (t *typ) wordy() bool {
	for _, f := range t.fields {
		switch f.typ.kind {
		case kIPv4, kIPv6, kU8, kU16, kU32, kU64, kI32, kBool, kPrefix, kPrefix4, kPrefix16, kPSID, kFQDN:
		default:
			return false
		}
	}
	return true
}

// putCounted puts a length (or a count) and what it counts.
func (e *encoder) putCounted(out []byte, t *typ, v any) ([]byte, *Error) {
	var limit, width int
	switch t.kind {
	case kLen16:
		limit, width = 1<<16-1, 2
	default:
		limit, width = 255, 1
	}
	at := len(out)
	out = append(out, make([]byte, width)...)
	n := 0
	var err *Error
	if t.kind == kCount8 {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for i, el := range list {
			if out, err = e.put(out, t.elem, el); err != nil {
				return nil, err.at(i)
			}
		}
		n = len(list)
	} else {
		if out, err = e.put(out, t.elem, v); err != nil {
			return nil, err
		}
		n = len(out) - at - width
	}
	if n > limit {
		return nil, wrong("is %d octets long, more than the %d that fit", n, limit)
	}
	if width == 2 {
		binary.BigEndian.PutUint16(out[at:], uint16(n))
	} else {
		out[at] = byte(n)
	}
	return out, nil
}

// putTLV takes a Map of sub-options by name or code. Raw octets and, where the
// definition allows it, text stand for the whole.
func (e *encoder) putTLV(out []byte, t *typ, v any) ([]byte, *Error) {
	space := t.space
	var m Map
	switch v := v.(type) {
	case Map:
		m = v
	case string:
		if t.text || strings.HasPrefix(v, "hex:") {
			return e.putScalar(out, rawType, v)
		}
		return nil, e.wantMap()
	case []any: // several maps, for what may be there more than once
		for i, el := range v {
			var err *Error
			if out, err = e.putTLV(out, t, el); err != nil {
				return nil, err.at(i)
			}
		}
		return out, nil
	case nil:
		return out, nil
	default:
		return nil, e.wantMap()
	}
	seen := make(map[uint16]string, len(m))
	for _, en := range m {
		d, ok := e.reg.ByName(space, en.Key)
		if !ok && t.text {
			d, ok = e.reg.ByName(DHCP4+ownSpace+VendorSpecific, en.Key)
		}
		if ok && t.text && isNumber(en.Key) {
			// Option 43 is every vendor's: a bare code has no meaning here.
			d = Raw(space, d.Code)
		}
		if !ok {
			err := wrong("%q is not a sub-option of %s", en.Key, e.def.Name)
			if err.Hint = e.reg.Suggest(space, en.Key); err.Hint == "" && t.text {
				err.Hint = e.reg.Suggest(DHCP4+ownSpace+VendorSpecific, en.Key)
			}
			err.Key = true
			return nil, err.at(en.Key)
		}
		if other, ok := seen[d.Code]; ok && !space.v6() {
			err := wrong("sub-option %d is given already, as %s", d.Code, other)
			err.Key = true
			return nil, err.at(en.Key)
		}
		seen[d.Code] = en.Key
		bodies, err := e.reg.encodeSub(d, en.Value)
		if err != nil {
			return nil, err.at(en.Key)
		}
		for _, body := range bodies {
			if t.kind == kTLV16 {
				if len(body) > 1<<16-1 {
					return nil, wrong("is %d octets long, more than the 65535 that fit", len(body)).at(en.Key)
				}
				out = binary.BigEndian.AppendUint16(out, d.Code)
				out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
			} else {
				if len(body) > 255 {
					return nil, wrong("is %d octets long, more than the 255 of a sub-option", len(body)).at(en.Key)
				}
				out = append(out, byte(d.Code), byte(len(body)))
			}
			out = append(out, body...)
		}
	}
	return out, nil
}

func (e *encoder) wantMap() *Error {
	return wrong("%s holds sub-options: write {name: value, …} or hex:…", e.def.Name)
}

func (r *Registry) encodeSub(d *Def, v any) ([][]byte, *Error) {
	if d.typ.kind == kBytes && v == nil { // a flag of a vendor: the code alone
		return [][]byte{nil}, nil
	}
	b, err := r.EncodeEach(d, v)
	if err != nil {
		return nil, err.(*Error)
	}
	return b, nil
}

// putHosts takes a list of names or of addresses, not mixed (RFC 3361 §3).
func (e *encoder) putHosts(out []byte, v any) ([]byte, *Error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 {
		return nil, wrong("is an empty list: leave the option out instead")
	}
	addrs := 0
	for i, el := range list {
		s, ok := el.(string)
		if !ok {
			return nil, wrong("%s is neither a name nor an address", show(el)).at(i)
		}
		if _, err := parseIPv4(s); err == nil {
			addrs++
		}
	}
	elem := &typ{kind: kFQDN, expr: "fqdn"}
	switch addrs {
	case 0:
		out = append(out, 0)
	case len(list):
		out = append(out, 1)
		elem.kind = kIPv4
	default:
		return nil, wrong("holds names and addresses: RFC 3361 allows either, not both")
	}
	var err *Error
	for i, el := range list {
		if out, err = e.putScalar(out, elem, el); err != nil {
			return nil, err.at(i)
		}
	}
	return out, nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// show is a value for a message, cut where it is long.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		if len(v) > 60 {
			v = v[:60] + "…"
		}
		return strconv.Quote(v)
	case []any:
		return "a list"
	case Map:
		return "a map"
	}
	return fmt.Sprint(v)
}
