// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

var interfaceKeys = keySet{
	known: []string{"name", "xdp", "wait", "vlans", "address"},
	others: map[string]string{
		"interface": "name", "mode": "xdp", "vlan": "vlans", "ip": "address", "ip-address": "address",
	},
}

// interfaces takes names, or maps with a name.
func (c *checker) interfaces(p *path, n *node) []Interface {
	items := c.items(p, n)
	if n.kind == listNode && len(items) == 0 {
		c.fail(p, n, "is empty: name the interfaces to serve")
	}
	var out []Interface
	seen := map[string]Place{}
	for i, el := range items {
		p := item(p, n, i)
		ifc := Interface{At: el.place}
		nameAt := el
		if el.kind == mapNode {
			if !c.isMap(p, el, &interfaceKeys) {
				continue
			}
			if v := el.get("xdp"); v != nil {
				ifc.XDP = XDP(c.word(p.at("xdp"), v, xdpWords))
			}
			if v := el.get("wait"); v != nil {
				ifc.Wait = Wait(c.word(p.at("wait"), v, waitWords))
			}
			if v := el.get("vlans"); v != nil {
				ifc.VLANs = c.boolean(p.at("vlans"), v)
			}
			if v := el.get("address"); v != nil {
				if a, ok := c.addr4(p.at("address"), v); ok {
					if msg := notHost(a); msg != "" {
						c.fail(p.at("address"), v, "%s %s", a, msg)
					}
					ifc.Address = a
				}
			}
			if nameAt = el.get("name"); nameAt == nil {
				c.fail(p.at("name"), el, "is missing: which interface?")
				continue
			}
			p = p.at("name")
		}
		name, ok := c.scalar(p, nameAt, "the name of an interface")
		if !ok {
			continue
		}
		ifc.Name = name
		if msg := badInterface(name); msg != "" {
			c.fail(p, nameAt, "%q is not the name of an interface: %s", name, msg)
			continue
		}
		if first, twice := seen[name]; twice {
			c.fail(p, nameAt, "%s is listed already, in %s", name, line(first))
			continue
		}
		seen[name] = nameAt.place
		out = append(out, ifc)
	}
	return out
}

// badInterface says why Linux does not allow a name, or nothing.
func badInterface(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case name == "*":
		return "every interface must be named"
	case len(name) > 15: // IFNAMSIZ - 1
		return "it has more than 15 characters"
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n"):
		return "it has a character in it that none has"
	}
	return ""
}
