// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// match writes an expression as a match of ours, as far as the matchers say just
// the same, else as an expression of ours. It returns why it cannot.
func (c *converter) match(e *expr) (yaml, why string) {
	switch e.op {
	case "and", "or":
		key := map[string]string{"and": "all", "or": "any"}[e.op]
		// Where no part is a matcher, one expression for all is easier to read.
		if text, why := c.bool(e); why == "" && !anyDeclared(e, c) {
			return expression(text), ""
		}
		var parts []string
		for _, a := range e.args {
			m, why := c.match(a)
			if why != "" {
				return "", why
			}
			parts = append(parts, m)
		}
		return "{" + key + ": [" + strings.Join(parts, ", ") + "]}", ""
	case "not":
		m, why := c.match(e.args[0])
		return "{not: " + m + "}", why
	}
	if m, ok := c.declared(e); ok {
		return m, ""
	}
	text, why := c.bool(e)
	return expression(text), why
}

func expression(text string) string { return "{expression: " + quoted(text) + "}" }

// quoted is a YAML scalar between double quotes.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func anyDeclared(e *expr, c *converter) bool {
	if e.op == "and" || e.op == "or" || e.op == "not" {
		for _, a := range e.args {
			if anyDeclared(a, c) {
				return true
			}
		}
		return false
	}
	_, ok := c.declared(e)
	return ok
}

// matchKeys are operands that a matcher compares.
var matchKeys = map[string]string{
	"option[60]": "vendor-class", "option[61]": "client-id", "relay4[1]": "circuit-id", "relay4[2]": "remote-id",
	"relay4[6]": "subscriber-id", "relay4[12]": "relay-id", "pkt4.mac": "mac",
}

// declared writes a comparison that a matcher makes.
func (c *converter) declared(e *expr) (string, bool) {
	switch e.op {
	case "member":
		switch name := e.part; {
		case c.classes[name]:
			return "{class: " + scalar(name) + "}", true
		default:
			if m, ok := builtinMatch(name); ok && !strings.Contains(m, "expression") {
				return m, true
			}
		}
		return "", false
	case "==":
	default:
		return "", false
	}
	a, b := e.args[0], e.args[1]
	if a.op == "const" {
		a, b = b, a
	}
	if b.op != "const" || len(b.value) == 0 {
		return "", false
	}
	prefix := false
	if a.op == "substring" && a.num == 0 && (a.all || a.len >= 0) {
		n := int64(len(b.value))
		switch {
		case a.all || n < a.len: // shorter than what was cut out: it is the whole
		case n == a.len:
			prefix = true
		default:
			return "", false
		}
		a = a.args[0]
	}
	if a.op == "pkt" && a.part == "iface" && !prefix {
		for _, name := range c.served {
			if name == string(b.value) {
				return "{interface: " + scalar(name) + "}", true
			}
		}
		return "", false
	}
	if a.op == "pkt4" && a.part == "giaddr" && !prefix && len(b.value) == 4 {
		addr := netip.AddrFrom4([4]byte(b.value))
		if addr.IsUnspecified() {
			return "{not: {relay: [0.0.0.0/1, 128.0.0.0/1]}}", true
		}
		return "{relay: " + addr.String() + "}", true
	}
	key := matchKeys[operandName(a)]
	if key == "" || len(b.value) > 255 {
		return "", false
	}
	value := octets(b.value)
	if key == "mac" {
		if len(b.value) > 6 || !prefix && len(b.value) != 6 {
			return "", false
		}
		value = `"` + strings.TrimPrefix(hexText(b.value), "hex:") + `"`
	}
	if prefix {
		value = "{prefix: " + value + "}"
	}
	return "{" + key + ": " + value + "}", true
}

// bool writes an expression that is true or false in our language.
func (c *converter) bool(e *expr) (string, string) {
	switch e.op {
	case "and", "or":
		var parts []string
		for _, a := range e.args {
			s, why := c.bool(a)
			if why != "" {
				return "", why
			}
			if a.op == "and" || a.op == "or" {
				s = "(" + s + ")"
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, " "+e.op+" "), ""
	case "not":
		s, why := c.bool(e.args[0])
		return "not (" + s + ")", why
	case "exists":
		return c.exists(e.args[0])
	case "==":
		return c.equal(e.args[0], e.args[1])
	case "match":
		s, why := c.bytes(e.args[0])
		return s + " matches " + strconv.Quote("^(?:"+e.part+")$"), why
	case "member":
		switch e.part {
		case "KNOWN":
			return "known", ""
		case "UNKNOWN":
			return "not known", ""
		case "BOOTP":
			return "not exists(53)", ""
		}
		return "", "member('" + e.part + "') cannot be part of it"
	}
	return "", e.op + " cannot be carried"
}

func (c *converter) exists(e *expr) (string, string) {
	switch {
	case e.op == "option" && len(e.path) == 1:
		return fmt.Sprintf("exists(%d)", e.path[0]), ""
	case e.op == "vendor" && e.path == nil && !e.all:
		return vendorIs(125, e), ""
	case e.op == "vendor-class" && !e.all:
		return vendorIs(124, e), ""
	case e.op == "vendor" && e.path == nil:
		return "exists(125)", ""
	case e.op == "vendor-class":
		return "exists(124)", ""
	}
	// An empty sub-option is as one that is not there.
	s, why := c.bytes(e)
	return s + ` != ""`, why
}

// vendorIs is true where the first enterprise of option 124 or 125 is e's.
func vendorIs(code int, e *expr) string {
	return fmt.Sprintf("exists(%d) and number(substring(option(%d), 0, 4)) == %d", code, code, e.num)
}

// numbers are parts of a packet that Kea has as four octets and we as a number.
var numbers = map[string]string{"hlen": "len(mac)", "htype": "htype", "msgtype": "number(option(53))"}

func (c *converter) equal(a, b *expr) (string, string) {
	if a.op == "const" {
		a, b = b, a
	}
	if n := numbers[a.part]; a.op == "pkt4" && n != "" && b.op == "const" {
		if len(b.value) != 4 {
			return "false", ""
		}
		return fmt.Sprintf("%s == %d", n, binary.BigEndian.Uint32(b.value)), ""
	}
	if a.op == "pkt4" && a.part == "giaddr" && b.op == "const" {
		if len(b.value) != 4 {
			return "false", ""
		}
		return fmt.Sprintf("giaddr == %q", netip.AddrFrom4([4]byte(b.value))), ""
	}
	// Digits with something between them, against a constant: without it.
	if a.op == "hexstring" && b.op == "const" && a.args[1].op == "const" && len(a.args[1].value) > 0 {
		plain := strings.ReplaceAll(string(b.value), string(a.args[1].value), "")
		raw, err := rawHex(plain)
		if err != nil || hexJoin(raw, string(a.args[1].value)) != string(b.value) {
			return "false", ""
		}
		return c.equal(a.args[0], &expr{op: "const", value: raw, from: litHex})
	}
	x, why := c.bytes(a)
	if why != "" {
		return "", why
	}
	y, why := c.bytes(b)
	return x + " == " + y, why
}

func hexJoin(b []byte, sep string) string {
	return strings.ReplaceAll(strings.TrimPrefix(hexText(b), "hex:"), ":", sep)
}

// bytes writes an operand that yields octets.
func (c *converter) bytes(e *expr) (string, string) {
	switch e.op {
	case "const":
		if readable(string(e.value)) {
			return strconv.Quote(string(e.value)), ""
		}
		if len(e.value) == 0 {
			return `""`, ""
		}
		return fmt.Sprintf("unhex(%q)", hexJoin(e.value, "")), ""
	case "option":
		if e.part == "text" && !c.textual(e) {
			return "", fmt.Sprintf("option[%d].text is not the option's octets: use .hex", e.path[0])
		}
		switch {
		case len(e.path) == 1:
			return fmt.Sprintf("option(%d)", e.path[0]), ""
		case e.path[0] == 82:
			return fmt.Sprintf("relay(%d)", e.path[1]), ""
		}
		return fmt.Sprintf("suboption(option(%d), %d)", e.path[0], e.path[1]), ""
	case "relay4":
		if e.part == "text" {
			return "", fmt.Sprintf("relay4[%d].text is not the sub-option's octets: use .hex", e.path[0])
		}
		return fmt.Sprintf("relay(%d)", e.path[0]), ""
	case "pkt4":
		switch e.part {
		case "mac":
			return "mac", ""
		case "ciaddr", "yiaddr", "siaddr", "giaddr":
			return fmt.Sprintf("header(%q)", e.part), ""
		case "transid":
			return `header("xid")`, ""
		case "hlen", "htype", "msgtype":
			return "long(" + numbers[e.part] + ")", ""
		}
		return "", "pkt4." + e.part + " is not known to expressions"
	case "pkt":
		if e.part == "src" || e.part == "dst" {
			return fmt.Sprintf("header(%q)", e.part), ""
		}
		return "", "pkt." + e.part + " is not known to expressions, or not in this place"
	case "vendor", "vendor-class":
		return c.vendorBytes(e)
	}
	var args []string
	for i, a := range e.args {
		var s, why string
		if e.op == "ifelse" && i == 0 {
			s, why = c.bool(a)
		} else {
			s, why = c.bytes(a)
		}
		if why != "" {
			return "", why
		}
		args = append(args, s)
	}
	switch e.op {
	case "substring":
		n := e.len
		if e.all {
			n = 65535
		}
		return fmt.Sprintf("substring(%s, %d, %d)", args[0], e.num, n), ""
	case "concat":
		return "(" + args[0] + " + " + args[1] + ")", ""
	case "ifelse":
		return "(" + args[0] + " ? " + args[1] + " : " + args[2] + ")", ""
	case "lcase":
		return "lower(" + args[0] + ")", ""
	case "ucase":
		return "upper(" + args[0] + ")", ""
	case "hexstring":
		if args[1] == `""` {
			return "hex(" + args[0] + ")", ""
		}
		return "hexpairs(" + args[0] + ", " + args[1] + ")", ""
	case "split":
		return fmt.Sprintf("part(%s, %s, %d)", args[0], args[1], e.num), ""
	case "totext":
		// Kea's classes are false where the value has another length.
		switch size := map[string]int{"addrtotext": 0, "int8totext": 1, "uint8totext": 1, "int16totext": 2, "uint16totext": 2, "int32totext": 4, "uint32totext": 4}[e.part]; {
		case size == 0:
			return "dotted(" + args[0] + ")", ""
		case strings.HasPrefix(e.part, "u"):
			return fmt.Sprintf("(len(%s) == %d ? decimal(number(%s)) : \"\")", args[0], size, args[0]), ""
		default:
			return fmt.Sprintf("(len(%s) == %d ? decimal(signed(%s)) : \"\")", args[0], size, args[0]), ""
		}
	}
	return "", e.op + " is not known to expressions, or not in this place"
}

// textual says whether Kea's text of an option is its octets.
func (c *converter) textual(e *expr) bool {
	d := c.defs.find(space4, "", int(e.path[0]))
	return len(e.path) == 1 && d != nil && d.typ == "string" && !d.array
}

// vendorBytes reads the first entry of option 124 or 125, as Kea does.
func (c *converter) vendorBytes(e *expr) (string, string) {
	code := map[string]int{"vendor": 125, "vendor-class": 124}[e.op]
	data := fmt.Sprintf("substring(option(%d), 5, number(substring(option(%d), 4, 1)))", code, code)
	var s string
	switch {
	case e.part == "enterprise":
		return fmt.Sprintf("substring(option(%d), 0, 4)", code), ""
	case e.op == "vendor-class" && e.part == "data" && e.len == 0:
		s = data
	case e.op == "vendor" && e.part == "hex":
		s = fmt.Sprintf("suboption(%s, %d)", data, e.path[0])
	default:
		return "", e.op + "." + e.part + " is not known to expressions"
	}
	if e.all {
		return s, ""
	}
	return "(" + vendorIs(code, e) + " ? " + s + ` : "")`, ""
}
