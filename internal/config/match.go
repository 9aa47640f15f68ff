// SPDX-License-Identifier: Apache-2.0

package config

import (
	"iter"
	"net/netip"
	"strconv"
	"strings"

	"xdhcp/internal/option"
)

// MatchBy says what a Match looks at.
type MatchBy uint8

const (
	MatchAll          MatchBy = iota // all of Of; with none of them, everybody
	MatchAny                         // any of Of
	MatchNot                         // not Of[0]
	MatchClass                       // in the class Name
	MatchExpression                  // Expression is true
	MatchKnown                       // has a reservation
	MatchVendorClass                 // option 60
	MatchUserClass                   // option 77: one of its classes
	MatchVendorID                    // options 124 and 125: data of Enterprise
	MatchMAC                         // the hardware address
	MatchClientID                    // option 61
	MatchCircuitID                   // sub-option 1 of option 82
	MatchRemoteID                    // sub-option 2
	MatchSubscriberID                // sub-option 6
	MatchRelayID                     // sub-option 12
	MatchRelay                       // the relay agent's address lies in Net
	MatchArchitecture                // option 93: Number is among them
	MatchLink                        // interface and VLAN
	MatchExpression6                 // Expression is true, in DHCPv6
)

// A Match says which clients are meant. By says which of the other fields count.
type Match struct {
	By         MatchBy
	Value      []byte
	Prefix     bool // what is there begins with Value
	Enterprise uint32
	Number     uint16
	Net        netip.Prefix
	Link       Link // Interface may be empty: any
	Name       string
	Expression string
	Of         []Match
	At         Place // of an expression: what is wrong with it only the engine knows
}

var matchKeys = keySet{
	known: []string{
		"vendor-class", "user-class", "vendor-id", "mac", "client-id", "circuit-id", "remote-id", "subscriber-id", "relay-id",
		"relay", "architecture", "duid", "interface-id", "interface", "vlan", "inner-vlan", "class", "known", "all", "any", "not", "expression", "expression6",
	},
	others: map[string]string{
		"vendor-class-identifier": "vendor-class", "option-60": "vendor-class", "hw-address": "mac", "arch": "architecture",
		"giaddr": "relay", "member": "class", "and": "all", "or": "any", "enterprise": "vendor-id",
	},
}

// octetMatches are the keys whose values are octets, or what they begin with.
var octetMatches = map[string]MatchBy{
	"vendor-class": MatchVendorClass, "user-class": MatchUserClass, "client-id": MatchClientID, "circuit-id": MatchCircuitID,
	"remote-id": MatchRemoteID, "subscriber-id": MatchSubscriberID, "relay-id": MatchRelayID, "mac": MatchMAC,
	"duid": MatchClientID, "interface-id": MatchCircuitID,
}

var (
	prefixKeys   = keySet{known: []string{"prefix"}}
	vendorIDKeys = keySet{known: []string{"enterprise", "data"}, others: map[string]string{"id": "enterprise", "vendor-class": "data"}}
)

// match takes a map of conditions, all of which have to hold.
func (c *checker) match(p *path, n *node) (m Match) {
	if !c.isMap(p, n, &matchKeys) {
		return m
	}
	if len(n.pairs) == 0 {
		c.fail(p, n, `is empty: which clients? As in {vendor-class: "MSFT 5.0"}`)
		return m
	}
	var of []Match
	link := Match{By: MatchLink}
	haveLink := false
	for i := range n.pairs {
		key, v := n.pairs[i].key.text, n.pairs[i].value
		p := p.at(key)
		switch key {
		case "interface":
			link.Link.Interface, haveLink = c.servedInterface(p, v), true
		case "vlan":
			link.Link.VLAN, haveLink = c.vlan(p, v), true
		case "inner-vlan":
			link.Link.InnerVLAN, haveLink = c.vlan(p, v), true
			if n.get("vlan") == nil {
				c.fail(p, v, "needs vlan: the outer tag's")
			}
		case "all", "any":
			by := MatchAll
			if key == "any" {
				by = MatchAny
			}
			of = append(of, Match{By: by, Of: c.matches(p, v)})
		case "expression", "expression6":
			by := MatchExpression
			if key == "expression6" {
				by = MatchExpression6
			}
			s, _ := c.scalar(p, v, "an expression")
			of = append(of, Match{By: by, Expression: s, At: v.place})
		case "not":
			of = append(of, Match{By: MatchNot, Of: []Match{c.match(p, v)}})
		default:
			of = append(of, c.anyOf(p, key, v))
		}
	}
	if haveLink {
		of = append(of, link)
	}
	if len(of) == 1 {
		return of[0]
	}
	return Match{By: MatchAll, Of: of}
}

func (c *checker) matches(p *path, n *node) []Match {
	var out []Match
	items := c.items(p, n)
	if n.kind == listNode && len(items) == 0 {
		c.fail(p, n, "is empty")
	}
	for i, el := range items {
		out = append(out, c.match(item(p, n, i), el))
	}
	return out
}

// anyOf takes one value, or a list of which one is enough.
func (c *checker) anyOf(p *path, key string, n *node) Match {
	if n.kind != listNode {
		return c.condition(p, key, n)
	}
	m := Match{By: MatchAny}
	if len(n.list) == 0 {
		c.fail(p, n, "is empty")
	}
	for i, el := range n.list {
		m.Of = append(m.Of, c.condition(item(p, n, i), key, el))
	}
	return m
}

func (c *checker) condition(p *path, key string, n *node) (m Match) {
	if by, ok := octetMatches[key]; ok {
		m.By = by
		v := n
		if n.kind == mapNode {
			if !c.isMap(p, n, &prefixKeys) {
				return m
			}
			if v = n.get("prefix"); v == nil {
				c.fail(p.at("prefix"), n, "is missing")
				return m
			}
			m.Prefix = true
			p = p.at("prefix")
		}
		switch {
		case by == MatchMAC:
			m.Value = c.macBytes(p, v, m.Prefix)
		case key == "duid" && !m.Prefix:
			m.Value = c.duid(p, v)
		default:
			m.Value = c.octets(p, v)
		}
		return m
	}
	switch key {
	case "vendor-id":
		return c.vendorID(p, n)
	case "relay":
		m.By = MatchRelay
		if s, ok := c.scalar(p, n, "an address or a prefix"); ok {
			m.Net = c.addrOrPrefix(p, n, s)
		}
	case "architecture":
		m.By, m.Number = MatchArchitecture, uint16(c.number(p, n, 0, 65535))
	case "class":
		m.By = MatchClass
		m.Name, _ = c.scalar(p, n, "the name of a class")
		c.refer(p, n, m.Name)
	case "known":
		m.By = MatchKnown
		if !c.boolean(p, n) {
			m = Match{By: MatchNot, Of: []Match{m}}
		}
	}
	return m
}

func (c *checker) vendorID(p *path, n *node) Match {
	m := Match{By: MatchVendorID}
	if n.kind == scalarNode {
		m.Enterprise, m.Prefix = uint32(c.number(p, n, 0, 1<<32-1)), true
		return m
	}
	if !c.isMap(p, n, &vendorIDKeys) {
		return m
	}
	if v := n.get("enterprise"); v == nil {
		c.fail(p.at("enterprise"), n, "is missing: the number that IANA gave the vendor")
	} else {
		m.Enterprise = uint32(c.number(p.at("enterprise"), v, 0, 1<<32-1))
	}
	v := n.get("data")
	if v == nil {
		m.Prefix = true // whatever it says
		return m
	}
	data := c.condition(p.at("data"), "vendor-class", v)
	m.Value, m.Prefix = data.Value, data.Prefix
	return m
}

func (c *checker) addrOrPrefix(p *path, n *node, s string) netip.Prefix {
	if strings.Contains(s, "/") {
		pre, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			c.fail(p, n, "%q is not a prefix", s)
		case pre != pre.Masked():
			c.failHint(p, n, pre.Masked().String(), "%s has bits set after its length", s)
		}
		return pre
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		c.fail(p, n, "%q is not an address", s)
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, a.BitLen())
}

// number takes one from lo to hi.
func (c *checker) number(p *path, n *node, lo, hi uint64) uint64 {
	s, ok := c.scalar(p, n, "a number")
	if !ok {
		return lo
	}
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil || v < lo || v > hi {
		c.fail(p, n, "%q is not a number from %d to %d", s, lo, hi)
		return lo
	}
	return v
}

func (c *checker) vlan(p *path, n *node) uint16 { return uint16(c.number(p, n, 1, 4094)) }

var octetsDef = option.Raw(option.DHCP4, 0)

// octets takes text, or octets as "hex:01:02", at least one and at most 255.
func (c *checker) octets(p *path, n *node) []byte {
	s, ok := c.scalar(p, n, "text, or octets as in hex:01:02")
	if !ok {
		return nil
	}
	if s == "" {
		c.fail(p, n, "is empty")
		return nil
	}
	data, err := c.reg.Encode(octetsDef, s)
	switch {
	case err != nil:
		c.badValue(p, n, n, err)
		return nil
	case len(data) > 255:
		c.fail(p, n, "has %d bytes; an option holds 255", len(data))
	}
	return data
}

// macBytes takes a hardware address, or its beginning.
func (c *checker) macBytes(p *path, n *node, prefix bool) []byte {
	s, ok := c.scalar(p, n, "a MAC address")
	if !ok {
		return nil
	}
	if mac, ok := parseMAC(s); ok {
		return mac[:]
	}
	data, err := c.reg.Encode(octetsDef, "hex:"+s)
	if err != nil || !prefix || len(data) == 0 || len(data) > 16 {
		what := "a MAC address such as 02:00:00:00:00:01"
		if prefix {
			what = "the beginning of a MAC address such as 02:00:00"
		}
		c.fail(p, n, "%q is not %s", s, what)
		return nil
	}
	return data
}

// Expressions goes through the expressions of the configuration.
func (c *Config) Expressions() iter.Seq[*Match] {
	return func(yield func(*Match) bool) {
		for i := range c.Classes {
			if m := c.Classes[i].Match; m != nil && !m.expressions(yield) {
				return
			}
		}
		for _, list := range [][]Match{c.Filters.Deny, c.Filters.Allow} {
			for i := range list {
				if !list[i].expressions(yield) {
					return
				}
			}
		}
	}
}

func (m *Match) expressions(yield func(*Match) bool) bool {
	if m.By == MatchExpression || m.By == MatchExpression6 {
		return yield(m)
	}
	for i := range m.Of {
		if !m.Of[i].expressions(yield) {
			return false
		}
	}
	return true
}
