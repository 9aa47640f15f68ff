// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

// A Problem is one mistake in a file, and where.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 where the whole file is meant
	Path         string // as in subnets[0].pools[1]; empty at the top
	Msg          string // what is wrong
	Hint         string // what was probably meant: one name, or empty
	Excerpt      string // the line, and below it a mark at the column
}

// String is the problem on one line, without the excerpt.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(p.Line))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(p.Column))
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Msg)
	if p.Hint != "" {
		b.WriteString(" (did you mean ")
		b.WriteString(p.Hint)
		b.WriteString("?)")
	}
	return b.String()
}

func (p Problem) Error() string { return p.String() }
