// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/internal/wire/eth"
)

// lenFragment is the length of a fragment header (RFC 8200 §4.5).
const lenFragment = 8

// fragments6 cuts a frame with IPv6 whose network layer begins at l3 into such as a
// link of this MTU carries, and calls send for each (RFC 8200 §4.5). The memory that
// send is given is used again for the next one. A frame that fits goes as it is. id
// tells the fragments of one packet from those of others.
func fragments6(f []byte, l3, mtu int, id uint32, room *[]byte, send func([]byte) error) error {
	if len(f)-l3 <= mtu {
		return send(f)
	}
	head := f[:l3+eth.LenIPv6]
	rest := f[l3+eth.LenIPv6:]
	size := (mtu - eth.LenIPv6 - lenFragment) &^ 7
	for off := 0; len(rest) > 0; {
		part, more := rest, uint16(0)
		if len(part) > size {
			part, more = part[:size], 1
		}
		b := append((*room)[:0], head...)
		b = append(b, eth.ProtoUDP, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(off)|more)
		b = binary.BigEndian.AppendUint32(b, id)
		b = append(b, part...)
		*room = b
		ip := b[l3:]
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-eth.LenIPv6))
		ip[6] = 44 // fragment header
		if err := send(b); err != nil {
			return err
		}
		off += len(part)
		rest = rest[len(part):]
	}
	return nil
}
