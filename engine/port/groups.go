// SPDX-License-Identifier: Apache-2.0

package port

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// groupMACs are what frames to the groups of DHCPv6 servers are addressed to
// (RFC 8415 §7.1, RFC 2464 §7): ff02::1:2, to relays and servers on the link, and
// ff05::1:3, to servers in the site.
var groupMACs = [...][8]byte{
	{0x33, 0x33, 0x00, 0x01, 0x00, 0x02},
	{0x33, 0x33, 0x00, 0x01, 0x00, 0x03},
}

// groups is an interface's membership in the groups of DHCPv6 on the link
// layer. A NIC filters multicast by its address before XDP sees a frame, so
// somebody must have asked for these. The slow path's sockets do so too, by IPv6,
// which also tells switches that snoop; but an interface may have IPv6 switched
// off and carry DHCPv6 in its VLANs all the same.
type groups struct{ fd int }

// joinGroups joins for as long as the descriptor is open: what ends the process
// ends the membership. A membership is counted, and nobody else's ends with it.
func joinGroups(ifindex int) (*groups, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // receives nothing
	if err != nil {
		return nil, fmt.Errorf("socket for the DHCPv6 groups: %w", err)
	}
	for _, mac := range groupMACs {
		err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{
			Ifindex: int32(ifindex), Type: unix.PACKET_MR_MULTICAST, Alen: 6, Address: mac,
		})
		if err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("join %x: %w", mac[:6], err)
		}
	}
	return &groups{fd}, nil
}

func (g *groups) leave() { unix.Close(g.fd) }
