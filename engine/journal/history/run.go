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
// the earlier tree first.
type merger struct {
	ws  []*walker // in the order of the entries on which they stand
	top *walker   // stands on the next entry; nil at the end
}

// newMerger takes the trees from the earliest on.
func newMerger(ws []*walker) (*merger, error) {
	m := &merger{}
	for i, w := range ws {
		w.age = i
		ok, err := w.step()
		if err != nil {
			return nil, err
		}
		if ok {
			m.ws = append(m.ws, w)
		}
	}
	slices.SortFunc(m.ws, (*walker).compare)
	m.choose()
	return m, nil
}

func (w *walker) compare(x *walker) int {
	if c := bytes.Compare(w.key(), x.key()); c != 0 {
		return c
	}
	return cmp.Compare(w.age, x.age)
}

func (m *merger) choose() {
	m.top = nil
	if len(m.ws) > 0 {
		m.top = m.ws[0]
	}
}

// step moves the top on, and puts it where it belongs now: often it stays, since
// clients of one time have addresses side by side.
func (m *merger) step() error {
	ok, err := m.top.step()
	if err != nil {
		return err
	}
	if !ok {
		m.ws = m.ws[1:]
	}
	for i := 1; ok && i < len(m.ws) && m.ws[i].compare(m.top) < 0; i++ {
		m.ws[i-1], m.ws[i] = m.ws[i], m.top
	}
	m.choose()
	return nil
}
