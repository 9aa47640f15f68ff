// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"slices"

	"xdhcp/internal/option"
)

var networkKeys = keySet{
	known: []string{"name", "subnets", "lease", "options", "always-send", "class-options", "never-send", "links", "authoritative", "rapid-commit", "fqdn", "dhcpv6"},
	others: map[string]string{
		"subnet4": "subnets", "option-data": "options", "interface": "links", "valid-lifetime": "lease",
	},
}

var linkKeys = keySet{
	known:  []string{"interface", "vlan", "inner-vlan"},
	others: map[string]string{"name": "interface"},
}

var filterKeys = keySet{
	known:  []string{"deny", "allow"},
	others: map[string]string{"drop": "deny", "permit": "allow"},
}

var rogueKeys = keySet{known: []string{"state", "name"}}

// rogue is what a server of Microsoft is told that asks ([MS-DHCPE] §3.2.5).
func (c *checker) rogue(p *path, n *node, r *Rogue) {
	if !c.isMap(p, n, &rogueKeys) {
		return
	}
	if v := n.get("state"); v != nil {
		r.State = RogueState(c.word(p.at("state"), v, rogueWords))
	}
	if v := n.get("name"); v != nil {
		r.Name = c.short(p.at("name"), v, 253)
	}
}

// networks takes the shared networks.
func (c *checker) networks(p *path, n *node, cfg *Config) []Network {
	var out []Network
	seen := map[string]Place{}
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &networkKeys) {
			continue
		}
		nw := Network{At: el.place}
		if v := el.get("name"); v == nil {
			c.fail(p.at("name"), el, "is missing: what is the network called?")
		} else if nw.Name = c.short(p.at("name"), v, 255); nw.Name != "" {
			if first, twice := seen[nw.Name]; twice {
				c.fail(p.at("name"), v, "there is a shared network %s already, in %s", nw.Name, line(first))
			}
			seen[nw.Name] = v.place
		}
		nw6 := Network6{At: el.place}
		v6 := subnets6{above: above6{cfg.DHCP6.Lease, cfg.DHCP6.RapidCommit}}
		if v := el.get("dhcpv6"); v != nil {
			c.network6(p.at("dhcpv6"), v, &v6.above, &nw6)
		}
		above := cfg.Lease
		if v := el.get("lease"); v != nil {
			above = c.lease(p.at("lease"), v, above)
		}
		if v := el.get("options"); v != nil {
			nw.Options = c.options(p.at("options"), v)
		}
		nw.Options = c.moreOptions(p, el, nw.Options)
		if v := el.get("links"); v != nil {
			nw.Links = c.links(p.at("links"), v)
		}
		nw.Authoritative = c.perhaps(p, el, "authoritative")
		if v := el.get("rapid-commit"); v != nil {
			nw.RapidCommit = c.boolean(p.at("rapid-commit"), v)
		}
		if v := el.get("subnets"); v != nil {
			fqdn := c.fqdnBelow(p.at("fqdn"), el.get("fqdn"), &cfg.FQDN)
			nw.Subnets = c.subnets(p.at("subnets"), v, above, fqdn, &v6, cfg.Options, nw.Options)
		} else {
			c.fail(p.at("subnets"), el, "is missing: at least one subnet is wanted")
		}
		if len(v6.out) > 0 {
			nw6.Name, nw6.Links, nw6.Subnets = nw.Name, nw.Links, v6.out
			cfg.DHCP6.Networks = append(cfg.DHCP6.Networks, nw6)
			if len(nw.Subnets) == 0 {
				if len(nw.Options) > 0 {
					c.fail(p.at("options"), el.get("options"), "are of DHCPv4, and no subnet here is: write dhcpv6: {options: {…}}")
				}
				continue
			}
		}
		out = append(out, nw)
	}
	return out
}

// perhaps takes true, false or nothing.
func (c *checker) perhaps(p *path, n *node, key string) *bool {
	v := n.get(key)
	if v == nil {
		return nil
	}
	b := c.boolean(p.at(key), v)
	return &b
}

// links takes interfaces, or maps with VLANs on them.
func (c *checker) links(p *path, n *node) []Link {
	var out []Link
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		var l Link
		if el.kind != mapNode {
			l.Interface = c.servedInterface(p, el)
		} else {
			if !c.isMap(p, el, &linkKeys) {
				continue
			}
			if v := el.get("interface"); v == nil {
				c.fail(p.at("interface"), el, "is missing: which one?")
			} else {
				l.Interface = c.servedInterface(p.at("interface"), v)
			}
			if v := el.get("vlan"); v != nil {
				l.VLAN = c.vlan(p.at("vlan"), v)
			}
			if v := el.get("inner-vlan"); v != nil {
				l.InnerVLAN = c.vlan(p.at("inner-vlan"), v)
				if l.VLAN == 0 {
					c.fail(p.at("inner-vlan"), v, "needs vlan: the outer tag's")
				}
			}
		}
		if slices.Contains(out, l) {
			c.fail(p, el, "is there twice")
		}
		out = append(out, l)
	}
	return out
}

// servedInterface takes the name of one of `interfaces`.
func (c *checker) servedInterface(p *path, n *node) string {
	name, ok := c.scalar(p, n, "the name of an interface")
	if ok && c.ifaces != nil && !slices.Contains(c.ifaces, name) {
		c.failHint(p, n, option.Nearest(name, c.ifaces), "%s is not one of the interfaces that are served", name)
	}
	return name
}

// relays takes addresses of relay agents.
func (c *checker) relays(p *path, n *node) []netip.Addr {
	var out []netip.Addr
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		a, ok := c.addr4(p, el)
		if !ok {
			continue
		}
		if msg := notHost(a); msg != "" {
			c.fail(p, el, "%s %s", a, msg)
		}
		if slices.Contains(out, a) {
			c.fail(p, el, "%s is there twice", a)
		}
		out = append(out, a)
	}
	return out
}

// filters takes whom not to serve, and whom alone.
func (c *checker) filters(p *path, n *node) (f Filters) {
	if !c.isMap(p, n, &filterKeys) {
		return f
	}
	if v := n.get("deny"); v != nil {
		f.Deny = c.matches(p.at("deny"), v)
	}
	if v := n.get("allow"); v != nil {
		f.Allow, f.Enforce = c.matches(p.at("allow"), v), true
	}
	return f
}

// order takes the identifiers of reservations in the order in which they count.
func (c *checker) order(p *path, n *node) []Identifier {
	out := []Identifier{}
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		before := len(c.problems)
		id := Identifier(c.word(p, el, identifierWords))
		if len(c.problems) > before {
			continue
		}
		if slices.Contains(out, id) {
			c.fail(p, el, "%s is there twice", id)
		}
		out = append(out, id)
	}
	return out
}

// boot takes what clients that boot are told.
func (c *checker) boot(p *path, n *node) (next netip.Addr, name, file string) {
	if v := n.get("next-server"); v != nil {
		next, _ = c.addr4(p.at("next-server"), v)
	}
	if v := n.get("server-name"); v != nil { // RFC 2131 §2: 64 bytes, ended by a zero
		name = c.short(p.at("server-name"), v, 63)
	}
	if v := n.get("boot-file"); v != nil { // 128 bytes, ended by a zero
		file = c.short(p.at("boot-file"), v, 127)
	}
	return next, name, file
}
