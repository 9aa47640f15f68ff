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
	for i := range b.p.Scopes {
		b.p.Scopes[i].reservations.sort(b.p.precedence)
	}
	b.sift()
	slices.SortFunc(b.p.Layout.Reserved, func(x, y lease.Reserved) int { return cmp.Compare(x.Addr, y.Addr) })
}

// sift makes the sieve of all tables.
func (b *builder) sift() {
	members := 0
	for i := range b.p.Scopes {
		for _, t := range b.p.Scopes[i].reservations.tables {
			members += len(t.hw) + len(t.of)
		}
	}
	s := newSieve(members)
	for i := range b.p.Scopes {
		tables := b.p.Scopes[i].reservations.tables
		for j := range tables {
			t := &tables[j]
			t.sieve = s
			for k := range t.hw {
				s.add(ByMAC, k.b[:k.n])
			}
			if len(t.ids) == 1 {
				for v := range t.of {
					s.add(t.ids[0], []byte(v))
				}
			}
		}
	}
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
		b.fail("%s: it needs an identifier of a possible length, which no other reservation of the link has", where)
	}
	b.checkOptions(where, spec.Options)
	r.classes = b.classSet(where, spec.Classes)
	r.Boot = b.boot(where, spec.NextServer, spec.ServerName, spec.BootFile)
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

// identifiers are what a reservation knows its client by, by Identifier.
func (s *ReservationSpec) identifiers() [numIdentifiers][]byte {
	return [...][]byte{
		ByMAC: s.MAC, ByClientID: s.ClientID, ByCircuit: s.CircuitID, ByRemote: s.RemoteID, BySubscriber: s.SubscriberID,
		ByDUID: s.DUID, ByFlex: s.FlexID,
	}
}

// insert enters r under its identifiers.
func (rs *reservations) insert(spec *ReservationSpec, r *Reservation) bool {
	var ids []Identifier
	var key []byte
	values := spec.identifiers()
	for id, v := range values {
		if len(v) > 255 {
			return false
		}
		if len(v) > 0 {
			ids = append(ids, Identifier(id))
			key = append(append(key, uint8(len(v))), v...)
		}
	}
	if len(ids) == 0 || len(spec.MAC) > 16 {
		return false
	}
	t := rs.table(ids)
	if t.hw != nil {
		k := makeHWKey(spec.MAC)
		if t.hw[k] != nil {
			return false
		}
		t.hw[k] = r
		return true
	}
	if len(ids) == 1 {
		key = key[1:]
	}
	if t.of[string(key)] != nil {
		return false
	}
	t.of[string(key)] = r
	return true
}

// table is the one for these identifiers.
func (rs *reservations) table(ids []Identifier) *idTable {
	for i := range rs.tables {
		if slices.Equal(rs.tables[i].ids, ids) {
			return &rs.tables[i]
		}
	}
	t := idTable{ids: ids}
	if len(ids) == 1 && ids[0] == ByMAC {
		t.hw = map[hwKey]*Reservation{}
	} else {
		t.of = map[string]*Reservation{}
	}
	rs.tables = append(rs.tables, t)
	return &rs.tables[len(rs.tables)-1]
}

// sort puts the tables in order: those with more identifiers first, then by the
// precedence of their first ones. It takes out those that have an identifier
// which is not looked for.
func (rs *reservations) sort(precedence []Identifier) {
	rank := func(id Identifier) int { return slices.Index(precedence, id) }
	rs.tables = slices.DeleteFunc(rs.tables, func(t idTable) bool {
		return slices.ContainsFunc(t.ids, func(id Identifier) bool { return rank(id) < 0 })
	})
	ranks := func(ids []Identifier) []int {
		var out []int
		for _, id := range ids {
			out = append(out, rank(id))
		}
		slices.Sort(out)
		return out
	}
	slices.SortFunc(rs.tables, func(x, y idTable) int {
		return cmp.Or(cmp.Compare(len(y.ids), len(x.ids)), slices.Compare(ranks(x.ids), ranks(y.ids)))
	})
}
