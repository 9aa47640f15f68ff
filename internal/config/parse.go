// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"xdhcp/internal/option"
)

// Defaults of what the file does not say.
const (
	DefaultState            = "/var/lib/xdhcp"
	DefaultValid            = 3600 // seconds
	DefaultOfferHold        = 60   // covers a client's retransmissions of RFC 2131 §4.1
	DefaultDeclineProbation = 600
)

var topKeys = keySet{
	known: []string{
		"interfaces", "state", "durability", "history", "authoritative", "offer-hold", "decline-probation", "identity",
		"lease", "options", "always-send", "class-options", "never-send", "class-options-rank", "flex-id", "option-order", "without-list", "echo-client-id", "echo-host-name", "subnet-selection",
		"option-definitions", "shared-networks", "subnets", "classes", "filters", "limits", "dhcpv6",
		"reservation-order", "silent-reboot", "strict-user-class", "fqdn", "rogue-detection",
		"leasequery", "forcerenew", "ddns",
	},
	others: map[string]string{
		"subnet": "subnets", "lease-query": "leasequery", "subnet4": "subnets", "interface": "interfaces", "option-data": "options",
		"option-def": "option-definitions", "client-classes": "classes", "probation": "decline-probation",
		"lease-time": "lease", "valid-lifetime": "lease", "host-reservation-identifiers": "reservation-order",
		"interfaces-config": "interfaces", "decline-probation-period": "decline-probation",
	},
}

// Parse reads the text of a configuration; file is its name in problems.
func Parse(file string, data []byte) (*Config, []Problem) {
	c := &checker{file: file, text: string(data), reg: option.NewRegistry(), reserved: map[netip.Prefix]Place{}}
	if !utf8.Valid(data) {
		c.fail(nil, nil, "is not UTF-8")
		return nil, c.problems
	}
	c.text = strings.TrimPrefix(c.text, "\ufeff")
	if isKea(c.text) {
		c.fail(nil, nil, "is a configuration of Kea: xdhcpd import kea makes one of ours of it")
		return nil, c.problems
	}
	top, err := read(c.text)
	if err != nil {
		var at *node
		if err.place.Line > 0 {
			at = &node{place: err.place}
		}
		c.fail(nil, at, "%s", err.msg)
		return nil, c.problems
	}
	if top == nil || top.kind == nullNode {
		c.fail(nil, nil, "says nothing: at least interfaces and subnets are wanted")
		return nil, c.problems
	}
	cfg := c.top(top)
	if len(c.problems) > 0 {
		return nil, sorted(c.problems)
	}
	cfg.Warnings = sorted(c.warnings)
	return cfg, nil
}

// isKea recognises a file of Kea by its object Dhcp4 or Dhcp6: JSON with
// comments that YAML does not know.
func isKea(text string) bool {
	for _, word := range []string{`"Dhcp4"`, `"Dhcp6"`} {
		if i := strings.Index(text, word); i >= 0 {
			before := strings.TrimSpace(text[:i])
			after := strings.TrimSpace(text[i+len(word):])
			if strings.HasSuffix(before, "{") && strings.HasPrefix(after, ":") {
				return true
			}
		}
	}
	return false
}

func (c *checker) top(n *node) *Config {
	cfg := &Config{
		File:             c.file,
		State:            DefaultState,
		OfferHold:        DefaultOfferHold,
		DeclineProbation: DefaultDeclineProbation,
		History:          History{Keep: DefaultHistoryKeep, Size: DefaultHistorySize},
		ReservationOrder: []Identifier{ByMAC, ByClientID, ByCircuitID, ByRemoteID, BySubscriberID, ByDUID, ByFlexID},
		Lease:            Lease{Valid: DefaultValid, Min: DefaultValid, Max: DefaultValid},
		DHCP6:            defaults6(),
	}
	var root *path
	if !c.isMap(root, n, &topKeys) {
		return cfg
	}
	// Names that options have further down.
	if v := n.get("option-definitions"); v != nil {
		c.definitions(root.at("option-definitions"), v)
	}
	if v := n.get("interfaces"); v != nil {
		cfg.Interfaces = c.interfaces(root.at("interfaces"), v)
		for _, ifc := range cfg.Interfaces {
			c.ifaces = append(c.ifaces, ifc.Name)
		}
	} else {
		c.fail(root.at("interfaces"), n, "is missing: name the interfaces to serve, as in [eth1]")
	}
	if v := n.get("state"); v != nil {
		cfg.State = c.short(root.at("state"), v, 4000)
	}
	if v := n.get("durability"); v != nil {
		cfg.Durability = Durability(c.word(root.at("durability"), v, durabilityWords))
	}
	if v := n.get("history"); v != nil {
		cfg.History = c.history(root.at("history"), v)
	}
	if v := n.get("authoritative"); v != nil {
		cfg.Authoritative = c.boolean(root.at("authoritative"), v)
	}
	if v := n.get("offer-hold"); v != nil {
		cfg.OfferHold = c.limited(root.at("offer-hold"), v, cfg.OfferHold)
	}
	if v := n.get("decline-probation"); v != nil {
		cfg.DeclineProbation = c.limited(root.at("decline-probation"), v, cfg.DeclineProbation)
	}
	if v := n.get("identity"); v != nil {
		cfg.Identity = Identity(c.word(root.at("identity"), v, identityWords))
	}
	if v := n.get("lease"); v != nil {
		cfg.Lease = c.lease(root.at("lease"), v, cfg.Lease)
	}
	if v := n.get("options"); v != nil {
		cfg.Options = c.options(root.at("options"), v)
	}
	cfg.Options = c.moreOptions(root, n, cfg.Options)
	c.answerRules(root, n, cfg)
	if v := n.get("reservation-order"); v != nil {
		cfg.ReservationOrder = c.order(root.at("reservation-order"), v)
	}
	if v := n.get("silent-reboot"); v != nil {
		cfg.SilentReboot = c.boolean(root.at("silent-reboot"), v)
	}
	if v := n.get("strict-user-class"); v != nil {
		cfg.StrictUserClass = c.boolean(root.at("strict-user-class"), v)
	}
	c.fqdnTop = &cfg.FQDN
	if v := n.get("fqdn"); v != nil {
		c.fqdn(root.at("fqdn"), v, &cfg.FQDN)
	}
	if v := n.get("rogue-detection"); v != nil {
		c.rogue(root.at("rogue-detection"), v, &cfg.Rogue)
	}
	if v := n.get("dhcpv6"); v != nil {
		c.dhcp6(root.at("dhcpv6"), v, &cfg.DHCP6)
	}
	if v := n.get("ddns"); v != nil {
		c.ddns(root.at("ddns"), v, cfg)
	}
	if v := n.get("leasequery"); v != nil {
		c.leaseQuery(root.at("leasequery"), v, &cfg.LeaseQuery)
	}
	if v := n.get("forcerenew"); v != nil {
		cfg.ForceRenew = c.boolean(root.at("forcerenew"), v)
	}
	if v := n.get("classes"); v != nil {
		cfg.Classes = c.classes(root.at("classes"), v, cfg)
	}
	if v := n.get("filters"); v != nil {
		cfg.Filters = c.filters(root.at("filters"), v)
	}
	if v := n.get("limits"); v != nil {
		cfg.Limits = c.limits(root.at("limits"), v, cfg)
	}
	if v := n.get("shared-networks"); v != nil {
		cfg.Networks = c.networks(root.at("shared-networks"), v, cfg)
	}
	if v := n.get("subnets"); v != nil {
		v6 := subnets6{above: above6{cfg.DHCP6.Lease, cfg.DHCP6.RapidCommit}}
		cfg.Subnets = c.subnets(root.at("subnets"), v, cfg.Lease, &cfg.FQDN, &v6, cfg.Options)
		cfg.DHCP6.Subnets = v6.out
	} else if n.get("shared-networks") == nil {
		c.fail(root.at("subnets"), n, "is missing: name at least one subnet, as in [{subnet: 192.0.2.0/24, pools: [192.0.2.10-192.0.2.99]}]")
	}
	if n.get("dhcpv6") != nil && !cfg.DHCP6.Serves() && len(c.problems) == 0 {
		c.warn(root.at("dhcpv6"), n.get("dhcpv6"), "has no effect: no subnet has an IPv6 prefix")
	}
	c.overlaps()
	c.claimed()
	c.ids()
	c.namedClasses()
	return cfg
}
