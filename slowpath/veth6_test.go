// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy6"
	"xdhcp/internal/nettest"
	"xdhcp/internal/wire/eth"
)

// live6 is a server on one end of a veth pair. What it answers is a stand-in's: the
// tests here are about the ways of packets.
type live6 struct {
	*live
	v6 atomic.Bool // whether DHCPv6 is served
}

// prepare6 makes a server of both families on the end, which has the addresses
// 2001:db8::1 and its link-local one.
func prepare6(t *testing.T, end *nettest.End, options ...policy6.Option) *live6 {
	t.Helper()
	l := &live6{live: prepare(t, end, "192.0.2.1/24")}
	l.v6.Store(true)
	p := testPolicy6(t, options...)
	p.Ports[0].MAC = [6]byte(end.MAC)
	o := l.s.o
	brain := &brain6{answer: answer6(p)}
	brain.answer.Source = ip6(net.IP(end.LinkLocal().AsSlice()))
	brain.answer.Wait = 0
	o.Exchange6, o.Policy6 = brain, func() *policy6.Policy { return p }
	o.Families = func() (bool, bool) { return true, l.v6.Load() }
	l.s = New(o)
	return l
}

func veth6(t *testing.T, options ...policy6.Option) (*nettest.Pair, *live6, *client6) {
	t.Helper()
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24", "2001:db8::1/64"), nettest.ClientAddr("2001:db8::c/64"))
	l := prepare6(t, p.Server, options...)
	l.run()
	return p, l, newClient6(t, p)
}

// client6 is a DHCPv6 client made of bytes and a packet socket.
type client6 struct {
	t      *testing.T
	end    *nettest.End
	server *nettest.End
	p      *nettest.Packet
	xid    byte
}

func newClient6(t *testing.T, p *nettest.Pair) *client6 {
	return &client6{t: t, end: p.Client, server: p.Server, p: p.Client.Packet(t)}
}

// envelope is what the client sends to the group.
func (c *client6) envelope() envelope {
	return envelope{src: c.end.MAC, dst: groupMAC, from: c.end.LinkLocal().AsSlice(), to: groupLink, sport: 546, dport: 547}
}

// solicit is a message with a transaction-id of its own.
func (c *client6) solicit(more ...[]byte) []byte {
	m := request6(1, more...)
	c.xid++
	m[3] = c.xid
	return m
}

// reply is the answer to the last message, read by others; nil: none within the time.
func (c *client6) reply(timeout time.Duration) *answered6 {
	c.t.Helper()
	l3 := 14
	f := c.p.RecvMatch(timeout, func(f []byte) bool {
		for l3 = 14; l3 < 22 && f[l3-2] != 0x86; l3 += 4 {
		}
		return len(f) > l3+52 && f[l3-2] == 0x86 && f[l3+6] == 17 && binary.BigEndian.Uint16(f[l3+40:]) == 547 && f[l3+51] == c.xid
	})
	if f == nil {
		return nil
	}
	// The kernel leaves the sum of the pseudo-header to a card that a veth is not.
	udp := eth.UDP(f[l3+40:])
	pseudo := cat(f[l3+8:l3+40], []byte{0, 17}, udp[4:6])
	if udp.Checksum() == onesSum(pseudo) {
		binary.BigEndian.PutUint16(udp[6:], eth.UDP6Checksum(f[l3+8:l3+24], f[l3+24:l3+40], udp))
	}
	return open6(c.t, f)
}

func (c *client6) mustReply() *answered6 {
	c.t.Helper()
	a := c.reply(patience)
	if a == nil {
		c.t.Fatal("no reply")
	}
	return a
}

// A client's message to the group, delivered by the kernel, is answered to the
// client's link-local address from ours.
func TestVeth6Direct(t *testing.T) {
	p, l, c := veth6(t)
	c.p.Send(c.envelope().wrap6(t, c.solicit()))
	a := c.mustReply()
	if !bytes.Equal(a.eth.DstMAC, p.Client.MAC) || !bytes.Equal(a.ip.DstIP, p.Client.LinkLocal().AsSlice()) || !bytes.Equal(a.ip.SrcIP, p.Server.LinkLocal().AsSlice()) || a.udp.DstPort != 546 {
		t.Errorf("%v -> %v, %v -> %v:%d", a.eth.SrcMAC, a.eth.DstMAC, a.ip.SrcIP, a.ip.DstIP, a.udp.DstPort)
	}
	if k := l.s.Counters(); k.Kernel() != 1 || k.Verdict(frame.Reply) != 1 {
		t.Errorf("kernel %d, reply %d, drop %d", k.Kernel(), k.Verdict(frame.Reply), k.Verdict(frame.Drop))
	}
}

// What the kernel has to put together or take apart first: extension headers (RFC
// 8200 §4), a partial checksum.
func TestVeth6ExtensionHeaders(t *testing.T) {
	_, _, c := veth6(t)
	f := c.envelope().wrap6(t, c.solicit())
	f = bytes.Join([][]byte{f[:54], {17, 0, 1, 4, 0, 0, 0, 0}, f[54:]}, nil) // PadN
	f[20] = 60                                                               // destination options
	binary.BigEndian.PutUint16(f[18:], uint16(len(f)-54))
	c.p.Send(f)
	c.mustReply()
}

// The groups are joined on the interface, and left with the server.
func TestVeth6Groups(t *testing.T) {
	p, l, _ := veth6(t)
	groups := func() (n int) {
		p.Server.Do(func() {
			table, err := os.ReadFile("/proc/thread-self/net/igmp6")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(table)) {
				f := strings.Fields(line)
				if f[1] == p.Server.Name && (f[2] == "ff020000000000000000000000010002" || f[2] == "ff050000000000000000000000010003") {
					n++
				}
			}
		})
		return n
	}
	if n := groups(); n != 2 {
		t.Errorf("member of %d of the groups", n)
	}
	l.stop()
	if n := groups(); n != 0 {
		t.Errorf("still member of %d of the groups", n)
	}
}

// listen6 opens a UDP socket of the kernel's in the namespace.
func listen6(t *testing.T, end *nettest.End, port int) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	end.Do(func() {
		var err error
		if conn, err = net.ListenUDP("udp6", &net.UDPAddr{Port: port}); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask6 sends a message from a socket and returns what comes back.
func ask6(t *testing.T, conn *net.UDPConn, to string, m []byte) *answered6 {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort(m, netip.AddrPortFrom(netip.MustParseAddr(to), 547)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, _, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	return read6(t, buf[:n])
}

// A relay agent is answered at its port 547 or its own (RFC 8357); to a unicast
// address and to the servers' group.
func TestVeth6Relay(t *testing.T) {
	p, _, _ := veth6(t)
	for _, tt := range []struct {
		port    int
		to      string
		options []byte
	}{
		{547, "2001:db8::1", nil},
		{547, "ff05::1:3%" + p.Client.Name, nil},
		{40547, "2001:db8::1", opt6(135, 0, 0)},
	} {
		conn := listen6(t, p.Client, tt.port)
		a := ask6(t, conn, tt.to, envelope6(0, relayA, clientLL, request6(1), opt6(18, 'i'), tt.options))
		if len(a.relays) != 1 || string(a.relays[0].Options.InterfaceID()) != "i" || !a.relays[0].PeerAddr.Equal(clientLL) {
			t.Errorf("port %d, %s: %v", tt.port, tt.to, a.relays)
		}
		conn.Close()
	}
}

// Messages and replies that travel in fragments.
func TestVeth6Fragments(t *testing.T) {
	p, l, c := veth6(t, policy6.Option{Code: 1000, Data: pattern(4000), Always: true})
	conn := listen6(t, p.Client, 546)
	for _, size := range []int{10, 1400, 3500} {
		a := ask6(t, conn, "2001:db8::1", request6(1, opt6(60000, pattern(size)...)))
		if o := a.msg.GetOneOption(1000); o == nil || !bytes.Equal(o.ToBytes(), pattern(4000)) {
			t.Errorf("a message of %d bytes is answered by %v", size, a.msg)
		}
	}
	// A punted one is answered by frames, which the client's kernel puts together.
	f := c.envelope().wrap6(t, c.solicit())
	if !l.s.Queue().Punt(&frame.Frame{Data: f}, frame.PuntNoFit) {
		t.Fatal("the queue is full")
	}
	buf := make([]byte, 65536)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, _, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	if a := read6(t, buf[:n]); a.msg.TransactionID[2] != c.xid || a.msg.GetOneOption(1000) == nil {
		t.Errorf("%v", a.msg)
	}
	if k := l.s.Counters(); k.Verdict(frame.Reply) != 4 || k.Verdict(frame.Drop) != 0 || k.Punted(frame.PuntNoFit) != 1 {
		t.Errorf("reply %d, drop %d", k.Verdict(frame.Reply), k.Verdict(frame.Drop))
	}
}

// Punted frames are answered as frames, with their VLAN tags.
func TestVeth6PuntedFrames(t *testing.T) {
	_, l, c := veth6(t)
	for _, tags := range [][]uint16{nil, {100}, {200, 7}} {
		e := c.envelope()
		e.tags = tags
		if !l.s.Queue().Punt(&frame.Frame{Data: e.wrap6(t, c.solicit())}, frame.PuntClass) {
			t.Fatal("the queue is full")
		}
		a := c.mustReply()
		if len(a.tags) != len(tags) {
			t.Errorf("tags %v, want %v", a.tags, tags)
		}
		for i, tag := range a.tags {
			if tag.VLANIdentifier != tags[i] {
				t.Errorf("tag %d is %d", i, tag.VLANIdentifier)
			}
		}
	}
}

// A Reply waits for the journal.
func TestVeth6Durable(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24", "2001:db8::1/64"))
	l := prepare6(t, p.Server)
	l.s.o.Exchange6.(*brain6).answer.Wait = 7
	l.journal.all = false
	l.run()
	c := newClient6(t, p)
	c.p.Send(c.envelope().wrap6(t, c.solicit()))
	if c.reply(50*time.Millisecond) != nil {
		t.Fatal("a Reply that is not durable")
	}
	l.journal.recover()
	c.mustReply()
}

// What is served may change while the server runs; a port that is not served is
// others'.
func TestVeth6FamiliesChange(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24", "2001:db8::1/64"))
	l := prepare6(t, p.Server)
	l.v6.Store(false)
	l.run()
	listen6(t, p.Server, 547).Close()
	c := newClient6(t, p)
	l.v6.Store(true)
	for deadline := time.Now().Add(2 * patience); ; {
		c.p.Send(c.envelope().wrap6(t, c.solicit()))
		if c.reply(200*time.Millisecond) != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not served")
		}
	}
}

// Another server's socket that does not share the port: said at the start.
func TestVeth6PortTaken(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24"))
	listen6(t, p.Server, 547)
	l := prepare6(t, p.Server)
	if err := l.s.Run(t.Context()); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "DHCPv6") {
		t.Fatalf("Run: %v", err)
	}
}

// An interface with IPv6 switched off does not keep the server from starting, frames
// in its VLANs are answered, and it is served when IPv6 is on.
func TestVeth6WithoutIPv6(t *testing.T) {
	p := nettest.Veth(t, nettest.IPv6(), nettest.ServerAddr("192.0.2.1/24"))
	key := "net/ipv6/conf/" + p.Server.Name + "/disable_ipv6"
	p.Server.Sysctl(key, "1")
	l := prepare6(t, p.Server)
	l.run()
	c := newClient6(t, p)
	e := c.envelope()
	e.tags = []uint16{100}
	if !l.s.Queue().Punt(&frame.Frame{Data: e.wrap6(t, c.solicit())}, frame.PuntClass) {
		t.Fatal("the queue is full")
	}
	if a := c.mustReply(); len(a.tags) != 1 {
		t.Errorf("%v", a.tags)
	}
	p.Server.Sysctl(key, "0")
	p.Server.AddAddr(p.Server.LinkLocal().String() + "/64")
	for deadline := time.Now().Add(2 * patience); ; {
		c.p.Send(c.envelope().wrap6(t, c.solicit()))
		if a := c.reply(200 * time.Millisecond); a != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not served")
		}
	}
}

// Malformed packets of every kind by the kernel's road: silence, each counted, and the
// server goes on.
func TestVeth6Malformed(t *testing.T) {
	_, l, c := veth6(t)
	n := uint64(0)
	for _, m := range [][]byte{
		nil, {1}, msg6(1, []byte{0, 1, 0xff, 0xff}), msg6(2), msg6(200), envelope6(0, relayA, clientLL, nil),
		msg6(1, opt6(1)), msg6(1, opt6(1, make([]byte, 200)...)), bytes.Repeat([]byte{12}, 1000),
	} {
		e := c.envelope()
		c.p.Send(e.wrap6(t, m))
		n++
	}
	c.p.Send(c.envelope().wrap6(t, c.solicit()))
	c.mustReply()
	if k := l.s.Counters(); k.Verdict(frame.Drop) != n || k.Verdict(frame.Reply) != 1 || k.Verdict6(frame.Drop) != n || k.Verdict6(frame.Reply) != 1 || k.Reason6(frame.OK) != 1 {
		t.Errorf("drop %d, reply %d", k.Verdict(frame.Drop), k.Verdict(frame.Reply))
	}
}
