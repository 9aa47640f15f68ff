// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
)

// encoder writes the options of a reply into the fields of a message.
//
// They go into the options field in the order of the in-place path for as long
// as that has room. When it has not, the encoder starts again with the file and
// sname fields added, where they are free (option 52), and then places each
// option in turn into the first field that takes it whole; an option that no
// field takes whole is split over them (RFC 3396 §6); one for which all of them
// together are too small is left out. What the protocol needs is placed first.
//
// Microsoft's clients join no parts of RFC 3396. What is longer than 255 bytes
// goes to them with option 250 behind it ([MS-DHCPE] §2.2.9, §3.2.5.2), which
// continues "the option right before it", so all in one field or not at all.
type encoder struct {
	areas [3]area // the aggregate option buffer of RFC 3396 §5, in its order
	n     int     // areas in use: 1 without overload
	codes policy.Codes
	num   [4]byte
	text  [255]byte
	relay []byte // option 82's value where not all of it goes back
	// microsoft says that the client wants long options continued by option 250
	// ([MS-DHCPE] §3.2.5.2).
	microsoft bool
}

const (
	areaOptions = iota
	areaFile
	areaSName
)

// area is one field that holds options. A byte is kept back for END.
type area struct {
	b    []byte
	n    int
	kept int // bytes kept back for what must be last in the options field
	over byte
}

func (a *area) room() int { return len(a.b) - a.n - a.kept - 1 }

// capacity is how many bytes of one option the area takes, in pieces.
func (a *area) capacity() int {
	r := max(a.room(), 0)
	return r/257*255 + max(r%257-2, 0)
}

// put appends pieces of one option until data or the room ends; it returns what
// is left of the data. The pieces after the first have the code next.
func (a *area) put(code, next uint8, data []byte) []byte {
	for {
		n := min(len(data), 255, a.room()-2)
		if n < 0 || n == 0 && len(data) > 0 {
			return data
		}
		a.b[a.n], a.b[a.n+1] = code, uint8(n)
		copy(a.b[a.n+2:], data[:n])
		a.n += 2 + n
		if data = data[n:]; len(data) == 0 {
			return nil
		}
		code = next
	}
}

// encodedLen is the length of an option with n bytes of data, in pieces of 255.
func encodedLen(n int) int { return n + 2*max(1, (n+254)/255) }

// Overflow says what a reply could not carry.
type Overflow struct {
	Options uint8 // how many options were left out
	Relay   bool  // option 82 was: RFC 3046 §2.2 wants that counted
}

// options writes the options of the answer a to the query q into m, whose
// header is complete and whose length is the limit. It returns the length of
// the message.
func (e *encoder) options(m dhcp4.Msg, q *exchange.Query, a *exchange.Answer) (n int, over Overflow) {
	codes := a.Options.Select(q.PRL, &e.codes)
	e.microsoft = policy.IsMicrosoft(q.VendorClass)
	relay := e.echo(q, a)
	o := &e.areas[areaOptions]
	*o = area{b: m[dhcp4.OffOptions:]}
	e.n = 1
	if a.Type == exchange.Bootp {
		// Such a client knows of no overload, and its field may be small: what
		// the relay agent must have goes before what the client might.
		if r := encodedLen(len(relay)); relay != nil && r < len(o.b) {
			o.kept = r
		}
		over = e.write(q, a, codes, relay)
	} else if over = e.write(q, a, codes, relay); over != (Overflow{}) {
		e.overload(m, a)
		o.n, o.kept = 0, encodedLen(1)
		// What must be in the options field (RFC 3046 §2.2) goes before what the
		// client would like to have there.
		if r := encodedLen(len(relay)); relay != nil && r <= relayShare(len(o.b)) {
			o.kept += r
		}
		over = e.write(q, a, codes, relay)
	}
	return e.end(m), over
}

// echo is the value of option 82 in the answer; nil: it has none. RFC 6607 §7.2:
// there are sub-options that the relay agent must not see again.
func (e *encoder) echo(q *exchange.Query, a *exchange.Answer) []byte {
	if !a.EchoRelay || len(q.Client.Relay) == 0 {
		return nil
	}
	if !a.DropVSS && !a.DropVSSControl {
		return q.Client.Relay
	}
	e.relay = e.relay[:0]
	for r := dhcp4.Relay(q.Client.Relay); ; {
		code, data, rest, ok := r.Next()
		if !ok {
			break
		}
		if code != dhcp4.SubVSSControl && (code != dhcp4.SubVSS || !a.DropVSS) {
			e.relay = append(append(e.relay, code, uint8(len(data))), data...)
		}
		r = rest
	}
	if len(e.relay) == 0 {
		return nil
	}
	return e.relay
}

// relayShare bounds what is kept back for option 82 of an options field of n
// bytes: option 53, 54, 51, 58, 59, 52 and END must have room beside it.
func relayShare(n int) int { return n - 3 - 6 - 6 - 6 - 6 - 3 - 1 }

// overload adds the free fields of m to the areas. A NAK MUST NOT use them
// (RFC 2131 table 3); a field that names a boot server or file is taken.
func (e *encoder) overload(m dhcp4.Msg, a *exchange.Answer) {
	if a.Type == dhcp4.Nak {
		return
	}
	if f := m.File(); f[0] == 0 {
		e.areas[e.n] = area{b: f, over: overloadFile}
		e.n++
	}
	if s := m.SName(); s[0] == 0 {
		e.areas[e.n] = area{b: s, over: overloadSName}
		e.n++
	}
}

// write places all options of the reply. The order is that of the in-place
// path; with overload, option 61 comes forward, since it must be there. A reply to
// a BOOTP client has no option 53 (RFC 1534 §2) and is no server's that could be
// chosen by option 54.
func (e *encoder) write(q *exchange.Query, a *exchange.Answer, codes []uint8, relay []byte) (over Overflow) {
	place := func(code uint8, data []byte) {
		if !e.place(code, data) {
			over.Options++
		}
	}
	if a.Type != exchange.Bootp {
		place(dhcp4.OptMessageType, append(e.num[:0], a.Type))
		if a.ServerID != 0 { // RFC 6926 §8.3: of many answers on a connection only the first
			place(dhcp4.OptServerID, e.u32(uint32(a.ServerID)))
		}
	}
	if a.HasTimes {
		place(dhcp4.OptLeaseTime, e.u32(a.Valid))
		if a.Renew != 0 {
			place(dhcp4.OptRenewTime, e.u32(a.Renew))
		}
		if a.Rebind != 0 {
			place(dhcp4.OptRebindTime, e.u32(a.Rebind))
		}
	}
	var id []byte
	if a.EchoClientID {
		id = q.Client.ClientID
	}
	if id != nil && e.n > 1 {
		place(dhcp4.OptClientID, id)
	}
	for _, code := range codes {
		if a.Own.Has(code) || !a.Only.Has(code) {
			continue
		}
		if data, ok := a.Options.Get(code); ok {
			place(code, data)
		}
	}
	for own := a.Own.Encoded(); len(own) >= 2; {
		n := 2 + int(own[1])
		place(own[0], own[2:n])
		own = own[n:]
	}
	if a.EchoSubnetSelection {
		place(dhcp4.OptSubnetSelection, e.u32(uint32(q.SubnetSelection)))
	}
	if a.Message != "" {
		place(dhcp4.OptMessage, e.text[:copy(e.text[:], a.Message)])
	}
	if id != nil && e.n == 1 {
		place(dhcp4.OptClientID, id)
	}
	o := &e.areas[areaOptions]
	o.kept = 0
	if v := e.overloaded(); v != 0 {
		o.put(dhcp4.OptOverload, dhcp4.OptOverload, append(e.num[:0], v))
	}
	// Last, whole or not at all (RFC 3046 §2.2).
	if relay != nil {
		if encodedLen(len(relay)) <= o.room() {
			o.put(dhcp4.OptRelay, dhcp4.OptRelay, relay)
		} else {
			over.Options++
			over.Relay = true
		}
	}
	return over
}

func (e *encoder) u32(v uint32) []byte { return binary.BigEndian.AppendUint32(e.num[:0], v) }

// place puts one option where it fits; see encoder.
func (e *encoder) place(code uint8, data []byte) bool {
	capacity, next := 0, code
	if e.microsoft {
		next = dhcp4.OptMSContinuation
	}
	for i := range e.areas[:e.n] {
		a := &e.areas[i]
		if encodedLen(len(data)) <= a.room() {
			a.put(code, next, data)
			return true
		}
		capacity += a.capacity()
	}
	if e.n == 1 || len(data) == 0 || capacity < len(data) || e.microsoft {
		return false
	}
	for i := range e.areas[:e.n] {
		if data = e.areas[i].put(code, code, data); data == nil {
			return true
		}
	}
	return false
}

// overloaded is the value for option 52: which of the fields hold options.
func (e *encoder) overloaded() (v byte) {
	for i := range e.areas[1:e.n] {
		if a := &e.areas[1+i]; a.n > 0 {
			v |= a.over
		}
	}
	return v
}

// end terminates and pads every field in use (RFC 2131 §4.1); the message gets
// the least length of BOOTP. It returns the length.
func (e *encoder) end(m dhcp4.Msg) int {
	for i := range e.areas[:e.n] {
		a := &e.areas[i]
		if i > 0 && a.n == 0 {
			continue // stays a field of zeros
		}
		a.b[a.n] = dhcp4.OptEnd
		a.n++
		if i > 0 {
			clear(a.b[a.n:])
		}
	}
	n := dhcp4.OffOptions + e.areas[areaOptions].n
	if n < dhcp4.LenBootp {
		clear(m[n:dhcp4.LenBootp])
		n = dhcp4.LenBootp
	}
	return n
}
