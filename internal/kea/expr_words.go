// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"regexp"
	"slices"
)

// exprWords are the words that begin an operand, and what reads the rest of it.
var exprWords map[string]func(*exprParser, exprToken) *expr

func init() { // it would refer to itself
	exprWords = map[string]func(*exprParser, exprToken) *expr{
		"option":       (*exprParser).option,
		"relay4":       (*exprParser).relay4,
		"relay6":       (*exprParser).relay6,
		"pkt6":         (*exprParser).pkt6,
		"pkt":          (*exprParser).pkt,
		"pkt4":         (*exprParser).pkt,
		"member":       (*exprParser).member,
		"match":        (*exprParser).match,
		"vendor":       (*exprParser).vendor,
		"vendor-class": (*exprParser).vendor,
		"substring":    (*exprParser).substring,
		"split":        (*exprParser).split,
		"ifelse":       (*exprParser).ifelse,
		"concat":       func(p *exprParser, _ exprToken) *expr { return p.call("concat", 2) },
		"hexstring":    func(p *exprParser, _ exprToken) *expr { return p.call("hexstring", 2) },
		"lcase":        func(p *exprParser, _ exprToken) *expr { return p.call("lcase", 1) },
		"ucase":        func(p *exprParser, _ exprToken) *expr { return p.call("ucase", 1) },
	}
	for _, name := range []string{"addrtotext", "int8totext", "int16totext", "int32totext", "uint8totext", "uint16totext", "uint32totext"} {
		exprWords[name] = func(p *exprParser, t exprToken) *expr {
			e := p.call("totext", 1)
			e.part = t.text
			return e
		}
	}
}

// call reads (a, b, …).
func (p *exprParser) call(op string, n int) *expr {
	e := &expr{op: op}
	p.want("(")
	for i := range n {
		if i > 0 {
			p.want(",")
		}
		e.args = append(e.args, p.octets())
	}
	p.want(")")
	return e
}

// bracket reads [n] or [name].
func (p *exprParser) bracket(named bool) uint16 {
	p.want("[")
	t := p.next()
	var code uint16
	switch {
	case t.kind == 'n':
		p.i--
		n, _ := p.number()
		if most := int64(255); n < 0 || n > most && !p.v6 || n > 1<<16-1 {
			p.fail(t, "option codes are 0 to %d", map[bool]int64{false: most, true: 1<<16 - 1}[p.v6])
		}
		code = uint16(n)
	case t.kind == 'w' && named:
		var ok bool
		if code, ok = p.code(t.text); !ok {
			p.fail(t, "option %s is not defined", t.text)
		}
	default:
		p.fail(t, "%s, where the code of an option is wanted", t)
	}
	p.want("]")
	return code
}

// dotted reads .word, one of words.
func (p *exprParser) dotted(words ...string) string {
	p.want(".")
	t := p.next()
	if t.kind != 'w' || !slices.Contains(words, t.text) {
		p.fail(t, "%s, where one of %v is wanted", t, words)
	}
	return t.text
}

func (p *exprParser) option(exprToken) *expr {
	e := &expr{op: "option", path: []uint16{p.bracket(true)}}
	if e.part = p.dotted("hex", "text", "exists", "option"); e.part == "option" {
		e.path = append(e.path, p.bracket(false))
		e.part = p.dotted("hex", "text", "exists")
	}
	return e.tested()
}

// tested turns the part exists into the operator.
func (e *expr) tested() *expr {
	if e.part == "exists" {
		return &expr{op: "exists", args: []*expr{e}}
	}
	return e
}

func (p *exprParser) relay4(exprToken) *expr {
	e := &expr{op: "relay4", path: []uint16{p.bracket(false)}}
	e.part = p.dotted("hex", "text", "exists")
	return e.tested()
}

func (p *exprParser) pkt(t exprToken) *expr {
	if t.text == "pkt" {
		return &expr{op: "pkt", part: p.dotted("iface", "src", "dst", "len")}
	}
	return &expr{op: "pkt4", part: p.dotted("mac", "hlen", "htype", "ciaddr", "giaddr", "yiaddr", "siaddr", "msgtype", "transid")}
}

func (p *exprParser) member(exprToken) *expr {
	p.want("(")
	t := p.next()
	if t.kind != 's' {
		p.fail(t, "%s, where the name of a class in '' is wanted", t)
	}
	if !p.class(t.text) {
		p.fail(t, "class '%s' is not defined above", t.text)
	}
	p.want(")")
	return &expr{op: "member", part: t.text}
}

// match is Kea 2.6's: a regular expression, and what has to match it whole.
func (p *exprParser) match(exprToken) *expr {
	p.want("(")
	t := p.next()
	if t.kind != 's' {
		p.fail(t, "%s, where a regular expression in '' is wanted", t)
	}
	if _, err := regexp.Compile(t.text); err != nil {
		p.fail(t, "%v", err)
	}
	p.want(",")
	e := &expr{op: "match", part: t.text, args: []*expr{p.octets()}}
	p.want(")")
	return e
}

// vendor reads vendor and vendor-class:
//
//	vendor.enterprise vendor[n].exists vendor[n].option[m].hex
//	vendor-class.enterprise vendor-class[n].exists vendor-class[n].data vendor-class[n].data[i]
//
// n may be * for any enterprise.
func (p *exprParser) vendor(t exprToken) *expr {
	e := &expr{op: t.text}
	if p.peek().text == "." {
		e.part = p.dotted("enterprise")
		return e
	}
	p.want("[")
	if p.eat("*") {
		e.all = true
	} else {
		n, at := p.number()
		if n < 0 || n > 1<<32-1 {
			p.fail(at, "enterprise numbers have 32 bits")
		}
		e.num = n
	}
	p.want("]")
	if t.text == "vendor-class" {
		e.part = p.dotted("exists", "data")
		if e.part == "data" && p.eat("[") {
			e.len, _ = p.number()
			p.want("]")
		}
		return e.tested()
	}
	if e.part = p.dotted("exists", "option"); e.part == "option" {
		e.path = []uint16{p.bracket(false)}
		e.part = p.dotted("hex", "text", "exists")
	}
	return e.tested()
}

func (p *exprParser) substring(exprToken) *expr {
	e := &expr{op: "substring"}
	p.want("(")
	e.args = []*expr{p.octets()}
	p.want(",")
	e.num, _ = p.number()
	p.want(",")
	if e.all = p.eat("all"); !e.all {
		e.len, _ = p.number()
	}
	p.want(")")
	return e
}

func (p *exprParser) split(exprToken) *expr {
	e := &expr{op: "split"}
	p.want("(")
	e.args = []*expr{p.octets()}
	p.want(",")
	e.args = append(e.args, p.octets())
	p.want(",")
	e.num, _ = p.number()
	p.want(")")
	return e
}

func (p *exprParser) ifelse(t exprToken) *expr {
	p.want("(")
	test := p.or()
	if !test.boolean() {
		p.fail(t, "ifelse wants what is true or false first")
	}
	p.want(",")
	a := p.octets()
	p.want(",")
	b := p.octets()
	p.want(")")
	return &expr{op: "ifelse", args: []*expr{test, a, b}}
}
