// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// YAML 1.2 §7.3.3: within a flow collection too, a colon ends a plain key only
// where a space or an indicator follows.
func TestColonsWithinFlow(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a: {b: [2001:db8::53]}", "2001:db8::53"},
		{"a: {b: [::1]}", "::1"},
		{"a: {b: [x, ::]}", "x|::"},
		{"a: {b: [2001:db8:0:1::/64, 02:00:00:00:00:01]}", "2001:db8:0:1::/64|02:00:00:00:00:01"},
		{"a: {b: [hex:0102, text:x]}", "hex:0102|text:x"},
		{"a: {b: [[fe80::1], \"q:r\", 'a: b']}", "fe80::1|q:r|a: b"},
		{"a: {b: [10:20:30, é:ü]}", "10:20:30|é:ü"},
		{"a: [2001:db8::1, {c: 2001:db8::2}]", "2001:db8::1|c=2001:db8::2"},
		{"a: {b: [{c: d}, {e: f:g}]}", "c=d|e=f:g"},
		{"a: {b: [c: d]}", "c=d"}, // a map of one key: YAML means it so
	} {
		n, err := read(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		var leaves []string
		var walk func(n *node, key string)
		walk = func(n *node, key string) {
			if n.kind == scalarNode {
				leaves = append(leaves, key+n.text)
			}
			for _, c := range n.list {
				walk(c, "")
			}
			for _, p := range n.pairs {
				k := p.key.text + "="
				if k == "a=" || k == "b=" {
					k = ""
				}
				walk(p.value, k)
			}
		}
		walk(n, "")
		if got := strings.Join(leaves, "|"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}

// A small file of aliases must not become a large configuration.
func TestAliasesAreBounded(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		d := string(rune('0' + i))
		e := string(rune('1' + i))
		text += "a" + e + ": &a" + e + " [" + strings.TrimSuffix(strings.Repeat("*a"+d+", ", 10), ", ") + "]\n"
	}
	_, err := read(text)
	if err == nil || !strings.Contains(err.msg, "aliases") {
		t.Error(err)
	}
}
