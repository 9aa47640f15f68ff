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
	known:  []string{"name", "code", "type", "array", "space"},
	others: map[string]string{"list": "array"},
}

// typeNames are what others call the types.
var typeNames = map[string]string{
	"uint8": "u8", "uint16": "u16", "uint32": "u32", "int32": "i32", "string": "str", "text": "str",
	"boolean": "bool", "flag": "bool", "binary": "bytes", "hex": "bytes", "ip-address": "ipv4",
	"ipv4-address": "ipv4", "ip": "ipv4", "ipv6-address": "ipv6", "domain-name": "fqdn", "uri": "url",
}

// definitions adds the file's own options to the tables.
func (c *checker) definitions(p *path, n *node) {
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &definitionKeys) {
			continue
		}
		ok := true
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
		space, codes := option.DHCP4, "a code from 1 to 254"
		if v := el.get("space"); v != nil {
			if space, ok = c.space(p.at("space"), v); space != option.DHCP4 {
				codes = "a code from 1 to 65534"
			}
		}
		name, codeText, typ := need("name", "a name"), need("code", codes), need("type", "a type such as ipv4, u16 or str")
		array := false
		if v := el.get("array"); v != nil {
			array = c.boolean(p.at("array"), v)
		}
		if !ok {
			continue
		}
		code, err := strconv.Atoi(codeText)
		if err != nil {
			c.fail(p.at("code"), el.get("code"), "%q is not %s", codeText, codes)
			continue
		}
		if known := typeNames[strings.ToLower(typ)]; known != "" {
			c.failHint(p.at("type"), el.get("type"), known, "unknown type %q", typ)
			continue
		}
		if _, err := c.reg.Define(space, name, code, typ, array); err != nil {
			var at *node
			switch msg := err.Error(); {
			case strings.HasPrefix(msg, "type"):
				p, at = p.at("type"), el.get("type")
			case strings.HasPrefix(msg, "code"):
				p, at = p.at("code"), el.get("code")
			default:
				p, at = p.at("name"), el.get("name")
			}
			c.fail(p, at, "%v", err)
		}
	}
}

// space takes where an option is: in messages of DHCPv4 or DHCPv6, or among the
// options of an enterprise in DHCPv6's 17.
func (c *checker) space(p *path, n *node) (option.Space, bool) {
	s, ok := c.scalar(p, n, "dhcp4, dhcp6 or vendor-NUMBER")
	if !ok {
		return option.DHCP4, false
	}
	switch s {
	case "dhcp4":
		return option.DHCP4, true
	case "dhcp6":
		return option.DHCP6, true
	}
	if text, ok := strings.CutPrefix(s, "vendor-"); ok {
		if id, err := strconv.ParseUint(text, 10, 32); err == nil {
			return option.EnterpriseSpace(uint32(id)), true
		}
	}
	c.fail(p, n, "%q is not dhcp4, dhcp6 or vendor- and an enterprise's number, as in vendor-4491", s)
	return option.DHCP4, false
}

// RefusedOption says why a configuration cannot set an option, or nothing.
func RefusedOption(code uint8) string { return refused[code] }
