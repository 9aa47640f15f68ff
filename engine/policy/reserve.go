// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"xdhcp/engine/lease"
)

// addReservations fills Policy.reserved and Layout.Reserved.
func (b *builder) addReservations() {
	total := 0
	for i := range b.subs {
		total += len(b.subs[i].spec.Reservations)
	}
	x := &b.p.reserved
	x.all = make([]Reservation, 0, total) // it is pointed into and must not move
	known := map[reservedKey]bool{}
	for i := range b.subs {
		for j := range b.subs[i].spec.Reservations {
			b.addReservation(i, &b.subs[i].spec.Reservations[j], known)
		}
	}
	x.sort(b.p.precedence)
	x.index()
	for i := range b.p.Subnets {
		s := &b.p.Subnets[i]
		s.combos, s.keeps = s.scope.combos, s.scope.keeps
	}
	slices.SortFunc(b.p.Layout.Reserved, func(x, y lease.Reserved) int { return cmp.Compare(x.Addr, y.Addr) })
}

// A reservedKey tells the reservations of a policy apart.
type reservedKey struct {
	scope lease.ScopeID
	combo uint8
	key   string
}

func (b *builder) addReservation(subnet int, spec *ReservationSpec, known map[reservedKey]bool) {
	sub, build, x := &b.p.Subnets[subnet], &b.subs[subnet], &b.p.reserved
	x.all = append(x.all, Reservation{Subnet: sub, scope: sub.Scope, combo: unsought})
	r := &x.all[len(x.all)-1]
	where := build.name + ": reservation"
	if spec.Address != (netip.Addr{}) {
		where += " " + spec.Address.String()
		r.Addr = ip4(spec.Address)
		switch {
		case r.Addr == 0 || b.p.SubnetOf(r.Addr) != sub:
			b.fail("%s: the address is not inside the subnet, or in a smaller one inside it", where)
			return
		case b.reserved[r.Addr]:
			b.fail("%s: the address is reserved twice", where)
			return
		}
		b.reserved[r.Addr] = true
		b.p.Layout.Reserved = append(b.p.Layout.Reserved, lease.Reserved{Addr: r.Addr, Scope: sub.Scope})
	}
	of, key := spec.key()
	if of != nil {
		r.combo = x.number(of)
		r.keyLen = uint16(len(key))
		r.more = key[copy(r.key[:], key):]
	}
	if id := (reservedKey{r.scope, r.combo, key}); of == nil || known[id] {
		b.fail("%s: it needs an identifier of a possible length, which no other reservation of the link has", where)
	} else {
		known[id] = true
	}
	b.checkOptions(where, spec.Options)
	r.classes = b.shared(b.classSet(where, spec.Classes))
	r.Boot = b.boot(where, spec.NextServer, spec.ServerName, spec.BootFile)
	if len(spec.Options) == 0 && r.Addr == 0 {
		return
	}
	if r.Addr != 0 {
		_, base, _ := sub.Place(r.Addr)
		r.fixed = base
		if len(spec.Options) > 0 {
			r.fixed = b.over(base, spec.Options)
		}
		return
	}
	r.over = map[*OptionSet]*OptionSet{}
	for _, s := range sub.scope.subnets {
		r.over[s.Options] = b.over(s.Options, spec.Options)
	}
	for _, pr := range sub.scope.ranges {
		if r.over[pr.options] == nil {
			r.over[pr.options] = b.over(pr.options, spec.Options)
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

// key is what a reservation knows its client by, as combo.key makes it of what a client
// sends; no combo: nothing, or something impossible.
func (s *ReservationSpec) key() (of combo, key string) {
	var b []byte
	for id, v := range s.identifiers() {
		if len(v) > 255 {
			return nil, ""
		}
		if len(v) > 0 {
			of = append(of, Identifier(id))
			b = append(append(b, uint8(len(v))), v...)
		}
	}
	if len(of) == 0 || len(s.MAC) > 16 {
		return nil, ""
	}
	if len(of) == 1 {
		b = b[1:]
	}
	return of, string(b)
}

// number is that of a combo, which is entered where it is new.
func (x *reserved) number(of combo) uint8 {
	i := slices.IndexFunc(x.combos, func(c combo) bool { return slices.Equal(c, of) })
	if i < 0 {
		i = len(x.combos)
		x.combos = append(x.combos, of)
	}
	return uint8(i)
}

// sort puts the combos in order: those with more identifiers first, then by the
// precedence of their first ones. It takes out those that have an identifier which is
// not looked for.
func (x *reserved) sort(precedence []Identifier) {
	ranks := func(of combo) (out []int) {
		for _, id := range of {
			out = append(out, slices.Index(precedence, id))
		}
		slices.Sort(out)
		return out
	}
	was := x.combos
	x.combos = slices.DeleteFunc(slices.Clone(was), func(of combo) bool { return ranks(of)[0] < 0 })
	slices.SortFunc(x.combos, func(a, b combo) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), slices.Compare(ranks(a), ranks(b)))
	})
	number := make([]uint8, len(was))
	for i, of := range was {
		number[i] = unsought
		if n := slices.IndexFunc(x.combos, func(c combo) bool { return slices.Equal(c, of) }); n >= 0 {
			number[i] = uint8(n)
		}
	}
	for i := range x.all {
		if r := &x.all[i]; r.combo != unsought {
			r.combo = number[r.combo]
		}
	}
}

// index fills slots, of which at most half are in use, and the scopes' combos.
func (x *reserved) index() {
	entries := 0
	for i := range x.all {
		r := &x.all[i]
		if r.Addr != 0 {
			entries++
		}
		if r.combo != unsought {
			entries++
		}
	}
	x.slots = make([]uint64, 2<<bits.Len(uint(entries)))
	put := func(hash uint64, i int) {
		at := x.slot(hash)
		for x.slots[at] != 0 {
			at = (at + 1) & uint32(len(x.slots)-1)
		}
		x.slots[at] = hash>>32<<32 | uint64(i+1)
	}
	for i := range x.all {
		r := &x.all[i]
		if r.Addr != 0 {
			put(x.hashAddr(r.Addr), i)
			r.Subnet.scope.keeps = true
		}
		if r.combo != unsought {
			key := append(slices.Clone(r.key[:min(int(r.keyLen), len(r.key))]), r.more...)
			put(x.hash(r.scope, r.combo, key), i)
			r.Subnet.scope.combos |= 1 << comboBit(int(r.combo))
		}
	}
}
