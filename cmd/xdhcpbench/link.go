// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"xdhcp/bench/load"
)

// linkFlags say where frames go in and out.
type linkFlags struct {
	Interface string `short:"i" required:"" help:"Interface." placeholder:"NAME"`
	Netns     string `help:"Network namespace that the interface is in: a name of ip-netns, or a path." placeholder:"NAME"`
	Transport string `help:"xdp (AF_XDP) or packet (AF_PACKET)." enum:"xdp,packet" default:"xdp"`
	Queues    int    `help:"Receive queues of the interface to open (xdp)." default:"1"`
	Core      int    `help:"Processor to stay on; -1 for any." default:"-1"`
}

// inNetns runs f on a thread in the namespace. The thread ends with it.
func (l *linkFlags) inNetns(f func() error) error {
	if l.Netns == "" {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			get := netns.GetFromName
			if strings.Contains(l.Netns, "/") {
				get = netns.GetFromPath
			}
			h, err := get(l.Netns)
			if err != nil {
				return fmt.Errorf("network namespace %s: %w", l.Netns, err)
			}
			defer h.Close()
			if err := netns.Set(h); err != nil {
				return fmt.Errorf("enter network namespace %s: %w", l.Netns, err)
			}
			return f()
		}()
	}()
	return <-done
}

// open opens the transport.
func (l *linkFlags) open() (t load.Transport, err error) {
	err = l.inNetns(func() error {
		if l.Transport == "packet" {
			t, err = load.OpenPacket(l.Interface)
		} else {
			t, err = load.OpenXDP(l.Interface, l.Queues)
		}
		return err
	})
	return t, err
}

// resolve finds the hardware address of a neighbour, as the kernel knows it or
// finds it out.
func (l *linkFlags) resolve(addr netip.Addr) (mac load.MAC, err error) {
	const patience = 2 * time.Second
	err = l.inNetns(func() error {
		link, err := netlink.LinkByName(l.Interface)
		if err != nil {
			return fmt.Errorf("interface %s: %w", l.Interface, err)
		}
		family, how := unix.AF_INET, "ARP"
		if addr.Is6() {
			family, how = unix.AF_INET6, "neighbour discovery"
		}
		// Any datagram makes the kernel ask; the discard port wants none.
		conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: addr.AsSlice(), Port: 9})
		if err != nil {
			return fmt.Errorf("resolve %v: %w: give --server-mac", addr, err)
		}
		defer conn.Close()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			_, _ = conn.Write([]byte{0}) // an error that ICMP brings says nothing about the address
			known, err := netlink.NeighList(link.Attrs().Index, family)
			if err != nil {
				return fmt.Errorf("neighbours of %s: %w", l.Interface, err)
			}
			for _, n := range known {
				if n.IP.Equal(net.IP(addr.AsSlice())) && len(n.HardwareAddr) == len(mac) {
					copy(mac[:], n.HardwareAddr)
					return nil
				}
			}
		}
		return fmt.Errorf("no answer to %s for %v: give --server-mac", how, addr)
	})
	return mac, err
}

// parseMAC reads a hardware address.
func parseMAC(s string) (load.MAC, error) {
	m, err := net.ParseMAC(s)
	if err != nil || len(m) != len(load.MAC{}) {
		return load.MAC{}, fmt.Errorf("%q is no Ethernet address", s)
	}
	return load.MAC(m), nil
}
