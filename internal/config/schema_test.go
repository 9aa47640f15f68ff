// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"xdhcp/internal/option"
)

// The JSON schema is for editors: names, words, descriptions. It is made from
// what the checker itself goes by; `go test ./internal/config -update` writes it.
func TestSchema(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema(t)); err != nil {
		t.Fatal(err)
	}
	const file = "schema.json"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("schema.json is not up to date: go test ./internal/config -update")
	}
}

type object = map[string]any

func schema(t *testing.T) object {
	ref := func(name string) object { return object{"$ref": "#/$defs/" + name} }
	either := func(a, b object) object { return object{"anyOf": []object{a, b}} }
	listOf := func(o object) object { return either(o, object{"type": "array", "items": o}) }
	words := func(w []string) object { return object{"enum": w} }
	text := object{"type": "string"}
	boolean := object{"type": "boolean"}

	// What each key of a set holds; a key that is not here fails the test.
	keys := func(name string, required []string, values object) object {
		set := keySets[name]
		props := object{}
		for _, k := range set.known {
			v, ok := values[k]
			if !ok {
				t.Errorf("%s: the schema lacks %s", name, k)
			}
			props[k] = v
		}
		if len(values) != len(set.known) {
			t.Errorf("%s: the schema has %d keys, the checker %d", name, len(values), len(set.known))
		}
		o := object{"type": "object", "properties": props, "additionalProperties": false}
		if required != nil {
			o["required"] = required
		}
		return o
	}

	options := object{}
	for _, d := range option.All(option.DHCP4) {
		if d.Code == 0 || d.Code == 255 || refused[uint8(d.Code)] != "" || strings.HasPrefix(d.Name, "pxe-undefined") || strings.HasPrefix(d.Name, "site-specific") {
			continue
		}
		options[d.Name] = object{"description": "option " + d.String()[len(d.Name)+1:] + ": " + d.Usage()}
	}

	options6 := object{}
	for _, d := range option.All(option.DHCP6) {
		if refusal6(d) == "" {
			options6[d.Name] = object{"description": "option " + d.String()[len(d.Name)+1:] + ": " + d.Usage()}
		}
	}
	lease6 := either(ref("time"), keys("lease6", nil, object{
		"preferred": ref("time"), "valid": ref("time"), "renew": ref("time"), "rebind": ref("time"), "client-timers": boolean,
	}))

	octets := listOf(either(text, keys("prefix", []string{"prefix"}, object{"prefix": text})))
	number := func(most int) object { return object{"type": "integer", "minimum": 0, "maximum": most} }
	bits := object{"type": "integer", "minimum": 1, "maximum": 128}
	vlan := object{"type": "integer", "minimum": 1, "maximum": 4094}

	top := keys("top", []string{"interfaces"}, object{
		"interfaces": listOf(either(text, ref("interface"))),
		"state":      text,
		"durability": words(durabilityWords),
		"history": either(object{"enum": []any{"off", false}}, keys("history", nil, object{
			"keep": ref("time"), "size": object{"type": "string", "pattern": "^[0-9]+(MiB|GiB|TiB)$"},
		})),
		"authoritative":      boolean,
		"offer-hold":         ref("time"),
		"decline-probation":  ref("time"),
		"identity":           words(identityWords),
		"lease":              ref("lease"),
		"options":            ref("options"),
		"always-send":        listOf(text),
		"class-options":      ref("class-options"),
		"never-send":         listOf(text),
		"class-options-rank": words(rankWords),
		"flex-id":            text,
		"option-order":       listOf(words(placeWords)),
		"without-list":       words(withoutWords),
		"echo-client-id":     boolean,
		"echo-host-name":     boolean,
		"subnet-selection":   boolean,
		"option-definitions": listOf(ref("definition")),
		"shared-networks":    listOf(ref("network")),
		"filters":            keys("filters", nil, object{"deny": listOf(ref("match")), "allow": listOf(ref("match"))}),
		"limits": listOf(keys("limits", []string{"per", "max"}, object{
			"per": words(limitWords), "max": object{"type": "integer", "minimum": 1, "maximum": 1<<32 - 1}, "class": text,
		})),
		"reservation-order": listOf(words(identifierWords)),
		"silent-reboot":     boolean,
		"fqdn": keys("fqdn", nil, object{
			"answer": boolean, "suffix": text, "complete": words(completeWords), "lower-case": boolean, "characters": text, "instead": text,
			"generate": words(generateWords), "generated-prefix": text,
		}),
		"rogue-detection": keys("rogue-detection", nil, object{"state": words(rogueWords), "name": text}),
		"forcerenew":      boolean,
		"ddns": keys("ddns", []string{"zones"}, object{
			"zones": listOf(keys("ddns.zones", []string{"zone", "server"}, object{"zone": text, "server": text, "key": text})),
			"keys":  listOf(keys("ddns.keys", []string{"name", "secret"}, object{"name": text, "algorithm": words(ddnsAlgorithms), "secret": text})),
			"ttl":   ref("time"), "host-names": boolean, "override-client": boolean, "override-no-update": boolean,
		}),
		"leasequery": keys("leasequery", []string{"allow"}, object{
			"allow": listOf(text), "options": listOf(text), "relayed": boolean, "bulk": boolean, "connections": object{"type": "integer", "minimum": 1, "maximum": 10000}, "timeout": ref("time"),
		}),
		"strict-user-class": boolean,
		"subnets":           listOf(either(ref("subnet"), ref("subnet6"))),
		"classes":           listOf(ref("class")),
		"dhcpv6": keys("dhcpv6", nil, object{
			"duid": text, "preference": object{"type": "integer", "minimum": 0, "maximum": 255}, "unicast": words(unicastWords),
			"rapid-commit": boolean, "advertise-status": words(statusWords), "recreate": boolean, "temporary-addresses": words(temporaryWords),
			"decline-probation": ref("time"), "relay-options": listOf(text),
			"reservation-order": listOf(words(identifier6Words)),
			"reconfigure":       boolean,
			"routes": either(boolean, keys("routes", nil, object{
				"install": boolean, "table": object{"type": "integer", "minimum": 1, "maximum": 1<<32 - 1}, "metric": object{"type": "integer", "minimum": 1, "maximum": 1<<32 - 1},
			})),
			"lease": ref("lease6"), "options": ref("options6"), "always-send": listOf(text),
		}),
	})
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "xdhcpd configuration"
	top["$defs"] = object{
		"time": object{"anyOf": []object{
			{"type": "integer", "minimum": 1},
			{"type": "string", "pattern": "^(infinite|[0-9]+|([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?)$"},
		}},
		"addresses":     listOf(text),
		"options":       object{"type": "object", "properties": options},
		"class-options": object{"type": "object", "additionalProperties": ref("options")},
		"options6":      object{"type": "object", "properties": options6},
		"lease6":        lease6,
		"interface": keys("interfaces", []string{"name"}, object{
			"name": text, "xdp": words(xdpWords), "wait": words(waitWords), "vlans": boolean, "address": text,
		}),
		"lease": either(ref("time"), keys("lease", nil, object{
			"valid": ref("time"), "renew": ref("time"), "rebind": ref("time"), "min": ref("time"), "max": ref("time"), "default-timers": boolean,
		})),
		"fqdn-below": keys("fqdn-below", nil, object{
			"suffix": text, "complete": words(completeWords), "lower-case": boolean, "characters": text, "instead": text, "generate": words(generateWords),
			"generated-prefix": text, "update": boolean, "override-client": boolean, "override-no-update": boolean,
		}),
		"definition": keys("option-definitions", []string{"name", "code"}, object{
			"name": text, "code": object{"type": "integer", "minimum": 1, "maximum": 65534}, "type": text, "array": boolean, "space": text, "encapsulates": text,
		}),
		"class": keys("classes", []string{"name"}, object{
			"name": text, "description": text, "match": ref("match"), "options": ref("options"), "always-send": listOf(text), "never-send": listOf(text),
			"lease": ref("lease"), "drop": boolean, "next-server": text, "server-name": text, "boot-file": text,
			"dhcpv6": keys("classes.dhcpv6", nil, object{"lease": ref("lease6"), "options": ref("options6"), "always-send": listOf(text)}),
		}),
		"match": keys("match", nil, object{
			"vendor-class": octets, "user-class": octets, "mac": octets, "client-id": octets, "circuit-id": octets,
			"remote-id": octets, "subscriber-id": octets, "relay-id": octets, "relay": listOf(text), "duid": octets, "interface-id": octets,
			"vendor-id": listOf(either(number(1<<32-1), keys("vendor-id", []string{"enterprise"}, object{
				"enterprise": number(1<<32 - 1), "data": either(text, keys("prefix", []string{"prefix"}, object{"prefix": text})),
			}))),
			"architecture": listOf(number(65535)), "interface": text, "vlan": vlan, "inner-vlan": vlan,
			"class": listOf(text), "known": boolean, "expression": text, "expression6": text, "all": listOf(ref("match")), "any": listOf(ref("match")), "not": ref("match"),
		}),
		"link": either(text, keys("links", []string{"interface"}, object{"interface": text, "vlan": vlan, "inner-vlan": vlan})),
		"network": keys("shared-networks", []string{"name", "subnets"}, object{
			"name": text, "subnets": listOf(either(ref("subnet"), ref("subnet6"))), "lease": ref("lease"), "options": ref("options"), "always-send": listOf(text), "class-options": ref("class-options"), "never-send": listOf(text),
			"links": listOf(ref("link")), "authoritative": boolean, "rapid-commit": boolean, "fqdn": ref("fqdn-below"),
			"dhcpv6": keys("shared-networks.dhcpv6", nil, object{
				"lease": ref("lease6"), "options": ref("options6"), "always-send": listOf(text), "rapid-commit": boolean,
			}),
		}),
		"subnet": keys("subnets", []string{"subnet"}, object{
			"subnet": text,
			"pools": listOf(either(text, keys("pools", []string{"range"}, object{
				"range": text, "options": ref("options"), "always-send": listOf(text), "class-options": ref("class-options"), "never-send": listOf(text), "classes": listOf(text), "deny": listOf(text),
				"lease": ref("lease"), "bootp": boolean,
			}))),
			"exclude":       ref("addresses"),
			"lease":         ref("lease"),
			"options":       ref("options"),
			"reservations":  listOf(ref("reservation")),
			"id":            object{"type": "integer", "minimum": 1, "maximum": 4294967294},
			"next-server":   text,
			"server-name":   object{"type": "string", "maxLength": 63},
			"boot-file":     object{"type": "string", "maxLength": 127},
			"always-send":   listOf(text),
			"class-options": ref("class-options"),
			"never-send":    listOf(text),
			"links":         listOf(ref("link")),
			"relays":        ref("addresses"),
			"server-id":     text, "authoritative": boolean, "identity": words(identityWords), "rapid-commit": boolean, "fqdn": ref("fqdn-below"),
			"classes": listOf(text), "deny": listOf(text), "vss": text, "limit": object{"type": "integer", "minimum": 1, "maximum": 1<<32 - 1},
		}),
		"reservation": keys("reservations", nil, object{
			"mac": text, "client-id": text, "circuit-id": text, "remote-id": text, "subscriber-id": text, "duid": text, "flex-id": text,
			"address": text, "hostname": text, "options": ref("options"), "always-send": listOf(text), "class-options": ref("class-options"), "never-send": listOf(text), "classes": listOf(text),
			"next-server": text, "server-name": text, "boot-file": text,
		}),
		"subnet6": keys("subnets6", []string{"subnet"}, object{
			"subnet": text, "method": words(methodWords), "exclude": ref("addresses"), "lease": ref("lease6"), "options": ref("options6"),
			"pools": listOf(either(text, keys("pools6", []string{"range"}, object{
				"range": text, "method": words(methodWords), "options": ref("options6"), "always-send": listOf(text), "classes": listOf(text),
				"deny": listOf(text), "lease": ref("lease6"), "retired": boolean,
			}))),
			"delegate": listOf(keys("delegate", []string{"prefix", "length"}, object{
				"prefix": text, "length": bits, "options": ref("options6"), "always-send": listOf(text), "classes": listOf(text),
				"deny": listOf(text), "lease": ref("lease6"), "retired": boolean,
				"exclude": either(bits, keys("exclude6", []string{"length"}, object{"length": bits, "number": object{"type": "integer", "minimum": 0}})),
			})),
			"always-send":  listOf(text),
			"reservations": listOf(ref("reservation6")),
			"id":           object{"type": "integer", "minimum": 1, "maximum": 4294967294},
			"links":        listOf(ref("link")), "relays": ref("addresses"), "interface-ids": ref("addresses"), "rapid-commit": boolean,
			"classes": listOf(text), "deny": listOf(text), "limit": object{"type": "integer", "minimum": 1, "maximum": 4294967295},
		}),
		"reservation6": keys("reservations6", nil, object{
			"duid": text, "mac": text, "remote-id": text, "interface-id": text, "subscriber-id": text, "addresses": ref("addresses"),
			"prefixes": ref("addresses"), "hostname": text, "options": ref("options6"), "always-send": listOf(text), "classes": listOf(text),
		}),
	}
	return top
}
