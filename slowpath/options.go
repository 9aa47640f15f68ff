// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
)

// options are all options of one message with their parts joined: each code has
// one value, whatever fields and however many parts it came in. It is made for
// reuse; a value is valid until the next collect.
type options struct {
	msg     dhcp4.Msg
	present [4]uint64
	value   [256][]byte         // meaningful where present says so
	parts   []layers.DHCPOption // in the order of RFC 3396 §5
	joined  []byte              // memory of the values that came in several parts
}

// Values of option 52 (RFC 2132 §9.3): a bit for each field that holds options.
const (
	overloadFile  = 1
	overloadSName = 2
)

// collect takes the parts that gopacket found in m's options field, adds those
// of the overloaded fields, and joins them. The order is options, file, sname
// (RFC 2131 §4.1, RFC 3396 §5), and joining comes before any value is looked at
// (RFC 3396 §7). It returns OK or BadOption.
func (o *options) collect(m dhcp4.Msg, field []layers.DHCPOption) frame.Reason {
	o.msg = m
	o.present = [4]uint64{}
	o.parts = o.parts[:0]
	for _, part := range field {
		// gopacket gives pads as options without data.
		if part.Type != layers.DHCPOptPad {
			o.parts = append(o.parts, part)
		}
	}
	over, why := o.overload()
	if why == frame.OK && over&overloadFile != 0 {
		why = o.field(m.File())
	}
	if why == frame.OK && over&overloadSName != 0 {
		why = o.field(m.SName())
	}
	if why != frame.OK {
		return why
	}
	o.join(len(m))
	if o.has(dhcp4.OptMSContinuation) && policy.IsMicrosoft(o.value[dhcp4.OptVendorClass]) && o.has(dhcp4.OptVendorClass) {
		o.continued()
		o.present = [4]uint64{}
		o.join(len(m))
	}
	return o.check()
}

// continued makes each option 250 of a Microsoft client a part of the option right
// before it: the form in which such clients send what is longer than 255 bytes,
// instead of RFC 3396's ([MS-DHCPE] §2.2.9). A first option 250 continues nothing
// and stays what it is.
func (o *options) continued() {
	for i := 1; i < len(o.parts); i++ {
		if o.parts[i].Type == dhcp4.OptMSContinuation {
			o.parts[i].Type = o.parts[i-1].Type
		}
	}
}

// overload reads option 52, which counts in the options field only (RFC 2131
// §4.1: it "MUST appear in the 'options' field").
func (o *options) overload() (uint8, frame.Reason) {
	var over uint8
	for _, part := range o.parts {
		if part.Type != dhcp4.OptOverload {
			continue
		}
		if over != 0 || len(part.Data) != 1 || part.Data[0] == 0 || part.Data[0] > overloadFile|overloadSName {
			return 0, frame.BadOption
		}
		over = part.Data[0]
	}
	return over, frame.OK
}

// field appends the parts in an overloaded field. A missing END is tolerated as
// it is in the options field. An option 52 means nothing here.
func (o *options) field(b []byte) frame.Reason {
	for i := 0; i < len(b); {
		code := b[i]
		if code == dhcp4.OptPad {
			i++
			continue
		}
		if code == dhcp4.OptEnd {
			break
		}
		// RFC 2131 §4.1: an option lies in its field as a whole.
		if i+2 > len(b) || i+2+int(b[i+1]) > len(b) {
			return frame.BadOption
		}
		end := i + 2 + int(b[i+1])
		if code != dhcp4.OptOverload {
			o.parts = append(o.parts, layers.DHCPOption{
				Type: layers.DHCPOpt(code), Length: b[i+1], Data: b[i+2 : end : end],
			})
		}
		i = end
	}
	return frame.OK
}

// join gives each code its value: a view of the message where it came in one
// part, else a copy of all parts in their order. size is the message's length,
// which bounds the sum of all copies.
func (o *options) join(size int) {
	var total [256]int // of the codes that have more than one part
	split := false
	for _, part := range o.parts {
		code := uint8(part.Type)
		if o.has(code) {
			if total[code] == 0 {
				total[code] = len(o.value[code])
			}
			total[code] += len(part.Data)
			split = true
			continue
		}
		o.present[code>>6] |= 1 << (code & 63)
		o.value[code] = part.Data
	}
	if !split {
		return
	}
	// Values are handed out as views of joined, so it may not move any more.
	if cap(o.joined) < size {
		o.joined = make([]byte, size)
	}
	room := o.joined[:cap(o.joined)]
	var begun [4]uint64
	for _, part := range o.parts {
		code := uint8(part.Type)
		if total[code] == 0 {
			continue
		}
		if begun[code>>6]>>(code&63)&1 == 0 {
			begun[code>>6] |= 1 << (code & 63)
			o.value[code] = room[:0:total[code]]
			room = room[total[code]:]
		}
		o.value[code] = append(o.value[code], part.Data...)
	}
}

// check refuses the impossible lengths that dhcp4.Options.Scan refuses, for the
// joined values: a message must not be judged by the path that it takes. (A
// test holds this table against that one.)
func (o *options) check() frame.Reason {
	for _, r := range &rules {
		v, ok := o.get(r.code)
		if ok && (len(v) < r.least || r.exact && len(v) > r.least) {
			return frame.BadOption
		}
	}
	if relay, ok := o.get(dhcp4.OptRelay); ok && !dhcp4.Relay(relay).Valid() {
		return frame.BadOption
	}
	return frame.OK
}

type rule struct {
	code  uint8
	least int
	exact bool
}

var rules = [...]rule{
	{dhcp4.OptRequestedIP, 4, true},
	{dhcp4.OptLeaseTime, 4, true},
	{dhcp4.OptMessageType, 1, true},
	{dhcp4.OptServerID, 4, true},
	{dhcp4.OptParameterList, 1, false},
	{dhcp4.OptMaxSize, 2, true},
	{dhcp4.OptRenewTime, 4, true},
	{dhcp4.OptRebindTime, 4, true},
	{dhcp4.OptClientID, 2, false},
	{dhcp4.OptRapidCommit, 0, true},
	{dhcp4.OptFQDN, 3, false},
	{dhcp4.OptRelay, 2, false},
	{dhcp4.OptLastTransaction, 4, true},
	{dhcp4.OptAutoConfigure, 1, true},
	{dhcp4.OptSubnetSelection, 4, true},
}

func (o *options) has(code uint8) bool { return o.present[code>>6]>>(code&63)&1 != 0 }

// Option is get for the expressions of the policy (policy.Packet).
func (o *options) Option(code uint8) ([]byte, bool) { return o.get(code) }

// headerFields are what expressions may look at of the header: offset and length (RFC 2131
// table 1).
var headerFields = map[string][2]int{
	"op": {0, 1}, "htype": {1, 1}, "hlen": {2, 1}, "hops": {3, 1}, "xid": {4, 4}, "secs": {8, 2}, "flags": {10, 2},
	"ciaddr": {12, 4}, "yiaddr": {16, 4}, "siaddr": {20, 4}, "giaddr": {24, 4},
}

// Header is a field of the header (policy.HeaderPacket); nil: there is none such.
func (o *options) Header(name string) []byte {
	f, ok := headerFields[name]
	if !ok || f[0]+f[1] > len(o.msg) {
		return nil
	}
	return o.msg[f[0] : f[0]+f[1]]
}

// messageType is option 53, or what exchange has for its absence and for a value
// that would be mistaken for that.
func (o *options) messageType() uint8 {
	typ, ok := o.u8(dhcp4.OptMessageType)
	switch {
	case !ok:
		return exchange.Bootp
	case typ == exchange.Bootp:
		return 0
	}
	return typ
}

// get is the option's value, with all parts joined.
func (o *options) get(code uint8) ([]byte, bool) {
	if !o.has(code) {
		return nil, false
	}
	return o.value[code], true
}

// u8, u16, u32 and ip are the values of options whose length check has proved.
func (o *options) u8(code uint8) (uint8, bool) {
	b, ok := o.get(code)
	if !ok || len(b) != 1 {
		return 0, false
	}
	return b[0], true
}

func (o *options) u16(code uint8) (uint16, bool) {
	b, ok := o.get(code)
	if !ok || len(b) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

func (o *options) ip(code uint8) (lease.IP4, bool) {
	v, ok := o.u32(code)
	return lease.IP4(v), ok
}

func (o *options) u32(code uint8) (uint32, bool) {
	b, ok := o.get(code)
	if !ok || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}
