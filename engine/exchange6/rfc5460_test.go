// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// told is a message of a bulk leasequery: its type, its status, and the client and the leases in it.
type told struct {
	typ    uint8
	status int // -1: none
	client byte
	leases string
}

// bulk asks, and returns the answers; stop is after how many nobody listens any more, 0: never.
func (b *bench) bulk(q *Query, stop int) (all []told, usable bool) {
	b.Helper()
	usable = b.server.Bulk(b.policy, q, func() lease.Time { return b.now }, func(a *Answer) bool {
		m := told{typ: a.Type, status: -1}
		if a.Status.Set {
			m.status = int(a.Status.Code)
		}
		codes, values := opts(b, a.Data.Encoded())
		for i, c := range codes {
			if c != 45 || i > 0 {
				b.Errorf("options %v", codes)
				continue
			}
			codes, values := opts(b, values[i])
			for i, c := range codes {
				switch v := values[i]; c {
				case 1:
					m.client = v[len(v)-1]
				case 5:
					a, _ := netip.AddrFromSlice(v[:16])
					m.leases += a.String() + " "
				case 26:
					a, _ := netip.AddrFromSlice(v[9:25])
					m.leases += netip.PrefixFrom(a, int(v[8])).String() + " "
				}
			}
		}
		all = append(all, m)
		return len(all) != stop
	})
	return all, usable
}

// wantBulk checks the answers: the first is a LEASEQUERY-REPLY, the last of several a LEASEQUERY-DONE, and
// between are LEASEQUERY-DATAs. want are the clients and their leases, in any order.
func (b *bench) wantBulk(q *Query, want ...string) {
	b.Helper()
	all, usable := b.bulk(q, 0)
	var got []string
	for i, m := range all {
		typ := uint8(LeaseQueryData)
		switch {
		case i == 0:
			typ = LeaseQueryReply
		case i == len(all)-1:
			typ = LeaseQueryDone
		}
		if m.typ != typ || m.status >= 0 || (m.leases == "") != (typ == LeaseQueryDone || len(want) == 0) {
			b.Errorf("message %d is %+v", i, m)
		}
		if m.leases != "" {
			got = append(got, fmt.Sprintf("%d: %s", m.client, m.leases[:len(m.leases)-1]))
		}
	}
	slices.Sort(got)
	if !usable || !slices.Equal(got, want) || len(all) != max(1, len(want)+1) && len(want) > 0 || len(want) == 0 && len(all) != 1 {
		b.Errorf("%d messages about %q, want %q", len(all), got, want)
	}
}

func relayID(s string) func(*Query) { return func(q *Query) { q.Client.RelayID = []byte(s) } }

// village is four clients on three links behind two relay agents.
func village(t *testing.T) *bench {
	b := newBench(t, mayAsk)
	b.lease(1, via(relay1), na(1), pd(2), relayID("agent 1"), remoteID("line 1"))
	b.lease(2, via(relay1), na(1), relayID("agent 1"), remoteID("line 2"))
	b.lease(2, via(relay3), na(1), relayID("agent 3"), remoteID("line 1"))
	b.lease(3, via(relay3), na(1), relayID("agent 3"))
	b.lease(4, na(1))
	return b
}

// §5.3.1: "all bindings associated with the specified relay DUID. If the link-address is specified, the query asks
// for bindings on that link." §5.2.1: "a single DHCPv6 client's leases and/or PD bindings on a single link".
func TestRFC5460_5_3_1_ByRelayID(t *testing.T) {
	b := village(t)
	b.wantBulk(lq(3, "::", o6(53, []byte("agent 1")...)), "1: 2001:db8:1::10 2001:db8:a000::/56", "2: 2001:db8:1::11")
	b.wantBulk(lq(3, relay3, o6(53, []byte("agent 3")...)), "2: 2001:db8:3::10", "3: 2001:db8:33::10")
	b.wantBulk(lq(3, relay3, o6(53, []byte("agent 1")...)))
	b.wantBulk(lq(3, "::", o6(53, []byte("agent 9")...)))
}

// §5.3.2: "bindings on a network segment identified by a link-address value".
func TestRFC5460_5_3_2_ByLink(t *testing.T) {
	b := village(t)
	b.wantBulk(lq(4, relay1), "1: 2001:db8:1::10 2001:db8:a000::/56", "2: 2001:db8:1::11")
	b.wantBulk(lq(4, "2001:db8:33::5"), "2: 2001:db8:3::10", "3: 2001:db8:33::10") // one segment with 2001:db8:3::/64
	b.wantBulk(lq(4, "2001:db8:0:1::5"), "4: 2001:db8:0:1::10")
	b.wait(3 * hour)
	b.wantBulk(lq(4, relay1))
}

// §5.3.3: "bindings associated with a Remote-ID option value".
func TestRFC5460_5_3_3_ByRemoteID(t *testing.T) {
	b := village(t)
	line := o6(37, append([]byte{0, 0, 0, 9}, "line 1"...)...)
	b.wantBulk(lq(5, "::", line), "1: 2001:db8:1::10 2001:db8:a000::/56", "2: 2001:db8:3::10")
	b.wantBulk(lq(5, relay1, line), "1: 2001:db8:1::10 2001:db8:a000::/56")
	b.wantBulk(lq(5, "::", o6(37, append([]byte{0, 0, 0, 8}, "line 1"...)...)))
}

// §7.2: QUERY_BY_ADDRESS and QUERY_BY_CLIENTID as RFC 5007 has them; §6.3: "the OPTION_CLIENT_LINK option is not used,
// and MUST NOT be present in replies": who is on several links has each told.
func TestRFC5460_7_2_ByAddressAndClient(t *testing.T) {
	b := village(t)
	b.wantBulk(lq(1, "::", byAddress("2001:db8:a000::42")), "1: 2001:db8:1::10 2001:db8:a000::/56")
	b.wantBulk(lq(1, "::", byAddress("2001:db8:1::19")))
	b.wantBulk(lq(2, "::", o6(1, duid(2)...)), "2: 2001:db8:1::11", "2: 2001:db8:3::10")
	b.wantBulk(lq(2, relay3, o6(1, duid(2)...)), "2: 2001:db8:3::10")
	b.wantBulk(lq(2, "::", o6(1, duid(9)...)))
}

// §7.2: "If the server encounters an error during initial query processing, before any reply has been sent, it SHOULD
// send a LEASEQUERY-REPLY containing an error code in an OPTION_STATUS_CODE option."
func TestRFC5460_7_2_Errors(t *testing.T) {
	b := village(t)
	short := lq(3, "::")
	short.LeaseQuery = short.LeaseQuery[:10]
	for name, c := range map[string]struct {
		q    *Query
		want int
	}{
		"no such type":      {lq(6, "::"), UnknownQueryType},
		"type 0":            {lq(0, "::"), UnknownQueryType},
		"no relay-id":       {lq(3, "::"), MalformedQuery},
		"an empty relay-id": {lq(3, "::", o6(53)), MalformedQuery},
		"no remote-id":      {lq(5, "::", o6(53, 1)), MalformedQuery},
		"no link":           {lq(4, "::"), MalformedQuery},
		"another link":      {lq(4, "2001:db8:77::1"), NotConfigured},
		"another's link":    {lq(3, "2001:db8:77::1", o6(53, 1)), NotConfigured},
		"cut off":           {short, MalformedQuery},
		"no address":        {lq(1, "::"), MalformedQuery},
		"no client":         {lq(2, "::"), MalformedQuery},
	} {
		if all, ok := b.bulk(c.q, 0); !ok || len(all) != 1 || all[0].typ != LeaseQueryReply || all[0].status != c.want || all[0].leases != "" {
			t.Errorf("%s: %+v, want status %d", name, all, c.want)
		}
	}
	// What RFC 5007 §4.2.1 has discarded ends the connection.
	for name, edit := range map[string]func(*Query){
		"no client identifier": func(q *Query) { q.Client.DUID = nil },
		"another server":       func(q *Query) { q.ServerID, q.HasServerID = []byte("other"), true },
		"no query":             func(q *Query) { q.LeaseQuery = nil },
		"a Solicit":            func(q *Query) { q.Type = Solicit },
		"relayed":              func(q *Query) { q.Relays = 1 },
	} {
		q := lq(4, relay1)
		edit(q)
		if all, ok := b.bulk(q, 0); ok || len(all) != 0 {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

// §7.4: who does not listen any more is told nothing more.
func TestRFC5460_7_4_NobodyListens(t *testing.T) {
	b := village(t)
	for stop := 1; stop <= 3; stop++ {
		if all, ok := b.bulk(lq(4, relay1), stop); !ok || len(all) != stop {
			t.Errorf("%d messages, want %d", len(all), stop)
		}
	}
}

// A client with more leases than a message takes is told in several.
func TestBulkOfOneWithManyLeases(t *testing.T) {
	b := newBench(t, mayAsk, func(s *policy6.Spec) {
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::1000", "2001:db8:0:1::1fff")}
	})
	const n = mostQueried + 1
	for i := range uint32(n) {
		b.bound(1, lease6.IA{Type: lease6.NA, ID: i}, fmt.Sprintf("2001:db8:0:1::%x", 0x1000+i))
	}
	all, _ := b.bulk(lq(4, "2001:db8:0:1::1"), 0)
	if len(all) != 3 || all[0].typ != LeaseQueryReply || all[1].typ != LeaseQueryData || all[2].typ != LeaseQueryDone {
		t.Fatalf("%d messages", len(all))
	}
	if got := bytes.Count([]byte(all[0].leases+all[1].leases), []byte(" ")); got != n {
		t.Errorf("%d leases", got)
	}
}
