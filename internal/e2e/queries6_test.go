// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// A lease of DHCPv6, asked for over UDP by its address and over TCP by its link.
func TestLeaseQueries6(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr, serverAddr6), nettest.IPv6())
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - {subnet: "2001:db8:0:1::/64", pools: ["2001:db8:0:1::10-2001:db8:0:1::1f"]}
leasequery: {allow: ["fe80::/10", "2001:db8:0:1::7"]}
`, p.Server.Name))
	c := newClient6(t, p.Client)
	addr := net.ParseIP(c.bindAddress(1))

	query := func(typ byte, link net.IP, options ...byte) *dhcpv6.Message {
		v := append(append([]byte{typ}, link.To16()...), options...)
		return c.message(dhcpv6.MessageTypeLeaseQuery, &dhcpv6.OptionGeneric{OptionCode: 44, OptionData: v})
	}
	// has checks the client data of an answer.
	has := func(m *dhcpv6.Message, typ uint8) {
		t.Helper()
		data := m.Options.Get(45)
		if uint8(m.MessageType) != typ || len(data) != 1 {
			t.Fatalf("%s", m.Summary())
		}
		var in dhcpv6.Options
		if err := in.FromBytes(data[0].ToBytes()); err != nil {
			t.Fatal(err)
		}
		if a := (dhcpv6.IdentityOptions{Options: in}).OneAddress(); a == nil || !a.IPv6Addr.Equal(addr) {
			t.Errorf("%v", a)
		}
	}
	has(c.ask(query(1, net.IPv6zero, append([]byte{0, 5, 0, 24}, append(addr, make([]byte, 8)...)...)...)), 15)
	if n := reason(s.status().Fast, "punt_type"); n == 0 {
		t.Error("nothing was punted for its type")
	}

	p.Client.AddAddr("2001:db8:0:1::7/64")
	var conn net.Conn
	eventually(t, "the server can be connected to", func() bool { // its address may be tentative yet
		p.Client.Do(func() {
			d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8:0:1::7")}}
			conn, _ = d.Dial("tcp6", "[2001:db8:0:1::1]:547")
		})
		return conn != nil
	})
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	b := query(4, net.ParseIP("2001:db8:0:1::1")).ToBytes()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		t.Fatal(err)
	}
	next := func() *dhcpv6.Message {
		t.Helper()
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		m, err := dhcpv6.MessageFromBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	has(next(), 15)
	if m := next(); uint8(m.MessageType) != 16 {
		t.Errorf("%s", m.Summary())
	}
	if st := s.status().BulkLeaseQuery; st == nil || st.Queries != 1 || st.Messages != 2 {
		t.Errorf("%+v", st)
	}
	s.stop()
}
