// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	scalarNode
	listNode
	mapNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "one value", "a list", "a map"}[k]
}

// A node is a value of the file and its place. Scalars keep their text: what
// they mean follows from where they stand, so that `host-name: 007` is not a
// number and `mac: 02:00:00:00:00:01` not a time.
type node struct {
	kind  nodeKind
	place Place
	text  string
	list  []*node
	pairs []pair
	// weight counts the nodes below, aliases as often as they are used.
	weight int
}

type pair struct{ key, value *node }

// get finds a key of a map.
func (n *node) get(key string) *node {
	for i := range n.pairs {
		if n.pairs[i].key.text == key {
			return n.pairs[i].value
		}
	}
	return nil
}

// A path leads from the top of the file to a value. It is made of values on the
// stack of the functions that walk down, and becomes text only in a problem.
type path struct {
	up    *path
	key   string
	index int // where key is empty
}

func (p *path) at(key string) *path { return &path{up: p, key: key} }

func (p *path) String() string {
	var b strings.Builder
	p.write(&b)
	return b.String()
}

func (p *path) write(b *strings.Builder) {
	if p == nil {
		return
	}
	p.up.write(b)
	if p.key == "" {
		b.WriteByte('[')
		b.WriteString(strconv.Itoa(p.index))
		b.WriteByte(']')
		return
	}
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(p.key)
}
