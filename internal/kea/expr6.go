// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"net/netip"
	"strings"
)

// otherFamily tells words that only the other server of Kea knows.
func otherFamily(word string, v6 bool) bool {
	switch word {
	case "relay4", "pkt4":
		return v6
	case "relay6", "pkt6":
		return !v6
	}
	return false
}

// relay6 reads relay6[n].peeraddr, .linkaddr and .option[m].hex. n counts relay
// agents from the server, or, where it is negative, from the client.
func (p *exprParser) relay6(exprToken) *expr {
	e := &expr{op: "relay6"}
	p.want("[")
	var at exprToken
	if e.num, at = p.number(); e.num < -32 || e.num > 31 {
		p.fail(at, "relay agents are -32 to 31")
	}
	p.want("]")
	if e.part = p.dotted("peeraddr", "linkaddr", "option"); e.part == "option" {
		e.path = []uint16{p.bracket(true)}
		e.part = p.dotted("hex", "text", "exists")
	}
	return e.tested()
}

func (p *exprParser) pkt6(exprToken) *expr {
	return &expr{op: "pkt6", part: p.dotted("msgtype", "transid")}
}

// match6 is match for DHCPv6.
func (c *converter) match6(e *expr) (yaml, why string) {
	switch e.op {
	case "and", "or":
		key := map[string]string{"and": "all", "or": "any"}[e.op]
		var parts []string
		for _, a := range e.args {
			m, why := c.match6(a)
			if why != "" {
				return "", why
			}
			parts = append(parts, m)
		}
		return "{" + key + ": [" + strings.Join(parts, ", ") + "]}", ""
	case "not":
		m, why := c.match6(e.args[0])
		return "{not: " + m + "}", why
	}
	if m, ok := c.declared6(e); ok {
		return m, ""
	}
	text, why := c.bool6(e)
	return "{expression6: " + quoted(text) + "}", why
}

// nearest is the relay agent next to the client, which our matchers look at. One
// that is counted from the server is that only where it is the only one.
func (e *expr) nearest() bool { return e.op == "relay6" && e.num == -1 }

// matchKeys6 are operands that a matcher compares.
func matchKey6(e *expr) string {
	switch {
	case e.op == "option" && len(e.path) == 1 && e.part == "hex" && e.path[0] == 1:
		return "client-id"
	case e.nearest() && e.part == "hex":
		return map[uint16]string{18: "interface-id", 38: "subscriber-id", 53: "relay-id"}[e.path[0]]
	}
	return ""
}

// declared6 writes a comparison that a matcher makes.
func (c *converter) declared6(e *expr) (string, bool) {
	switch e.op {
	case "member":
		if c.classes[e.part] {
			return "{class: " + scalar(e.part) + "}", true
		}
		if m, ok := builtinMatch(e.part); ok && !strings.Contains(m, "expression") && !strings.HasPrefix(e.part, "VENDOR_CLASS_") {
			return m, true
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
		switch n := int64(len(b.value)); {
		case a.all || n < a.len:
		case n == a.len:
			prefix = true
		default:
			return "", false
		}
		a = a.args[0]
	}
	switch {
	case a.op == "pkt" && a.part == "iface" && !prefix:
		for _, name := range c.served {
			if name == string(b.value) {
				return "{interface: " + scalar(name) + "}", true
			}
		}
		return "", false
	case a.nearest() && a.part == "linkaddr" && !prefix && len(b.value) == 16:
		addr := netip.AddrFrom16([16]byte(b.value))
		return `{relay: "` + addr.String() + `"}`, !addr.IsUnspecified()
	}
	key := matchKey6(a)
	if key == "" || len(b.value) > 255 {
		return "", false
	}
	value := octets(b.value)
	if prefix {
		value = "{prefix: " + value + "}"
	}
	return "{" + key + ": " + value + "}", true
}

// bool6 writes an expression that is true or false in our language for DHCPv6.
func (c *converter) bool6(e *expr) (string, string) {
	switch e.op {
	case "exists":
		a := e.args[0]
		switch {
		case a.op == "option" && len(a.path) == 1:
			return fmt.Sprintf("exists(%d)", a.path[0]), ""
		}
		// An empty option of a relay agent is as one that is not there.
		whole := *a
		whole.part = "hex"
		s, why := c.bytes6(&whole)
		return s + ` != ""`, why
	case "==":
		a, b := e.args[0], e.args[1]
		if a.op == "const" {
			a, b = b, a
		}
		if a.op == "relay6" && (a.part == "peeraddr" || a.part == "linkaddr") && b.op == "const" && a.nearest() {
			if len(b.value) != 16 {
				return "false", ""
			}
			return fmt.Sprintf("%s == %q", map[string]string{"peeraddr": "peer", "linkaddr": "link"}[a.part], netip.AddrFrom16([16]byte(b.value))), ""
		}
		x, why := c.bytes6(a)
		if why != "" {
			return "", why
		}
		y, why := c.bytes6(b)
		return x + " == " + y, why
	case "match":
		s, why := c.bytes6(e.args[0])
		return s + " matches " + fmt.Sprintf("%q", "^(?:"+e.part+")$"), why
	case "member":
		switch e.part {
		case "KNOWN":
			return "known", ""
		case "UNKNOWN":
			return "not known", ""
		}
	}
	return "", e.op + " cannot be carried"
}

// bytes6 writes an operand that yields octets.
func (c *converter) bytes6(e *expr) (string, string) {
	switch e.op {
	case "const":
		return c.bytes(e)
	case "option":
		switch {
		case e.part == "text":
			return "", fmt.Sprintf("option[%d].text is not the option's octets: use .hex", e.path[0])
		case len(e.path) == 1:
			return fmt.Sprintf("option(%d)", e.path[0]), ""
		}
		return fmt.Sprintf("suboption(option(%d), %d)", e.path[0], e.path[1]), ""
	case "relay6":
		switch {
		case e.num >= 0:
			return "", fmt.Sprintf("relay6[%d] counts relay agents from the server, expressions here from the client: write relay6[-1] for the one next to it", e.num)
		case e.part != "hex":
			return "", "relay6." + e.part + " is not known to expressions, or not in this place"
		}
		return fmt.Sprintf("relay(%d, %d)", -1-e.num, e.path[0]), ""
	case "substring", "concat", "lcase", "ucase":
		var args []string
		for _, a := range e.args {
			s, why := c.bytes6(a)
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
		case "lcase":
			return "lower(" + args[0] + ")", ""
		}
		return "upper(" + args[0] + ")", ""
	}
	return "", e.op + " is not known to expressions, or not in this place"
}
