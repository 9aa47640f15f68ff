// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"

	"xdhcp/internal/option"
)

var reservationKeys = keySet{
	known: []string{
		"mac", "client-id", "circuit-id", "remote-id", "subscriber-id", "duid", "flex-id", "address", "hostname", "options", "always-send", "class-options", "never-send",
		"classes", "next-server", "server-name", "boot-file",
	},
	later: []string{"lease"},
	others: map[string]string{
		"hw-address": "mac", "hwaddr": "mac", "hardware": "mac", "ethernet": "mac", "hardware-ethernet": "mac",
		"ip": "address", "ip-address": "address", "ipv4": "address", "fixed-address": "address",
		"client-classes": "classes", "boot-file-name": "boot-file", "server-hostname": "server-name",
		"name": "hostname", "host": "hostname", "host-name": "hostname", "option-data": "options",
	},
}

var hostNameDef, _ = option.ByCode(option.DHCP4, 12)

func (c *checker) reservations(p *path, n *node, subnet netip.Prefix, at Place) []Reservation {
	items := c.items(p, n)
	out := make([]Reservation, 0, len(items))
	macs := make(map[[6]byte]int32, len(items))
	others := map[string]int32{} // by more than the MAC address
	addrs := make(map[netip.Addr]int32, len(items))
	for i, el := range items {
		p := path{up: p, index: i}
		if n.kind != listNode {
			p = *p.up
		}
		if !c.isMap(&p, el, &reservationKeys) {
			continue
		}
		r := Reservation{At: el.place}
		c.identifiers(&p, el, &r)
		switch {
		case r.identified():
			key := r.key()
			if first, twice := others[key]; twice {
				c.fail(&p, el, "the client has a reservation already, in %s", line(items[first].place))
			} else {
				others[key] = int32(i)
			}
		case r.MAC != [6]byte{}:
			if first, twice := macs[r.MAC]; twice {
				v := el.get("mac")
				c.fail(p.at("mac"), v, "%s has a reservation already, in %s", v.text, line(items[first].get("mac").place))
			} else {
				macs[r.MAC] = int32(i)
			}
		}
		if v := el.get("address"); v != nil {
			if a, ok := c.reservedAddr(&p, v, subnet, at); ok {
				r.Address = a
				if first, twice := addrs[a]; twice {
					at := items[first]
					c.fail(p.at("address"), v, "%s is reserved already, in %s", a, line(at.get("address").place))
				} else {
					addrs[a] = int32(i)
				}
			}
		} else if !reserves(el) {
			c.fail(p.at("address"), el, "is missing: what is reserved?")
		}
		if v := el.get("options"); v != nil {
			r.Options = c.options(p.at("options"), v)
		}
		r.Options = c.moreOptions(&p, el, r.Options)
		if v := el.get("classes"); v != nil {
			r.Classes = c.classList(p.at("classes"), v)
		}
		r.NextServer, r.ServerName, r.BootFile = c.boot(&p, el)
		if v := el.get("hostname"); v != nil {
			c.hostname(p.at("hostname"), v, &r)
		}
		out = append(out, r)
	}
	return out
}

// reserves says whether a reservation without an address has anything else.
func reserves(n *node) bool {
	for _, key := range []string{"hostname", "options", "class-options", "never-send", "classes", "next-server", "server-name", "boot-file"} {
		if n.get(key) != nil {
			return true
		}
	}
	return false
}

// identifiers takes what the client is known by.
func (c *checker) identifiers(p *path, n *node, r *Reservation) {
	none := true
	for i := range n.pairs {
		v := n.pairs[i].value
		switch key := n.pairs[i].key.text; key {
		case "mac":
			r.MAC, _ = c.mac(p, v)
		case "client-id":
			r.ClientID = c.octets(p.at(key), v)
		case "circuit-id":
			r.CircuitID = c.octets(p.at(key), v)
		case "remote-id":
			r.RemoteID = c.octets(p.at(key), v)
		case "subscriber-id":
			r.SubscriberID = c.octets(p.at(key), v)
		case "duid":
			r.DUID = c.octets(p.at(key), v)
		case "flex-id":
			if r.FlexID = c.octets(p.at(key), v); !c.hasFlexID {
				c.fail(p.at(key), v, "needs the expression flex-id at the top level: whose value is it?")
			}
		default:
			continue
		}
		none = false
	}
	if none {
		c.fail(p.at("mac"), n, "is missing: whose reservation is it?")
	}
}

// identified says whether a reservation goes by more than the MAC address.
func (r *Reservation) identified() bool {
	return r.ClientID != nil || r.CircuitID != nil || r.RemoteID != nil || r.SubscriberID != nil || r.DUID != nil || r.FlexID != nil
}

// key is the identifiers together.
func (r *Reservation) key() string {
	b := append([]byte(nil), r.MAC[:]...)
	for _, id := range [][]byte{r.ClientID, r.CircuitID, r.RemoteID, r.SubscriberID, r.DUID, r.FlexID} {
		b = append(append(b, byte(len(id))), id...)
	}
	return string(b)
}

func (c *checker) reservedAddr(p *path, n *node, subnet netip.Prefix, at Place) (netip.Addr, bool) {
	s, ok := c.scalar(p.at("address"), n, "an IPv4 address")
	if !ok {
		return netip.Addr{}, false
	}
	a, msg := parseAddr4(s)
	switch {
	case msg != "":
	case !subnet.Contains(a):
		msg = fmt.Sprintf("%s is not in %s, the subnet in %s", a, subnet, line(at))
	default:
		if what := edge(a, subnet); what != "" {
			msg = fmt.Sprintf("%s is the %s address of %s", a, what, subnet)
		}
	}
	if msg != "" {
		c.fail(p.at("address"), n, "%s", msg)
		return netip.Addr{}, false
	}
	return a, true
}

// hostname sets option 12, unless the reservation has it among its options.
func (c *checker) hostname(p *path, n *node, r *Reservation) {
	s := c.short(p, n, 255)
	if s == "" {
		return
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			c.fail(p, n, "%q is not a host name: it has a space or another character in it that none has", s)
			return
		}
	}
	for _, o := range r.Options {
		if o.Code == 12 && o.Class == "" {
			c.fail(p, n, "is given already as option host-name, in %s", line(o.At))
			return
		}
	}
	r.Hostname = s
	r.Options = append(r.Options, Option{Code: 12, Name: hostNameDef.Name, Data: []byte(s), At: n.place})
}

// mac takes six octets as 02:00:00:00:00:01, 02-00-00-00-00-01 or 0200.0000.0001.
func (c *checker) mac(p *path, n *node) (mac [6]byte, ok bool) {
	s, ok := c.scalar(p.at("mac"), n, "a MAC address")
	if !ok {
		return mac, false
	}
	if mac, ok = parseMAC(s); !ok {
		c.fail(p.at("mac"), n, "%q is not a MAC address such as 02:00:00:00:00:01", s)
		return mac, false
	}
	if mac == [6]byte{} || mac[0]&1 != 0 {
		c.fail(p.at("mac"), n, "%s is not the address of one device", s)
		return mac, false
	}
	return mac, true
}

func parseMAC(s string) (mac [6]byte, ok bool) {
	n := 0 // digits seen
	for i := 0; i < len(s); i++ {
		var d byte
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		case (c == ':' || c == '-') && len(s) == 17 && i%3 == 2 && c == s[2]:
			continue
		case c == '.' && len(s) == 14 && i%5 == 4:
			continue
		default:
			return mac, false
		}
		if n == 12 {
			return mac, false
		}
		mac[n/2] = mac[n/2]<<4 | d
		n++
	}
	return mac, n == 12 && (len(s) == 17 || len(s) == 14 || len(s) == 12)
}
