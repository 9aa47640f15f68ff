// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

const (
	// MaxLevels is how many relays a message may have come through. Relays of
	// RFC 8415 stop at 8 (§7.6, HOP_COUNT_LIMIT), those of RFC 3315 at 32.
	MaxLevels = 32
	// LenRelay is the relay header: msg-type, hop-count, link- and peer-address
	// (RFC 8415 §9).
	LenRelay = 34

	offHops = 1
	offLink = 2
	offPeer = 18
)

// Chain is the relays that a message came through. Level 0 is the relay that
// sent it to us, the last one is next to the client. It holds offsets into the
// received packet and views of it; keep one per worker.
type Chain struct {
	packet Msg
	levels [MaxLevels]level
	n      uint8
	over   uint32 // length of the headers of all levels of the reply
	inner  Msg
}

// level is where one relay's parts are in the packet.
type level struct {
	head, opts, end                                                  uint16
	interfaceID, relayPort, remoteID, subscriberID, linkLayer, relay ref
	rsoo, ero                                                        ref
	echo                                                             uint16 // length of the options that the reply repeats
}

// ref is an option's data in the packet; off is 0 if it is absent.
type ref struct{ off, len uint16 }

// Unwrap takes the Relay-forward envelopes off the packet, all there are. It
// returns OK, and then Msg is what the client sent and N the number of relays;
// or Truncated, BadOption (a relay option that runs past its end, has an
// impossible length or is there twice, or no Relay Message option), or
// RelayDepth. An option inside that a relay has no business with is let be.
func (c *Chain) Unwrap(packet Msg) frame.Reason {
	c.packet, c.n, c.over, c.inner = packet, 0, 0, nil
	if len(packet) > maxMsg {
		return frame.Truncated
	}
	at, end := 0, len(packet)
	for at < end && packet[at] == RelayForw {
		if c.n == MaxLevels {
			return frame.RelayDepth
		}
		if end-at < LenRelay {
			return frame.Truncated
		}
		l := &c.levels[c.n]
		*l = level{head: uint16(at), opts: uint16(at + LenRelay), end: uint16(end)}
		c.n++
		msg, why := l.scan(packet)
		if why != frame.OK {
			return why
		}
		l.echo = uint16(c.echo(l, nil))
		c.over += LenRelay + uint32(l.echo) + lenOpt
		at, end = int(msg.off), int(msg.off)+int(msg.len)
	}
	c.inner = packet[at:end:end]
	if len(c.inner) < LenHeader {
		return frame.Truncated
	}
	return frame.OK
}

// scan finds the level's options and returns its Relay Message option.
func (l *level) scan(p Msg) (msg ref, why frame.Reason) {
	for i := int(l.opts); i < int(l.end); {
		if i+lenOpt > int(l.end) {
			return msg, frame.BadOption
		}
		code, n := binary.BigEndian.Uint16(p[i:]), int(binary.BigEndian.Uint16(p[i+2:]))
		i += lenOpt
		if i+n > int(l.end) {
			return msg, frame.BadOption
		}
		var to *ref
		ok := true
		switch code {
		case OptRelayMsg:
			to = &msg
		case OptInterfaceID: // "an opaque value of arbitrary length", RFC 8415 §21.18
			to = &l.interfaceID
		case OptRelayPort: // RFC 8357 §4.2
			to, ok = &l.relayPort, n == 2
		case OptRemoteID: // RFC 4649 §3: "minimum option-len is 5 octets"
			to, ok = &l.remoteID, n >= 5
		case OptSubscriberID: // RFC 4580 §2: "minimum length is 1 octet"
			to, ok = &l.subscriberID, n >= 1
		case OptLinkLayer: // RFC 6939 §4
			to, ok = &l.linkLayer, n >= 3
		case OptRelayID: // RFC 5460 §5.4.1: a DUID
			to, ok = &l.relay, n >= 1 && n <= MaxDUID
		case OptRSOO: // RFC 6422 §4
			to, ok = &l.rsoo, Opts(p[i:i+n]).Valid()
		case OptERO: // RFC 4994 §3
			to, ok = &l.ero, n%2 == 0
		}
		if to != nil {
			if !ok || to.off != 0 {
				return msg, frame.BadOption
			}
			*to = ref{uint16(i), uint16(n)}
		}
		i += n
	}
	if msg.off == 0 {
		return msg, frame.BadOption
	}
	return msg, frame.OK
}

// N is the number of relays; 0 if the client's message came without.
func (c *Chain) N() int { return int(c.n) }

// Msg is the client's message inside the envelopes.
func (c *Chain) Msg() Msg { return c.inner }

func (c *Chain) view(r ref) ([]byte, bool) {
	if r.off == 0 {
		return nil, false
	}
	end := int(r.off) + int(r.len)
	return c.packet[r.off:end:end], true
}

// Hops is the hop-count of level i.
func (c *Chain) Hops(i int) uint8 { return c.packet[c.levels[i].head+offHops] }

// LinkAddr is the link-address of level i, in the packet.
func (c *Chain) LinkAddr(i int) *[16]byte { return (*[16]byte)(c.packet[c.levels[i].head+offLink:]) }

// PeerAddr is the peer-address of level i: of the relay below it, or of the client.
func (c *Chain) PeerAddr(i int) *[16]byte { return (*[16]byte)(c.packet[c.levels[i].head+offPeer:]) }

// Opts is all options of level i.
func (c *Chain) Opts(i int) Opts {
	l := &c.levels[i]
	return Opts(c.packet[l.opts:l.end:l.end])
}

// InterfaceID is the Interface-Id of level i (RFC 8415 §21.18).
func (c *Chain) InterfaceID(i int) ([]byte, bool) { return c.view(c.levels[i].interfaceID) }

// RemoteID is the Remote-ID of level i, enterprise number first (RFC 4649).
func (c *Chain) RemoteID(i int) ([]byte, bool) { return c.view(c.levels[i].remoteID) }

// SubscriberID is the Subscriber-ID of level i (RFC 4580).
func (c *Chain) SubscriberID(i int) ([]byte, bool) { return c.view(c.levels[i].subscriberID) }

// RelayID is the DUID of the relay of level i (RFC 5460 §5.4.1).
func (c *Chain) RelayID(i int) ([]byte, bool) { return c.view(c.levels[i].relay) }

// RSOO is the options that the relay of level i supplies for the client (RFC 6422).
func (c *Chain) RSOO(i int) (Opts, bool) {
	b, ok := c.view(c.levels[i].rsoo)
	return Opts(b), ok
}

// LinkLayer is the client's hardware type and address, from the relay that saw
// the client's own frame (RFC 6939 §6: "the DHCPv6 relay agent closest to the
// client"); another relay's is about something else.
func (c *Chain) LinkLayer() (htype uint16, addr []byte, ok bool) {
	b, ok := c.LinkLayerOpt()
	if !ok {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(b), b[2:], true
}

// LinkLayerOpt is the data of the option that LinkLayer reads: hardware type and
// address.
func (c *Chain) LinkLayerOpt() ([]byte, bool) {
	if c.n == 0 {
		return nil, false
	}
	return c.view(c.levels[c.n-1].linkLayer)
}

// Link is the address that says on which link the client is, and the level that
// has it: the innermost link-address that is not zero (RFC 8415 §13.1, and §19.1.2
// for relays that leave it zero; RFC 6221 §5.2 for lightweight ones). ok is false
// if there is none: then the client is on the link that the packet came from.
func (c *Chain) Link() (addr *[16]byte, level int, ok bool) {
	for i := int(c.n) - 1; i >= 0; i-- {
		addr = c.LinkAddr(i)
		if binary.LittleEndian.Uint64(addr[:])|binary.LittleEndian.Uint64(addr[8:]) != 0 {
			return addr, i, true
		}
	}
	return nil, 0, false
}

// ReplyPort is the UDP port that the reply goes to, given the source port of
// the packet. To a client it is 546, to a relay 547, but to one that sends a
// Relay Source Port option the port that it sent from (RFC 8357 §5.2).
func (c *Chain) ReplyPort(src uint16) uint16 {
	switch {
	case c.n == 0:
		return ClientPort
	case c.levels[0].relayPort.off != 0:
		return src
	}
	return ServerPort
}

// MACFromEUI64 is the Ethernet address in an address whose interface identifier
// was made from one (RFC 4291 appendix A): of a peer-address, the client's.
func MACFromEUI64(addr [16]byte) (mac [6]byte, ok bool) {
	if addr[11] != 0xff || addr[12] != 0xfe {
		return mac, false
	}
	return [6]byte{addr[8] ^ 2, addr[9], addr[10], addr[13], addr[14], addr[15]}, true
}
