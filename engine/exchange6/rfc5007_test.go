// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy6"
)

const asker = "2001:db8:ffff::7"

func mayAsk(s *policy6.Spec) {
	s.LeaseQuery.Allow = []netip.Prefix{prefix("2001:db8:ffff::/64"), prefix("192.0.2.0/24")}
}

// lq is a LEASEQUERY with option 44: type, link-address, query-options.
func lq(typ byte, link string, options ...[]byte) *Query {
	q := &Query{Type: LeaseQuery, Port: 1, Src: ip(asker), Dst: ip(global1)}
	q.Client.DUID = []byte("requestor")
	b := ip(link).As16()
	q.LeaseQuery = append([]byte{typ}, b[:]...)
	for _, o := range options {
		q.LeaseQuery = append(q.LeaseQuery, o...)
	}
	return q
}

func o6(code uint16, v ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

func byAddress(addr string) []byte {
	b := ip(addr).As16()
	return o6(5, append(b[:], make([]byte, 8)...)...)
}

// opts reads encoded options by the letter of RFC 8415 §21.1, in their order.
func opts(t testing.TB, b []byte) (codes []uint16, values [][]byte) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint16(b[2:])) {
			t.Fatalf("options run past their end: %x", b)
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		codes, values = append(codes, binary.BigEndian.Uint16(b)), append(values, b[4:n])
		b = b[n:]
	}
	return codes, values
}

// wantData checks that an answer has one option 45 of client n with these leases; it
// returns the other options in it.
func (b *bench) wantData(a *Answer, n byte, leases ...string) map[uint16][]byte {
	b.Helper()
	codes, values := opts(b, a.Data.Encoded())
	if a.Type != LeaseQueryReply || a.Status.Set || len(codes) != 1 || codes[0] != 45 {
		b.Errorf("type %d (%v), status %v, options %v", a.Type, a.Reason, a.Status, codes)
		return nil
	}
	codes, values = opts(b, values[0])
	var got []string
	rest := map[uint16][]byte{}
	for i, c := range codes {
		v := values[i]
		switch c {
		case 1:
			if !bytes.Equal(v, duid(n)) {
				b.Errorf("client %x", v)
			}
		case 5:
			a, _ := netip.AddrFromSlice(v[:16])
			got = append(got, a.String())
			rest[5] = v[16:]
		case 26:
			a, _ := netip.AddrFromSlice(v[9:25])
			got = append(got, netip.PrefixFrom(a, int(v[8])).String())
			rest[26] = v[:8]
		default:
			rest[c] = v
		}
	}
	if len(got) != len(leases) {
		b.Errorf("leases %v, want %v", got, leases)
		return rest
	}
	for i := range got {
		if got[i] != leases[i] {
			b.Errorf("leases %v, want %v", got, leases)
		}
	}
	return rest
}

func (b *bench) wantStatus6(a *Answer, code uint16) {
	b.Helper()
	if a.Type != LeaseQueryReply || !a.Status.Set || a.Status.Code != code || a.Data != nil {
		b.Errorf("type %d (%v), status %+v, data %x; want status %d", a.Type, a.Reason, a.Status, a.Data.Encoded(), code)
	}
}

// wantNothing: §4.3.3 "If the server had no bindings for the client, neither the
// OPTION_CLIENT_DATA nor OPTION_CLIENT_LINK option will be present."
func (b *bench) wantNothing(a *Answer) {
	b.Helper()
	if a.Type != LeaseQueryReply || a.Status.Set || a.Data != nil {
		b.Errorf("type %d (%v), status %+v, data %x", a.Type, a.Reason, a.Status, a.Data.Encoded())
	}
}

// queried has client 1 lease an address and a prefix behind relay1.
func queried(b *bench) {
	b.Helper()
	b.send(from(1, Solicit, via(relay1), na(1), pd(2), commitsAtOnce))
	a := b.send(from(1, Request, via(relay1), na(1), pd(2)))
	b.wantLeases(a, 1, 1, "2001:db8:1::10")
}

// §4.2.1: the conditions under which a server MUST discard a LEASEQUERY; §5 and
// §4.4.1 on who may ask.
func TestRFC5007_4_2_1_Validation(t *testing.T) {
	b := newBench(t, mayAsk)
	for name, c := range map[string]struct {
		edit func(*Query)
		why  frame.Reason
	}{
		"no client identifier": {func(q *Query) { q.Client.DUID = nil }, frame.NoClientID},
		"another server":       {func(q *Query) { q.ServerID, q.HasServerID = []byte("other"), true }, frame.OtherServer},
		"no query":             {func(q *Query) { q.LeaseQuery = nil }, frame.BadRequest},
		"not allowed":          {func(q *Query) { q.Src = ip("2001:db8:fffe::1") }, frame.NotAllowed},
		"relayed":              {func(q *Query) { q.Relays = 1 }, frame.NotAllowed},
		"ourselves":            {func(q *Query) { q.Src = ip(global1) }, frame.FromServer},
	} {
		q := lq(1, "::", byAddress("2001:db8:1::10"))
		c.edit(q)
		if a := b.send(q); a.Type != 0 || a.Reason != c.why {
			t.Errorf("%s: type %d, %v", name, a.Type, a.Reason)
		}
	}
	q := lq(1, "::", byAddress("2001:db8:1::10"))
	q.ServerID, q.HasServerID = serverID, true
	b.wantNothing(b.send(q))
	b = newBench(t)
	if a := b.send(lq(1, "::", byAddress("2001:db8:1::10"))); a.Type != 0 || a.Reason != frame.NotAllowed {
		t.Errorf("without a list: type %d, %v", a.Type, a.Reason)
	}
}

// §5: "trusted relay agents can relay LEASEQUERY messages"; "DHCPv6 servers MAY be configured to discard relayed
// LEASEQUERY messages". Where they are not, both ends must be on the list.
func TestRFC5007_5_Relayed(t *testing.T) {
	through := func(agent, requestor string) *Query {
		q := lq(1, "::", byAddress("2001:db8:1::10"))
		q.Relays, q.Src = 1, ip(agent)
		if requestor != "" {
			a := ip(requestor).As16()
			q.Client.Peer = a[:]
		}
		return q
	}
	b := newBench(t, mayAsk, func(s *policy6.Spec) { s.LeaseQuery.Relayed = true })
	queried(b)
	b.wantData(b.send(through(asker, "2001:db8:ffff::8")), 1, "2001:db8:1::10", "2001:db8:a000::/56")
	b.wantData(b.send(lq(1, "::", byAddress("2001:db8:1::10"))), 1, "2001:db8:1::10", "2001:db8:a000::/56")
	for name, q := range map[string]*Query{
		"another requestor": through(asker, "2001:db8:fffe::8"), "another agent": through("2001:db8:fffe::7", "2001:db8:ffff::8"),
		"nobody": through(asker, ""), "a client": through(asker, "fe80::1"),
	} {
		if a := b.send(q); a.Type != 0 || a.Reason != frame.NotAllowed {
			t.Errorf("%s: type %d, %v", name, a.Type, a.Reason)
		}
	}
}

// §4.4.1: "UnknownQueryType", "MalformedQuery", "NotConfigured".
func TestRFC5007_4_4_1_Status(t *testing.T) {
	b := newBench(t, mayAsk)
	addr, id := byAddress("2001:db8:1::10"), o6(1, duid(1)...)
	b.wantStatus6(b.send(lq(3, "::", addr)), 7)
	b.wantStatus6(b.send(lq(0, "::", addr)), 7)
	b.wantStatus6(b.send(lq(1, "::", id)), 8)
	b.wantStatus6(b.send(lq(2, "::", addr)), 8)
	b.wantStatus6(b.send(lq(1, "::", addr[:20])), 8)
	b.wantStatus6(b.send(lq(1, "::", o6(5, 1, 2, 3))), 8)
	short := lq(1, "::")
	short.LeaseQuery = short.LeaseQuery[:16]
	b.wantStatus6(b.send(short), 8)
	b.wantStatus6(b.send(lq(1, "::", byAddress("2001:db8:77::1"))), 9)
	b.wantStatus6(b.send(lq(1, "2001:db8:77::1", addr)), 9)
	b.wantStatus6(b.send(lq(2, "2001:db8:77::1", id)), 9)
}

// §4.1.2.2: "The server MUST return all of the client's statefully assigned addresses
// and delegated prefixes, with a non-zero valid lifetime, on the link." §4.4.2: the
// options that are always there.
func TestRFC5007_4_4_2_ClientData(t *testing.T) {
	b := newBench(t, mayAsk)
	queried(b)
	b.wait(100)
	for _, q := range []*Query{
		lq(1, "::", byAddress("2001:db8:1::10")),
		lq(1, relay1, byAddress("2001:db8:1::10")),
		lq(1, "::", byAddress("2001:db8:a000::42")), // inside of the prefix
		lq(2, "::", o6(1, duid(1)...)),
		lq(2, relay1, o6(1, duid(1)...)),
	} {
		a := b.send(q)
		rest := b.wantData(a, 1, "2001:db8:1::10", "2001:db8:a000::/56")
		if a.Source != ip(global1) || len(rest[46]) != 4 || binary.BigEndian.Uint32(rest[46]) != 100 {
			t.Errorf("from %v, option 46 %x", a.Source, rest[46])
		}
		for _, c := range []uint16{5, 26} {
			if v := rest[c]; len(v) != 8 || binary.BigEndian.Uint32(v) != hour-100 || binary.BigEndian.Uint32(v[4:]) != 2*hour-100 {
				t.Errorf("lifetimes of option %d: %x", c, v)
			}
		}
		if len(rest) != 3 {
			t.Errorf("%v: nothing else was asked for", rest)
		}
	}
	// Another link, a free address, a client that nobody knows.
	b.wantNothing(b.send(lq(1, relay3, byAddress("2001:db8:1::10"))))
	b.wantNothing(b.send(lq(1, "::", byAddress("2001:db8:1::11"))))
	b.wantNothing(b.send(lq(2, relay3, o6(1, duid(1)...))))
	b.wantNothing(b.send(lq(2, "::", o6(1, duid(9)...))))
	// What has run out, whether or not the reaper has been there.
	b.wait(2 * hour)
	b.wantNothing(b.send(lq(1, "::", byAddress("2001:db8:1::10"))))
	b.wantNothing(b.send(lq(2, "::", o6(1, duid(1)...))))
}

// §4.4.1: "If the client is found on more than a single link, the server MUST return
// the list of links in the OPTION_CLIENT_LINK option; the server MUST NOT return any
// client data." §4.1.2.5: "The requestor may then repeat the query once for each
// link-address returned in the list".
func TestRFC5007_4_4_1_SeveralLinks(t *testing.T) {
	b := newBench(t, mayAsk)
	queried(b)
	b.send(from(1, Solicit, via(relay3), na(1)))
	b.wantLeases(b.send(from(1, Request, via(relay3), na(1))), 1, 1, "2001:db8:3::10")
	a := b.send(lq(2, "::", o6(1, duid(1)...)))
	codes, values := opts(t, a.Data.Encoded())
	if a.Status.Set || len(codes) != 1 || codes[0] != 48 || len(values[0]) != 32 {
		t.Fatalf("%+v, %v", a.Status, codes)
	}
	seen := map[string]bool{}
	for _, at := range [][]byte{values[0][:16], values[0][16:]} {
		link, _ := netip.AddrFromSlice(at)
		codes, _ := opts(t, b.send(lq(2, link.String(), o6(1, duid(1)...))).Data.Encoded())
		if len(codes) != 1 || codes[0] != 45 {
			t.Errorf("on %v: %v", link, codes)
		}
		seen[link.String()] = true
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
	b.wantData(b.send(lq(2, relay3, o6(1, duid(1)...))), 1, "2001:db8:3::10")
}

// §4.4.2: "SHOULD include options requested in the OPTION_ORO of the OPTION_LQ_QUERY
// … and that are acceptable to return".
func TestRFC5007_4_4_2_RequestedOptions(t *testing.T) {
	b := newBench(t, mayAsk)
	queried(b)
	q := func() *Query { return lq(2, "::", o6(1, duid(1)...), o6(6, 0, 24, 0, 99)) }
	rest := b.wantData(b.send(q()), 1, "2001:db8:1::10", "2001:db8:a000::/56")
	if string(rest[24]) != "\x07example\x00" || rest[23] != nil {
		t.Errorf("%v", rest)
	}
	b.reload(mayAsk, func(s *policy6.Spec) { s.LeaseQuery.NoOptions = true })
	if rest = b.wantData(b.send(q()), 1, "2001:db8:1::10", "2001:db8:a000::/56"); rest[24] != nil {
		t.Errorf("what may not be told: %v", rest)
	}
}

// §4.4.1: "A LEASEQUERY message cannot be used to assign, release, or otherwise
// modify bindings". And what it tells is on disk.
func TestRFC5007_4_4_1_ChangesNothing(t *testing.T) {
	b := newBench(t, mayAsk)
	queried(b)
	pending := b.batch.Ticket()
	n := b.batch.Len()
	a := b.send(lq(1, "::", byAddress("2001:db8:1::10")))
	if b.batch.Len() != n || a.Wait != pending {
		t.Errorf("%d changes, waits for %d of %d", b.batch.Len()-n, a.Wait, pending)
	}
	b.failed = true
	b.wantData(b.send(lq(1, "::", byAddress("2001:db8:1::10"))), 1, "2001:db8:1::10", "2001:db8:a000::/56")
}
