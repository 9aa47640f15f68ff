// SPDX-License-Identifier: Apache-2.0

package bulk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

var serverID6 = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 0xaa}

// rig6 is a server of DHCPv6 on a loopback port with leases.
type rig6 struct {
	*rig
	brain6 *exchange6.Server
	policy atomic.Pointer[policy6.Policy]
}

func start6(t testing.TB, allow string, o Options) *rig6 {
	t.Helper()
	n := netip.MustParsePrefix
	p, err := policy6.Build(policy6.Spec{
		ServerID: serverID6,
		Ports:    []policy6.PortSpec{{Name: "eth1", Addrs: []netip.Prefix{n("2001:db8::1/64")}}},
		Subnets: []policy6.SubnetSpec{{
			Prefix: n("2001:db8::/64"), Times: policy6.Times{Preferred: 3600, Valid: 7200},
			Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n("2001:db8:0:0:1::/112"))}}},
		}},
		LeaseQuery: policy6.LeaseQuerySpec{Allow: []netip.Prefix{n(allow)}},
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
	r := &rig6{rig: &rig{t: t, ended: make(chan error, 1)}, brain6: &exchange6.Server{Table: table}}
	r.policy.Store(p)
	if o.Exchange6 == nil {
		o.Exchange6 = r.brain6
	}
	o.Policy6 = r.policy.Load
	r.run(o)
	return r
}

// leases binds so many addresses, each to a client.
func (r *rig6) leases(n int) {
	r.t.Helper()
	p := r.policy.Load()
	for i := range n {
		q := lease6.Request{Client: lease6.Client{DUID: []byte{0, 3, 0, 1, byte(i >> 8), byte(i)}}, IA: lease6.IA{Type: lease6.NA, ID: 1},
			Scope: p.Subnets[0].Scope, Layout: p.Layout.Generation, Pools: []lease.PoolID{0}}
		first := p.Layout.Pools[0].Ranges[0].First
		addr := lease6.AddrPrefix(lease6.IP6{Hi: first.Hi, Lo: first.Lo + uint64(i)})
		if _, out := r.brain6.Table.Commit(&q, addr, 3600, 7200, now, lease.NewBatch(1)); out != lease.OK {
			r.t.Fatal(out)
		}
	}
}

func option6(code uint16, v ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

// query6 is a framed LEASEQUERY of a type, about a link.
func query6(xid, typ byte, link string, options ...byte) []byte {
	addr := netip.MustParseAddr(link).As16()
	m := append([]byte{14, 0, 0, xid}, option6(1, []byte("requestor")...)...)
	m = append(m, option6(44, append(append([]byte{typ}, addr[:]...), options...)...)...)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// read6 reads a message with another library.
func (c *conn) read6() *dhcpv6.Message {
	c.t.Helper()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal(err)
	}
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		c.t.Fatalf("%v: %x", err, b)
	}
	return m
}

// RFC 5460 §5.2: a LEASEQUERY-REPLY with the Server-ID and the Client-ID, "LEASEQUERY-DATA" for each client more,
// without them, and a LEASEQUERY-DONE; §6.5: a connection takes several queries.
func TestRFC5460_5_2_MessageSequence(t *testing.T) {
	const n = 5000
	r := start6(t, "::1/128", Options{})
	r.leases(n)
	c := r.dial()
	for xid := byte(1); xid <= 2; xid++ {
		if _, err := c.Write(query6(xid, 4, "2001:db8::1")); err != nil {
			t.Fatal(err)
		}
		clients := map[string]bool{}
		for i := 0; ; i++ {
			m := c.read6()
			if m.TransactionID != [3]byte{0, 0, xid} {
				t.Fatalf("transaction %x", m.TransactionID)
			}
			if uint8(m.MessageType) == 16 {
				if len(m.Options.Options) != 0 || i != n {
					t.Errorf("after %d messages %s", i, m.Summary())
				}
				break
			}
			want := uint8(17)
			ids := 0
			if i == 0 {
				want, ids = 15, 2
				if !bytes.Equal(m.GetOneOption(dhcpv6.OptionServerID).ToBytes(), serverID6) || string(m.GetOneOption(dhcpv6.OptionClientID).ToBytes()) != "requestor" {
					t.Errorf("%s", m.Summary())
				}
			}
			data := m.Options.Get(dhcpv6.OptionCode(45))
			if uint8(m.MessageType) != want || len(data) != 1 || len(m.Options.Options) != ids+1 {
				t.Fatalf("message %d: %s", i, m.Summary())
			}
			var in dhcpv6.Options
			if err := in.FromBytes(data[0].ToBytes()); err != nil {
				t.Fatal(err)
			}
			clients[string(in.Get(dhcpv6.OptionClientID)[0].ToBytes())] = true
		}
		if len(clients) != n {
			t.Errorf("%d clients", len(clients))
		}
	}
	// §5.2: without bindings the LEASEQUERY-REPLY is all; so it is with an error.
	for _, q := range []struct {
		query  []byte
		status bool
	}{
		{query6(3, 3, "::", option6(53, 1)...), false},
		{query6(3, 9, "::"), true},
	} {
		if _, err := c.Write(q.query); err != nil {
			t.Fatal(err)
		}
		if m := c.read6(); uint8(m.MessageType) != 15 || (m.GetOneOption(dhcpv6.OptionStatusCode) != nil) != q.status || m.GetOneOption(dhcpv6.OptionCode(45)) != nil {
			t.Errorf("%s", m.Summary())
		}
	}
	c.Close()
	if st := r.s.Stats(); st.Accepted != 1 || st.Queries != 4 || st.Messages != 2*(n+1)+2 {
		t.Errorf("%+v", st)
	}
}

// RFC 5460 §7.1: "Connections that are not from permitted clients SHOULD BE closed immediately"; where DHCPv6 is not
// served nobody is permitted.
func TestRFC5460_7_1_WhoMayAsk(t *testing.T) {
	for name, r := range map[string]*rig6{"another": start6(t, "2001:db8::/32", Options{}), "no policy": start6(t, "::1/128", Options{})} {
		if name == "no policy" {
			r.policy.Store(nil)
		}
		c := r.dial()
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if st := r.s.Stats(); st.Refused != 1 || st.Accepted != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// What is no LEASEQUERY ends the connection: it cannot be answered.
func TestRFC5460_5_1_WhatIsNoQuery(t *testing.T) {
	r := start6(t, "::1/128", Options{})
	bad := uint64(0)
	for _, m := range [][]byte{
		{0, 0}, {0, 1, 14}, {0, 4, 1, 0, 0, 1}, {0, 4, 14, 0, 0, 1}, {0, 8, 14, 0, 0, 1, 0, 1, 0xff, 0xff},
		append([]byte{0, 42, 12, 0}, make([]byte, 40)...),
	} {
		c := r.dial()
		if _, err := c.Write(m); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); len(b) != 0 {
			t.Errorf("%x is answered with %x, %v", m, b, err)
		}
		c.Close()
		bad++
	}
	for start := time.Now(); r.s.Stats().Broken != bad; time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("%+v", r.s.Stats())
		}
	}
}

// endless answers until nobody listens.
type endless struct{ first chan struct{} }

func (e *endless) Bulk(_ *policy6.Policy, _ *exchange6.Query, _ func() lease.Time, send func(*exchange6.Answer) bool) bool {
	a := exchange6.Answer{Type: exchange6.LeaseQueryReply}
	for send(&a) {
		if a.Type == exchange6.LeaseQueryReply {
			close(e.first)
		}
		a.Type = exchange6.LeaseQueryData
	}
	return true
}

// RFC 5460 §7.4: "A server aborting an in-process request MAY attempt to notify its clients by using the QueryTerminated
// (Section 5.5) status code."
func TestRFC5460_7_4_Terminated(t *testing.T) {
	e := &endless{make(chan struct{})}
	r := start6(t, "::1/128", Options{Exchange6: e})
	c := r.dial()
	if _, err := c.Write(query6(7, 4, "2001:db8::1")); err != nil {
		t.Fatal(err)
	}
	<-e.first
	r.cancel()
	for {
		m := c.read6()
		if uint8(m.MessageType) != 16 {
			continue
		}
		st := m.Options.Status()
		if st == nil || uint16(st.StatusCode) != 11 || m.TransactionID != [3]byte{0, 0, 7} {
			t.Errorf("%s", m.Summary())
		}
		break
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes more, %v", n, err)
	}
}
