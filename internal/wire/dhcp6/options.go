// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// numOpts is how many codes the index has room for: all that are assigned.
// Options of higher codes are skipped, as unknown ones are (RFC 8415 §16).
const numOpts = 256

// Options is an index of a client's message: its options, what it asks for in
// the ORO, and its IAs. It is made for reuse: Scan resets it by clearing a few
// words. Keep one per worker; it is too large to copy per packet.
type Options struct {
	present, asked [numOpts / 64]uint64
	off, len       [numOpts]uint16 // of the data of the first option of a code
	ias            [MaxIAs]iaRef
	nIA            uint8
}

// iaRef is where an IA's data are in the message.
type iaRef struct {
	code     uint8
	off, len uint16
}

// lengths says what length an option of a client must have, where a wrong one
// makes the option meaningless.
const (
	lenExact  = 0x40 // | n: n bytes
	lenLeast  = 0x80 // | n: at least n bytes
	lenTuples = 0xc0 // | n: Tuples behind n bytes, and at least one if n is 0
)

// lengths holds the options that a server acts upon; the RFCs are those of codes.go.
var lengths = [numOpts]uint8{
	OptClientID:     lenLeast, // the DUID's own check is in scanOne
	OptServerID:     lenLeast,
	OptIANA:         lenLeast | lenIA,
	OptIATA:         lenLeast | lenIATA,
	OptIAPD:         lenLeast | lenIA,
	OptPreference:   lenExact | 1,
	OptElapsedTime:  lenExact | 2,
	OptAuth:         lenLeast | 11,
	OptUnicast:      lenExact | 16,
	OptStatusCode:   lenLeast | 2,
	OptRapidCommit:  lenExact,
	OptUserClass:    lenTuples,
	OptVendorClass:  lenTuples | 4,
	OptVendorOpts:   lenLeast | 4,
	OptReconfMsg:    lenExact | 1,
	OptReconfAccept: lenExact,
	OptRefreshTime:  lenExact | 4,
	OptClientFQDN:   lenLeast | 1,
	OptNII:          lenExact | 3,
	OptSolMaxRT:     lenExact | 4,
	OptInfMaxRT:     lenExact | 4,
}

func lengthOK(code uint16, data []byte) bool {
	rule := lengths[code]
	n := int(rule & 0x3f)
	switch rule & 0xc0 {
	case lenExact:
		return len(data) == n
	case lenLeast:
		return len(data) >= n
	case lenTuples:
		return len(data) >= n && Tuples(data[n:]).Valid() && (n > 0 || len(data) > 0)
	}
	return true
}

// Scan indexes the options of m, which must have passed CheckType. It returns
//
//   - OK: all lengths are right, down to the options of the leases in the IAs;
//   - BadOption: an option runs past the end or has an impossible length;
//   - BadDUID: a client or server identifier is empty, too long or there twice;
//   - TooManyIAs: more than MaxIAs IAs, or MaxLeases leases in one;
//   - BadRequest: two IAs of one kind and IAID (RFC 8415 §21.4: "each must have a
//     unique IAID").
//
// Of other options that are there twice the first counts, but all OROs: clients
// are seen to send several.
func (o *Options) Scan(m Msg) frame.Reason {
	o.present, o.asked = [numOpts / 64]uint64{}, [numOpts / 64]uint64{}
	o.nIA = 0
	for i := LenHeader; i < len(m); {
		if i+lenOpt > len(m) {
			return frame.BadOption
		}
		code, n := binary.BigEndian.Uint16(m[i:]), int(binary.BigEndian.Uint16(m[i+2:]))
		i += lenOpt
		if i+n > len(m) {
			return frame.BadOption
		}
		if code < numOpts {
			if why := o.scanOne(code, m[i:i+n:i+n], i); why != frame.OK {
				return why
			}
		}
		i += n
	}
	return o.checkIAIDs(m)
}

// scanOne indexes the option whose data are at off in the message.
func (o *Options) scanOne(code uint16, data []byte, off int) frame.Reason {
	if !lengthOK(code, data) {
		return frame.BadOption
	}
	word, bit := code>>6, uint64(1)<<(code&63)
	again := o.present[word]&bit != 0
	if !again {
		o.present[word] |= bit
		o.off[code], o.len[code] = uint16(off), uint16(len(data))
	}
	switch code {
	case OptClientID, OptServerID:
		if again || len(data) == 0 || len(data) > MaxDUID {
			return frame.BadDUID
		}
	case OptIANA, OptIATA, OptIAPD:
		if o.nIA == MaxIAs {
			return frame.TooManyIAs
		}
		o.ias[o.nIA] = iaRef{uint8(code), uint16(off), uint16(len(data))}
		o.nIA++
		fixed, lease := iaFormat(code)
		return checkIA(lease, Opts(data[fixed:]))
	case OptORO:
		if len(data)%2 != 0 {
			return frame.BadOption
		}
		for ; len(data) > 0; data = data[2:] {
			if c := binary.BigEndian.Uint16(data); c < numOpts {
				o.asked[c>>6] |= 1 << (c & 63)
			}
		}
	case OptVendorOpts:
		if !Opts(data[4:]).Valid() {
			return frame.BadOption
		}
	}
	return frame.OK
}

func (o *Options) checkIAIDs(m Msg) frame.Reason {
	for i := 1; i < int(o.nIA); i++ {
		a := &o.ias[i]
		id := binary.BigEndian.Uint32(m[a.off:])
		for _, b := range o.ias[:i] {
			if b.code == a.code && binary.BigEndian.Uint32(m[b.off:]) == id {
				return frame.BadRequest
			}
		}
	}
	return frame.OK
}

// Has says whether the option is present.
func (o *Options) Has(code uint16) bool {
	return code < numOpts && o.present[code>>6]>>(code&63)&1 != 0
}

// Requested says whether the message's ORO holds the code.
func (o *Options) Requested(code uint16) bool {
	return code < numOpts && o.asked[code>>6]>>(code&63)&1 != 0
}

// Asked is the bitmap behind Requested: bit code&63 of word code>>6.
func (o *Options) Asked() *[numOpts / 64]uint64 { return &o.asked }

// Get is a view of the data of the first option of this code in m, the message
// that was scanned. The view's capacity ends with the option.
func (o *Options) Get(m Msg, code uint16) ([]byte, bool) {
	if !o.Has(code) {
		return nil, false
	}
	from := int(o.off[code])
	to := from + int(o.len[code])
	return m[from:to:to], true
}

// U16 is the value of a two-byte option; false if it is absent or of another length.
func (o *Options) U16(m Msg, code uint16) (uint16, bool) {
	b, ok := o.Get(m, code)
	if !ok || len(b) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

// U32 is the value of a four-byte option.
func (o *Options) U32(m Msg, code uint16) (uint32, bool) {
	b, ok := o.Get(m, code)
	if !ok || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// From is the options of m from the first one of this code on; nil if it is
// absent. With Find it walks options that may come several times.
func (o *Options) From(m Msg, code uint16) Opts {
	if !o.Has(code) {
		return nil
	}
	return Opts(m[int(o.off[code])-lenOpt:])
}

// Vendor is what follows the enterprise number in the vendor class (16: Tuples)
// or vendor options (17: Opts) of this enterprise.
func (o *Options) Vendor(m Msg, code uint16, enterprise uint32) ([]byte, bool) {
	data, rest, ok := o.From(m, code).Find(code)
	for ok {
		if binary.BigEndian.Uint32(data) == enterprise {
			return data[4:], true
		}
		data, rest, ok = rest.Find(code)
	}
	return nil, false
}

// NumIAs is how many IAs the message has.
func (o *Options) NumIAs() int { return int(o.nIA) }

// IA is the i-th IA of m, the message that was scanned, in its order.
func (o *Options) IA(m Msg, i int) IA {
	r := &o.ias[i]
	end := int(r.off) + int(r.len)
	ia, _ := ParseIA(uint16(r.code), m[r.off:end:end])
	return ia
}

// Walk is what IA says in short, without the times: the kind and IAID of the i-th IA,
// and a walk through its leases.
func (o *Options) Walk(m Msg, i int) (code uint16, id uint32, w Leases) {
	r := &o.ias[i]
	data := m[r.off : int(r.off)+int(r.len)]
	fixed, lease := iaFormat(uint16(r.code))
	return uint16(r.code), binary.BigEndian.Uint32(data), Leases{Opts(data[fixed:]), lease}
}
