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
	Version int
	Spans   tree
	Clients tree
}

const runVersion = 1

// runWriter writes the spans, then the clients, then the footer.
type runWriter struct {
	o      *out
	spans  *treeWriter
	f      footer
	newest lease.Time
	key    [spanKey]byte
	value  []byte
}

func newRunWriter(f vfs.File, pace func(int) error) *runWriter {
	o := newOut(f, pace)
	return &runWriter{o: o, spans: newTree(o, spanKey), f: footer{Version: runVersion}}
}

func (w *runWriter) add(s *span) error {
	w.value = s.appendValue(w.value[:0])
	w.newest = max(w.newest, s.from, s.last, s.endAt)
	return w.spans.add(s.key(&w.key), w.value)
}

// finish writes what follows the spans; next gives the client keys in order.
func (w *runWriter) finish(next func() (key []byte, err error)) (err error) {
	if w.f.Spans, err = w.spans.finish(); err != nil {
		return err
	}
	clients := newTree(w.o, clientKey)
	for {
		key, err := next()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if err := clients.add(key, nil); err != nil {
			return err
		}
	}
	if w.f.Clients, err = clients.finish(); err != nil {
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
	if r.Version != runVersion {
		return fmt.Errorf("%s: format version %d; this program reads version %d", r.name, r.Version, runVersion)
	}
	return nil
}

// Builder collects the changes of a stretch of the log for one run.
type Builder struct {
	buf     []byte
	refs    []ref
	clients []client
}

// ref is a change in buf, to be sorted without pointers.
type ref struct {
	key uint64 // address and version
	off int
}

// Add copies an encoded change.
func (b *Builder) Add(rec []byte) {
	b.refs = append(b.refs, ref{uint64(recAddr(rec))<<32 | uint64(le.Uint32(rec[8:])), len(b.buf)})
	b.buf = append(b.buf, rec...)
}

// Len is the number of bytes collected.
func (b *Builder) Len() int { return len(b.buf) }

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() { b.buf, b.refs = b.buf[:0], b.refs[:0] }

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
	clients := b.clients[:0]
	var identity []byte
	fold := folder{emit: func(s *span) error {
		eachIdentity(s.identity, func(kind byte, id []byte) {
			clients = append(clients, client{hash(kind, id), s.addr})
		})
		return w.add(s)
	}}
	for _, r := range b.refs {
		rec, _, err := lease.Next(b.buf[r.off:])
		if err != nil {
			return nil, err
		}
		c, err := lease.ParseChange(rec)
		if err != nil {
			continue // of a later version: history cannot say more than it understands
		}
		if c.Op == lease.OpGrant {
			identity = appendIdentity(identity[:0], &c)
		}
		var s span
		s.fromChange(&c, identity)
		if err := fold.add(&s); err != nil {
			return nil, err
		}
	}
	if err := fold.flush(); err != nil {
		return nil, err
	}
	slices.SortFunc(clients, func(x, y client) int {
		switch {
		case x.hash < y.hash:
			return -1
		case x.hash > y.hash:
			return 1
		}
		return cmp.Compare(x.addr, y.addr)
	})
	clients = slices.Compact(clients)
	b.clients = clients
	var key [clientKey]byte
	i := 0
	return w, w.finish(func() ([]byte, error) {
		if i == len(clients) {
			return nil, nil
		}
		i++
		return clients[i-1].key(&key), nil
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
	spans := make([]*walker, len(runs))
	for i, r := range runs {
		spans[i] = r.walk(&r.Spans, pace)
	}
	m, err := newMerger(spans)
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
	if err := fold.flush(); err != nil {
		return nil, err
	}
	clients := make([]*walker, len(runs))
	for i, r := range runs {
		clients[i] = r.walk(&r.Clients, pace)
	}
	if m, err = newMerger(clients); err != nil {
		return nil, err
	}
	var last []byte
	return w, w.finish(func() ([]byte, error) {
		for m.top != nil && last != nil && bytes.Equal(last, m.top.key()) {
			if err := m.step(); err != nil {
				return nil, err
			}
		}
		if m.top == nil {
			return nil, nil
		}
		last = append(last[:0], m.top.key()...)
		return last, m.step()
	})
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
