// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"sync"
	"sync/atomic"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

func limited(limits ...policy.LimitSpec) func(*policy6.Spec) {
	return func(s *policy6.Spec) { s.Limits = limits }
}

// A limit counts addresses and prefixes apart; what is over it is NoAddrsAvail in the IA; what is
// given back makes room.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		by policy.LimitBy
		is func(*Query)
	}{
		"mac":          {policy.LimitMAC, linkLayer(mac(1)...)},
		"interface-id": {policy.LimitCircuit, interfaceID("if1")},
		"remote-id":    {policy.LimitRemote, remoteID("line")},
	} {
		b := newBench(t, limited(policy.LimitSpec{By: c.by, Max: 2}))
		b.lease(1, na(1), pd(1), c.is)
		b.lease(2, na(1), c.is)
		a := b.send(from(3, Solicit, na(1), pd(1), c.is))
		b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
		if _, l := b.answered(a, lease6.PD, 1); len(l) != 1 {
			t.Errorf("%s: a second prefix is refused", name)
		}
		b.wantStatus(b.send(from(3, Request, na(1, "2001:db8:0:1::15"), c.is)), lease6.NA, 1, NoAddrsAvail)
		b.wantStatus(b.send(from(1, Request, na(9), c.is)), lease6.NA, 9, NoAddrsAvail)
		b.wantHolder("2001:db8:0:1::15", lease.None, 0)
		b.lease(4, na(1)) // of another line
		// Renewals are within it.
		b.wait(hour)
		b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::10"), c.is)), lease6.NA, 1, "2001:db8:0:1::10")
		b.send(from(2, Release, na(1, "2001:db8:0:1::11"), c.is))
		b.lease(3, na(1), c.is)
	}
}

// An interface-id means something on its link only; a list that is long is kept up to date by what is
// given back.
func TestLimitsOfLinesAndLongLists(t *testing.T) {
	const most = 32 // more than are looked through each time
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitCircuit, Max: most}), func(s *policy6.Spec) {
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::10", "2001:db8:0:1::ff")}
	})
	for n := range byte(most) {
		b.lease(n, na(1), interfaceID("if1"))
	}
	b.wantStatus(b.send(from(most, Request, na(1), interfaceID("if1"))), lease6.NA, 1, NoAddrsAvail)
	b.lease(most, na(1), interfaceID("if1"), via(relay1))
	// The message need not say again where the client is.
	b.send(from(3, Release, na(1, "2001:db8:0:1::13")))
	b.lease(most, na(2), interfaceID("if1"))
	b.send(from(4, Decline, na(1, "2001:db8:0:1::14")))
	b.lease(most, na(3), interfaceID("if1"))
	b.wantStatus(b.send(from(most, Request, na(4), interfaceID("if1"))), lease6.NA, 4, NoAddrsAvail)
}

// Leases end by time too, and are counted after a restart.
func TestLimitsOverTime(t *testing.T) {
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitMAC, Max: 1}))
	b.lease(1, na(1), linkLayer(mac(1)...))
	fresh := Server{Table: b.server.Table}
	q := from(2, Request, na(1), linkLayer(mac(1)...))
	a := &Answer{}
	fresh.Decide6(b.policy, q, b.now, b.batch, a)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wait(3 * hour)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.lease(2, na(1), linkLayer(mac(1)...))
}

// A client whose lease is replaced is not stopped by the one that it gives up.
func TestALimitOfOneAndAMove(t *testing.T) {
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitMAC, Max: 1}))
	is := linkLayer(mac(1)...)
	b.lease(1, na(1), is)
	b.wantLeases(b.send(from(1, Request, na(1, "2001:db8:0:1::15"), is)), lease6.NA, 1, "2001:db8:0:1::15")
	b.wantStatus(b.send(from(1, Request, na(2), is)), lease6.NA, 2, NoAddrsAvail)
	b.reload(limited(policy.LimitSpec{By: policy.LimitMAC, Max: 1}), func(s *policy6.Spec) {
		first(s).Reservations = []policy6.ReservationSpec{{DUID: duid(1), Addresses: one("2001:db8:0:1::77")}}
	})
	b.wantLeases(b.send(from(1, Renew, na(1, "2001:db8:0:1::15"), is)), lease6.NA, 1, "2001:db8:0:1::77", "-2001:db8:0:1::15")
	b.wantStatus(b.send(from(2, Request, na(1), is)), lease6.NA, 1, NoAddrsAvail)
}

// A class and a subnet have limits too.
func TestLimitsOfAClassAndOfASubnet(t *testing.T) {
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitClass, Class: "c", Max: 1}), func(s *policy6.Spec) {
		s.Classes = []policy6.ClassSpec{class("c", policy.Match{By: policy.MatchSubscriber, Value: []byte("s")})}
		s.Subnets[1].Limit = 1
	})
	b.lease(1, na(1), subscriber("s"))
	b.wantStatus(b.send(from(2, Request, na(1), subscriber("s"))), lease6.NA, 1, NoAddrsAvail)
	b.lease(3, na(1))
	b.lease(4, na(1), pd(1), via(relay1))
	a := b.send(from(5, Request, na(1), pd(1), via(relay1)))
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wantStatus(a, lease6.PD, 1, NoPrefixAvail)
	spec := baseSpec()
	spec.Classes = []policy6.ClassSpec{class("c", policy.Match{By: policy.MatchUserClass, Value: []byte("s")})}
	spec.Limits = []policy.LimitSpec{{By: policy.LimitClass, Class: "c", Max: 1}}
	if _, err := policy6.Build(spec); err == nil {
		t.Error("a limit by what no lease remembers is accepted")
	}
}

// Workers at once never overshoot a limit.
func TestLimitsUnderConcurrency(t *testing.T) {
	const most, workers, clients = 7, 4, 50
	b := newBench(t, limited(policy.LimitSpec{By: policy.LimitMAC, Max: most}), func(s *policy6.Spec) {
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::10", "2001:db8:0:1::ffff")}
	})
	var granted atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			batch, a := lease.NewBatch(uint8(w+1)), &Answer{}
			for i := range clients {
				q := from(byte(i), Request, na(uint32(w)), linkLayer(mac(1)...))
				b.server.Decide6(b.policy, q, b.now, batch, a)
				if a.NLeases > 0 {
					granted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := granted.Load(); n != most {
		t.Errorf("%d leases under a limit of %d", n, most)
	}
}
