// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"xdhcp/internal/option"
)

// A checker walks the nodes of one file, makes a Config of them, and collects
// what is wrong. It goes on after a mistake; what depends on the wrong value is
// left out, so that one mistake is one problem.
type checker struct {
	file     string
	text     string
	lines    []int // offset of each line; filled at the first problem
	reg      *option.Registry
	problems []Problem
	warnings []Problem

	// What other parts of the file refer to.
	ifaces     []string
	classNames map[string]Place
	hasFlexID  bool
	fqdnTop    *FQDN
	suffixed   bool // fqdn.suffix is there, be it empty
	refs       []classRef
	places     []subnetPlace // of all subnets
	claims     []span6       // IPv6 addresses that pools and delegated blocks give out
	reserved   map[netip.Prefix]Place
}

func (c *checker) fail(p *path, n *node, format string, args ...any) {
	c.failHint(p, n, "", format, args...)
}

func (c *checker) failHint(p *path, n *node, hint, format string, args ...any) {
	c.problems = append(c.problems, c.problem(p, n, hint, fmt.Sprintf(format, args...)))
}

func (c *checker) warn(p *path, n *node, format string, args ...any) {
	c.warnings = append(c.warnings, c.problem(p, n, "", fmt.Sprintf(format, args...)))
}

func (c *checker) problem(p *path, n *node, hint, msg string) Problem {
	pr := Problem{File: c.file, Path: p.String(), Msg: msg, Hint: hint}
	if n != nil {
		pr.Line, pr.Column = n.place.Line, n.place.Column
		pr.Excerpt = c.excerpt(n.place)
	}
	return pr
}

// excerpt is the line of a place and, below it, a mark.
func (c *checker) excerpt(at Place) string {
	if c.lines == nil {
		c.lines = []int{0}
		for i := 0; i < len(c.text); i++ {
			if c.text[i] == '\n' {
				c.lines = append(c.lines, i+1)
			}
		}
	}
	if at.Line < 1 || at.Line > len(c.lines) {
		return ""
	}
	line, _, _ := strings.Cut(c.text[c.lines[at.Line-1]:], "\n")
	line = strings.TrimSuffix(line, "\r")
	if !utf8.ValidString(line) {
		return ""
	}
	var b strings.Builder
	column := 1
	const most = 200 // of a line that is longer only the beginning
	for _, r := range line {
		if column > most {
			break
		}
		b.WriteRune(r)
		column++
	}
	if at.Column > most {
		return b.String()
	}
	b.WriteByte('\n')
	column = 1
	for _, r := range line {
		if column >= at.Column {
			break
		}
		if r != '\t' { // a tab above needs one below
			r = ' '
		}
		b.WriteRune(r)
		column++
	}
	b.WriteByte('^')
	return b.String()
}

// sorted returns problems in the order of the file.
func sorted(ps []Problem) []Problem {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}

// A keySet is what a map may say.
type keySet struct {
	known []string
	// later are keys that will have a meaning; other names lead to a known key.
	later  []string
	others map[string]string
}

// isMap checks that n is a map with known keys, each once.
func (c *checker) isMap(p *path, n *node, keys *keySet) bool {
	if n.kind != mapNode {
		c.fail(p, n, "is %s; a map is wanted: {%s: …}", n.kind, keys.known[0])
		return false
	}
	for i := range n.pairs {
		key := n.pairs[i].key
		if !slices.Contains(keys.known, key.text) {
			c.unknownKey(p, key, keys)
			continue
		}
		for j := range n.pairs[:i] {
			if n.pairs[j].key.text == key.text {
				c.fail(p.at(key.text), key, "is given twice: first in %s", line(n.pairs[j].key.place))
				break
			}
		}
	}
	return true
}

func (c *checker) unknownKey(p *path, key *node, keys *keySet) {
	if slices.Contains(keys.later, key.text) {
		c.fail(p.at(key.text), key, "is not supported yet")
		return
	}
	hint := keys.others[strings.ToLower(key.text)]
	if hint == "" {
		hint = option.Nearest(key.text, keys.known)
	}
	c.failHint(p.at(key.text), key, hint, "unknown key")
}

func line(at Place) string { return "line " + strconv.Itoa(at.Line) }

// items are the elements of a list; a single value is a list of one.
func (c *checker) items(p *path, n *node) []*node {
	switch n.kind {
	case listNode:
		return n.list
	case nullNode:
		c.fail(p, n, "has no value: a list is wanted")
		return nil
	}
	return []*node{n}
}

// item is the path of an element of a list: none where the list is one value.
func item(p *path, n *node, i int) *path {
	if n.kind != listNode {
		return p
	}
	return &path{up: p, index: i}
}

// scalar returns the text of a value, which must be one.
func (c *checker) scalar(p *path, n *node, want string) (string, bool) {
	switch {
	case n.kind == nullNode:
		c.fail(p, n, "has no value: %s is wanted", want)
		return "", false
	case n.kind != scalarNode:
		c.fail(p, n, "is %s; %s is wanted", n.kind, want)
		return "", false
	}
	return n.text, true
}

// word takes one of the words of an enumeration.
func (c *checker) word(p *path, n *node, words []string) uint8 {
	s, ok := c.scalar(p, n, oneOf(words))
	if !ok {
		return 0
	}
	i := slices.Index(words, strings.ToLower(s))
	if i < 0 {
		c.failHint(p, n, option.Nearest(s, words), "%q is not %s", s, oneOf(words))
		return 0
	}
	return uint8(i)
}

func oneOf(words []string) string {
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (c *checker) boolean(p *path, n *node) bool {
	s, ok := c.scalar(p, n, "true or false")
	if !ok {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	}
	c.failHint(p, n, option.Nearest(s, []string{"true", "false"}), "%q is neither true nor false", s)
	return false
}

// seconds takes a time of at least one second.
func (c *checker) seconds(p *path, n *node) (uint32, bool) {
	s, ok := c.scalar(p, n, "a time")
	if !ok {
		return 0, false
	}
	v, err := option.ParseSeconds(s)
	if err != nil {
		c.fail(p, n, "%v", err)
		return 0, false
	}
	if v == 0 {
		c.fail(p, n, "must be at least one second")
		return 0, false
	}
	return v, true
}

// limited takes a time that ends.
func (c *checker) limited(p *path, n *node, def uint32) uint32 {
	v, ok := c.seconds(p, n)
	if !ok {
		return def
	}
	if v == Infinite {
		c.fail(p, n, "must not be infinite")
		return def
	}
	return v
}

func (c *checker) addr4(p *path, n *node) (netip.Addr, bool) {
	s, ok := c.scalar(p, n, "an IPv4 address")
	if !ok {
		return netip.Addr{}, false
	}
	a, msg := parseAddr4(s)
	if msg != "" {
		c.fail(p, n, "%s", msg)
		return netip.Addr{}, false
	}
	return a, true
}

// parseAddr4 returns an address, or what is wrong with the text.
func parseAddr4(s string) (netip.Addr, string) {
	a, err := netip.ParseAddr(s)
	switch {
	case err == nil && a.Is4():
		return a, ""
	case err == nil:
		return a, s + " is an IPv6 address; an IPv4 address is wanted"
	}
	return a, fmt.Sprintf("%q is not an IPv4 address", s)
}

// short takes text of at most most bytes that goes into a fixed field.
func (c *checker) short(p *path, n *node, most int) string {
	s, ok := c.scalar(p, n, "text")
	if !ok {
		return ""
	}
	switch {
	case s == "":
		c.fail(p, n, "is empty: leave it out instead")
	case len(s) > most:
		c.fail(p, n, "has %d bytes; the field holds %d", len(s), most)
	case strings.IndexByte(s, 0) >= 0:
		c.fail(p, n, "has a NUL in it")
	default:
		return s
	}
	return ""
}
