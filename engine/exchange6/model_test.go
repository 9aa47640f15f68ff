// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// A promise is what a client may believe: a lease in one of its IAs, until it ends.
type promise struct {
	client byte
	ia     lease6.IA
	lease  lease6.Prefix
	until  lease.Time
}

// A world is a few clients on three links with few leases, which behave well or badly, and what the
// server has promised them.
type world struct {
	*bench
	t        *rapid.T
	promises []promise
	held     map[holder][]lease6.Prefix // what a client thinks that it has
}

type holder struct {
	client byte
	ia     lease6.IA
}

// configs are what reloads go through.
var configs = []func(*policy6.Spec){
	func(*policy6.Spec) {},
	func(s *policy6.Spec) { // renumbered
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::13", "2001:db8:0:1::1b")}
		first(s).Delegate = first(s).Delegate[1:]
	},
	func(s *policy6.Spec) { // reservations, some of them of what others have
		first(s).Reservations = []policy6.ReservationSpec{
			{DUID: duid(1), Addresses: one("2001:db8:0:1::11")},
			{DUID: duid(2), Addresses: one("2001:db8:0:1::12"), Prefixes: nil},
		}
	},
	func(s *policy6.Spec) {
		s.NoRecreate, s.Temporary = true, policy6.TemporaryAssign
		s.Limits = []policy.LimitSpec{{By: policy.LimitMAC, Max: 1}}
	},
	func(s *policy6.Spec) {
		s.Authoritative = true
		first(s).RapidCommit = true
		first(s).Times = policy6.Times{Preferred: 50, Valid: 100}
	},
	func(s *policy6.Spec) { // all that looks at what a client says
		large(s)
		first(s).Pools = baseSpec().Subnets[0].Pools
		first(s).Delegate = baseSpec().Subnets[0].Delegate
		small(s)
	},
	func(s *policy6.Spec) { // several for a client
		first(s).Reservations = []policy6.ReservationSpec{
			{DUID: duid(1), Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:0:1::11"), netip.MustParseAddr("2001:db8:0:1::14"), netip.MustParseAddr("2001:db8:0:1::71")},
				Prefixes: []netip.Prefix{prefix("2001:db8:8001::/48"), prefix("2001:db8:9000:100::/56")}},
			{DUID: duid(2), Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:0:1::10"), netip.MustParseAddr("2001:db8:0:1::12")}},
		}
		first(s).RapidCommit = true
	},
	renumber,
	func(s *policy6.Spec) { // blocks within blocks
		first(s).Delegate[0].Length = 52
		first(s).Delegate[0].Prefix = prefix("2001:db8:8000::/50")
	},
}

// small leaves four prefixes in each block.
func small(s *policy6.Spec) {
	first(s).Delegate[0].Prefix = prefix("2001:db8:8000::/46")
	first(s).Delegate[1].Prefix = prefix("2001:db8:9000::/54")
}

func (w *world) reloadTo(n int) {
	w.reload(small, configs[n])
}

// query draws a message: of what the client has, of what others have, of nonsense.
func (w *world) query(typ uint8) *Query {
	t := w.t
	n := byte(rapid.IntRange(1, 5).Draw(t, "client"))
	q := from(n, typ)
	if rapid.Bool().Draw(t, "with mac") {
		linkLayer(mac(n)...)(q)
	}
	if rapid.IntRange(0, 4).Draw(t, "relayed") == 0 {
		via(relay1)(q)
	}
	q.RapidCommit = rapid.Bool().Draw(t, "rapid")
	if rapid.IntRange(0, 5).Draw(t, "junk") == 0 {
		junk := rapid.SliceOfN(rapid.ByteRange(0, 66), 0, 20)
		asks(15, 17, 39, 65, 67)(q)
		q.FQDN, q.UserClass, q.Arch = junk.Draw(t, "fqdn"), junk.Draw(t, "user class"), junk.Draw(t, "arch")
		q.VendorClass[0], q.VendorOpts[0] = junk.Draw(t, "vendor class"), junk.Draw(t, "vendor options")
		q.RSOO[0], q.RSOO[1] = junk.Draw(t, "rsoo"), junk.Draw(t, "rsoo")
		q.Client.RemoteID, q.Client.InterfaceID = junk.Draw(t, "remote-id"), junk.Draw(t, "interface-id")
	}
	seen := map[lease6.IA]bool{}
	for range rapid.IntRange(0, 3).Draw(t, "IAs") {
		ia := lease6.IA{Type: lease6.IAType(rapid.IntRange(1, 3).Draw(t, "type")), ID: uint32(rapid.IntRange(1, 2).Draw(t, "iaid"))}
		if seen[ia] {
			continue
		}
		seen[ia] = true
		q.AddIA(ia.Type, ia.ID)
		if rapid.IntRange(0, 3).Draw(t, "honest") > 0 {
			for _, l := range w.held[holder{n, ia}] {
				q.AddLease(l.IP6, l.Len)
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			l := at(rapid.SampledFrom([]string{"2001:db8:0:1::10", "2001:db8:0:1::12", "2001:db8:0:1::1a", "2001:db8:1::10", "::"}).Draw(t, "address"))
			if ia.Type == lease6.PD {
				l = at(rapid.SampledFrom([]string{"2001:db8:8000::/48", "2001:db8:8001::/48", "2001:db8:9000::/56", "2001:db8:9000:100::/56",
					"2001:db8:8000::/52", "2001:db8:8000:1000::/52", "::/48", "::/56", "::/60", "2001:db8:a000::/56", "2001:db8:8000::/56"}).Draw(t, "prefix"))
			}
			q.AddLease(l.IP6, l.Len)
		}
	}
	return q
}

// exchange sends a message and checks the answer.
func (w *world) exchange(typ uint8) {
	q := w.query(typ)
	a := w.send(q)
	n := q.Client.DUID[len(q.Client.DUID)-1]
	if a.T1 > a.T2 && a.T2 != 0 {
		w.t.Fatalf("T1 %d comes after T2 %d", a.T1, a.T2)
	}
	if typ == Release || typ == Decline {
		if a.Type == Reply {
			for i := range q.NIAs {
				ia := q.IAs[i]
				for _, l := range q.Leases[ia.First : ia.First+ia.N] {
					if typ == Decline && ia.Type == lease6.PD {
						continue
					}
					w.forget(n, ia.IA, l)
				}
			}
		}
		return
	}
	asked := map[lease6.IA]bool{}
	for i := range q.NIAs {
		asked[q.IAs[i].IA] = true
	}
	for i := range a.NIAs {
		ia := &a.IAs[i]
		if !asked[ia.IA] {
			w.t.Fatalf("message %d: an answer for %v, which was not asked for", typ, ia.IA)
		}
		asked[ia.IA] = false
		w.answer(n, a, ia)
	}
	for own := a.Own.Encoded(); len(own) > 0; {
		if len(own) < 4 || 4+int(own[2])<<8+int(own[3]) > len(own) {
			w.t.Fatalf("own options % x", a.Own.Encoded())
		}
		own = own[4+int(own[2])<<8+int(own[3]):]
	}
}

func (w *world) answer(n byte, a *Answer, ia *AnswerIA) {
	leases := a.Leases[ia.First : ia.First+ia.N]
	fresh := false
	for i, l := range leases {
		if l.Preferred > l.Valid || (l.Prefix.Len == 128) != (ia.Type != lease6.PD) || l.Prefix.IsZero() {
			w.t.Fatalf("%v has %+v", ia.IA, l)
		}
		for _, m := range leases[:i] {
			if m.Prefix == l.Prefix {
				w.t.Fatalf("%v has %v twice", ia.IA, l.Prefix)
			}
		}
		if l.Valid == 0 {
			if a.Type == Advertise {
				w.t.Fatalf("%v is taken away by an Advertise", l.Prefix)
			}
			w.forget(n, ia.IA, l.Prefix)
			continue
		}
		if ia.Status.Set {
			w.t.Fatalf("%v has %v and status %d", ia.IA, l.Prefix, ia.Status.Code)
		}
		for _, p := range w.promises {
			if p.until > w.now && p.lease.Overlaps(l.Prefix) && (p.client != n || p.ia != ia.IA) {
				w.t.Fatalf("%v is promised to client %d %v and to client %d %v, which has %v until %d", l.Prefix, n, ia.IA, p.client, p.ia, p.lease, p.until)
			}
		}
		fresh = fresh || a.Type == Reply && !w.promised(n, ia.IA, l.Prefix)
	}
	if a.Type != Reply {
		return
	}
	h := holder{n, ia.IA}
	if fresh {
		// An IA that gets another lease has lost what is not in the answer.
		for _, p := range append([]promise(nil), w.promises...) {
			if p.client == n && p.ia == ia.IA {
				w.forget(n, ia.IA, p.lease)
			}
		}
	}
	for _, l := range leases {
		if l.Valid == 0 {
			continue
		}
		until := w.now + lease.Time(l.Valid)
		for _, p := range w.promises {
			if p.client == n && p.ia == ia.IA && p.lease == l.Prefix {
				until = max(until, p.until) // the client may have missed this answer
			}
		}
		w.forget(n, ia.IA, l.Prefix)
		w.promises = append(w.promises, promise{n, ia.IA, l.Prefix, until})
		w.held[h] = append(w.held[h], l.Prefix)
	}
}

func (w *world) promised(n byte, ia lease6.IA, l lease6.Prefix) bool {
	for _, p := range w.promises {
		if p.client == n && p.ia == ia && p.lease == l && p.until > w.now {
			return true
		}
	}
	return false
}

func (w *world) forget(n byte, ia lease6.IA, l lease6.Prefix) {
	left := w.promises[:0]
	for _, p := range w.promises {
		if p.client != n || p.ia != ia || p.lease != l {
			left = append(left, p)
		}
	}
	w.promises = left
	h := holder{n, ia}
	var held []lease6.Prefix
	for _, x := range w.held[h] {
		if x != l {
			held = append(held, x)
		}
	}
	w.held[h] = held
}

// Whatever clients send, with reloads and time between: no lease is promised to two at once, nor one
// that contains the other's; what an answer says is consistent; and what is promised is in the table.
func TestNoLeaseHasTwoClients(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		w := &world{bench: newBench(tb), t: t, held: map[holder][]lease6.Prefix{}}
		w.reloadTo(0)
		message := func(typ uint8) func(*rapid.T) {
			return func(t *rapid.T) { w.t = t; w.exchange(typ) }
		}
		t.Repeat(map[string]func(*rapid.T){
			"solicit":  message(Solicit),
			"request":  message(Request),
			"request2": message(Request),
			"renew":    message(Renew),
			"rebind":   message(Rebind),
			"release":  message(Release),
			"decline":  message(Decline),
			"time": func(t *rapid.T) {
				w.wait(uint32(rapid.IntRange(1, 2*hour).Draw(t, "seconds")))
				w.server.Table.Expire(w.now, 1000, w.batch)
			},
			"reload": func(t *rapid.T) { w.reloadTo(rapid.IntRange(0, len(configs)-1).Draw(t, "configuration")) },
			"": func(t *rapid.T) {
				for _, p := range w.promises {
					var e lease6.Entry
					if p.until <= w.now {
						continue
					}
					if !w.server.Table.Lookup(p.lease, &e) || e.Status != lease.Bound || e.DUID[len(e.DUID)-1] != p.client || e.IA != p.ia {
						t.Fatalf("client %d has %v in %v until %d; the table says %v for %x %v", p.client, p.lease, p.ia, p.until, e.Status, e.DUID, e.IA)
					}
				}
			},
		})
	})
}
