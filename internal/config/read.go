// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxDepth bounds how deep values lie in values. The parser calls itself
	// for each level.
	maxDepth = 100
	// maxIndent bounds the same for block notation.
	maxIndent = 200
	// maxWeight bounds what aliases can make of a small file.
	maxWeight = 20_000_000
)

// A syntaxError is what keeps a file from being a tree of nodes.
type syntaxError struct {
	place Place
	msg   string
}

func (e *syntaxError) Error() string { return e.msg }

// read turns text into nodes. The result is nil when the file says nothing.
func read(text string) (n *node, err *syntaxError) {
	// Long lists of simple items, as reservations are, are read here: the
	// parser takes 10 µs for each. It sees the rest of the file, with empty
	// lines in their places.
	rest, runs := cutRuns(text)
	n, err, whole := readAST(rest, runs)
	if !whole {
		n, err, _ = readAST(text, nil)
	}
	return n, err
}

// readAST reads text with the YAML parser and puts the runs back where they
// were. It reports false when the place of a run is not a list's.
func readAST(text string, runs []run) (n *node, serr *syntaxError, whole bool) {
	defer func() {
		if r := recover(); r != nil { // the parser's; a file must not end the server
			n, serr, whole = nil, &syntaxError{msg: fmt.Sprintf("the YAML parser gave up: %v", r)}, true
		}
	}()
	tokens := joinColons(lexer.Tokenize(text))
	if err := tooDeep(tokens); err != nil {
		return nil, err, true
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, located(err), len(runs) == 0
	}
	r := reader{anchors: map[string]*node{}, runs: map[int]*run{}}
	for i := range runs {
		r.runs[runs[i].line] = &runs[i]
	}
	var body *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			at := placeOf(doc.Body.GetToken())
			return nil, &syntaxError{at, "a second document begins: a configuration is one"}, true
		}
		if body, serr = r.node(doc.Body); serr != nil {
			return nil, serr, true
		}
	}
	return body, nil, r.used == len(runs)
}

// located takes the place and the sentence out of the parser's error.
func located(err error) *syntaxError {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &e) {
		return &syntaxError{placeOf(e.GetToken()), "not YAML: " + e.GetMessage()}
	}
	return &syntaxError{msg: "not YAML: " + err.Error()}
}

func placeOf(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{}
	}
	return Place{t.Position.Line, t.Position.Column}
}

// reader turns the parser's tree into nodes.
type reader struct {
	anchors map[string]*node
	runs    map[int]*run // by the line of their first item
	used    int
	depth   int
}

func (r *reader) node(a ast.Node) (n *node, err *syntaxError) {
	if r.depth++; r.depth > maxDepth {
		return nil, &syntaxError{placeOf(a.GetToken()), fmt.Sprintf("more than %d levels deep", maxDepth)}
	}
	defer func() { r.depth-- }()
	n = &node{place: placeOf(a.GetToken()), weight: 1}
	switch a := a.(type) {
	case *ast.MappingNode:
		n.kind = mapNode
		for _, v := range a.Values {
			if v.Key.IsMergeKey() {
				continue
			}
			if err := r.pair(n, v); err != nil {
				return nil, err
			}
		}
		for _, v := range a.Values {
			if !v.Key.IsMergeKey() {
				continue
			}
			if err := r.merge(n, v); err != nil {
				return nil, err
			}
		}
		if a.IsFlowStyle && a.Start != nil {
			n.place = placeOf(a.Start)
		} else if len(n.pairs) > 0 {
			n.place = n.pairs[0].key.place
		}
	case *ast.MappingValueNode:
		n.kind = mapNode
		add := r.pair
		if a.Key.IsMergeKey() {
			add = r.merge
		}
		if err := add(n, a); err != nil {
			return nil, err
		}
		if len(n.pairs) > 0 {
			n.place = n.pairs[0].key.place
		}
	case *ast.SequenceNode:
		n.kind = listNode
		if a.Start != nil {
			n.place = placeOf(a.Start)
		}
		if err := r.items(n, a); err != nil {
			return nil, err
		}
	case *ast.AnchorNode:
		v, err := r.node(a.Value)
		if err != nil {
			return nil, err
		}
		r.anchors[a.Name.GetToken().Value] = v
		return v, nil
	case *ast.AliasNode:
		name := a.Value.GetToken().Value
		v := r.anchors[name]
		if v == nil {
			return nil, &syntaxError{n.place, fmt.Sprintf("no anchor &%s before this", name)}
		}
		return v, nil
	case *ast.TagNode:
		if a.Value == nil {
			return n, nil
		}
		return r.node(a.Value)
	case *ast.LiteralNode:
		n.kind, n.text = scalarNode, a.Value.Value
	case *ast.NullNode:
		return n, nil
	case ast.ScalarNode:
		n.kind, n.text = scalarNode, a.GetToken().Value
	default:
		return nil, &syntaxError{n.place, "this kind of YAML is not understood here"}
	}
	if n.weight = n.sum(); n.weight > maxWeight {
		return nil, &syntaxError{n.place, "aliases make more of this than a configuration can be"}
	}
	return n, nil
}

func (n *node) sum() int {
	w := 1
	for _, c := range n.list {
		w += c.weight
	}
	for _, p := range n.pairs {
		w += 1 + p.value.weight
	}
	return w
}

// merge adds what << brings. What the map says itself, before or after, wins.
func (r *reader) merge(n *node, v *ast.MappingValueNode) *syntaxError {
	from, err := r.node(v.Value)
	if err != nil {
		return err
	}
	maps := []*node{from}
	if from.kind == listNode {
		maps = from.list
	}
	for _, m := range maps {
		if m.kind != mapNode {
			return &syntaxError{placeOf(v.Key.GetToken()), "<< takes an alias of a map"}
		}
		for _, p := range m.pairs {
			if n.get(p.key.text) == nil {
				n.pairs = append(n.pairs, p)
			}
		}
	}
	return nil
}

func (r *reader) pair(n *node, v *ast.MappingValueNode) *syntaxError {
	keyTok := v.Key.GetToken()
	if k, ok := v.Key.(*ast.MappingKeyNode); ok {
		keyTok = k.Value.GetToken()
		if _, ok := k.Value.(ast.ScalarNode); !ok {
			return &syntaxError{placeOf(keyTok), "a key must be one word"}
		}
	}
	key := &node{kind: scalarNode, place: placeOf(keyTok), text: keyTok.Value, weight: 1}
	value, err := r.node(v.Value)
	if err != nil {
		return err
	}
	if value.kind == nullNode && value.place == (Place{}) {
		value.place = key.place
	}
	n.pairs = append(n.pairs, pair{key, value})
	return nil
}

func (r *reader) items(n *node, a *ast.SequenceNode) *syntaxError {
	n.list = make([]*node, 0, len(a.Values))
	for _, v := range a.Values {
		c, err := r.node(v)
		if err != nil {
			return err
		}
		n.list = append(n.list, c)
		if a.IsFlowStyle {
			continue
		}
		// The items that were cut out after this one: it is the first of
		// its run, and it is in a block list, so they are in the same.
		if run := r.runs[c.place.Line]; run != nil && c.kind == mapNode && c.place.Column == run.column {
			n.list = append(n.list, run.items...)
			r.used++
		}
	}
	return nil
}
