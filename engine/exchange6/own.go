// SPDX-License-Identifier: Apache-2.0

package exchange6

import "encoding/binary"

// Options that answer a message in particular.
const (
	optClientID       = 1
	optServerID       = 2
	optPreference     = 7
	optAuth           = 11
	optRapidCommit    = 14
	optUserClass      = 15
	optVendorOpts     = 17
	optReconfigureMsg = 19
	optReconfigureAcc = 20
	optFQDN           = 39 // RFC 4704
	optPDExclude      = 67 // RFC 6603
)

// Own is encoded options. A Query has room for one.
type Own struct {
	n     int
	buf   [1024]byte
	codes [32]uint16
	kinds uint8
}

// Encoded are the options as they are sent: code, length, value, and so on.
func (o *Own) Encoded() []byte {
	if o == nil {
		return nil
	}
	return o.buf[:o.n]
}

// Codes are the codes of these options, each once.
func (o *Own) Codes() []uint16 {
	if o == nil {
		return nil
	}
	return o.codes[:o.kinds]
}

// Has says whether an option is among them.
func (o *Own) Has(code uint16) bool {
	for _, c := range o.Codes() {
		if c == code {
			return true
		}
	}
	return false
}

// own adds an option to the answer's own ones; false: there is no room.
func (d *decision) own(code uint16, value ...[]byte) bool {
	o := d.a.Own
	if o == nil {
		o = &d.q.room.own
		o.n, o.kinds = 0, 0
	}
	n := 0
	for _, v := range value {
		n += len(v)
	}
	has := o.Has(code)
	if o.n+4+n > len(o.buf) || !has && int(o.kinds) == len(o.codes) {
		return false
	}
	if !has {
		o.codes[o.kinds] = code
		o.kinds++
	}
	binary.BigEndian.PutUint16(o.buf[o.n:], code)
	binary.BigEndian.PutUint16(o.buf[o.n+2:], uint16(n))
	o.n += 4
	for _, v := range value {
		o.n += copy(o.buf[o.n:], v)
	}
	d.a.Own = o
	return true
}

// ownBlock adds encoded options, as many whole ones as there is room for.
func (d *decision) ownBlock(block []byte) {
	for len(block) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(block[2:]))
		if !d.own(binary.BigEndian.Uint16(block), block[4:n]) {
			return
		}
		block = block[n:]
	}
}
