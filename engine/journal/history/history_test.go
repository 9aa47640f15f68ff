// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/internal/invariants"
)

// life makes the changes of a few addresses and clients, as a table would.
type life struct {
	rng  *rand.Rand
	now  lease.Time
	last map[lease.IP4]lease.Change // newest change, with the client of its grant
	all  []lease.Change             // in the order of the log
}

const begin lease.Time = 1_800_000_000

func newLife(seed uint64) *life {
	return &life{rng: rand.New(rand.NewPCG(seed, 2)), now: begin, last: map[lease.IP4]lease.Change{}}
}

func (l *life) change() lease.Change {
	l.now += lease.Time(l.rng.IntN(30))
	a := lease.IP4(0x0a000000 + l.rng.Uint32N(20))
	old, have := l.last[a]
	leased := have && (old.Op == lease.OpGrant || old.Op == lease.OpRenew)
	c := old
	c.Addr, c.Version, c.At, c.Full = a, old.Version+1, l.now, false
	switch n := l.rng.IntN(10); {
	case leased && old.Expires <= l.now:
		c.Op = lease.OpExpire
	case !leased:
		c = l.grant(a, old.Version+1)
	case n < 6:
		c.Op, c.Expires = lease.OpRenew, l.now+600
	case n == 6: // moved to another line within its lease
		c.Op, c.Full, c.Expires = lease.OpGrant, true, l.now+600
		c.Relay = l.relay()
	case n == 7:
		c.Op = lease.OpRelease
	case n == 8:
		c.Op, c.Expires = lease.OpDecline, l.now+100
	default: // handed to another client before anybody noticed the end
		c = l.grant(a, old.Version+1)
	}
	if c.Op == lease.OpGrant && c.Start == old.Start && old.Op != 0 && !bytes.Equal(c.HW, old.HW) {
		c.Start++ // two bindings never begin in the same second on one address
		c.At++
	}
	l.last[a] = c
	l.all = append(l.all, c)
	return c
}

func (l *life) grant(a lease.IP4, version uint32) lease.Change {
	c := lease.Change{Op: lease.OpGrant, Full: true, Addr: a, Version: version, At: l.now, Start: l.now, Expires: l.now + 600,
		Scope: 3, HType: 1, HW: []byte{2, 0, 0, 0, 0, byte(l.rng.IntN(12))}, Relay: l.relay(), Host: []byte("pc")}
	c.Kind, c.ID = lease.KindHW, append([]byte{1}, c.HW...)
	switch l.rng.IntN(3) {
	case 0:
		c.ClientID = append([]byte{1}, c.HW...)
	case 1:
		c.Kind, c.ClientID = lease.KindClientID, []byte{0xff, 9, 9, c.HW[5]}
		c.ID = c.ClientID
	}
	return c
}

func (l *life) relay() []byte {
	line := byte('a' + l.rng.IntN(5))
	return []byte{1, 3, 'p', '/', line, 2, 2, 'd', '1' + line%2}
}

// stretch is the next n changes in an order in which two lanes may have logged them.
func (l *life) stretch(n int) []lease.Change {
	first := len(l.all)
	for range n {
		l.change()
	}
	cs := slices.Clone(l.all[first:])
	for i := 1; i < len(cs); i++ {
		if l.rng.IntN(6) == 0 {
			cs[i-1], cs[i] = cs[i], cs[i-1]
		}
	}
	return cs
}

func add(t *testing.T, s *Store, seq uint64, cs []lease.Change) {
	t.Helper()
	var b Builder
	for i := range cs {
		b.Add(encode(cs[i]))
	}
	if err := s.Add(&b, Position{Seq: seq}); err != nil {
		t.Fatal(err)
	}
}

func openView(t *testing.T, fs vfs.FS) *View {
	t.Helper()
	v, err := OpenView(fs)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Whatever way the changes came into runs, merged or not or still in the log, the
// answers are those of the plain list.
func TestAnswersAreThoseOfThePlainList(t *testing.T) {
	seeds := uint64(5)
	if invariants.Enabled {
		seeds = 1 // the race detector makes it slow
	}
	for seed := range seeds {
		fs := errfs.New()
		s, err := Open(fs, Options{MaxBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		l := newLife(seed)
		for seq := uint64(1); seq <= 80; seq++ {
			// The border between two runs goes through inverted changes as well.
			cs := l.stretch(1 + l.rng.IntN(50))
			add(t, s, seq, cs)
			if seq%9 == 0 {
				if err := s.Maintain(context.Background(), l.now); err != nil {
					t.Fatal(err)
				}
			}
			if seq%20 == 0 {
				v := openView(t, fs)
				compare(t, v, l.all)
				v.Close()
			}
		}
		if n := len(s.Runs()); n > 2*fanIn {
			t.Errorf("%d runs are left", n)
		}
		tail := l.stretch(100)
		v := openView(t, fs)
		v.AddTail(encode(tail[:40]...))
		v.AddTail(encode(tail[40:]...))
		compare(t, v, l.all)
		v.Close()
		if s, err = Open(fs, Options{}); err != nil || s.Position().Seq != 80 {
			t.Errorf("opened again: %+v, %v", s.Position(), err)
		}
	}
}

// Old and too much: what ended before the time to keep goes, what ended later stays,
// with its client, however long ago that came.
func TestRetention(t *testing.T) {
	const keep = 4000
	fs := errfs.New()
	s, err := Open(fs, Options{Keep: keep, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(7)
	for seq := uint64(1); seq <= 120; seq++ {
		add(t, s, seq, l.stretch(20))
		if err := s.Maintain(context.Background(), l.now); err != nil {
			t.Fatal(err)
		}
	}
	v := openView(t, fs)
	defer v.Close()
	old, kept := 0, 0
	for a := lease.IP4(0x0a000000); a < 0x0a000000+20; a++ {
		got, err := v.ByAddress(a, 0, lease.Never)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			if r.To < l.now-3*keep {
				old++
			}
		}
		for _, w := range oracle(l.all, a) {
			if w.To < l.now-keep {
				continue
			}
			kept++
			if !slices.ContainsFunc(got, func(r Record) bool { return sameRecord(r, w) }) {
				t.Errorf("%v: lost %+v\n of %+v", a, w, got)
			}
		}
	}
	if old > 0 || kept == 0 {
		t.Errorf("%d records are older than three times what is kept; %d had to be kept", old, kept)
	}
}

// A lease that is renewed for ever keeps its client after the run of its grant is gone.
func TestALongLeaseKeepsItsClient(t *testing.T) {
	fs := errfs.New()
	s, err := Open(fs, Options{Keep: 100, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(1)
	c := l.grant(5, 1)
	want := c.HW
	add(t, s, 1, []lease.Change{c})
	for seq := uint64(2); seq < 200; seq++ {
		c.Op, c.Full, c.Version, c.At, c.Expires = lease.OpRenew, false, c.Version+1, c.At+300, c.At+900
		other := l.grant(lease.IP4(6+seq), 1)
		other.At, other.Start, other.Expires = c.At, c.At, c.At+10
		add(t, s, seq, []lease.Change{c, other})
		if err := s.Maintain(context.Background(), c.At); err != nil {
			t.Fatal(err)
		}
	}
	v := openView(t, fs)
	defer v.Close()
	r, ok, err := v.At(5, c.At)
	if err != nil || !ok || !r.Known || !bytes.Equal(r.Client.HW, want) || r.From != begin {
		t.Errorf("%+v, %v, %v", r, ok, err)
	}
	if rs, err := v.ByClient(Query{HW: want}, c.At, c.At); err != nil || !slices.ContainsFunc(rs, func(r Record) bool { return r.Addr == 5 }) {
		t.Errorf("by client: %+v, %v", rs, err)
	}
	if rs, err := v.ByAddress(8, 0, lease.Never); err != nil || len(rs) != 0 {
		t.Errorf("a short lease of long ago is still there: %+v, %v", rs, err)
	}
}

// The files stay below their bound, and the newest is what stays.
func TestSizeIsBounded(t *testing.T) {
	const most = 40 * blockLen
	fs := errfs.New()
	s, err := Open(fs, Options{MaxBytes: most})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(3)
	for seq := uint64(1); seq <= 300; seq++ {
		add(t, s, seq, l.stretch(40))
		if err := s.Maintain(context.Background(), l.now); err != nil {
			t.Fatal(err)
		}
		if s.Bytes() > most {
			t.Fatalf("%d bytes after run %d: %+v", s.Bytes(), seq, s.Runs())
		}
	}
	v := openView(t, fs)
	defer v.Close()
	for a, c := range l.last {
		if c.Op != lease.OpGrant && c.Op != lease.OpRenew {
			continue
		}
		r, ok, err := v.At(a, l.now)
		if want := oracle(l.all, a); c.Expires > l.now && (err != nil || !ok || !sameRecord(r, want[len(want)-1])) {
			t.Errorf("%v: %+v, %v, %v", a, r, ok, err)
		}
	}
}

// Each operation in turn fails or is the last before the power goes. What the
// position says is in the history is there, and after the fault it can be gone on
// with.
func TestEveryFault(t *testing.T) {
	run := func(fs *errfs.FS) (*life, []int, error) {
		l := newLife(4)
		var ends []int // changes up to each position
		s, err := Open(fs, Options{MaxBytes: 60 * blockLen})
		if err != nil {
			return l, ends, err
		}
		for seq := uint64(1); seq <= fanIn+1; seq++ {
			cs := l.stretch(12)
			ends = append(ends, len(l.all))
			var b Builder
			for i := range cs {
				b.Add(encode(cs[i]))
			}
			if err := s.Add(&b, Position{Seq: seq}); err != nil {
				return l, ends, err
			}
			if err := s.Maintain(context.Background(), l.now); err != nil {
				return l, ends, err
			}
		}
		return l, ends, nil
	}
	healthy := errfs.New()
	if _, _, err := run(healthy); err != nil {
		t.Fatal(err)
	}
	every := 1
	if invariants.Enabled { // the race detector makes it slow
		every = 9
	}
	for _, fault := range []errfs.Fault{errfs.Fail, errfs.Short, errfs.NoSpace, errfs.PowerCut} {
		for n := 1 + int(fault)%every; n <= healthy.Ops(); n += every {
			fs := errfs.New()
			fs.Inject = func(op errfs.Op) errfs.Fault {
				if op.N == n {
					return fault
				}
				return errfs.None
			}
			l, ends, err := run(fs)
			if err == nil && fault != errfs.None {
				continue // the removal of a file that is not there any more
			}
			for _, after := range []*errfs.FS{fs.Crash(false, nil), fs.Crash(true, nil), fs.Crash(true, func(i int) bool { return i%2 == 0 })} {
				name := fmt.Sprintf("fault %d at operation %d", fault, n)
				s, err := Open(after, Options{MaxBytes: 60 * blockLen})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				known := l.all[:0:0]
				if seq := s.Position().Seq; seq > 0 {
					known = l.all[:ends[seq-1]]
				}
				v := openView(t, after)
				compareAddresses(t, v, known)
				v.Close()
				if problems, err := Verify(after); err != nil || len(problems) > 0 {
					t.Fatalf("%s: verify: %v, %v", name, problems, err)
				}
				add(t, s, s.Position().Seq+1, nil)
			}
		}
	}
}

// A damaged block is found, and never answers.
func TestDamageIsFound(t *testing.T) {
	fs := errfs.New()
	s, err := Open(fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(5)
	add(t, s, 1, l.stretch(500))
	run := s.Runs()[0]
	for off := int64(10); off < run.Bytes; off += blockLen {
		damaged := fs.Crash(true, nil)
		if err := damaged.Corrupt(run.File, off, 1); err != nil {
			t.Fatal(err)
		}
		if problems, err := Verify(damaged); err != nil || len(problems) != 1 {
			t.Errorf("a wrong bit at %d: %v, %v", off, problems, err)
		}
	}
	if problems, err := Verify(fs); err != nil || len(problems) != 0 {
		t.Errorf("a whole history: %v, %v", problems, err)
	}
	if err := fs.Corrupt(manifestName, 3, 0xff); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fs, Options{}); err == nil {
		t.Error("a damaged manifest opens")
	}
	if err := SetAside(fs); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(fs, Options{}); err != nil || s.Position().Seq != 0 {
		t.Errorf("set aside: %v", err)
	}
}

// On a full disk the oldest run goes at once.
func TestShed(t *testing.T) {
	fs := errfs.New()
	s, err := Open(fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(5)
	add(t, s, 1, l.stretch(100))
	add(t, s, 2, l.stretch(100))
	files := len(s.Runs())
	if ok, err := s.Shed(); err != nil || !ok || len(s.Runs()) != files-1 {
		t.Fatalf("shed: %v, %v, %+v", ok, err, s.Runs())
	}
	// A server that dies between the removal and the new manifest.
	add(t, s, 3, l.stretch(100))
	gone := s.Runs()[0].File
	if err := fs.Remove(gone); err != nil {
		t.Fatal(err)
	}
	openView(t, fs).Close()
	if s, err = Open(fs, Options{}); err != nil || len(s.Runs()) != 1 {
		t.Errorf("%+v, %v", s.Runs(), err)
	}
}

// A tree with several levels finds every key and only those.
func TestTree(t *testing.T) {
	fs := errfs.New()
	f, err := fs.Create("t")
	if err != nil {
		t.Fatal(err)
	}
	o := newOut(f, func(int) error { return nil })
	w := newTree(o, 8)
	value := bytes.Repeat([]byte{7}, 300)
	const n = 60_000
	for i := range n {
		var k [8]byte
		binary.BigEndian.PutUint64(k[:], uint64(i/3)<<32|uint64(i%3))
		if err := w.add(k[:], value[:i%300]); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	if tr.Depth < 2 || tr.Entries != n {
		t.Errorf("%+v", tr)
	}
	r := &blocks{f, "t"}
	buf := make([]byte, blockLen)
	for i := 0; i < n/3+2; i++ {
		var k [8]byte
		binary.BigEndian.PutUint64(k[:], uint64(i)<<32)
		var got []uint64
		err := r.scan(&tr, k[:4], buf, func(key, v []byte) bool {
			got = append(got, binary.BigEndian.Uint64(key))
			if j := int(got[len(got)-1]>>32)*3 + int(uint32(got[len(got)-1])); len(v) != j%300 {
				t.Fatalf("key %d has a value of %d bytes", j, len(v))
			}
			return true
		})
		want := []uint64{uint64(i) << 32, uint64(i)<<32 | 1, uint64(i)<<32 | 2}
		if i >= n/3 {
			want = nil
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("prefix %d: %x, %v", i, got, err)
		}
	}
}

// Any span survives its encoding.
func TestSpanEncoding(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		pick := func() lease.Time {
			return [...]lease.Time{0, 1, begin, begin + 100, lease.Never - 1, lease.Never}[rng.IntN(6)]
		}
		addr := place4(lease.IP4(rng.Uint32()))
		if rng.IntN(2) == 0 {
			addr = place6(lease6.Prefix{IP6: lease6.IP6{Hi: rng.Uint64(), Lo: rng.Uint64()}, Len: uint8(rng.IntN(129))})
		}
		s := span{addr: addr, ver: rng.Uint32(), binding: rng.IntN(2) == 0, end: lease.Op(rng.IntN(6))}
		s.lastVer = s.ver + uint32(rng.IntN(3))
		if s.binding {
			s.start, s.from, s.last, s.until = pick(), pick(), pick(), pick()
			if rng.IntN(2) == 0 {
				s.identity = []byte{1, 2, 3}
			}
		}
		if s.end != 0 {
			s.endAt = pick()
		}
		var k [maxKey]byte
		var got span
		if err := got.parse(s.key(&k), s.appendValue(nil)); err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, s)
		}
	}
}
