// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// params are what a subnet has from the shared network and the top level where
// it says nothing itself.
type params struct {
	valid             uint32
	min, max          uint32 // 0: valid
	renew, rebind     uint32
	calculate         bool
	t1, t2            float64
	nextServer        string
	serverName        string
	bootFile          string
	authoritative     bool
	matchClientID     bool
	inSubnet, globalR bool
	names             names
}

// Kea's defaults.
var defaults = params{
	valid: 7200, t1: 0.5, t2: 0.875, matchClientID: true, inSubnet: true, names: defaultNames,
}

const (
	defaultProbation = 24 * 60 * 60
	maxName, maxFile = 63, 127 // of sname and file
)

// identifier is what a reservation goes by in our terms, "" for nothing that we have.
type identifier string

// file converts the top object.
func (c *converter) file(top *value) *doc {
	out := &doc{}
	if top.kind != kMap {
		c.fail(top.at, "is %s, where a map with Dhcp4 is wanted", top.kind)
		return out
	}
	for _, m := range top.members {
		switch m.key {
		case "Dhcp4":
		case "Dhcp6":
			if top.get("Dhcp4") != nil {
				c.fail(m.at, "Dhcp4 and Dhcp6 are here: a file is for one of them")
			}
		default:
			c.fail(m.at, "%q is not a keyword here: Dhcp4 or Dhcp6 is wanted", m.key)
		}
	}
	if d := top.get("Dhcp6"); d != nil && len(c.errs) == 0 {
		c.f, c.defs = family6, &optDefs{under: stdDefs6}
		return c.file6(d)
	}
	d := top.get("Dhcp4")
	if len(c.errs) > 0 {
		return out
	}
	if d == nil {
		if len(c.errs) == 0 {
			c.fail(top.at, "has neither Dhcp4 nor Dhcp6")
		}
		return out
	}
	head := &doc{}
	if !c.isMap(head, d, "Dhcp4") {
		return out
	}
	out.add(d.at, "# From %s by xdhcpd import kea.", oneLine(path.Base(c.name)))
	out.add(d.at, "#")
	out.add(d.at, "# Lines with NOT CARRIED are about what clients are answered; what is ignored has no meaning here.")
	if !head.empty() {
		out.add(d.at, "")
		out.put(head, "")
	}
	out.add(d.at, "")
	c.interfaces(out, d)
	c.hooks(out, d)
	c.globals(out, d)

	out.add(d.at, "")
	c.definitions(out, d, c.defs)
	c.toCome = map[string]bool{}
	for _, el := range c.list(d, "client-classes") {
		c.toCome[text(el, "name")] = true
	}
	c.options1(out, c.options4(out, d, c.defs, "the top level"), "")
	c.toCome = nil
	c.topReservations = c.list(d, "reservations")

	// The subnets tell which of Kea's own classes are needed.
	classes := &doc{}
	if v := d.get("client-classes"); v != nil {
		c.clientClasses(classes, v)
	}
	nets := &doc{}
	c.networks(nets, d)
	c.builtins(classes)
	if classes.said() {
		out.add(d.at, "")
		out.add(at(d, "client-classes"), "classes:")
		out.put(classes, "  ")
	} else {
		out.put(classes, "")
	}
	c.limits(out)
	out.put(nets, "")
	if len(c.topReservations) > 0 && c.copies == 0 && len(c.errs) == 0 {
		c.ignore(out, at(d, "reservations"), "reservations", "no subnet uses them (reservations-global)")
		for _, r := range c.topReservations {
			c.isMap(&doc{}, r, "reservation")
		}
	}
	return out
}

// interfaces writes those to serve.
func (c *converter) interfaces(out *doc, d *value) {
	ic := d.get("interfaces-config")
	var list []*value
	if ic != nil && c.isMap(out, ic, "interfaces-config") {
		list = c.list(ic, "interfaces")
	}
	if len(list) == 0 {
		if len(c.errs) == 0 {
			c.fail(at(d, "interfaces-config"), "no interfaces are given: Kea would listen on none, xdhcpd wants one")
		}
		return
	}
	out.add(ic.at, "interfaces:")
	seen := map[string]bool{}
	for _, v := range list {
		if v.kind != kString || v.text == "" {
			c.fail(v.at, "the name of an interface is wanted")
			continue
		}
		name, address, has := strings.Cut(v.text, "/")
		switch {
		case name == "*":
			c.star(out, v.at, seen)
			continue
		case seen[v.text] || seen[name] && !has:
			c.fail(v.at, "interface %s is there twice", v.text)
			continue
		case has:
			if a, err := netip.ParseAddr(address); err != nil || !a.Is4() {
				c.fail(v.at, "%q is not an IPv4 address of %s", address, name)
				continue
			}
			if seen[name] {
				c.drop(out, v.at, v.text, "xdhcpd has one address on each interface")
				continue
			}
			out.add(v.at, "  - {name: %s, address: %s}", scalar(name), address)
		default:
			out.add(v.at, "  - %s", scalar(name))
		}
		seen[name], seen[v.text] = true, true
		c.served = append(c.served, name)
	}
}

// star writes the interfaces of this machine.
func (c *converter) star(out *doc, at place, seen map[string]bool) {
	if c.options.Interfaces == nil {
		c.fail(at, "* stands for the interfaces of a machine: name them")
		return
	}
	names, err := c.options.Interfaces()
	if err != nil || len(names) == 0 {
		c.fail(at, "* stands for the interfaces of this machine, and it has none that are up: name them")
		return
	}
	out.add(at, "  # * in Kea's file: the interfaces that this machine has now.")
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			c.served = append(c.served, n)
			out.add(at, "  - %s", scalar(n))
		}
	}
}

// hooks are libraries whose function we have, or not.
var hooks = map[string]string{
	// Their commands change a running server. Ours is changed by its file.
	"lease_cmds": "leases are listed by xdhcpd leases", "stat_cmds": "counters are shown by xdhcpd status",
	"subnet_cmds": "subnets are changed in the file", "class_cmds": "classes are changed in the file",
	"host_cmds": "reservations are changed in the file", "cb_cmds": "there is no database", "mysql_cb": "there is no database",
	"pgsql_cb": "there is no database", "run_script": "no scripts are run", "legal_log": "no forensic log is written",

	"perfmon": "counters are shown by xdhcpd status", "rbac": "there is no control agent",
}

func (c *converter) hooks(out *doc, d *value) {
	for _, h := range c.list(d, "hooks-libraries") {
		if !c.isMap(out, h, "hook") {
			continue
		}
		lib := text(h, "library")
		if lib == "" {
			c.fail(h.at, "library is missing")
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path.Base(lib), "libdhcp_"), ".so")
		switch name {
		case "bootp":
			c.bootp = true
		case "flex_id":
			c.flexIDHook(out, h)
		case "lease_query":
			c.leaseQueryHook(out, h)
		case "limits":
			c.limitsHook = true
		default:
			if why := hooks[name]; why != "" {
				c.ignore(out, h.at, lib, why)
			} else {
				c.drop(out, h.at, lib, "xdhcpd has nothing that does the same")
			}
		}
	}
}

// flexIDs are the expressions that name one thing which reservations go by.
var flexIDs = map[string]identifier{
	"relay4[1]": "circuit-id", "relay4[2]": "remote-id", "relay4[6]": "subscriber-id", "option[61]": "client-id", "pkt4.mac": "mac",
}

func (c *converter) flexIDHook(out *doc, h *value) {
	p := h.get("parameters")
	src := text(p, "identifier-expression")
	if src == "" {
		c.ignore(out, h.at, "flex_id", "it has no identifier-expression")
		return
	}
	e, err := parseExpr(src, true, c.optionCode, c.knownClass)
	if err != nil {
		c.fail(p.get("identifier-expression").at, "%s: character %d: %s", src, err.at+1, err.msg)
		return
	}
	if c.flexID = flexIDs[operandName(e)]; c.flexID != "" {
		return
	}
	s, why := c.bytes(e)
	if why != "" {
		c.drop(out, p.at, "identifier-expression "+src, why)
		return
	}
	c.flexID, c.flexExpr = "flex-id", s
}

// operandName is what an operand looks at, for those that are looked at whole.
func operandName(e *expr) string {
	switch {
	case e.op == "option" && len(e.path) == 1 && e.part == "hex":
		return fmt.Sprintf("option[%d]", e.path[0])
	case e.op == "option" && len(e.path) == 2 && e.path[0] == 82 && e.part == "hex":
		return fmt.Sprintf("relay4[%d]", e.path[1])
	case e.op == "relay4" && e.part == "hex":
		return fmt.Sprintf("relay4[%d]", e.path[0])
	case e.op == "pkt4" && e.part == "mac":
		return "pkt4.mac"
	}
	return ""
}

// keaIdentifiers are Kea's words, in the order that holds without
// host-reservation-identifiers.
var keaIdentifiers = []string{"hw-address", "duid", "circuit-id", "client-id", "flex-id"}

// globals writes what the top level says of the server as a whole.
func (c *converter) globals(out *doc, d *value) {
	if v := d.get("dhcp-ddns"); v != nil && c.isMap(out, v, "dhcp-ddns") {
		c.updates = c.flag(v, "enable-updates", false)
		c.moveNames(d)
	}
	c.global = c.params(out, d, defaults)
	out.add(at(d, "authoritative"), "authoritative: %v", c.global.authoritative)
	out.add(d.at, "silent-reboot: true   # as Kea: no NAK for what it knows nothing of")
	out.add(at(d, "decline-probation-period"), "decline-probation: %s", seconds(max(1, c.u32(d, "decline-probation-period", defaultProbation))))

	c.hookIdentity = c.replaceClientID(d)
	out.add(at(d, "match-client-id"), "identity: %s", c.identity(c.global.matchClientID))
	if c.flexExpr != "" {
		out.add(d.at, "flex-id: %s", quoted(c.flexExpr))
	}
	out.add(d.at, "option-order: [reservation, pool, subnet, shared-network, class, top]   # as Kea's")
	out.add(d.at, "class-options-rank: place")
	out.add(d.at, "without-list: basics")
	out.add(d.at, "subnet-selection: true")
	out.add(d.at, "echo-host-name: true")
	if !c.flag(d, "echo-client-id", true) {
		out.add(at(d, "echo-client-id"), "echo-client-id: false")
	}

	order := keaIdentifiers[:4]
	if v := d.get("host-reservation-identifiers"); v != nil && v.kind == kList {
		order = nil
		for _, el := range v.list {
			if el.kind != kString || !slices.Contains(keaIdentifiers, el.text) {
				c.fail(el.at, "%q is not one of %s", el.text, strings.Join(keaIdentifiers, ", "))
				continue
			}
			order = append(order, el.text)
		}
	}
	var ours []string
	for _, id := range order {
		if o := string(c.identifier(id)); o != "" && !slices.Contains(ours, o) {
			ours = append(ours, o)
		}
	}
	out.add(at(d, "host-reservation-identifiers"), "reservation-order: %s", scalars(ours))
	out.add(at(d, "valid-lifetime"), "lease: %s", c.global.lease())

	for _, f := range []struct {
		key  string
		wait bool // the value that changes something
		why  string
	}{
		{"ip-reservations-unique", false, "an address can be reserved for one client"},
		{"early-global-reservations-lookup", true, "reservations are in subnets"},
	} {
		if c.flag(d, f.key, !f.wait) == f.wait {
			c.drop(out, at(d, f.key), f.key, f.why)
		}
	}
	if v := d.get("compatibility"); v != nil && c.isMap(out, v, "compatibility") {
		for _, f := range [][2]string{
			{"ignore-dhcp-server-identifier", "a REQUEST for another server is not answered"},
			{"ignore-rai-link-selection", "link selection (RFC 3527) counts"},
			{"exclude-first-last-24", "addresses that end in 0 and 255 are in the pools unless they are excluded"},
		} {
			if c.flag(v, f[0], false) {
				c.drop(out, at(v, f[0]), f[0], f[1])
			}
		}
	}
	c.ddns(out, d)
}

// identity is our word for match-client-id.
func (c *converter) identity(matchClientID bool) string {
	switch {
	case c.hookIdentity != "":
		return c.hookIdentity
	case matchClientID:
		return "client-id"
	}
	return "mac"
}

// replaceClientID is the identity that the hook flex_id makes.
func (c *converter) replaceClientID(d *value) string {
	for _, h := range c.list(d, "hooks-libraries") {
		if p := h.get("parameters"); strings.Contains(text(h, "library"), "flex_id") && c.flag(p, "replace-client-id", false) {
			switch c.flexID {
			case "circuit-id", "remote-id", "mac":
				return string(c.flexID)
			}
		}
	}
	return ""
}

// identifier is our word for one of Kea's.
func (c *converter) identifier(kea string) identifier {
	switch kea {
	case "hw-address":
		return "mac"
	case "circuit-id", "client-id", "duid":
		return identifier(kea)
	case "flex-id":
		return c.flexID
	}
	return ""
}

// params reads what is inherited.
func (c *converter) params(out *doc, v *value, p params) params {
	p.valid = c.u32(v, "valid-lifetime", p.valid)
	p.min, p.max = c.u32(v, "min-valid-lifetime", p.min), c.u32(v, "max-valid-lifetime", p.max)
	if low, high := p.bounds(); low > p.valid || high < p.valid {
		c.fail(at(v, "valid-lifetime"), "valid-lifetime (%d) is not between min-valid-lifetime (%d) and max-valid-lifetime (%d)", p.valid, low, high)
	}
	p.renew, p.rebind = c.u32(v, "renew-timer", p.renew), c.u32(v, "rebind-timer", p.rebind)
	p.calculate = c.flag(v, "calculate-tee-times", p.calculate)
	p.t1, p.t2 = c.percent(v, "t1-percent", p.t1), c.percent(v, "t2-percent", p.t2)
	if p.calculate && p.t1 >= p.t2 {
		c.fail(at(v, "t1-percent"), "t1-percent %v is not less than t2-percent %v", p.t1, p.t2)
	}
	if n := v.get("next-server"); n != nil && n.kind == kString {
		p.nextServer = c.address(n)
	}
	p.serverName = c.fixed(v, "server-hostname", maxName, p.serverName)
	p.bootFile = c.fixed(v, "boot-file-name", maxFile, p.bootFile)
	p.authoritative = c.flag(v, "authoritative", p.authoritative)
	p.matchClientID = c.flag(v, "match-client-id", p.matchClientID)
	p.inSubnet = c.flag(v, "reservations-in-subnet", p.inSubnet)
	p.globalR = c.flag(v, "reservations-global", p.globalR)
	switch mode := text(v, "reservation-mode"); mode {
	case "":
	case "all", "out-of-pool":
		p.inSubnet, p.globalR = true, false
	case "global":
		p.inSubnet, p.globalR = false, true
	case "disabled":
		p.inSubnet, p.globalR = false, false
	default:
		c.fail(at(v, "reservation-mode"), "%q is not one of disabled, out-of-pool, global, all", mode)
	}
	for _, f := range [][2]string{
		{"cache-threshold", "every renewal extends the lease"},
		{"cache-max-age", "every renewal extends the lease"},
	} {
		if n := v.get(f[0]); n != nil && n.text != "" && n.text != "0" {
			c.drop(out, n.at, f[0], f[1])
		}
	}
	p.names = c.names(out, v, p.names)
	if c.u32(v, "offer-lifetime", 0) > 0 {
		c.ignore(out, at(v, "offer-lifetime"), "offer-lifetime", "an offered address is always held for its client, for offer-hold")
	}
	return p
}

func (c *converter) percent(v *value, key string, def float64) float64 {
	n := v.get(key)
	if n == nil {
		return def
	}
	var f float64
	if _, err := fmt.Sscan(n.text, &f); err != nil || f <= 0 || f >= 1 {
		c.fail(n.at, "%s is %s, not between 0 and 1", key, n.text)
		return def
	}
	return f
}

// bounds are what a client may ask for.
func (p params) bounds() (low, high uint32) { return cmp.Or(p.min, p.valid), cmp.Or(p.max, p.valid) }

// address reads an IPv4 address; 0.0.0.0 is none.
func (c *converter) address(v *value) string {
	a, err := netip.ParseAddr(v.text)
	switch {
	case v.text == "":
		return ""
	case err != nil || !a.Is4():
		c.fail(v.at, "%q is not an IPv4 address", v.text)
		return ""
	case a.IsUnspecified():
		return ""
	}
	return a.String()
}

// fixed reads text for a field of fixed length.
func (c *converter) fixed(v *value, key string, most int, def string) string {
	s := v.get(key)
	if s == nil || s.kind != kString {
		return def
	}
	if len(s.text) > most {
		c.fail(s.at, "%s has %d bytes; the field holds %d", key, len(s.text), most)
	}
	return s.text
}

// lease writes the times. Timers that do not come before the lease's end are not
// sent by Kea.
func (p params) lease() string {
	s := "{valid: " + seconds(p.valid)
	renew, rebind := p.renew, p.rebind
	if p.calculate && (p.t1 != defaults.t1 || p.t2 != defaults.t2) {
		if renew == 0 {
			renew = uint32(p.t1*float64(p.valid) + 0.5)
		}
		if rebind == 0 {
			rebind = uint32(p.t2*float64(p.valid) + 0.5)
		}
	}
	ceiling := p.valid
	if p.valid != 1<<32-1 {
		if rebind > 0 && rebind < ceiling {
			ceiling = rebind
		} else {
			rebind = 0
		}
		if renew > 0 && renew < ceiling {
			s += ", renew: " + seconds(renew)
		}
		if rebind > 0 {
			s += ", rebind: " + seconds(rebind)
		}
	}
	if !p.calculate {
		s += ", default-timers: false"
	}
	low, high := p.bounds()
	return s + ", min: " + seconds(low) + ", max: " + seconds(high) + "}"
}
