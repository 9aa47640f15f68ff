// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"slices"

	"xdhcp/internal/option"
)

// LeaseQuery says who may ask about leases (RFC 4388, RFC 6926). Without
// Allow nobody may.
type LeaseQuery struct {
	Allow   []netip.Prefix
	Options []uint8 // of its clients that are told; nil: all

	Relayed bool // DHCPv6: also through relay agents (RFC 5007 §5)

	Bulk        bool   // listen on TCP ports 67 and 547
	Connections int    // at most so many at once
	Timeout     uint32 // seconds after which one that is idle or stuck is closed
}

// Defaults of LeaseQuery (RFC 6926 §6.3).
const (
	DefaultBulkConnections = 10
	DefaultBulkTimeout     = 300
)

var leaseQueryKeys = keySet{
	known: []string{"allow", "options", "relayed", "bulk", "connections", "timeout"},
	others: map[string]string{
		"requesters": "allow", "clients": "allow", "relays": "allow", "tcp": "bulk", "max-connections": "connections",
		"max-bulk-query-connections": "connections", "bulk-query-enabled": "bulk",
	},
}

func (c *checker) leaseQuery(p *path, n *node, l *LeaseQuery) {
	*l = LeaseQuery{Bulk: true, Connections: DefaultBulkConnections, Timeout: DefaultBulkTimeout}
	if !c.isMap(p, n, &leaseQueryKeys) {
		return
	}
	v := n.get("allow")
	if v == nil {
		c.fail(p.at("allow"), n, "is missing: name the addresses or prefixes that may ask, as in [192.0.2.0/28]")
	} else {
		for i, el := range c.items(p.at("allow"), v) {
			p := item(p.at("allow"), v, i)
			if s, ok := c.scalar(p, el, "an address or a prefix"); ok {
				l.Allow = append(l.Allow, c.addrOrPrefix(p, el, s))
			}
		}
		if v.kind == listNode && len(v.list) == 0 {
			c.fail(p.at("allow"), v, "is empty: leave leasequery out instead")
		}
	}
	if v := n.get("options"); v != nil {
		l.Options = []uint8{}
		for i, el := range c.items(p.at("options"), v) {
			p := item(p.at("options"), v, i)
			name, ok := c.scalar(p, el, "the name of an option")
			if !ok {
				continue
			}
			d, ok := c.reg.ByName(option.DHCP4, name)
			if !ok {
				c.unknownOption(p, el)
				continue
			}
			if slices.Contains(l.Options, uint8(d.Code)) {
				c.fail(p, el, "option %d is listed twice", d.Code)
				continue
			}
			l.Options = append(l.Options, uint8(d.Code))
		}
	}
	if v := n.get("relayed"); v != nil {
		l.Relayed = c.boolean(p.at("relayed"), v)
	}
	if v := n.get("bulk"); v != nil {
		l.Bulk = c.boolean(p.at("bulk"), v)
	}
	if v := n.get("connections"); v != nil {
		l.Connections = int(c.number(p.at("connections"), v, 1, 10000))
	}
	if v := n.get("timeout"); v != nil {
		l.Timeout = c.limited(p.at("timeout"), v, l.Timeout)
	}
}
