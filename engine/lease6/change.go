// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/binary"

	"xdhcp/engine/lease"
)

// Operations of a Change: those of IPv4, with bit 6 set.
const (
	OpGrant   = lease.OpV6 | lease.OpGrant   // a new binding, or a binding of which more than the times changed
	OpRenew   = lease.OpV6 | lease.OpRenew   // new times of a known binding
	OpRelease = lease.OpV6 | lease.OpRelease // the client gave the prefix back
	OpDecline = lease.OpV6 | lease.OpDecline // the client found the address in use: probation until Expires
	OpExpire  = lease.OpV6 | lease.OpExpire  // lease or probation ran out
)

// Change is one journaled change of one prefix, in the stream of lease.Change, with
// whose records it shares the first four bytes and the places of version and at.
// Encoded (little endian, but the prefix in network order):
//
//	 0        2    3       4     5    6        8         12   16       32        36
//	| len u16| op | flags | plen | IA | 0 u16 | version | at | prefix | expires |
//	                                                         end of   ^ end of  ^
//	                                                         Release, Expire    Decline
//
// and when bit 0 of flags is set (full: always in a Grant and a Renew; in any other when the
// record is written to a snapshot, or the log does not know the client), the long
// form goes on with
//
//	 36      40          44      48     52          60
//	| start | preferred | scope | iaid | 8 lengths | duid link-layer peer interface-id remote-id subscriber-id relay-id host
//
// len counts the whole record, itself included. at is when the change was made (for a
// Grant or a Renew the client's last transaction time). version is higher with each
// change of a prefix; on replay the highest wins, since the order of two lanes in the
// log may be inverted. IA is the type, 0 if nobody is known. Bit 1 of flags, in the
// long form: that client takes Reconfigure messages.
type Change struct {
	Op      lease.Op
	Prefix  Prefix
	IA      IA // in the short form only the type
	Version uint32
	At      lease.Time
	Expires lease.Time // Grant, Renew: end of the lease; Decline: end of probation

	// Full says that what follows is there.
	Full      bool
	Start     lease.Time
	Preferred lease.Time // end of the preferred lifetime
	Scope     lease.ScopeID
	Client    Client
	Accepts   bool // see Entry
}

// MinChange is the length of the shortest encoded Change.
const MinChange = changeShort

const (
	offPrefix   = 16
	offExpires  = 32
	offStart    = 36
	offLens     = 52
	changeShort = 32 // length of a short Release or Expire
	changeFull  = 60 // fixed part of the long form
	maxChange   = changeFull + maxParts
	flagFull    = 1
	flagAccepts = 2 // with flagFull, of a known client
)

// shortLen is the length of an operation's short form.
func shortLen(op lease.Op) int {
	if op == OpDecline {
		return changeShort + 4
	}
	return changeShort
}

// fixed is what has a fixed place in a record of n bytes; less is written of a short one.
type fixed struct {
	op                            lease.Op
	p                             Prefix
	ia                            IA
	version                       uint32
	at, expires, start, preferred lease.Time
	scope                         lease.ScopeID
}

// put writes it.
func (f *fixed) put(p []byte, n int, flags uint8) {
	le := binary.LittleEndian
	_ = p[changeShort-1]
	le.PutUint16(p, uint16(n))
	p[2], p[3], p[4], p[5] = byte(f.op), flags, f.p.Len, byte(f.ia.Type)
	le.PutUint16(p[6:], 0)
	le.PutUint32(p[8:], f.version)
	le.PutUint32(p[12:], uint32(f.at))
	f.p.Put(p[offPrefix:])
	if n > changeShort {
		le.PutUint32(p[offExpires:], uint32(f.expires))
	}
	if n < changeFull {
		return
	}
	le.PutUint32(p[offStart:], uint32(f.start))
	le.PutUint32(p[40:], uint32(f.preferred))
	le.PutUint32(p[44:], uint32(f.scope))
	le.PutUint32(p[48:], f.ia.ID)
}

func (c *Change) fixed() *fixed {
	return &fixed{c.Op, c.Prefix, c.IA, c.Version, c.At, c.Expires, c.Start, c.Preferred, c.Scope}
}

// AppendTo appends the encoded change to b. What is too long to be kept is left out.
func (c *Change) AppendTo(b []byte) []byte {
	var fix [changeFull]byte
	if !c.Full && c.Op != OpGrant && c.Op != OpRenew {
		n := shortLen(c.Op)
		c.fixed().put(fix[:], n, 0)
		return append(b, fix[:n]...)
	}
	var room [maxParts]byte
	lens := (*[numParts]uint8)(fix[offLens:])
	image := room[:pack(&room, lens, &c.Client)]
	flags := uint8(flagFull)
	if c.Accepts {
		flags |= flagAccepts
	}
	c.fixed().put(fix[:], changeFull+len(image), flags)
	return append(append(b, fix[:]...), image...)
}

// ParseChange decodes one record. The slices of the Change are views of rec.
func ParseChange(rec []byte) (Change, error) {
	if len(rec) < changeShort {
		return Change{}, lease.ErrShort
	}
	le := binary.LittleEndian
	switch n := int(le.Uint16(rec)); {
	case n > len(rec):
		return Change{}, lease.ErrShort
	case n < len(rec):
		return Change{}, lease.ErrCorrupt
	}
	c := Change{
		Op:      lease.Op(rec[2]),
		Prefix:  Prefix{IP6From(rec[offPrefix:]), rec[4]},
		IA:      IA{Type: IAType(rec[5])},
		Version: le.Uint32(rec[8:]),
		At:      lease.Time(le.Uint32(rec[12:])),
	}
	switch {
	case c.Op < OpGrant || c.Op > OpExpire:
		return Change{}, lease.ErrOp
	case c.Version == 0, le.Uint16(rec[6:]) != 0, c.IA.Type > PD, c.Prefix.Len == 0, c.Prefix.Len > 128,
		c.Prefix != PrefixFrom(c.Prefix.IP6, c.Prefix.Len):
		return Change{}, lease.ErrCorrupt
	}
	if rec[3] == 0 {
		if c.Op == OpGrant || c.Op == OpRenew || len(rec) != shortLen(c.Op) {
			return Change{}, lease.ErrCorrupt
		}
		if c.Op == OpDecline {
			c.Expires = lease.Time(le.Uint32(rec[offExpires:]))
		}
		return c, nil
	}
	if !c.parseFull(rec) {
		return Change{}, lease.ErrCorrupt
	}
	return c, nil
}

// parseFull reads the long form.
func (c *Change) parseFull(rec []byte) bool {
	if rec[3]&^flagAccepts != flagFull || len(rec) < changeFull || len(rec) > maxChange {
		return false
	}
	le := binary.LittleEndian
	c.Full, c.Accepts = true, rec[3]&flagAccepts != 0
	c.Expires = lease.Time(le.Uint32(rec[offExpires:]))
	c.Start = lease.Time(le.Uint32(rec[offStart:]))
	c.Preferred = lease.Time(le.Uint32(rec[40:]))
	c.Scope = lease.ScopeID(le.Uint32(rec[44:]))
	c.IA.ID = le.Uint32(rec[48:])
	var v parts
	rest := rec[changeFull:]
	for i := range v {
		n := int(rec[offLens+i])
		if n > len(rest) {
			return false
		}
		v[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) != 0 || len(v[partDUID]) > MaxDUID || len(v[partLinkLayer]) > MaxLinkLayer || !v.peerFits() {
		return false
	}
	known := c.IA.Type != 0
	if known != (len(v[partDUID]) > 0) || !known && (c.Accepts || c.Op == OpGrant || c.Op == OpRenew) {
		return false
	}
	c.Client = Client{v[partDUID], v[partLinkLayer], v[partPeer], v[partInterfaceID], v[partRemoteID],
		v[partSubscriberID], v[partRelayID], v[partHost]}
	return true
}
