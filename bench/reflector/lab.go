// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	veth "xdhcp/bench/lab"
)

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
	client, server *veth.End
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
	if err := l.connect(); err != nil {
		return nil, err
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

// connect makes the veth pair, and what the contestants that go through the
// kernel's stack need.
func (l *lab) connect() (err error) {
	if l.client, err = l.end(veth.End{Name: ifname, MAC: clientMAC}); err != nil {
		return err
	}
	if l.server, err = l.end(veth.End{Name: ifname, MAC: serverMAC, Addrs: []string{serverIP.String() + "/24"}}); err != nil {
		return err
	}
	if err := veth.Connect(l.client, l.server); err != nil {
		return err
	}
	// The namespaces take it along when they go, but in their own time.
	l.onClose(l.client.Delete)
	return l.server.Netlink.NeighSet(&netlink.Neigh{LinkIndex: l.server.Index, State: netlink.NUD_PERMANENT,
		IP: clientIP, HardwareAddr: clientMAC})
}

// end puts an end into a namespace of its own.
func (l *lab) end(e veth.End) (*veth.End, error) {
	n, err := veth.NewNamespace()
	if err != nil {
		return nil, err
	}
	l.onClose(n.Close)
	e.Namespace = n
	return &e, nil
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

	if l.gen, err = generator(l.state, l.client.Index); err != nil {
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

func (l *lab) attach(n *veth.End, p *ebpf.Program) error {
	return n.Do(func() error {
		a, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: n.Index, Flags: link.XDPDriverMode})
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
			if err := netns.Set(l.client.Handle); err != nil {
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
