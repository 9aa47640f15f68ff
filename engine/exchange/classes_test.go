// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// options gives expressions a message's options.
type options map[uint8]string

func (o options) Option(code uint8) ([]byte, bool) {
	v, ok := o[code]
	return []byte(v), ok
}

func vendor(name string) policy.Match {
	return policy.Match{By: policy.MatchVendorClass, Value: []byte(name)}
}

func classOf(name string, m policy.Match) policy.ClassSpec {
	return policy.ClassSpec{Name: name, Match: &m}
}

// phone makes a message that of a client with this option 60.
func phone(q Query) Query {
	q.VendorClass = []byte("phone")
	return q
}

// phones are 192.0.2.10-11 for phones, 12-13 for all but phones.
func phones(s *policy.Spec) {
	s.Classes = append(s.Classes, classOf("phones", vendor("phone")))
	s.Subnets[0].Pools = []policy.PoolSpec{
		{Name: "phones", Ranges: []policy.Range{{First: addr("192.0.2.10"), Last: addr("192.0.2.11")}}, Classes: []string{"phones"}},
		{Name: "others", Ranges: []policy.Range{{First: addr("192.0.2.12"), Last: addr("192.0.2.13")}}, Deny: []string{"phones"}},
	}
}

func TestPoolsOfAClass(t *testing.T) {
	b := newBench(t, phones)
	for n := byte(1); n <= 3; n++ {
		a, p := b.send(discover(n)), b.send(phone(discover(n+10)))
		if n == 3 {
			b.wantSilence(a, frame.PoolFull)
			b.wantSilence(p, frame.PoolFull)
			break
		}
		if a.Yiaddr < ip("192.0.2.12") || a.Yiaddr > ip("192.0.2.13") {
			t.Errorf("a client of no class is offered %v", a.Yiaddr)
		}
		if p.Yiaddr < ip("192.0.2.10") || p.Yiaddr > ip("192.0.2.11") {
			t.Errorf("a phone is offered %v", p.Yiaddr)
		}
	}
	// What is not offered is not granted either.
	b = newBench(t, phones)
	b.wantNak(b.send(selecting(1, "192.0.2.10", ours0)))
	b.wantNak(b.send(phone(selecting(1, "192.0.2.12", ours0))))
	b.wantAck(b.send(phone(selecting(1, "192.0.2.10", ours0))), "192.0.2.10")
}

// A lease from before the pool was for a class ends at the next message.
func TestAPoolThatBecomesThatOfAClass(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		phones(s)
		for i := range s.Subnets[0].Pools {
			s.Subnets[0].Pools[i].Classes, s.Subnets[0].Pools[i].Deny = nil, nil
		}
	})
	b.lease(1, func(q *Query) { q.Requested, q.HasRequested = ip("192.0.2.10"), true })
	b.reload(phones)
	b.wantNak(b.send(renewing(1, "192.0.2.10")))
	if a := b.send(discover(1)); a.Type != Offer || a.Yiaddr < ip("192.0.2.12") {
		t.Errorf("then %s %v", typeName(a.Type), a.Yiaddr)
	}
}

func TestTimesOfAClass(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{Name: "phones", VendorClass: []byte("phone"), Times: &policy.Times{Valid: 600, Renew: 60, Rebind: 120}}}
		s.Subnets[0].Pools[0].Times = &policy.Times{Valid: 900}
	})
	for _, c := range []struct {
		edit                 func(Query) Query
		valid, renew, rebind uint32
	}{{phone, 600, 60, 120}, {func(q Query) Query { return q }, 900, 450, 787}} {
		o := b.send(c.edit(discover(1)))
		a := b.send(c.edit(selecting(1, o.Yiaddr.String(), ours0)))
		for _, x := range []Answer{o, a} {
			if x.Valid != c.valid || x.Renew != c.renew || x.Rebind != c.rebind {
				t.Errorf("%s: %d, %d, %d; want %+v", typeName(x.Type), x.Renew, x.Rebind, x.Valid, c)
			}
		}
		b.send(release(1, o.Yiaddr.String()))
	}
}

func TestBootParametersAndOptionsOfAClass(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].BootFile = "default"
		s.Classes = []policy.ClassSpec{{
			Name: "uefi", Match: &policy.Match{By: policy.MatchArch, Number: 7},
			BootFile: "boot.efi", NextServer: addr("192.0.2.5"), Options: []policy.Option{{Code: 150, Data: []byte("x")}},
		}}
	})
	plain := b.send(discover(1))
	if plain.Boot == nil || string(plain.Boot.BootFile) != "default" || plain.Boot.NextServer != 0 {
		t.Errorf("boot parameters %+v", plain.Boot)
	}
	q := discover(2)
	q.Arch = []byte{0, 7}
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if string(a.Boot.BootFile) != "boot.efi" || a.Boot.NextServer != ip("192.0.2.5") {
		t.Errorf("boot parameters %+v", a.Boot)
	}
	if v, ok := a.Options.Get(150); !ok || string(v) != "x" {
		t.Error("no option of the class")
	}
}

func TestAClassThatIsDropped(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{Name: "phones", VendorClass: []byte("phone"), Drop: true}}
	})
	mine := b.lease(1).String()
	for _, q := range []Query{discover(1), selecting(1, mine, ours0), rebooting(1, mine), renewing(1, mine), rebinding(1, mine), inform(1, mine)} {
		b.wantSilence(b.send(phone(q)), frame.Filtered)
	}
	bootp := from(1, Bootp)
	b.wantSilence(b.send(phone(bootp)), frame.Filtered)
	// It may give back what it has.
	b.wantSilence(b.send(phone(release(1, mine))), frame.Released)
}

// A renewal that is sent to us directly lacks option 82: the stored one counts.
func TestClassesOfARenewalFromTheStoredRelayInformation(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{
			Name: "line", Match: &policy.Match{By: policy.MatchCircuit, Value: []byte("c")}, Times: &policy.Times{Valid: 60},
		}}
	})
	mine := b.lease(1, func(q *Query) {
		*q = via(relay1, *q)
		q.Client.Relay = sub(1, 'c')
	})
	q := renewing(1, mine.String())
	a := b.send(q)
	if a.Type != Ack || a.Valid > 60 {
		t.Errorf("%s, %d s", typeName(a.Type), a.Valid)
	}
}

// What depends on an expression is left to a codec that can evaluate it, and
// nothing has changed by then.
func TestAnExpressionIsPunted(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		phones(s)
		s.Classes[0].Match = &policy.Match{By: policy.MatchExpr, Expr: `option(60) startsWith "phone"`}
	})
	for _, q := range []Query{
		discover(1), selecting(1, "192.0.2.10", ours0), rebooting(1, "192.0.2.10"), renewing(1, "192.0.2.10"), inform(1, "192.0.2.10"),
		from(1, Bootp),
	} {
		b.wantSilence(b.send(q), frame.PuntClass)
	}
	b.wantStatus("192.0.2.10", lease.None)
	if b.batch.Len() != 0 {
		t.Error("something was journaled")
	}
	// Another link has nothing to do with the class.
	if a := b.send(via(relay1, discover(2))); a.Type != Offer {
		t.Errorf("relayed: %v", a.Reason)
	}
	q := discover(1)
	q.Options = options{60: "phone 7"}
	if a := b.send(q); a.Type != Offer || a.Yiaddr > ip("192.0.2.11") {
		t.Errorf("with its options: %s %v", typeName(a.Type), a.Yiaddr)
	}
	q = discover(2)
	q.Options = options{}
	if a := b.send(q); a.Type != Offer || a.Yiaddr < ip("192.0.2.12") {
		t.Errorf("another, with its options: %s %v", typeName(a.Type), a.Yiaddr)
	}
}

func TestClassesDoNotAllocate(t *testing.T) {
	b := newBench(t, manyClasses)
	q := phone(discover(1))
	q.UserClass = []byte("\x01a\x02bb")
	q.Client.ClientID = []byte("\x01id")
	q.FQDN = []byte("\x01\x00\x00host")
	q.Requested, q.HasRequested = ip("192.0.2.10"), true
	var a Answer
	for _, typ := range []uint8{Discover, Request, Inform, Release} {
		q.Type = typ
		if typ == Request {
			q.ServerID, q.HasServerID = ip(ours0), true
		}
		if typ == Inform || typ == Release {
			q.Ciaddr = ip("192.0.2.10")
		}
		if n := testing.AllocsPerRun(100, func() {
			b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
			b.batch.Reset()
		}); n != 0 {
			t.Errorf("%s: %v allocations", typeName(typ), n)
		}
	}
}

// manyClasses adds 100 classes with options, 1,000 subnets and 10,000
// reservations.
func manyClasses(s *policy.Spec) {
	s.FQDN.Updates = true
	s.Classes = []policy.ClassSpec{{Name: "phones", VendorClass: []byte("phone"), Options: []policy.Option{{Code: 150, Data: []byte("p")}}}}
	for i := range 99 {
		m := vendor(fmt.Sprintf("vendor %d", i))
		if i%3 == 1 {
			m = policy.Match{By: policy.MatchMAC, Value: []byte{byte(i), 1, 1}, Prefix: true}
		}
		c := classOf(fmt.Sprint(i), m)
		c.Options = []policy.Option{{Code: 150, Data: []byte{byte(i)}}}
		s.Classes = append(s.Classes, c)
	}
	s.Filters.Deny = []policy.Match{{By: policy.MatchMAC, Value: []byte{0xee}, Prefix: true}}
	for i := range 1000 {
		sub := subnet(fmt.Sprintf("172.%d.%d.0/24", 16+i/250, i%250), fmt.Sprintf("172.%d.%d.10", 16+i/250, i%250), fmt.Sprintf("172.%d.%d.19", 16+i/250, i%250))
		for j := range 10 {
			sub.Reservations = append(sub.Reservations, policy.ReservationSpec{
				MAC: []byte{2, 1, 0, byte(i >> 8), byte(i), byte(j)}, Address: addr(fmt.Sprintf("172.%d.%d.%d", 16+i/250, i%250, 100+j)),
			})
		}
		s.Subnets = append(s.Subnets, sub)
	}
}

// BenchmarkDecideWithClasses is an exchange beside 100 classes, 1,000 subnets and
// 10,000 reservations.
func BenchmarkDecideWithClasses(b *testing.B) {
	for _, c := range []struct {
		name   string
		vendor string
		typ    uint8
	}{{"discover/in a class", "phone", Discover}, {"discover/MSFT", "MSFT 5.0", Discover}, {"renew/in a class", "phone", Request}} {
		b.Run(c.name, func(b *testing.B) {
			bn := newBench(b, manyClasses)
			// As in a codec, one Query for all.
			q := via("172.16.0.1", discover(1))
			q.VendorClass = []byte(c.vendor)
			q.Client.HW = []byte{2, 1, 0, 0, 0, 0}
			var mine [1000]lease.IP4
			first := ip("172.16.0.1")
			next := func(i int) {
				q.Giaddr = first + lease.IP4(i/250)<<16 + lease.IP4(i%250)<<8
				q.Client.HW[3], q.Client.HW[4], q.Client.HW[5] = byte(i>>8), byte(i), byte(i%10)
				q.Ciaddr = mine[i]
			}
			var a Answer
			for i := range 1000 {
				next(i)
				bn.server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
				if a.Type != Offer {
					b.Fatal(a.Reason)
				}
				if c.typ == Request {
					mine[i] = a.Yiaddr
				}
			}
			q.Type = c.typ
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				next(i % 1000)
				bn.server.Decide4(bn.policy, &q, bn.now, bn.batch, &a)
				bn.batch.Reset()
				i++
			}
		})
	}
}
