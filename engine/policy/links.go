// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"

	"xdhcp/engine/lease"
)

// addLinks fills links and relays.
func (b *builder) addLinks() {
	p := b.p
	pinned := map[uint64]int32{}
	pin := func(where string, links []LinkSpec, subnet int32) {
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
			if other, taken := pinned[key]; taken && p.Subnets[other].scope != p.Subnets[subnet].scope {
				b.fail("%s: the clients on interface %s belong to %s already", where, l.Port, b.subs[other].name)
				continue
			} else if !taken {
				pinned[key] = subnet
			}
		}
	}
	for i := range b.spec.Networks {
		n := &b.spec.Networks[i]
		pin("shared network "+n.Name, n.Links, int32(p.Scopes[i].Subnets[0]))
	}
	relays := map[lease.IP4]int32{}
	for i := range b.subs {
		s := &b.subs[i]
		pin(s.name, s.spec.Links, int32(i))
		for _, a := range s.spec.Relays {
			ip := ip4(a)
			if other, taken := relays[ip]; ip == 0 || taken && p.Subnets[other].scope != p.Subnets[i].scope {
				b.fail("%s: relay %v is no address or belongs to another subnet already", s.name, a)
			} else if !taken {
				relays[ip] = int32(i)
				p.relays = append(p.relays, relay{ip, int32(i)})
			}
		}
	}
	slices.SortFunc(p.relays, func(x, y relay) int { return cmp.Compare(x.addr, y.addr) })
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

// subnetOfPort finds the subnet of a port that no subnet is pinned to: the one
// that holds the server's address there, or else the first of the port's
// addresses that any subnet holds; -1: none.
func (b *builder) subnetOfPort(port *Port) int32 {
	subnet := b.p.prefixes.find(port.Primary)
	for i := 0; subnet < 0 && i < len(port.Addrs); i++ {
		subnet = b.p.prefixes.find(port.Addrs[i].IP)
	}
	return subnet
}
