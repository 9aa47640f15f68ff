// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"

	"xdhcp/internal/option"
)

var classKeys = keySet{
	known: []string{
		"name", "description", "match", "options", "always-send", "never-send", "lease", "drop", "next-server", "server-name", "boot-file", "dhcpv6",
	},
	others: map[string]string{
		"test": "match", "option-data": "options", "server-hostname": "server-name", "boot-file-name": "boot-file",
		"valid-lifetime": "lease",
	},
}

func (c *checker) classes(p *path, n *node, cfg *Config) []Class {
	var out []Class
	seen := map[string]Place{}
	members := map[string][]classRef{} // by class: the classes that its match names
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
		if v := el.get("description"); v != nil {
			cl.Description = c.short(p.at("description"), v, 255)
		}
		before := len(c.refs)
		if v := el.get("match"); v != nil {
			m := c.match(p.at("match"), v)
			cl.Match = &m
		}
		members[cl.Name] = c.refs[before:len(c.refs):len(c.refs)]
		if v := el.get("options"); v != nil {
			cl.Options = c.options(p.at("options"), v)
		}
		cl.Options = c.moreOptions(p, el, cl.Options)
		if v := el.get("lease"); v != nil {
			l := c.lease(p.at("lease"), v, cfg.Lease)
			cl.Lease = &l
		}
		if v := el.get("drop"); v != nil {
			cl.Drop = c.boolean(p.at("drop"), v)
		}
		cl.NextServer, cl.ServerName, cl.BootFile = c.boot(p, el)
		if v := el.get("dhcpv6"); v != nil {
			c.class6(p.at("dhcpv6"), v, cfg.DHCP6.Lease, &cl)
		}
		out = append(out, cl)
	}
	c.classNames = seen
	c.circles(out, members)
	return out
}

// A classRef is a place where a class is named.
type classRef struct {
	name string
	node *node
	path *path
}

// refer notes a place that names a class, to be looked at when all are known.
func (c *checker) refer(p *path, n *node, name string) {
	if name != "" {
		c.refs = append(c.refs, classRef{name, n, p})
	}
}

// classList takes names of classes.
func (c *checker) classList(p *path, n *node) []string {
	var out []string
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if name, ok := c.scalar(p, el, "the name of a class"); ok {
			c.refer(p, el, name)
			out = append(out, name)
		}
	}
	return out
}

// namedClasses refuses names of classes that there are none of.
func (c *checker) namedClasses() {
	var names []string
	for name := range c.classNames {
		names = append(names, name)
	}
	for _, r := range c.refs {
		if _, ok := c.classNames[r.name]; !ok {
			c.failHint(r.path, r.node, option.Nearest(r.name, names), "there is no class %s", r.name)
		}
	}
}

// circles refuses classes whose matches come back to themselves.
func (c *checker) circles(classes []Class, members map[string][]classRef) {
	const (
		unseen = iota
		open
		done
	)
	state := map[string]int{}
	var way []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = open
		way = append(way, name)
		for _, r := range members[name] {
			switch state[r.name] {
			case unseen:
				visit(r.name)
			case open:
				from := way
				for from[0] != r.name {
					from = from[1:]
				}
				c.fail(r.path, r.node, "classes go round in a circle: %s, %s (%s)", strings.Join(from, ", "), r.name, line(c.classNames[r.name]))
			}
		}
		way = way[:len(way)-1]
		state[name] = done
	}
	for _, cl := range classes {
		if state[cl.Name] == unseen {
			visit(cl.Name)
		}
	}
}
