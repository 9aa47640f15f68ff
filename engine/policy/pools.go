// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"xdhcp/engine/lease"
)

// addPools fills Layout.Pools, the scopes' ranges and the subnets' order of
// pools.
func (b *builder) addPools() {
	p := b.p
	own := make([][]lease.PoolID, len(p.Subnets))
	var all []poolRange
	for i := range p.Subnets {
		sub, build := &p.Subnets[i], &b.subs[i]
		cut := b.excluded(build)
		for j := range build.spec.Pools {
			ps := &build.spec.Pools[j]
			name := cmp.Or(ps.Name, rangesText(ps.Ranges))
			where := build.name + ": pool " + name
			b.checkOptions(where, ps.Options)
			if len(p.Layout.Pools) == lease.MaxPools {
				b.fail("%s: more than %d pools", where, lease.MaxPools)
				return
			}
			id := lease.PoolID(len(p.Layout.Pools))
			options := sub.Options
			if len(ps.Options) > 0 {
				from := build.layers
				from[layerPool] = ps.Options
				options = b.compile(&from)
			}
			pool := lease.Pool{Scope: sub.Scope, Name: b.uniquePool(sub.Scope, name)}
			for _, r := range b.ranges(where, sub, ps.Ranges) {
				for _, left := range subtract(r, cut) {
					pool.Ranges = append(pool.Ranges, left)
					all = append(all, poolRange{left.First, left.Last, id, sub, options})
				}
			}
			slices.SortFunc(pool.Ranges, func(x, y lease.Range) int { return cmp.Compare(x.First, y.First) })
			p.Layout.Pools = append(p.Layout.Pools, pool)
			own[i] = append(own[i], id)
		}
	}
	slices.SortFunc(all, func(x, y poolRange) int { return cmp.Compare(x.first, y.first) })
	for i, r := range all {
		if i > 0 && r.first <= all[i-1].last {
			b.fail("pools overlap at %v: %q and %q", r.first, p.Layout.Pools[all[i-1].pool].Name, p.Layout.Pools[r.pool].Name)
		}
		r.subnet.scope.ranges = append(r.subnet.scope.ranges, r)
	}
	// RFC 2131 §4.3.1: the link's other subnets may serve too; the one that the
	// packet points to comes first.
	for i := range p.Subnets {
		sub := &p.Subnets[i]
		sub.Choice = slices.Clone(own[i])
		for _, j := range sub.scope.Subnets {
			if j != i {
				sub.Choice = append(sub.Choice, own[j]...)
			}
		}
	}
}

// uniquePool makes a pool's name unique in its scope: the lease table knows a
// pool by it across reloads.
func (b *builder) uniquePool(scope lease.ScopeID, name string) string {
	key := poolName{scope, name}
	b.poolNames[key]++
	if n := b.poolNames[key]; n > 1 {
		return b.uniquePool(scope, fmt.Sprintf("%s#%d", name, n))
	}
	return name
}

type poolName struct {
	scope lease.ScopeID
	name  string
}

func rangesText(rs []Range) string {
	var parts []string
	for _, r := range rs {
		parts = append(parts, r.First.String()+"-"+r.Last.String())
	}
	return strings.Join(parts, ",")
}

// ranges checks ranges and turns them into numbers.
func (b *builder) ranges(where string, sub *Subnet, rs []Range) []lease.Range {
	var out []lease.Range
	for _, r := range rs {
		first, last := ip4(r.First), ip4(r.Last)
		switch {
		case !r.First.Is4() || !r.Last.Is4():
			b.fail("%s: %v-%v is not a range of IPv4 addresses", where, r.First, r.Last)
		case first > last:
			b.fail("%s: %v comes after %v", where, r.First, r.Last)
		case sub != nil && (!sub.Holds(first) || !sub.Holds(last)):
			b.fail("%s: %v-%v is not inside the subnet", where, r.First, r.Last)
		case sub != nil && b.foreign(first, last, sub):
			b.fail("%s: %v-%v lies partly in another subnet inside this one", where, r.First, r.Last)
		default:
			out = append(out, lease.Range{First: first, Last: last})
		}
	}
	return out
}

// foreign says whether some address of a range belongs to another subnet that
// lies inside of sub.
func (b *builder) foreign(first, last lease.IP4, sub *Subnet) bool {
	for i, start := range b.p.prefixes.starts {
		if start > first && start <= last && b.p.subnet(b.p.prefixes.subnet[i]) != sub {
			return true
		}
	}
	return b.p.SubnetOf(first) != sub
}

// excluded is what no pool of the subnet may have, ascending: the configured
// exclusions, and the server's own addresses, which are in use.
func (b *builder) excluded(build *subnetBuild) []lease.Range {
	cut := b.ranges(build.name+": excluded", nil, build.spec.Excluded)
	for _, a := range b.p.ours {
		cut = append(cut, lease.Range{First: a, Last: a})
	}
	slices.SortFunc(cut, func(x, y lease.Range) int { return cmp.Compare(x.First, y.First) })
	return cut
}

// subtract is what remains of r without the ranges of cut, which are ascending
// by First and may overlap.
func subtract(r lease.Range, cut []lease.Range) []lease.Range {
	var left []lease.Range
	for _, c := range cut {
		if c.Last < r.First {
			continue
		}
		if c.First > r.Last {
			break
		}
		if c.First > r.First {
			left = append(left, lease.Range{First: r.First, Last: c.First - 1})
		}
		if c.Last >= r.Last {
			return left
		}
		r.First = c.Last + 1
	}
	return append(left, r)
}

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
		b.defaultLink(uint16(i), pinned)
	}
	for key, subnet := range pinned {
		p.links = append(p.links, link{key, subnet})
	}
	slices.SortFunc(p.links, func(x, y link) int { return cmp.Compare(x.key, y.key) })
}

// defaultLink finds the subnet of a port that no subnet is pinned to: the one
// that holds the server's address there, or else the first of the port's
// addresses that any subnet holds.
func (b *builder) defaultLink(port uint16, pinned map[uint64]int32) {
	key := linkKey(port, 0, 0)
	if _, ok := pinned[key]; ok {
		return
	}
	pt := &b.p.Ports[port]
	if i := b.p.prefixes.find(pt.Primary); i >= 0 {
		pinned[key] = i
		return
	}
	for _, a := range pt.Addrs {
		if i := b.p.prefixes.find(a.IP); i >= 0 {
			pinned[key] = i
			return
		}
	}
}

// addReservations fills the scopes' reservations and Layout.Reserved.
func (b *builder) addReservations() {
	for i := range b.subs {
		for j := range b.subs[i].spec.Reservations {
			b.addReservation(i, &b.subs[i].spec.Reservations[j])
		}
	}
	slices.SortFunc(b.p.Layout.Reserved, func(x, y lease.Reserved) int { return cmp.Compare(x.Addr, y.Addr) })
}

func (b *builder) addReservation(subnet int, spec *ReservationSpec) {
	sub, build := &b.p.Subnets[subnet], &b.subs[subnet]
	rs := &sub.scope.reservations
	r := &Reservation{Subnet: sub}
	where := build.name + ": reservation"
	if spec.Address != (netip.Addr{}) {
		where += " " + spec.Address.String()
		r.Addr = ip4(spec.Address)
		switch {
		case r.Addr == 0 || b.p.SubnetOf(r.Addr) != sub:
			b.fail("%s: the address is not inside the subnet, or in a smaller one inside it", where)
			return
		case rs.addr[r.Addr] != nil || b.reserved[r.Addr]:
			b.fail("%s: the address is reserved twice", where)
			return
		}
		b.reserved[r.Addr] = true
		if rs.addr == nil {
			rs.addr = map[lease.IP4]*Reservation{}
		}
		rs.addr[r.Addr] = r
		b.p.Layout.Reserved = append(b.p.Layout.Reserved, lease.Reserved{Addr: r.Addr, Scope: sub.Scope})
	}
	if !rs.insert(spec, r) {
		b.fail("%s: it needs exactly one identifier of a possible length, which no other reservation of the link has", where)
	}
	b.checkOptions(where, spec.Options)
	if len(spec.Options) == 0 && r.Addr == 0 {
		return
	}
	if r.Addr != 0 {
		_, base, _ := sub.Place(r.Addr)
		r.sets.fixed = base
		if len(spec.Options) > 0 {
			r.sets.fixed = b.over(base, spec.Options)
		}
		return
	}
	r.sets.over = map[*OptionSet]*OptionSet{}
	for _, s := range sub.scope.subnets {
		r.sets.over[s.Options] = b.over(s.Options, spec.Options)
	}
	for _, pr := range sub.scope.ranges {
		if r.sets.over[pr.options] == nil {
			r.sets.over[pr.options] = b.over(pr.options, spec.Options)
		}
	}
}

// over compiles options that lie over a set.
func (b *builder) over(base *OptionSet, options []Option) *OptionSet {
	from := *base.from
	from[layerReservation] = options
	return b.compile(&from)
}

// insert enters r under its one identifier.
func (rs *reservations) insert(spec *ReservationSpec, r *Reservation) bool {
	given := 0
	for _, id := range [][]byte{spec.MAC, spec.ClientID, spec.CircuitID, spec.RemoteID} {
		if len(id) > 255 {
			return false
		}
		if len(id) > 0 {
			given++
		}
	}
	if given != 1 || len(spec.MAC) > 16 {
		return false
	}
	byText := func(m *map[string]*Reservation, key string) bool {
		if *m == nil {
			*m = map[string]*Reservation{}
		}
		if (*m)[key] != nil {
			return false
		}
		(*m)[key] = r
		return true
	}
	switch {
	case len(spec.MAC) > 0:
		if rs.hw == nil {
			rs.hw = map[hwKey]*Reservation{}
		}
		key := makeHWKey(spec.MAC)
		if rs.hw[key] != nil {
			return false
		}
		rs.hw[key] = r
		return true
	case len(spec.ClientID) > 0:
		return byText(&rs.client, string(spec.ClientID))
	case len(spec.CircuitID) > 0:
		return byText(&rs.line, lineKey(subCircuitID, spec.CircuitID))
	}
	return byText(&rs.line, lineKey(subRemoteID, spec.RemoteID))
}

// lineKey is a sub-option of option 82 as it is in a packet.
func lineKey(code uint8, value []byte) string {
	return string(append([]byte{code, uint8(len(value))}, value...))
}
