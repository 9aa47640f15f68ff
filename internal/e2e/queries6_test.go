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

// A collector asks for all leases of a link over TCP (RFC 5460), after a crash as before.
func TestBulkLeaseQuery6(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr6), nettest.ClientAddr("2001:db8:0:1::7/64"), nettest.IPv6())
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
leasequery: {allow: ["2001:db8:0:1::7"]}
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [2001:db8:0:1::100-2001:db8:0:1::1ff]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`, p.Server.Name))
	c := newClient6(t, p.Client)
	leases := map[string]bool{c.bindAddress(1): true, c.bindPrefix(2): true}
	s.kill()
	s.start()
	server, _, err := net.ParseCIDR(serverAddr6)
	if err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	p.Client.Do(func() {
		d := net.Dialer{Timeout: patience}
		conn, err = d.Dial("tcp6", net.JoinHostPort(server.String(), "547"))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	q, err := dhcpv6.NewMessage()
	if err != nil {
		t.Fatal(err)
	}
	q.MessageType = dhcpv6.MessageType(14)
	q.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 7}})
	q.AddOption(&dhcpv6.OptionGeneric{OptionCode: 44, OptionData: append([]byte{4}, server...)})
	b := q.ToBytes()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []dhcpv6.MessageType{15, 16} {
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
		if m.MessageType != want || m.TransactionID != q.TransactionID {
			t.Errorf("%s", m.Summary())
		}
		if o := m.GetOneOption(45); o != nil {
			var in dhcpv6.IdentityOptions
			if err := in.FromBytes(o.ToBytes()); err != nil {
				t.Fatal(err)
			}
			delete(leases, in.OneAddress().IPv6Addr.String())
			for _, o := range in.Get(dhcpv6.OptionIAPrefix) {
				delete(leases, o.(*dhcpv6.OptIAPrefix).Prefix.String())
			}
		}
	}
	if len(leases) != 0 {
		t.Errorf("not told: %v", leases)
	}
	if st := s.status().DHCPv6.BulkLeaseQuery; st == nil || st.Queries != 1 || st.Messages != 2 {
		t.Errorf("%+v", st)
	}
	s.stop()
}
