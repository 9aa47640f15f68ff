// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth    = 64       // of lists and maps in each other
	maxMembers  = 1000     // of a map, which are compared with each other
	maxIncludes = 10       // of files in each other, as in Kea
	maxText     = 64 << 20 // bytes of all files together
)

// A syntaxError ends the reading of a file.
type syntaxError struct {
	at  place
	msg string
}

func (e *syntaxError) Error() string { return e.msg }

// A parser reads Kea's JSON: comments from # or // to the end of the line and
// between /* and */, files put in by <?include "name"?> wherever a token may be,
// and a comma after the last element of a list or map.
type parser struct {
	open   []*lexer // the file being read is the last
	read   func(name string) ([]byte, error)
	total  int
	commas []place // that are too many
	depth  int
	ahead  *token
}

type tokenKind uint8

const (
	tEnd tokenKind = iota
	tPunct
	tString
	tInt
	tReal
	tWord
)

type token struct {
	kind tokenKind
	at   place
	text string
}

func (t token) String() string {
	switch t.kind {
	case tEnd:
		return "the end of the file"
	case tString:
		return strconv.Quote(t.text)
	}
	return t.text
}

// lexer is one file being read.
type lexer struct {
	src    *source
	at     int // offset
	line   int
	column int
}

// parse reads the file and everything that it includes.
func parse(name string, text []byte, read func(string) ([]byte, error)) (*value, []place, error) {
	if read == nil {
		read = os.ReadFile
	}
	p := &parser{read: read}
	if err := p.push(name, text, place{}); err != nil {
		return nil, nil, err
	}
	v, err := p.value()
	if err != nil {
		return nil, nil, err
	}
	t, err := p.next()
	if err != nil {
		return nil, nil, err
	}
	if t.kind != tEnd {
		return nil, nil, &syntaxError{t.at, fmt.Sprintf("%s after the end of the configuration", t)}
	}
	return v, p.commas, nil
}

func (p *parser) push(name string, text []byte, at place) error {
	if p.total += len(text); p.total > maxText {
		return &syntaxError{at, fmt.Sprintf("more than %d MB with everything that is included", maxText>>20)}
	}
	src := &source{name: name, text: strings.TrimPrefix(string(text), "\ufeff")}
	if !utf8.ValidString(src.text) {
		if at.file == nil {
			at.file = src
		}
		return &syntaxError{at, name + " is not UTF-8"}
	}
	p.open = append(p.open, &lexer{src: src, line: 1, column: 1})
	return nil
}

func (l *lexer) place() place { return place{l.src, l.line, l.column} }

// skip moves n bytes ahead.
func (l *lexer) skip(n int) {
	for _, r := range l.src.text[l.at : l.at+n] {
		if r == '\n' {
			l.line, l.column = l.line+1, 1
		} else {
			l.column++
		}
	}
	l.at += n
}

func (l *lexer) rest() string { return l.src.text[l.at:] }

func (p *parser) peek() (token, error) {
	if p.ahead == nil {
		t, err := p.scan()
		if err != nil {
			return t, err
		}
		p.ahead = &t
	}
	return *p.ahead, nil
}

func (p *parser) next() (token, error) {
	t, err := p.peek()
	p.ahead = nil
	return t, err
}

func (p *parser) scan() (token, error) {
	for {
		l := p.open[len(p.open)-1]
		rest := l.rest()
		at := l.place()
		switch {
		case rest == "":
			if len(p.open) == 1 {
				return token{kind: tEnd, at: at}, nil
			}
			p.open = p.open[:len(p.open)-1]
			continue
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.skip(1)
			continue
		case rest[0] == '#' || strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.skip(n)
			continue
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return token{}, &syntaxError{at, "the comment /* does not end"}
			}
			l.skip(n + 4)
			continue
		case strings.HasPrefix(rest, "<?"):
			if err := p.include(l); err != nil {
				return token{}, err
			}
			continue
		case strings.IndexByte("{}[]:,", rest[0]) >= 0:
			l.skip(1)
			return token{tPunct, at, rest[:1]}, nil
		case rest[0] == '"':
			return l.str()
		case rest[0] == '-' || rest[0] >= '0' && rest[0] <= '9':
			return l.number()
		case isLetter(rest[0]):
			n := 1
			for n < len(rest) && (isLetter(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '-' || rest[n] == '_') {
				n++
			}
			l.skip(n)
			return token{tWord, at, rest[:n]}, nil
		}
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, &syntaxError{at, fmt.Sprintf("%q has no meaning here", r)}
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// include reads <?include "name"?>. A name that is not absolute is looked for
// where we run, as Kea does, and then beside the file that includes it.
func (p *parser) include(l *lexer) error {
	at := l.place()
	body, _, closed := strings.Cut(l.rest()[2:], "?>")
	if !closed {
		return &syntaxError{at, "<? does not end with ?>"}
	}
	word, name, ok := strings.Cut(strings.TrimSpace(body), `"`)
	name, after, closed := strings.Cut(name, `"`)
	if !ok || !closed || strings.TrimSpace(word) != "include" || strings.TrimSpace(after) != "" || name == "" {
		return &syntaxError{at, `only <?include "file"?> is known`}
	}
	if len(p.open) > maxIncludes {
		return &syntaxError{at, fmt.Sprintf("%s: more than %d files include each other", name, maxIncludes)}
	}
	data, err := p.read(name)
	if err != nil && os.IsNotExist(err) && !filepath.IsAbs(name) {
		beside := filepath.Join(filepath.Dir(l.src.name), name)
		if again, err2 := p.read(beside); err2 == nil {
			name, data, err = beside, again, nil
		}
	}
	if err != nil {
		return &syntaxError{at, err.Error()}
	}
	l.skip(len(body) + 4)
	return p.push(name, data, at)
}

func (l *lexer) str() (token, error) {
	at := l.place()
	s := l.rest()
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			l.skip(i + 1)
			return token{tString, at, b.String()}, nil
		case c < ' ':
			l.skip(i)
			return token{}, &syntaxError{l.place(), "a control character in a string: write its escape, as in \\n"}
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		i++
		if i == len(s) {
			break
		}
		switch c := s[i]; c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			n, err := strconv.ParseUint(s[min(i+1, len(s)):min(i+5, len(s))], 16, 16)
			if err != nil || i+5 > len(s) || n > 0xff { // Kea's own limit
				l.skip(i - 1)
				return token{}, &syntaxError{l.place(), "only \\u0000 to \\u00ff are allowed"}
			}
			b.WriteByte(byte(n))
			i += 4
		default:
			l.skip(i - 1)
			return token{}, &syntaxError{l.place(), fmt.Sprintf("\\%c is not an escape", c)}
		}
	}
	return token{}, &syntaxError{at, "the string does not end"}
}

func (l *lexer) number() (token, error) {
	at := l.place()
	s := l.rest()
	n := 1
	real := false
	for ; n < len(s); n++ {
		c := s[n]
		if c == '.' || c|0x20 == 'e' || (c == '+' || c == '-') && s[n-1]|0x20 == 'e' {
			real = true
		} else if c < '0' || c > '9' {
			break
		}
	}
	l.skip(n)
	t := token{tInt, at, s[:n]}
	if real {
		t.kind = tReal
		if _, err := strconv.ParseFloat(t.text, 64); err != nil {
			return t, &syntaxError{at, t.text + " is not a number"}
		}
	} else if _, err := strconv.ParseInt(t.text, 10, 64); err != nil {
		return t, &syntaxError{at, t.text + " is not a number that fits in 64 bits"}
	}
	return t, nil
}

func (p *parser) value() (*value, error) {
	t, err := p.next()
	if err != nil {
		return nil, err
	}
	v := &value{at: t.at, text: t.text}
	switch t.kind {
	case tString:
		v.kind = kString
		return v, nil
	case tInt:
		v.kind = kInt
		v.num, _ = strconv.ParseInt(t.text, 10, 64)
		return v, nil
	case tReal:
		v.kind = kReal
		return v, nil
	case tWord:
		switch t.text {
		case "true", "false":
			v.kind, v.yes = kBool, t.text == "true"
			return v, nil
		case "null":
			return v, nil
		}
		switch word := strings.ToLower(t.text); word {
		case "true", "false", "null":
			return nil, &syntaxError{t.at, word + " is written in small letters"}
		}
	case tPunct:
		if p.depth++; p.depth > maxDepth {
			return nil, &syntaxError{t.at, fmt.Sprintf("more than %d levels deep", maxDepth)}
		}
		defer func() { p.depth-- }()
		switch t.text {
		case "[":
			v.kind = kList
			return v, p.elements(v, "]")
		case "{":
			v.kind = kMap
			return v, p.elements(v, "}")
		}
	}
	return nil, &syntaxError{t.at, fmt.Sprintf("%s, where a value is wanted", t)}
}

// elements reads those of a list or a map up to and including end.
func (p *parser) elements(v *value, end string) error {
	for {
		t, err := p.peek()
		if err != nil {
			return err
		}
		if t.kind == tPunct && t.text == end {
			_, err = p.next()
			return err
		}
		if v.kind == kMap {
			err = p.member(v)
		} else {
			var el *value
			if el, err = p.value(); err == nil {
				v.list = append(v.list, el)
			}
		}
		if err != nil {
			return err
		}
		t, err = p.next()
		switch {
		case err != nil:
			return err
		case t.kind == tPunct && t.text == end:
			return nil
		case t.kind != tPunct || t.text != ",":
			return &syntaxError{t.at, fmt.Sprintf("%s, where a comma or %s is wanted", t, end)}
		}
		comma := t.at
		if t, err = p.peek(); err != nil {
			return err
		}
		if t.kind == tPunct && t.text == end {
			p.commas = append(p.commas, comma)
		}
	}
}

func (p *parser) member(v *value) error {
	key, err := p.next()
	if err != nil {
		return err
	}
	if key.kind != tString {
		return &syntaxError{key.at, fmt.Sprintf("%s, where a name in quotes is wanted", key)}
	}
	colon, err := p.next()
	if err != nil {
		return err
	}
	if colon.kind != tPunct || colon.text != ":" {
		return &syntaxError{colon.at, fmt.Sprintf("%s, where a colon is wanted", colon)}
	}
	if len(v.members) >= maxMembers {
		return &syntaxError{key.at, fmt.Sprintf("more than %d names in one map", maxMembers)}
	}
	for _, m := range v.members {
		if m.key == key.text {
			return &syntaxError{key.at, fmt.Sprintf("%q is given already in line %d", key.text, m.at.line)}
		}
	}
	val, err := p.value()
	if err != nil {
		return err
	}
	v.members = append(v.members, member{key.text, key.at, val})
	return nil
}
