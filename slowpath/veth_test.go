// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/nettest"
)

const patience = 5 * time.Second

// live is a server on one end of a veth pair, with the real exchange and table.
type live struct {
	t       *testing.T
	s       *Server
	end     *nettest.End
	policy  atomic.Pointer[policy.Policy]
	journal *fakeJournal
	ended   chan error
	cancel  context.CancelFunc
}

// start serves the end as port 0. prefix is its address.
func start(t *testing.T, end *nettest.End, prefix string, options ...policy.Option) *live {
	t.Helper()
	l := prepare(t, end, prefix, options...)
	l.run()
	return l
}

func prepare(t *testing.T, end *nettest.End, prefix string, options ...policy.Option) *live {
	t.Helper()
	addr := netip.MustParsePrefix(prefix)
	a := netip.MustParseAddr
	p, err := policy.Build(policy.Spec{
		Ports:   []policy.PortSpec{{Name: end.Name, MAC: [6]byte(end.MAC), Addrs: []netip.Prefix{addr}}},
		Options: options,
		Subnets: []policy.SubnetSpec{
			{
				Prefix: addr.Masked(), Times: policy.Times{Valid: 3600},
				Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: a("192.0.2.100"), Last: a("192.0.2.199")}}}},
			},
			{
				Prefix: netip.MustParsePrefix("198.51.100.0/24"), Times: policy.Times{Valid: 3600},
				Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: a("198.51.100.100"), Last: a("198.51.100.199")}}}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, end: end, journal: newJournal(), ended: make(chan error, 1)}
	l.journal.all = true
	table, err := lease.New(lease.Options{Durable: l.journal.Durable})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	l.policy.Store(p)
	l.s = New(Options{
		Exchange: &exchange.Server{Table: table}, Policy: l.policy.Load, Journal: l.journal, Lane: 5,
		Interfaces: []Interface{{Name: end.Name}},
		Log:        slog.New(slog.DiscardHandler),
		In: func(fn func() error) (err error) {
			end.Do(func() { err = fn() })
			return err
		},
	})
	return l
}

func (l *live) run() {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func() { l.ended <- l.s.Run(ctx) }()
	l.t.Cleanup(l.stop)
	select {
	case <-l.s.Ready():
	case err := <-l.ended:
		l.t.Fatalf("Run: %v", err)
	case <-time.After(patience):
		l.t.Fatal("not ready")
	}
}

// stop ends the server and checks that it ends well.
func (l *live) stop() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	l.cancel = nil
	select {
	case err := <-l.ended:
		if err != nil {
			l.t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		l.t.Error("Run does not end")
	}
}

// client is a DHCP client made of insomniacslk's messages and a packet socket.
type client struct {
	t   *testing.T
	end *nettest.End
	p   *nettest.Packet
}

func newClient(t *testing.T, end *nettest.End) *client {
	return &client{t: t, end: end, p: end.Packet(t)}
}

func (c *client) discover(mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	c.t.Helper()
	d, err := dhcpv4.NewDiscovery(c.end.MAC, mods...)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

// envelope is what the client sends before it has an address.
func (c *client) envelope() envelope {
	return envelope{src: c.end.MAC, dst: everyMAC, from: anyone, to: everyone, sport: 68, dport: 67}
}

func (c *client) send(d *dhcpv4.DHCPv4) { c.p.Send(c.envelope().wrap(c.t, d.ToBytes())) }

// reply is the next frame to a DHCP client or relay with this transaction, read
// by others; nil: none within the time.
func (c *client) reply(xid dhcpv4.TransactionID, timeout time.Duration) *answered {
	c.t.Helper()
	f := c.p.RecvMatch(timeout, func(f []byte) bool {
		i := bytes.Index(f, xid[:])
		return i > 0 && bytes.Contains(f, []byte{99, 130, 83, 99})
	})
	if f == nil {
		return nil
	}
	return open(c.t, f)
}

func (c *client) mustReply(xid dhcpv4.TransactionID) *answered {
	c.t.Helper()
	a := c.reply(xid, patience)
	if a == nil {
		c.t.Fatal("no reply")
	}
	return a
}

func veth(t *testing.T) (*nettest.Pair, *live, *client) {
	t.Helper()
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"))
	return p, start(t, p.Server, "192.0.2.1/24", dns), newClient(t, p.Client)
}

// A whole exchange on an interface without XDP: unicast to an address that
// nobody has yet, at chaddr.
func TestVethDORA(t *testing.T) {
	_, l, c := veth(t)
	d := c.discover()
	d.SetUnicast()
	c.send(d)
	offer := c.mustReply(d.TransactionID)
	if offer.MessageType() != dhcpv4.MessageTypeOffer || !bytes.Equal(offer.eth.DstMAC, c.end.MAC) || !offer.ip.DstIP.Equal(offer.YourIPAddr) || offer.udp.DstPort != 68 {
		t.Fatalf("%v to %v, %v", offer.MessageType(), offer.eth.DstMAC, offer.ip.DstIP)
	}
	if !bytes.Equal(offer.eth.SrcMAC, l.end.MAC) || !offer.ip.SrcIP.Equal(serverIP) {
		t.Errorf("from %v, %v", offer.eth.SrcMAC, offer.ip.SrcIP)
	}
	offer.want(t, 54, serverIP)
	offer.want(t, 6, dns.Data)
	r, err := dhcpv4.NewRequestFromOffer(offer.DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	r.SetUnicast()
	c.send(r)
	ack := c.mustReply(r.TransactionID)
	if ack.MessageType() != dhcpv4.MessageTypeAck || !ack.YourIPAddr.Equal(offer.YourIPAddr) {
		t.Fatalf("%v", ack.Summary())
	}
	l.journal.await(1)
	if k := l.s.Counters(); k.Kernel() != 2 || k.Verdict(frame.Await) != 1 || k.Verdict(frame.Reply) != 1 || k.Verdict(frame.Drop) != 0 {
		t.Errorf("kernel %d, await %d, reply %d, drop %d", k.Kernel(), k.Verdict(frame.Await), k.Verdict(frame.Reply), k.Verdict(frame.Drop))
	}
}

func TestVethBroadcast(t *testing.T) {
	_, _, c := veth(t)
	d := c.discover()
	d.SetBroadcast()
	c.send(d)
	a := c.mustReply(d.TransactionID)
	if !bytes.Equal(a.eth.DstMAC, everyMAC) || !a.ip.DstIP.Equal(everyone) {
		t.Errorf("to %v, %v", a.eth.DstMAC, a.ip.DstIP)
	}
}

// fragments cuts a frame's datagram (RFC 791 §3.2) into parts of n bytes.
func fragments(f []byte, n int) (out [][]byte) {
	head, data := f[:34], f[34:]
	for off := 0; off < len(data); off += n {
		part := data[off:min(off+n, len(data))]
		g := cat(head, part)
		ip := g[14:]
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		word := uint16(off / 8)
		if off+n < len(data) {
			word |= 0x2000
		}
		binary.BigEndian.PutUint16(ip[6:], word)
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^onesSum(ip[:20]))
		out = append(out, g)
	}
	return out
}

func TestVethFragments(t *testing.T) {
	_, l, c := veth(t)
	// A message that no link takes in one frame: 1,900 bytes of options.
	d := c.discover()
	for i := range 8 {
		d.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(224+i), pattern(240)))
	}
	frames := fragments(c.envelope().wrap(t, d.ToBytes()), 1480)
	if len(frames) != 2 {
		t.Fatalf("%d fragments", len(frames))
	}
	for _, f := range frames {
		c.p.Send(f)
	}
	c.mustReply(d.TransactionID)

	// And a small one, in many parts, the last first.
	d = c.discover()
	frames = fragments(c.envelope().wrap(t, d.ToBytes()), 40)
	for i := len(frames) - 1; i >= 0; i-- {
		c.p.Send(frames[i])
	}
	c.mustReply(d.TransactionID)
	if k := l.s.Counters(); k.Verdict(frame.Drop) != 0 {
		t.Errorf("%d dropped", k.Verdict(frame.Drop))
	}
}

func TestVethIPOptions(t *testing.T) {
	_, _, c := veth(t)
	d := c.discover()
	e := c.envelope()
	e.ipOptions = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	c.p.Send(e.wrap(t, d.ToBytes()))
	a := c.mustReply(d.TransactionID)
	if len(a.ip.Options) != 0 {
		t.Errorf("IP options in the reply: %v", a.ip.Options)
	}
}

// A datagram longer than any DHCP message.
func TestVethTooLong(t *testing.T) {
	_, l, c := veth(t)
	long := cat(discover()[:243], make([]byte, maxPacket))
	for _, f := range fragments(c.envelope().wrap(t, long), 1480) {
		c.p.Send(f)
	}
	d := c.discover()
	c.send(d)
	c.mustReply(d.TransactionID) // the reader has gone on
	if k := l.s.Counters(); k.Reason(frame.Truncated) != 1 || k.Kernel() != 2 {
		t.Errorf("truncated %d, kernel %d", k.Reason(frame.Truncated), k.Kernel())
	}
}

// Punted frames are answered as frames, with their VLAN tags.
func TestVethPuntedFrames(t *testing.T) {
	p, l, c := veth(t)
	for name, tags := range map[string][]uint16{"untagged": nil, "802.1Q": {12}, "QinQ": {100, 200}} {
		t.Run(name, func(t *testing.T) {
			d := c.discover()
			e := c.envelope()
			e.tags = tags
			if !l.s.Queue().Punt(&frame.Frame{Data: e.wrap(t, d.ToBytes())}, frame.PuntOption) {
				t.Fatal("the queue is full")
			}
			a := c.mustReply(d.TransactionID)
			if len(a.tags) != len(tags) {
				t.Fatalf("%d tags", len(a.tags))
			}
			for i, tag := range a.tags {
				if tag.VLANIdentifier != tags[i] {
					t.Errorf("tag %d is %d", i, tag.VLANIdentifier)
				}
			}
			if !bytes.Equal(a.eth.SrcMAC, p.Server.MAC) {
				t.Errorf("from %v", a.eth.SrcMAC)
			}
		})
	}
	if got := l.s.Counters().Punted(frame.PuntOption); got != 3 {
		t.Errorf("%d punted", got)
	}
}

// RENEWING: the client has the address, so the kernel finds it (RFC 2131 §4.3.2).
func TestVethRenew(t *testing.T) {
	p, _, c := veth(t)
	d := c.discover()
	c.send(d)
	r, err := dhcpv4.NewRequestFromOffer(c.mustReply(d.TransactionID).DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	c.send(r)
	ack := c.mustReply(r.TransactionID)
	p.Client.AddAddr(ack.YourIPAddr.String() + "/24")

	conn := listen(t, p.Client, ack.YourIPAddr, 68)
	renew, err := dhcpv4.NewRenewFromAck(ack.DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	again := ask(t, conn, renew)
	if again.MessageType() != dhcpv4.MessageTypeAck || !again.YourIPAddr.Equal(ack.YourIPAddr) || !again.ClientIPAddr.Equal(ack.YourIPAddr) {
		t.Errorf("%v", again.Summary())
	}
}

// listen opens a UDP socket at the end.
func listen(t *testing.T, end *nettest.End, ip net.IP, port int) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	end.Do(func() {
		var err error
		if conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port}); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends the message to the server by unicast and reads its answer.
func ask(t *testing.T, conn *net.UDPConn, d *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	t.Helper()
	server := &net.UDPAddr{IP: serverIP, Port: 67}
	if _, err := conn.WriteToUDP(d.ToBytes(), server); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, from, err := conn.ReadFromUDP(buf)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if !from.IP.Equal(serverIP) || from.Port != 67 {
		t.Errorf("the answer is from %v", from)
	}
	a, err := dhcpv4.FromBytes(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	if a.TransactionID != d.TransactionID {
		t.Fatal("the answer is another's")
	}
	return a
}

// The reply to a relay is routed to giaddr, which is on another network than
// the packet's source.
func TestVethRelay(t *testing.T) {
	p := nettest.Relay(t)
	start(t, p.Server, nettest.RelayServerAddr)
	giaddr := netip.MustParsePrefix(nettest.RelayDownAddr).Addr().AsSlice()
	info := opt(1, []byte("eth 0/7"))
	for _, tt := range []struct {
		name string
		port int
		info []byte
	}{
		{"port 67", 67, info},
		{"its own port (RFC 8357)", 40067, cat(info, opt(19, nil))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := listen(t, p.RelayDown, giaddr, tt.port)
			d, err := dhcpv4.NewDiscovery(clientMAC, dhcpv4.WithRelay(giaddr), dhcpv4.WithGeneric(dhcpv4.OptionRelayAgentInformation, tt.info))
			if err != nil {
				t.Fatal(err)
			}
			a := ask(t, conn, d)
			if a.MessageType() != dhcpv4.MessageTypeOffer || !a.GatewayIPAddr.Equal(net.IP(giaddr)) || a.YourIPAddr.To4()[0] != 198 {
				t.Errorf("%v", a.Summary())
			}
			if got := a.Options.Get(dhcpv4.OptionRelayAgentInformation); !bytes.Equal(got, tt.info) {
				t.Errorf("option 82 = %x", got)
			}
		})
	}
}

// waitFor sends DISCOVERs until one is answered: the server takes an interface
// back at a moment that it does not tell.
func (c *client) waitFor() *answered {
	c.t.Helper()
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); {
		d := c.discover()
		c.send(d)
		if a := c.reply(d.TransactionID, 100*time.Millisecond); a != nil {
			return a
		}
	}
	c.t.Fatal("the server does not come back")
	return nil
}

func TestVethInterfaceDownAndUp(t *testing.T) {
	p, l, c := veth(t)
	c.waitFor()
	p.Server.SetDown()
	p.Server.SetUp()
	p.Client.WaitUp(patience)
	c.waitFor()
	d := c.discover()
	if !l.s.Queue().Punt(&frame.Frame{Data: c.envelope().wrap(t, d.ToBytes())}, frame.PuntOption) {
		t.Fatal("the queue is full")
	}
	c.mustReply(d.TransactionID)
}

// rejoin makes a new pair between the namespaces, whose server end has the name
// and address of the old one.
func rejoin(t *testing.T, p *nettest.Pair, name string) *nettest.End {
	t.Helper()
	server, end := nettest.Connect(t, p.Server.Namespace, p.Client.Namespace)
	nl := server.Netlink()
	link, err := nl.LinkByName(server.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{nl.LinkSetDown(link), nl.LinkSetName(link, name), nl.LinkSetUp(link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	server.Name = name
	addr, err := netlink.ParseAddr("192.0.2.1/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := nl.AddrAdd(link, addr); err != nil {
		t.Fatal(err)
	}
	end.WaitUp(patience)
	return end
}

// An interface that vanishes and one that takes its name: the UDP socket is
// bound to an index, and nobody tells it that the device has gone.
func TestVethInterfaceReplaced(t *testing.T) {
	p, l, c := veth(t)
	c.waitFor()
	old := l.s.links[0].sock.Load().index
	p.Server.Delete()
	end := rejoin(t, p, p.Server.Name)
	c = newClient(t, end)
	c.waitFor()
	if sock := l.s.links[0].sock.Load(); sock == nil || sock.index == old {
		t.Errorf("served by %+v, the old index was %d", sock, old)
	}
}

// One that is not there at the start does not keep the server from starting.
func TestVethInterfaceMissing(t *testing.T) {
	p := nettest.Veth(t)
	p.Server.Delete()
	l := start(t, p.Server, "192.0.2.1/24")
	if l.s.links[0].sock.Load() != nil {
		t.Fatal("a socket on a missing interface")
	}
	newClient(t, rejoin(t, p, p.Server.Name)).waitFor()
}

// Another server's socket that does not share the port: said at the start.
func TestVethPortTaken(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"))
	listen(t, p.Server, nil, 67)
	l := prepare(t, p.Server, "192.0.2.1/24")
	err := l.s.Run(t.Context())
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("Run: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestVethLeavesNoDescriptors(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"))
	start(t, p.Server, "192.0.2.1/24").stop() // the runtime opens its own at the first use
	before := descriptors(t)
	start(t, p.Server, "192.0.2.1/24").stop()
	taken := listen(t, p.Server, nil, 67)
	if err := prepare(t, p.Server, "192.0.2.1/24").s.Run(t.Context()); err == nil {
		t.Error("a second socket on the port")
	}
	taken.Close()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}

// What is parked when the server is told to end is still sent.
func TestVethDrain(t *testing.T) {
	_, l, c := veth(t)
	d := c.discover()
	c.send(d)
	r, err := dhcpv4.NewRequestFromOffer(c.mustReply(d.TransactionID).DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	l.journal.mu.Lock()
	l.journal.all = false
	l.journal.mu.Unlock()
	c.send(r)
	l.journal.await(1)
	if c.reply(r.TransactionID, 50*time.Millisecond) != nil {
		t.Fatal("an ACK that is not durable")
	}
	l.cancel()
	l.journal.recover()
	c.mustReply(r.TransactionID)
	l.stop()
}
