// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

var reservation6Keys = keySet{
	known: []string{
		"duid", "mac", "remote-id", "interface-id", "subscriber-id", "addresses", "prefixes", "hostname", "options", "always-send", "classes",
	},
	later: []string{"flex-id", "lease"},
	others: map[string]string{
		"hw-address": "mac", "hwaddr": "mac", "ip": "addresses", "address": "addresses", "ip-address": "addresses", "ip-addresses": "addresses",
		"ipv6": "addresses", "prefix": "prefixes", "client-id": "duid", "client-classes": "classes", "name": "hostname", "host": "hostname",
		"host-name": "hostname", "option-data": "options", "circuit-id": "interface-id",
	},
}

// maxDUID is the most that a DUID may have (RFC 8415 §11.1: 128 octets and the
// two of its type).
const maxDUID = 130

func (c *checker) reservations6(p *path, n *node, subnet netip.Prefix) []Reservation6 {
	items := c.items(p, n)
	out := make([]Reservation6, 0, len(items))
	clients := make(map[string]int32, len(items))
	for i, el := range items {
		p := path{up: p, index: i}
		if n.kind != listNode {
			p = *p.up
		}
		if !c.isMap(&p, el, &reservation6Keys) {
			continue
		}
		r := Reservation6{At: el.place}
		c.identifiers6(&p, el, &r)
		if key := r.key(); key != (&Reservation6{}).key() {
			if first, twice := clients[key]; twice {
				c.fail(&p, el, "the client has a reservation already, in %s", line(items[first].place))
			} else {
				clients[key] = int32(i)
			}
		}
		if v := el.get("addresses"); v != nil {
			for j, av := range c.items(p.at("addresses"), v) {
				if a, ok := c.reservedAddr6(item(p.at("addresses"), v, j), av, subnet); ok {
					r.Addresses = append(r.Addresses, a)
				}
			}
		}
		if v := el.get("prefixes"); v != nil {
			for j, pv := range c.items(p.at("prefixes"), v) {
				if pre, ok := c.reservedPrefix(item(p.at("prefixes"), v, j), pv); ok {
					r.Prefixes = append(r.Prefixes, pre)
				}
			}
		}
		if !reserves6(el) {
			c.fail(p.at("addresses"), el, "is missing: what is reserved?")
		}
		if v := el.get("options"); v != nil {
			r.Options = c.options6(p.at("options"), v)
		}
		c.alwaysSend6(&p, el, r.Options)
		if v := el.get("classes"); v != nil {
			r.Classes = c.classList(p.at("classes"), v)
		}
		if v := el.get("hostname"); v != nil {
			r.Hostname = c.short(p.at("hostname"), v, 253)
			if _, err := c.reg.Encode(fqdnDef, r.Hostname); r.Hostname != "" && err != nil {
				c.badValue(p.at("hostname"), v, v, err)
			}
		}
		out = append(out, r)
	}
	return out
}

// reserves6 says whether a reservation gives its client anything.
func reserves6(n *node) bool {
	for _, key := range []string{"addresses", "prefixes", "hostname", "options", "classes"} {
		if n.get(key) != nil {
			return true
		}
	}
	return false
}

// identifiers6 takes what the client is known by.
func (c *checker) identifiers6(p *path, n *node, r *Reservation6) {
	none := true
	for i := range n.pairs {
		v := n.pairs[i].value
		switch key := n.pairs[i].key.text; key {
		case "duid":
			r.DUID = c.duid(p.at(key), v)
		case "mac":
			r.MAC, _ = c.mac(p, v)
		case "remote-id":
			r.RemoteID = c.octets(p.at(key), v)
		case "interface-id":
			r.InterfaceID = c.octets(p.at(key), v)
		case "subscriber-id":
			r.SubscriberID = c.octets(p.at(key), v)
		default:
			continue
		}
		none = false
	}
	if none {
		c.fail(p.at("duid"), n, "is missing: whose reservation is it?")
	}
}

// key is the identifiers together.
func (r *Reservation6) key() string {
	b := append([]byte(nil), r.MAC[:]...)
	for _, id := range [][]byte{r.DUID, r.RemoteID, r.InterfaceID, r.SubscriberID} {
		b = append(append(b, byte(len(id))), id...)
	}
	return string(b)
}

// duid takes a DUID in digits, with colons or without: nobody writes one as text.
func (c *checker) duid(p *path, n *node) []byte {
	s, ok := c.scalar(p, n, "a DUID such as 00:03:00:01:02:00:00:00:00:01")
	if !ok {
		return nil
	}
	digits := strings.NewReplacer(":", "", "-", "").Replace(strings.TrimPrefix(s, "hex:"))
	b, err := hex.DecodeString(digits)
	switch {
	case err != nil || len(b) == 0:
		c.fail(p, n, "%q is not a DUID such as 00:03:00:01:02:00:00:00:00:01", s)
		return nil
	case len(b) < 3 || len(b) > maxDUID:
		c.fail(p, n, "has %d octets; a DUID has 3 to %d (RFC 8415 §11.1)", len(b), maxDUID)
		return nil
	}
	return b
}

func (c *checker) reservedAddr6(p *path, n *node, subnet netip.Prefix) (netip.Addr, bool) {
	a, ok := c.addr6(p, n)
	if !ok {
		return a, false
	}
	msg := ""
	switch {
	case !subnet.Contains(a):
		msg = fmt.Sprintf("%s is not in %s", a, subnet)
	case subnet.Bits() < 127 && a == subnet.Addr(): // RFC 4291 §2.6.1, but RFC 6164
		msg = fmt.Sprintf("%s is the address of all routers of %s", a, subnet)
	default:
		if first, twice := c.reserved[netip.PrefixFrom(a, 128)]; twice {
			msg = fmt.Sprintf("%s is reserved already, in %s", a, line(first))
		}
	}
	if msg != "" {
		c.fail(p, n, "%s", msg)
		return a, false
	}
	c.reserved[netip.PrefixFrom(a, 128)] = n.place
	return a, true
}

// reservedPrefix takes a prefix that is delegated to one client only. It need
// not lie in a block, nor in the subnet.
func (c *checker) reservedPrefix(p *path, n *node) (netip.Prefix, bool) {
	s, ok := c.scalar(p, n, "a prefix such as 2001:db8:1000::/56")
	if !ok {
		return netip.Prefix{}, false
	}
	pre, ok := c.prefix6(p, n, s)
	if !ok {
		return pre, false
	}
	if what := reserved6(pre); what != "" {
		c.fail(p, n, "%s cannot be delegated: it %s", pre, what)
		return pre, false
	}
	if first, twice := c.reserved[pre]; twice {
		c.fail(p, n, "%s is reserved already, in %s", pre, line(first))
		return pre, false
	}
	c.reserved[pre] = n.place
	return pre, true
}
