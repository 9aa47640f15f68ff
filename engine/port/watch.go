// SPDX-License-Identifier: Apache-2.0

package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// lookUp reads an interface's facts in the namespace of the process.
func lookUp(name string) (Facts, error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return Facts{}, fmt.Errorf("interface %s: %w", name, err)
	}
	a := link.Attrs()
	f := Facts{Ifindex: a.Index, Up: a.Flags&net.FlagUp != 0}
	if len(a.HardwareAddr) != len(f.MAC) {
		return Facts{}, fmt.Errorf("interface %s: not Ethernet (hardware address %q)", name, a.HardwareAddr)
	}
	copy(f.MAC[:], a.HardwareAddr)
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return Facts{}, fmt.Errorf("addresses of %s: %w", name, err)
	}
	for _, addr := range addrs {
		ip, ok := netip.AddrFromSlice(addr.IP)
		if !ok {
			continue
		}
		bits, _ := addr.Mask.Size()
		f.Addrs = append(f.Addrs, netip.PrefixFrom(ip.Unmap(), bits))
	}
	return f, nil
}

// watcher wakes a port when the kernel announces a change of its link or of
// any address.
type watcher struct {
	name  string
	done  chan struct{}
	links chan netlink.LinkUpdate
	addrs chan netlink.AddrUpdate
}

func newWatcher(name string) (*watcher, error) {
	w := &watcher{
		name: name, done: make(chan struct{}),
		links: make(chan netlink.LinkUpdate, 64), addrs: make(chan netlink.AddrUpdate, 64),
	}
	if err := errors.Join(netlink.LinkSubscribe(w.links, w.done), netlink.AddrSubscribe(w.addrs, w.done)); err != nil {
		w.close()
		return nil, fmt.Errorf("watch links: %w", err)
	}
	return w, nil
}

func (w *watcher) close() { close(w.done) }

// wait returns at the next announcement, after the timeout or when ctx ends.
// A subscription that the kernel ended leaves the timeout.
func (w *watcher) wait(ctx context.Context, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case u, ok := <-w.links:
			if !ok {
				w.links = nil
			} else if u.Attrs().Name == w.name {
				return
			}
		case _, ok := <-w.addrs:
			if !ok {
				w.addrs = nil
			} else {
				return
			}
		}
	}
}
