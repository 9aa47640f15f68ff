// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// A run is items of one block list that were read without the YAML parser.
//
//	reservations:
//	  - {mac: "02:00:00:00:00:01", address: 10.0.0.20}   first: stays in the text
//	  - {mac: "02:00:00:00:00:02", address: 10.0.0.21}   items: cut out
//	  - {mac: "02:00:00:00:00:03", address: 10.0.0.22}   last: stays
//
// An item of a run is a map in flow notation on one line, or in block notation
// with simple values, and is followed by a line that begins another item in the
// same column. So it is complete, and if the parser finds that the first item
// is an item of a block list, the others are items of that list: nothing else
// may stand there. Where the parser finds something else (the lines were in a
// block of text, say), the file is read again without runs.
type run struct {
	line   int // of the first item
	column int // where that item's map begins
	items  []*node
}

// minRun is the number of items below which a run is not worth its trouble.
const minRun = 8

// cutRuns takes runs out of text and leaves empty lines in their places.
func cutRuns(text string) (string, []run) {
	if strings.IndexByte(text, '\r') >= 0 {
		return text, nil // it ends lines for the parser, even inside a comment
	}
	var runs []run
	var out []byte // nil as long as nothing is cut
	kept := 0      // text up to here is in out
	s := lineScanner{rest: text}
	for s.next() {
		dash := s.dash()
		if dash < 0 {
			continue
		}
		firstLine, column := s.number, 0
		var items []*node
		var ends []lineScanner // after each item: where the next begins
		cur := s
		for {
			n := cur.item(dash)
			if n == nil {
				break
			}
			if column == 0 {
				column = n.place.Column
			}
			items = append(items, n)
			ends = append(ends, cur)
		}
		if len(items) < minRun {
			if len(items) > 0 {
				s = ends[len(ends)-1]
				s.again = true
			}
			continue
		}
		// The first item stays; the others go, up to where the last ended.
		from, to := ends[0].start, ends[len(ends)-1].start
		out = append(out, text[kept:from]...)
		for i := from; i < to; i++ {
			if text[i] == '\n' {
				out = append(out, '\n')
			}
		}
		kept = to
		runs = append(runs, run{firstLine, column, items[1:]})
		s = ends[len(ends)-1]
		s.again = true
	}
	if runs == nil {
		return text, nil
	}
	return string(append(out, text[kept:]...)), runs
}

// lineScanner goes through text line by line. It is small: a copy of it is a
// place to come back to.
type lineScanner struct {
	rest   string
	line   string // without its end
	number int    // from 1
	start  int    // offset of line in the text
	end    int    // offset of rest
	again  bool   // next returns the same line once more
}

func (s *lineScanner) next() bool {
	if s.again {
		s.again = false
		return true
	}
	if s.rest == "" {
		return false
	}
	s.start = s.end
	i := strings.IndexByte(s.rest, '\n')
	if i < 0 {
		s.line, s.end, s.rest = s.rest, s.end+len(s.rest), ""
	} else {
		s.line, s.end, s.rest = s.rest[:i], s.end+i+1, s.rest[i+1:]
	}
	s.number++
	return true
}

// dash is the column, from 0, of the dash that begins an item in this line, or -1.
func (s *lineScanner) dash() int {
	i := indent(s.line)
	if i+2 < len(s.line) && s.line[i] == '-' && s.line[i+1] == ' ' {
		return i
	}
	return -1
}

func indent(line string) int {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	return i
}

// empty tells lines that say nothing: blank ones and comments.
func empty(line string) bool {
	i := indent(line)
	return i == len(line) || line[i] == '#'
}

// full goes to the next line that says something.
func (s *lineScanner) full() bool {
	for s.next() {
		if !empty(s.line) {
			return true
		}
	}
	return false
}

// item reads the item whose dash is in this line. It returns nil when the item
// is not simple or no other follows it, else it stands at that other's dash.
func (s *lineScanner) item(dash int) *node {
	column := dash + 1
	column += indent(s.line[column:])
	l := simple{line: s.line, at: column, number: s.number}
	if l.peek() == '{' {
		n := l.flowMap(0)
		if n == nil || !l.lineEnd() || !s.full() || s.dash() != dash {
			return nil
		}
		return n
	}
	n := l.newNode(mapNode)
	for l.blockPair(n) && s.full() {
		if indent(s.line) != column {
			if s.dash() != dash {
				return nil
			}
			n.weight = n.sum()
			return n
		}
		l = simple{line: s.line, at: column, number: s.number}
	}
	return nil
}

// simple reads values on one line whose notation leaves no doubt: words of
// harmless characters, quoted text without escapes, flow lists and maps of such.
// It gives up (nil, false) on all else and leaves it to the parser.
type simple struct {
	line   string
	at     int
	number int
}

func (l *simple) newNode(k nodeKind) *node {
	return &node{kind: k, place: Place{l.number, l.at + 1}, weight: 1}
}

func (l *simple) peek() byte {
	if l.at < len(l.line) {
		return l.line[l.at]
	}
	return 0
}

func (l *simple) spaces() {
	for l.peek() == ' ' {
		l.at++
	}
}

func (l *simple) eat(c byte) bool {
	l.spaces()
	if l.peek() != c {
		return false
	}
	l.at++
	return true
}

// lineEnd reports whether nothing or a comment follows. Spaces at the end of a
// line are left to the parser: it counts them among the columns of the next line.
func (l *simple) lineEnd() bool {
	if l.at == len(l.line) {
		return true
	}
	if l.peek() != ' ' {
		return false
	}
	l.spaces()
	return l.peek() == '#'
}

// blockPair reads "key: value" to the end of the line.
func (l *simple) blockPair(n *node) bool {
	key := l.key()
	if key == nil || l.peek() != ' ' {
		return false
	}
	l.spaces()
	v := l.value(0)
	if v == nil || !l.lineEnd() {
		return false
	}
	n.pairs = append(n.pairs, pair{key, v})
	return true
}

// key reads a word of small letters, and its colon.
func (l *simple) key() *node {
	n := l.newNode(scalarNode)
	start := l.at
	for c := l.peek(); c >= 'a' && c <= 'z' || c == '-' && l.at > start; c = l.peek() {
		l.at++
	}
	n.text = l.line[start:l.at]
	if n.text == "" || l.peek() != ':' {
		return nil
	}
	l.at++
	return n
}

func (l *simple) flowMap(depth int) *node {
	n := l.newNode(mapNode)
	l.at++
	if l.eat('}') {
		return n
	}
	n.pairs = make([]pair, 0, 3)
	for {
		l.spaces()
		key := l.key()
		if key == nil || l.peek() != ' ' {
			return nil
		}
		l.spaces()
		v := l.value(depth + 1)
		if v == nil {
			return nil
		}
		n.pairs = append(n.pairs, pair{key, v})
		if l.eat('}') {
			n.weight = n.sum()
			return n
		}
		if !l.eat(',') {
			return nil
		}
	}
}

func (l *simple) flowList(depth int) *node {
	n := l.newNode(listNode)
	l.at++
	if l.eat(']') {
		return n
	}
	for {
		l.spaces()
		v := l.value(depth + 1)
		if v == nil {
			return nil
		}
		n.list = append(n.list, v)
		if l.eat(']') {
			n.weight = n.sum()
			return n
		}
		if !l.eat(',') {
			return nil
		}
	}
}

func (l *simple) value(depth int) *node {
	if depth > 8 {
		return nil
	}
	switch c := l.peek(); c {
	case '{':
		return l.flowMap(depth)
	case '[':
		return l.flowList(depth)
	case '"', '\'':
		return l.quoted(c)
	}
	n := l.newNode(scalarNode)
	start := l.at
	for {
		c := l.peek()
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			l.at > start && (c == '.' || c == ':' || c == '-' || c == '/' || c == '_')) {
			break
		}
		l.at++
	}
	n.text = l.line[start:l.at]
	switch {
	case n.text == "" || n.text[len(n.text)-1] == ':':
		return nil
	case len(n.text) == 4 && strings.EqualFold(n.text, "null"):
		return nil
	}
	// A space, a comma or a bracket ends it; what else is there may be part of it.
	// Of several words, or before other characters, it would be a part only.
	rest := l.line[l.at:]
	i := indent(rest)
	switch {
	case i == len(rest), i > 0 && rest[i] == '#':
	case depth > 0 && (rest[i] == ',' || rest[i] == ']' || rest[i] == '}'):
	default:
		return nil
	}
	return n
}

func (l *simple) quoted(q byte) *node {
	n := l.newNode(scalarNode)
	start := l.at + 1
	for i := start; i < len(l.line); i++ {
		switch c := l.line[i]; {
		case c == q:
			if i+1 < len(l.line) && l.line[i+1] == q { // '' is a quote
				return nil
			}
			n.text = l.line[start:i]
			l.at = i + 1
			return n
		case c == '\\' || c < ' ' || c >= 0x7f:
			return nil
		}
	}
	return nil
}
