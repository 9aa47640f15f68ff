// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// stub6 is the DHCPv6 half of a Stub.
type stub6 struct {
	chain   dhcp6.Chain
	options dhcp6.Options
	duid    [duidLen]byte
	room    [1024]byte
}

// delegatedLen is how long the stub's prefixes are.
const delegatedLen = 56

// answer6 turns a DHCPv6 request into its answer in place; false if there is none.
func (s *Stub) answer6(f *frame.Frame) bool {
	b, l, x := f.Data, &s.layers, &s.six
	if x.chain.Unwrap(dhcp6.Msg(b[l.Payload:l.End])) != frame.OK {
		return false
	}
	m := x.chain.Msg()
	if dhcp6.CheckType(m) != frame.OK || x.options.Scan(m) != frame.OK {
		return false
	}
	duid, ok := x.options.Get(m, dhcp6.OptClientID)
	if !ok || len(duid) != duidLen {
		return false
	}
	typ := uint8(dhcp6.Reply)
	switch m.Type() {
	case dhcp6.Solicit:
		typ = dhcp6.Advertise
	case dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release:
	default:
		return false
	}
	const front = 256 // for the relays' headers
	w := dhcp6.NewMessage(x.room[front:], typ, m.XID())
	w.Put(dhcp6.OptClientID, duid)
	putDUID(x.duid[:], s.MAC)
	w.Put(dhcp6.OptServerID, x.duid[:])
	n := binary.BigEndian.Uint32(duid[6:]) & 0xffffff
	for i := range x.options.NumIAs() {
		ia := x.options.IA(m, i)
		if ia.Code == dhcp6.OptIATA {
			continue
		}
		mark := w.OpenIA(ia.Code, ia.ID, 0, 0)
		switch {
		case m.Type() == dhcp6.Release:
		case ia.Code == dhcp6.OptIAPD:
			p := s.Delegated.As16()
			binary.BigEndian.PutUint64(p[:], binary.BigEndian.Uint64(p[:])+uint64(n)<<(64-delegatedLen))
			w.PutPrefix(p, delegatedLen, s.Lease, s.Lease)
		default:
			a := s.First6.As16()
			binary.BigEndian.PutUint64(a[8:], binary.BigEndian.Uint64(a[8:])+uint64(n)+1)
			w.PutAddr(a, s.Lease, s.Lease)
		}
		w.Close(mark)
	}
	size, ok := w.End()
	if !ok {
		return false
	}
	off, size, ok := x.chain.Wrap(x.room[:], front, size)
	if !ok || int(l.Payload)+size > cap(b) {
		return false
	}
	ip := eth.IPv6(b[l.L3:])
	h := eth.Headers6{
		SrcMAC: MAC(eth.DstMAC(b)), DstMAC: MAC(eth.SrcMAC(b)), Src: [16]byte(ip.Dst()), Dst: [16]byte(ip.Src()),
		SrcPort: serverPort6, DstPort: clientPort6, HopLimit: hopLimit,
	}
	if h.SrcMAC[0]&1 != 0 {
		h.SrcMAC = s.MAC
	}
	if h.Src[0] == 0xff { // a group cannot answer
		h.Src = linkLocal(s.MAC)
	}
	if x.chain.N() > 0 {
		h.DstPort = serverPort6
	}
	b = b[:cap(b)]
	copy(b[l.Payload:], x.room[off:off+size])
	f.Data = b[:eth.BuildUDP6(b, l, &h, size)]
	return true
}
