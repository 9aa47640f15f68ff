// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// joinColons puts scalars together that the lexer takes apart. Within a flow
// map it takes any colon for the end of a key, so that in
//
//	{dns-servers: [2001:db8::53]}
//
// it sees a map {2001: "db8::53"}. In YAML 1.2 (§7.3.3) a colon ends a plain
// key only where a space or an indicator follows it.
func joinColons(tokens token.Tokens) token.Tokens {
	var open []token.Type
	joined := false
	out := tokens[:0]
	for i := 0; i < len(tokens); i++ {
		tk := tokens[i]
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			open = append(open, tk.Type)
		case token.SequenceEndType, token.MappingEndType:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case token.MappingValueType:
			if len(open) == 0 || open[len(open)-1] != token.SequenceStartType || i+1 == len(tokens) {
				break
			}
			next := tokens[i+1]
			if !plainScalar(next) || !touches(tk, next, 1) {
				break
			}
			whole := token.New(":"+next.Value, ":"+next.Origin, tk.Position)
			if n := len(out); n > 0 && plainScalar(out[n-1]) && touches(out[n-1], tk, utf8.RuneCountInString(out[n-1].Value)) {
				prev := out[n-1]
				whole = token.New(prev.Value+":"+next.Value, prev.Origin+":"+next.Origin, prev.Position)
				out = out[:n-1]
			}
			out = append(out, whole)
			joined = true
			i++
			continue
		}
		out = append(out, tk)
	}
	if joined { // the parser goes from token to token by these
		for i, tk := range out {
			tk.Prev, tk.Next = nil, nil
			if i > 0 {
				tk.Prev, out[i-1].Next = out[i-1], tk
			}
		}
	}
	return out
}

// touches reports whether b begins width characters after the beginning of a.
func touches(a, b *token.Token, width int) bool {
	return a.Position != nil && b.Position != nil && a.Position.Line == b.Position.Line && a.Position.Column+width == b.Position.Column
}

func plainScalar(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.IntegerType, token.FloatType, token.BoolType, token.NullType,
		token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType:
		return true
	}
	return false
}

// tooDeep refuses what would take the parser, which calls itself for each level
// of values in values, deeper than a configuration goes.
func tooDeep(tokens token.Tokens) *syntaxError {
	brackets, line, inLine := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if tk.Position.Line != line {
			line, inLine = tk.Position.Line, 0
			if brackets == 0 && tk.Position.Column > maxIndent && tk.Type != token.CommentType {
				return &syntaxError{placeOf(tk), fmt.Sprintf("more than %d columns to the right", maxIndent)}
			}
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			inLine++
		}
		if brackets > maxDepth || inLine > maxDepth {
			return &syntaxError{placeOf(tk), fmt.Sprintf("more than %d levels deep", maxDepth)}
		}
	}
	return nil
}
