// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxCopies bounds how many reservations of the top level are written, over all
// subnets.
const maxCopies = 200_000

var tooManyCopies = fmt.Sprintf("xdhcpd has reservations in subnets, and there are more than %d of the top level for all of them", maxCopies)

// reservations writes those of a subnet, one line each, and behind them those of
// the top level, which Kea looks for when the subnet has none for the client.
func (c *converter) reservations(out *doc, v *value, prefix netip.Prefix, p params) {
	addrs, clients := map[netip.Addr]place{}, map[string]place{}
	c.reservationList(out, v, "reservation", p.inSubnet, p.globalR,
		func(one *doc, r *value) { c.reservation(one, r, prefix, addrs, clients) },
		func(write func(*value)) { c.globalReservations(out, prefix, clients, addrs, write) })
}

// reservationList writes the reservations of a subnet with convert, and behind them
// those of the top level that global chooses, if they count.
func (c *converter) reservationList(out *doc, v *value, what string, inSubnet, globalToo bool,
	convert func(one *doc, r *value), global func(write func(*value))) {
	list := c.list(v, "reservations")
	if len(list) > 0 && !inSubnet {
		c.ignore(out, at(v, "reservations"), "reservations", "Kea does not use them here (reservations-in-subnet)")
		list = nil
	}
	all := &doc{}
	write := func(r *value) {
		one := &doc{}
		if c.isMap(one, r, what) {
			convert(one, r)
		}
		if one.said() {
			all.item(one, "  ")
		} else {
			all.put(one, "  ")
		}
	}
	for _, r := range list {
		write(r)
	}
	if globalToo && len(c.topReservations) > 0 {
		if c.copies += len(c.topReservations); c.copies > maxCopies {
			c.drop(out, at(v, "reservations-global"), "reservations-global", tooManyCopies)
		} else {
			global(write)
		}
	}
	if all.said() {
		out.add(at(v, "reservations"), "reservations:")
	}
	out.put(all, "")
}

// globalReservations writes those of the top level that count in a subnet: for
// clients that it has none for, and whose address, if there is one, is in it.
func (c *converter) globalReservations(out *doc, prefix netip.Prefix, clients map[string]place, addrs map[netip.Addr]place, write func(*value)) {
	for _, r := range c.topReservations {
		own := false
		for _, k := range keaIdentifiers {
			if id := r.get(k); id != nil {
				b, err := rawHex(id.text)
				_, own = clients[k+string(b)]
				own = own && err == nil
				break
			}
		}
		a, err := netip.ParseAddr(text(r, "ip-address"))
		_, taken := addrs[a]
		switch {
		case own:
		case err == nil && !prefix.Contains(a):
			c.drop(out, r.at, "reservation of "+a.String(), "here it is another network's address; Kea gives it all the same")
		case err == nil && taken:
			c.drop(out, r.at, "reservation of "+a.String(), "the subnet reserves the address for another client")
		default:
			write(r)
		}
	}
}

func (c *converter) reservation(out *doc, r *value, prefix netip.Prefix, addrs map[netip.Addr]place, clients map[string]place) {
	var kind string
	var id *value
	for _, k := range keaIdentifiers {
		v := r.get(k)
		if v == nil {
			continue
		}
		if id != nil {
			c.fail(v.at, "%s and %s are given; a reservation has one identifier", kind, k)
			return
		}
		kind, id = k, v
	}
	if id == nil {
		c.fail(r.at, "an identifier is missing: one of %s", strings.Join(keaIdentifiers, ", "))
		return
	}
	bytes, err := rawHex(id.text)
	switch {
	case err != nil:
		c.fail(id.at, "%s: %v", kind, err)
		return
	case len(bytes) == 0:
		c.fail(id.at, "%s is empty", kind)
		return
	case kind == "hw-address" && len(bytes) > 20:
		c.fail(id.at, "a hardware address has 20 octets at most")
		return
	}
	key := kind + string(bytes)
	if first, twice := clients[key]; twice {
		c.fail(id.at, "%s %s has a reservation already, in %s", kind, id.text, where(first))
		return
	}
	clients[key] = id.at

	var parts []string
	add := func(key, value string) { parts = append(parts, key+": "+value) }
	something := false
	var addr netip.Addr
	if v := r.get("ip-address"); v != nil {
		a, err := netip.ParseAddr(v.text)
		if err != nil || !a.Is4() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			c.fail(v.at, "%q is not an IPv4 address that can be reserved", v.text)
			return
		}
		if !prefix.Contains(a) {
			c.fail(v.at, "the reserved address %s is not in the subnet %s", a, prefix)
			return
		}
		if first, twice := addrs[a]; twice {
			c.fail(v.at, "the address %s is reserved already, in %s", a, where(first))
			return
		}
		addrs[a] = v.at
		addr, something = a, true
		add("address", a.String())
	}
	notes := &doc{}
	if h := text(r, "hostname"); h != "" {
		something = true
		if !readable(h) || strings.Contains(h, " ") || len(h) > 255 {
			c.drop(notes, at(r, "hostname"), "hostname "+h, "it is not a host name")
		} else {
			add("hostname", scalar(h))
		}
	}
	lines := c.options4(notes, r, c.defs, "the reservation")
	if len(parts) > 0 && strings.HasPrefix(parts[len(parts)-1], "hostname: ") {
		for _, l := range lines {
			if l.code == 12 {
				c.drop(notes, at(r, "hostname"), "hostname", "option host-name is given too")
				parts = parts[:len(parts)-1]
			}
		}
	}
	if len(lines) > 0 {
		parts = append(parts, flow(lines))
	}
	something = something || len(c.list(r, "option-data")) > 0
	var classes []string
	for _, el := range c.list(r, "client-classes") {
		switch {
		case c.classes[el.text]:
			classes = append(classes, el.text)
			something = true
		default:
			c.drop(notes, el.at, "client-class "+el.text, "there is no class of that name in client-classes")
			something = true
		}
	}
	if classes != nil {
		add("classes", scalars(classes))
	}
	if v := r.get("next-server"); v != nil {
		if a := c.address(v); a != "" {
			add("next-server", a)
			something = true
		}
	}
	if s := c.fixed(r, "server-hostname", maxName, ""); s != "" {
		add("server-name", scalar(s))
		something = true
	}
	if s := c.fixed(r, "boot-file-name", maxFile, ""); s != "" {
		add("boot-file", scalar(s))
		something = true
	}
	if !something {
		c.fail(r.at, "the reservation reserves nothing: an address, a host name, options or classes are wanted")
		return
	}
	out.put(notes, "")
	c.identified(out, r, id, kind, bytes, addr, prefix, parts)
}

// identified writes a reservation whose identifier we have a word for.
func (c *converter) identified(out *doc, r, id *value, kind string, bytes []byte, addr netip.Addr, prefix netip.Prefix, parts []string) {
	what := fmt.Sprintf("reservation for %s %s", kind, id.text)
	ours := c.identifier(kind)
	switch {
	case ours == "":
		c.drop(out, r.at, what, "the hook flex_id is not there, or its identifier-expression is not carried")
		return
	case len(parts) == 0:
		return // all of it was noted
	case addr.IsValid() && prefix.Bits() < 31 && (num(addr) == num(prefix.Addr()) || num(addr) == lastOf(prefix)):
		c.drop(out, r.at, what, addr.String()+" is the address of the network, or for broadcasts")
		return
	}
	value := octets(bytes)
	if ours == "mac" {
		if len(bytes) != 6 || bytes[0]&1 != 0 || string(bytes) == "\x00\x00\x00\x00\x00\x00" {
			c.drop(out, r.at, what, "it is not the MAC address of one device")
			return
		}
		value = `"` + strings.TrimPrefix(hexText(bytes), "hex:") + `"`
	} else if len(bytes) > 255 {
		c.drop(out, r.at, what, "it is longer than an option")
		return
	}
	out.add(r.at, "{%s: %s, %s}", ours, value, strings.Join(parts, ", "))
}
