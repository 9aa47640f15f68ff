// SPDX-License-Identifier: Apache-2.0

package config

import "xdhcp/internal/option"

var leaseKeys = keySet{
	known: []string{"valid", "renew", "rebind", "min", "max", "default-timers"},
	others: map[string]string{
		"time": "valid", "default": "valid", "lifetime": "valid", "valid-lifetime": "valid", "lease-time": "valid",
		"t1": "renew", "renew-timer": "renew", "t2": "rebind", "rebind-timer": "rebind",
		"max-valid-lifetime": "max", "min-valid-lifetime": "min", "preferred": "valid",
	},
}

// lease takes {valid, renew, …} or one time, which is valid. What it does not
// say comes from above, unless it says valid: times that were chosen for another
// length do not go with this one.
func (c *checker) lease(p *path, n *node, above Lease) Lease {
	if n.kind == scalarNode {
		v, ok := c.seconds(p, n)
		if !ok {
			return above
		}
		return Lease{Valid: v, Min: v, Max: v}
	}
	if !c.isMap(p, n, &leaseKeys) {
		return above
	}
	before := len(c.problems)
	l := above
	if v := n.get("valid"); v != nil {
		t, ok := c.seconds(p.at("valid"), v)
		if !ok {
			t = above.Valid
		}
		l = Lease{Valid: t, Min: t, Max: t}
	}
	for _, f := range []struct {
		key string
		to  *uint32
	}{{"renew", &l.Renew}, {"rebind", &l.Rebind}, {"min", &l.Min}, {"max", &l.Max}} {
		if v := n.get(f.key); v != nil {
			if t, ok := c.seconds(p.at(f.key), v); ok {
				*f.to = t
			}
		}
	}
	if v := n.get("default-timers"); v != nil {
		l.NoDefaultTimers = !c.boolean(p.at("default-timers"), v)
	}
	if len(c.problems) > before {
		return l
	}
	at := func(key string) *node {
		if v := n.get(key); v != nil {
			return v
		}
		return n
	}
	text := option.FormatSeconds
	switch {
	case l.Valid == Infinite && (l.Renew != 0 || l.Rebind != 0):
		c.fail(p, n, "an infinite lease is never renewed: leave out renew and rebind")
	case l.Rebind > l.Valid:
		c.fail(p.at("rebind"), at("rebind"), "%s is after the lease's end, %s", text(l.Rebind), text(l.Valid))
	case l.Renew > l.Valid:
		c.fail(p.at("renew"), at("renew"), "%s is after the lease's end, %s", text(l.Renew), text(l.Valid))
	case l.Rebind != 0 && l.Renew > l.Rebind:
		c.fail(p.at("renew"), at("renew"), "%s is after rebind, %s", text(l.Renew), text(l.Rebind))
	}
	if l.Min > l.Valid {
		c.fail(p.at("min"), at("min"), "%s is more than valid, %s", text(l.Min), text(l.Valid))
	}
	if l.Max < l.Valid {
		c.fail(p.at("max"), at("max"), "%s is less than valid, %s", text(l.Max), text(l.Valid))
	}
	return l
}
