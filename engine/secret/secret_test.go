// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var begin = time.Unix(1_700_000_000, 0)

func open(t *testing.T, dir string, now time.Time) *Store {
	t.Helper()
	s, err := Open(dir, "k", now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func next(t *testing.T, s *Store) uint64 {
	t.Helper()
	n, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Restarts, with or without a farewell and whatever the clock says, keep the key and
// give no number twice.
func TestKeyAndCounterSurvive(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, begin)
	last := uint64(0)
	for round := range 5 {
		s := open(t, dir, begin.Add(-time.Duration(round)*time.Hour))
		if s.Key() != first.Key() || !s.Since().Equal(begin) {
			t.Errorf("round %d: another key, since %v", round, s.Since())
		}
		for range 3 {
			n := next(t, s)
			if n <= last {
				t.Fatalf("round %d: %d behind %d", round, n, last)
			}
			last = n
		}
	}
	info, err := os.Stat(filepath.Join(dir, "k"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if open(t, t.TempDir(), begin).Key() == first.Key() {
		t.Error("two servers have the same key")
	}
}

// A number is only given out when the file says that it may have been.
func TestTheFileIsAheadOfTheCounter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, begin)
	last := uint64(0)
	for range 2*ahead + 10 {
		last = next(t, s)
	}
	if n := next(t, open(t, dir, begin)); n <= last {
		t.Errorf("after a crash: %d, was at %d", n, last)
	}
	// A directory that is gone: no number without its file.
	gone := filepath.Join(dir, "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	s = open(t, gone, begin)
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	n, err := 0, error(nil)
	for ; err == nil && n <= ahead; n++ {
		_, err = s.Next()
	}
	if err == nil || n != ahead+1 {
		t.Errorf("%d numbers, then %v", n-1, err)
	}
}

// A file that was lost: the next one begins above it.
func TestALostFile(t *testing.T) {
	dir := t.TempDir()
	n := next(t, open(t, dir, begin))
	if err := os.Remove(filepath.Join(dir, "k")); err != nil {
		t.Fatal(err)
	}
	if m := next(t, open(t, dir, begin.Add(time.Second))); m <= n {
		t.Errorf("%d behind %d", m, n)
	}
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, begin)
	file := filepath.Join(dir, "k")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := append([]byte(nil), good...)
		bad[at] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, "k", begin); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	if err := os.WriteFile(file, good[:67], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "k", begin); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut off: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), begin)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				n, err := s.Next()
				mu.Lock()
				if err != nil || seen[n] {
					t.Errorf("%d twice, %v", n, err)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
