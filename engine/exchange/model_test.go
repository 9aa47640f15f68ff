// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// A claim is what an ACK promised: this client may use the address until then.
type claim struct {
	client byte
	scope  lease.ScopeID
	until  lease.Time
}

// machine sends random messages of a few clients to the server and keeps a naive
// record of what was promised to whom. It knows the protocol's promises and
// nothing of how the server keeps them.
type machine struct {
	*bench
	t      *rapid.T
	claims map[lease.IP4]claim
	offers map[byte]Answer // last OFFER to a client on port 0's link
	host   map[byte]string // reservations in force on port 0's link
}

// links are where clients are: how to get there, and which addresses are there.
var links = []struct {
	giaddr  string
	subnets []string // first 24 bits, with what a test address needs
}{
	{"", []string{"192.0.2."}},
	{relay1, []string{"10.1.0."}},
	{relay3, []string{"10.3.0.", "10.3.1."}},
}

func (m *machine) client() byte { return rapid.Byte().Draw(m.t, "client")%7 + 1 }

// address is one of a link's, in or out of its pools, most often one that matters.
func (m *machine) address(link int) lease.IP4 {
	nets := links[link].subnets
	base := ip(nets[rapid.IntRange(0, len(nets)-1).Draw(m.t, "net")] + "0")
	return base + lease.IP4(rapid.SampledFrom([]int{9, 10, 11, 12, 13, 14, 200}).Draw(m.t, "host"))
}

// ask is a message of a client on a link, and its answer.
func (m *machine) ask(link int, q Query) Answer {
	if g := links[link].giaddr; g != "" {
		q = via(g, q)
	}
	if rapid.IntRange(0, 9).Draw(m.t, "how") == 0 {
		q.Flags = FlagBroadcast
	}
	before := m.batch.Len()
	a := m.send(q)
	m.check(link, q, a, before)
	return a
}

// check holds an answer against what every answer must be, and takes note of
// what it promises.
func (m *machine) check(link int, q Query, a Answer, before int) {
	t, n := m.t, q.Client.HW[5]
	changed := m.batch.Len() - before
	sel := policy.Selector{Port: q.Port, Giaddr: q.Giaddr}
	subnet := m.policy.Select(&sel)
	if (a.Type == 0) == (a.Reason == frame.OK) {
		t.Fatalf("type %d with reason %v", a.Type, a.Reason)
	}
	if a.Wait != 0 && a.Type != Ack {
		t.Fatalf("%s waits", typeName(a.Type))
	}
	switch a.Type {
	case 0:
		if a != (Answer{Reason: a.Reason}) {
			t.Fatalf("silence with content: %+v", a)
		}
	case Nak:
		if a.Yiaddr != 0 || a.Ciaddr != 0 || a.HasTimes || a.Options != nil || a.Subnet != nil {
			t.Fatalf("NAK with content: %+v", a)
		}
		if q.Giaddr != 0 && (a.To != ToRelay || a.Flags&FlagBroadcast == 0) || q.Giaddr == 0 && a.To != ToBroadcast {
			t.Fatalf("NAK to %d, flags %04x", a.To, a.Flags)
		}
		// A client that is told NAK stops using what it asked for.
		for _, addr := range []lease.IP4{q.Requested, q.Ciaddr} {
			if c, ok := m.claims[addr]; ok && c.client == n {
				delete(m.claims, addr)
			}
		}
	case Offer, Ack:
		if a.Type == Ack && q.Type == Inform {
			if a.Yiaddr != 0 || changed != 0 || a.HasTimes {
				t.Fatalf("INFORM: %+v, %d changes", a, changed)
			}
			break
		}
		at := m.policy.SubnetOf(a.Yiaddr)
		if at == nil || at.Scope != subnet.Scope || a.Subnet != at {
			t.Fatalf("%s %v on the link of %v", typeName(a.Type), a.Yiaddr, subnet.Base)
		}
		_, _, inPool := subnet.Place(a.Yiaddr)
		if r := subnet.ReservedAt(a.Yiaddr); r != nil {
			if links[link].giaddr != "" || m.host[n] != a.Yiaddr.String() {
				t.Fatalf("%s %v for client %d, reserved for another", typeName(a.Type), a.Yiaddr, n)
			}
		} else if !inPool {
			t.Fatalf("%s %v, which is in no pool", typeName(a.Type), a.Yiaddr)
		}
		if c, ok := m.claims[a.Yiaddr]; ok && c.until > m.now && c.client != n {
			t.Fatalf("%s %v for client %d; client %d has it for %d s more", typeName(a.Type), a.Yiaddr, n, c.client, c.until-m.now)
		}
		if !a.HasTimes || a.Valid == 0 || a.Valid > hour || a.Renew > a.Rebind || a.Rebind > a.Valid {
			t.Fatalf("times %d, %d, %d", a.Renew, a.Rebind, a.Valid)
		}
		if a.Type == Offer {
			if changed != 0 {
				t.Fatalf("an OFFER makes %d changes", changed)
			}
			break
		}
		if changed > 0 && a.Wait != m.batch.Ticket() {
			t.Fatalf("%d changes in batch %d, the ACK waits for %d", changed, m.batch.Ticket(), a.Wait)
		}
		// A client has one lease on a link.
		for addr, c := range m.claims {
			if c.client == n && c.scope == at.Scope && addr != a.Yiaddr {
				delete(m.claims, addr)
			}
		}
		m.claims[a.Yiaddr] = claim{n, at.Scope, m.now + lease.Time(a.Valid)}
	}
}

// reconfigure puts a configuration with some reservations in force.
func (m *machine) reconfigure(t *rapid.T) {
	m.host = map[byte]string{}
	var edits []func(*policy.Spec)
	for n := range byte(3) {
		if at := rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.20"}).Draw(t, "reserved"); at != "" {
			at += string('0' + n)
			edits = append(edits, reserve(n+1, at))
			m.host[n+1] = at
		}
	}
	if rapid.Bool().Draw(t, "authoritative") {
		edits = append(edits, authoritative)
	}
	edits = append(edits, func(s *policy.Spec) {
		last := []string{"192.0.2.14", "10.1.0.14", "10.2.0.14"}
		for i := range s.Subnets {
			s.Subnets[i].Pools[0].Ranges[0].Last = addr(last[i])
		}
		s.Networks[0].Subnets[1].Pools[0].Ranges[0].Last = addr("10.3.1.13")
		s.OfferHold, s.Probation = 20, 300
	})
	m.reload(edits...)
}

func TestRandomMessages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{bench: newBench(t), t: rt, claims: map[lease.IP4]claim{}, offers: map[byte]Answer{}}
		m.reconfigure(rt)
		link := func() int { return rapid.IntRange(0, len(links)-1).Draw(rt, "link") }
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) { m.t = rt },
			"discover": func(rt *rapid.T) {
				l, n := link(), m.client()
				q := discover(n)
				if rapid.Bool().Draw(rt, "wish") {
					q.Requested, q.HasRequested = m.address(l), true
				}
				a := m.ask(l, q)
				delete(m.offers, n)
				if l == 0 && a.Type == Offer {
					m.offers[n] = a
				}
			},
			"take the offer": func(rt *rapid.T) {
				n := m.client()
				if o, ok := m.offers[n]; ok {
					delete(m.offers, n)
					m.ask(0, selecting(n, o.Yiaddr.String(), ours0))
				}
			},
			"discover and take": func(rt *rapid.T) {
				// At once, whatever came before: the offer holds.
				l, n := link(), m.client()
				o := m.ask(l, discover(n))
				if o.Type != Offer {
					return
				}
				if a := m.ask(l, selecting(n, o.Yiaddr.String(), o.ServerID.String())); a.Type != Ack || a.Yiaddr != o.Yiaddr {
					rt.Fatalf("OFFER %v, then %s %v (%v %s)", o.Yiaddr, typeName(a.Type), a.Yiaddr, a.Reason, a.Message)
				}
			},
			"take any": func(rt *rapid.T) {
				l := link()
				m.ask(l, selecting(m.client(), m.address(l).String(), ours0))
			},
			"take another server's": func(rt *rapid.T) {
				l := link()
				if a := m.ask(l, selecting(m.client(), m.address(l).String(), other)); a.Type != 0 {
					rt.Fatalf("%s", typeName(a.Type))
				}
			},
			"reboot": func(rt *rapid.T) {
				l := link()
				m.ask(l, rebooting(m.client(), m.address(l).String()))
			},
			"renew": func(rt *rapid.T) {
				// Unicast: the link is that of the address.
				q := renewing(m.client(), m.address(0).String())
				q.Ciaddr = m.address(0)
				m.ask(0, q)
			},
			"rebind": func(rt *rapid.T) {
				l := link()
				m.ask(l, rebinding(m.client(), m.address(l).String()))
			},
			"holder renews": func(rt *rapid.T) {
				// Whoever was promised an address and asks in time keeps it, unless
				// the configuration has given it or the client another.
				n := m.client()
				for l := range links {
					for addr, c := range m.claims {
						s := m.policy.SubnetOf(addr)
						sel := policy.Selector{Giaddr: giaddr(l)}
						if c.client != n || c.until <= m.now || s.Scope != m.policy.Select(&sel).Scope {
							continue
						}
						_, _, inPool := s.Place(addr)
						reserved := l == 0 && (m.host[n] != "" || s.ReservedAt(addr) != nil)
						a := m.ask(l, rebinding(n, addr.String()))
						if inPool && !reserved && (a.Type != Ack || a.Yiaddr != addr) {
							rt.Fatalf("%v of client %d with %d s left: %s (%v)", addr, n, c.until-m.now, typeName(a.Type), a.Message)
						}
						break
					}
				}
			},
			"release": func(rt *rapid.T) {
				n, addr := m.client(), m.address(link())
				before := m.batch.Len()
				a := m.send(release(n, addr.String()))
				c, held := m.claims[addr]
				mine := held && c.client == n && c.until > m.now
				if mine && a.Reason != frame.Released || !mine && held && c.until > m.now && a.Reason != frame.NotHolder {
					rt.Fatalf("RELEASE of %v by client %d, claim %+v: %v", addr, n, c, a.Reason)
				}
				if a.Reason != frame.Released && m.batch.Len() != before {
					rt.Fatal("a refused RELEASE changes something")
				}
				if a.Reason == frame.Released && held && c.client == n {
					delete(m.claims, addr)
				}
			},
			"decline": func(rt *rapid.T) {
				l := link()
				n, addr := m.client(), m.address(l)
				a := m.ask(l, decline(n, addr.String(), ours0))
				if a.Type != 0 {
					rt.Fatalf("%s", typeName(a.Type))
				}
				if c, held := m.claims[addr]; held {
					switch live := c.until > m.now; {
					case a.Reason == frame.Declined && live && c.client != n:
						rt.Fatalf("client %d declines %v of client %d", n, addr, c.client)
					case a.Reason == frame.Declined:
						delete(m.claims, addr)
					}
				}
			},
			"inform": func(rt *rapid.T) {
				l := link()
				if a := m.ask(l, inform(m.client(), m.address(l).String())); a.Type != Ack {
					rt.Fatalf("%s (%v)", typeName(a.Type), a.Reason)
				}
			},
			"journal": func(*rapid.T) { m.batch.Reset() },
			"reload":  m.reconfigure,
			"wait": func(rt *rapid.T) {
				m.wait(rapid.SampledFrom([]uint32{1, 6, 25, 400, 1900, 4000}).Draw(rt, "seconds"))
				if rapid.Bool().Draw(rt, "reap") {
					m.server.Table.Expire(m.now, 1000, m.batch)
				}
			},
		})
	})
}

func giaddr(link int) lease.IP4 {
	if g := links[link].giaddr; g != "" {
		return ip(g)
	}
	return 0
}
