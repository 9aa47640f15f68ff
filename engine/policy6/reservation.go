// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"net/netip"
	"slices"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// A Reservation is what one client is configured to have.
type Reservation struct {
	// Addresses and Prefixes are what its IAs may have; none: of the pools.
	Addresses, Prefixes []lease6.Prefix
	// Subnet is the subnet that holds the reservation.
	Subnet *Subnet

	name    []byte        // in wire format; nil: none
	exclude lease6.Prefix // RFC 6603
	classes policy.ClassSet
	over    map[*OptionSet]*OptionSet // its options on top of each set of the link
}

// For is what is reserved for IAs of this type.
func (r *Reservation) For(typ lease6.IAType) []lease6.Prefix {
	switch {
	case r == nil || typ == lease6.TA:
		return nil
	case typ == lease6.PD:
		return r.Prefixes
	}
	return r.Addresses
}

func (r *Reservation) has(q lease6.Prefix) bool {
	return slices.Contains(r.Addresses, q) || slices.Contains(r.Prefixes, q)
}

// Name writes an option 39 with the reserved name and the flags of the client's; where
// there is no such name, or the client has sent no option, that is what it has sent.
func (r *Reservation) Name(asked []byte, room *[1 + maxName]byte) []byte {
	if r == nil || len(r.name) == 0 || len(asked) == 0 {
		return asked
	}
	room[0] = asked[0]
	return room[:1+copy(room[1:], r.name)]
}

// Options is the client's option set at a place whose own is base. A nil
// Reservation adds nothing.
func (r *Reservation) Options(base *OptionSet) *OptionSet {
	if r == nil {
		return base
	}
	if o := r.over[base]; o != nil {
		return o
	}
	return base
}

// reservations are those of one scope.
type reservations struct {
	tables []idTable // in the order of precedence; those that are empty are not there
	taken  map[lease6.Prefix]*Reservation
}

// An idTable is the reservations that know their client by the same identifiers:
// by one, or by several, each behind its length.
type idTable struct {
	ids []Identifier
	of  map[string]*Reservation
}

// maxIdentifier is more than is useful, and less than options may have.
const maxIdentifier = 255

// identifier is what the client sent as one; nil: it did not.
func identifier(c *lease6.Client, id Identifier) []byte {
	switch id {
	case ByDUID:
		return c.DUID
	case ByMAC:
		if len(c.LinkLayer) > 2 {
			return c.LinkLayer[2:]
		}
	case ByInterfaceID:
		return c.InterfaceID
	case ByRemoteID:
		if len(c.RemoteID) > 4 {
			return c.RemoteID[4:]
		}
	case BySubscriber:
		return c.SubscriberID
	}
	return nil
}

// Reservation is the one that the scope of s has for the client, or nil. A client
// that matches several gets the first in the order of precedence.
func (s *Subnet) Reservation(c *lease6.Client) *Reservation {
	for i := range s.scope.reservations.tables {
		if r := s.scope.reservations.tables[i].find(c); r != nil {
			return r
		}
	}
	return nil
}

func (t *idTable) find(c *lease6.Client) *Reservation {
	if len(t.ids) == 1 {
		if v := identifier(c, t.ids[0]); len(v) > 0 {
			return t.of[string(v)]
		}
		return nil
	}
	var key [int(numIdentifiers) * (1 + maxIdentifier)]byte
	n := 0
	for _, id := range t.ids {
		v := identifier(c, id)
		if len(v) == 0 || len(v) > maxIdentifier {
			return nil
		}
		key[n] = uint8(len(v))
		n += 1 + copy(key[n+1:], v)
	}
	return t.of[string(key[:n])]
}

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
	slices.SortFunc(b.p.Layout.Reserved, func(x, y lease6.Reserved) int {
		return cmp.Or(x.Prefix.IP6.Compare(y.Prefix.IP6), cmp.Compare(x.Prefix.Len, y.Prefix.Len))
	})
	b.checkReserved()
}

func (b *builder) addReservation(subnet int, spec *ReservationSpec) {
	sub, build := &b.p.Subnets[subnet], &b.subs[subnet]
	rs := &sub.scope.reservations
	r := &Reservation{Subnet: sub}
	where := build.name + ": reservation"
	for _, a := range spec.Addresses {
		q := lease6.AddrPrefix(ip6(a))
		if q.IsZero() || b.p.SubnetOf(q.IP6) != sub {
			b.fail("%s %v: the address is not inside the subnet, or in a smaller one inside it", where, a)
			return
		}
		r.Addresses = append(r.Addresses, q)
	}
	for _, n := range spec.Prefixes {
		q := prefix6(n)
		if q.Len == 0 || q.Len == 128 || q.IsZero() {
			b.fail("%s: %v is not a prefix to delegate", where, n)
			return
		}
		r.Prefixes = append(r.Prefixes, q)
	}
	if len(r.Addresses) > MaxReserved || len(r.Prefixes) > MaxReserved {
		b.fail("%s: more than %d addresses or prefixes", where, MaxReserved)
	}
	for _, q := range slices.Concat(r.Addresses, r.Prefixes) {
		if rs.taken[q] != nil {
			b.fail("%s: %v is reserved twice", where, q)
			return
		}
		if rs.taken == nil {
			rs.taken = map[lease6.Prefix]*Reservation{}
		}
		rs.taken[q] = r
		b.p.Layout.Reserved = append(b.p.Layout.Reserved, lease6.Reserved{Prefix: q, Scope: sub.Scope})
	}
	if !rs.insert(spec, r) {
		b.fail("%s: it needs an identifier of a possible length, which no other reservation of the link has", where)
	}
	if spec.Exclude != (netip.Prefix{}) {
		r.exclude = prefix6(spec.Exclude)
		for _, q := range r.Prefixes {
			if excluded(q, r.exclude).IsNone() {
				b.fail("%s: %v cannot be left out of %v", where, spec.Exclude, q)
			}
		}
	}
	var ok bool
	if r.name, ok = wireOf(spec.Hostname); !ok {
		b.fail("%s: %q is not a domain name", where, spec.Hostname)
	}
	b.checkOptions(where, spec.Options)
	r.classes = b.classSet(where, spec.Classes)
	if len(spec.Options) == 0 {
		return
	}
	r.over = map[*OptionSet]*OptionSet{}
	put := func(base *OptionSet) {
		if r.over[base] == nil {
			from := *base.from
			from[layerReservation] = spec.Options
			r.over[base] = b.compile(&from)
		}
	}
	for _, s := range sub.scope.subnets {
		put(s.Options)
		for _, id := range slices.Concat(s.Addresses, s.Prefixes) {
			put(b.p.pools[id].options)
		}
	}
}

// checkReserved refuses reserved leases that overlap without being the same.
func (b *builder) checkReserved() {
	all := b.p.Layout.Reserved
	var outer lease6.Prefix
	for _, r := range all {
		if !outer.IsNone() && outer.Overlaps(r.Prefix) {
			b.fail("the reservations of %v and %v overlap", outer, r.Prefix)
			continue
		}
		outer = r.Prefix
	}
}

// identifiers are what a reservation knows its client by, by Identifier.
func (s *ReservationSpec) identifiers() [numIdentifiers][]byte {
	return [...][]byte{
		ByDUID: s.DUID, ByMAC: s.MAC, ByInterfaceID: s.InterfaceID, ByRemoteID: s.RemoteID, BySubscriber: s.SubscriberID,
	}
}

// insert enters r under its identifiers.
func (rs *reservations) insert(spec *ReservationSpec, r *Reservation) bool {
	var ids []Identifier
	var key []byte
	values := spec.identifiers()
	for id, v := range values {
		if len(v) > maxIdentifier {
			return false
		}
		if len(v) > 0 {
			ids = append(ids, Identifier(id))
			key = append(append(key, uint8(len(v))), v...)
		}
	}
	if len(ids) == 0 || len(spec.DUID) > lease6.MaxDUID {
		return false
	}
	t := rs.table(ids)
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
	rs.tables = append(rs.tables, idTable{ids: ids, of: map[string]*Reservation{}})
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
