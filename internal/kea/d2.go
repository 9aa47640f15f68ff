// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// d2File is what Kea calls the configuration of its server for DNS updates. What
// kea-dhcp4 says of it is only where it listens: zones and keys are there.
const d2File = "kea-dhcp-ddns.conf"

// zones writes the zones and keys of that server, whose file lies beside ours.
func (c *converter) zones(out *doc, v *value) {
	read := c.options.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	name := filepath.Join(filepath.Dir(c.name), d2File)
	text, err := read(name)
	if err != nil {
		c.drop(out, v.at, "dhcp-ddns", "the zones and keys are in "+d2File+", which is not beside this file: names are not put into the DNS")
		return
	}
	top, _, err := parse(name, text, c.options.ReadFile)
	if err != nil {
		var e *syntaxError
		errors.As(err, &e)
		c.errs = append(c.errs, problem(e.at, name, "", e.msg))
		return
	}
	d := top.get("DhcpDdns")
	if d == nil || !c.isMap(out, d, "DhcpDdns") {
		if d == nil {
			c.fail(top.at, "%s has no DhcpDdns", d2File)
		}
		return
	}
	keys := c.keys(out, d)
	zones := &doc{}
	for _, key := range []string{"forward-ddns", "reverse-ddns"} {
		dir := d.get(key)
		if dir == nil || !c.isMap(out, dir, "ddns-direction") {
			continue
		}
		for _, dom := range c.list(dir, "ddns-domains") {
			c.zone(zones, dom, keys)
		}
	}
	if !zones.said() {
		out.put(zones, "")
		c.drop(out, d.at, "dhcp-ddns", d2File+" has no zone: names are not put into the DNS")
		return
	}
	out.add(d.at, "zones:")
	out.put(zones, "  ")
}

// ddnsAlgorithms are Kea's words and ours.
var ddnsAlgorithms = map[string]string{
	"HMAC-SHA1": "hmac-sha1", "HMAC-SHA224": "hmac-sha224", "HMAC-SHA256": "hmac-sha256", "HMAC-SHA384": "hmac-sha384", "HMAC-SHA512": "hmac-sha512",
}

// keys writes the keys and returns their names; false: one that is not carried.
func (c *converter) keys(out *doc, d *value) map[string]bool {
	known := map[string]bool{}
	begun := false
	for _, k := range c.list(d, "tsig-keys") {
		if !c.isMap(out, k, "tsig-key") {
			continue
		}
		name, secret := text(k, "name"), text(k, "secret")
		algorithm := strings.ToUpper(text(k, "algorithm"))
		_, twice := known[name]
		known[name] = false
		switch {
		case name == "" || twice:
			c.fail(k.at, "the key's name %q is there already, or missing", name)
		case algorithm == "HMAC-MD5":
			c.drop(out, k.at, "key "+name, "HMAC-MD5 is broken, and not spoken here")
		case ddnsAlgorithms[algorithm] == "":
			c.fail(at(k, "algorithm"), "%q is not an algorithm of TSIG", text(k, "algorithm"))
		case secret == "":
			c.drop(out, k.at, "key "+name, "its secret is in another file: write it here")
		case c.u32(k, "digest-bits", 0) != 0:
			c.drop(out, at(k, "digest-bits"), "key "+name, "digests are not cut off")
		default:
			if !begun {
				out.add(k.at, "keys:")
			}
			begun, known[name] = true, true
			out.add(k.at, "  - {name: %s, algorithm: %s, secret: %s}", scalar(strings.TrimSuffix(name, ".")), ddnsAlgorithms[algorithm], quoted(secret))
		}
	}
	return known
}

func (c *converter) zone(out *doc, dom *value, keys map[string]bool) {
	if !c.isMap(out, dom, "ddns-domain") {
		return
	}
	name := strings.TrimSuffix(text(dom, "name"), ".")
	if name == "" {
		c.fail(dom.at, "name of the domain is missing")
		return
	}
	servers := c.list(dom, "dns-servers")
	if len(servers) == 0 {
		c.fail(dom.at, "domain %s has no dns-servers", name)
		return
	}
	s := servers[0]
	if !c.isMap(out, s, "dns-server") {
		return
	}
	a, err := netip.ParseAddr(text(s, "ip-address"))
	if err != nil {
		c.fail(s.at, "%q is not the address of a name server", text(s, "ip-address"))
		return
	}
	key := text(s, "key-name")
	if key == "" {
		key = text(dom, "key-name")
	}
	carried, there := keys[key]
	switch {
	case key == "":
	case !there:
		c.fail(dom.at, "domain %s names the key %s, which is none", name, key)
		return
	case !carried:
		c.drop(out, dom.at, "domain "+name, "its key is not carried")
		return
	}
	if len(servers) > 1 {
		c.ignore(out, servers[1].at, "dns-servers of "+name, "updates go to the first of them")
	}
	server := a.String()
	if port := c.u32(s, "port", 53); port != 53 {
		server = netip.AddrPortFrom(a, uint16(port)).String()
	}
	line := "{zone: " + scalar(name) + ", server: " + quoted(server)
	if key != "" {
		line += ", key: " + scalar(strings.TrimSuffix(key, "."))
	}
	if slices.ContainsFunc(out.lines, func(l docLine) bool { return strings.HasPrefix(l.text, "- {zone: "+scalar(name)+",") }) {
		c.fail(dom.at, "domain %s is there twice", name)
		return
	}
	out.add(dom.at, "- %s}", line)
}
