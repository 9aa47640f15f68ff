// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/binary"
	"slices"
	"strconv"

	"xdhcp/internal/option"
)

// refused6 are options of DHCPv6 that a configuration cannot set, and why.
// Beside them are those that a server never sends of itself (refusal6).
var refused6 = map[uint16]string{
	1:   "is made by the client and sent back",
	2:   "is made by the server: write dhcpv6: {duid: …}",
	3:   "is made by the server, for leases",
	4:   "is made by the server, for leases",
	5:   "is made by the server, for leases",
	6:   "is sent by clients only",
	7:   "is made by the server: write dhcpv6: {preference: …}",
	8:   "is sent by clients only",
	9:   "is made by relay agents and the server",
	11:  "is made by the server, where it is configured to",
	13:  "is made by the server",
	14:  "is made by the server: write rapid-commit: true",
	15:  "is sent by clients",
	16:  "is sent by clients",
	18:  "is added by relay agents and sent back",
	19:  "is made by the server, in Reconfigures",
	20:  "is made by the server",
	25:  "is made by the server, for leases",
	26:  "is made by the server, for leases",
	39:  "is made by the server: write fqdn: {…}",
	67:  "is made by the server: write exclude at what it delegates",
	89:  "belongs into one of s46-cont-mape, s46-cont-mapt and s46-cont-lw",
	90:  "belongs into one of s46-cont-mape and s46-cont-lw",
	91:  "belongs into s46-cont-mapt",
	92:  "belongs into s46-cont-lw",
	93:  "belongs into s46-rule or s46-v4v6bind",
	136: "(RFC 8572) is set by number and octets only",
	138: "(link-layer addresses, RFC 8947) is not supported",
	139: "(link-layer addresses, RFC 8947) is not supported",
	140: "(link-layer addresses, RFC 8947) is not supported",
}

// refusal6 says why a configuration cannot set an option, or nothing.
func refusal6(d *option.Def) string {
	if why := refused6[d.Code]; why != "" {
		return why
	}
	// RFC 8415 §24: what a client cannot ask for goes between relay agents,
	// servers and those who query leases, or is the client's.
	if d.ORO == "No" && d.Code != 12 {
		return "is not one that a server tells clients"
	}
	return ""
}

// RefusedOption6 says why a configuration cannot set an option of DHCPv6, or
// nothing.
func RefusedOption6(code uint16) string {
	d, ok := option.ByCode(option.DHCP6, code)
	if !ok {
		return ""
	}
	return refusal6(d)
}

const vendorOpts = 17

// timers are options that hold a time which a client goes by.
var timers = map[uint16]bool{32: true, 82: true, 83: true}

// options6 takes a map of DHCPv6 options by name or code.
func (c *checker) options6(p *path, n *node) []Option6 {
	if n.kind != mapNode {
		c.fail(p, n, "is %s; a map is wanted: {dns-servers: [\"2001:db8::53\"], …}", n.kind)
		return nil
	}
	var out []Option6
	first := map[uint16]*node{}
	for i := range n.pairs {
		key, v := n.pairs[i].key, n.pairs[i].value
		p := p.at(key.text)
		d, ok := c.reg.ByName(option.DHCP6, key.text)
		if !ok {
			c.unknownOption6(p, key)
			continue
		}
		if why := refusal6(d); why != "" {
			c.fail(p, key, "option %d %s", d.Code, why)
			continue
		}
		if at := first[d.Code]; at != nil {
			if at.text == key.text {
				c.fail(p, key, "is given twice: first in %s", line(at.place))
			} else {
				c.fail(p, key, "is option %d, which is given already as %s in %s", d.Code, at.text, line(at.place))
			}
			continue
		}
		first[d.Code] = key
		each, err := c.reg.EncodeEach(d, value(v))
		if err != nil {
			c.badValue(p, key, v, err)
			continue
		}
		if len(each) > 1 && d.Code != vendorOpts {
			c.fail(p, v, "is there %d times: only vendor-opts may be there more than once, for different enterprises", len(each))
			continue
		}
		vendors := map[uint32]bool{}
		for _, data := range each {
			_, fits := c.reg.Decode(d, data)
			switch {
			case len(data) > maxOption:
				c.fail(p, v, "is %d bytes long, more than a message can carry", len(data))
				continue
			case d.Code == vendorOpts && len(data) < 4:
				c.fail(p, v, "has no enterprise number")
				continue
			case timers[d.Code] && !fits: // from octets: a client would take it
				c.fail(p, v, "is not what %s is", d)
				continue
			case d.Code == vendorOpts:
				enterprise := binary.BigEndian.Uint32(data)
				if vendors[enterprise] {
					c.fail(p, v, "has options of enterprise %d twice", enterprise)
				}
				vendors[enterprise] = true
			}
			out = append(out, Option6{Code: d.Code, Name: d.Name, Data: data, At: key.place})
		}
	}
	return out
}

func (c *checker) unknownOption6(p *path, key *node) {
	if _, err := strconv.Atoi(key.text); err == nil {
		c.fail(p, key, "is not an option: codes are 1 to 65535")
		return
	}
	hint := c.reg.Suggest(option.DHCP6, key.text)
	if v6 := names6[key.text]; v6 != "" {
		hint = v6
	} else if _, ok := option.ByName(option.DHCP4, key.text); ok && hint == "" {
		c.fail(p, key, "is an option of DHCPv4")
		return
	}
	c.failHint(p, key, hint, "unknown option")
}

// names6 are names that DHCPv4 has for what DHCPv6 calls otherwise.
var names6 = map[string]string{
	"domain-name-servers": "dns-servers", "domain-name": "domain-search", "boot-file-name": "bootfile-url",
	"pcode": "new-posix-timezone", "tcode": "new-tzdb-timezone", "vendor-encapsulated-options": "vendor-opts",
}

// alwaysSend6 marks the options that clients get without asking for them.
func (c *checker) alwaysSend6(p *path, n *node, options []Option6) {
	v := n.get("always-send")
	if v == nil {
		return
	}
	p = p.at("always-send")
	for i, el := range c.items(p, v) {
		p := item(p, v, i)
		name, ok := c.scalar(p, el, "the name of an option")
		if !ok {
			continue
		}
		d, ok := c.reg.ByName(option.DHCP6, name)
		if !ok {
			c.unknownOption6(p, el)
			continue
		}
		if !slices.ContainsFunc(options, func(o Option6) bool { return o.Code == d.Code }) {
			c.fail(p, el, "%s is not among the options here", name)
			continue
		}
		for i := range options {
			if options[i].Code == d.Code {
				options[i].Always = true
			}
		}
	}
}
