// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"net/netip"
	"strings"
)

// leaseQueryHook is libdhcp_lease_query: who may ask, and whether on TCP.
func (c *converter) leaseQueryHook(out *doc, h *value) {
	p := h.get("parameters")
	list := c.list(p, "requesters")
	if len(list) == 0 {
		c.fail(h.at, "the parameter requesters of lease_query is missing: who may ask?")
		return
	}
	var allow []string
	for _, r := range list {
		s := strings.TrimSpace(r.text)
		pre, perr := netip.ParsePrefix(s)
		a, aerr := netip.ParseAddr(s)
		switch {
		case perr == nil && pre.Addr().Is4():
			allow = append(allow, pre.Masked().String())
		case aerr == nil && a.Is4():
			allow = append(allow, a.String())
		default:
			c.fail(r.at, "%q is not an IPv4 address or prefix that may ask", s)
		}
	}
	parts := []string{"allow: " + scalars(allow)}
	adv := p.get("advanced")
	if c.flag(adv, "bulk-query-enabled", false) {
		parts = append(parts, "bulk: true")
		if n := c.u32(adv, "max-requester-connections", 10); n != 10 && n > 0 {
			parts = append(parts, fmt.Sprintf("connections: %d", n))
		}
		if n := c.u32(adv, "max-requester-idle-time", 300); n != 300 && n > 0 {
			parts = append(parts, "timeout: "+seconds(n))
		}
	}
	if c.flag(adv, "active-query-enabled", false) {
		c.drop(out, adv.at, "active-query-enabled", "active leasequery (RFC 7724) is not served")
	}
	out.add(h.at, "leasequery: {%s}", strings.Join(parts, ", "))
}

// A classLimit is the address-limit of a class.
type classLimit struct {
	class string
	max   uint32
	at    place
}

// limitOf is the address-limit that the hook libdhcp_limits finds in v's
// user-context; 0: none.
func (c *converter) limitOf(out *doc, v *value, what string) uint32 {
	l := v.get("user-context").get("limits")
	if !c.limitsHook || l == nil {
		return 0
	}
	if r := l.get("rate-limit"); r != nil {
		c.drop(out, r.at, "rate-limit of "+what, "packets are not counted by class or subnet")
	}
	n := l.get("address-limit")
	if n == nil {
		return 0
	}
	if max := c.u32(l, "address-limit", 0); max > 0 {
		return max
	}
	c.drop(out, n.at, "address-limit of "+what, "a limit is at least one lease; leave the pools out instead")
	return 0
}

// maxLimits is how many a configuration of ours can have.
const maxLimits = 8

// limits writes the limits of classes, as far as their leases can be counted.
func (c *converter) limits(out *doc) {
	begun := false
	for i, l := range c.classLimits {
		switch what := "address-limit of class " + l.class; {
		case !c.countable(l.class, 0):
			c.drop(out, l.at, what, "the class looks at what a lease does not remember: its leases could not be counted after a restart")
		case i >= maxLimits:
			c.drop(out, l.at, what, fmt.Sprintf("there can be %d limits of classes", maxLimits))
		default:
			if !begun {
				out.add(l.at, "limits:")
			}
			begun = true
			out.add(l.at, "  - {per: class, class: %s, max: %d}", scalar(l.class), l.max)
		}
	}
}

// countable says whether a class looks only at what a lease remembers.
func (c *converter) countable(name string, depth int) bool {
	e, tested := c.tests[name]
	if !tested || depth > len(c.tests) {
		return !tested // without a test its members are named by reservations
	}
	var all func(e *expr) bool
	all = func(e *expr) bool {
		switch e.op {
		case "and", "or", "not":
			for _, a := range e.args {
				if !all(a) {
					return false
				}
			}
			return true
		case "member":
			return e.part == "KNOWN" || e.part == "UNKNOWN" || c.classes[e.part] && c.countable(e.part, depth+1)
		}
		m, ok := c.declared(e)
		for _, key := range []string{"{mac:", "{client-id:", "{circuit-id:", "{remote-id:", "{subscriber-id:", "{relay-id:"} {
			if ok && strings.HasPrefix(m, key) {
				return true
			}
		}
		return false
	}
	return all(e)
}
