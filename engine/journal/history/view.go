// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// Record is one answer: Client had Addr from From to To.
type Record struct {
	Addr lease.IP4
	From lease.Time
	// To is when it ended; for a lease that has not ended, when it will unless it is
	// renewed. lease.Never: infinite.
	To lease.Time
	// Ended is how: OpRelease, OpDecline, OpExpire, or OpGrant when another span took
	// its place (another client, or other relay information); 0: it has not.
	Ended lease.Op
	Last  lease.Time // newest grant or renewal in it
	Start lease.Time // of the lease that it is part of
	// Known is false if the grant is older than the history.
	Known  bool
	Client Client
}

// Query says which client; what is set must all agree.
type Query struct {
	HW       []byte
	ClientID []byte
	Circuit  []byte // option 82, sub-option 1
	Remote   []byte // option 82, sub-option 2
}

// MaxAddrs bounds how many addresses a query by client looks at.
const MaxAddrs = 10_000

// ErrTooMany says that a client, or rather a circuit, had more than MaxAddrs addresses.
var ErrTooMany = fmt.Errorf("history: more than %d addresses", MaxAddrs)

// View is what was in the history when it was opened. It is not safe for concurrent
// use.
type View struct {
	position Position
	runs     []*reader
	tail     [][]byte // encoded changes behind position
	buf      []byte
}

const openTries = 5

// OpenView opens all runs. Close it.
func OpenView(fs vfs.FS) (*View, error) {
	for try := 1; ; try++ {
		m, err := readManifest(fs)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		v := &View{position: m.Position, buf: make([]byte, blockLen)}
		for _, run := range m.Runs {
			r, err := openRun(fs, run.File)
			if errors.Is(err, os.ErrNotExist) && try == openTries {
				continue // was shed, and the server died before it could say so
			}
			if err != nil {
				v.Close()
				v = nil
				if errors.Is(err, os.ErrNotExist) {
					break // merged meanwhile: there is a new manifest
				}
				return nil, fmt.Errorf("history: %w", err)
			}
			v.runs = append(v.runs, r)
		}
		if v != nil {
			return v, nil
		}
	}
}

// Close closes the files.
func (v *View) Close() error {
	var err error
	for _, r := range v.runs {
		err = errors.Join(err, r.f.Close())
	}
	v.runs = nil
	return err
}

// Position is where the tail begins.
func (v *View) Position() Position { return v.position }

// AddTail adds changes that are in the log and not in a run, in the order of the log.
// The View keeps the slice.
func (v *View) AddTail(changes []byte) { v.tail = append(v.tail, changes) }

// eachTail calls fn with the changes of the tail.
func (v *View) eachTail(fn func(rec []byte)) error {
	for _, b := range v.tail {
		for len(b) > 0 {
			rec, rest, err := lease.Next(b)
			if err != nil {
				return fmt.Errorf("history: %w", err)
			}
			fn(rec)
			b = rest
		}
	}
	return nil
}

// recAddr is at a fixed place in an encoded change.
func recAddr(rec []byte) lease.IP4 { return lease.IP4(le.Uint32(rec[4:])) }

// spans collects what is known of an address, by version.
func (v *View) spans(addr lease.IP4) ([]span, error) {
	var key [spanKey]byte
	(&span{addr: addr}).key(&key)
	var all []span
	var bad error
	for _, r := range v.runs {
		err := r.scan(&r.Spans, key[:4], v.buf, func(k, value []byte) bool {
			var s span
			if bad = s.parse(k, value); bad != nil {
				return false
			}
			s.identity = bytes.Clone(s.identity)
			all = append(all, s)
			return true
		})
		if err = cmp.Or(err, bad); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
	}
	err := v.eachTail(func(rec []byte) {
		if recAddr(rec) != addr {
			return
		}
		c, err := lease.ParseChange(rec)
		if err != nil {
			bad = err
			return
		}
		var identity []byte
		if c.Op == lease.OpGrant {
			identity = appendIdentity(nil, &c)
		}
		var s span
		s.fromChange(&c, identity)
		all = append(all, s)
	})
	if err = cmp.Or(err, bad); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b span) int { return cmp.Compare(a.ver, b.ver) })
	folded := all[:0]
	for i := range all {
		if n := len(folded); n > 0 && folded[n-1].fold(&all[i]) {
			continue
		}
		folded = append(folded, all[i])
	}
	for i := 1; i < len(folded); i++ {
		if a := &folded[i-1]; a.binding && a.end == 0 {
			a.close(lease.OpGrant, folded[i].from) // of a client that the history does not know any more
		}
	}
	return slices.DeleteFunc(folded, func(s span) bool { return !s.binding }), nil
}

func (s *span) record() Record {
	r := Record{Addr: s.addr, From: s.from, To: s.until, Ended: s.end, Last: s.last, Start: s.start}
	if s.end != 0 {
		r.To = s.endAt
	}
	if s.identity != nil {
		r.Client, r.Known = parseIdentity(s.identity)
	}
	return r
}

// ByAddress returns who had addr at any time from from to to, both included, in the
// order of time.
func (v *View) ByAddress(addr lease.IP4, from, to lease.Time) ([]Record, error) {
	spans, err := v.spans(addr)
	if err != nil {
		return nil, err
	}
	var rs []Record
	for i := range spans {
		if r := spans[i].record(); r.From <= to && r.To >= from {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

// At returns who had addr at a moment. At the very second of a change, it is the
// client that had it from then on.
func (v *View) At(addr lease.IP4, at lease.Time) (Record, bool, error) {
	rs, err := v.ByAddress(addr, at, at)
	if err != nil || len(rs) == 0 {
		return Record{}, false, err
	}
	r := rs[len(rs)-1]
	return r, r.To > at || r.Ended == 0, nil
}

// ByClient returns what the client had at any time from from to to, in the order of
// time.
func (v *View) ByClient(q Query, from, to lease.Time) ([]Record, error) {
	addrs, err := v.addrs(&q)
	if err != nil {
		return nil, err
	}
	var rs []Record
	for _, a := range addrs {
		all, err := v.ByAddress(a, from, to)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.Known && q.matches(&r.Client) {
				rs = append(rs, r)
			}
		}
	}
	slices.SortStableFunc(rs, func(a, b Record) int { return cmp.Compare(a.From, b.From) })
	return rs, nil
}

func (q *Query) matches(c *Client) bool {
	same := func(want, got []byte) bool { return len(want) == 0 || bytes.Equal(want, got) }
	return same(q.HW, c.HW) && same(q.ClientID, c.ClientID) && same(q.Circuit, c.Circuit()) && same(q.Remote, c.Remote())
}

// addrs are the addresses that the index has for the query's most telling part.
func (v *View) addrs(q *Query) ([]lease.IP4, error) {
	var prefixes [][clientPrefix]byte
	add := func(kind byte, id []byte) {
		var k [clientKey]byte
		prefixes = append(prefixes, [clientPrefix]byte(client{hash(kind, id), 0}.key(&k)))
	}
	switch {
	case len(q.HW) > 0:
		add(byHW, q.HW)
	case len(q.ClientID) > 0:
		add(byClientID, q.ClientID)
		if len(q.ClientID) > 1 {
			add(byHW, q.ClientID[1:]) // the common form is not in the index by itself
		}
	case len(q.Circuit) > 0:
		add(byCircuit, q.Circuit)
	case len(q.Remote) > 0:
		add(byRemote, q.Remote)
	default:
		return nil, errors.New("history: a query by client needs a hardware address, client identifier, circuit or remote id")
	}
	set := map[lease.IP4]bool{}
	for _, r := range v.runs {
		for _, p := range prefixes {
			err := r.scan(&r.Clients, p[:], v.buf, func(k, _ []byte) bool {
				set[lease.IP4From(k[clientPrefix:])] = true
				return len(set) <= MaxAddrs
			})
			if err != nil {
				return nil, fmt.Errorf("history: %w", err)
			}
		}
	}
	err := v.eachTail(func(rec []byte) {
		if lease.Op(rec[2]) != lease.OpGrant {
			return
		}
		if c, err := lease.ParseChange(rec); err == nil {
			if q.matches(&Client{HW: c.HW, ClientID: c.ClientID, Relay: c.Relay}) {
				set[c.Addr] = true
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if len(set) > MaxAddrs {
		return nil, ErrTooMany
	}
	addrs := make([]lease.IP4, 0, len(set))
	for a := range set {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	return addrs, nil
}

// Verify reads every block of every run and returns what does not check.
func Verify(fs vfs.FS) (problems []error, err error) {
	m, err := readManifest(fs)
	if err != nil {
		return []error{err}, nil
	}
	for _, run := range m.Runs {
		if err := verifyRun(fs, &run); err != nil {
			problems = append(problems, err)
		}
	}
	return problems, nil
}

func verifyRun(fs vfs.FS, run *Run) error {
	r, err := openRun(fs, run.File)
	if err != nil {
		return err
	}
	defer r.f.Close()
	b := make([]byte, blockLen)
	var c cursor
	size, err := r.f.Size()
	if err != nil {
		return err
	}
	for n := uint64(0); n < uint64(size/blockLen)-1; n++ {
		if err := r.read(n, b); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := c.begin(b, r.Spans.KeyLen); err != nil {
			return r.damaged(n, err)
		}
	}
	return nil
}
