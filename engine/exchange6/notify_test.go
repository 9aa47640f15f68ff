// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// notify asks for a Reconfigure and reads it with another's decoder.
func (b *bench) notify(what string, msg uint8) (Notice, *dhcpv6.Message, Noticed) {
	b.Helper()
	n, out := b.server.Notify(b.policy, at(what), msg, b.now)
	if out != NoticeMade {
		if n.Message != nil {
			b.Errorf("%s: outcome %d, and a message", what, out)
		}
		return n, nil, out
	}
	m, err := dhcpv6.MessageFromBytes(n.Message)
	if err != nil {
		b.Fatal(err)
	}
	return n, m, out
}

// RFC 8415 §18.3.11: "A server sends each Reconfigure message to a single DHCP client, using an
// IPv6 unicast address of sufficient scope belonging to the DHCP client."
func TestReconfigureAddress(t *testing.T) {
	b := newBench(t, secret)
	direct := b.lease(1, na(1), accepts).String()
	directPD := b.lease(1, pd(2), accepts).String()
	relayed := b.lease(2, na(1), accepts, via(relay1)).String()
	relayedPD := b.lease(2, pd(2), accepts, via(relay1)).String()
	onlyPD := b.lease(3, pd(1), accepts, via(relay1)).String()
	// A relay agent that has no other address than its link-local one.
	local := b.lease(4, na(1), accepts, func(q *Query) { q.Relays, q.Link, q.Client.InterfaceID = 1, ip("2001:db8:0:1::5"), []byte("port 7") }).String()
	scope := b.policy.Select(&policy6.Selector{}).Scope
	for what, want := range map[string]string{
		direct: "fe80::101", directPD: "fe80::101", relayed: relayed, relayedPD: relayed, local: local,
	} {
		n, m, out := b.notify(what, Renew)
		if out != NoticeMade {
			t.Errorf("%s: outcome %d", what, out)
			continue
		}
		if n.To != ip(want) || policy6.LinkLocal(n.To) && n.Scope != scope {
			t.Errorf("%s: to %v on %d, want %s", what, n.To, n.Scope, want)
		}
		if m.MessageType != dhcpv6.MessageTypeReconfigure {
			t.Errorf("%s: %s", what, m.Summary())
		}
	}
	// An address in a prefix is the prefix's client's.
	if n, _, out := b.notify(at(directPD).Last().String(), Rebind); out != NoticeMade || n.To != ip("fe80::101") {
		t.Errorf("by an address in the prefix: outcome %d, to %v", out, n.To)
	}
	// Another link's address of the same client is no way to it.
	b.lease(3, na(9), accepts)
	if n, out := b.server.Notify(b.policy, at(onlyPD), Renew, b.now); out != NoticeMade || !n.Relayed {
		t.Errorf("by an address of another link: outcome %d, to %v", out, n.To)
	}
}

// RFC 8415 §18.3.11: "If the server does not have an address to which it can send the Reconfigure message
// directly to the client, the server uses a Relay-reply message (as described in Section 19.3) to send the
// Reconfigure message to a relay agent". §19.3: with the addresses and the Interface-Id that the agent's own
// message had.
func TestReconfigureThroughARelay(t *testing.T) {
	for name, c := range map[string]struct {
		more func(*Query)
		want Noticed
	}{
		"with an Interface-Id": {interfaceID("if1"), NoticeMade},
		"without":              {func(*Query) {}, NoticeMade},
		"no link-address":      {func(q *Query) { q.Link, q.Src, q.Port = lease6.IP6{}, ip("2001:db8:0:1::5"), 0 }, NoticeMade},
		"two agents":           {func(q *Query) { q.Relays = 2 }, NoticeNoWay},
		"a link-local agent":   {func(q *Query) { q.Src = ip("fe80::5") }, NoticeNoWay},
	} {
		b := newBench(t, secret)
		lease := b.lease(1, pd(1), accepts, via(relay1), c.more)
		q := from(1, Solicit, via(relay1), c.more)
		n, out := b.server.Notify(b.policy, lease, Rebind, b.now)
		if out != c.want {
			t.Errorf("%s: outcome %d", name, out)
		}
		if out != NoticeMade {
			continue
		}
		if !n.Relayed || n.To != q.Src || n.Client != string(duid(1)) {
			t.Errorf("%s: to %v for %x", name, n.To, n.Client)
		}
		m, err := dhcpv6.RelayMessageFromBytes(n.Message)
		if err != nil {
			t.Fatal(err)
		}
		link := q.Link.As16()
		if m.MessageType != dhcpv6.MessageTypeRelayReply || m.HopCount != 0 || !m.LinkAddr.Equal(link[:]) || !m.PeerAddr.Equal(net.ParseIP("fe80::101")) ||
			string(m.Options.InterfaceID()) != string(q.Client.InterfaceID) {
			t.Errorf("%s: %s", name, m.Summary())
		}
		inner, err := m.GetInnerMessage()
		if err != nil || inner.MessageType != dhcpv6.MessageTypeReconfigure {
			t.Errorf("%s: %v, %v", name, inner, err)
		}
		// The way is as new as the last message, and survives a renewal; addresses have none.
		b.lease(1, pd(1, lease.String()), accepts, via(relay1), c.more, func(q *Query) { q.Src.Lo += 0x10 })
		if n, out := b.server.Notify(b.policy, lease, Rebind, b.now); out != NoticeMade || n.To.Lo != q.Src.Lo+0x10 {
			t.Errorf("%s: after a move: outcome %d, to %v", name, out, n.To)
		}
		b.wait(hour)
		b.send(from(1, Renew, pd(1, lease.String()), accepts, via(relay1), c.more))
		if n, out := b.server.Notify(b.policy, lease, Rebind, b.now); out != NoticeMade || n.To != q.Src {
			t.Errorf("%s: after a renewal: outcome %d, to %v", name, out, n.To)
		}
	}
	b := newBench(t, secret)
	addr := b.lease(1, na(1), via(relay1), accepts)
	prefix := b.lease(2, pd(1), via(relay1))
	for _, p := range []lease6.Prefix{addr, prefix} {
		var e lease6.Entry
		if b.server.Table.Lookup(p, &e); len(e.Peer) != 16 || lease6.IP6From(e.Peer) != ip(peer) {
			t.Errorf("%v: kept %x", p, e.Peer)
		}
	}
}

// RFC 8415 §18.3.11: "The server interprets the receipt of a Renew, Rebind, or Information-request message
// (whichever was specified in the original Reconfigure message) from the client as satisfying the Reconfigure
// message request."
func TestReconfigureIsSatisfied(t *testing.T) {
	for _, msg := range []uint8{Renew, Rebind, InformationRequest} {
		b := newBench(t, secret)
		lease := b.lease(1, na(1), accepts).String()
		b.lease(2, na(1), accepts)
		client := string(duid(1))
		await := func(what string, want bool, qs ...*Query) {
			t.Helper()
			b.server.Await(client, msg)
			for _, q := range qs {
				b.send(q)
			}
			if b.server.Awaits(client) != want {
				t.Errorf("message %d, %s: awaited: %v", msg, what, !want)
			}
		}
		ia := func(q *Query) {
			if q.Type != InformationRequest {
				na(1, lease)(q)
			}
		}
		other := map[uint8]uint8{Renew: Rebind, Rebind: InformationRequest, InformationRequest: Renew}
		await("nothing", true)
		await("another's message", true, from(2, msg, ia))
		await("another message", true, from(1, other[msg], ia), from(1, Solicit, na(1)), from(1, Request, na(1)), from(1, Confirm, na(1, lease)))
		await("a message of nobody", true, func() *Query { q := from(1, msg, ia); q.Client.DUID = nil; return q }())
		await("the message", false, from(1, msg, ia))
		b.server.Await(client, msg)
		if b.server.GiveUp(client); b.server.Awaits(client) || b.server.notices.n.Load() != 0 {
			t.Error("awaited after the end")
		}
	}
}

// RFC 8415 §21.20: "In the absence of this option, the default behavior is that the client is
// unwilling to accept Reconfigure messages."
func TestReconfigureAccepted(t *testing.T) {
	b := newBench(t, secret, func(s *policy6.Spec) { first(s).RapidCommit = true })
	addr := b.lease(1, na(1)).String()
	expect := func(why string, want Noticed) {
		t.Helper()
		if _, _, out := b.notify(addr, Renew); out != want {
			t.Errorf("%s: outcome %d, want %d", why, out, want)
		}
	}
	expect("never accepted", NoticeRefused)
	b.wait(100)
	b.send(from(1, Renew, na(1, addr), accepts))
	expect("accepts with a renewal, with which it gets no key", NoticeRefused)
	b.send(from(1, Request, na(1, addr), accepts))
	expect("has its key", NoticeMade)
	b.wait(100)
	b.send(from(1, Renew, na(1, addr), accepts))
	expect("renewed", NoticeMade)
	b.send(from(1, Rebind, na(1, addr)))
	expect("no longer accepts", NoticeRefused)
	b.send(from(1, Solicit, na(1, addr), accepts, commitsAtOnce))
	expect("rapid commit", NoticeMade)
	b.reload()
	expect("without a secret", NoticeOff)
	b.wait(100)
	b.send(from(1, Renew, na(1, addr), accepts))
	b.reload(secret)
	expect("was told meanwhile not to accept", NoticeRefused)
}

// What nobody has leased, and what cannot be numbered, is not sent; each message has a number of
// its own.
func TestReconfigureRefusals(t *testing.T) {
	b := newBench(t, secret)
	addr := b.lease(1, na(1), accepts)
	var last uint64
	for range 3 {
		_, m, out := b.notify(addr.String(), InformationRequest)
		if out != NoticeMade {
			t.Fatalf("outcome %d", out)
		}
		if r := binary.BigEndian.Uint64(m.GetOneOption(dhcpv6.OptionAuth).ToBytes()[3:]); r <= last {
			t.Errorf("replay detection %d after %d", r, last)
		} else {
			last = r
		}
	}
	if _, _, out := b.notify("2001:db8:0:1::19", Renew); out != NoticeNoLease {
		t.Errorf("a free address: outcome %d", out)
	}
	if _, out := b.server.Notify(nil, addr, Renew, b.now); out != NoticeOff {
		t.Errorf("DHCPv6 is not served: outcome %d", out)
	}
	b.worn = true
	if _, _, out := b.notify(addr.String(), Renew); out != NoticeNoReplay {
		t.Errorf("no counter: outcome %d", out)
	}
	q := from(2, Request, na(1), accepts)
	if v, ok := option(b.send(q), q, 11); ok {
		t.Errorf("a key without a number: % x", v)
	}
	b.worn = false
	b.wait(3 * hour) // the reaper has not come by
	if _, _, out := b.notify(addr.String(), Renew); out != NoticeNoLease {
		t.Errorf("a lease that has run out: outcome %d", out)
	}
	var e lease6.Entry
	if !b.server.Table.Lookup(addr, &e) || !e.Accepts {
		t.Errorf("%+v", e)
	}
}
