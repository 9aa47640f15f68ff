// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"xdhcp/internal/option"
)

var (
	dhcp6Keys = keySet{
		known: []string{
			"duid", "preference", "unicast", "rapid-commit", "advertise-status", "recreate", "temporary-addresses",
			"decline-probation", "relay-options", "reservation-order", "routes", "reconfigure", "lease", "options", "always-send",
		},
		others: map[string]string{
			"server-id": "duid", "server-duid": "duid", "ia-ta": "temporary-addresses", "option-data": "options",
			"valid-lifetime": "lease", "preferred-lifetime": "lease",
		},
	}
	routesKeys = keySet{
		known:  []string{"install", "table", "metric"},
		others: map[string]string{"priority": "metric"},
	}
	network6Keys = keySet{
		known:  []string{"lease", "options", "always-send", "rapid-commit"},
		others: map[string]string{"option-data": "options", "valid-lifetime": "lease", "preferred-lifetime": "lease"},
	}
	class6Keys = keySet{
		known:  []string{"lease", "options", "always-send"},
		others: map[string]string{"option-data": "options", "valid-lifetime": "lease", "preferred-lifetime": "lease"},
	}
)

// DefaultMetric is that of routes to delegated prefixes: after those that
// somebody made by hand, which have 1024 (the kernel's for IPv6).
const DefaultMetric = 2048

// DefaultProbation6 is a day: an address that somebody took by hand is likely to
// stay, and there are others.
const DefaultProbation6 = 86400

func defaults6() DHCP6 {
	return DHCP6{
		Lease:            Lease6{Preferred: DefaultPreferred6, Valid: DefaultValid6},
		ReservationOrder: []Identifier6{ByDUID6, ByMAC6, ByInterfaceID6, ByRemoteID6, BySubscriberID6},
		Probation:        DefaultProbation6,
		RelayOptions:     []uint16{65},
		Routes:           Routes{Table: 254, Metric: DefaultMetric}, // RT_TABLE_MAIN
	}
}

// dhcp6 takes what is said of DHCPv6 as a whole.
func (c *checker) dhcp6(p *path, n *node, d *DHCP6) {
	if !c.isMap(p, n, &dhcp6Keys) {
		return
	}
	if v := n.get("duid"); v != nil {
		d.DUID = c.duid(p.at("duid"), v)
	}
	if v := n.get("preference"); v != nil {
		d.Preference = uint8(c.number(p.at("preference"), v, 0, 255))
	}
	if v := n.get("unicast"); v != nil {
		d.Unicast = Unicast6(c.word(p.at("unicast"), v, unicastWords))
	}
	if v := n.get("rapid-commit"); v != nil {
		d.RapidCommit = c.boolean(p.at("rapid-commit"), v)
	}
	if v := n.get("advertise-status"); v != nil {
		d.StatusOnTop = c.word(p.at("advertise-status"), v, statusWords) == 1
	}
	if v := n.get("recreate"); v != nil {
		d.NoRecreate = !c.boolean(p.at("recreate"), v)
	}
	if v := n.get("temporary-addresses"); v != nil {
		d.Temporary = Temporary6(c.word(p.at("temporary-addresses"), v, temporaryWords))
	}
	if v := n.get("decline-probation"); v != nil {
		d.Probation = c.limited(p.at("decline-probation"), v, d.Probation)
	}
	if v := n.get("relay-options"); v != nil {
		d.RelayOptions = c.relayOptions(p.at("relay-options"), v)
	}
	if v := n.get("reservation-order"); v != nil {
		d.ReservationOrder = c.order6(p.at("reservation-order"), v)
	}
	if v := n.get("routes"); v != nil {
		c.routes(p.at("routes"), v, &d.Routes)
	}
	if v := n.get("reconfigure"); v != nil {
		d.Reconfigure = c.boolean(p.at("reconfigure"), v)
	}
	if v := n.get("lease"); v != nil {
		d.Lease = c.lease6(p.at("lease"), v, d.Lease)
	}
	if v := n.get("options"); v != nil {
		d.Options = c.options6(p.at("options"), v)
	}
	c.alwaysSend6(p, n, d.Options)
}

// routes takes true, false, or a map with more.
func (c *checker) routes(p *path, n *node, r *Routes) {
	if n.kind != mapNode {
		r.Install = c.boolean(p, n)
		return
	}
	if !c.isMap(p, n, &routesKeys) {
		return
	}
	r.Install = true
	if v := n.get("install"); v != nil {
		r.Install = c.boolean(p.at("install"), v)
	}
	if v := n.get("table"); v != nil {
		r.Table = uint32(c.number(p.at("table"), v, 1, 1<<32-1))
	}
	if v := n.get("metric"); v != nil {
		r.Metric = uint32(c.number(p.at("metric"), v, 1, 1<<32-1))
	}
}

// relayOptions takes the options that relay agents may supply for a client.
func (c *checker) relayOptions(p *path, n *node) []uint16 {
	out := []uint16{}
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		name, ok := c.scalar(p, el, "the name of an option")
		if !ok {
			continue
		}
		d, ok := c.reg.ByName(option.DHCP6, name)
		if !ok {
			c.unknownOption6(p, el)
			continue
		}
		if why := refusal6(d); why != "" {
			c.fail(p, el, "option %d %s", d.Code, why)
			continue
		}
		out = append(out, d.Code)
	}
	return out
}

// order6 takes the identifiers of reservations in the order in which they count.
func (c *checker) order6(p *path, n *node) []Identifier6 {
	out := []Identifier6{}
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		before := len(c.problems)
		id := Identifier6(c.word(p, el, identifier6Words))
		if len(c.problems) > before {
			continue
		}
		if slices.Contains(out, id) {
			c.fail(p, el, "%s is there twice", id)
		}
		out = append(out, id)
	}
	return out
}

// network6 takes the IPv6 part of a shared network: what it says for all of its
// IPv6 subnets.
func (c *checker) network6(p *path, n *node, above *above6, nw *Network6) {
	if !c.isMap(p, n, &network6Keys) {
		return
	}
	if v := n.get("lease"); v != nil {
		above.lease = c.lease6(p.at("lease"), v, above.lease)
	}
	if v := n.get("rapid-commit"); v != nil {
		above.rapid = c.boolean(p.at("rapid-commit"), v)
		nw.RapidCommit = above.rapid
	}
	if v := n.get("options"); v != nil {
		nw.Options = c.options6(p.at("options"), v)
	}
	c.alwaysSend6(p, n, nw.Options)
}

// class6 takes what clients of a class get by DHCPv6.
func (c *checker) class6(p *path, n *node, above Lease6, cl *Class) {
	if !c.isMap(p, n, &class6Keys) {
		return
	}
	if v := n.get("options"); v != nil {
		cl.Options6 = c.options6(p.at("options"), v)
	}
	c.alwaysSend6(p, n, cl.Options6)
	if v := n.get("lease"); v != nil {
		l := c.lease6(p.at("lease"), v, above)
		cl.Lease6 = &l
	}
}
