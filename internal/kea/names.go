// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"strings"
)

// names are what is said of clients' names, and inherited.
type names struct {
	suffix, characters, instead string
	replace, prefix             string
	send                        bool // names are put into the DNS
	overNone, overClient        bool
}

// Kea's defaults.
var defaultNames = names{characters: "A-Za-z0-9.-", replace: "never", prefix: "myhost", send: true}

var replaceWords = map[string]string{
	"never": "never", "always": "always", "when-present": "when-present", "when-not-present": "when-not-present",
	"true": "when-present", "false": "never", // of Kea 1.0
}

// names reads what v says.
func (c *converter) names(out *doc, v *value, n names) names {
	if s := v.get("ddns-qualifying-suffix"); s != nil {
		n.suffix = strings.Trim(s.text, ".")
		if n.suffix != "" {
			if _, err := wireName(n.suffix); err != nil {
				c.fail(s.at, "ddns-qualifying-suffix: %v", err)
				n.suffix = ""
			}
		}
	}
	if s := v.get("ddns-generated-prefix"); s != nil {
		n.prefix = s.text
	}
	if s := v.get("ddns-replace-client-name"); s != nil {
		if n.replace = replaceWords[s.text]; s.kind == kBool {
			n.replace = map[bool]string{true: "when-present", false: "never"}[s.yes]
		}
		if n.replace == "" {
			c.fail(s.at, "%q is not one of never, always, when-present, when-not-present", s.text)
			n.replace = "never"
		}
	}
	if s := v.get("hostname-char-set"); s != nil {
		keep, ok := bracket(s.text)
		if ok {
			n.characters = keep
		} else {
			c.drop(out, s.at, "hostname-char-set "+s.text, "it is not a list of the characters that names have, as [^A-Za-z0-9.-] is, with a dot")
		}
	}
	if s := v.get("hostname-char-replacement"); s != nil {
		if n.instead = s.text; len(s.text) > 1 {
			c.drop(out, s.at, "hostname-char-replacement "+s.text, "one character at most stands for another")
			n.instead = ""
		}
	}
	n.send = c.flag(v, "ddns-send-updates", n.send)
	n.overNone = c.flag(v, "ddns-override-no-update", n.overNone)
	n.overClient = c.flag(v, "ddns-override-client-update", n.overClient)
	if s := v.get("ddns-use-conflict-resolution"); s != nil && !s.yes && c.updates {
		c.drop(out, s.at, "ddns-use-conflict-resolution", "a name that belongs to another client is left alone (RFC 4703)")
	}
	if s := v.get("ddns-conflict-resolution-mode"); s != nil && s.text != "check-with-dhcid" && c.updates {
		c.drop(out, s.at, "ddns-conflict-resolution-mode "+s.text, "a name that belongs to another client is left alone (RFC 4703)")
	}
	return n
}

// bracket takes the characters out of a regular expression that matches all others.
func bracket(re string) (keep string, ok bool) {
	if re == "" {
		return "", true
	}
	keep, begins := strings.CutPrefix(re, "[^")
	keep, ends := strings.CutSuffix(keep, "]")
	if !begins || !ends || !strings.Contains(keep, ".") || strings.ContainsAny(keep, `[]\`) || !readable(keep) {
		return "", false
	}
	for i := 0; i+2 < len(keep); i++ {
		if keep[i+1] == '-' && keep[i] > keep[i+2] {
			return "", false
		}
	}
	return keep, true
}

// parts are what clients are called; of a subnet only what differs from above.
func (n names) parts(above names, all bool) (parts []string) {
	add := func(key, value, old string) {
		if all && value != "" || value != old {
			parts = append(parts, key+": "+value)
		}
	}
	add("suffix", scalar(n.suffix), scalar(above.suffix))
	add("characters", quoted(n.characters), quoted(above.characters))
	if n.instead != above.instead {
		add("instead", quoted(n.instead), "")
	}
	add("generate", n.replace, above.replace)
	if n.prefix != "" {
		add("generated-prefix", scalar(n.prefix), scalar(above.prefix))
	}
	return parts
}

// ddns writes the names of the top level, and how they get into the DNS.
func (c *converter) ddns(out *doc, d *value) {
	n := c.global.names
	parts := append([]string{"complete: all", "lower-case: true"}, n.parts(names{}, true)...)
	out.add(at(d, "dhcp-ddns"), "fqdn: {%s}", strings.Join(parts, ", "))
	c.updater(out, d, n)
}

// updater writes how names get into the DNS.
func (c *converter) updater(out *doc, d *value, n names) {
	v := d.get("dhcp-ddns")
	if !c.updates {
		return
	}
	body := &doc{}
	c.zones(body, v)
	if !body.said() {
		out.put(body, "")
		c.updates = false
		return
	}
	out.add(v.at, "ddns:")
	out.put(body, "  ")
	if n.overClient {
		out.add(v.at, "  override-client: true")
	}
	if n.overNone {
		out.add(v.at, "  override-no-update: true")
	}
	if ttl := c.u32(d, "ddns-ttl", 0); ttl > 0 {
		out.add(at(d, "ddns-ttl"), "  ttl: %s", seconds(ttl))
	}
}

// fqdnBelow writes what a shared network or a subnet says of names.
func (c *converter) fqdnBelow(out *doc, v *value, n, above names) {
	parts := n.parts(above, false)
	if c.updates {
		flag := func(key string, is, was bool) {
			if is != was {
				parts = append(parts, key+": "+map[bool]string{true: "true", false: "false"}[is])
			}
		}
		flag("update", n.send, above.send)
		flag("override-client", n.overClient, above.overClient)
		flag("override-no-update", n.overNone, above.overNone)
	}
	if len(parts) > 0 {
		out.add(v.at, "fqdn: {%s}", strings.Join(parts, ", "))
	}
}

// movedNames are keys that dhcp-ddns had in earlier versions, and has still.
var movedNames = map[string]string{
	"qualifying-suffix": "ddns-qualifying-suffix", "override-no-update": "ddns-override-no-update", "override-client-update": "ddns-override-client-update",
	"replace-client-name": "ddns-replace-client-name", "generated-prefix": "ddns-generated-prefix",
	"hostname-char-set": "hostname-char-set", "hostname-char-replacement": "hostname-char-replacement",
}

// moveNames takes them to the top level, where that does not say them itself.
func (c *converter) moveNames(d *value) {
	v := d.get("dhcp-ddns")
	if v == nil {
		return
	}
	for _, m := range v.members {
		if to := movedNames[m.key]; to != "" && d.get(to) == nil {
			d.members = append(d.members, member{key: to, at: m.at, value: m.value})
		}
	}
}

// topNames are those of the top level as our configuration has them there: whether names
// are updated is for each subnet to say.
func (c *converter) topNames() names {
	n := c.global.names
	n.send = true
	return n
}

// ddns6 writes the names of DHCPv6. They follow the same rules everywhere, and are the
// clients' own.
func (c *converter) ddns6(out *doc, d *value) {
	if v := d.get("dhcp-ddns"); v != nil && c.isMap(out, v, "dhcp-ddns") {
		c.updates = c.flag(v, "enable-updates", false)
		c.moveNames(d)
	}
	n := c.names(out, d, defaultNames)
	if n.replace != "never" {
		c.drop(out, at(d, "ddns-replace-client-name"), "ddns-replace-client-name", "clients of DHCPv6 keep their names")
	}
	if n.suffix != "" || c.updates {
		out.add(at(d, "ddns-qualifying-suffix"), "fqdn: {suffix: %s}", scalar(n.suffix))
	}
	if c.names6 = n; !n.send {
		c.updates = false
	}
	c.updater(out, d, n)
}

// sameNames6 says what a network, a subnet or a pool of DHCPv6 has of its own.
func (c *converter) sameNames6(out *doc, v *value) {
	n := c.names6
	for _, m := range v.members {
		switch m.key {
		case "ddns-send-updates":
			n.send = m.value.yes
		case "ddns-override-no-update":
			n.overNone = m.value.yes
		case "ddns-override-client-update":
			n.overClient = m.value.yes
		case "ddns-qualifying-suffix":
			n.suffix = strings.Trim(m.value.text, ".")
		case "ddns-replace-client-name":
			n.replace = m.value.text
		case "ddns-conflict-resolution-mode":
			n.send = n.send && m.value.text == "check-with-dhcid"
		case "ddns-use-conflict-resolution":
			n.send = n.send && m.value.yes
		default:
			continue
		}
		if !c.updates {
			n.send, n.overNone, n.overClient = c.names6.send, c.names6.overNone, c.names6.overClient
		}
		if n != c.names6 {
			c.drop(out, m.at, m.key, "names of DHCPv6 follow the same rules everywhere")
		}
		n = c.names6
	}
}
