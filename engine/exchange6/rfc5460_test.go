// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"xdhcp/engine/lease"
)

// bulkAnswer is an answer to a bulk leasequery: its type, the client and what it has.
type bulkAnswer struct {
	typ    uint8
	client byte
	leases []string
	status uint16
}

func (b *bench) bulk(q *Query) (all []bulkAnswer) {
	b.Helper()
	b.server.Bulk(b.policy, q, func() lease.Time { return b.now }, func(a *Answer) bool {
		out := bulkAnswer{typ: a.Type}
		if a.Status.Set {
			out.status = a.Status.Code
		}
		codes, values := opts(b, a.Data.Encoded())
		for i, c := range codes {
			if c != 45 {
				b.Errorf("option %d", c)
				continue
			}
			codes, values := opts(b, values[i])
			for i, c := range codes {
				switch v := values[i]; c {
				case 1:
					out.client = v[len(v)-1]
				case 5:
					a, _ := netip.AddrFromSlice(v[:16])
					out.leases = append(out.leases, a.String())
				case 26:
					a, _ := netip.AddrFromSlice(v[9:25])
					out.leases = append(out.leases, netip.PrefixFrom(a, int(v[8])).String())
				}
			}
		}
		all = append(all, out)
		return true
	})
	return all
}

// wantBulk checks the clients that are told, and the types of the messages.
func (b *bench) wantBulk(q *Query, clients ...byte) {
	b.Helper()
	all := b.bulk(q)
	var got []byte
	for i, a := range all {
		want := uint8(LeaseQueryData)
		switch {
		case i == 0:
			want = LeaseQueryReply
		case i == len(all)-1:
			want = LeaseQueryDone
		}
		if a.typ != want || a.status != 0 {
			b.Errorf("answer %d of %d: type %d, status %d", i, len(all), a.typ, a.status)
		}
		if a.client != 0 {
			got = append(got, a.client)
		}
	}
	slices.Sort(got)
	if !bytes.Equal(got, clients) {
		b.Errorf("clients %v, want %v", got, clients)
	}
	if len(clients) == 0 && len(all) != 1 || len(clients) > 0 && len(all) != len(clients)+1 {
		b.Errorf("%d answers for %d clients", len(all), len(clients))
	}
}

// crowd has clients 1 to 4 behind relay1 (of relay agents "r1" and "r2", on lines "odd"
// and "even") and client 5 behind relay3.
func crowd(t testing.TB) *bench {
	b := newBench(t, mayAsk)
	for n := byte(1); n <= 5; n++ {
		link, id := relay1, fmt.Sprintf("r%d", (n+1)/2)
		if n == 5 {
			link = relay3
		}
		edit := func(q *Query) {
			via(link)(q)
			q.Client.RelayID = []byte(id)
			q.Client.RemoteID = append([]byte{0, 0, 0, 9}, []string{"even", "odd"}[n%2]...)
		}
		if a := b.send(from(n, Solicit, edit, na(1), pd(2))); a.Type != Advertise {
			t.Fatal(a.Reason)
		}
		if a := b.send(from(n, Request, edit, na(1), pd(2))); a.Type != Reply {
			t.Fatal(a.Reason)
		}
	}
	return b
}

// RFC 5460 §5.3 and §7.2: bindings by relay identifier, by link, by remote identifier.
func TestRFC5460_7_2_Queries(t *testing.T) {
	b := crowd(t)
	remote := o6(37, append([]byte{0, 0, 0, 9}, "odd"...)...)
	b.wantBulk(lq(3, "::", o6(53, []byte("r1")...)), 1, 2)
	b.wantBulk(lq(3, "::", o6(53, []byte("r3")...)), 5)
	b.wantBulk(lq(3, relay1, o6(53, []byte("r3")...)))
	b.wantBulk(lq(3, "::", o6(53, []byte("r")...)))
	b.wantBulk(lq(4, relay1), 1, 2, 3, 4)
	b.wantBulk(lq(4, relay3), 5)
	b.wantBulk(lq(5, "::", remote), 1, 3, 5)
	b.wantBulk(lq(5, relay1, remote), 1, 3)
	// Those of RFC 5007.
	b.wantBulk(lq(2, "::", o6(1, duid(2)...)), 2)
	b.wantBulk(lq(2, "::", o6(1, duid(99)...)))
	b.wantBulk(lq(1, "::", byAddress("2001:db8:1::10")), 1)
	// What is over is not there any more.
	b.wait(3 * hour)
	b.wantBulk(lq(4, relay1))
}

// RFC 5460 §5.2.1: a message "carries data about a single DHCPv6 client's leases and/or
// PD bindings on a single link".
func TestRFC5460_5_2_1_OneMessageForAClient(t *testing.T) {
	for _, a := range crowd(t).bulk(lq(4, relay1)) {
		if a.typ != LeaseQueryDone && len(a.leases) != 2 {
			t.Errorf("client %d: %v", a.client, a.leases)
		}
	}
}

// RFC 5460 §7.2: "NotConfigured status in a LEASEQUERY-REPLY"; RFC 5007 §4.1.3 for the
// rest.
func TestRFC5460_7_2_Status(t *testing.T) {
	b := crowd(t)
	for name, c := range map[string]struct {
		q    *Query
		want uint16
	}{
		"a link that we do not know": {lq(4, "2001:db8:77::1"), NotConfigured},
		"likewise, by relay":         {lq(3, "2001:db8:77::1", o6(53, 'r')), NotConfigured},
		"no link":                    {lq(4, "::"), MalformedQuery},
		"no relay identifier":        {lq(3, "::"), MalformedQuery},
		"no remote identifier":       {lq(5, "::", o6(53, 'r')), MalformedQuery},
		"an unknown type":            {lq(6, "::"), UnknownQueryType},
	} {
		if all := b.bulk(c.q); len(all) != 1 || all[0].typ != LeaseQueryReply || all[0].status != c.want {
			t.Errorf("%s: %+v", name, all)
		}
	}
	cut := lq(3, "::")
	cut.LeaseQuery = cut.LeaseQuery[:5]
	if all := b.bulk(cut); len(all) != 1 || all[0].status != MalformedQuery {
		t.Errorf("cut off: %+v", all)
	}
}

// A requestor that goes away ends the work.
func TestBulkEndsWithItsReader(t *testing.T) {
	b := crowd(t)
	n := 0
	b.server.Bulk(b.policy, lq(4, relay1), func() lease.Time { return b.now }, func(*Answer) bool {
		n++
		return n < 2
	})
	if n != 2 {
		t.Errorf("%d answers were made for nobody", n)
	}
}
