// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"

	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// message is a kind of message that clients send.
type message uint8

const (
	discover  message = iota
	request           // that answers an OFFER (RFC 2131 §4.3.2, SELECTING)
	renewal           // unicast, RENEWING
	rebinding         // broadcast, REBINDING
	release
	nMessages
)

// template is a whole frame of one kind of message and the places in it that
// differ between clients; 0 is a place that this kind does not have.
type template struct {
	frame   []byte
	layers  eth.Layers
	headers eth.Headers4
	// Offsets into the frame.
	requested, serverID, clientID, circuit, remote int
	unicast                                        bool // to the server identifier
}

const (
	offXID    = 4 // RFC 2131 §2
	offCiaddr = 12
	offGiaddr = 24
	offChaddr = 28
	offCookie = 236

	ttl = 64
)

// circuitID is sub-option 1 of option 82: a name and the client's number in
// hexadecimal digits, as access nodes make them.
const (
	circuitID     = "load/"
	circuitDigits = 8
	circuitLen    = len(circuitID) + circuitDigits
	// relayLen is the length of option 82's data: circuit id and remote id,
	// which is the client's hardware address.
	relayLen = 2 + circuitLen + 2 + eth.LenMAC
)

var parameterList = []byte{
	dhcp4.OptSubnetMask, dhcp4.OptRouters, dhcp4.OptDNS, dhcp4.OptDomainName, dhcp4.OptLeaseTime,
	dhcp4.OptRenewTime, dhcp4.OptRebindTime,
}

// newTemplate makes the frame of a kind of message as the first client's.
func newTemplate(c *Config, m message) *template {
	t := &template{frame: make([]byte, 600)}
	tci := make([]uint16, len(c.Tags)) // patched for each client
	eth.Place(t.frame, &t.layers, tci...)
	relayed := len(c.Relays) > 0 && m != renewal && m != release

	msg := dhcp4.Msg(t.frame[t.layers.Payload:])
	msg[0], msg[1], msg[2] = dhcp4.BootRequest, dhcp4.HTypeEthernet, eth.LenMAC
	if relayed {
		msg.SetHops(1)
	}
	if c.Broadcast && (m == discover || m == request) {
		msg.SetFlags(dhcp4.FlagBroadcast)
	}
	binary.BigEndian.PutUint32(msg[offCookie:], dhcp4.Cookie)

	w := dhcp4.NewWriter(msg[dhcp4.OffOptions:])
	// at is where the data of the option that comes next will be.
	at := func() int { return int(t.layers.Payload) + dhcp4.OffOptions + w.Len() + 2 }
	w.PutU8(dhcp4.OptMessageType, [nMessages]uint8{dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Release}[m])
	if c.ClientID {
		t.clientID = at() + 1
		w.Put(dhcp4.OptClientID, append([]byte{dhcp4.HTypeEthernet}, make([]byte, eth.LenMAC)...))
	}
	if m == request {
		t.requested = at()
		w.PutU32(dhcp4.OptRequestedIP, 0)
	}
	if m == request || m == release {
		t.serverID = at()
		w.PutU32(dhcp4.OptServerID, 0)
	}
	if m != release {
		w.Put(dhcp4.OptParameterList, parameterList)
	}
	if relayed {
		t.circuit = at() + 2
		t.remote = t.circuit + circuitLen + 2
		w.Put(dhcp4.OptRelay, appendRelay(nil, 0, MAC{}))
	}
	n, _ := w.End(dhcp4.LenBootp - dhcp4.OffOptions)
	t.frame = t.frame[:int(t.layers.Payload)+dhcp4.OffOptions+n]

	t.headers = eth.Headers4{TTL: ttl, DstPort: dhcp4.ServerPort, SrcPort: dhcp4.ClientPort, Dst: 0xffffffff, DstMAC: broadcastMAC}
	switch {
	case relayed:
		t.headers.SrcPort = dhcp4.ServerPort
		t.headers.Dst = u32(c.Server)
		t.headers.DstMAC = c.ServerMAC
	case m == renewal, m == release:
		t.headers.DstMAC = c.ServerMAC
		t.unicast = true
	}
	return t
}

// appendRelay appends the data of a client's option 82.
func appendRelay(b []byte, client uint32, mac MAC) []byte {
	b = append(b, dhcp4.SubCircuitID, uint8(circuitLen))
	b = append(b, circuitID...)
	var digits [circuitDigits]byte
	putHex(digits[:], client)
	b = append(b, digits[:]...)
	b = append(b, dhcp4.SubRemoteID, eth.LenMAC)
	return append(b, mac[:]...)
}

// putHex writes v in eight hexadecimal digits.
func putHex(b []byte, v uint32) {
	for i := range circuitDigits {
		b[i] = "0123456789abcdef"[v>>(28-4*i)&0xf]
	}
}

// fields are what a message says.
type fields struct {
	client    uint32
	mac       MAC
	xid       uint32
	ciaddr    uint32
	requested uint32
	serverID  uint32
	giaddr    uint32 // 0: not relayed
	id        uint16 // of the IPv4 header
}

// write makes the message in b, which must have room for it, and returns its
// length.
func (t *template) write(c *Config, b []byte, f *fields) int {
	n := len(t.frame)
	b = b[:n]
	copy(b, t.frame)
	for i := range c.Tags {
		binary.BigEndian.PutUint16(b[eth.LenEther+i*eth.LenTag:], c.tag(i, f.client))
	}
	msg := b[t.layers.Payload:]
	binary.BigEndian.PutUint32(msg[offXID:], f.xid)
	binary.BigEndian.PutUint32(msg[offCiaddr:], f.ciaddr)
	copy(msg[offChaddr:], f.mac[:])
	if t.clientID != 0 {
		copy(b[t.clientID:], f.mac[:])
	}
	if t.requested != 0 {
		binary.BigEndian.PutUint32(b[t.requested:], f.requested)
	}
	if t.serverID != 0 {
		binary.BigEndian.PutUint32(b[t.serverID:], f.serverID)
	}
	h := t.headers
	h.ID = f.id
	h.Src = f.ciaddr
	h.SrcMAC = f.mac
	if len(c.Relays) > 0 {
		h.SrcMAC = c.LinkMAC
	}
	if t.circuit != 0 {
		binary.BigEndian.PutUint32(msg[offGiaddr:], f.giaddr)
		putHex(b[t.circuit+len(circuitID):], f.client)
		copy(b[t.remote:], f.mac[:])
		h.Src = f.giaddr
	}
	if t.unicast {
		h.Dst = f.serverID
	}
	return eth.BuildUDP4(b, &t.layers, &h, len(msg))
}

// tag is the VLAN id of a client's tag number i: inner tags run fastest.
func (c *Config) tag(i int, client uint32) uint16 {
	t := c.Tags[i]
	if i == 0 && len(c.Tags) == 2 {
		client /= uint32(c.Tags[1].Count)
	}
	return t.First + uint16(client%uint32(t.Count))
}
