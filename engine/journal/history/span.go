// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// place is what was had: an address of IPv4, or an address or prefix of DHCPv6, as
// keys have it. It is the first four bytes of b, or the address and its length.
type place struct {
	b [placeLen6]byte
	n uint8
}

const (
	placeLen  = 4
	placeLen6 = 17
)

func place4(a lease.IP4) (p place) {
	binary.BigEndian.PutUint32(p.b[:], uint32(a))
	p.n = placeLen
	return p
}

func place6(a lease6.Prefix) (p place) {
	a.Put(p.b[:])
	p.b[16] = a.Len
	p.n = placeLen6
	return p
}

// placeOf reads the beginning of a key.
func placeOf(key []byte, n int) (p place) {
	p.n = uint8(copy(p.b[:], key[:n]))
	return p
}

func (p *place) bytes() []byte { return p.b[:p.n] }
func (p *place) isV6() bool    { return p.n == placeLen6 }
func (p *place) ip4() lease.IP4 {
	return lease.IP4From(p.b[:])
}
func (p *place) prefix() lease6.Prefix {
	return lease6.Prefix{IP6: lease6.IP6From(p.b[:]), Len: p.b[16]}
}

// compare puts IPv4 first.
func (p *place) compare(q *place) int {
	return cmp.Or(cmp.Compare(p.n, q.n), bytes.Compare(p.bytes(), q.bytes()))
}

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
	addr     place
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

const (
	spanKey  = placeLen + 4
	spanKey6 = placeLen6 + 4
)

func (s *span) key(b *[maxKey]byte) []byte {
	n := copy(b[:], s.addr.bytes())
	binary.BigEndian.PutUint32(b[n:], s.ver)
	return b[:n+4]
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
	if len(key) != spanKey && len(key) != spanKey6 || len(value) < 2 {
		return errSpan
	}
	n := len(key) - 4
	*s = span{addr: placeOf(key, n), ver: binary.BigEndian.Uint32(key[n:])}
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

// fromRecord makes a span of one encoded change. The identity of a grant is appended to
// id, which the span then shares.
func (s *span) fromRecord(rec, id []byte) error {
	var op lease.Op
	if !isV6(rec) {
		c, err := lease.ParseChange(rec)
		if err != nil {
			return err
		}
		op = c.Op
		*s = span{addr: place4(c.Addr), ver: c.Version, from: c.At, until: c.Expires, start: c.Start}
		if op == lease.OpGrant {
			s.identity = appendIdentity(id, &c)
		}
	} else {
		c, err := lease6.ParseChange(rec)
		if err != nil {
			return err
		}
		op = c.Op &^ lease.OpV6
		*s = span{addr: place6(c.Prefix), ver: c.Version, from: c.At, until: c.Expires, start: c.Start}
		if op == lease.OpGrant {
			s.identity = appendIdentity6(id, &c)
		}
	}
	s.lastVer = s.ver
	if s.binding = op == lease.OpGrant || op == lease.OpRenew; s.binding {
		s.last = s.from
	} else {
		*s = span{addr: s.addr, ver: s.ver, lastVer: s.ver, end: op, endAt: s.from}
	}
	return nil
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
// is not repeated. Of DHCPv6 it is
//
//	| 0x80 | ia type u8 | scope u32 | iaid u32 | 8 times: length u8, bytes |
//
// with the byte strings in the order of lease6.Change.
const (
	identCommon = 1
	identV6     = 0x80
	identHead6  = 10
)

func appendIdentity6(b []byte, c *lease6.Change) []byte {
	b = append(b, identV6, byte(c.IA.Type))
	b = le.AppendUint32(b, uint32(c.Scope))
	b = le.AppendUint32(b, c.IA.ID)
	for _, p := range [...][]byte{c.Client.DUID, c.Client.LinkLayer, c.Client.Peer, c.Client.InterfaceID,
		c.Client.RemoteID, c.Client.SubscriberID, c.Client.RelayID, c.Client.Host} {
		b = append(b, byte(len(p)))
		b = append(b, p...)
	}
	return b
}

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
	HW       []byte // of DHCPv6: link-layer address, if that was known
	ClientID []byte
	Relay    []byte // option 82
	Host     []byte

	// Of DHCPv6.
	IA           lease6.IA
	DUID         []byte
	Peer         []byte // address of the client as its relay saw it
	InterfaceID  []byte // option 18
	RemoteID     []byte // option 37
	SubscriberID []byte // option 38
	RelayID      []byte // option 53
}

// viewIdentity returns views of b; common says that the client identifier is left out
// because it repeats the hardware address.
func viewIdentity(b []byte) (c Client, common, ok bool) {
	if len(b) < 8 {
		return c, false, false
	}
	field := func() (p []byte) {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			ok = false
			return nil
		}
		n := 1 + int(b[0])
		p, b = b[1:n:n], b[n:]
		return p
	}
	if b[0] == identV6 && len(b) > identHead6 {
		c.IA, c.Scope = lease6.IA{Type: lease6.IAType(b[1]), ID: le.Uint32(b[6:])}, lease.ScopeID(le.Uint32(b[2:]))
		b = b[identHead6:]
		ok = true
		c.DUID = field()
		if hw := field(); len(hw) > 2 {
			c.HType, c.HW = hw[1], hw[2:]
		}
		c.Peer, c.InterfaceID, c.RemoteID, c.SubscriberID, c.RelayID, c.Host = field(), field(), field(), field(), field(), field()
		return c, false, ok
	}
	common = b[0]&identCommon != 0
	c.Kind, c.Scope, c.HType = lease.Kind(b[1]), lease.ScopeID(le.Uint32(b[2:])), b[6]
	b = b[7:]
	ok = true
	c.HW = field()
	if !common {
		c.ClientID = field()
	}
	c.Relay = field()
	c.Host = field()
	return c, common, ok
}

// viewWhole is viewIdentity with a client identifier that was left out, in buf.
func viewWhole(b []byte, buf *[]byte) (Client, bool) {
	c, common, ok := viewIdentity(b)
	if common {
		*buf = append(append((*buf)[:0], c.HType), c.HW...)
		c.ClientID = *buf
	}
	return c, ok
}

// parseIdentity returns copies.
func parseIdentity(b []byte) (Client, bool) {
	var buf []byte
	return viewWhole(bytes.Clone(b), &buf)
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
	byDUID
	byInterfaceID
	byRemoteID
	bySubscriberID
)

const (
	clientPrefix = 7 // the hash
	clientKey    = clientPrefix + placeLen
	clientKey6   = clientPrefix + placeLen6
)

// clientOf is a key of the index, in the order of hash and address.
func clientOf(b *[maxKey]byte, hash uint64, at place) []byte {
	binary.BigEndian.PutUint32(b[0:], uint32(hash>>24))
	binary.BigEndian.PutUint32(b[3:], uint32(hash))
	return b[:clientPrefix+copy(b[clientPrefix:], at.bytes())]
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
	if len(c.DUID) > 0 {
		fn(byDUID, c.DUID)
	}
	if len(c.InterfaceID) > 0 {
		fn(byInterfaceID, c.InterfaceID)
	}
	if len(c.RemoteID) > 0 {
		fn(byRemoteID, c.RemoteID)
	}
	if len(c.SubscriberID) > 0 {
		fn(bySubscriberID, c.SubscriberID)
	}
}
