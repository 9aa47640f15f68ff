// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// Stub answers clients as a server would that has no state: the address is
// the first one plus the last three bytes of the hardware address, and every
// renewal is granted. What a generator reaches against it is the generator's
// limit.
type Stub struct {
	// MAC is the source of answers that are broadcast to the server.
	MAC MAC
	// ServerID is the server identifier and the source of answers.
	ServerID netip.Addr
	// First is the address of a client whose hardware address ends in zeros.
	First netip.Addr
	// First6 and Delegated are the same for DHCPv6: an address, and a prefix of 56
	// bits.
	First6, Delegated netip.Addr
	// Lease is in seconds.
	Lease uint32

	options dhcp4.Options
	layers  eth.Layers
	relay   [257]byte
	six     stub6
}

// Answer turns a request into its answer in place; false if there is none.
func (s *Stub) Answer(f *frame.Frame) bool {
	b, l := f.Data, &s.layers
	if eth.Parse(b, l) != frame.OK {
		return false
	}
	if l.V6 {
		return l.DstPort == serverPort6 && s.First6.IsValid() && s.Delegated.IsValid() && s.answer6(f)
	}
	if l.DstPort != dhcp4.ServerPort {
		return false
	}
	m := dhcp4.Msg(b[l.Payload:l.End])
	if dhcp4.Check(m) != frame.OK || m.HLen() != eth.LenMAC || s.options.Scan(m) != frame.OK {
		return false
	}
	var typ uint8
	switch s.options.Type(m) {
	case dhcp4.Discover:
		typ = dhcp4.Offer
	case dhcp4.Request:
		typ = dhcp4.Ack
	default:
		return false
	}
	id := u32(s.ServerID)
	relay := s.relay[:copy(s.relay[:], s.options.Raw(m, dhcp4.OptRelay))]
	mac := m.Chaddr()
	yiaddr := m.Ciaddr()
	if yiaddr == 0 {
		yiaddr = u32(s.First) + binary.BigEndian.Uint32(mac[2:])&0xffffff
	}
	m = b[l.Payload:cap(b)]
	m.SetOp(dhcp4.BootReply)
	m.SetHops(0)
	m.SetSecs(0)
	m.SetYiaddr(yiaddr)
	w := dhcp4.NewWriter(m[dhcp4.OffOptions:])
	w.PutU8(dhcp4.OptMessageType, typ)
	w.PutU32(dhcp4.OptServerID, id)
	w.PutU32(dhcp4.OptLeaseTime, s.Lease)
	w.PutU32(dhcp4.OptSubnetMask, 0xff000000)
	w.PutU32(dhcp4.OptRouters, id)
	w.PutBlock(relay)
	n, ok := w.End(dhcp4.LenBootp - dhcp4.OffOptions)
	if !ok {
		return false
	}

	h := eth.Headers4{Src: id, SrcPort: dhcp4.ServerPort, DstPort: dhcp4.ClientPort, TTL: ttl,
		DstMAC: MAC(eth.SrcMAC(b)), SrcMAC: MAC(eth.DstMAC(b))}
	if h.SrcMAC[0]&1 != 0 {
		h.SrcMAC = s.MAC
	}
	switch {
	case m.Giaddr() != 0:
		h.Dst, h.DstPort = m.Giaddr(), dhcp4.ServerPort
	case m.Ciaddr() != 0:
		h.Dst = m.Ciaddr()
	case m.Flags()&dhcp4.FlagBroadcast != 0:
		h.Dst, h.DstMAC = 0xffffffff, broadcastMAC
	default:
		h.Dst, h.DstMAC = yiaddr, MAC(mac)
	}
	end := eth.BuildUDP4(b[:cap(b)], l, &h, dhcp4.OffOptions+n)
	f.Data = b[:end]
	return true
}

// Serve answers what the transport receives until ctx ends. The caller locks
// the thread if it wants that.
func (s *Stub) Serve(ctx context.Context, t Transport) error {
	if !s.ServerID.Is4() || !s.First.Is4() {
		return fmt.Errorf("stub: server identifier %v and first address %v: want IPv4", s.ServerID, s.First)
	}
	if s.MAC == (MAC{}) {
		s.MAC = t.Info().MAC
	}
	var in, out, rest [batch]frame.Frame
	for ctx.Err() == nil {
		n := t.Recv(in[:])
		if n == 0 {
			if err := t.Wait(patience); err != nil {
				return fmt.Errorf("stub: %w", err)
			}
			continue
		}
		answers, others := 0, 0
		for i := range in[:n] {
			if s.Answer(&in[i]) {
				out[answers] = in[i]
				answers++
			} else {
				rest[others] = in[i]
				others++
			}
		}
		t.Free(rest[:others])
		t.Send(out[:answers])
		if err := t.Flush(); err != nil {
			return fmt.Errorf("stub: %w", err)
		}
	}
	return nil
}
