// SPDX-License-Identifier: Apache-2.0

package bulk

import (
	"encoding/binary"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

var serverDUID = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}

// start6 is start for DHCPv6, with n clients that have an address each.
func start6(t testing.TB, n int, allow string) *rig {
	t.Helper()
	p, err := policy6.Build(policy6.Spec{
		ServerID: serverDUID,
		Ports:    []policy6.PortSpec{{Name: "eth1", Addrs: []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}}},
		Subnets: []policy6.SubnetSpec{{
			Prefix: netip.MustParsePrefix("2001:db8::/64"), Times: policy6.Times{Preferred: 3600, Valid: 7200},
			Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(netip.MustParsePrefix("2001:db8:0:0:1::/80"))}}},
		}},
		LeaseQuery: policy6.LeaseQuerySpec{Allow: []netip.Prefix{netip.MustParsePrefix(allow)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease6.New(lease6.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	brain := &exchange6.Server{Table: table}
	batch := lease.NewBatch(1)
	for i := range n {
		var q exchange6.Query
		q.Type, q.Src, q.Dst = exchange6.Request, lease6.IP6{Hi: 0xfe80 << 48, Lo: 9}, lease6.IP6{Hi: 0xff02 << 48, Lo: 0x10002}
		q.ServerID, q.HasServerID = serverDUID, true
		q.Client.DUID = []byte{0, 2, 0, 0, 0, 9, byte(i >> 8), byte(i)}
		q.AddIA(lease6.NA, 1)
		var a exchange6.Answer
		brain.Decide6(p, &q, now, batch, &a)
		if a.Type != exchange6.Reply || a.NLeases != 1 {
			t.Fatalf("client %d: %v", i, a.Reason)
		}
	}
	r := &rig{t: t, ended: make(chan error, 1)}
	o := Serve6(brain, func() *policy6.Policy { return p }, func() time.Time { return time.Unix(now+60, 0) })
	o.Port = -1
	r.run(o)
	return r
}

func frame6(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// query6 is a LEASEQUERY with option 44, made by another library.
func query6(t testing.TB, xid byte, lq ...byte) []byte {
	t.Helper()
	m := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeLeaseQuery, TransactionID: dhcpv6.TransactionID{1, 2, xid}}
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: []byte{0, 3, 0, 1, 7, 7, 7, 7, 7, 7}})
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: 44, OptionData: lq})
	return frame6(m.ToBytes())
}

func (c *conn) next6() (*dhcpv6.Message, error) {
	c.t.Helper()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		c.t.Fatalf("%v\n%x", err, b)
	}
	return m, nil
}

// RFC 5460 §5.2: one LEASEQUERY-REPLY with both identifiers, LEASEQUERY-DATA without,
// LEASEQUERY-DONE; several queries on a connection (§7.3).
func TestRFC5460_5_2_Messages(t *testing.T) {
	const clients = 500
	r := start6(t, clients, "::1/128")
	c := r.dial()
	link := append([]byte{4}, netip.MustParseAddr("2001:db8::1").AsSlice()...)
	if _, err := c.Write(append(query6(t, 1, link...), query6(t, 2, append([]byte{9}, make([]byte, 16)...)...)...)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := 0; ; i++ {
		m, err := c.next6()
		if err != nil {
			t.Fatal(err)
		}
		if m.TransactionID != (dhcpv6.TransactionID{1, 2, 1}) {
			t.Fatalf("%s", m.Summary())
		}
		if ids := len(m.Options.Get(dhcpv6.OptionClientID)) + len(m.Options.Get(dhcpv6.OptionServerID)); ids != map[bool]int{true: 2, false: 0}[i == 0] {
			t.Errorf("message %d has %d identifiers", i, ids)
		}
		if uint8(m.MessageType) == 16 {
			if i != clients || len(m.Options.Options) > 0 {
				t.Errorf("the end behind %d messages: %s", i, m.Summary())
			}
			break
		}
		if want := map[bool]uint8{true: 15, false: 17}[i == 0]; uint8(m.MessageType) != want {
			t.Fatalf("message %d: %s", i, m.Summary())
		}
		var in dhcpv6.Options
		if err := in.FromBytes(m.Options.Get(45)[0].ToBytes()); err != nil {
			t.Fatal(err)
		}
		seen[dhcpv6.IdentityOptions{Options: in}.OneAddress().IPv6Addr.String()] = true
	}
	if len(seen) != clients {
		t.Errorf("%d addresses", len(seen))
	}
	m, err := c.next6()
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Options.Status(); m.TransactionID != (dhcpv6.TransactionID{1, 2, 2}) || s == nil || s.StatusCode != 7 {
		t.Errorf("%s", m.Summary())
	}
	// What is no query at all.
	if _, err := c.Write(frame6([]byte{1, 0, 0, 1})); err != nil {
		t.Fatal(err)
	}
	if m, err := c.next6(); err == nil {
		t.Errorf("%s", m.Summary())
	}
}

// RFC 5460 §7.1: "Connections that are not from permitted clients SHOULD BE closed
// immediately".
func TestRFC5460_7_1_AccessList(t *testing.T) {
	r := start6(t, 0, "2001:db8:7::/64")
	c := r.dial()
	if m, err := c.next6(); err == nil {
		t.Errorf("%s", m.Summary())
	}
	if st := r.s.Stats(); st.Refused != 1 || st.Accepted != 0 {
		t.Errorf("%+v", st)
	}
}

// blocking6 answers without end.
type blocking6 struct{}

func (blocking6) Bulk(_ *policy6.Policy, _ *exchange6.Query, _ func() lease.Time, send func(*exchange6.Answer) bool) {
	for send(&exchange6.Answer{Type: exchange6.LeaseQueryData}) {
	}
}

// RFC 5460 §5.5 and §7.4: QueryTerminated, in a LEASEQUERY-DONE since answers were sent.
func TestRFC5460_7_4_QueryTerminated(t *testing.T) {
	p, err := policy6.Build(policy6.Spec{ServerID: serverDUID, LeaseQuery: policy6.LeaseQuerySpec{Allow: []netip.Prefix{netip.MustParsePrefix("::1/128")}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ended: make(chan error, 1)}
	o := Serve6(blocking6{}, func() *policy6.Policy { return p }, time.Now)
	o.Port = -1
	r.run(o)
	c := r.dial()
	if _, err := c.Write(query6(t, 1, append([]byte{4}, make([]byte, 16)...)...)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.next6(); err != nil {
		t.Fatal(err)
	}
	r.cancel()
	for {
		m, err := c.next6()
		if err != nil {
			t.Fatal(err)
		}
		if uint8(m.MessageType) != 17 {
			if s := m.Options.Status(); uint8(m.MessageType) != 16 || s == nil || s.StatusCode != 11 {
				t.Errorf("%s", m.Summary())
			}
			return
		}
	}
}
