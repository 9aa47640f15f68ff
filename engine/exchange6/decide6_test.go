// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"reflect"
	"sync"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// large is a configuration with all that costs something.
func large(s *policy6.Spec) {
	secret(s)
	s.Classes = []policy6.ClassSpec{
		class("modem", policy.Match{By: policy.MatchVendorClass, Enterprise: 4491, Value: []byte("docsis"), Prefix: true}),
		class("ms", policy.Match{By: policy.MatchVendorClass, Value: []byte("MSFT 5.0")}),
	}
	s.Classes[0].Options = []policy6.Option{{Code: 17, Data: []byte{0, 0, 17, 139, 0, 1, 0, 0}}}
	s.Limits = []policy.LimitSpec{{By: policy.LimitRemote, Max: 4}}
	s.Preference = 7
	s.FQDN = policy.FQDNSpec{Updates: true, Suffix: "example"}
	f := first(s)
	f.RapidCommit = true
	f.Pools[0].Ranges = []policy6.Range{policy6.RangeOf(f.Prefix)}
	f.Pools[0].Method = policy6.Random
	f.Delegate = []policy6.DelegateSpec{{Prefix: prefix("2001:db8:8000::/36"), Length: 56, Exclude: prefix("0:0:0:ff::/64")}}
	f.Reservations = []policy6.ReservationSpec{{DUID: duid(250), Addresses: one("2001:db8:0:1::77")}}
	f.Deny = nil
	f.Pools[0].Deny = []string{"ms"}
}

// rich is a message with all that is looked at.
func rich(q *Query) {
	asks(23, 24, 17, 67, 39, 65, 82)(q)
	vendorClass(4491, "docsis3.1")(q)
	remoteID("line 1")(q)
	linkLayer(mac(1)...)(q)
	accepts(q)
	fqdn(1, "\x04host")(q)
	supplied(opt(65, "here"))(q)
}

// A Query that was used is as good as new.
func TestResetLeavesNothing(t *testing.T) {
	q := from(1, Request, na(1, "2001:db8:0:1::10"), rich, via(relay1), commitsAtOnce, func(q *Query) {
		q.NTags, q.VLAN, q.UserClass, q.Arch = 2, [2]uint16{1, 2}, []byte{1}, []byte{2}
		rogueRequest(q)
		q.Packet, q.LeaseQuery, q.Who, q.Subnet = packet{}, []byte{1}, &lease6.Who{}, &policy6.Subnet{}
	})
	filled := reflect.ValueOf(*q)
	for i := range filled.NumField() {
		if filled.Field(i).IsZero() && filled.Type().Field(i).Name != "room" {
			t.Errorf("%s is not filled: the test does not see it", filled.Type().Field(i).Name)
		}
	}
	q.Reset()
	q.IAs, q.Leases, q.room = [MaxIAs]IA{}, [MaxLeases]lease6.Prefix{}, room{}
	if !reflect.DeepEqual(*q, Query{}) {
		t.Errorf("%+v", *q)
	}
}

// An Answer is overwritten, whatever was in it.
func TestAnAnswerIsOverwritten(t *testing.T) {
	b := newBench(t, large)
	a := &Answer{}
	b.server.Decide6(b.policy, from(1, Request, na(1), pd(1), rich), b.now, b.batch, a)
	a.Status = Status{true, UnspecFail, "x"}
	b.server.Decide6(b.policy, from(1, Advertise), b.now, b.batch, a)
	b.wantSilence(a, frame.FromServer)
}

// A decision allocates nothing, whatever is in the message.
func TestDecide6DoesNotAllocate(t *testing.T) {
	for _, edit := range []func(*policy6.Spec){func(*policy6.Spec) {}, large} {
		b := newBench(t, edit)
		a := &Answer{}
		p := b.lease(1, pd(1), rich)
		b.lease(1, na(1), rich)
		addr := b.lease(1, na(1), rich)
		for name, q := range map[string]*Query{
			"Solicit":             from(1, Solicit, na(1), pd(1, "::/56"), rich),
			"Request":             from(1, Request, na(1, addr.String()), pd(1, p.String()), rich),
			"Confirm":             from(1, Confirm, na(1, addr.String()), rich),
			"Renew":               from(1, Renew, na(1, addr.String(), "2001:db8:1::1"), pd(1, p.String()), rich),
			"Rebind":              from(1, Rebind, na(1, addr.String()), pd(1, p.String()), rich),
			"Information-request": from(1, InformationRequest, rich),
			"Release":             from(1, Release, na(2, "2001:db8:0:1::99"), rich),
			"Decline":             from(1, Decline, na(2, "2001:db8:0:1::99"), rich),
		} {
			b.server.Decide6(b.policy, q, b.now, b.batch, a)
			if a.Type == 0 {
				t.Fatalf("%s: %v", name, a.Reason)
			}
			n := testing.AllocsPerRun(100, func() {
				b.wait(600)
				b.batch.Reset()
				b.server.Decide6(b.policy, q, b.now, b.batch, a)
			})
			if n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	}
}

// Workers that share the server and the table: every client is served, no lease has two, no two
// leases overlap.
func TestWorkersShareAServer(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		large(s)
		s.Limits = nil
	})
	const workers, clients = 4, 100
	type holding struct {
		duid byte
		ia   lease6.IA
	}
	got := make([]map[lease6.Prefix]holding, workers)
	var wg sync.WaitGroup
	for w := range workers {
		got[w] = map[lease6.Prefix]holding{}
		wg.Go(func() {
			batch, a := lease.NewBatch(uint8(w+1)), &Answer{}
			// Clients are everybody's: one whose messages arrive on several queues still has
			// one lease in an IA.
			for i := range byte(clients) {
				q := from(i, Solicit, na(1), pd(1, "::/56"), na(2))
				b.server.Decide6(b.policy, q, b.now, batch, a)
				if a.Type != Advertise || a.NLeases != 3 {
					t.Errorf("client %d: type %d (%v) with %d leases", i, a.Type, a.Reason, a.NLeases)
					continue
				}
				r := from(i, Request)
				for j := range a.NIAs {
					x := a.IAs[j]
					r.AddIA(x.Type, x.ID)
					for _, l := range a.Leases[x.First : x.First+x.N] {
						r.AddLease(l.Prefix.IP6, l.Prefix.Len)
					}
				}
				b.server.Decide6(b.policy, r, b.now, batch, a)
				if a.Type != Reply || a.NLeases != 3 {
					t.Errorf("client %d: type %d (%v) with %d leases", i, a.Type, a.Reason, a.NLeases)
					continue
				}
				for j := range a.NIAs {
					x := a.IAs[j]
					got[w][a.Leases[x.First].Prefix] = holding{i, x.IA}
				}
			}
		})
	}
	wg.Wait()
	owner := map[lease6.Prefix]holding{}
	for _, m := range got {
		for p, h := range m {
			if other, dup := owner[p]; dup && other != h {
				t.Errorf("%v is %v's and %v's", p, h, other)
			}
			owner[p] = h
		}
	}
	if len(owner) != 3*clients {
		t.Errorf("%d leases for %d IAs", len(owner), 3*clients)
	}
}

func BenchmarkDecide6(b *testing.B) {
	for _, bb := range []struct {
		name string
		typ  uint8
		ia   []func(*Query)
		edit func(*policy6.Spec)
	}{
		{"solicit na", Solicit, []func(*Query){na(1), asks(23, 24)}, func(*policy6.Spec) {}},
		{"renew na", Renew, []func(*Query){na(1), asks(23, 24)}, func(*policy6.Spec) {}},
		{"renew na+pd", Renew, []func(*Query){na(1), pd(1), asks(23, 24)}, func(*policy6.Spec) {}},
		{"renew na+pd relayed", Renew, []func(*Query){na(1), pd(1), asks(23, 24), via(relay1)}, func(*policy6.Spec) {}},
		{"renew na+pd all", Renew, []func(*Query){na(1), pd(1), rich}, large},
		{"inform", InformationRequest, []func(*Query){asks(23, 24)}, func(*policy6.Spec) {}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			x := newBench(b, bb.edit)
			q := from(1, bb.typ, bb.ia...)
			a := x.send(q)
			for i := range a.NIAs { // name what was assigned
				q.IAs[i].First, q.IAs[i].N = q.NLeases, 0
				for _, l := range a.Leases[a.IAs[i].First : a.IAs[i].First+a.IAs[i].N] {
					q.Leases[q.NLeases] = l.Prefix
					q.NLeases++
					q.IAs[i].N++
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				x.now += 600
				x.server.Decide6(x.policy, q, x.now, x.batch, a)
				x.batch.Reset()
			}
			if a.Type == 0 {
				b.Fatal(a.Reason)
			}
		})
	}
}
