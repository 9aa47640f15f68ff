// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"encoding/binary"

	"xdhcp/engine/frame"
)

// Bounds on one message of a client. A typical one has one or two IAs of one
// lease each.
const (
	MaxIAs    = 16
	MaxLeases = 16 // in one IA
)

// Lengths of the fixed parts of options.
const (
	lenIA       = 12 // IA_NA, IA_PD
	lenIATA     = 4
	lenIAAddr   = 24
	lenIAPrefix = 25
)

// IA is one identity association of a message: IA_NA, IA_TA or IA_PD. Each of
// the three has its own space of IAIDs (RFC 8415 §21.4, §21.5, §21.21).
type IA struct {
	Code   uint16 // OptIANA, OptIATA or OptIAPD
	ID     uint32
	T1, T2 uint32 // 0 in an IA_TA; a server ignores a client's
	Opts   Opts
}

// Lease is an address or a prefix in an IA. A server ignores a client's
// lifetimes (RFC 8415 §21.6, §21.22).
type Lease struct {
	Addr             [16]byte
	Len              uint8 // of the prefix, 0 to 128; 128 for an address
	Preferred, Valid uint32
	Opts             Opts
}

// ParseIA is the view of an IA option's data. ok is false if code is no IA's or
// the data are too short.
func ParseIA(code uint16, data []byte) (ia IA, ok bool) {
	switch {
	case (code == OptIANA || code == OptIAPD) && len(data) >= lenIA:
		return IA{Code: code, ID: binary.BigEndian.Uint32(data), T1: binary.BigEndian.Uint32(data[4:]),
			T2: binary.BigEndian.Uint32(data[8:]), Opts: Opts(data[lenIA:])}, true
	case code == OptIATA && len(data) >= lenIATA:
		return IA{Code: code, ID: binary.BigEndian.Uint32(data), Opts: Opts(data[lenIATA:])}, true
	}
	return IA{}, false
}

// iaFormat is where the options of an IA begin, and which of them is a lease.
func iaFormat(code uint16) (fixed int, lease uint16) {
	switch code {
	case OptIATA:
		return lenIATA, OptIAAddr
	case OptIAPD:
		return lenIA, OptIAPrefix
	}
	return lenIA, OptIAAddr
}

// LeaseCode is the option in which this IA carries its leases; an option of the
// other kind in it means nothing (RFC 8415 §21.6, §21.22).
func (ia *IA) LeaseCode() uint16 {
	if ia.Code == OptIAPD {
		return OptIAPrefix
	}
	return OptIAAddr
}

// Leases begins a walk through the IA's leases.
func (ia *IA) Leases() Leases { return Leases{rest: ia.Opts, code: ia.LeaseCode()} }

// Leases is what is left of a walk through an IA's leases.
type Leases struct {
	rest Opts
	code uint16
}

// Next fills l with the next lease; false after the last one.
func (w *Leases) Next(l *Lease) bool {
	data, rest, ok := w.rest.Find(w.code)
	w.rest = rest
	return ok && parseLease(w.code, data, l)
}

// NextAddr is Next for who wants only the address and its length; addr has 16 bytes.
func (w *Leases) NextAddr() (addr []byte, length uint8, ok bool) {
	data, rest, ok := w.rest.Find(w.code)
	w.rest = rest
	switch {
	case !ok:
	case w.code == OptIAAddr && len(data) >= lenIAAddr:
		return data[:16], 128, true
	case w.code == OptIAPrefix && len(data) >= lenIAPrefix && data[8] <= 128:
		return data[9:25], data[8], true
	}
	return nil, 0, false
}

func parseLease(code uint16, data []byte, l *Lease) bool {
	if code == OptIAAddr {
		if len(data) < lenIAAddr {
			return false
		}
		l.Addr, l.Len = [16]byte(data), 128
		l.Preferred, l.Valid = binary.BigEndian.Uint32(data[16:]), binary.BigEndian.Uint32(data[20:])
		l.Opts = Opts(data[lenIAAddr:])
		return true
	}
	if len(data) < lenIAPrefix || data[8] > 128 {
		return false
	}
	l.Preferred, l.Valid = binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	l.Len, l.Addr = data[8], [16]byte(data[9:])
	l.Opts = Opts(data[lenIAPrefix:])
	return true
}

// checkIA proves the lengths inside an IA's options, down to the options of its
// leases, and counts the leases.
func checkIA(lease uint16, o Opts) frame.Reason {
	n := 0
	for len(o) > 0 {
		code, data, rest, ok := o.Next()
		if !ok {
			return frame.BadOption
		}
		o = rest
		switch {
		case code == lease:
			if n == MaxLeases {
				return frame.TooManyIAs
			}
			n++
			fixed := lenIAAddr
			if code == OptIAPrefix {
				fixed = lenIAPrefix
			}
			if len(data) < fixed || code == OptIAPrefix && data[8] > 128 || len(data) > fixed && !Opts(data[fixed:]).Valid() {
				return frame.BadOption
			}
		case code == OptStatusCode && len(data) < 2:
			return frame.BadOption
		}
	}
	return frame.OK
}
