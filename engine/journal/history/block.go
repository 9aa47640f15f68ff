// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"xdhcp/engine/journal/vfs"
)

const (
	blockLen  = 16 << 10
	blockHead = 8
	maxKey    = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
var le = binary.LittleEndian

// errDamaged says that a block does not check.
var errDamaged = errors.New("a block's checksum is wrong")

// block is one block under construction.
type block struct {
	b    []byte // blockLen bytes
	n    int    // used, header included
	last []byte // key
}

func newBlock() *block { return &block{b: make([]byte, blockLen), n: blockHead} }

// fits says whether an entry still has room, in the worst case.
func (k *block) fits(key, value []byte) bool {
	return k.n+1+len(key)+binary.MaxVarintLen32+len(value) <= blockLen
}

func (k *block) add(key, value []byte) {
	shared := 0
	for shared < len(k.last) && shared < len(key) && k.last[shared] == key[shared] {
		shared++
	}
	k.b[k.n] = byte(shared)
	k.n++
	k.n += copy(k.b[k.n:], key[shared:])
	k.n += binary.PutUvarint(k.b[k.n:], uint64(len(value)))
	k.n += copy(k.b[k.n:], value)
	k.last = append(k.last[:0], key...)
}

func (k *block) seal() []byte {
	clear(k.b[k.n:])
	le.PutUint16(k.b[4:], uint16(k.n-blockHead))
	le.PutUint16(k.b[6:], 0)
	le.PutUint32(k.b[0:], crc32.Checksum(k.b[4:k.n], castagnoli))
	return k.b
}

func (k *block) reset() { k.n, k.last = blockHead, k.last[:0] }

// cursor walks through the entries of one block.
type cursor struct {
	b      []byte
	keyLen int
	key    [maxKey]byte
	value  []byte
}

// begin checks a block and stands before its first entry.
func (c *cursor) begin(b []byte, keyLen int) error {
	n := int(le.Uint16(b[4:]))
	if blockHead+n > len(b) || le.Uint32(b) != crc32.Checksum(b[4:blockHead+n], castagnoli) {
		return errDamaged
	}
	*c = cursor{b: b[blockHead : blockHead+n], keyLen: keyLen}
	return nil
}

// next steps to the next entry; false at the end of the block.
func (c *cursor) next() bool {
	if len(c.b) == 0 {
		return false
	}
	shared := int(c.b[0])
	rest := c.keyLen - shared
	if rest < 0 || len(c.b) < 1+rest {
		c.b = nil // not reached: the block's checksum is right
		return false
	}
	copy(c.key[shared:c.keyLen], c.b[1:])
	c.b = c.b[1+rest:]
	n, k := binary.Uvarint(c.b)
	if k <= 0 || uint64(len(c.b)-k) < n {
		c.b = nil
		return false
	}
	c.value = c.b[k : k+int(n)]
	c.b = c.b[k+int(n):]
	return true
}

// out writes a file of blocks in large pieces.
type out struct {
	f      vfs.File
	buf    []byte // aligned
	n      int
	blocks uint64
	pace   func(n int) error // called after each piece
}

const pieceLen = 64 << 10

func newOut(f vfs.File, pace func(int) error) *out {
	return &out{f: f, buf: vfs.Buffer(pieceLen), pace: pace}
}

// put appends a block and returns its number.
func (o *out) put(b []byte) (uint64, error) {
	o.n += copy(o.buf[o.n:], b)
	o.blocks++
	if o.n == len(o.buf) {
		return o.blocks - 1, o.flush()
	}
	return o.blocks - 1, nil
}

func (o *out) flush() error {
	if o.n == 0 {
		return nil
	}
	n := o.n
	off := int64(o.blocks)*blockLen - int64(n)
	o.n = 0
	if _, err := o.f.WriteAt(o.buf[:n], off); err != nil {
		return err
	}
	return o.pace(n)
}

// tree is where a tree is in its file.
type tree struct {
	KeyLen  int
	Leaf    uint64 // first leaf block
	Leaves  uint64
	Root    uint64
	Depth   int // 0: the tree is empty; 1: the root is the only leaf
	Entries uint64
}

// treeWriter takes keys in ascending order.
type treeWriter struct {
	o      *out
	t      tree
	leaf   *block
	firsts []byte // first key of each leaf
}

func newTree(o *out, keyLen int) *treeWriter {
	return &treeWriter{o: o, t: tree{KeyLen: keyLen, Leaf: o.blocks}, leaf: newBlock()}
}

func (w *treeWriter) add(key, value []byte) error {
	if !w.leaf.fits(key, value) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if w.leaf.n == blockHead {
		w.firsts = append(w.firsts, key...)
	}
	w.leaf.add(key, value)
	w.t.Entries++
	return nil
}

func (w *treeWriter) flush() error {
	_, err := w.o.put(w.leaf.seal())
	w.leaf.reset()
	w.t.Leaves++
	return err
}

// finish writes the last leaf and the levels above.
func (w *treeWriter) finish() (tree, error) {
	if w.t.Entries == 0 {
		return w.t, nil
	}
	if err := w.flush(); err != nil {
		return w.t, err
	}
	w.t.Depth = 1
	first, count := w.t.Leaf, w.t.Leaves
	keys := w.firsts
	for count > 1 {
		var err error
		if first, count, keys, err = w.level(first, count, keys); err != nil {
			return w.t, err
		}
		w.t.Depth++
	}
	w.t.Root = first
	return w.t, nil
}

// level writes the blocks that point at count blocks from first on.
func (w *treeWriter) level(first, count uint64, keys []byte) (uint64, uint64, []byte, error) {
	above, blocks := w.o.blocks, uint64(0)
	var firsts []byte
	k := newBlock()
	k.reset()
	var value [binary.MaxVarintLen64]byte
	for i := range count {
		key := keys[i*uint64(w.t.KeyLen) : (i+1)*uint64(w.t.KeyLen)]
		v := value[:binary.PutUvarint(value[:], first+i)]
		if !k.fits(key, v) {
			if _, err := w.o.put(k.seal()); err != nil {
				return 0, 0, nil, err
			}
			k.reset()
			blocks++
		}
		if k.n == blockHead {
			firsts = append(firsts, key...)
		}
		k.add(key, v)
	}
	_, err := w.o.put(k.seal())
	return above, blocks + 1, firsts, err
}

// blocks reads blocks of a file.
type blocks struct {
	f    vfs.File
	name string
}

func (r *blocks) read(n uint64, b []byte) error {
	if _, err := r.f.ReadAt(b, int64(n)*blockLen); err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	return nil
}

func (r *blocks) damaged(n uint64, err error) error {
	return fmt.Errorf("%s, offset %d: %w", r.name, n*blockLen, err)
}

// scan calls fn with each entry whose key begins with prefix, in order, until fn
// says no. It reads a block per level and the leaves that hold the entries.
func (r *blocks) scan(t *tree, prefix []byte, buf []byte, fn func(key, value []byte) bool) error {
	if t.Depth == 0 {
		return nil
	}
	var c cursor
	at := t.Root
	for range t.Depth - 1 {
		if err := r.read(at, buf); err != nil {
			return err
		}
		if err := c.begin(buf, t.KeyLen); err != nil {
			return r.damaged(at, err)
		}
		// The last child that begins before the prefix: entries with the prefix may
		// begin in it, and go on in those after it.
		child, found := uint64(0), false
		for c.next() {
			if found && bytes.Compare(c.key[:len(prefix)], prefix) >= 0 {
				break
			}
			child, _ = binary.Uvarint(c.value)
			found = true
		}
		at = child
	}
	for ; at < t.Leaf+t.Leaves; at++ {
		if err := r.read(at, buf); err != nil {
			return err
		}
		if err := c.begin(buf, t.KeyLen); err != nil {
			return r.damaged(at, err)
		}
		for c.next() {
			switch bytes.Compare(c.key[:len(prefix)], prefix) {
			case 0:
				if !fn(c.key[:t.KeyLen], c.value) {
					return nil
				}
			case 1:
				return nil
			}
		}
	}
	return nil
}

// walker reads all entries of a tree in order, in large pieces.
type walker struct {
	r    *blocks
	t    *tree
	buf  []byte
	have []byte // blocks of buf not begun
	next uint64
	c    cursor
	pace func(n int) error
	age  int // its rank among those that are merged
}

func (r *blocks) walk(t *tree, pace func(int) error) *walker {
	return &walker{r: r, t: t, next: t.Leaf, buf: make([]byte, pieceLen), pace: pace}
}

// step stands on the next entry; false at the end.
func (w *walker) step() (bool, error) {
	for !w.c.next() {
		if len(w.have) == 0 {
			n := min(uint64(len(w.buf)/blockLen), w.t.Leaf+w.t.Leaves-w.next)
			if n == 0 || w.t.Depth == 0 {
				return false, nil
			}
			w.have = w.buf[:n*blockLen]
			if err := w.r.read(w.next, w.have); err != nil {
				return false, err
			}
			if err := w.pace(len(w.have)); err != nil {
				return false, err
			}
		}
		if err := w.c.begin(w.have[:blockLen], w.t.KeyLen); err != nil {
			return false, w.r.damaged(w.next, err)
		}
		w.have = w.have[blockLen:]
		w.next++
	}
	return true, nil
}

func (w *walker) key() []byte   { return w.c.key[:w.t.KeyLen] }
func (w *walker) value() []byte { return w.c.value }
