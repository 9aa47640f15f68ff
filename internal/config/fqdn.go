// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"

	"xdhcp/internal/option"
)

// FQDN says what clients are called and how option 81 is answered (RFC 4702).
type FQDN struct {
	Ignore bool   // not at all
	Suffix string // completes a name that is not fully qualified
	// CompleteAll does so for all names in text without a dot at the end, and host names.
	CompleteAll bool
	Lower       bool       // in small letters
	Characters  *[4]uint64 // those that names have, a bit for each; nil: all
	Instead     byte       // what others become; 0: nothing
	Generate    Generate
	Prefix      string // of generated names

	// NoUpdate keeps the names of a subnet's clients out of the DNS. The others replace
	// those of DDNS there; nil: they do not.
	NoUpdate                         bool
	OverrideClient, OverrideNoUpdate *bool
}

// Generate says when a client is called by its address.
type Generate uint8

const (
	GenerateNever Generate = iota
	GenerateAlways
	GenerateWhenPresent
	GenerateWhenNotPresent
)

var (
	nameKeys = []string{"suffix", "complete", "lower-case", "characters", "instead", "generate", "generated-prefix"}
	fqdnKeys = keySet{
		known: append([]string{"answer"}, nameKeys...),
		others: map[string]string{
			"updates": "ddns: {zones: …}", "override-client": "ddns: {override-client: …}", "override-no-update": "ddns: {override-no-update: …}",
			"qualifying-suffix": "suffix", "ddns-qualifying-suffix": "suffix", "prefix": "generated-prefix",
		},
	}
	// of a shared network or a subnet
	fqdnBelowKeys = keySet{
		known:  append([]string{"update", "override-client", "override-no-update"}, nameKeys...),
		others: map[string]string{"updates": "update", "prefix": "generated-prefix", "ddns": "update"},
	}
	completeWords = []string{"short", "all"}
	generateWords = []string{"never", "always", "when-present", "when-not-present"}
)

// fqdn says how option 81 is answered.
func (c *checker) fqdn(p *path, n *node, f *FQDN) {
	if !c.isMap(p, n, &fqdnKeys) {
		return
	}
	c.suffixed = n.get("suffix") != nil
	if v := n.get("answer"); v != nil {
		f.Ignore = !c.boolean(p.at("answer"), v)
	}
	c.names(p, n, f)
}

// fqdnBelow is what holds below a place where above does; n may be nil.
func (c *checker) fqdnBelow(p *path, n *node, above *FQDN) *FQDN {
	if n == nil || !c.isMap(p, n, &fqdnBelowKeys) {
		return above
	}
	f := *above
	c.names(p, n, &f)
	if v := n.get("update"); v != nil {
		f.NoUpdate = !c.boolean(p.at("update"), v)
	}
	if v := c.perhaps(p, n, "override-client"); v != nil {
		f.OverrideClient = v
	}
	if v := c.perhaps(p, n, "override-no-update"); v != nil {
		f.OverrideNoUpdate = v
	}
	return &f
}

// names takes the keys that say what names look like.
func (c *checker) names(p *path, n *node, f *FQDN) {
	if v := n.get("suffix"); v != nil {
		if f.Suffix, _ = c.scalar(p.at("suffix"), v, "a domain name"); f.Suffix != "" {
			c.domain(p.at("suffix"), v)
		}
	}
	if v := n.get("complete"); v != nil {
		f.CompleteAll = c.word(p.at("complete"), v, completeWords) == 1
	}
	if v := n.get("lower-case"); v != nil {
		f.Lower = c.boolean(p.at("lower-case"), v)
	}
	if v := n.get("characters"); v != nil {
		if s, ok := c.scalar(p.at("characters"), v, "characters, as in A-Za-z0-9.-"); ok {
			set, msg := characters(s)
			if msg != "" {
				c.fail(p.at("characters"), v, "%s", msg)
			}
			f.Characters = set
		}
	}
	if v := n.get("instead"); v != nil {
		switch s, ok := c.scalar(p.at("instead"), v, "a character"); {
		case !ok:
		case len(s) > 1:
			c.fail(p.at("instead"), v, "%q is more than one character", s)
		case s == "":
			f.Instead = 0
		default:
			f.Instead = s[0]
		}
	}
	if v := n.get("generate"); v != nil {
		f.Generate = Generate(c.word(p.at("generate"), v, generateWords))
	}
	if v := n.get("generated-prefix"); v != nil {
		f.Prefix = c.short(p.at("generated-prefix"), v, 47) // a label with an address behind it
		if f.Prefix != "" {
			c.domain(p.at("generated-prefix"), v)
		}
	}
	if f.Generate != GenerateNever && f.Prefix == "" {
		c.fail(p, n, "needs generated-prefix: what is before the address in a name")
	}
}

// characters reads a set as it stands in the brackets of a regular expression; empty:
// all are.
func characters(s string) (set *[4]uint64, msg string) {
	if s == "" {
		return nil, ""
	}
	set = new([4]uint64)
	for i := 0; i < len(s); i++ {
		lo, hi := s[i], s[i]
		if i+2 < len(s) && s[i+1] == '-' {
			hi = s[i+2]
			i += 2
		}
		if lo > hi {
			return nil, "the range " + string(lo) + "-" + string(hi) + " goes backwards"
		}
		for b := int(lo); b <= int(hi); b++ {
			set[b>>6] |= 1 << (b & 63)
		}
	}
	if !strings.ContainsAny(s, ".") {
		return set, "a name needs dots: add one"
	}
	return set, ""
}

// fqdnDef is an option that holds one domain name: v4-lost.
var fqdnDef, _ = option.ByCode(option.DHCP4, 137)
