// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// params6 are what a subnet has from the shared network and the top level where
// it says nothing itself.
type params6 struct {
	preferred, valid  uint32
	renew, rebind     uint32
	calculate         bool
	t1, t2            float64
	allocator         string
	rapid             bool
	inSubnet, globalR bool
}

// defaults6 are Kea's.
var defaults6 = params6{
	preferred: 3600, valid: 7200, calculate: true, t1: 0.5, t2: 0.8, allocator: "iterative", inSubnet: true,
}

// file6 converts the object Dhcp6.
func (c *converter) file6(d *value) *doc {
	out, head := &doc{}, &doc{}
	if !c.isMap(head, d, c.f.top) {
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
	unicast := c.interfaces6(out, d)
	for _, h := range c.list(d, "hooks-libraries") {
		c.hook6(out, h)
	}
	c.definitions(out, d, c.defs)

	c.ddns6(out, d)
	out.add(d.at, "")
	out.add(d.at, "dhcpv6:")
	top := &doc{}
	c.globals6(top, d, unicast)
	c.options1(top, c.place(c.options6(top, d, c.defs, "the top level")), "")
	out.put(top, "  ")
	c.placed = nil // what is at the top level comes after classes in Kea too

	c.topReservations = c.list(d, "reservations")
	classes, nets := &doc{}, &doc{}
	if v := d.get("client-classes"); v != nil {
		for _, el := range v.list {
			one := &doc{}
			if c.isMap(one, el, c.f.class) {
				c.class6(one, el)
			}
			if one.said() {
				classes.item(one, "")
			} else {
				classes.put(one, "")
			}
		}
	}
	c.networks6(nets, d)
	c.builtins(classes)
	if classes.said() {
		out.add(d.at, "")
		out.add(at(d, "client-classes"), "classes:")
		out.put(classes, "  ")
	} else {
		out.put(classes, "")
	}
	out.put(nets, "")
	if v := d.get("reservations"); v != nil && len(v.list) > 0 && c.copies == 0 && len(c.errs) == 0 {
		c.ignore(out, v.at, "reservations", "no subnet uses them (reservations-global)")
		for _, r := range v.list {
			c.isMap(&doc{}, r, "reservation6")
		}
	}
	return out
}

// interfaces6 writes those to serve; it reports whether messages to addresses of
// ours are taken.
func (c *converter) interfaces6(out *doc, d *value) (unicast bool) {
	ic := d.get("interfaces-config")
	var list []*value
	if ic != nil && c.isMap(out, ic, "interfaces-config") {
		list = c.list(ic, "interfaces")
	}
	if len(list) == 0 {
		if len(c.errs) == 0 {
			c.fail(at(d, "interfaces-config"), "no interfaces are given: Kea would listen on none, xdhcpd wants one")
		}
		return false
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
		case seen[v.text]:
			c.fail(v.at, "interface %s is there twice", v.text)
			continue
		case has:
			if a, err := netip.ParseAddr(address); err != nil || !a.Is6() {
				c.fail(v.at, "%q is not an IPv6 address of %s", address, name)
				continue
			}
			unicast = true
		}
		if !seen[name] {
			out.add(v.at, "  - %s", scalar(name))
			c.served = append(c.served, name)
		}
		seen[name], seen[v.text] = true, true
	}
	return unicast
}

func (c *converter) hook6(out *doc, h *value) {
	if !c.isMap(out, h, "hook") {
		return
	}
	lib := text(h, "library")
	if lib == "" {
		c.fail(h.at, "library is missing")
		return
	}
	name := strings.TrimSuffix(strings.TrimPrefix(path.Base(lib), "libdhcp_"), ".so")
	switch {
	case name == "flex_id":
		p := h.get("parameters")
		src := text(p, "identifier-expression")
		if src == "" {
			c.ignore(out, h.at, "flex_id", "it has no identifier-expression")
			return
		}
		e, err := parseExprOf(true, src, true, c.optionCode, c.knownClass)
		if err != nil {
			c.fail(p.get("identifier-expression").at, "%s: character %d: %s", src, err.at+1, err.msg)
			return
		}
		c.flexID = map[string]identifier{"client-id": "duid", "interface-id": "interface-id", "subscriber-id": "subscriber-id"}[matchKey6(e)]
		if c.flexID == "" {
			c.drop(out, p.at, "identifier-expression "+src, "reservations go by duid, mac, interface-id, remote-id or subscriber-id of the relay agent next to the client (relay6[-1])")
		}
	case hooks[name] != "":
		c.ignore(out, h.at, lib, hooks[name])
	default:
		c.drop(out, h.at, lib, "xdhcpd has nothing that does the same")
	}
}

// globals6 writes what the top level says of the server as a whole.
func (c *converter) globals6(out *doc, d *value, unicast bool) {
	c.global6 = c.params6(out, d, defaults6)
	if id := d.get("server-id"); id != nil && c.isMap(out, id, "server-id") {
		c.serverID(out, id)
	}
	if unicast {
		out.add(at(d, "interfaces-config"), "unicast: answer")
	}
	out.add(at(d, "decline-probation-period"), "decline-probation: %s", seconds(max(1, c.u32(d, "decline-probation-period", defaultProbation))))
	order := c.f.identifiers
	if v := d.get("host-reservation-identifiers"); v != nil && v.kind == kList {
		order = nil
		for _, el := range v.list {
			if el.kind != kString || !slices.Contains(c.f.identifiers, el.text) {
				c.fail(el.at, "%q is not one of %s", el.text, strings.Join(c.f.identifiers, ", "))
				continue
			}
			order = append(order, el.text)
		}
	}
	var ours []string
	for _, id := range order {
		if o := string(c.identifier6(id)); o != "" && !slices.Contains(ours, o) {
			ours = append(ours, o)
		}
	}
	out.add(at(d, "host-reservation-identifiers"), "reservation-order: %s", scalars(ours))
	out.add(at(d, "valid-lifetime"), "lease: %s", c.global6.lease())
	if v := d.get("relay-supplied-options"); v != nil {
		var names []string
		for _, el := range v.list {
			name := el.text
			if def := c.defs.find(space6, name, 0); def == nil && !isDigits(name) {
				c.fail(el.at, "option %s is not defined in space dhcp6", name)
				continue
			}
			names = append(names, name)
		}
		out.add(v.at, "relay-options: %s", scalars(names))
	}
	for _, f := range []struct {
		key  string
		wait bool
		why  string
	}{
		{"ip-reservations-unique", false, "an address can be reserved for one client"},
		{"early-global-reservations-lookup", true, "reservations are in subnets"},
	} {
		if c.flag(d, f.key, !f.wait) == f.wait {
			c.drop(out, at(d, f.key), f.key, f.why)
		}
	}
	if v := d.get("compatibility"); v != nil {
		c.isMap(out, v, "compatibility")
	}
}

// serverID writes the DUID, where the file says all of it.
func (c *converter) serverID(out *doc, id *value) {
	var b []byte
	raw, err := rawHex(text(id, "identifier"))
	if err != nil {
		c.fail(at(id, "identifier"), "identifier: %v", err)
		return
	}
	htype := max(1, c.u32(id, "htype", 1))
	switch typ := text(id, "type"); typ {
	case "LLT":
		if stamp := c.u32(id, "time", 0); len(raw) > 0 && stamp != 0 {
			b = binary.BigEndian.AppendUint16([]byte{0, 1}, uint16(htype))
			b = binary.BigEndian.AppendUint32(b, stamp)
		}
	case "EN":
		if n := c.u32(id, "enterprise-id", 0); len(raw) > 0 && n != 0 {
			b = binary.BigEndian.AppendUint32([]byte{0, 2}, n)
		}
	case "LL":
		if len(raw) > 0 {
			b = binary.BigEndian.AppendUint16([]byte{0, 3}, uint16(htype))
		}
	default:
		c.fail(at(id, "type"), "%q is not one of LLT, EN, LL", typ)
		return
	}
	if b == nil {
		c.ignore(out, id.at, "server-id", "what it does not say is made at the first start, and kept in the state directory")
		return
	}
	out.add(id.at, "duid: %s", quoted(strings.TrimPrefix(hexText(append(b, raw...)), "hex:")))
}

func (c *converter) identifier6(kea string) identifier {
	switch kea {
	case "hw-address":
		return "mac"
	case "duid":
		return "duid"
	}
	return c.flexID
}

// params6 reads what is inherited.
func (c *converter) params6(out *doc, v *value, p params6) params6 {
	p.valid, p.preferred = c.u32(v, "valid-lifetime", p.valid), c.u32(v, "preferred-lifetime", p.preferred)
	for _, key := range []string{"min-valid-lifetime", "max-valid-lifetime", "min-preferred-lifetime", "max-preferred-lifetime"} {
		is := p.valid
		if strings.Contains(key, "preferred") {
			is = p.preferred
		}
		bound := c.u32(v, key, is)
		if strings.HasPrefix(key, "min") && bound > is || strings.HasPrefix(key, "max") && bound < is {
			c.fail(at(v, key), "%s is %d, on the wrong side of the lifetime, %d", key, bound, is)
		} else if bound != is {
			c.drop(out, at(v, key), key, "what clients wish for does not count (RFC 8415 §21.6)")
		}
	}
	p.renew, p.rebind = c.u32(v, "renew-timer", p.renew), c.u32(v, "rebind-timer", p.rebind)
	p.calculate = c.flag(v, "calculate-tee-times", p.calculate)
	p.t1, p.t2 = c.percent(v, "t1-percent", p.t1), c.percent(v, "t2-percent", p.t2)
	if p.calculate && p.t1 >= p.t2 {
		c.fail(at(v, "t1-percent"), "t1-percent %v is not less than t2-percent %v", p.t1, p.t2)
	}
	if a := text(v, "allocator"); a != "" {
		switch a {
		case "iterative", "random":
		case "flq":
			c.ignore(out, at(v, "allocator"), "allocator", "free addresses are found without a queue of them")
			a = "random"
		default:
			c.fail(at(v, "allocator"), "%q is not one of iterative, random, flq", a)
		}
		p.allocator = a
	}
	p.rapid = c.flag(v, "rapid-commit", p.rapid)
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
	if v.get("interfaces-config") == nil {
		c.sameNames6(out, v)
	}
	for _, f := range [][2]string{
		{"cache-threshold", "every renewal extends the lease"}, {"cache-max-age", "every renewal extends the lease"},
		{"hostname-char-set", "host names are not changed"},
	} {
		if n := v.get(f[0]); n != nil && n.text != "" && n.text != "0" {
			c.drop(out, n.at, f[0], f[1])
		}
	}
	return p
}

// lease writes the times. Without timers Kea makes them of the preferred lifetime
// as we do, or leaves them to the client.
func (p params6) lease() string {
	preferred := min(p.preferred, p.valid)
	s := "{preferred: " + seconds(preferred) + ", valid: " + seconds(p.valid)
	if preferred == 1<<32-1 {
		return s + "}"
	}
	renew, rebind := p.renew, p.rebind
	if p.calculate {
		if renew == 0 && p.t1 != defaults6.t1 {
			renew = uint32(p.t1*float64(preferred) + 0.5)
		}
		if rebind == 0 && p.t2 != defaults6.t2 {
			rebind = uint32(p.t2*float64(preferred) + 0.5)
		}
	} else if renew == 0 && rebind == 0 {
		return s + ", client-timers: true}"
	}
	rebind = min(rebind, preferred)
	if ceiling := cmpOr(rebind, preferred); renew > ceiling {
		renew = ceiling
	}
	if renew > 0 {
		s += ", renew: " + seconds(renew)
	}
	if rebind > 0 {
		s += ", rebind: " + seconds(rebind)
	}
	return s + "}"
}

func cmpOr(a, b uint32) uint32 {
	if a != 0 {
		return a
	}
	return b
}

func (c *converter) class6(out *doc, v *value) {
	name := text(v, "name")
	if name == "" {
		c.fail(v.at, "name of the class is missing")
		return
	}
	if c.classes[name] {
		c.fail(at(v, "name"), "there is a class %s already", name)
		return
	}
	var e *expr
	if t := v.get("test"); t != nil {
		var err *exprError
		if e, err = parseExprOf(true, t.text, false, c.optionCode, c.knownClass); err != nil {
			c.fail(t.at, "class %s: %s: character %d: %s", name, t.text, err.at+1, err.msg)
		}
	}
	defs := &optDefs{under: c.defs}
	c.definitions(out, v, defs)
	lines := c.options6(out, v, defs, "the class")
	p := c.params6(out, v, c.global6)
	c.classes[name] = true
	if len(c.errs) > 0 {
		return
	}
	what := "class " + name
	body := &doc{}
	body.add(v.at, "name: %s", scalar(name))
	switch {
	case v.get("template-test") != nil:
		c.drop(out, at(v, "template-test"), what, "classes are made by the configuration only, not by what clients send: nobody is in it")
	case c.flag(v, "only-if-required", false) || c.flag(v, "only-in-additional-list", false):
		c.drop(out, v.at, what, "classes do not depend on the subnet or pool that was chosen: nobody is in it")
	case e != nil:
		m, why := c.match6(e)
		if why != "" {
			c.drop(out, at(v, "test"), what+", test "+text(v, "test"), why+": nobody is in it")
		} else {
			body.add(at(v, "test"), "match: %s", m)
		}
	}
	if name == "DROP" {
		body.add(v.at, "drop: true")
	}
	for _, l := range lines {
		c.classCodes = append(c.classCodes, classCode{class: name, option: l.key, code: l.code, at: l.at})
	}
	times := v.get("valid-lifetime") != nil || v.get("preferred-lifetime") != nil
	if times || len(lines) > 0 {
		body.add(v.at, "dhcpv6:")
		if times {
			body.add(v.at, "  lease: %s", p.lease())
		}
		c.options1(body, lines, "  ")
	}
	out.put(body, "")
}

// options6 reads option-data of DHCPv6.
func (c *converter) options6(out *doc, v *value, defs *optDefs, level string) []optionLine {
	all, _ := c.given(out, v, defs, level)
	var lines []optionLine
	vendors := map[string]*optionLine{} // by space
	var order []string
	for _, d := range all {
		if d.space != space6 || d.code < 0 {
			continue
		}
		if d.code == 17 && len(d.bytes) == 4 { // its options are in a space of their own
			space := fmt.Sprintf("vendor-%d", binary.BigEndian.Uint32(d.bytes))
			if vendors[space] == nil {
				order = append(order, space)
			}
			vendors[space] = &optionLine{code: 17, key: "vendor-opts", always: d.always, at: d.at}
			continue
		}
		if sub := encapsulated(all, d.def, 0); sub != nil {
			d.values, d.bytes = nil, append(d.bytes, sub...)
		}
		if d.code == 7 && level == "the top level" && len(d.bytes) == 1 {
			out.add(d.at, "preference: %d", d.bytes[0])
			continue
		}
		if l, ok := c.option6(out, d); ok {
			lines = append(lines, l)
		}
	}
	for _, d := range all {
		if d.code < 0 || d.used || !strings.HasPrefix(d.space, "vendor-") || !isDigits(d.space[len("vendor-"):]) {
			continue
		}
		if vendors[d.space] == nil {
			vendors[d.space] = &optionLine{code: 17, key: "vendor-opts", always: d.always, at: d.at}
			order = append(order, d.space)
		}
	}
	if l, ok := c.vendorOpts(out, all, vendors, order); ok {
		lines = append(lines, l)
	}
	for _, d := range all {
		if d.space != space6 && !d.used && d.code >= 0 {
			c.ignore(out, d.at, fmt.Sprintf("option %d of space %s", d.code, d.space), "no option of "+level+" encapsulates that space")
		}
	}
	return lines
}

// option6 writes one option that is no enterprise's.
func (c *converter) option6(out *doc, d *data) (optionLine, bool) {
	l := optionLine{code: d.code, always: d.always, at: d.at}
	def, what := c.named6(&l)
	switch why := refused6(d.code); {
	case why != "":
		c.drop(out, d.at, what, "it "+why)
		return l, false
	case len(d.bytes) == 0 && (d.def == nil || d.def.typ != "empty"):
		c.drop(out, d.at, what, "it is empty")
		return l, false
	case len(d.bytes) == 0 && d.def.encapsulates != "":
		c.ignore(out, d.at, what, "it has no options in it here")
		return l, false
	}
	l.value = c.natural(def, d, d.bytes)
	return l, true
}

// vendorOpts writes the options of enterprises as one list.
func (c *converter) vendorOpts(out *doc, all []*data, vendors map[string]*optionLine, order []string) (optionLine, bool) {
	var line optionLine
	var parts []string
	for _, space := range order {
		body := encapsulated(all, &optDef{encapsulates: space, wide: true}, 0)
		l := vendors[space]
		if len(body) == 0 {
			c.ignore(out, l.at, "option 17 of "+space, "it has no options in it here")
			continue
		}
		if parts == nil {
			line = *l
		}
		line.always = line.always || l.always
		parts = append(parts, fmt.Sprintf("{enterprise: %s, options: %s}", space[len("vendor-"):], quoted(hexText(body))))
	}
	line.value = "[" + strings.Join(parts, ", ") + "]"
	return line, parts != nil
}
