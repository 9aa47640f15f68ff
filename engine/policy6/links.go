// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"slices"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// addLinks fills what Select looks at.
func (b *builder) addLinks() {
	p := b.p
	pinned := map[uint64]int32{}
	pin := func(where string, links []policy.LinkSpec, subnet int32) {
		for _, l := range links {
			port, ok := b.ports[l.Port]
			switch {
			case !ok:
				b.fail("%s: interface %s is not served", where, l.Port)
				continue
			case l.Outer > 4094 || l.Inner > 4094 || l.Inner != 0 && l.Outer == 0:
				b.fail("%s: interface %s: no such VLAN: %d, %d", where, l.Port, l.Outer, l.Inner)
				continue
			}
			key := linkKey(port, l.Outer, l.Inner)
			if other, taken := pinned[key]; taken && !b.oneLink(other, subnet) {
				b.fail("%s: the clients on interface %s belong to %s already", where, l.Port, b.subs[other].name)
			} else if !taken {
				pinned[key] = subnet
			}
		}
	}
	p.interfaces = map[string]int32{}
	interfaces := func(where string, ids [][]byte, subnet int32) {
		for _, id := range ids {
			other, taken := p.interfaces[string(id)]
			if len(id) == 0 || taken && !b.oneLink(other, subnet) {
				b.fail("%s: interface-id %x is empty or belongs to another subnet already", where, id)
			} else if !taken {
				p.interfaces[string(id)] = subnet
			}
		}
	}
	for i := range b.spec.Networks {
		n := &b.spec.Networks[i]
		pin("shared network "+n.Name, n.Links, int32(p.Scopes[i].Subnets[0]))
		interfaces("shared network "+n.Name, n.InterfaceIDs, int32(p.Scopes[i].Subnets[0]))
	}
	relays := map[lease6.IP6]int32{}
	for i := range b.subs {
		s := &b.subs[i]
		pin(s.name, s.spec.Links, int32(i))
		interfaces(s.name, s.spec.InterfaceIDs, int32(i))
		for _, a := range s.spec.Relays {
			ip := ip6(a)
			if other, taken := relays[ip]; ip.IsZero() || taken && !b.oneLink(other, int32(i)) {
				b.fail("%s: relay %v is no address or belongs to another subnet already", s.name, a)
			} else if !taken {
				relays[ip] = int32(i)
				p.relays = append(p.relays, relay{ip, int32(i)})
			}
		}
	}
	slices.SortFunc(p.relays, func(x, y relay) int { return x.addr.Compare(y.addr) })
	for i := range p.Ports {
		key := linkKey(uint16(i), 0, 0)
		subnet, ok := pinned[key]
		if !ok {
			subnet = b.subnetOfPort(&p.Ports[i])
		}
		delete(pinned, key)
		p.direct = append(p.direct, subnet)
	}
	for key, subnet := range pinned {
		p.links = append(p.links, link{key, subnet})
	}
	slices.SortFunc(p.links, func(x, y link) int { return cmp.Compare(x.key, y.key) })
}

// oneLink says whether two subnets are on one link.
func (b *builder) oneLink(x, y int32) bool { return b.p.Subnets[x].scope == b.p.Subnets[y].scope }

// subnetOfPort finds the subnet of a port that no subnet is pinned to: that of the
// first of the port's addresses that any subnet holds; -1: none.
func (b *builder) subnetOfPort(port *Port) int32 {
	for _, a := range port.Addrs {
		if i := b.p.prefixes.find(a.IP6); i >= 0 {
			return i
		}
	}
	return -1
}
