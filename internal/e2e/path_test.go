// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/safchain/ethtool"

	"xdhcp/internal/nettest"
)

const serverAddr = "192.0.2.1/24"

// config is a small configuration for one interface.
func config(end *nettest.End, xdp string) string {
	return fmt.Sprintf(`interfaces: [{name: %s, xdp: %s, vlans: true}]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100-192.0.2.199]
    lease: {valid: 1h}
    options: {routers: [192.0.2.1], domain-name-servers: [192.0.2.53], domain-name: example.net}
`, end.Name, xdp)
}

func wantAddr(t *testing.T, what string, got net.IP, want string) {
	t.Helper()
	if !got.Equal(net.ParseIP(want)) {
		t.Errorf("%s = %v, want %s", what, got, want)
	}
}

// Each way for a packet to reach the server gives the same lease.
func TestALeaseByEveryRoad(t *testing.T) {
	for _, xdp := range []string{"native", "generic", "off"} {
		t.Run(xdp, func(t *testing.T) {
			p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
			s := serve(t, p.Server, config(p.Server, xdp))
			c := newClient(t, p.Client, "02:00:00:00:00:01")
			ack := c.lease(dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName))

			wantAddr(t, "yiaddr", ack.YourIPAddr, "192.0.2.100")
			wantAddr(t, "server identifier", ack.ServerIdentifier(), "192.0.2.1")
			wantAddr(t, "source", ack.ip.SrcIP, "192.0.2.1")
			wantAddr(t, "router", ack.Router()[0], "192.0.2.1")
			wantAddr(t, "name server", ack.DNS()[0], "192.0.2.53")
			if got := ack.DomainName(); got != "example.net" {
				t.Errorf("domain name = %q", got)
			}
			if got := ack.IPAddressLeaseTime(0).Seconds(); got != 3600 {
				t.Errorf("lease time = %v s", got)
			}
			if got := ack.SubnetMask().String(); got != "ffffff00" {
				t.Errorf("subnet mask = %s", got)
			}

			st := s.status()
			if got := st.Interfaces[0].Mode; got != xdp {
				t.Errorf("mode = %s, want %s", got, xdp)
			}
			fast, slow := st.Fast.Verdicts["await"], st.Slow.Verdicts["await"]
			if xdp == "off" && (fast != 0 || slow != 1) || xdp != "off" && (fast != 1 || slow != 0) {
				t.Errorf("acknowledged by the fast path %d, by the slow path %d", fast, slow)
			}
			l := s.leases()["192.0.2.100"]
			if l.State != "bound" || l.MAC != "02:00:00:00:00:01" {
				t.Errorf("lease = %+v", l)
			}
			s.stop()
		})
	}
}

// VLAN tags come back as they were sent.
func TestVLANTagsAreKept(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	serve(t, p.Server, config(p.Server, "native"))
	for i, tags := range [][]layers.Dot1Q{
		{{VLANIdentifier: 100, Priority: 5}},
		{{VLANIdentifier: 7}, {VLANIdentifier: 42}},
	} {
		c := newClient(t, p.Client, fmt.Sprintf("02:00:00:00:01:%02x", i))
		c.tags = tags
		ack := c.lease()
		if len(ack.tags) != len(tags) {
			t.Fatalf("sent %d tags, got %d back", len(tags), len(ack.tags))
		}
		for j, tag := range ack.tags {
			if tag.VLANIdentifier != tags[j].VLANIdentifier || tag.Priority != tags[j].Priority {
				t.Errorf("tag %d: sent %d/%d, got %d/%d", j, tags[j].VLANIdentifier, tags[j].Priority, tag.VLANIdentifier, tag.Priority)
			}
		}
	}
}

// A DISCOVER in fragments, or with IP options, reaches the slow path through
// the kernel and is answered.
func TestWhatTheKernelDeliversIsAnswered(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, config(p.Server, "native"))

	t.Run("fragments", func(t *testing.T) {
		c := newClient(t, p.Client, "02:00:00:00:02:01")
		m := c.discover()
		for _, f := range fragments(c.frame(m), 64) {
			c.wire.Send(f)
		}
		if a := c.await(m.TransactionID, patience); a == nil || a.MessageType() != dhcpv4.MessageTypeOffer {
			t.Fatalf("answer = %v", a)
		}
	})
	t.Run("ip options", func(t *testing.T) {
		c := newClient(t, p.Client, "02:00:00:00:02:02")
		m := c.discover()
		c.wire.Send(withIPOption(c.frame(m)))
		if a := c.await(m.TransactionID, patience); a == nil || a.MessageType() != dhcpv4.MessageTypeOffer {
			t.Fatalf("answer = %v", a)
		}
	})
	if got := s.status().Slow.Verdicts["reply"]; got != 2 {
		t.Errorf("the slow path answered %d times, want 2", got)
	}
}

// What the fast path does not read, the slow path answers on the same wire.
func TestAPuntedFrameIsAnswered(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, config(p.Server, "native"))
	c := newClient(t, p.Client, "02:00:00:00:03:01")
	c.tags = []layers.Dot1Q{{VLANIdentifier: 9}}
	m := c.discover(dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionOptionOverload, []byte{1})))
	a := c.exchange(m)
	if a.MessageType() != dhcpv4.MessageTypeOffer {
		t.Fatalf("answer = %s", a.Summary())
	}
	if len(a.tags) != 1 || a.tags[0].VLANIdentifier != 9 {
		t.Errorf("VLAN tags of the answer: %v", a.tags)
	}
	if got := reason(s.status().Fast, "punt_overload"); got != 1 {
		t.Errorf("punt_overload = %d, want 1", got)
	}
}

// Frames land on two receive queues, and both are served. A veth delivers on
// the queue that the sender's flow hashes to, so the requests come from many
// relay agents.
func TestTwoQueues(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr), nettest.Queues(2))
	s := serve(t, p.Server, config(p.Server, "native"))
	const n = 40
	for i := range n {
		c := newClient(t, p.Client, fmt.Sprintf("02:00:00:00:04:%02x", i))
		relay := net.IPv4(192, 0, 2, byte(10+i))
		m := c.discover(dhcpv4.WithGatewayIP(relay))
		c.wire.Send(c.frameTo(m, relay, net.IPv4(192, 0, 2, 1), p.Server.MAC))
		if a := c.await(m.TransactionID, patience); a == nil || a.MessageType() != dhcpv4.MessageTypeOffer {
			t.Fatalf("relay %v: answer = %v", relay, a)
		}
	}
	st := s.status()
	queues := st.Interfaces[0].Queues
	if len(queues) != 2 {
		t.Fatalf("%d queues are served, want 2", len(queues))
	}
	for _, q := range queues {
		if q.Rings.Received == 0 {
			t.Errorf("queue %d received nothing", q.ID)
		}
	}
	if got := st.Fast.Verdicts["reply"]; got != n {
		t.Errorf("%d OFFERs, want %d", got, n)
	}
}

// fragments cuts the IP payload of an untagged frame into pieces of n bytes
// (a multiple of 8) and puts them into frames of their own (RFC 791 §3.2).
func fragments(frame []byte, n int) [][]byte {
	const l3, header = 14, 20
	payload := frame[l3+header:]
	var out [][]byte
	for off := 0; off < len(payload); off += n {
		part := payload[off:min(off+n, len(payload))]
		f := append(append([]byte(nil), frame[:l3+header]...), part...)
		flags := uint16(off / 8)
		if off+n < len(payload) {
			flags |= 0x2000 // more fragments
		}
		ip := f[l3:]
		binary.BigEndian.PutUint16(ip[2:], uint16(header+len(part)))
		binary.BigEndian.PutUint16(ip[4:], 0x1234)
		binary.BigEndian.PutUint16(ip[6:], flags)
		sumHeader(ip[:header])
		out = append(out, f)
	}
	return out
}

// withIPOption puts four no-operation options into the IP header.
func withIPOption(frame []byte) []byte {
	const l3, header = 14, 20
	f := append([]byte(nil), frame[:l3+header]...)
	f = append(f, 1, 1, 1, 1)
	f = append(f, frame[l3+header:]...)
	ip := f[l3:]
	ip[0] = 0x46
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	sumHeader(ip[:header+4])
	return f
}

func sumHeader(ip []byte) {
	ip[10], ip[11] = 0, 0
	var sum uint32
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
}

// A NIC that takes VLAN tags out of frames would make one network's clients
// look like another's: the server has it stop while it serves.
func TestTagStrippingIsOffWhileServing(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	stripping := func() bool {
		t.Helper()
		var on bool
		p.Server.Do(func() {
			e, err := ethtool.NewEthtool()
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			features, err := e.Features(p.Server.Name)
			if err != nil {
				t.Fatal(err)
			}
			on = features["rx-vlan-hw-parse"]
		})
		return on
	}
	if !stripping() {
		t.Fatal("a veth starts with tag stripping on: the test has nothing to test")
	}
	s := serve(t, p.Server, config(p.Server, "native"))
	if stripping() {
		t.Error("tag stripping is on while the interface is served")
	}
	s.stop()
	if !stripping() {
		t.Error("tag stripping stays off after the server has ended")
	}
}
