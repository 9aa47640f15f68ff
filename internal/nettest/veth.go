// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// End is one end of a veth pair and the namespace that it is in.
type End struct {
	*Namespace
	Name  string
	Index int
	MAC   net.HardwareAddr
}

// Pair is a server's namespace joined to a client's by a veth pair.
type Pair struct {
	Server, Client *End
}

// Option says how a topology differs from two ends with one queue and no
// addresses.
type Option func(*options)

type options struct {
	queues                 int
	mtu                    int
	server, client         []string
	serverIPv6, clientIPv6 bool
}

// Queues gives every end n receive and n transmit queues.
func Queues(n int) Option { return func(o *options) { o.queues = n } }

// MTU sets the MTU of every end.
func MTU(n int) Option { return func(o *options) { o.mtu = n } }

// ServerAddr gives the server's end addresses, as "10.0.0.1/24" or
// "2001:db8::1/64".
func ServerAddr(cidr ...string) Option {
	return func(o *options) { o.server = append(o.server, cidr...) }
}

// ClientAddr gives the client's end addresses.
func ClientAddr(cidr ...string) Option {
	return func(o *options) { o.client = append(o.client, cidr...) }
}

// IPv6 gives both ends link-local addresses, as a DHCPv6 client needs one.
func IPv6() Option {
	return func(o *options) { o.serverIPv6, o.clientIPv6 = true, true }
}

// Veth makes a server's and a client's namespace with a veth pair between
// them, up and ready to carry frames.
func Veth(t testing.TB, opts ...Option) *Pair {
	t.Helper()
	o := collect(opts)
	p := &Pair{}
	p.Server, p.Client = Connect(t, NewNamespace(t), NewNamespace(t), opts...)
	p.Server.addresses(o.server, o.serverIPv6)
	p.Client.addresses(o.client, o.clientIPv6)
	return p
}

// The addresses of a Relay topology (documentation ranges, RFC 5737).
const (
	RelayServerAddr = "192.0.2.1/24"    // the server's end
	RelayUpAddr     = "192.0.2.2/24"    // the relay's end towards the server
	RelayDownAddr   = "198.51.100.1/24" // the relay's end towards the client: its giaddr
)

// RelayPair is a server and a client with a relay's namespace between them.
type RelayPair struct {
	Server, RelayUp, RelayDown, Client *End
}

// Relay makes three namespaces: client — relay — server. The relay forwards
// IPv4 and the server has a route to the client's network through it.
// Addresses are those of the constants; the client has none.
func Relay(t testing.TB, opts ...Option) *RelayPair {
	t.Helper()
	o := collect(opts)
	relay := NewNamespace(t)
	relay.Sysctl("net/ipv4/ip_forward", "1")
	p := &RelayPair{}
	p.Server, p.RelayUp = Connect(t, NewNamespace(t), relay, opts...)
	p.RelayDown, p.Client = Connect(t, relay, NewNamespace(t), opts...)
	p.Server.addresses(append([]string{RelayServerAddr}, o.server...), o.serverIPv6)
	p.RelayUp.addresses([]string{RelayUpAddr}, false)
	p.RelayDown.addresses([]string{RelayDownAddr}, o.clientIPv6)
	p.Client.addresses(o.client, o.clientIPv6)

	_, down, _ := net.ParseCIDR(RelayDownAddr)
	via := netip.MustParsePrefix(RelayUpAddr).Addr().AsSlice()
	if err := p.Server.nl.RouteAdd(&netlink.Route{LinkIndex: p.Server.Index, Dst: down, Gw: via}); err != nil {
		t.Fatalf("route of the server through the relay: %v", err)
	}
	return p
}

var pairs atomic.Uint32

// Connect joins two namespaces by a veth pair and waits until both ends can
// transmit. Of the options it heeds Queues and MTU.
func Connect(t testing.TB, a, b *Namespace, opts ...Option) (*End, *End) {
	t.Helper()
	o := collect(opts)
	n := pairs.Add(1)
	// At most 15 characters: a process id has up to 7 digits.
	nameA := fmt.Sprintf("x%dn%da", os.Getpid(), n)
	nameB := fmt.Sprintf("x%dn%db", os.Getpid(), n)

	attrs := netlink.NewLinkAttrs()
	attrs.Name = nameA
	// An index that no other end has: one used in the wrong namespace finds
	// nothing. And ends of equal index, as new namespaces would give them,
	// look like ordinary interfaces to linkwatch, which then opens their
	// queues only once a second.
	attrs.Index = 1000 + int(n)
	attrs.NumTxQueues, attrs.NumRxQueues = o.queues, o.queues
	attrs.MTU = o.mtu
	v := netlink.NewVeth(attrs)
	v.PeerName = nameB
	v.PeerNamespace = netlink.NsFd(b.Handle)
	v.PeerNumTxQueues, v.PeerNumRxQueues = uint32(o.queues), uint32(o.queues)
	v.PeerMTU = uint32(o.mtu)
	if err := a.nl.LinkAdd(v); err != nil {
		t.Fatalf("add veth pair: %v", err)
	}
	ends := [2]*End{{Namespace: a, Name: nameA}, {Namespace: b, Name: nameB}}
	for _, e := range ends {
		link, err := e.nl.LinkByName(e.Name)
		if err != nil {
			t.Fatalf("find %s: %v", e.Name, err)
		}
		e.Index, e.MAC = link.Attrs().Index, link.Attrs().HardwareAddr
		e.SetUp()
	}
	for _, e := range ends {
		e.WaitUp(5 * time.Second)
	}
	return ends[0], ends[1]
}

// SetUp sets the interface administratively up.
func (e *End) SetUp() {
	e.t.Helper()
	if err := e.nl.LinkSetUp(e.link()); err != nil {
		e.t.Fatalf("%s up: %v", e.Name, err)
	}
}

// SetDown sets the interface administratively down; the other end loses its
// carrier.
func (e *End) SetDown() {
	e.t.Helper()
	if err := e.nl.LinkSetDown(e.link()); err != nil {
		e.t.Fatalf("%s down: %v", e.Name, err)
	}
}

// Delete removes the interface, and with it the other end.
func (e *End) Delete() {
	e.t.Helper()
	if err := e.nl.LinkDel(e.link()); err != nil {
		e.t.Fatalf("delete %s: %v", e.Name, err)
	}
}

// WaitUp waits until the kernel has noticed the carrier. Before that it
// throws transmitted frames away: the queues of an interface are opened by a
// work item, some time after both ends are up.
func (e *End) WaitUp(timeout time.Duration) {
	e.t.Helper()
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	defer func() {
		close(done)
		for range updates { // the sender ends when it sees its socket closed
		}
	}()
	err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		Namespace: &e.Handle, ListExisting: true,
	})
	if err != nil {
		close(updates)
		e.t.Fatalf("watch links: %v", err)
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		select {
		case u, ok := <-updates:
			if !ok {
				e.t.Fatalf("%s: link events ended", e.Name)
			}
			a := u.Attrs()
			if a.Index == e.Index && a.OperState == netlink.OperUp {
				return
			}
		case <-deadline.C:
			e.t.Fatalf("%s is not up after %v", e.Name, timeout)
		}
	}
}

// AddAddr adds an address, as "10.0.0.1/24", usable at once.
func (e *End) AddAddr(cidr string) {
	e.t.Helper()
	addr, err := netlink.ParseAddr(cidr)
	if err != nil {
		e.t.Fatalf("address %q: %v", cidr, err)
	}
	if addr.IP.To4() == nil {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := e.nl.AddrAdd(e.link(), addr); err != nil {
		e.t.Fatalf("add %s to %s: %v", cidr, e.Name, err)
	}
}

func (e *End) addresses(cidrs []string, linkLocal bool) {
	e.t.Helper()
	if linkLocal {
		e.AddAddr(e.LinkLocal().String() + "/64")
	}
	for _, c := range cidrs {
		e.AddAddr(c)
	}
}

// LinkLocal is the end's modified EUI-64 link-local address (RFC 4291
// appendix A), which IPv6 assigns.
func (e *End) LinkLocal() netip.Addr {
	m := e.MAC
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80,
		8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

func (e *End) link() netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name = e.Index, e.Name
	return &netlink.Veth{LinkAttrs: attrs}
}

func collect(opts []Option) *options {
	o := &options{queues: 1, mtu: 1500}
	for _, f := range opts {
		f(o)
	}
	return o
}
