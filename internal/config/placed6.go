// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"xdhcp/internal/option"
)

// moreOptions6 is moreOptions for DHCPv6: class-options, never-send, and the marks
// of always-send.
func (c *checker) moreOptions6(p *path, n *node, options []Option6) []Option6 {
	if v := n.get("class-options"); v != nil {
		options = c.classOptions6(p.at("class-options"), v, options)
	}
	c.optionNames6(p, n, "always-send", func(p *path, el *node, d *option.Def) {
		found := false
		for i := range options {
			if options[i].Code == d.Code {
				options[i].Always, found = true, true
			}
		}
		if !found {
			c.fail(p, el, "%s is not among the options here", el.text)
		}
	})
	given := len(options)
	c.optionNames6(p, n, "never-send", func(p *path, el *node, d *option.Def) {
		if why := refusal6(d); why != "" {
			c.fail(p, el, "option %d %s", d.Code, why)
			return
		}
		same := func(o Option6) bool { return o.Code == d.Code && o.Class == "" }
		if i := slices.IndexFunc(options, same); i >= 0 {
			if i < given {
				c.fail(p, el, "%s is given in %s, and would never be sent", el.text, line(options[i].At))
			} else {
				c.fail(p, el, "%s is there twice", el.text)
			}
			return
		}
		options = append(options, Option6{Code: d.Code, Name: d.Name, Never: true, At: el.place})
	})
	return options
}

// optionNames6 takes a list of names of options.
func (c *checker) optionNames6(p *path, n *node, key string, take func(p *path, el *node, d *option.Def)) {
	v := n.get(key)
	if v == nil {
		return
	}
	p = p.at(key)
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
		take(p, el, d)
	}
}

// classOptions6 takes options for the clients of one class at this place: a map by
// the class's name.
func (c *checker) classOptions6(p *path, n *node, options []Option6) []Option6 {
	if n.kind != mapNode {
		c.fail(p, n, "is %s; a map is wanted: {a-class: {dns-servers: [\"2001:db8::53\"], …}}", n.kind)
		return options
	}
	for i := range n.pairs {
		key, v := n.pairs[i].key, n.pairs[i].value
		p := p.at(key.text)
		for j := range n.pairs[:i] {
			if n.pairs[j].key.text == key.text {
				c.fail(p, key, "is given twice: first in %s", line(n.pairs[j].key.place))
			}
		}
		c.refer(p, key, key.text)
		of := c.options6(p, v)
		for j := range of {
			of[j].Class = key.text
		}
		options = append(options, of...)
	}
	return options
}
