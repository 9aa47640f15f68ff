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
	"sync"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Record is one answer: Client had Addr or Prefix from From to To.
type Record struct {
	Addr   lease.IP4     // of IPv4
	Prefix lease6.Prefix // of DHCPv6
	From   lease.Time
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

	// Of DHCPv6; HW is that of either.
	DUID         []byte
	InterfaceID  []byte // option 18
	RemoteID     []byte // option 37, with the enterprise number
	SubscriberID []byte // option 38
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
}

const openTries = 5

// OpenView opens all runs. Close it.
func OpenView(fs vfs.FS) (*View, error) {
	for try := 1; ; try++ {
		m, err := readManifest(fs)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		v := &View{position: m.Position, runs: make([]*reader, len(m.Runs))}
		err = sideBySide(len(m.Runs), func(i int) (err error) {
			v.runs[i], err = openRun(fs, m.Runs[i].File)
			if errors.Is(err, os.ErrNotExist) && try == openTries {
				return nil // was shed, and the server died before it could say so
			}
			return err
		})
		v.runs = slices.DeleteFunc(v.runs, func(r *reader) bool { return r == nil })
		if err == nil {
			return v, nil
		}
		v.Close()
		if !errors.Is(err, os.ErrNotExist) { // else: merged meanwhile, and there is a new manifest
			return nil, fmt.Errorf("history: %w", err)
		}
	}
}

// sideBySide calls fn for 0 to n-1 at once, so that what must be read from the disk is
// read together, and returns the first error by number.
func sideBySide(n int, fn func(i int) error) error {
	if n == 1 {
		return fn(0)
	}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// scan calls fn with the entries of each run that begin with prefix; runs are read side
// by side, and fn is called by one goroutine for each.
func (v *View) scan(tree func(*reader) *tree, prefix []byte, fn func(run int, key, value []byte) bool) error {
	return sideBySide(len(v.runs), func(i int) error {
		r, b := v.runs[i], blockPool.Get().(*[blockLen]byte)
		defer blockPool.Put(b)
		return r.scan(tree(r), prefix, b[:], func(k, value []byte) bool { return fn(i, k, value) })
	})
}

var blockPool = sync.Pool{New: func() any { return new([blockLen]byte) }}

func ofSpans(r *reader) *tree    { return &r.Spans }
func ofClients(r *reader) *tree  { return &r.Clients }
func ofSpans6(r *reader) *tree   { return &r.Spans6 }
func ofClients6(r *reader) *tree { return &r.Clients6 }

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

// What is at a fixed place in an encoded change. A record of DHCPv6 that is too short to
// have a prefix is one of ::/0, which there is none of.

func isV6(rec []byte) bool         { return lease.Op(rec[2])&lease.OpV6 != 0 }
func recAddr(rec []byte) lease.IP4 { return lease.IP4(le.Uint32(rec[4:])) }
func recPrefix(rec []byte) lease6.Prefix {
	if len(rec) < lease6.MinChange {
		return lease6.Prefix{}
	}
	return lease6.Prefix{IP6: lease6.IP6From(rec[16:]), Len: rec[4]}
}

func recPlace(rec []byte) place {
	if isV6(rec) {
		return place6(recPrefix(rec))
	}
	return place4(recAddr(rec))
}

// sameTime is how many addresses are looked up side by side.
const sameTime = 16

// spans collects what is known of each address, by version.
func (v *View) spans(addrs []place) ([][]span, error) {
	tail, err := v.tailSpans(addrs)
	if err != nil {
		return nil, err
	}
	all := make([][]span, len(addrs))
	for begin := 0; begin < len(addrs); begin += sameTime {
		err := sideBySide(min(sameTime, len(addrs)-begin), func(i int) error {
			a := addrs[begin+i]
			stored, err := v.stored(a)
			all[begin+i] = folded(append(stored, tail[a]...))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
	}
	return all, nil
}

// stored is what the runs have of an address.
func (v *View) stored(addr place) ([]span, error) {
	tree := ofSpans
	if addr.isV6() {
		tree = ofSpans6
	}
	found := make([][]span, len(v.runs))
	broken := make([]error, len(v.runs))
	err := v.scan(tree, addr.bytes(), func(run int, k, value []byte) bool {
		var s span
		if broken[run] = s.parse(k, value); broken[run] != nil {
			return false
		}
		s.identity = bytes.Clone(s.identity)
		found[run] = append(found[run], s)
		return true
	})
	return slices.Concat(found...), cmp.Or(err, cmp.Or(broken...))
}

// tailSpans is what the tail has of some addresses.
func (v *View) tailSpans(addrs []place) (map[place][]span, error) {
	spans := make(map[place][]span, len(addrs))
	for _, a := range addrs {
		spans[a] = nil
	}
	var bad error
	err := v.eachTail(func(rec []byte) {
		at := recPlace(rec)
		have, wanted := spans[at]
		if !wanted {
			return
		}
		var s span
		if err := s.fromRecord(rec, nil); err != nil {
			bad = err
			return
		}
		spans[at] = append(have, s)
	})
	return spans, cmp.Or(err, bad)
}

// folded puts the spans of one address in order, and together what is one.
func folded(all []span) []span {
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
	return slices.DeleteFunc(folded, func(s span) bool { return !s.binding })
}

func (s *span) record() Record {
	r := Record{From: s.from, To: s.until, Ended: s.end, Last: s.last, Start: s.start}
	if s.addr.isV6() {
		r.Prefix = s.addr.prefix()
	} else {
		r.Addr = s.addr.ip4()
	}
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
	spans, err := v.spans([]place{place4(addr)})
	if err != nil {
		return nil, err
	}
	return within(nil, spans[0], from, to), nil
}

// within appends the records of spans that touch a time.
func within(rs []Record, spans []span, from, to lease.Time) []Record {
	for i := range spans {
		if r := spans[i].record(); r.From <= to && r.To >= from {
			rs = append(rs, r)
		}
	}
	return rs
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
	spans, err := v.spans(addrs)
	if err != nil {
		return nil, err
	}
	var rs []Record
	for i := range spans {
		rs = within(rs, spans[i], from, to)
	}
	rs = slices.DeleteFunc(rs, func(r Record) bool { return !r.Known || !q.matches(&r.Client) })
	slices.SortStableFunc(rs, func(a, b Record) int { return cmp.Compare(a.From, b.From) })
	return rs, nil
}

func (q *Query) matches(c *Client) bool {
	same := func(want, got []byte) bool { return len(want) == 0 || bytes.Equal(want, got) }
	return same(q.HW, c.HW) && same(q.ClientID, c.ClientID) && same(q.Circuit, c.Circuit()) && same(q.Remote, c.Remote()) &&
		same(q.DUID, c.DUID) && same(q.InterfaceID, c.InterfaceID) && same(q.RemoteID, c.RemoteID) && same(q.SubscriberID, c.SubscriberID)
}

// addrs are the addresses that the index has for the query's most telling part.
func (v *View) addrs(q *Query) ([]place, error) {
	var prefixes [][clientPrefix]byte
	add := func(kind byte, id []byte) {
		var k [maxKey]byte
		prefixes = append(prefixes, [clientPrefix]byte(clientOf(&k, hash(kind, id), place{})))
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
	case len(q.DUID) > 0:
		add(byDUID, q.DUID)
	case len(q.SubscriberID) > 0:
		add(bySubscriberID, q.SubscriberID)
	case len(q.RemoteID) > 0:
		add(byRemoteID, q.RemoteID)
	case len(q.InterfaceID) > 0:
		add(byInterfaceID, q.InterfaceID)
	default:
		return nil, errors.New("history: a query by client needs a hardware address, client identifier, DUID, or what a relay says of the line")
	}
	set := map[place]bool{}
	found := make([][]place, len(v.runs))
	for _, p := range prefixes {
		for _, tree := range [...]func(*reader) *tree{ofClients, ofClients6} {
			err := v.scan(tree, p[:], func(run int, k, _ []byte) bool {
				found[run] = append(found[run], placeOf(k[clientPrefix:], len(k)-clientPrefix))
				return len(found[run]) <= MaxAddrs
			})
			if err != nil {
				return nil, fmt.Errorf("history: %w", err)
			}
		}
	}
	for _, addrs := range found {
		for _, a := range addrs {
			set[a] = true
		}
	}
	var id, common []byte
	err := v.eachTail(func(rec []byte) {
		if lease.Op(rec[2])&^lease.OpV6 != lease.OpGrant {
			return
		}
		var s span
		if s.fromRecord(rec, id[:0]) != nil {
			return
		}
		id = s.identity
		if c, ok := viewWhole(id, &common); ok && q.matches(&c) {
			set[s.addr] = true
		}
	})
	if err != nil {
		return nil, err
	}
	if len(set) > MaxAddrs {
		return nil, ErrTooMany
	}
	return inOrder(set), nil
}

func inOrder(set map[place]bool) []place {
	addrs := make([]place, 0, len(set))
	for a := range set {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, func(a, b place) int { return a.compare(&b) })
	return addrs
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
