// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Run is one file, as the manifest describes it.
type Run struct {
	File   string
	Level  int
	Groups [2]uint64  // first and last group of the log that are in it
	Newest lease.Time // latest event in it
	Bytes  int64
	Spans  uint64
}

const (
	dirName  = "history"
	tempRun  = dirName + "/new"
	runMagic = "xdhcprun"
)

// footer is the description in a run's last block, as JSON behind the magic, a
// checksum and its length.
type footer struct {
	Version  int
	Spans    tree
	Clients  tree
	Spans6   tree
	Clients6 tree
	Lens     [3]uint64 // lengths of the prefixes in Spans6, a bit each
}

const (
	runVersion = 2
	onlyIPv4   = 1 // the version that had no trees for DHCPv6
)

// runWriter writes the spans, then the clients, each of IPv4 before those of DHCPv6, then
// the footer.
type runWriter struct {
	o      *out
	tree   *treeWriter
	f      footer
	newest lease.Time
	key    [maxKey]byte
	value  []byte
}

func newRunWriter(f vfs.File, pace func(int) error) *runWriter {
	o := newOut(f, pace)
	return &runWriter{o: o, tree: newTree(o, spanKey), f: footer{Version: runVersion}}
}

// next ends a tree and begins the one after it.
func (w *runWriter) next(done *tree, keyLen int) (err error) {
	*done, err = w.tree.finish()
	w.tree = newTree(w.o, keyLen)
	return err
}

func (w *runWriter) add(s *span) error {
	if s.addr.isV6() {
		if w.tree.t.KeyLen == spanKey {
			if err := w.next(&w.f.Spans, spanKey6); err != nil {
				return err
			}
		}
		n := s.addr.b[16]
		w.f.Lens[n/64] |= 1 << (n % 64)
	}
	w.value = s.appendValue(w.value[:0])
	w.newest = max(w.newest, s.from, s.last, s.endAt)
	return w.tree.add(s.key(&w.key), w.value)
}

// finish writes what follows the spans; next gives the client keys in order.
func (w *runWriter) finish(next func() (key []byte, err error)) (err error) {
	if w.tree.t.KeyLen == spanKey {
		err = w.next(&w.f.Spans, clientKey)
	} else {
		err = w.next(&w.f.Spans6, clientKey)
	}
	for err == nil {
		var key []byte
		if key, err = next(); key == nil {
			break
		}
		if len(key) != w.tree.t.KeyLen {
			if err := w.next(&w.f.Clients, clientKey6); err != nil {
				return err
			}
		}
		err = w.tree.add(key, nil)
	}
	if err != nil {
		return err
	}
	if w.tree.t.KeyLen == clientKey {
		w.f.Clients, err = w.tree.finish()
	} else {
		w.f.Clients6, err = w.tree.finish()
	}
	if err != nil {
		return err
	}
	b := make([]byte, blockLen)
	j, err := json.Marshal(w.f)
	if err != nil {
		return err
	}
	n := copy(b, runMagic)
	le.PutUint32(b[n:], crc32.Checksum(j, castagnoli))
	le.PutUint32(b[n+4:], uint32(len(j)))
	copy(b[n+8:], j)
	if _, err := w.o.put(b); err != nil {
		return err
	}
	if err := w.o.flush(); err != nil {
		return err
	}
	return w.o.f.Sync()
}

// reader reads a run.
type reader struct {
	blocks
	footer
}

func openRun(fs vfs.FS, name string) (*reader, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	r := &reader{blocks: blocks{f, name}}
	if err := r.readFooter(); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *reader) readFooter() error {
	size, err := r.f.Size()
	if err != nil {
		return err
	}
	if size < blockLen || size%blockLen != 0 {
		return fmt.Errorf("%s is cut off", r.name)
	}
	b := make([]byte, blockLen)
	n := uint64(size/blockLen) - 1
	if err := r.read(n, b); err != nil {
		return err
	}
	const head = len(runMagic)
	j := b[head+8:]
	if l := int(le.Uint32(b[head+4:])); l <= len(j) {
		j = j[:l]
	}
	if !bytes.HasPrefix(b, []byte(runMagic)) || le.Uint32(b[head:]) != crc32.Checksum(j, castagnoli) {
		return r.damaged(n, errDamaged)
	}
	if err := json.Unmarshal(j, &r.footer); err != nil {
		return r.damaged(n, err)
	}
	if r.Version != runVersion && r.Version != onlyIPv4 {
		return fmt.Errorf("%s: format version %d; this program reads version %d", r.name, r.Version, runVersion)
	}
	return nil
}

// Builder collects the changes of a stretch of the log for one run.
type Builder struct {
	buf     []byte
	refs    []ref
	refs6   []ref6
	clients []client
	six     []client6
}

// ref is a change in buf, to be sorted without pointers.
type ref struct {
	key uint64 // address and version
	off int
}

// ref6 is the same for DHCPv6.
type ref6 struct {
	p   lease6.Prefix
	ver uint32
	off int
}

func (r ref6) compare(s ref6) int {
	if c := r.p.IP6.Compare(s.p.IP6); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.p.Len, s.p.Len), cmp.Compare(r.ver, s.ver), cmp.Compare(r.off, s.off))
}

// Add copies an encoded change.
func (b *Builder) Add(rec []byte) {
	if isV6(rec) {
		b.refs6 = append(b.refs6, ref6{recPrefix(rec), le.Uint32(rec[8:]), len(b.buf)})
		b.buf = append(b.buf, rec...)
		return
	}
	b.refs = append(b.refs, ref{uint64(recAddr(rec))<<32 | uint64(le.Uint32(rec[8:])), len(b.buf)})
	b.buf = append(b.buf, rec...)
}

// Grow makes room for about n bytes more, so that it is not gathered in steps of which
// each leaves garbage behind.
func (b *Builder) Grow(n int) {
	const usual = 96 // bytes of a grant
	b.buf, b.refs = slices.Grow(b.buf, n), slices.Grow(b.refs, n/usual)
	b.clients = slices.Grow(b.clients[:0], n/usual)
}

// Len is the number of bytes collected.
func (b *Builder) Len() int { return len(b.buf) }

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() { b.buf, b.refs, b.refs6 = b.buf[:0], b.refs[:0], b.refs6[:0] }

// write makes a run of what was collected.
func (b *Builder) write(f vfs.File, pace func(int) error) (*runWriter, error) {
	slices.SortFunc(b.refs, func(x, y ref) int {
		switch {
		case x.key < y.key:
			return -1
		case x.key > y.key:
			return 1
		}
		return x.off - y.off
	})
	w := newRunWriter(f, pace)
	clients, six := b.clients[:0], b.six[:0]
	var identity []byte
	fold := folder{emit: func(s *span) error {
		eachIdentity(s.identity, func(kind byte, id []byte) {
			if s.addr.isV6() {
				six = append(six, client6{hash(kind, id), s.addr.prefix()})
			} else {
				clients = append(clients, client{hash(kind, id), s.addr.ip4()})
			}
		})
		return w.add(s)
	}}
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
	for _, r := range b.refs {
		if err := add(r.off); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(b.refs6, ref6.compare)
	for _, r := range b.refs6 {
		if err := add(r.off); err != nil {
			return nil, err
		}
	}
	if err := fold.flush(); err != nil {
		return nil, err
	}
	slices.SortFunc(clients, client.compare)
	slices.SortFunc(six, client6.compare)
	clients, six = slices.Compact(clients), slices.Compact(six)
	b.clients, b.six = clients, six
	var key [maxKey]byte
	i := 0
	return w, w.finish(func() ([]byte, error) {
		i++
		switch n := len(clients); {
		case i <= n:
			return clientOf(&key, clients[i-1].hash, place4(clients[i-1].addr)), nil
		case i <= n+len(six):
			return clientOf(&key, six[i-n-1].hash, place6(six[i-n-1].p)), nil
		}
		return nil, nil
	})
}

// folder joins spans that come in order of address and version.
type folder struct {
	emit     func(*span) error
	cur      span
	have     bool
	identity []byte // of cur
}

func (f *folder) add(s *span) error {
	if f.have && f.cur.addr == s.addr && f.cur.fold(s) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.cur, f.have = *s, true
	if s.identity != nil {
		f.identity = append(f.identity[:0], s.identity...)
		f.cur.identity = f.identity
	}
	return nil
}

func (f *folder) flush() error {
	if !f.have {
		return nil
	}
	f.have = false
	return f.emit(&f.cur)
}

// merge writes the spans of runs, oldest first, that are not over before cutoff.
func merge(f vfs.File, runs []*reader, cutoff lease.Time, pace func(int) error) (*runWriter, error) {
	w := newRunWriter(f, pace)
	fold := folder{emit: func(s *span) error {
		if s.over() < cutoff {
			return nil
		}
		return w.add(s)
	}}
	for _, tree := range [...]func(*reader) *tree{ofSpans, ofSpans6} {
		m, err := mergerOf(runs, tree, pace)
		if err != nil {
			return nil, err
		}
		for m.top != nil {
			var s span
			if err := s.parse(m.top.key(), m.top.value()); err != nil {
				return nil, fmt.Errorf("%s: %w", m.top.r.name, err)
			}
			if err := fold.add(&s); err != nil {
				return nil, err
			}
			if err := m.step(); err != nil {
				return nil, err
			}
		}
	}
	if err := fold.flush(); err != nil {
		return nil, err
	}
	m, err := mergerOf(runs, ofClients, pace)
	if err != nil {
		return nil, err
	}
	four := true
	var last []byte
	return w, w.finish(func() ([]byte, error) {
		for {
			for m.top != nil && last != nil && bytes.Equal(last, m.top.key()) {
				if err := m.step(); err != nil {
					return nil, err
				}
			}
			if m.top != nil {
				break
			}
			if !four {
				return nil, nil
			}
			four = false
			if m, err = mergerOf(runs, ofClients6, pace); err != nil {
				return nil, err
			}
		}
		last = append(last[:0], m.top.key()...)
		return last, m.step()
	})
}

// mergerOf merges one of the trees of some runs.
func mergerOf(runs []*reader, tree func(*reader) *tree, pace func(int) error) (*merger, error) {
	ws := make([]*walker, len(runs))
	for i, r := range runs {
		ws[i] = r.walk(tree(r), pace)
	}
	return newMerger(ws)
}

// merger gives the entries of several trees in one order; of equal keys the one of
// the earlier tree first. There are few trees: it looks at all of them.
type merger struct {
	ws  []*walker
	top *walker // stands on the next entry; nil at the end
}

func newMerger(ws []*walker) (*merger, error) {
	m := &merger{}
	for _, w := range ws {
		ok, err := w.step()
		if err != nil {
			return nil, err
		}
		if ok {
			m.ws = append(m.ws, w)
		}
	}
	m.choose()
	return m, nil
}

func (m *merger) choose() {
	m.top = nil
	for _, w := range m.ws {
		if m.top == nil || bytes.Compare(w.key(), m.top.key()) < 0 {
			m.top = w
		}
	}
}

func (m *merger) step() error {
	ok, err := m.top.step()
	if err != nil {
		return err
	}
	if !ok {
		m.ws = slices.DeleteFunc(m.ws, func(w *walker) bool { return w == m.top })
	}
	m.choose()
	return nil
}
