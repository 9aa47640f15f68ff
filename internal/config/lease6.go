// SPDX-License-Identifier: Apache-2.0

package config

import "xdhcp/internal/option"

// Times of DHCPv6 where the file says nothing.
const (
	DefaultPreferred6 = 3600
	DefaultValid6     = 7200
)

var lease6Keys = keySet{
	known: []string{"preferred", "valid", "renew", "rebind", "client-timers"},
	later: []string{"min", "max"},
	others: map[string]string{
		"preferred-lifetime": "preferred", "time": "valid", "valid-lifetime": "valid", "lease-time": "valid",
		"t1": "renew", "renew-timer": "renew", "t2": "rebind", "rebind-timer": "rebind",
	},
}

// lease6 takes {preferred, valid, …} or one time, which is valid. What it does
// not say comes from above, unless it says valid: the times that were chosen
// for another length do not go with this one.
func (c *checker) lease6(p *path, n *node, above Lease6) Lease6 {
	if n.kind == scalarNode {
		v, ok := c.seconds(p, n)
		if !ok {
			return above
		}
		return Lease6{Valid: v, Preferred: preferredOf(v)}
	}
	if !c.isMap(p, n, &lease6Keys) {
		return above
	}
	before := len(c.problems)
	l := above
	if v := n.get("valid"); v != nil {
		if t, ok := c.seconds(p.at("valid"), v); ok {
			l = Lease6{Valid: t, Preferred: preferredOf(t)}
		}
	}
	for _, f := range []struct {
		key string
		to  *uint32
	}{{"preferred", &l.Preferred}, {"renew", &l.Renew}, {"rebind", &l.Rebind}} {
		if v := n.get(f.key); v != nil {
			if t, ok := c.seconds(p.at(f.key), v); ok {
				*f.to = t
			}
		}
	}
	if v := n.get("client-timers"); v != nil {
		l.ClientTimers = c.boolean(p.at("client-timers"), v)
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
	case l.Preferred > l.Valid:
		c.fail(p.at("preferred"), at("preferred"), "%s is after the lease's end, %s", text(l.Preferred), text(l.Valid))
	case l.ClientTimers && (l.Renew != 0 || l.Rebind != 0):
		c.fail(p.at("client-timers"), at("client-timers"), "leaves renew and rebind to the client: leave them out")
	case l.Preferred == Infinite && (l.Renew != 0 || l.Rebind != 0):
		c.fail(p, n, "what is preferred for ever is never renewed: leave out renew and rebind")
	case l.Rebind > l.Preferred:
		c.fail(p.at("rebind"), at("rebind"), "%s is after the addresses are no longer preferred, %s", text(l.Rebind), text(l.Preferred))
	case l.Renew > l.Preferred:
		c.fail(p.at("renew"), at("renew"), "%s is after the addresses are no longer preferred, %s", text(l.Renew), text(l.Preferred))
	case l.Rebind != 0 && l.Renew > l.Rebind: // RFC 8415 §21.4: the client would drop the IA
		c.fail(p.at("renew"), at("renew"), "%s is after rebind, %s", text(l.Renew), text(l.Rebind))
	}
	return l
}

// preferredOf is five eighths of a lease, as Kea has it: a client that renews
// in vain still has time in which what it uses is no longer preferred.
func preferredOf(valid uint32) uint32 {
	if valid == Infinite {
		return Infinite
	}
	return max(1, uint32(uint64(valid)*5/8))
}
