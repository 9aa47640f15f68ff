// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"strconv"
	"strings"
)

// A doc is a part of the output. Each line knows what it was made from.
type doc struct {
	lines []docLine
}

type docLine struct {
	text string
	at   place
}

func (d *doc) add(at place, format string, args ...any) {
	d.lines = append(d.lines, docLine{fmt.Sprintf(format, args...), at})
}

// put appends other, with its lines moved to the right.
func (d *doc) put(other *doc, indent string) {
	for _, l := range other.lines {
		if l.text != "" {
			l.text = indent + l.text
		}
		d.lines = append(d.lines, l)
	}
}

// item appends other as an item of a list. Comments at its beginning come before
// the dash.
func (d *doc) item(other *doc, indent string) {
	begun := false
	for _, l := range other.lines {
		switch {
		case begun:
			l.text = indent + "  " + l.text
		case strings.HasPrefix(l.text, "#"):
			l.text = indent + l.text
		default:
			l.text = indent + "- " + l.text
			begun = true
		}
		d.lines = append(d.lines, l)
	}
}

func (d *doc) empty() bool { return len(d.lines) == 0 }

// said reports whether there is anything but comments.
func (d *doc) said() bool {
	for _, l := range d.lines {
		if l.text != "" && !strings.HasPrefix(strings.TrimLeft(l.text, " "), "#") {
			return true
		}
	}
	return false
}

// text is the whole as YAML, and the place behind each line.
func (d *doc) text() ([]byte, []place) {
	var b strings.Builder
	places := make([]place, 0, len(d.lines))
	for _, l := range d.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
		places = append(places, l.at)
	}
	return []byte(b.String()), places
}

// scalar writes text so that YAML reads the same text.
func scalar(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = isLetter(c) || c >= '0' && c <= '9' || i > 0 && strings.IndexByte("._-/", c) >= 0
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func scalars(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = scalar(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// octets writes bytes as text where all of it is readable, else as hex:….
func octets(b []byte) string {
	s := string(b)
	if readable(s) && !strings.HasPrefix(s, "hex:") && !strings.HasPrefix(s, "text:") {
		return scalar(s)
	}
	return `"` + hexText(b) + `"`
}

func readable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && strings.TrimSpace(s) == s
}

func hexText(b []byte) string {
	var s strings.Builder
	s.WriteString("hex:")
	for i, c := range b {
		if i > 0 {
			s.WriteByte(':')
		}
		fmt.Fprintf(&s, "%02x", c)
	}
	return s.String()
}

// seconds writes a time.
func seconds(n uint32) string {
	if n == 1<<32-1 {
		return "infinite"
	}
	return strconv.FormatUint(uint64(n), 10)
}
