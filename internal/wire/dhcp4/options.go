// SPDX-License-Identifier: Apache-2.0

package dhcp4

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// Options is an index of a message's options. It is made for reuse: Scan resets
// it by clearing 32 bytes, since off means something only where the presence bit
// is set. An option's length is the byte before its data. Keep one per worker; it
// is too large to copy per packet.
type Options struct {
	present [4]uint64
	off     [256]uint16 // of an option's data in the message
}

// A rule says what length an option of a client must have: at least its low byte,
// and no more than 255 less its high byte above that. The zero rule is any length.
type rule uint16

func exactly(n rule) rule { return n | 255<<8 }
func atLeast(n rule) rule { return n | n<<8 }

// check is 256 or more if n is not such a length. For less than the least the
// difference wraps to more than any length that is left.
func (r rule) check(n uint8) uint32 { return uint32(n-uint8(r)) + uint32(r>>8) }

// lengths holds the options that a server acts upon, where a wrong length makes
// the message meaningless; the RFCs are those of codes.go.
var lengths = [256]rule{
	OptRequestedIP:     exactly(4),
	OptLeaseTime:       exactly(4),
	OptOverload:        exactly(1),
	OptMessageType:     exactly(1),
	OptServerID:        exactly(4),
	OptParameterList:   atLeast(1),
	OptMaxSize:         exactly(2),
	OptRenewTime:       exactly(4),
	OptRebindTime:      exactly(4),
	OptClientID:        atLeast(2),
	OptRapidCommit:     exactly(0),
	OptFQDN:            atLeast(3),
	OptRelay:           atLeast(2),
	OptLastTransaction: exactly(4),
	OptAutoConfigure:   exactly(1),
	OptSubnetSelection: exactly(4),
}

// Scan indexes the options of m, which must have passed Check. It returns
//
//   - OK: the index is complete;
//   - BadOption: an option runs past the end or has an impossible length, or the
//     sub-options of option 82 are not Valid;
//   - PuntOverload: option 52 is present, so options go on in file or sname;
//   - PuntSplit: a code appears twice (RFC 3396), so the values must be joined
//     before they mean anything.
//
// Pads are skipped, what follows END is ignored, and END may be missing. The
// scan is flat: the Reason does not depend on the order of the options.
func (o *Options) Scan(m Msg) frame.Reason {
	o.present = [4]uint64{}
	// Most codes are below 64: their word is kept in a register, since through
	// memory one option would wait for the other.
	low, twice, bad := uint64(0), uint64(0), uint32(0)
	for i := OffOptions; i < len(m); {
		code := m[i]
		if code == OptPad {
			i++
			continue
		}
		if code == OptEnd {
			break
		}
		if i+1 >= len(m) {
			return frame.BadOption
		}
		n := m[i+1]
		i += 2
		bit := uint64(1) << (code & 63)
		if code < 64 {
			twice |= low & bit
			low |= bit
		} else {
			word := &o.present[code>>6]
			twice |= *word & bit
			*word |= bit
		}
		o.off[code] = uint16(i)
		bad |= lengths[code].check(n)
		if i += int(n); i > len(m) {
			return frame.BadOption
		}
	}
	o.present[0] = low
	// The parts of a split or overloaded option have lengths of their own, so
	// these two come before the judgement on lengths.
	switch {
	case o.Has(OptOverload):
		return frame.PuntOverload
	case twice != 0:
		return frame.PuntSplit
	case bad >= 256:
		return frame.BadOption
	}
	if data, ok := o.Get(m, OptRelay); ok && !Relay(data).Valid() {
		return frame.BadOption
	}
	return frame.OK
}

// Has says whether the option is present.
func (o *Options) Has(code uint8) bool { return o.present[code>>6]>>(code&63)&1 != 0 }

// Present is the presence bitmap: bit code&63 of word code>>6.
func (o *Options) Present() *[4]uint64 { return &o.present }

// Get is a view of the option's data in m, the message that was scanned. The
// view's capacity ends with the option.
func (o *Options) Get(m Msg, code uint8) ([]byte, bool) {
	if !o.Has(code) {
		return nil, false
	}
	from := int(o.off[code])
	to := from + int(m[from-1])
	return m[from:to:to], true
}

// Raw is a view of the whole option as it stands in m, code and length included;
// nil if it is absent.
func (o *Options) Raw(m Msg, code uint8) []byte {
	if !o.Has(code) {
		return nil
	}
	from := int(o.off[code])
	to := from + int(m[from-1])
	return m[from-2 : to : to]
}

// U8 is the value of a one-byte option; false if it is absent or of another length.
func (o *Options) U8(m Msg, code uint8) (uint8, bool) {
	b, ok := o.Get(m, code)
	if !ok || len(b) != 1 {
		return 0, false
	}
	return b[0], true
}

// U16 is the value of a two-byte option.
func (o *Options) U16(m Msg, code uint8) (uint16, bool) {
	b, ok := o.Get(m, code)
	if !ok || len(b) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

// U32 is the value of a four-byte option; an address is in host order.
func (o *Options) U32(m Msg, code uint8) (uint32, bool) {
	b, ok := o.Get(m, code)
	if !ok || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// Type is the DHCP message type, 0 if there is none (BOOTP).
func (o *Options) Type(m Msg) uint8 {
	t, _ := o.U8(m, OptMessageType)
	return t
}
