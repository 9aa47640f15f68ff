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
type encoder struct {
	areas [3]area // the aggregate option buffer of RFC 3396 §5, in its order
	n     int     // areas in use: 1 without overload
	codes policy.Codes
	num   [4]byte
	text  [255]byte
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
// is left of the data.
func (a *area) put(code uint8, data []byte) []byte {
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
	o := &e.areas[areaOptions]
	*o = area{b: m[dhcp4.OffOptions:]}
	e.n = 1
	if over = e.write(q, a, codes); over != (Overflow{}) {
		e.overload(m, a)
		o.n, o.kept = 0, encodedLen(1)
		// What must be in the options field (RFC 3046 §2.2) goes before what the
		// client would like to have there.
		if r := encodedLen(len(q.Client.Relay)); len(q.Client.Relay) > 0 && r <= relayShare(len(o.b)) {
			o.kept += r
		}
		over = e.write(q, a, codes)
	}
	return e.end(m), over
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
// path; with overload, option 61 comes forward, since it must be there.
func (e *encoder) write(q *exchange.Query, a *exchange.Answer, codes []uint8) (over Overflow) {
	place := func(code uint8, data []byte) {
		if !e.place(code, data) {
			over.Options++
		}
	}
	place(dhcp4.OptMessageType, append(e.num[:0], a.Type))
	place(dhcp4.OptServerID, e.u32(uint32(a.ServerID)))
	if a.HasTimes {
		place(dhcp4.OptLeaseTime, e.u32(a.Valid))
		if a.Renew != 0 {
			place(dhcp4.OptRenewTime, e.u32(a.Renew))
		}
		if a.Rebind != 0 {
			place(dhcp4.OptRebindTime, e.u32(a.Rebind))
		}
	}
	id := q.Client.ClientID
	if id != nil && e.n > 1 {
		place(dhcp4.OptClientID, id)
	}
	for _, code := range codes {
		if data, ok := a.Options.Get(code); ok {
			place(code, data)
		}
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
		o.put(dhcp4.OptOverload, append(e.num[:0], v))
	}
	// Last, whole or not at all (RFC 3046 §2.2).
	if r := q.Client.Relay; len(r) > 0 {
		if encodedLen(len(r)) <= o.room() {
			o.put(dhcp4.OptRelay, r)
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
	capacity := 0
	for i := range e.areas[:e.n] {
		a := &e.areas[i]
		if encodedLen(len(data)) <= a.room() {
			a.put(code, data)
			return true
		}
		capacity += a.capacity()
	}
	if e.n == 1 || len(data) == 0 || capacity < len(data) {
		return false
	}
	for i := range e.areas[:e.n] {
		if data = e.areas[i].put(code, data); data == nil {
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
