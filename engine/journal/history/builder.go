// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"slices"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/internal/prefetch"
)

const (
	usual = 96 // bytes of a grant
	ahead = 8  // changes lie in the order of time: how many of those to come are fetched
)

// Builder collects the changes of a stretch of the log for one run.
type Builder struct {
	buf     []byte
	refs    []keyed // changes of IPv4: address and version, offset in buf
	refs6   []ref6
	clients []keyed         // hash of an identity, address
	six     []keyed         // the same, index in places
	places  []lease6.Prefix // what six is about
	spare   []keyed         // for sorting
}

// ref6 is a change of DHCPv6 in buf, to be sorted without pointers.
type ref6 struct {
	p   lease6.Prefix
	ver uint32
	off int
}

func (r ref6) compare(s ref6) int {
	if c := r.p.Compare(s.p); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.ver, s.ver), cmp.Compare(r.off, s.off))
}

// Add copies an encoded change.
func (b *Builder) Add(rec []byte) {
	if isV6(rec) {
		b.refs6 = append(b.refs6, ref6{recPrefix(rec), le.Uint32(rec[8:]), len(b.buf)})
	} else {
		b.refs = append(b.refs, keyed{uint64(recAddr(rec))<<32 | uint64(le.Uint32(rec[8:])), uint64(len(b.buf))})
	}
	b.buf = append(b.buf, rec...)
}

// Grow makes room for about n bytes more, so that it is not gathered in steps of which
// each leaves garbage behind.
func (b *Builder) Grow(n int) {
	b.buf, b.refs = slices.Grow(b.buf, n), slices.Grow(b.refs, n/usual)
	b.clients = slices.Grow(b.clients[:0], n/usual)
}

// Len is the number of bytes collected.
func (b *Builder) Len() int { return len(b.buf) }

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() { b.buf, b.refs, b.refs6 = b.buf[:0], b.refs[:0], b.refs6[:0] }

// write makes a run of what was collected.
func (b *Builder) write(f vfs.File, pace func(int) error) (*runWriter, error) {
	w := newRunWriter(f, pace)
	if err := b.writeSpans(w); err != nil {
		return nil, err
	}
	return w, b.writeClients(w)
}

// writeSpans writes the spans, of addresses in ascending order, and notes whose they are.
func (b *Builder) writeSpans(w *runWriter) error {
	b.clients, b.six, b.places = b.clients[:0], b.six[:0], b.places[:0]
	fold := folder{emit: func(s *span) error {
		eachIdentity(s.identity, func(kind byte, id []byte) {
			if !s.addr.isV6() {
				b.clients = append(b.clients, keyed{hash(kind, id), uint64(s.addr.ip4())})
				return
			}
			b.six = append(b.six, keyed{hash(kind, id), uint64(len(b.places))})
			b.places = append(b.places, s.addr.prefix())
		})
		return w.add(s)
	}}
	var identity []byte
	add := func(off int) error {
		rec, _, err := lease.Next(b.buf[off:])
		if err != nil {
			return err
		}
		var s span
		if s.fromRecord(rec, identity[:0]) != nil {
			return nil // of a later version: history cannot say more than it understands
		}
		if s.identity != nil {
			identity = s.identity
		}
		return fold.add(&s)
	}
	b.refs, b.spare = sortKeyed(b.refs, b.spare)
	for i, r := range b.refs {
		if soon := i + ahead; soon < len(b.refs) {
			at := b.refs[soon].val
			prefetch.Bytes(b.buf[at:min(at+usual, uint64(len(b.buf)))])
		}
		if err := add(int(r.val)); err != nil {
			return err
		}
	}
	slices.SortFunc(b.refs6, ref6.compare)
	for _, r := range b.refs6 {
		if err := add(r.off); err != nil {
			return err
		}
	}
	return fold.flush()
}

// writeClients writes the index by client. What has the same hash stays in the order
// in which the spans came, which is that of their addresses.
func (b *Builder) writeClients(w *runWriter) error {
	b.clients, b.spare = sortKeyed(b.clients, b.spare)
	b.six, b.spare = sortKeyed(b.six, b.spare)
	same := func(x, y keyed) bool { return x.key == y.key && b.places[x.val] == b.places[y.val] }
	clients, six := slices.Compact(b.clients), slices.CompactFunc(b.six, same)
	var key [maxKey]byte
	i := 0
	return w.finish(func() ([]byte, error) {
		i++
		switch n := len(clients); {
		case i <= n:
			c := clients[i-1]
			return clientOf(&key, c.key, place4(lease.IP4(c.val))), nil
		case i <= n+len(six):
			c := six[i-n-1]
			return clientOf(&key, c.key, place6(b.places[c.val])), nil
		}
		return nil, nil
	})
}
