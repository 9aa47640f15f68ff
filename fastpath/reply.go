// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

const (
	replyTTL = 64
	// maxDatagram bounds a reply to a client that says it can take more (option
	// 57 up to 65535): a longer one would have to be fragmented on the way.
	maxDatagram = 1500
)

var broadcastMAC = [eth.LenMAC]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// encode writes h.answer over the request in f. It returns OK, or PuntNoFit with
// f untouched.
func (h *Handler) encode(f *frame.Frame) frame.Reason {
	a, q, m := &h.answer, &h.query, h.msg
	data := f.Data[:cap(f.Data)]
	start := int(h.layers.Payload)
	room := min(len(data)-start, maxMessage(q.MaxSize))

	var block []byte
	if a.Options != nil {
		var ask ask
		ask.set, ask.classes, ask.prl = a.Options, a.Classes, q.PRL
		var ok bool
		if a.Own == nil {
			hash := h.hash
			if a.Options.ID() != h.hashOf {
				hash = h.cache.hash(&ask)
			}
			block, ok = h.cache.block(h.policy, &ask, hash)
		} else {
			block, ok = h.cache.assemble(ask.merged(h.policy), q.PRL, a.Own)
		}
		if !ok {
			return frame.PuntNoFit
		}
	}
	// The class lies in what is about to be overwritten.
	continued := len(block) > 2+255 && policy.IsMicrosoft(q.VendorClass)
	own := a.Own.Encoded()
	echo, echoSum := h.keep(m)

	if max(dhcp4.OffOptions+h.optionsLen(len(block)+len(own)+len(echo)), dhcp4.LenBootp) > room {
		return frame.PuntNoFit
	}

	m = dhcp4.Msg(data[start : start+room : start+room])
	var sum eth.Tally
	sum.Add(0, header(m, a))
	n := dhcp4.OffOptions + fixed(m[dhcp4.OffOptions:], a, &sum)
	at := n
	n += copy(m[n:], block)
	if continued {
		continueOptions(m[at:n])
		h.cache.sum = eth.Sum(m[at:n], 0)
	}
	if len(block) > 0 {
		sum.Add(at, h.cache.sum)
	}
	if len(own) > 0 || a.EchoSubnetSelection || a.Message != "" {
		at = n
		w := dhcp4.NewWriter(m[n:])
		w.PutBlock(own)
		if a.EchoSubnetSelection {
			w.PutU32(dhcp4.OptSubnetSelection, uint32(q.SubnetSelection))
		}
		if a.Message != "" {
			w.PutString(dhcp4.OptMessage, a.Message)
		}
		n += w.Len()
		sum.Add(at, eth.Sum(m[at:n], 0))
	}
	if len(echo) > 0 {
		sum.Add(n, echoSum)
		n += copy(m[n:], echo)
	}
	m[n] = dhcp4.OptEnd
	sum.Add(n, dhcp4.OptEnd<<8)
	n++
	if n < dhcp4.LenBootp {
		clear(m[n:dhcp4.LenBootp])
		n = dhcp4.LenBootp
	}

	h.address(f.Port, data)
	f.Data = data[:eth.BuildUDP4Sum(data, &h.layers, &h.headers, n, sum.Sum())]
	return frame.OK
}

// fixed writes the options that nearly every answer begins with, and returns
// their length. optionsLen has found room for them, and a BOOTP message has room
// behind them.
//
// Each is one store, of eight bytes where the option has six: what is too much
// lies under the next one. They begin at odd offsets, but for the first.
func fixed(to []byte, a *exchange.Answer, sum *eth.Tally) int {
	p := (*[dhcp4.LenBootp - dhcp4.OffOptions]byte)(to)
	p[0], p[1], p[2] = dhcp4.OptMessageType, 1, a.Type
	sum.Add(0, dhcp4.OptMessageType<<8+1+uint32(a.Type)<<8)
	put := func(n int, code uint32, v uint32) {
		binary.BigEndian.PutUint64(p[n:n+8], uint64(code)<<56|4<<48|uint64(v)<<16)
		sum.Add(1, code<<8+4+v>>16+v&0xffff)
	}
	put(3, dhcp4.OptServerID, uint32(a.ServerID))
	if !a.HasTimes {
		return 9
	}
	put(9, dhcp4.OptLeaseTime, a.Valid)
	n := 15
	if a.Renew != 0 {
		put(15, dhcp4.OptRenewTime, a.Renew)
		n = 21
	}
	if a.Rebind != 0 {
		put(n, dhcp4.OptRebindTime, a.Rebind)
		n += 6
	}
	return n
}

// continueOptions turns the second and later parts of each split option of a
// block into options 250: Microsoft's clients do not join what RFC 3396 splits
// ([MS-DHCPE] §3.2.5.2, §2.2.9). The length stays the same.
func continueOptions(block []byte) {
	for last := uint8(dhcp4.OptPad); len(block) >= 2; {
		code := block[0]
		if code == last {
			block[0] = dhcp4.OptMSContinuation
		}
		last = code
		block = block[2+int(block[1]):]
	}
}

// maxMessage is the greatest length of a DHCP message to a client that sent
// this option 57 (0: none). RFC 2132 §9.10: "The minimum legal value is 576
// octets"; a client that says less is taken to mean that. IP and UDP headers
// are part of it.
func maxMessage(option57 uint16) int {
	return min(max(int(option57), dhcp4.MinMaxSize), maxDatagram) - dhcp4.LenIPUDP
}

// keep puts what is echoed aside, since it comes out of the request's options,
// over which the reply's are about to be written, and sums it. RFC 6842 §3: the
// client identifier goes back as it came. RFC 3046 §2.2: so does the relay's
// information, as the last option.
func (h *Handler) keep(m dhcp4.Msg) (echo []byte, sum uint32) {
	a := &h.answer
	if !a.EchoClientID && !a.EchoRelay {
		return nil, 0
	}
	n := 0
	if a.EchoClientID {
		n = copy(h.echo[:], h.options.Raw(m, dhcp4.OptClientID))
	}
	if a.EchoRelay {
		if a.DropVSS || a.DropVSSControl {
			n += h.keepRelay(h.echo[n:])
		} else {
			n += copy(h.echo[n:], h.options.Raw(m, dhcp4.OptRelay))
		}
	}
	return h.echo[:n], eth.Sum(h.echo[:n], 0)
}

// keepRelay is option 82 without the sub-options that the relay agent must not
// see again (RFC 6607 §7.2), and nothing if it holds no others.
func (h *Handler) keepRelay(to []byte) int {
	n := 2
	for r := dhcp4.Relay(h.query.Client.Relay); ; {
		code, data, rest, ok := r.Next()
		if !ok {
			break
		}
		if code != dhcp4.SubVSSControl && (code != dhcp4.SubVSS || !h.answer.DropVSS) {
			to[n], to[n+1] = code, uint8(len(data))
			n += 2 + copy(to[n+2:], data)
		}
		r = rest
	}
	if n == 2 {
		return 0
	}
	to[0], to[1] = dhcp4.OptRelay, uint8(n-2)
	return n
}

// optionsLen is the length of the options field with END, for blocks and an echo
// of together n bytes. It counts what encode writes.
func (h *Handler) optionsLen(n int) int {
	a := &h.answer
	n += 3 + 6 + 1 // message type, server identifier, END
	if a.HasTimes {
		n += 6
		if a.Renew != 0 {
			n += 6
		}
		if a.Rebind != 0 {
			n += 6
		}
	}
	if a.EchoSubnetSelection {
		n += 6
	}
	if a.Message != "" {
		n += dhcp4.Size(len(a.Message))
	}
	return n
}

// header turns the request's header into the reply's (RFC 2131 table 3) and
// returns its sum, which ends with the cookie.
func header(m dhcp4.Msg, a *exchange.Answer) (sum uint32) {
	b := a.Boot
	next := uint32(0)
	if b != nil {
		next = uint32(b.NextServer)
	}
	sum = m.Reply(a.Flags, uint32(a.Ciaddr), uint32(a.Yiaddr), next) + dhcp4.Cookie>>16 + dhcp4.Cookie&0xffff
	if b == nil || len(b.ServerName)|len(b.BootFile) == 0 { // the usual case
		m.ClearNames()
		return sum
	}
	m.SetSName(b.ServerName)
	m.SetFile(b.BootFile)
	return sum + eth.Sum(m.SName(), 0) + eth.Sum(m.File(), 0)
}

// address fills h.headers for the answer (RFC 2131 §4.1). data still has the
// request's Ethernet header.
func (h *Handler) address(port uint16, data []byte) {
	a, to := &h.answer, &h.headers
	to.SrcMAC = h.policy.Ports[port].MAC
	to.Src, to.Dst = uint32(a.Source), uint32(a.DestIP)
	to.SrcPort, to.DstPort = dhcp4.ServerPort, dhcp4.ClientPort
	to.ID, to.TTL = h.ipID, replyTTL
	h.ipID++
	switch a.To {
	case exchange.ToRelay:
		to.DstPort = dhcp4.ServerPort
		if h.relayPort {
			to.DstPort = h.layers.SrcPort
		}
		to.DstMAC = [eth.LenMAC]byte(eth.SrcMAC(data))
	case exchange.ToCiaddr:
		to.DstMAC = [eth.LenMAC]byte(eth.SrcMAC(data))
	case exchange.ToClient:
		to.DstMAC = broadcastMAC
		if hw := h.query.Client.HW; len(hw) == eth.LenMAC {
			to.DstMAC = [eth.LenMAC]byte(hw)
		}
	default:
		to.DstMAC = broadcastMAC
	}
}
