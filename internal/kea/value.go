// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"strings"

	"xdhcp/internal/config"
)

type kind uint8

const (
	kNull kind = iota
	kBool
	kInt
	kReal
	kString
	kList
	kMap
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "an integer", "a number", "a string", "a list", "a map"}[k]
}

// A place is where in which file something is, counted from 1.
type place struct {
	file         *source
	line, column int
}

// A source is a file that was read: the configuration or what it includes.
type source struct {
	name  string
	text  string
	lines []int // offset of each line; filled when one is asked for
}

// line is the nth line without its end.
func (s *source) line(n int) string {
	if s.lines == nil {
		s.lines = []int{0}
		for i := 0; i < len(s.text); i++ {
			if s.text[i] == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	}
	if n < 1 || n > len(s.lines) {
		return ""
	}
	line, _, _ := strings.Cut(s.text[s.lines[n-1]:], "\n")
	return strings.TrimSuffix(line, "\r")
}

// A value is one value of the file.
type value struct {
	kind    kind
	at      place
	text    string // of a string; the digits of a number
	num     int64
	yes     bool
	list    []*value
	members []member
}

type member struct {
	key   string
	at    place
	value *value
}

// get finds a key of a map; nil has none.
func (v *value) get(key string) *value {
	if v == nil {
		return nil
	}
	for i := range v.members {
		if v.members[i].key == key {
			return v.members[i].value
		}
	}
	return nil
}

// A Problem is as in internal/config: one thing, and where.
type Problem = config.Problem
