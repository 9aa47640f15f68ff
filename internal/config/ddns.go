// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/base64"
	"net/netip"

	"xdhcp/internal/option"
)

// DDNS says how the names of clients are kept in the DNS. Without Zones they are not.
type DDNS struct {
	Zones []DDNSZone
	TTL   uint32 // seconds; 0: by the lease
	// HostNames: also the names of clients that send option 12 and no option 81.
	HostNames bool
	// What a client says in option 81 that is not followed.
	OverrideClient, OverrideNoUpdate bool
}

// A DDNSZone is a zone, its primary server, and what signs updates.
type DDNSZone struct {
	Name   string
	Server string   // address and port
	Key    *DDNSKey // nil: updates are not signed
}

// A DDNSKey is a key of TSIG (RFC 8945).
type DDNSKey struct {
	Name, Algorithm, Secret string
}

var (
	ddnsKeys = keySet{
		known: []string{"zones", "keys", "ttl", "host-names", "override-client", "override-no-update"},
		others: map[string]string{
			"forward-ddns": "zones", "reverse-ddns": "zones", "ddns-domains": "zones", "tsig-keys": "keys",
			"ddns-override-client-update": "override-client", "ddns-override-no-update": "override-no-update",
			"ddns-ttl": "ttl", "hostnames": "host-names", "server": "zones", "key": "keys",
		},
	}
	ddnsZoneKeys = keySet{
		known:  []string{"zone", "server", "key"},
		others: map[string]string{"name": "zone", "primary": "server", "dns-servers": "server", "key-name": "key"},
	}
	ddnsKeyKeys    = keySet{known: []string{"name", "algorithm", "secret"}}
	ddnsAlgorithms = []string{"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"}
)

const dnsPort = 53

func (c *checker) ddns(p *path, n *node, cfg *Config) {
	d := &cfg.DDNS
	d.HostNames = true
	if !c.isMap(p, n, &ddnsKeys) {
		return
	}
	keys := map[string]*DDNSKey{}
	if v := n.get("keys"); v != nil {
		c.tsigKeys(p.at("keys"), v, keys)
	}
	if v := n.get("zones"); v == nil {
		c.fail(p.at("zones"), n, "is missing: name at least one, as in [{zone: example.net, server: 192.0.2.53}]")
	} else {
		for i, el := range c.items(p.at("zones"), v) {
			c.ddnsZone(item(p.at("zones"), v, i), el, d, keys)
		}
		if v.kind == listNode && len(v.list) == 0 {
			c.fail(p.at("zones"), v, "is empty: leave ddns out instead")
		}
	}
	if v := n.get("ttl"); v != nil {
		d.TTL = c.limited(p.at("ttl"), v, 0)
	}
	for _, f := range []struct {
		key string
		to  *bool
	}{{"host-names", &d.HostNames}, {"override-client", &d.OverrideClient}, {"override-no-update", &d.OverrideNoUpdate}} {
		if v := n.get(f.key); v != nil {
			*f.to = c.boolean(p.at(f.key), v)
		}
	}
	if !c.suffixed {
		c.fail(p, n, "needs fqdn.suffix: the domain of clients that say only their host's name, or \"\"")
	}
	if cfg.FQDN.Ignore && !d.HostNames {
		c.fail(p, n, "has no names: fqdn.answer and host-names are both false")
	}
}

func (c *checker) tsigKeys(p *path, n *node, keys map[string]*DDNSKey) {
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		if !c.isMap(p, el, &ddnsKeyKeys) {
			continue
		}
		k := &DDNSKey{Algorithm: "hmac-sha256"}
		if v := el.get("name"); v == nil {
			c.fail(p.at("name"), el, "is missing")
		} else if k.Name = c.domain(p.at("name"), v); keys[k.Name] != nil {
			c.fail(p.at("name"), v, "there are two keys %s", k.Name)
		}
		if v := el.get("algorithm"); v != nil {
			k.Algorithm = ddnsAlgorithms[c.word(p.at("algorithm"), v, ddnsAlgorithms)]
		}
		if v := el.get("secret"); v == nil {
			c.fail(p.at("secret"), el, "is missing")
		} else if k.Secret, _ = c.scalar(p.at("secret"), v, "a secret in base64"); k.Secret != "" {
			// Not shown: problems go into logs.
			if b, err := base64.StdEncoding.DecodeString(k.Secret); err != nil || len(b) == 0 {
				pr := c.problem(p.at("secret"), v, "", "is not base64")
				pr.Excerpt = ""
				c.problems = append(c.problems, pr)
			}
		}
		keys[k.Name] = k
	}
}

func (c *checker) ddnsZone(p *path, n *node, d *DDNS, keys map[string]*DDNSKey) {
	if !c.isMap(p, n, &ddnsZoneKeys) {
		return
	}
	var z DDNSZone
	if v := n.get("zone"); v == nil {
		c.fail(p.at("zone"), n, "is missing")
	} else {
		z.Name = c.domain(p.at("zone"), v)
		for i := range d.Zones {
			if d.Zones[i].Name == z.Name && z.Name != "" {
				c.fail(p.at("zone"), v, "there are two zones %s", z.Name)
			}
		}
	}
	if v := n.get("server"); v == nil {
		c.fail(p.at("server"), n, "is missing: the address of the zone's primary server")
	} else if s, ok := c.scalar(p.at("server"), v, "an address"); ok {
		if a, err := netip.ParseAddr(s); err == nil {
			z.Server = netip.AddrPortFrom(a, dnsPort).String()
		} else if ap, err := netip.ParseAddrPort(s); err == nil {
			z.Server = ap.String()
		} else {
			c.fail(p.at("server"), v, "%q is not an address, or an address and a port", s)
		}
	}
	if v := n.get("key"); v != nil {
		if s, ok := c.scalar(p.at("key"), v, "the name of a key"); ok {
			if z.Key = keys[s]; z.Key == nil {
				var names []string
				for name := range keys {
					names = append(names, name)
				}
				c.failHint(p.at("key"), v, option.Nearest(s, names), "there is no key %s", s)
			}
		}
	}
	d.Zones = append(d.Zones, z)
}

// domain takes a domain name.
func (c *checker) domain(p *path, n *node) string {
	s := c.short(p, n, 253)
	if s == "" {
		return ""
	}
	if _, err := c.reg.Encode(fqdnDef, s); err != nil {
		c.badValue(p, n, n, err)
	}
	return s
}
