// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"encoding/binary"
	"errors"

	"xdhcp/engine/lease"
)

// span is a stretch of a binding as far as one run knows it, or an end whose
// beginning is in an older run.
//
// The value of its entry is
//
//	| what u8 | start, from-start, last-from, until-from, end-from: uvarint | last version - first: uvarint | identity |
//
// where what has the operation that ended it in its low 4 bits (0: none did), bit 4
// when there is a binding and not only an end, bit 5 when until is never, bit 6 when
// the identity follows. Differences are modulo 2^32.
type span struct {
	addr     lease.IP4
	ver      uint32 // of the first change in it
	lastVer  uint32
	binding  bool
	start    lease.Time // of the binding, as its changes name it
	from     lease.Time
	last     lease.Time // newest grant or renewal
	until    lease.Time // what it promised
	end      lease.Op   // 0: open; OpGrant: another binding took its place
	endAt    lease.Time
	identity []byte // encoded; nil: the grant is in an older run
}

const (
	whatEnd      = 0x0f
	whatBinding  = 1 << 4
	whatNever    = 1 << 5
	whatIdentity = 1 << 6
)

const spanKey = 8

func (s *span) key(b *[spanKey]byte) []byte {
	binary.BigEndian.PutUint32(b[0:], uint32(s.addr))
	binary.BigEndian.PutUint32(b[4:], s.ver)
	return b[:]
}

func (s *span) appendValue(b []byte) []byte {
	what := byte(s.end)
	if s.binding {
		what |= whatBinding
	}
	until := s.until - s.from
	if s.until == lease.Never {
		what |= whatNever
		until = 0
	}
	if s.identity != nil {
		what |= whatIdentity
	}
	b = append(b, what)
	if s.binding {
		b = binary.AppendUvarint(b, uint64(s.start))
		b = binary.AppendUvarint(b, uint64(s.from-s.start))
		b = binary.AppendUvarint(b, uint64(s.last-s.from))
		b = binary.AppendUvarint(b, uint64(until))
	}
	if s.end != 0 {
		b = binary.AppendUvarint(b, uint64(s.endAt-s.from)) // from is 0 where there is only an end
	}
	b = binary.AppendUvarint(b, uint64(s.lastVer-s.ver))
	return append(b, s.identity...)
}

var errSpan = errors.New("a span makes no sense")

// parse reads an entry; the identity is a view of value.
func (s *span) parse(key, value []byte) error {
	if len(key) != spanKey || len(value) < 2 {
		return errSpan
	}
	*s = span{addr: lease.IP4(binary.BigEndian.Uint32(key)), ver: binary.BigEndian.Uint32(key[4:])}
	what := value[0]
	value = value[1:]
	bad := false
	number := func() lease.Time {
		v, n := binary.Uvarint(value)
		if n <= 0 || v > 1<<32-1 {
			bad = true
			return 0
		}
		value = value[n:]
		return lease.Time(v)
	}
	s.end = lease.Op(what & whatEnd)
	if s.binding = what&whatBinding != 0; s.binding {
		s.start = number()
		s.from = s.start + number()
		s.last = s.from + number()
		s.until = s.from + number()
		if what&whatNever != 0 {
			s.until = lease.Never
		}
	}
	if s.end != 0 {
		s.endAt = s.from + number()
	}
	s.lastVer = s.ver + uint32(number())
	if what&whatIdentity != 0 {
		s.identity = value
	}
	if bad {
		return errSpan
	}
	return nil
}

// over is when the span is over for certain, for retention.
func (s *span) over() lease.Time {
	if s.end != 0 {
		return s.endAt
	}
	return s.until
}

// fromChange makes a span of one change.
func (s *span) fromChange(c *lease.Change, identity []byte) {
	*s = span{addr: c.Addr, ver: c.Version, lastVer: c.Version}
	switch c.Op {
	case lease.OpGrant, lease.OpRenew:
		s.binding = true
		s.start, s.from, s.last, s.until = c.Start, c.At, c.At, c.Expires
		if c.Op == lease.OpGrant {
			s.identity = identity
		}
	default:
		s.end, s.endAt = c.Op, c.At
	}
}

// fold tries to take b, the next span of the address by version, into a. It may end
// a. False: b stays a span of its own.
func (a *span) fold(b *span) bool {
	switch {
	case !b.binding && !a.binding:
		return true // a second end adds nothing
	case !b.binding && a.end != 0:
		return true // the end of a probation, or of what has ended already
	case !b.binding:
		a.close(b.end, b.endAt)
	case a.binding && a.end == 0 && b.start == a.start && (b.identity == nil || a.identity != nil && bytes.Equal(a.identity, b.identity)):
		a.last, a.until = max(a.last, b.last), b.until
		if b.end != 0 {
			a.close(b.end, b.endAt)
		}
	case a.binding && a.end == 0 && (a.identity != nil || b.start != a.start):
		a.close(lease.OpGrant, b.from)
		return false
	default:
		// Renewals, then a grant of the same binding: whether anything changed is
		// only known with the identity that an older run has.
		return false
	}
	a.lastVer = max(a.lastVer, b.lastVer)
	return true
}

// close ends a binding. A lease that expires, or whose address goes to another, was
// over when it had promised to be, however late that was noticed.
func (a *span) close(op lease.Op, at lease.Time) {
	a.end, a.endAt = op, at
	if op == lease.OpExpire || op == lease.OpGrant {
		a.endAt = min(at, a.until)
	}
}

// Identity of a client, encoded:
//
//	| flags u8 | kind u8 | scope u32 | htype u8 | hwlen u8 | hw | [cidlen u8 | client-id] | relaylen u8 | relay | hostlen u8 | host |
//
// flags bit 0: the client identifier is htype and hw, as RFC 2132 §9.14 suggests, and
// is not repeated.
const identCommon = 1

func appendIdentity(b []byte, c *lease.Change) []byte {
	var flags byte
	if len(c.ClientID) == len(c.HW)+1 && c.ClientID[0] == c.HType && bytes.Equal(c.ClientID[1:], c.HW) {
		flags |= identCommon
	}
	b = append(b, flags, byte(c.Kind))
	b = le.AppendUint32(b, uint32(c.Scope))
	b = append(b, c.HType, byte(len(c.HW)))
	b = append(b, c.HW...)
	if flags&identCommon == 0 {
		b = append(b, byte(len(c.ClientID)))
		b = append(b, c.ClientID...)
	}
	b = append(b, byte(len(c.Relay)))
	b = append(b, c.Relay...)
	b = append(b, byte(len(c.Host)))
	return append(b, c.Host...)
}

// Client is who had an address.
type Client struct {
	Scope    lease.ScopeID
	Kind     lease.Kind
	HType    uint8
	HW       []byte
	ClientID []byte
	Relay    []byte // option 82
	Host     []byte
}

// viewIdentity returns views of b; common says that the client identifier is left out
// because it repeats the hardware address.
func viewIdentity(b []byte) (c Client, common, ok bool) {
	if len(b) < 8 {
		return c, false, false
	}
	common = b[0]&identCommon != 0
	c.Kind, c.Scope, c.HType = lease.Kind(b[1]), lease.ScopeID(le.Uint32(b[2:])), b[6]
	b = b[7:]
	ok = true
	field := func() (p []byte) {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			ok = false
			return nil
		}
		n := 1 + int(b[0])
		p, b = b[1:n:n], b[n:]
		return p
	}
	c.HW = field()
	if !common {
		c.ClientID = field()
	}
	c.Relay = field()
	c.Host = field()
	return c, common, ok
}

// parseIdentity returns copies.
func parseIdentity(b []byte) (Client, bool) {
	c, common, ok := viewIdentity(bytes.Clone(b))
	if common {
		c.ClientID = append([]byte{c.HType}, c.HW...)
	}
	return c, ok
}

// Sub-options of option 82 (RFC 3046 §2.0) by which clients are found.
const (
	subCircuit = 1
	subRemote  = 2
)

// SubOption finds a sub-option in the content of option 82.
func SubOption(relay []byte, code byte) []byte {
	for len(relay) >= 2 && len(relay) >= 2+int(relay[1]) {
		n := 2 + int(relay[1])
		if relay[0] == code {
			return relay[2:n]
		}
		relay = relay[n:]
	}
	return nil
}

// Circuit and Remote are what the relay said about the client's line.
func (c *Client) Circuit() []byte { return SubOption(c.Relay, subCircuit) }
func (c *Client) Remote() []byte  { return SubOption(c.Relay, subRemote) }

// Kinds of identities in the index.
const (
	byHW = 1 + iota
	byClientID
	byCircuit
	byRemote
)

// client is an entry of the index by client: the hash of an identity, and an address.
type client struct {
	hash uint64
	addr lease.IP4
}

const (
	clientKey    = 11
	clientPrefix = 7 // the hash
)

// key is in the order of hash and address.
func (c client) key(b *[clientKey]byte) []byte {
	binary.BigEndian.PutUint32(b[0:], uint32(c.hash>>24))
	binary.BigEndian.PutUint32(b[3:], uint32(c.hash))
	binary.BigEndian.PutUint32(b[7:], uint32(c.addr))
	return b[:]
}

// hash is the kind in 8 bits and 48 bits of FNV-1a, with a finish that spreads it:
// fixed for good, since it is in files. Somebody who aims at collisions makes his own
// look-ups slow.
func hash(kind byte, id []byte) uint64 {
	h := uint64(14695981039346656037)
	h = (h ^ uint64(kind)) * 1099511628211
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return uint64(kind)<<48 | h>>16
}

// eachIdentity calls fn with what an identity is found by.
func eachIdentity(identity []byte, fn func(kind byte, id []byte)) {
	c, _, ok := viewIdentity(identity)
	if !ok {
		return
	}
	if len(c.HW) > 0 {
		fn(byHW, c.HW)
	}
	if len(c.ClientID) > 0 { // the common form is found by its hw
		fn(byClientID, c.ClientID)
	}
	if id := c.Circuit(); len(id) > 0 {
		fn(byCircuit, id)
	}
	if id := c.Remote(); len(id) > 0 {
		fn(byRemote, id)
	}
}
