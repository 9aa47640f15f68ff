// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease"
)

// scanned is the reservation of a link that a client gets, found as the documentation
// says it: those by more identifiers first, then in the order of precedence.
func scanned(specs []ReservationSpec, precedence []Identifier, c *lease.Client) *ReservationSpec {
	var best *ReservationSpec
	var bestRanks []int
	for i := range specs {
		s := &specs[i]
		var ranks []int
		matches := true
		for id, v := range s.identifiers() {
			if len(v) > 0 {
				matches = matches && string(identifier(c, nil, Identifier(id))) == string(v)
				ranks = append(ranks, slices.Index(precedence, Identifier(id)))
			}
		}
		slices.Sort(ranks)
		if !matches || ranks[0] < 0 {
			continue
		}
		if best == nil || len(ranks) > len(bestRanks) || len(ranks) == len(bestRanks) && slices.Compare(ranks, bestRanks) < 0 {
			best, bestRanks = s, ranks
		}
	}
	return best
}

// The table finds what a scan over the configuration does, for values of all lengths,
// alone and combined, on links that have the same ones.
func TestReservedAgainstScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := func(label string) []byte {
			n := rapid.SampledFrom([]int{0, 0, 1, 2, 6, 8, 16, 60, 61, 62, 100, 255}).Draw(rt, label+" length")
			v := make([]byte, n)
			if n > 0 {
				v[n-1] = rapid.SampledFrom([]byte{1, 2}).Draw(rt, label)
			}
			return v
		}
		precedence := rapid.SampledFrom([][]Identifier{
			DefaultPrecedence, {ByRemote, ByMAC, ByCircuit, ByClientID}, {ByCircuit},
		}).Draw(rt, "precedence")
		var spec Spec
		spec.Precedence = precedence
		for i := range 3 {
			s := subnet(fmt.Sprintf("10.0.%d.0/24", i))
			seen := map[string]bool{}
			for j := range rapid.IntRange(0, 30).Draw(rt, "reservations") {
				r := ReservationSpec{Address: netip.AddrFrom4([4]byte{10, 0, byte(i), byte(1 + j)})}
				r.MAC, r.ClientID = value("MAC"), value("client-id")
				r.MAC = r.MAC[:min(len(r.MAC), 16)]
				r.CircuitID, r.RemoteID = value("circuit"), value("remote")
				of, key := r.key()
				if id := fmt.Sprint(of, key); of != nil && !seen[id] {
					seen[id] = true
					s.Reservations = append(s.Reservations, r)
				}
			}
			spec.Subnets = append(spec.Subnets, s)
		}
		p := mustBuild(t, spec)
		for range 50 {
			c := lease.Client{HW: value("MAC"), ClientID: value("client-id")}
			c.HW = c.HW[:min(len(c.HW), 16)]
			for code, v := range map[byte][]byte{1: value("circuit"), 2: value("remote")} {
				if len(v) > 0 {
					c.Relay = append(append(c.Relay, code, byte(len(v))), v...)
				}
			}
			for i := range p.Subnets {
				s := &p.Subnets[i]
				var want, got lease.IP4
				if r := scanned(spec.Subnets[i].Reservations, precedence, &c); r != nil {
					want = ip4(r.Address)
				}
				s.Prefetch()
				s.Expect(&c, want)
				maybe := s.Candidate(&c)
				if r := s.Reservation(&c); r != nil {
					got = r.Addr
					if s.ReservedAt(got) != r || !maybe {
						rt.Fatalf("%v: ReservedAt finds another, or Candidate does not: %v", got, maybe)
					}
				}
				if got != want {
					rt.Fatalf("subnet %d: %v, want %v", i, got, want)
				}
			}
		}
	})
}

// There may be more combinations of identifiers than a subnet has bits for.
func TestReservationsByEveryCombination(t *testing.T) {
	s := subnet("192.0.2.0/24")
	other := subnet("198.51.100.0/24")
	values := [numIdentifiers][]byte{{2}, {255, 1, 2, 3, 4, 'd'}, {'c'}, {'r'}, {'s'}, {'d'}}
	const sixth = 1 << 6
	var all []ReservationSpec
	for set := 1; set < sixth; set++ {
		r := ReservationSpec{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(set)})}
		for id, to := range []*[]byte{&r.MAC, &r.ClientID, &r.CircuitID, &r.RemoteID, &r.SubscriberID, &r.DUID} {
			if set>>id&1 != 0 {
				*to = append(slices.Clone(values[id]), byte(set))
			}
		}
		all = append(all, r)
	}
	s.Reservations = all
	other.Reservations = []ReservationSpec{{FlexID: []byte("x"), Address: addr("198.51.100.7")}, {MAC: []byte{2, 1}, FlexID: []byte("x"), Address: addr("198.51.100.8")}}
	p := mustBuild(t, Spec{Subnets: []SubnetSpec{s, other}, FlexID: `option(60)`})
	if n := len(p.reserved.combos); n != 65 {
		t.Fatalf("%d combinations", n)
	}
	for i, r := range all {
		c := lease.Client{HW: r.MAC, ClientID: r.ClientID}
		if c.ClientID == nil && r.DUID != nil {
			c.ClientID = append([]byte{255, 9, 9, 9, 9}, r.DUID...)
		} else if r.DUID != nil {
			continue // this client identifier has another DUID
		}
		for code, v := range map[byte][]byte{1: r.CircuitID, 2: r.RemoteID, 6: r.SubscriberID} {
			if len(v) > 0 {
				c.Relay = append(append(c.Relay, code, byte(len(v))), v...)
			}
		}
		if got := p.Subnets[0].Reservation(&c); got == nil || got.Addr != ip4(r.Address) {
			t.Errorf("combination %06b: %v", i+1, got)
		}
		if p.Subnets[1].Reservation(&c) != nil {
			t.Errorf("combination %06b is found on another link", i+1)
		}
	}
	c := lease.Client{HW: []byte{2, 1}}
	if r := p.Subnets[1].ReservationOf(&c, []byte("x")); r == nil || r.Addr != ip("198.51.100.8") {
		t.Errorf("two identifiers, one of them of the message: %v", r)
	}
	if r := p.Subnets[1].ReservationOf(&lease.Client{}, []byte("x")); r == nil || r.Addr != ip("198.51.100.7") {
		t.Errorf("the value of an expression: %v", r)
	}
	if p.Subnets[0].ReservedAt(ip("198.51.100.7")) != nil {
		t.Error("an address of another link")
	}
}

// What many of are looked at in a random order begins where a cache line does, and has
// what every message needs in the first ones.
func TestCacheLines(t *testing.T) {
	var s Subnet
	for name, size := range map[string]uintptr{
		"Subnet": reflect.TypeOf(s).Size() % 64, "Reservation": reflect.TypeFor[Reservation]().Size() - 128,
		"valueEntry": reflect.TypeFor[valueEntry]().Size() - 64,
	} {
		if size != 0 {
			t.Errorf("%s has %d bytes too many", name, size)
		}
	}
	times, _ := reflect.TypeOf(s).FieldByName("Times")
	if end := times.Offset + times.Type.Size(); end > 128 {
		t.Errorf("what every message needs of a Subnet has %d bytes", end)
	}
}
