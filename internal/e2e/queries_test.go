// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

func generic(code uint8, v ...byte) dhcpv4.Option {
	return dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(code), v)
}

// A relay agent asks about a lease over UDP, a collector over TCP; both see what the
// client was given. Others hear nothing.
func TestLeaseQueries(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, config(p.Server, "native")+"leasequery: {allow: [192.0.2.9]}\n")
	c := newClient(t, p.Client, "02:00:00:00:00:01")
	lease := c.lease(dhcpv4.WithOption(generic(61, 0, 'i', 'd')))

	relay := newClient(t, p.Client, "02:00:00:00:00:99")
	ask := func(giaddr string, edit func(*dhcpv4.DHCPv4)) *dhcpv4.DHCPv4 {
		m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, GatewayIPAddr: net.ParseIP(giaddr), Options: dhcpv4.Options{}}
		m.TransactionID, _ = dhcpv4.GenerateTransactionID()
		m.UpdateOption(dhcpv4.OptMessageType(10))
		m.UpdateOption(generic(55, 51, 61, 91))
		edit(m)
		relay.wire.Send(relay.frameTo(m, m.GatewayIPAddr, net.ParseIP("192.0.2.1"), p.Server.MAC))
		return m
	}
	// The index follows the journal: a query by client may come too early.
	var byID *answer
	eventually(t, "the lease is found by its client identifier", func() bool {
		m := ask("192.0.2.9", func(m *dhcpv4.DHCPv4) { m.UpdateOption(generic(61, 0, 'i', 'd')) })
		byID = relay.await(m.TransactionID, patience)
		if byID == nil {
			t.Fatal("no answer")
		}
		return byID.MessageType() == 13
	})
	m := ask("192.0.2.9", func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = lease.YourIPAddr })
	byIP := relay.await(m.TransactionID, patience)
	for name, a := range map[string]*answer{"by IP": byIP, "by client identifier": byID} {
		if a == nil || a.MessageType() != 13 || !a.ClientIPAddr.Equal(lease.YourIPAddr) || a.ClientHWAddr.String() != "02:00:00:00:00:01" ||
			string(a.Options.Get(dhcpv4.GenericOptionCode(61))) != "\x00id" || !a.ip.DstIP.Equal(net.ParseIP("192.0.2.9")) {
			t.Errorf("%s: %v", name, a)
		}
	}
	ask("192.0.2.10", func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = lease.YourIPAddr })
	eventually(t, "the one that may not ask is counted", func() bool { return reason(s.status().Slow, "not_allowed") == 1 })
	if n := reason(s.status().Fast, "punt_type"); n < 3 {
		t.Errorf("%d were punted for their type", n)
	}

	p.Client.AddAddr("192.0.2.9/24")
	var conn net.Conn
	p.Client.Do(func() {
		d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP("192.0.2.9")}}
		var err error
		if conn, err = d.Dial("tcp4", "192.0.2.1:67"); err != nil {
			t.Error(err)
		}
	})
	if conn == nil {
		t.FailNow()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	q := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, Options: dhcpv4.Options{}}
	q.UpdateOption(dhcpv4.OptMessageType(14))
	b := q.ToBytes()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		t.Fatal(err)
	}
	active, free := 0, 0
	for done := false; !done; {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		m, err := dhcpv4.FromBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		switch m.MessageType() {
		case 13:
			active++
			if !m.ClientIPAddr.Equal(lease.YourIPAddr) {
				t.Errorf("%v is active", m.ClientIPAddr)
			}
		case 11:
			free++
		case 15:
			done = true
		default:
			t.Fatalf("%s", m.Summary())
		}
	}
	if active != 1 || free != 99 {
		t.Errorf("%d active, %d free", active, free)
	}
	if st := s.status().BulkLeaseQuery; st == nil || st.Open != 1 || st.Queries != 1 || st.Messages != 101 {
		t.Errorf("%+v", st)
	}
	s.stop()
}

// `xdhcpd forcerenew` reaches a client that has a nonce, also after a restart, and
// the client can verify it.
func TestForceRenew(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, config(p.Server, "native")+"forcerenew: true\n")
	c := newClient(t, p.Client, p.Client.MAC.String())
	capable := dhcpv4.WithOption(generic(145, 1))
	offer := c.exchange(c.discover(capable))
	if v := offer.Options.Get(dhcpv4.GenericOptionCode(145)); !bytes.Equal(v, []byte{1}) {
		t.Errorf("option 145 of the OFFER = %x", v)
	}
	ack := c.exchange(c.request(offer, capable))
	given := ack.Options.Get(dhcpv4.GenericOptionCode(90))
	if len(given) != 28 {
		t.Fatalf("option 90 of the ACK = %x", given)
	}
	addr := ack.YourIPAddr.String()
	p.Client.AddAddr(addr + "/24")
	last := binary.BigEndian.Uint64(given[3:])
	for range 2 {
		out, err := p.Server.Command(xdhcpd, "forcerenew", "--state", s.state, addr).CombinedOutput()
		if err != nil || string(out) != addr+": sent\n" {
			t.Fatalf("%v: %s", err, out)
		}
		frame := c.wire.RecvMatch(patience, func(b []byte) bool { a := decode(b); return a != nil && a.MessageType() == 9 })
		if frame == nil {
			t.Fatal("no FORCERENEW arrives")
		}
		a := decode(frame)
		auth := a.Options.Get(dhcpv4.GenericOptionCode(90))
		m := bytes.Clone(a.udp.Payload)
		at := bytes.Index(m, auth)
		clear(m[at+12 : at+28])
		h := hmac.New(md5.New, given[12:])
		h.Write(m)
		replay := binary.BigEndian.Uint64(auth[3:])
		if !bytes.Equal(h.Sum(nil), auth[12:]) || replay <= last {
			t.Errorf("replay %d after %d, digest %x", replay, last, auth[12:])
		}
		last = replay
		s.kill()
		s.start()
	}
	out, err := p.Server.Command(xdhcpd, "forcerenew", "--state", s.state, "192.0.2.180").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody has a lease") {
		t.Errorf("a free address: %v: %s", err, out)
	}
	s.stop()
}
