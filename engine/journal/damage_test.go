// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// safe checks what a repair promises: whoever holds a lease by what the journal had
// promised keeps it, or at least nobody else gets the address before it is over.
func safe(t *testing.T, name string, promised, got *model, r *Recovery) {
	t.Helper()
	safe6(t, name, promised.six, got.six, r)
	for a, want := range promised.m {
		if want.Op != lease.OpGrant {
			continue
		}
		until := lease.Time(0)
		if g, ok := got.m[a]; ok {
			switch g.Op {
			case lease.OpGrant, lease.OpDecline:
				until = g.Expires
			}
		} else {
			for _, h := range r.Holds {
				if h.First <= a && a <= h.Last {
					until = h.Until
				}
			}
		}
		if until < want.Expires {
			t.Errorf("%s: %v is leased until %d (version %d), but is free at %d: %+v", name, a, want.Expires, want.Version, until, got.m[a])
		}
	}
}

// One bit is wrong, in each page of each file in turn. Either a start finds all that
// is needed elsewhere, or it refuses and names the file; then a repair makes it
// start, and no lease that is in force is given to somebody else.
func TestOneWrongBitAnywhere(t *testing.T) {
	healthy := errfs.New()
	c, promised := shortLife(healthy, early)
	refused, started, repaired := 0, 0, 0
	for _, dir := range []string{logDir, snapDir} {
		infos, err := healthy.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range infos {
			for off := int64(0); off < info.Size; off += page {
				for _, at := range []int64{off + 5, off + 900} {
					name := fmt.Sprintf("%s/%s byte %d", dir, info.Name, at)
					fs := healthy.Crash(true, nil)
					if err := fs.Corrupt(dir+"/"+info.Name, at, 0x10); err != nil {
						t.Fatal(err)
					}
					report, err := verifyFS(fs)
					if err != nil {
						t.Fatalf("%s: verify: %v", name, err)
					}
					before := files(t, fs)
					got := newModel()
					j, r, err := openModel("state", got, small(fs))
					var damage *DamageError
					switch {
					case err == nil:
						started++
						j.Close()
						if len(report.Damage) != 0 {
							t.Fatalf("%s: starts, but verify says %v", name, report.Damage)
						}
						// The newest group may be gone, as after a crash: see the package
						// doc. Everything else is there.
						safeButNewest(t, name, c, got, r)
						continue
					case !errors.As(err, &damage):
						t.Fatalf("%s: %v", name, err)
					}
					refused++
					if after := files(t, fs); !slices.Equal(before, after) {
						t.Fatalf("%s: a refused start has changed the directory from %v to %v", name, before, after)
					}
					if len(report.Damage) == 0 {
						t.Fatalf("%s: refused with «%v», but verify finds nothing", name, err)
					}
					if damage.File != dir+"/"+info.Name && damage.File != logDir && !strings.HasSuffix(damage.File, ".log") {
						t.Fatalf("%s: the error blames %s", name, damage.File)
					}
					rep, err := repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock})
					if err != nil {
						t.Fatalf("%s: repair: %v", name, err)
					}
					if len(rep.Damage) == 0 {
						t.Fatalf("%s: the repair did nothing", name)
					}
					got = newModel()
					j, r, err = openModel("state", got, small(fs))
					if err != nil {
						t.Fatalf("%s: after the repair: %v", name, err)
					}
					j.Close()
					repaired++
					safe(t, name, promised, got, r)
					if t.Failed() {
						t.Fatalf("%+v", rep)
					}
					again, err := repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock})
					if err != nil || len(again.Damage) != 0 {
						t.Fatalf("%s: a second repair: %+v, %v", name, again, err)
					}
				}
			}
		}
	}
	t.Logf("%d starts, %d refused, %d repaired", started, refused, repaired)
	if started == 0 || refused < 20 {
		t.Errorf("the history is too short to prove anything: %d starts, %d refused", started, refused)
	}
}

// safeButNewest is safe for what was durable before the newest group.
func safeButNewest(t *testing.T, name string, c *client, got *model, r *Recovery) {
	t.Helper()
	states := map[lease.IP4][]lease.Change{}
	replay := newModel()
	for _, s := range c.sent {
		if err := replay.change(s.c); err != nil {
			t.Fatal(err)
		}
		states[s.c.Addr] = append(states[s.c.Addr], replay.m[s.c.Addr])
	}
	behind := 0
	for a, want := range c.table.m {
		if g := got.m[a]; g.Version != want.Version {
			behind++
			if g.Version != 0 && !same(states[a][g.Version-1], g) {
				t.Fatalf("%s: %v has a state that it never had: %+v", name, a, g)
			}
		}
	}
	for p, want := range c.table.six.m {
		if got.six.m[p].Version != want.Version {
			behind++
		}
	}
	if behind > 18 { // three lanes of at most six changes are in one group
		t.Fatalf("%s: %d addresses are behind", name, behind)
	}
}

func files(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	for _, dir := range []string{logDir, snapDir} {
		infos, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			names = append(names, fmt.Sprintf("%s/%s:%d", dir, i.Name, i.Size))
		}
	}
	return names
}

// A file is gone. If that can be seen, the start is refused and a repair makes it safe.
func TestAMissingFile(t *testing.T) {
	healthy := errfs.New()
	_, promised := shortLife(healthy, early)
	_, _, newest := open(t, healthy.Crash(true, nil))
	for _, name := range files(t, healthy) {
		name, _, _ = strings.Cut(name, ":")
		fs := healthy.Crash(true, nil)
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
		j, r, err := openModel("state", newModel(), small(fs))
		if err == nil {
			j.Close()
			if index, ok := segIndex(strings.TrimPrefix(name, logDir+"/")); ok && r.LastGroup == newest.LastGroup {
				t.Errorf("%s: segment %d is gone, and nobody needs it", name, index)
			}
			continue // a spare file, the reserve, or the newest segment, which nothing points at
		}
		var damage *DamageError
		if !errors.As(err, &damage) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock}); err != nil {
			t.Fatalf("%s: repair: %v", name, err)
		}
		j, got, r := open(t, fs)
		j.Close()
		safe(t, name, promised, got, r)
	}
}

// Several things are wrong at once.
func TestMuchDamage(t *testing.T) {
	healthy := errfs.New()
	_, promised := shortLife(healthy, early)
	rng := rand.New(rand.NewPCG(5, 5))
	repaired := 0
	for round := range 150 {
		fs := healthy.Crash(true, nil)
		all := files(t, fs)
		for range 2 + rng.IntN(6) {
			name, size, _ := strings.Cut(all[rng.IntN(len(all))], ":")
			n, _ := strconv.Atoi(size)
			// Not the newest group, whose loss is not to be told from a crash.
			if err := fs.Corrupt(name, rng.Int64N(int64(n)), 0xff); err != nil {
				t.Fatal(err)
			}
		}
		j, _, err := openModel("state", newModel(), small(fs))
		if err == nil {
			j.Close()
			continue
		}
		if _, err := repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		j, got, r := open(t, fs)
		j.Close()
		safe(t, fmt.Sprintf("round %d", round), promised, got, r)
		repaired++
	}
	if repaired < 50 {
		t.Errorf("only %d repairs", repaired)
	}
}

// A renewal whose grant is not in the log says that somebody has the address.
func TestARenewalOfNothing(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	b := lease.NewBatch(0)
	b.Add(grant(1, 1))
	b.Add(&lease.Change{Op: lease.OpRenew, Addr: 2, Version: 4, At: epoch0, Start: epoch0 - 50, Expires: epoch0 + 900})
	j.Append(b)
	if err := j.step(); err != nil {
		t.Fatal(err)
	}
	j.Close()
	var damage *DamageError
	if _, _, err := openModel("state", newModel(), small(fs)); !errors.As(err, &damage) {
		t.Fatalf("start: %v", err)
	}
	if r, err := verifyFS(fs); err != nil || len(r.Damage) != 1 {
		t.Errorf("verify: %+v, %v", r, err)
	}
	r, err := repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock})
	if err != nil || r.Orphans != 1 || r.Accounted != 1 || len(r.Holds) != 0 {
		t.Fatalf("repair: %+v, %v", r, err)
	}
	j, got, _ := open(t, fs)
	defer j.Close()
	if c := got.m[2]; c.Op != lease.OpDecline || c.Expires != epoch0+900 || c.Version != 5 {
		t.Errorf("the address: %+v", c)
	}
	if c := got.m[1]; !same(c, *grant(1, 1)) {
		t.Errorf("the other address: %+v", c)
	}
}

// The addresses that a repair knows nothing about are put on probation in the pools
// that there are; those with a record are left alone.
func TestApplyHolds(t *testing.T) {
	r := Recovery{LastTime: 100, Holds: []Hold{{First: 10, Last: 20, Until: 500}, {First: 1<<32 - 2, Last: 1<<32 - 1, Until: 600}}}
	m := newModel()
	m.change(own(*grant(12, 3)))
	if err := r.ApplyHolds(m, []lease.Range{{First: 5, Last: 13}, {First: 19, Last: 30}, {First: 1<<32 - 1, Last: 1<<32 - 1}}); err != nil {
		t.Fatal(err)
	}
	want := map[lease.IP4]lease.Time{10: 500, 11: 500, 13: 500, 19: 500, 20: 500, 1<<32 - 1: 600}
	for a, until := range want {
		if c := m.m[a]; c.Op != lease.OpDecline || c.Expires != until {
			t.Errorf("%v: %+v, want probation until %d", a, c, until)
		}
	}
	if len(m.m) != len(want)+1 || m.m[12].Op != lease.OpGrant {
		t.Errorf("%d records, 12 is %v", len(m.m), m.m[12].Op)
	}
}

// Holds last over restarts and snapshots, until they are over.
func TestHoldsStay(t *testing.T) {
	fs := errfs.New()
	j, _, _ := open(t, fs)
	j.holds = []Hold{{1, 2, epoch0 + 1000, false}, {3, 4, epoch0 - 1, false}, {0, 0, epoch0 + 2000, true}}
	j.table = newModel()
	if err := j.Snapshot(context.Background()); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j, _, r := open(t, fs)
	defer j.Close()
	if want := (Hold{1, 2, epoch0 + 1000, false}); len(r.Holds) != 2 || !slices.Contains(r.Holds, want) {
		t.Errorf("holds %v, want %v", r.Holds, want)
	}
	if r.Hold6() != epoch0+2000 {
		t.Errorf("DHCPv6 is held until %d", r.Hold6())
	}
}

// A repair that fails or loses the power at any point leaves a directory on which a
// repair, or a start, is as safe as on the first.
func TestRepairIsInterrupted(t *testing.T) {
	healthy := errfs.New()
	_, promised := shortLife(healthy, early)
	broken := func() *errfs.FS {
		fs := healthy.Crash(true, nil)
		l, err := listLog(fs)
		if err != nil {
			t.Fatal(err)
		}
		if err := fs.Corrupt(segName(l.segs[1].index), 2*page+100, 0xff); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	whole := broken()
	if r, err := repairFS(whole, "state", RepairOptions{Clock: small(whole).Clock}); err != nil || len(r.Damage) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, fault := range []errfs.Fault{errfs.Fail, errfs.Short, errfs.NoSpace, errfs.PowerCut} {
		for n := 1; n <= whole.Ops(); n++ {
			fs := broken()
			fs.Inject = func(op errfs.Op) errfs.Fault {
				if op.N == n {
					return fault
				}
				return errfs.None
			}
			repairFS(fs, "state", RepairOptions{Clock: small(fs).Clock})
			for _, crash := range crashes {
				name := fmt.Sprintf("fault %d at operation %d, then %s", fault, n, crash.name)
				after := fs.Crash(crash.names, crash.keep)
				if _, err := repairFS(after, "state", RepairOptions{Clock: small(after).Clock}); err != nil {
					t.Fatalf("%s: repair: %v", name, err)
				}
				got := newModel()
				j, r, err := openModel("state", got, small(after))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				j.Close()
				safe(t, name, promised, got, r)
			}
		}
	}
}
