// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
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
		var salt uint32
		if a.Subnet != nil {
			salt = uint32(a.Subnet.Base)
		}
		var ok bool
		if a.Own == nil {
			block, ok = h.cache.block(a.Options, salt, q.PRL)
		} else {
			block, ok = h.cache.assemble(a.Options, q.PRL, a.Own)
		}
		if !ok {
			return frame.PuntNoFit
		}
	}
	// The class lies in what is about to be overwritten.
	continued := len(block) > 2+255 && policy.IsMicrosoft(q.VendorClass)
	own := a.Own.Encoded()
	echo := h.keep(m)

	if max(dhcp4.OffOptions+h.optionsLen(len(block)+len(own)+len(echo)), dhcp4.LenBootp) > room {
		return frame.PuntNoFit
	}

	m = dhcp4.Msg(data[start : start+room : start+room])
	header(m, a)
	w := dhcp4.NewWriter(m[dhcp4.OffOptions:])
	w.PutU8(dhcp4.OptMessageType, a.Type)
	w.PutU32(dhcp4.OptServerID, uint32(a.ServerID))
	if a.HasTimes {
		w.PutU32(dhcp4.OptLeaseTime, a.Valid)
		if a.Renew != 0 {
			w.PutU32(dhcp4.OptRenewTime, a.Renew)
		}
		if a.Rebind != 0 {
			w.PutU32(dhcp4.OptRebindTime, a.Rebind)
		}
	}
	at := w.Len()
	w.PutBlock(block)
	if continued {
		continueOptions(m[dhcp4.OffOptions+at : dhcp4.OffOptions+at+len(block)])
	}
	w.PutBlock(own)
	if a.EchoSubnetSelection {
		w.PutU32(dhcp4.OptSubnetSelection, uint32(q.SubnetSelection))
	}
	if a.Message != "" {
		w.PutString(dhcp4.OptMessage, a.Message)
	}
	w.PutBlock(echo)
	n, _ := w.End(dhcp4.LenBootp - dhcp4.OffOptions)

	h.address(f.Port, data)
	f.Data = data[:eth.BuildUDP4(data, &h.layers, &h.headers, dhcp4.OffOptions+n)]
	return frame.OK
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
// over which the reply's are about to be written. RFC 6842 §3: the client
// identifier goes back as it came. RFC 3046 §2.2: so does the relay's
// information, as the last option.
func (h *Handler) keep(m dhcp4.Msg) []byte {
	a, n := &h.answer, 0
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
	return h.echo[:n]
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

// header turns the request's header into the reply's (RFC 2131 table 3): xid,
// htype, hlen, giaddr and chaddr stay as they are.
func header(m dhcp4.Msg, a *exchange.Answer) {
	m.SetOp(dhcp4.BootReply)
	m.SetHops(0)
	m.SetSecs(0)
	m.SetFlags(a.Flags)
	m.SetCiaddr(uint32(a.Ciaddr))
	m.SetYiaddr(uint32(a.Yiaddr))
	b := a.Boot
	if b == nil {
		m.SetSiaddr(0)
		m.ClearNames()
		return
	}
	m.SetSiaddr(uint32(b.NextServer))
	if len(b.ServerName)|len(b.BootFile) == 0 { // the usual case
		m.ClearNames()
		return
	}
	m.SetSName(b.ServerName)
	m.SetFile(b.BootFile)
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
