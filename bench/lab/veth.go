// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// End is one end of a veth pair: how it shall be, and where it came to lie.
type End struct {
	*Namespace
	Name  string
	MAC   net.HardwareAddr // nil: the kernel's choice
	Addrs []string         // as 192.0.2.1/24
	Index int              // set by Connect
}

// carrier is how long a new pair may take until it carries frames.
const carrier = 5 * time.Second

// Connect joins two ends, sets them up with their addresses, and waits until they
// carry frames.
func Connect(a, b *End) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = a.Name, a.MAC
	v := netlink.NewVeth(attrs)
	v.PeerName, v.PeerHardwareAddr = b.Name, b.MAC
	v.PeerNamespace = netlink.NsFd(b.Handle)
	if err := a.Netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("veth pair: %w", err)
	}
	for _, e := range []*End{a, b} {
		link, err := e.Netlink.LinkByName(e.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		e.Index, e.MAC = link.Attrs().Index, link.Attrs().HardwareAddr
		for _, s := range e.Addrs {
			addr, err := netlink.ParseAddr(s)
			if err == nil {
				if addr.IP.To4() == nil {
					addr.Flags = unix.IFA_F_NODAD // usable at once
				}
				err = e.Netlink.AddrAdd(link, addr)
			}
			if err != nil {
				return fmt.Errorf("address %s on %s: %w", s, e.Name, err)
			}
		}
		if err := e.Netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("%s up: %w", e.Name, err)
		}
	}
	return errors.Join(a.waitUp(), b.waitUp())
}

// waitUp waits until the kernel has noticed the carrier: before, it throws
// transmitted frames away.
func (e *End) waitUp() error {
	for deadline := time.Now().Add(carrier); ; time.Sleep(time.Millisecond) {
		link, err := e.Netlink.LinkByIndex(e.Index)
		if err != nil {
			return err
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has no carrier", e.Name)
		}
	}
}

// Delete removes the pair.
func (e *End) Delete() error {
	link, err := e.Netlink.LinkByIndex(e.Index)
	if err != nil {
		return err
	}
	return e.Netlink.LinkDel(link)
}

// Received is how many frames the end has received since it was made: those that
// its XDP program was shown, if it has one, whatever became of them.
func (e *End) Received() (uint64, error) {
	link, err := e.Netlink.LinkByIndex(e.Index)
	if err != nil {
		return 0, err
	}
	s := link.Attrs().Statistics
	if s == nil {
		return 0, fmt.Errorf("%s has no statistics", e.Name)
	}
	return s.RxPackets, nil
}
