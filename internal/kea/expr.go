// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// An expr is an expression of Kea's classification language as a tree. Its
// kinds are the words of the language:
//
//	and or not == member .exists match                   yes or no
//	const option relay4 pkt pkt4 substring concat        octets
//	ifelse hexstring split lcase ucase totext vendor vendor-class
type expr struct {
	op    string
	args  []*expr
	value []byte   // of const
	from  litKind  // how a const is written
	path  []uint16 // codes in option[82].option[1], relay4[1], …
	part  string   // text, hex, mac, enterprise, data, …
	// numbers of substring and split, the enterprise of vendor
	num, len int64
	all      bool // substring to the end; vendor of any enterprise
}

type litKind uint8

const (
	litString litKind = iota
	litHex
	litAddress
	litInteger
)

// An exprError is at an offset, from 0, of the expression's text.
type exprError struct {
	at  int
	msg string
}

func (e *exprError) Error() string { return e.msg }

type exprToken struct {
	kind byte // w(ord), n(umber), s(tring), x (0x…), a(ddress), p(unctuation), e(nd)
	text string
	at   int
}

func (t exprToken) String() string {
	switch t.kind {
	case 'e':
		return "the end of the expression"
	case 's':
		return "'" + t.text + "'"
	}
	return t.text
}

func exprTokens(s string) ([]exprToken, *exprError) {
	var out []exprToken
	prev := func(n int) string { // the nth token from the end
		if len(out) < n {
			return ""
		}
		return out[len(out)-n].text
	}
	for i := 0; i < len(s); {
		start := i
		c := s[i]
		take := func(ok func(byte) bool) {
			for i < len(s) && ok(s[i]) {
				i++
			}
		}
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'':
			n := strings.IndexAny(s[i+1:], "'\n")
			if n < 0 || s[i+1+n] != '\'' {
				return nil, &exprError{start, "the text ' does not end"}
			}
			out = append(out, exprToken{'s', s[i+1 : i+1+n], start})
			i += n + 2
			continue
		case c == '0' && i+2 < len(s) && s[i+1]|0x20 == 'x' && isHex(s[i+2]):
			i += 2
			take(isHex)
			out = append(out, exprToken{'x', s[start+2 : i], start})
			continue
		case c == '=' && i+1 < len(s) && s[i+1] == '=':
			i += 2
			out = append(out, exprToken{'p', "==", start})
			continue
		case strings.IndexByte("()[],.+*", c) >= 0:
			i++
			out = append(out, exprToken{'p', s[start:i], start})
			continue
		case c >= '0' && c <= '9' || c == '-' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' || c == ':' || isHex(c):
			// An address has the longest claim on these characters. Within
			// brackets a name may begin like one.
			take(func(c byte) bool { return isHex(c) || c == ':' || c == '.' })
			if a, err := netip.ParseAddr(strings.TrimRight(s[start:i], ".")); err == nil && prev(1) != "[" {
				i = start + len(strings.TrimRight(s[start:i], "."))
				out = append(out, exprToken{'a', a.String(), start})
				continue
			}
			i = start
			if c >= '0' && c <= '9' || c == '-' {
				i++
				take(func(c byte) bool { return c >= '0' && c <= '9' })
				if prev(1) != "[" || i == len(s) || !isLetter(s[i]) && s[i] != '-' && s[i] != '_' {
					out = append(out, exprToken{'n', s[start:i], start})
					continue
				}
				i = start
			}
		}
		if isLetter(c) || c >= '0' && c <= '9' {
			take(func(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' })
			out = append(out, exprToken{'w', s[start:i], start})
			continue
		}
		return nil, &exprError{start, fmt.Sprintf("%q has no meaning in an expression", rune(c))}
	}
	return append(out, exprToken{'e', "", len(s)}), nil
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// exprParser turns tokens into a tree. Whether an operand yields octets or yes
// and no is part of Kea's grammar; here it is checked where it is used.
type exprParser struct {
	tokens []exprToken
	i      int
	depth  int
	// code finds an option of the space dhcp4 or a sub-option of 82 by name.
	code func(name string) (uint16, bool)
	// class reports whether a class is known here.
	class func(name string) bool
	v6    bool // the words of DHCPv6
}

// parseExpr parses a whole expression that is true or false, or, where octets is
// set, one that yields octets.
func parseExpr(text string, octets bool, code func(string) (uint16, bool), class func(string) bool) (e *expr, err *exprError) {
	return parseExprOf(false, text, octets, code, class)
}

func parseExprOf(v6 bool, text string, octets bool, code func(string) (uint16, bool), class func(string) bool) (e *expr, err *exprError) {
	tokens, err := exprTokens(text)
	if err != nil {
		return nil, err
	}
	p := &exprParser{tokens: tokens, code: code, class: class, v6: v6}
	defer func() {
		if r := recover(); r != nil {
			stop, ours := r.(*exprError)
			if !ours {
				panic(r)
			}
			e, err = nil, stop
		}
	}()
	e = p.or()
	if t := p.peek(); t.kind != 'e' {
		p.fail(t, "%s, where the expression could end", t)
	}
	switch {
	case octets && e.boolean():
		p.fail(tokens[0], "is true or false, where octets are wanted")
	case !octets && !e.boolean():
		p.fail(p.peek(), "the expression yields octets, not true or false: == is missing")
	}
	return e, nil
}

func (e *expr) boolean() bool {
	switch e.op {
	case "and", "or", "not", "==", "member", "exists", "match":
		return true
	}
	return false
}

// fail leaves the parser: parseExpr catches it.
func (p *exprParser) fail(t exprToken, format string, args ...any) {
	panic(&exprError{t.at, fmt.Sprintf(format, args...)})
}

func (p *exprParser) peek() exprToken { return p.tokens[p.i] }

func (p *exprParser) next() exprToken {
	t := p.tokens[p.i]
	if t.kind != 'e' {
		p.i++
	}
	return t
}

func (p *exprParser) eat(text string) bool {
	t := p.peek()
	if t.kind != 'p' && t.kind != 'w' || t.text != text {
		return false
	}
	p.i++
	return true
}

func (p *exprParser) want(text string) {
	if t := p.peek(); !p.eat(text) {
		p.fail(t, "%s, where %s is wanted", t, text)
	}
}

func (p *exprParser) or() *expr {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek(), "more than %d levels deep", maxDepth)
	}
	defer func() { p.depth-- }()
	e := p.and()
	for t := p.peek(); p.eat("or"); t = p.peek() {
		e = p.join(t, "or", e, p.and())
	}
	return e
}

func (p *exprParser) and() *expr {
	e := p.not()
	for t := p.peek(); p.eat("and"); t = p.peek() {
		e = p.join(t, "and", e, p.not())
	}
	return e
}

// join makes one node of a chain: a and b and c is one and of three.
func (p *exprParser) join(t exprToken, op string, a, b *expr) *expr {
	if !a.boolean() || !b.boolean() {
		p.fail(t, "%s joins what is true or false, not octets", op)
	}
	if a.op == op {
		a.args = append(a.args, b)
		return a
	}
	return &expr{op: op, args: []*expr{a, b}}
}

func (p *exprParser) not() *expr {
	t := p.peek()
	if p.eat("not") {
		if p.depth++; p.depth > maxDepth {
			p.fail(t, "more than %d levels deep", maxDepth)
		}
		e := p.not()
		p.depth--
		if !e.boolean() {
			p.fail(t, "not is for what is true or false")
		}
		return &expr{op: "not", args: []*expr{e}}
	}
	a := p.sum()
	t = p.peek()
	if !p.eat("==") {
		return a
	}
	b := p.sum()
	if a.boolean() || b.boolean() {
		p.fail(t, "== compares octets, not what is true or false")
	}
	return &expr{op: "==", args: []*expr{a, b}}
}

func (p *exprParser) sum() *expr {
	e := p.primary()
	for t := p.peek(); p.eat("+"); t = p.peek() {
		b := p.primary()
		if e.boolean() || b.boolean() {
			p.fail(t, "+ joins octets, not what is true or false")
		}
		e = &expr{op: "concat", args: []*expr{e, b}}
	}
	return e
}

func (p *exprParser) octets() *expr {
	t := p.peek()
	e := p.or()
	if e.boolean() {
		p.fail(t, "is true or false, where octets are wanted")
	}
	return e
}

func (p *exprParser) number() (int64, exprToken) {
	t := p.next()
	n, err := strconv.ParseInt(t.text, 10, 64)
	if t.kind != 'n' || err != nil {
		p.fail(t, "%s, where a number is wanted", t)
	}
	return n, t
}

func (p *exprParser) primary() *expr {
	t := p.next()
	switch t.kind {
	case 's':
		return &expr{op: "const", value: []byte(t.text), from: litString}
	case 'x':
		digits := t.text
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			p.fail(t, "0x%s is not hexadecimal", t.text)
		}
		return &expr{op: "const", value: b, from: litHex}
	case 'a':
		a := netip.MustParseAddr(t.text)
		return &expr{op: "const", value: a.AsSlice(), from: litAddress}
	case 'n':
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil || n > 1<<32-1 || n < -1<<31 {
			p.fail(t, "%s does not fit into 32 bits", t.text)
		}
		return &expr{op: "const", value: []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, from: litInteger}
	case 'p':
		if t.text == "(" {
			e := p.or()
			p.want(")")
			if e.op == "and" || e.op == "or" { // its own, not part of a chain
				e = &expr{op: e.op, args: e.args}
			}
			return e
		}
	case 'w':
		if f := exprWords[t.text]; f != nil && !otherFamily(t.text, p.v6) {
			return f(p, t)
		}
	}
	p.fail(t, "%s, where something to compare or a test is wanted", t)
	return nil
}
