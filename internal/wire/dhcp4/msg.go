// SPDX-License-Identifier: Apache-2.0

// Package dhcp4 reads and writes DHCPv4 messages in place.
//
// A Msg is a view over a caller's buffer: no method copies or allocates. Check
// must succeed before any accessor is called.
//
//	0     1       2      3      4     8      10      12       16       20
//	| op  | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr
//	24       28           44         108        236      240
//	| giaddr | chaddr(16) | sname(64) | file(128) | cookie | options ...
//
// Options finds the options of a message once and serves them from an index;
// Relay walks the sub-options of option 82; Writer appends options to a reply
// within bounds. What these leave to the slow path (overload, split options)
// has its own frame.Reason.
//
// Formats: RFC 2131 §2, RFC 2132. Long options: RFC 3396. Relay: RFC 3046.
package dhcp4

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// Msg is a DHCPv4 message: from op to the end of the options field.
type Msg []byte

// Offsets in a message (RFC 2131 §2).
const (
	offOp      = 0
	offHType   = 1
	offHLen    = 2
	offHops    = 3
	offXID     = 4
	offSecs    = 8
	offFlags   = 10
	offCiaddr  = 12
	offYiaddr  = 16
	offSiaddr  = 20
	offGiaddr  = 24
	offChaddr  = 28
	offSName   = 44
	offFile    = 108
	offCookie  = 236
	OffOptions = 240 // where the options begin
)

// Sizes.
const (
	LenChaddr = 16
	LenSName  = 64
	LenFile   = 128
	// LenBootp is the least length of a BOOTP message (RFC 951 §3, RFC 1542
	// §2.1): replies are padded to it, since some clients and relays insist.
	LenBootp = 300
	// MinMaxSize is the least value of option 57 and the size that every client
	// must accept, with IP and UDP headers (RFC 2131 §2, RFC 2132 §9.10).
	MinMaxSize = 576
	// LenIPUDP is the part of such a size that IP and UDP headers take.
	LenIPUDP = 28
)

// Ports.
const (
	ServerPort = 67
	ClientPort = 68
)

// Values of fields.
const (
	BootRequest = 1
	BootReply   = 2

	HTypeEthernet = 1 // RFC 1700

	Cookie        = 0x63825363 // RFC 2131 §3
	FlagBroadcast = 0x8000     // RFC 2131 §2

	// maxHops is RFC 1542 §4.1.1's limit for a request that a relay forwards,
	// with the one that it adds itself.
	maxHops = 16 + 1
)

// Check proves that the accessors of m are safe and that m is a client's or a
// relay's message to a server. It returns OK, or Truncated, FromServer, BadBootp
// or BadCookie.
func Check(m Msg) frame.Reason {
	if len(m) < OffOptions {
		return frame.Truncated
	}
	switch m[offOp] {
	case BootRequest:
	case BootReply:
		return frame.FromServer
	default:
		return frame.BadBootp
	}
	if m[offHLen] > LenChaddr || m[offHops] > maxHops {
		return frame.BadBootp
	}
	if binary.BigEndian.Uint32(m[offCookie:]) != Cookie {
		return frame.BadCookie
	}
	return frame.OK
}

// Op is BootRequest in a message that passed Check.
func (m Msg) Op() uint8 { return m[offOp] }

// HType is the hardware type of chaddr.
func (m Msg) HType() uint8 { return m[offHType] }

// HLen is the length of the hardware address, at most LenChaddr after Check.
func (m Msg) HLen() uint8 { return m[offHLen] }

// Hops is the number of relays on the way.
func (m Msg) Hops() uint8 { return m[offHops] }

// XID is the transaction's number.
func (m Msg) XID() uint32 { return binary.BigEndian.Uint32(m[offXID:]) }

// Secs is for how long the client has been trying.
func (m Msg) Secs() uint16 { return binary.BigEndian.Uint16(m[offSecs:]) }

// Flags holds FlagBroadcast.
func (m Msg) Flags() uint16 { return binary.BigEndian.Uint16(m[offFlags:]) }

// Ciaddr is the client's own address, in host order; 0 for none.
func (m Msg) Ciaddr() uint32 { return binary.BigEndian.Uint32(m[offCiaddr:]) }

// Yiaddr is the address for the client.
func (m Msg) Yiaddr() uint32 { return binary.BigEndian.Uint32(m[offYiaddr:]) }

// Siaddr is the next server in the client's boot.
func (m Msg) Siaddr() uint32 { return binary.BigEndian.Uint32(m[offSiaddr:]) }

// Giaddr is the first relay's address; 0 for none.
func (m Msg) Giaddr() uint32 { return binary.BigEndian.Uint32(m[offGiaddr:]) }

// Chaddr is a view of the hardware address, HLen bytes long.
func (m Msg) Chaddr() []byte {
	end := offChaddr + int(min(m[offHLen], LenChaddr))
	return m[offChaddr:end:end]
}

// SName is a view of the server name field, all of it.
func (m Msg) SName() []byte { return m[offSName:offFile:offFile] }

// File is a view of the boot file field, all of it.
func (m Msg) File() []byte { return m[offFile:offCookie:offCookie] }

// SetOp sets op.
func (m Msg) SetOp(v uint8) { m[offOp] = v }

// SetHops sets hops.
func (m Msg) SetHops(v uint8) { m[offHops] = v }

// SetSecs sets secs.
func (m Msg) SetSecs(v uint16) { binary.BigEndian.PutUint16(m[offSecs:], v) }

// SetFlags sets flags.
func (m Msg) SetFlags(v uint16) { binary.BigEndian.PutUint16(m[offFlags:], v) }

// SetCiaddr sets ciaddr, in host order.
func (m Msg) SetCiaddr(v uint32) { binary.BigEndian.PutUint32(m[offCiaddr:], v) }

// SetYiaddr sets yiaddr.
func (m Msg) SetYiaddr(v uint32) { binary.BigEndian.PutUint32(m[offYiaddr:], v) }

// SetSiaddr sets siaddr.
func (m Msg) SetSiaddr(v uint32) { binary.BigEndian.PutUint32(m[offSiaddr:], v) }

// SetGiaddr sets giaddr.
func (m Msg) SetGiaddr(v uint32) { binary.BigEndian.PutUint32(m[offGiaddr:], v) }

// SetCookie makes what follows the header options (RFC 2131 §3).
func (m Msg) SetCookie() { binary.BigEndian.PutUint32(m[offCookie:], Cookie) }

// XIDBytes is a view of the transaction's number.
func (m Msg) XIDBytes() []byte { return m[offXID:offSecs:offSecs] }

// SetHardware sets htype, hlen and chaddr; hw has at most LenChaddr bytes.
func (m Msg) SetHardware(htype uint8, hw []byte) {
	m[offHType] = htype
	chaddr := m[offChaddr:offSName]
	n := copy(chaddr, hw)
	clear(chaddr[n:])
	m[offHLen] = uint8(n)
}

// SetSName fills the server name field: name, cut to leave a NUL at the end,
// then zeros (RFC 2131 §2: "null terminated string").
func (m Msg) SetSName(name []byte) { setString(m.SName(), name) }

// SetFile fills the boot file field likewise.
func (m Msg) SetFile(name []byte) { setString(m.File(), name) }

// Reply turns a request's header into a reply's (RFC 2131 table 3): op 2, hops and
// secs 0, and the fields given; xid, htype, hlen, giaddr and chaddr stay. sname
// and file are not touched. It returns the Internet checksum sum (eth.Sum) of
// these bytes: whoever reads soon in words what was written in bytes waits for it,
// so the header is written in words and summed as they pass.
func (m Msg) Reply(flags uint16, ciaddr, yiaddr, siaddr uint32) (sum uint32) {
	p := (*[offSName]byte)(m)
	be := binary.BigEndian
	a := be.Uint64(p[offOp:])&0x00ffff00_ffffffff | BootReply<<56
	b := uint64(flags)<<32 | uint64(ciaddr)
	c := uint64(yiaddr)<<32 | uint64(siaddr)
	be.PutUint64(p[offOp:], a)
	be.PutUint64(p[offSecs:], b)
	be.PutUint64(p[offYiaddr:], c)
	d, e, f := be.Uint64(p[offGiaddr:]), be.Uint64(p[offGiaddr+8:]), be.Uint32(p[offGiaddr+16:])
	const low = 1<<32 - 1
	s := a>>32 + a&low + b>>32 + b&low + c>>32 + c&low + d>>32 + d&low + e>>32 + e&low + uint64(f)
	s = s>>32 + s&low
	return uint32(s>>16 + s&0xffff)
}

// ClearNames empties both fields.
func (m Msg) ClearNames() { clear(m[offSName:offCookie]) }

func setString(field, s []byte) {
	n := copy(field[:len(field)-1], s)
	clear(field[n:])
}
