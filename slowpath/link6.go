// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"xdhcp/internal/wire/dhcp6"
)

// errNoIPv6: an interface without IPv6 (switched off, or an MTU below 1280) may
// have it later.
var errNoIPv6 = errors.New("the interface has no IPv6")

// joinGroups makes the interface a member of the groups that DHCPv6 servers
// listen to (RFC 8415 §7.1). It tells the NIC's filter, and by MLD the switches
// that snoop.
func joinGroups(fd, index int) error {
	for _, group := range [][16]byte{dhcp6.AllServersAndRelays, dhcp6.AllServers} {
		err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group, Interface: uint32(index)})
		switch {
		case err == nil:
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EADDRNOTAVAIL):
			return fmt.Errorf("join %x: %w: %w", group, errNoIPv6, err)
		default:
			return fmt.Errorf("join %x: %w", group, err)
		}
	}
	return nil
}

func (s *udpSocket) prepareSend6() {
	o := &s.out
	o.oob = unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(s.index)})
	o.write = func(fd uintptr) bool {
		_, o.err = unix.SendmsgN(int(fd), o.data, o.oob, &o.to6, unix.MSG_DONTWAIT)
		return true
	}
}

// send6 is send for DHCPv6. Where the answer goes is found by neighbour
// discovery; a link-local address is one on the socket's interface. src may be
// zero, which leaves it to the kernel.
func (s *udpSocket) send6(data []byte, src, dst [16]byte, port uint16) error {
	o := &s.out
	o.data = data
	o.to6 = unix.SockaddrInet6{Port: int(port), Addr: dst}
	if linkLocal(dst) {
		o.to6.ZoneId = uint32(s.index)
	}
	// struct in6_pktinfo: addr, ifindex
	at := unix.CmsgLen(0)
	copy(o.oob[at:], src[:])
	binary.NativeEndian.PutUint32(o.oob[at+16:], uint32(s.index))
	if err := s.raw.Write(o.write); err != nil {
		return err
	}
	return o.err
}

// linkLocal: fe80::/10 (RFC 4291 §2.5.6).
func linkLocal(a [16]byte) bool { return a[0] == 0xfe && a[1]&0xc0 == 0x80 }
