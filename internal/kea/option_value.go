// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"cmp"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

//go:embed optdefs.tsv
var optdefsText string

const (
	space4      = "dhcp4"
	space6      = "dhcp6"
	spaceVendor = "vendor-encapsulated-options-space"
)

// An optDef is how Kea knows an option.
type optDef struct {
	space, name  string
	code         int
	typ          string
	array        bool
	record       []string
	encapsulates string
	own          bool // made by the configuration
	wide         bool // of DHCPv6: codes and lengths have 16 bits
}

// optDefs are definitions by space, those of a class over those of the file over
// Kea's own.
type optDefs struct {
	under *optDefs
	list  []*optDef
}

//go:embed optdefs6.tsv
var optdefs6Text string

// stdDefs6 are those of DHCPv6; a seventh column names the space.
var stdDefs6 = func() *optDefs {
	d := readDefs(optdefs6Text)
	for _, def := range d.list {
		def.wide = true
	}
	return d
}()

func readDefs(text string) *optDefs {
	d := &optDefs{}
	for _, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		col := append(strings.Split(line, "\t"), "", "", "", "")
		def := &optDef{space: cmp.Or(col[6], space4), name: col[1], typ: col[2], array: col[3] == "y", encapsulates: col[5]}
		def.code, _ = strconv.Atoi(col[0])
		if col[4] != "" {
			def.record = strings.Split(col[4], ",")
		}
		d.list = append(d.list, def)
	}
	return d
}

var stdDefs = func() *optDefs {
	d := readDefs(optdefsText)
	// The DOCSIS 3 options that Kea knows in the space of CableLabs.
	d.list = append(d.list,
		&optDef{space: "vendor-4491", name: "oro", code: 1, typ: "uint8", array: true},
		&optDef{space: "vendor-4491", name: "tftp-servers", code: 2, typ: "ipv4-address", array: true})
	return d
}()

func (d *optDefs) find(space, name string, code int) *optDef {
	for ; d != nil; d = d.under {
		for _, def := range d.list {
			if def.space == space && (name != "" && def.name == name || name == "" && def.code == code) {
				return def
			}
		}
	}
	return nil
}

var optTypes = []string{
	"empty", "binary", "boolean", "int8", "int16", "int32", "uint8", "uint16", "uint32", "ipv4-address", "ipv6-address",
	"ipv6-prefix", "psid", "string", "tuple", "fqdn", "record",
}

// splitCSV takes data apart at commas; \, is a comma in a value. Of several
// commas in a row one counts.
func splitCSV(data string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\\' && i+1 < len(data) && data[i+1] == ',':
			b.WriteByte(',')
			i++
		case data[i] == ',':
			flush()
		default:
			b.WriteByte(data[i])
		}
	}
	flush()
	return out
}

// csv encodes data as csv-format true does.
func (d *optDef) csv(data string) ([]byte, error) {
	values := splitCSV(data)
	var out []byte
	put := func(typ, v string) error {
		b, err := d.value(typ, v)
		out = append(out, b...)
		return err
	}
	if d.typ == "record" {
		if len(values) < len(d.record) {
			return nil, fmt.Errorf("%s has %d fields; %d values are given", d.name, len(d.record), len(values))
		}
		for i, v := range values {
			if i >= len(d.record) && !d.array {
				break
			}
			if err := put(d.record[min(i, len(d.record)-1)], v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if d.array {
		for _, v := range values {
			if err := put(d.typ, v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if d.typ == "empty" {
		return nil, nil
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("no value is given for option %s", d.name)
	}
	return d.value(d.typ, values[0]) // Kea leaves what stands behind a comma
}

func (d *optDef) value(typ, v string) ([]byte, error) {
	number := func(bits int, signed bool) ([]byte, error) {
		var n uint64
		if signed {
			i, err := strconv.ParseInt(v, 0, bits)
			if err != nil {
				return nil, fmt.Errorf("%q is not a number of %d bits with a sign", v, bits)
			}
			n = uint64(i)
		} else {
			var err error
			if n, err = strconv.ParseUint(v, 0, bits); err != nil {
				return nil, fmt.Errorf("%q is not a number of %d bits", v, bits)
			}
		}
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		return slices.Clone(b[8-bits/8:]), nil
	}
	addr := func(v6 bool) ([]byte, error) {
		a, err := netip.ParseAddr(v)
		if err != nil || a.Is6() != v6 || a.Zone() != "" {
			return nil, fmt.Errorf("%q is not an address of %s", v, map[bool]string{false: "IPv4", true: "IPv6"}[v6])
		}
		return a.AsSlice(), nil
	}
	switch typ {
	case "empty":
		return nil, nil
	case "binary":
		b, err := hex.DecodeString(v)
		if err != nil {
			return nil, fmt.Errorf("%q is not hexadecimal", v)
		}
		return b, nil
	case "boolean":
		switch v {
		case "true", "1":
			return []byte{1}, nil
		case "false", "0":
			return []byte{0}, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", v)
	case "int8":
		return number(8, true)
	case "int16":
		return number(16, true)
	case "int32":
		return number(32, true)
	case "uint8":
		return number(8, false)
	case "uint16":
		return number(16, false)
	case "uint32":
		return number(32, false)
	case "ipv4-address":
		return addr(false)
	case "ipv6-address":
		return addr(true)
	case "ipv6-prefix":
		p, err := netip.ParsePrefix(v)
		if err != nil || !p.Addr().Is6() {
			return nil, fmt.Errorf("%q is not a prefix of IPv6", v)
		}
		return append([]byte{byte(p.Bits())}, p.Masked().Addr().AsSlice()[:(p.Bits()+7)/8]...), nil
	case "psid":
		return psid(v)
	case "string":
		if v == "" {
			return nil, fmt.Errorf("a text is empty")
		}
		return []byte(v), nil
	case "tuple":
		if d.wide {
			return append([]byte{byte(len(v) >> 8), byte(len(v))}, v...), nil
		}
		if len(v) > 255 {
			return nil, fmt.Errorf("a text of %d bytes does not fit into a tuple", len(v))
		}
		return append([]byte{byte(len(v))}, v...), nil
	case "fqdn":
		if d.space == space4 && d.code == 15 { // on the wire it is text (RFC 2132 §3.17)
			if _, err := wireName(v); err != nil {
				return nil, err
			}
			return []byte(v), nil
		}
		return wireName(v)
	}
	return nil, fmt.Errorf("%q is not a type of options", typ)
}

// psid is RFC 7618's port set: "identifier/length", the identifier left-aligned.
func psid(v string) ([]byte, error) {
	id, length, ok := strings.Cut(v, "/")
	n, err := strconv.ParseUint(id, 10, 16)
	bits, err2 := strconv.ParseUint(length, 10, 8)
	if !ok || err != nil || err2 != nil || bits > 16 || bits < 16 && n >= 1<<bits {
		return nil, fmt.Errorf("%q is not a port set such as 2/3", v)
	}
	n <<= 16 - bits
	return []byte{byte(bits), byte(n >> 8), byte(n)}, nil
}

// wireName is a name as RFC 1035 §3.1 writes it.
func wireName(v string) ([]byte, error) {
	var out []byte
	if v != "." {
		for _, l := range strings.Split(strings.TrimSuffix(v, "."), ".") {
			if l == "" || len(l) > 63 {
				return nil, fmt.Errorf("%q is not a domain name", v)
			}
			out = append(append(out, byte(len(l))), l...)
		}
	}
	if out = append(out, 0); len(out) > 255 {
		return nil, fmt.Errorf("%q is longer than a domain name may be", v)
	}
	return out, nil
}

// rawHex reads octets as Kea does where csv-format is false, and identifiers:
// digits with or without 0x, colons or spaces; or text in quotes.
func rawHex(s string) ([]byte, error) {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return []byte(s[1 : len(s)-1]), nil
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	for _, sep := range []string{":", " "} {
		if !strings.Contains(digits, sep) {
			continue
		}
		var b []byte
		for _, part := range strings.Split(digits, sep) {
			n, err := strconv.ParseUint(part, 16, 8)
			if err != nil || len(part) > 2 {
				return nil, fmt.Errorf("%q is not octets such as 01:02:ff", s)
			}
			b = append(b, byte(n))
		}
		return b, nil
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%q is not hexadecimal", s)
	}
	return b, nil
}

// fits checks octets that were given as such against the definition.
func (d *optDef) fits(b []byte) error {
	size := map[string]int{"ipv4-address": 4, "uint8": 1, "uint16": 2, "uint32": 4, "int8": 1, "int16": 2, "int32": 4, "ipv6-address": 16, "boolean": 1}[d.typ]
	if size == 0 || len(b) == size || d.array && len(b)%size == 0 && len(b) > 0 {
		return nil
	}
	if !d.array && len(b) > size {
		return nil
	}
	return fmt.Errorf("%d octets are not a value of option %s, which is of type %s", len(b), d.name, d.typ)
}
