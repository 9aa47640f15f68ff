// SPDX-License-Identifier: Apache-2.0

// Package routes keeps the kernel's routes to delegated prefixes: one for each
// prefix that is leased, by the client that it is delegated to or by its relay agent.
//
// The lease table is the source of truth. A Keeper is told which prefixes have
// changed and looks each up; what it finds is what the kernel is to have. So neither
// the order of changes nor one that is missed can leave a wrong route for long: Sync
// compares everything, at the start and whenever changes were lost. A route is known
// by its protocol number (Protocol), which nobody else uses: Sync removes what an
// earlier process has left.
//
// A Keeper is used by one goroutine; Count and Err may be called by others.
package routes

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Protocol marks our routes (rtnetlink(7), rtm_protocol): ip route shows it as
// "proto 147".
const Protocol = 147

// Leases is the lease table: *lease6.Table.
type Leases interface {
	Lookup(p lease6.Prefix, e *lease6.Entry) bool
	Each(fn func(*lease6.Entry) bool) bool
}

// Options say where routes go.
type Options struct {
	Table  int // of the kernel; 0: main
	Metric int
	// Link is the interface on which the clients of a scope are. It is needed where
	// the next hop is a link-local address; false: there is none, or several.
	Link func(lease.ScopeID) (ifindex int, ok bool)
}

// A hop is the way to a prefix.
type hop struct {
	via  netip.Addr
	link int // 0: by the kernel's own routes
}

// Keeper keeps routes. Close it.
type Keeper struct {
	o      Options
	leases Leases
	nl     *netlink.Handle
	have   map[netip.Prefix]hop
	failed map[lease6.Prefix]bool // to be tried again
	entry  lease6.Entry

	count atomic.Int64
	err   atomic.Pointer[error]
}

// New opens the kernel's routing socket. It changes no route.
func New(leases Leases, o Options) (*Keeper, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	if o.Table == 0 {
		o.Table = unix.RT_TABLE_MAIN
	}
	return &Keeper{o: o, leases: leases, nl: nl, have: map[netip.Prefix]hop{}, failed: map[lease6.Prefix]bool{}}, nil
}

// Close leaves the routes as they are: clients go on using their prefixes while the
// server is restarted.
func (k *Keeper) Close() { k.nl.Close() }

// Count is the number of routes installed.
func (k *Keeper) Count() int { return int(k.count.Load()) }

// Err is why a route could not be changed, the newest; nil: all are as they should be.
func (k *Keeper) Err() error {
	if err := k.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Sync makes the kernel's routes those of the leases that there are.
func (k *Keeper) Sync() error {
	there, err := k.nl.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: k.o.Table, Protocol: Protocol},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("routes: list: %w", err)
	}
	clear(k.have)
	for i := range there {
		if there[i].Priority != k.o.Metric { // of another configuration
			if err := k.nl.RouteDel(&there[i]); err != nil {
				return fmt.Errorf("routes: remove what another configuration has left: %w", err)
			}
			continue
		}
		if p, ok := prefixOf(there[i].Dst); ok {
			via, _ := netip.AddrFromSlice(there[i].Gw)
			k.have[p] = hop{via, linkOf(via, there[i].LinkIndex)}
		}
	}
	clear(k.failed)
	k.err.Store(nil)
	wanted := map[netip.Prefix]bool{}
	k.leases.Each(func(e *lease6.Entry) bool {
		if delegated(e) {
			wanted[netipOf(e.Prefix)] = true
			k.set(e)
		}
		return true
	})
	for p := range k.have {
		if !wanted[p] {
			k.remove(p)
		}
	}
	k.count.Store(int64(len(k.have)))
	return nil
}

// Changed has the route to a prefix follow its lease.
func (k *Keeper) Changed(p lease6.Prefix) {
	if p.Len == 128 {
		return
	}
	delete(k.failed, p)
	if k.leases.Lookup(p, &k.entry) && delegated(&k.entry) {
		k.set(&k.entry)
	} else {
		k.remove(netipOf(p))
	}
	k.count.Store(int64(len(k.have)))
}

// Retry tries again what has failed.
func (k *Keeper) Retry() {
	if len(k.failed) == 0 {
		return
	}
	k.err.Store(nil)
	for p := range k.failed {
		k.Changed(p)
	}
}

func delegated(e *lease6.Entry) bool {
	return e.Status == lease.Bound && e.IA.Type == lease6.PD && e.Prefix.Len < 128
}

// set installs the route to a lease's prefix, where it is not there.
func (k *Keeper) set(e *lease6.Entry) {
	p := netipOf(e.Prefix)
	h, err := k.hopOf(e)
	if err == nil && k.have[p] == h {
		return
	}
	if err == nil {
		err = k.nl.RouteReplace(k.route(p, h))
	}
	if err != nil {
		k.fail(e.Prefix, fmt.Errorf("route to %v by %v: %w", p, h.via, err))
		return
	}
	k.have[p] = h
}

var (
	errNoHop  = errors.New("nobody knows where its client's messages come from")
	errNoLink = errors.New("its link is not one of the interfaces, or several")
)

func (k *Keeper) hopOf(e *lease6.Entry) (hop, error) {
	via, ok := netip.AddrFromSlice(lease6.PeerAddr(e.Peer))
	if !ok {
		return hop{}, errNoHop
	}
	if !via.IsLinkLocalUnicast() {
		return hop{via: via}, nil
	}
	link, ok := k.o.Link(e.Scope)
	if !ok {
		return hop{via: via}, errNoLink
	}
	return hop{via, link}, nil
}

func (k *Keeper) remove(p netip.Prefix) {
	h, ok := k.have[p]
	if !ok {
		return
	}
	err := k.nl.RouteDel(k.route(p, h))
	if err != nil && !errors.Is(err, syscall.ESRCH) { // gone with its interface, say
		q := p.Addr().As16()
		k.fail(lease6.PrefixFrom(lease6.IP6From(q[:]), uint8(p.Bits())), fmt.Errorf("remove route to %v: %w", p, err))
		return
	}
	delete(k.have, p)
}

func (k *Keeper) fail(p lease6.Prefix, err error) {
	k.failed[p] = true
	k.err.Store(&err)
}

func (k *Keeper) route(p netip.Prefix, h hop) *netlink.Route {
	return &netlink.Route{
		Family: netlink.FAMILY_V6, Table: k.o.Table, Protocol: Protocol, Priority: k.o.Metric,
		Dst: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 128)}, Gw: h.via.AsSlice(), LinkIndex: h.link,
	}
}

// linkOf is the interface where it is part of the way: of a global next hop the
// kernel has found it out itself.
func linkOf(via netip.Addr, link int) int {
	if via.IsLinkLocalUnicast() {
		return link
	}
	return 0
}

func netipOf(p lease6.Prefix) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16(p.As16()), int(p.Len))
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a, bits), ok
}
