// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"slices"
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
					j, r, err := Open("state", got, small(fs))
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
					j, r, err = Open("state", got, small(fs))
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
