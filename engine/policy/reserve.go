// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"net/netip"
	"slices"

	"xdhcp/engine/lease"
)

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
