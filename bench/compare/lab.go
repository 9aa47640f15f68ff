// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"xdhcp/bench/lab"
	"xdhcp/bench/load"
)

// The lab's addresses. The server's network holds everybody: the relay agent, whose
// address the clients' kernel has, and the clients.
var (
	serverAddr = netip.MustParseAddr("10.0.0.1")
	relayAddr  = netip.MustParseAddr("10.0.0.2")
	// pool is what contenders give out; small for those that make something of
	// every address when they start.
	pool      = netip.MustParsePrefix("10.16.0.0/12")
	smallPool = netip.MustParsePrefix("10.16.0.0/15")

	serverAddr6 = netip.MustParseAddr("2001:db8::1") // RFC 3849
	relayAddr6  = netip.MustParseAddr("2001:db8::2")
	pool6       = netip.MustParsePrefix("2001:db8::1:0:0:0/80")
	delegated   = netip.MustParsePrefix("2001:db8:1000::/36") // in prefixes of 56 bits
)

const delegatedLen = 56

// wire is a server's and a clients' namespace with a veth pair between them, and a
// directory for the server's files.
type wire struct {
	server, clients *lab.End
	dir             string
}

func newWire() (w *wire, err error) {
	w = &wire{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "xdhcp-compare-"); err != nil {
		return w, err
	}
	for _, e := range []struct {
		to   **lab.End
		name string
		v4   netip.Addr
		v6   netip.Addr
	}{{&w.server, "srv0", serverAddr, serverAddr6}, {&w.clients, "cli0", relayAddr, relayAddr6}} {
		n, err := lab.NewNamespace()
		if err != nil {
			return w, err
		}
		*e.to = &lab.End{Namespace: n, Name: e.name, Addrs: []string{e.v4.String() + "/8", e.v6.String() + "/64"}}
		lo, err := n.Netlink.LinkByName("lo")
		if err == nil {
			err = n.Netlink.LinkSetUp(lo)
		}
		if err != nil {
			return w, fmt.Errorf("loopback: %w", err)
		}
	}
	if err = lab.Connect(w.server, w.clients); err != nil {
		return w, err
	}
	// A server that answers through its kernel asks for the clients' addresses by
	// ARP: the clients' kernel has all of them.
	lo, err := w.clients.Netlink.LinkByName("lo")
	if err != nil {
		return w, err
	}
	_, all, _ := net.ParseCIDR(pool.String())
	return w, w.clients.Netlink.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Dst: all, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: unix.RT_SCOPE_HOST,
	})
}

// routed has the server's kernel reach the clients behind the relay agent through it,
// as it would in a network: their renewals go past the relay, and a server that answers
// through its kernel has one neighbour, not as many as there are clients (the kernel's
// table has room for 1024).
func (w *wire) routed() error {
	link, err := w.server.Netlink.LinkByIndex(w.server.Index)
	if err != nil {
		return err
	}
	_, all, _ := net.ParseCIDR(pool.String())
	return w.server.Netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: all, Gw: net.IP(relayAddr.AsSlice())})
}

func (w *wire) close() error {
	var errs []error
	if w.clients != nil && w.clients.Index != 0 {
		errs = append(errs, w.clients.Delete())
	}
	for _, e := range []*lab.End{w.server, w.clients} {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

// clientKit says who the clients of a load are.
type clientKit struct {
	family    int
	pd        bool // of DHCPv6: a prefix beside the address
	count     int
	broadcast bool // directly on the link; else behind the relay agent
	patient   bool // send again, as clients do; else one try of a second
	second    bool // other clients than those of a load before
	probe     bool // a client that none of the others is, and that waits for a moment only
}

// load opens the clients' end.
func (w *wire) load(k clientKit) (*load.Generator, error) {
	cfg := load.Config{Clients: k.count, ServerMAC: load.MAC(w.server.MAC)}
	relay, server := relayAddr, serverAddr
	if k.family == 6 {
		relay, server = relayAddr6, serverAddr6
		cfg.V6, cfg.NA, cfg.PD = true, true, k.pd
		cfg.Pools, cfg.Delegated = []netip.Prefix{pool6}, []netip.Prefix{delegated}
	} else {
		cfg.ServerIDs, cfg.Pools = []netip.Addr{serverAddr}, []netip.Prefix{pool}
		cfg.Require = []uint8{1, 3, 51}
	}
	if !k.broadcast {
		cfg.Relays, cfg.Server = []netip.Addr{relay}, server
	}
	switch {
	case k.second:
		cfg.FirstMAC = load.MAC{0x02, 0x0b}
	case k.patient:
		cfg.Waits, cfg.Jitter = load.RFCWaits, load.RFCJitter
	case k.probe:
		cfg.Waits = []time.Duration{50 * time.Millisecond}
		cfg.FirstMAC = load.MAC{0x02, 0x0f}
	}
	var g *load.Generator
	err := w.clients.Do(func() error {
		t, err := load.OpenXDP(w.clients.Name, 1)
		if err != nil {
			return err
		}
		if g, err = load.New(cfg, t); err != nil {
			return errors.Join(err, t.Close())
		}
		return nil
	})
	return g, err
}
