// SPDX-License-Identifier: Apache-2.0

package config

var (
	classKeys = keySet{
		known:  []string{"name", "match", "options"},
		later:  []string{"lease", "drop"},
		others: map[string]string{"test": "match", "option-data": "options"},
	}
	matchKeys = keySet{
		known: []string{"vendor-class"},
		later: []string{
			"user-class", "vendor-id", "mac", "client-id", "circuit-id", "remote-id", "subscriber-id", "relay",
			"architecture", "interface", "vlan", "all", "any", "not", "expression",
		},
		others: map[string]string{"vendor-class-identifier": "vendor-class", "option-60": "vendor-class"},
	}
)

func (c *checker) classes(p *path, n *node) []Class {
	var out []Class
	seen := map[string]Place{}
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &classKeys) {
			continue
		}
		cl := Class{At: el.place}
		if v := el.get("name"); v == nil {
			c.fail(p.at("name"), el, "is missing: what is the class called?")
		} else if name, ok := c.scalar(p.at("name"), v, "a name"); ok {
			if first, twice := seen[name]; twice {
				c.fail(p.at("name"), v, "there is a class %s already, in %s", name, line(first))
			}
			seen[name] = v.place
			cl.Name = name
		}
		if v := el.get("match"); v == nil {
			c.fail(p.at("match"), el, `is missing: which clients? As in {vendor-class: "MSFT 5.0"}`)
		} else {
			cl.Match = c.match(p.at("match"), v)
		}
		if v := el.get("options"); v != nil {
			cl.Options = c.options(p.at("options"), v)
		} else {
			c.warn(p, el, "has no options: it changes nothing")
		}
		out = append(out, cl)
	}
	return out
}

func (c *checker) match(p *path, n *node) (m Match) {
	if !c.isMap(p, n, &matchKeys) {
		return m
	}
	v := n.get("vendor-class")
	if v == nil {
		if len(n.pairs) == 0 {
			c.fail(p, n, `is empty: which clients? As in {vendor-class: "MSFT 5.0"}`)
		}
		return m
	}
	m.VendorClass = c.short(p.at("vendor-class"), v, 255)
	return m
}
