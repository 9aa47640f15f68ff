// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"xdhcp/engine/journal/errfs"
	"xdhcp/internal/invariants"
)

// shortLife is a short life of a server: two starts, several segments, two
// snapshots, and segments that are used again. It stops at the first error, as a
// server does, and returns the client and what the journal had promised.
func shortLife(fs *errfs.FS, snapshotAt func(start, i int) bool) (*client, *model) {
	c := newClient(1)
	return c, c.live(fs, snapshotAt)
}

func (c *client) live(fs *errfs.FS, snapshotAt func(start, i int) bool) *model {
	for start := range 2 {
		o := small(fs)
		o.Linger = time.Millisecond // groups end at a page, batches go over two
		recovered := newModel()
		j, _, err := openModel("state", recovered, o)
		if err != nil {
			return c.promised
		}
		if start > 0 {
			for _, b := range c.batches {
				b.Reset()
			}
		}
		// The table of this start is what was recovered; in this history, where the
		// first start ends in order, that is all there was.
		j.table = Tables{c.table, c.table.six}
		for i := range 24 {
			for k, b := range c.batches {
				if (i+k)%3 != 0 {
					c.some(1+c.rng.IntN(6), b)
					c.append(j, b)
				}
			}
			err := j.step()
			c.promise(j)
			if err != nil {
				j.Close()
				return c.promised
			}
			if snapshotAt(start, i) {
				if err := j.Snapshot(context.Background()); err != nil {
					continue // goes on without
				}
			}
		}
		j.Close()
	}
	return c.promised
}

// late takes two snapshots, each near the end of a start.
func late(start, i int) bool { return i == 20 }

// early takes one snapshot and leaves a long log behind it.
func early(start, i int) bool { return start == 0 && i == 8 }

// crashes are choices of what survives of unsynced writes and names.
var crashes = []struct {
	name  string
	names bool
	keep  func(int) bool
}{
	{"nothing unsynced survives", false, nil},
	{"names survive, data not", true, nil},
	{"data survives, names not", false, func(int) bool { return true }},
	{"all survives", true, func(int) bool { return true }},
	{"every other sector", true, func(i int) bool { return i%2 == 0 }},
	{"the other sectors", false, func(i int) bool { return i%2 == 1 }},
	{"all but the first", true, func(i int) bool { return i != 0 }},
	{"only the first", true, func(i int) bool { return i == 0 }},
}

func TestHistoryWithoutFaults(t *testing.T) {
	fs := errfs.New()
	c, least := shortLife(fs, late)
	t.Logf("%d operations", fs.Ops())
	if len(least.m) == 0 || fs.Ops() < 100 {
		t.Fatalf("the history is too short to prove anything: %d addresses, %d operations", len(least.m), fs.Ops())
	}
	_, got, r := open(t, fs)
	c.check(t, least, got)
	for a := range c.table.m {
		if !same(c.table.m[a], got.m[a]) {
			t.Errorf("%v: got %+v, want %+v", a, got.m[a], c.table.m[a])
		}
	}
	if r.SnapshotSeq == 0 || r.Starts != 3 || r.Cut != nil {
		t.Errorf("recovery: %+v", r)
	}
}

// Each operation in turn fails, is cut short, finds the disk full, or is the last
// before the power goes; then the server starts again, with every choice of what
// the disk had kept. What had been called durable is there, always.
func TestEveryFault(t *testing.T) {
	healthy := errfs.New()
	kinds := []errfs.Kind{0}
	healthy.Inject = func(op errfs.Op) errfs.Fault {
		kinds = append(kinds, op.Kind)
		return errfs.None
	}
	shortLife(healthy, late)
	every := 1
	if invariants.Enabled { // the race detector makes it slow
		every = 5
	}
	for _, fault := range []errfs.Fault{errfs.Fail, errfs.Short, errfs.NoSpace, errfs.PowerCut} {
		for n := 1 + int(fault)%every; n < len(kinds); n += every {
			if fault == errfs.Short && kinds[n] != errfs.Write || fault == errfs.NoSpace && kinds[n] != errfs.Write && kinds[n] != errfs.Create {
				continue // no different from Fail
			}
			fs := errfs.New()
			var hit errfs.Op
			fs.Inject = func(op errfs.Op) errfs.Fault {
				if op.N == n {
					hit = op
					return fault
				}
				return errfs.None
			}
			c, least := shortLife(fs, late)
			for _, crash := range crashes {
				name := fmt.Sprintf("fault %d at operation %d (%v %s), then %s", fault, n, hit.Kind, hit.Name, crash.name)
				after := fs.Crash(crash.names, crash.keep)
				recoverTwice(t, name, after, c, least)
			}
			if fault != errfs.PowerCut {
				// The process dies, or is restarted, without a loss of power.
				fs.Inject = nil
				recoverTwice(t, fmt.Sprintf("fault %d at operation %d (%v %s), then a restart", fault, n, hit.Kind, hit.Name), fs, c, least)
			}
		}
	}
}

// recoverTwice recovers, loses the power once more before anything else is
// written, and recovers again: what the first recovery found must not be lost.
func recoverTwice(t *testing.T, name string, fs *errfs.FS, c *client, least *model) {
	t.Helper()
	first := newModel()
	j, _, err := openModel("state", first, small(fs))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c.check(t, least, first)
	if t.Failed() {
		t.Fatal(name)
	}
	j.Close()
	again := newModel()
	j, _, err = openModel("state", again, small(fs.Crash(false, nil)))
	if err != nil {
		t.Fatalf("%s, and again: %v", name, err)
	}
	defer j.Close()
	for a, want := range first.m {
		if got, ok := again.m[a]; !ok || got.Version < want.Version {
			t.Fatalf("%s: the second recovery found version %d of %v, the first had found %d", name, got.Version, a, want.Version)
		}
	}
}

// A disk that lies: one write is put off beyond its sync, and beyond all later ones,
// and at some time after it the power goes. No program can keep what it was lied to
// about. But the log has no silent hole: either all that was promised is there
// (the write got there after all, or a snapshot has what was in it); or it ends at that
// write, with all that was promised before it and nothing from behind it; or the server
// refuses to start.
func TestAWriteThatIsPutOffBeyondItsSync(t *testing.T) {
	healthy := errfs.New()
	kinds := []errfs.Kind{0}
	healthy.Inject = func(op errfs.Op) errfs.Fault {
		kinds = append(kinds, op.Kind)
		return errfs.None
	}
	shortLife(healthy, late)
	every := 1
	if invariants.Enabled {
		every = 7
	}
	outcomes := map[string]int{}
	for n := 1; n < len(kinds); n += every {
		if kinds[n] != errfs.Write {
			continue
		}
		for _, wait := range []int{1, 2, 3, 4, 8, 30, len(kinds)} {
			fs := errfs.New()
			c := newClient(1)
			before, with := newModel(), newModel() // what was promised before the write; all that can be in it
			var hit errfs.Op
			fs.Inject = func(op errfs.Op) errfs.Fault {
				switch op.N {
				case n:
					hit = op
					before.m, with.m = maps.Clone(c.promised.m), maps.Clone(c.table.m)
					before.six.m, with.six.m = maps.Clone(c.promised.six.m), maps.Clone(c.table.six.m)
					return errfs.Late
				case n + wait:
					return errfs.PowerCut
				}
				return errfs.None
			}
			least := c.live(fs, late)
			for _, crash := range crashes {
				name := fmt.Sprintf("operation %d (%v %s) put off, power lost at %d, %s", n, hit.Kind, hit.Name, n+wait, crash.name)
				got := newModel()
				j, _, err := openModel("state", got, small(fs.Crash(crash.names, crash.keep)))
				if err != nil {
					if damage := new(DamageError); !errors.As(err, &damage) {
						t.Fatalf("%s: %v", name, err)
					}
					outcomes["refused"]++
					continue
				}
				j.Close()
				switch {
				case !got.behind(least):
					outcomes["all there"]++
					c.check(t, least, got)
				case !with.behind(got):
					outcomes["cut"]++
					c.check(t, before, got)
				default:
					t.Errorf("%s: there is a hole: something promised is missing, and something later is there", name)
				}
				if t.Failed() {
					t.Fatal(name)
				}
			}
		}
	}
	t.Log(outcomes)
	for _, o := range []string{"all there", "cut", "refused"} {
		if outcomes[o] == 0 {
			t.Errorf("the outcome %q never came about: %v", o, outcomes)
		}
	}
}

// behind reports whether the model lacks a change that another one has.
func (m *model) behind(o *model) bool {
	for a, c := range o.m {
		if m.m[a].Version < c.Version {
			return true
		}
	}
	for p, c := range o.six.m {
		if m.six.m[p].Version < c.Version {
			return true
		}
	}
	return false
}
