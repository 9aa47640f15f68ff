// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strconv"
	"strings"

	"xdhcp/internal/option"
)

// maxOption is more than a message on Ethernet can carry.
const maxOption = 1400

// refused are options that a configuration cannot set, and why.
var refused = map[uint8]string{
	50:  "is what a client asks for",
	51:  "is made by the server: write lease: {valid: …}",
	52:  "is made by the server, where options go into sname and file",
	53:  "is made by the server",
	54:  "is made by the server: it is the interface's address, or write address: … at the interface",
	55:  "is sent by clients only",
	56:  "is made by the server, for NAKs",
	57:  "is sent by clients",
	58:  "is made by the server: write lease: {renew: …}",
	59:  "is made by the server: write lease: {rebind: …}",
	61:  "is sent by clients and echoed (RFC 6842)",
	77:  "is sent by clients",
	80:  "is made by the server: write rapid-commit: true",
	81:  "is made by the server: write fqdn: {…}",
	82:  "is added by relay agents and echoed (RFC 3046)",
	90:  "(authentication, RFC 3118) is not supported",
	91:  "is made by the server, for lease queries",
	92:  "is made by the server, for lease queries",
	93:  "is sent by clients only",
	94:  "is sent by clients only",
	97:  "is sent by clients only",
	118: "is sent by relay agents and clients only",
	145: "(FORCERENEW, RFC 6704) is not supported yet",
	151: "is made by the server, for lease queries",
	152: "is made by the server, for lease queries",
	153: "is made by the server, for lease queries",
	154: "is sent by those who query leases",
	155: "is sent by those who query leases",
	156: "is made by the server, for lease queries",
	157: "is made by the server, for lease queries",
	161: "is sent by clients only",
	220: "(subnet allocation, RFC 6656) is not supported",
	221: "is made by the server: write vss at the subnet",
	250: "is made by the server, where an option for a Microsoft client is long",
}

// options takes a map of options by name or code.
func (c *checker) options(p *path, n *node) []Option {
	if n.kind != mapNode {
		c.fail(p, n, "is %s; a map is wanted: {routers: [192.0.2.1], …}", n.kind)
		return nil
	}
	var out []Option
	var first [256]*node
	for i := range n.pairs {
		key, v := n.pairs[i].key, n.pairs[i].value
		p := p.at(key.text)
		d, ok := c.reg.ByName(option.DHCP4, key.text)
		if !ok {
			c.unknownOption(p, key)
			continue
		}
		code := uint8(d.Code)
		if why := refused[code]; why != "" {
			c.fail(p, key, "option %d %s", code, why)
			continue
		}
		if first[code] != nil {
			if first[code].text == key.text {
				c.fail(p, key, "is given twice: first in %s", line(first[code].place))
			} else {
				c.fail(p, key, "is option %d, which is given already as %s in %s", code, first[code].text, line(first[code].place))
			}
			continue
		}
		first[code] = key
		data, err := c.reg.Encode(d, value(v))
		if err != nil {
			c.badValue(p, key, v, err)
			continue
		}
		if len(data) > maxOption {
			c.fail(p, v, "is %d bytes long, more than a message can carry", len(data))
			continue
		}
		out = append(out, Option{Code: code, Name: d.Name, Data: data, At: key.place})
	}
	return out
}

func (c *checker) unknownOption(p *path, key *node) {
	if _, err := strconv.Atoi(key.text); err == nil {
		c.fail(p, key, "is not an option: codes are 1 to 254")
		return
	}
	hint := c.reg.Suggest(option.DHCP4, key.text)
	if _, ok := option.ByName(option.DHCP6, key.text); ok && hint == "" {
		c.fail(p, key, "is an option of DHCPv6")
		return
	}
	c.failHint(p, key, hint, "unknown option")
}

// badValue reports an error of the encoder at the part of the value it is about.
func (c *checker) badValue(p *path, key, v *node, err error) {
	var e *option.Error
	if !errors.As(err, &e) {
		c.fail(p, v, "%v", err)
		return
	}
	at := v
	for i, step := range e.Path {
		switch s := step.(type) {
		case int:
			p = &path{up: p, index: s}
			if at.kind == listNode && s < len(at.list) {
				at = at.list[s]
			}
		case string:
			p = p.at(s)
			if at.kind != mapNode {
				continue
			}
			if e.Key && i == len(e.Path)-1 {
				at = at.lastKey(s)
			} else if below := at.get(s); below != nil {
				at = below
			}
		}
	}
	if at.kind == nullNode && len(e.Path) == 0 {
		at = key // there is nothing to point at
	}
	c.failHint(p, at, e.Hint, "%s", e.Msg)
}

// lastKey finds the place where a key is for the last time.
func (n *node) lastKey(key string) *node {
	for i := len(n.pairs) - 1; i >= 0; i-- {
		if n.pairs[i].key.text == key {
			return n.pairs[i].key
		}
	}
	return n
}

// value is a node as the encoder takes it: scalars by their text.
func value(n *node) any {
	switch n.kind {
	case scalarNode:
		return n.text
	case listNode:
		list := make([]any, len(n.list))
		for i, el := range n.list {
			list[i] = value(el)
		}
		return list
	case mapNode:
		m := make(option.Map, len(n.pairs))
		for i, p := range n.pairs {
			m[i] = option.Entry{Key: p.key.text, Value: value(p.value)}
		}
		return m
	}
	return nil
}

var definitionKeys = keySet{
	known:  []string{"name", "code", "type", "array", "space", "encapsulates"},
	others: map[string]string{"list": "array", "encapsulate": "encapsulates"},
}

// typeNames are what others call the types.
var typeNames = map[string]string{
	"uint8": "u8", "uint16": "u16", "uint32": "u32", "int32": "i32", "string": "str", "text": "str",
	"boolean": "bool", "flag": "bool", "binary": "bytes", "hex": "bytes", "ip-address": "ipv4",
	"ipv4-address": "ipv4", "ip": "ipv4", "ipv6-address": "ipv6", "domain-name": "fqdn", "uri": "url",
}

// definitions adds the file's own options to the tables.
func (c *checker) definitions(p *path, n *node) {
	var defs []option.Definition
	var from []int // which item of the list each is
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &definitionKeys) {
			continue
		}
		if d, ok := c.definition(p, el); ok {
			defs, from = append(defs, d), append(from, i)
		}
	}
	for i, err := range c.reg.DefineAll(defs) {
		if err == nil {
			continue
		}
		el := c.items(p, n)[from[i]]
		p := item(p, n, from[i])
		key, hint := "name", ""
		var e *option.DefinitionError
		switch msg := err.Error(); {
		case errors.As(err, &e):
			key, hint = e.Key, e.Hint
		case strings.HasPrefix(msg, "type"):
			key = "type"
		case strings.HasPrefix(msg, "code"):
			key = "code"
		}
		at := el.get(key)
		if at == nil {
			at = el
		}
		c.failHint(p.at(key), at, hint, "%v", err)
	}
}

// definition reads one.
func (c *checker) definition(p *path, el *node) (d option.Definition, ok bool) {
	ok = true
	need := func(key, want string) string {
		v := el.get(key)
		if v == nil {
			c.fail(p.at(key), el, "is missing: %s is wanted", want)
			ok = false
			return ""
		}
		s, isText := c.scalar(p.at(key), v, want)
		ok = ok && isText
		return s
	}
	codes := "a code from 1 to 254"
	if el.get("space") != nil {
		if d.Space = need("space", "a space"); d.Space != "dhcp4" {
			codes = "a code, 1 to 65534 in DHCPv6"
		}
	}
	if el.get("encapsulates") != nil {
		d.Encapsulates = need("encapsulates", "the name of a space")
	}
	d.Name = need("name", "a name")
	code := need("code", codes)
	if el.get("type") != nil || d.Encapsulates == "" {
		d.Type = need("type", "a type such as ipv4, u16 or str")
	}
	if v := el.get("array"); v != nil {
		d.Array = c.boolean(p.at("array"), v)
	}
	if !ok {
		return d, false
	}
	var err error
	if d.Code, err = strconv.Atoi(code); err != nil {
		c.fail(p.at("code"), el.get("code"), "%q is not %s", code, codes)
		return d, false
	}
	if known := typeNames[strings.ToLower(d.Type)]; known != "" {
		c.failHint(p.at("type"), el.get("type"), known, "unknown type %q", d.Type)
		return d, false
	}
	return d, true
}

// RefusedOption says why a configuration cannot set an option, or nothing.
func RefusedOption(code uint8) string { return refused[code] }
