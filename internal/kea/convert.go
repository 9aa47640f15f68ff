// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"xdhcp/internal/config"
	"xdhcp/internal/option"
)

// Options of an import. The zero value reads files and knows no interfaces.
type Options struct {
	// Interfaces lists those that "*" stands for.
	Interfaces func() ([]string, error)
	// ReadFile reads what is included; nil: os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

// A Result is a configuration that was converted.
type Result struct {
	YAML []byte
	// NotCarried changes what clients are answered, Ignored does not.
	NotCarried, Ignored []Problem

	places []place // behind each line of YAML
	at     place
}

// Is recognises a configuration of Kea: an object with Dhcp4 or Dhcp6 in it.
func Is(text []byte) bool {
	v, _, err := parse("", text, func(string) ([]byte, error) { return []byte("0"), nil })
	if err != nil {
		// It may be one with a mistake, which the import will find.
		for _, word := range []string{`"Dhcp4"`, `"Dhcp6"`} {
			before, after, ok := strings.Cut(string(text), word)
			before = strings.TrimSpace(before)
			if ok && strings.HasSuffix(before, "{") && strings.HasPrefix(strings.TrimSpace(after), ":") {
				return true
			}
		}
		return false
	}
	return v.kind == kMap && (v.get("Dhcp4") != nil || v.get("Dhcp6") != nil)
}

// Import converts the file at path.
func Import(path string, o Options) (*Result, []Problem) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, []Problem{{File: path, Msg: err.Error()}}
	}
	return Convert(path, text, o)
}

// Convert converts text, whose file is called name. It returns a Result or
// every mistake.
func Convert(name string, text []byte, o Options) (*Result, []Problem) {
	top, commas, err := parse(name, text, o.ReadFile)
	if err != nil {
		var e *syntaxError
		errors.As(err, &e)
		return nil, []Problem{problem(e.at, name, "", e.msg)}
	}
	c := &converter{options: o, name: name, f: family4, defs: &optDefs{under: stdDefs}, reg: option.NewRegistry(), builtin: map[string]place{}, classes: map[string]bool{}, tests: map[string]*expr{}}
	for _, at := range commas {
		c.ignored = append(c.ignored, problem(at, name, "", "a comma after the last element: something may be missing"))
	}
	out := c.file(top)
	if len(c.errs) > 0 {
		return nil, sorted(c.errs)
	}
	r := &Result{NotCarried: sorted(c.notCarried), Ignored: sorted(c.ignored), at: top.at}
	r.YAML, r.places = out.text()
	return r, nil
}

// Config is what the result says, read as any configuration is. Problems and
// warnings are about places in Kea's file.
func (r *Result) Config(name string) (*config.Config, []Problem) {
	cfg, problems := config.Parse(name, r.YAML)
	for i := range problems {
		problems[i] = r.moved(problems[i])
	}
	if cfg != nil {
		for i := range cfg.Warnings {
			cfg.Warnings[i] = r.moved(cfg.Warnings[i])
		}
	}
	return cfg, problems
}

func (r *Result) moved(p Problem) Problem {
	at := r.at
	if p.Line > 0 && p.Line <= len(r.places) && r.places[p.Line-1].file != nil {
		at = r.places[p.Line-1]
	}
	out := problem(at, p.File, p.Path, p.Msg)
	out.Hint = p.Hint
	return out
}

func problem(at place, name, path, msg string) Problem {
	p := Problem{File: name, Line: at.line, Column: at.column, Path: path, Msg: msg}
	if at.file == nil {
		return p
	}
	p.File = at.file.name
	line := at.file.line(at.line)
	if len(line) > 400 || !utf8.ValidString(line) {
		return p
	}
	var mark strings.Builder
	for i, r := range []rune(line) {
		if i >= at.column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		mark.WriteRune(r)
	}
	p.Excerpt = line + "\n" + mark.String() + "^"
	return p
}

func sorted(ps []Problem) []Problem {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}

// A converter walks Kea's configuration once and writes ours.
type converter struct {
	options Options
	f       *family
	name    string

	errs, notCarried, ignored []Problem

	defs    *optDefs
	reg     *option.Registry // with the definitions that the output has
	classes map[string]bool  // defined so far
	// builtin are classes of Kea's own that are used: the output defines them.
	builtin map[string]place
	flexID  identifier // what the hook flex_id makes it
	// flexExpr is its expression in our words, where it is not one of ours.
	flexExpr        string
	updates         bool     // names are put into the DNS
	names6          names    // of the top level
	hookIdentity    string   // the identity that the hook makes, "": none
	bootp           bool     // the hook is there
	served          []string // interfaces
	global          params
	global6         params6
	toCome          map[string]bool // classes that are defined further down than what is written first
	limitsHook      bool            // the hook is there
	classLimits     []classLimit
	tests           map[string]*expr // of the classes so far
	required        map[string]*requiredClass
	requiredDefs    []*doc
	topReservations []*value                // reservations of the top level
	copies          int                     // of them, in subnets
	globalPrefixes  map[string]netip.Prefix // which subnet has those that they reserve
	// What options of DHCPv6 are set where, to find those whose order differs.
	placed     map[int]place
	classCodes []classCode
}

func (c *converter) fail(at place, format string, args ...any) {
	c.errs = append(c.errs, problem(at, c.name, "", fmt.Sprintf(format, args...)))
}

// drop says in the output that something is not carried, and why.
func (c *converter) drop(d *doc, at place, what, why string) {
	c.notCarried = append(c.notCarried, problem(at, c.name, what, "not carried: "+why))
	d.add(at, "# NOT CARRIED: %s (%s): %s", oneLine(what), where(at), oneLine(why))
}

// ignore says that something has no meaning here.
func (c *converter) ignore(d *doc, at place, what, why string) {
	c.ignored = append(c.ignored, problem(at, c.name, what, "ignored: "+why))
	d.add(at, "# ignored: %s (%s): %s", oneLine(what), where(at), oneLine(why))
}

func where(at place) string { return fmt.Sprintf("line %d", at.line) }

// oneLine keeps a comment a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// isMap checks a map by the rules of its name. What is ignored is said in d.
func (c *converter) isMap(d *doc, v *value, name string) bool {
	if v.kind != kMap {
		c.fail(v.at, "%s is %s, where a map is wanted", name, v.kind)
		return false
	}
	ok := true
	for _, m := range v.members {
		rule, known := keyRules[name][m.key]
		if !known {
			keys := make([]string, 0, len(keyRules[name]))
			for k := range keyRules[name] {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			c.fail(m.at, "%q is not a keyword of %s", m.key, name)
			if hint := option.Nearest(m.key, keys); hint != "" {
				c.errs[len(c.errs)-1].Hint = hint
			}
			ok = false
			continue
		}
		if strings.IndexByte(rule.kinds, kindLetters[m.value.kind]) < 0 {
			c.fail(m.value.at, "%s is %s, where %s is wanted", m.key, m.value.kind, kindWords[rule.kinds[0]])
			ok = false
			continue
		}
		switch rule.ignored {
		case "", "silent":
		default:
			switch m.key {
			case "hosts-database", "hosts-databases", "config-control":
				c.drop(d, m.at, m.key, "xdhcpd reads its configuration from files only: "+rule.ignored+" is not read")
			default:
				c.ignore(d, m.at, m.key, rule.ignored)
			}
		}
	}
	return ok
}

func (c *converter) list(v *value, key string) []*value {
	if l := v.get(key); l != nil {
		return l.list
	}
	return nil
}

// u32 is a number of a map, def where it is not there.
func (c *converter) u32(v *value, key string, def uint32) uint32 {
	n := v.get(key)
	if n == nil || n.kind != kInt {
		return def
	}
	if n.num < 0 || n.num > 1<<32-1 {
		c.fail(n.at, "%s is %d, outside 0 to 4294967295", key, n.num)
		return def
	}
	return uint32(n.num)
}

func (c *converter) flag(v *value, key string, def bool) bool {
	if b := v.get(key); b != nil && b.kind == kBool {
		return b.yes
	}
	return def
}

func text(v *value, key string) string {
	if s := v.get(key); s != nil && s.kind == kString {
		return s.text
	}
	return ""
}

// at is the place of a key of a map, or of the map.
func at(v *value, key string) place {
	for _, m := range v.members {
		if m.key == key {
			return m.at
		}
	}
	return v.at
}
