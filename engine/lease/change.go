// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Op is what a Change does.
type Op uint8

// OpV6 marks the operations of IPv6, whose records are those of package lease6. They
// are in the same stream.
const OpV6 Op = 64

const (
	OpGrant   Op = 1 + iota // a new binding, or a binding of which more than the times changed; always full
	OpRenew                 // new times of a known binding
	OpRelease               // the client gave the address back
	OpDecline               // the client found the address in use: probation until Expires
	OpExpire                // lease or probation ran out
)

// String names the operation as history listings do.
func (o Op) String() string {
	switch o &^ OpV6 {
	case OpGrant:
		return "grant"
	case OpRenew:
		return "renew"
	case OpRelease:
		return "release"
	case OpDecline:
		return "decline"
	case OpExpire:
		return "expire"
	}
	return "invalid"
}

// Change is one journaled change of one address. Encoded (little endian):
//
//	 0        2    3       4         8         12        16         20        24
//	| len u16| op | flags | addr u32| version | at      | expires  | start   |
//	                                           ^ end of   ^ end of   ^ end of
//	                                           short      Decline    Renew
//	                                           Release,
//	                                           Expire
//
// and when flags has bit 0 (full: always in a Grant; in any other but Renew
// when the record is written to a snapshot), the long form goes on with
//
//	 24          28     29      30     31      32        33       34   35      36
//	| scope u32 | kind | hwlen | idlen| cidlen| relaylen| hostlen| 0  | htype | hw id cid relay host
//
// len counts the whole record, itself included. at is when the change was made
// (for a Grant or a Renew the client's last transaction time). version is one
// higher with each change of an address; on replay the highest wins, since the
// order of two lanes in the log may be inverted. A Renew is only written where
// its Grant is certain to be earlier in the log (same lane, or durable), so a
// Renew always finds the binding that it extends: start says which one.
//
// flags bits 1 and 2 say where the client's ID is: 0 in the id bytes, 1 it is
// htype and hw, 2 it is the client-id. Other bits are 0.
type Change struct {
	Op      Op
	Addr    IP4
	Version uint32
	At      Time
	Expires Time // Grant, Renew: end of the lease; Decline: end of probation
	Start   Time // Grant, Renew: when the binding began

	// Full says that what follows is there.
	Full     bool
	Scope    ScopeID
	Kind     Kind
	HType    uint8
	HW       []byte
	ID       []byte
	ClientID []byte
	Relay    []byte
	Host     []byte
}

// What ParseChange and Next refuse.
var (
	ErrShort   = errors.New("lease: change record is cut off")
	ErrOp      = errors.New("lease: unknown operation in change record")
	ErrCorrupt = errors.New("lease: change record contradicts itself")
)

const (
	changeHead  = 16           // end of what every record has
	changeRenew = 24           // length of a short Renew
	changeFull  = 36           // fixed part of the long form
	maxVersion  = 1 << 31      // at one change a second an address gets there in 68 years
	maxRecord   = 2048         // of either family
	flagFull    = 1 << 0       // long form
	idShift     = 1            // bits 1 and 2: where the ID is
	idMask      = 3 << idShift //
	idOwn       = 0            // in its own bytes
	idHW        = 1            // HType and HW
	idClientID  = 2            // ClientID
)

// idWhere says which of the other fields the ID repeats.
func idWhere(htype uint8, hw, id, clientID []byte) uint8 {
	switch {
	case len(id) == len(hw)+1 && id[0] == htype && bytes.Equal(id[1:], hw):
		return idHW
	case len(id) > 0 && bytes.Equal(id, clientID):
		return idClientID
	}
	return idOwn
}

// AppendTo appends the encoded change to b. Its fields are within MaxHW, MaxID,
// MaxOther and MaxHost.
func (c *Change) AppendTo(b []byte) []byte {
	var fix [changeFull]byte
	putTimes(fix[:], c.Expires, c.Start)
	if !c.Full && c.Op != OpGrant {
		n := shortLen(c.Op)
		putFixed(fix[:], n, c.Op, 0, c.Addr, c.Version, c.At)
		return append(b, fix[:n]...)
	}
	where := idWhere(c.HType, c.HW, c.ID, c.ClientID)
	id := c.ID
	if where != idOwn {
		id = nil
	}
	n := changeFull + len(c.HW) + len(id) + len(c.ClientID) + len(c.Relay) + len(c.Host)
	putFixed(fix[:], n, c.Op, flagFull|where<<idShift, c.Addr, c.Version, c.At)
	binary.LittleEndian.PutUint32(fix[24:], uint32(c.Scope))
	fix[28] = byte(c.Kind)
	fix[29] = byte(len(c.HW))
	fix[30] = byte(len(id))
	fix[31] = byte(len(c.ClientID))
	fix[32] = byte(len(c.Relay))
	fix[33] = byte(len(c.Host))
	fix[35] = c.HType
	b = append(b, fix[:]...)
	b = append(b, c.HW...)
	b = append(b, id...)
	b = append(b, c.ClientID...)
	b = append(b, c.Relay...)
	return append(b, c.Host...)
}

// putFixed writes what every record begins with.
func putFixed(p []byte, length int, op Op, flags uint8, a IP4, version uint32, at Time) {
	le := binary.LittleEndian
	_ = p[changeHead-1]
	le.PutUint16(p, uint16(length))
	p[2], p[3] = byte(op), flags
	le.PutUint32(p[4:], uint32(a))
	le.PutUint32(p[8:], version)
	le.PutUint32(p[12:], uint32(at))
}

// putTimes writes what follows, as far as the record goes.
func putTimes(p []byte, expires, start Time) {
	le := binary.LittleEndian
	_ = p[changeRenew-1]
	le.PutUint32(p[16:], uint32(expires))
	le.PutUint32(p[20:], uint32(start))
}

// shortLen is the length of an operation's short form.
func shortLen(op Op) int {
	switch op {
	case OpRenew:
		return changeRenew
	case OpDecline:
		return changeHead + 4
	}
	return changeHead
}

// Next splits the first encoded change, of either family, off b.
func Next(b []byte) (rec, rest []byte, err error) {
	if len(b) < changeHead {
		return nil, nil, ErrShort
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n < changeHead || n > maxRecord {
		return nil, nil, ErrCorrupt
	}
	if n > len(b) {
		return nil, nil, ErrShort
	}
	return b[:n:n], b[n:], nil
}

// ParseChange decodes one record. The slices of the Change are views of rec.
func ParseChange(rec []byte) (Change, error) {
	if len(rec) < changeHead {
		return Change{}, ErrShort
	}
	le := binary.LittleEndian
	switch n := int(le.Uint16(rec)); {
	case n > len(rec):
		return Change{}, ErrShort
	case n < len(rec):
		return Change{}, ErrCorrupt
	}
	c := Change{
		Op:      Op(rec[2]),
		Addr:    IP4(le.Uint32(rec[4:])),
		Version: le.Uint32(rec[8:]),
		At:      Time(le.Uint32(rec[12:])),
	}
	if c.Op < OpGrant || c.Op > OpExpire {
		return Change{}, ErrOp
	}
	if c.Version == 0 || c.Version > maxVersion {
		return Change{}, ErrCorrupt
	}
	flags := rec[3]
	if flags == 0 {
		if c.Op == OpGrant || len(rec) != shortLen(c.Op) {
			return Change{}, ErrCorrupt
		}
		if len(rec) > changeHead {
			c.Expires = Time(le.Uint32(rec[16:]))
		}
		if c.Op == OpRenew {
			c.Start = Time(le.Uint32(rec[20:]))
		}
		return c, nil
	}
	return c, c.parseFull(rec, flags)
}

// parseFull reads the long form.
func (c *Change) parseFull(rec []byte, flags uint8) error {
	if len(rec) < changeFull {
		*c = Change{}
		return ErrCorrupt
	}
	where := flags & idMask >> idShift
	hwlen, idlen, cidlen := int(rec[29]), int(rec[30]), int(rec[31])
	relaylen, hostlen := int(rec[32]), int(rec[33])
	switch {
	case flags&flagFull == 0 || flags&^(flagFull|idMask) != 0 || rec[34] != 0:
	case c.Op == OpRenew || where > idClientID || where != idOwn && idlen != 0:
	case hwlen > MaxHW || hostlen > MaxHost:
	case len(rec) != changeFull+hwlen+idlen+cidlen+relaylen+hostlen:
	case where == idClientID && cidlen == 0:
	default:
		le := binary.LittleEndian
		c.Full = true
		c.Expires = Time(le.Uint32(rec[16:]))
		c.Start = Time(le.Uint32(rec[20:]))
		c.Scope = ScopeID(le.Uint32(rec[24:]))
		c.Kind = Kind(rec[28])
		c.HType = rec[35]
		cut := func(n int) []byte {
			p := rec[:n:n]
			rec = rec[n:]
			return p
		}
		hwID := rec[changeFull-1 : changeFull+hwlen : changeFull+hwlen] // htype stands before hw for this
		rec = rec[changeFull:]
		c.HW = cut(hwlen)
		c.ID = cut(idlen)
		c.ClientID = cut(cidlen)
		c.Relay = cut(relaylen)
		c.Host = cut(hostlen)
		switch where {
		case idHW:
			c.ID = hwID
		case idClientID:
			c.ID = c.ClientID
		}
		if known := c.Kind >= KindHW && c.Kind <= KindCircuitRemote; known != (len(c.ID) > 0) || c.Op == OpGrant && !known {
			break
		}
		return nil
	}
	*c = Change{}
	return ErrCorrupt
}
