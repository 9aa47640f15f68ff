// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp6"
)

// message6 is a DHCPv6 packet taken apart: gopacket finds the messages and their
// options, envelope by envelope, and what it does not know (identity associations
// and what is in them) is read here. The in-place path has an index and offsets
// for the same; the two share the codes and nothing else, so that each is a check
// of the other.
//
// It is made for reuse. All bytes are views of the packet.
type message6 struct {
	packet []byte
	relays []layers.DHCPv6 // outermost first; cap is dhcp6.MaxLevels
	msg    layers.DHCPv6
	ias    []ia6
	leases []binding6 // of all IAs; never moved while an IA has a view of it
	asked  [4]uint64
}

// ia6 is one identity association.
type ia6 struct {
	code   uint16
	id     uint32
	t1, t2 uint32
	leases []binding6
}

// binding6 is an address (bits 128) or a prefix.
type binding6 struct {
	addr             [16]byte
	bits             uint8
	preferred, valid uint32
}

// decode reads the packet. What it returns is what the in-place path returns for
// the same packet: a message must not be judged by the path that it takes.
func (m *message6) decode(packet []byte) frame.Reason {
	m.packet, m.relays = packet, m.relays[:0]
	m.ias, m.leases, m.asked = m.ias[:0], m.leases[:0], [4]uint64{}
	if m.relays == nil {
		m.relays = make([]layers.DHCPv6, 0, dhcp6.MaxLevels)
		m.leases = make([]binding6, 0, dhcp6.MaxIAs*dhcp6.MaxLeases)
	}
	inner, why := m.unwrap(packet)
	if why != frame.OK {
		return why
	}
	if why := received(inner); why != frame.OK {
		return why
	}
	// Its header is there; an error is an option's, and then those before it count.
	err := m.msg.DecodeFromBytes(inner, gopacket.NilDecodeFeedback)
	why = m.options()
	switch {
	case why != frame.OK:
		return why
	case err != nil:
		return frame.BadOption
	}
	return m.unique()
}

// unwrap takes the relays' envelopes off and returns the client's message.
func (m *message6) unwrap(b []byte) ([]byte, frame.Reason) {
	for len(b) > 0 && b[0] == dhcp6.RelayForw {
		if len(m.relays) == cap(m.relays) {
			return nil, frame.RelayDepth
		}
		if len(b) < 34 { // RFC 8415 §9: message type, hop count, two addresses
			return nil, frame.Truncated
		}
		m.relays = m.relays[:len(m.relays)+1]
		relay := &m.relays[len(m.relays)-1]
		if err := relay.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
			return nil, frame.BadOption
		}
		if !relayOK(relay.Options) {
			return nil, frame.BadOption
		}
		b, _ = find(relay.Options, dhcp6.OptRelayMsg)
	}
	if len(b) < 4 {
		return nil, frame.Truncated
	}
	return b, frame.OK
}

// relayOK says whether the options that a server acts upon have possible lengths
// and are there once, and the message is there.
func relayOK(options layers.DHCPv6Options) bool {
	messages := 0
	for i := range options {
		o, ok, known := &options[i], true, true
		n := len(o.Data)
		switch uint16(o.Code) {
		case dhcp6.OptRelayMsg:
			messages++
		case dhcp6.OptInterfaceID: // of any length, RFC 8415 §21.18
		case dhcp6.OptRelayPort: // RFC 8357 §4.2
			ok = n == 2
		case dhcp6.OptRemoteID: // RFC 4649 §3
			ok = n >= 5
		case dhcp6.OptSubscriberID: // RFC 4580 §2
			ok = n >= 1
		case dhcp6.OptLinkLayer: // RFC 6939 §4
			ok = n >= 3
		case dhcp6.OptRelayID: // RFC 5460 §5.4.1
			ok = n >= 1 && n <= dhcp6.MaxDUID
		case dhcp6.OptRSOO: // RFC 6422 §4
			ok = whole(o.Data, 2)
		case dhcp6.OptERO: // RFC 4994 §3
			ok = n%2 == 0
		default:
			known = false
		}
		if !ok || known && count(options[:i], uint16(o.Code)) > 0 {
			return false
		}
	}
	return messages == 1
}

// received says whether a server receives messages of this type at all.
func received(b []byte) frame.Reason {
	switch b[0] {
	case dhcp6.Solicit, dhcp6.Request, dhcp6.Confirm, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release, dhcp6.Decline, dhcp6.InformationRequest,
		dhcp6.LeaseQuery:
		return frame.OK
	case dhcp6.Advertise, dhcp6.Reply, dhcp6.Reconfigure, dhcp6.RelayRepl, dhcp6.LeaseQueryReply,
		dhcp6.LeaseQueryDone, dhcp6.LeaseQueryData, dhcp6.ReconfigureReply, dhcp6.DHCPv4Response, dhcp6.AddrRegReply:
		return frame.FromServer
	}
	return frame.NoType
}

// options reads the options of the client's message.
func (m *message6) options() frame.Reason {
	all := m.msg.Options
	for i := range all {
		o := &all[i]
		code, data := uint16(o.Code), o.Data
		if !possible(code, data) {
			return frame.BadOption
		}
		switch code {
		case dhcp6.OptClientID, dhcp6.OptServerID:
			if len(data) == 0 || len(data) > dhcp6.MaxDUID || count(all[:i], code) > 0 {
				return frame.BadDUID
			}
		case dhcp6.OptIANA, dhcp6.OptIATA, dhcp6.OptIAPD:
			if len(m.ias) == dhcp6.MaxIAs {
				return frame.TooManyIAs
			}
			if why := m.ia(code, data); why != frame.OK {
				return why
			}
		case dhcp6.OptORO:
			for ; len(data) >= 2; data = data[2:] {
				if c := binary.BigEndian.Uint16(data); c < 256 {
					m.asked[c/64] |= 1 << (c % 64)
				}
			}
		}
	}
	return frame.OK
}

// unique says whether no two IAs of a kind have the same IAID (RFC 8415 §21.4).
func (m *message6) unique() frame.Reason {
	for i, a := range m.ias {
		for _, b := range m.ias[:i] {
			if a.code == b.code && a.id == b.id {
				return frame.BadRequest
			}
		}
	}
	return frame.OK
}

// possible says whether an option of a client has a possible length.
func possible(code uint16, data []byte) bool {
	n := len(data)
	switch code {
	case dhcp6.OptIANA, dhcp6.OptIAPD:
		return n >= 12
	case dhcp6.OptIATA:
		return n >= 4
	case dhcp6.OptORO:
		return n%2 == 0
	case dhcp6.OptPreference, dhcp6.OptReconfMsg:
		return n == 1
	case dhcp6.OptElapsedTime:
		return n == 2
	case dhcp6.OptNII:
		return n == 3
	case dhcp6.OptRefreshTime, dhcp6.OptSolMaxRT, dhcp6.OptInfMaxRT:
		return n == 4
	case dhcp6.OptAuth:
		return n >= 11
	case dhcp6.OptUnicast:
		return n == 16
	case dhcp6.OptStatusCode:
		return n >= 2
	case dhcp6.OptRapidCommit, dhcp6.OptReconfAccept:
		return n == 0
	case dhcp6.OptUserClass: // RFC 8415 §21.15: one or more
		return n > 0 && whole(data, 0)
	case dhcp6.OptVendorClass:
		return n >= 4 && whole(data[4:], 0)
	case dhcp6.OptVendorOpts:
		return n >= 4 && whole(data[4:], 2)
	case dhcp6.OptClientFQDN:
		return n >= 1
	}
	return true
}

// whole says whether b is items of a 16-bit length and so many bytes, with a code
// of n bytes in front of each.
func whole(b []byte, n int) bool {
	for len(b) > 0 {
		if len(b) < n+2 {
			return false
		}
		size := int(binary.BigEndian.Uint16(b[n:]))
		if b = b[n+2:]; size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}

// ia reads one identity association with its leases.
func (m *message6) ia(code uint16, data []byte) frame.Reason {
	ia := ia6{code: code, id: binary.BigEndian.Uint32(data)}
	inner, leaseCode := data[4:], uint16(dhcp6.OptIAAddr)
	if code != dhcp6.OptIATA {
		ia.t1, ia.t2 = binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:])
		inner = data[12:]
	}
	if code == dhcp6.OptIAPD {
		leaseCode = dhcp6.OptIAPrefix
	}
	first := len(m.leases)
	for len(inner) > 0 {
		if len(inner) < 4 {
			return frame.BadOption
		}
		c, n := binary.BigEndian.Uint16(inner), int(binary.BigEndian.Uint16(inner[2:]))
		if 4+n > len(inner) {
			return frame.BadOption
		}
		v := inner[4 : 4+n]
		inner = inner[4+n:]
		switch {
		case c == dhcp6.OptStatusCode && n < 2:
			return frame.BadOption
		case c != leaseCode:
			continue
		case len(m.leases)-first == dhcp6.MaxLeases:
			return frame.TooManyIAs
		}
		l, ok := leaseOf(c, v)
		if !ok {
			return frame.BadOption
		}
		m.leases = append(m.leases, l)
	}
	ia.leases = m.leases[first:len(m.leases):len(m.leases)]
	m.ias = append(m.ias, ia)
	return frame.OK
}

// leaseOf reads an IA Address (RFC 8415 §21.6) or IA Prefix (§21.22).
func leaseOf(code uint16, v []byte) (l binding6, ok bool) {
	if code == dhcp6.OptIAAddr {
		if len(v) < 24 {
			return l, false
		}
		return binding6{
			addr: [16]byte(v), bits: 128, preferred: binary.BigEndian.Uint32(v[16:]), valid: binary.BigEndian.Uint32(v[20:]),
		}, whole(v[24:], 2)
	}
	if len(v) < 25 || v[8] > 128 {
		return l, false
	}
	return binding6{
		addr: [16]byte(v[9:]), bits: v[8], preferred: binary.BigEndian.Uint32(v), valid: binary.BigEndian.Uint32(v[4:]),
	}, whole(v[25:], 2)
}

// get is the data of the first option of the client's message with this code.
func (m *message6) get(code uint16) ([]byte, bool) { return find(m.msg.Options, code) }

func (m *message6) has(code uint16) bool {
	_, ok := m.get(code)
	return ok
}

func find(options layers.DHCPv6Options, code uint16) ([]byte, bool) {
	for i := range options {
		if uint16(options[i].Code) == code {
			return options[i].Data, true
		}
	}
	return nil, false
}

func count(options layers.DHCPv6Options, code uint16) (n int) {
	for i := range options {
		if uint16(options[i].Code) == code {
			n++
		}
	}
	return n
}
