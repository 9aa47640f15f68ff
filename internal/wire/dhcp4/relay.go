// SPDX-License-Identifier: Apache-2.0

package dhcp4

import "encoding/binary"

// Relay is the content of option 82: sub-options of code, length, value, without
// pads and without an end (RFC 3046 §2.0).
type Relay []byte

// Valid says whether the sub-options fill the option exactly, and those that
// say where an answer goes have the length that they must have: link selection
// (RFC 3527 §3), server identifier override (RFC 5107 §4), relay port (RFC 8357
// §4.1).
func (r Relay) Valid() bool {
	i := 0
	for i+2 <= len(r) {
		n := int(r[i+1])
		switch r[i] {
		case SubLinkSelection, SubServerOverride:
			if n != 4 {
				return false
			}
		case SubRelayPort:
			if n != 0 {
				return false
			}
		}
		i += 2 + n
	}
	return i == len(r)
}

// Next splits the first sub-option off: its code, its data, and what follows.
// ok is false at the end and at a sub-option that does not fit.
func (r Relay) Next() (code uint8, data []byte, rest Relay, ok bool) {
	if len(r) < 2 {
		return 0, nil, nil, false
	}
	end := 2 + int(r[1])
	if end > len(r) {
		return 0, nil, nil, false
	}
	return r[0], r[2:end:end], r[end:], true
}

// Get is the data of the first sub-option with this code.
func (r Relay) Get(code uint8) ([]byte, bool) {
	for {
		c, data, rest, ok := r.Next()
		if !ok {
			return nil, false
		}
		if c == code {
			return data, true
		}
		r = rest
	}
}

// U32 is the value of a four-byte sub-option, in host order.
func (r Relay) U32(code uint8) (uint32, bool) {
	b, ok := r.Get(code)
	if !ok || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}
