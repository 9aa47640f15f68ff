// SPDX-License-Identifier: Apache-2.0

package kea

import (
	_ "embed"
	"strings"
)

// keys.tsv lists what each map of Kea's configuration may say.
//
//go:embed keys.tsv
var keysText string

// A keyRule is one key of one map.
type keyRule struct {
	kinds string // letters: b(ool) i(nt) r(eal) s(tring) l(ist) m(ap)
	// ignored says why the key has no meaning here, or is "silent" for keys that
	// mean nothing to Kea's answers either. Empty: it is converted.
	ignored string
}

// keyRules are the rules by map, then by key.
var keyRules = func() map[string]map[string]keyRule {
	all := map[string]map[string]keyRule{}
	for _, line := range strings.Split(keysText, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		col := strings.Split(line, "\t")
		rule := keyRule{kinds: col[2]}
		if len(col) > 3 {
			rule.ignored = col[3]
		}
		for _, m := range strings.Split(col[0], ",") {
			if all[m] == nil {
				all[m] = map[string]keyRule{}
			}
			all[m][col[1]] = rule
		}
	}
	return all
}()

var kindLetters = [...]byte{kNull: '0', kBool: 'b', kInt: 'i', kReal: 'r', kString: 's', kList: 'l', kMap: 'm'}

var kindWords = map[byte]string{'b': "true or false", 'i': "an integer", 'r': "a number", 's': "a string", 'l': "a list", 'm': "a map"}
