// SPDX-License-Identifier: Apache-2.0

// Package secret keeps what a server must not forget and nobody else may know: a
// random key, and a counter that never gives a number twice, over restarts and
// crashes (replay detection of RFC 3118 §3, RFC 6704 §3.1.2).
//
// Both lie in one file of the state directory, mode 0600:
//
//	0          8         16      24      32       64
//	| xdhcpkey | version | since | limit | key    | crc32c of 0..64
//
// The counter takes numbers up to limit without touching the file; then it moves
// limit ahead and syncs the file before it gives out the next one. So a crash costs
// some numbers, and none comes twice. The first number is made of the time (as RFC
// 3118 §3 advises): should the file be lost, the next one begins above the old one
// if the clock is right.
package secret

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	magic   = "xdhcpkey"
	version = 1
	size    = 68
	// ahead is how many numbers are given out between two writes.
	ahead = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Store is a key and a counter. Make one with Open; any goroutine may use it.
type Store struct {
	dir, name string
	key       [32]byte
	since     time.Time

	mu    sync.Mutex
	next  uint64
	limit uint64
}

// ErrDamaged is wrapped by what Open says about a file that is not one of ours.
// Whoever removes it gets another key.
var ErrDamaged = errors.New("not a key file, or damaged")

// Open reads the file of that name in a directory, or makes it at the time now.
func Open(dir, name string, now time.Time) (*Store, error) {
	s := &Store{dir: dir, name: name}
	b, err := os.ReadFile(filepath.Join(dir, name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		rand.Read(s.key[:])
		s.since = time.Unix(now.Unix(), 0)
		s.next = uint64(now.Unix()) << 32
	case err != nil:
		return nil, fmt.Errorf("key: %w", err)
	default:
		if err := s.parse(b); err != nil {
			return nil, fmt.Errorf("key %s: %w", filepath.Join(dir, name), err)
		}
		s.next = s.limit
	}
	// What was given out before is below limit; what is given out now is above.
	s.limit = s.next
	if err := s.advance(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) parse(b []byte) error {
	le := binary.LittleEndian
	if len(b) != size || string(b[:8]) != magic || crc32.Checksum(b[:64], castagnoli) != le.Uint32(b[64:]) {
		return ErrDamaged
	}
	if v := le.Uint64(b[8:]); v != version {
		return fmt.Errorf("version %d; this program knows %d", v, version)
	}
	s.since = time.Unix(int64(le.Uint64(b[16:])), 0)
	s.limit = le.Uint64(b[24:])
	copy(s.key[:], b[32:64])
	return nil
}

// advance moves limit ahead and makes that durable.
func (s *Store) advance() error {
	b := make([]byte, size)
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint64(b[8:], version)
	le.PutUint64(b[16:], uint64(s.since.Unix()))
	le.PutUint64(b[24:], s.limit+ahead)
	copy(b[32:], s.key[:])
	le.PutUint32(b[64:], crc32.Checksum(b[:64], castagnoli))
	if err := s.replace(b); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	s.limit += ahead
	return nil
}

// replace writes the file whole: a crash leaves the old one or the new one.
func (s *Store) replace(b []byte) (err error) {
	temp := filepath.Join(s.dir, s.name+".tmp")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(s.dir, s.name)); err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Key is the random key. It is the same for as long as the file is there.
func (s *Store) Key() [32]byte { return s.key }

// Since is when the key was made.
func (s *Store) Since() time.Time { return s.since }

// Next is a number that is larger than all that Next has ever returned.
func (s *Store) Next() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.limit {
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	s.next++
	return s.next, nil
}
