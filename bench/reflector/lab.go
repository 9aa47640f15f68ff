// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is one network namespace, alive as long as its descriptor.
type namespace struct {
	handle netns.NsHandle
	nl     *netlink.Handle
	index  int // of the veth in it
}

var (
	clientMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	serverMAC = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	clientIP  = net.IP{192, 0, 2, 1} // RFC 5737
	serverIP  = net.IP{192, 0, 2, 2}
)

const (
	clientPort, serverPort = 20000, 20001
	ifname                 = "refl0" // in both namespaces
)

// lab is a veth pair between two namespaces with the programs attached.
type lab struct {
	client, server *namespace
	sockets        *ebpf.Map // for AF_XDP contestants
	gen            *ebpf.Program
	state          *ebpf.Map
	counts         *ebpf.Map
	closers        []func() error
}

func newLab(xsk bool) (_ *lab, err error) {
	l := &lab{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.client, err = l.newNamespace(); err != nil {
		return nil, err
	}
	if l.server, err = l.newNamespace(); err != nil {
		return nil, err
	}
	if err := l.connect(); err != nil {
		return nil, fmt.Errorf("veth pair: %w", err)
	}
	if err := l.load(xsk); err != nil {
		return nil, fmt.Errorf("XDP programs: %w", err)
	}
	return l, nil
}

func (l *lab) onClose(f func() error) { l.closers = append(l.closers, f) }

func (l *lab) close() {
	for i := len(l.closers) - 1; i >= 0; i-- {
		_ = l.closers[i]() // the namespaces go in any case
	}
}

func (l *lab) newNamespace() (*namespace, error) {
	n := &namespace{}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread is in the new namespace and ends here
		var err error
		n.handle, err = netns.New()
		made <- err
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	l.onClose(n.handle.Close)
	var err error
	if n.nl, err = netlink.NewHandleAt(n.handle); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	l.onClose(func() error { n.nl.Close(); return nil })
	return n, nil
}

// do runs f on a thread in the namespace.
func (n *namespace) do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(n.handle); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

func (l *lab) connect() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = ifname, clientMAC
	v := netlink.NewVeth(attrs)
	v.PeerName, v.PeerHardwareAddr = ifname, serverMAC
	v.PeerNamespace = netlink.NsFd(l.server.handle)
	if err := l.client.nl.LinkAdd(v); err != nil {
		return err
	}
	// The namespaces take it along when they go, but in their own time.
	l.onClose(func() error { return l.client.nl.LinkDel(v) })
	for _, n := range []*namespace{l.client, l.server} {
		link, err := n.nl.LinkByName(ifname)
		if err != nil {
			return err
		}
		n.index = link.Attrs().Index
		if err := n.nl.LinkSetUp(link); err != nil {
			return err
		}
	}
	for _, n := range []*namespace{l.client, l.server} {
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			link, err := n.nl.LinkByIndex(n.index)
			if err != nil {
				return err
			}
			if link.Attrs().OperState == netlink.OperUp {
				break
			}
			if time.Now().After(deadline) {
				return errors.New("no carrier")
			}
		}
	}
	// What the contestants that go through the kernel's stack need.
	server, err := l.server.nl.LinkByIndex(l.server.index)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: serverIP, Mask: net.CIDRMask(24, 32)}}
	if err := l.server.nl.AddrAdd(server, addr); err != nil {
		return err
	}
	return l.server.nl.NeighSet(&netlink.Neigh{LinkIndex: l.server.index, State: netlink.NUD_PERMANENT,
		IP: clientIP, HardwareAddr: clientMAC})
}

// load makes the programs: one that generates, one that checks what comes
// back, and one on the contestant's side.
func (l *lab) load(xsk bool) error {
	var err error
	for _, m := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&l.state, ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&l.counts, ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: maxCores * coreSize, MaxEntries: 1}},
		{&l.sockets, ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1}},
	} {
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			return err
		}
		l.onClose((*m.to).Close)
	}
	seen, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4 * seenSize, MaxEntries: 1})
	if err != nil {
		return err
	}
	defer seen.Close()

	if l.gen, err = generator(l.state, l.client.index); err != nil {
		return err
	}
	l.onClose(l.gen.Close)

	check, err := checker(l.counts, seen)
	if err != nil {
		return err
	}
	defer check.Close()
	if err := l.attach(l.client, check); err != nil {
		return err
	}
	steer, err := steerer(l.sockets, xsk)
	if err != nil {
		return err
	}
	defer steer.Close()
	return l.attach(l.server, steer)
}

func (l *lab) attach(n *namespace, p *ebpf.Program) error {
	return n.do(func() error {
		a, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: n.index, Flags: link.XDPDriverMode})
		if err == nil {
			l.onClose(a.Close)
		}
		return err
	})
}

// generate sends frames from a core until stop is called.
func (l *lab) generate(core int) (stop func() error) {
	quit, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- pinned(core, func() error {
			if err := netns.Set(l.client.handle); err != nil {
				return err
			}
			for {
				select {
				case <-quit:
					return nil
				default:
				}
				// Long enough that the call's own work is nothing beside it.
				_, err := l.gen.Run(&ebpf.RunOptions{Data: template(), Repeat: 1 << 17, Flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES})
				if err != nil {
					return err
				}
			}
		})
	}()
	return func() error {
		close(quit)
		return <-done
	}
}
