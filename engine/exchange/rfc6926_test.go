// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// given are the options of a message, for Query.Options.
type given map[uint8][]byte

func (g given) Option(code uint8) ([]byte, bool) {
	v, ok := g[code]
	return v, ok
}

// everything is a parameter request list of all that RFC 6926 §8.3 is about.
var everything = []byte{51, 61, 82, 91, 92, 152, 153, 156, 157, 12}

func bulkQuery(edit ...func(*BulkQuery)) *BulkQuery {
	q := &BulkQuery{Query: &Query{Type: BulkLeaseQuery, PRL: everything, Options: given{}}}
	for _, e := range edit {
		e(q)
	}
	return q
}

// An answer to a bulk leasequery, kept.
type told1 struct {
	Answer
	hw      []byte
	options map[uint8][]byte
}

// bulk sends the query and collects its answers by address, and the last one.
func (b *bench) bulk(q *BulkQuery) (map[string]told1, told1) {
	b.Helper()
	b.server.Clients.NoteAll()
	all := map[string]told1{}
	var last told1
	n := 0
	b.server.Bulk(b.policy, q, ip(ours1), func() lease.Time { return b.now }, func(a *Answer) bool {
		if n++; (a.ServerID == ip(ours1)) != (n == 1) {
			b.Errorf("answer %d has the server identifier %v", n, a.ServerID)
		}
		if last.Type == LeaseQueryDone {
			b.Error("an answer behind DHCPLEASEQUERYDONE")
		}
		last = told1{Answer: *a, options: map[uint8][]byte{}}
		for code, v := range told(*a, *q.Query) {
			last.options[code] = bytes.Clone(v)
		}
		if a.Lease != nil {
			last.hw = bytes.Clone(a.Lease.HW)
		}
		if a.Type == LeaseQueryDone {
			return true
		}
		if _, twice := all[a.Ciaddr.String()]; twice {
			b.Errorf("%v is told twice", a.Ciaddr)
		}
		all[a.Ciaddr.String()] = last
		return true
	})
	if last.Type != LeaseQueryDone {
		b.Errorf("the last answer is of type %d", last.Type)
	}
	return all, last
}

// wantBulk checks which addresses are told as active, and that it went well.
func (b *bench) wantBulk(q *BulkQuery, want ...string) map[string]told1 {
	b.Helper()
	all, last := b.bulk(q)
	if len(last.options) > 0 {
		b.Errorf("a successful end with %v", last.options)
	}
	var got []string
	for addr, a := range all {
		if a.Type != LeaseActive {
			b.Errorf("%s: type %d", addr, a.Type)
		}
		got = append(got, addr)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.Errorf("%v, want %v", got, want)
	}
	return all
}

// street is a network with leases: three clients behind relay1, one elsewhere.
func street(t testing.TB, edit ...func(*policy.Spec)) (b *bench, addrs [5]string) {
	b = newQueryBench(t, edit...)
	for n := byte(1); n <= 3; n++ {
		addrs[n] = b.lease(n, func(q *Query) {
			*q = via(relay1, *q)
			q.Client.ClientID = []byte{0, n}
			q.Client.Relay = slices.Concat(sub(1, 'p', n), sub(2, []byte("remote-")...), sub(12, 0, 2, 'r'))
		}).String()
		b.wait(100)
	}
	addrs[4] = b.lease(1).String()
	return b, addrs
}

// §8.2: "If the ciaddr, yiaddr, or siaddr is non-zero … MalformedQuery."
func TestRFC6926_8_2_MalformedQuery(t *testing.T) {
	b, _ := street(t)
	for name, edit := range map[string]func(*BulkQuery){
		"ciaddr": func(q *BulkQuery) { q.Ciaddr = ip("10.1.0.10") },
		"yiaddr": func(q *BulkQuery) { q.Yiaddr = 1 },
		"siaddr": func(q *BulkQuery) { q.Siaddr = 1 },
		"start":  func(q *BulkQuery) { q.Options = given{154: {1, 2, 3}} },
		"end":    func(q *BulkQuery) { q.Options = given{155: {}} },
	} {
		all, last := b.bulk(bulkQuery(edit))
		if v := last.options[151]; len(all) > 0 || len(v) == 0 || v[0] != 3 || bytes.IndexByte(v[1:], 0) >= 0 {
			t.Errorf("%s: %d answers, status %q", name, len(all), v)
		}
	}
}

// §8.2: "Any DHCPBULKLEASEQUERY that has more than one of the following primary
// query types specified MUST be terminated immediately by a DHCPLEASEQUERYDONE
// message with a status-code option status code of NotAllowed."
func TestRFC6926_8_2_OnePrimaryQuery(t *testing.T) {
	b, _ := street(t)
	keys := []func(*BulkQuery){
		func(q *BulkQuery) { q.HType, q.Client.HW = 1, hw(1) },
		func(q *BulkQuery) { q.Client.ClientID = []byte{0, 1} },
		func(q *BulkQuery) { q.Client.Relay = append(q.Client.Relay, sub(12, 0, 2, 'r')...) },
		func(q *BulkQuery) { q.Client.Relay = append(q.Client.Relay, sub(2, []byte("remote-")...)...) },
	}
	for i := range keys {
		for j := range keys[:i] {
			all, last := b.bulk(bulkQuery(keys[i], keys[j]))
			if v := last.options[151]; len(all) > 0 || len(v) == 0 || v[0] != 4 {
				t.Errorf("keys %d and %d: %d answers, status %q", i, j, len(all), v)
			}
		}
	}
}

// §8.2, Query by MAC address and by Client-identifier: "Every IP address that has a
// current binding to a DHCPv4 client matching … MUST be returned in a
// DHCPLEASEACTIVE message."
func TestRFC6926_8_2_ByClient(t *testing.T) {
	b, at := street(t)
	byMAC := func(q *BulkQuery) { q.HType, q.Client.HW = 1, hw(1) }
	byID := func(q *BulkQuery) { q.Client.ClientID = []byte{0, 2} }
	for _, name := range []string{"by the index", "by a walk"} {
		t.Run(name, func(t *testing.T) {
			all := b.wantBulk(bulkQuery(byMAC), at[1], at[4])
			if a := all[at[1]]; !bytes.Equal(a.hw, hw(1)) || string(a.options[61]) != "\x00\x01" {
				t.Errorf("%x %q", a.hw, a.options[61])
			}
			b.wantBulk(bulkQuery(byID), at[2])
			b.wantBulk(bulkQuery(func(q *BulkQuery) { q.Client.ClientID = []byte("nobody") }))
		})
		b.server.Clients = NewClients(b.server.Table)
		defer func(x *Clients) { b.server.Clients = x }(b.server.Clients)
	}
}

// §8.2, Query by Remote ID and by Relay-ID.
func TestRFC6926_8_2_ByRelayAgent(t *testing.T) {
	b, at := street(t)
	b.wantBulk(bulkQuery(func(q *BulkQuery) { q.Client.Relay = sub(2, []byte("remote-")...) }), at[1], at[2], at[3])
	b.wantBulk(bulkQuery(func(q *BulkQuery) { q.Client.Relay = sub(12, 0, 2, 'r') }), at[1], at[2], at[3])
	b.wantBulk(bulkQuery(func(q *BulkQuery) { q.Client.Relay = sub(2, []byte("remote")...) }))
	q := release(2, at[2])
	q.Client.ClientID = []byte{0, 2}
	b.send(q)
	b.wantBulk(bulkQuery(func(q *BulkQuery) { q.Client.Relay = sub(12, 0, 2, 'r') }), at[1], at[3])
}

// §8.2, Query for All Configured IP Addresses: "every configured IP address that has
// a current binding to a DHCPv4 client MUST be returned in a DHCPLEASEACTIVE message
// … every configured IP address that does not … in a DHCPLEASEUNASSIGNED message
// … every configured IP address MUST be returned exactly once."
func TestRFC6926_8_2_AllConfigured(t *testing.T) {
	b, at := street(t, func(s *policy.Spec) {
		s.Subnets[0].Reservations = []policy.ReservationSpec{
			{MAC: hw(9), Address: addr("192.0.2.99")}, {MAC: hw(8), Address: addr("192.0.2.15")},
		}
	})
	all, last := b.bulk(bulkQuery())
	if len(last.options) > 0 {
		t.Errorf("ends with %v", last.options)
	}
	active := 0
	for addr, a := range all {
		_, _, inPool := b.policy.SubnetOf(ip(addr)).Place(ip(addr))
		if !inPool && addr != "192.0.2.99" && addr != "192.0.2.15" {
			t.Errorf("%s is not configured", addr)
		}
		if a.Type == LeaseActive {
			active++
		} else if a.Type != LeaseUnassigned {
			t.Errorf("%s: type %d", addr, a.Type)
		}
	}
	// Three pools of 10, one of 1 and one of 10, and what is reserved beside.
	if want := 10 + 10 + 10 + 1 + 10 + 1; len(all) != want || active != 4 {
		t.Errorf("%d addresses, %d active; want %d and 4", len(all), active, want)
	}
	for _, addr := range at[1:] {
		if all[addr].Type != LeaseActive {
			t.Errorf("%s is not active", addr)
		}
	}
}

// §8.3 numbers 1 to 6, and §6.2.7's states.
func TestRFC6926_8_3_StatesAndTimes(t *testing.T) {
	b := newQueryBench(t, func(s *policy.Spec) { s.Subnets[0].Times.Min, s.Subnets[0].Times.Max = 60, hour })
	active := b.lease(1).String()
	released := b.lease(2).String()
	declined := b.lease(3).String()
	expired := b.lease(4, func(q *Query) { q.WantTime, q.HasTime = 60, true }).String()
	b.wait(50)
	b.send(release(2, released))
	b.send(decline(3, declined, ours0))
	b.wait(10)
	offered := b.send(discover(5)).Yiaddr.String()
	b.server.Table.Expire(b.now, 1000, b.batch)
	all, _ := b.bulk(bulkQuery())
	base := u32(uint32(b.now))
	for _, c := range []struct {
		name, addr string
		typ, state uint8
		want       map[uint8][]byte // nil: absent
		hw         []byte
	}{
		{"active", active, LeaseActive, 2, map[uint8][]byte{51: u32(hour - 60), 91: u32(60), 153: u32(60)}, hw(1)},
		{"released", released, LeaseUnassigned, 4, map[uint8][]byte{51: nil, 91: u32(10), 153: u32(10)}, hw(2)},
		{"declined", declined, LeaseUnassigned, 5, map[uint8][]byte{51: u32(590), 91: u32(10), 153: u32(10)}, hw(3)},
		{"expired", expired, LeaseUnassigned, 3, map[uint8][]byte{51: nil, 91: u32(60), 153: u32(0)}, hw(4)},
		{"offered", offered, LeaseUnassigned, 1, nil, nil},
		{"never used", "10.2.0.15", LeaseUnassigned, 1, map[uint8][]byte{51: nil, 91: nil, 153: nil}, nil},
	} {
		a, ok := all[c.addr]
		if !ok || a.Type != c.typ || !bytes.Equal(a.options[156], []byte{c.state}) || !bytes.Equal(a.options[152], base) || !bytes.Equal(a.hw, c.hw) {
			t.Errorf("%s: type %d state %x base %x of %x", c.name, a.Type, a.options[156], a.options[152], a.hw)
		}
		for code, v := range c.want {
			if !bytes.Equal(a.options[code], v) {
				t.Errorf("%s: option %d = %x, want %x", c.name, code, a.options[code], v)
			}
		}
		// §5: "The associated-ip option MUST NOT appear in Bulk Leasequery
		// replies." Number 5: without data-source all its flags are 0.
		if a.options[92] != nil || a.options[157] != nil {
			t.Errorf("%s: options 92 %x, 157 %x", c.name, a.options[92], a.options[157])
		}
	}
	b.wait(2 * hour)
	all, _ = b.bulk(bulkQuery())
	if a := all[active]; a.Type != LeaseUnassigned || !bytes.Equal(a.options[156], []byte{3}) || !bytes.Equal(a.options[153], u32(hour+60)) {
		t.Errorf("run out: type %d, state %x for %x", a.Type, a.options[156], a.options[153])
	}
	// Only what is asked for.
	all, _ = b.bulk(bulkQuery(func(q *BulkQuery) { q.PRL = []byte{51} }))
	for addr, a := range all {
		if len(a.options) > 1 || len(a.options) == 1 && a.options[51] == nil {
			t.Errorf("%s: %v", addr, a.options)
		}
	}
}

// §8.2, Query Start Time and Query End Time: "if either the client-last-transaction-
// time or the start-time-of-state of the address binding changed during that time
// window".
func TestRFC6926_8_2_QueryTimes(t *testing.T) {
	b, at := street(t)
	begin := uint32(b.now) - 300
	window := func(from, to uint32) *BulkQuery {
		return bulkQuery(func(q *BulkQuery) {
			o := given{}
			if from != 0 {
				o[154] = u32(from)
			}
			if to != 0 {
				o[155] = u32(to)
			}
			q.Options = o
		})
	}
	b.wantBulk(window(begin, 0), at[1:]...)
	b.wantBulk(window(begin+100, 0), at[2], at[3], at[4])
	b.wantBulk(window(begin+101, 0), at[3], at[4])
	b.wantBulk(window(0, begin+99), at[1])
	b.wantBulk(window(begin+100, begin+200), at[2], at[3])
	b.wantBulk(window(begin+301, 0))
	b.wantBulk(bulkQuery(window(begin+1, 0).with, func(q *BulkQuery) { q.HType, q.Client.HW = 1, hw(1) }), at[4])
	// A renewal is a transaction, though the state is older.
	b.wait(50)
	q := renewing(1, at[4])
	b.wantAck(b.send(q), at[4])
	b.wantBulk(window(uint32(b.now), 0), at[4])
}

func (q *BulkQuery) with(o *BulkQuery) { o.Options = q.Options }

// §8.2, VPN-ID: "the default (global) VPN is used to satisfy the query"; 254 "all
// configured VPNs"; "for a VPN other than the default (global) VPN, a VPN-ID option
// MUST appear".
func TestRFC6926_8_2_VPN(t *testing.T) {
	red := []byte("\x00red")
	b := newQueryBench(t, func(s *policy.Spec) { s.Subnets[1].VSS = red })
	inRed := b.lease(1, func(q *Query) { *q = via(relay1, *q); q.Client.Relay = sub(151, red...) }).String()
	global := b.lease(1).String()
	in := func(vss string) *BulkQuery {
		return bulkQuery(func(q *BulkQuery) { q.VSS, q.HType, q.Client.HW = []byte(vss), 1, hw(1) })
	}
	b.wantBulk(in(""), global)
	b.wantBulk(in("\xff"), global)
	if all := b.wantBulk(in(string(red)), inRed); !bytes.Equal(all[inRed].options[221], red) {
		t.Errorf("option 221 = %q", all[inRed].options[221])
	}
	if all := b.wantBulk(in("\xfe"), inRed, global); all[global].options[221] != nil {
		t.Error("the global network has a VPN-ID")
	}
	b.wantBulk(in("\x00blue"))
}

// A requestor that goes away ends the work.
func TestBulkEndsWithItsReader(t *testing.T) {
	b, _ := street(t)
	n := 0
	b.server.Bulk(b.policy, bulkQuery(), ip(ours1), func() lease.Time { return b.now }, func(*Answer) bool {
		n++
		return n < 5
	})
	if n != 5 {
		t.Errorf("%d answers were made for nobody", n)
	}
}

// RefuseBulk says why.
func TestRefuseBulk(t *testing.T) {
	var q Query
	var a Answer
	RefuseBulk(&q, &a, StatusQueryTerminated, "the server ends")
	if a.Type != LeaseQueryDone || !strings.HasPrefix(string(a.Own.Encoded()), "\x97\x10\x02the server ends") {
		t.Errorf("type %d, %q", a.Type, a.Own.Encoded())
	}
}
