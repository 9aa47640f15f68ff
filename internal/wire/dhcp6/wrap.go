// SPDX-License-Identifier: Apache-2.0

package dhcp6

import "encoding/binary"

// A Relay-reply has the same levels as the Relay-forward that it answers, and
// each repeats its header. Options of a level go in front of its Relay Message
// option, so that all headers lie in one piece before the reply to the client:
//
//	                         off                                payloadOff
//	buf ...| (free)         | level 0 | level 1 | ... | level n | reply ...  |
//	                          34 options 4

// maxPayload is the longest UDP payload: 16 bits of length, with 8 of header.
const maxPayload = 0xffff - 8

// wants is the set of option codes that a level's reply repeats verbatim:
// Interface-Id (RFC 8415 §19.3), Relay Source Port (RFC 8357 §5.2), and what the
// relay asks to have echoed (RFC 4994 §5). The Relay Message option is not a
// matter of echo.
func (c *Chain) wants(l *level) (set [numOpts / 64]uint64) {
	ero, _ := c.view(l.ero)
	for ; len(ero) >= 2; ero = ero[2:] {
		if code := binary.BigEndian.Uint16(ero); code < numOpts {
			set[code>>6] |= 1 << (code & 63)
		}
	}
	set[OptRelayMsg>>6] &^= 1 << (OptRelayMsg & 63)
	set[OptInterfaceID>>6] |= 1 << (OptInterfaceID & 63)
	set[OptRelayPort>>6] |= 1 << (OptRelayPort & 63)
	return set
}

// echo copies the options of a level that its reply repeats to dst, in their
// order, and returns their length. dst is long enough or nil.
func (c *Chain) echo(l *level, dst []byte) int {
	if l.ero.off == 0 { // as nearly always
		code, r, code2, r2 := uint16(OptInterfaceID), l.interfaceID, uint16(OptRelayPort), l.relayPort
		if r2.off < r.off {
			code, r, code2, r2 = code2, r2, code, r
		}
		n := putOpt(dst, code, c, r)
		if dst != nil {
			dst = dst[n:]
		}
		return n + putOpt(dst, code2, c, r2)
	}
	set := c.wants(l)
	n := 0
	for o := Opts(c.packet[l.opts:l.end]); ; {
		code, data, rest, ok := o.Next()
		if !ok {
			return n
		}
		if code < numOpts && set[code>>6]>>(code&63)&1 != 0 {
			if dst != nil {
				copy(dst[n:], o[:lenOpt+len(data)])
			}
			n += lenOpt + len(data)
		}
		o = rest
	}
}

func putOpt(dst []byte, code uint16, c *Chain, r ref) int {
	data, ok := c.view(r)
	if !ok {
		return 0
	}
	if dst != nil {
		binary.BigEndian.PutUint16(dst, code)
		binary.BigEndian.PutUint16(dst[2:], r.len)
		copy(dst[lenOpt:], data)
	}
	return lenOpt + len(data)
}

// Overhead is how many bytes Wrap puts in front of a reply.
func (c *Chain) Overhead() int { return int(c.over) }

// Wrap puts the Relay-reply headers of all levels around the reply to the
// client that is in buf at payloadOff, payloadLen bytes long, inside out (RFC
// 8415 §19.3). The whole then is buf[off:off+n]. Without relays it is the reply
// itself. ok is false, and nothing is written, if there is no room in front of
// the reply (there must be Overhead bytes) or the whole would be too long for a
// UDP datagram. buf must not overlap the packet that was unwrapped, which is
// still being read.
func (c *Chain) Wrap(buf []byte, payloadOff, payloadLen int) (off, n int, ok bool) {
	off = payloadOff - c.Overhead()
	end := payloadOff + payloadLen
	if off < 0 || payloadLen < 0 || end > len(buf) || end-off > maxPayload {
		return 0, 0, false
	}
	at := payloadOff
	for i := int(c.n) - 1; i >= 0; i-- {
		l := &c.levels[i]
		inner := end - at
		at -= LenRelay + int(l.echo) + lenOpt
		head := buf[at:end]
		*(*[LenRelay]byte)(head) = [LenRelay]byte(c.packet[l.head:])
		head[offType] = RelayRepl
		m := head[LenRelay:]
		c.echo(l, m)
		m = m[l.echo:]
		binary.BigEndian.PutUint16(m, OptRelayMsg)
		binary.BigEndian.PutUint16(m[2:], uint16(inner))
	}
	return at, end - at, true
}
